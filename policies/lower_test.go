package policies_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rhapsode/policies"
)

func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		condition string
		family    policies.Family
		values    policies.Values
		want      string // ranges and any, or what the error says
	}{
		{"dscp", policies.Inet, policies.OneOf("ef", "cs1-cs2"), "[{46 46} {8 16}] false"},
		{"traffic-class", policies.Inet6, policies.OneOf("af11"), "[{10 10}] false"},
		{"icmp-code", policies.Inet6, policies.OneOf("port-unreachable"), "[{4 4}] false"},
		{"icmp-code", policies.Inet, policies.OneOf("port-unreachable"), "[{3 3}] false"},
		{"ip-options", policies.Inet, policies.OneOf("any", "route-record"), "[{7 7}] true"},
		{"extension-header", policies.Inet6, policies.OneOf("fragment"), "[{44 44}] false"},
		{"port", policies.Inet, policies.OneOf("bgp", "8000-8010"), "[{179 179} {8000 8010}] false"},
		{"protocol", policies.Inet, policies.OneOf("any"), `read protocol: "any" is no name`},
		{"dscp", policies.Inet, policies.OneOf("64"), `read dscp: "64" is no name or number up to 63`},
		{"forwarding-class", policies.Inet, policies.OneOf("gold"), "read forwarding-class: its values are no numbers"},
	} {
		list, anyOf, err := tt.values.Numbers(tt.condition, tt.family)
		got := fmt.Sprint(list, " ", anyOf)
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s %v: %s, want %s", tt.condition, tt.values.List, got, tt.want)
		}
	}
}

// TestMatchingBits holds the list of values against what the evaluator says to each of them.
func TestMatchingBits(t *testing.T) {
	for _, x := range []string{"syn", "(syn & !ack)", "rst | fin", "!(syn , fin) + urgent", "0x10", "!syn & syn"} {
		e := evaluator(t, fmt.Sprintf("firewall { family inet { filter F { term a { from { tcp-flags %q; } then accept; } } } }", x))
		values, err := policies.MatchingBits("tcp-flags", x)
		if err != nil {
			t.Fatal(err)
		}
		for bits := range uint32(64) {
			p := &policies.Packet{
				Source: pool4[1].Addr(), Destination: pool4[1].Addr(), Protocol: policies.Known(6), TCPFlags: policies.Known(bits),
			}
			r, err := e.Filter(policies.Inet, "F", p)
			if err != nil || slices.Contains(values, bits) != (r.Verdict == policies.Accept) {
				t.Errorf("%s: of %06b: in %v, evaluated to %s %v", x, bits, values, r.String(), err)
			}
		}
	}
	if got, err := policies.MatchingBits("fragment-flags", "more-fragments & !dont-fragment"); err != nil || !slices.Equal(got, []uint32{2, 10}) {
		t.Errorf("fragment-flags: %v %v", got, err)
	}
	if _, err := policies.MatchingBits("tcp-flags", "syn & nothing"); err == nil {
		t.Error("an expression with a flag that there is not has values")
	}
}

func TestPrefixes(t *testing.T) {
	e := evaluator(t, `policy-options { prefix-list L { 10.0.0.0/8; apply-path "interfaces <*> unit <*> family inet address <*>"; } }
		interfaces { ge-0/0/0 { unit 0 { family inet { address 192.0.2.1/31; } } } inactive: ge-0/0/1 { unit 0 { family inet { address 192.0.2.9/31; } } } }`)
	if got, err := e.Prefixes("L"); err != nil || fmt.Sprint(got) != "[10.0.0.0/8 192.0.2.0/31]" {
		t.Errorf("%v %v", got, err)
	}
	if _, err := e.Prefixes("M"); err == nil || err.Error() != "read prefix-list: M is not defined" {
		t.Errorf("%v", err)
	}
}
