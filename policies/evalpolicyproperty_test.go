package policies_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rhapsode/policies"
)

// members are the communities of random policies, and what they match, told by hand.
var members = map[string][]string{
	"one": {"64500:1"}, "both": {"64500:1", "64500:2"}, "ours": {"^64500:[12]$"}, "large": {"large:65551:0:1"}, "no-x": {"no-export"},
}

func plainMember(m, community string) bool {
	switch m {
	case "^64500:[12]$":
		return community == "64500:1" || community == "64500:2"
	case "no-export":
		return community == "65535:65281"
	}
	return m == community
}

// paths are the as-paths of random policies, and what they match, told by hand.
var paths = map[string]struct {
	regex string
	match func(p []uint32) bool
}{
	"empty":   {"()", func(p []uint32) bool { return len(p) == 0 }},
	"from":    {"64500 .*", func(p []uint32) bool { return len(p) > 0 && p[0] == 64500 }},
	"within":  {".* 64501 .*", func(p []uint32) bool { return slices.Contains(p, 64501) }},
	"private": {"64496-64511+", func(p []uint32) bool { return len(p) > 0 && !slices.ContainsFunc(p, outside) }},
	"two":     {"^.{2}$", func(p []uint32) bool { return len(p) == 2 }},
}

func outside(n uint32) bool { return n < 64496 || n > 64511 }

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (c chance) number(odds int, values ...uint32) *uint32 {
	if !c.in(odds) {
		return nil
	}
	return policies.Number(pick(c, values))
}

