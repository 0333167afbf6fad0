package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Op is what a Request asks for.
type Op string

// The operations. Dial turns the connection, once answered without an error,
// into a plain byte stream to the address.
const (
	Dial      Op = "dial"      // Network, Address
	WaitReady Op = "ready"     // answers when the whole cluster is ready, or cannot be
	Start     Op = "start"     // Component
	Stop      Op = "stop"      // Component
	Kill      Op = "kill"      // Component
	Pause     Op = "pause"     // Component
	Continue  Op = "continue"  // Component
	SignalPod Op = "signalpod" // Namespace, Name, Signal
	Memory    Op = "memory"    // answers Memory
)

// Request is the one message a client sends on a control connection.
type Request struct {
	Op        Op     `json:"op"`
	Component string `json:"component,omitempty"`
	Network   string `json:"network,omitempty"`
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Signal    int    `json:"signal,omitempty"`
}

// Response answers a Request.
type Response struct {
	Error  string           `json:"error,omitempty"`
	Memory map[string]int64 `json:"memory,omitempty"` // component → resident bytes
}

// Err is the response's error, or nil.
func (r Response) Err() error {
	if r.Error == "" {
		return nil
	}
	return errors.New(r.Error)
}

// maxMessage keeps a confused peer from making us allocate without limit.
const maxMessage = 1 << 20

// Write sends one message: its length in four bytes, then JSON. The length is
// there so that Read takes not one byte of the stream that may follow.
func Write(w io.Writer, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	_, err = w.Write(append(frame, data...))
	return err
}

// Read receives one message into the value that message points to.
func Read(r io.Reader, message any) error {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxMessage {
		return fmt.Errorf("message of %d bytes on the control socket: more than %d", n, maxMessage)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	return json.Unmarshal(data, message)
}
