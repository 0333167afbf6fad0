package main

// overview is the dashboard of all gates.
func overview() *dashboard {
	d := newDashboard(overviewUID, "Podgate / Overview",
		"What is out of traffic, why, since when; what is held back; and whether the controller can be trusted now.", false)
	l := &layout{dashboard: d}
	quiet := steps("transparent", "orange", 1)
	l.add(4, 4, stat("Pods gated", "Pods that Podgate keeps out of traffic on evidence, over the chosen gates.", "short", steps("transparent", "red", 1),
		now(`sum(max by (namespace, gate) (podgate_pods{`+ofGates+`,state="gated"}))`, "")))
	l.add(3, 4, stat("Held out", "Pods that people keep out of traffic. They use up the limit.", "short", steps("transparent", "purple", 1),
		now(`sum(max by (namespace, gate) (podgate_pods{`+ofGates+`,state="heldOut"}))`, "")))
	l.add(4, 4, stat("Bad, in traffic", "Outliers that a guard kept in traffic at the last look: the limit, a common cause, a person's word.", "short", quiet,
		now(`sum(max by (namespace, gate, guard) (podgate_held_pods{`+ofGates+`})) or 0 * count(podgate_gate_interval_seconds{`+ofGates+`})`, "")))
	l.add(3, 4, stat("Waiting", "Gated pods whose trials have all failed, and which wait for a person.", "short", quiet,
		now(`sum(max by (namespace, gate) (podgate_waiting_pods{`+ofGates+`}))`, "")))
	l.add(3, 4, stat("Gates not ready", "Gates whose Ready condition is not True, apart from those that wait for their first look: they do not do what their spec says. The table below has the reasons.", "short", steps("transparent", "red", 1),
		now(`count(max by (namespace, gate) (podgate_gate_ready{`+ofGates+`,reason!="Reconciling"}) == 0) or 0 * count(podgate_gate_interval_seconds{`+ofGates+`})`, "")))
	l.add(3, 4, behind(ofGates, ", of the gate that is worst off"))
	l.add(4, 4, leads())
	l.add(24, 8, whoIsOut(false))

	l.row("Gates")
	l.add(8, 8, graph("Pods gated, by gate", "The ten gates with the most gated pods.", "short",
		over(`topk(10, max by (namespace, gate) (podgate_pods{`+ofGates+`,state="gated"}) > 0)`, "{{namespace}}/{{gate}}")).counts().shades("red").empty("No pod is gated."))
	l.add(8, 8, limitUsed())
	l.add(8, 8, graph("What held", "Outliers that stayed in traffic, by the guard that held them. HeldLimit, HeldMinServing, HeldDomain, HeldOtherService and HeldHeadroom are the limits.", "short",
		over(`sum by (guard) (max by (namespace, gate, guard) (podgate_held_pods{`+ofGates+`}))`, "{{guard}}"),
		over(`sum(max by (namespace, gate) (podgate_common_cause{`+ofGates+`})) > 0`, "gates with a common cause")).counts().stacked().empty("Nothing was held back."))
	l.add(24, 7, gateStates())

	l.row("Decisions, and whether they helped")
	l.add(12, 8, graph("Decisions", "When decisions were carried out, by action. One may show in a few steps of the graph. Dry runs' are not in it.", "short",
		over(`round(sum by (action) (increase(podgate_decisions_total{`+ofGates+`,dry_run="false",action!="Note"}[$__rate_interval]))) > 0`, "{{action}}")).
		bars().coloured("Gate", "red", "Release", "blue", "HoldOut", "purple").empty("Nothing was decided."))
	l.add(12, 8, graph("Relief for clients", "How much of the level that clients would see is gone because the gated pods do not serve. The ten gates and signals where gating helps most.", "percentunit",
		over(`topk(10, 1 - max by (namespace, gate, signal) (podgate_signal_clients_level{`+ofGates+`,pods="serving"})
			/ (max by (namespace, gate, signal) (podgate_signal_clients_level{`+ofGates+`,pods="all"}) > 0) > 0)`, "{{namespace}}/{{gate}} {{signal}}")).
		from(0).to(1).empty("Nobody is gated whom clients would notice."))
	l.add(12, 8, graph("Relapses in six hours", "Trials that failed. Pods that come back and fall ill again are sick for good, or are made sick by load.", "short",
		over(`topk(10, sum by (namespace, gate) (increase(podgate_relapses_total{`+ofGates+`}[6h])) > 0)`, "{{namespace}}/{{gate}}")).counts().empty("No trial has failed."))
	l.add(12, 8, graph("Dry runs", "Pods that dry runs would have gated.", "short",
		over(`topk(10, max by (namespace, gate) (podgate_pods{`+ofGates+`,state="wouldBeGated"}) > 0)`, "{{namespace}}/{{gate}}")).counts().empty("No dry run would gate a pod."))

	l.row("Controller and Prometheus")
	l.add(8, 8, graph("Age of answers when decided on", "How old Prometheus' answers were when they were decided on: the median and the slowest tenth, over all gates.", "s",
		over(`histogram_quantile(0.5, sum by (le) (rate(podgate_evaluation_lag_seconds_bucket[$__rate_interval])))`, "median"),
		over(`histogram_quantile(0.9, sum by (le) (rate(podgate_evaluation_lag_seconds_bucket[$__rate_interval])))`, "slowest tenth")).from(0))
	l.add(8, 8, graph("Prometheus: one question", "How long Prometheus takes to answer one question: the median and the slowest tenth.", "s",
		over(`histogram_quantile(0.5, sum by (le) (rate(podgate_query_duration_seconds_bucket[$__rate_interval])))`, "median"),
		over(`histogram_quantile(0.9, sum by (le) (rate(podgate_query_duration_seconds_bucket[$__rate_interval])))`, "slowest tenth")).from(0))
	l.add(8, 8, graph("Looks", "Looks at the metrics a second, by result: answered, or failed in at least one query.", "ops",
		over(`sum by (result) (rate(podgate_looks_total{`+ofGates+`}[$__rate_interval]))`, "{{result}}")).from(0).coloured("answered", "green", "failed", "red"))
	l.add(8, 8, graph("Writes", "Patches of pods, evictions, and writes of gates' status a second, by result.", "ops",
		over(`sum by (result) (rate(podgate_pod_writes_total[$__rate_interval]))`, "pods {{result}}"),
		over(`sum by (result) (rate(podgate_status_writes_total[$__rate_interval]))`, "status {{result}}")).from(0))
	l.add(8, 8, graph("Memory", "Resident memory of the controller's processes.", "bytes",
		over(`process_resident_memory_bytes and on (pod, instance) podgate_build_info`, "{{pod}}")).from(0))
	l.add(8, 8, graph("Controllers", "Processes of the controller that Prometheus sees, by version, and how many of them lead. None that leads means that nobody brings pods back.", "short",
		over(`count by (version) (podgate_build_info)`, "{{version}}"), over(`sum(podgate_leading)`, "leading")).counts().empty("No controller is seen."))
	return d
}