func (c chance) policyMatch() policies.PolicyMatch {
	m := policies.PolicyMatch{
		Metric: c.number(6, 0, 10, 100), LocalPreference: c.number(8, 70, 100), Preference: c.number(12, 5, 170),
	}
	if c.in(8) {
		m.Family = pick(c, []policies.Family{policies.Inet, policies.Inet6})
	}
	if c.in(5) {
		m.Protocol = some(c, []string{"bgp", "static", "direct", "ospf2", "ospf"})
	}
	if c.in(5) {
		m.Community = some(c, keys(members))
	}
	if c.in(6) {
		m.ASPath = some(c, keys(paths))
	}
	if c.in(10) {
		m.Neighbor = some(c, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")})
	}
	if c.in(10) {
		m.Tag = some(c, []uint32{0, 1, 2})
	}
	if c.in(10) {
		m.Origin = pick(c, []string{"igp", "egp"})
	}
	switch c.IntN(6) {
	case 0:
		m.PrefixList = []string{"L"}
	case 1:
		m.PrefixListFilters = []policies.PrefixListFilter{{Name: "L", Modifier: pick(c, []policies.Modifier{policies.Exact, policies.Longer, policies.OrLonger})}}
	case 2, 3:
		for _, p := range some(c, slices.Concat(pool4, pool6)) {
			m.RouteFilters = append(m.RouteFilters, c.routeFilter(p))
		}
	}
	return m
}

func (c chance) routeFilter(p netip.Prefix) policies.RouteFilter {
	f := policies.RouteFilter{Prefix: p, Modifier: pick(c, []policies.Modifier{policies.Exact, policies.Longer, policies.OrLonger, policies.UpTo, policies.PrefixLengthRange})}
	length := func(low int) int { return low + c.IntN(p.Addr().BitLen()-low+1) }
	switch f.Modifier {
	case policies.UpTo:
		f.Value = fmt.Sprintf("/%d", length(p.Bits()))
	case policies.PrefixLengthRange:
		low := length(p.Bits())
		f.Value = fmt.Sprintf("/%d-/%d", low, length(low))
	}
	return f
}

func (c chance) setting(odds int) *policies.NumberAction {
	if !c.in(odds) {
		return nil
	}
	return &policies.NumberAction{Op: pick(c, []string{"", "", "add", "subtract"}), Value: pick(c, []uint32{0, 1, 10, 100, math.MaxUint32})}
}

func (c chance) policyAction() policies.PolicyAction {
	a := policies.PolicyAction{Metric: c.setting(6), LocalPreference: c.setting(6), Tag: c.setting(12), Preference: c.setting(12)}
	for range c.IntN(3) {
		x := policies.CommunityAction{Op: pick(c, []string{"add", "set", "delete"}), Name: pick(c, keys(members))}
		if !slices.Contains(a.Community, x) {
			a.Community = append(a.Community, x)
		}
	}
	if c.in(8) {
		a.ASPathPrepend = pick(c, []string{"64500", "64500 64500", "64501"})
	}
	if c.in(10) {
		a.Origin = pick(c, []string{"igp", "incomplete"})
	}
	if c.in(10) {
		a.DefaultAction = pick(c, []policies.Verdict{policies.Accept, policies.Reject})
	}
	a.Verdict = pick(c, []policies.Verdict{policies.NoVerdict, policies.NoVerdict, policies.NextTerm, policies.NextPolicy, policies.Accept, policies.Reject})
	return a
}

func (c chance) policies() *policies.Set {
	s := &policies.Set{PrefixLists: []*policies.PrefixList{{Name: "L", Prefixes: some(c, slices.Concat(pool4, pool6))}}}
	for _, k := range keys(members) {
		s.Communities = append(s.Communities, &policies.Community{Name: k, Members: members[k]})
	}
	for _, k := range keys(paths) {
		s.ASPaths = append(s.ASPaths, &policies.ASPath{Name: k, Regex: paths[k].regex})
	}
	for _, name := range []string{"A", "B"} {
		p := &policies.PolicyStatement{Name: name}
		for i := range 1 + c.IntN(5) {
			p.Terms = append(p.Terms, &policies.PolicyTerm{Name: fmt.Sprint("t", i), Inactive: c.in(10), From: c.policyMatch(), Then: c.policyAction()})
		}
		if c.in(3) {
			p.Final = policies.PolicyTerm{From: c.policyMatch(), Then: c.policyAction()}
		}
		s.Policies = append(s.Policies, p)
	}
	return s
}

func (c chance) route() policies.Route {
	f := pick(c, []policies.Family{policies.Inet, policies.Inet6})
	a := c.address(f)
	p, _ := a.Prefix(c.IntN(a.BitLen() + 1))
	if c.in(2) {
		p = pick(c, pool(f))
	}
	r := policies.Route{Prefix: p, Protocol: pick(c, []string{"bgp", "bgp", "static", "direct", "ospf2", "ospf3"})}
	for _, x := range []struct {
		at     *policies.Maybe
		values []uint32
	}{{&r.Metric, []uint32{0, 10, 99, 100}}, {&r.LocalPreference, []uint32{70, 100}}, {&r.Tag, []uint32{0, 1}}, {&r.Preference, []uint32{170}}} {
		if !c.in(3) {
			*x.at = policies.Known(pick(c, x.values))
		}
	}
	if !c.in(8) {
		r.ASPath = []uint32{}
		for range c.IntN(4) {
			r.ASPath = append(r.ASPath, pick(c, []uint32{64500, 64501, 65540}))
		}
	}
	for range c.IntN(3) {
		if x := pick(c, []string{"64500:1", "64500:2", "64500:3", "large:65551:0:1", "65535:65281"}); !slices.Contains(r.Communities, x) {
			r.Communities = append(r.Communities, x)
		}
	}
	if !c.in(4) {
		r.Neighbor = netip.MustParseAddr("192.0.2.1")
	}
	if !c.in(4) {
		r.Origin = "igp"
	}
	return r
}

func policyAnswer(r *policies.PolicyResult) string {
	if r.Unknown != "" {
		return "unknown"
	}
	slices.Sort(r.Uncertain)
	return fmt.Sprintf("%s %s lost %v", r.Verdict, r.Route.String(), r.Uncertain)
}

// policiesAgree is the property for one seed, as filtersAgree.
func policiesAgree(t *testing.T, seed uint64) (decided int) {
	t.Helper()
	c := newChance(seed)
	s := c.policies()
	a, b := bothWays(t, s)
	context := pick(c, []policies.PolicyContext{{Protocol: "bgp", Direction: "import"}, {Protocol: "bgp", Direction: "export"}, {Protocol: "ospf", Direction: "export"}})
	for range 40 {
		route := c.route()
		before := route.String()
		one, err := a.Policy([]string{"A", "B"}, route, context)
		if err != nil {
			t.Fatal(err)
		}
		two, _ := b.TracePolicy([]string{"A", "B"}, route, context)
		if policyAnswer(&one) != policyAnswer(&two) {
			t.Fatalf("seed %d: %s: %s, read back %s", seed, &route, policyAnswer(&one), policyAnswer(&two))
		}
		if route.String() != before {
			t.Fatalf("seed %d: the caller's route was changed", seed)
		}
		if again, err := policies.ParseRoute(before); err != nil || again.String() != before {
			t.Fatalf("seed %d: route %q reads back as %v %v", seed, before, again, err)
		}
		want := plainPolicies(s, route, context)
		if got := policyAnswer(&one); got != want {
			t.Fatalf("seed %d: %s %s\n got: %s (%s)\nwant: %s\n%s%s%s", seed, context, &route, got, one.Unknown, want,
				s.Policy("A").Text(), s.Policy("B").Text(), s.PrefixList("L").Text())
		}
		if one.Unknown == "" {
			decided++
		}
	}
	return decided
}

func TestPoliciesAgree(t *testing.T) {
	decided := 0
	for seed := range uint64(200) {
		decided += policiesAgree(t, seed)
	}
	if decided < 200*40/2 {
		t.Errorf("only %d routes had a known verdict", decided)
	}
}

func FuzzPoliciesAgree(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { policiesAgree(t, seed) })
}

