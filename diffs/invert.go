package diffs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// ErrConflict says that a change can't be taken back, since it is not today as it was left; *ConflictError.
var ErrConflict = errors.New("the configuration is not as the change left it")

// Conflict is a statement that a change touched and that has become something else since.
type Conflict struct {
	Path  []string // CLI words, without the value of a leaf
	Did   string   // what the change did: added, deleted, changed, moved, deactivated …
	Since string   // what has become of it: gone, there again, changed, moved …
}

// String is the conflict in a line. It has no values: they may be secrets.
func (c Conflict) String() string {
	return fmt.Sprintf("%s (was %s, and is %s since)", joinPath(c.Path), c.Did, c.Since)
}

// ConflictError lists all statements that keep a change from being taken back.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) Error() string {
	s := make([]string, len(e.Conflicts))
	for i, c := range e.Conflicts {
		s[i] = c.String()
	}
	return fmt.Sprintf("%v: %s", ErrConflict, strings.Join(s, "; "))
}

// Is makes it ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

// Invert takes back on now what a change did that led from before to after: set lines that give every statement which the
// change touched what it had before, and leave alone what others have changed since. A change whose Text is "" has
// nothing to do: it is taken back already.
//
// A statement that the change touched must be today as the change left it, or as it was before; any other is a conflict,
// and all of them are in the *ConflictError. An entry of a list that the change added or deleted counts as one statement,
// with all that is in it. What was deleted goes back to its place in a list that the user orders; where the order of the
// rest has changed so that there is no such place, that is a conflict too. None of the trees is changed.
func Invert(before, after, now *junos.Tree) (Change, error) {
	before, after, now = before.Clone(), after.Clone(), now.Clone()
	for range 2 { // what two agree on can be news to the third
		junos.Unify(before, after)
		junos.Unify(after, now)
		junos.Unify(before, now)
	}
	var in inverter
	target := junos.New(now.Schema)
	target.Root.Children = in.children(nil, after.Root, now.Root, before.Root)
	if len(in.conflicts) > 0 {
		return Change{}, &ConflictError{in.conflicts}
	}
	lines := Edits(now, target)
	if len(lines) == 0 {
		return Change{Mode: junos.Set}, nil
	}
	c := Change{Mode: junos.Set, Text: strings.Join(lines, "\n") + "\n"}
	got := now.Clone()
	if _, err := got.Load("inverse", []byte(c.Text), junos.Set); err != nil {
		return Change{}, fmt.Errorf("invert change: load the inverse: %w", err)
	}
	if left := Edits(got, target); len(left) > 0 {
		return Change{}, fmt.Errorf("invert change: set lines can't say it: %d edits are left, the first at %s", len(left), verbPath(left[0]))
	}
	return c, nil
}

// verbPath is an edit without its last word, which may be a value.
func verbPath(edit string) string {
	if i := strings.LastIndexByte(edit, ' '); i > 0 {
		return edit[:i]
	}
	return edit
}

// inverter merges three ways: was is what the change left, now is today, want is what it found.
type inverter struct{ conflicts []Conflict }

func (in *inverter) conflict(path []string, did, since string) {
	in.conflicts = append(in.conflicts, Conflict{slices.Clone(path), did, since})
}

// children gives what a parent is to hold. A parent that is not there holds nothing.
func (in *inverter) children(path []string, was, now, want *junos.Node) []*junos.Node {
	var out []*junos.Node
	for _, name := range names(now, was, want) {
		w, n, b := named(was, name), named(now, name), named(want, name)
		if isList(w, n, b) {
			out = append(out, in.list(path, w, n, b)...)
		} else if c := in.single(path, first(w), first(n), first(b)); c != nil {
			out = append(out, c)
		}
	}
	in.exclusive(path, out, now)
	return out
}

// isList is statement.isList for three sides.
func isList(sides ...[]*junos.Node) bool {
	s := statement{}
	for _, nodes := range sides {
		if len(nodes) > 1 {
			return true
		}
		if s.before = nodes; s.has(junos.Entry) {
			return true
		}
	}
	s.before = slices.Concat(sides...)
	return s.has(junos.Container) && (s.has(junos.Leaf) || s.has(junos.LeafList))
}

// names are those of all statements, in the order of the first parent.
func names(parents ...*junos.Node) []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range parents {
		if p == nil {
			continue
		}
		for _, c := range p.Children {
			if !seen[c.Name] {
				seen[c.Name] = true
				out = append(out, c.Name)
			}
		}
	}
	return out
}

func named(parent *junos.Node, name string) []*junos.Node {
	if parent == nil {
		return nil
	}
	var out []*junos.Node
	for _, c := range parent.Children {
		if c.Name == name {
			out = append(out, c)
		}
	}
	return out
}

