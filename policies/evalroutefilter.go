package policies

import (
	"net/netip"
	"slices"
	"strings"
)

// evalAction is what a term does, or what one of its route-filters does in its place.
type evalAction struct {
	then    PolicyAction
	metric2 *NumberAction
	did     []string
	strange []unknownStatement
}

// besides are actions that change neither the verdict nor what a Route holds.
var besides = []string{
	"trace", "install-nexthop", "forwarding-class", "source-class", "destination-class", "map-to-interface",
	"cos-next-hop-map", "color", "color2", "priority", "class",
}

func (a *evalAction) read(w []string) (bool, error) {
	if slices.Contains(besides, w[0]) {
		a.did = append(a.did, words(w))
		return true, nil
	}
	if w[0] != "metric2" {
		return a.then.read(w)
	}
	set := &NumberAction{}
	if len(w) == 3 && (w[1] == "add" || w[1] == "subtract") {
		set.Op = w[1]
	} else if len(w) != 2 {
		return false, nil
	}
	n, err := number(w[len(w)-1])
	set.Value, a.metric2 = n, set
	a.did = append(a.did, words(w))
	return true, err
}

// finish writes down what the action does, once all of it is read.
func (a *evalAction) finish() {
	w := &writer{}
	a.then.write(w)
	a.did = append(writtenLines(w), a.did...)
}

// routeReader reads the statements of a policy's term.
type routeReader struct {
	e          *Evaluator
	term       *evalPolicyTerm
	to         toMatch
	conditions []string
	more       []routeTest // conditions that PolicyMatch has no field for
}

func (r *routeReader) read(w []string) (bool, error) {
	if len(w) < 2 {
		return false, nil
	}
	rest := w[1:]
	switch w[0] {
	case "then":
		return r.term.read(rest)
	case "to":
		return r.to.read(rest), nil
	case "from":
	default:
		return false, nil
	}
	if len(rest) == 2 && rest[0] == "condition" {
		r.conditions = append(r.conditions, rest[1])
		return true, nil
	}
	if x, ok := r.e.moreTest(rest); ok {
		r.more = append(r.more, x)
		return true, nil
	}
	if n := routeFilterWords(rest); n > 0 && len(rest) > n {
		return r.readInline(rest[:n], rest[n:])
	}
	return r.term.match.read(rest)
}

// moreTest knows the conditions that PolicyMatch has no field for.
func (e *Evaluator) moreTest(w []string) (routeTest, bool) {
	if len(w) != 2 {
		return routeTest{}, false
	}
	switch w[0] {
	case "metric2":
		n, err := number(w[1])
		return numberTest("metric2", []uint32{n}), err == nil
	case "as-path-group":
		names, ok := e.asGroups[w[1]]
		if !ok {
			return unknownRoute(words(w), "it is not defined"), true
		}
		return e.pathTest(words(w), names), true
	}
	return routeTest{}, false
}

// routeFilterWords gives how many words say what a route-filter takes; behind them stands what it does. 0: it is none.
func routeFilterWords(w []string) int {
	if len(w) < 3 || w[0] != "route-filter" {
		return 0
	}
	switch takes, ok := Modifier(w[2]).takesValue(); {
	case !ok:
		return 0
	case takes:
		return 4
	}
	return 3
}

// readInline reads one action of a route-filter, `route-filter 10.0.0.0/8 exact accept` or one of those in its braces.
func (r *routeReader) readInline(filter, action []string) (bool, error) {
	t := r.term
	one := &PolicyMatch{}
	if ok, err := one.readRouteFilter(filter[1:]); !ok || err != nil {
		return ok, err
	}
	i := slices.Index(t.match.RouteFilters, one.RouteFilters[0])
	if i < 0 {
		i = len(t.match.RouteFilters)
		t.match.RouteFilters = append(t.match.RouteFilters, one.RouteFilters[0])
	}
	for len(t.inline) <= i {
		t.inline = append(t.inline, nil)
	}
	if t.inline[i] == nil {
		t.inline[i] = &evalAction{}
	}
	if ok, err := t.inline[i].read(action); !ok || err != nil {
		u := unknownStatement{words: join(filter, action...)}
		if err != nil {
			u.reason = err.Error()
		}
		t.inline[i].strange = append(t.inline[i].strange, u)
	}
	return true, nil
}

