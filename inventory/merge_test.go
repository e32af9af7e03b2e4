package inventory

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhere(t *testing.T) {
	tree := exampleTree(t)
	tree["roles/core.yaml"].Data = append(tree["roles/core.yaml"].Data, "lvs: {hold_time: 60s}\nname_servers: [192.0.2.250]\n"...)
	tree["devices/cr1.ams.yaml"].Data = append(tree["devices/cr1.ams.yaml"].Data, "lvs:\n  hold_time: 90s\nsyslog_hosts: null\n"...)
	net := loadTree(t, tree)
	for _, c := range []struct{ key, device, want string }{
		{"lvs.hold_time", "cr1.ams", `common.yaml:36: 30s (common)
roles/core.yaml:16: 60s (role core)
devices/cr1.ams.yaml:47: 90s (device cr1.ams)`},
		{"lvs.hold_time", "cr2.ams", `common.yaml:36: 30s (common)
roles/core.yaml:16: 60s (role core)`},
		{"name_servers", "cr1.fra", `roles/core.yaml:17: [192.0.2.250] (role core)
sites/fra.yaml:49: [203.0.113.172, 2001:db8:2:10::53] (site fra)`},
		{"name_servers.1", "cr1.fra", `sites/fra.yaml:49: 2001:db8:2:10::53 (site fra)`},
		{"syslog_hosts", "cr1.ams", `common.yaml:63: [203.0.113.141, 203.0.113.173] (common)
devices/cr1.ams.yaml:48: null (device cr1.ams)`},
		{"interfaces.et-0/0/0.mtu", "cr1.ams", `roles/core.yaml:14: 9192 (role core)`},
		{"interfaces.et-0/0/2.units.10.vlan", "cr1.ams", `devices/cr1.ams.yaml:40: 10 (device cr1.ams)`},
		{"transits.198.51.100.0.provider", "cr1.ams", `devices/cr1.ams.yaml:44: northwind (device cr1.ams)`},
		{"ping_offload.redirect4", "cr1.ams", `sites/ams.yaml:40: ping1 (site ams)`},
		{"services.dns.ip.ams.default", "cr1.ams", `services.yaml:65: 203.0.113.10 (services)`},
		{"services.text-http.ip.ams.textlb", "cr1.ams", `services.yaml:14: 203.0.113.1 (services)`}, // where the anchor is
	} {
		chain, err := net.Where(c.key, device(t, net, c.device))
		if err != nil {
			t.Errorf("%s of %s: %v", c.key, c.device, err)
			continue
		}
		var got []string
		for _, s := range chain {
			got = append(got, s.String())
		}
		if strings.Join(got, "\n") != c.want {
			t.Errorf("%s of %s comes from\n%s\nwant\n%s", c.key, c.device, strings.Join(got, "\n"), c.want)
		}
	}
	// what was taken back has no effect
	equal(t, "syslog hosts of cr1.ams", len(device(t, net, "cr1.ams").SyslogHosts), 0)
	equal(t, "syslog hosts of cr2.ams", len(device(t, net, "cr2.ams").SyslogHosts), 2)
	equal(t, "hold time", device(t, net, "cr1.ams").LVS.HoldTimeSeconds, 90)
	values, err := net.Values(device(t, net, "cr1.ams"))
	if err != nil || strings.Contains(values, "syslog_hosts") || !strings.Contains(values, "  hold_time: 90s\n") {
		t.Errorf("Values gives %v\n%s", err, values)
	}
}

