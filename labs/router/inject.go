package router

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The phases of a request at which a fault can strike.
const (
	phaseConnect = "connect" // a connection was accepted, nothing was said on it
	phaseRequest = "request" // received, not executed
	phaseWrite   = "write"   // while it is executed: before a step of writing the state directory
	phaseReply   = "reply"   // executed, nothing of the answer sent
	phaseHalf    = "half"    // half the bytes of the answer sent
)

// What a fault does.
const (
	actDelay      = "delay"       // for Duration, then it goes on
	actDrop       = "drop"        // cuts the TCP connection
	actHold       = "hold"        // until it is released, or the peer goes
	actKill       = "kill"        // ends the process as kill -9 does
	actRestart    = "restart"     // a power cut: this router is down for Duration and comes back from what is on its disk
	actError      = "error"       // answers with Text as an error
	actDiskFull   = "disk-full"   // every write fails while the request is executed; phase write
	actRefuse     = "refuse"      // drop in phase connect
	actSlowAccept = "slow-accept" // delay in phase connect
)

// Injection is a fault that waits for its request: which one, when in it, and what happens then. It is the `fault` of
// the control protocol.
type Injection struct {
	// Operation is the local name of a NETCONF request, or `*` for any of them. Empty with Command empty too: `*`.
	Operation string `json:"operation,omitempty"`
	// Command is the first words of a CLI command, in a CLI or in a <command>; `*` for any of them.
	Command string `json:"command,omitempty"`
	// With and Without are children or attributes of the request, or words of the command, that must be there or must not.
	With    []string `json:"with,omitempty"`
	Without []string `json:"without,omitempty"`
	// Step is the step of phase write, such as `index rename`; empty: each.
	Step string `json:"step,omitempty"`
	// Nth is which of the matching requests is struck, from 1; 0 is 1.
	Nth int `json:"nth,omitempty"`
	// Times is how many are struck from the Nth on; 0 is 1, -1 is all until it is cleared.
	Times int `json:"times,omitempty"`
	// Phase is connect, request, write, reply or half; empty: request, or the one that the action has.
	Phase string `json:"phase,omitempty"`
	// Action is delay, drop, hold, kill, restart, error, disk-full, refuse or slow-accept.
	Action string `json:"action"`
	// Duration is how long delay, slow-accept and restart take.
	Duration Duration `json:"duration,omitzero"`
	// Text is what action error says.
	Text string `json:"text,omitempty"`
}

// Duration is a time.Duration that JSON has as a text, such as `1.5s`.
type Duration time.Duration

// MarshalText writes it as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what time.ParseDuration does; a negative one is refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("read duration: %w", err)
	}
	if v < 0 {
		return fmt.Errorf("read duration: %s is negative", text)
	}
	*d = Duration(v)
	return nil
}

// complete fills in what was left out, and refuses what can't strike.
func (x *Injection) complete() error {
	connects := x.Action == actRefuse || x.Action == actSlowAccept
	switch {
	case x.Phase != "":
	case connects:
		x.Phase = phaseConnect
	case x.Action == actDiskFull:
		x.Phase = phaseWrite
	default:
		x.Phase = phaseRequest
	}
	if x.Phase != phaseConnect && x.Operation == "" && x.Command == "" {
		x.Operation = "*"
	}
	x.Nth, x.Command = max(x.Nth, 1), strings.Join(strings.Fields(x.Command), " ")
	if x.Times == 0 {
		x.Times = 1
	}
	phases := []string{phaseConnect, phaseRequest, phaseWrite, phaseReply, phaseHalf}
	actions := []string{actDelay, actDrop, actHold, actKill, actRestart, actError, actDiskFull, actRefuse, actSlowAccept}
	timed := x.Action == actDelay || x.Action == actSlowAccept
	switch {
	case !slices.Contains(phases, x.Phase):
		return fmt.Errorf("phase %q: expected one of %s", x.Phase, strings.Join(phases, ", "))
	case !slices.Contains(actions, x.Action):
		return fmt.Errorf("action %q: expected one of %s", x.Action, strings.Join(actions, ", "))
	case connects && x.Phase != phaseConnect, x.Action == actError && (x.Phase == phaseConnect || x.Phase == phaseHalf):
		return fmt.Errorf("action %s does not go with phase %s", x.Action, x.Phase)
	case x.Action == actDiskFull && x.Phase != phaseWrite, x.Phase == phaseWrite && x.Action == actDrop:
		return fmt.Errorf("action %s does not go with phase %s", x.Action, x.Phase)
	case x.Phase == phaseConnect && (x.Operation != "" || x.Command != "" || len(x.With)+len(x.Without) > 0):
		return errors.New("phase connect knows no operation, no command and nothing within them")
	case x.Step != "" && x.Phase != phaseWrite:
		return errors.New("a step is of phase write")
	case timed && x.Duration == 0:
		return fmt.Errorf("action %s needs a duration", x.Action)
	case x.Action == actError && x.Text == "":
		return errors.New("action error needs a text")
	case x.Times < -1:
		return fmt.Errorf("times %d: expected -1 (always) or more", x.Times)
	}
	return x.knownOperation()
}

