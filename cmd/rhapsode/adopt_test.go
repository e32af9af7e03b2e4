package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// justified says which differences between a render and the render of what was adopted from it there may be, and why.
var justified = []struct{ what, why string }{
	{`^firewall family inet6? filter (border|transport)-in[46] term (no-)?offload-ping[46]( |$)`, "which services are offloaded, services.yaml says"},
	{`^policy-options prefix-list no-offload-ping[46]( |$)`, "the same"},
}

// TestAdoptRoundTrip: the example network, adopted router by router from its rendered configurations into an empty tree,
// renders the same again, but for what no configuration tells.
func TestAdoptRoundTrip(t *testing.T) {
	example, err := inventory.Load("../../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	originals, err := renderAll(example, example.Devices, templates.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	adopted := make([]*templates.Adopted, len(originals))
	running := make([]*junos.Tree, len(originals))
	for i := range originals {
		running[i] = junos.New(nil)
		if _, err := running[i].Load("running", []byte(originals[i].Text), junos.Override); err != nil {
			t.Fatal(err)
		}
		adopted[i] = adoptInto(t, dir, running[i], templates.AdoptOptions{Role: example.Devices[i].Role, Type: example.Devices[i].Type})
	}
	net, err := inventory.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := renderAll(net, net.Devices, templates.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(originals) {
		t.Fatalf("%d devices of %d", len(again), len(originals))
	}
	for i, d := range net.Devices {
		after := running[i].Clone()
		if _, err := after.Load("rendered", []byte(again[i].Text), junos.Replace); err != nil {
			t.Fatal(err)
		}
		was, now := commandsOf(running[i]), commandsOf(after)
		for _, pair := range []struct {
			a, b map[string]bool
			what string
		}{{was, now, "lost"}, {now, was, "new"}} {
			for line := range pair.a {
				if !pair.b[line] && !isJustified(strings.TrimPrefix(line, "set ")) {
					t.Errorf("%s: %s: %s", d.Name, pair.what, line)
				}
			}
		}
		second, err := templates.Adopt(again[i].Tree, templates.AdoptOptions{Role: d.Role, Type: d.Type})
		if err != nil {
			t.Fatal(err)
		}
		second.Notes, adopted[i].Notes = nil, nil
		if !reflect.DeepEqual(second, adopted[i]) {
			t.Errorf("%s: adopted again it is\n%+v\nit was\n%+v", d.Name, second, adopted[i])
		}
		if want := example.Devices[i]; d.Name != want.Name || d.Loopback4 != want.Loopback4 || len(d.Interfaces) != len(want.Interfaces) ||
			len(d.Transits) != len(want.Transits) || len(d.Users) != len(want.Users) {
			t.Errorf("%s is read as %+v", want.Name, d)
		}
	}
}

func isJustified(path string) bool {
	for _, j := range justified {
		if regexp.MustCompile(j.what).MatchString(path) {
			return true
		}
	}
	return false
}

// adoptInto writes the files of an adoption into a tree.
func adoptInto(t *testing.T, dir string, running *junos.Tree, o templates.AdoptOptions) *templates.Adopted {
	t.Helper()
	adopted, err := templates.Adopt(running, o)
	if err != nil {
		t.Fatal(err)
	}
	files, err := adoptFiles(dir, adopted)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeAdopted(dir, files); err != nil {
		t.Fatal(err)
	}
	// A second time there is nothing to do.
	if files, err = adoptFiles(dir, adopted); err != nil {
		t.Fatal(err)
	}
	if err := refuseExisting(files, false); err != nil {
		t.Errorf("adopting a second time: %v", err)
	}
	return adopted
}

// TestExtendFile: what a file has stays as it is, comments included; what it lacks is added and named.
func TestExtendFile(t *testing.T) {
	dir := t.TempDir()
	const before = "# ours\ndomain: example.net # said\nasn: 64500\nprefixes: [192.0.2.0/24]\nproviders: {one: {asn: 64496, prefix_limit: 5}}\n"
	if err := os.WriteFile(filepath.Join(dir, "common.yaml"), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	same := templates.AdoptedCommon{Domain: "other.example", ASN: 1, Providers: map[string]templates.AdoptedProvider{"one": {ASN: 2, PrefixLimit: 2}}}
	f, err := extendFile(dir, "common.yaml", same)
	if err != nil || f.changed || string(f.text) != before {
		t.Errorf("nothing is lacking: %+v, %v", f, err)
	}
	same.Providers["two"] = templates.AdoptedProvider{ASN: 64497, PrefixLimit: 7}
	f, err = extendFile(dir, "common.yaml", same)
	if err != nil || !f.changed || f.change != "providers.two would be added" || !strings.Contains(string(f.text), "# said") {
		t.Errorf("%+v, %v\n%s", f, err, f.text)
	}
	var got struct {
		Domain    string
		ASN       int
		Providers map[string]map[string]int
	}
	if err := yaml.Unmarshal(f.text, &got); err != nil || got.Domain != "example.net" || got.ASN != 64500 ||
		got.Providers["one"]["asn"] != 64496 || got.Providers["two"]["prefix_limit"] != 7 {
		t.Errorf("read again: %+v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "common.yaml"), []byte("a: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = extendFile(dir, "common.yaml", same); err == nil || !strings.Contains(err.Error(), "common.yaml") {
		t.Errorf("a broken file gives %v", err)
	}
}
