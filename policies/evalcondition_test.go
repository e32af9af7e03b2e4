package policies_test

import (
	"net/netip"
	"strings"
	"testing"

	"rhapsode/policies"
)

const conditioned = `
policy-options {
    condition up { if-route-exists { 10.0.0.0/8; table inet.0; } }
    condition flat { if-route-exists { 192.0.2.0/24; table up.inet.0; } }
    condition strange { if-route-exists { 192.0.2.0/24; table inet.0; } route-active-on node0; }
    condition bare { if-route-exists { 192.0.2.0/24; } }
    policy-statement P { term a { from condition up; then accept; } then reject; }
    policy-statement Q { term a { from condition flat; then accept; } then reject; }
    policy-statement S { term a { from condition strange; then accept; } then reject; }
    policy-statement B { term a { from condition bare; then accept; } then reject; }
    policy-statement R { term a { from protocol bgp; to rib inet.2; then accept; } then reject; }
}`

// TestConditions asks conditions on routing tables that the caller gives, and does not give.
func TestConditions(t *testing.T) {
	e := evaluator(t, conditioned)
	e.Routes = map[string][]netip.Prefix{"inet.0": prefixes("10.0.0.0/8 10.1.0.0/16")}
	with := evaluator(t, conditioned)
	with.Routes = map[string][]netip.Prefix{"inet.0": prefixes("10.1.0.0/16"), "up.inet.0": prefixes("192.0.2.0/24")}
	for _, c := range []struct {
		e                            *policies.Evaluator
		policy, protocol, dir, table string
		want                         string
	}{
		{e, "P", "bgp", "export", "", "accept"},
		{with, "P", "bgp", "export", "", "reject"},
		{e, "P", "bgp", "import", "", "a condition is asked in export policies of BGP only"},
		{e, "P", "ospf", "export", "", "a condition is asked in export policies of BGP only"},
		{e, "Q", "bgp", "export", "", "the routes of up.inet.0 are not given"},
		{with, "Q", "bgp", "export", "", "accept"},
		{e, "S", "bgp", "export", "", "route-active-on node0: no semantics here"},
		{e, "B", "bgp", "export", "", "it names no route of a table"},
		{e, "R", "bgp", "import", "", "where the policy is applied does not say its rib"},
		{e, "R", "bgp", "import", "inet.2", "accept"},
		{e, "R", "bgp", "import", "inet.0", "reject"},
	} {
		context := policies.PolicyContext{Protocol: c.protocol, Direction: c.dir, RIB: c.table}
		r, err := c.e.Policy([]string{c.policy}, policies.Route{Prefix: netip.MustParsePrefix("203.0.113.0/24"), Protocol: "bgp"}, context)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.String(); got != c.want && (r.Unknown == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s as %s into %q: %s, want %s", c.policy, context, c.table, got, c.want)
		}
	}
}
