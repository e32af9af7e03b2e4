package inventory

import (
	"fmt"
	"testing"
	"time"
)

func TestChecks(t *testing.T) {
	tree := exampleTree(t)
	d := device(t, loadTree(t, tree), "cr1.ams")
	equal(t, "by default", fmt.Sprintf("%+v", d.Checks), "{Settle:0s Hold:0s BGPSessions:true PrefixDropPercent:0 MinAcceptedPrefixes:0 VIPNextHops:true Alarms:true Commands:[]}")
	appendFile(tree, "common.yaml", `checks:
  settle: 20s
  commands:
    ospf: {command: show ospf neighbor, match: Full}
    fpc: {command: show chassis fpc, unchanged: true}
ignore_warnings:
  - {match: uses IPv4, reason: known}
`)
	appendFile(tree, "roles/core.yaml", "checks: {accepted_prefix_drop: 5, alarms: false}\n")
	appendFile(tree, "sites/ams.yaml", "checks: {commands: {ospf: {match: null, count: '>= before', lines: Full, timeout: 5s}}}\n")
	appendFile(tree, "devices/cr1.ams.yaml", `checks: {settle: 30s, commands: {fpc: null}}
ignore_warnings: !append
  - {match: statement not found, reason: on purpose, phase: load, severity: error}
`)
	net := loadTree(t, tree)
	d = device(t, net, "cr1.ams")
	equal(t, "merged", fmt.Sprintf("%+v", d.Checks),
		"{Settle:30s Hold:0s BGPSessions:true PrefixDropPercent:5 MinAcceptedPrefixes:0 VIPNextHops:true Alarms:false Commands:[{Name:ospf Command:show ospf neighbor Timeout:5s Match: NoMatch: Unchanged:false Ignore: Count:>= before Lines:Full}]}")
	equal(t, "ignored", fmt.Sprintf("%+v", d.IgnoreWarnings), "[{Match:uses IPv4 Reason:known Phase: Severity:warning File:common.yaml Line:70} "+
		"{Match:statement not found Reason:on purpose Phase:load Severity:error File:devices/cr1.ams.yaml Line:48}]")
	equal(t, "where", chain(t, net, "checks.settle", d), "common.yaml:65: 20s (common)\ndevices/cr1.ams.yaml:46: 30s (device cr1.ams)")
	equal(t, "another site", len(device(t, net, "cr1.fra").Checks.Commands), 2)
}

func TestFreeze(t *testing.T) {
	tree := exampleTree(t)
	appendFile(tree, "common.yaml", `freeze:
  - {from: 2026-12-18, to: 2027-01-04T08:00:00Z, task: T1, why: holidays, devices: site:ams}
  - {days: [fri], from: 16:00, task: T2, why: nobody repairs it}
  - {days: [sat, sun], task: T3, why: nobody repairs it}
  - {days: [mon, tue, wed, thu, fri, sat, sun], from: 03:00, to: 03:30, task: T4, why: backups}
  - {days: [mon, tue, wed, thu, fri, sat, sun], task: T5, why: "closed", devices: cr2.fra}
`)
	net := loadTree(t, tree)
	if len(net.Freezes) != 5 {
		t.Fatalf("%d windows", len(net.Freezes))
	}
	equal(t, "place", fmt.Sprintf("%s:%d", net.Freezes[1].File, net.Freezes[1].Line), "common.yaml:66")
	equal(t, "dated", net.Freezes[0].String(), "2026-12-18 00:00 UTC to 2027-01-04 08:00 UTC")
	equal(t, "weekly", net.Freezes[1].String(), "fri 16:00 to 24:00 UTC")
	for _, c := range []struct{ device, at, want string }{
		{"cr1.ams", "2026-12-17T23:59:59Z", ""},
		{"cr1.ams", "2026-12-18T00:00:00Z", "T1 until 2027-01-04T08:00:00Z;"},
		{"cr1.ams", "2026-12-18T01:00:00+02:00", ""}, // the evening before in UTC
		{"cr1.fra", "2026-12-18T12:00:00Z", ""},
		{"cr1.ams", "2027-01-04T08:00:00Z", ""},
		{"cr1.fra", "2026-11-27T15:59:00Z", ""},
		{"cr1.fra", "2026-11-27T16:00:00Z", "T2 until 2026-11-28T00:00:00Z;"},
		{"cr1.fra", "2026-11-28T12:00:00Z", "T3 until 2026-11-30T00:00:00Z;"},
		{"cr1.fra", "2026-11-29T12:00:00Z", "T3 until 2026-11-30T00:00:00Z;"},
		{"cr1.fra", "2026-11-30T00:00:00Z", ""},
		{"cr1.fra", "2026-11-25T03:29:59Z", "T4 until 2026-11-25T03:30:00Z;"},
		{"cr2.fra", "2026-11-25T12:00:00Z", "T5 until 2026-12-03T00:00:00Z;"}, // always: told for a week or so
	} {
		now, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range net.FrozenFor([]*Device{device(t, net, c.device)}, now) {
			ends, _ := f.Open(now)
			got += fmt.Sprintf("%s until %s;", f.Task, ends.Format(time.RFC3339))
		}
		equal(t, c.device+" at "+c.at, got, c.want)
	}
	if f := net.Freezes[0]; f.Over(f.To.Add(-time.Second)) || !f.Over(f.To) || net.Freezes[1].Over(f.To) {
		t.Error("a dated window is over at its end, a weekly one never")
	}
}

