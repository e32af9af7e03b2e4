package devices_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
)

var allOrNothing = devices.FleetOptions{AllOrNothing: true, AcrossSites: true, Pairs: devices.Together}

func TestAllOrNothing(t *testing.T) {
	no := &devices.CommitError{Device: "cr", Phase: "check", Message: "no"}
	badCheck := func(device string) []devices.Check {
		return []devices.Check{{Name: "bgp", Timeout: 10 * time.Second, Run: func(_ context.Context, dev devices.Device) error {
			if dev.Name() == device {
				return errInjected
			}
			return nil
		}}}
	}
	for _, c := range []struct {
		name          string
		prepare       func(*pairOf, *devices.ApplyOptions)
		results, runs string
	}{
		{"all", func(*pairOf, *devices.ApplyOptions) {}, "committed committed committed", "true true true"},
		{"one at a time", func(_ *pairOf, o *devices.ApplyOptions) { o.Parallel = 1 }, "committed committed committed", "true true true"},
		{
			"one is refused", func(p *pairOf, _ *devices.ApplyOptions) {
				p.routers[2].Fail(devicetest.Check, &devicetest.Fault{Err: no})
			},
			"not-committed not-committed not-committed", "false false false",
		},
		{
			"one is not reached", func(p *pairOf, _ *devices.ApplyOptions) {
				p.routers[1].Fail(devicetest.Open, &devicetest.Fault{Lose: true})
			},
			"not-committed not-committed not-committed", "false false false",
		},
		{
			"one does not commit", func(p *pairOf, _ *devices.ApplyOptions) {
				p.routers[0].Fail(devicetest.Commit, &devicetest.Fault{Err: no})
			},
			"not-committed rolled-back rolled-back", "false false false",
		},
		{
			"one check fails", func(_ *pairOf, o *devices.ApplyOptions) { o.Checks = badCheck("cr3.example.net") },
			"rolled-back rolled-back rolled-back", "false false false",
		},
		{
			"one check fails, one at a time", func(_ *pairOf, o *devices.ApplyOptions) { o.Checks, o.Parallel = badCheck("cr1.example.net"), 1 },
			"rolled-back rolled-back rolled-back", "false false false",
		},
		{
			"the second session of one does not open", func(p *pairOf, _ *devices.ApplyOptions) {
				p.routers[1].Fail(devicetest.Open, nil)
				for range 100 {
					p.routers[1].Fail(devicetest.Open, &devicetest.Fault{Lose: true})
				}
			},
			"rolled-back rolling-back rolled-back", "false false false",
		},
		{
			// Right before the confirm one finds that somebody committed over it: the others have not confirmed yet.
			"one is committed over", func(p *pairOf, o *devices.ApplyOptions) {
				o.Hook = onceAt(devices.StepConfirm, func() {
					p.must(p.routers[1].CommitAs("bob", "set system domain-name example.net\n", "T9", 0))
				})
			},
			"rolled-back superseded rolled-back", "false true false",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				opts := devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: allOrNothing}
				c.prepare(p, &opts)
				out := p.apply(p.Context(), opts)
				if got := p.results(out); got != c.results {
					p.Errorf("results %s, want %s", got, c.results)
					for _, o := range out {
						p.Logf("%s: %s: %v", o.Device, o, o.Err)
					}
				}
				time.Sleep(time.Hour)
				if got := p.running(); got != c.runs {
					p.Errorf("the change runs %s, want %s", got, c.runs)
				}
			})
		})
	}
}

// TestAllOrNothingStops: one that fails after its commit keeps those that wait for their turn from being committed, and they
// do not wait until it has rolled back.
func TestAllOrNothingStops(t *testing.T) {
	inPair(t, func(p *pairOf) {
		opts := devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: allOrNothing, SessionTimeout: 5 * time.Second}
		opts.Parallel = 1
		for _, r := range p.routers { // whoever is first
			r.Fail(devicetest.Open, nil)
			for range 20 {
				r.Fail(devicetest.Open, &devicetest.Fault{Lose: true})
			}
		}
		start, quick := time.Now(), 0
		opts.Events = func(e devices.Event) {
			if e.Kind == devices.EventDevice && e.State == devices.StateDone && time.Since(start) < time.Minute {
				quick++
			}
		}
		out := p.apply(p.Context(), opts)
		committed := 0
		for _, o := range out {
			switch o.Result {
			case devices.NotCommitted:
			case devices.RollingBack, devices.RolledBack:
				committed++
			default:
				p.Errorf("%s: %s: %v", o.Device, o.Result, o.Err)
			}
		}
		if committed != 1 || quick != 2 {
			p.Errorf("%d were committed, %d ended before the rollback", committed, quick)
		}
	})
}

