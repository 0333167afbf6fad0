package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/source"
)

// TestWhyWritesFailIsSaidAfterwards: passes that had nothing to write, after those
// that failed, know why as well.
func TestWhyWritesFailIsSaidAfterwards(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.forbidGatings("a policy forbids it")
	g.src.levels["web-3"] = 5
	for range 5 {
		g.look()
		for g.pass() != nil { // it is tried again
		}
	}
	if c := g.ready(); c.Reason != v1alpha1.ReasonWriteFailed || !strings.Contains(c.Message, "a policy forbids it") {
		t.Errorf("the gate says %s: %s", c.Reason, c.Message)
	}
}

// TestAHeldPodIsNotTheFirstToGo: a gated pod that a person holds, perhaps to look at
// it, has its own deletion cost again.
func TestAHeldPodIsNotTheFirstToGo(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	g.src.levels["web-3"] = 5
	for range 3 {
		g.look()
	}
	if got := g.pod("web-3").Annotations[v1alpha1.PodDeletionCost]; got != v1alpha1.GatedDeletionCost {
		t.Fatalf("a gated pod has the deletion cost %q", got)
	}
	g.label("web-3", v1alpha1.LabelOverride, v1alpha1.OverrideNo)
	versions := map[string]bool{}
	for range 3 {
		g.look()
		versions[g.pod("web-3").ResourceVersion] = true
	}
	p := g.pod("web-3")
	if _, has := p.Annotations[v1alpha1.PodDeletionCost]; has || p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficNo || p.Annotations[v1alpha1.AnnotationGatedUntil] == "" {
		t.Errorf("held out it has labels %v and annotations %v", p.Labels, p.Annotations)
	}
	if len(versions) != 1 {
		t.Errorf("it is written again and again: %v", versions)
	}
}

// TestAPassOnAnOldStatusKeepsWhatIsNewer: the event of a pod that a look has gated
// comes before the cache has the gate's new status.
func TestAPassOnAnOldStatusKeepsWhatIsNewer(t *testing.T) {
	g := newRig(t, 10, nil, nil)
	for range 3 {
		g.look()
	}
	g.src.levels["web-3"], g.src.levels["web-4"] = 5, 4
	old := g.gate()
	for g.pod("web-3").Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficYes {
		old = g.gate()
		g.look()
	}
	want := g.gate().Status
	if len(want.Suspects) != 1 || !strings.HasPrefix(want.LastEvaluation.Decision, "gated web-3") {
		t.Fatalf("the look says %q, suspects %v", want.LastEvaluation.Decision, want.Suspects)
	}
	g.r.Client = interceptor.NewClient(g.r.Client.(client.WithWatch), interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
		if gate, ok := obj.(*v1alpha1.TrafficGate); ok {
			old.DeepCopyInto(gate)
			return nil
		}
		return c.Get(ctx, key, obj, opts...)
	}})
	if err := g.pass(); err != nil {
		t.Fatal(err)
	}
	if got := g.gate().Status; got.LastEvaluation.Decision != want.LastEvaluation.Decision || fmt.Sprint(got.Suspects) != fmt.Sprint(want.Suspects) {
		t.Errorf("afterwards it says %q, suspects %v", got.LastEvaluation.Decision, got.Suspects)
	}
}

// bySecond counts events second by second; web-3 fails a share of its own, and has
// none while it is out.
type bySecond struct {
	g     *rig
	share float64
	in    map[int64]bool // seconds in which web-3 was in traffic
}

func (*bySecond) History(context.Context, []source.Question, time.Time, time.Time, time.Duration) ([]source.Moment, error) {
	return nil, nil
}

func (s *bySecond) Ask(_ context.Context, _ []source.Question, at time.Time) []source.Answer {
	const rate = 50
	a := source.Answer{ByPod: map[string]source.Sample{}}
	for p := range s.g.src.levels {
		a.ByPod[p] = source.Sample{Total: 60 * rate, Bad: 60 * rate * 0.001}
	}
	var sick source.Sample
	for k := at.Unix() - 60; k < at.Unix(); k++ {
		if s.in[k] {
			sick.Total, sick.Bad = sick.Total+rate, sick.Bad+rate*s.share
		}
	}
	a.ByPod["web-3"] = sick
	return []source.Answer{a}
}

// look takes a look after fifteen seconds in which the pod was where it is.
func (s *bySecond) look() {
	in := s.g.pod("web-3").Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficYes
	for k := range int64(15) {
		s.in[s.g.clock.Now().Unix()+k] = in
	}
	s.g.look()
}

// TestEvidenceBelowTheBarIsNoHealth: a pod that a person put back, and that goes on
// to fail, is not gated before its time, although each look alone does not make an
// outlier of it. One that is well may be gated for something new at once.
func TestEvidenceBelowTheBarIsNoHealth(t *testing.T) {
	for name, row := range map[string]struct {
		share  float64
		normal bool
	}{
		"it fails many": {0.3, false}, "it fails some": {0.03, false}, "it is well": {0.001, true},
	} {
		g := newRig(t, 10, func(gate *v1alpha1.TrafficGate) {
			gate.Spec.Signals = []v1alpha1.Signal{{Name: "errors", Ratio: &v1alpha1.RatioQuery{Bad: "b", Total: "t"}, Outlier: &v1alpha1.Outlier{}}}
			gate.Spec.Recovery.After, gate.Spec.Recovery.MaxAfter = v1alpha1.DurationOf(30*time.Minute), v1alpha1.DurationOf(time.Hour)
		}, nil)
		s := &bySecond{g: g, share: 0.3, in: map[int64]bool{}}
		g.r.Source = s
		for k := int64(1); k <= 60; k++ {
			s.in[noon.Unix()-k] = true
		}
		for range 40 {
			if s.look(); g.pod("web-3").Labels[v1alpha1.LabelTraffic] == v1alpha1.TrafficNo {
				break
			}
		}
		for range 8 {
			s.look()
		}
		p := g.pod("web-3")
		p.Labels[v1alpha1.LabelTraffic] = v1alpha1.TrafficYes
		p.ManagedFields = []metav1.ManagedFieldsEntry{wrote("kubectl-label")}
		if err := g.c.Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := g.pass(); err != nil {
			t.Fatal(err)
		}
		until := g.pod("web-3").Annotations[v1alpha1.AnnotationGatedUntil]
		if until == "" {
			t.Fatalf("%s: the person's word was not noted", name)
		}
		s.share = row.share
		for range 60 {
			s.look()
		}
		p = g.pod("web-3")
		if normal := p.Annotations[v1alpha1.AnnotationGatedUntil] == ""; normal != row.normal || p.Labels[v1alpha1.LabelTraffic] != v1alpha1.TrafficYes {
			t.Errorf("%s: a quarter of an hour later it is called normal: %t, want %t; labels %v", name, normal, row.normal, p.Labels)
		}
	}
}
