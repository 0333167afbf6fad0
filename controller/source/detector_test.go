package source_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/podgate/podgate/controller/source"
)

// detector is an HTTPS server that answers a path with the text that the test has
// for it, and the CA that it is signed by.
func detector(t *testing.T, answers map[string]string) (url, ca string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch text, ok := answers[r.URL.Path]; {
		case !ok:
			http.NotFound(w, r)
		case text == "hang":
			<-r.Context().Done()
		case text == "trickle":
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		case strings.HasPrefix(text, "to "):
			http.Redirect(w, r, text[3:], http.StatusFound)
		default:
			fmt.Fprint(w, text)
		}
	}))
	t.Cleanup(server.CloseClientConnections)
	t.Cleanup(server.Close)
	return server.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func TestDetector(t *testing.T) {
	const two = `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"shop","uid":"1"}},{"metadata":{"name":"b"}}]}`
	big := `{"items":[` + strings.Repeat(" ", 32<<20) + `]}`
	url, ca := detector(t, map[string]string{
		"/two": two, "/none": `{"kind":"PodList","items":[]}`, "/nil": `{"kind":"PodList","items":null}`, "/list": `{"items":[{"metadata":{"name":"a"}}]}`,
		"/elsewhere": `{"items":[{"metadata":{"name":"a","namespace":"other"}}]}`,
		"/hang":      "hang", "/trickle": "trickle", "/html": "<html>", "/object": `{"ok":true}`, "/status": `{"kind":"Status","items":[]}`,
		"/nameless": `{"items":[{"metadata":{}}]}`, "/words": `{"items":["a"]}`, "/redirect": "to /two", "/big": big,
	})
	allowed := []string{"127.0.0.*"}
	for name, row := range map[string]struct {
		path, ca string
		hosts    []string
		want     map[string]source.Sample
		failure  source.Failure
		message  string
	}{
		"pods by name, and UID if it is there": {path: "/two", want: map[string]source.Sample{"a": {Value: 1, UID: "1"}, "b": {Value: 1}}},
		"no pods":                              {path: "/none", want: map[string]source.Sample{}},
		"no pods, as Go writes it":             {path: "/nil", want: map[string]source.Sample{}},
		"a list without kind":                  {path: "/list", want: map[string]source.Sample{"a": {Value: 1}}},
		"a pod of another namespace":           {path: "/elsewhere", want: map[string]source.Sample{"other/a": {Value: 1}}},

		"a server that hangs":     {path: "/hang", failure: source.Failed, message: "it took longer than 500ms"},
		"an answer without end":   {path: "/trickle", failure: source.Failed, message: "it took longer than 500ms"},
		"a page":                  {path: "/html", failure: source.Failed, message: "its answer is no JSON object"},
		"another object":          {path: "/object", failure: source.Failed, message: `its answer is no PodList (kind "")`},
		"another kind":            {path: "/status", failure: source.Failed, message: `its answer is no PodList (kind "Status")`},
		"a pod without a name":    {path: "/nameless", failure: source.Failed, message: "a pod of its answer has no metadata.name"},
		"names instead of pods":   {path: "/words", failure: source.Failed, message: "the items of its answer are no pods"},
		"a path that isn't there": {path: "/gone", failure: source.Failed, message: "its status is 404 Not Found where 200 is needed"},
		"a redirect":              {path: "/redirect", failure: source.Failed, message: "its status is 302 Found where 200 is needed"},
		"too much":                {path: "/big", failure: source.Failed, message: "more than 32 MiB"},
		"signed by nobody known":  {path: "/two", ca: "none", failure: source.Failed, message: "certificate signed by unknown authority"},
		"a CA that is none":       {path: "/two", ca: "garbage", failure: source.Failed, message: "caBundle has no certificate"},
		"a host that nobody has allowed": {path: "/two", hosts: []string{"*.shop.svc"}, failure: source.Rejected,
			message: "start it with --external-detectors=127.0.0.1"},
		"no host is allowed by default": {path: "/two", hosts: []string{}, failure: source.Rejected, message: "not among those that the controller may ask"},
	} {
		t.Run(name, func(t *testing.T) {
			hosts, bundle := allowed, ca
			if row.hosts != nil {
				hosts = row.hosts
			}
			if row.ca != "" {
				bundle = strings.TrimPrefix(row.ca, "none")
			}
			detectors, err := source.NewDetectors(hosts)
			if err != nil {
				t.Fatal(err)
			}
			q := source.Question{Namespace: "shop", Detector: &source.Detector{URL: url + row.path, Timeout: 500 * time.Millisecond, CABundle: bundle}}
			if row.path != "/hang" && row.path != "/trickle" {
				q.Detector.Timeout = time.Minute
			}
			got := detectors.Ask(context.Background(), q)
			if row.failure == "" {
				if got.Err != nil || !reflect.DeepEqual(got.ByPod, row.want) || got.Rest == nil || got.Rest.Value != 0 {
					t.Errorf("got %v (the rest %v), %v; want %v", got.ByPod, got.Rest, got.Err, row.want)
				}
				return
			}
			var failed *source.DetectorError
			if !errors.As(got.Err, &failed) || failed.Failure != row.failure || !strings.Contains(failed.Error(), row.message) || !strings.Contains(failed.Error(), url+row.path) {
				t.Errorf("got %v, want %s: %s", got.Err, row.failure, row.message)
			}
			if len(got.ByPod) > 0 || got.Rest != nil {
				t.Errorf("an error with data: %+v", got)
			}
		})
	}
}

// TestAll: each question goes to who it is for, the answers keep their order, and
// a detector that hangs does not keep Prometheus' answer from being one.
func TestAll(t *testing.T) {
	url, ca := detector(t, map[string]string{"/": `{"items":[{"metadata":{"name":"a"}}]}`, "/hang": "hang"})
	detectors, err := source.NewDetectors([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	p := prometheus(t, map[string]string{"v": vector(`{"pod":"a"} 9`)})
	questions := []source.Question{
		{Detector: &source.Detector{URL: url, Timeout: time.Minute, CABundle: ca}},
		{Value: "v", PodLabel: "pod"},
		{Detector: &source.Detector{URL: url + "/hang", Timeout: 50 * time.Millisecond, CABundle: ca}},
	}
	got := source.All{Prometheus: p, Detectors: detectors}.Ask(context.Background(), questions, time.Now())
	if got[0].Err != nil || got[0].ByPod["a"].Value != 1 || got[1].Err != nil || got[1].ByPod["a"].Value != 9 || got[2].Err == nil {
		t.Errorf("got %+v", got)
	}

	// Prometheus knows neither what they say nor what they said.
	alone := p.Ask(context.Background(), questions[:2], time.Now())
	if alone[0].Err == nil || alone[1].ByPod["a"].Value != 9 {
		t.Errorf("Prometheus alone says %+v", alone)
	}
	past, err := p.History(context.Background(), questions[:1], time.Unix(0, 0), time.Unix(30, 0), 15*time.Second)
	if err != nil || len(past) != 3 || past[2].Answers[0].Err == nil {
		t.Errorf("the past is %+v (%v)", past, err)
	}
}

func TestNewDetectorsRefusesAPatternThatIsNone(t *testing.T) {
	for _, hosts := range [][]string{{"[a"}, {"detector", ""}} {
		if _, err := source.NewDetectors(hosts); err == nil || !strings.Contains(err.Error(), "is no pattern for hosts") {
			t.Errorf("%q: %v", hosts, err)
		}
	}
}