// limitUsed is how much of their limits the gates use.
func limitUsed() *panel {
	p := newPanel("bargauge", "Limit used", "How much of what may be out is used up, by gated pods, pods that people hold out, and pods that are not Ready. The fifteen gates with the least left.", "percentunit",
		now(`topk(15, max by (namespace, gate) (podgate_limit_used_pods{`+ofGates+`}) / (max by (namespace, gate) (podgate_limit_pods{`+ofGates+`}) > 0))`, "{{namespace}}/{{gate}}")).empty("No gate may gate a pod.")
	p.FieldConfig.Defaults.Min, p.FieldConfig.Defaults.Max = new(0.0), new(1.0)
	p.FieldConfig.Defaults.Thresholds = steps("green", "orange", 0.5, "red", 1)
	p.FieldConfig.Defaults.Color = map[string]any{"mode": "thresholds"}
	p.Options = map[string]any{"orientation": "horizontal", "displayMode": "basic", "showUnfilled": true,
		"sizing": "manual", "minVizHeight": 16, "maxVizHeight": 40, "minVizWidth": 8, "namePlacement": "top", "valueMode": "color",
		"text":          map[string]any{"titleSize": 14, "valueSize": 16},
		"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}}
	return p
}

// gateStates lists the gates by what there is to know of them, those that are
// not ready first.
func gateStates() *panel {
	p := newPanel("table", "What there is to know of each gate", "Reason and message of the gate's Ready condition; red is not ready. Click for the gate's own dashboard.", "string",
		rows(`sort(max by (namespace, gate, reason, message) (`+newest(ofGates, "podgate_gate_message_info")+` * on (namespace, gate, reason) group_left () max by (namespace, gate, reason) (podgate_gate_ready{`+ofGates+`})))`)).empty("No controller reports a gate.")
	p.FieldConfig.Defaults.Custom = map[string]any{"align": "left", "cellOptions": map[string]any{"type": "auto"}}
	p.Options = map[string]any{"showHeader": true, "cellHeight": "sm"}
	p.Transform = []any{map[string]any{"id": "organize", "options": map[string]any{"excludeByName": map[string]bool{"Time": true},
		"indexByName": map[string]int{"namespace": 0, "gate": 1, "reason": 2, "message": 3, "Value": 4}, "renameByName": map[string]string{"Value": "ready"}}}}
	p.override("byName", "ready", property("custom.width", 90), property("custom.cellOptions", map[string]any{"type": "color-background", "mode": "basic"}),
		property("mappings", []any{map[string]any{"type": "value", "options": map[string]any{
			"0": map[string]any{"text": "no", "color": "red", "index": 0}, "1": map[string]any{"text": "yes", "color": "green", "index": 1}}}}))
	p.override("byName", "namespace", property("custom.width", 140)).override("byName", "reason", property("custom.width", 200))
	p.override("byName", "message", property("custom.minWidth", 420), property("custom.wrapText", true))
	p.override("byName", "gate", property("custom.width", 180), property("links", []link{{Title: "One Service: ${__value.raw}",
		URL: "/d/" + serviceUID + `?var-datasource=${datasource}&var-namespace=${__data.fields.namespace}&var-gate=${__value.raw}&${__url_time_range}`}}))
	return p
}
