package devices_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rhapsode/devices"
)

// TestSettledOnce: several runs at once find what a killed one left, in one state directory. All say how it ended; the
// journal and the audit log have it once, and no run takes another for a killed one.
func TestSettledOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.opts.Hook = func(s devices.Step, after bool) error {
			if s == devices.StepCommit && after {
				panic(errInjected)
			}
			return nil
		}
		func() {
			defer func() { recover() }() //nolint:errcheck // it is killed
			b.apply(b.Context())         //nolint:errcheck // it panics
		}()
		b.must(b.run.Close())
		time.Sleep(time.Hour)
		// One that looks at the journal is not taken for the run at work.
		reader, err := os.Open(filepath.Join(b.state, "runs", b.run.ID+".jsonl"))
		b.must(err)
		b.must(syscall.Flock(int(reader.Fd()), syscall.LOCK_SH))
		if left := b.newRun().Unfinished(); len(left) != 1 {
			b.Errorf("unfinished while somebody looks: %v", left)
		}
		b.must(reader.Close())
		const n = 6
		var runs []*devices.Run
		for range n {
			r := b.newRun()
			if left := r.Unfinished(); len(left) != 1 || left[0].Run != b.run.ID {
				b.Fatalf("unfinished: %v", left)
			}
			runs = append(runs, r)
		}
		stale := b.plan
		stale.Fingerprint = "sha256:" + strings.Repeat("0", 64)
		var wg sync.WaitGroup
		for _, r := range runs {
			wg.Go(func() {
				out, err := r.Apply(b.Context(), []devices.Job{{Plan: stale, Dial: b.dial}}, devices.ApplyOptions{
					Confirm: 3 * time.Minute, FleetOptions: devices.FleetOptions{LockWait: time.Minute},
				})
				if err != nil || len(out[0].Notes) == 0 || !strings.Contains(out[0].Notes[0], "the device's history says: rolled back") {
					b.Errorf("%+v, %v", out[0], err)
				}
			})
		}
		wg.Wait()
		text, err := os.ReadFile(filepath.Join(b.state, "runs", b.run.ID+".jsonl"))
		b.must(err)
		if got := strings.Count(string(text), `"kind":"settled"`); got != 1 {
			b.Errorf("settled %d times:\n%s", got, text)
		}
		audited := 0
		for _, e := range b.audit() {
			if e.Run == b.run.ID {
				audited++
			}
		}
		if audited != 1 {
			b.Errorf("audited %d times", audited)
		}
		rec, err := devices.ReadRun(b.state, b.run.ID)
		b.must(err)
		if rec.AtWork || !rec.Ended.IsZero() || len(rec.Devices) != 1 || !rec.Devices[0].Settled || rec.Devices[0].Result() != devices.RolledBack {
			b.Errorf("record %+v", rec)
		}
		if next := b.newRun(); len(next.Unfinished()) != 0 {
			b.Errorf("unfinished: %v", next.Unfinished())
		}
	})
}

// TestJournalsAtOnce makes runs and looks through their journals at the same time: a look never stops a run from
// being made.
func TestJournalsAtOnce(t *testing.T) {
	state := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				r, err := devices.NewRun(state, devices.RunInfo{User: "u", Message: message})
				if err != nil {
					t.Error(err)
					return
				}
				if rec, err := devices.ReadRun(state, r.ID); err != nil || !rec.AtWork || len(r.Unfinished()) != 0 {
					t.Errorf("record %+v, %v; unfinished %v", rec, err, r.Unfinished())
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				if rec, err := devices.ReadRun(state, r.ID); err != nil || rec.User != "u" {
					t.Errorf("record %+v, %v", rec, err)
				}
			}
		})
	}
	wg.Wait()
	if ids, err := devices.ListRuns(state); err != nil || len(ids) != 80 {
		t.Errorf("%d runs, %v", len(ids), err)
	}
}
