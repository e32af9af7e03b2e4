package templates

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"rhapsode/inventory"
)

// explained is Explain, held to what is true of every explanation: it has a line of a template for each line of the
// render, in order.
func explained(t *testing.T, r *Renderer, net *inventory.Network, dev *inventory.Device) []Line {
	t.Helper()
	plain, err := r.Render(net, dev)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Explain(net, dev)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(plain.Text, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d lines explained, %d rendered", len(lines), len(want))
	}
	for i, l := range lines {
		if l.Number != i+1 || l.Text != want[i] {
			t.Fatalf("line %d is %q, explained is %d %q", i+1, want[i], l.Number, l.Text)
		}
		if l.Template == "" || l.TemplateLine <= 0 || l.Path == "" {
			t.Errorf("line %d %q: template %q:%d, path %q", l.Number, l.Text, l.Template, l.TemplateLine, l.Path)
		}
		for _, v := range slices.Concat(l.Values, l.Because) {
			if len(v.Sources) == 0 || v.Sources[0].Line == 0 {
				t.Errorf("line %d: %s has no place", l.Number, v.Key)
			}
		}
	}
	return lines
}

var addressPattern = regexp.MustCompile(`[0-9a-f]*[.:][0-9a-f.:]+(/[0-9]+)?`)

// addresses are the addresses in a text, without their lengths.
func addresses(text string) []netip.Addr {
	var out []netip.Addr
	for _, w := range addressPattern.FindAllString(text, -1) {
		address, _, _ := strings.Cut(w, "/")
		if a, err := netip.ParseAddr(strings.TrimRight(address, ".:")); err == nil {
			out = append(out, a)
		}
	}
	return out
}

// TestExplain: every line of the example's configurations has its template, and every address in it that the inventory
// knows is traced to a line of a file in which that address stands.
func TestExplain(t *testing.T) {
	const dir = "../inventory/example"
	net, err := inventory.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	known := map[netip.Addr]bool{}
	files := map[string][]string{}
	for name, data := range tree(t, dir) {
		files[name] = strings.Split(string(data), "\n")
		if strings.HasPrefix(name, "definitions/") || strings.HasPrefix(name, "policies/") {
			continue // names are traced to the inventory, what these files say themselves is not
		}
		for _, l := range files[name] {
			l, _, _ = strings.Cut(l, "#")
			for _, a := range addresses(l) {
				known[a] = true
			}
		}
	}
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	traced := 0
	for _, dev := range net.Devices {
		for _, l := range explained(t, r, net, dev) {
			for _, a := range addresses(l.Text) {
				if strings.Contains(l.Text, "description") || !known[a] {
					continue
				}
				traced++
				stands := func(v Value) bool {
					at := v.Sources[len(v.Sources)-1]
					return slices.Contains(addresses(files[at.File][at.Line-1]), a)
				}
				if !slices.ContainsFunc(l.Values, stands) {
					t.Errorf("%s:%d %q: %s is in the inventory, but not traced to it: %v", dev.Name, l.Number, l.Text, a, l.Values)
				}
			}
		}
	}
	if traced < 200 {
		t.Errorf("only %d addresses were looked at", traced)
	}
}

// TestExplainLines are single lines, with everything that is said about them.
func TestExplainLines(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(fstest.MapFS{"junos/mine.tmpl": {Data: []byte("\n{{ define \"area\" }}{{ end }}")}})
	if err != nil {
		t.Fatal(err)
	}
	lines := explained(t, r, net, net.Devices[0])
	var b strings.Builder
	for _, path := range []string{
		"system host-name", "system login user grace uid", "system ntp server 203.0.113.140", "interfaces et-0/0/0 mtu",
		"interfaces et-0/0/2 vlan-tagging", "interfaces et-0/0/0 unit 0 family inet filter input", "protocols bgp group PyBal hold-time",
		"protocols bgp group PyBal neighbor 203.0.113.131 description", "protocols bgp group iBGP4 neighbor 192.0.2.3",
		"protocols bgp group transit4 neighbor 198.51.100.0 peer-as", "protocols ospf area 0.0.0.0",
		"policy-options prefix-list LVS-service-ips 203.0.113.32/27", "policy-options community AVOIDED_PATH members",
		"firewall family inet filter offload-ping4 term text-textlb then next-ip",
	} {
		i := slices.IndexFunc(lines, func(l Line) bool { return l.Path == path || strings.HasPrefix(l.Path, path+" ") })
		if i < 0 {
			t.Errorf("no line %s", path)
			continue
		}
		l := lines[i]
		fmt.Fprintf(&b, "%d: %s\n    %s:%d\n", l.Number, strings.TrimSpace(l.Text), l.Template, l.TemplateLine)
		for _, v := range l.Values {
			fmt.Fprintf(&b, "    value %s %s %v\n", v.Device.Name, v.Key, v.Sources)
		}
		for _, v := range l.Because {
			fmt.Fprintf(&b, "    because %s %s\n", v.Device.Name, v.Key)
		}
	}
	golden(t, "explain", b.String())
}

// TestExplainBreak: loops that are left early, variables and nested templates do not confuse what stands around a line.
func TestExplainBreak(t *testing.T) {
	net, err := inventory.Load("../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(fstest.MapFS{"junos/core.tmpl": {Data: []byte(`
{{- $last := "" }}
{{- range $i, $u := .Device.Users }}
{{- if eq $i 2 }}{{ break }}{{ end }}
{{- if eq $i 0 }}{{ continue }}{{ end }}
{{- $last = .Name }}
{{- template "login" . }}
{{- end }}
system { location { building {{ quote $last }}; floor 1; } }
{{- define "login" }}
system { login { user {{ .Name }} { uid {{ with .UID }}{{ . }}{{ else }}1{{ end }}; } } }
{{- end }}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range explained(t, r, net, net.Devices[0]) {
		switch got := fmt.Sprint(keysOf(l.Values), keysOf(l.Because)); {
		case strings.Contains(l.Text, "uid") && got != "[users.grace.uid] []",
			strings.Contains(l.Text, "building") && !strings.HasPrefix(got, "[users users.grace") && !strings.HasPrefix(got, "[users.grace"),
			strings.Contains(l.Text, "floor") && got != "[] []":
			t.Errorf("%s: %s", l.Text, got)
		}
	}
}

func keysOf(list []Value) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.Key)
	}
	return out
}

// tree reads the files of an inventory.
func tree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for _, pattern := range []string{"*.yaml", "*/*.yaml", "definitions/*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(dir, f)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.ToSlash(name)] = data
		}
	}
	return out
}