func TestWhereNothing(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	d := device(t, net, "cr1.ams")
	for key, want := range map[string]string{
		"lvs.holdtime":   "look up lvs.holdtime of cr1.ams: nothing sets holdtime in lvs (did you mean hold_time? there is hold_time, peer_asn, prefix_limit, teardown_percent)",
		"ntp_servers.2":  "look up ntp_servers.2 of cr1.ams: nothing sets 2 in ntp_servers (it is a list of 2, counted from 0)",
		"asn.x":          "look up asn.x of cr1.ams: nothing sets x in asn (nothing lies below it)",
		"services.txt.x": "look up services.txt.x of cr1.ams: nothing sets txt.x in services (did you mean text? there is api, dns, text, text-http, thumbs, upload)",
	} {
		chain, err := net.Where(key, d)
		if err == nil || err.Error() != want {
			t.Errorf("%s gives %v, %v\nwant %s", key, chain, err, want)
		}
	}
	if _, err := net.Where("", d); err == nil || !strings.HasPrefix(err.Error(), "look up  of cr1.ams: nothing sets  at the top (there is asn, ") {
		t.Errorf("no key gives %v", err)
	}
	for _, err := range []error{second(net.Where("asn", &Device{Name: "x"})), second(net.Values(&Device{Name: "x"}))} {
		if err == nil || err.Error() != "look up device x: it was not read from this inventory" {
			t.Errorf("a foreign device gives %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Values can be read again and say the same.
func TestValuesRoundTrip(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	for _, d := range net.Devices {
		text, err := net.Values(d)
		if err != nil {
			t.Fatal(err)
		}
		var problems Problems
		again := parseYAML("values", "values", []byte(text), true, &problems)
		if len(problems) > 0 {
			t.Fatalf("%s: %v\n%s", d.Name, problems, text)
		}
		if got, want := again.flow(), net.values[d].flow(); got != want {
			t.Errorf("%s reads again as\n%s\nwant\n%s", d.Name, got, want)
		}
	}
}

// Lists replace, maps merge at every depth, a later layer may set again what one before it took back.
func TestOverlay(t *testing.T) {
	for _, c := range []struct{ name, layers, want, problems string }{
		{"maps merge", "a: {x: 1, y: {p: 1}}\n---\na: {y: {q: 2}, z: 3}", "{a: {x: 1, y: {p: 1, q: 2}, z: 3}}", ""},
		{"lists replace", "a: [1, 2, 3]\n---\na: [4]", "{a: [4]}", ""},
		{"an empty list replaces too", "a: [1]\n---\na: []", "{a: []}", ""},
		{"null takes back", "a: {x: 1, y: 2}\n---\na: {x: null}", "{a: {y: 2}}", ""},
		{"a whole map", "a: {x: 1}\n---\na: ~", "{}", ""},
		{"set again", "a: {x: 1, y: 2}\n---\na: null\n---\na: {z: 3}", "{a: {z: 3}}", ""},
		{"nothing to take back", "a: 1\n---\nb:", "{a: 1}", "1:2:1"},
		{"nothing to take back, deeper", "a: {x: 1}\n---\na: {y: {z: null}}", "{a: {x: 1, y: {}}}", "1:2:9"},
		{"taken back twice", "a: 1\n---\na: null\n---\na: null", "{}", "2:2:1"},
		{"text stays text", "a: no\n---\nb: 010\nc: 12:30\nd: 1_000\ne: 0x10\nf: 2026-03-01\ng: yes\nh: .5\ni: -.5\nj: True", "{a: no, b: 010, c: 12:30, d: 1_000, e: 0x10, f: 2026-03-01, g: yes, h: 0.5, i: -0.5, j: True}", ""},
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

// Merge keys: a mapping's own keys first, then those of the first map that has them.
func TestMergeKeys(t *testing.T) {
	var problems Problems
	n := parseYAML("f", "f", []byte("a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc: {<<: [*a, *b], y: 3}\nd: {<<: *b}\n"), true, &problems)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	equal(t, "c", n.sub["c"].flow(), "{x: 1, y: 3, z: 2}")
	equal(t, "d", n.sub["d"].flow(), "{x: 2, z: 2}")
	if parseYAML("f", "f", []byte("a: {<<: [1]}"), true, &problems) != nil || len(problems) != 1 {
		t.Errorf("`<<` of a number gives %v", problems)
	}
}

func TestNatural(t *testing.T) {
	sorted := []string{"ae2", "ae10", "et-0/0/1", "et-0/0/2", "et-0/0/10", "et-0/1/0", "lb01", "lb1", "lb1a", "lb2"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := natural(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("natural(%s, %s) = %d", a, b, got)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"ams", "fra", "status", "service_prefixes", "lb1"}
	for word, want := range map[string]string{
		"asm": "ams", "AMS": "ams", "satus": "status", "staus": "status", "stauts": "status", "service_prefix": "service_prefixes",
		"xyz": "", "lb9": "lb1", "l": "", "": "", "frankfurt": "",
	} {
		equal(t, "nearest "+word, nearest(word, names), want)
	}
}

// FuzzParseYAML: whatever the bytes, there is a node or a problem, and what was read can be written and read again.
func FuzzParseYAML(f *testing.F) {
	for _, file := range exampleTree(f) {
		f.Add(file.Data)
	}
	f.Add([]byte("a: &a {b: 1}\nc: {<<: *a, d: [*a, ~]}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var problems Problems
		n := parseYAML("f", "f", data, true, &problems)
		if (n == nil) != (len(problems) > 0) {
			t.Fatalf("a node %v and problems %v", n, problems)
		}
		if n == nil {
			return
		}
		net := &Network{values: map[*Device]*node{}}
		d := &Device{}
		net.values[d] = n
		text, err := net.Values(d)
		if err != nil {
			t.Fatal(err)
		}
		again := parseYAML("f", "f", []byte(text), true, &problems)
		if again == nil || again.flow() != n.flow() {
			t.Errorf("reads again with %v\n%s", problems, text)
		}
	})
}
