package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// PrefixList is `policy-options prefix-list NAME`.
type PrefixList struct {
	Name     string
	Comment  string // annotation
	Inactive bool
	Prefixes []netip.Prefix
	// ApplyPath collects prefixes from elsewhere in the configuration; empty: none. What it yields is not in Prefixes.
	ApplyPath string
}

func (p *PrefixList) name() string { return p.Name }

// Path gives policy-options prefix-list NAME.
func (p *PrefixList) Path() []string { return []string{"policy-options", "prefix-list", p.Name} }

// Text gives the prefix-list in curly form.
func (p *PrefixList) Text() string {
	w := &writer{}
	w.mark(p.Comment, p.Inactive)
	w.open("prefix-list", p.Name)
	for _, x := range p.Prefixes {
		w.leaf(x.String())
	}
	w.optional("apply-path", p.ApplyPath)
	w.end()
	return w.b.String()
}

// Validate wants a name and prefixes without host bits.
func (p *PrefixList) Validate() error {
	if err := validateHead("prefix-list", p.Name, p.Comment); err != nil {
		return err
	}
	for _, x := range p.Prefixes {
		if !x.IsValid() || x.Masked() != x {
			return fmt.Errorf("check prefix-list %s: %s is no prefix (want %s)", p.Name, x, x.Masked())
		}
	}
	return nil
}

// ToConfig gives the prefix-list as a node.
func (p *PrefixList) ToConfig() (*junos.Node, error) { return toConfig(p) }

// Only gives the prefixes of one family.
func (p *PrefixList) Only(f Family) []netip.Prefix { return OfFamily(f, p.Prefixes) }

// OfFamily gives those of the prefixes that are of family f, sorted, each once.
func OfFamily(f Family, prefixes []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, x := range prefixes {
		if FamilyOf(x.Addr()) == f {
			out = append(out, x.Masked())
		}
	}
	slices.SortFunc(out, comparePrefix)
	return slices.Compact(out)
}

// comparePrefix orders by address, then the shorter (wider) prefix first.
func comparePrefix(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// PrefixListFromConfig reads a prefix-list node.
func PrefixListFromConfig(n *junos.Node) (*PrefixList, error) {
	p := &PrefixList{}
	base, stmts, err := readHead(n, policyOptions, "prefix-list", &p.Name, &p.Comment, &p.Inactive, never)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		if len(s.words) == 2 && s.words[0] == "apply-path" {
			p.ApplyPath = s.words[1]
			continue
		}
		x, err := parsePrefix(s.words[0])
		if err != nil || len(s.words) != 1 {
			return nil, &UnknownError{Path: join(base, s.words...), Reason: "not a prefix"}
		}
		p.Prefixes = append(p.Prefixes, x)
	}
	return p, nil
}

// Community is `policy-options community NAME`.
type Community struct {
	Name     string
	Comment  string
	Inactive bool
	Members  []string // 64496:1, large:65551:0:1, no-export, regular expressions
	Invert   bool     // invert-match
}

func (c *Community) name() string { return c.Name }

// Path gives policy-options community NAME.
func (c *Community) Path() []string { return []string{"policy-options", "community", c.Name} }

// Text gives the community in curly form.
func (c *Community) Text() string {
	w := &writer{}
	w.mark(c.Comment, c.Inactive)
	w.open("community", c.Name)
	w.flag("invert-match", c.Invert)
	w.list("members", c.Members)
	w.end()
	return w.b.String()
}

// Validate wants a name and at least one member.
func (c *Community) Validate() error {
	if err := validateHead("community", c.Name, c.Comment); err != nil {
		return err
	}
	if len(c.Members) == 0 {
		return fmt.Errorf("check community %s: no members", c.Name)
	}
	return nil
}

// ToConfig gives the community as a node.
func (c *Community) ToConfig() (*junos.Node, error) { return toConfig(c) }

