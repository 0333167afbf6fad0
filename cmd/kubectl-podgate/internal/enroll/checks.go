package enroll

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/podgate/podgate/api/v1alpha1"
	"github.com/podgate/podgate/controller/fleet"
)

// Level is how a finding bears on what is to be done.
type Level string

// The levels.
const (
	OK Level = "ok"
	// Note is worth knowing, Warn worth thinking about first.
	Note Level = "note"
	Warn Level = "warn"
	// Refuse means that it would not be right, and nothing is done.
	Refuse Level = "refuse"
)

// Finding is what one check found.
type Finding struct {
	Level Level  `json:"level"`
	Text  string `json:"text"`
	// Lines are to be put somewhere, as they are.
	Lines []string `json:"lines,omitempty"`
}

func found(level Level, format string, args ...any) Finding {
	return Finding{Level: level, Text: fmt.Sprintf(format, args...)}
}

// Options say how far enrolling goes.
type Options struct {
	// SkipTemplate leaves pod templates as they are.
	SkipTemplate bool
}

// checks are asked in this order, all of them.
var checks = []func(*World, Options) []Finding{
	checkService, checkWorkloads, checkPods, checkGates, checkNeighbours, checkTools,
}

// Check finds what speaks against enrolling, and what else there is to know.
func Check(w *World, o Options) (out []Finding) {
	for _, check := range checks {
		out = append(out, check(w, o)...)
	}
	return out
}

// Refused are the findings for which nothing is done.
func Refused(findings []Finding) (out []Finding) {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Level != Refuse })
}

// checkService: a Service that chooses its pods by labels, by more than the
// traffic label: with that alone it would match the whole namespace.
func checkService(w *World, _ Options) []Finding {
	if err := fleet.CheckService(w.Service, w.Key); err != nil {
		refused := (*fleet.Refusal)(nil)
		if errors.As(err, &refused) {
			return []Finding{found(Refuse, "%s", refused.Message)}
		}
	}
	if v, ok := w.Service.Spec.Selector[w.Key]; ok && v != v1alpha1.TrafficYes {
		return []Finding{found(Refuse, "Service %s selects on %s=%s: it must be %s. Correct it, or choose another key with --traffic-label", w.Service.Name, w.Key, v, v1alpha1.TrafficYes)}
	}
	return []Finding{found(OK, "Service %s selects its pods by %s", w.Service.Name, fleet.BareSelector(w.Service, w.Key))}
}

// checkWorkloads: a traffic key in a workload's selector would orphan a pod whose
// label is flipped.
func checkWorkloads(w *World, o Options) (out []Finding) {
	for _, name := range w.Unreadable {
		out = append(out, found(Refuse, "%s cannot be read, so nobody knows whether it selects its pods by %s: ask for the right to get it", name, w.Key))
	}
	for _, load := range w.Workloads {
		for _, obj := range load.Selecting {
			if slices.Contains(fleet.SelectorKeys(obj), w.Key) {
				out = append(out, found(Refuse, "%s %s selects its pods by %s, so flipping it would orphan them: take %s out of the selector of %s (it has to be made anew) and leave it in the pod template",
					obj.GetKind(), obj.GetName(), w.Key, w.Key, load))
			}
		}
		if load.change(w, o) == recreated {
			out = append(out, found(Refuse, "%s has the strategy Recreate: a change of its pod template stops all its pods before new ones start. Say --skip-template, and put the label into the template with your next deploy", load))
		}
		if load.templateLabel(w.Key) != v1alpha1.TrafficYes && load.change(w, o) == unpatched {
			out = append(out, Finding{Warn, fmt.Sprintf("the pod template of %s lacks the label and is left as it is: until it is there, each new pod waits for its traffic until the gate's controller has labelled it", load), templateLines(w.Key)})
		}
	}
	if len(out) == 0 {
		out = append(out, found(OK, "no workload selects its pods by %s", w.Key))
	}
	return out
}

// checkPods: pods that are out of traffic once the Service selects on the label.
func checkPods(w *World, _ Options) (out []Finding) {
	var no, alone []string
	for _, p := range w.Pods {
		if v, ok := p.Labels[w.Key]; ok && v != v1alpha1.TrafficYes {
			no = append(no, p.Name+" ("+v+")")
		}
		if len(p.OwnerReferences) == 0 {
			alone = append(alone, p.Name)
		}
	}
	if len(w.Pods) == 0 {
		out = append(out, found(Warn, "Service %s has no pods now", w.Service.Name))
	}
	if len(no) > 0 {
		level := Warn
		if len(no) == len(w.Pods) {
			level = Refuse
		}
		out = append(out, found(level, "%d of %d pods carry %s with another value than %s, and would lose their traffic: %s", len(no), len(w.Pods), w.Key, v1alpha1.TrafficYes, strings.Join(no, ", ")))
	}
	if len(alone) > 0 {
		out = append(out, found(Note, "no workload owns %s: whoever makes such pods must set the label", strings.Join(alone, ", ")))
	}
	return out
}

