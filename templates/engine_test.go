package templates

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// TestMistakes runs testdata/mistakes/*.txtar: templates with a mistake, and what is said about it in full.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/mistakes/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			fsys := fstest.MapFS{}
			for _, f := range a.Files {
				fsys[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			err = renderFrom(fsys)
			if err == nil {
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("a %T, not an *Error", err)
			}
			want := a.Files[len(a.Files)-1]
			if want.Name != "error" {
				t.Fatal("the last file of a case is its error")
			}
			if got := err.Error() + "\n"; got != string(want.Data) {
				if !*update {
					t.Fatalf("\n got: %s\nwant: %s", got, want.Data)
				}
				a.Files[len(a.Files)-1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func renderFrom(fsys fstest.MapFS) error {
	e, err := newEngine(fsys, nil)
	if err != nil {
		return err
	}
	net, dev := small()
	dev.Site.PingOffload = nil
	_, err = e.render(net, dev, nil)
	return err
}

// TestOrigin holds that each rendered line knows the template line that wrote it.
func TestOrigin(t *testing.T) {
	e, err := newEngine(fstest.MapFS{
		"junos/core.tmpl": {Data: []byte("a;\n{{ template \"junos/b.tmpl\" . }}\nz;\n")},
		"junos/b.tmpl":    {Data: []byte("{{- /* nothing */ -}}\nb {\n{{- range (list 1 2) }}\n  c {{ . }};\n{{- end }}\n  {{ filter \"transport-in4\" }}\n}\n")},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	net, dev := small()
	p, err := newPage(net, dev, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := e.execute("junos/core.tmpl", p)
	if err != nil {
		t.Fatal(err)
	}
	text, origin := strip(raw, e.places)
	if strings.ContainsAny(text, string(markStart)+string(markEnd)) {
		t.Error("a mark is left")
	}
	want := map[string]place{
		"a;": {"junos/core.tmpl", 1}, "b {": {"junos/b.tmpl", 2}, "  c 1;": {"junos/b.tmpl", 4}, "  c 2;": {"junos/b.tmpl", 4},
		"    term default {": {"junos/b.tmpl", 6}, "z;": {"junos/core.tmpl", 3},
	}
	for i, l := range strings.Split(text, "\n") {
		if w, ok := want[l]; ok {
			if origin[i] != w {
				t.Errorf("line %q: from %v, want %v", l, origin[i], w)
			}
			delete(want, l)
		}
	}
	if len(want) > 0 {
		t.Errorf("not rendered: %v in\n%s", want, text)
	}
}

// TestFunctions holds the allow-list: all names exist, none reads the world, and what the templates use is there.
func TestFunctions(t *testing.T) {
	all := functions(nil, nil)
	for _, name := range fromSprig {
		if all[name] == nil {
			t.Errorf("sprig has no function %s", name)
		}
	}
	for _, name := range []string{
		"env", "expandenv", "getHostByName", "now", "date", "ago", "unixEpoch", "uuidv4", "randAlpha", "randInt", "randBytes", "shuffle",
		"genPrivateKey", "genSelfSignedCert", "derivePassword", "encryptAES", "bcrypt", "htpasswd", "osBase", "keys", "values", "get", "dig",
	} {
		if all[name] != nil {
			t.Errorf("%s is allowed", name)
		}
	}
	if !slices.IsSorted(fromSprig) {
		t.Error("the list is not sorted")
	}
}

func TestBraces(t *testing.T) {
	for line, want := range map[string]int{
		"a {": 1, "} }": -2, `description "{ \" {";`: 0, "a { # {": 1, `"\\" }`: -1,
	} {
		if got := braces(line); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}
