package devices_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
)

func TestRetryDelay(t *testing.T) {
	even := func(d time.Duration) time.Duration { return d }
	r := devices.Retry{Base: time.Second, Max: 10 * time.Second, Jitter: even}
	var got []string
	for n := 1; n < 7; n++ {
		got = append(got, r.Delay(n).String())
	}
	if s := strings.Join(got, " "); s != "1s 2s 4s 8s 10s 10s" {
		t.Error(s)
	}
	if d := (devices.Retry{Jitter: even}).Delay(100); d != 30*time.Second {
		t.Errorf("the longest is %s", d)
	}
	seen := map[time.Duration]bool{}
	for range 200 {
		d := devices.Retry{Base: time.Second}.Delay(2)
		if d < time.Second || d > 2*time.Second {
			t.Errorf("delay %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 100 {
		t.Errorf("%d different delays of 200", len(seen))
	}
}

func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&devices.UnreachableError{Device: "cr1", Err: errInjected}, true},
		{fmt.Errorf("jump host x: %w", &devices.UnreachableError{Device: "cr1", Err: errInjected}), true},
		{&devices.UnreachableError{Device: "cr1", Err: &net.DNSError{IsNotFound: true}}, false},
		{&devices.UnreachableError{Device: "cr1", Err: &net.DNSError{IsTemporary: true}}, true},
		{&devices.UnreachableError{Device: "cr1", Err: context.Canceled}, false},
		{&devices.UnreachableError{Device: "cr1", Err: context.DeadlineExceeded}, true},
		{fmt.Errorf("cr1: read: %w", devices.ErrSessionLost), true},
		{context.DeadlineExceeded, true},
		{&devices.AuthError{Device: "cr1", Err: errInjected}, false},
		{&devices.HostKeyError{Device: "cr1"}, false},
		{errors.Join(&devices.UnreachableError{Err: errInjected}, &devices.HostKeyError{}), false},
		{&devices.LockedError{}, false},
		{&devices.CommitError{}, false},
		{errInjected, false},
	} {
		if got := devices.Passing(c.err); got != c.want {
			t.Errorf("Passing(%v) = %v", c.err, got)
		}
	}
}

var threeTimes = devices.Retry{Attempts: 3, Base: 10 * time.Second}

func TestRetryDial(t *testing.T) {
	lost := &devicetest.Fault{Lose: true}
	for _, c := range []struct {
		name           string
		opens          []*devicetest.Fault
		results, calls string
	}{
		{"the third time", []*devicetest.Fault{lost, lost}, "committed", "3 opens"},
		{"never", []*devicetest.Fault{lost, lost, lost, lost}, "not-committed", "3 opens"},
		{"refused", []*devicetest.Fault{{Err: &devices.AuthError{Device: "cr1.example.net", Err: errInjected}}}, "not-committed", "1 opens"},
		{"another host key", []*devicetest.Fault{{Err: &devices.HostKeyError{Device: "cr1.example.net"}}}, "not-committed", "1 opens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				p.jobs = p.jobs[:1]
				for _, f := range c.opens {
					p.routers[0].Fail(devicetest.Open, f)
				}
				p.routers[0].Calls()
				start := time.Now()
				var r recorder
				out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, Events: r.add, FleetOptions: devices.FleetOptions{Retry: threeTimes}})
				if got := p.results(out); got != c.results {
					p.Errorf("results %s: %v", got, out[0].Err)
				}
				opens, retries := 0, 0
				for _, call := range p.routers[0].Calls() {
					if strings.HasSuffix(call, " open") {
						opens++
					}
				}
				if c.results == "committed" {
					opens-- // the second session
				}
				var slept time.Duration
				for _, e := range r.list {
					if e.Kind == devices.EventRetry {
						retries++
						slept += e.Delay
						if e.Attempt != retries || e.Err == nil || e.Device != "cr1.example.net" {
							p.Errorf("event %+v", e)
						}
					}
				}
				if got := fmt.Sprint(opens, " opens"); got != c.calls || retries != opens-1 {
					p.Errorf("%s, %d retries", got, retries)
				}
				if took := time.Since(start); took != slept {
					p.Errorf("it took %s, with delays of %s", took, slept)
				}
				if c.name == "never" && !strings.Contains(out[0].Err.Error(), "tried 3 times") {
					p.Errorf("the error is %v", out[0].Err)
				}
			})
		})
	}
}

