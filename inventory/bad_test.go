package inventory

import (
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

	"rhapsode/inventory/inventorytest"
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

// minMistakes is how many mistakes testdata/bad holds at the least.
const minMistakes = 60

// TestMistakes changes a copy of the example and compares all that Load says of it. In testdata/bad is one mistake each:
// Load must refuse the tree and say one thing. In testdata/several there are more; in testdata/warn it must read the tree
// and warn.
func TestMistakes(t *testing.T) {
	for _, folder := range []string{"bad", "several", "warn"} {
		cases, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
		if err != nil || len(cases) == 0 {
			t.Fatalf("no cases in testdata/%s: %v", folder, err)
		}
		if folder == "bad" && len(cases) < minMistakes {
			t.Errorf("%d cases in testdata/bad, want %d", len(cases), minMistakes)
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
					} else if !inventorytest.Edit(t, tree, section) {
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
		if (len(problems) == 1) != (folder == "bad") {
			t.Errorf("%d problems in testdata/%s", len(problems), folder)
		}
		for _, p := range problems {
			if p.File == "" || p.Message == "" || p.Line > 0 && p.Column < 1 {
				t.Errorf("a problem without its place: %#v", p)
			}
		}
	}
	return err.Error() + "\n"
}
