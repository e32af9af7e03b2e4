package junostest_test

import (
	"bytes"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/diffs/junos/junostest"
)

// The table knows all of it, it is canonical, and it has as many lines as were asked for.
func TestConfig(t *testing.T) {
	for _, lines := range []int{2000, 20_000} {
		text := junostest.Config(lines, "")
		if got := bytes.Count(text, []byte("\n")); got < lines*9/10 || got > lines*11/10 {
			t.Errorf("%d lines, want about %d", got, lines)
		}
		tree, err := junos.Parse("config", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		junos.Walk(tree.Root, func(words []string, n *junos.Node) bool {
			if n.Schema == nil {
				t.Errorf("not in the table: %q", words)
			}
			return !t.Failed()
		})
		if lines > 10_000 && bytes.Equal(text, junostest.Config(lines, "7")) {
			t.Error("no change")
		}
		if !bytes.Equal(text, junostest.Config(lines, "")) {
			t.Error("not the same twice")
		}
	}
}
