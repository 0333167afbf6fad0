package server

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Dials are what can be set at run time with POST /dials. A post sets the
// fields it has and leaves the others as they are.
type Dials struct {
	// ErrorShare is the share of requests, 0 to 1, that are answered with 500.
	ErrorShare float64 `json:"errorShare"`
	// Latency is how long a request takes in the middle; single ones vary
	// around it, log-normally. Default 5ms.
	Latency Duration `json:"latency"`
	// LatencyFactor multiplies the latency. Default 1.
	LatencyFactor float64 `json:"latencyFactor"`
	// CPU is the share of one core, 0 to 1, that is burnt besides.
	CPU float64 `json:"cpu"`
	// RequestCPU is the CPU time that a request takes. Default 0.
	RequestCPU Duration `json:"requestCPU"`
	// Hang makes requests wait until their client gives up.
	Hang bool `json:"hang"`
}

// Healthy are the dials at start.
var Healthy = Dials{Latency: Duration(5 * time.Millisecond), LatencyFactor: 1}

// Duration is a time.Duration that reads and writes as a string such as "20ms".
type Duration time.Duration

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// with reads JSON over the dials.
func (d Dials) with(r io.Reader) (Dials, error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return d, fmt.Errorf("dials: %w", err)
	}
	return d, d.check()
}

func (d Dials) check() error {
	switch {
	case d.ErrorShare < 0 || d.ErrorShare > 1:
		return fmt.Errorf("dials: errorShare is %v: must be from 0 to 1", d.ErrorShare)
	case d.CPU < 0 || d.CPU > 1:
		return fmt.Errorf("dials: cpu is %v: must be from 0 to 1", d.CPU)
	case d.Latency < 0:
		return fmt.Errorf("dials: latency is %v: must not be negative", time.Duration(d.Latency))
	case d.RequestCPU < 0:
		return fmt.Errorf("dials: requestCPU is %v: must not be negative", time.Duration(d.RequestCPU))
	case d.LatencyFactor < 0:
		return fmt.Errorf("dials: latencyFactor is %v: must not be negative", d.LatencyFactor)
	}
	return nil
}
