// Command detector names the pods over HTTPS that it was told over HTTP to name.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"
)

// said is what it answers with, and after how long.
type said struct {
	Pods  []pod  `json:"pods"`
	Delay string `json:"delay"`
}

type pod struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func main() {
	listen := flag.String("listen", ":8443", "where to answer, over HTTPS")
	told := flag.String("told", ":8080", "where to be told what to answer, over HTTP")
	flag.Parse()
	var mu sync.Mutex
	var now said
	certificate, err := tls.X509KeyPair([]byte(os.Getenv("TLS_CERT")), []byte(os.Getenv("TLS_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	bad := http.NewServeMux()
	bad.HandleFunc("GET /bad-pods", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		say := now
		mu.Unlock()
		delay, _ := time.ParseDuration(say.Delay)
		select {
		case <-r.Context().Done():
			return
		case <-time.After(delay):
		}
		type item struct {
			Metadata pod `json:"metadata"`
		}
		list := struct {
			Kind  string `json:"kind"`
			Items []item `json:"items"`
		}{Kind: "PodList", Items: []item{}}
		for _, p := range say.Pods {
			list.Items = append(list.Items, item{p})
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	go func() {
		server := &http.Server{Addr: *listen, Handler: bad, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
		log.Fatal(server.ListenAndServeTLS("", ""))
	}()
	tell := http.NewServeMux()
	tell.HandleFunc("POST /say", func(w http.ResponseWriter, r *http.Request) {
		var say said
		if err := json.NewDecoder(r.Body).Decode(&say); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		now = say
		mu.Unlock()
	})
	tell.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	log.Fatal(http.ListenAndServe(*told, tell))
}
