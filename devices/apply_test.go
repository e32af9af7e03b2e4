package devices_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

func TestContract(t *testing.T) {
	devicetest.Run(t, func(t *testing.T) devicetest.Subject {
		r, err := devicetest.NewRouter(deviceName, devicetest.Config)
		if err != nil {
			t.Fatal(err)
		}
		r.Minute = 100 * time.Millisecond
		return devicetest.Subject{
			Open: func(ctx context.Context) (devices.Device, error) { return r.Open(ctx, "lab") },
			Edit: func(t *testing.T, set string) {
				t.Helper()
				if err := r.Edit("bob", set); err != nil {
					t.Fatal(err)
				}
			},
			Minute: r.Minute,
		}
	})
}

func TestApply(t *testing.T) {
	inBubble(t, func(b *bench) {
		var steps []string
		b.opts.Events = func(e devices.Event) { steps = append(steps, string(e.Step)) }
		ran := false
		b.opts.Checks = []devices.Check{{Name: "bgp", Timeout: 10 * time.Second, Run: func(ctx context.Context, dev devices.Device) error {
			ran = true
			h, err := dev.History(ctx)
			if err == nil && h[0].Confirm != 3*time.Minute {
				err = fmt.Errorf("the checks do not run in the window: %+v", h[0])
			}
			return err
		}}}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		b.changed()
		if !ran {
			b.Error("the check did not run")
		}
		if got, want := strings.Join(steps, " "), "intent history snapshot lock fingerprint load compare check commit session entry checks confirm verify outcome"; got != want {
			b.Errorf("steps %s, want %s", got, want)
		}
		// The first session sends nothing but the commits from load to the end.
		if got, want := strings.Join(b.router.Calls(), ", "), "first open, first history, first query, first query, first query, first query, first lock, first history, first running, first load, first compare, "+
			"first check, first commit, second open, second history, second running, second query, second query, second query, second history, second history, second running, first confirm, "+
			"second history, second running, first discard"; got != want {
			b.Errorf("calls\n%s\nwant\n%s", got, want)
		}
		comment := "T123456 why (alice, run " + b.run.ID + ")"
		h := b.router.Commits()
		if len(h) != 3 || h[0].Comment != comment || h[1].Comment != comment || h[0].Confirm != 0 {
			b.Errorf("history %+v", h)
		}
		e := b.audit()
		if len(e) != 1 || e[0].Result != devices.Committed || e[0].User != "alice" || e[0].Comment != comment || e[0].Message != message ||
			e[0].Before != b.plan.Fingerprint || e[0].After == e[0].Before || e[0].Device != deviceName || e[0].Error != "" {
			b.Errorf("audit %+v", e)
		}
		time.Sleep(time.Hour)
		b.changed()
	})
}

var allSteps = []devices.Step{
	devices.StepIntent, devices.StepHistory, devices.StepSnapshot, devices.StepLock, devices.StepFingerprint, devices.StepLoad,
	devices.StepCompare, devices.StepCheck, devices.StepCommit, devices.StepSession, devices.StepEntry, devices.StepChecks,
	devices.StepConfirm, devices.StepVerify, devices.StepOutcome,
}

var errInjected = errors.New("injected")

// endOf is what must be known of a transaction that ends at a point.
func endOf(s devices.Step, after bool) devices.Result {
	n := slices.Index(allSteps, s)
	commit, confirm := slices.Index(allSteps, devices.StepCommit), slices.Index(allSteps, devices.StepConfirm)
	switch {
	case n < commit, n == commit && !after:
		return devices.NotCommitted
	case n < confirm, n == confirm && !after:
		return devices.RollingBack
	case s == devices.StepOutcome:
		return devices.Committed
	}
	return devices.Unknown // confirmed, and not read back
}

