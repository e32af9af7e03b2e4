package policies

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// TestSpans holds the arithmetic of spans to sets of small numbers.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	const size = 24
	random := func() (spans, [size]bool) {
		var list spans
		var set [size]bool
		for range r.IntN(5) {
			lo := r.IntN(size)
			hi := lo + r.IntN(size-lo)
			list = append(list, span{numberPoint(uint32(lo)), numberPoint(uint32(hi))})
			for n := lo; n <= hi; n++ {
				set[n] = true
			}
		}
		return joinSpans(list), set
	}
	for range 5000 {
		a, inA := random()
		b, inB := random()
		both, left := a.intersect(b), a.subtract(b)
		for n := range size {
			p := numberPoint(uint32(n))
			if a.contains(p) != inA[n] || both.contains(p) != (inA[n] && inB[n]) || left.contains(p) != (inA[n] && !inB[n]) {
				t.Fatalf("%v and %v at %d: %v, %v", a, b, n, both, left)
			}
		}
	}
}

// TestPoints looks at where the halves of a point meet, and at the ends of the address space.
func TestPoints(t *testing.T) {
	if p := (point{1, 0}); p.prev() != (point{0, ^uint64(0)}) || p.prev().next() != p {
		t.Errorf("around %v: %v", p, p.prev())
	}
	s := &addressSet{}
	s.add(netip.MustParsePrefix("::/0"), false)
	s.add(netip.MustParsePrefix("2001:db8::/32"), true)
	s.add(netip.MustParsePrefix("2001:db8::1/128"), false)
	s.add(netip.MustParsePrefix("ffff::/16"), true)
	var list []netip.Addr
	for _, a := range []string{"::", "2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "ffff::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"} {
		x := netip.MustParseAddr(a)
		list = append(list, x, x.Prev(), x.Next())
	}
	for _, x := range list {
		if !x.IsValid() {
			continue // beyond either end
		}
		if got, want := s.spans().contains(addressPoint(x)), s.contains(x); got != want {
			t.Errorf("%s: in the spans %t, in the set %t", x, got, want)
		}
		if back := addressPoint(x).address(Inet6); back != x {
			t.Errorf("%s comes back as %s", x, back)
		}
	}
}

// TestBoxes holds the subtraction of boxes to points.
func TestBoxes(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	random := func() box {
		b := wholeBox(Inet)
		for range r.IntN(4) {
			d := []int{dimProtocol, dimDSCP, dimTTL}[r.IntN(3)]
			lo := uint32(r.IntN(8))
			b[d] = spans{{numberPoint(lo), numberPoint(lo + uint32(r.IntN(8)))}}
		}
		return b
	}
	in := func(list region, p [3]uint32) (n int) {
		for _, b := range list {
			if b[dimProtocol].contains(numberPoint(p[0])) && b[dimDSCP].contains(numberPoint(p[1])) && b[dimTTL].contains(numberPoint(p[2])) {
				n++
			}
		}
		return n
	}
	for range 2000 {
		a, b, c := random(), random(), random()
		rest, ok := region{a}.subtract(region{b, c})
		if !ok {
			t.Fatal("too many boxes")
		}
		for range 50 {
			p := [3]uint32{r.Uint32N(16), r.Uint32N(16), r.Uint32N(16)}
			want := in(region{a}, p) == 1 && in(region{b, c}, p) == 0
			if n := in(rest, p); (n == 1) != want || n > 1 {
				t.Fatalf("%v is in %d boxes of the rest, want %t", p, n, want)
			}
		}
	}
}
