package devices_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// pairOf is two routers of one pair, and one that stands alone, with jobs for all.
type pairOf struct {
	*bench
	routers []*devicetest.Router
	jobs    []devices.Job
}

func inPair(t *testing.T, f func(*pairOf)) {
	t.Helper()
	inBubble(t, func(b *bench) {
		p := &pairOf{bench: b}
		for i, pair := range []string{"ams/core", "ams/core", "fra/core"} {
			name := fmt.Sprintf("cr%d.example.net", i+1)
			r, err := devicetest.NewRouter(name, devicetest.Config)
			b.must(err)
			dial := func(ctx context.Context) (devices.Device, error) {
				dev, err := r.Open(ctx, "lab")
				if err != nil {
					return nil, err
				}
				return devicetest.Guard(b.T, dev), nil
			}
			dev, err := dial(b.Context())
			b.must(err)
			plan, err := devices.Review(b.Context(), dev, diffs.Change{Mode: junos.Set, Text: addSuite})
			b.must(err)
			b.must(dev.Close())
			p.routers = append(p.routers, r)
			p.jobs = append(p.jobs, devices.Job{Plan: plan, Site: pair[:3], Pair: pair, Dial: dial})
		}
		f(p)
	})
}

// apply applies all jobs in a run that is not refused.
func (p *pairOf) apply(ctx context.Context, opts devices.ApplyOptions) []devices.Outcome {
	p.Helper()
	out, err := p.run.Apply(ctx, p.jobs, opts)
	p.must(err)
	return out
}

func (p *pairOf) results(out []devices.Outcome) string {
	var s []string
	for _, o := range out {
		s = append(s, o.Result.String())
	}
	return strings.Join(s, " ")
}

func (p *pairOf) running() string {
	var s []string
	for _, r := range p.routers {
		if r.Locked() || r.Pending() != "" {
			p.Errorf("%v is locked or has edits", r)
		}
		s = append(s, fmt.Sprint(strings.Contains(r.Text(), "SUITE")))
	}
	return strings.Join(s, " ")
}

