package junos

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// normalize makes the tree below n canonical: children in display order, what is named twice joined into one (the
// later wins), one of each choice, no empty container that means nothing.
func normalize(n *Node) {
	if n.Kind == Leaf || n.Kind == LeafList {
		return
	}
	dropChoices(n)
	if !inOrder(n.Children) {
		slices.SortStableFunc(n.Children, compareNodes)
		n.Children = joinTwins(n.Children)
	}
	for _, c := range n.Children {
		normalize(c)
	}
	n.tidy()
	n.touched = false
}

// tidy drops what means nothing, when all that n holds is canonical.
func (n *Node) tidy() {
	void := func(c *Node) bool { return isVoid(n, c) }
	if slices.ContainsFunc(n.Children, void) {
		n.Children = slices.DeleteFunc(n.Children, void)
	}
	for _, c := range n.Children {
		if c.Schema == nil && len(c.Children) == 0 {
			demote(n, c)
		}
	}
}

// demote makes an unknown block without contents what it would be without its braces: a leaf, unless siblings of its
// name make it an entry of a list.
func demote(n, c *Node) {
	if c.Kind == Container {
		c.Kind = Leaf
	}
	if c.Kind != Entry {
		return
	}
	for _, s := range n.Children {
		if s != c && s.Schema == nil && s.Name == c.Name && s.Kind == Entry {
			return
		}
	}
	c.Kind = Leaf
}

// isVoid reports whether statement c of n says nothing: Junos doesn't keep it. That is an empty container that only
// exists to hold others, and an empty block of what the table has as a leaf, with or without a keyword.
// A word by itself would be read as the leaf without a keyword, if there is none yet.
func isVoid(n, c *Node) bool {
	if len(c.Children) > 0 || c.Op&DeleteOp != 0 {
		return false
	}
	if c.Schema == nil {
		if known := n.Schema.Child(c.Name); known != nil {
			return c.Kind == Container || c.Kind == Entry && (len(c.Values) == 0 || known.fits(c.Values))
		}
		h, full := n.Schema.hiddenFor(n.Children)
		return h != nil && !full && len(c.Values) == 0 && c.Kind != LeafList
	}
	return c.Kind == Container && (c.Is(Bare) || c.Is(Inline))
}

// misfits reports whether n, a child of parent, is called like a statement that the schema knows, but does not fit it.
func (n *Node) misfits(parent *Node) bool {
	return n.Schema == nil && parent.Schema.Child(n.Name) != nil
}

// fits reports whether a statement of a leaf's or leaf-list's name with these values would be one of the schema.
func (s *Schema) fits(values []string) bool {
	return (s.Kind == Leaf || s.Kind == LeafList) && !s.Is(Empty) && len(values) == 1
}

// place is where a statement stands among its siblings; what no schema knows comes last, as it was given.
func place(n *Node) int32 {
	if n.Schema == nil {
		return math.MaxInt32
	}
	return n.Schema.order
}

// sortedByKey reports whether n is an entry of a list whose entries are ordered by key.
func sortedByKey(n *Node) bool {
	return n.Kind == Entry && n.Schema != nil && n.Schema.Flags&UserOrdered == 0
}

func compareNodes(a, b *Node) int {
	if c := cmp.Compare(place(a), place(b)); c != 0 || !sortedByKey(a) {
		return c
	}
	return CompareKeys(a.Values, b.Values)
}

// inOrder reports whether children are strictly ordered, so that nothing can be named twice.
func inOrder(children []*Node) bool {
	for i := 1; i < len(children); i++ {
		if compareNodes(children[i-1], children[i]) >= 0 {
			return false
		}
	}
	return true
}

