package router

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// ControlVersion is the version of the control protocol that this router speaks.
const ControlVersion = 1

// maxControlBytes is the longest line of the control protocol.
const maxControlBytes = 4 << 20

// defaultWait is how long `wait` waits when the request does not say.
const defaultWait = 30 * time.Second

// ControlRequest is one line of JSON on the control socket; docs/labrouter.md has the list of what can be asked.
type ControlRequest struct {
	// V is ControlVersion; 0 means it too.
	V int `json:"v,omitempty"`
	// Do is what is asked for.
	Do string `json:"do"`
	// Router is a router's host name as it was started, or `*` for all. It may be left out where there is but one.
	Router string `json:"router,omitempty"`
	// Fault is what to arm.
	Fault *Injection `json:"fault,omitempty"`
	// ID is a fault's number, for wait, and for release and clear, where 0 means all.
	ID int `json:"id,omitempty"`
	// Hits is how often the fault must have struck for wait to return; 0 is once.
	Hits int `json:"hits,omitempty"`
	// Timeout ends wait; 0 is 30s.
	Timeout Duration `json:"timeout,omitzero"`
	// Down is how long restart leaves the router off.
	Down Duration `json:"down,omitzero"`
	// Session is whom drop cuts off; 0 is everybody.
	Session int `json:"session,omitempty"`
	// State is added to what the router's feed says; with Replace it takes its place. Without it state shows what was fed.
	State   *Operational `json:"state,omitempty"`
	Replace bool         `json:"replace,omitempty"`
	// Absent takes the second routing engine or the other members of a virtual chassis away, for backup.
	Absent bool `json:"absent,omitempty"`
}