// knownOperation refuses a name that no request can have: it would wait for ever.
func (x *Injection) knownOperation() error {
	if x.Operation == "" || x.Operation == "*" || x.Operation == "hello" || known(x.Operation) {
		return nil
	}
	return fmt.Errorf("operation %q: this router does not know it", x.Operation)
}

// errCut ends a session whose connection a fault has cut.
var errCut = errors.New("cut by an injected fault")

// request is what an Injection is held against.
type request struct {
	operation string   // of NETCONF, empty in a CLI
	words     []string // of a CLI command, also within <command>
	has       func(name string) bool
}

func (x *Injection) matches(q request) bool {
	if x.Operation != "" && (q.operation == "" || x.Operation != "*" && x.Operation != q.operation) {
		return false
	}
	if words := strings.Fields(x.Command); len(words) > 0 && x.Command != "*" &&
		(len(q.words) < len(words) || !slices.Equal(words, q.words[:len(words)])) {
		return false
	}
	if x.Command != "" && len(q.words) == 0 {
		return false
	}
	return !slices.ContainsFunc(x.Without, q.has) && !slices.ContainsFunc(x.With, func(name string) bool { return !q.has(name) })
}

// armed is an Injection in an injector, which guards it.
type armed struct {
	Injection
	id       int
	seen     int           // requests that matched
	hits     int           // and were struck
	held     int           // peers that it holds now
	released chan struct{} // closed to let them go on
}

// injector has the faults of one router and strikes with them.
type injector struct {
	kill    func()                   // ends the process
	restart func(down time.Duration) // of the router; returns at once
	mu      sync.Mutex
	next    int
	faults  []*armed
	writes  map[*passage]bool // whose faults strike while the state directory is written
	changed chan struct{}     // closed and renewed whenever a count changes
	down    chan struct{}     // closed while the router is down: nobody is held any longer
}

func newInjector() *injector {
	return &injector{changed: make(chan struct{}), down: make(chan struct{}), writes: map[*passage]bool{}}
}

// arm adds a fault and returns its number.
func (in *injector) arm(x Injection) (int, error) {
	if err := x.complete(); err != nil {
		return 0, fmt.Errorf("arm fault: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.next++
	in.faults = append(in.faults, &armed{Injection: x, id: in.next, released: make(chan struct{})})
	return in.next, nil
}

// release lets those go on whom a fault holds, of all faults for id 0. With disarm the fault is gone. It says how many
// faults there were.
func (in *injector) release(id int, disarm bool) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := 0
	in.faults = slices.DeleteFunc(in.faults, func(a *armed) bool {
		if id != 0 && a.id != id {
			return false
		}
		n++
		close(a.released)
		a.released = make(chan struct{})
		return disarm
	})
	in.note()
	return n
}

// note wakes who waits for a change.
func (in *injector) note() {
	close(in.changed)
	in.changed = make(chan struct{})
}

// interrupt lets nobody be held or delayed any longer, until renew.
func (in *injector) interrupt() {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.down:
	default:
		close(in.down)
	}
}

func (in *injector) renew() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = make(chan struct{})
}