// onceAt is a Hook that does something the first time that a step begins.
func onceAt(step devices.Step, f func()) func(devices.Step, bool) error {
	done := make(chan struct{}, 1)
	done <- struct{}{}
	return func(s devices.Step, after bool) error {
		if s == step && !after {
			select {
			case <-done:
				f()
			default:
			}
		}
		return nil
	}
}

// TestAllOrNothingHolds: no device is confirmed before all checks passed, and all windows are open then.
func TestAllOrNothingHolds(t *testing.T) {
	inPair(t, func(p *pairOf) {
		check := devices.Check{Name: "slow", Timeout: 20 * time.Second, Run: func(_ context.Context, dev devices.Device) error {
			if dev.Name() == "cr2.example.net" {
				time.Sleep(15 * time.Second)
			}
			for _, r := range p.routers {
				if h := r.Commits(); h[0].Confirm != 3*time.Minute {
					return fmt.Errorf("a window is not open: %+v", h[0])
				}
			}
			return nil
		}}
		out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, Checks: []devices.Check{check}, FleetOptions: allOrNothing})
		if got := p.results(out); got != "committed committed committed" {
			p.Errorf("results %s: %v", got, out[0].Err)
		}
	})
}

// TestAllOrNothingSlowCheck: how long commits take is known only when all were checked; none is committed if the window
// does not hold that.
func TestAllOrNothingSlowCheck(t *testing.T) {
	inPair(t, func(p *pairOf) {
		opts := devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: allOrNothing}
		opts.Parallel = 1
		p.routers[1].Fail(devicetest.Check, &devicetest.Fault{Delay: 30 * time.Second})
		out := p.apply(p.Context(), opts)
		if got := p.results(out); got != "not-committed not-committed not-committed" {
			p.Errorf("results %s", got)
		}
		refused := 0
		for _, o := range out {
			switch {
			case errors.Is(o.Err, devices.ErrRun) && strings.Contains(o.Err.Error(), "3 devices, 1 at once"):
				refused++
			case !errors.Is(o.Err, devices.ErrOther):
				p.Errorf("%s: %v", o.Device, o.Err)
			}
		}
		if refused == 0 {
			p.Error("nobody says why")
		}
	})
}

// recorder keeps events, and looks at their order.
type recorder struct {
	list []devices.Event
	busy bool
}

func (r *recorder) add(e devices.Event) {
	if r.busy {
		panic("two events at once")
	}
	r.busy = true
	r.list = append(r.list, e)
	r.busy = false
}

// of gives the events of some kinds, without steps unless asked for, one a line.
func (r *recorder) of(kinds ...devices.EventKind) string {
	var s []string
	for _, e := range r.list {
		if slices.Contains(kinds, e.Kind) {
			s = append(s, e.String())
		}
	}
	return strings.Join(s, "\n")
}

