package policies

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// The arithmetic of what terms match. A packet is a point in a space with one dimension for each field that conditions
// look at, all taken as independent: ports and ICMP types stand at the same place, but a router looks at either without
// asking the protocol. So what is proven here holds for every packet; what is not proven may still be true.

// The dimensions.
const (
	dimProtocol = iota // those with few spans first: they tell most boxes apart
	dimNextHeader
	dimSourcePort
	dimDestinationPort
	dimICMPType
	dimICMPCode
	dimDSCP
	dimTTL
	dimLength
	dimOffset
	dimTCPFlags
	dimFragmentFlags
	dimInterface
	dimSource
	dimDestination
	dims
)

var dimOf = map[string]int{
	"source-address": dimSource, "destination-address": dimDestination,
	"protocol": dimProtocol, "payload-protocol": dimProtocol, "next-header": dimNextHeader,
	"source-port": dimSourcePort, "destination-port": dimDestinationPort, "icmp-type": dimICMPType, "icmp-code": dimICMPCode,
	"dscp": dimDSCP, "traffic-class": dimDSCP, "ttl": dimTTL, "hop-limit": dimTTL, "packet-length": dimLength,
	"fragment-offset": dimOffset,
}

// point is a place in a dimension: a number, or an address as one.
type point struct{ hi, lo uint64 }

func (p point) less(q point) bool { return p.hi < q.hi || p.hi == q.hi && p.lo < q.lo }

func (p point) next() point {
	if p.lo++; p.lo == 0 {
		p.hi++
	}
	return p
}

func (p point) prev() point {
	if p.lo == 0 {
		p.hi--
	}
	p.lo--
	return p
}

func numberPoint(n uint32) point { return point{lo: uint64(n)} }