// CompareKeys orders the keys of two entries of a list that is ordered by key: addresses and prefixes as such and before
// names; ports by their slots before other interfaces (ge-0/0/2, xe-0/0/10, ge-1/0/0, ae0); else numbers in names by value.
func CompareKeys(a, b []string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if c := compareKey(a[i], b[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func compareKey(a, b string) int {
	if a == b {
		return 0
	}
	pa, aok := parseAddress(a)
	pb, bok := parseAddress(b)
	switch {
	case aok && bok:
		if c := cmp.Or(pa.Addr().Compare(pb.Addr()), cmp.Compare(pa.Bits(), pb.Bits())); c != 0 {
			return c
		}
	case aok:
		return -1
	case bok:
		return 1
	}
	porta, aok := parsePort(a)
	portb, bok := parsePort(b)
	switch {
	case aok && bok:
		if c := slices.Compare(porta[:], portb[:]); c != 0 {
			return c
		}
	case aok:
		return -1
	case bok:
		return 1
	}
	return compareNatural(a, b)
}

// parsePort reads the slot numbers of a port's name: TYPE-FPC/PIC/PORT, with or without a channel and a unit.
func parsePort(s string) (slots [3]int, ok bool) {
	dash := strings.IndexByte(s, '-')
	if dash < 1 || dash > 4 || strings.IndexByte(s, '/') < 0 {
		return slots, false
	}
	for _, c := range []byte(s[:dash]) {
		if c < 'a' || c > 'z' {
			return slots, false
		}
	}
	rest := s[dash+1:]
	for i := range slots {
		d := digits(rest)
		if len(d) == 0 || len(d) > 6 || i < 2 && (len(rest) == len(d) || rest[len(d)] != '/') {
			return slots, false
		}
		for _, c := range []byte(d) {
			slots[i] = slots[i]*10 + int(c-'0')
		}
		rest = rest[min(len(d)+1, len(rest)):]
	}
	return slots, true
}

func parseAddress(s string) (netip.Prefix, bool) {
	if len(s) < 2 || len(s) > 50 || !strings.ContainsAny(s, ".:") || !isHex(s[0]) && s[0] != ':' {
		return netip.Prefix{}, false
	}
	if strings.IndexByte(s, '/') >= 0 {
		p, err := netip.ParsePrefix(s)
		return p, err == nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.WithZone(""), a.BitLen()), true
}

func isHex(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// compareNatural compares byte by byte, runs of digits by value.
func compareNatural(a, b string) int {
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			na, nb := digits(a[i:]), digits(b[j:])
			ta, tb := strings.TrimLeft(na, "0"), strings.TrimLeft(nb, "0")
			if c := cmp.Or(cmp.Compare(len(ta), len(tb)), strings.Compare(ta, tb)); c != 0 {
				return c
			}
			i, j = i+len(na), j+len(nb)
			continue
		}
		if a[i] != b[j] {
			return cmp.Compare(a[i], b[j])
		}
		i, j = i+1, j+1
	}
	return cmp.Or(cmp.Compare(len(a)-i, len(b)-j), strings.Compare(a, b)) // 01 and 1 are different names
}

func digits(s string) string {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return s[:i]
}

// joinTwins joins sorted children that name the same statement, and settles what the unknown ones are.
func joinTwins(children []*Node) []*Node {
	out := children[:0]
	for i := 0; i < len(children); {
		end := i + 1
		for end < len(children) && place(children[end]) == place(children[i]) {
			end++
		}
		run := children[i:end]
		switch {
		case len(run) == 1:
			out = append(out, run[0])
		case run[0].Schema == nil:
			settleUnknown(run)
			out = joinRun(out, run)
		default:
			out = joinRun(out, run)
		}
		i = end
	}
	clear(children[len(out):])
	return out
}

// joinRun appends the nodes of run to out, each name once, in the order in which they first came.
func joinRun(out, run []*Node) []*Node {
	start := len(out)
	var seen map[string]int
	if len(run) > 8 {
		seen = make(map[string]int, len(run))
	}
next:
	for _, n := range run {
		if seen != nil {
			k := identity(n)
			if at, ok := seen[k]; ok {
				out[at] = join(out[at], n)
				continue
			}
			seen[k] = len(out)
		} else {
			for at := start; at < len(out); at++ {
				if Same(out[at], n) {
					out[at] = join(out[at], n)
					continue next
				}
			}
		}
		out = append(out, n)
	}
	return out
}

// Same reports whether two siblings, of one tree or of two, are the same statement: the same name, and for entries
// the same keys. Their contents may differ.
func Same(a, b *Node) bool {
	if a.Kind != b.Kind || a.Name != b.Name {
		return false
	}
	return a.Kind != Entry || slices.Equal(a.Values, b.Values)
}

// identity is a string that is equal for siblings that are the Same.
func identity(n *Node) string {
	var b strings.Builder
	b.WriteByte('0' + byte(n.Kind))
	b.WriteString(n.Name)
	if n.Kind == Entry {
		for _, v := range n.Values {
			b.WriteByte(0)
			b.WriteString(v)
		}
	}
	return b.String()
}

// join loads b, which came later, onto a and returns the outcome.
func join(a, b *Node) *Node {
	switch {
	case b.Op&(ReplaceOp|DeleteOp) != 0:
		return b
	case a.Op&DeleteOp != 0:
		b.Op |= ReplaceOp // delete: x; x { … }
		return b
	}
	a.takeMarks(b)
	switch a.Kind {
	case Leaf:
		a.Values, a.Secret = b.Values, b.Secret
	case LeafList:
		a.unite(b.Values)
		a.Secret = a.Secret || b.Secret
	default:
		a.Children = append(a.Children, b.Children...)
		a.touched = true
	}
	return a
}

// takeMarks gives a the marks of b, which is loaded onto it. What is inactive or protected stays so until a text
// says otherwise.
func (n *Node) takeMarks(b *Node) {
	n.Inactive = n.Inactive && b.Op&ActivateOp == 0 || b.Inactive
	n.Protected = n.Protected && b.Op&UnprotectOp == 0 || b.Protected
	n.Op |= b.Op
	if b.Annotation != "" {
		n.Annotation = b.Annotation
	}
}

// unite adds the values that a leaf-list does not have yet.
func (n *Node) unite(values []string) {
	have := n.Values[:len(n.Values):len(n.Values)]
	var seen map[string]bool
	if len(have)+len(values) > 16 {
		seen = make(map[string]bool, len(have)+len(values))
		for _, v := range have {
			seen[v] = true
		}
	}
	for _, v := range values {
		if seen != nil && seen[v] || seen == nil && slices.Contains(have, v) {
			continue
		}
		if seen != nil {
			seen[v] = true
		}
		have = append(have, v)
	}
	n.Values = have
}

// dropChoices keeps the last of children that exclude each other, but what is protected in any case.
func dropChoices(n *Node) {
	if n.Schema == nil {
		return
	}
	type behind struct { // what stands behind the child at hand, of one choice
		schema *Schema
		mixed  bool // and something else
	}
	seen, drop := make([]behind, 0, 8), false
	for i, c := range slices.Backward(n.Children) {
		if !IsAlternative(c) || c.Op&DeleteOp != 0 || inactive(n, c) {
			continue
		}
		at := slices.IndexFunc(seen, func(b behind) bool { return b.schema.choice == c.Schema.choice })
		switch {
		case at < 0:
			seen = append(seen, behind{schema: c.Schema})
		case seen[at].schema != c.Schema && holdsProtected(c):
			for j, o := range n.Children[i+1:] {
				if o != nil && Exclude(o, c) && !o.Inactive {
					n.Children[i+1+j] = nil
				}
			}
			seen[at], drop = behind{schema: c.Schema}, true
		case seen[at].mixed || seen[at].schema != c.Schema:
			seen[at].mixed = true
			n.Children[i], drop = nil, true
		}
	}
	if drop {
		n.Children = slices.DeleteFunc(n.Children, func(c *Node) bool { return c == nil })
	}
}

// inactive reports whether child c of n is inactive once it is joined with its twins: it adds to a statement that is.
func inactive(n, c *Node) bool {
	return c.Inactive || slices.ContainsFunc(n.Children, func(o *Node) bool { return o != nil && o.Inactive && Same(o, c) })
}

// settleUnknown decides together what the unknown statements of one block are: a keyword that stands with braces and
// a second word somewhere, or with several different second words, is a list; one that stands with brackets somewhere
// is a leaf-list. What has one name is put together, as a router does.
func settleUnknown(run []*Node) {
	type traits struct {
		first                    *Node
		at                       int
		box, entry, list, differ bool
	}
	names := make(map[string]*traits, len(run))
	for _, n := range run {
		t := names[n.Name]
		if t == nil {
			t = &traits{first: n, at: len(names)}
			names[n.Name] = t
		}
		t.box = t.box || n.Kind == Container
		t.entry = t.entry || n.Kind == Entry
		t.list = t.list || n.Kind == LeafList
		t.differ = t.differ || !slices.Equal(n.Values, t.first.Values)
	}
	for _, n := range run {
		t := names[n.Name]
		switch {
		case n.Kind == LeafList && t.entry && len(n.Values) == 1: // brackets around one value are not written
			n.Kind = Entry
		case n.Kind != Leaf:
		case len(n.Values) == 0:
			if t.box {
				n.Kind = Container
			}
		case t.list && !t.entry:
			n.Kind = LeafList
		case t.entry || t.differ:
			n.Kind = Entry
		}
	}
	slices.SortStableFunc(run, func(a, b *Node) int { return names[a.Name].at - names[b.Name].at })
}