// Whenever a window is open it ends later, and is open until just before.
func TestFreezeEnds(t *testing.T) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, f := range []*Freeze{
		{From: start.Add(time.Hour), To: start.Add(50 * time.Hour)},
		{Days: []time.Weekday{time.Friday}, Start: 16 * time.Hour, End: 24 * time.Hour},
		{Days: []time.Weekday{time.Saturday, time.Sunday, time.Tuesday}, End: 24 * time.Hour},
		{Days: []time.Weekday{time.Monday, time.Sunday}, Start: time.Minute, End: 24 * time.Hour},
	} {
		opened := 0
		for now := start; now.Before(start.Add(15 * 24 * time.Hour)); now = now.Add(7 * time.Minute) {
			ends, open := f.Open(now)
			if !open {
				continue
			}
			opened++
			if _, until := f.Open(ends.Add(-time.Nanosecond)); !ends.After(now) || !until {
				t.Fatalf("%s at %s: ends at %s", f, now, ends)
			}
			if _, after := f.Open(ends); after {
				t.Fatalf("%s at %s: still open at its end %s", f, now, ends)
			}
		}
		if opened == 0 {
			t.Errorf("%s is never open", f)
		}
	}
}

func TestHooks(t *testing.T) {
	tree := exampleTree(t)
	appendFile(tree, "common.yaml", `hooks:
  gate: {at: [confirm], command: [bin/may, --strict], required: true}
  chat: {url: "https://chat.example.net/hook", token: {form: plain, env: CHAT_TOKEN}, timeout: 5s}
commit: {confirm: 5m, batch: "1,25%", retries: 0}
`)
	net := loadTree(t, tree)
	equal(t, "hooks", len(net.Hooks), 2)
	chat, gate := net.Hooks[0], net.Hooks[1]
	equal(t, "chat", fmt.Sprint(chat.Name, chat.At, chat.URL, chat.Token.Reference(), chat.Timeout, chat.Required), "chat[]https://chat.example.net/hook$CHAT_TOKEN5s false")
	equal(t, "gate", fmt.Sprint(gate.At, gate.Command, gate.Token.IsZero(), gate.Required), "[confirm] [bin/may --strict] true true")
	equal(t, "commit", fmt.Sprint(net.Commit.Confirm, net.Commit.Batch, *net.Commit.Retries), "5m0s1,25%0")
	none := loadTree(t, exampleTree(t))
	equal(t, "without", fmt.Sprint(none.Hooks, none.Freezes, none.Commit), "[] [] {0s  <nil>}")
}
