package policies

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// FilterFromConfig reads a filter node of the given family.
func FilterFromConfig(family Family, n *junos.Node) (*Filter, error) {
	f := &Filter{Family: family}
	path := f.Path()
	base, stmts, err := readHead(n, path[:len(path)-2], "filter", &f.Name, &f.Comment, &f.Inactive, isTerm)
	if err != nil {
		return nil, err
	}
	for _, s := range stmts {
		ok, err := f.read(s)
		if err != nil {
			return nil, &UnknownError{Path: join(base, s.words...), Reason: err.Error()}
		}
		if !ok {
			return nil, &UnknownError{Path: join(base, s.words...), Reason: "not known in a filter"}
		}
	}
	return f, nil
}

func isTerm(w []string) bool { return len(w) == 2 && w[0] == "term" }

func (f *Filter) read(s statement) (bool, error) {
	w := s.words
	switch {
	case isTerm(w):
		f.Terms = append(f.Terms, &FilterTerm{Name: w[1], Inactive: s.inactive, Comment: s.comment})
		return true, nil
	case slices.Equal(w, []string{"interface-specific"}):
		f.InterfaceSpecific = true
		return true, nil
	case len(w) > 2 && w[0] == "term" && len(f.Terms) > 0:
		t := f.Terms[len(f.Terms)-1] // flatten announces a term before what it holds
		return t.read(w[2:])
	}
	return false, nil
}

func (t *FilterTerm) read(w []string) (bool, error) {
	switch {
	case len(w) == 2 && w[0] == "filter":
		t.Call = w[1]
		return true, nil
	case len(w) > 1 && w[0] == "from":
		return t.From.read(w[1:])
	case len(w) > 1 && w[0] == "then":
		return t.Then.read(w[1:])
	}
	return false, nil
}

func (m *FilterMatch) read(w []string) (bool, error) {
	if len(w) == 1 {
		return setFlag(m.flagFields(), w[0]), nil
	}
	except := len(w) == 3 && w[2] == "except"
	if len(w) != 2 && !except {
		return false, nil
	}
	for _, x := range m.addressFields() {
		if x.key == w[0] {
			p, err := parsePrefix(w[1])
			if err == nil {
				*x.value = append(*x.value, AddressMatch{Prefix: p, Except: except})
			}
			return true, err
		}
	}
	for _, x := range m.listFields() {
		if x.key == w[0] {
			*x.value = append(*x.value, ListMatch{Name: w[1], Except: except})
			return true, nil
		}
	}
	if except {
		return false, nil
	}
	if w[0] == "interface" {
		m.Interface = append(m.Interface, w[1])
		return true, nil
	}
	if setText(m.textFields(), w) {
		return true, nil
	}
	return m.readValue(w[0], w[1])
}

func (m *FilterMatch) readValue(key, value string) (bool, error) {
	plain, not := strings.CutSuffix(key, "-except")
	for _, x := range m.valueFields() {
		if x.key != plain {
			continue
		}
		if len(x.value.List) > 0 && x.value.Except != not {
			return true, errBothSenses
		}
		x.value.Except = not
		x.value.List = append(x.value.List, value)
		return true, nil
	}
	return false, nil
}

func (a *FilterAction) read(w []string) (bool, error) {
	if v := filterVerdict(w); v != NoVerdict {
		if a.Verdict != NoVerdict {
			return true, errTwoVerdicts
		}
		a.Verdict = v
		if v == Reject && len(w) == 2 {
			a.RejectType = w[1]
		}
		return true, nil
	}
	switch len(w) {
	case 1:
		return setFlag(a.flagFields(), w[0]), nil
	case 2:
		for _, x := range a.nextHops() {
			if x.key == w[0] {
				p, err := parsePrefix(w[1])
				*x.value = p
				return true, err
			}
		}
		return setText(a.textFields(), w), nil
	}
	return false, nil
}

func filterVerdict(w []string) Verdict {
	switch strings.Join(w, " ") {
	case "accept":
		return Accept
	case "discard":
		return Discard
	case "next term":
		return NextTerm
	}
	if w[0] == "reject" && len(w) <= 2 {
		return Reject
	}
	return NoVerdict
}

func setFlag(fields []field[bool], key string) bool {
	for _, x := range fields {
		if x.key == key {
			*x.value = true
			return true
		}
	}
	return false
}

func setText(fields []field[string], w []string) bool {
	for _, x := range fields {
		if x.key == w[0] && len(w) == 2 {
			*x.value = w[1]
			return true
		}
	}
	return false
}
