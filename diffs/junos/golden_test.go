package junos

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// goldenCase is a .txtar file: a sentence why, the inputs, and what comes of them.
type goldenCase struct {
	file    string
	archive *txtar.Archive
}

func (c goldenCase) get(name string) (string, bool) {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

// want compares got with the file called name, or writes it with -update. An empty file may be absent.
func (c goldenCase) want(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == name })
		switch {
		case got == "" && i >= 0:
			c.archive.Files = slices.Delete(c.archive.Files, i, i+1)
		case got == "":
		case i >= 0:
			c.archive.Files[i].Data = []byte(got)
		default:
			c.archive.Files = append(c.archive.Files, txtar.File{Name: name, Data: []byte(got)})
		}
		if err := os.WriteFile(c.file, txtar.Format(c.archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want, _ := c.get(name); got != want {
		t.Errorf("%s:\n%s--- want\n%s", name, got, want)
	}
}

// goldens runs test for each case of a directory of testdata.
func goldens(t *testing.T, dir string, test func(*testing.T, *goldenCase)) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(f)
			if err != nil {
				t.Fatal(err)
			}
			test(t, &goldenCase{f, a})
		})
	}
}

func lines[E error](errs []E) string {
	var b strings.Builder
	for _, e := range errs {
		b.WriteString(e.Error() + "\n")
	}
	return b.String()
}

// TestParseGolden: `in` gives `text` and `set`. Of `errors` a load complains; what Parse complains about nevertheless is in
// `parse-errors`, and what it keeps in `text` and `set`.
func TestParseGolden(t *testing.T) {
	goldens(t, "parse", func(t *testing.T, c *goldenCase) {
		in, _ := c.get("in")
		if _, strict := c.get("errors"); strict {
			err := refusal(t, "in", in)
			if err == nil {
				t.Fatal("loads")
			}
			c.want(t, "errors", err.Error()+"\n")
		}
		tree, err := Parse("in", []byte(in), nil)
		if err != nil {
			c.want(t, "parse-errors", err.Error()+"\n")
			return
		}
		c.want(t, "parse-errors", "")
		c.want(t, "text", tree.Text())
		c.want(t, "set", tree.Set())
		again, err := Parse("text", []byte(tree.Text()), nil)
		if err != nil {
			t.Fatalf("parse of Text: %v", err)
		}
		if again.Text() != tree.Text() {
			t.Errorf("Text is not stable:\n%s", again.Text())
		}
		if strings.HasPrefix(filepath.Base(c.file), "kept") {
			checkGuessed(t, tree)
		}
	})
}

// TestLoadGolden: `load`, put onto `before` in the mode that the comment's last line names (`mode: merge`), gives
// `text`, `warnings` and `errors`.
func TestLoadGolden(t *testing.T) {
	goldens(t, "load", func(t *testing.T, c *goldenCase) {
		_, m, _ := strings.Cut(string(c.archive.Comment), "mode: ")
		var mode Mode
		if err := mode.UnmarshalText([]byte(strings.TrimSpace(m))); err != nil {
			t.Fatal(err)
		}
		before, _ := c.get("before")
		load, _ := c.get("load")
		tree, err := Parse("before", []byte(before), nil)
		if err != nil {
			t.Fatal(err)
		}
		untouched := tree.Text()
		warnings, err := tree.Load("load", []byte(load), mode)
		c.want(t, "warnings", lines(warnings))
		if err != nil {
			c.want(t, "errors", err.Error()+"\n")
			if tree.Text() != untouched {
				t.Errorf("a failed load has changed the tree:\n%s", tree.Text())
			}
			return
		}
		c.want(t, "errors", "")
		c.want(t, "text", tree.Text())
		Walk(tree.Root, func(words []string, n *Node) bool {
			if n.Op != NoOp {
				t.Errorf("tag left at %s", strings.Join(words, " "))
			}
			return true
		})
	})
}
