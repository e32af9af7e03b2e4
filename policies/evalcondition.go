package policies

import (
	"net/netip"
	"slices"

	"rhapsode/diffs/junos"
)

// evalCondition is `policy-options condition NAME` with if-route-exists: a route of a table.
type evalCondition struct {
	prefix  netip.Prefix
	table   string
	unknown string // why it is not understood; empty: it is
}

func compileCondition(n *junos.Node) *evalCondition {
	c := &evalCondition{}
	for _, u := range readStatements(n, func(w []string) (bool, error) {
		if len(w) < 2 || w[0] != "if-route-exists" {
			return false, nil
		}
		w = w[1:]
		if w[0] != "table" && !c.prefix.IsValid() {
			p, err := parsePrefix(w[0])
			if err != nil {
				return false, err
			}
			c.prefix, w = p.Masked(), w[1:]
		}
		if len(w) == 2 && w[0] == "table" {
			c.table, w = w[1], nil
		}
		return len(w) == 0, nil
	}) {
		c.unknown = u.String() + ": no semantics here"
	}
	if c.unknown == "" && (!c.prefix.IsValid() || c.table == "") {
		c.unknown = "it names no route of a table"
	}
	return c
}

// conditionTest is `from condition`. Conditions are for the export policies of BGP; what an import policy makes of them is
// not known (Juniper, "Configuring Routing Policy Match Conditions Based on Routing Table Entries"; "Conditional
// Advertisement and Import Policy (Routing Table) with certain match conditions").
func (e *Evaluator) conditionTest(names []string) routeTest {
	text := listed("condition", names)
	if len(names) > 1 {
		return unknownRoute(text, "several conditions have no semantics here")
	}
	c := e.conditions[names[0]]
	switch {
	case c == nil:
		return unknownRoute(text, "it is not defined")
	case c.unknown != "":
		return unknownRoute(text, c.unknown)
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		if r.context.Protocol != "bgp" || r.context.Direction != "export" {
			return Unknown, said("a condition is asked in export policies of BGP only")
		}
		routes, ok := e.Routes[c.table]
		if !ok {
			return Unknown, said("the routes of " + c.table + " are not given")
		}
		if slices.Contains(routes, c.prefix) {
			return Yes, said(c.table + " has " + c.prefix.String())
		}
		return No, said(c.table + " has no " + c.prefix.String())
	}}
}
