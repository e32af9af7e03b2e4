package diffs

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the code gives into the golden files")

// golden is one .txtar case: its comment says what it shows.
type golden struct {
	name    string
	archive *txtar.Archive
	file    string
}

// goldens runs f over the cases in testdata/dir, at least one.
func goldens(t *testing.T, dir string, f func(t *testing.T, g *golden)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", dir, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(a.Comment)) == 0 {
				t.Error("the case doesn't say what it shows")
			}
			f(t, &golden{name, a, file})
		})
	}
}

// part gives a part of the case; a missing part is an error unless it is one that want writes.
func (g *golden) part(t *testing.T, name string) string {
	t.Helper()
	for _, f := range g.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	t.Fatalf("%s has no part %s", g.file, name)
	return ""
}

// want compares got with a part of the case, or writes it there with -update.
func (g *golden) want(t *testing.T, name, got string) {
	t.Helper()
	if !*update {
		if want := g.part(t, name); got != want {
			t.Errorf("%s %s: got\n%s\nwant\n%s", g.file, name, got, want)
		}
		return
	}
	found := false
	for i := range g.archive.Files {
		if g.archive.Files[i].Name == name {
			g.archive.Files[i].Data, found = []byte(got), true
		}
	}
	if !found {
		g.archive.Files = append(g.archive.Files, txtar.File{Name: name, Data: []byte(got)})
	}
	if err := os.WriteFile(g.file, txtar.Format(g.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// has tells whether the case has a part.
func (g *golden) has(name string) bool {
	for _, f := range g.archive.Files {
		if f.Name == name {
			return true
		}
	}
	return false
}
