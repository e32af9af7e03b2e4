package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/templates"
)

func TestParseUntil(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 500, time.FixedZone("", 3600))
	for _, c := range []struct{ text, want string }{
		{"4h", "2026-03-01T15:00:00Z"},
		{"90m", "2026-03-01T12:30:00Z"},
		{"2026-03-09", "2026-03-09T00:00:00Z"},
		{"2026-03-09T14:00:00+02:00", "2026-03-09T12:00:00Z"},
		{"8784h", "2027-03-02T11:00:00Z"},
		{"0s", ""},
		{"-1h", ""},
		{"2026-03-01", ""},
		{"2026-03-01T11:00:00Z", ""},
		{"1ns", ""},
		{"8785h", ""},
		{"2027-03-03", ""},
		{"4", ""},
		{"soon", ""},
		{"2026-3-9", ""},
		{"2026-03-09 14:00", ""},
	} {
		got, err := parseUntil(c.text, now)
		switch {
		case c.want == "":
			if err == nil || cli.CodeOf(err) != cli.Usage || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s gives %v, %v; want an error of usage that names it", c.text, got, err)
			}
		case err != nil || got.Format(time.RFC3339) != c.want:
			t.Errorf("%s gives %v, %v; want %s", c.text, got, err, c.want)
		}
	}
}

func TestSplitMessage(t *testing.T) {
	for message, want := range map[string][2]string{
		"T1 why":              {"T1", "why"},
		"  T1   why so  ":     {"T1", "why so"},
		"T1":                  {"T1", ""},
		`T1 the "new" ping1`:  {"T1", "the 'new' ping1"},
		"T1 why\tand how":     {"T1", "why\tand how"},
		"#12 ping1.ams: disk": {"#12", "ping1.ams: disk"},
	} {
		if task, reason := splitMessage(message); [2]string{task, reason} != want {
			t.Errorf("%q gives %q and %q, want %q", message, task, reason, want)
		}
	}
}

// exampleOverrides prepares the overrides of ams in a copy of the example network, after changing it.
func exampleOverrides(t *testing.T, change func(dir string)) (string, []inventory.NewOverride, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "inventory", "example"))); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(dir)
	}
	net, err := inventory.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	list, err := offloadOverrides(net, net.Sites[0], "T1 why", now, now.Add(time.Hour))
	return dir, list, err
}

// Routers whose renders have other terms get an override each: one for all would name a statement that one of them
// does not have, and nothing would render any more.
func TestOffloadOverridesApart(t *testing.T) {
	dir, list, err := exampleOverrides(t, func(dir string) {
		own := filepath.Join(dir, "templates", "junos")
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		text := `{{ if eq .Device.Name "cr2.ams" }}firewall { family inet { filter border-in4 { term offload-ping4 { then accept; } } } }
{{ else }}{{ template "junos/core.tmpl" . }}{{ end }}`
		if err := os.WriteFile(filepath.Join(own, "edge.tmpl"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		role, err := os.ReadFile(filepath.Join(dir, "roles", "core.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "roles", "edge.yaml"), role, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"cr1.ams.yaml", "cr2.ams.yaml"} {
			name = filepath.Join(dir, "devices", name)
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, bytes.Replace(data, []byte("role: core"), []byte("role: edge"), 1), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Query != "cr1.ams" || len(list[1].Paths) != 1 || list[1].File() != "overrides/T1-ams-ping-offload-cr2-ams.yaml" {
		t.Fatalf("prepared %+v", list)
	}
	var out, note bytes.Buffer
	a := &app{getenv: func(string) string { return "" }, streams: &cli.Streams{Out: &out, Err: &note}}
	if err := a.writeOverrides(dir, list); err != nil {
		t.Fatal(err)
	}
	net, err := inventory.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renderAll(net, net.Sites[0].Devices, templates.StandIn); err != nil {
		t.Errorf("what was written does not render: %v", err)
	}
	if out.Len() > 0 || strings.Count(note.String(), "wrote ") != 2 {
		t.Errorf("it says %q and notes %q", out.String(), note.String())
	}
	if err := a.removeOverrides(dir, net.Sites[0].Devices, offloadTerms()); err != nil {
		t.Fatal(err)
	}
	if strings.Count(note.String(), "removed ") != 2 || strings.Contains(note.String(), "warning") {
		t.Errorf("it notes %q", note.String())
	}
}

// After the commit a failure must say that the routers are changed: the person has something to mend, not to repeat.
func TestOverridesAfterCommit(t *testing.T) {
	dir, list, err := exampleOverrides(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	var note bytes.Buffer
	a := &app{getenv: func(string) string { return "" }, streams: &cli.Streams{Out: &note, Err: &note}}
	if err := os.RemoveAll(filepath.Join(dir, "overrides")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overrides"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"write":  a.writeOverrides(dir, list),
		"remove": a.removeOverrides(dir, nil, offloadTerms()),
	} {
		if err == nil || cli.CodeOf(err) != cli.Failed || !strings.Contains(err.Error(), "the routers ARE changed") {
			t.Errorf("%s gives %v with code %d", what, err, cli.CodeOf(err))
		}
	}
	if note.Len() > 0 {
		t.Errorf("it notes %q", note.String())
	}
}
