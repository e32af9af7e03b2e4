package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// routeTest is one condition of a policy's term. The reason says what the route has there, or why nothing is known; it
// is asked for only when it is shown.
type routeTest struct {
	text string
	test func(r *policyRun) (Answer, func() string)
	// calls: it asks policies, which may change the route; it is the last of a term.
	calls bool
}

func said(s string) func() string { return func() string { return s } }

func unknownRoute(text, reason string) routeTest {
	return routeTest{text: text, test: func(*policyRun) (Answer, func() string) { return Unknown, said(reason) }}
}

// routeTests makes the conditions of a term ready.
func (e *Evaluator) routeTests(m *PolicyMatch) []routeTest {
	var out []routeTest
	if m.Family != "" {
		out = append(out, familyTest(m.Family))
	}
	for _, x := range m.textFields() {
		if *x.value != "" && x.key != "family" {
			out = append(out, textTest(x.key, []string{*x.value}))
		}
	}
	for _, x := range m.listFields() {
		if len(*x.value) > 0 && x.key != "prefix-list" && x.key != "policy" {
			out = append(out, e.listTest(x.key, *x.value))
		}
	}
	for _, x := range m.addressFields() {
		if len(*x.value) > 0 {
			out = append(out, hostTest(x.key, *x.value))
		}
	}
	for _, x := range m.numberFields() {
		if *x.value != nil {
			out = append(out, numberTest(x.key, []uint32{**x.value}))
		}
	}
	if len(m.Tag) > 0 {
		out = append(out, numberTest("tag", m.Tag))
	}
	if len(m.RouteFilters)+len(m.PrefixList)+len(m.PrefixListFilters) > 0 {
		out = append(out, e.prefixTest(m))
	}
	if len(m.Policy) > 0 { // last: it may change the route, so it is asked only when all else holds
		out = append(out, e.policiesTest(m.Policy))
	}
	return out
}

func familyTest(f Family) routeTest {
	text := "family " + string(f)
	if f != Inet && f != Inet6 {
		return unknownRoute(text, "this family has no semantics here")
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		have := FamilyOf(r.route.Prefix.Addr())
		return answer(have == f), said(string(have))
	}}
}

func (e *Evaluator) listTest(key string, values []string) routeTest {
	text := listed(key, values)
	switch key {
	case "protocol":
		return protocolTest(text, values)
	case "interface":
		return textTest(key, values)
	case "as-path":
		return e.pathTest(text, values)
	case "community":
		return e.communityTest(text, values)
	}
	return unknownRoute(text, "this condition has no semantics here")
}

// policiesTest is `from policy`: one policy or expression, or several policies, which are one chain.
func (e *Evaluator) policiesTest(values []string) routeTest {
	text := listed("policy", values)
	if len(values) == 1 {
		return e.policyTest(text, values[0])
	}
	for _, v := range values {
		if strings.ContainsAny(v, "()!&|") {
			return unknownRoute(text, "an expression beside other policies has no semantics here")
		}
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		a, why := r.ask(values...)
		return a, said(why)
	}, calls: true}
}

func (r *policyRun) text(key string) string {
	for _, x := range r.route.texts() {
		if x.key == key {
			return *x.value
		}
	}
	return r.route.Origin
}

func textTest(key string, values []string) routeTest {
	return routeTest{text: listed(key, values), test: func(r *policyRun) (Answer, func() string) {
		have := r.text(key)
		if have == "" {
			return Unknown, func() string { return "the route does not say its " + key }
		}
		return answer(slices.Contains(values, have)), said(have)
	}}
}

// protocolTest: ospf stands for both versions, ospf2 and ospf3 for one (Juniper, Policy Framework Configuration Guide,
// "Routing Policy Match Conditions"); a route that just says ospf may be of either.
func protocolTest(text string, values []string) routeTest {
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		have := r.route.Protocol
		if have == "" {
			return Unknown, said("the route does not say its protocol")
		}
		a := No
		for _, v := range values {
			switch {
			case v == have, v == "ospf" && (have == "ospf2" || have == "ospf3"):
				return Yes, said(have)
			case have == "ospf" && (v == "ospf2" || v == "ospf3"):
				a = Unknown
			}
		}
		if a == Unknown {
			return a, said("ospf, of which version the route does not say")
		}
		return a, said(have)
	}}
}