// CommunityFromConfig reads a community node.
func CommunityFromConfig(n *junos.Node) (*Community, error) {
	c := &Community{}
	base, stmts, err := readHead(n, policyOptions, "community", &c.Name, &c.Comment, &c.Inactive, never)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		switch {
		case len(s.words) == 2 && s.words[0] == "members":
			c.Members = append(c.Members, s.words[1])
		case len(s.words) == 1 && s.words[0] == "invert-match":
			c.Invert = true
		default:
			return nil, &UnknownError{Path: join(base, s.words...), Reason: "not known in a community"}
		}
	}
	return c, nil
}

// ASPath is `policy-options as-path NAME REGEX`.
type ASPath struct {
	Name     string
	Comment  string
	Inactive bool
	Regex    string
}

func (a *ASPath) name() string { return a.Name }

// Path gives policy-options as-path NAME.
func (a *ASPath) Path() []string { return []string{"policy-options", "as-path", a.Name} }

// Text gives the as-path in curly form.
func (a *ASPath) Text() string {
	w := &writer{}
	w.mark(a.Comment, a.Inactive)
	w.b.WriteString(words([]string{"as-path", a.Name, a.Regex}) + ";\n")
	return w.b.String()
}

// Validate wants a name and an expression.
func (a *ASPath) Validate() error {
	if err := validateHead("as-path", a.Name, a.Comment); err != nil {
		return err
	}
	if a.Regex == "" {
		return fmt.Errorf("check as-path %s: no expression", a.Name)
	}
	return nil
}

// ToConfig gives the as-path as a node.
func (a *ASPath) ToConfig() (*junos.Node, error) { return toConfig(a) }

// ASPathFromConfig reads an as-path node.
func ASPathFromConfig(n *junos.Node) (*ASPath, error) {
	a := &ASPath{}
	w := n.Words()
	if len(w) == 3 && len(n.Children) == 0 { // the expression may be the node's own last word
		a.Regex = w[2]
		w = w[:2]
	}
	base, stmts, err := readHeadWords(n, w, policyOptions, "as-path", &a.Name, &a.Comment, &a.Inactive, never)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		if last := len(s.words) - 1; a.Regex == "" && (last == 0 || last == 1 && s.words[0] == "path") {
			a.Regex = s.words[last]
			continue
		}
		return nil, &UnknownError{Path: join(base, s.words...), Reason: "not known in an as-path"}
	}
	return a, nil
}

func never([]string) bool { return false }

// policyOptions is where all objects but filters stand.
var policyOptions = []string{"policy-options"}

// readHead reads what all objects have in common, and flattens the rest. base is the object's path, for messages.
func readHead(n *junos.Node, outer []string, keyword string, name, comment *string, inactive *bool, markable func([]string) bool) (base []string, list []statement, err error) {
	return readHeadWords(n, n.Words(), outer, keyword, name, comment, inactive, markable)
}

func readHeadWords(n *junos.Node, w, outer []string, keyword string, name, comment *string, inactive *bool, markable func([]string) bool) (base []string, list []statement, err error) {
	base = join(outer, w...)
	if len(w) != 2 || w[0] != keyword {
		return nil, nil, &UnknownError{Path: base, Reason: "not a " + keyword}
	}
	*name, *comment, *inactive = w[1], strings.TrimSpace(n.Annotation), n.Inactive
	if n.Protected {
		return nil, nil, &UnknownError{Path: base, Reason: "a protected " + keyword + " is not known"}
	}
	list, err = flatten(base, n, markable)
	return base, list, err
}

// parsePrefix reads an address or a prefix as Junos takes them: a bare address is a host.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("read prefix %q: not an address", s)
		}
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

func validateHead(keyword, name, comment string) error {
	switch {
	case name == "":
		return fmt.Errorf("check %s: it has no name", keyword)
	case strings.ContainsAny(name, "\"\n\r\t {};[]#"):
		return fmt.Errorf("check %s %q: the name holds a blank or a mark of the configuration language", keyword, name)
	case strings.Contains(comment, "*/"):
		return fmt.Errorf("check %s %s: the comment holds */", keyword, name)
	}
	return nil
}
