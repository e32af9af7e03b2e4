package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// HookPoint is a place in a run at which hooks are called.
type HookPoint string

// The points.
const (
	HookStart    HookPoint = "start"    // before the first device; a required hook that fails stops the run before it began
	HookConfirm  HookPoint = "confirm"  // before a device is confirmed, in its window; a required hook that fails has it roll back
	HookRollback HookPoint = "rollback" // a device rolls back, or may have; and at the end of a run that did not commit all
	HookEnd      HookPoint = "end"      // the run ended, however
)

// UnmarshalText reads the name of a point.
func (p *HookPoint) UnmarshalText(text []byte) error {
	switch at := HookPoint(text); at {
	case HookStart, HookConfirm, HookRollback, HookEnd:
		*p = at
		return nil
	}
	return fmt.Errorf("unknown hook point %q: start, confirm, rollback or end", text)
}

// Hook is something outside that is told what a run does, and may object at its start and before a device is confirmed.
type Hook struct {
	Name   string      // for messages
	At     []HookPoint // none: all
	Caller HookCaller
	// Required makes a failure at HookStart and HookConfirm an objection. Any other failure is a note.
	Required bool
	// Timeout bounds a call with all its retries; 0 is 10 seconds. Within a confirm window it adds to what the window
	// must hold.
	Timeout time.Duration
}

// HookCaller delivers a payload: *CommandHook or *Webhook. An error is a failure, or an objection.
type HookCaller interface {
	Call(ctx context.Context, p HookPayload) error
}

// HookPayload is what a hook is told, as JSON. Fields are added, never changed. It holds no configuration text.
type HookPayload struct {
	Version int          `json:"version"` // 1
	Hook    HookPoint    `json:"hook"`
	Time    time.Time    `json:"time"`
	Run     string       `json:"run"`
	User    string       `json:"user"`
	Message string       `json:"message"`
	Tool    string       `json:"tool,omitempty"`
	Confirm string       `json:"confirm,omitempty"` // the window, as 3m0s; "": none
	Device  string       `json:"device,omitempty"`  // the one that it is about; "": all
	Sites   []string     `json:"sites"`             // of Devices, sorted
	Devices []HookDevice `json:"devices"`           // at confirm and rollback of a device: that one
}

// HookDevice is a device in a HookPayload.
type HookDevice struct {
	Device string `json:"device"`
	Site   string `json:"site,omitempty"`
	Pair   string `json:"pair,omitempty"`
	// Before and After are fingerprints of the running configuration; After is "" until it is known.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Result, Error and Hint are those of its outcome, at rollback and end.
	Result     *Result   `json:"result,omitempty"`
	Error      string    `json:"error,omitempty"`
	Hint       string    `json:"hint,omitempty"`
	RollbackAt time.Time `json:"rollback_at,omitzero"`
}

const defaultHookTimeout = 10 * time.Second

func (h Hook) timeout() time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return defaultHookTimeout
}

func (h Hook) at(p HookPoint) bool { return len(h.At) == 0 || slices.Contains(h.At, p) }

// HookError says that a required hook failed, or objected.
type HookError struct {
	Hook  string
	Point HookPoint
	Err   error
}

func (e *HookError) Error() string {
	return fmt.Sprintf("hook %s at %s: %v", e.Hook, e.Point, e.Err)
}
func (e *HookError) Unwrap() error { return e.Err }

// Hint says whose word it was.
func (e *HookError) Hint() string {
	if e.Point == HookStart {
		return "no device was touched: the hook is required, see what it says"
	}
	return "the device was not confirmed: the hook is required, see what it says"
}

// hooks calls the hooks of a run.
type hooks struct {
	list   []Hook
	base   HookPayload
	events *events
}

// call calls all hooks of a point, one after the other, and gives what failed of those that are required. The rest is
// noted. The caller's end does not end a call: what has happened is told in any case, bounded by the hook's own timeout.
func (h *hooks) call(ctx context.Context, p HookPayload) (notes []string, required error) {
	var errs []error
	for _, hook := range h.list {
		if !hook.at(p.Hook) {
			continue
		}
		err := h.one(ctx, hook, p)
		h.events.send(Event{Kind: EventHook, Device: p.Device, Text: hook.Name, Err: err})
		if err == nil {
			continue
		}
		if herr := (&HookError{Hook: hook.Name, Point: p.Hook, Err: err}); hook.Required && (p.Hook == HookStart || p.Hook == HookConfirm) {
			errs = append(errs, herr)
		} else {
			notes = append(notes, clean(herr.Error()))
		}
	}
	return notes, errors.Join(errs...)
}

func (h *hooks) one(ctx context.Context, hook Hook, p HookPayload) (err error) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), hook.timeout(),
		fmt.Errorf("no end within %s: %w", hook.timeout(), context.DeadlineExceeded))
	defer cancel()
	return hook.Caller.Call(ctx, p)
}

// longest is how much a point's hooks can take.
func longestHooks(list []Hook, p HookPoint) (d time.Duration) {
	for _, h := range list {
		if h.at(p) {
			d += h.timeout()
		}
	}
	return d
}

func (h *hooks) payload(at HookPoint, device string, list []HookDevice) HookPayload {
	p := h.base
	p.Version, p.Hook, p.Time, p.Device, p.Devices = 1, at, time.Now().UTC(), device, list
	p.Sites = []string{}
	for _, d := range list {
		if d.Site != "" && !slices.Contains(p.Sites, d.Site) {
			p.Sites = append(p.Sites, d.Site)
		}
	}
	slices.Sort(p.Sites)
	return p
}

// hookDevice is a job, with its outcome once it has one.
func hookDevice(j Job, out *Outcome) HookDevice {
	d := HookDevice{Device: j.Plan.Device, Site: j.Site, Pair: j.Pair, Before: j.Plan.Fingerprint}
	if out == nil {
		return d
	}
	if out.Before != "" {
		d.Before = out.Before
	}
	d.After, d.Result, d.RollbackAt = out.After, &out.Result, out.RollbackAt
	d.Error, d.Hint = auditText(out.Err), Hint(out.Err)
	return d
}

// tail is the end of what a command or a server said, on one line, for a message.
func tail(text []byte) string {
	const most = 300
	s := clean(string(text))
	if len(s) > most {
		s = "..." + strings.ToValidUTF8(s[len(s)-most:], "")
	}
	return s
}
