package netconf

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
)

// operator is one of several people who work from machines of their own, on the same routers.
type operator struct {
	name  string
	state string
	plans []diffs.DevicePlan
}

// newOperator reviews a change of all routers.
func newOperator(t *testing.T, name string, routers []*lab, set string) *operator {
	t.Helper()
	o := &operator{name: name, state: t.TempDir()}
	for _, l := range routers {
		o.plans = append(o.plans, review(t, l, set))
	}
	return o
}

// apply applies what was reviewed to the routers, all at once.
func (o *operator) apply(t *testing.T, routers []*lab, opts devices.ApplyOptions) (run string, out []devices.Outcome) {
	t.Helper()
	r, err := devices.NewRun(o.state, devices.RunInfo{User: o.name, Message: "T1 by " + o.name})
	if err != nil {
		t.Error(err)
		return "", nil
	}
	var jobs []devices.Job
	for i, l := range routers {
		plan := o.plans[i]
		plan.Device = fmt.Sprintf("cr%d.example.net", i)
		jobs = append(jobs, devices.Job{Plan: plan, Dial: func(ctx context.Context) (devices.Device, error) {
			dev, err := l.open(ctx)
			if err != nil {
				return nil, err
			}
			return renamed{dev, plan.Device}, nil
		}})
	}
	out, err = r.Apply(t.Context(), jobs, opts)
	if err != nil {
		t.Error(err)
	}
	return r.ID, out
}

// renamed tells lab routers apart, which all go by one name.
type renamed struct {
	devices.Device
	name string
}

func (r renamed) Name() string { return r.name }

// TestTwoOperators: two people change the same routers at the same time, each from a journal of his own. Every router has
// the change of exactly one of them, committed once; the other is told who was first, and nothing stays locked.
func TestTwoOperators(t *testing.T) {
	for name, fleet := range map[string]devices.FleetOptions{
		"at once":            {Parallel: 3, Batches: devices.Batches{{Percent: 100}}},
		"one after another":  {},
		"waits for the lock": {Parallel: 3, Batches: devices.Batches{{Percent: 100}}, LockWait: 20 * time.Second, Retry: devices.Retry{Base: 50 * time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			routers := []*lab{startLab(t, time.Minute), startLab(t, time.Minute), startLab(t, time.Minute)}
			ops := []*operator{
				newOperator(t, "alice", routers, "set policy-options prefix-list ALICE 198.51.100.0/24\n"),
				newOperator(t, "bob", routers, "set policy-options prefix-list BOB 203.0.113.0/24\n"),
			}
			runs := make([]string, len(ops))
			outs := make([][]devices.Outcome, len(ops))
			var wg sync.WaitGroup
			for n, o := range ops {
				wg.Go(func() {
					runs[n], outs[n] = o.apply(t, routers, devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: fleet})
				})
			}
			wg.Wait()
			losers := 0
			for i, l := range routers {
				losers += oneWinner(t, l, i, runs, outs)
			}
			if losers == 0 {
				t.Error("nobody lost: the two never met")
			}
		})
	}
}

func oneWinner(t *testing.T, l *lab, i int, runs []string, outs [][]devices.Outcome) (losers int) {
	t.Helper()
	dev := l.mustOpen(t)
	h, err := dev.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := dev.Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	committed := 0
	for n, name := range []string{"ALICE", "BOB"} {
		out := outs[n][i]
		entries := 0
		for _, c := range h {
			if strings.Contains(c.Comment, runs[n]) {
				entries++
			}
		}
		if out.Result == devices.Committed {
			committed++
			if entries != 2 || !strings.Contains(text, name) { // the commit and its confirmation
				t.Errorf("%s is committed on %d with %d entries, it runs\n%s", name, i, entries, text)
			}
			continue
		}
		if entries != 0 || strings.Contains(text, name) {
			t.Errorf("%s is %s on %d with %d entries, it runs\n%s", name, out.Result, i, entries, text)
		}
		if out.Result == devices.NotStarted {
			continue // the run stopped before this router
		}
		told(t, out)
		losers++
	}
	if committed > 1 {
		t.Errorf("both are committed on %d", i)
	}
	if outs[0][i].Result == devices.NotStarted && outs[1][i].Result == devices.NotStarted {
		return losers
	}
	c, err := dev.Lock(t.Context())
	if err != nil {
		t.Fatalf("it is still locked: %v", err)
	}
	if err := c.Discard(t.Context()); err != nil {
		t.Error(err)
	}
	if h[0].Confirm > 0 {
		t.Errorf("a window is open: %+v", h[0])
	}
	return losers
}