func hostTest(key string, values []netip.Addr) routeTest {
	var list []string
	for _, a := range values {
		list = append(list, a.String())
	}
	return routeTest{text: listed(key, list), test: func(r *policyRun) (Answer, func() string) {
		have := r.route.Neighbor
		if key == "next-hop" {
			have = r.route.NextHop
			if r.route.NextHopAction != "" {
				return Unknown, said("a policy has set it to " + r.route.NextHopAction)
			}
		}
		if !have.IsValid() {
			return Unknown, func() string { return "the route does not say its " + key }
		}
		return answer(slices.Contains(values, have)), have.String
	}}
}

// unset are the values that an attribute may stand for where a route has none: a condition on them is not decided.
var unset = map[string]uint32{"metric": 0, "metric2": 0, "tag": 0, "local-preference": 100}

func numberTest(key string, values []uint32) routeTest {
	var list []string
	for _, n := range values {
		list = append(list, decimal(n))
	}
	return routeTest{text: listed(key, list), test: func(r *policyRun) (Answer, func() string) {
		if why := r.lostWhy(key); why != "" {
			return Unknown, said(why)
		}
		var have Maybe
		for _, x := range r.route.numbers() {
			if x.key == key {
				have = *x.value
			}
		}
		if have.Known {
			return answer(slices.Contains(values, have.N)), func() string { return decimal(have.N) }
		}
		if n, ok := unset[key]; ok && !slices.Contains(values, n) {
			return No, said("none")
		}
		return Unknown, func() string { return "the route does not say its " + key }
	}}
}

func (e *Evaluator) pathTest(text string, names []string) routeTest {
	var list []*pathRegex
	for _, name := range names {
		x := e.asPaths[name]
		switch {
		case x == nil:
			return unknownRoute(text, "as-path "+name+" is not defined")
		case x.unknown != "":
			return unknownRoute(text, x.unknown)
		}
		list = append(list, x)
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		if why := r.lostWhy("as-path"); why != "" {
			return Unknown, said(why)
		}
		if r.route.ASPath == nil {
			return Unknown, said("the route does not say its as-path")
		}
		found := slices.ContainsFunc(list, func(x *pathRegex) bool { return x.matches(r.route.ASPath) })
		return answer(found), func() string { return pathText(r.route.ASPath) }
	}}
}

func (e *Evaluator) communityTest(text string, names []string) routeTest {
	var list []*evalCommunity
	for _, name := range names {
		x := e.communities[name]
		switch {
		case x == nil:
			return unknownRoute(text, "community "+name+" is not defined")
		case x.unknown != "":
			return unknownRoute(text, "community "+name+": "+x.unknown)
		}
		list = append(list, x)
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		if why := r.lostWhy("community"); why != "" {
			return Unknown, said(why)
		}
		found := slices.ContainsFunc(list, func(x *evalCommunity) bool { return x.matches(r.route.Communities) })
		return answer(found), func() string { return orElse(and(r.route.Communities), "no communities") }
	}}
}

// prefixTest joins the conditions on the prefix. Where the vendor's text leaves two readings (several kinds of lists in one
// term, overlapping prefix-list-filters), the answer is what both have in common.
func (e *Evaluator) prefixTest(m *PolicyMatch) routeTest {
	var kinds []func(p netip.Prefix) Answer
	var text []string
	if len(m.RouteFilters) > 0 {
		list, err := compileRouteFilters(m.RouteFilters)
		for _, f := range m.RouteFilters {
			text = append(text, strings.TrimSpace(fmt.Sprintf("route-filter %s %s %s", f.Prefix, f.Modifier, f.Value)))
		}
		if err != nil {
			return unknownRoute(strings.Join(text, " or "), err.Error())
		}
		kinds = append(kinds, list.matches)
	}
	var filters filterList
	unknown := ""
	fill := func(name string, m Modifier) (out filterList) {
		l := e.lists[name]
		switch {
		case l == nil:
			unknown = "prefix-list " + name + " is not defined"
		case l.unknown != "":
			unknown = "prefix-list " + name + " holds " + l.unknown
		case len(l.prefixes) == 0:
			unknown = "prefix-list " + name + " is empty, and what that means depends on the release"
		default:
			for _, p := range l.prefixes {
				out = append(out, newRange(p, m))
			}
		}
		return out
	}
	for _, f := range m.PrefixListFilters {
		text = append(text, fmt.Sprintf("prefix-list-filter %s %s", f.Name, f.Modifier))
		filters = append(filters, fill(f.Name, f.Modifier)...)
	}
	if len(m.PrefixListFilters) > 0 {
		kinds = append(kinds, func(p netip.Prefix) Answer { return agree(filters.longest(p), filters.any(p)) })
	}
	var exact filterList
	for _, name := range m.PrefixList {
		text = append(text, "prefix-list "+name)
		exact = append(exact, fill(name, Exact)...)
	}
	if len(m.PrefixList) > 0 {
		kinds = append(kinds, exact.any)
	}
	written := strings.Join(text, " or ")
	if unknown != "" {
		return unknownRoute(written, unknown)
	}
	return routeTest{text: written, test: func(r *policyRun) (Answer, func() string) {
		one, all := No, Yes
		for _, k := range kinds {
			a := k(r.route.Prefix)
			one, all = either(one, a), both(all, a)
		}
		a := agree(one, all)
		if a == Unknown {
			return a, said("the lists of this term disagree about " + r.route.Prefix.String())
		}
		return a, r.route.Prefix.String
	}}
}

