package enroll

import (
	"fmt"
	"slices"
	"strings"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/fleet"
)

// Step is one thing that is done, in words and as commands of kubectl.
type Step struct {
	Do       Action   `json:"do"`
	Text     string   `json:"text"`
	Commands []string `json:"commands,omitempty"`
}

// Action names what a step does.
type Action string

// The actions.
const (
	LabelPods   Action = "labelPods"
	Template    Action = "template"
	AwaitLabels Action = "awaitLabels"
	Select      Action = "select"
	Watch       Action = "watchEndpoints"
	Unselect    Action = "unselect"
	Untemplate  Action = "untemplate"
	UnlabelPods Action = "unlabelPods"
)

// Plan is what enrolling does; nothing if the Service is enrolled with every pod
// labelled and every template.
func Plan(w *World, o Options) (out []Step) {
	ns := w.Service.Namespace
	if lacking := w.lacking(); len(lacking) > 0 {
		out = append(out, Step{LabelPods, fmt.Sprintf("label %s %s=%s; that restarts nothing", pods(len(lacking)), w.Key, v1alpha1.TrafficYes),
			[]string{fmt.Sprintf("kubectl -n %s label pod -l '%s,!%s' %s=%s", ns, fleet.BareSelector(w.Service, w.Key), w.Key, w.Key, v1alpha1.TrafficYes)}})
	}
	for _, load := range w.Workloads {
		if load.change(w, o) != unpatched {
			out = append(out, Step{Template, fmt.Sprintf("put the label into the pod template of %s: %s. (--skip-template leaves that to your next deploy)", load, load.effect()),
				[]string{fmt.Sprintf(`kubectl -n %s patch %s %s --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"%s":"%s"}}}}}'`,
					ns, resourceOf(load), load.GetName(), w.Key, v1alpha1.TrafficYes)}})
		}
	}
	if len(out) > 0 {
		out = append(out, Step{AwaitLabels, "wait until every pod carries the label and rollouts are over; label those that still come without", nil})
	}
	if !w.Enrolled() {
		out = append(out, Step{Select, fmt.Sprintf("add %s=%s to the selector of Service %s", w.Key, v1alpha1.TrafficYes, w.Service.Name),
			[]string{fmt.Sprintf(`kubectl -n %s patch service %s --type=merge -p '{"spec":{"selector":{"%s":"%s"}}}'`, ns, w.Service.Name, w.Key, v1alpha1.TrafficYes)}},
			Step{Watch, "watch the Service's endpoints; if a ready pod is lost, take the label out of the selector at once", nil})
	}
	return out
}

// Undo is what unenrolling does: the selector first, so that no pod is lost with
// its label.
func Undo(w *World, o Options) (out []Step) {
	ns := w.Service.Namespace
	if _, selects := w.Service.Spec.Selector[w.Key]; selects {
		out = append(out, Step{Unselect, fmt.Sprintf("take %s out of the selector of Service %s%s", w.Key, w.Service.Name, w.backInTraffic()),
			[]string{fmt.Sprintf(`kubectl -n %s patch service %s --type=merge -p '{"spec":{"selector":{"%s":null}}}'`, ns, w.Service.Name, w.Key)}},
			Step{Watch, "watch the Service's endpoints: every ready pod must stay", nil})
	}
	if w.keepsLabels() != "" || o.SkipTemplate {
		return out
	}
	for _, load := range w.Workloads {
		if load.templateLabel(w.Key) != "" && load.onTemplate() != unpatched {
			out = append(out, Step{Untemplate, fmt.Sprintf("take the label out of the pod template of %s: %s. (--skip-template leaves the labels where they are)", load, load.effect()),
				[]string{fmt.Sprintf(`kubectl -n %s patch %s %s --type=merge -p '{"spec":{"template":{"metadata":{"labels":{"%s":null}}}}}'`, ns, resourceOf(load), load.GetName(), w.Key)}})
		}
	}
	if n := len(w.Pods) - len(w.lacking()); n > 0 {
		which := pods(n)
		if slices.ContainsFunc(out, func(s Step) bool { return s.Do == Untemplate }) {
			which = "the pods that still carry it then"
		}
		out = append(out, Step{UnlabelPods, "take the label off " + which,
			[]string{fmt.Sprintf("kubectl -n %s label pod -l '%s' %s-", ns, fleet.BareSelector(w.Service, w.Key), w.Key)}})
	}
	return out
}

// backInTraffic says which pods get traffic again when the Service does not select
// on the label any more.
func (w *World) backInTraffic() string {
	var names []string
	for _, p := range w.Pods {
		if v, ok := p.Labels[w.Key]; ok && v != v1alpha1.TrafficYes {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ": " + strings.Join(names, ", ") + " get traffic again"
}

// keepsLabels says why the labels have to stay although the Service does not
// select on them any more; empty if they may go.
func (w *World) keepsLabels() string {
	for _, g := range w.gates() {
		if g.Spec.Mode == v1alpha1.ModeEnforce {
			return fmt.Sprintf("TrafficGate %s is in mode Enforce, and would put the labels back at once: delete it, then unenroll again to take them off", g.Name)
		}
	}
	for _, s := range w.Services {
		if _, selects := s.Spec.Selector[w.Key]; selects && w.shared(&s) > 0 {
			return fmt.Sprintf("Service %s selects on %s too, and has some of the same pods", s.Name, w.Key)
		}
	}
	return ""
}

// resourceOf is a workload's type as kubectl takes it.
func resourceOf(w Workload) string {
	name := strings.ToLower(w.GetKind())
	if group := w.GroupVersionKind().Group; group != "" && group != "apps" && group != "batch" {
		name += "." + group
	}
	return name
}
