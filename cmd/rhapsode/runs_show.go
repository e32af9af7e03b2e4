package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rhapsode/devices"
)

// runOutcomes are the ends of a run's devices, as far as its journal knows them.
func runOutcomes(rec *devices.RunRecord) []devices.Outcome {
	var out []devices.Outcome
	for _, d := range rec.Devices {
		if d.Outcome != nil {
			out = append(out, *d.Outcome)
			continue
		}
		out = append(out, devices.Outcome{Device: d.Device, Run: rec.ID, Result: d.Result(), Step: d.Step, Before: d.Before})
	}
	return out
}

// next gives the commands that take a run back and go on with it; "" where there is nothing to do, or no plan to go by.
func next(rec *devices.RunRecord) (rollback, resume string) {
	if rec.AtWork {
		return "", ""
	}
	ends := devices.EndsOf(runOutcomes(rec))
	rollback = commandText(ends.Rollback(rec.ID, "TASK why"))
	if rec.Plan != "" {
		resume = commandText(ends.Resume(rec.ID, rec.Message))
	}
	return rollback, resume
}

const runTime = time.DateTime + " MST"

// printRun says what a run did.
func (a *app) printRun(rec *devices.RunRecord, audit []devices.AuditEntry) {
	a.streams.Printf("run %s by %s with rhapsode %s: %q\n", rec.ID, rec.User, strings.TrimPrefix(rec.Tool, "rhapsode "), rec.Message)
	switch {
	case rec.AtWork:
		a.streams.Printf("began at %s and is AT WORK\n", rec.Started.UTC().Format(runTime))
	case rec.Ended.IsZero():
		a.streams.Printf("began at %s and was KILLED: its journal has no end\n", rec.Started.UTC().Format(runTime))
	default:
		a.streams.Printf("began at %s, took %s\n", rec.Started.UTC().Format(runTime), rec.Ended.Sub(rec.Started).Round(time.Second/10))
	}
	if rec.SkippedCheck != "" {
		a.streams.Printf("in spite of errors that check found: %s\n", rec.SkippedCheck)
	}
	if rec.ForcedFreeze != "" {
		a.streams.Printf("forced through a freeze: %s\n", rec.ForcedFreeze)
	}
	for i, b := range rec.Batches {
		a.streams.Printf("batch %d of %d: %s\n", i+1, len(rec.Batches), strings.Join(b, " "))
	}
	for _, d := range rec.Devices {
		a.printRunDevice(d, audit)
	}
	for _, e := range rec.Events {
		if text := eventText(e); text != "" {
			a.streams.Printf("%s  %s\n", e.Time.UTC().Format(time.TimeOnly), a.redactorOnce().Text(text))
		}
	}
	if rec.Plan != "" {
		a.streams.Printf("plan: rhapsode plan show %s\n", rec.Plan)
	} else {
		a.streams.Printf("plan: none was kept\n")
	}
	rollback, resume := next(rec)
	if resume != "" {
		a.streams.Printf("to go on with it:   %s\n", resume)
	}
	if rollback != "" {
		a.streams.Printf("to take it back:    %s\n", rollback)
	}
}

// printRunDevice says how a run ended on a device.
func (a *app) printRunDevice(d devices.RunDevice, audit []devices.AuditEntry) {
	end := "UNKNOWN: nothing was written after step " + fmt.Sprintf("%q", d.Step)
	switch {
	case d.Outcome != nil:
		end = d.Outcome.String()
	case d.Begun.IsZero():
		end = "not started"
	}
	took := ""
	if !d.Begun.IsZero() && d.Ended.After(d.Begun) && !d.Settled {
		took = fmt.Sprintf("  [%s]", d.Ended.Sub(d.Begun).Round(time.Second/10))
	}
	if d.Settled {
		took = "  (found out by a later run)"
	}
	a.streams.Printf("%s: %s%s\n", d.Device, end, took)
	if d.Outcome == nil {
		return
	}
	for _, n := range d.Outcome.Notes {
		a.streams.Printf("    note: %s\n", a.redactorOnce().Text(n))
	}
	for _, e := range audit {
		if e.Device == d.Device && e.Error != "" {
			a.streams.Printf("    error: %s\n", a.redactorOnce().Text(e.Error))
			if e.Hint != "" {
				a.streams.Printf("    hint: %s\n", e.Hint)
			}
		}
	}
}

// eventText says an event of a journal in a line; "" for what the outcomes tell as well.
func eventText(e devices.Event) string {
	about := ""
	if e.Device != "" {
		about = e.Device + ": "
	}
	switch e.Kind {
	case devices.EventRetry:
		return fmt.Sprintf("%sattempt %d failed, made again after %s: %v", about, e.Attempt, e.Delay, e.Err)
	case devices.EventHook:
		if e.Err != nil {
			return fmt.Sprintf("%shook %s failed: %v", about, e.Text, e.Err)
		}
		return fmt.Sprintf("%shook %s was called", about, e.Text)
	case devices.EventNote:
		return about + e.Text
	case devices.EventStop:
		return fmt.Sprintf("%sstopped, since: %v (%s)", about, e.Err, e.Text)
	}
	return ""
}

// runLine is an audit entry with what the journal knows beside it.
type runLine struct {
	devices.AuditEntry
	Step     devices.Step `json:"step,omitempty"`
	Began    time.Time    `json:"began,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	Settled  bool         `json:"settled,omitempty"`
	Batch    int          `json:"batch,omitempty"` // counts from 1
	AtWork   bool         `json:"at_work,omitempty"`
	Killed   bool         `json:"killed,omitempty"`
	Plan     string       `json:"plan,omitempty"`
	Rollback string       `json:"rollback,omitempty"` // the command that takes the run back
	Resume   string       `json:"resume,omitempty"`
}

// printRunJSON prints an object for each device of a run: those of the audit log, then those that it does not have.
func (a *app) printRunJSON(rec *devices.RunRecord, audit []devices.AuditEntry) error {
	var lines []runLine
	for _, e := range audit {
		lines = append(lines, runLine{AuditEntry: e})
	}
	if rec != nil {
		for _, d := range rec.Devices {
			if !slices.ContainsFunc(audit, func(e devices.AuditEntry) bool { return e.Device == d.Device }) {
				lines = append(lines, runLine{AuditEntry: devices.AuditEntry{
					Version: 1, Time: cmp.Or(d.Ended, d.Begun, rec.Started), User: rec.User, Run: rec.ID, Message: rec.Message,
					Device: d.Device, Result: d.Result(), Before: d.Before,
				}})
			}
		}
		for i := range lines {
			lines[i].fill(rec)
		}
	}
	for _, l := range lines {
		if err := a.printJSON(l); err != nil {
			return err
		}
	}
	return nil
}

// fill adds what the journal knows.
func (l *runLine) fill(rec *devices.RunRecord) {
	l.AtWork, l.Killed, l.Plan = rec.AtWork, !rec.AtWork && rec.Ended.IsZero(), rec.Plan
	l.Rollback, l.Resume = next(rec)
	for _, d := range rec.Devices {
		if d.Device == l.Device {
			l.Step, l.Began, l.Ended, l.Settled = d.Step, d.Begun, d.Ended, d.Settled
		}
	}
	l.Batch = 1 + slices.IndexFunc(rec.Batches, func(b []string) bool { return slices.Contains(b, l.Device) })
}