// TestFailAtEachStep fails the transaction before and after every step.
func TestFailAtEachStep(t *testing.T) {
	for _, step := range allSteps {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s after=%v", step, after), func(t *testing.T) {
				inBubble(t, func(b *bench) {
					b.opts.Hook = func(s devices.Step, a bool) error {
						if s == step && a == after {
							return errInjected
						}
						return nil
					}
					out, err := b.apply(b.Context())
					if !errors.Is(err, errInjected) {
						b.Errorf("the error is %v", err)
					}
					want := endOf(step, after)
					if out.Result != want {
						b.Errorf("the result is %s (%v), want %s", out.Result, err, want)
					}
					b.free()
					switch want {
					case devices.NotCommitted:
						b.untouched()
						if !out.RollbackAt.IsZero() {
							b.Errorf("nothing was committed, and it says to roll back at %s", out.RollbackAt)
						}
					case devices.RollingBack:
						b.changed()
						if left := time.Until(out.RollbackAt); left <= 2*time.Minute || left > 3*time.Minute {
							b.Errorf("it says to roll back in %s", left)
						}
						time.Sleep(time.Until(out.RollbackAt) + time.Second)
						b.untouched()
					default:
						time.Sleep(time.Hour)
						b.changed()
					}
				})
			})
		}
	}
}

// TestKillAtEachStep panics at every point. The journal then tells of no end, and the next run finds it in the device's
// history.
func TestKillAtEachStep(t *testing.T) {
	for _, step := range allSteps {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s after=%v", step, after), func(t *testing.T) {
				inBubble(t, func(b *bench) { killAt(b, step, after) })
			})
		}
	}
}

func killAt(b *bench, step devices.Step, after bool) {
	b.opts.Hook = func(s devices.Step, a bool) error {
		if s == step && a == after {
			panic(errInjected)
		}
		return nil
	}
	func() {
		defer func() {
			if r := recover(); r != errInjected { //nolint:errorlint // a panic's value
				b.Errorf("recovered %v", r)
			}
		}()
		b.apply(b.Context()) //nolint:errcheck // it panics
	}()
	b.free()
	if err := b.run.Close(); err != nil { // a process that died has no lock on its journal
		b.Fatal(err)
	}
	next := b.newRun()
	left := next.Unfinished()
	if step == devices.StepOutcome && after || step == devices.StepIntent && !after {
		if len(left) != 0 {
			b.Errorf("unfinished: %v", left)
		}
		return
	}
	if len(left) != 1 || left[0].Run != b.run.ID || left[0].Device != deviceName || left[0].User != "alice" {
		b.Fatalf("unfinished: %v", left)
	}
	wantStep := step
	if step == devices.StepOutcome {
		wantStep = devices.StepVerify // its record is the outcome
	}
	if left[0].Step != wantStep || !strings.Contains(left[0].String(), "ended on "+deviceName) {
		b.Errorf("unfinished: %s", left[0])
	}
	end := endOf(step, after)
	if end == devices.Unknown {
		end = devices.Committed // history tells
	}
	settle := func() devices.Result {
		dev := b.open()
		out, err := devices.Settle(b.Context(), dev, left[0])
		if err != nil {
			b.Error(err)
		}
		if err := dev.Close(); err != nil {
			b.Error(err)
		}
		return out.Result
	}
	if got := settle(); got != end {
		b.Errorf("it ended %s, want %s", got, end)
	}
	time.Sleep(time.Hour)
	if end == devices.RollingBack {
		end = devices.RolledBack
		b.untouched()
	}
	if got := settle(); got != end {
		b.Errorf("an hour later it ended %s, want %s", got, end)
	}
	// The next run says it once and then applies.
	b.plan = b.review(diffs.Change{Mode: junos.Set, Text: "set system domain-name example.net\n"})
	out, err := next.Apply(b.Context(), []devices.Job{{Plan: b.plan, Dial: b.dial}}, devices.ApplyOptions{Confirm: 3 * time.Minute})
	if err != nil || len(out) != 1 || out[0].Result != devices.Committed || len(out[0].Notes) != 1 || !strings.Contains(out[0].Notes[0], b.run.ID) {
		b.Errorf("the next run: %+v", out)
	}
	if third := b.newRun(); len(third.Unfinished()) != 0 {
		b.Errorf("still unfinished: %v", third.Unfinished())
	}
	if e := b.audit(); len(e) < 2 || e[len(e)-2].Run != b.run.ID || e[len(e)-2].Result != end {
		b.Errorf("audit: %+v", e)
	}
}