// ControlAnswer is the line that answers a ControlRequest.
type ControlAnswer struct {
	V     int    `json:"v"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Count is how many faults or connections the request concerned.
	Count    int             `json:"count,omitempty"`
	Faults   []ArmedFault    `json:"faults,omitempty"`
	Routers  []RouterStatus  `json:"routers,omitempty"`
	Sessions []SessionStatus `json:"sessions,omitempty"`
	// State is what was fed, by router.
	State map[string]Operational `json:"state,omitempty"`
}

// ArmedFault is a fault and how often it struck.
type ArmedFault struct {
	Router string `json:"router"`
	ID     int    `json:"id"`
	// Seen requests matched, Hits of them were struck, Held are held at the moment.
	Seen  int       `json:"seen"`
	Hits  int       `json:"hits"`
	Held  int       `json:"held,omitempty"`
	Fault Injection `json:"fault"`
}

// Control answers the control socket of one process with its routers.
type Control struct {
	routers map[string]*Router
	conns   connections
	done    chan struct{}
	once    sync.Once
}

// NewControl makes a control of routers, each under the host name of its Options.
func NewControl(routers ...*Router) *Control {
	c := &Control{routers: map[string]*Router{}, done: make(chan struct{})}
	for _, r := range routers {
		c.routers[r.opts.Hostname] = r
	}
	return c
}

// Serve answers on a listener until Close, and closes it. Each connection may send any number of requests; they are
// answered in their order.
func (c *Control) Serve(ln net.Listener) error {
	if !c.conns.add(ln) {
		return errors.Join(fmt.Errorf("serve control: %w", net.ErrClosed), ln.Close())
	}
	defer c.conns.remove(ln)
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return errors.Join(fmt.Errorf("serve control: accept: %w", err), ln.Close())
		}
		if !c.conns.add(conn) {
			_ = conn.Close() // nothing was asked yet
			continue
		}
		go func() {
			defer c.conns.remove(conn)
			c.converse(conn)
		}()
	}
}

// Close ends all connections and listeners.
func (c *Control) Close() {
	c.once.Do(func() { close(c.done) })
	c.conns.closeAll()
}

func (c *Control) converse(conn io.ReadWriteCloser) {
	defer func() { _ = conn.Close() }() // the peer is answered or gone
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxControlBytes)
	enc := json.NewEncoder(conn)
	enc.SetEscapeHTML(false)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		if enc.Encode(c.Line(lines.Bytes())) != nil {
			return
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		_ = enc.Encode(refusal(fmt.Errorf("read request: %w", err))) // it is over anyway
	}
}

func refusal(err error) ControlAnswer { return ControlAnswer{V: ControlVersion, Error: err.Error()} }

// Line answers one line of the protocol.
func (c *Control) Line(line []byte) ControlAnswer {
	var q ControlRequest
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&q)
	if err == nil && d.More() {
		err = errors.New("more than one request in a line")
	}
	if err != nil {
		return refusal(fmt.Errorf("read request: %w", err))
	}
	return c.Do(q)
}

// Do answers one request.
func (c *Control) Do(q ControlRequest) ControlAnswer {
	if q.V != 0 && q.V != ControlVersion {
		return refusal(fmt.Errorf("version %d: this router speaks %d", q.V, ControlVersion))
	}
	do := controls[q.Do]
	if do == nil {
		return refusal(fmt.Errorf("do %q: expected one of %s", q.Do, strings.Join(slices.Sorted(maps.Keys(controls)), ", ")))
	}
	targets, err := c.targets(q)
	if err != nil {
		return refusal(fmt.Errorf("%s: %w", q.Do, err))
	}
	answer := ControlAnswer{V: ControlVersion, OK: true}
	if err := do(c, targets, q, &answer); err != nil {
		return refusal(fmt.Errorf("%s: %w", q.Do, err))
	}
	return answer
}

// targets are the routers of a request, in the order of their names.
func (c *Control) targets(q ControlRequest) ([]*Router, error) {
	names := slices.Sorted(maps.Keys(c.routers))
	all := q.Router == "*" || q.Router == "" && (len(names) == 1 || q.Do == "status" || q.Do == "list" || q.Do == "kill")
	switch {
	case !all && q.Router == "":
		return nil, fmt.Errorf("which of %d routers? name one, or * for all", len(names))
	case !all && c.routers[q.Router] == nil:
		return nil, fmt.Errorf("router %q is not here; there are: %s", q.Router, strings.Join(names, ", "))
	case !all:
		names = []string{q.Router}
	}
	var out []*Router
	for _, name := range names {
		out = append(out, c.routers[name])
	}
	return out, nil
}

// control does one kind of request and fills in its answer.
type control func(c *Control, targets []*Router, q ControlRequest, a *ControlAnswer) error

// controls is everything that can be asked of the control socket.
var controls = map[string]control{
	"arm":          (*Control).arm,
	"backup":       (*Control).backup,
	"clear":        (*Control).clear,
	"drop":         (*Control).drop,
	"kill":         (*Control).kill,
	"list":         (*Control).list,
	"new-host-key": (*Control).newHostKey,
	"release":      (*Control).release,
	"restart":      (*Control).restart,
	"sessions":     (*Control).sessions,
	"state":        (*Control).state,
	"status":       (*Control).status,
	"wait":         (*Control).wait,
}

func (c *Control) arm(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	if q.Fault == nil {
		return errors.New("a fault is needed")
	}
	for _, r := range targets {
		id, err := r.faults.arm(*q.Fault)
		if err != nil {
			return err
		}
		a.Faults = append(a.Faults, r.faults.list(r.opts.Hostname, id)...)
	}
	return nil
}

func (c *Control) list(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	for _, r := range targets {
		a.Faults = append(a.Faults, r.faults.list(r.opts.Hostname, q.ID)...)
	}
	return nil
}

func (c *Control) clear(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	return letGo(targets, q, a, true)
}

func (c *Control) release(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	return letGo(targets, q, a, false)
}

func letGo(targets []*Router, q ControlRequest, a *ControlAnswer, disarm bool) error {
	for _, r := range targets {
		a.Count += r.faults.release(q.ID, disarm)
	}
	if q.ID != 0 && a.Count == 0 {
		return fmt.Errorf("no fault %d is armed", q.ID)
	}
	return nil
}

// wait returns when a fault has struck, and says how often.
func (c *Control) wait(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	if len(targets) != 1 || q.ID == 0 {
		return errors.New("one router and the id of one fault are needed")
	}
	limit := time.Duration(q.Timeout)
	if limit == 0 {
		limit = defaultWait
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	r := targets[0]
	for {
		changed := r.faults.change()
		found := r.faults.list(r.opts.Hostname, q.ID)
		if len(found) == 0 {
			return fmt.Errorf("no fault %d is armed", q.ID)
		}
		if found[0].Hits >= max(1, q.Hits) {
			a.Faults = found
			return nil
		}
		select {
		case <-changed:
		case <-t.C:
			return fmt.Errorf("fault %d: %d hits of %d within %s (%d requests matched)", q.ID, found[0].Hits, max(1, q.Hits), limit, found[0].Seen)
		case <-c.done:
			return net.ErrClosed
		}
	}
}

// change returns what is closed at the next change of a count.
func (in *injector) change() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.changed
}

// list shows a fault, or all of them for id 0.
func (in *injector) list(name string, id int) []ArmedFault {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []ArmedFault
	for _, a := range in.faults {
		if id == 0 || a.id == id {
			out = append(out, ArmedFault{Router: name, ID: a.id, Seen: a.seen, Hits: a.hits, Held: a.held, Fault: a.Injection})
		}
	}
	return out
}
