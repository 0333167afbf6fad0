package convert_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	promapi "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/convert"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/gatefile"
	"github.com/podgate/podgate/cmd/kubectl-podgate/internal/offline"
)

// counted is a breaker on a query, with the bad or the good values of a label.
func counted(query, key, values string) string {
	return service(fmt.Sprintf("breakers: [{name: codes, discreteValueOutOfList: {promQL: %q, key: %s, podNamekey: pod, %s}}]", query, key, values))
}

// queries are what people count by, and where the condition goes.
var queries = map[string]struct {
	query, key, listed string
	inside             bool
}{
	"a metric":                         {`hits`, "code", "500", true},
	"a rate":                           {`rate(hits[5m])`, "code", "500", true},
	"an aggregation that keeps it":     {`sum by (pod, code) (rate(hits{job="a"}[5m]))`, "code", "500|404", true},
	"one without other labels":         {`sum without (job) (increase(hits[5m]))`, "code", "500", true},
	"more than so many":                {`sum by (pod, code) (increase(hits[5m])) > 3`, "code", "500", true},
	"a number times":                   {`60 * rate(hits[5m])`, "code", "500", true},
	"divided by a scalar":              {`rate(hits[5m]) / scalar(sum(rate(hits[5m])))`, "code", "500", true},
	"a comment":                        {"hits # of all", "code", "500", true},
	"a comment on a join":              {"hits * on (pod) group_left ()\n  kube_pod_info # of all", "code", "500", false},
	"another moment":                   {`hits offset 1m`, "code", "500", true},
	"a value with dots":                {`hits`, "code", "5..", true},
	"a join with pod info":             {`sum by (pod, code) (rate(hits[5m])) * on (pod) group_left (node) kube_pod_info`, "code", "500", false},
	"a join that brings the label":     {`kube_pod_info * on (pod) group_right () sum by (pod, code) (rate(hits[5m]))`, "code", "500", false},
	"the other side's label":           {`hits * on (pod) group_left (node) kube_pod_info`, "node", "n1", false},
	"and":                              {`rate(hits[5m]) and on (pod) kube_pod_info`, "code", "500", false},
	"or":                               {`rate(hits[5m]) or kube_pod_info`, "code", "500", false},
	"a difference":                     {`rate(hits[5m]) - rate(hits[5m] offset 1m)`, "code", "500", false},
	"a label that is made":             {`label_replace(rate(hits[5m]), "class", "${1}xx", "code", "(.).*")`, "class", "5xx", false},
	"a label that is written over":     {`label_replace(rate(hits[5m]), "code", "5", "code", "5.*")`, "code", "5", false},
	"a label that is joined":           {`label_join(rate(hits[5m]), "both", "-", "code", "job")`, "both", "500-a", false},
	"made of what is kept":             {`sum by (pod, class) (label_replace(rate(hits[5m]), "class", "${1}xx", "code", "(.).*"))`, "class", "5xx|4xx", false},
	"values that are counted":          {`count_values by (pod) ("level", hits)`, "level", "1200", false},
	"a subquery":                       {`max_over_time(hits[5m:1m])`, "code", "500", false},
	"the biggest":                      {`topk(2, hits)`, "code", "500", false},
	"a metric's name":                  {`{pod=~".+"}`, "__name__", "hits", false},
	"a label that only some series of": {`hits or on (pod) kube_pod_info`, "code", "500", false},
}