func TestLostAnswers(t *testing.T) {
	lost := &devicetest.Fault{Lose: true}
	lostDone := &devicetest.Fault{Lose: true, Done: true}
	for _, c := range []struct {
		name   string
		faults map[devicetest.Operation][]*devicetest.Fault
		want   devices.Result
		is     error
		after  func(*bench)
	}{
		{"commit done", map[devicetest.Operation][]*devicetest.Fault{devicetest.Commit: {lostDone}}, devices.Committed, nil, (*bench).changed},
		{"commit not done", map[devicetest.Operation][]*devicetest.Fault{devicetest.Commit: {lost}}, devices.NotCommitted, devices.ErrNotCommitted, (*bench).untouched},
		{"commit done late", map[devicetest.Operation][]*devicetest.Fault{devicetest.Commit: {{Lose: true, Done: true, Delay: 30 * time.Second}}}, devices.Committed, nil, (*bench).changed},
		{"commit done, history lost as well", map[devicetest.Operation][]*devicetest.Fault{devicetest.Commit: {lostDone}, devicetest.History: {nil, nil, lost}}, devices.Committed, nil, (*bench).changed},
		{"confirm done", map[devicetest.Operation][]*devicetest.Fault{devicetest.Confirm: {lostDone}}, devices.Committed, nil, (*bench).changed},
		{"confirm not done", map[devicetest.Operation][]*devicetest.Fault{devicetest.Confirm: {lost}}, devices.Committed, nil, (*bench).changed},
		{"confirm not done, twice", map[devicetest.Operation][]*devicetest.Fault{devicetest.Confirm: {lost, lost}}, devices.Committed, nil, (*bench).changed},
		{"running lost at verify", map[devicetest.Operation][]*devicetest.Fault{devicetest.Running: {nil, nil, nil, lost}}, devices.Committed, nil, (*bench).changed},
		{"load", map[devicetest.Operation][]*devicetest.Fault{devicetest.Load: {lostDone}}, devices.NotCommitted, devices.ErrSessionLost, (*bench).untouched},
		{"second session does not open at once", map[devicetest.Operation][]*devicetest.Fault{devicetest.Open: {nil, lost, lost, lost}}, devices.Committed, nil, (*bench).changed},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				for op, list := range c.faults {
					for _, f := range list {
						b.router.Fail(op, f)
					}
				}
				out, err := b.apply(b.Context())
				b.want(out, err, c.want)
				if c.is != nil && !errors.Is(err, c.is) {
					b.Errorf("the error is %v, want %v", err, c.is)
				}
				time.Sleep(time.Hour)
				c.after(b)
				n := 0
				for _, call := range b.router.Calls() {
					if strings.HasSuffix(call, " commit") {
						n++
					}
				}
				if n > 1 {
					b.Errorf("%d commits were sent", n)
				}
			})
		})
	}
}

// TestNobodyToAsk: the commit's answer is lost and the device cannot be reached any more.
func TestNobodyToAsk(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.router.Fail(devicetest.Commit, &devicetest.Fault{Lose: true, Done: true})
		b.opts.Dial = func(context.Context) (devices.Device, error) {
			return nil, &devices.UnreachableError{Device: deviceName, Err: errInjected}
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Unknown)
		if !errors.Is(err, devices.ErrUnknown) || out.RollbackAt.IsZero() || !strings.Contains(out.String(), "rolls back at") {
			b.Errorf("%s: %v", out, err)
		}
		time.Sleep(time.Hour)
		b.untouched()
	})
}

