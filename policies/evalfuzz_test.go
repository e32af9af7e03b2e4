package policies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/policies"
)

// TestEvalShipped asks the shipped filters and policies what they are for.
func TestEvalShipped(t *testing.T) {
	tree := junos.New(nil)
	objects := shipped()
	for _, name := range []string{"offload", "lvs", "transit"} {
		for _, o := range objects[name] {
			load(t, tree, o)
		}
	}
	for _, o := range policies.PathCommunities(64500) {
		load(t, tree, o)
	}
	for name, list := range map[string]string{
		"own-space4": "203.0.113.0/24", "special-ranges4": "10.0.0.0/8", "transit-peers4": "192.0.2.1/32", "LVS-service-ips": "203.0.113.0/25",
		"own-space6": "2001:db8:1::/48", "special-ranges6": "fc00::/7", "transit-peers6": "2001:db8:ffff::1/128", "LVS-service-ips6": "2001:db8:1:ed1a::/64",
	} {
		load(t, tree, &policies.PrefixList{Name: name, Prefixes: prefixes(list)})
	}
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ filter, packet, want string }{
		{"border-in4", "icmp echo-request from 198.51.100.7 to 203.0.113.1", "accept, next-ip 192.0.2.133"},
		{"border-in4", "icmp echo-reply from 198.51.100.7 to 203.0.113.1", "accept"},
		{"border-in4", "icmp echo-request from 198.51.100.7 to 203.0.113.2", "accept"},
		{"border-in4", "icmp echo-request from 198.51.100.7 to 203.0.113.1 first-fragment", "discard"},
		{"border-in4", "icmp from 198.51.100.7 to 203.0.113.1 fragment-offset=185", "discard"},
		{"border-in4", "udp from 198.51.100.7 to 203.0.113.1 fragment-offset=185", "accept"},
		{"border-in4", "icmp echo-request from 203.0.113.77 to 203.0.113.1", "discard"},
		{"border-in4", "icmp echo-request from 10.0.0.7 to 203.0.113.1", "discard"},
		{"border-in4", "tcp 192.0.2.1:179 > 192.0.2.2:40000 syn", "accept"},
		{"transport-in4", "icmp echo-request from 203.0.113.77 to 203.0.113.1", "accept"},
		{"transport-in4", "icmp echo-request from 198.51.100.7 to 203.0.113.1", "accept, next-ip 192.0.2.133"},
		{"border-in6", "icmp6 echo-request from 2001:db8:2::7 to 2001:db8:1:ed1a::53 ttl=60", "accept, next-ip 2001:db8:1:10::21"},
		{"border-in6", "icmp6 packet-too-big from 2001:db8:2::7 to 2001:db8:1:ed1a::53 ttl=60", "accept"},
		{"border-in6", "icmp6 neighbor-solicit from 2001:db8:2::7 to 2001:db8:1:ed1a::53 ttl=255", "accept"},
		{"border-in6", "icmp6 neighbor-solicit from 2001:db8:1::7 to 2001:db8:1:ed1a::53 ttl=255", "accept"},
		{"border-in6", "icmp6 echo-request from 2001:db8:1::7 to 2001:db8:1:ed1a::53 ttl=60", "discard"},
		{"border-in6", "icmp6 from 2001:db8:2::7 to 2001:db8:1:ed1a::53 ttl=60 fragment-offset=185", "discard"},
	} {
		p, err := policies.ParsePacket(c.packet)
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Filter(p.Family(), c.filter, p)
		if err != nil || r.String() != c.want {
			t.Errorf("%s: %s: %s %v, want %s", c.filter, c.packet, r.String(), err, c.want)
		}
	}
	for _, c := range []struct{ policy, route, want string }{
		{"LVS_import", "203.0.113.1/32 protocol bgp med 0", "accept"},
		{"LVS_import", "203.0.113.1/32 protocol bgp", "accept"},
		{"LVS_import", "203.0.113.1/32 protocol bgp med 100", "accept [local-preference none -> 70 community +64500:1]"},
		{"LVS_import", "203.0.113.1/32 protocol bgp med 200", "accept [local-preference none -> 50 community +64500:0]"},
		{"LVS_import", "203.0.113.1/32 protocol bgp med 0 community 64500:11", "accept [local-preference none -> 350]"},
		{"LVS_import", "203.0.113.1/32 protocol bgp med 100 community 64500:11", "accept [local-preference none -> 350 community +64500:1]"},
		{"LVS_import", "203.0.113.0/25 protocol bgp", "reject"},
		{"LVS_import", "198.51.100.1/32 protocol bgp", "reject"},
		{"LVS_import", "2001:db8:1:ed1a::53/128 protocol bgp med 100", "accept [local-preference none -> 70 community +64500:1]"},
		{"transit_import", "203.0.113.0/26 protocol bgp", "reject"},
		{"transit_import", "0.0.0.0/0 protocol bgp", "reject"},
		{"transit_import", "198.51.100.0/24 protocol bgp", "accept"},
		{"transit_import", "198.51.100.0/25 protocol bgp", "reject"},
	} {
		r, err := policies.ParseRoute(c.route)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Policy([]string{c.policy}, *r, policies.PolicyContext{Protocol: "bgp", Direction: "import"})
		text := got.String()
		if len(got.Changes) > 0 {
			text += " " + fmt.Sprint(got.Changes)
		}
		if err != nil || text != c.want {
			t.Errorf("%s: %s: %s %v, want %s", c.policy, c.route, text, err, c.want)
		}
	}
}