// exclusive refuses to set beside an active statement one that excludes it: a router would delete the other.
func (in *inverter) exclusive(path []string, out []*junos.Node, now *junos.Node) {
	active := func(n *junos.Node) bool {
		return now != nil && slices.ContainsFunc(now.Children, func(o *junos.Node) bool { return junos.Same(o, n) && !o.Inactive })
	}
	for i, x := range out {
		for _, y := range out[i+1:] {
			if x.Inactive || y.Inactive || !junos.Exclude(x, y) || active(x) && active(y) {
				continue
			}
			if active(x) {
				x, y = y, x
			}
			in.conflict(place(path, x), "deleted", "replaced by "+y.Name)
		}
	}
}

// place is where a statement is found, without the value of a leaf that has a keyword.
func place(path []string, n *junos.Node) []string {
	if leafy(n) {
		return address(path, &junos.Node{Kind: n.Kind, Name: n.Name, Schema: n.Schema, Values: n.Values})
	}
	return slices.Concat(path, n.Words())
}

// single merges a statement of which there is one at most.
func (in *inverter) single(path []string, was, now, want *junos.Node) *junos.Node {
	switch {
	case equal(was, want), equal(now, want):
		return now
	case equal(now, was):
		return want
	}
	some := now
	if some == nil {
		some = was
	}
	if some == nil {
		some = want
	}
	at := place(path, some)
	kinds := map[junos.Kind]bool{}
	for _, n := range []*junos.Node{was, now, want} {
		if n != nil {
			kinds[n.Kind] = true
		}
	}
	switch {
	case len(kinds) > 1, some.Kind != junos.Container && now == nil, some.Kind == junos.Leaf && (was == nil || want == nil),
		some.Kind == junos.Entry && (was == nil || want == nil):
		in.conflict(at, did(was, want), since(was, now))
		return now
	}
	gone := now == nil
	if gone { // a container goes with the last of what it holds: others have deleted that
		now = &junos.Node{Kind: want.Kind, Name: want.Name, Schema: want.Schema}
		now.Inactive, now.Protected, now.Annotation = want.Inactive, want.Protected, want.Annotation
	}
	out := *now
	in.marks(at, &out, was, now, want)
	switch some.Kind {
	case junos.Leaf:
		out.Values = in.values(at, was, now, want)
	case junos.LeafList:
		return in.leafList(at, &out, was, now, want)
	default:
		out.Children = in.children(at, was, now, want)
		if (want == nil || gone) && len(out.Children) == 0 {
			return nil
		}
	}
	return &out
}

// values merges the value of a leaf that is on all sides.
func (in *inverter) values(at []string, was, now, want *junos.Node) []string {
	switch {
	case slices.Equal(was.Values, want.Values), slices.Equal(now.Values, want.Values):
		return now.Values
	case slices.Equal(now.Values, was.Values):
		return want.Values
	}
	in.conflict(at, "changed", "changed")
	return now.Values
}

// leafList takes away the values that were added, and puts back those that were deleted.
func (in *inverter) leafList(at []string, out, was, now, want *junos.Node) *junos.Node {
	w, b := valuesOf(was), valuesOf(want)
	stays := func(v string) bool {
		if slices.Contains(now.Values, v) {
			return slices.Contains(b, v) || !slices.Contains(w, v)
		}
		return slices.Contains(b, v) && !slices.Contains(w, v)
	}
	values, ok := mergeOrder(w, now.Values, b, stays)
	if !ok {
		in.conflict(at, did(was, want), "changed")
	}
	if len(values) == 0 {
		return nil
	}
	out.Values = values
	return out
}

func valuesOf(n *junos.Node) []string {
	if n == nil {
		return nil
	}
	return n.Values
}

// marks merges what stands before a statement.
func (in *inverter) marks(at []string, out, was, now, want *junos.Node) {
	switch {
	case want == nil: // others have added to what the change made
		if marked(now, was) {
			in.conflict(at, "added", "marked in another way")
		}
		return
	case was == nil: // others have made again what the change deleted
		if now.Inactive != want.Inactive {
			in.conflict(at, "deleted", "there again")
		}
		return
	}
	out.Inactive = pick(was.Inactive, now.Inactive, want.Inactive)
	out.Protected = pick(was.Protected, now.Protected, want.Protected)
	if a := now.Annotation; was.Annotation != want.Annotation && a != want.Annotation {
		if a != was.Annotation {
			in.conflict(at, "annotated", "annotated in another way")
		}
		out.Annotation = want.Annotation
	}
}

// pick merges a mark: of two values one is always that of today.
func pick(was, now, want bool) bool {
	if was != want {
		return want
	}
	return now
}