func TestPairs(t *testing.T) {
	fail := &devicetest.Fault{Err: &devices.CommitError{Device: "cr", Phase: "check", Message: "no"}}
	for _, c := range []struct {
		name          string
		mode          devices.PairMode
		prepare       func(*pairOf)
		results, runs string
	}{
		{"serial", devices.Serial, func(*pairOf) {}, "committed committed committed", "true true true"},
		{
			"serial, the first fails", devices.Serial, func(p *pairOf) { p.routers[0].Fail(devicetest.Check, fail) },
			"not-committed not-started not-started", "false false false",
		},
		{
			"serial, the second fails", devices.Serial, func(p *pairOf) { p.routers[1].Fail(devicetest.Check, fail) },
			"committed not-committed not-started", "true false false",
		},
		{"together", devices.Together, func(*pairOf) {}, "committed committed committed", "true true true"},
		{
			"together, one check fails", devices.Together, func(p *pairOf) { p.routers[1].Fail(devicetest.Check, fail) },
			"not-committed not-committed not-started", "false false false",
		},
		{
			"together, one is unreachable", devices.Together, func(p *pairOf) { p.routers[0].Fail(devicetest.Open, &devicetest.Fault{Lose: true}) },
			"not-committed not-committed not-started", "false false false",
		},
		{
			"together, one commit fails", devices.Together, func(p *pairOf) { p.routers[1].Fail(devicetest.Commit, fail) },
			"rolling-back not-committed not-started", "false false false",
		},
		{"together, one is there already", devices.Together, func(p *pairOf) {
			p.jobs[1].Plan.Changes = []diffs.Change{{Mode: junos.Set, Text: "set system host-name cr1\n"}}
			p.jobs[1].Plan.Compare, p.jobs[1].Plan.Edits = "", nil
		}, "committed unchanged committed", "true false true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				c.prepare(p)
				out := p.apply(p.Context(), devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: devices.FleetOptions{Pairs: c.mode}})
				if got := p.results(out); got != c.results {
					p.Errorf("results %s, want %s", got, c.results)
					for _, o := range out {
						p.Logf("%s: %s: %v", o.Device, o, o.Err)
					}
				}
				for i, o := range out {
					if o.Device != p.jobs[i].Plan.Device {
						p.Errorf("outcome %d is of %s", i, o.Device)
					}
					if o.Result == devices.NotStarted && !errors.Is(o.Err, devices.ErrNotStarted) {
						p.Errorf("not started: %v", o.Err)
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

// TestTogetherChecks: the checks run with both in place, and one that fails takes both back.
func TestTogetherChecks(t *testing.T) {
	inPair(t, func(p *pairOf) {
		p.jobs = p.jobs[:2]
		var mu sync.Mutex
		var seen []string
		check := devices.Check{Name: "both", Timeout: 10 * time.Second, Run: func(_ context.Context, dev devices.Device) error {
			mu.Lock()
			seen = append(seen, p.running2())
			mu.Unlock()
			if dev.Name() == "cr2.example.net" {
				return errInjected
			}
			return nil
		}}
		out := p.apply(p.Context(), devices.ApplyOptions{
			Confirm: 3 * time.Minute, Checks: []devices.Check{check}, FleetOptions: devices.FleetOptions{Pairs: devices.Together},
		})
		if got := p.results(out); got != "rolling-back rolling-back" {
			p.Errorf("results %s", got)
		}
		if slices.ContainsFunc(seen, func(s string) bool { return s != "true true" }) || len(seen) != 2 {
			p.Errorf("the checks saw %q", seen)
		}
		time.Sleep(time.Hour)
		if got := p.running(); got != "false false false" {
			p.Errorf("the change runs %s", got)
		}
	})
}

func (p *pairOf) running2() string {
	return fmt.Sprint(strings.Contains(p.routers[0].Text(), "SUITE"), " ", strings.Contains(p.routers[1].Text(), "SUITE"))
}

func TestRunInterrupted(t *testing.T) {
	inPair(t, func(p *pairOf) {
		ctx, cancel := context.WithCancel(p.Context())
		defer cancel()
		out := p.apply(ctx, devices.ApplyOptions{Confirm: 3 * time.Minute, Events: func(e devices.Event) {
			if e.Device == "cr1.example.net" && e.Step == devices.StepLoad {
				cancel()
			}
		}})
		if got := p.results(out); got != "not-committed not-started not-started" {
			p.Errorf("results %s", got)
		}
		if got := p.running(); got != "false false false" {
			p.Errorf("the change runs %s", got)
		}
	})
}

func TestJournal(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	one, err := devices.NewRun(state, devices.RunInfo{User: "u", Message: message})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close() //nolint:errcheck // closed below
	for _, name := range []string{state, filepath.Join(state, "runs"), filepath.Join(state, "runs", one.ID+".jsonl")} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %s: others may read it", name, info.Mode())
		}
	}
	// An intent whose run is at work is not unfinished; once the process is gone it is. The last line is torn.
	name := filepath.Join(state, "runs", one.ID+".jsonl")
	line := `{"version":1,"time":"2026-01-01T00:00:00Z","kind":"intent","run":"` + one.ID + `","device":"cr1","confirm_ns":60000000000}` + "\n" +
		`{"version":1,"time":"2026-01-01T00:00:00Z","kind":"step","run":"` + one.ID + `","device":"cr1","step":"load"}` + "\n" +
		`{"version":1,"time":"2026-01-01T00:00:00Z","kind":"outc`
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(line); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	unfinished := func() []devices.Unfinished {
		t.Helper()
		r, err := devices.NewRun(state, devices.RunInfo{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		return r.Unfinished()
	}
	if u := unfinished(); len(u) != 0 {
		t.Errorf("a run at work is unfinished: %v", u)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if u := unfinished(); len(u) != 1 || u[0].Step != devices.StepLoad || u[0].Confirm != time.Minute || u[0].Message != message {
		t.Errorf("unfinished: %+v", u)
	}
	if err := os.WriteFile(filepath.Join(state, "runs", "01ARZ3NDEKTSV4RRFFQ69G5FAV.jsonl"), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.NewRun(state, devices.RunInfo{}); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a journal that cannot be read: %v", err)
	}
}

// TestNoJournal: what cannot be written down is not begun.
func TestNoJournal(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.must(b.run.Close())
		out, err := b.apply(b.Context())
		b.want(out, err, devices.NotCommitted)
		if !errors.Is(err, os.ErrClosed) {
			b.Errorf("the error is %v", err)
		}
		if calls := b.router.Calls(); len(calls) != 1 {
			b.Errorf("the device was asked: %v", calls)
		}
	})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.NewRun(file, devices.RunInfo{}); err == nil {
		t.Error("a state directory that is a file is no error")
	}
}

func TestComment(t *testing.T) {
	const run = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for _, c := range []struct{ message, user, want string }{
		{"T123456 why", "alice", "T123456 why (alice, run " + run + ")"},
		{" T1\n\"drain\"\tams \x00 ", "a\nb", "T1 'drain' ams (a b, run " + run + ")"},
		{strings.Repeat("é", 200), "u", strings.Repeat("é", 80) + "... (u, run " + run + ")"},
		{"", strings.Repeat("u", 100), " (" + strings.Repeat("u", 37) + "..., run " + run + ")"},
	} {
		got := devices.Comment(c.message, c.user, run)
		if got != c.want || len(got) > 200 {
			t.Errorf("Comment(%q, %q) = %q (%d bytes), want %q", c.message, c.user, got, len(got), c.want)
		}
	}
}

func TestRunIDs(t *testing.T) {
	state := t.TempDir()
	var last string
	for range 3 {
		r, err := devices.NewRun(state, devices.RunInfo{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if len(r.ID) != 26 || strings.Trim(r.ID, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" || r.ID <= last {
			t.Errorf("run id %q after %q", r.ID, last)
		}
		last = r.ID
		time.Sleep(2 * time.Millisecond)
	}
}

func TestEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		items := []int{5, 4, 3, 2, 1, 0}
		out := devices.Each(t.Context(), 2, items, func(_ context.Context, n int) int {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Duration(n) * time.Second)
			running.Add(-1)
			return n * 10
		})
		if !slices.Equal(out, []int{50, 40, 30, 20, 10, 0}) {
			t.Errorf("results %v are not in the order of the items", out)
		}
		if most.Load() != 2 {
			t.Errorf("%d at once, want 2", most.Load())
		}
	})
}

func TestExplainHeld(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.must(b.router.CommitAs("carol", "set system domain-name example.net\n", "T1", 0))
		time.Sleep(time.Hour)
		b.must(b.router.CommitAs("bob", "deactivate policy-options prefix-list LVS-service-ips\n", "T123", 0))
		since := time.Now()
		time.Sleep(time.Hour)
		b.must(b.router.CommitAs("carol", "set system domain-name example.org\n", "T2", 0))
		dev := b.open()
		held := []diffs.Held{{Path: []string{"policy-options", "prefix-list", "LVS-service-ips"}}}
		out, err := devices.ExplainHeld(b.Context(), dev, held)
		b.must(err)
		b.must(dev.Close())
		if len(out) != 1 || out[0].User != "bob" || out[0].Comment != "T123" || !out[0].Since.Equal(since) {
			b.Errorf("held %+v", out)
		}
		if held[0].User != "" {
			b.Error("the argument was changed")
		}
	})
}

