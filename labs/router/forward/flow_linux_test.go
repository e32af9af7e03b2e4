package forward_test

import (
	"net/netip"
	"strings"
	"testing"

	"rhapsode/labs/router/forward"
	"rhapsode/policies"
)

func address(p string) []policies.AddressMatch {
	return []policies.AddressMatch{{Prefix: netip.MustParsePrefix(p)}}
}

// TestRootFlows: flow routes redirect, discard and limit what comes in by any interface but those that are excepted, after
// the interface's filter, and count.
func TestRootFlows(t *testing.T) {
	l := newLab(t)
	config := read(t, filtersOf("filter F { term a { from { source-port 6; } then { count f; discard; } } term b { then accept; } }"))
	to1 := address("203.0.113.1/32")
	flows := []forward.Flow{
		{
			Family: policies.Inet, Name: "203.0.113.1,*,proto=1,icmp-type=8",
			Match: []policies.FilterMatch{{DestinationAddress: to1, Protocol: policies.OneOf("1"), ICMPType: policies.OneOf("8")}},
			Then:  policies.FilterAction{NextIP: netip.PrefixFrom(nextHop4, 32)},
		},
		{
			Family: policies.Inet, Name: "203.0.113.1,*,frag:02", // any fragment
			Match: []policies.FilterMatch{{DestinationAddress: to1, IsFragment: true}, {DestinationAddress: to1, FirstFragment: true}},
			Then:  policies.FilterAction{Verdict: policies.Discard},
		},
		{
			Family: policies.Inet, Name: "203.0.113.1,*,proto=6",
			Match: []policies.FilterMatch{{DestinationAddress: to1, Protocol: policies.OneOf("6")}},
			Then:  policies.FilterAction{Verdict: policies.NextTerm},
		},
		{
			Family: policies.Inet, Name: "203.0.113.1,*,dstport=80", Limited: true,
			Match: []policies.FilterMatch{{DestinationAddress: to1, DestinationPort: policies.OneOf("80")}},
		},
		{
			Family: policies.Inet, Name: "203.0.113.1,*,dstport=81", Limited: true, LimitBytesPerSec: 1000,
			Match: []policies.FilterMatch{{DestinationAddress: to1, DestinationPort: policies.OneOf("81")}},
		},
	}
	rules := func(except ...string) *forward.RuleSet {
		r, err := forward.CompileFilters(forward.Filters{Config: config, Device: wired, Table: instances, Flows: flows, FlowExcept: except})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if _, err := l.kernel.Apply(rules()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ packet, fate string }{
		{echo, "alt0 forwarded"},
		{"icmp echo-request from 198.51.100.7 to 203.0.113.2", "out0 forwarded"},
		{"icmp echo-reply from 198.51.100.7 to 203.0.113.1", "out0 forwarded"},
		{"udp from 198.51.100.7 to 203.0.113.1 fragment-offset=8", ""},
		{"udp 198.51.100.7:5 > 203.0.113.1:7 first-fragment", ""},
		{"tcp 198.51.100.7:5 > 203.0.113.1:80 syn", ""},
		{"tcp 198.51.100.7:5 > 203.0.113.1:443 syn", "out0 forwarded"},
		{"tcp 198.51.100.7:6 > 203.0.113.1:80 syn", ""}, // the interface's filter is asked first
	} {
		if got := l.sends(t, tt.packet); got != tt.fate {
			t.Errorf("%s: %q, want %q", tt.packet, got, tt.fate)
		}
	}
	passed := 0
	for range 40 {
		if l.sends(t, "tcp 198.51.100.7:5 > 203.0.113.1:81 syn length=1000") == "out0 forwarded" {
			passed++
		}
	}
	if passed < 15 || passed > 30 { // a burst of 15000 bytes, and some seconds of a busy machine
		t.Errorf("of 40 packets %d were within the limit", passed)
	}
	const name = "__flowspec_default_inet__ 203.0.113.1,*,"
	want := []string{
		"F f 1", name + "dstport=80 1", name + "dstport=81 40", name + "frag:02 2", name + "proto=1,icmp-type=8 1", name + "proto=6 42",
	}
	if got := l.holds(t); got != strings.Join(want, ", ") {
		t.Errorf("counters hold\n%s, want\n%s", got, strings.Join(want, ", "))
	}
	if changed, err := l.kernel.Apply(rules("ge-0/0/0.0")); err != nil || changed != (forward.Changed{Chains: 1}) {
		t.Errorf("an exception changes %+v %v", changed, err)
	}
	if got := l.sends(t, echo); got != "out0 forwarded" {
		t.Errorf("by an interface that is excepted: %q", got)
	}
	flows = nil
	if _, err := l.kernel.Apply(rules()); err != nil || l.sends(t, echo) != "out0 forwarded" || l.holds(t) != "F f 1" {
		t.Errorf("without flow routes: %v, counters %s", err, l.holds(t))
	}
}