// finish makes the term ready to be asked. A policy as a condition stays the last, since it may change the route.
func (r *routeReader) finish() {
	t := r.term
	t.evalAction.finish()
	for _, a := range t.inline {
		if a != nil {
			a.finish()
		}
	}
	t.tests = r.e.routeTests(&t.match)
	more := append(r.more, r.to.tests()...)
	if len(r.conditions) > 0 {
		more = append(more, r.e.conditionTest(r.conditions))
	}
	at := len(t.tests)
	if len(t.match.Policy) > 0 {
		at--
	}
	t.tests = slices.Insert(t.tests, at, more...)
	if len(t.inline) > 0 {
		t.routes, _ = compileRouteFilters(t.match.RouteFilters) // an error is told by the condition
		for len(t.inline) < len(t.routes) {
			t.inline = append(t.inline, nil)
		}
	}
}

// action gives what the term does with a route that it matches, and why that is not known. What a route-filter says itself
// is done at once and the term's then is not looked at (Juniper, Policy Framework Configuration Guide: "Configuring Route
// Lists for Use in Routing Policy Match Conditions").
func (t *evalPolicyTerm) action(p netip.Prefix) (act *evalAction, unknown string) {
	act = &t.evalAction
	if len(t.inline) > 0 {
		found := t.routes.deciding(p)
		for n, i := range found {
			one := t.inline[i]
			if one == nil {
				one = &t.evalAction
			}
			if n > 0 && !slices.Equal(one.did, act.did) {
				return nil, "several route-filters take " + p.String() + " and do not do the same"
			}
			act = one
		}
	}
	if len(act.strange) > 0 {
		return nil, act.strange[0].String() + ": no semantics here"
	}
	return act, ""
}

// deciding gives the entries that take a prefix: of those with the longest prefix of their own, or all that may be meant
// where the vendor leaves two readings.
func (l filterList) deciding(p netip.Prefix) []int {
	var out []int
	best := -1
	both := l.twoReadings()
	for i := range l {
		if !l[i].matches(p) {
			continue
		}
		if bits := l[i].prefix.Bits(); !both && bits != best {
			if bits < best {
				continue
			}
			best, out = bits, nil
		}
		out = append(out, i)
	}
	return out
}

// toMatch is `to`: where the route goes.
type toMatch struct{ protocol, neighbor, rib, level []string }

func (m *toMatch) fields() []field[[]string] {
	return []field[[]string]{{"protocol", &m.protocol}, {"neighbor", &m.neighbor}, {"rib", &m.rib}, {"level", &m.level}}
}

func (m *toMatch) read(w []string) bool {
	for _, x := range m.fields() {
		if len(w) == 2 && w[0] == x.key {
			*x.value = append(*x.value, w[1])
			return true
		}
	}
	return false
}

func (m *toMatch) tests() []routeTest {
	var out []routeTest
	for _, x := range m.fields() {
		if len(*x.value) > 0 {
			out = append(out, toTest(x.key, *x.value))
		}
	}
	return out
}

// toTest compares where policies are applied. Of an imported route only the table and the level say something: the
// protocol and the neighbor are those that it is advertised to (Juniper, Policy Framework Configuration Guide: "Routing
// Policy Match Conditions", column "to Statement Description").
func toTest(key string, values []string) routeTest {
	return routeTest{text: "to " + listed(key, values), test: func(r *policyRun) (Answer, func() string) {
		have := r.destination(key)
		if have == "" {
			return Unknown, said("where the policy is applied does not say its " + key)
		}
		found := slices.ContainsFunc(values, func(v string) bool {
			a, err := netip.ParseAddr(v)
			return v == have || key == "neighbor" && err == nil && a.String() == have ||
				key == "protocol" && v == "ospf" && strings.HasPrefix(have, "ospf")
		})
		return answer(found), said(have)
	}}
}

// destination gives where a route goes; empty: it is not known.
func (r *policyRun) destination(key string) string {
	export := r.context.Direction == "export"
	switch p := r.context.Protocol; {
	case key == "rib":
		return r.context.RIB
	case key == "level":
		return r.context.Level
	case !export || p == "vrf" || p == "forwarding-table":
		return ""
	case key == "neighbor" && r.route.Neighbor.IsValid():
		return r.route.Neighbor.String()
	case key == "protocol" && p == "ospf": // the statement is for version 2 alone
		return "ospf2"
	case key == "protocol":
		return p
	}
	return ""
}
