package policies_test

import (
	"slices"
	"strings"
	"testing"

	"rhapsode/policies"
)

// simple gives a match with few conditions, so that terms often lie in one another.
func (c chance) simple(f policies.Family) policies.FilterMatch {
	full := c.filterMatch(f)
	var m policies.FilterMatch
	for range c.IntN(3) {
		switch c.IntN(7) {
		case 0:
			m.SourceAddress, m.SourcePrefixList = full.SourceAddress, full.SourcePrefixList
		case 1:
			m.DestinationAddress = full.DestinationAddress
		case 2:
			m.Protocol, m.NextHeader, m.PayloadProtocol = full.Protocol, full.NextHeader, full.PayloadProtocol
		case 3:
			m.Port, m.DestinationPort = full.Port, full.DestinationPort
		case 4:
			m.IsFragment, m.FirstFragment, m.FragmentOffset = full.IsFragment, full.FirstFragment, full.FragmentOffset
		case 5:
			m.TCPFlags, m.TCPEstablished = full.TCPFlags, full.TCPEstablished
		case 6:
			m.Address, m.ICMPType = full.Address, full.ICMPType
		}
	}
	return m
}

// claimsHold checks what Check says about terms of random filters: no packet that a shadowed term matches comes to it,
// and without a redundant one every packet meets the same fate. It gives how many claims of each kind there were.
func claimsHold(t *testing.T, seed uint64) (shadowed, redundant int) {
	t.Helper()
	c := newChance(seed)
	f := pick(c, []policies.Family{policies.Inet, policies.Inet6})
	s := c.filters(f)
	for _, x := range s.Filters {
		for _, term := range x.Terms {
			if term.Call == "" {
				term.From = c.simple(f)
			}
			if term.Call == "" && !c.in(4) {
				term.Then = policies.FilterAction{Verdict: pick(c, []policies.Verdict{policies.Accept, policies.Discard})}
			}
		}
	}
	outer := s.Filter("outer")
	if last := outer.Terms[len(outer.Terms)-1]; last != outer.Terms[0] && last.Call == "" && outer.Terms[0].Call == "" {
		outer.Terms[0].From, outer.Terms[0].Then = last.From, last.Then // it may be redundant for the last
		outer.Terms[0].From.TTL = policies.OneOf("1-64")
	}
	tree, err := rebuild(t, s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range policies.Check(tree) {
		i := slices.Index(found.Path, "term")
		if i < 0 || found.Path[i-1] != "outer" {
			continue
		}
		term := found.Path[i+1]
		switch {
		case strings.Contains(found.Message, "changes nothing"):
			redundant++
			without := *outer
			without.Terms = slices.DeleteFunc(slices.Clone(outer.Terms), func(x *policies.FilterTerm) bool { return x.Name == term })
			rest := *s
			rest.Filters = []*policies.Filter{s.Filter("inner"), &without}
			tree, err := rebuild(t, &rest)
			if err != nil {
				t.Fatal(err)
			}
			e2, err := policies.NewEvaluator(tree)
			if err != nil {
				t.Fatal(err)
			}
			sameFate(t, c, f, e, e2, found)
		case strings.HasPrefix(found.Message, "no packet"):
			shadowed++
			neverReached(t, c, f, e, term, found)
		}
	}
	return shadowed, redundant
}

func neverReached(t *testing.T, c chance, f policies.Family, e *policies.Evaluator, term string, found policies.Finding) {
	t.Helper()
	for range 200 {
		p := c.packet(f)
		r, err := e.TraceFilter(f, []string{"outer"}, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Steps {
			if s.Match == policies.Unknown {
				break // from here on the trace supposes
			}
			if s.Object == "outer" && s.Term == term && s.Match == policies.Yes {
				t.Fatalf("%s\nbut %s gets there", found, p)
			}
		}
	}
	if _, such, ok := strings.Cut(found.Message, ", such as "); ok {
		p, err := policies.ParsePacket(such)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := e.Filter(f, "outer", p); err != nil || r.Unknown != "" || r.Filter == "outer" && r.Term == term {
			t.Fatalf("%s\nbut the example ends in %s %s %v", found, r.Term, r.String(), err)
		}
	}
}

func sameFate(t *testing.T, c chance, f policies.Family, a, b *policies.Evaluator, found policies.Finding) {
	t.Helper()
	for range 200 {
		p := c.packet(f)
		one, err := a.Filter(f, "outer", p)
		if err != nil {
			t.Fatal(err)
		}
		two, err := b.Filter(f, "outer", p)
		if err != nil {
			t.Fatal(err)
		}
		if one.Unknown == "" && two.Unknown == "" && !one.Same(&two) {
			t.Fatalf("%s\nbut without it %s meets %s, not %s", found, p, two.String(), one.String())
		}
	}
}

func TestClaimsHold(t *testing.T) {
	shadowed, redundant := 0, 0
	for seed := range uint64(400) {
		s, r := claimsHold(t, seed)
		shadowed, redundant = shadowed+s, redundant+r
	}
	if shadowed < 50 || redundant < 10 {
		t.Errorf("only %d shadowed and %d redundant terms in 400 filters", shadowed, redundant)
	}
	t.Logf("%d shadowed, %d redundant", shadowed, redundant)
}

func FuzzClaimsHold(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { claimsHold(t, seed) })
}

// policyClaimsHold is claimsHold for policies.
func policyClaimsHold(t *testing.T, seed uint64) (shadowed int) {
	t.Helper()
	c := newChance(seed)
	s := c.policies()
	for _, p := range s.Policies {
		for _, term := range p.Terms {
			full := term.From
			term.From = policies.PolicyMatch{}
			switch c.IntN(5) {
			case 0:
				term.From.RouteFilters = full.RouteFilters
			case 1:
				term.From.Protocol, term.From.RouteFilters = full.Protocol, full.RouteFilters
			case 2:
				term.From.Family = full.Family
			case 3:
				term.From = full
			}
		}
	}
	tree, err := rebuild(t, s)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policies.NewEvaluator(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range policies.Check(tree) {
		if !strings.HasPrefix(found.Message, "no route") {
			continue
		}
		shadowed++
		term := ""
		if len(found.Path) == 5 {
			term = found.Path[4]
		}
		for range 100 {
			route := c.route()
			r, err := e.TracePolicy([]string{found.Path[2]}, route, policies.PolicyContext{})
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range r.Steps {
				if step.Match == policies.Unknown {
					break // from here on the trace supposes
				}
				if step.Term == term && step.Match == policies.Yes {
					t.Fatalf("seed %d: %s\nbut %s gets there", seed, found, &route)
				}
			}
		}
	}
	return shadowed
}

func TestPolicyClaimsHold(t *testing.T) {
	shadowed := 0
	for seed := range uint64(200) {
		shadowed += policyClaimsHold(t, seed)
	}
	if shadowed < 50 {
		t.Errorf("only %d shadowed terms in 200 pairs of policies", shadowed)
	}
	t.Logf("%d shadowed", shadowed)
}

func FuzzPolicyClaimsHold(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { policyClaimsHold(t, seed) })
}