// TestRetryReads: a read before the lock is made again over another session; after the lock nothing is, and above all no
// commit.
func TestRetryReads(t *testing.T) {
	for op, want := range map[devicetest.Operation]string{
		devicetest.History: "committed",
		devicetest.Running: "not-committed", // under the lock, which another session would not have
		devicetest.Load:    "not-committed",
		devicetest.Check:   "not-committed",
		devicetest.Commit:  "not-committed",
	} {
		t.Run(string(op), func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				p.jobs = p.jobs[:1]
				p.routers[0].Fail(op, &devicetest.Fault{Lose: true})
				p.routers[0].Calls()
				out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: devices.FleetOptions{Retry: threeTimes}})
				if got := p.results(out); got != want {
					p.Errorf("results %s: %v", got, out[0].Err)
				}
				n := 0
				calls := p.routers[0].Calls()
				if opens := strings.Count(strings.Join(calls, "\n"), " open"); op != devicetest.History && op != devicetest.Commit && opens != 1 {
					p.Errorf("%d sessions: %v", opens, calls)
				}
				for _, call := range calls {
					if strings.HasSuffix(call, " commit") || strings.HasSuffix(call, " load") {
						n++
					}
				}
				if n > 2 {
					p.Errorf("loaded or committed %d times", n)
				}
			})
		})
	}
}

func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var routers []*devicetest.Router
		for n := range 5 {
			r, err := devicetest.NewRouter(fmt.Sprintf("cr%d", n), devicetest.Config)
			if err != nil {
				t.Fatal(err)
			}
			routers = append(routers, r)
		}
		routers[0].Fail(devicetest.Running, &devicetest.Fault{Delay: time.Minute}) // slow
		routers[1].Fail(devicetest.Running, &devicetest.Fault{Lose: true})         // for once
		routers[2].Fail(devicetest.Open, &devicetest.Fault{Lose: true})            // for once
		routers[3].Fail(devicetest.Running, &devicetest.Fault{Err: errInjected})   // for good
		var rec recorder
		var came []string
		fleet := devices.Fleet{Parallel: 2, Retry: threeTimes, Events: rec.add}
		out := devices.Gather(t.Context(), fleet, []int{0, 1, 2, 3, 4}, func(n int) string { return fmt.Sprintf("cr%d", n) },
			func(ctx context.Context, n int) (devices.Device, error) { return routers[n].Open(ctx, "lab") },
			func(ctx context.Context, n int, dev devices.Device) (int, error) {
				text, err := dev.Running(ctx)
				return n * min(len(text), 1), err
			}, func(r devices.FleetResult[int]) { came = append(came, r.Device) })
		for n, r := range out {
			if r.Device != fmt.Sprintf("cr%d", n) || (r.Err != nil) != (n == 3) || r.Err == nil && r.Value != n {
				t.Errorf("result %d: %+v", n, r)
			}
		}
		if came[4] != "cr0" || len(came) != 5 {
			t.Errorf("they came as %q: the slow one is not the last", came)
		}
		if got := strings.Count(rec.of(devices.EventRetry), "\n") + 1; got != 2 {
			t.Errorf("%d retries\n%s", got, rec.of(devices.EventRetry))
		}
		done := strings.Count(rec.of(devices.EventDevice), "device done")
		if first, last := rec.list[0], rec.list[len(rec.list)-1]; done != 5 || first.Kind != devices.EventRun || len(first.Devices) != 5 || last.Kind != devices.EventRunDone {
			t.Errorf("%d done, events from %s to %s", done, first, last)
		}
		for _, r := range routers {
			if calls := r.Calls(); r.Locked() || len(calls) == 0 {
				t.Errorf("calls %v", calls)
			}
		}
	})
}

// TestGatherInterrupted: nothing more is begun, and who was not asked is not shown as unreachable.
func TestGatherInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := devicetest.NewRouter("cr", devicetest.Config)
		if err != nil {
			t.Fatal(err)
		}
		var rec recorder
		var begun atomic.Int32
		out := devices.Gather(ctx, devices.Fleet{Parallel: 1, Events: rec.add}, []string{"a", "b", "c"}, func(s string) string { return s },
			func(ctx context.Context, _ string) (devices.Device, error) { return r.Open(ctx, "lab") },
			func(ctx context.Context, s string, dev devices.Device) (string, error) {
				if begun.Add(1) == 2 {
					cancel()
				}
				return dev.Running(ctx)
			}, nil)
		if out[0].Err != nil || !errors.Is(out[1].Err, context.Canceled) || !errors.Is(out[2].Err, devices.ErrNotStarted) {
			t.Errorf("results %v, %v, %v", out[0].Err, out[1].Err, out[2].Err)
		}
		if got := rec.of(devices.EventStop); !strings.Contains(got, "no further device is begun: interrupted") {
			t.Errorf("it says %q", got)
		}
	})
}
