package main

// ofGates selects the series of the chosen gates, which may be many or all; ofGate
// those of the one that is chosen, whose name may have dots and is no pattern.
const (
	ofGates = `namespace=~"$namespace",gate=~"$gate"`
	ofGate  = `namespace="$namespace",gate="$gate"`
)

// chosen selects the series of what is chosen above a dashboard.
func chosen(one bool) string {
	if one {
		return ofGate
	}
	return ofGates
}

const (
	overviewUID = "podgate-overview"
	serviceUID  = "podgate-service"
	runbooks    = "https://github.com/podgate/podgate/blob/main/docs/runbooks/"
	manual      = "https://github.com/podgate/podgate/blob/main/docs/operating.md"
)

// newest are those series of a metric of the gates that were in the newest
// scrape, by that of a series whose labels never change. Others are over, and
// Prometheus has not seen how: where it was itself away for a while it goes on
// showing them for five minutes.
func newest(of, metric string) string {
	series := metric + "{" + of + "}"
	return "(" + series + " and (timestamp(" + series + ") >= on (namespace, gate) group_left () max by (namespace, gate) (timestamp(podgate_gate_interval_seconds{" + of + "}))))"
}

// newDashboard is a dashboard with what both have.
func newDashboard(uid, title, description string, one bool) *dashboard {
	return &dashboard{Title: title, UID: uid, Description: description, Tags: []string{"podgate"}, Schema: 41, Version: 1,
		Timezone: "browser", Refresh: "10s", Tooltip: 1, Time: span{"now-1h", "now"},
		Templating: list{variables(one)}, Annotations: list{annotations(one)}, Links: []link{
			other(one),
			{Title: "Operating", Type: "link", URL: manual, TargetBlank: true},
			{Title: "Runbooks", Type: "link", URL: runbooks, TargetBlank: true}}}
}

// other leads to the other dashboard. It takes along the time and the data source
// only: where one has all gates, the other would look for one of that name.
func other(one bool) link {
	l := link{Title: "One Service", Type: "link", URL: "/d/" + serviceUID + "?var-datasource=${datasource}", KeepTime: true}
	if one {
		l.Title, l.URL = "Overview", "/d/"+overviewUID+"?var-datasource=${datasource}"
	}
	return l
}

// leads says whether a controller leads: without one nothing else on the dashboard
// is about now.
func leads() *panel {
	p := stat("Controller", "Whether a controller leads. While none does nobody is gated, nobody comes back, and nothing else here is about now.", "short",
		steps("red", "green", 1), now("max(podgate_leading) or vector(0)", ""))
	p.FieldConfig.Defaults.Mappings = []any{map[string]any{"type": "value", "options": map[string]any{
		"0": map[string]any{"text": "none", "color": "red", "index": 0}, "1": map[string]any{"text": "leads", "color": "green", "index": 1}}}}
	return p
}

// behind is how old the last look is in units of the gate's interval, which may be
// from seconds to an hour.
func behind(of, which string) *panel {
	p := stat("Looks behind", "How old the last look at the metrics is, in units of the gate's interval"+which+". Up to 1 is as it should be; from 3 on looks are missing.", "short",
		steps("transparent", "orange", 3, "red", 5), now("max((time() - max by (namespace, gate) (podgate_last_look_timestamp_seconds{"+of+"}))"+
			" / max by (namespace, gate) (podgate_gate_interval_seconds{"+of+"}))", ""))
	p.FieldConfig.Defaults.Decimals = new(1)
	return p
}

