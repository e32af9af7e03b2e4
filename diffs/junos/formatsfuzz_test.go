package junos

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// seedFormats adds the XML and JSON of the golden cases, and a few hand-made texts.
func seedFormats(f *testing.F, file string, more ...string) {
	for _, path := range must(filepath.Glob(filepath.Join("testdata", "formats", "*.txtar"))) {
		for _, part := range must(txtar.ParseFile(path)).Files {
			if part.Name == file {
				f.Add(part.Data)
			}
		}
	}
	for _, path := range must(filepath.Glob(filepath.Join("testdata", "parse", "*.txtar"))) {
		for _, part := range must(txtar.ParseFile(path)).Files {
			if tree, err := Parse("", part.Data, nil); err == nil {
				f.Add([]byte(map[string]func(...Attribute) string{"xml": tree.XML, "json": tree.JSON}[file]()))
			}
		}
	}
	for _, text := range more {
		f.Add([]byte(text))
	}
}

// checkStable checks that what was read is written as something that reads back as the same, in both forms. The first
// round settles what unknown statements of one name are that came from several places.
func checkStable(t *testing.T, read reader, text string) {
	for _, keep := range []bool{false, true} {
		tree := New(nil)
		if _, errs := read("", text, tree, keep); len(errs) == 0 {
			checkSettled(t, tree, text)
		}
	}
}

func checkSettled(t *testing.T, tree *Tree, text string) {
	for _, form := range []struct {
		read  reader
		write func(*Tree) string
	}{
		{readXML, func(t *Tree) string { return t.XML() }},
		{readJSON, func(t *Tree) string { return t.JSON() }},
	} {
		settled := again(t, form.read, form.write(tree))
		out := form.write(settled)
		if got := form.write(again(t, form.read, out)); got != out {
			t.Fatalf("%q is not stable:\n%s--- again\n%s", text, out, got)
		}
	}
}

type reader = func(file, src string, t *Tree, keep bool) ([]*Error, ErrorList)

func again(t *testing.T, read reader, text string) *Tree {
	tree := New(nil)
	if _, errs := read("", text, tree, true); len(errs) > 0 {
		t.Fatalf("%v: what was written:\n%s", errs, text)
	}
	return tree
}

func FuzzXML(f *testing.F) {
	seedFormats(f, "xml", "<configuration><system><host-name delete=\"delete\"/></system></configuration>",
		"<configuration><a><name>x</name><name>y</name></a><a>1</a><a/></configuration>",
		"<configuration><A><name></name></A></configuration>", "<configuration><A><name></name></A><A/><A><name></name><b/></A></configuration>")
	f.Fuzz(func(t *testing.T, text []byte) { checkStable(t, readXML, strings.ToValidUTF8(string(text), "?")) })
}

func FuzzJSON(f *testing.F) {
	seedFormats(f, "json", `{"configuration":{"@":{},"a":[1,"b",null,{"name":"c"}],"@a":[null,{"inactive":true}]}}`,
		`{"configuration":{"0":{"":{}}}}`, `{"configuration":{"0":{" ":0}}}`, `{"configuration":{"A":[{"name":""}]}}`)
	f.Fuzz(func(t *testing.T, text []byte) { checkStable(t, readJSON, string(text)) })
}
