package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// TestPlanRefused: a plan that is well signed, and too old or of another program, is shown as what it is and not applied.
func TestPlanRefused(t *testing.T) {
	dir := t.TempDir()
	env := map[string]string{"XDG_STATE_HOME": dir, "RHAPSODE_INVENTORY": "../../inventory/example", "USER": "alice"}
	now := time.Now()
	for name, c := range map[string]struct {
		tool        string
		made, until time.Duration // from now
		want        error
		show, hint  string
	}{
		"good":                {tool(), -time.Hour, time.Hour, nil, "(in 59m)", ""},
		"expired":             {tool(), -3 * time.Hour, -2 * time.Hour, diffs.ErrPlanExpired, "EXPIRED at ", "make it again with `rhapsode diff -o`"},
		"another version":     {"rhapsode v0.0.1", -time.Hour, time.Hour, diffs.ErrPlanTool, "with rhapsode v0.0.1", "use the program that made it"},
		"another program":     {"", -time.Hour, time.Hour, diffs.ErrPlanTool, "with -", "use the program that made it"},
		"of a day yet to be":  {tool(), 20 * time.Hour, 40 * time.Hour, diffs.ErrPlanInvalid, "signature: good", "it must be a file"},
		"expired, of another": {"rhapsode v0.0.1", -3 * time.Hour, -2 * time.Hour, diffs.ErrPlanTool, "EXPIRED at ", "use the program that made it"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			a := &app{streams: &cli.Streams{In: strings.NewReader(""), Out: &out, Err: &stderr}, getenv: func(k string) string { return env[k] }, colour: "never"}
			p := &diffs.Plan{
				Version: diffs.PlanVersion, Tool: c.tool, User: "alice", Title: "a test", Created: now.Add(c.made), Expires: now.Add(c.until),
				Devices: []diffs.DevicePlan{{
					Device: "cr1.ams.example.net", Online: true, Fingerprint: "sha256:" + strings.Repeat("0a", 32),
					Changes: []diffs.Change{{Mode: junos.Set, Text: "set system host-name a\n"}},
					Compare: "[edit system]\n+  host-name a;\n", Edits: []string{"set system host-name a"},
				}},
			}
			file := filepath.Join(dir, "x.plan")
			if err := a.writePlan(p, file); err != nil {
				t.Fatal(err)
			}
			err := a.showPlan(file, "text", false)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("plan show: got %v, want %v", err, c.want)
			}
			for _, want := range []string{c.show, "signature: good", "+  host-name a;"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("got %s, want it to contain %q", out.String(), want)
				}
			}
			_, todo, err := a.openPlan(t.Context(), file, "")
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || err != nil && todo != nil {
				t.Fatalf("apply: got %v, want %v", err, c.want)
			}
			if err != nil && !strings.Contains(hintOf(err), c.hint) {
				t.Errorf("got the hint %q, want it to contain %q", hintOf(err), c.hint)
			}
		})
	}
	if info, err := os.Stat(filepath.Join(dir, "rhapsode", "plan.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

// TestPlanKeyMade: of keys that are made at the same time one stays, and all use it.
func TestPlanKeyMade(t *testing.T) {
	env := map[string]string{"XDG_STATE_HOME": t.TempDir()}
	ids := make(chan string, 8)
	for range cap(ids) {
		go func() {
			a := &app{getenv: func(k string) string { return env[k] }}
			key, err := a.planKey()
			if err != nil {
				ids <- err.Error()
				return
			}
			ids <- key.ID()
		}()
	}
	first := <-ids
	for range cap(ids) - 1 {
		if id := <-ids; id != first {
			t.Errorf("got the keys %s and %s", first, id)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(env["XDG_STATE_HOME"], "rhapsode")); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