// variables are what a person chooses above the dashboard: many gates, or one
// with its pods and signals.
func variables(one bool) []any {
	ask := func(name, label, query string, multi bool) variable {
		v := variable{Name: name, Label: label, Type: "query", Query: map[string]string{"query": query, "refId": name}, Definition: query,
			Datasource: &templated, Refresh: 2, Sort: 1, Multi: multi, IncludeAll: multi, Current: map[string]any{}}
		if multi {
			v.AllValue, v.Current = ".*", map[string]any{"text": []string{"All"}, "value": []string{"$__all"}}
		}
		return v
	}
	gates := `label_values(podgate_gate_info{namespace=~"$namespace"}, gate)`
	if one {
		gates = `label_values(podgate_gate_info{namespace="$namespace"}, gate)`
	}
	out := []any{
		variable{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus", Refresh: 1, Current: map[string]any{}},
		ask("namespace", "Namespace", "label_values(podgate_gate_info, namespace)", !one),
		ask("gate", "Gate", gates, !one),
	}
	if one {
		out = append(out, ask("pod", "Pod", "label_values(podgate_pod_evidence_ratio{"+ofGate+"}, pod)", true))
		signal := ask("signal", "Signal", "label_values(podgate_signal_queries_total{"+ofGate+"}, signal)", true)
		signal.AllValue = "" // a panel for each
		out = append(out, signal)
	}
	return out
}

// annotations mark in every graph when a pod went out or came back.
func annotations(one bool) []any {
	mark := func(name, colour, state string) annotation {
		return annotation{Name: name, Datasource: templated, Enable: true, IconColor: colour,
			Target:      annotationQuery{"Anno", "podgate_pod_since_timestamp_seconds{" + chosen(one) + `,state=~"` + state + `"} * 1000`, "5s"},
			TitleFormat: "{{pod}}: {{state}}", TextFormat: "{{why}}", TagKeys: "state,signal,gate", UseValueForTime: true}
	}
	return []any{mark("Gated", "red", "gated|wouldBeGated"), mark("Back on trial", "blue", "trial"), mark("Held out by a person", "purple", "heldOut")}
}

// whoIsOut is the table of the pods that are not plainly serving, and why. That of
// one gate does not repeat which one it is.
func whoIsOut(one bool) *panel {
	p := newPanel("table", "Who is out, why, since when",
		"Each pod that is out of traffic, on trial, or that a dry run would have gated, and each bad one that a person keeps in traffic. The sentence is the one for which it was gated, as noted on the pod. "+
			"At most 8 pods a gate are listed.", "string",
		rows("sort(max by (namespace, gate, pod, state, signal, why) ("+newest(chosen(one), "podgate_pod_since_timestamp_seconds")+") * 1000)")).
		empty("No controller reports a pod out of traffic.")
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "left", "cellOptions": map[string]any{"type": "auto"}}
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm"}
	p.Transform = []any{map[string]any{"id": "organize", "options": map[string]any{
		"excludeByName": map[string]bool{"Time": true, "signal": true, "gate": one, "namespace": one}, // the sentence begins with the signal
		"indexByName":   map[string]int{"pod": 0, "state": 1, "why": 2, "Value": 3, "signal": 4, "gate": 5, "namespace": 6},
		"renameByName":  map[string]string{"Value": "since"}}}}
	p.override("byName", "since", property("unit", "dateTimeFromNow"), property("custom.width", 150),
		property("mappings", []any{map[string]any{"type": "value", "options": map[string]any{"0": map[string]any{"text": "not known", "index": 0}}}}))
	p.override("byName", "state", property("custom.width", 180), property("mappings", states("text")),
		property("custom.cellOptions", map[string]any{"type": "color-background", "mode": "basic"}))
	p.override("byName", "why", property("custom.minWidth", 420), property("custom.wrapText", true))
	toService := "/d/" + serviceUID + `?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}&var-gate=${__data.fields.gate}&${__url_time_range}`
	if one {
		toService = "/d/" + serviceUID + `?var-datasource=${datasource}&var-namespace=${namespace}&var-gate=${gate}&${__url_time_range}`
	}
	p.override("byName", "pod", property("custom.width", 300), property("links", []link{{Title: "Evidence of ${__value.raw}", URL: toService + `&var-pod=${__value.raw}`},
		{Title: "Runbook: a pod waits for a person", URL: runbooks + "PodgatePodsWaiting.md", TargetBlank: true}}))
	if !one {
		p.override("byName", "gate", property("custom.width", 180), property("links", []link{{Title: "One Service: ${__value.raw}", URL: toService}}))
		p.override("byName", "namespace", property("custom.width", 140))
	}
	return p
}

// look of each state: the number that stands for it in a timeline, and its colour.
var stateLook = []struct{ state, number, text, colour string }{
	{"wouldBeGated", "1", "would be gated (dry run)", "yellow"},
	{"trial", "2", "on trial", "blue"},
	{"gated", "3", "gated", "red"},
	{"heldOut", "4", "held out by a person", "purple"},
	{"kept", "5", "kept by a person", "orange"},
}

// states maps states to words and colours: by their names, or by their numbers.
func states(by string) []any {
	options := map[string]any{}
	for i, s := range stateLook {
		key := s.number
		if by == "text" {
			key = s.state
		}
		options[key] = map[string]any{"text": s.text, "color": s.colour, "index": i}
	}
	return []any{map[string]any{"type": "value", "options": options}}
}
