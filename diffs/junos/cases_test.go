package junos

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// sharedDir finds the data that is shared between checkouts: RHAPSODE_SHARED, or `shared` beside the repository.
func sharedDir(tb testing.TB, sub string) string {
	tb.Helper()
	dir := os.Getenv("RHAPSODE_SHARED")
	if dir == "" {
		_, file, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared")
	}
	dir = filepath.Join(dir, sub)
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no shared data: %v (set RHAPSODE_SHARED)", err)
	}
	return dir
}

// compareCase is one file of the compare cases.
type compareCase struct{ name, before, after, expected string }

func compareCases(tb testing.TB) []compareCase {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(sharedDir(tb, "cases/compare"), "*.txt"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no cases: %v", err)
	}
	var cases []compareCase
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "=== BEFORE\n")
		before, rest, _ := strings.Cut(rest, "=== AFTER\n")
		after, expected, ok := strings.Cut(rest, "=== EXPECTED (show | compare)\n")
		if !ok {
			tb.Fatalf("%s: not a case", f)
		}
		cases = append(cases, compareCase{filepath.Base(f), before, after, expected})
	}
	return cases
}

// TestCompareCasesParse parses both sides of every compare case: the table knows all of their statements, and their
// texts round-trip.
func TestCompareCasesParse(t *testing.T) {
	for _, c := range compareCases(t) {
		for part, text := range map[string]string{"before": c.before, "after": c.after} {
			t.Run(c.name+"/"+part, func(t *testing.T) {
				tree, err := Parse(c.name, []byte(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				checkRoundTrips(t, tree)
				Walk(tree.Root, func(words []string, n *Node) bool {
					if n.Schema == nil {
						t.Errorf("not in the table: %s", strings.Join(words, " "))
					}
					return true
				})
			})
		}
	}
}

// checkRoundTrips checks that the texts of a tree mean the tree.
func checkRoundTrips(t *testing.T, tree *Tree) {
	t.Helper()
	text, set := tree.Text(), tree.Set()
	again, err := Parse("again", []byte(text), tree.Schema)
	if err != nil {
		t.Fatalf("parse of Text: %v\n%s", err, text)
	}
	if got := again.Text(); got != text {
		t.Errorf("Text is not stable:\n%s\n--- again\n%s", text, got)
	}
	if got := again.Set(); got != set {
		t.Errorf("Set differs after Text:\n%s\n--- again\n%s", set, got)
	}
	fromSet, err := Parse("set", []byte(set), tree.Schema)
	if err != nil {
		t.Fatalf("parse of Set: %v\n%s", err, set)
	}
	if got := fromSet.Set(); got != set {
		t.Errorf("Set is not stable:\n%s\n--- again\n%s", set, got)
	}
	if got := fromSet.Text(); got != text {
		t.Errorf("Text differs after Set:\n%s\n--- from set\n%s", text, got)
	}
}
