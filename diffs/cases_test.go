package diffs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// sharedCases is the folder of compare cases that came from real devices. It lies outside the repository.
func sharedCases(t *testing.T) []string {
	t.Helper()
	shared := os.Getenv("RHAPSODE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(shared, "cases", "compare", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no compare cases in %s (set RHAPSODE_SHARED)", shared)
	}
	return files
}

// caseReleases names the release for those cases whose order is that of an older one.
var caseReleases = map[string]string{"34.txt": "20.4", "53.txt": "13.3", "62.txt": "20.4"}

func TestSharedCompareCases(t *testing.T) {
	for _, file := range sharedCases(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before, after, want := splitCase(t, string(data))
			schema, err := junos.ForRelease(caseReleases[name])
			if err != nil {
				t.Fatal(err)
			}
			got := Compare(parse(t, "before", before, schema), parse(t, "after", after, schema)).String()
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func splitCase(t *testing.T, text string) (before, after, want string) {
	t.Helper()
	_, rest, ok := strings.Cut(text, "=== BEFORE\n")
	before, rest, ok2 := strings.Cut(rest, "=== AFTER\n")
	after, want, ok3 := strings.Cut(rest, "=== EXPECTED (show | compare)\n")
	if !ok || !ok2 || !ok3 {
		t.Fatal("the case lacks a part")
	}
	return before, after, want
}

func parse(t testing.TB, file, text string, s *junos.Schema) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse(file, []byte(text), s)
	if err != nil {
		t.Fatalf("parse %s: %v", file, err)
	}
	return tree
}
