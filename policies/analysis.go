package policies

import (
	"slices"
	"strings"
)

// terms looks for terms of filters and policies that nothing reaches, that match nothing, or that change nothing. It
// reports what is proven, and nothing else.
func (c *checker) terms() {
	e, err := NewEvaluator(c.tree)
	if err != nil {
		c.add(SeverityInfo, []string{"apply-groups"}, "", "terms are not checked further: %v", err)
		return
	}
	objects := make([]object, 0, len(e.filters))
	for o := range e.filters {
		objects = append(objects, o)
	}
	slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.String(), b.String()) })
	for _, o := range objects {
		f := e.filters[o]
		x := &regions{e: e, family: f.family, interfaces: map[string]uint32{}}
		x.check(c, f)
	}
	for _, name := range e.Policies() {
		c.policyTerms(e.policies[name])
	}
}

// regionTerm is a term with what it takes.
type regionTerm struct {
	*evalTerm
	region region
	exact  bool
	taken  region // what surely does not go on behind it
}

func (x *regions) check(c *checker, f *evalFilter) {
	var terms []regionTerm
	for _, t := range f.terms {
		n := regionTerm{evalTerm: t}
		n.region, n.exact = x.of(t)
		n.taken = x.taken(t, []*evalFilter{f})
		terms = append(terms, n)
	}
	for i := range terms {
		path := join(f.path, "term", terms[i].name)
		if len(terms[i].region) == 0 {
			c.add(SeverityWarning, path, "correct its conditions or remove it", "no packet matches it: its conditions exclude each other")
			continue
		}
		if by := shadowedBy(terms[:i], &terms[i]); len(by) > 0 {
			such := x.such(f, terms[i].region, func(r *FilterResult) bool { return r.Filter != f.name || before(terms[:i], r.Term) }, terms[i].evalTerm)
			c.add(SeverityWarning, path, "move it before "+by[0]+" or remove it", "no packet gets here: %s%s", takesThemAll(by), such)
			continue
		}
		if by := redundantFor(terms, i); len(by) > 0 {
			such := x.such(f, terms[i].region, func(r *FilterResult) bool { return r.Filter == f.name && r.Term == terms[i].name }, terms[i].evalTerm)
			c.add(SeverityInfo, path, "remove it", "it changes nothing: what it takes meets the same in %s%s", termNames(by), such)
		}
	}
}

func before(terms []regionTerm, name string) bool {
	return slices.ContainsFunc(terms, func(t regionTerm) bool { return t.name == name })
}

// taken gives what a term ends for certain: its region if that is exact and its action ends the way; of a nested
// filter, what its terms end.
func (x *regions) taken(t *evalTerm, inside []*evalFilter) region {
	switch {
	case len(t.strange) > 0:
		return nil
	case t.call != "":
		nested := x.e.filters[object{kindFilter, x.family, t.call}]
		if nested == nil || slices.Contains(inside, nested) {
			return nil
		}
		var out region
		for _, n := range nested.terms {
			out = append(out, x.taken(n, append(slices.Clone(inside), nested))...)
		}
		return out
	}
	r, exact := x.of(t)
	if !exact || !t.then.Ends() {
		return nil
	}
	return r
}

// shadowedBy names the earlier terms that together take all that a term matches: one of them if one is enough, none if
// they don't, or if that can't be proven.
func shadowedBy(earlier []regionTerm, t *regionTerm) []string {
	for i := range earlier {
		if rest, ok := t.region.subtract(earlier[i].taken); ok && len(rest) == 0 {
			return []string{earlier[i].name}
		}
	}
	rest, by := t.region, []string(nil)
	for i := range earlier {
		if !rest.overlaps(earlier[i].taken) {
			continue
		}
		by = append(by, earlier[i].name)
		var ok bool
		if rest, ok = rest.subtract(earlier[i].taken); !ok {
			return nil
		}
	}
	if len(rest) > 0 {
		return nil
	}
	return by
}

// redundantFor names the later terms that do to all packets of a term what it does itself, and nothing else; none if
// that can't be proven. What stands for all the rest (a last term without conditions, the discard at the end) is not
// counted: a term that says what it is for is better than none, and stays right when the default changes.
func redundantFor(terms []regionTerm, i int) []string {
	t := &terms[i]
	if !plainEnd(t.evalTerm) {
		return nil
	}
	rest := t.region
	for j := range i {
		var ok bool
		if rest, ok = rest.subtract(terms[j].taken); !ok {
			return nil
		}
	}
	var by []string
	for j := i + 1; j < len(terms) && len(rest) > 0; j++ {
		later := &terms[j]
		if !rest.overlaps(later.region) {
			continue
		}
		if !plainEnd(later.evalTerm) || !sameEnd(&t.then, &later.then) || len(later.tests) == 0 {
			return nil
		}
		by = append(by, later.name)
		var ok bool
		if rest, ok = rest.subtract(later.taken); !ok {
			return nil
		}
	}
	if len(rest) > 0 {
		return nil
	}
	return by
}

