package policies

import (
	"net/netip"
	"strconv"
	"strings"

	"rhapsode/diffs/junos"
)

// PolicyFromConfig reads a policy-statement node.
func PolicyFromConfig(n *junos.Node) (*PolicyStatement, error) {
	p := &PolicyStatement{}
	base, stmts, err := readHead(n, policyOptions, "policy-statement", &p.Name, &p.Comment, &p.Inactive, isTerm)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		ok, err := p.read(s)
		if err != nil {
			return nil, &UnknownError{Path: join(base, s.words...), Reason: err.Error()}
		}
		if !ok {
			return nil, &UnknownError{Path: join(base, s.words...), Reason: "not known in a policy-statement"}
		}
	}
	return p, nil
}

func (p *PolicyStatement) read(s statement) (bool, error) {
	w := s.words
	if isTerm(w) {
		p.Terms = append(p.Terms, &PolicyTerm{Name: w[1], Inactive: s.inactive, Comment: s.comment})
		return true, nil
	}
	t := &p.Final
	if w[0] == "term" {
		if len(w) < 3 || len(p.Terms) == 0 {
			return false, nil
		}
		t, w = p.Terms[len(p.Terms)-1], w[2:] // flatten announces a term before what it holds
	}
	switch {
	case len(w) > 1 && w[0] == "from":
		return t.From.read(w[1:])
	case len(w) > 1 && w[0] == "then":
		return t.Then.read(w[1:])
	}
	return false, nil
}

func (m *PolicyMatch) read(w []string) (bool, error) {
	switch w[0] {
	case "route-filter":
		return m.readRouteFilter(w[1:])
	case "prefix-list-filter":
		if len(w) != 3 {
			return false, nil
		}
		if takes, ok := Modifier(w[2]).takesValue(); !ok || takes {
			return false, nil
		}
		m.PrefixListFilters = append(m.PrefixListFilters, PrefixListFilter{Name: w[1], Modifier: Modifier(w[2])})
		return true, nil
	}
	if len(w) != 2 {
		return false, nil
	}
	if setText(m.textFields(), w) {
		return true, nil
	}
	for _, x := range m.listFields() {
		if x.key == w[0] {
			*x.value = append(*x.value, w[1])
			return true, nil
		}
	}
	for _, x := range m.addressFields() {
		if x.key == w[0] {
			a, err := netip.ParseAddr(w[1])
			if err == nil {
				*x.value = append(*x.value, a)
			}
			return true, err
		}
	}
	return m.readNumber(w)
}

func (m *PolicyMatch) readNumber(w []string) (bool, error) {
	for _, x := range m.numberFields() {
		if x.key == w[0] {
			n, err := number(w[1])
			if err == nil {
				*x.value = &n
			}
			return true, err
		}
	}
	if w[0] == "tag" {
		n, err := number(w[1])
		if err == nil {
			m.Tag = append(m.Tag, n)
		}
		return true, err
	}
	return false, nil
}

func (m *PolicyMatch) readRouteFilter(w []string) (bool, error) {
	if len(w) != 2 && len(w) != 3 {
		return false, nil
	}
	p, err := parsePrefix(w[0])
	if err != nil {
		return true, err
	}
	f := RouteFilter{Prefix: p, Modifier: Modifier(w[1])}
	if len(w) == 3 {
		f.Value = w[2]
	}
	if takes, ok := f.Modifier.takesValue(); !ok || takes != (f.Value != "") {
		return false, nil
	}
	m.RouteFilters = append(m.RouteFilters, f)
	return true, nil
}

func (a *PolicyAction) read(w []string) (bool, error) {
	if v := policyVerdict(w); v != NoVerdict {
		if a.Verdict != NoVerdict {
			return true, errTwoVerdicts
		}
		a.Verdict = v
		return true, nil
	}
	switch {
	case w[0] == "community" && len(w) == 3:
		a.Community = append(a.Community, CommunityAction{Op: w[1], Name: w[2]})
		return communityOp(w[1]), nil
	case w[0] == "external" && len(w) == 3 && w[1] == "type":
		a.External = w[2]
		return true, nil
	case w[0] == "default-action" && len(w) == 2:
		a.DefaultAction = policyVerdict(w[1:])
		return a.DefaultAction == Accept || a.DefaultAction == Reject, nil
	case setText(a.textFields(), w):
		return true, nil
	}
	return a.readNumber(w)
}

func (a *PolicyAction) readNumber(w []string) (bool, error) {
	for _, x := range a.numberFields() {
		if x.key != w[0] || *x.value != nil {
			continue
		}
		set := &NumberAction{}
		switch {
		case len(w) == 2:
		case len(w) == 3 && (w[1] == "add" || w[1] == "subtract"):
			set.Op = w[1]
		default:
			return false, nil
		}
		n, err := number(w[len(w)-1])
		set.Value = n
		*x.value = set
		return true, err
	}
	return false, nil
}

func policyVerdict(w []string) Verdict {
	switch strings.Join(w, " ") {
	case "accept":
		return Accept
	case "reject":
		return Reject
	case "next term":
		return NextTerm
	case "next policy":
		return NextPolicy
	}
	return NoVerdict
}

func number(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
