package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// running reads what a router runs.
func (l *testLab) running(name string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dev := l.dial(name)
	defer dev.Close() //nolint:errcheck // all has been read
	text, err := dev.Running(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return text
}

// has tells which of some routers run a text.
func (l *testLab) has(text string, names ...string) []string {
	l.t.Helper()
	var out []string
	for _, n := range names {
		if strings.Contains(l.running(n), text) {
			out = append(out, n)
		}
	}
	return out
}

// asPrinted runs a command line as it was printed, by a shell.
func (l *testLab) asPrinted(user, line string) ran {
	l.t.Helper()
	bin := l.path("bin")
	self, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(bin, 0o700)
	}
	if err == nil {
		if err = os.Symlink(self, filepath.Join(bin, "rhapsode")); os.IsExist(err) {
			err = nil
		}
	}
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = l.dir
	for _, kv := range l.env(user) {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			kv = "PATH=" + bin + ":" + path
		}
		cmd.Env = append(cmd.Env, kv)
	}
	return l.finish(cmd)
}

// TestMixed ends a run with a pair that really differs, and runs the two commands that are printed then, each in a run of
// its own: one finishes the change, the other takes it back; either makes the pair equal.
func TestMixed(t *testing.T) {
	for _, c := range []struct {
		name, prefix string
		have         int
	}{{"finish", "    finish:    ", 2}, {"take back", "    take back: ", 0}} {
		t.Run(c.name, func(t *testing.T) {
			l := newTestLab(t, 1)
			first, second := l.names[0], l.names[1]
			// Once the first is confirmed and before the second is begun, the hook takes the second one's lock away for good.
			// It is the confirm hook that is called for the first device: it has somebody lock the second.
			l.write("net/common.yaml", l.common()+
				"hooks:\n  gate: {at: [confirm], required: true, timeout: 20s, command: ["+l.path("gate")+"]}\n")
			l.script("gate", "echo asked >>"+l.path("asked")+"; while [ ! -e "+l.path("go")+" ]; do sleep 0.05; done\n")
			cmd := l.command(context.Background(), "alice", "commit", first+","+second, "-m", "T7 it's ntp", "--yes", "-O", "--wait-lock", "0s", "--retries", "0")
			finished := make(chan ran, 1)
			go func() { finished <- l.finish(cmd) }()
			l.waitFor("asked")
			other := l.dial(second)
			candidate, err := other.Lock(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			l.write("go", "")
			got := <-finished
			if got.code != 3 || !strings.Contains(got.stderr, "MIXED: of the pair s000/access the change is on "+first+" and not on "+second) {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			if err := candidate.Discard(context.Background()); err != nil {
				t.Fatal(err)
			}
			other.Close() //nolint:errcheck // the lock is given back
			if have := l.has("192.0.2.2", first, second); len(have) != 1 || have[0] != first {
				t.Fatalf("the change is on %v", have)
			}
			command := ""
			for line := range strings.Lines(got.stderr) {
				if rest, ok := strings.CutPrefix(line, c.prefix); ok {
					command = strings.TrimSpace(rest)
				}
			}
			if !strings.HasPrefix(command, "rhapsode ") {
				t.Fatalf("no command is printed: %s", got.stderr)
			}
			repaired := l.asPrinted("alice", command+" --yes")
			if repaired.code != 0 {
				t.Errorf("%s: exit code %d: %s%s", command, repaired.code, repaired.stdout, repaired.stderr)
			}
			if have := l.has("192.0.2.2", first, second); len(have) != c.have {
				t.Errorf("after %s the change is on %v", command, have)
			}
		})
	}
}

// script writes a program.
func (l *testLab) script(name, text string) {
	l.t.Helper()
	l.write(name, "#!/bin/sh\n"+text)
	if err := os.Chmod(l.path(name), 0o700); err != nil {
		l.t.Fatal(err)
	}
}

// waitFor waits until a file is there.
func (l *testLab) waitFor(name string) {
	l.t.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(l.path(name)); err == nil {
			return
		}
	}
	l.t.Fatalf("%s did not come about", name)
}

// interrupted starts a commit that stands still in the confirm window of the first device, and gives its output as it comes.
func (l *testLab) interrupted(args ...string) (*exec.Cmd, *bufio.Reader, *bytes.Buffer) {
	l.t.Helper()
	l.write("net/common.yaml", l.common()+
		"hooks:\n  gate: {at: [confirm], timeout: 20s, command: ["+l.path("gate")+"]}\n")
	l.script("gate", "touch "+l.path("asked")+"; while [ ! -e "+l.path("go")+" ]; do sleep 0.05; done\n")
	cmd := l.command(context.Background(), "alice", args...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { cmd.Process.Kill() }) //nolint:errcheck // it is gone
	l.waitFor("asked")
	return cmd, bufio.NewReader(stderr), &stdout
}

// until reads lines up to one that has a text.
func until(t *testing.T, r *bufio.Reader, text string) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		all.WriteString(line)
		if strings.Contains(line, text) {
			return all.String()
		}
		if err != nil {
			t.Fatalf("%v, and nothing has %q:\n%s", err, text, all.String())
		}
	}
}