// checkGates: without a gate nobody labels pods that come without the label.
func checkGates(w *World, o Options) []Finding {
	gates := w.gates()
	switch {
	case len(gates) == 0 && o.SkipTemplate:
		return []Finding{found(Refuse, "no TrafficGate names Service %s, so nobody would label new pods, and their template would not either: create the gate first (mode: DryRun will do), or leave --skip-template", w.Service.Name)}
	case len(gates) == 0:
		return []Finding{found(Warn, "no TrafficGate names Service %s yet: nobody labels pods that come without the label. config/samples/production.yaml is one to start from", w.Service.Name)}
	case len(gates) > 1:
		return []Finding{found(Warn, "%d TrafficGates name Service %s: %s works, as the oldest, and the others are stalled", len(gates), w.Service.Name, gates[0].Name)}
	}
	if gates[0].Spec.TrafficLabel != w.Key {
		return []Finding{found(Refuse, "TrafficGate %s flips %s, not %s: leave --traffic-label", gates[0].Name, gates[0].Spec.TrafficLabel, w.Key)}
	}
	if c := meta.FindStatusCondition(gates[0].Status.Conditions, v1alpha1.ConditionStalled); c != nil {
		return []Finding{found(Warn, "TrafficGate %s is stalled (%s): %s", gates[0].Name, c.Reason, c.Message)}
	}
	return []Finding{found(OK, "TrafficGate %s (%s) watches it", gates[0].Name, gates[0].Spec.Mode)}
}

// fewToLose is of how many pods a Service may not lose one: it would be no minority.
const fewToLose = 2

// checkNeighbours: other Services with the same pods. Taking a pod out here takes
// it out there if that one selects on the label too.
func checkNeighbours(w *World, _ Options) (out []Finding) {
	for _, other := range w.Services {
		shared := w.shared(&other)
		if shared == 0 {
			continue
		}
		gated := slices.IndexFunc(w.Gates, func(g v1alpha1.TrafficGate) bool { return g.Spec.ServiceRef.Name == other.Name })
		_, selects := other.Spec.Selector[w.Key]
		switch {
		case gated >= 0:
			out = append(out, found(Refuse, "Service %s has %d of the same pods and TrafficGate %s of its own: give the Services selectors that share no pods, or keep one of the gates", other.Name, shared, w.Gates[gated].Name))
		case selects && shared <= fewToLose:
			out = append(out, found(Note, "Service %s has %d of the pods, none of which will be gated: it selects on %s too, and keeps more than half of them (HeldOtherService); leave %s out of its selector if they may be", other.Name, shared, w.Key, w.Key))
		case selects:
			out = append(out, found(Note, "Service %s has %d of the same pods and selects on %s too: what is gated here loses its traffic there, and more than half of them never do", other.Name, shared, w.Key))
		default:
			out = append(out, found(Note, "Service %s has %d of the same pods and does not select on %s: what is gated here keeps its traffic there", other.Name, shared, w.Key))
		}
	}
	if len(out) == 0 {
		out = append(out, found(OK, "no other Service has these pods"))
	}
	return out
}

// shared counts the pods that another Service has too.
func (w *World) shared(other *corev1.Service) (n int) {
	bare := fleet.BareSelector(other, w.Key)
	for _, p := range w.Pods {
		if fleet.Selects(bare, p.Labels) {
			n++
		}
	}
	return n
}

// checkTools: tools that would put the selector or the template back.
func checkTools(w *World, o Options) (out []Finding) {
	for _, t := range Tools(w.Service) {
		out = append(out, Finding{Warn, fmt.Sprintf("%s manages Service %s (%s) and may take the label out of its selector again: put it into the Service's manifest too, once every pod carries it", t.Name, w.Service.Name, t.Sign), selectorLines(w.Key)})
	}
	for _, load := range w.Workloads {
		if load.change(w, o) == unpatched {
			continue
		}
		for _, t := range Tools(load) {
			out = append(out, Finding{Warn, fmt.Sprintf("%s manages %s (%s) and may take the label out of its pod template again, so that new pods wait for their traffic: put it into the manifest first", t.Name, load, t.Sign), templateLines(w.Key)})
		}
	}
	if len(out) == 0 {
		out = append(out, found(OK, "no tool is known to manage the Service or its workloads; put the label into your manifests all the same"))
	}
	return out
}

func selectorLines(key string) []string {
	return []string{"spec:", "  selector:", fmt.Sprintf("    %s: %q", key, v1alpha1.TrafficYes)}
}

func templateLines(key string) []string {
	return []string{"spec:", "  template:", "    metadata:", "      labels:", fmt.Sprintf("        %s: %q", key, v1alpha1.TrafficYes)}
}

// ready are the pods that can serve.
func ready(pods []*corev1.Pod) (out []*corev1.Pod) {
	for _, p := range pods {
		if ok, _ := fleet.Readiness(p); ok {
			out = append(out, p)
		}
	}
	return out
}
