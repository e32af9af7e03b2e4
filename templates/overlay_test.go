package templates

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
)

// TestNoOverlay: without a folder of the user's, and with an empty one, what comes out is the shipped render.
func TestNoOverlay(t *testing.T) {
	net, dev := small()
	want := sound(t, net, dev).Text
	for name, r := range map[string]func() (*Renderer, error){
		"nil":   func() (*Renderer, error) { return New(nil) },
		"empty": func() (*Renderer, error) { return New(fstest.MapFS{}) },
		"documentation only": func() (*Renderer, error) {
			return New(fstest.MapFS{"README.md": {}, "junos/notes.md": {}, "junos/.core.tmpl.swp": {}, ".git/config": {}})
		},
	} {
		renderer, err := r()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := renderer.Render(net, dev)
		if err != nil || got.Text != want {
			t.Errorf("%s: another render than the shipped one: %v", name, err)
		}
	}
}

// TestOverlay renders with a user's templates; each case says what it takes away from, and adds to, the shipped render.
func TestOverlay(t *testing.T) {
	for _, c := range []struct {
		name    string
		role    string
		overlay fstest.MapFS
		has     []string
		lacks   []string
	}{
		{
			"replaces a file", "core",
			fstest.MapFS{"junos/igp.tmpl": {Data: []byte("protocols { rstp { interface all; } }\n")}},
			[]string{"rstp", "group PyBal"},
			[]string{"area "},
		},
		{
			"an empty file takes one away", "core",
			fstest.MapFS{"junos/igp.tmpl": {}},
			[]string{"group PyBal"},
			[]string{"area "},
		},
		{"a new role that uses shipped ones", "edge", fstest.MapFS{
			"junos/edge.tmpl":   {Data: []byte(`{{ template "junos/system.tmpl" . }}{{ template "junos/banner.tmpl" . }}`)},
			"junos/banner.tmpl": {Data: []byte("system { login { message {{ quote .Device.FQDN }}; } }\n")},
		}, []string{"message cr1.lab.example.net", "user ada"}, []string{"bgp", "firewall"}},
		{"a block of a shipped file", "core", fstest.MapFS{"junos/blocks.tmpl": {Data: []byte(`{{ define "area" }}{{ end }}{{ define "transit" }}
  group mine { type external; neighbor 198.51.100.0 { peer-as 64496; } }
{{ end }}`)}}, []string{"group mine"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := New(c.overlay)
			if err != nil {
				t.Fatal(err)
			}
			net, dev := small()
			dev.Role = c.role
			got, err := r.Render(net, dev)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.has {
				if !strings.Contains(got.Text, w) {
					t.Errorf("%q is missing", w)
				}
			}
			for _, w := range c.lacks {
				if strings.Contains(got.Text, w) {
					t.Errorf("%q is there", w)
				}
			}
		})
	}
}

// TestOverlayMistakes runs testdata/overlay/*.txtar: a user's templates with a mistake, and what is said about it in full.
func TestOverlayMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/overlay/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			overlay := fstest.MapFS{}
			for _, f := range a.Files[:len(a.Files)-1] {
				overlay[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			want := &a.Files[len(a.Files)-1]
			if want.Name != "error" {
				t.Fatal("the last file of a case is its error")
			}
			r, err := New(overlay)
			if err == nil {
				net, dev := small()
				_, err = r.Render(net, dev)
			}
			if err == nil {
				t.Fatal("no error")
			}
			if got := err.Error() + "\n"; got != string(want.Data) {
				if !*update {
					t.Fatalf("\n got: %s\nwant: %s", got, want.Data)
				}
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
