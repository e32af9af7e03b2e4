package forward

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/policies"
)

// alternatives are the ways in which a condition may hold, each a list of tests that must all hold, no two of which hold
// for the same packet. None: it never holds. One without tests: it always does.
type alternatives [][]Step

func always() alternatives { return alternatives{nil} }

// and gives the ways in which both hold.
func (a alternatives) and(b alternatives) alternatives {
	var out alternatives
	for _, x := range a {
		for _, y := range b {
			out = append(out, slices.Concat(x, y))
		}
	}
	return out
}

// test holds when a field, under a mask, lies in one of the ranges, or in none of them.
func (c *compiler) test(f policies.Family, field Field, mask string, in []Bytes, except bool) alternatives {
	switch len(in) {
	case 0:
		if except {
			return always()
		}
		return nil
	case 1:
		return alternatives{{Compare{field, mask, in[0].From, in[0].To, except}}}
	}
	return alternatives{{Member{field, mask, c.set(f, in), except}}}
}

// termMatch gives the ways in which a term matches.
func (c *compiler) termMatch(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	out := always()
	for _, part := range []func(policies.Family, *policies.FilterMatch) (alternatives, *refusal){
		c.addresses, c.values, c.flags, c.classes, c.interfaces,
	} {
		a, err := part(f, m)
		if err != nil {
			return nil, err
		}
		out = out.and(a)
	}
	return out, nil
}

// addressField is where an address stands in the header.
func addressField(f policies.Family, source bool) Field {
	switch {
	case f == policies.Inet6 && source:
		return Field{Base: Network, Offset: 8, Len: 16}
	case f == policies.Inet6:
		return Field{Base: Network, Offset: 24, Len: 16}
	case source:
		return Field{Base: Network, Offset: 12, Len: 4}
	}
	return Field{Base: Network, Offset: 16, Len: 4}
}

func (c *compiler) addresses(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	out := always()
	for _, x := range []struct {
		key, listKey string
		own          []policies.AddressMatch
		lists        []policies.ListMatch
	}{
		{"source-address", "source-prefix-list", m.SourceAddress, m.SourcePrefixList},
		{"destination-address", "destination-prefix-list", m.DestinationAddress, m.DestinationPrefixList},
		{"address", "prefix-list", m.Address, m.PrefixList},
	} {
		if len(x.own)+len(x.lists) == 0 {
			continue
		}
		own := slices.Clone(x.own)
		for _, l := range x.lists {
			list, err := c.eval.Prefixes(l.Name)
			if err != nil {
				return nil, refuseFrom(x.listKey+" "+l.Name, "%v", err)
			}
			for _, p := range list {
				if policies.FamilyOf(p.Addr()) == f {
					own = append(own, policies.AddressMatch{Prefix: p, Except: l.Except})
				}
			}
		}
		in := flatten(own)
		from, to := addressField(f, true), addressField(f, false)
		switch x.key {
		case "source-address":
			out = out.and(c.test(f, from, "", in, false))
		case "destination-address":
			out = out.and(c.test(f, to, "", in, false))
		default: // of either; the ways must not overlap
			out = out.and(append(c.test(f, from, "", in, false), c.test(f, from, "", in, true).and(c.test(f, to, "", in, false))...))
		}
	}
	return out, nil
}

// flatten gives the addresses of prefixes of one family, of which the longest that holds an address decides. Of the same
// prefix with and without except, except wins.
func flatten(list []policies.AddressMatch) []Bytes {
	type edge struct{ from, to netip.Addr }
	type entry struct {
		edge
		bits   int
		except bool
	}
	var entries []entry
	for _, a := range list {
		p := a.Prefix.Masked()
		entries = append(entries, entry{edge{p.Addr(), lastOf(p)}, p.Bits(), a.Except})
	}
	// Outer before inner; prefixes are nested or apart, so that a stack holds those that are open.
	slices.SortFunc(entries, func(a, b entry) int {
		if n := a.from.Compare(b.from); n != 0 {
			return n
		}
		if a.bits != b.bits {
			return a.bits - b.bits
		}
		return boolInt(b.except) - boolInt(a.except)
	})
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.from == b.from && a.bits == b.bits })
	var out []edge
	add := func(from, to netip.Addr) {
		if n := len(out); n > 0 && out[n-1].to.Next() == from {
			out[n-1].to = to
			return
		}
		out = append(out, edge{from, to})
	}
	var open []entry
	var at netip.Addr // the first address that is not decided; invalid: behind the last one there is
	upTo := func(end netip.Addr) {
		top := open[len(open)-1]
		if at.IsValid() && at.Compare(end) <= 0 {
			if !top.except {
				add(at, end)
			}
			at = end.Next()
		}
	}
	closeBefore := func(a netip.Addr) {
		for len(open) > 0 && (!a.IsValid() || open[len(open)-1].to.Less(a)) {
			upTo(open[len(open)-1].to)
			open = open[:len(open)-1]
		}
	}
	for _, e := range entries {
		closeBefore(e.from)
		if len(open) > 0 && e.from.Prev().IsValid() {
			upTo(e.from.Prev())
		}
		at = e.from
		open = append(open, e)
	}
	closeBefore(netip.Addr{})
	ranges := make([]Bytes, len(out))
	for i, e := range out {
		ranges[i] = Bytes{string(e.from.AsSlice()), string(e.to.AsSlice())}
	}
	return ranges
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// normal sorts ranges, joins those that touch, and cuts off what is above the highest number or below the lowest.
func normal(list []policies.Range, lowest, highest uint32) []policies.Range {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b policies.Range) int { return int(int64(a.Lo) - int64(b.Lo)) })
	var out []policies.Range
	for _, r := range list {
		r.Lo, r.Hi = max(r.Lo, lowest), min(r.Hi, highest)
		switch n := len(out); {
		case r.Lo > r.Hi:
		case n > 0 && r.Lo <= out[n-1].Hi+1:
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
		default:
			out = append(out, r)
		}
	}
	return out
}

