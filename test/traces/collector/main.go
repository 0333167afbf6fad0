// Command collector takes traces over OTLP/HTTP, and tells what it took. Told to
// hang, it answers no more.
package main

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is one, with its attributes that are texts.
type span struct {
	Trace, Span, Parent, Name, Error string
	Attributes                       map[string]string
}

func main() {
	listen := flag.String("listen", ":4318", "where to take traces and to tell of them")
	flag.Parse()
	var mu sync.Mutex
	took := []span{}
	hanging := make(chan struct{})
	hang := sync.OnceFunc(func() { close(hanging) })
	http.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-hanging:
			<-r.Context().Done()
			return
		default:
		}
		body, err := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err != nil || proto.Unmarshal(body, request) != nil {
			http.Error(w, "no traces", http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		took = append(took, spansOf(request)...)
	})
	http.HandleFunc("POST /hang", func(http.ResponseWriter, *http.Request) { hang() })
	http.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("GET /spans", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(took)
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func spansOf(request *collector.ExportTraceServiceRequest) (out []span) {
	for _, r := range request.ResourceSpans {
		for _, scope := range r.ScopeSpans {
			for _, s := range scope.Spans {
				attributes := map[string]string{}
				for _, a := range append(s.Attributes, r.Resource.Attributes...) {
					attributes[a.Key] = a.Value.GetStringValue()
				}
				out = append(out, span{hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId),
					s.Name, s.Status.GetMessage(), attributes})
			}
		}
	}
	return out
}