func addressPoint(a netip.Addr) point {
	if a.Is4() {
		b := a.As4()
		return point{lo: uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return point{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (p point) address(f Family) netip.Addr {
	if f != Inet6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(p.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.hi)
	binary.BigEndian.PutUint64(b[8:], p.lo)
	return netip.AddrFrom16(b)
}

// span is an inclusive range of points.
type span struct{ lo, hi point }

// spans is a set: sorted, disjoint, no two adjacent.
type spans []span

// highest is the last point of a dimension.
func highest(dim int, f Family) point {
	switch dim {
	case dimSource, dimDestination:
		if f == Inet6 {
			return point{^uint64(0), ^uint64(0)}
		}
		return numberPoint(^uint32(0))
	case dimInterface:
		return numberPoint(^uint32(0))
	case dimSourcePort, dimDestinationPort, dimLength:
		return numberPoint(65535)
	case dimDSCP, dimTCPFlags:
		return numberPoint(63)
	case dimOffset:
		return numberPoint(8191)
	case dimFragmentFlags:
		return numberPoint(15)
	}
	return numberPoint(255)
}

func (s spans) contains(p point) bool {
	i := sort.Search(len(s), func(i int) bool { return !s[i].hi.less(p) })
	return i < len(s) && !p.less(s[i].lo)
}

func (s spans) intersect(o spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(o); {
		lo, hi := s[i].lo, s[i].hi
		if lo.less(o[j].lo) {
			lo = o[j].lo
		}
		if o[j].hi.less(hi) {
			hi = o[j].hi
		}
		if !hi.less(lo) {
			out = append(out, span{lo, hi})
		}
		if s[i].hi.less(o[j].hi) {
			i++
		} else {
			j++
		}
	}
	return out
}

// meets tells whether two sets have a point in common.
func (s spans) meets(o spans) bool {
	for i, j := 0, 0; i < len(s) && j < len(o); {
		switch {
		case s[i].hi.less(o[j].lo):
			i++
		case o[j].hi.less(s[i].lo):
			j++
		default:
			return true
		}
	}
	return false
}

func (s spans) subtract(o spans) spans {
	var out spans
	for _, x := range s {
		rest := x
		gone := false
		for _, y := range o {
			if y.hi.less(rest.lo) || rest.hi.less(y.lo) {
				continue
			}
			if rest.lo.less(y.lo) {
				out = append(out, span{rest.lo, y.lo.prev()})
			}
			if !y.hi.less(rest.hi) {
				gone = true
				break
			}
			rest.lo = y.hi.next()
		}
		if !gone {
			out = append(out, rest)
		}
	}
	return out
}

// joinSpans sorts spans and joins those that touch.
func joinSpans(list spans) spans {
	slices.SortFunc(list, func(a, b span) int {
		switch {
		case a.lo.less(b.lo):
			return -1
		case b.lo.less(a.lo):
			return 1
		}
		return 0
	})
	var out spans
	for _, x := range list {
		if n := len(out); n > 0 && (!out[n-1].hi.less(x.lo) || out[n-1].hi.next() == x.lo) {
			if out[n-1].hi.less(x.hi) {
				out[n-1].hi = x.hi
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// spans gives the addresses of a set: the shorter prefixes first, the longer ones put in or carve out.
func (s *addressSet) spans() spans {
	var out spans
	for i := len(s.lengths) - 1; i >= 0; i-- {
		var in, off spans
		for p, yes := range s.prefixes {
			if p.Bits() != s.lengths[i] {
				continue
			}
			if yes {
				in = append(in, prefixSpan(p))
			} else {
				off = append(off, prefixSpan(p))
			}
		}
		out = joinSpans(append(out, in...)).subtract(joinSpans(off))
	}
	return out
}

func prefixSpan(p netip.Prefix) span {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return span{addressPoint(p.Masked().Addr()), addressPoint(last)}
}

// box is the packets whose every field is in the dimension's set.
type box [dims]spans

func wholeBox(f Family) box {
	var b box
	for d := range b {
		b[d] = spans{{point{}, highest(d, f)}}
	}
	return b
}

func (b *box) empty() bool {
	return slices.ContainsFunc(b[:], func(s spans) bool { return len(s) == 0 })
}

func (b *box) meets(o *box) bool {
	for d := range b {
		if !b[d].meets(o[d]) {
			return false
		}
	}
	return true
}

// subtract gives what of b is not in o, as boxes that don't overlap.
func (b *box) subtract(o *box) []box {
	if !b.meets(o) {
		return []box{*b}
	}
	var out []box
	rest := *b
	for d := range b {
		outside := rest[d].subtract(o[d])
		if len(outside) > 0 {
			part := rest
			part[d] = outside
			out = append(out, part)
			rest[d] = rest[d].intersect(o[d])
		}
	}
	return out
}

// maxBoxes bounds the work of a proof; past it nothing is claimed.
const maxBoxes = 512

// region is a set of packets as a union of boxes.
type region []box

// subtract gives what of r is not in o; false: it would take too many boxes.
func (r region) subtract(o region) (region, bool) {
	for i := range o {
		if !r.overlaps(o[i : i+1]) {
			continue
		}
		var next region
		for j := range r {
			next = append(next, r[j].subtract(&o[i])...)
			if len(next) > maxBoxes {
				return nil, false
			}
		}
		r = next
	}
	return r, true
}

func (r region) overlaps(o region) bool {
	for i := range r {
		for j := range o {
			if r[i].meets(&o[j]) {
				return true
			}
		}
	}
	return false
}

// within narrows each box in one dimension.
func (r region) within(dim int, s spans) region {
	var out region
	for _, b := range r {
		if b[dim] = b[dim].intersect(s); !b.empty() {
			out = append(out, b)
		}
	}
	return out
}

// regions makes regions of the terms of one filter.
type regions struct {
	e          *Evaluator
	family     Family
	interfaces map[string]uint32
}

// of gives the packets that a term's conditions take; exact is false where a condition has no place in the space: the
// term then takes some of them.
func (x *regions) of(t *evalTerm) (r region, exact bool) {
	r, exact = region{wholeBox(x.family)}, t.exact
	m := &t.match
	fields, lists := m.addressFields(), m.listFields()
	for i, a := range fields {
		if len(*a.value)+len(*lists[i].value) == 0 {
			continue
		}
		set, unknown := x.e.addresses(x.family, *a.value, *lists[i].value)
		if unknown != "" {
			exact = false
			continue
		}
		r = x.narrow(r, a.key, set.spans(), dimSource, dimDestination)
	}
	for _, v := range m.valueFields() {
		if len(v.value.List) == 0 {
			continue
		}
		ranges, err := evalRanges(Values{List: v.value.List}, v.key, x.family)
		_, known := dimOf[v.key]
		if err != nil || !known && v.key != "port" {
			exact = false
			continue
		}
		r = x.values(r, v.key, ranges, v.value.Except)
	}
	r, flagsExact := x.flags(r, m)
	return r, exact && flagsExact
}

// narrow keeps what a condition takes; one that is neither dimension's own may hold in either of two.
func (x *regions) narrow(r region, key string, s spans, one, other int) region {
	if d, ok := dimOf[key]; ok {
		return r.within(d, s)
	}
	return append(slices.Clone(r.within(one, s)), r.within(other, s)...)
}

func (x *regions) values(r region, key string, ranges []Range, except bool) region {
	var s spans
	for _, n := range ranges {
		s = append(s, span{numberPoint(n.Lo), numberPoint(n.Hi)})
	}
	s = joinSpans(s)
	if !except {
		return x.narrow(r, key, s, dimSourcePort, dimDestinationPort)
	}
	d, ok := dimOf[key]
	if !ok {
		d = dimSourcePort
	}
	s = spans{{point{}, highest(d, x.family)}}.subtract(s)
	if ok {
		return r.within(d, s)
	}
	return r.within(dimSourcePort, s).within(dimDestinationPort, s)
}

func (x *regions) flags(r region, m *FilterMatch) (region, bool) {
	exact := true
	fragment := spans{{numberPoint(1), numberPoint(8191)}}
	more := bitSpans(func(b uint32) bool { return b&fragmentFlagBits["more-fragments"] != 0 }, 16)
	none := bitSpans(func(b uint32) bool { return b&fragmentFlagBits["more-fragments"] == 0 }, 16)
	if m.IsFragment {
		r = r.within(dimOffset, fragment)
	}
	if m.FirstFragment {
		r = r.within(dimOffset, spans{{point{}, point{}}}).within(dimFragmentFlags, more)
	}
	if m.LastFragment {
		r = r.within(dimOffset, fragment).within(dimFragmentFlags, none)
	}
	if m.TCPInitial {
		r = r.within(dimTCPFlags, bitSpans(tcpInitial, 64))
	}
	if m.TCPEstablished {
		r = r.within(dimTCPFlags, bitSpans(tcpEstablished, 64))
	}
	if m.TCPFlags != "" {
		if bits, err := parseBits(m.TCPFlags, tcpFlagBits); err == nil {
			r = r.within(dimTCPFlags, bitSpans(bits, 64))
		} else {
			exact = false
		}
	}
	if m.FragmentFlags != "" {
		if bits, err := parseBits(m.FragmentFlags, fragmentFlagBits); err == nil && x.family != Inet6 {
			r = r.within(dimFragmentFlags, bitSpans(bits, 16))
		} else {
			exact = false
		}
	}
	var names spans
	for _, n := range m.Interface {
		i, ok := x.interfaces[n]
		if !ok {
			i = uint32(len(x.interfaces))
			x.interfaces[n] = i
		}
		names = append(names, span{numberPoint(i), numberPoint(i)})
	}
	if len(names) > 0 { // a wildcard has made the term inexact already; it takes some of all interfaces
		if t := interfaceTest(m.Interface); t.test != nil {
			r = r.within(dimInterface, joinSpans(names))
		}
	}
	return r, exact
}

// bitSpans gives the numbers below n that satisfy an expression.
func bitSpans(x bitExpression, n uint32) spans {
	var out spans
	for b := range n {
		if x(b) {
			out = append(out, span{numberPoint(b), numberPoint(b)})
		}
	}
	return joinSpans(out)
}

// address gives an address of a box: the usual one if it may be that.
func (b *box) address(d int, usual string, f Family) netip.Addr {
	if a := netip.MustParseAddr(usual); b[d].contains(addressPoint(a)) {
		return a
	}
	return b[d][0].lo.address(f)
}
