package diffs

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// listComparer compares the entries of one list.
type listComparer struct {
	*comparer
	level  level // what the entries stand in; the banner has the keyword of a homogeneous list
	owner  owner
	indent int
	known  bool // by the schema

	before, after map[string]int // where an entry is on each side, by key
}

// list compares the entries of a list that parent holds.
func (c *comparer) list(l level, parent owner, s statement) {
	sch := s.schema()
	lc := &listComparer{
		comparer: c, level: l, indent: l.depth + blockIndent, known: sch != nil,
		owner: owner{node: first(s.after), list: true}, before: byKey(s.before), after: byKey(s.after),
	}
	if lc.owner.node == nil {
		lc.owner.node = first(s.before)
	}
	switch {
	case sch.Is(junos.Homogeneous):
		if len(s.before) == 0 || len(s.after) == 0 {
			lc.whole(parent, s)
			return
		}
		lc.level.path = slices.Concat(l.path, l.prefix, []string{sch.Name})
		lc.level.prefix, lc.level.bare = nil, true
		lc.indent = l.depth + 1 + leafIndent // the keyword counts as a level of the banner
	case sch.Is(junos.Hidden) && len(sch.Children) == 0:
		lc.indent = l.depth + leafIndent
	}
	if sch.Is(junos.UserOrdered) {
		lc.moved(s)
		lc.userOrdered(s)
	} else {
		lc.systemOrdered(s)
	}
}

// whole shows a homogeneous list that is new or gone: one block with the keyword in front, laid out like a leaf, in the
// hunk of the statements around it.
func (lc *listComparer) whole(parent owner, s statement) {
	mark, entries := byte('+'), s.after
	if len(entries) == 0 {
		mark, entries = '-', s.before
	}
	lc.open(parent, plainHunk, lc.level.path, lc.level.depth+leafIndent)
	lines := text(junos.Block(entries))
	lines[0] = strings.TrimPrefix(joinPath(lc.level.prefix)+" "+lines[0], " ")
	lc.emit(mark, lines...)
}

// systemOrdered shows what was added, removed and changed in the order of before, with what is new at the place of its
// key. Where no schema says how the keys are ordered, what is new comes behind the entry that it follows in after and
// what was removed there.
func (lc *listComparer) systemOrdered(s statement) {
	b := s.before
	added := make(map[int][]*junos.Node) // by the place in b in front of which they come
	follows := 0
	sorted := slices.IsSortedFunc(b, byKeys)
	for _, n := range s.after {
		if i, ok := lc.before[key(n)]; ok {
			follows = i + 1
			continue
		}
		at := follows
		if lc.known {
			at = keyPlace(b, n, sorted)
		} else {
			for at < len(b) && !lc.has(lc.after, key(b[at])) {
				at++
			}
		}
		added[at] = append(added[at], n)
	}
	for i := range len(b) + 1 {
		for _, n := range added[i] {
			lc.entry('+', n)
		}
		if i == len(b) {
			break
		}
		if at, ok := lc.after[key(b[i])]; ok {
			lc.common(b[i], s.after[at])
		} else {
			lc.entry('-', b[i])
		}
	}
}

// keyPlace gives where the key of n belongs in a list: behind the nearest of those that precede it. Lists are sorted by
// key, as a rule, but a device's order can be another than ours.
func keyPlace(list []*junos.Node, n *junos.Node, sorted bool) int {
	if sorted {
		place, _ := slices.BinarySearchFunc(list, n, byKeys)
		return place
	}
	nearest := -1
	for i, m := range list {
		if byKeys(m, n) < 0 && (nearest < 0 || byKeys(m, list[nearest]) >= 0) {
			nearest = i
		}
	}
	return nearest + 1
}

// userOrdered shows new entries with their neighbours and the changes within entries, in the order of after; then what
// is gone, in the order of before.
func (lc *listComparer) userOrdered(s statement) {
	stays := func(i int) bool {
		if i < 0 || i >= len(s.after) {
			return false
		}
		_, ok := lc.before[key(s.after[i])]
		return ok
	}
	shown := -1 // the last entry of after in the hunk
	for i, n := range s.after {
		if stays(i) {
			hunks := len(lc.hunks)
			lc.common(s.before[lc.before[key(n)]], n)
			if len(lc.hunks) > hunks {
				shown = -1
			}
			continue
		}
		lc.open(lc.owner, plainHunk, lc.level.path, lc.indent)
		if stays(i-1) && shown != i-1 {
			lc.emit(' ', lc.level.short(s.after[i-1]))
		}
		lc.emit('+', lc.level.full(lc.comparer.after.deep(n))...)
		shown = i
		if stays(i + 1) {
			lc.emit(' ', lc.level.short(s.after[i+1]))
			shown = i + 1
		}
	}
	for _, n := range s.before {
		if _, ok := lc.after[key(n)]; !ok {
			lc.entry('-', n)
		}
	}
}

// moved shows the entries of both sides whose ordinal among those has changed, each run of them behind the nearest
// entry that kept its place. Moving one entry to the end so marks all that it passed, as devices do. (One sample of an
// old release leaves the entry itself out; all others have it.)
func (lc *listComparer) moved(s statement) {
	was := make([]string, 0, len(s.before))
	for _, n := range s.before {
		if k := key(n); lc.has(lc.after, k) {
			was = append(was, k)
		}
	}
	ordinal := 0
	var unmoved *junos.Node // the nearest one, nil once it is shown
	moves := false
	for _, n := range s.after {
		k := key(n)
		if !lc.has(lc.before, k) {
			continue
		}
		if was[ordinal] == k {
			unmoved = n
		} else {
			moves = true
			lc.open(lc.owner, moveHunk, lc.level.path, lc.indent)
			if unmoved != nil {
				lc.emit(' ', lc.level.short(unmoved))
				unmoved = nil
			}
			lc.emit('!', lc.level.short(n))
		}
		ordinal++
	}
	if moves {
		lc.close()
	}
}

func (lc *listComparer) has(side map[string]int, k string) bool {
	_, ok := side[k]
	return ok
}

// entry shows an entry that is only on one side.
func (lc *listComparer) entry(mark byte, n *junos.Node) {
	lc.open(lc.owner, plainHunk, lc.level.path, lc.indent)
	in := lc.comparer.after
	if mark == '-' {
		in = lc.comparer.before
	}
	lc.emit(mark, lc.level.full(in.deep(n))...)
}

// common compares an entry that is on both sides.
func (lc *listComparer) common(b, a *junos.Node) {
	lc.flags(lc.level, lc.owner, lc.indent, b, a)
	lc.children(lc.level.below(b, a), b, a)
}

func byKeys(x, y *junos.Node) int { return junos.CompareKeys(x.Values, y.Values) }

// byKey indexes entries.
func byKey(nodes []*junos.Node) map[string]int {
	m := make(map[string]int, len(nodes))
	for i, n := range nodes {
		m[key(n)] = i
	}
	return m
}

// key tells the entries of one list apart.
func key(n *junos.Node) string {
	if len(n.Values) == 1 {
		return n.Values[0]
	}
	return strings.Join(n.Values, "\x00")
}
