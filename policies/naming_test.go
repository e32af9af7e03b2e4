package policies_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/policies"
)

// dataFiles are the files of a case below a folder.
func dataFiles(a *txtar.Archive, folder string) []policies.File {
	var out []policies.File
	for _, f := range a.Files {
		if strings.HasPrefix(f.Name, folder+"/") {
			out = append(out, policies.File{Name: f.Name, Data: f.Data})
		}
	}
	return out
}

// fileOf is the text of a file of a case; empty if there is none.
func fileOf(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// cases runs a test for each file of testdata/FOLDER. What the test gives is the file `want` of the case.
func cases(t *testing.T, folder string, run func(t *testing.T, a *txtar.Archive) string) {
	files, err := filepath.Glob("testdata/" + folder + "/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := run(t, a)
			if got == fileOf(a, "want") {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, fileOf(a, "want"))
			}
			for i, f := range a.Files {
				if f.Name == "want" {
					a.Files = append(a.Files[:i], a.Files[i+1:]...)
					break
				}
			}
			a.Files = append(a.Files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// tokens are what the tests' inventory says.
func tokens() []policies.Token {
	return []policies.Token{
		{Name: "lb1.ams", Origin: "host lb1.ams of the inventory", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.131/32"), netip.MustParsePrefix("2001:db8:1:10::11/128")}},
		{Name: "nobody", Origin: "the inventory", HasAddresses: true},
		{
			Name: "service.text", Origin: "service text of the inventory", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/32")},
			Ports: []policies.Port{{Protocol: "tcp", Range: policies.Range{Lo: 443, Hi: 443}}},
		},
	}
}

// define makes the definitions of a case with the tests' tokens.
func define(files []policies.File) (*policies.Definitions, error) {
	d, err := policies.ParseDefinitions(files)
	if err != nil {
		return nil, err
	}
	return d.With(tokens())
}

// TestNaming runs testdata/naming/*.txtar: definitions, and in `ask` one name a line, `network X` or `service X`.
func TestNaming(t *testing.T) {
	cases(t, "naming", func(_ *testing.T, a *txtar.Archive) string {
		d, err := define(dataFiles(a, "definitions"))
		if err != nil {
			return err.Error() + "\n"
		}
		var b strings.Builder
		for line := range strings.Lines(fileOf(a, "ask")) {
			kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			var got any
			if kind == "network" {
				got, err = d.Network(name)
			} else {
				got, err = d.Service(name)
			}
			if err != nil {
				got = err
			}
			fmt.Fprintf(&b, "%s %s: %v\n", kind, name, got)
		}
		return b.String()
	})
}

// FuzzNaming reads any text as each kind of definitions. The property: no panic, and either errors that each name a
// line of the file, or names that all resolve.
func FuzzNaming(f *testing.F) {
	files, err := filepath.Glob("testdata/naming/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range a.Files {
			f.Add(filepath.Ext(x.Name), string(x.Data))
		}
	}
	f.Fuzz(func(t *testing.T, suffix, text string) {
		name := "definitions/x" + suffix
		d, err := define([]policies.File{{Name: name, Data: []byte(text)}})
		if err != nil {
			list, ok := errors.AsType[policies.DataErrors](err)
			if !ok || len(list) == 0 || d != nil {
				t.Fatalf("not a list of errors: %#v", err)
			}
			for _, e := range list {
				if e.File != name || e.Message == "" || e.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u0085")+strings.Count(text, "\u2028")+strings.Count(text, "\u2029")+1 {
					t.Fatalf("an error without its place: %#v", e)
				}
			}
			return
		}
		for word := range strings.FieldsSeq(text) {
			if d.HasNetwork(word) {
				list, err := d.Network(word)
				if err != nil {
					t.Fatalf("network %s: %v", word, err)
				}
				for i, p := range list {
					if p.Masked() != p || i > 0 && list[i-1].Contains(p.Addr()) {
						t.Fatalf("network %s: %v is not minimal", word, list)
					}
				}
			}
			if d.HasService(word) {
				if list, err := d.Service(word); err != nil {
					t.Fatalf("service %s: %v, %v", word, list, err)
				}
			}
		}
	})
}
