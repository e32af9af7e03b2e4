package devices_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

const otherRun = "01M7YTRENP05QS3EPPH7AYN3G8"

func parsed(t *testing.T, text string) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestRenderedFile: what is written is read again, by the user alone; nothing there is nothing known, and nonsense an
// error that names the file.
func TestRenderedFile(t *testing.T) {
	dir := t.TempDir()
	if r, err := devices.ReadRendered(dir, deviceName); err != nil || r.Run != "" || len(r.Lines) != 0 {
		t.Errorf("nothing is read as %+v, %v", r, err)
	}
	want := devices.Rendered{Run: otherRun, Since: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Lines: []string{`set system host-name "a b"`}}
	if err := devices.WriteRendered(dir, deviceName, want); err != nil {
		t.Fatal(err)
	}
	got, err := devices.ReadRendered(dir, deviceName)
	if err != nil || got.Run != want.Run || !got.Since.Equal(want.Since) || !slices.Equal(got.Lines, want.Lines) {
		t.Errorf("read %+v, %v", got, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "rendered", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(files[0], []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := devices.ReadRendered(dir, deviceName); err == nil || !strings.Contains(err.Error(), files[0]) {
		t.Errorf("nonsense gives %v", err)
	}
}

// TestNewRendered: what a commit leaves behind is still known after it, and after the next one.
func TestNewRendered(t *testing.T) {
	last := parsed(t, "system { host-name a; login { user x { class y; } } } protocols { bgp { group G { export [ A B ]; } } }")
	rendered := parsed(t, "system { replace: host-name b; } protocols { bgp { group G { export A; } } }")
	running := parsed(t, last.Text())
	for range 3 {
		orphans := diffs.Orphans(last, rendered, running)
		if len(orphans) != 2 {
			t.Fatalf("orphans %q", orphans)
		}
		next, err := devices.NewRendered(rendered, last, orphans).Tree(deviceName)
		if err != nil {
			t.Fatal(err)
		}
		last = next
	}
	if got := devices.NewRendered(rendered, last, nil).Lines; slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "user x") }) {
		t.Errorf("what was pruned is remembered: %q", got)
	}
}

// TestRecall: what runs from elsewhere added since is known from the device's history, what people added is not, and
// where no other run has committed no rollback is fetched.
func TestRecall(t *testing.T) {
	ctx := context.Background()
	r, err := devicetest.NewRouter(deviceName, devicetest.Config)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := r.Open(ctx, "lab")
	if err != nil {
		t.Fatal(err)
	}
	commit := func(comment, set string) {
		t.Helper()
		c, err := dev.Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load(ctx, diffs.Change{Mode: junos.Set, Text: set}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Commit(ctx, devices.CommitOptions{Comment: comment}); err != nil {
			t.Fatal(err)
		}
		if err := c.Discard(ctx); err != nil {
			t.Fatal(err)
		}
	}
	recall := func(known devices.Rendered) string {
		t.Helper()
		text, err := dev.Running(ctx)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := devices.Recall(ctx, dev, known, parsed(t, text))
		if err != nil {
			t.Fatal(err)
		}
		return tree.Set()
	}
	commit(devices.Comment("T1 a", "alice", otherRun), "set system login user one class a\nset system login user gone class a\n")
	commit("T2 run along", "set system login user hand class a\ndelete system login user gone\n")
	commit(devices.Comment("T3 b", "bob", "01M7YTREVY4D4QK6WBM4QF8EF1"), "set system login user two class b\n")
	commit("", "set system login user late class a\n")

	if got, want := recall(devices.Rendered{}), "set system login user one class a\nset system login user two class b\n"; got != want {
		t.Errorf("recalled\n%swant\n%s", got, want)
	}
	if calls := r.Calls(); !slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "query") }) {
		t.Fatalf("no rollback was fetched: %q", calls)
	}
	h, err := dev.History(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r.Calls() // forgets that one
	known := devices.Rendered{Run: "01M7YTREVY4D4QK6WBM4QF8EF1", Since: h[1].Time.Add(time.Nanosecond), Lines: []string{"set system host-name x"}}
	if got := recall(known); got != "set system host-name x\n" {
		t.Errorf("recalled\n%s", got)
	}
	if calls := r.Calls(); slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "query") }) {
		t.Errorf("a rollback was fetched: %q", calls)
	}
}
