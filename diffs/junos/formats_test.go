package junos

import (
	"strings"
	"testing"
)

// checkFormats checks that XML and JSON of a tree read back as the tree.
func checkFormats(t *testing.T, tree *Tree) {
	t.Helper()
	for _, form := range []struct {
		name string
		text string
		want Format
	}{{"XML", tree.XML(), FormatXML}, {"JSON", tree.JSON(), FormatJSON}} {
		if got := FormatOf([]byte(form.text)); got != form.want {
			t.Fatalf("%s is taken for %s", form.name, got)
		}
		again, err := Parse(form.name, []byte(form.text), tree.Schema)
		if err != nil {
			t.Fatalf("parse of %s: %v\n%s", form.name, err, form.text)
		}
		if got, want := again.Set(), tree.Set(); got != want {
			t.Errorf("%s:\n%s--- reads back as\n%s--- it was\n%s", form.name, form.text, got, want)
		}
		if got, want := again.Text(), secretless(tree).Text(); got != want {
			t.Errorf("%s reads back as text\n%s--- it was\n%s", form.name, got, want)
		}
	}
}

// secretless is the tree without the marks of secrets that only the text had: XML and JSON have none.
func secretless(t *Tree) *Tree {
	c := t.Clone()
	Walk(c.Root, func(_ []string, n *Node) bool { n.Secret = false; return true })
	return c
}

func TestFormatsProperty(t *testing.T) {
	makers(t, 300, func(t *testing.T, m *treeMaker) { checkFormats(t, m.tree(nil)) })
}

func TestCompareCasesInFormats(t *testing.T) {
	for _, c := range compareCases(t) {
		for part, text := range map[string]string{"before": c.before, "after": c.after} {
			t.Run(c.name+"/"+part, func(t *testing.T) {
				tree, err := Parse(c.name, []byte(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				checkFormats(t, tree)
			})
		}
	}
}

// TestFormatGolden: `in` gives `xml`, `json` and `set`, or `errors`; what it gives reads back as the same.
func TestFormatGolden(t *testing.T) {
	goldens(t, "formats", func(t *testing.T, c *goldenCase) {
		in, _ := c.get("in")
		tree := New(nil)
		warnings, err := tree.Load("in", []byte(in), Replace)
		c.want(t, "warnings", lines(warnings))
		if err != nil {
			c.want(t, "errors", err.Error()+"\n")
			return
		}
		c.want(t, "errors", "")
		c.want(t, "set", tree.Set())
		c.want(t, "xml", tree.XML(Attribute{"junos:commit-user", "lab"}))
		c.want(t, "json", tree.JSON(Attribute{"junos:commit-user", "lab"}))
		checkFormats(t, tree)
	})
}

func TestFormatOf(t *testing.T) {
	for text, want := range map[string]Format{
		"":                                     FormatText,
		"system { host-name a; }":              FormatText,
		"<ge-*> { mtu 9000; }":                 FormatText,
		"<*> a;":                               FormatText,
		"# x\nset system host-name a\n":        FormatSet,
		"\ufeff {\"configuration\" : {} }":     FormatJSON,
		"<?xml version=\"1.0\"?><data></data>": FormatXML,
		"<nc:configuration/>":                  FormatXML,
		"\n<rpc-reply>\n":                      FormatXML,
		"<configurations>":                     FormatText,
	} {
		if got := FormatOf([]byte(text)); got != want {
			t.Errorf("FormatOf(%q) = %s, want %s", text, got, want)
		}
	}
	for _, f := range []Format{FormatText, FormatSet, FormatXML, FormatJSON} {
		var g Format
		if err := g.UnmarshalText([]byte(f.String())); err != nil || g != f {
			t.Errorf("%s reads back as %s: %v", f, g, err)
		}
	}
	if err := new(Format).UnmarshalText([]byte("yaml")); err == nil {
		t.Error("yaml is taken for a format")
	}
	if got := Format(9).String(); !strings.Contains(got, "9") {
		t.Errorf("unknown format is %q", got)
	}
}
