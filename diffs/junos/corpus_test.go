package junos

import (
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos/junostest"
)

// TestCorpus: each configuration of a folder (JUNOS_CORPUS) is read, and its texts mean what was read: the curly one and
// the set lines, XML and JSON. What the built-in table does not know is kept as well; its set lines are the same, but
// where words end and a block begins cannot be seen in them.
func TestCorpus(t *testing.T) {
	var passed, skipped, guesses int
	files := junostest.Corpus(t)
	for _, f := range files {
		t.Run(f.Name, func(t *testing.T) {
			if f.Skip != "" {
				skipped++
				t.Skip(f.Skip)
			}
			tree, err := Parse(f.Name, f.Text, nil)
			if err != nil {
				t.Fatal(err)
			}
			tree.Untag()
			known := 0
			for _, g := range Guesses(tree) {
				guesses += g.Statements
				known--
			}
			if known == 0 {
				checkRoundTrips(t, tree)
				checkFormats(t, tree)
			} else {
				checkGuessed(t, tree)
			}
			if !t.Failed() {
				passed++
			}
		})
	}
	t.Logf("%d of %d files passed, %d are no configurations; %d statements are not in the table",
		passed, len(files)-skipped, skipped, guesses)
}

// checkGuessed checks that the texts of a tree with statements that no schema knows mean the tree.
func checkGuessed(t *testing.T, tree *Tree) {
	t.Helper()
	text, set := tree.Text(), tree.Set()
	again, err := Parse("text", []byte(text), tree.Schema)
	if err != nil {
		t.Fatalf("parse of Text: %v\n%s", err, text)
	}
	if got := again.Text(); got != text {
		t.Errorf("Text is not stable:\n%s\n--- again\n%s", text, got)
	}
	for name, form := range map[string]string{"Set": set, "XML": tree.XML(), "JSON": tree.JSON()} {
		again, err := Parse(name, []byte(form), tree.Schema)
		if err != nil {
			t.Fatalf("parse of %s: %v\n%s", name, err, form)
		}
		got, want := again.Set(), set
		if name == "JSON" { // has statements of one name together
			got, want = sortedLines(got), sortedLines(want)
		}
		if got != want {
			t.Errorf("set lines differ after %s:\n%s\n--- again\n%s", name, set, got)
		}
	}
}

func sortedLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
