package forward_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

func read(t testing.TB, text string) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return tree
}

// asIs gives each unit a device of its own name.
func asIs(unit string) string { return strings.ReplaceAll(unit, "/", "_") }

// example is the configuration of a router of the example inventory, as it is rendered.
func example(t testing.TB) *junos.Tree {
	t.Helper()
	archive, err := txtar.ParseFile("../../../templates/testdata/cr1.fra.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if strings.Contains(string(f.Data), "filter border-in4") {
			tree, err := junos.ParseChange("", f.Data, nil)
			if err != nil {
				t.Fatal(err)
			}
			tree.Untag()
			return tree
		}
	}
	t.Fatal("the example has no filter border-in4 any more")
	return nil
}

const oneFilter = "interfaces { ge-0/0/0 { unit 0 { family inet { filter { input F; } } family inet6 { filter { input F; } } } } }\n"

// TestRefused is what a commit is refused for, each with the statement that is to blame.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ name, config, want string }{
		{
			"an option that the kernel does not find", "firewall { family inet { filter F { term a { from { ip-options timestamp; } then accept; } } } }",
			"[edit firewall family inet filter F term a from] 'ip-options timestamp' this router finds only",
		},
		{
			"a source route, which the kernel finds only before the first hop",
			"firewall { family inet { filter F { term a { from { ip-options loose-source-route; } then discard; } } } }",
			"'ip-options loose-source-route' this router finds only",
		},
		{
			"a condition that nobody knows", "firewall { family inet { filter F { term a { from { precedence 3; } then accept; } } } }",
			"[edit firewall family inet filter F term a from] 'precedence 3' not known in a filter",
		},
		{
			"a value that means nothing", "firewall { family inet { filter F { term a { from { protocol tcpp; } then accept; } } } }",
			`"tcpp" is no name or number`,
		},
		{
			"a prefix-list that is not there", "firewall { family inet { filter F { term a { from { source-prefix-list { L; } } then accept; } } } }",
			"[edit firewall family inet filter F term a from] 'source-prefix-list L' read prefix-list: L is not defined",
		},
		{
			"port-mirror", "firewall { family inet { filter F { term a { then { port-mirror; accept; } } } } }",
			"[edit firewall family inet filter F term a then] 'port-mirror' this router mirrors no packets",
		},
		{
			"a routing-instance that is not there", "firewall { family inet { filter F { term a { then routing-instance X; } } } }",
			"[edit firewall family inet filter F term a then] 'routing-instance X' Referenced routing-instance 'X' is not defined",
		},
		{
			"a policer that is not there", "firewall { family inet { filter F { term a { then policer P; } } } }",
			"[edit firewall family inet filter F term a then] 'policer P' Referenced policer 'P' is not defined",
		},
		{
			"a policer by percent", "firewall { policer P { if-exceeding { bandwidth-percent 10; burst-size-limit 15k; } then discard; } family inet { filter F { term a { then policer P; } } } }",
			"[edit firewall policer P if-exceeding bandwidth-percent] '10' this router has no such policer",
		},
		{
			"a policer above what the kernel reckons with", "firewall { policer P { if-exceeding { bandwidth-limit 400g; burst-size-limit 15k; } then discard; } family inet { filter F { term a { then policer P; } } } }",
			"'policer P' this router polices 100g at most",
		},
		{
			"filters that call each other", "firewall { family inet { filter F { term a { filter G; } } filter G { term b { filter F; } } } }",
			"[edit firewall family inet filter F] filter F calls itself",
		},
		{
			"a filter that is not there", "firewall { family inet { filter F { term a { filter G; } } } }",
			"[edit firewall family inet filter F term a] 'filter G' Referenced filter 'G' is not defined",
		},
		{
			"a message type that there is not", "firewall { family inet { filter F { term a { then { reject no-such-type; } } } } }",
			"'reject no-such-type' no message type no-such-type in family inet",
		},
		{
			"dscp before the next term", "firewall { family inet { filter F { term a { then { dscp ef; next term; } } } } }",
			"[edit firewall family inet filter F term a then] 'dscp ef' beside 'next term'",
		},
		{
			"next-ip where it is too late",
			"interfaces { ge-0/0/1 { unit 0 { family inet { filter { output G; } } } } } firewall { family inet { filter F; filter G { term a { filter H; } } filter H { term b { then next-ip 192.0.2.9/32; } } } }",
			"[edit firewall family inet filter G term a then] an output filter, and one of lo0, can not send a packet elsewhere",
		},
		{
			"a filter and a list", "interfaces { ge-0/0/1 { unit 0 { family inet { filter { input G; input-list [ G H ]; } } } } } firewall { family inet { filter F; filter G; filter H; } }",
			"can not be applied together",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := strings.ReplaceAll(oneFilter, " family inet6 { filter { input F; } }", "") + tt.config
			_, err := forward.CompileFilters(forward.Filters{Config: read(t, config), Device: asIs})
			if _, ok := errors.AsType[forward.CheckErrors](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// TestFlowsRefused are flow routes that can't be done.
func TestFlowsRefused(t *testing.T) {
	for want, flows := range map[string][]forward.Flow{
		"[edit routing-options flow route a then] 'next-term' beside several": {{
			Family: policies.Inet, Name: "a", Match: make([]policies.FilterMatch, 2), Then: policies.FilterAction{Verdict: policies.NextTerm},
		}},
		"[edit routing-options flow route a then] 'rate-limit' this router polices": {{
			Family: policies.Inet, Name: "a", Match: make([]policies.FilterMatch, 1), Limited: true, LimitBytesPerSec: 1 << 40,
		}},
		"[edit routing-options flow route a then] 'routing-instance X' Referenced": {{
			Family: policies.Inet, Name: "a", Match: make([]policies.FilterMatch, 1), Then: policies.FilterAction{RoutingInstance: "X"},
		}},
		"[edit routing-options flow] 'route a' two flow routes": {
			{Family: policies.Inet, Name: "a", Match: make([]policies.FilterMatch, 1)}, {Family: policies.Inet, Name: "a", Match: make([]policies.FilterMatch, 1)},
		},
	} {
		_, err := forward.CompileFilters(forward.Filters{Config: read(t, ""), Device: asIs, Flows: flows})
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestExampleCompiles keeps the example's filters translatable, and the translation the same every time.
func TestExampleCompiles(t *testing.T) {
	in := forward.Filters{Config: example(t), Device: asIs}
	a, err := forward.CompileFilters(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := forward.CompileFilters(in)
	if err != nil || a.String() != b.String() {
		t.Errorf("twice the same configuration gives two rule sets: %v", err)
	}
	for _, want := range []string{
		"inet chain filter border-in4\n", "inet chain filter transport-in4\n", "inet6 chain filter protect-re6\n",
		"inet counter border-in4 counter border-in4-icmp-fragments\n", "203.0.113.165\n", "jump filter offload-ping4\n",
		"inet chain router input at prerouting -140\n", "in xe-0_1_0.0, jump xe-0/1/0.0-i\n",
	} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("the rule set has no %q:\n%s", want, a)
		}
	}
}

// TestMarksStay: another next-ip changes no mark of those that stay, so that rules that stay are the same.
func TestMarksStay(t *testing.T) {
	const one = "term a { then next-ip 192.0.2.9/32; }"
	marks := map[netip.Addr]uint16{}
	for _, terms := range []string{one, "term z { from { protocol udp; } then next-ip 192.0.2.8/32; } " + one} {
		r, err := forward.CompileFilters(forward.Filters{
			Config: read(t, oneFilter+"firewall { family inet { filter F { "+terms+" } } family inet6 { filter F { term x { then accept; } } } }"), Device: asIs,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range r.Diversions {
			if old, ok := marks[d.NextIP]; ok && old != d.Mark {
				t.Errorf("the mark of %s was %#x and is %#x", d.NextIP, old, d.Mark)
			}
			marks[d.NextIP] = d.Mark
		}
	}
	if len(marks) != 2 {
		t.Errorf("there are %d marks", len(marks))
	}
}

// TestNames are the names of counters of filters that are an interface's own and of lists (Juniper, Policy Framework
// Configuration Guide, "Interface-Specific Firewall Filter Instances Overview", "Applying Lists of Multiple Filters").
func TestNames(t *testing.T) {
	r, err := forward.CompileFilters(forward.Filters{Device: asIs, Config: read(t, `
		interfaces { ge-0/0/0 {
			unit 0 { family inet { filter { input F; output G; } } }
			unit 1 { family inet { filter { input-list [ F G ]; } } }
		} }
		firewall {
			policer P { if-exceeding { bandwidth-limit 1m; burst-size-limit 15k; } then discard; }
			family inet { filter F { interface-specific; term a { then { policer P; count c; next term; } } } filter G { term b { then { count d; accept; } } } }
		}`)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range r.Counters {
		got = append(got, c.Filter+": "+c.Name)
	}
	slices.Sort(got)
	want := []string{
		"F-ge-0/0/0.0-i: P-a-ge-0/0/0.0-i", "F-ge-0/0/0.0-i: c-ge-0/0/0.0-i", "G: d",
		"ge-0/0/0.1-i: P-a-ge-0/0/0.1-i", "ge-0/0/0.1-i: c-ge-0/0/0.1-i", "ge-0/0/0.1-i: d-ge-0/0/0.1-i",
	}
	if !slices.Equal(got, want) {
		t.Errorf("counters\n%q, want\n%q", got, want)
	}
}

// TestWhatIsOff: inactive statements, groups, and filters that are not applied.
func TestWhatIsOff(t *testing.T) {
	r, err := forward.CompileFilters(forward.Filters{Device: asIs, Config: read(t, `
		groups { g { firewall { family inet { filter F { term z { then { count from-group; } } } } } } }
		apply-groups g;
		interfaces { ge-0/0/0 { unit 0 { family inet { filter { input F; } } } } ge-0/0/1 { unit 0 { family inet { inactive: filter { input G; } } } } }
		firewall { family inet { filter F { inactive: term a { then { count off; } } } filter G { term a { from { ip-options timestamp; } } } } }`)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Counters) != 1 || r.Counters[0].Name != "from-group" || strings.Contains(r.String(), "filter G") {
		t.Errorf("%s", r)
	}
}

// FuzzCompile: any configuration compiles or is refused, never both, and twice the same.
func FuzzCompile(f *testing.F) {
	f.Add(oneFilter + "firewall { family inet { filter F { term a { from { address { 10.0.0.0/8; 10.1.0.0/16 except; } port [ 1 5-7 ]; } then { count c; reject; } } } } }")
	f.Add(oneFilter + "firewall { family inet6 { filter F { term a { from { next-header tcp; tcp-flags \"(syn & !ack)\"; } then next-ip6 2001:db8::1/128; } } } }")
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := junos.Parse("", []byte(text), nil)
		if err != nil {
			return
		}
		in := forward.Filters{Config: tree, Device: asIs, Table: func(string) (uint32, bool) { return 500, true }}
		a, err := forward.CompileFilters(in)
		if (a == nil) == (err == nil) {
			t.Fatalf("%v %v", a, err)
		}
		if b, _ := forward.CompileFilters(in); a != nil && a.String() != b.String() {
			t.Fatalf("twice the same gives\n%s\n%s", a, b)
		}
	})
}

// TestAddressesOfSets holds the ranges of a set against the evaluator, at the edges of every prefix.
func TestAddressesOfSets(t *testing.T) {
	c := newChance(7)
	for range 300 {
		fam := pick(c, policies.Inet, policies.Inet6)
		m := policies.FilterMatch{}
		for _, p := range some(c, pool(fam)) {
			m.SourceAddress = append(m.SourceAddress, policies.AddressMatch{Prefix: p, Except: c.in(3)})
		}
		s := &policies.Set{Filters: []*policies.Filter{{Name: "outer", Family: fam, Terms: []*policies.FilterTerm{{Name: "a", From: m, Then: policies.FilterAction{Verdict: policies.Accept}}}}}}
		tree := configuration(t, s, fam, []string{"outer"}, false)
		e, err := policies.NewEvaluator(tree)
		if err != nil {
			t.Fatal(err)
		}
		rules, err := forward.CompileFilters(forward.Filters{Config: tree, Device: asIs, Table: instances})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			a := c.address(fam)
			want, err := e.Filter(fam, "outer", &policies.Packet{Source: a, Destination: a})
			if err != nil {
				t.Fatal(err)
			}
			if got := matchesSource(rules, fam, a); got != (want.Verdict == policies.Accept) {
				t.Fatalf("%s: in the set %v, want %s\n%s\n%s", a, got, want.String(), tree.Text(), rules)
			}
		}
	}
}

// matchesSource follows the one term of a filter that asks for nothing but the source.
func matchesSource(r *forward.RuleSet, f policies.Family, a netip.Addr) bool {
	is := string(a.AsSlice())
	for _, chain := range r.Chains {
		if chain.Family != f || chain.Name != "filter outer" {
			continue
		}
		for _, rule := range chain.Rules {
			switch s := rule[0].(type) {
			case forward.Compare:
				return s.From <= is && is <= s.To
			case forward.Member:
				i := slices.IndexFunc(r.Sets, func(x forward.Set) bool { return x.Family == f && x.Name == s.Set })
				return slices.ContainsFunc(r.Sets[i].Ranges, func(x forward.Bytes) bool { return x.From <= is && is <= x.To })
			}
		}
	}
	return false
}
