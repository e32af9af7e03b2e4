package devices

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNoRun says that a state directory has no journal of a run.
var ErrNoRun = errors.New("no such run") // ReadRun, PlanPath

// RunRecord is what a run's journal tells.
type RunRecord struct {
	ID           string      `json:"run"`
	User         string      `json:"user"`
	Message      string      `json:"message"`
	Tool         string      `json:"tool,omitempty"`
	SkippedCheck string      `json:"skipped_check,omitempty"`
	ForcedFreeze string      `json:"forced_freeze,omitempty"`
	Started      time.Time   `json:"started"`
	Ended        time.Time   `json:"ended,omitzero"` // zero: it is at work, or was killed
	AtWork       bool        `json:"at_work"`        // its process lives
	Plan         string      `json:"plan,omitempty"` // the plan file, if it is there
	Batches      [][]string  `json:"batches,omitempty"`
	Devices      []RunDevice `json:"devices"` // in the order of the run
	Events       []Event     `json:"events,omitempty"`
}

// RunDevice is what a run's journal tells of one device.
type RunDevice struct {
	Device  string    `json:"device"`
	Begun   time.Time `json:"begun,omitzero"` // zero: it was not begun
	Step    Step      `json:"step,omitempty"` // the last that was begun
	Before  string    `json:"before,omitempty"`
	Ended   time.Time `json:"ended,omitzero"`
	Settled bool      `json:"settled,omitempty"` // a later run found out how it ended
	// Outcome is nil where the run was killed, or is at work; see Unfinished.
	Outcome *Outcome `json:"outcome,omitempty"`
}

// Result is the device's result; Unknown if it was begun and has no outcome.
func (d RunDevice) Result() Result {
	switch {
	case d.Outcome != nil:
		return d.Outcome.Result
	case d.Begun.IsZero():
		return NotStarted
	}
	return Unknown
}

// Lacking lists the devices that do not have the run's change, as far as the journal knows, in the order of the run. Those
// whose outcome is not known are among them: an apply asks the device first.
func (r *RunRecord) Lacking() []string {
	var out []string
	for _, d := range r.Devices {
		switch d.Result() {
		case Committed, Unchanged, Superseded:
		default:
			out = append(out, d.Device)
		}
	}
	return out
}

// Having lists the devices that the run has changed and that kept the change, in the order of the run.
func (r *RunRecord) Having() []string {
	var out []string
	for _, d := range r.Devices {
		if res := d.Result(); res == Committed || res == Superseded {
			out = append(out, d.Device)
		}
	}
	return out
}

// PlanPath is where the plan file of a run stands, beside its journal. The run's id may be in lower case.
func PlanPath(stateDir, run string) (string, error) {
	id := strings.ToUpper(run)
	if !isRunID(id) {
		return "", fmt.Errorf("%w: %q is no run id", ErrNoRun, run)
	}
	return filepath.Join(stateDir, "runs", id+".plan"), nil
}

// PlanPath is where the plan file of the run is to be written, 0600, before Apply: `apply --resume` reads it. The run
// itself writes none.
func (r *Run) PlanPath() string { return filepath.Join(r.stateDir, "runs", r.ID+".plan") }

// ReadRun reads the journal of a run. The id may be in lower case. ErrNoRun: there is none.
func ReadRun(stateDir, run string) (*RunRecord, error) {
	plan, err := PlanPath(stateDir, run)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(strings.TrimSuffix(plan, ".plan") + ".jsonl")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s in %s", ErrNoRun, run, stateDir)
	} else if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	atWork := errors.Is(lockFile(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
	records, err := readRecords(f)
	if err != nil {
		return nil, fmt.Errorf("read journal of run %s: %w", run, err)
	}
	r := runRecord(records)
	r.AtWork = atWork
	if _, err := os.Stat(plan); err == nil {
		r.Plan = plan
	}
	return r, nil
}

// ListRuns gives the ids of the runs that have a journal, the oldest first.
func ListRuns(stateDir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(stateDir, "runs", "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	var out []string
	for _, name := range names {
		if id := strings.TrimSuffix(filepath.Base(name), ".jsonl"); isRunID(id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

// runRecord gathers the records of a journal.
func runRecord(records []record) *RunRecord {
	r := &RunRecord{}
	at := map[string]int{}
	device := func(name string) *RunDevice {
		i, ok := at[name]
		if !ok {
			i = len(r.Devices)
			at[name] = i
			r.Devices = append(r.Devices, RunDevice{Device: name})
		}
		return &r.Devices[i]
	}
	for _, rec := range records {
		r.ID = cmp.Or(r.ID, rec.Run)
		switch rec.Kind {
		case "run":
			r.User, r.Message, r.Tool, r.SkippedCheck, r.ForcedFreeze, r.Started = rec.User, rec.Message, rec.Tool, rec.SkippedCheck, rec.ForcedFreeze, rec.Time
		case "plan":
			r.Batches = rec.Batches
			for _, name := range slices.Concat(rec.Batches...) {
				device(name)
			}
		case "intent":
			d := device(rec.Device)
			d.Begun, d.Before, d.Step = rec.Time, rec.Fingerprint, StepIntent
		case "step":
			device(rec.Device).Step = rec.Step
		case "event":
			if rec.Event != nil {
				r.Events = append(r.Events, *rec.Event)
			}
		case "outcome", "settled":
			d := device(rec.Device)
			d.Outcome, d.Ended, d.Settled = rec.Outcome, rec.Time, rec.Kind == "settled"
		case "end":
			r.Ended = rec.Time
		}
	}
	return r
}

// busy says which run of this state directory is at work on a device, where one is; else it gives err back.
func (r *Run) busy(device string, err error) error {
	ids, lerr := ListRuns(r.stateDir)
	if lerr != nil {
		return err
	}
	for _, id := range slices.Backward(ids) {
		if id == r.ID || !atWork(r.stateDir, id) {
			continue
		}
		other, rerr := ReadRun(r.stateDir, id)
		if rerr != nil {
			continue
		}
		for _, d := range other.Devices {
			if d.Device == device && !d.Begun.IsZero() && d.Outcome == nil {
				return &BusyError{Device: device, Run: id, User: other.User, Message: other.Message, Since: d.Begun, Err: err}
			}
		}
	}
	return err
}

// atWork tells whether a run's process lives.
func atWork(stateDir, run string) bool {
	f, err := os.Open(filepath.Join(stateDir, "runs", run+".jsonl"))
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read
	return errors.Is(lockFile(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