// list merges the entries of a list, each of which is there or not, and their order.
func (in *inverter) list(path []string, was, now, want []*junos.Node) []*junos.Node {
	w, n, b := byKey(was), byKey(now), byKey(want)
	at := func(list []*junos.Node, index map[string]int, k string) *junos.Node {
		if i, ok := index[k]; ok {
			return list[i]
		}
		return nil
	}
	merged := map[string]*junos.Node{}
	for _, side := range [][]*junos.Node{now, was, want} {
		for _, e := range side {
			k := key(e)
			if _, done := merged[k]; !done {
				merged[k] = in.single(path, at(was, w, k), at(now, n, k), at(want, b, k))
			}
		}
	}
	stays := func(k string) bool { return merged[k] != nil }
	order, ok := keys(now), true
	if e := first(slices.Concat(now, was, want)); e.Is(junos.UserOrdered) {
		if order, ok = mergeOrder(keys(was), order, keys(want), stays); !ok {
			in.conflict(slices.Concat(path, []string{e.Name}), "put in another order", "in another order again")
		}
	} else {
		order = slices.DeleteFunc(order, func(k string) bool { return !stays(k) })
		for _, k := range keys(want) {
			if stays(k) && !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
	}
	out := make([]*junos.Node, len(order))
	for i, k := range order {
		out[i] = merged[k]
	}
	return out
}

func keys(list []*junos.Node) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = key(n)
	}
	return out
}

// mergeOrder takes back, on the order of today, what led from want to was: elements that change left in another order go
// back to theirs, and those of want that are missing and stay go behind the nearest that precedes them in want. It is
// not ok where today's order is neither of the two, or has no such place.
func mergeOrder(was, now, want []string, stays func(string) bool) ([]string, bool) {
	out := slices.DeleteFunc(slices.Clone(now), func(k string) bool { return !stays(k) })
	both := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(k string) bool {
			return !slices.Contains(was, k) || !slices.Contains(want, k) || !slices.Contains(out, k)
		})
	}
	left, found, today := both(was), both(want), both(out)
	if !slices.Equal(left, found) && !slices.Equal(today, found) {
		if !slices.Equal(today, left) {
			return out, false
		}
		n := 0
		for i, k := range out {
			if slices.Contains(found, k) {
				out[i] = found[n]
				n++
			}
		}
	}
	for i, k := range want {
		if !stays(k) || slices.Contains(out, k) {
			continue
		}
		from, to := 0, len(out) // where k can stand: behind all that precede it in want, before all that follow it
		for j, o := range out {
			p := slices.Index(want, o)
			if p >= 0 && p < i {
				from = j + 1
			}
		}
		for j, o := range slices.Backward(out) {
			if slices.Index(want, o) > i {
				to = j
			}
		}
		if from > to {
			return out, false
		}
		if from == 0 && to < len(out) {
			from = to // nothing precedes it: right before what follows
		}
		out = slices.Insert(out, from, k)
	}
	return out, true
}

// did says what a change did to a statement, since what has become of it.
func did(was, want *junos.Node) string {
	switch {
	case want == nil:
		return "added"
	case was == nil:
		return "deleted"
	}
	return "changed"
}

func since(was, now *junos.Node) string {
	switch {
	case now == nil:
		return "gone"
	case was == nil:
		return "there again"
	}
	return "changed"
}

// equal reports whether two statements are the same with all that is in them.
func equal(a, b *junos.Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.Name == b.Name && slices.Equal(a.Values, b.Values) && a.Inactive == b.Inactive &&
		a.Protected == b.Protected && a.Annotation == b.Annotation && slices.EqualFunc(a.Children, b.Children, equal)
}

// Touched lists the statements that differ between two configurations, in CLI words without the values of leaves: an
// entry of a list that is new or gone as a whole, else the innermost. A list whose order differs is one of them.
func Touched(before, after *junos.Tree) [][]string {
	before, after = before.Clone(), after.Clone()
	junos.Unify(before, after)
	return touched(nil, before.Root, after.Root)
}

func touched(path []string, before, after *junos.Node) (out [][]string) {
	add := func(n *junos.Node) { out = append(out, place(path, n)) }
	for _, s := range pair(before, after, order{}, order{}) {
		index := byKey(s.before)
		both := func(n *junos.Node) *junos.Node { return first(s.before) }
		if s.isList() {
			both = func(n *junos.Node) *junos.Node {
				if i, ok := index[key(n)]; ok {
					return s.before[i]
				}
				return nil
			}
			kept := byKey(s.after)
			for _, n := range s.before {
				if _, ok := kept[key(n)]; !ok {
					add(n)
				}
			}
		} else if len(s.after) == 0 {
			add(s.before[0])
		}
		for _, n := range s.after {
			was := both(n)
			switch {
			case equal(was, n):
			case was == nil, was.Kind != n.Kind, leafy(n):
				add(n)
			default:
				inside := touched(slices.Concat(path, n.Words()), was, n)
				if marked(was, n) || len(inside) == 0 {
					add(n)
				}
				out = append(out, inside...)
			}
		}
		if n := first(s.after); n != nil && n.Is(junos.UserOrdered) && s.isList() && reordered(keys(s.before), keys(s.after)) {
			out = append(out, slices.Concat(path, []string{n.Name}))
		}
	}
	return out
}

func marked(a, b *junos.Node) bool {
	return a.Inactive != b.Inactive || a.Protected != b.Protected || a.Annotation != b.Annotation
}

// reordered reports whether those that two lists have in common stand in another order.
func reordered(a, b []string) bool {
	common := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(k string) bool { return !slices.Contains(other, k) })
	}
	return !slices.Equal(common(a, b), common(b, a))
}
