package policies

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// addressSet is the prefixes of one address condition: the longest that contains an address decides, and an address in
// none is not in the set (the vendor: each list ends in an implicit 0/0 except).
type addressSet struct {
	prefixes map[netip.Prefix]bool // false: except
	lengths  []int                 // that occur, the longest first
}

func (s *addressSet) add(p netip.Prefix, except bool) {
	if s.prefixes == nil {
		s.prefixes = map[netip.Prefix]bool{}
	}
	p = p.Masked()
	if old, ok := s.prefixes[p]; ok && !old {
		return // the same prefix with and without except: it is excepted
	}
	s.prefixes[p] = !except
	if i, found := slices.BinarySearchFunc(s.lengths, p.Bits(), func(a, b int) int { return b - a }); !found {
		s.lengths = slices.Insert(s.lengths, i, p.Bits())
	}
}

func (s *addressSet) contains(a netip.Addr) bool {
	for _, bits := range s.lengths {
		p, err := a.Prefix(bits)
		if err != nil {
			continue
		}
		if in, ok := s.prefixes[p]; ok {
			return in
		}
	}
	return false
}

// evalList is a prefix-list with what its apply-path yields.
type evalList struct {
	prefixes []netip.Prefix
	unknown  string // why its prefixes are not all known; empty: they are
}

func (e *Evaluator) readList(n *junos.Node) *evalList {
	l := &evalList{}
	for _, u := range readStatements(n, func(w []string) (bool, error) {
		if len(w) == 2 && w[0] == "apply-path" {
			l.prefixes = append(l.prefixes, e.applyPath(w[1])...)
			return true, nil
		}
		p, err := parsePrefix(w[0])
		if err != nil || len(w) != 1 {
			return false, err
		}
		l.prefixes = append(l.prefixes, p.Masked())
		return true, nil
	}) {
		l.unknown = u.String()
	}
	return l
}

// applyPath collects the prefixes that a path leads to: keywords, names, and wildcards in angle brackets. An address of
// an interface counts as its subnet.
func (e *Evaluator) applyPath(text string) []netip.Prefix {
	pattern, err := junos.SplitWords(text)
	if err != nil {
		return nil
	}
	var out []netip.Prefix
	var walk func(n *junos.Node, at []string)
	walk = func(n *junos.Node, at []string) {
		for _, c := range n.Children {
			w := c.Words()
			keys := [][]string{w}
			if c.Kind == junos.LeafList && len(c.Values) > 0 {
				keys = nil
				for _, v := range c.Values {
					keys = append(keys, join(w[:len(w)-len(c.Values)], v))
				}
			}
			for _, k := range keys {
				here := join(at, k...)
				switch {
				case len(here) > len(pattern) || !fits(pattern[:len(here)], here):
				case len(here) < len(pattern):
					walk(c, here)
				default:
					if p, err := parsePrefix(here[len(here)-1]); err == nil {
						out = append(out, p.Masked())
					}
				}
			}
		}
	}
	walk(e.tree.Root, nil)
	return out
}

// noSlash lets a `*` go over the slashes of an interface's name.
var noSlash = strings.NewReplacer("/", "\x00")

// fits tells whether words are what a path asks for: themselves, or a wildcard in angle brackets.
func fits(pattern, at []string) bool {
	for i, p := range pattern {
		glob, isGlob := strings.CutPrefix(p, "<")
		if !isGlob {
			if p != at[i] {
				return false
			}
			continue
		}
		glob = strings.TrimSuffix(glob, ">")
		if glob == "*" {
			continue
		}
		if ok, err := path.Match(noSlash.Replace(glob), noSlash.Replace(at[i])); err != nil || !ok {
			return false
		}
	}
	return true
}

// addresses joins the address and prefix-list conditions on one field: both fill the same set. Prefixes of the other
// family don't count. unknown says why the set is not known, empty if it is.
func (e *Evaluator) addresses(f Family, own []AddressMatch, lists []ListMatch) (s *addressSet, unknown string) {
	s = &addressSet{}
	for _, a := range own {
		s.add(a.Prefix, a.Except)
	}
	for _, l := range lists {
		list := e.lists[l.Name]
		switch {
		case list == nil:
			return s, "prefix-list " + l.Name + " is not defined"
		case list.unknown != "":
			return s, "prefix-list " + l.Name + " holds " + list.unknown
		}
		for _, p := range list.prefixes {
			if FamilyOf(p.Addr()) == f {
				s.add(p, l.Except)
			}
		}
	}
	if len(s.prefixes) == 0 {
		return s, "the prefix-list has no prefix of family " + string(f) + ", and what that means depends on the platform"
	}
	return s, ""
}