// told demands that the loser is told by whom: the holder of the lock, the owner of the window, or who committed.
func told(t *testing.T, out devices.Outcome) {
	t.Helper()
	locked, isLocked := errors.AsType[*devices.LockedError](out.Err)
	window, isWindow := errors.AsType[*devices.WindowError](out.Err)
	moved, isMoved := errors.AsType[*devices.MovedError](out.Err)
	switch {
	case isLocked && strings.Contains(locked.Holder, "lab"):
	case isWindow && strings.Contains(window.Commit.Comment, "T1 by "):
	case isMoved && len(moved.By) > 0 && strings.Contains(moved.Error(), "T1 by "):
	default:
		t.Errorf("%s: %s, and it is told %v", out.Device, out.Result, out.Err)
	}
	if out.Result != devices.NotCommitted || devices.Hint(out.Err) == "" {
		t.Errorf("%s: %s, hint %q", out.Device, out.Result, devices.Hint(out.Err))
	}
}

// TestUndoOnRouter takes a run back on a lab router, where the confirmation is an entry of its own.
func TestUndoOnRouter(t *testing.T) {
	l := startLab(t, time.Minute)
	routers := []*lab{l}
	before := l.fingerprint(t)
	alice := newOperator(t, "alice", routers, "set policy-options prefix-list ALICE 198.51.100.0/24\nset system host-name cr9\n")
	run, out := alice.apply(t, routers, devices.ApplyOptions{Confirm: 3 * time.Minute})
	if out[0].Result != devices.Committed {
		t.Fatalf("%+v", out[0])
	}
	undo := func() devices.Undone {
		t.Helper()
		u, err := devices.Undo(t.Context(), l.mustOpen(t), run)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	u := undo()
	if len(u.Commits) != 2 || len(u.Changes) != 1 || len(u.Later) != 0 {
		t.Fatalf("undone %+v", u)
	}
	back := &operator{name: "carol", state: t.TempDir()}
	plan, err := devices.Review(t.Context(), l.mustOpen(t), u.Changes...)
	if err != nil {
		t.Fatal(err)
	}
	back.plans = []diffs.DevicePlan{plan}
	if _, out = back.apply(t, routers, devices.ApplyOptions{Confirm: 3 * time.Minute}); out[0].Result != devices.Committed || out[0].After != before {
		t.Errorf("taken back: %+v, want %s", out[0], before)
	}
	if u = undo(); len(u.Changes) != 0 || len(u.Later) != 1 || !strings.Contains(u.Later[0].Comment, "T1 by carol") {
		t.Errorf("and again: %+v", u)
	}
	// Somebody else's word on the same statement is a conflict, by name.
	bob := newOperator(t, "bob", routers, "set system host-name cr8\n")
	if _, out = bob.apply(t, routers, devices.ApplyOptions{Confirm: 3 * time.Minute}); out[0].Result != devices.Committed {
		t.Fatalf("%+v", out[0])
	}
	_, err = devices.Undo(t.Context(), l.mustOpen(t), run)
	if e, ok := errors.AsType[*devices.UndoError](err); !ok || len(e.Conflicts) != 1 || e.Conflicts[0].By == nil || !strings.Contains(e.Conflicts[0].By.Comment, "T1 by bob") {
		t.Errorf("after another's change: %v", err)
	}
	list, err := devices.UndoTo(t.Context(), l.mustOpen(t), 2)
	if err != nil || len(list) != 2 || !strings.Contains(list[1].Comment, "T1 by bob") {
		t.Errorf("rollback 2 takes back %+v, %v", list, err)
	}
}