// plain is the plain model's route: attributes by name, "" what is not set, "?" what a policy lost.
type plain struct {
	s       *policies.Set
	route   policies.Route
	numbers map[string]int64 // -1: not set, -2: lost
	lost    map[string]bool
	byAct   policies.Verdict

	guesses []bool // whether the terms match of which that is unknown
	short   bool   // there are more such terms than guesses
}

// plainPolicies gives what all ways of a route have in common: each term of which it is unknown whether it matches makes
// two.
func plainPolicies(s *policies.Set, route policies.Route, c policies.PolicyContext) string {
	var ends []*plain
	verdicts := map[string]bool{}
	for todo := [][]bool{nil}; len(todo) > 0; {
		x := &plain{s: s, route: route.Clone(), numbers: map[string]int64{}, lost: map[string]bool{}, guesses: todo[0]}
		verdict := x.run(c)
		if x.short {
			todo = append([][]bool{append(slices.Clone(todo[0]), false), append(slices.Clone(todo[0]), true)}, todo[1:]...)
			continue
		}
		todo = todo[1:]
		ends = append(ends, x)
		verdicts[verdict] = true
	}
	if len(verdicts) > 1 || len(ends) > 64 {
		return "unknown"
	}
	out := ends[0]
	for _, x := range ends[1:] {
		out.join(x)
	}
	return fmt.Sprintf("%s %s lost %v", keys(verdicts)[0], out.route.String(), keys(out.lost))
}

func (x *plain) join(o *plain) {
	for k := range o.lost {
		x.lost[k] = true
	}
	at := o.known()
	for k, n := range x.known() {
		if *n != *at[k] {
			*n, x.lost[k] = policies.Maybe{}, true
		}
	}
	if x.route.Origin != o.route.Origin {
		x.route.Origin, x.lost["origin"] = "", true
	}
	if fmt.Sprint(x.route.ASPath) != fmt.Sprint(o.route.ASPath) {
		x.route.ASPath, x.lost["as-path"] = nil, true
	}
	var common []string
	for _, c := range x.route.Communities {
		if slices.Contains(o.route.Communities, c) {
			common = append(common, c)
		}
	}
	if len(common) != len(x.route.Communities) || len(common) != len(o.route.Communities) {
		x.lost["community"] = true
	}
	x.route.Communities = common
}

func (x *plain) known() map[string]*policies.Maybe {
	r := &x.route
	return map[string]*policies.Maybe{"metric": &r.Metric, "local-preference": &r.LocalPreference, "tag": &r.Tag, "preference": &r.Preference}
}

