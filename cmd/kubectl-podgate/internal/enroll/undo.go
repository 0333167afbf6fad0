package enroll

import "fmt"

// CheckUndo finds what there is to know before a Service is taken out again.
func CheckUndo(w *World, o Options) (out []Finding) {
	for _, load := range w.Workloads {
		if !o.SkipTemplate && w.keepsLabels() == "" && load.templateLabel(w.Key) != "" && load.onTemplate() == recreated {
			out = append(out, found(Refuse, "%s has the strategy Recreate: a change of its pod template stops all its pods before new ones start. Say --skip-template, and take the label out of the template with your next deploy", load))
		}
	}
	if why := w.keepsLabels(); why != "" {
		out = append(out, found(Note, "the labels stay on the pods: %s", why))
	}
	for _, g := range w.gates() {
		out = append(out, found(Note, "TrafficGate %s then says NotEnrolled, and acts as a dry run", g.Name))
	}
	for _, t := range Tools(w.Service) {
		out = append(out, found(Warn, "%s manages Service %s (%s) and may put the label back into its selector: take it out of the manifest first", t.Name, w.Service.Name, t.Sign))
	}
	if len(out) == 0 {
		out = append(out, Finding{OK, fmt.Sprintf("nothing else uses %s on these pods", w.Key), nil})
	}
	return out
}
