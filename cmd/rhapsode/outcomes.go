package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// printOutcome says what became of a device.
func (a *app) printOutcome(out devices.Outcome) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", out.Device, out)
	for _, w := range out.Warnings {
		fmt.Fprintf(&b, "    warning: %s\n", a.redactorOnce().Text(w.String()))
	}
	for _, n := range out.Notes {
		fmt.Fprintf(&b, "    note: %s\n", a.redactorOnce().Text(n))
	}
	a.streams.Printf("%s", b.String())
}

// summary is how a run ended, as JSON has it.
type summary struct {
	Run       string         `json:"run"`
	Devices   int            `json:"devices"`
	Committed int            `json:"committed"`
	Results   map[string]int `json:"results"` // by the name of the result
	Mixed     []mixedPair    `json:"mixed,omitempty"`
	Rollback  string         `json:"rollback,omitempty"` // the command that takes back what was committed
	Resume    string         `json:"resume,omitempty"`   // the command that goes on with the rest
	Exit      cli.Code       `json:"exit"`
}

// mixedPair is a pair whose devices differ now, and the two commands that make them equal.
type mixedPair struct {
	devices.Ends
	Rollback string `json:"rollback"`
	Resume   string `json:"resume"`
}

// summarize says how a run ended as a whole: in the exit code, on stdout in a line, and on stderr what went wrong. tried
// are the devices of the run and those that were left out of it.
func (a *app) summarize(run string, jobs []devices.Job, outcomes, left []devices.Outcome, o changeOptions) error {
	tried := append(outcomes[:len(outcomes):len(outcomes)], left...)
	s := summary{Run: run, Devices: len(tried), Results: map[string]int{}, Exit: cli.OK}
	fine, open := 0, time.Time{}
	var idle []string
	for _, out := range tried {
		s.Results[out.Result.String()]++
		switch out.Result {
		case devices.Committed:
			s.Committed++
			fine++
		case devices.Unchanged:
			fine++
		}
		if out.Result == devices.NotStarted && errors.Is(out.Err, devices.ErrNotStarted) {
			idle = append(idle, out.Device)
		}
		if out.RollbackAt.After(open) {
			open = out.RollbackAt
		}
	}
	switch {
	case fine == len(tried):
	case fine == 0:
		s.Exit = cli.Failed
	default:
		s.Exit = cli.Partial
	}
	ends := devices.EndsOf(outcomes)
	for _, e := range devices.MixedPairs(jobs, outcomes) {
		s.Mixed = append(s.Mixed, mixedPair{e, e.Rollback(run, o.message).String(), e.Resume(run, o.message).String()})
		s.Exit = cli.Partial
	}
	if s.Exit != cli.OK {
		s.Rollback, s.Resume = commandText(ends.Rollback(run, o.message)), commandText(ends.Resume(run, o.message))
	}
	if o.json {
		if err := a.typed("summary", s); err != nil {
			return err
		}
	} else {
		if len(idle) > 0 {
			a.streams.Printf("not started (%s): %s\n", plural(len(idle), "device"), someOf(idle))
		}
		a.streams.Printf("run %s: %d of %s committed and confirmed%s\n", run, s.Committed, plural(len(tried), "device"), s.rest())
	}
	if s.Exit == cli.OK {
		return nil
	}
	return cli.WithCode(s.Exit, s.failure(tried, open))
}

func commandText(c devices.Command) string {
	if c == nil {
		return ""
	}
	return c.String()
}

// rest counts what is not committed.
func (s summary) rest() string {
	var parts []string
	for r := devices.NotStarted; r <= devices.Unknown; r++ {
		if n := s.Results[r.String()]; n > 0 && r != devices.Committed {
			parts = append(parts, fmt.Sprintf("%d %s", n, r))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

// failure is what went wrong, each thing once with its devices, and what to do now.
func (s summary) failure(tried []devices.Outcome, open time.Time) error {
	var errs []error
	for _, f := range groupFailures(tried) {
		err := fmt.Errorf("%s: %s", f.devices[0], f.text)
		if len(f.devices) > 1 {
			err = fmt.Errorf("%s (%s): %s", plural(len(f.devices), "device"), someOf(f.devices), f.text)
		}
		errs = append(errs, cli.Hint(err, strings.Join(f.hints, "\nhint: ")))
	}
	for _, m := range s.Mixed {
		errs = append(errs, m.err())
	}
	if s.Committed > 0 && len(s.Mixed) == 0 {
		text := "the change is on some devices only"
		const long = 1000 // a command that names hundreds of devices is not for reading
		if len(s.Resume)+len(s.Rollback) > long {
			text += fmt.Sprintf("\n    `rhapsode runs show %s` prints the commands that go on with the rest, or take back what is there", s.Run)
		} else {
			if s.Resume != "" {
				text += "\n    go on with the rest:     " + s.Resume
			}
			if s.Rollback != "" {
				text += "\n    take back what is there: " + s.Rollback
			}
		}
		errs = append(errs, errors.New(text+windowText(open)))
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("the run did not come to its end"))
	}
	return errors.Join(errs...)
}

// err says that a pair differs, and how to make it equal.
func (m mixedPair) err() error {
	var lack []string
	if len(m.Lack) > 0 {
		lack = append(lack, "not on "+strings.Join(m.Lack, ", "))
	}
	if len(m.Unsure) > 0 {
		lack = append(lack, "unknown of "+strings.Join(m.Unsure, ", "))
	}
	return fmt.Errorf("MIXED: of the pair %s the change is on %s and %s; one of these makes them equal:\n    finish:    %s\n    take back: %s%s",
		m.Pair, strings.Join(m.Have, ", "), strings.Join(lack, " and "), m.Resume, m.Rollback, windowText(m.After))
}

// windowText says from when on the commands are of use.
func windowText(open time.Time) string {
	if !open.After(time.Now()) {
		return ""
	}
	return fmt.Sprintf("\n    but not before %s, when the last open window has ended", open.UTC().Format(time.TimeOnly+" MST"))
}
