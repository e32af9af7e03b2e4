package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs"
)

// ErrNoCommit says that a device's history has no commit of a run, or nothing to take it back to.
var ErrNoCommit = errors.New("no commit to take back") // Undo, UndoTo: *NoCommitError

// Undone is how a run is taken back on a device.
type Undone struct {
	// Changes are to be loaded one after the other onto what the device runs today; none: the run is taken back already.
	Changes []diffs.Change
	// Commits are those of the run, the newest first. One that was made with a confirm window has two: it and its
	// confirmation.
	Commits []Commit
	// Later are commits made since that touched statements of the run, and that the changes leave as they are; the
	// newest first. Of a long history only the nearest are looked at.
	Later []LaterCommit
}

// LaterCommit is a commit that touched statements of a run after it.
type LaterCommit struct {
	Commit
	Paths [][]string // CLI words, without the values of leaves
}

// NoCommitError says why a device's history does not do to take a run back.
type NoCommitError struct {
	Device, Run string
	Oldest      time.Time // of what the history has
	// Found: the run's commit is there, and the configuration before it is not any more.
	Found bool
	Full  bool // the history is full: older commits were dropped from it
}

func (e *NoCommitError) Error() string {
	oldest := e.Oldest.UTC().Format(time.DateTime + " MST")
	switch {
	case e.Found:
		return fmt.Sprintf("%s: %v: the configuration before run %s is not kept any more, the history begins with it at %s", e.Device, ErrNoCommit, e.Run, oldest)
	case e.Full:
		return fmt.Sprintf("%s: %v: none of run %s in the history, which goes back to %s only", e.Device, ErrNoCommit, e.Run, oldest)
	}
	return fmt.Sprintf("%s: %v: none of run %s in its history", e.Device, ErrNoCommit, e.Run)
}

// Is makes it ErrNoCommit.
func (e *NoCommitError) Is(target error) bool { return target == ErrNoCommit }

// Hint says what else there is.
func (e *NoCommitError) Hint() string {
	if e.Found || e.Full {
		return "correct the inventory and commit it: the device cannot tell what it ran before"
	}
	return "see `rhapsode runs show " + e.Run + "` for the devices that the run changed"
}

// UndoError says that a run cannot be taken back, because others have changed what it touched.
type UndoError struct {
	Device, Run string
	Conflicts   []UndoConflict
}

// UndoConflict is a statement that is not as the run left it, and the last commit that touched it, if the history tells.
type UndoConflict struct {
	diffs.Conflict
	By *Commit
}

func (e *UndoError) Error() string {
	s := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		s[i] = c.String()
		if c.By != nil {
			s[i] += fmt.Sprintf(" by %s at %s%s", orUnknown(c.By.User), c.By.Time.UTC().Format(time.DateTime+" MST"), quoted(c.By.Comment))
		}
	}
	return fmt.Sprintf("%s: take back run %s: %v: %s", e.Device, e.Run, diffs.ErrConflict, strings.Join(s, "; "))
}

// Is makes it diffs.ErrConflict.
func (e *UndoError) Is(target error) bool { return target == diffs.ErrConflict }

// Hint says how to go on.
func (e *UndoError) Hint() string {
	return "nothing was changed: change these statements by hand or in the inventory, or take back the later commits first"
}

// Undo finds out how a run is taken back on a device: the inverse of what the run's commits did there, on what the device
// runs today. Nothing is changed. What others changed elsewhere since survives. *UndoError: statements of the run are not
// as it left them. *NoCommitError: the history has no commit of the run, or not what was before it. *WindowError: a commit
// is not confirmed yet, and may roll back by itself.
func Undo(ctx context.Context, dev Device, run string) (Undone, error) {
	run = strings.ToUpper(run)
	for {
		u, err := undo(ctx, dev, run)
		if errors.Is(err, errShifted) {
			continue // it ends with ctx, or when people stop committing
		}
		return u, err
	}
}

// errShifted says that the numbers of the rollbacks moved while they were read.
var errShifted = errors.New("somebody committed meanwhile")

