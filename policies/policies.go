// Package policies holds the parts of a router's configuration that decide about packets and routes as typed terms:
// firewall filters, policy-statements, prefix-lists, communities and AS paths. They are built from plain data
// (services.go, offload.go) or of files of data in Aerleon's formats (naming.go, acl.go), written as configuration (Text,
// ToConfig), read back from one (FromConfig), checked (Check) and evaluated (Evaluator: what becomes of a packet or a
// route). Reading never drops anything: a statement that the types do not know is an UnknownError with its path.
//
// It is not a template engine and knows no inventory: whoever calls the constructors turns facts into their arguments.
// It may import diffs/junos, a YAML parser and the standard library.
package policies

import (
	"fmt"
	"net/netip"
	"strings"

	"rhapsode/diffs/junos"
)

// Family is an address family as the configuration spells it.
type Family string

// The address families. A filter directly below `firewall` (family "") is one for inet.
const (
	Inet  Family = "inet"
	Inet6 Family = "inet6"
)

// FamilyOf says in which family an address lives; a v4-mapped v6 address is IPv6.
func FamilyOf(a netip.Addr) Family {
	if a.Is4() {
		return Inet
	}
	return Inet6
}

// Digit is the family's mark in our object names: 4 or 6.
func (f Family) Digit() string {
	if f == Inet6 {
		return "6"
	}
	return "4"
}

// Verdict is how a term ends.
type Verdict uint8

// The verdicts. NoVerdict: a filter's term that matched accepts (unless it diverts), a policy's goes on to the next
// term. Discard is for filters, NextPolicy for policy-statements only.
const (
	NoVerdict Verdict = iota
	Accept
	Reject
	Discard
	NextTerm
	NextPolicy
)

var verdictWords = [...]string{"", "accept", "reject", "discard", "next term", "next policy"}

// String gives the verdict as the configuration spells it; NoVerdict is empty.
func (v Verdict) String() string {
	if int(v) < len(verdictWords) {
		return verdictWords[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// Object is one named thing of this package: *Filter, *PolicyStatement, *PrefixList, *Community, *ASPath.
type Object interface {
	// Path gives the CLI words that lead to the object, its name last.
	Path() []string
	// Text gives the object's statement in curly form, from its own keyword on, ending in a newline.
	Text() string
	// Validate reports what no router would take or what would not mean what it says.
	Validate() error
	// ToConfig gives the statement as a resolved node of the builtin schema. It validates first.
	ToConfig() (*junos.Node, error)
}

// UnknownError says that a configuration holds a statement that the types of this package can't express.
type UnknownError struct {
	Path   []string // CLI words of the statement
	Reason string
}

// Error names the path and the reason.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("read policy: %s: %s", words(e.Path), e.Reason)
}

// Set is a collection of objects, as they stand in one configuration. Slices keep the configuration's order.
type Set struct {
	Filters     []*Filter
	Policies    []*PolicyStatement
	PrefixLists []*PrefixList
	Communities []*Community
	ASPaths     []*ASPath
}

// Filter finds a filter by name; nil if there is none. Names of filters are unique over families in what we render;
// where they are not, the first one counts.
func (s *Set) Filter(name string) *Filter { return find(s.Filters, name) }

// Policy finds a policy-statement by name; nil if there is none.
func (s *Set) Policy(name string) *PolicyStatement { return find(s.Policies, name) }

// PrefixList finds a prefix-list by name; nil if there is none.
func (s *Set) PrefixList(name string) *PrefixList { return find(s.PrefixLists, name) }

// Community finds a community by name; nil if there is none.
func (s *Set) Community(name string) *Community { return find(s.Communities, name) }

// ASPath finds an as-path by name; nil if there is none.
func (s *Set) ASPath(name string) *ASPath { return find(s.ASPaths, name) }

type named interface{ name() string }

func find[T named](list []T, name string) T {
	for _, x := range list {
		if x.name() == name {
			return x
		}
	}
	var none T
	return none
}

// FromConfig reads every filter (of the families inet, inet6 and none), policy-statement, prefix-list, community and
// as-path of a configuration, or of a render: a load-time tag before an object is ignored. Configuration groups are not
// expanded. The first thing it can't express ends it with an *UnknownError: also an inactive statement inside a term,
// which a typed term has no place for. The Evaluator, which writes nothing back, skips it as the router does.
func FromConfig(t *junos.Tree) (*Set, error) {
	s := &Set{}
	if err := s.readFirewall(t); err != nil {
		return nil, err
	}
	po := t.Lookup("policy-options")
	if po == nil {
		return s, nil
	}
	for _, n := range po.Children {
		var err error
		switch n.Name {
		case "prefix-list":
			s.PrefixLists, err = appendRead(s.PrefixLists, n, PrefixListFromConfig)
		case "policy-statement":
			s.Policies, err = appendRead(s.Policies, n, PolicyFromConfig)
		case "community":
			s.Communities, err = appendRead(s.Communities, n, CommunityFromConfig)
		case "as-path":
			s.ASPaths, err = appendRead(s.ASPaths, n, ASPathFromConfig)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Set) readFirewall(t *junos.Tree) error {
	for _, family := range []Family{"", Inet, Inet6} {
		path := []string{"firewall"}
		if family != "" {
			path = append(path, "family", string(family))
		}
		at := t.Lookup(path...)
		if at == nil {
			continue
		}
		for _, n := range at.Children {
			if n.Name != "filter" {
				continue
			}
			f, err := FilterFromConfig(family, n)
			if err != nil {
				return err
			}
			s.Filters = append(s.Filters, f)
		}
	}
	return nil
}

func appendRead[T any](list []T, n *junos.Node, read func(*junos.Node) (T, error)) ([]T, error) {
	x, err := read(n)
	if err != nil {
		return nil, err
	}
	return append(list, x), nil
}

// toConfig parses the text of an object in its place and gives back the node.
func toConfig(o Object) (*junos.Node, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	path := o.Path()
	outer := path[:len(path)-2] // without the object's own keyword and name
	text := strings.Builder{}
	for _, w := range outer {
		text.WriteString(w + " {\n")
	}
	text.WriteString(o.Text())
	text.WriteString(strings.Repeat("}\n", len(outer)))
	t, err := junos.ParseChange("", []byte(text.String()), nil)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", words(path), err)
	}
	n := t.Lookup(path...)
	if n == nil {
		return nil, fmt.Errorf("write %s: the schema reads its text as something else", words(path))
	}
	return n, nil
}

// words joins CLI words as they would be typed.
func words(path []string) string {
	quoted := make([]string, len(path))
	for i, w := range path {
		quoted[i] = junos.Quote(w)
	}
	return strings.Join(quoted, " ")
}
