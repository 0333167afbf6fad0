package source_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"

	"github.com/podgate/podgate/controller/source"
)

// prometheus answers each query with the JSON that the test has for it.
func prometheus(t *testing.T, answers map[string]string) *source.Prometheus {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := url.ParseQuery(func() string { _ = r.ParseForm(); return r.Form.Encode() }())
		text, ok := answers[body.Get("query")]
		switch {
		case !ok:
			w.WriteHeader(http.StatusBadRequest)
			text = `{"status":"error","errorType":"bad_data","error":"parse error: unexpected end of input"}`
		case text == "hang":
			<-r.Context().Done()
			return
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	patience := time.Minute
	if slices.Contains(slices.Collect(maps.Values(answers)), "hang") {
		patience = 300 * time.Millisecond
	}
	p, err := source.New(server.URL, config.HTTPClientConfig{}, patience)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// vector is an answer of series, each {labels} value.
func vector(series ...string) string {
	var out []string
	for _, s := range series {
		labels, value, _ := strings.Cut(s, " ")
		out = append(out, fmt.Sprintf(`{"metric":%s,"value":[1772334000,%q]}`, labels, value))
	}
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(out, ",") + `]}}`
}

func TestAsk(t *testing.T) {
	ratio := source.Question{Bad: "bad", Total: "total", PodLabel: "pod", Namespace: "shop"}
	buckets := source.Question{Histogram: "h", PodLabel: "pod", Namespace: "shop"}
	value := source.Question{Value: "v", PodLabel: "pod", Namespace: "shop"}
	for name, row := range map[string]struct {
		question source.Question
		answers  map[string]string
		want     map[string]source.Sample
		failure  source.Failure
		message  string
	}{
		"counts by pod": {question: ratio,
			answers: map[string]string{"bad": vector(`{"pod":"a"} 3`, `{"pod":"b"} 0`), "total": vector(`{"pod":"a"} 10`, `{"pod":"b"} 20`)},
			want:    map[string]source.Sample{"a": {Bad: 3, Total: 10}, "b": {Total: 20}}},
		"no bad series means none": {question: ratio,
			answers: map[string]string{"bad": vector(), "total": vector(`{"pod":"a"} 10`)},
			want:    map[string]source.Sample{"a": {Total: 10}}},
		"bad that is not a number is no data, and not none": {question: ratio,
			answers: map[string]string{"bad": vector(`{"pod":"a"} NaN`, `{"pod":"b"} +Inf`, `{"pod":"c"} 5`), "total": vector(`{"pod":"a"} 10`, `{"pod":"b"} 10`, `{"pod":"c"} 10`)},
			want:    map[string]source.Sample{"c": {Bad: 5, Total: 10}}},
		"no total means no data": {question: ratio,
			answers: map[string]string{"bad": vector(`{"pod":"a"} 3`), "total": vector()},
			want:    map[string]source.Sample{}},
		"bad a scrape ahead of total": {question: ratio,
			answers: map[string]string{"bad": vector(`{"pod":"a"} 11`), "total": vector(`{"pod":"a"} 10`)},
			want:    map[string]source.Sample{"a": {Bad: 10, Total: 10}}},
		"values": {question: value, answers: map[string]string{"v": vector(`{"pod":"a"} 0.9`)},
			want: map[string]source.Sample{"a": {Value: 0.9}}},
		"not a number is no data": {question: value, answers: map[string]string{"v": vector(`{"pod":"a"} NaN`, `{"pod":"b"} +Inf`, `{"pod":"c"} -1`)},
			want: map[string]source.Sample{"c": {Value: -1}}},
		"an empty answer": {question: value, answers: map[string]string{"v": vector()}, want: map[string]source.Sample{}},
		"a pod of that name in another namespace": {question: value,
			answers: map[string]string{"v": vector(`{"pod":"a","namespace":"other"} 9`, `{"pod":"a","namespace":"shop"} 1`)},
			want:    map[string]source.Sample{"a": {Value: 1}}},

		"a histogram, in any order": {question: buckets,
			answers: map[string]string{"h": vector(`{"pod":"a","le":"+Inf"} 9`, `{"pod":"a","le":"0.1"} 4`, `{"pod":"a","le":"0.05"} 2`)},
			want:    map[string]source.Sample{"a": {Bounds: []float64{0.05, 0.1, math.Inf(1)}, Counts: []float64{2, 4, 9}}}},
		"a histogram without +Inf is no data": {question: buckets, answers: map[string]string{"h": vector(`{"pod":"a","le":"0.1"} 4`, `{"pod":"a","le":"1"} 5`)},
			want: map[string]source.Sample{}},
		"a histogram without le": {question: buckets, answers: map[string]string{"h": vector(`{"pod":"a"} 4`)},
			failure: source.Rejected, message: "no bucket bound in its label le"},
		"a bucket twice": {question: buckets, answers: map[string]string{"h": vector(`{"pod":"a","le":"1","code":"200"} 4`, `{"pod":"a","le":"1","code":"500"} 4`, `{"pod":"a","le":"+Inf"} 9`)},
			failure: source.Ambiguous, message: "several series for the bucket 1"},
		"two series a pod": {question: value, answers: map[string]string{"v": vector(`{"pod":"a","code":"200"} 9`, `{"pod":"a","code":"500"} 1`)},
			failure: source.Ambiguous, message: "several series for pod a: aggregate it"},
		"a label that isn't there": {question: value, answers: map[string]string{"v": vector(`{"instance":"a"} 9`)},
			failure: source.Rejected, message: `no series of the answer has a label "pod"`},
		"a scalar": {question: value, answers: map[string]string{"v": `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`},
			failure: source.Rejected, message: "the answer is a scalar where a vector"},
		"a wrong query":  {question: value, failure: source.Rejected, message: "parse error: unexpected end of input"},
		"a hung server":  {question: value, answers: map[string]string{"v": "hang"}, failure: source.Failed, message: "deadline exceeded"},
		"not Prometheus": {question: value, answers: map[string]string{"v": "<html>"}, failure: source.Failed, message: "did not answer"},
		"an answer in part": {question: value,
			answers: map[string]string{"v": `{"status":"success","warnings":["store gone"],"data":{"resultType":"vector","result":[]}}`},
			failure: source.Failed, message: "not complete: store gone"},
		"bad without total": {question: ratio, answers: map[string]string{"bad": vector()}, failure: source.Rejected, message: "parse error"},
	} {
		t.Run(name, func(t *testing.T) {
			got := prometheus(t, row.answers).Ask(context.Background(), []source.Question{row.question}, time.Unix(1772334000, 0))[0]
			if row.failure == "" {
				if got.Err != nil || !reflect.DeepEqual(got.ByPod, row.want) {
					t.Errorf("got %v, %v; want %v", got.ByPod, got.Err, row.want)
				}
				return
			}
			var failed *source.QueryError
			if !errors.As(got.Err, &failed) || failed.Failure != row.failure || !strings.Contains(failed.Error(), row.message) {
				t.Errorf("got %v, want %s: %s", got.Err, row.failure, row.message)
			}
			if len(got.ByPod) > 0 {
				t.Errorf("an error with data: %v", got.ByPod)
			}
		})
	}
}

func TestOneBadQueryDoesNotHideTheOthers(t *testing.T) {
	p := prometheus(t, map[string]string{"v": vector(`{"pod":"a"} 1`)})
	got := p.Ask(context.Background(), []source.Question{{Value: "wrong", PodLabel: "pod"}, {Value: "v", PodLabel: "pod"}}, time.Now())
	if got[0].Err == nil || got[1].Err != nil || len(got[1].ByPod) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestHistory: a range is what the instants would have been, gaps included.
func TestHistory(t *testing.T) {
	matrix := func(series string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}}`
	}
	p := prometheus(t, map[string]string{
		"bad":   matrix(`{"metric":{"pod":"a"},"values":[[1000,"1"],[1030,"3"]]}`),
		"total": matrix(`{"metric":{"pod":"a"},"values":[[1000,"10"],[1015,"20"],[1030,"30"]]},{"metric":{"pod":"b"},"values":[[1030,"5"]]}`),
	})
	got, err := p.History(context.Background(), []source.Question{{Bad: "bad", Total: "total", PodLabel: "pod"}}, time.Unix(1000, 0), time.Unix(1030, 0), 15*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]source.Sample{
		{"a": {Bad: 1, Total: 10}}, {"a": {Total: 20}}, {"a": {Bad: 3, Total: 30}, "b": {Total: 5}},
	}
	if len(got) != len(want) {
		t.Fatalf("%d moments, want %d", len(got), len(want))
	}
	for i, m := range got {
		if !m.At.Equal(time.Unix(int64(1000+15*i), 0)) || !reflect.DeepEqual(m.Answers[0].ByPod, want[i]) {
			t.Errorf("moment %d: %v %v, want %v", i, m.At, m.Answers[0].ByPod, want[i])
		}
	}
	if _, err := p.History(context.Background(), []source.Question{{Value: "wrong", PodLabel: "pod"}}, time.Unix(0, 0), time.Unix(9, 0), time.Second); err == nil {
		t.Error("a wrong query gave a history")
	}
}

func TestExpand(t *testing.T) {
	got := source.Expand(`sum by (pod) (increase(x{namespace="$namespace",job="$service"}[$__window]))`, "shop", "web", 90*time.Second)
	if want := `sum by (pod) (increase(x{namespace="shop",job="web"}[1m30s]))`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestNewRefusesANonsenseAddress(t *testing.T) {
	if _, err := source.New("http://[", config.HTTPClientConfig{}, time.Second); err == nil || !strings.Contains(err.Error(), "the address of Prometheus") {
		t.Errorf("got %v", err)
	}
}
