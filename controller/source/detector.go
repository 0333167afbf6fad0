package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/podgate/podgate/controller/tracing"
)

// Detector is an HTTP server that is asked which pods are bad.
type Detector struct {
	// URL is asked with GET; Timeout (greater than 0) is how long the whole answer
	// may take.
	URL     string
	Timeout time.Duration
	// CABundle is the PEM certificates that the server's must be signed by; that of
	// the machine if empty.
	CABundle string
}

// maxAnswer is how large an answer may be, in bytes: a thousand whole pods are a
// third of it.
const maxAnswer = 32 << 20

// DetectorError says which detector gave no usable answer, and why.
type DetectorError struct {
	// Failure is Rejected for a detector that may not be asked, else Failed.
	Failure Failure
	URL     string
	Err     error
}

func (e *DetectorError) Error() string {
	if e.Failure == Rejected {
		return fmt.Sprintf("the detector %s is not asked: %v", e.URL, e.Err)
	}
	return fmt.Sprintf("the detector %s gave no answer: %v", e.URL, e.Err)
}

func (e *DetectorError) Unwrap() error { return e.Err }

// errElsewhere is the answer to a question about a detector where only Prometheus
// is asked, or where the question is about the past.
var errElsewhere = errors.New("only the controller asks it, and only about now")

// Detectors ask the detectors whose hosts the operator allows.
type Detectors struct{ hosts []string }

// NewDetectors returns what asks detectors on hosts that match one of the patterns
// (see path.Match), such as *.shop.svc; without patterns none may be asked. An
// error names the pattern that is none.
func NewDetectors(hosts []string) (*Detectors, error) {
	for _, h := range hosts {
		if _, err := path.Match(h, ""); err != nil || h == "" {
			return nil, fmt.Errorf("%q is no pattern for hosts: write one such as detector.shop.svc or *.shop.svc", h)
		}
	}
	return &Detectors{hosts}, nil
}

// Ask asks one detector. Pods that it names have the value 1; all others of the
// fleet have 0. A pod that it says is in another namespace is named with that.
func (d *Detectors) Ask(ctx context.Context, q Question) Answer {
	began := time.Now()
	failed := func(f Failure, err error) Answer {
		return Answer{Took: time.Since(began), Err: &DetectorError{f, q.Detector.URL, err}}
	}
	if err := d.allow(q.Detector.URL); err != nil {
		return failed(Rejected, err)
	}
	ctx, end := tracing.Part(ctx, "ask detector", attribute.String("podgate.signal", q.Signal))
	named, err := q.Detector.get(ctx)
	end(err)
	if err != nil {
		return failed(Failed, err)
	}
	a := Answer{Took: time.Since(began), ByPod: map[string]Sample{}, Rest: &Sample{}}
	for _, p := range named {
		name := p.Metadata.Name
		if p.Metadata.Namespace != "" && p.Metadata.Namespace != q.Namespace {
			name = p.Metadata.Namespace + "/" + name
		}
		a.ByPod[name] = Sample{Value: 1, UID: p.Metadata.UID}
	}
	return a
}

// allow keeps a gate's author from sending the controller wherever they like: it
// may reach what they may not.
func (d *Detectors) allow(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if u.Hostname() == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("its address must begin with http:// or https://, a host and no user")
	}
	if !slices.ContainsFunc(d.hosts, func(pattern string) bool { ok, _ := path.Match(pattern, u.Hostname()); return ok }) {
		return fmt.Errorf("its host is not among those that the controller may ask: start it with --external-detectors=%s", u.Hostname())
	}
	return nil
}

// namedPod is what is read of a pod that a detector names.
type namedPod struct {
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
		UID       string `json:"uid"`
	} `json:"metadata"`
}

// get asks the detector for a list of pods.
func (d *Detector) get(ctx context.Context) ([]namedPod, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.Timeout, fmt.Errorf("it took longer than %s", d.Timeout))
	defer cancel()
	client, err := d.client()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, why(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its status is %s where 200 is needed", response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, why(ctx, err)
	}
	return podList(text)
}

// why says that the time was up, if it was, else what went wrong without the
// address, which is told anyway.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// client makes a client for one request: a look asks once, and whoever was asked at
// the last look may be somebody else by now. It follows no redirect, because that
// could lead where the controller may not ask.
func (d *Detector) client() (*http.Client, error) {
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	if d.CABundle != "" {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(d.CABundle)) {
			return nil, errors.New("caBundle has no certificate: give PEM, base64-encoded")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: tracing.Transport(transport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// podList reads a PodList (or a List). What is none is an error: silence about all
// pods must be said.
func podList(text []byte) ([]namedPod, error) {
	if len(text) > maxAnswer {
		return nil, fmt.Errorf("its answer has more than %d MiB: answer with the pods' names only", maxAnswer>>20)
	}
	var list struct {
		Kind  string          `json:"kind"`
		Items json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("its answer is no JSON object: %w", err)
	}
	if list.Items == nil || !slices.Contains([]string{"PodList", "List", ""}, list.Kind) {
		return nil, fmt.Errorf("its answer is no PodList (kind %q): answer {\"kind\":\"PodList\",\"items\":[{\"metadata\":{\"name\":\"...\"}}]}", list.Kind)
	}
	var pods []namedPod
	if err := json.Unmarshal(list.Items, &pods); err != nil {
		return nil, fmt.Errorf("the items of its answer are no pods: %w", err)
	}
	if slices.ContainsFunc(pods, func(p namedPod) bool { return p.Metadata.Name == "" }) {
		return nil, errors.New("a pod of its answer has no metadata.name")
	}
	return pods, nil
}

// All asks Prometheus and detectors, each about what is theirs.
type All struct {
	*Prometheus
	Detectors *Detectors
}

// Ask asks all questions, and returns an answer for each in their order. Detectors
// are asked while Prometheus is, so that none is late because of another.
func (s All) Ask(ctx context.Context, questions []Question, at time.Time) []Answer {
	detected := make([]Answer, len(questions))
	var all sync.WaitGroup
	for i, q := range questions {
		if q.Detector != nil {
			all.Go(func() { detected[i] = s.Detectors.Ask(ctx, q) })
		}
	}
	answers := s.Prometheus.Ask(ctx, questions, at)
	all.Wait()
	for i, q := range questions {
		if q.Detector != nil {
			answers[i] = detected[i]
		}
	}
	return answers
}
