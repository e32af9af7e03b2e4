package policies

import (
	"fmt"
	"net/netip"

	"rhapsode/diffs/junos"
)

// What somebody needs who translates filters into another language, as the lab router does: the values behind the words.
// The semantics are not here but in the Evaluator, which a translation is compared with.

// Active gives the configuration that is in force: groups applied, and nothing that is inactive or that a text to be
// loaded deletes.
func Active(t *junos.Tree) (*junos.Tree, error) {
	t, err := t.Inherited()
	if err != nil {
		return nil, err
	}
	t = t.Clone()
	prune(t.Root)
	return t, nil
}

// Numbers gives the numbers that the values of a condition stand for, of all conditions that compare numbers: it knows
// dscp, traffic-class, icmp-code, ip-options and extension-header beside what Ranges knows. anyOf tells that `any` is
// among the values of the last two. An error names the first value that means nothing.
func (v Values) Numbers(condition string, f Family) (list []Range, anyOf bool, err error) {
	if _, _, ok := evalNumbering(condition, f); !ok {
		return nil, false, fmt.Errorf("read %s: its values are no numbers", condition)
	}
	plain, anyOf := v.withoutAny(condition)
	list, err = evalRanges(plain, condition, f)
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", condition, err)
	}
	return list, anyOf, nil
}

// withoutAny takes `any` out of values of which a packet may have several.
func (v Values) withoutAny(condition string) (plain Values, anyOf bool) {
	if condition != "ip-options" && condition != "extension-header" {
		return v, false
	}
	plain = Values{Except: v.Except}
	for _, s := range v.List {
		if s == "any" {
			anyOf = true
		} else {
			plain.List = append(plain.List, s)
		}
	}
	return plain, anyOf
}

// MatchingBits gives the values of a bit field that satisfy an expression, in ascending order: of tcp-flags the low six
// bits, of fragment-flags the four highest bits of the 16 that hold flags and offset, the lowest of which has no name and
// stays 0.
func MatchingBits(condition, expression string) ([]uint32, error) {
	names := tcpFlagBits
	if condition == "fragment-flags" {
		names = fragmentFlagBits
	}
	x, err := parseBits(expression, names)
	if err != nil {
		return nil, err
	}
	var all uint32
	for _, bit := range names {
		all |= bit
	}
	var out []uint32
	for bits := range all + 1 {
		if bits&^all == 0 && x(bits) {
			out = append(out, bits)
		}
	}
	return out, nil
}

// Prefixes gives the prefixes of a prefix-list, with what its apply-path yields. The error is that there is no such list,
// or something in it that is no prefix.
func (e *Evaluator) Prefixes(list string) ([]netip.Prefix, error) {
	l := e.lists[list]
	switch {
	case l == nil:
		return nil, fmt.Errorf("read prefix-list: %s is not defined", list)
	case l.unknown != "":
		return nil, fmt.Errorf("read prefix-list %s: it holds %s", list, l.unknown)
	}
	return l.prefixes, nil
}
