package policies_test

import (
	"net/netip"
	"strings"
	"testing"

	"rhapsode/policies"
)

func TestValidate(t *testing.T) {
	four, six := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::1/128")
	term := func(f policies.FilterTerm) policies.Object {
		f.Name = "T"
		return &policies.Filter{Name: "F", Family: policies.Inet, Terms: []*policies.FilterTerm{&f}}
	}
	policy := func(p policies.PolicyTerm) policies.Object {
		p.Name = "T"
		return &policies.PolicyStatement{Name: "P", Terms: []*policies.PolicyTerm{&p}}
	}
	for _, c := range []struct {
		name   string
		object policies.Object
		want   string
	}{
		{"no name", &policies.Filter{}, "check filter: it has no name"},
		{"name with a brace", &policies.Filter{Name: "a{"}, `check filter "a{": the name holds`},
		{"no family", &policies.Filter{Name: "F", Family: "mpls"}, `no family "mpls"`},
		{"same term twice", &policies.Filter{Name: "F", Terms: []*policies.FilterTerm{{Name: "A"}, {Name: "A"}}}, "two terms A"},
		{"call and more", term(policies.FilterTerm{Call: "G", Then: policies.FilterAction{Verdict: policies.Accept}}), "it calls filter G, so it may hold"},
		{"divert and accept", term(policies.FilterTerm{Then: policies.FilterAction{NextIP: four, Verdict: policies.Accept}}), "accept stands beside"},
		{"next hop of the other family", term(policies.FilterTerm{Then: policies.FilterAction{NextIP6: six}}), "the other family"},
		{"next hop is a network", term(policies.FilterTerm{Then: policies.FilterAction{NextIP: netip.MustParsePrefix("192.0.2.0/24")}}), "not one host"},
		{"address of the other family", term(policies.FilterTerm{From: policies.FilterMatch{Address: []policies.AddressMatch{{Prefix: six}}}}), "not of family inet"},
		{"misspelt protocol", term(policies.FilterTerm{From: policies.FilterMatch{Protocol: policies.OneOf("icpm")}}), `"icpm" is no name or number up to 255 here (did you mean icmp?)`},
		{"next policy", term(policies.FilterTerm{Then: policies.FilterAction{Verdict: policies.NextPolicy}}), "knows no next policy"},
		{"reject type alone", term(policies.FilterTerm{Then: policies.FilterAction{RejectType: "tcp-reset"}}), "a reject type without reject"},
		{"comment", &policies.Filter{Name: "F", Comment: "a */ b"}, "the comment holds */"},
		{"discard in a policy", policy(policies.PolicyTerm{Then: policies.PolicyAction{Verdict: policies.Discard}}), "it knows no discard"},
		{"route-filter", policy(policies.PolicyTerm{From: policies.PolicyMatch{RouteFilters: []policies.RouteFilter{{Prefix: four, Modifier: policies.UpTo}}}}), "not a prefix and a modifier"},
		{"prefix-list-filter", policy(policies.PolicyTerm{From: policies.PolicyMatch{PrefixListFilters: []policies.PrefixListFilter{{Name: "L", Modifier: policies.UpTo}}}}), "want exact, longer or orlonger"},
		{"community", policy(policies.PolicyTerm{Then: policies.PolicyAction{Community: []policies.CommunityAction{{Op: "remove", Name: "C"}}}}), "want add, set or delete"},
		{"default-action", policy(policies.PolicyTerm{Then: policies.PolicyAction{DefaultAction: policies.NextTerm}}), "want accept or reject"},
		{"marked final", &policies.PolicyStatement{Name: "P", Final: policies.PolicyTerm{Name: "x"}}, "have no name"},
		{"host bits", &policies.PrefixList{Name: "L", Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}}, "is no prefix (want 192.0.2.0/24)"},
		{"no members", &policies.Community{Name: "C"}, "no members"},
		{"no expression", &policies.ASPath{Name: "A"}, "no expression"},
	} {
		err := c.object.Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n got: %v\nwant: … %s …", c.name, err, c.want)
		}
		if _, err := c.object.ToConfig(); err == nil {
			t.Errorf("%s: ToConfig takes what Validate refuses", c.name)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		condition string
		family    policies.Family
		value     string
		want      policies.Range
		bad       bool
	}{
		{"protocol", policies.Inet, "icmp", policies.Range{Lo: 1, Hi: 1}, false},
		{"next-header", policies.Inet6, "icmp6", policies.Range{Lo: 58, Hi: 58}, false},
		{"icmp-type", policies.Inet, "echo-request", policies.Range{Lo: 8, Hi: 8}, false},
		{"icmp-type", policies.Inet6, "echo-request", policies.Range{Lo: 128, Hi: 128}, false},
		{"port", policies.Inet, "bgp", policies.Range{Lo: 179, Hi: 179}, false},
		{"port", policies.Inet, "ftp-data", policies.Range{Lo: 20, Hi: 20}, false},
		{"port", policies.Inet, "ftp-data-ssh", policies.Range{Lo: 20, Hi: 22}, false},
		{"port", policies.Inet, "1024-65535", policies.Range{Lo: 1024, Hi: 65535}, false},
		{"port", policies.Inet, "65536", policies.Range{}, true},
		{"port", policies.Inet, "9-1", policies.Range{}, true},
		{"port", policies.Inet, "-", policies.Range{}, true},
		{"port", policies.Inet, "+1", policies.Range{}, true},
		{"fragment-offset", policies.Inet, "1-8191", policies.Range{Lo: 1, Hi: 8191}, false},
		{"fragment-offset", policies.Inet, "8192", policies.Range{}, true},
		{"hop-limit", policies.Inet6, "255", policies.Range{Lo: 255, Hi: 255}, false},
	} {
		got, ok, err := policies.OneOf(c.value).Ranges(c.condition, c.family)
		if !ok || (err != nil) != c.bad || err == nil && (len(got) != 1 || got[0] != c.want) {
			t.Errorf("%s %s: got %v %v %v, want %v", c.condition, c.value, got, ok, err, c.want)
		}
	}
	if _, ok, err := policies.OneOf("af11").Ranges("dscp", policies.Inet); ok || err != nil {
		t.Errorf("dscp is not numbered here: %v %v", ok, err)
	}
	if r := (policies.Range{Lo: 2, Hi: 4}); r.Contains(1) || !r.Contains(2) || !r.Contains(4) || r.Contains(5) {
		t.Error("a range is inclusive")
	}
}