func (x *plain) run(c policies.PolicyContext) string {
	for k, m := range x.known() {
		x.numbers[k] = -1
		if m.Known {
			x.numbers[k] = int64(m.N)
		}
	}
	verdict := ""
	for _, p := range x.s.Policies {
		if verdict = x.policy(p); verdict != "" {
			break
		}
	}
	switch {
	case verdict != "":
	case x.byAct != policies.NoVerdict:
		verdict = x.byAct.String()
	case c.Direction == "import":
		verdict = "accept"
	case c.Protocol == "bgp" && x.route.Protocol == "bgp":
		verdict = "accept"
	default:
		verdict = "reject"
	}
	for k, at := range x.known() {
		switch n := x.numbers[k]; n {
		case -1, -2:
			*at = policies.Maybe{}
		default:
			*at = policies.Known(uint32(n))
		}
		if x.numbers[k] == -2 {
			x.lost[k] = true
		}
	}
	return verdict
}

func (x *plain) guess() bool {
	if x.short = x.short || len(x.guesses) == 0; x.short {
		return false
	}
	g := x.guesses[0]
	x.guesses = x.guesses[1:]
	return g
}

func (x *plain) policy(p *policies.PolicyStatement) string {
	terms := slices.Clone(p.Terms)
	final := p.Final
	for _, t := range append(terms, &final) {
		if t.Inactive {
			continue
		}
		if match := x.match(&t.From); match == "no" || match == "unknown" && !x.guess() {
			continue
		}
		x.act(&t.Then)
		switch t.Then.Verdict {
		case policies.Accept, policies.Reject:
			return t.Then.Verdict.String()
		case policies.NextPolicy:
			return ""
		}
	}
	return ""
}

func (x *plain) match(m *policies.PolicyMatch) string {
	answer := "yes"
	see := func(s string) {
		if s == "no" || s == "unknown" && answer == "yes" {
			answer = s
		}
	}
	r := &x.route
	if m.Family != "" {
		see(yesNo((m.Family == policies.Inet) == r.Prefix.Addr().Is4()))
	}
	if len(m.Protocol) > 0 {
		see(yesNo(slices.Contains(m.Protocol, r.Protocol) || strings.HasPrefix(r.Protocol, "ospf") && slices.Contains(m.Protocol, "ospf")))
	}
	for k, n := range map[string]*uint32{"metric": m.Metric, "local-preference": m.LocalPreference, "preference": m.Preference} {
		if n != nil {
			see(x.number(k, *n))
		}
	}
	if len(m.Tag) > 0 {
		see(x.number("tag", m.Tag...))
	}
	if len(m.Neighbor) > 0 {
		if r.Neighbor.IsValid() {
			see(yesNo(slices.Contains(m.Neighbor, r.Neighbor)))
		} else {
			see("unknown")
		}
	}
	if m.Origin != "" {
		if r.Origin != "" {
			see(yesNo(m.Origin == r.Origin))
		} else {
			see("unknown")
		}
	}
	if len(m.ASPath) > 0 {
		if r.ASPath == nil || x.lost["as-path"] {
			see("unknown")
		} else {
			see(yesNo(slices.ContainsFunc(m.ASPath, func(k string) bool { return paths[k].match(r.ASPath) })))
		}
	}
	if len(m.Community) > 0 {
		if x.lost["community"] {
			see("unknown")
		} else {
			see(yesNo(slices.ContainsFunc(m.Community, x.hasAll)))
		}
	}
	see(x.prefix(m))
	return answer
}

func (x *plain) hasAll(name string) bool {
	for _, m := range members[name] {
		if !slices.ContainsFunc(x.route.Communities, func(c string) bool { return plainMember(m, c) }) {
			return false
		}
	}
	return true
}

func (x *plain) number(key string, want ...uint32) string {
	n := x.numbers[key]
	switch {
	case n >= 0:
		return yesNo(slices.Contains(want, uint32(n)))
	case n == -2 || key == "preference":
		return "unknown"
	}
	assumed := map[string]uint32{"local-preference": 100}[key]
	if slices.Contains(want, assumed) {
		return "unknown"
	}
	return "no"
}