// TestSecondSessionNeverOpens: the change cut us off. The device takes it back.
func TestSecondSessionNeverOpens(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.opts.Dial = func(context.Context) (devices.Device, error) {
			return nil, &devices.UnreachableError{Device: deviceName, Err: errInjected}
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.RollingBack)
		if e, ok := errors.AsType[*devices.UnreachableError](err); !ok || e.Device != deviceName {
			b.Errorf("the error is %v", err)
		}
		time.Sleep(time.Hour)
		b.untouched()
	})
}

func TestWindow(t *testing.T) {
	sleeping := func(d time.Duration) []devices.Check {
		return []devices.Check{{Name: "slow", Timeout: 50 * time.Second, Run: func(context.Context, devices.Device) error {
			time.Sleep(d)
			return nil
		}}}
	}
	t.Run("too little is left", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Checks = sleeping(165 * time.Second)
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			if !errors.Is(err, devices.ErrConfirmTime) {
				b.Errorf("the error is %v", err)
			}
			time.Sleep(time.Minute)
			b.untouched()
		})
	})
	t.Run("the device rolled back before us", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Minute = 10 * time.Second
			b.opts.Checks = sleeping(40 * time.Second)
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RolledBack)
			b.untouched()
		})
	})
	t.Run("a confirm that comes late is an empty success", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Minute = 10 * time.Second
			b.router.Fail(devicetest.Confirm, &devicetest.Fault{Delay: 40 * time.Second})
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RolledBack)
			b.untouched()
			if h := b.router.Commits(); !strings.Contains(h[0].Comment, b.run.ID) {
				b.Errorf("entry 0 is not the empty commit: %+v", h[0])
			}
		})
	})
	t.Run("somebody confirmed it", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Checks = []devices.Check{{Name: "bgp", Timeout: time.Second, Run: func(context.Context, devices.Device) error {
				return b.router.CommitAs("bob", "set system domain-name example.net\n", "T9", 0)
			}}}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Superseded)
			if !errors.Is(err, devices.ErrSuperseded) || !strings.Contains(err.Error(), "confirmed by bob at") || !strings.Contains(out.String(), "bob") {
				b.Errorf("%s: %v", out, err)
			}
			b.changed()
		})
	})
	t.Run("a failing check rolls back, and is waited for", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Wait = true
			b.opts.Checks = []devices.Check{{Name: "bgp", Timeout: time.Second, Run: func(context.Context, devices.Device) error { return errInjected }}}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RolledBack)
			if !errors.Is(err, errInjected) || !errors.Is(err, devices.ErrRolledBack) || !strings.Contains(err.Error(), "check bgp") {
				b.Errorf("the error is %v", err)
			}
			b.untouched()
		})
	})
	t.Run("what it left to roll back is settled later", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Checks = []devices.Check{{Name: "bgp", Timeout: time.Second, Run: func(context.Context, devices.Device) error { return errInjected }}}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			b.must(b.run.Close())
			settle := func() string {
				list, err := devices.ReadUnfinished(b.state)
				b.must(err)
				dev := b.open()
				defer func() { b.must(dev.Close()) }()
				return strings.Join(devices.SettleUnfinished(b.Context(), dev, list), "\n")
			}
			if got := settle(); !strings.Contains(got, "left "+b.plan.Device+" rolling-back; the device's history says: NOT confirmed") {
				b.Errorf("in the window: %q", got)
			}
			time.Sleep(4 * time.Minute)
			if got := settle(); !strings.Contains(got, "the device's history says: rolled back") {
				b.Errorf("after it: %q", got)
			}
			if got := settle(); got != "" {
				b.Errorf("said twice: %q", got)
			}
		})
	})
	t.Run("a check that hangs", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Checks = []devices.Check{{Name: "bgp", Timeout: 5 * time.Second, Run: func(ctx context.Context, _ devices.Device) error {
				<-ctx.Done()
				return ctx.Err()
			}}}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			if !errors.Is(err, context.DeadlineExceeded) {
				b.Errorf("the error is %v", err)
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Confirm = 0
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if h := b.router.Commits(); len(h) != 2 || !out.RollbackAt.IsZero() {
				b.Errorf("history %+v", h)
			}
			b.changed()
		})
	})
}

