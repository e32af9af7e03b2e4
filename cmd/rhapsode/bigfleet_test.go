package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// testFleet reviews and commits a fleet in which one router is slow, one dead, one has another host key than it had, and
// one is locked by somebody: the others do not wait for them, and the summary says just that.
func testFleet(t testing.TB, sites int) (diff, commit ran) {
	l := newTestLab(t, sites)
	slow, dead, changed, locked := l.names[1], l.names[4*1+2], l.names[4*2], l.names[4*3+3]
	delay := 3 * time.Second
	l.sshConfig(map[string]string{slow: l.forward(l.addrs[slow], delay, 0), dead: closedPort(t)})
	known, err := os.ReadFile(filepath.Join(l.dir, "known_hosts"))
	if err != nil {
		t.Fatal(err)
	}
	_, own, _ := strings.Cut(l.keys[changed], " ")
	_, other, _ := strings.Cut(l.keys[l.names[0]], " ")
	l.write("known_hosts", strings.Replace(string(known), changed+" "+own, changed+" "+other, 1))
	if _, err := l.dial(locked).Lock(context.Background()); err != nil {
		t.Fatal(err)
	}

	n := len(l.names)
	diff = l.run("alice", "diff", "*", "--omit-diff", "--retries", "1")
	if diff.code != 3 {
		t.Errorf("diff: exit code %d, want 3: %s", diff.code, diff.stderr)
	}
	for _, want := range []string{fmt.Sprintf("%d devices: %d changed", n, n-3), "1 unreachable", "2 failed"} {
		if !strings.Contains(diff.stdout, want) {
			t.Errorf("diff does not say %q:\n%s", want, last(diff.stdout, 600))
		}
	}
	commit = l.run("alice", "commit", "*", "-m", "T500 everywhere", "--yes", "-O", "--json", "--skip-failed", "--retries", "1",
		"--batch", "1,50%", "--across-sites")
	if commit.code != 3 {
		t.Errorf("commit: exit code %d, want 3: %s", commit.code, last(commit.stderr, 2000))
	}
	checkFleet(t, l, commit, slow, []string{dead, changed, locked})
	return diff, commit
}

// checkFleet holds what a commit said against what is so.
func checkFleet(t testing.TB, l *testLab, commit ran, slow string, bad []string) {
	t.Helper()
	lines := jsonLines(t, commit.stdout)
	ended := map[string]int{} // the place of each outcome
	var batchEnds []int
	sum := lines[len(lines)-1]
	for i, line := range lines {
		switch {
		case line.Type == "outcome":
			ended[line.Device] = i
			if line.Result != "committed" {
				t.Errorf("%s: %s: %s", line.Device, line.Result, line.Error)
			}
		case line.Event == "batch-done":
			batchEnds = append(batchEnds, i)
		}
	}
	n := len(l.names)
	want := map[string]int{"committed": n - 6, "not-started": 6} // a bad one takes its pair along
	if sum.Type != "summary" || sum.Committed != n-6 || !maps.Equal(sum.Results, want) || sum.Exit != 3 || len(sum.Mixed) > 0 || sum.Rollback == "" {
		t.Errorf("the summary is %+v", sum)
	}
	if len(ended) != n-6 {
		t.Errorf("%d outcomes, want %d", len(ended), n-6)
	}
	for _, b := range bad {
		if !strings.Contains(commit.stderr, b) {
			t.Errorf("stderr does not name %s", b)
		}
		if _, ok := ended[b]; ok {
			t.Errorf("%s was committed", b)
		}
	}
	for _, want := range []string{"host key of", "has changed", "configuration database locked by", "connection refused", "left out with"} {
		if !strings.Contains(commit.stderr, want) {
			t.Errorf("stderr does not say %q", want)
		}
	}
	// The slow one needs three late connections; all others of its batch ended before it.
	at := ended[slow]
	i := slices.IndexFunc(batchEnds, func(end int) bool { return end > at })
	if i < 0 {
		t.Fatalf("the slow one did not end in a batch")
	}
	begin := 0
	if i > 0 {
		begin = batchEnds[i-1]
	}
	before, after := 0, 0
	for _, place := range ended {
		switch {
		case place > begin && place < at:
			before++
		case place > at && place < batchEnds[i]:
			after++
		}
	}
	if before < 2 || after > before/4 {
		t.Errorf("%d devices ended before the slow one and %d after it, in one batch: they waited for it", before, after)
	}
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

// closedPort is an address where nobody listens.
func closedPort(t testing.TB) string {
	t.Helper()
	return "127.0.0.1:1" // tcpmux, which nobody runs
}

func TestFleet(t *testing.T) {
	diff, commit := testFleet(t, 15)
	t.Logf("60 routers: diff %s, %.0f MB; commit %s, %.0f MB", diff.took.Round(time.Millisecond), diff.memoryMB, commit.took.Round(time.Millisecond), commit.memoryMB)
}

// BenchmarkFleet reviews and commits 500 routers, four of which are in the way, and prints it beside the same fleet without
// those four, one router at a time. On one machine that is a matter of its processors alone; BenchmarkFarFleet has routers
// that are some way off, as routers are.
func BenchmarkFleet(b *testing.B) {
	for range b.N {
		diff, commit := testFleet(b, 125)
		report(b, "many", diff, commit)
		l := newTestLab(b, 125)
		one(b, l)
	}
}

// BenchmarkFarFleet is 20 routers 10 ms away (there and back), many at once and one at a time.
func BenchmarkFarFleet(b *testing.B) {
	for range b.N {
		l := farLab(b)
		diff := l.run("alice", "diff", "*", "--omit-diff")
		commit := l.run("alice", "commit", "*", "-m", "T500 everywhere", "--yes", "-O", "--batch", "1,50%", "--across-sites")
		if diff.code != 99 || commit.code != 0 {
			b.Fatalf("exit codes %d and %d: %s", diff.code, commit.code, last(commit.stderr, 2000))
		}
		report(b, "many", diff, commit)
		one(b, farLab(b))
	}
}

func farLab(b *testing.B) *testLab {
	l := newTestLab(b, 5)
	far := map[string]string{}
	for _, name := range l.names {
		far[name] = l.forward(l.addrs[name], 0, 5*time.Millisecond)
	}
	l.sshConfig(far)
	return l
}

// one does it one at a time.
func one(b *testing.B, l *testLab) {
	diff := l.run("alice", "diff", "*", "--omit-diff", "--parallel", "1")
	commit := l.run("alice", "commit", "*", "-m", "T500 everywhere", "--yes", "-O", "--parallel", "1")
	if diff.code != 99 || commit.code != 0 {
		b.Fatalf("one at a time: exit codes %d and %d: %s", diff.code, commit.code, last(commit.stderr, 2000))
	}
	report(b, "one", diff, commit)
}

func report(b *testing.B, how string, diff, commit ran) {
	for _, m := range []struct {
		what string
		ran  ran
	}{{"diff", diff}, {"commit", commit}} {
		b.ReportMetric(m.ran.took.Seconds(), m.what+"-"+how+"-s")
		b.ReportMetric(m.ran.memoryMB, m.what+"-"+how+"-MB")
	}
}
