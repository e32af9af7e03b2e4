package inventory

import (
	"net/netip"
	"slices"
	"strconv"
)

// Reading scalars. The schema has judged every value by now: in a file that passed, these can't fail; in a broken one
// they give the zero value, and the problem has been reported.

// string is a scalar as written, empty for nothing.
func (n *node) string() string {
	if n == nil || n.shape == mapping || n.shape == list {
		return ""
	}
	return n.raw
}

// count is an unsigned integer, 0 for nothing.
func count(n *node) uint64 {
	v, err := strconv.ParseUint(n.string(), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// isTrue is a boolean, false for nothing.
func (n *node) isTrue() bool { return n.string() == "true" }

// texts are the items of a list of texts.
func texts(n *node) []string {
	var out []string
	for _, e := range n.elements() {
		out = append(out, e.string())
	}
	return out
}

// one parses a scalar. A text that does not parse is a problem, unless its file has been found broken already.
func one[T any](l *loader, n *node, parse func(string) (T, error)) T {
	var zero T
	if n == nil {
		return zero
	}
	v, err := parse(n.string())
	if err != nil {
		if !l.broken[n.pos.file] {
			l.problems.add(n.pos, "", "%v", err)
		}
		return zero
	}
	return v
}

// many parses the items of a list and leaves out those that do not parse.
func many[T comparable](l *loader, n *node, parse func(string) (T, error)) []T {
	var zero T
	var out []T
	for _, e := range n.elements() {
		if v := one(l, e, parse); v != zero {
			out = append(out, v)
		}
	}
	return out
}

// use is an address and who has it.
type use struct {
	addr netip.Addr
	who  string // loopback of cr1.ams
	at   position
	vip  *VIP // set for a VIP: services on different ports may share one
}

// take records that an address is in use, for the check of duplicates.
func (l *loader) take(addr netip.Addr, at position, who string) {
	if addr.IsValid() {
		l.inUse = append(l.inUse, use{addr: addr, who: who, at: at})
	}
}

// sortedPrefixes orders a list that has no order of its own: IPv4 first, then by address.
func sortedPrefixes(p []netip.Prefix) []netip.Prefix {
	slices.SortFunc(p, netip.Prefix.Compare)
	return p
}

// byFamily moves IPv4 before IPv6 and keeps the order within each.
func byFamily(p []netip.Prefix) []netip.Prefix {
	slices.SortStableFunc(p, func(a, b netip.Prefix) int { return a.Addr().BitLen() - b.Addr().BitLen() })
	return p
}
