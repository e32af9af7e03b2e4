package diffs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// sharedDir is the folder of data that came from real devices and from the vendor. It lies outside the repository.
func sharedDir() string {
	if dir := os.Getenv("RHAPSODE_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "shared")
}

func sharedCases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sharedDir(), "cases", "compare", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no compare cases in %s (set RHAPSODE_SHARED)", sharedDir())
	}
	return files
}

// caseReleases names the release for those cases whose order is that of an older one.
var caseReleases = map[string]string{"34.txt": "20.4", "53.txt": "20.4", "62.txt": "20.4"}

// TestSharedCompareCases compares all cases with the built-in table alone and with each full schema. A schema that
// lacks a hierarchy, as that of a router lacks security policies, has it from the table.
func TestSharedCompareCases(t *testing.T) {
	files := sharedCases(t)
	for name, current := range sharedSchemas(t) {
		at := map[string]*junos.Schema{"": current}
		for _, file := range files {
			t.Run(name+"/"+filepath.Base(file), func(t *testing.T) {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				before, after, want := splitCase(t, string(data))
				release := caseReleases[filepath.Base(file)]
				if at[release] == nil {
					r, err := junos.ParseRelease(release)
					if err != nil {
						t.Fatal(err)
					}
					at[release] = current.At(r)
				}
				schema := at[release]
				got := Compare(parse(t, "before", before, schema), parse(t, "after", after, schema)).String()
				if got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// sharedSchemas are the schemas to compare with: the built-in table, and the full ones beside the cases.
func sharedSchemas(t *testing.T) map[string]*junos.Schema {
	t.Helper()
	schemas := map[string]*junos.Schema{"built-in": junos.Builtin()}
	files, err := filepath.Glob(filepath.Join(sharedDir(), "schema", "*.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := junos.LoadSchema(f)
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		schemas[strings.TrimSuffix(filepath.Base(file), ".json.gz")] = s
	}
	return schemas
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