// prefixRange is one route filter made ready to be asked.
type prefixRange struct {
	prefix  netip.Prefix
	low     int // lengths that match
	high    int
	through netip.Prefix // valid: the way down to this prefix alone
	mask    netip.Addr   // valid: address-mask
}

func newRange(p netip.Prefix, m Modifier) prefixRange {
	x := prefixRange{prefix: p.Masked(), low: p.Bits(), high: p.Bits()}
	switch m {
	case Longer:
		x.low, x.high = p.Bits()+1, p.Addr().BitLen()
	case OrLonger:
		x.high = p.Addr().BitLen()
	}
	return x
}

func compileRouteFilters(filters []RouteFilter) (filterList, error) {
	var out filterList
	for _, f := range filters {
		x := newRange(f.Prefix, f.Modifier)
		var err error
		switch f.Modifier {
		case UpTo:
			x.high, err = prefixLength(f.Value, f.Prefix)
		case PrefixLengthRange:
			first, second, _ := strings.Cut(f.Value, "-")
			if x.low, err = prefixLength(first, f.Prefix); err == nil {
				x.high, err = prefixLength(second, f.Prefix)
			}
		case Through:
			x.through, err = netip.ParsePrefix(f.Value)
			x.through, x.high = x.through.Masked(), x.through.Bits()
			if err == nil && !f.Prefix.Contains(x.through.Addr()) {
				err = fmt.Errorf("%s is not in %s", f.Value, f.Prefix)
			}
		case AddressMask:
			x.mask, err = netip.ParseAddr(f.Value)
		}
		if err != nil {
			return nil, fmt.Errorf("read route-filter %s %s %s: %w", f.Prefix, f.Modifier, f.Value, err)
		}
		out = append(out, x)
	}
	return out, nil
}

func prefixLength(s string, of netip.Prefix) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "/"))
	if err == nil && (!strings.HasPrefix(s, "/") || n < of.Bits() || n > of.Addr().BitLen()) {
		err = fmt.Errorf("%q is no prefix length here", s)
	}
	return n, err
}

func (x *prefixRange) contains(p netip.Prefix) bool {
	return x.prefix.Bits() <= p.Bits() && x.prefix.Contains(p.Addr())
}

func (x *prefixRange) matches(p netip.Prefix) bool {
	if x.mask.IsValid() {
		return p.Bits() == x.prefix.Bits() && masked(p.Addr(), x.mask) == masked(x.prefix.Addr(), x.mask)
	}
	if !x.contains(p) || p.Bits() < x.low || p.Bits() > x.high {
		return false
	}
	return !x.through.IsValid() || p.Contains(x.through.Addr())
}

func masked(a, mask netip.Addr) netip.Addr {
	b, m := a.AsSlice(), mask.AsSlice()
	if len(b) != len(m) {
		return netip.Addr{}
	}
	for i := range b {
		b[i] &= m[i]
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

// filterList is route filters that are asked together.
type filterList []prefixRange

// matches is the vendor's longest-match rule. What it means for through and address-mask is not said, so beside them both
// readings must agree.
func (l filterList) matches(p netip.Prefix) Answer {
	if l.twoReadings() {
		return agree(l.longest(p), l.any(p))
	}
	return l.longest(p)
}

func (l filterList) twoReadings() bool {
	return slices.ContainsFunc(l, func(x prefixRange) bool { return x.through.IsValid() || x.mask.IsValid() })
}

// longest: of the entries that contain the prefix only those with the longest prefix of their own decide.
func (l filterList) longest(p netip.Prefix) Answer {
	best, found := -1, false
	for i := range l {
		x := &l[i]
		if !x.contains(p) && !x.mask.IsValid() || x.prefix.Bits() < best {
			continue
		}
		if x.prefix.Bits() > best {
			best, found = x.prefix.Bits(), false
		}
		found = found || x.matches(p)
	}
	return answer(found)
}

func (l filterList) any(p netip.Prefix) Answer {
	return answer(slices.ContainsFunc(l, func(x prefixRange) bool { return x.matches(p) }))
}