func evalSeeds(f *testing.F, add func(name, data string)) {
	f.Helper()
	for _, pattern := range []string{"testdata/eval/*.txtar", "testdata/read/*.txtar", "testdata/check/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, x := range txtar.Parse(data).Files {
				add(x.Name, string(x.Data))
			}
		}
	}
}

// FuzzEvaluator asks every filter and policy of any text. The properties: no panic, exactly one of a verdict and a reason,
// and where the types know all of it, ToConfig of FromConfig means the same.
func FuzzEvaluator(f *testing.F) {
	evalSeeds(f, func(name, data string) {
		if name == "config" {
			f.Add(data)
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := junos.Parse("", []byte(text), nil)
		if err != nil {
			return
		}
		e, err := policies.NewEvaluator(tree)
		if err != nil {
			return
		}
		again := readAndWritten(t, tree, text)
		c := newChance(1)
		for _, family := range []policies.Family{policies.Inet, policies.Inet6} {
			for _, name := range e.Filters(family) {
				p := c.packet(family)
				r, err := e.TraceFilter(family, []string{name}, p)
				if err != nil || (r.Verdict == policies.NoVerdict) != (r.Unknown != "") {
					t.Fatalf("filter %s: %s %v", name, r.String(), err)
				}
				if again == nil {
					continue
				}
				if o, err := again.Filter(family, name, p); err != nil || o.String() != r.String() || !slices.Equal(o.Counts, r.Counts) {
					t.Fatalf("filter %s: %s: %s, read back %s %v", name, p, r.String(), o.String(), err)
				}
			}
		}
		for _, name := range e.Policies() {
			route := c.route()
			context := policies.PolicyContext{Protocol: "bgp", Direction: "import"}
			r, err := e.TracePolicy([]string{name}, route, context)
			if err != nil || (r.Verdict == policies.NoVerdict) != (r.Unknown != "") {
				t.Fatalf("policy %s: %s %v", name, r.String(), err)
			}
			if again == nil {
				continue
			}
			if o, err := again.Policy([]string{name}, route, context); err != nil || policyAnswer(&o) != policyAnswer(&r) {
				t.Fatalf("policy %s: %s: %s, read back %s %v", name, &route, policyAnswer(&r), policyAnswer(&o), err)
			}
		}
	})
}

// readAndWritten is the evaluator of what FromConfig reads; nil where the types don't know all of it, or where it depends on
// what they don't hold (groups, prefixes from elsewhere).
func readAndWritten(t *testing.T, tree *junos.Tree, text string) *policies.Evaluator {
	for _, word := range []string{"groups", "apply-path", "as-path-group"} {
		if strings.Contains(text, word) {
			return nil
		}
	}
	s, err := policies.FromConfig(tree)
	if err != nil {
		return nil
	}
	again, err := rebuild(t, s)
	if err != nil {
		return nil
	}
	e, err := policies.NewEvaluator(again)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// FuzzParsePacket: what is read is written in words that read the same.
func FuzzParsePacket(f *testing.F) {
	evalSeeds(f, func(name, data string) {
		for line := range strings.Lines(data) {
			if _, subject, ok := strings.Cut(line, "|"); ok && name == "ask" {
				f.Add(strings.TrimSpace(subject))
			}
		}
	})
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := policies.ParsePacket(text); err == nil {
			again, err := policies.ParsePacket(p.String())
			if err != nil || again.String() != p.String() {
				t.Fatalf("%q reads as %q, and that as %v %v", text, p, again, err)
			}
		}
		if r, err := policies.ParseRoute(text); err == nil {
			again, err := policies.ParseRoute(r.String())
			if err != nil || again.String() != r.String() {
				t.Fatalf("%q reads as %q, and that as %v %v", text, r, again, err)
			}
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	e := evaluator(b, shippedText(b, "offload"))
	p, err := policies.ParsePacket("tcp 198.51.100.7:40000 > 203.0.113.1:443 syn ack ttl=60")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Filter(policies.Inet, "border-in4", p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPolicy(b *testing.B) {
	e := evaluator(b, shippedText(b, "lvs"))
	r, err := policies.ParseRoute("203.0.113.1/32 protocol bgp as-path 64510 med 100")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Policy([]string{policies.ServiceIn}, *r, policies.PolicyContext{Protocol: "bgp", Direction: "import"}); err != nil {
			b.Fatal(err)
		}
	}
}

// shippedText is a golden file of shipped objects with the lists that they use.
func shippedText(b *testing.B, name string) string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "shipped", name+".txtar"))
	if err != nil {
		b.Fatal(err)
	}
	return string(txtar.Parse(data).Files[0].Data) + `
policy-options {
    prefix-list own-space4 { 203.0.113.0/24; }
    prefix-list special-ranges4 { 0.0.0.0/8; 10.0.0.0/8; 100.64.0.0/10; 127.0.0.0/8; 169.254.0.0/16; 172.16.0.0/12; 192.168.0.0/16; 224.0.0.0/3; }
    prefix-list transit-peers4 { 192.0.2.1/32; 192.0.2.5/32; }
    prefix-list LVS-service-ips { 203.0.113.0/25; }
    prefix-list LVS-service-ips6 { 2001:db8:1:ed1a::/64; }
    community AVOIDED_PATH members 64500:0;
    community BACKUP_PATH members 64500:1;
    community SELECTED_PATH members 64500:11;
}`
}