// TestTheBadOnesAreThoseOfKubervisor: for each query, what the gate counts as bad
// is what is counted when the query is asked and its answers are sorted by the
// label's value, as Kubervisor did.
func TestTheBadOnesAreThoseOfKubervisor(t *testing.T) {
	ask := fleet(t)
	for name, row := range queries {
		for _, which := range []string{"badValues", "goodValues"} {
			listed := strings.Split(row.listed, "|")
			gates, wrong := convert.Text([]byte(counted(row.query, row.key, which+": ['"+strings.Join(listed, "', '")+"']")))
			if len(wrong) > 0 {
				t.Errorf("%s: %v", name, wrong)
				continue
			}
			gate, err := gatefile.Parse(gates)
			if err != nil {
				t.Fatal(err)
			}
			bad := gate.Spec.Signals[0].Ratio.Bad
			if inside := !strings.Contains(bad, "podgate_listed"); inside != row.inside {
				t.Errorf("%s: the condition is inside: %t, in %s", name, inside, bad)
			}
			want := map[model.LabelValue]float64{}
			for _, s := range ask(row.query) {
				is := false
				for _, v := range listed {
					is = is || string(s.Metric[model.LabelName(row.key)]) == v
				}
				if is == (which == "badValues") {
					want[s.Metric["pod"]] += float64(s.Values[0].Value)
				}
			}
			got := map[model.LabelValue]float64{}
			ask(gate.Spec.Signals[0].Ratio.Total)
			for _, s := range ask(bad) {
				got[s.Metric["pod"]] += float64(s.Values[0].Value)
			}
			for pod := range join(got, want) {
				if math.Abs(got[pod]-want[pod]) > 1e-9 {
					t.Errorf("%s with %s: pod %s has %g bad, want %g, by %s", name, which, pod, got[pod], want[pod], bad)
				}
			}
			if len(got) == 0 && row.listed != "5.." {
				t.Errorf("%s with %s: nothing is bad, by %s: the row tells nothing", name, which, bad)
			}
		}
	}
}

