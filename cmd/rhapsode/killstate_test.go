package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
)

// TestChecksOnRouter commits to a lab router whose operational state follows from its configuration: what gets worse by the
// change is found after the commit, by name and with what was before, and the router goes back.
func TestChecksOnRouter(t *testing.T) {
	m := newKillMatrix(t, "checks:\n  settle: 2s\n")
	const changed = "hold-time 45"
	peer := func(state, when string) map[string]any {
		return map[string]any{
			"peer": "203.0.113.131", "state": state, "when": when,
			"ribs": []any{map[string]any{"name": "inet.0", "received": 40, "accepted": 40, "active": 40}},
		}
	}
	fewer := peer("Established", changed)
	fewer["ribs"] = []any{map[string]any{"name": "inet.0", "received": 40, "accepted": 20, "active": 20}}
	vip := map[string]any{"prefix": "203.0.113.1/32", "protocol": "BGP", "next_hops": []any{map[string]any{"to": "203.0.113.131"}}}
	gone := map[string]any{"prefix": "203.0.113.1/32", "protocol": "BGP", "when": changed, "absent": true}
	up := peer("Established", "")
	for _, c := range []struct {
		name    string
		args    []string // of the router
		state   map[string]any
		absent  bool // the second routing engine
		result  string
		finding string   // CHECK SUBJECT of the one that fails
		said    []string // of the output
	}{
		{name: "all stays", state: map[string]any{"bgp": []any{up}, "routes": []any{vip}}, result: "committed"},
		{
			name: "a session goes down", state: map[string]any{"bgp": []any{up, peer("Active", changed)}},
			result: "rolling-back", finding: "bgp 203.0.113.131", said: []string{"the session is down (before: Established; after: Active)"},
		},
		{
			name: "prefixes are not accepted any more", state: map[string]any{"bgp": []any{up, fewer}},
			result: "rolling-back", finding: "accepted-prefixes 203.0.113.131 inet.0", said: []string{"(before: 40; after: 20)"},
		},
		{
			name: "a service address loses its route", state: map[string]any{"bgp": []any{up}, "routes": []any{vip, gone}},
			result: "rolling-back", finding: "routes 203.0.113.1/32 in inet.0", said: []string{"BGP to 203.0.113.131"},
		},
		{
			name:   "an alarm comes up",
			state:  map[string]any{"alarms": []any{map[string]any{"class": "Major", "description": "PEM 1 Not Powered", "when": changed}}},
			result: "rolling-back", finding: "alarms Chassis", said: []string{"PEM 1 Not Powered"},
		},
		{name: "two routing engines", args: []string{"--routing-engines", "2"}, state: map[string]any{}, result: "committed"},
		{
			name: "the second routing engine is away", args: []string{"--routing-engines", "2"}, state: map[string]any{}, absent: true,
			result: "not-committed", said: []string{"routing engine 1 is", "show chassis routing-engine"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// The window of this router is as long as a real one's, so that a commit that is not confirmed is seen as such.
			cell := &killCell{m: m, strike: strikeRestart, dir: filepath.Join(t.TempDir(), "c"), args: append(c.args, "--confirm-unit", "1m")}
			if err := cell.setUp(); err != nil {
				t.Fatal(err)
			}
			defer cell.router.kill()
			if _, err := cell.router.ask(map[string]any{"do": "state", "state": c.state}); err != nil {
				t.Fatal(err)
			}
			if c.absent {
				if _, err := cell.router.ask(map[string]any{"do": "backup", "absent": true}); err != nil {
					t.Fatal(err)
				}
			}
			k, err := m.run(cell.dir, "", "commit", killDevice, "-m", "T100 checked", "--yes", "--json", "--no-wait", "--confirm", "1m")
			if err == nil {
				err = k.wait(90 * time.Second)
			}
			if err != nil {
				t.Fatal(err)
			}
			var out devices.Outcome
			for line := range strings.Lines(k.out.String()) {
				if strings.HasPrefix(line, `{"type":"outcome",`) {
					if err := json.Unmarshal([]byte(line), &out); err != nil {
						t.Fatalf("%v: %s", err, line)
					}
				}
			}
			var failed []string
			for _, f := range out.Findings {
				if f.Failed {
					failed = append(failed, f.Check+" "+f.Subject)
				}
			}
			if out.Result.String() != c.result || strings.Join(failed, "; ") != c.finding {
				t.Errorf("it is %s with %q failed, want %s with %q:\n%s", out.Result, failed, c.result, c.finding, k.said())
			}
			for _, s := range c.said {
				if !strings.Contains(k.said(), s) {
					t.Errorf("it does not say %q:\n%s", s, k.said())
				}
			}
			if slices.ContainsFunc(out.Notes, func(n string) bool { return strings.Contains(n, "not checked") }) {
				t.Errorf("something was not checked: %q", out.Notes)
			}
		})
	}
}