// TestRefused: each reason not to begin gives its own error and leaves no trace.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*bench)
		is      func(error) bool
		reached devices.Step
	}{
		{"somebody's window", func(b *bench) {
			b.must(b.router.CommitAs("bob", "set system domain-name example.net\n", "T9", 10*time.Minute))
			b.before = b.router.Text()
		}, is[*devices.WindowError], devices.StepHistory},
		{"locked", func(b *bench) {
			dev, err := b.router.Open(b.Context(), "bob")
			b.must(err)
			_, err = dev.Lock(b.Context())
			b.must(err)
			b.Cleanup(func() { b.must(dev.Close()) })
		}, is[*devices.LockedError], devices.StepLock},
		{"dirty", func(b *bench) { b.must(b.router.Edit("bob", "set system domain-name example.net\n")) }, is[*devices.DirtyError], devices.StepLock},
		{"moved", func(b *bench) {
			b.must(b.router.CommitAs("bob", "set system domain-name example.net\n", "T9", 0))
			b.before = b.router.Text()
		}, func(err error) bool {
			e, ok := errors.AsType[*devices.MovedError](err)
			return ok && errors.Is(err, devices.ErrMoved) && len(e.By) == 1 && e.By[0].User == "bob" && len(e.Edits) == 1 &&
				e.Edits[0] == "set system domain-name example.net"
		}, devices.StepFingerprint},
		{
			"reviewed something else", func(b *bench) { b.plan.Compare += "+  more;\n" },
			func(err error) bool { return errors.Is(err, devices.ErrReviewMismatch) }, devices.StepCompare,
		},
		{"offline, reviewed something else", func(b *bench) {
			b.plan.Online = false
			b.plan.Edits = append(b.plan.Edits, "set zzz")
		}, func(err error) bool { return errors.Is(err, devices.ErrReviewMismatch) }, devices.StepCompare},
		{"load", func(b *bench) {
			b.router.Fail(devicetest.Load, &devicetest.Fault{Done: true, Err: &devices.CommitError{Device: deviceName, Phase: "load", Message: "syntax error"}})
		}, is[*devices.CommitError], devices.StepLoad},
		{"check", func(b *bench) {
			b.router.Fail(devicetest.Check, &devicetest.Fault{Err: &devices.CommitError{Device: deviceName, Phase: "check", Message: "no"}})
		}, is[*devices.CommitError], devices.StepCheck},
		{"commit", func(b *bench) {
			b.router.Fail(devicetest.Commit, &devicetest.Fault{Err: &devices.CommitError{Device: deviceName, Phase: "commit", Message: "no"}})
		}, is[*devices.CommitError], devices.StepCommit},
		{"a slow check leaves no window", func(b *bench) {
			b.opts.Confirm = time.Minute
			b.router.Fail(devicetest.Check, &devicetest.Fault{Delay: 50 * time.Second})
		}, func(err error) bool { return errors.Is(err, devices.ErrConfirmTime) }, devices.StepCheck},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				c.prepare(b)
				out, err := b.apply(b.Context())
				b.want(out, err, devices.NotCommitted)
				if !c.is(err) {
					b.Errorf("the error is %v", err)
				}
				if out.Step != c.reached || !strings.Contains(err.Error(), deviceName) {
					b.Errorf("it ended in step %s: %v", out.Step, err)
				}
				if got := b.router.Text(); got != b.before {
					b.Errorf("the router runs:\n%s", got)
				}
				if c.name == "dirty" != (b.router.Pending() != "") {
					b.Errorf("the candidate holds %q", b.router.Pending())
				}
				if c.name == "locked" != b.router.Locked() {
					b.Errorf("locked: %v", b.router.Locked())
				}
				if e := b.audit(); len(e) != 1 || e[0].Result != devices.NotCommitted || e[0].Error == "" || strings.Contains(e[0].Error, "+ ") {
					b.Errorf("audit %+v", e)
				}
			})
		})
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok && devices.Hint(err) != ""
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// TestNotBegun: what is wrong with the plan or the options is found before the journal or the device is touched.
func TestNotBegun(t *testing.T) {
	for name, prepare := range map[string]func(*bench){
		"90s": func(b *bench) { b.opts.Confirm = 90 * time.Second },
		"30s": func(b *bench) { b.opts.Confirm = 30 * time.Second },
		"check without timeout": func(b *bench) {
			b.opts.Checks = []devices.Check{{Name: "x", Run: func(context.Context, devices.Device) error { return nil }}}
		},
		"check too long": func(b *bench) {
			b.opts.Checks = []devices.Check{{Name: "x", Timeout: time.Minute, Run: func(context.Context, devices.Device) error { return nil }}}
		},
		"another device": func(b *bench) { b.plan.Device = "cr2.ams.example.net" },
		"no fingerprint": func(b *bench) { b.plan.Fingerprint = "" },
		"no change":      func(b *bench) { b.plan.Changes, b.plan.Compare, b.plan.Edits = nil, "", nil },
		"no dial":        func(b *bench) { b.opts.Dial = nil },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				prepare(b)
				out, err := b.apply(b.Context())
				b.want(out, err, devices.NotCommitted)
				if !errors.Is(err, devices.ErrPlan) && !errors.Is(err, devices.ErrConfirmTime) {
					b.Errorf("the error is %v", err)
				}
				if calls := b.router.Calls(); len(calls) != 1 {
					b.Errorf("the device was asked: %v", calls)
				}
				if _, err := os.Stat(b.state + "/audit.jsonl"); !errors.Is(err, os.ErrNotExist) {
					b.Errorf("audit log: %v", err)
				}
				b.untouched()
			})
		})
	}
}