// TestInterrupt sends a real signal to a commit with an open window: it says what is open, does not confirm, begins nothing
// more and ends with 130.
func TestInterrupt(t *testing.T) {
	l := newTestLab(t, 1)
	cmd, stderr, stdout := l.interrupted("commit", "*", "-m", "T8 ntp", "--yes", "-O")
	first := l.names[0]
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said := until(t, stderr, "rolls back by itself at")
	for _, want := range []string{"interrupted: stopping safely; a second interrupt leaves at once", "stopping: ", first + ": committed and not confirmed"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	l.write("go", "")
	rest := new(bytes.Buffer)
	rest.ReadFrom(stderr) //nolint:errcheck // the end of the program
	cmd.Wait()            //nolint:errcheck // the code says it
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d: %s", code, rest)
	}
	if !strings.Contains(stdout.String(), first+": NOT confirmed, rolls back at") || !strings.Contains(stdout.String(), "not started (3 devices)") {
		t.Errorf("stdout: %s", stdout)
	}
	if h := l.history(first); h[0].Confirm == 0 || !strings.Contains(h[0].Comment, "T8") {
		t.Errorf("history: %+v", h[0])
	}
	for _, name := range l.names[1:] {
		if h := l.history(name); strings.Contains(h[0].Comment, "T8") {
			t.Errorf("%s was begun: %+v", name, h[0])
		}
	}
}

// TestSecondInterrupt leaves at once and says what may be open.
func TestSecondInterrupt(t *testing.T) {
	l := newTestLab(t, 1)
	cmd, stderr, _ := l.interrupted("commit", "*", "-m", "T9 ntp", "--yes", "-O")
	first := l.names[0]
	for _, text := range []string{"rolls back by itself at", "how it ended says"} {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		said := until(t, stderr, text)
		if !strings.Contains(said, first+": committed and not confirmed, rolls back by itself at ") {
			t.Errorf("it does not say what is open:\n%s", said)
		}
		if text == "how it ended says" {
			id := said[strings.Index(said, "runs show ")+len("runs show "):]
			id, _, _ = strings.Cut(id, "`")
			defer func() {
				if shown := l.run("alice", "runs", "show", id); shown.code != 0 || !strings.Contains(shown.stdout, first) {
					t.Errorf("runs show %s: exit code %d: %s%s", id, shown.code, shown.stdout, shown.stderr)
				}
			}()
		}
	}
	cmd.Wait() //nolint:errcheck // the code says it
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	l.write("go", "")
	// Nothing is left locked: the sessions ended with the program.
	dev := l.dial(l.names[1])
	c, err := dev.Lock(context.Background())
	if err != nil {
		t.Fatalf("left locked: %v", err)
	}
	c.Discard(context.Background()) //nolint:errcheck // the session ends with the test
}

// TestFreeze refuses a commit, names what it is forced through, and keeps it.
func TestFreeze(t *testing.T) {
	l := newTestLab(t, 1)
	now := time.Now().UTC()
	l.write("net/common.yaml", l.common()+
		fmt.Sprintf("freeze:\n  - {from: %s, to: %s, task: T100, why: the migration, devices: ac*}\n  - {from: 2026-01-01, to: 2026-01-02, task: T99, why: long ago}\n",
			now.Add(-time.Hour).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)))
	ends := now.Add(time.Hour).Format("2006-01-02 15:04 MST")
	refused := l.run("alice", "commit", "*", "-m", "T10 ntp", "--yes", "-O")
	want := fmt.Sprintf("nothing was changed: frozen until %s by T100 %q (common.yaml:8): ac1.s000.example.net, ac2.s000.example.net", ends, "the migration")
	if refused.code != 1 || !strings.Contains(refused.stderr, want) || !strings.Contains(refused.stderr, "--force-freeze") {
		t.Errorf("exit code %d: %s\nwant %s", refused.code, refused.stderr, want)
	}
	if other := l.run("alice", "commit", "mg*", "-m", "T10 ntp", "--yes", "-O"); other.code != 0 {
		t.Errorf("the others: exit code %d: %s", other.code, other.stderr)
	}
	if diff := l.run("alice", "diff", "*"); diff.code != 99 || !strings.Contains(diff.stderr, "freeze: a commit is refused: frozen until "+ends) {
		t.Errorf("diff: exit code %d: %s", diff.code, diff.stderr)
	}
	if check := l.run("alice", "check", "*"); !strings.Contains(check.stdout, "common.yaml:9:1: warning: the freeze T99 (long ago) is over since 2026-01-02") {
		t.Errorf("check: %s", check.stdout)
	}
	forced := l.run("alice", "commit", "*", "-m", "T11 urgent", "--yes", "-O", "--force-freeze")
	if forced.code != 0 || !strings.Contains(forced.stderr, "warning: forced: ") {
		t.Errorf("forced: exit code %d: %s", forced.code, forced.stderr)
	}
	if runs := l.run("alice", "runs", "list"); !strings.Contains(runs.stdout, "T100") {
		t.Errorf("the audit log does not keep it: %s", runs.stdout)
	}
}
