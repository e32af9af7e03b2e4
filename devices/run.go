package devices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rhapsode/diffs/junos"
)

// PairMode says how the devices of one pair go.
type PairMode uint8

// The modes. A pair is a set of devices that back each other up: those of one site and role.
const (
	// Serial finishes one device of a pair, confirm and all, before the next is begun.
	Serial PairMode = iota
	// Together checks all of a pair, then commits all, runs the checks with all in place, and confirms all or none.
	Together
)

// String is the mode as the command line writes it.
func (m PairMode) String() string {
	if m == Together {
		return "together"
	}
	return "serial"
}

// UnmarshalText reads serial or together.
func (m *PairMode) UnmarshalText(text []byte) error {
	switch string(text) {
	case "serial":
		*m = Serial
	case "together":
		*m = Together
	default:
		return fmt.Errorf("unknown pair mode %q: serial or together", text)
	}
	return nil
}

// RunInfo says who runs what; it goes into the journal, the audit log and every commit comment.
type RunInfo struct {
	User    string
	Message string // `T123456 why`
	Tool    string // program and version
	// SkippedCheck is why errors of `rhapsode check` were passed over; empty: there were none.
	SkippedCheck string
	// ForcedFreeze names the freezes that the run was forced through; empty: there was none.
	ForcedFreeze string
}

// Run is one invocation that changes devices: an id, a journal below STATE/runs and a place in STATE/audit.jsonl.
type Run struct {
	ID   string
	Info RunInfo

	stateDir   string
	journal    *journal
	unfinished []Unfinished
}

// NewRun begins a run: it reads what killed runs left, makes an id and writes the head of the journal. The state
// directory and all in it belong to the user alone (0700, 0600). Close it, or call Apply, which does.
func NewRun(stateDir string, info RunInfo) (*Run, error) {
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make state directory: %w", err)
	}
	unfinished, err := findUnfinished(stateDir)
	if err != nil {
		return nil, err
	}
	id, err := newRunID(time.Now())
	if err != nil {
		return nil, err
	}
	j, err := createJournal(stateDir, id)
	if err != nil {
		return nil, err
	}
	if err := j.write(record{Kind: "run", User: info.User, Message: info.Message, Tool: info.Tool, SkippedCheck: info.SkippedCheck, ForcedFreeze: info.ForcedFreeze}); err != nil {
		return nil, errors.Join(err, j.close())
	}
	return &Run{ID: id, Info: info, stateDir: stateDir, journal: j, unfinished: unfinished}, nil
}

// Unfinished lists the devices that killed runs left without an outcome, oldest first. Apply asks those of them that it
// reaches how they ended, and says so in the notes of their outcome.
func (r *Run) Unfinished() []Unfinished { return r.unfinished }

// Close ends the run's journal. It may be called again.
func (r *Run) Close() error { return r.journal.close() }

// recordOutcome writes an outcome to the journal and to the audit log.
func (r *Run) recordOutcome(out Outcome) error {
	return errors.Join(
		r.journal.write(record{Kind: "outcome", Device: out.Device, Outcome: &out}),
		appendAudit(r.stateDir, auditOf(r.Info, out)),
	)
}

func auditOf(info RunInfo, out Outcome) AuditEntry {
	return AuditEntry{
		User: info.User, Run: out.Run, Message: info.Message, Comment: out.Comment, Device: out.Device,
		Result: out.Result, Before: out.Before, After: out.After, SkippedCheck: info.SkippedCheck, ForcedFreeze: info.ForcedFreeze,
		Error: auditText(out.Err), Hint: Hint(out.Err),
	}
}

// ReadUnfinished lists the devices that killed runs left without an outcome, oldest first.
func ReadUnfinished(stateDir string) ([]Unfinished, error) { return findUnfinished(stateDir) }

// SettleUnfinished asks a device how killed runs ended on it, and writes it into their journals and the audit log. It gives
// what a person should know, a line for each. A window that is still open is no end yet. Nothing is done to the device.
func SettleUnfinished(ctx context.Context, dev Device, list []Unfinished) []string {
	var notes []string
	for _, u := range list {
		if u.Device != dev.Name() {
			continue
		}
		out, err := Settle(ctx, dev, u)
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s; how it ended could not be read: %v", u, err))
			continue
		}
		notes = append(notes, fmt.Sprintf("%s; the device's history says: %s", u, out))
		if out.Result == RollingBack || out.Result == Unknown {
			continue // not the end yet
		}
		info := RunInfo{User: u.User, Message: u.Message}
		done, err := appendSettled(u, out)
		if done {
			err = errors.Join(err, appendAudit(u.stateDir, auditOf(info, out)))
		}
		if err != nil {
			notes = append(notes, err.Error())
		}
	}
	return notes
}

// historyKept is how many commits a Junos device remembers.
const historyKept = 50

// Settle reads from a device's history how a killed run ended on it. Nothing is changed.
func Settle(ctx context.Context, dev Device, u Unfinished) (Outcome, error) {
	out := Outcome{Device: u.Device, Run: u.Run, Step: u.Step, Before: u.Fingerprint}
	h, err := dev.History(ctx)
	if err != nil {
		return out, err
	}
	text, err := dev.Running(ctx)
	if err != nil {
		return out, err
	}
	tree, err := junos.Parse(dev.Name(), []byte(text), nil)
	if err != nil {
		return out, fmt.Errorf("%s: read running configuration: %w", dev.Name(), err)
	}
	out.After = tree.Fingerprint()
	n, count := -1, 0
	for i, c := range h {
		if hasRun(c.Comment, u.Run) {
			if n < 0 {
				n = i
			}
			count++
		}
	}
	if n >= 0 {
		out.Comment, out.Entry = h[n].Comment, &h[n]
	}
	switch {
	case n < 0 && len(h) >= historyKept && h[len(h)-1].Time.After(u.Started):
		out.Result = Unknown // the history does not reach back that far
	case n < 0:
		out.Result = NotCommitted
	case n == 0 && h[0].Confirm > 0:
		out.Result, out.RollbackAt = RollingBack, h[0].Time.Add(h[0].Confirm)
	case n == 0, count > 1, u.Confirm == 0:
		out.Result = Committed
	default:
		out.Entry = &h[n-1]
		out.Result = Superseded
		next := tree
		if n > 1 {
			if next, err = rollbackTree(ctx, dev, n-1); err != nil {
				return out, err
			}
		}
		if next.Fingerprint() == u.Fingerprint {
			out.Result = RolledBack
		}
	}
	return out, nil
}
