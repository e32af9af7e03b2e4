package devices

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// EventKind says what an Event tells.
type EventKind string

// The kinds of events. A reader passes over what it does not know: kinds are added.
const (
	EventRun       EventKind = "run"        // the work begins: Devices are all of it, in order, and Batches how many batches
	EventBatch     EventKind = "batch"      // batch Batch of Batches begins, with Devices of Site
	EventDevice    EventKind = "device"     // State of Device changed; Text says what it waits for (nothing: for the others of its unit), Outcome or Err how it ended
	EventStep      EventKind = "step"       // Step of Device's transaction begins
	EventRetry     EventKind = "retry"      // attempt Attempt of Device failed with Err and is made again after Delay
	EventHook      EventKind = "hook"       // the hook Text is called; with Err it failed
	EventNote      EventKind = "note"       // Text is worth knowing, of Device or of the run
	EventStop      EventKind = "stop"       // nothing more is begun, because of Err; Text says what becomes of what is under way
	EventBatchDone EventKind = "batch-done" // batch Batch ended
	EventRunDone   EventKind = "run-done"   // the work ended
)

// State is where a device is in a run.
type State string

// The states, in their order. A device goes back and forth between running and waiting, and is done once.
const (
	StateQueued  State = "queued"
	StateRunning State = "running"
	StateWaiting State = "waiting" // for another device, a lock, a retry or the end of a window
	StateDone    State = "done"
)

// Event is one thing that happens in a run, or in a read of many devices. It holds no configuration text but what an
// error has; its JSON has not even that.
type Event struct {
	Time    time.Time     `json:"time"`
	Kind    EventKind     `json:"event"`
	Run     string        `json:"run,omitempty"` // "" in a read
	Device  string        `json:"device,omitempty"`
	State   State         `json:"state,omitempty"`
	Step    Step          `json:"step,omitempty"`
	Batch   int           `json:"batch,omitempty"` // counts from 1
	Batches int           `json:"batches,omitempty"`
	Site    string        `json:"site,omitempty"` // of a batch within one site
	Devices []string      `json:"devices,omitempty"`
	Attempt int           `json:"attempt,omitempty"` // the one that failed, counted from 1
	Delay   time.Duration `json:"delay_ns,omitempty"`
	Took    time.Duration `json:"took_ns,omitempty"` // of a device that is Done, from Running on
	Text    string        `json:"text,omitempty"`
	Outcome *Outcome      `json:"outcome,omitempty"` // of a device that is Done in a run
	Err     error         `json:"-"`
}

// MarshalJSON adds the error as text without configuration, as in the audit log.
func (e Event) MarshalJSON() ([]byte, error) {
	type plain Event
	return json.Marshal(struct {
		plain
		Error string `json:"error,omitempty"`
	}{plain(e), auditText(e.Err)})
}

// UnmarshalJSON reads what MarshalJSON gives; the error is its text.
func (e *Event) UnmarshalJSON(data []byte) error {
	type plain Event
	var j struct {
		plain
		Error string `json:"error"`
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*e = Event(j.plain)
	e.Err = told(j.Error, "")
	return nil
}

// String is the event in a line for a log; a display makes its own words.
func (e Event) String() string {
	s := string(e.Kind)
	switch e.Kind {
	case EventBatch, EventBatchDone:
		s += fmt.Sprintf(" %d of %d", e.Batch, e.Batches)
	case EventDevice:
		s += " " + string(e.State)
	case EventStep:
		s += " " + string(e.Step)
	case EventRetry:
		s += fmt.Sprintf(" %d in %s", e.Attempt, e.Delay)
	}
	if e.Device != "" {
		s = e.Device + ": " + s
	}
	if e.Outcome != nil {
		s += ": " + e.Outcome.String()
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Err != nil {
		s += ": " + auditText(e.Err)
	}
	return s
}

// events gives events to a callback one at a time, stamped, in the order in which they happen. Nil drops them.
type events struct {
	mu   sync.Mutex
	run  string
	to   func(Event)
	also func(Event) // the journal
}

func newEvents(run string, to, also func(Event)) *events {
	return &events{run: run, to: to, also: also}
}

func (e *events) send(ev Event) { e.done(ev, nil) }

// done sends, and calls then before anything else is sent.
func (e *events) done(ev Event, then func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.Time, ev.Run = time.Now().UTC(), e.run
	if e.also != nil {
		e.also(ev)
	}
	if e.to != nil {
		e.to(ev)
	}
	if then != nil {
		then()
	}
}

// device sends a change of a device's state.
func (e *events) device(name string, s State, text string) {
	e.send(Event{Kind: EventDevice, Device: name, State: s, Text: text})
}
