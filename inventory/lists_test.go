package inventory

import (
	"fmt"
	"strings"
	"testing"
)

// What lists become over several layers, and which problems there are.
func TestListRules(t *testing.T) {
	for _, c := range []struct{ name, layers, want, problems string }{
		{"append", "a: [1, 2]\n---\na: !append [3]\n---\na: !append [4]", "{a: [1, 2, 3, 4]}", ""},
		{"replace by name", "a: [1, 2]\n---\na: !replace [3]", "{a: [3]}", ""},
		{"nothing to append to", "b: 1\n---\na: !append [3]", "{a: [3], b: 1}", ""},
		{"append to what was taken back", "a: [1]\n---\na: null\n---\na: !append [3]", "{a: [3]}", ""},
		{"replaced after all", "a: [1]\n---\na: !append [2]\n---\na: [3]", "{a: [3]}", ""},
		{"append what is there", "a: [1, 2]\n---\na: !append [3, 2]", "{a: [1, 2, 3]}", "1:2:16"},
		{"append nothing", "a: [1]\n---\na: !append []", "{a: [1]}", ""},
		{
			"by key", "a: [{n: x, v: 1, w: 1}, {n: y, v: 2}]\n---\na: !by:n [{n: y, v: 3}, {n: z}]\n---\na: !by:n [{n: x, w: null}]",
			"{a: [{n: x, v: 1}, {n: y, v: 3}, {n: z}]}", "",
		},
		{"by key, no null to take", "a: [{n: x}]\n---\na: !by:n [{n: x, w: null}]", "{a: [{n: x}]}", "1:2:18"},
		{"by key, an item without", "a: [{v: 1}]\n---\na: !by:n [{n: x}]", "{a: [{v: 1}, {n: x}]}", ""},
		{"by key, numbers and text", "a: [{n: 1}]\n---\na: !by:n [{n: 1, v: 2}, {n: 2}]", "{a: [{n: 1, v: 2}, {n: 2}]}", ""},
		{"lists in items", "a: [{n: x, l: [1]}]\n---\na: !by:n [{n: x, l: !append [2]}]", "{a: [{l: [1, 2], n: x}]}", ""},
		{"in maps", "a: {b: [1]}\n---\na: {b: !append [2]}", "{a: {b: [1, 2]}}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var problems Problems
			var merged *node
			for i, text := range strings.Split(c.layers, "\n---\n") {
				n := parseYAML(fmt.Sprint(i), fmt.Sprint(i), []byte("\n"+text), true, &problems)
				if n == nil {
					t.Fatal(problems)
				}
				merged = overlay(merged, n, &problems)
			}
			equal(t, "the result", merged.flow(), c.want)
			var at []string
			for _, p := range problems {
				at = append(at, fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column))
			}
			equal(t, "problems", strings.Join(at, " "), c.problems)
		})
	}
}

// Every element knows its own file and line, and the chain of the list names every layer with its rule.
func TestListProvenance(t *testing.T) {
	tree := exampleTree(t)
	appendFile(tree, "roles/core.yaml", "syslog_hosts: !append [192.0.2.250]\nstatic_routes:\n  - {prefix: 198.51.100.128/25, next_hop: 203.0.113.131}\n  - {prefix: 198.51.100.64/26}\n")
	appendFile(tree, "devices/cr1.ams.yaml", "syslog_hosts: !append\n  - 192.0.2.251\nstatic_routes: !by:prefix\n  - prefix: 198.51.100.64/26\n    next_hop: 203.0.113.132\n")
	net := loadTree(t, tree)
	d := device(t, net, "cr1.ams")
	equal(t, "syslog hosts", fmt.Sprint(d.SyslogHosts), "[203.0.113.141 203.0.113.173 192.0.2.250 192.0.2.251]")
	equal(t, "static routes", fmt.Sprint(d.StaticRoutes), "[{198.51.100.128/25 203.0.113.131} {198.51.100.64/26 203.0.113.132}]")
	equal(t, "those of cr2", fmt.Sprint(device(t, net, "cr2.ams").StaticRoutes[1].NextHop.IsValid()), "false")
	for key, want := range map[string]string{
		"syslog_hosts": `common.yaml:63: [203.0.113.141, 203.0.113.173] (common)
roles/core.yaml:16: !append [192.0.2.250] (role core)
devices/cr1.ams.yaml:46: !append [192.0.2.251] (device cr1.ams)`,
		"syslog_hosts.0":           `common.yaml:63: 203.0.113.141 (common)`,
		"syslog_hosts.2":           `roles/core.yaml:16: 192.0.2.250 (role core)`,
		"syslog_hosts.3":           `devices/cr1.ams.yaml:47: 192.0.2.251 (device cr1.ams)`,
		"static_routes.1.next_hop": `devices/cr1.ams.yaml:50: 203.0.113.132 (device cr1.ams)`,
		"static_routes.1.prefix": `roles/core.yaml:19: 198.51.100.64/26 (role core)
devices/cr1.ams.yaml:49: 198.51.100.64/26 (device cr1.ams)`,
		"static_routes.0.next_hop": `roles/core.yaml:18: 203.0.113.131 (role core)`,
	} {
		equal(t, key, chain(t, net, key, d), want)
	}
}

// chain is what Where says, a line each.
func chain(t *testing.T, net *Network, key string, d *Device) string {
	t.Helper()
	sources, err := net.Where(key, d)
	if err != nil {
		t.Error(err)
	}
	var lines []string
	for _, s := range sources {
		lines = append(lines, s.String())
	}
	return strings.Join(lines, "\n")
}

// FuzzListRules merges two layers by any rule: nothing of the upper list is lost, order is kept, items are not doubled.
func FuzzListRules(f *testing.F) {
	f.Add("[1, 2]", "!append", "[3]")
	f.Add("[{k: 1, v: 1}]", "!by:k", "[{k: 1, v: 2}, {k: 2}]")
	f.Add("[[1], {a: b}]", "!replace", "[x]")
	f.Fuzz(func(t *testing.T, below, tag, above string) {
		var problems Problems
		a := parseYAML("a", "a", []byte("l: "+below), true, &problems)
		b := parseYAML("b", "b", []byte("l: "+tag+" "+above), true, &problems)
		if a == nil || b == nil || len(problems) > 0 {
			return
		}
		base, over := a.sub["l"], b.sub["l"]
		if base == nil || over == nil || base.shape != list || over.shape != list {
			return
		}
		merged := overlay(a, b, &problems).sub["l"]
		want := len(over.items)
		if over.rule.joins() {
			want += len(base.items)
		}
		if n := len(merged.items); n > want || over.rule.joins() && n < len(base.items) {
			t.Fatalf("%d items of %d and %d by %q", n, len(base.items), len(over.items), over.rule.tag)
		}
		seen := map[string]bool{}
		for _, e := range merged.items {
			seen[e.identity(over.rule.key)] = true
		}
		for _, e := range over.items {
			if !seen[e.identity(over.rule.key)] {
				t.Errorf("%s is lost in %s", e.flow(), merged.flow())
			}
		}
	})
}
