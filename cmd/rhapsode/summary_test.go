package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rhapsode/devices"
)

// Equal failures are one, with their devices; what differs in the device's name and address alone is equal.
func TestGroupFailures(t *testing.T) {
	out := func(name string, result devices.Result, err error) devices.Outcome {
		return devices.Outcome{Device: name, Result: result, Err: err}
	}
	refused := errors.New("connection refused")
	got := groupFailures([]devices.Outcome{
		out("a", devices.Committed, nil),
		out("b", devices.NotCommitted, &devices.LockedError{Device: "b", Holder: "ada"}),
		out("c", devices.NotCommitted, &devices.UnreachableError{Device: "c", Addr: "192.0.2.3:830", Err: refused}),
		out("d", devices.NotCommitted, &devices.UnreachableError{Device: "d", Addr: "192.0.2.4:830", Err: refused}),
		out("e", devices.NotStarted, fmt.Errorf("e: %w", devices.ErrNotStarted)),
	})
	if len(got) != 2 {
		t.Fatalf("%d groups: %+v", len(got), got)
	}
	if g := got[0]; strings.Join(g.devices, " ") != "c d" || g.text != "connect: connection refused" || len(g.hints) != 1 {
		t.Errorf("first %+v", g)
	}
	if g := got[1]; strings.Join(g.devices, " ") != "b" || g.text != "lock candidate: configuration database locked by ada" {
		t.Errorf("second %+v", g)
	}
}

func TestLeaveOut(t *testing.T) {
	l := newTestLab(t, 1)
	l.write("net/common.yaml", l.common()+"commit: {batch: \"2\", confirm: 2m, retries: 0}\n")
	l.sshConfig(map[string]string{l.names[0]: closedPort(t)})
	got := l.run("alice", "commit", "*", "-m", "T12 ntp", "--yes", "-O", "--json")
	if got.code != 1 || len(l.has("192.0.2.2", l.names[1:]...)) > 0 {
		t.Errorf("without --skip-failed: exit code %d: %s", got.code, got.stderr)
	}
	got = l.run("alice", "commit", "*", "-m", "T12 ntp", "--yes", "-O", "--json", "--skip-failed")
	lines := jsonLines(t, got.stdout)
	sum := lines[len(lines)-1]
	if got.code != 3 || sum.Committed != 2 || sum.Results["not-started"] != 2 || sum.Exit != 3 {
		t.Errorf("with it: exit code %d, %+v: %s", got.code, sum, got.stderr)
	}
	if have := l.has("192.0.2.2", l.names[1:]...); strings.Join(have, " ") != l.names[2]+" "+l.names[3] {
		t.Errorf("the change is on %v, want it on the other pair alone", have)
	}
}

// A check of the inventory that fails after the commit has the router roll back.
func TestDeclaredCheck(t *testing.T) {
	l := newTestLab(t, 1)
	l.write("net/common.yaml", l.common()+"checks: {settle: 1s, commands: {version: {command: show version, no_match: Junos}}}\n")
	first := l.names[0]
	got := l.run("alice", "commit", first, "-m", "T13 ntp", "--yes", "-O", "--no-wait")
	if got.code != 1 || !strings.Contains(got.stdout, first+": NOT confirmed, rolls back at") || !strings.Contains(got.stderr, "version") {
		t.Errorf("exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	if h := l.history(first); h[0].Confirm == 0 {
		t.Errorf("it was confirmed: %+v", h[0])
	}
	// The window is somebody's who is not here any more: the next one is told of it, and does not confirm it.
	next := l.run("bob", "commit", first, "-m", "T14 ntp", "--yes", "-O")
	if said := next.stdout + next.stderr; next.code != 1 || !strings.Contains(said, "unconfirmed commit open") || !strings.Contains(said, "T13") {
		t.Errorf("the next: exit code %d: %s", next.code, said)
	}
}

// A required hook that objects at the start has nothing changed.
func TestHookObjects(t *testing.T) {
	l := newTestLab(t, 1)
	l.write("net/common.yaml", l.common()+"hooks: {gate: {at: [start], required: true, command: ["+l.path("gate")+"]}}\n")
	l.script("gate", "cat >"+l.path("told")+"; echo not today >&2; exit 1\n")
	got := l.run("alice", "commit", "*", "-m", "T15 ntp", "--yes", "-O")
	if got.code != 1 || !strings.Contains(got.stderr, "nothing was changed: ") || !strings.Contains(got.stderr, "not today") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	l.waitFor("told")
	for _, name := range l.names {
		c, err := l.dial(name).Lock(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c.Discard(context.Background()) //nolint:errcheck // the session ends with the test
	}
	if have := l.has("192.0.2.2", l.names...); len(have) > 0 {
		t.Errorf("the change is on %v", have)
	}
}