func TestRunEvents(t *testing.T) {
	inPair(t, func(p *pairOf) {
		var r recorder
		p.routers[1].Fail(devicetest.Check, &devicetest.Fault{Err: &devices.CommitError{Device: "cr2.example.net", Phase: "check", Message: "no"}})
		p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, Events: r.add})
		got := r.of(devices.EventRun, devices.EventBatch, devices.EventDevice, devices.EventStop, devices.EventBatchDone, devices.EventRunDone)
		h := p.routers[0].Commits()
		if len(h) != 3 {
			p.Errorf("history %+v", h)
		}
		for _, line := range []string{
			"run", "batch 1 of 3", "cr1.example.net: device running", "cr1.example.net: device done: committed and confirmed, ", "batch-done 1 of 3",
			"batch 2 of 3", "cr2.example.net: device running", "stop: no further device is begun: cr2.example.net failed: cr2.example.net: commit check: no",
			`cr2.example.net: device done: not committed, stopped in step "check"`, "batch-done 2 of 3", "run-done: cr2.example.net failed",
		} {
			before, after, ok := strings.Cut(got, line)
			if !ok {
				p.Fatalf("no %q in\n%s", line, r.of(devices.EventRun, devices.EventBatch, devices.EventDevice, devices.EventStop, devices.EventBatchDone, devices.EventRunDone))
			}
			_, got = before, after
		}
		steps := 0
		for _, e := range r.list {
			if e.Run != p.run.ID || e.Time.IsZero() {
				p.Errorf("event %+v", e)
			}
			if e.Kind == devices.EventStep && e.Device == "cr1.example.net" {
				steps++
			}
			if e.Kind == devices.EventDevice && e.State == devices.StateDone && (e.Outcome == nil || e.Outcome.Device != e.Device) {
				p.Errorf("done without an outcome: %+v", e)
			}
		}
		if steps != len(allSteps) {
			p.Errorf("%d steps of one device, want %d", steps, len(allSteps))
		}
		// The journal has it all.
		rec, err := devices.ReadRun(p.state, strings.ToLower(p.run.ID))
		p.must(err)
		if rec.AtWork || rec.Ended.IsZero() || rec.User != "alice" || rec.Message != message || len(rec.Batches) != 3 || len(rec.Devices) != 3 {
			p.Errorf("record %+v", rec)
		}
		if got := fmt.Sprint(rec.Having(), rec.Lacking()); got != "[cr1.example.net] [cr2.example.net cr3.example.net]" {
			p.Errorf("who has it: %s", got)
		}
		d := rec.Devices[1]
		if d.Step != devices.StepCheck || d.Outcome == nil || d.Outcome.Err == nil || !strings.Contains(d.Outcome.Err.Error(), "commit check: no") || devices.Hint(d.Outcome.Err) == "" {
			p.Errorf("device %+v", d)
		}
		if rec.Devices[2].Result() != devices.NotStarted {
			p.Errorf("device %+v", rec.Devices[2])
		}
		if !slices.ContainsFunc(rec.Events, func(e devices.Event) bool { return e.Kind == devices.EventStop && e.Err != nil }) {
			p.Errorf("events %v", rec.Events)
		}
		ids, err := devices.ListRuns(p.state)
		if err != nil || !slices.Equal(ids, []string{p.run.ID}) {
			p.Errorf("runs %v, %v", ids, err)
		}
	})
}

func TestReadRunUnknown(t *testing.T) {
	for _, id := range []string{"", "x", "../../etc/passwd", "01ARZ3NDEKTSV4RRFFQ69G5FAV"} {
		if _, err := devices.ReadRun(t.TempDir(), id); !errors.Is(err, devices.ErrNoRun) {
			t.Errorf("run %q: %v", id, err)
		}
	}
}

// TestInterruptSaid: at an interrupt it is said what becomes of what is under way; what is committed is not confirmed.
func TestInterruptSaid(t *testing.T) {
	for at, want := range map[devices.Step]struct{ text, results string }{
		devices.StepLoad:   {"no further device is begun; 1 not yet committed: discarded", "not-committed not-started not-started"},
		devices.StepChecks: {"no further device is begun; 1 committed and not confirmed: left to roll back by themselves", "rolling-back not-started not-started"},
		devices.StepVerify: {"no further device is begun", "committed not-started not-started"},
	} {
		t.Run(string(at), func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				ctx, cancel := context.WithCancelCause(p.Context())
				defer cancel(nil)
				var r recorder
				out := p.apply(ctx, devices.ApplyOptions{
					Confirm: 3 * time.Minute, Events: r.add, Wait: true,
					Hook: func(s devices.Step, after bool) error {
						if s == at && !after {
							cancel(errors.New("the user pressed ^C"))
							time.Sleep(time.Second) // it is told by another goroutine
						}
						return nil
					},
				})
				if got := p.results(out); got != want.results {
					p.Errorf("results %s: %v", got, out[0].Err)
				}
				if got := r.of(devices.EventStop); got != "stop: "+want.text+": interrupted: the user pressed ^C" {
					p.Errorf("it says %q", got)
				}
				if last := r.list[len(r.list)-1]; last.Kind != devices.EventRunDone {
					p.Errorf("the last event is %s", last)
				}
			})
		})
	}
}

