package main

// service is the dashboard of one gate, down to the pod.
func service() *dashboard {
	d := newDashboard(serviceUID, "Podgate / One Service", "One gate: who is out, why, what speaks against whom, what held, and what it did for clients.", true)
	l := &layout{dashboard: d}
	l.add(4, 4, readiness())
	mode := stat("Mode", "Enforce writes; DryRun decides and reports; Suspended does nothing.", "short", steps("text"),
		now(`max by (mode) (`+newest(ofGate, "podgate_gate_info")+`) or on () label_replace(vector(0), "mode", "–", "", "")`, "{{mode}}"))
	mode.Options["textMode"], mode.Options["colorMode"] = "name", "none"
	l.add(2, 4, mode)
	l.add(2, 4, stat("Serving", "Pods in traffic.", "short", steps("transparent", "red", 0, "green", 1), now(`max(podgate_pods{`+ofGate+`,state="serving"})`, "")))
	l.add(3, 4, stat("Gated", "Pods that Podgate keeps out of traffic.", "short", steps("transparent", "red", 1), now(`max(podgate_pods{`+ofGate+`,state="gated"})`, "")))
	l.add(2, 4, stat("Held out", "Pods that people keep out of traffic. They use up the limit.", "short", steps("transparent", "purple", 1),
		now(`max(podgate_pods{`+ofGate+`,state="heldOut"})`, "")))
	l.add(3, 4, stat("Bad, in traffic", "Outliers that a guard kept in traffic at the last look: the limit, a common cause, a person's word. What held is below.", "short", steps("transparent", "orange", 1),
		now(`sum(max by (guard) (podgate_held_pods{`+ofGate+`})) or 0 * max(podgate_limit_pods{`+ofGate+`})`, "")))
	l.add(2, 4, stat("Limit left", "How many more pods may be out.", "short", steps("transparent", "orange", 0, "transparent", 1),
		now(`max(podgate_limit_pods{`+ofGate+`}) - max(podgate_limit_used_pods{`+ofGate+`})`, "")))
	l.add(3, 4, behind(ofGate, ""))
	l.add(3, 4, leads())
	l.add(24, 3, message())
	l.add(24, 5, whoIsOut(true))
	l.add(24, 6, timeline())

	l.row("Why")
	l.add(24, 8, evidence())
	l.add(24, 9, level())

	l.row("What it did")
	l.add(12, 8, graph("What clients see", "The level that clients see, and what it would be if the gated pods still served, as bad as they were when they were gated. The gap is what gating brings.", "short",
		over(`max by (signal) (podgate_signal_clients_level{`+ofGate+`,pods="all"})`, "{{signal}}, had nobody been gated"),
		over(`max by (signal) (podgate_signal_clients_level{`+ofGate+`,pods="serving"})`, "{{signal}}, as it is")).
		beside("had nobody been gated$", "red", true).override("byRegexp", "/as it is$/", property("color", fixed("green"))).empty("No signal has had an answer."))
	l.add(12, 8, graph("Pods by state", "Every pod of the Service, by state.", "short",
		over(`max by (state) (podgate_pods{`+ofGate+`,state!="wouldBeGated"}) > 0`, "{{state}}")).counts().stacked().empty("No pod is reported.").
		coloured("serving", "green", "gated", "red", "heldOut", "purple", "notReady", "orange", "unlabelled", "yellow"))
	l.add(12, 8, graph("Limit", "Pods that use up the limit, and the limit.", "short",
		over(`max(podgate_limit_used_pods{`+ofGate+`})`, "used"), over(`max(podgate_limit_pods{`+ofGate+`})`, "limit")).
		counts().coloured("used", "orange").beside("^limit$", "text", true))
	l.add(12, 8, graph("What held", "Outliers that stayed in traffic, by the guard that held them.", "short",
		over(`max by (guard) (podgate_held_pods{`+ofGate+`})`, "{{guard}}"),
		over(`max by (kind, name) (podgate_domain_suspected{`+ofGate+`})`, "suspected: {{kind}} {{name}}"),
		over(`max(podgate_common_cause{`+ofGate+`}) > 0`, "common cause")).counts().empty("Nothing was held back."))
	l.add(12, 8, graph("Decisions", "When decisions were made, by action and reason; a dry run's too. One may show in a few steps of the graph.", "short",
		over(`round(sum by (action, reason) (increase(podgate_decisions_total{`+ofGate+`}[$__rate_interval]))) > 0`, "{{action}}: {{reason}}")).
		bars().override("byRegexp", "/^Gate:/", property("color", fixed("red"))).override("byRegexp", "/^Release:/", property("color", fixed("blue"))).
		override("byRegexp", "/^HoldOut:/", property("color", fixed("purple"))).empty("Nothing was decided."))
	l.add(12, 8, graph("People", "Pods with an override label, by what it says, and gated pods that wait for a person.", "short",
		over(`max by (override) (podgate_override_pods{`+ofGate+`})`, "override={{override}}"),
		over(`max(podgate_waiting_pods{`+ofGate+`})`, "waiting for a person")).counts().coloured("override=no", "purple", "waiting for a person", "orange"))

	l.row("Can it see?")
	l.add(8, 8, graph("Age of the data", "How long ago Prometheus last had data for at least half of the judged pods, by signal.", "s",
		over(`time() - max by (signal) (podgate_signal_last_data_timestamp_seconds{`+ofGate+`})`, "{{signal}}")).from(0))
	l.add(8, 8, graph("What could not be joined", "Judged pods that the last answer had nothing about, and names in it that no pod of the Service has. Both at once: a wrong spec.podLabel.", "short",
		over(`max by (signal) (podgate_signal_missing_pods{`+ofGate+`})`, "{{signal}}: pods without data"),
		over(`max by (signal) (podgate_signal_unmatched_pods{`+ofGate+`})`, "{{signal}}: names without a pod")).counts())
	l.add(8, 8, graph("Looking", "How long Prometheus took for the last look, beside the gate's interval, and questions that failed a second.", "s",
		over(`max(podgate_last_look_duration_seconds{`+ofGate+`})`, "last look took"), over(`max(podgate_gate_interval_seconds{`+ofGate+`})`, "interval"),
		over(`sum by (result) (rate(podgate_signal_queries_total{`+ofGate+`,result!="answered"}[$__rate_interval])) > 0`, "{{result}}, a second")).from(0))
	return d
}