func (x *plain) prefix(m *policies.PolicyMatch) string {
	p := x.route.Prefix
	list := x.s.PrefixList("L").Prefixes
	switch {
	case len(m.PrefixList) > 0:
		return yesNo(slices.Contains(list, p))
	case len(m.PrefixListFilters) > 0:
		var filters []policies.RouteFilter
		one := false
		for _, l := range list {
			f := policies.RouteFilter{Prefix: l, Modifier: m.PrefixListFilters[0].Modifier}
			filters = append(filters, f)
			one = one || plainRoute(f, p)
		}
		if plainLongest(filters, p) != one {
			return "unknown"
		}
		return yesNo(one)
	case len(m.RouteFilters) > 0:
		return yesNo(plainLongest(m.RouteFilters, p))
	}
	return "yes"
}

func plainLongest(list []policies.RouteFilter, p netip.Prefix) bool {
	best := -1
	for _, f := range list {
		if f.Prefix.Bits() <= p.Bits() && f.Prefix.Contains(p.Addr()) {
			best = max(best, f.Prefix.Bits())
		}
	}
	return slices.ContainsFunc(list, func(f policies.RouteFilter) bool { return f.Prefix.Bits() == best && plainRoute(f, p) })
}

func plainRoute(f policies.RouteFilter, p netip.Prefix) bool {
	low, high := f.Prefix.Bits(), f.Prefix.Bits()
	switch f.Modifier {
	case policies.Longer:
		low, high = low+1, 128
	case policies.OrLonger:
		high = 128
	case policies.UpTo:
		fmt.Sscanf(f.Value, "/%d", &high) //nolint:errcheck // written above
	case policies.PrefixLengthRange:
		fmt.Sscanf(f.Value, "/%d-/%d", &low, &high) //nolint:errcheck // written above
	}
	return f.Prefix.Contains(p.Addr()) && low <= p.Bits() && p.Bits() <= high
}

func (x *plain) act(a *policies.PolicyAction) {
	for k, n := range map[string]*policies.NumberAction{"metric": a.Metric, "local-preference": a.LocalPreference, "tag": a.Tag, "preference": a.Preference} {
		if n == nil {
			continue
		}
		switch {
		case n.Op == "":
			x.numbers[k] = int64(n.Value)
		case x.numbers[k] < 0:
			x.numbers[k] = -2
		case n.Op == "add":
			x.numbers[k] = min(x.numbers[k]+int64(n.Value), math.MaxUint32)
		default:
			x.numbers[k] = max(x.numbers[k]-int64(n.Value), 0)
		}
	}
	for _, c := range a.Community {
		x.community(c)
	}
	if a.Origin != "" {
		x.route.Origin = a.Origin
	}
	if a.ASPathPrepend != "" {
		if x.route.ASPath == nil {
			x.lost["as-path"] = true
		} else {
			var front []uint32
			for _, s := range strings.Fields(a.ASPathPrepend) {
				var n uint32
				fmt.Sscan(s, &n) //nolint:errcheck // written above
				front = append(front, n)
			}
			x.route.ASPath = append(front, x.route.ASPath...)
		}
	}
	if a.DefaultAction != policies.NoVerdict {
		x.byAct = a.DefaultAction
	}
}

func (x *plain) community(c policies.CommunityAction) {
	r := &x.route
	isLarge := func(s string) bool { return strings.HasPrefix(s, "large:") }
	switch {
	case c.Op == "delete":
		var kept []string
		for _, h := range r.Communities {
			if !slices.ContainsFunc(members[c.Name], func(m string) bool { return plainMember(m, h) }) {
				kept = append(kept, h)
			}
		}
		r.Communities = kept
		return
	case c.Name == "ours":
		x.lost["community"] = true
		return
	case c.Op == "set":
		for _, h := range r.Communities {
			if isLarge(h) != isLarge(members[c.Name][0]) {
				x.lost["community"] = true
			}
		}
		r.Communities = nil
	}
	for _, m := range members[c.Name] {
		if m == "no-export" {
			m = "65535:65281"
		}
		if !slices.Contains(r.Communities, m) {
			r.Communities = append(r.Communities, m)
		}
	}
}