// TestPairFails: the other of a pair is told who failed, and does not wait for its rollback.
func TestPairFails(t *testing.T) {
	inPair(t, func(p *pairOf) {
		start := time.Now()
		var done time.Time
		out := p.apply(p.Context(), devices.ApplyOptions{
			Confirm: 5 * time.Minute, Wait: true, FleetOptions: devices.FleetOptions{Pairs: devices.Together},
			Checks: []devices.Check{{Name: "bgp", Timeout: 10 * time.Second, Run: func(_ context.Context, dev devices.Device) error {
				if dev.Name() == "cr1.example.net" {
					return errInjected
				}
				return nil
			}}},
			Events: func(e devices.Event) {
				if e.Kind == devices.EventDevice && e.State == devices.StateWaiting && e.Device == "cr2.example.net" && strings.Contains(e.Text, "rolls back by itself") {
					done = time.Now()
				}
			},
		})
		if got := p.results(out); got != "rolled-back rolled-back not-started" {
			p.Errorf("results %s", got)
		}
		if !errors.Is(out[1].Err, devices.ErrOther) || !strings.Contains(out[1].Err.Error(), "cr1.example.net") {
			p.Errorf("the other says %v", out[1].Err)
		}
		if done.IsZero() || done.Sub(start) > time.Minute {
			p.Errorf("it was told %s after the start", done.Sub(start))
		}
	})
}

func TestLockWait(t *testing.T) {
	inPair(t, func(p *pairOf) {
		holder, err := p.routers[0].Open(p.Context(), "bob")
		p.must(err)
		c, err := holder.Lock(p.Context())
		p.must(err)
		var r recorder
		go func() {
			time.Sleep(20 * time.Second)
			if err := c.Discard(context.WithoutCancel(p.Context())); err != nil {
				p.Error(err)
			}
		}()
		out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, Events: r.add, FleetOptions: devices.FleetOptions{LockWait: time.Minute}})
		if got := p.results(out); got != "committed committed committed" {
			p.Errorf("results %s: %v", got, out[0].Err)
		}
		if got := r.of(devices.EventRetry); !strings.Contains(got, "locked by bob") {
			p.Errorf("retries:\n%s", got)
		}
	})
	inPair(t, func(p *pairOf) {
		holder, err := p.routers[0].Open(p.Context(), "bob")
		p.must(err)
		c, err := holder.Lock(p.Context())
		p.must(err)
		out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: devices.FleetOptions{LockWait: time.Minute}})
		if _, ok := errors.AsType[*devices.LockedError](out[0].Err); !ok || !strings.Contains(out[0].Err.Error(), "waited 1m0s") {
			p.Errorf("locked for good: %v", out[0].Err)
		}
		p.must(c.Discard(p.Context()))
	})
}

// TestBusy: where the lock is held by another run of the same journal, that run is named.
func TestBusy(t *testing.T) {
	inPair(t, func(p *pairOf) {
		p.jobs = p.jobs[:1]
		other, err := devices.NewRun(p.state, devices.RunInfo{User: "bob", Message: "T9 mine"})
		p.must(err)
		at := make(chan struct{})
		end := make(chan []devices.Outcome)
		go func() {
			out, _ := other.Apply(context.WithoutCancel(p.Context()), p.jobs, devices.ApplyOptions{ //nolint:errcheck // the outcome is what counts
				Confirm: 3 * time.Minute,
				Hook: onceAt(devices.StepLoad, func() {
					close(at)
					time.Sleep(time.Minute)
				}),
			})
			end <- out
		}()
		<-at
		out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute})
		e, ok := errors.AsType[*devices.BusyError](out[0].Err)
		if !ok || e.Run != other.ID || e.User != "bob" || !strings.Contains(out[0].Err.Error(), `run `+other.ID+` by bob "T9 mine" is at work on it since `) {
			p.Errorf("the loser says %v", out[0].Err)
		}
		if out := <-end; out[0].Result != devices.Committed {
			p.Errorf("the winner: %+v", out[0])
		}
	})
}
