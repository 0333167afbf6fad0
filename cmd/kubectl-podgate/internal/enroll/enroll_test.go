package enroll

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/podgate/podgate/api/v1alpha1"
)

// object reads an object from YAML.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d, generation: 2}
spec:
  replicas: 4
  selector: {matchLabels: {app: web}}
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}
  template: {metadata: {labels: {app: web}}, spec: {}}
status: {observedGeneration: 2, replicas: 4, updatedReplicas: 4, availableReplicas: 4}
`

// shop is a Service with four pods of a Deployment, and a gate.
func shop(t *testing.T, workload string) *World {
	w := &World{Key: v1alpha1.LabelTraffic, Service: &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}}
	w.Gates = []v1alpha1.TrafficGate{{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: v1alpha1.TrafficGateSpec{
		ServiceRef: v1alpha1.ServiceReference{Name: "web"}, Mode: v1alpha1.ModeEnforce, TrafficLabel: v1alpha1.LabelTraffic}}}
	for i := range 4 {
		w.Pods = append(w.Pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("web-%d", i), Labels: map[string]string{"app": "web"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Controller: new(true)}}}})
	}
	obj := object(t, workload)
	w.Workloads = []Workload{{obj, []*unstructured.Unstructured{obj}, 4}}
	return w
}

func edited(w *World, edit func(*World)) *World { edit(w); return w }

// notable are the findings that are more than fine, shortened.
func notable(findings []Finding) string {
	var out []string
	for _, f := range findings {
		if f.Level != OK {
			text := f.Text
			if len(text) > 60 {
				text = text[:60]
			}
			out = append(out, string(f.Level)+" "+text)
		}
	}
	return strings.Join(out, "; ")
}

func TestChecks(t *testing.T) {
	for name, row := range map[string]struct {
		world   *World
		options Options
		want    string
	}{
		"nothing speaks against it": {shop(t, deployment), Options{}, ""},
		"a Service without a selector": {edited(shop(t, deployment), func(w *World) { w.Service.Spec.Selector = nil }), Options{},
			"refuse Service web has no selector, so its pods are not chosen by l"},
		"a Service that would match the namespace": {edited(shop(t, deployment), func(w *World) { w.Service.Spec.Selector = map[string]string{w.Key: "yes"} }), Options{},
			"refuse Service web selects on nothing besides podgate.dev/traffic, "},
		"another value in the selector": {edited(shop(t, deployment), func(w *World) { w.Service.Spec.Selector[w.Key] = "on" }), Options{},
			"refuse Service web selects on podgate.dev/traffic=on: it must be ye"},
		"the key in the workload's selector": {shop(t, strings.Replace(deployment, "matchLabels: {app: web}", "matchLabels: {app: web, podgate.dev/traffic: \"yes\"}", 1)), Options{},
			"refuse Deployment web selects its pods by podgate.dev/traffic, so f"},
		"a workload that cannot be read": {edited(shop(t, deployment), func(w *World) { w.Unreadable = []string{"Rollout web (forbidden)"} }), Options{},
			"refuse Rollout web (forbidden) cannot be read, so nobody knows whet"},
		"a Deployment that stops all pods at once": {shop(t, strings.Replace(deployment, "strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}", "strategy: {type: Recreate}", 1)), Options{},
			"refuse Deployment web has the strategy Recreate: a change of its po"},
		"unless its template is left alone": {shop(t, strings.Replace(deployment, "strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}", "strategy: {type: Recreate}", 1)), Options{SkipTemplate: true},
			"warn the pod template of Deployment web lacks the label and is le"},
		"pods that a person took out": {edited(shop(t, deployment), func(w *World) { w.Pods[1].Labels[w.Key] = "no" }), Options{},
			"warn 1 of 4 pods carry podgate.dev/traffic with another value tha"},
		"all pods are out": {edited(shop(t, deployment), func(w *World) {
			for _, p := range w.Pods {
				p.Labels[w.Key] = "no"
			}
		}), Options{}, "refuse 4 of 4 pods carry podgate.dev/traffic with another value tha"},
		"pods that nothing makes": {edited(shop(t, deployment), func(w *World) { w.Pods[1].OwnerReferences = nil }), Options{},
			"note no workload owns web-1: whoever makes such pods must set the"},
		"no pods": {edited(shop(t, deployment), func(w *World) { w.Pods, w.Workloads = nil, nil }), Options{}, "warn Service web has no pods now"},
		"no gate": {edited(shop(t, deployment), func(w *World) { w.Gates = nil }), Options{}, "warn no TrafficGate names Service web yet: nobody labels pods tha"},
		"no gate and no template either": {edited(shop(t, deployment), func(w *World) { w.Gates = nil }), Options{SkipTemplate: true},
			"warn the pod template of Deployment web lacks the label and is le; refuse no TrafficGate names Service web, so nobody would label new "},
		"two gates": {edited(shop(t, deployment), func(w *World) {
			second := w.Gates[0]
			second.Name = "second"
			w.Gates = append(w.Gates, second)
		}), Options{}, "warn 2 TrafficGates name Service web: web works, as the oldest, a"},
		"a stalled gate": {edited(shop(t, deployment), func(w *World) {
			w.Gates[0].Status.Conditions = []metav1.Condition{{Type: "Stalled", Status: "True", Reason: "InvalidSpec"}}
		}), Options{}, "warn TrafficGate web is stalled (InvalidSpec): "},
		"a gate that flips another label": {edited(shop(t, deployment), func(w *World) { w.Gates[0].Spec.TrafficLabel = "kubervisor/traffic" }), Options{},
			"refuse TrafficGate web flips kubervisor/traffic, not podgate.dev/tr"},
		"another Service with the same pods": {edited(shop(t, deployment), func(w *World) {
			w.Services = []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}}
		}), Options{}, "note Service all has 4 of the same pods and does not select on po"},
		"one that selects on the label": {edited(shop(t, deployment), func(w *World) {
			w.Services = []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", w.Key: "yes"}}}}
		}), Options{}, "note Service all has 4 of the same pods and selects on podgate.de"},
		"one that would lose its only pods": {edited(shop(t, deployment), func(w *World) {
			w.Pods[3].Labels["track"], w.Pods[2].Labels["track"] = "canary", "canary"
			w.Services = []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "cn"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"track": "canary", w.Key: "yes"}}}}
		}), Options{}, "note Service cn has 2 of the pods, none of which will be gated: i"},
		"one with a gate of its own": {edited(shop(t, deployment), func(w *World) {
			w.Services = []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}}}
			w.Gates = append(w.Gates, v1alpha1.TrafficGate{ObjectMeta: metav1.ObjectMeta{Name: "all"}, Spec: v1alpha1.TrafficGateSpec{ServiceRef: v1alpha1.ServiceReference{Name: "all"}}})
		}), Options{}, "refuse Service all has 4 of the same pods and TrafficGate all of it"},
		"a tool that would put it back": {edited(shop(t, deployment), func(w *World) {
			w.Service.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "x"}
			w.Workloads[0].SetLabels(map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"})
		}), Options{}, "warn Argo CD manages Service web (annotation argocd.argoproj.io/t; warn Flux manages Deployment web (label kustomize.toolkit.fluxcd."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := notable(Check(row.world, row.options)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestToolsAreKnownByTheirSigns(t *testing.T) {
	for name, row := range map[string]struct {
		meta metav1.ObjectMeta
		want string
	}{
		"nobody":                        {metav1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/managed-by": "me"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl-client-side-apply"}}}, ""},
		"Argo CD":                       {metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "a:b"}}, "Argo CD (annotation argocd.argoproj.io/tracking-id=a:b)"},
		"Argo CD, by its field manager": {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}}, "Argo CD (field manager argocd-controller)"},
		"told once":                     {metav1.ObjectMeta{Annotations: map[string]string{"argocd.argoproj.io/tracking-id": "a:b"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller"}}}, "Argo CD (annotation argocd.argoproj.io/tracking-id=a:b)"},
		"not by what it says of status": {metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "argocd-controller", Subresource: "status"}}}, ""},
		"Flux and Helm":                 {metav1.ObjectMeta{Labels: map[string]string{"helm.toolkit.fluxcd.io/name": "x", "app.kubernetes.io/managed-by": "Helm"}}, "Flux (label helm.toolkit.fluxcd.io/name=x) Helm (label app.kubernetes.io/managed-by=Helm)"},
		"an operator":                   {metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Kind: "Shop", Name: "mine", Controller: new(true)}}}, "Shop mine (it owns it)"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, tool := range Tools(&row.meta) {
				got = append(got, fmt.Sprintf("%s (%s)", tool.Name, tool.Sign))
			}
			if text := strings.Join(got, " "); text != row.want {
				t.Errorf("got %q, want %q", text, row.want)
			}
		})
	}
}

func actions(steps []Step) string {
	var out []string
	for _, s := range steps {
		out = append(out, string(s.Do))
	}
	return strings.Join(out, " ")
}

func labelled(w *World) {
	for _, p := range w.Pods {
		p.Labels[w.Key] = "yes"
	}
}

func templated(t *testing.T) func(*World) {
	return func(w *World) {
		if err := unstructured.SetNestedField(w.Workloads[0].Object, "yes", "spec", "template", "metadata", "labels", w.Key); err != nil {
			t.Fatal(err)
		}
	}
}

func selecting(w *World) { w.Service.Spec.Selector[w.Key] = "yes" }

func TestPlans(t *testing.T) {
	all := func(w *World) { labelled(w); templated(t)(w); selecting(w) }
	for name, row := range map[string]struct {
		world   *World
		options Options
		want    string
	}{
		"all is to be done":              {shop(t, deployment), Options{}, "labelPods template awaitLabels select watchEndpoints"},
		"the template is left":           {shop(t, deployment), Options{SkipTemplate: true}, "labelPods awaitLabels select watchEndpoints"},
		"pods and template are labelled": {edited(edited(shop(t, deployment), labelled), templated(t)), Options{}, "select watchEndpoints"},
		"pods lack it after enrolling":   {edited(edited(shop(t, deployment), templated(t)), selecting), Options{}, "labelPods awaitLabels"},
		"nothing is left to do":          {edited(shop(t, deployment), all), Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := actions(Plan(row.world, row.options)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	for name, row := range map[string]struct {
		world   *World
		options Options
		want    string
	}{
		"the selector first":                {edited(edited(shop(t, deployment), all), func(w *World) { w.Gates = nil }), Options{}, "unselect watchEndpoints untemplate unlabelPods"},
		"labels stay if so wished":          {edited(edited(shop(t, deployment), all), func(w *World) { w.Gates = nil }), Options{SkipTemplate: true}, "unselect watchEndpoints"},
		"labels stay where a gate enforces": {edited(shop(t, deployment), all), Options{}, "unselect watchEndpoints"},
		"they go where it is a dry run":     {edited(edited(shop(t, deployment), all), func(w *World) { w.Gates[0].Spec.Mode = v1alpha1.ModeDryRun }), Options{}, "unselect watchEndpoints untemplate unlabelPods"},
		"they stay where another Service selects": {edited(edited(shop(t, deployment), all), func(w *World) {
			w.Gates = nil
			w.Services = []corev1.Service{{Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web", w.Key: "yes"}}}}
		}), Options{}, "unselect watchEndpoints"},
		"nothing is left of it": {edited(shop(t, deployment), func(w *World) { w.Gates = nil }), Options{}, ""},
	} {
		t.Run("undo: "+name, func(t *testing.T) {
			if got := actions(Undo(row.world, row.options)); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// TestWhoLosesTheLabel: pods that the rollout replaces are not counted.
func TestWhoLosesTheLabel(t *testing.T) {
	w := edited(shop(t, deployment), func(w *World) { labelled(w); selecting(w); w.Gates = nil })
	for want, w := range map[string]*World{
		fmt.Sprintf("take the label off %s", pods(len(w.Pods))): w,
		"take the label off the pods that still carry it then":  edited(edited(shop(t, deployment), templated(t)), func(w *World) { labelled(w); selecting(w); w.Gates = nil }),
	} {
		steps := Undo(w, Options{})
		if got := steps[len(steps)-1].Text; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestWhatATemplateChangeDoes(t *testing.T) {
	for name, row := range map[string]struct {
		workload, want string
	}{
		"a Deployment":        {deployment, "this starts a rollout, as any deploy does: all 4 pods are replaced, at most 25% missing and 25% more at a time"},
		"a paused one":        {strings.Replace(deployment, "replicas: 4\n", "replicas: 4\n  paused: true\n", 1), "no pod is replaced; new ones come with the label"},
		"a StatefulSet":       {"{apiVersion: apps/v1, kind: StatefulSet, spec: {updateStrategy: {type: RollingUpdate}, template: {spec: {}}}}", "this starts a rollout, as any deploy does: all 4 pods are replaced, one by one, the last first"},
		"one that waits":      {"{apiVersion: apps/v1, kind: StatefulSet, spec: {updateStrategy: {type: OnDelete}, template: {spec: {}}}}", "no pod is replaced; new ones come with the label"},
		"a DaemonSet":         {"{apiVersion: apps/v1, kind: DaemonSet, spec: {updateStrategy: {type: RollingUpdate}, template: {spec: {}}}}", "this starts a rollout, as any deploy does: all 4 pods are replaced, bit by bit"},
		"a ReplicaSet":        {"{apiVersion: apps/v1, kind: ReplicaSet, spec: {template: {spec: {}}}}", "no pod is replaced; new ones come with the label"},
		"a Job":               {"{apiVersion: batch/v1, kind: Job, spec: {template: {spec: {}}}}", "it cannot be changed"},
		"somebody's own kind": {"{apiVersion: argoproj.io/v1alpha1, kind: Rollout, spec: {template: {spec: {}}}}", "what that does to its pods is up to the controller of Rollout"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Workload{object(t, row.workload), nil, 4}).effect(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestWhenARolloutIsOver(t *testing.T) {
	status := func(text string) string {
		return deployment[:strings.Index(deployment, "status:")] + "status: " + text
	}
	for name, row := range map[string]struct {
		workload, want string
	}{
		"over":                              {deployment, ""},
		"not begun":                         {status("{observedGeneration: 1, replicas: 4, updatedReplicas: 4, availableReplicas: 4}"), "its controller has not begun"},
		"half-way":                          {status("{observedGeneration: 2, replicas: 5, updatedReplicas: 2, availableReplicas: 4}"), "2 of 4 pods are of the new template"},
		"an old pod is left":                {status("{observedGeneration: 2, replicas: 5, updatedReplicas: 4, availableReplicas: 4}"), "1 pod of the old template left"},
		"a new pod is not available":        {status("{observedGeneration: 2, replicas: 4, updatedReplicas: 4, availableReplicas: 3}"), "3 of 4 pods are available"},
		"stuck":                             {status("{observedGeneration: 2, conditions: [{type: Progressing, reason: ProgressDeadlineExceeded, message: no image}]}"), "error: the rollout of Deployment web is stuck: no image"},
		"a StatefulSet up to its partition": {"{apiVersion: apps/v1, kind: StatefulSet, metadata: {generation: 1}, spec: {replicas: 4, updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 3}}}, status: {observedGeneration: 1, replicas: 4, updatedReplicas: 1, readyReplicas: 4}}", ""},
		"a DaemonSet half-way":              {"{apiVersion: apps/v1, kind: DaemonSet, spec: {updateStrategy: {type: RollingUpdate}}, status: {desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 3}}", "1 of 3 pods are of the new template"},
		"one that replaces no pod":          {"{apiVersion: apps/v1, kind: ReplicaSet, spec: {replicas: 4}}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Workload{Unstructured: object(t, row.workload)}.rolledOut()
			if err != nil {
				got = "error: " + err.Error()
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