func TestAcceptUnrelated(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.opts.AcceptUnrelated = true
		b.must(b.router.CommitAs("bob", "set system domain-name example.net\n", "T9", 0))
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		if len(out.Notes) != 1 || !strings.Contains(out.Notes[0], "set system domain-name example.net") {
			b.Errorf("it does not say what moved: %q", out.Notes)
		}
		b.changed()
	})
	inBubble(t, func(b *bench) {
		b.opts.AcceptUnrelated = true
		b.must(b.router.CommitAs("bob", "set policy-options prefix-list SUITE 203.0.113.0/24\n", "T9", 0))
		b.before = b.router.Text()
		out, err := b.apply(b.Context())
		b.want(out, err, devices.NotCommitted)
		if !errors.Is(err, devices.ErrMoved) {
			b.Errorf("the error is %v", err)
		}
		b.untouched()
	})
}

func TestOfflinePlan(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.plan.Online = false
		b.plan.Compare = "laid out in another way\n"
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		b.changed()
	})
}

func TestUnchanged(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.plan = b.review(diffs.Change{Mode: junos.Set, Text: "set system host-name cr1\n"})
		if b.plan.Compare != "" {
			b.Fatalf("the plan changes something: %+v", b.plan)
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Unchanged)
		b.untouched()
		if h := b.router.Commits(); len(h) != 1 {
			b.Errorf("history %+v", h)
		}
	})
}

// TestInterrupt cancels before each step. What was begun is undone, or left to be rolled back.
func TestInterrupt(t *testing.T) {
	for _, step := range allSteps {
		t.Run(string(step), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				b.opts.Hook = func(s devices.Step, after bool) error {
					if s == step && !after {
						cancel()
					}
					return nil
				}
				out, err := b.apply(ctx)
				b.free()
				switch n := slices.Index(allSteps, step); {
				case n <= slices.Index(allSteps, devices.StepCommit):
					b.want(out, err, devices.NotCommitted)
					b.untouched()
				case n < slices.Index(allSteps, devices.StepVerify):
					b.want(out, err, devices.RollingBack)
					time.Sleep(time.Hour)
					b.untouched()
				default: // the confirm was sent: it is read back in spite of the interrupt
					b.want(out, err, devices.Committed)
					b.changed()
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					b.Errorf("the error is %v", err)
				}
			})
		})
	}
}
