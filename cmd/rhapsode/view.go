package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// runView is what a person, or with --json a program, sees of a run while it works: progress, outcomes as they come, and
// at an interrupt what is open.
type runView struct {
	a        *app
	run      string
	json     bool
	confirm  time.Duration
	parallel int
	progress *cli.Progress

	mu      sync.Mutex
	begun   map[string]devices.Step // the step that each device at work is in
	windows map[string]time.Time    // devices with an open confirm window, and when it ends on its own at the latest

	unit map[string][]string // the devices that go in step with one, and it: their outcomes are shown together, in order
	kept map[string]devices.Outcome
}

func newRunView(a *app, run string, jobs []devices.Job, o changeOptions) *runView {
	v := &runView{
		a: a, run: run, json: o.json, confirm: o.confirm, parallel: a.parallel, progress: a.progress(),
		begun: map[string]devices.Step{}, windows: map[string]time.Time{},
		unit: map[string][]string{}, kept: map[string]devices.Outcome{},
	}
	pairs := map[string][]string{}
	for _, j := range jobs {
		if o.pairs == devices.Together && !o.allOrNone && j.Pair != "" {
			pairs[j.Pair] = append(pairs[j.Pair], j.Plan.Device)
		}
	}
	for _, pair := range pairs {
		for _, d := range pair {
			v.unit[d] = pair
		}
	}
	a.view.Store(v)
	return v
}

// event is told all that happens in the run, one after the other.
func (v *runView) event(e devices.Event) {
	v.note(e)
	if v.json {
		v.printEvent(e)
	}
	switch e.Kind {
	case devices.EventRun:
		v.progress.Begin("commit", len(e.Devices), 1)
	case devices.EventBatch:
		v.progress.Width(min(v.parallel, len(e.Devices)))
		if e.Batches > 1 && len(e.Devices) > 1 {
			v.a.streams.Notef("batch %d of %d: %s", e.Batch, e.Batches, plural(len(e.Devices), "device"))
		}
	case devices.EventStep:
		if text := stepText(e.Step, v.confirm); text != "" {
			v.progress.Step(e.Device, "%s", text)
		}
	case devices.EventRetry:
		v.progress.Step(e.Device, "%s", v.a.retryText(e))
	case devices.EventHook:
		if e.Err != nil {
			v.a.streams.Notef("hook %s: %s", e.Text, v.a.redactorOnce().Text(e.Err.Error()))
		}
	case devices.EventNote:
		if e.Device == "" {
			v.a.streams.Notef("note: %s", v.a.redactorOnce().Text(e.Text))
		}
	case devices.EventStop:
		v.stopping(e)
	case devices.EventDevice:
		v.device(e)
	case devices.EventRunDone:
		v.progress.End()
	}
}

// device shows a change of a device's state.
func (v *runView) device(e devices.Event) {
	switch e.State {
	case devices.StateRunning:
		v.progress.Start(e.Device)
	case devices.StateWaiting:
		if e.Text == "" { // for the others of its pair, mostly a moment: not worth a line
			v.progress.State(e.Device, "waiting for its pair")
			return
		}
		v.progress.Step(e.Device, "waiting: %s", e.Text)
	case devices.StateDone:
		if e.Outcome == nil {
			return
		}
		v.progress.Done(e.Device, resultWord(e.Outcome.Result), e.Outcome.Err != nil, "")
		if !v.json {
			v.outcome(*e.Outcome)
		}
	}
}

// outcome shows how a device ended. Of devices that go in step it waits for all. Those that were not started are many,
// and said at the end.
func (v *runView) outcome(out devices.Outcome) {
	v.kept[out.Device] = out
	unit := v.unit[out.Device]
	if unit == nil {
		unit = []string{out.Device}
	}
	for _, d := range unit {
		if _, done := v.kept[d]; !done {
			return
		}
	}
	for _, d := range unit {
		if v.kept[d].Result != devices.NotStarted {
			v.a.printOutcome(v.kept[d])
		}
		delete(v.kept, d)
	}
}

// resultWord is what the head of the progress counts.
func resultWord(r devices.Result) string {
	switch r {
	case devices.Committed, devices.Unchanged:
		return r.String()
	case devices.NotStarted:
		return "not started"
	case devices.RollingBack, devices.RolledBack:
		return "rolled back"
	}
	return "failed"
}

// note keeps what an interrupt has to say.
func (v *runView) note(e devices.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Kind {
	case devices.EventStep:
		v.begun[e.Device] = e.Step
		switch {
		case e.Step == devices.StepCommit && v.confirm > 0:
			v.windows[e.Device] = time.Now().Add(v.confirm)
		case e.Step == devices.StepVerify:
			delete(v.windows, e.Device)
		}
	case devices.EventDevice:
		if e.State != devices.StateDone {
			return
		}
		delete(v.begun, e.Device)
		delete(v.windows, e.Device)
		if e.Outcome != nil && !e.Outcome.RollbackAt.IsZero() {
			v.windows[e.Device] = e.Outcome.RollbackAt
		}
	}
}