func undo(ctx context.Context, dev Device, run string) (u Undone, err error) {
	h, err := dev.History(ctx)
	if err != nil {
		return u, err
	}
	defer func() {
		if serr := shifted(ctx, dev, h); serr != nil {
			err = serr // what was read is of no use
		}
	}()
	if len(h) > 0 && h[0].Confirm > 0 {
		return u, &WindowError{Device: dev.Name(), Commit: h[0]}
	}
	var at []int
	for i, c := range h {
		if hasRun(c.Comment, run) {
			at = append(at, i)
			u.Commits = append(u.Commits, c)
		}
	}
	if err := reaches(dev.Name(), run, h, at); err != nil {
		return u, err
	}
	now, err := rollbackTree(ctx, dev, 0)
	if err != nil {
		return u, err
	}
	past := now.Clone() // it becomes what the device is to run
	var touched [][]string
	var conflicts []diffs.Conflict
	for _, i := range at {
		after, err := rollbackTree(ctx, dev, i)
		if err != nil {
			return u, err
		}
		before, err := rollbackTree(ctx, dev, i+1)
		if err != nil {
			return u, err
		}
		touched = append(touched, diffs.Touched(before, after)...)
		change, err := diffs.Invert(before, after, past)
		if e, ok := errors.AsType[*diffs.ConflictError](err); ok {
			conflicts = append(conflicts, e.Conflicts...)
			continue
		} else if err != nil {
			return u, fmt.Errorf("%s: take back run %s: %w", dev.Name(), run, err)
		}
		if change.Text == "" {
			continue
		}
		u.Changes = append(u.Changes, change)
		if _, err := past.Load("inverse", []byte(change.Text), change.Mode); err != nil {
			return u, fmt.Errorf("%s: take back run %s: %w", dev.Name(), run, err)
		}
	}
	if u.Later, err = laterCommits(ctx, dev, h[:at[0]], touched); err != nil {
		return u, err
	}
	if len(conflicts) > 0 {
		u.Changes = nil
		return u, undoError(dev.Name(), run, conflicts, u.Later)
	}
	return u, nil
}

// reaches tells whether the history has the run's commits and what was before the oldest of them.
func reaches(device, run string, h []Commit, at []int) error {
	e := &NoCommitError{Device: device, Run: run, Found: len(at) > 0, Full: len(h) >= historyKept}
	if len(h) > 0 {
		e.Oldest = h[len(h)-1].Time
	}
	if len(at) == 0 || at[len(at)-1] == len(h)-1 {
		return e
	}
	return nil
}

// shifted tells whether the history has become another.
func shifted(ctx context.Context, dev Device, was []Commit) error {
	h, err := dev.History(ctx)
	if err != nil {
		return err
	}
	if len(h) != len(was) || len(h) > 0 && (!h[0].Time.Equal(was[0].Time) || h[0].Comment != was[0].Comment || h[0].User != was[0].User) {
		return errShifted
	}
	return nil
}

// laterCommits looks, among the commits since the run, for those that touched the same statements. The oldest are the
// nearest to the run; of many only those are looked at.
func laterCommits(ctx context.Context, dev Device, list []Commit, paths [][]string) ([]LaterCommit, error) {
	var out []LaterCommit
	if len(list) == 0 {
		return nil, nil
	}
	before, err := rollbackTree(ctx, dev, len(list))
	if err != nil {
		return nil, err
	}
	for n := len(list) - 1; n >= max(0, len(list)-historyDepth); n-- {
		after, err := rollbackTree(ctx, dev, n)
		if err != nil {
			return nil, err
		}
		var same [][]string
		for _, p := range diffs.Touched(before, after) {
			if slices.ContainsFunc(paths, func(o []string) bool { return hasPrefix(p, o) || hasPrefix(o, p) }) {
				same = append(same, p)
			}
		}
		if len(same) > 0 {
			out = append(out, LaterCommit{list[n], same})
		}
		before = after
	}
	slices.Reverse(out)
	return out, nil
}

func undoError(device, run string, conflicts []diffs.Conflict, later []LaterCommit) error {
	e := &UndoError{Device: device, Run: run}
	for _, c := range conflicts {
		u := UndoConflict{Conflict: c}
		for _, l := range later { // the newest first
			if slices.ContainsFunc(l.Paths, func(p []string) bool { return hasPrefix(p, c.Path) || hasPrefix(c.Path, p) }) {
				u.By = &l.Commit
				break
			}
		}
		e.Conflicts = append(e.Conflicts, u)
	}
	return e
}

// UndoTo lists the commits that `rollback n` would take back, the newest first, so that a person can be asked about each
// of them. The change itself is a diffs.Change with that Rollback. *NoCommitError: the device does not keep that many.
// *WindowError: a commit is not confirmed yet.
func UndoTo(ctx context.Context, dev Device, n int) ([]Commit, error) {
	h, err := dev.History(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case n < 1:
		return nil, fmt.Errorf("%s: %w: rollback %d takes back nothing", dev.Name(), ErrNoCommit, n)
	case len(h) > 0 && h[0].Confirm > 0:
		return nil, &WindowError{Device: dev.Name(), Commit: h[0]}
	case n >= len(h):
		return nil, fmt.Errorf("%s: %w: there is no rollback %d, the oldest is %d", dev.Name(), ErrNoCommit, n, len(h)-1)
	}
	return h[:n], nil
}