func TestReview(t *testing.T) {
	inBubble(t, func(b *bench) {
		if b.plan.Compare == "" || !b.plan.Online || !slices.Equal(b.plan.Edits, []string{strings.TrimSpace(addSuite)}) {
			b.Errorf("plan %+v", b.plan)
		}
		if err := b.plan.Validate(); err != nil {
			b.Error(err)
		}
		b.untouched()
		for op, f := range map[devicetest.Operation]*devicetest.Fault{
			devicetest.Lock:    {Err: &devices.LockedError{Device: deviceName}},
			devicetest.Running: {Err: errInjected},
			devicetest.Load:    {Err: errInjected, Done: true},
			devicetest.Compare: {Err: errInjected},
			devicetest.Check:   {Err: errInjected},
			devicetest.Discard: {Err: errInjected, Done: true},
		} {
			b.router.Fail(op, f)
			dev := b.open()
			if _, err := devices.Review(b.Context(), dev, diffs.Change{Mode: junos.Set, Text: addSuite}); err == nil {
				b.Errorf("Review with a failing %s is a success", op)
			}
			b.must(dev.Close())
			b.untouched()
		}
		ctx, cancel := context.WithCancel(b.Context())
		b.router.Fail(devicetest.Load, &devicetest.Fault{Do: cancel})
		dev := b.open()
		if _, err := devices.Review(ctx, dev, diffs.Change{Mode: junos.Set, Text: addSuite}); !errors.Is(err, context.Canceled) {
			b.Errorf("an interrupted Review is %v", err)
		}
		b.must(dev.Close())
		b.untouched()
	})
}

func TestHints(t *testing.T) {
	inner := &devices.LockedError{Device: "cr1", Holder: "bob"}
	wrapped := fmt.Errorf("commit: %w", errors.Join(errInjected, inner))
	if got := devices.Hint(wrapped); got != inner.Hint() || got == "" {
		t.Errorf("Hint = %q", got)
	}
	if got := devices.Hint(errInjected); got != "" {
		t.Errorf("Hint of an error without one = %q", got)
	}
}
