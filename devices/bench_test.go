package devices_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

const (
	deviceName = "cr1.ams.example.net"
	message    = "T123456 why"
	addSuite   = "set policy-options prefix-list SUITE 198.51.100.0/24\n"
)

// bench is a router in memory with a reviewed plan for it, and a run to apply it in.
type bench struct {
	*testing.T
	router *devicetest.Router
	plan   diffs.DevicePlan
	before string // text
	state  string
	run    *devices.Run
	opts   devices.ApplyOptions
}

// inBubble runs a test with a bench under a clock of its own: minutes of a confirm window cost no time.
func inBubble(t *testing.T, f func(*bench)) {
	t.Helper()
	state := t.TempDir()
	synctest.Test(t, func(t *testing.T) { f(newBench(t, state)) })
}

func newBench(t *testing.T, state string) *bench {
	t.Helper()
	r, err := devicetest.NewRouter(deviceName, devicetest.Config)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, router: r, state: state, before: r.Text()}
	b.plan = b.review(diffs.Change{Mode: junos.Set, Text: addSuite})
	b.run = b.newRun()
	b.opts = devices.ApplyOptions{Run: b.run, Dial: b.dial, Confirm: 3 * time.Minute}
	r.Calls()
	return b
}

func (b *bench) newRun() *devices.Run {
	b.Helper()
	run, err := devices.NewRun(b.state, devices.RunInfo{User: "alice", Message: message, Tool: "rhapsode test"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := run.Close(); err != nil {
			b.Error(err)
		}
	})
	return run
}

func (b *bench) dial(ctx context.Context) (devices.Device, error) {
	dev, err := b.router.Open(ctx, "second")
	if err != nil {
		return nil, err
	}
	return devicetest.Guard(b.T, dev), nil
}

func (b *bench) open() devices.Device {
	b.Helper()
	dev, err := b.router.Open(b.Context(), "first")
	if err != nil {
		b.Fatal(err)
	}
	return devicetest.Guard(b.T, dev)
}

func (b *bench) review(changes ...diffs.Change) diffs.DevicePlan {
	b.Helper()
	dev := b.open()
	plan, err := devices.Review(b.Context(), dev, changes...)
	if err != nil {
		b.Fatal(err)
	}
	if err := dev.Close(); err != nil {
		b.Fatal(err)
	}
	return plan
}

// apply applies the plan over a fresh first session.
func (b *bench) apply(ctx context.Context) (devices.Outcome, error) {
	b.Helper()
	dev := b.open()
	out, err := devices.Apply(ctx, dev, b.plan, b.opts)
	if cerr := dev.Close(); cerr != nil {
		b.Error(cerr)
	}
	return out, err
}

// untouched demands that the router runs what it ran, that its candidate is clean and that nobody has the lock.
func (b *bench) untouched() {
	b.Helper()
	b.free()
	if got := b.router.Text(); got != b.before {
		b.Errorf("the router runs:\n%s", got)
	}
}

// free demands a clean candidate and a free lock.
func (b *bench) free() {
	b.Helper()
	if b.router.Locked() {
		b.Error("the lock is still held")
	}
	if p := b.router.Pending(); p != "" {
		b.Errorf("the candidate still holds:\n%s", p)
	}
}

// changed demands that the router runs the change.
func (b *bench) changed() {
	b.Helper()
	b.free()
	if !strings.Contains(b.router.Text(), "SUITE") {
		b.Error("the router does not run the change")
	}
}

// audit reads the audit log.
func (b *bench) audit() []devices.AuditEntry {
	b.Helper()
	text, err := os.ReadFile(filepath.Join(b.state, "audit.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	var out []devices.AuditEntry
	for line := range strings.Lines(string(text)) {
		var e devices.AuditEntry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.Fatalf("audit line %q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func (b *bench) want(out devices.Outcome, err error, result devices.Result) {
	b.Helper()
	if out.Result != result {
		b.Errorf("the result is %s (%v), want %s", out.Result, err, result)
	}
	if success := result == devices.Committed || result == devices.Unchanged; success != (err == nil) {
		b.Errorf("%s with error %v", out.Result, err)
	}
}

func change(set string) diffs.Change { return diffs.Change{Mode: junos.Set, Text: set} }
