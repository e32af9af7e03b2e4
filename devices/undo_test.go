package devices_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
)

// undo asks how the run is taken back.
func (b *bench) undo(run string) (devices.Undone, error) {
	b.Helper()
	dev := b.open()
	u, err := devices.Undo(b.Context(), dev, run)
	b.must(dev.Close())
	return u, err
}

// applied has the run applied, an hour ago.
func (b *bench) applied() {
	b.Helper()
	out, err := b.apply(b.Context())
	b.want(out, err, devices.Committed)
	time.Sleep(time.Hour)
}

func TestUndo(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.applied()
		b.must(b.router.CommitAs("carol", "set system domain-name example.net\n", "T9 elsewhere", 0))
		u, err := b.undo(strings.ToLower(b.run.ID))
		b.must(err)
		if len(u.Commits) != 2 || u.Commits[0].Number != 1 || len(u.Later) != 0 {
			b.Errorf("undone %+v", u)
		}
		if len(u.Changes) != 1 || u.Changes[0].Text != "delete policy-options prefix-list SUITE\n" {
			b.Fatalf("changes %+v", u.Changes)
		}
		// It is applied like any change, and then there is nothing to take back.
		b.plan = b.review(u.Changes...)
		b.run = b.newRun()
		first := b.opts.Run.ID
		b.opts.Run = b.run
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		if text := b.router.Text(); strings.Contains(text, "SUITE") || !strings.Contains(text, "domain-name example.net") {
			b.Errorf("it runs\n%s", text)
		}
		u, err = b.undo(first)
		b.must(err)
		if len(u.Changes) != 0 {
			b.Errorf("taken back twice: %+v", u.Changes)
		}
		if len(u.Later) != 1 || !strings.Contains(u.Later[0].Comment, b.run.ID) {
			b.Errorf("later %+v", u.Later)
		}
		// The rollback is a run, and is taken back as well.
		u, err = b.undo(b.run.ID)
		b.must(err)
		if len(u.Changes) != 1 || u.Changes[0].Text != addSuite {
			b.Errorf("the rollback's rollback: %+v", u.Changes)
		}
	})
}

func TestUndoConflict(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.applied()
		b.must(b.router.CommitAs("bob", "set policy-options prefix-list SUITE 203.0.113.0/24\n", "T7 mine", 0))
		time.Sleep(time.Hour)
		b.must(b.router.CommitAs("carol", "set system domain-name example.net\n", "T9 elsewhere", 0))
		u, err := b.undo(b.run.ID)
		e, ok := errors.AsType[*devices.UndoError](err)
		if !ok || !errors.Is(err, diffs.ErrConflict) || devices.Hint(err) == "" || len(u.Changes) != 0 {
			b.Fatalf("undone %+v, %v", u, err)
		}
		if len(e.Conflicts) != 1 || e.Conflicts[0].By == nil || e.Conflicts[0].By.User != "bob" {
			b.Errorf("conflicts %+v", e.Conflicts)
		}
		for _, want := range []string{deviceName, b.run.ID, "policy-options prefix-list SUITE (was added, and is changed since)", `by bob at`, `"T7 mine"`} {
			if !strings.Contains(err.Error(), want) {
				b.Errorf("the error does not say %q: %v", want, err)
			}
		}
	})
}

// TestUndoRolledBack: a run that the router took back by itself needs no undoing, and one that is about to roll back is
// left alone.
func TestUndoRolledBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.opts.Hook = func(s devices.Step, after bool) error {
			if s == devices.StepChecks && !after {
				return errInjected
			}
			return nil
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.RollingBack)
		if _, ok := errors.AsType[*devices.WindowError](second(b.undo(b.run.ID))); !ok {
			b.Error("a run in its window is taken back")
		}
		dev := b.open()
		if _, ok := errors.AsType[*devices.WindowError](second(devices.UndoTo(b.Context(), dev, 1))); !ok {
			b.Error("rollback in a window")
		}
		b.must(dev.Close())
		time.Sleep(time.Hour)
		u, err := b.undo(b.run.ID)
		b.must(err)
		if len(u.Changes) != 0 || len(u.Commits) != 1 {
			b.Errorf("undone %+v", u)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestUndoHistory(t *testing.T) {
	inBubble(t, func(b *bench) {
		_, err := b.undo("01ARZ3NDEKTSV4RRFFQ69G5FAV")
		if e, ok := errors.AsType[*devices.NoCommitError](err); !ok || e.Full || e.Found || !errors.Is(err, devices.ErrNoCommit) || devices.Hint(err) == "" {
			b.Errorf("a run that was never there: %v", err)
		}
		// The oldest commit that is kept is the run's.
		r, err := devicetest.NewRouter(deviceName, devicetest.Config)
		b.must(err)
		b.router = r
		b.must(b.router.CommitAs("alice", addSuite, devices.Comment(message, "alice", b.run.ID), 0))
		r.Keep(1)
		_, err = b.undo(b.run.ID)
		if e, ok := errors.AsType[*devices.NoCommitError](err); !ok || !e.Found || !strings.Contains(err.Error(), "not kept") {
			b.Errorf("nothing before the run: %v", err)
		}
	})
}

// TestUndoShifted: somebody commits while the rollbacks are read.
func TestUndoShifted(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.applied()
		b.router.Fail(devicetest.Query, nil)
		b.router.Fail(devicetest.Query, &devicetest.Fault{Do: func() {
			b.must(b.router.CommitAs("carol", "set system domain-name example.net\n", "T9", 0))
		}})
		u, err := b.undo(b.run.ID)
		b.must(err)
		if len(u.Changes) != 1 || u.Changes[0].Text != "delete policy-options prefix-list SUITE\n" || u.Commits[0].Number != 1 {
			b.Errorf("undone %+v", u)
		}
	})
}

func TestUndoTo(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.applied()
		b.must(b.router.CommitAs("carol", "set system domain-name example.net\n", "T9", 0))
		dev := b.open()
		list, err := devices.UndoTo(b.Context(), dev, 2)
		b.must(err)
		var who []string
		for _, c := range list {
			who = append(who, fmt.Sprint(c.Number, " ", c.User))
		}
		if !slices.Equal(who, []string{"0 carol", "1 first"}) {
			b.Errorf("rollback 2 takes back %q", who)
		}
		for _, n := range []int{-1, 0, 4, 50} {
			if _, err := devices.UndoTo(b.Context(), dev, n); !errors.Is(err, devices.ErrNoCommit) {
				b.Errorf("rollback %d: %v", n, err)
			}
		}
		b.must(dev.Close())
		n := 2
		plan := b.review(diffs.Change{Rollback: &n})
		if !slices.Contains(plan.Edits, "delete system domain-name") {
			b.Errorf("edits %q", plan.Edits)
		}
	})
}