// passage is one request on its way through the router, with the faults that strike it. A nil one has none.
type passage struct {
	in     *injector
	faults []*armed
	gone   <-chan struct{} // closed when the peer has left
	down   <-chan struct{}
	cut    func()          // ends its connection
	struck map[*armed]bool // in phase write
	over   atomic.Bool     // a write was cut off: whatever the store made of it, nothing is answered
}

// pass begins a passage; end ends it.
func (in *injector) pass(q request, gone <-chan struct{}, cut func()) *passage {
	return in.begin(gone, cut, func(x *Injection) bool { return x.Phase != phaseConnect && x.matches(q) })
}

// connection begins the passage of a connection.
func (in *injector) connection(cut func()) *passage {
	return in.begin(nil, cut, func(x *Injection) bool { return x.Phase == phaseConnect })
}

func (in *injector) begin(gone <-chan struct{}, cut func(), matches func(*Injection) bool) *passage {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := &passage{in: in, gone: gone, cut: cut, down: in.down, struck: map[*armed]bool{}}
	writes := false
	for _, a := range in.faults {
		if !matches(&a.Injection) {
			continue
		}
		a.seen++
		if a.seen < a.Nth || a.Times > 0 && a.seen >= a.Nth+a.Times {
			continue
		}
		p.faults = append(p.faults, a)
		writes = writes || a.Phase == phaseWrite
	}
	if len(p.faults) == 0 {
		return nil
	}
	if writes {
		in.writes[p] = true
	}
	return p
}

func (p *passage) end() {
	if p == nil {
		return
	}
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	delete(p.in.writes, p)
}

// strikes tells whether a fault waits at one of the phases.
func (p *passage) strikes(phases ...string) bool {
	return p != nil && slices.ContainsFunc(p.faults, func(a *armed) bool { return slices.Contains(phases, a.Phase) })
}

// at strikes. Nil: go on. errCut: the session is over. faults: answer with them.
func (p *passage) at(phase string) error {
	if p == nil {
		return nil
	}
	if p.over.Load() {
		return errCut
	}
	for _, a := range p.faults {
		if a.Phase != phase {
			continue
		}
		p.in.hit(a)
		if err := p.act(a); err != nil {
			return err
		}
	}
	return nil
}

func (in *injector) hit(a *armed) {
	in.mu.Lock()
	defer in.mu.Unlock()
	a.hits++
	in.note()
}

// writing strikes before a step of writing the state directory: the hook of the store.
func (in *injector) writing(step string) error {
	in.mu.Lock()
	var open []*passage
	for p := range in.writes {
		open = append(open, p)
	}
	in.mu.Unlock()
	for _, p := range open {
		for _, a := range p.faults {
			if a.Phase != phaseWrite || a.Step != "" && a.Step != step || p.struck[a] && a.Action != actDiskFull {
				continue
			}
			if !p.struck[a] {
				p.struck[a] = true
				in.hit(a)
			}
			if err := p.act(a); err != nil {
				p.over.Store(errors.Is(err, errCut))
				return fmt.Errorf("%s: %w", step, err)
			}
		}
	}
	return nil
}

// act does what a fault does to one request.
func (p *passage) act(a *armed) error {
	switch a.Action {
	case actDelay, actSlowAccept:
		t := time.NewTimer(time.Duration(a.Duration))
		defer t.Stop()
		select {
		case <-t.C:
			return nil
		case <-p.gone:
		case <-p.down:
		}
		return errCut
	case actHold:
		return p.hold(a)
	case actKill:
		p.in.kill()
		<-p.down // nothing is answered while it dies
		return errCut
	case actRestart:
		p.in.restart(time.Duration(a.Duration))
		<-p.down
		return errCut
	case actError:
		return faultf("%s", a.Text)
	case actDiskFull:
		return &fs.PathError{Op: "write", Path: "/config", Err: syscall.ENOSPC}
	}
	p.cut()
	return errCut
}

func (p *passage) hold(a *armed) error {
	count := func(by int) <-chan struct{} {
		p.in.mu.Lock()
		defer p.in.mu.Unlock()
		a.held += by
		p.in.note()
		return a.released
	}
	released := count(1)
	defer count(-1)
	select {
	case <-released:
		return nil
	case <-p.gone:
	case <-p.down:
	}
	return errCut
}
