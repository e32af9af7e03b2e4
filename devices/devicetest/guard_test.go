package devicetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// complaints is a testing.TB that collects errors.
type complaints struct {
	testing.TB
	list []string
}

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

// TestGuard breaks each rule once.
func TestGuard(t *testing.T) {
	change := diffs.Change{Mode: junos.Set, Text: "set system domain-name example.net\n"}
	comment := devices.CommitOptions{Comment: "T1"}
	for _, c := range []struct {
		name string
		use  func(context.Context, devices.Device, devices.Candidate)
		want string // "": no complaint
	}{
		{"as it should be", func(ctx context.Context, d devices.Device, c devices.Candidate) {
			c.Load(ctx, change)
			c.Check(ctx)
			c.Commit(ctx, devices.CommitOptions{Comment: "T1", Confirm: time.Minute})
			c.Commit(ctx, comment)
			c.Discard(ctx)
			d.Close()
		}, ""},
		{"lock twice", func(ctx context.Context, d devices.Device, c devices.Candidate) {
			d.Lock(ctx)
			c.Discard(ctx)
		}, "lock taken twice"},
		{"close with the lock", func(_ context.Context, d devices.Device, _ devices.Candidate) { d.Close() }, "closed while it holds the lock"},
		{"load after discard", func(ctx context.Context, _ devices.Device, c devices.Candidate) {
			c.Discard(ctx)
			c.Load(ctx, change)
		}, "load without the lock"},
		{"compare after discard", func(ctx context.Context, _ devices.Device, c devices.Candidate) {
			c.Discard(ctx)
			c.Compare(ctx)
		}, "compare without the lock"},
		{"commit without check", func(ctx context.Context, _ devices.Device, c devices.Candidate) {
			c.Load(ctx, change)
			c.Check(ctx)
			c.Load(ctx, change)
			c.Commit(ctx, comment)
		}, "commit of what was not checked"},
		{"commit without comment", func(ctx context.Context, _ devices.Device, c devices.Candidate) {
			c.Commit(ctx, devices.CommitOptions{})
		}, "commit without a comment"},
		{"check in the window", func(ctx context.Context, _ devices.Device, c devices.Candidate) {
			c.Commit(ctx, devices.CommitOptions{Comment: "T1", Confirm: time.Minute})
			c.Check(ctx)
		}, "confirms it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := NewRouter("cr1", Config)
			if err != nil {
				t.Fatal(err)
			}
			inner, err := r.Open(t.Context(), "lab")
			if err != nil {
				t.Fatal(err)
			}
			tb := &complaints{TB: t}
			dev := Guard(tb, inner)
			cand, err := dev.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.use(t.Context(), dev, cand)
			if got := strings.Join(tb.list, "\n"); c.want == "" != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("complaints %q, want %q", got, c.want)
			}
		})
	}
}
