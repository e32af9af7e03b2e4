package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/devices"
)

// history reads a router's commit history, newest first.
func (l *testLab) history(name string) []devices.Commit {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dev := l.dial(name)
	defer dev.Close() //nolint:errcheck // all has been read
	h, err := dev.History(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return h
}

// loser holds what somebody is told whose commit did not come about, or not everywhere: it names who was first.
func loser(t *testing.T, round int, r ran, others ...string) {
	t.Helper()
	switch r.code {
	case 0:
		return
	case 1, 3:
	default:
		t.Errorf("round %d: exit code %d: %s", round, r.code, r.stderr)
		return
	}
	said := r.stdout + r.stderr
	known := strings.Contains(said, "locked by") || strings.Contains(said, "running configuration moved") ||
		strings.Contains(said, "unconfirmed commit open") || strings.Contains(said, "differs from the review")
	if !known {
		t.Errorf("round %d: the loser is not told why:\n%s", round, said)
	}
	for _, o := range others {
		if strings.Contains(r.stderr, "moved") && strings.Contains(r.stderr, "last by") && !strings.Contains(r.stderr, o) {
			t.Errorf("round %d: the loser is not told of %q:\n%s", round, o, r.stderr)
		}
	}
}

// TestTwoOperators has two people commit to one fleet at the same time, each from an inventory and a state directory of
// their own, again and again. However it ends, no router gets a change twice, none is lost that was said to be committed,
// and the loser is told who was first.
func TestTwoOperators(t *testing.T) {
	l := newTestLab(t, 1)
	const rounds = 4
	for round := range rounds {
		tasks := map[string]string{"alice": fmt.Sprintf("T1%02d ntp by alice", round), "bob": fmt.Sprintf("T2%02d ntp by bob", round)}
		got := map[string]ran{}
		var mu sync.Mutex
		var both sync.WaitGroup
		for i, user := range []string{"alice", "bob"} {
			// Each wants another server, so that there is something to lose.
			cmd := l.command(context.Background(), user, "commit", "*", "-m", tasks[user], "--yes", "-O", "--no-wait", "--retries", "0")
			tree := "net-" + user
			l.copyTree("net", tree)
			l.write(tree+"/sites/s000.yaml", fmt.Sprintf("description: A site\nntp_servers: [192.0.2.%d]\n", 10+2*round+i))
			cmd.Env = append(cmd.Env, "RHAPSODE_INVENTORY="+l.path(tree))
			both.Go(func() {
				r := l.finish(cmd)
				mu.Lock()
				got[user] = r
				mu.Unlock()
			})
		}
		both.Wait()
		loser(t, round, got["alice"], "bob", tasks["bob"])
		loser(t, round, got["bob"], "alice", tasks["alice"])
		for _, name := range l.names {
			history := l.history(name)
			for user, task := range tasks {
				n := 0
				for _, c := range history {
					if strings.Contains(c.Comment, task) {
						n++
					}
				}
				said := strings.Contains(got[user].stdout, name+": committed and confirmed")
				// A commit and its confirm are one entry or two, never more.
				if said && n == 0 || !said && n > 0 || n > 2 {
					t.Errorf("round %d: %s has %d entries of %q, and %s was told committed: %t\n%s\n%v", round, name, n, task, user, said, got[user].stderr, history)
				}
			}
			if history[0].Confirm > 0 {
				t.Errorf("round %d: %s has an open window", round, name)
			}
		}
		t.Logf("round %d: alice %d, bob %d", round, got["alice"].code, got["bob"].code)
	}
	for _, name := range l.names {
		c, err := l.dial(name).Lock(context.Background())
		if err != nil {
			t.Errorf("%s is left locked: %v", name, err)
			continue
		}
		c.Discard(context.Background()) //nolint:errcheck // the session ends with the test
	}
}

// TestOnePersonTwice has one person start the same command twice, with one state directory.
func TestOnePersonTwice(t *testing.T) {
	l := newTestLab(t, 1)
	for round := range 2 {
		task := fmt.Sprintf("T3%02d twice", round)
		l.write("net/sites/s000.yaml", fmt.Sprintf("description: A site\nntp_servers: [192.0.2.%d]\n", 30+round))
		var got [2]ran
		var both sync.WaitGroup
		for i := range got {
			cmd := l.command(context.Background(), "alice", "commit", "*", "-m", task, "--yes", "-O", "--no-wait", "--retries", "0")
			both.Go(func() { got[i] = l.finish(cmd) })
		}
		both.Wait()
		done := 0
		for _, r := range got {
			loser(t, round, r)
			done += strings.Count(r.stdout, ": committed and confirmed")
		}
		for _, name := range l.names {
			runs := map[string]bool{}
			for _, c := range l.history(name) {
				if strings.Contains(c.Comment, task) {
					runs[c.Comment] = true
				}
			}
			if len(runs) > 1 {
				t.Errorf("round %d: %s has the change by two runs: %v", round, name, runs)
			}
		}
		t.Logf("round %d: %d and %d, %d commits", round, got[0].code, got[1].code, done)
	}
}
