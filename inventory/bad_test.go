package inventory

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testTime is when tests take place.
var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// exampleTree is a copy of the example network that a test may change.
func exampleTree(t testing.TB) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{}
	err := fs.WalkDir(Example, "example", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(Example, name)
		tree[strings.TrimPrefix(name, "example/")] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// edit applies a section of a case to the tree:
//
//	-- replace FILE --     OLD, a line `====`, NEW; OLD, without its last newline, must be there exactly once
//	-- write FILE --       the whole file
//	-- append FILE --      at its end
//	-- remove FILE --
//
// It reports false for sections that are none of these.
func edit(t *testing.T, tree fstest.MapFS, section txtar.File) bool {
	t.Helper()
	verb, name, _ := strings.Cut(section.Name, " ")
	switch verb {
	case "write":
		tree[name] = &fstest.MapFile{Data: section.Data}
	case "remove":
		if tree[name] == nil {
			t.Fatalf("no file %s to remove", name)
		}
		delete(tree, name)
	case "append":
		tree[name] = &fstest.MapFile{Data: append(bytes.Clone(tree[name].Data), section.Data...)}
	case "replace":
		before, after, ok := strings.Cut(string(section.Data), "====\n")
		before, after = strings.TrimSuffix(before, "\n"), strings.TrimSuffix(after, "\n")
		if n := strings.Count(string(tree[name].Data), before); !ok || n != 1 {
			t.Fatalf("replace %s: the old text is there %d times, want once", name, n)
		}
		tree[name] = &fstest.MapFile{Data: []byte(strings.Replace(string(tree[name].Data), before, after, 1))}
	default:
		return false
	}
	return true
}

// TestMistakes makes one mistake in a copy of the example and compares all that Load says of it. In testdata/bad it must
// refuse the tree; in testdata/warn it must read it and warn.
func TestMistakes(t *testing.T) {
	for _, folder := range []string{"bad", "warn"} {
		cases, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
		if err != nil || len(cases) == 0 {
			t.Fatalf("no cases in testdata/%s: %v", folder, err)
		}
		for _, name := range cases {
			t.Run(folder+"/"+strings.TrimSuffix(path.Base(filepath.ToSlash(name)), ".txtar"), func(t *testing.T) {
				archive, err := txtar.ParseFile(name)
				if err != nil {
					t.Fatal(err)
				}
				tree := exampleTree(t)
				want := -1
				for i, section := range archive.Files {
					if section.Name == "want" {
						want = i
					} else if !edit(t, tree, section) {
						t.Fatalf("unknown section %q", section.Name)
					}
				}
				if want < 0 {
					archive.Files, want = append(archive.Files, txtar.File{Name: "want"}), len(archive.Files)
				}
				got := says(t, folder, tree)
				if *update {
					archive.Files[want].Data = []byte(got)
					if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
						t.Fatal(err)
					}
					return
				}
				if string(archive.Files[want].Data) != got {
					t.Errorf("Load says\n%s\nwant\n%s", got, archive.Files[want].Data)
				}
			})
		}
	}
}

// says is what Load says of a tree: its error, or its warnings.
func says(t *testing.T, folder string, tree fs.FS) string {
	t.Helper()
	net, err := load(tree, "tree", testTime, insideOf(tree))
	var out strings.Builder
	if folder == "warn" {
		if err != nil {
			t.Fatalf("Load refuses: %v", err)
		}
		for _, w := range net.Warnings {
			out.WriteString(w.String() + "\n")
		}
		if out.Len() == 0 {
			t.Fatal("Load does not warn")
		}
		return out.String()
	}
	if err == nil || net != nil {
		t.Fatalf("Load gives %v and a network, want an error and none", err)
	}
	var problems Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if p.File == "" || p.Message == "" || p.Line > 0 && p.Column < 1 {
				t.Errorf("a problem without its place: %#v", p)
			}
		}
	}
	return err.Error() + "\n"
}