// readiness is the reason of the gate's Ready condition: green where all is well,
// orange where there is something to know, red where it is not ready.
func readiness() *panel {
	p := stat("Gate", "The reason of the gate's Ready condition: red while it is not ready, orange while something keeps it from gating or a pod waits for a person.", "short",
		steps("transparent", "red", 0, "green", 1), now(`max by (reason) (`+newest(ofGate, "podgate_gate_ready")+`) or on () label_replace(vector(-1), "reason", "unknown", "", "")`, "{{reason}}"))
	p.Options["textMode"] = "name"
	return p.override("byRegexp", "/^(CommonCause|LimitReached|DomainSuspected|PodsWaiting)$/", property("color", fixed("orange"))).
		override("byRegexp", "/^(DryRun|Suspended)$/", property("color", fixed("yellow")))
}

// message is what the gate says itself.
func message() *panel {
	p := stat("What the gate says", "The message of the gate's Ready condition, as kubectl shows it: what it does, or what keeps it from that and what to do.", "short",
		steps("text"), now(`max by (message) (`+newest(ofGate, "podgate_gate_message_info")+`) or on () label_replace(vector(0), "message", "no controller reports this gate", "", "")`, "{{message}}"))
	p.Options["textMode"], p.Options["colorMode"], p.Options["text"] = "name", "none", map[string]any{"valueSize": 20}
	return p
}

// evidence is what speaks against whom: red from the bar on.
func evidence() *panel {
	p := graph("Evidence against the bar", "Evidence against each pod by its worst signal, in units of the bar: at 1 it is an outlier. Shown are the pods that are out, on trial, or most suspect.", "short",
		over(`max by (pod, signal) (podgate_pod_evidence_ratio{`+ofGate+`,pod=~"$pod"})`, "{{pod}} {{signal}}")).
		from(0).line(steps("text", "red", 1)).empty("Nothing speaks against any pod.")
	p.FieldConfig.Defaults.Decimals = new(2)
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	p.FieldConfig.Defaults.Custom["gradientMode"], p.FieldConfig.Defaults.Custom["axisSoftMax"] = "scheme", 1.2
	p.Options["legend"] = map[string]any{"displayMode": "table", "placement": "right", "showLegend": true, "calcs": []string{"lastNotNull"}, "sortBy": "Last *", "sortDesc": true}
	return p
}

// level is a signal's: the peers in green, and the pods that are suspect.
func level() *panel {
	p := graph("Level: $signal", "The signal's level: the peers' band (10th to 90th percentile of the serving pods) with their median, and the pods that are suspect. A histogram has no band: each pod is shown beside the peers that it is compared with, dashed.", "short",
		over(`max by (pod) (podgate_pod_level{`+ofGate+`,signal="$signal",pod=~"$pod"})`, "{{pod}}"),
		over(`max(podgate_signal_level{`+ofGate+`,signal="$signal",percentile="90"})`, "peers, 90th percentile"),
		over(`max(podgate_signal_level{`+ofGate+`,signal="$signal",percentile="50"})`, "peers, median"),
		over(`max(podgate_signal_level{`+ofGate+`,signal="$signal",percentile="10"})`, "peers, 10th percentile"),
		over(`max by (pod) (podgate_pod_peers_level{`+ofGate+`,signal="$signal",pod=~"$pod"})`, "peers of {{pod}}")).
		coloured("peers, median", "green").beside("^peers of ", "green", false).
		override("byRegexp", "/percentile$/", property("color", fixed("light-green")), property("custom.lineWidth", 0),
			property("custom.hideFrom", map[string]any{"legend": true, "tooltip": false, "viz": false})).
		override("byName", "peers, 90th percentile", property("custom.fillBelowTo", "peers, 10th percentile")).
		empty("No pod is suspect, and no pod's level is known.")
	p.FieldConfig.Defaults.Custom["fillOpacity"] = 0
	p.shades("orange")
	p.Repeat, p.Direction, p.MaxPerRow = "signal", "h", 3
	return p
}

// timeline shows each pod that is or was not plainly serving.
func timeline() *panel {
	expr := ""
	for _, s := range stateLook {
		if expr != "" {
			expr += " or "
		}
		expr += `max by (pod) (0 * podgate_pod_since_timestamp_seconds{` + ofGate + `,pod=~"$pod",state="` + s.state + `"} + ` + s.number + `)`
	}
	p := newPanel("state-timeline", "Pods over time", "Each pod while it was gated, on trial, held out by a person, or kept in traffic by one though it is bad; empty is in traffic. At most 8 pods at once.", "short", over(expr, "{{pod}}"))
	p.FieldConfig.Defaults.Mappings, p.FieldConfig.Defaults.NoValue = states("number"), "No pod was reported out of traffic."
	p.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 80, "lineWidth": 0}
	p.FieldConfig.Defaults.Color = fixed("text") // by thresholds, values that are merged would lose their mappings
	p.Options = map[string]any{"mergeValues": true, "showValue": "auto", "rowHeight": 0.8, "alignValue": "left",
		"legend": map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": false}, "tooltip": map[string]any{"mode": "single"}}
	return p
}
