// Package inventorytest edits copies of an inventory for tests, so that a case is as short as the mistake in it. It is not
// for programs. It imports nothing of ours, so that the inventory's own tests may use it.
package inventorytest

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// Edit applies a section of a case to the tree:
//
//	-- replace FILE --     OLD, a line `====`, NEW; OLD, without its last newline, must be there exactly once
//	-- write FILE --       the whole file
//	-- append FILE --      at its end
//	-- remove FILE --
//
// It reports false for sections that are none of these, and fails the test if the section does not fit the tree.
func Edit(t testing.TB, tree fstest.MapFS, section txtar.File) bool {
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