// stopping says why nothing more is begun, and what becomes of what is.
func (v *runView) stopping(e devices.Event) {
	text := "stopping: " + e.Text
	if e.Err != nil {
		text = fmt.Sprintf("stopping: %s: %s", firstLine(v.a.redactorOnce().Text(e.Err.Error())), e.Text)
	}
	v.a.streams.Notef("%s", text)
	if !v.a.stopped() {
		return
	}
	before, open := v.atWork()
	for _, d := range before {
		v.a.streams.Notef("    %s: not committed, its candidate is discarded", d)
	}
	for _, w := range open {
		v.a.streams.Notef("    %s", w)
	}
	v.progress.Say("stopping; a second interrupt leaves at once")
}

// atWork lists the devices before their commit, and what is known of open windows.
func (v *runView) atWork() (before, open []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for d, step := range v.begun {
		_, window := v.windows[d]
		switch {
		case window:
		case step == devices.StepVerify, step == devices.StepOutcome:
		case step == devices.StepCommit, step == devices.StepSession, step == devices.StepEntry, step == devices.StepChecks, step == devices.StepConfirm:
			open = append(open, d+": committed without a confirm window: it stays")
		default:
			before = append(before, d)
		}
	}
	for d, at := range v.windows {
		open = append(open, fmt.Sprintf("%s: committed and not confirmed, rolls back by itself at %s at the latest", d, at.UTC().Format(time.TimeOnly+" MST")))
	}
	slices.Sort(before)
	slices.Sort(open)
	return before, open
}

// leaving is said when a second interrupt ends the program at once.
func (v *runView) leaving() []string {
	before, open := v.atWork()
	out := []string{fmt.Sprintf("leaving run %s at once", v.run)}
	for _, d := range before {
		out = append(out, d+": was not committed; the router drops the candidate and the lock with the session")
	}
	out = append(out, open...)
	return append(out, fmt.Sprintf("how it ended says `rhapsode runs show %s`; the next run that reaches a router asks its history", v.run))
}

// end takes the progress away.
func (v *runView) end() { v.progress.End() }

// typed writes a value as JSON with a field `type` before the others.
func (a *app) typed(kind string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", kind, err)
	}
	rest := strings.TrimPrefix(string(data), "{")
	if rest != "}" {
		rest = "," + rest
	}
	a.streams.Printf("{\"type\":%q%s\n", kind, rest)
	return nil
}

// printEvent writes an event as a line of JSON; the end of a device is its outcome.
func (v *runView) printEvent(e devices.Event) {
	err := error(nil)
	if e.Kind == devices.EventDevice && e.Outcome != nil {
		err = v.a.typed("outcome", e.Outcome)
	} else {
		e.Text = v.a.redactorOnce().Text(e.Text)
		err = v.a.typed("event", e)
	}
	if err != nil {
		v.a.streams.Notef("warning: %v", err)
	}
}

// retryText says why something is tried again, and when.
func (a *app) retryText(e devices.Event) string {
	why := strings.TrimPrefix(firstLine(a.redactorOnce().Text(e.Err.Error())), e.Device+": ")
	return fmt.Sprintf("%s; again in %s", why, e.Delay.Round(100*time.Millisecond))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// sameFailure is one thing that went wrong on some devices.
type sameFailure struct {
	text    string
	devices []string
	hints   []string
}

// groupFailures puts devices together that failed in the same words, those of most devices first.
func groupFailures(outcomes []devices.Outcome) []sameFailure {
	var out []sameFailure
	at := map[string]int{}
	for _, o := range outcomes {
		if o.Err == nil || o.Result == devices.NotStarted && errors.Is(o.Err, devices.ErrNotStarted) {
			continue
		}
		text := failureText(o)
		i, ok := at[text]
		if !ok {
			i = len(out)
			at[text] = i
			out = append(out, sameFailure{text: text})
		}
		out[i].devices = append(out[i].devices, o.Device)
		for _, h := range cli.Hints(o.Err) {
			if !slices.Contains(out[i].hints, h) {
				out[i].hints = append(out[i].hints, h)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b sameFailure) int { return cmp.Compare(len(b.devices), len(a.devices)) })
	return out
}

// failureText is an error without the name and the address of its device.
func failureText(o devices.Outcome) string {
	text := o.Err.Error()
	for _, prefix := range []string{"apply to " + o.Device + ": ", o.Device + ": "} {
		text = strings.TrimPrefix(text, prefix)
	}
	text = strings.ReplaceAll(text, o.Device+": ", "")
	if e, ok := errors.AsType[*devices.UnreachableError](o.Err); ok && e.Addr != "" {
		text = strings.ReplaceAll(text, " "+e.Addr, "")
	}
	return text
}

// someOf lists a few names, and how many more there are.
func someOf(list []string) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most-1], ", "), len(list)-most+1)
}