// plainEnd tells whether a term ends the way of a packet and does nothing beside.
func plainEnd(t *evalTerm) bool {
	a := t.then
	a.NextIP, a.NextIP6, a.RoutingInstance, a.Verdict, a.RejectType = FilterAction{}.NextIP, FilterAction{}.NextIP6, "", NoVerdict, ""
	return t.call == "" && len(t.strange) == 0 && t.then.Ends() && a == FilterAction{}
}

func sameEnd(a, b *FilterAction) bool {
	verdict := func(x *FilterAction) Verdict {
		if x.Verdict == NoVerdict {
			return Accept
		}
		return x.Verdict
	}
	return verdict(a) == verdict(b) && a.RejectType == b.RejectType && a.NextIP == b.NextIP && a.NextIP6 == b.NextIP6 &&
		a.RoutingInstance == b.RoutingInstance
}

func takesThemAll(by []string) string {
	if len(by) == 1 {
		return "term " + by[0] + " takes them all"
	}
	return termNames(by) + " take them all"
}

func termNames(by []string) string {
	if len(by) == 1 {
		return "term " + by[0]
	}
	return "terms " + and(by)
}

// such gives `, such as PACKET`: a packet of a region that matches the term by itself and of which the evaluator says
// what is claimed; empty when none is found at once.
func (x *regions) such(f *evalFilter, r region, claim func(*FilterResult) bool, t *evalTerm) string {
	for i := range r {
		for _, full := range []bool{false, true} {
			p := x.example(&r[i], full)
			run := filterRun{e: x.e, p: p}
			if match, _, _ := run.matches(t); match != Yes {
				continue
			}
			result, err := x.e.Filter(f.family, f.name, p)
			if err == nil && result.Unknown == "" && len(result.Regardless) == 0 && claim(&result) {
				return ", such as " + p.String()
			}
		}
	}
	return ""
}

// example makes a packet of a box, of usual values where it leaves the choice. Unless it is to be full, it says only
// what the box asks for.
func (x *regions) example(b *box, full bool) *Packet {
	whole := wholeBox(x.family)
	value := func(d int, usual ...uint32) Maybe {
		if !full && slices.Equal(b[d], whole[d]) {
			return Maybe{}
		}
		for _, n := range usual {
			if b[d].contains(numberPoint(n)) {
				return Known(n)
			}
		}
		return Known(uint32(b[d][0].lo.lo))
	}
	icmp, echo, source, destination := uint32(protoICMP), uint32(8), "192.0.2.1", "198.51.100.1"
	if x.family == Inet6 {
		icmp, echo, source, destination = protoICMP6, 128, "2001:db8::1", "2001:db8::2"
	}
	asks := func(list ...int) bool {
		return slices.ContainsFunc(list, func(d int) bool { return !slices.Equal(b[d], whole[d]) })
	}
	order := []uint32{protoUDP, protoTCP, icmp}
	switch {
	case asks(dimTCPFlags):
		order = []uint32{protoTCP}
	case asks(dimICMPType, dimICMPCode):
		order = []uint32{icmp}
	case asks(dimSourcePort, dimDestinationPort):
		order = []uint32{protoTCP, protoUDP, protoSCTP}
	}
	order = slices.DeleteFunc(order, func(n uint32) bool { return x.family == Inet6 && !b[dimNextHeader].contains(numberPoint(n)) })
	order = append(order, uint32(b[dimNextHeader][0].lo.lo)) // none of them: whatever the header may be
	flags := value(dimFragmentFlags, 0).N
	p := &Packet{
		Source: b.address(dimSource, source, x.family), Destination: b.address(dimDestination, destination, x.family),
		DSCP: value(dimDSCP, 0), TTL: value(dimTTL, 64), Length: value(dimLength, 100), FragmentOffset: value(dimOffset, 0).N,
		MoreFragments: flags&fragmentFlagBits["more-fragments"] != 0, DontFragment: flags&fragmentFlagBits["dont-fragment"] != 0,
	}
	for name, i := range x.interfaces {
		if asks(dimInterface) && b[dimInterface][0].lo == numberPoint(i) {
			p.Interface = name
		}
	}
	p.Protocol = value(dimProtocol, order...)
	if !p.Protocol.Known {
		p.Protocol = Known(order[0])
	}
	if p.isICMP() {
		p.ICMPType, p.ICMPCode = value(dimICMPType, echo), value(dimICMPCode, 0)
	}
	if p.hasPorts() {
		p.SourcePort, p.DestinationPort = value(dimSourcePort, 40000), value(dimDestinationPort, 443)
	}
	if p.hasTCP() {
		p.TCPFlags = value(dimTCPFlags, 2)
	}
	return p
}
