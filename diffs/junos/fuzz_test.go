package junos

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// FuzzParse: whatever is read is either refused or has stable texts. The seeds are the golden inputs.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range a.Files {
			f.Add(part.Data)
		}
	}
	for _, found := range []string{ // what the fuzzer has found before
		"a [ b ]; ( ( ( \x00 \" \\\" \\", "system{domain-search{}}", "0{0{}}replace: groups{}", "0{0{!{}!}0{0}}",
		"policy-options{policy-statement 0{term 0{then{0{}}}}}", "system {syslog { archive {00;files 0}}}0",
		"system{syslog{host 0{term {0}term 0{}}}}", "apply-groups [ a b ]||||;", `<config""`, "m 2 {b c;} m [2];",
		"policy-options{policy-statement 0{term 0{from{route-filter 0[0]}}}}",
		"policy-options{policy-statement 0{term 0{then{preference 0 accept}}}}",
		`{"configuration":{"system":{"0":{},"name-server":{"0":""}}}}`,
	} {
		f.Add([]byte(found))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tree, err := Parse("", text, nil)
		if (err == nil) == (tree == nil) {
			t.Fatalf("tree %v, error %v", tree, err)
		}
		if err != nil {
			return
		}
		if f := FormatOf(text); (f == FormatXML || f == FormatJSON) && len(Guesses(tree)) > 0 {
			return // there a statement that no schema knows can have a shape that no curly text has; FuzzXML and FuzzJSON look at it
		}
		out := tree.Text()
		again, err := Parse("", []byte(out), nil)
		if err != nil {
			if FormatOf([]byte(out)) != FormatText {
				return // an unknown statement that is called like a command, or like a tag
			}
			t.Fatalf("parse of Text: %v\n%q\n%s", err, text, out)
		}
		if got := again.Text(); got != out && FormatOf([]byte(out)) == FormatText {
			t.Fatalf("Text is not stable: %q\n%s\n--- again\n%s", text, out, got)
		}
	})
}

// FuzzLoad: a load either fails and changes nothing, or leaves no load-time tag; it never panics.
func FuzzLoad(f *testing.F) {
	for _, file := range must(filepath.Glob(filepath.Join("testdata", "load", "*.txtar"))) {
		a := txtar.Parse(must(os.ReadFile(file)))
		for mode := range uint8(5) {
			f.Add(a.Files[0].Data, a.Files[1].Data, mode)
		}
	}
	f.Fuzz(func(t *testing.T, before, load []byte, mode uint8) {
		tree, err := Parse("", before, nil)
		if err != nil {
			return
		}
		tree.Untag()
		was := tree.Text()
		if _, err := tree.Load("", load, Mode(mode%5)); err != nil {
			if tree.Text() != was {
				t.Fatalf("a failed load has changed the tree")
			}
			return
		}
		Walk(tree.Root, func(_ []string, n *Node) bool {
			if n.Op != NoOp {
				t.Fatalf("tag left at %s", n.Name)
			}
			return true
		})
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