func join[K comparable, V any](a, b map[K]V) map[K]V {
	out := map[K]V{}
	for _, m := range []map[K]V{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// fleet is two pods that answer with three codes, and what a query answers about
// them.
func fleet(t *testing.T) func(query string) model.Matrix {
	t.Helper()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var b strings.Builder
	for i, pod := range []string{"a", "b"} {
		for j, code := range []string{"200", "404", "500"} {
			for k := range 41 {
				fmt.Fprintf(&b, "hits{job=\"a\",pod=%q,code=%q} %d %d\n", pod, code, 10*(i+1)*(j+1)*k, start.Unix()+int64(15*k))
			}
		}
		for k := range 41 {
			fmt.Fprintf(&b, "kube_pod_info{pod=%q,node=\"n%d\"} 1 %d\n", pod, i+1, start.Unix()+int64(15*k))
		}
	}
	name := filepath.Join(t.TempDir(), "fleet.om")
	if err := os.WriteFile(name, []byte(b.String()+"# EOF\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := offline.OpenOpenMetrics(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := data.Close(); err != nil {
			t.Error(err)
		}
	})
	at := start.Add(10 * time.Minute)
	return func(query string) model.Matrix {
		v, _, _, err := data.API.QueryRange(t.Context(), query, promapi.Range{Start: at, End: at, Step: time.Second})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return v.(model.Matrix)
	}
}

// TestLabelsThatAreDropped: where no answer can have the label, the breaker is not
// converted: the gate would be well for ever, or call every pod bad. Prometheus'
// engine says the same of the labels.
func TestLabelsThatAreDropped(t *testing.T) {
	ask := fleet(t)
	for name, row := range map[string]struct {
		query string
		wrong string
	}{
		"kept":                           {`sum by (pod, code) (rate(hits[1m]))`, ""},
		"kept by without":                {`sum without (job) (rate(hits[1m]))`, ""},
		"kept by topk":                   {`topk(3, rate(hits[1m]))`, ""},
		"kept by and":                    {`rate(hits[1m]) and on (pod) kube_pod_info`, ""},
		"kept by one side of or":         {`sum by (pod) (hits) or hits`, ""},
		"kept by a join":                 {`hits * on (pod) group_left () sum by (pod) (kube_pod_info)`, ""},
		"brought by a join":              {`sum by (pod) (kube_pod_info) * on (pod) group_left (code) hits{code="500"}`, ""},
		"made by a function":             {`label_replace(sum by (pod) (hits), "code", "1", "", "")`, ""},
		"made by count_values":           {`count_values by (pod) ("code", hits)`, ""},
		"dropped":                        {`sum by (pod) (rate(hits[1m]))`, "key"},
		"dropped by without":             {`sum without (code) (hits)`, "key"},
		"dropped below":                  {`abs(sum by (pod, code) (sum by (pod) (hits)))`, "key"},
		"dropped by a sign":              {`-sum by (pod) (hits)`, "key"},
		"dropped by on":                  {`hits{code="500"} / on (pod) kube_pod_info`, "key"},
		"dropped by a comparison's on":   {`hits{code="500"} > on (pod) kube_pod_info`, "key"},
		"dropped by ignoring":            {`hits{code="500"} / ignoring (code, job, node) kube_pod_info`, "key"},
		"dropped on the side with many":  {`sum by (pod) (kube_pod_info) * on (pod) group_left () hits{code="500"}`, "key"},
		"dropped on the side with one":   {`hits{code="500"} * on (pod) group_left (code) sum by (pod) (kube_pod_info)`, "key"},
		"dropped on the right":           {`hits{code="500"} * on (pod) group_right () sum by (pod) (kube_pod_info)`, "key"},
		"dropped on both sides of or":    {`sum by (pod) (hits) or sum by (pod) (kube_pod_info)`, "key"},
		"dropped before and":             {`sum by (pod) (hits) and on (pod) hits`, "key"},
		"dropped before a number":        {`2 * sum by (pod) (hits)`, "key"},
		"dropped before other labels":    {`label_replace(sum by (pod) (hits), "other", "1", "", "")`, "key"},
		"the pod's name is dropped":      {`sum by (code) (hits)`, "podNamekey"},
		"the pod's name is there before": {`max_over_time(sum by (code) (hits)[5m:1m])`, "podNamekey"},
	} {
		gates, wrong := convert.Text([]byte(counted(row.query, "code", "badValues: ['500']")))
		want := "KubervisorService shop/checkout: spec.breakers[0].discreteValueOutOfList." + row.wrong + ": no answer of the query "
		switch {
		case row.wrong == "" && len(wrong) > 0:
			t.Errorf("%s: %v", name, wrong)
		case row.wrong != "" && (len(wrong) != 1 || len(gates) > 0 || !strings.HasPrefix(wrong[0].Error(), want)):
			t.Errorf("%s: %v %s, want %s", name, wrong, gates, want)
		}
		label := map[string]model.LabelName{"": "code", "key": "code", "podNamekey": "pod"}[row.wrong]
		answers := ask(row.query)
		has := slices.ContainsFunc(answers, func(s *model.SampleStream) bool { return s.Metric[label] != "" })
		if len(answers) == 0 || has != (row.wrong == "") {
			t.Errorf("%s: Prometheus answers with %s", name, answers)
		}
	}
}

// TestDivisionsByTheMean: only of a query that divides by the fleet's mean it is
// said that it does.
func TestDivisionsByTheMean(t *testing.T) {
	for name, row := range map[string]struct {
		query   string
		divides bool
	}{
		"the demo's":                   {`(rate(s[30s])/rate(n[30s]) and delta(n[30s])>3 ) / scalar(sum(rate(s[30s]))/sum(rate(n[30s])))`, true},
		"an average":                   {`x / scalar(avg(x))`, true},
		"sum by count":                 {`x / scalar(sum(x) / count(x))`, true},
		"two scalars":                  {`x / (scalar(sum(x)) / scalar(count(x)))`, true},
		"a join with the average":      {`x / on () group_left () avg(x)`, true},
		"chosen afterwards":            {`(x / scalar(avg(x))) > 0 and y > 3`, true},
		"no division":                  {`rate(x[1m])`, false},
		"a mean of each pod":           {`rate(s[1m]) / rate(n[1m])`, false},
		"a share of all":               {`x / scalar(sum(x))`, false},
		"the mean of a zone":           {`x / on (zone) group_left () avg by (zone) (x)`, false},
		"an average that matches none": {`x / avg(x)`, false},
		"a difference":                 {`x - scalar(avg(x))`, false},
		"a difference, divided":        {`(x - scalar(avg(x))) / 5`, false},
		"a number":                     {`x / 100`, false},
		"a comparison's truth":         {`x / scalar(avg(x)) > bool 1`, false},
	} {
		gates, wrong := convert.Text([]byte(service(fmt.Sprintf("breakers: [{continuousValueDeviation: {promQL: %q, podNamekey: pod}}]", row.query))))
		if len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
		says, doubts := strings.Contains(string(gates), "The query divides each pod by the mean of the fleet."), strings.Contains(string(gates), "CHECK THIS: Kubervisor took each answer for the pod's ratio")
		if says != row.divides || doubts == row.divides {
			t.Errorf("%s: says that it divides: %t; doubts it: %t", name, says, doubts)
		}
	}
}
