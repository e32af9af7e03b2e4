package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/inventory/inventorytest"
)

// Nothing is rendered of an inventory with a mistake, whichever it is: no file, no line on stdout, and the error is the
// one at the place that the inventory says.
func TestNoHalfRender(t *testing.T) {
	cases, err := filepath.Glob("../../inventory/testdata/bad/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			dir, place := brokenTree(t, name)
			output := filepath.Join(t.TempDir(), "output")
			var stdout, stderr bytes.Buffer
			streams := &cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr}
			code := run(streams, func(string) string { return "" }, []string{"--inventory", dir, "generate", "*", "--output", output})
			if code != cli.Failed || stdout.Len() > 0 {
				t.Errorf("it ends with %v and prints %q", code, stdout.String())
			}
			if _, err := os.Stat(output); err == nil {
				t.Error("something was rendered")
			}
			if !strings.Contains(stderr.String(), place) {
				t.Errorf("it says\n%s\nwant %s", stderr.String(), place)
			}
		})
	}
}

// brokenTree makes the tree of a case and gives it with the place of its mistake.
func brokenTree(t *testing.T, name string) (dir, place string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	example, err := fs.Sub(inventory.Example, "example")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(example, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(example, name)
		tree[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range archive.Files {
		if !inventorytest.Edit(t, tree, section) {
			place, _, _ = strings.Cut(string(section.Data), ": ")
		}
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	return dir, place
}