// bytesOf writes ranges of numbers as they stand in a field of that many bytes, moved by some bits.
func bytesOf(list []policies.Range, size, shift int) []Bytes {
	out := make([]Bytes, len(list))
	for i, r := range list {
		out[i] = Bytes{number(r.Lo<<shift, size), number(r.Hi<<shift, size)}
	}
	return out
}

func number(n uint32, size int) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return string(b[4-size:])
}

func native(n uint32) string {
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], n)
	return string(b[:])
}

// place is where the number of a condition stands.
type place struct {
	field Field
	mask  string
	shift int // by how many bits the number is moved up
	base  uint32
	max   uint32
}

// placeOf tells where the number of a condition stands. Ports, ICMP types and flags are read at their place behind the
// IP header without asking the protocol, as the router does.
func placeOf(f policies.Family, key string) (place, bool) {
	network := func(at, size uint8) Field { return Field{Base: Network, Offset: at, Len: size} }
	behind := func(at, size uint8) Field { return Field{Base: Transport, Offset: at, Len: size} }
	if f == policies.Inet6 {
		switch key {
		case "next-header":
			return place{field: network(6, 1), max: 255}, true
		case "payload-protocol":
			return place{field: Field{Base: PayloadProtocol, Len: 1}, max: 255}, true
		case "dscp", "traffic-class":
			return place{field: network(0, 2), mask: "\x0f\xc0", shift: 6, max: 63}, true
		case "ttl", "hop-limit":
			return place{field: network(7, 1), max: 255}, true
		case "packet-length": // the field counts what stands behind the header of 40 bytes
			return place{field: network(4, 2), base: 40, max: math.MaxUint16 + 40}, true
		case "fragment-offset":
			return place{field: Field{Base: Header, Type: 44, Offset: 2, Len: 2}, mask: "\xff\xf8", shift: 3, max: 8191}, true
		}
	}
	switch key {
	case "protocol", "payload-protocol", "next-header":
		return place{field: network(9, 1), max: 255}, f != policies.Inet6
	case "dscp", "traffic-class":
		return place{field: network(1, 1), mask: "\xfc", shift: 2, max: 63}, true
	case "ttl", "hop-limit":
		return place{field: network(8, 1), max: 255}, true
	case "packet-length":
		return place{field: network(2, 2), max: math.MaxUint16}, true
	case "fragment-offset":
		return place{field: network(6, 2), mask: "\x1f\xff", max: 8191}, true
	case "icmp-type":
		return place{field: behind(0, 1), max: 255}, true
	case "icmp-code":
		return place{field: behind(1, 1), max: 255}, true
	case "source-port":
		return place{field: behind(0, 2), max: math.MaxUint16}, true
	case "destination-port":
		return place{field: behind(2, 2), max: math.MaxUint16}, true
	}
	return place{}, false
}

// at gives the ranges as the field has them.
func (p place) at(list []policies.Range) []Bytes {
	list = normal(list, p.base, p.max)
	for i := range list {
		list[i].Lo -= p.base
		list[i].Hi -= p.base
	}
	return bytesOf(list, int(p.field.Len), p.shift)
}

// statement writes a condition as the configuration does.
func statement(key string, v policies.Values) string {
	if v.Except {
		key += "-except"
	}
	if len(v.List) == 1 {
		return key + " " + v.List[0]
	}
	return key + " [ " + strings.Join(v.List, " ") + " ]"
}
