package policies

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// SecurityFromConfig reads the policies between zones, the address books and the applications of a configuration, or of
// what Text gives: a load-time tag is ignored. Nil: it has none of them. The first thing that the types can't express
// ends it with an *UnknownError.
func SecurityFromConfig(t *junos.Tree) (*Security, error) {
	r := &securityReader{}
	if at := t.Lookup("security"); at != nil {
		for _, n := range at.Children {
			switch n.Name {
			case "address-book":
				r.book([]string{"security"}, n, "")
			case "policies":
				r.policies(n)
			case "zones":
				r.zones(n)
			}
		}
	}
	if at := t.Lookup("applications"); at != nil {
		for _, n := range at.Children {
			r.application(n)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.out.Pairs)+len(r.out.Books)+len(r.out.Applications) == 0 {
		return nil, nil
	}
	return &r.out, nil
}

// securityReader reads until the first error.
type securityReader struct {
	out Security
	err error
}

func (r *securityReader) unknown(path []string, reason string) {
	if r.err == nil {
		r.err = &UnknownError{Path: path, Reason: reason}
	}
}

// statements flattens what is below a node. What is inactive, protected or commented is refused but where markable.
func (r *securityReader) statements(path []string, n *junos.Node, markable func([]string) bool) []statement {
	if n.Inactive || n.Protected {
		r.unknown(path, "an inactive or protected "+n.Name+" is not known")
	}
	list, err := flatten(path, n, markable)
	if err != nil && r.err == nil {
		r.err = err
	}
	return list
}

// book reads an address book: `address-book global`, or that of a zone.
func (r *securityReader) book(at []string, n *junos.Node, zone string) {
	path := join(at, n.Words()...)
	if zone == "" && !slices.Equal(n.Words(), []string{"address-book", "global"}) {
		r.unknown(path, "only the global address book and those of zones are known")
		return
	}
	b := &AddressBook{Zone: zone}
	for _, s := range r.statements(path, n, never) {
		w := s.words
		switch {
		case len(w) == 3 && w[0] == "address":
			p, err := parsePrefix(w[2])
			if err != nil {
				r.unknown(join(path, w...), "not a prefix")
			}
			b.Addresses = append(b.Addresses, BookAddress{w[1], p})
		case len(w) == 4 && w[0] == "address-set" && w[2] == "address":
			last := len(b.Sets) - 1
			if last < 0 || b.Sets[last].Name != w[1] {
				b.Sets = append(b.Sets, AddressSet{Name: w[1]})
				last++
			}
			b.Sets[last].Addresses = append(b.Sets[last].Addresses, w[3])
		default:
			r.unknown(join(path, w...), "not known in an address book")
		}
	}
	r.out.Books = append(r.out.Books, b)
}

// zones reads the address books of zones; what else a zone has is not ours.
func (r *securityReader) zones(n *junos.Node) {
	for _, zone := range n.Children {
		for _, c := range zone.Children {
			if zone.Name == "security-zone" && c.Name == "address-book" {
				w := zone.Words()
				r.book(join([]string{"security", "zones"}, w...), c, w[len(w)-1])
			}
		}
	}
}

func (r *securityReader) policies(n *junos.Node) {
	for _, c := range n.Children {
		p := &ZonePair{Comment: strings.TrimSpace(c.Annotation)}
		switch w := c.Words(); {
		case len(w) == 4 && w[0] == "from-zone" && w[2] == "to-zone":
			p.From, p.To = w[1], w[3]
		case slices.Equal(w, []string{"global"}):
		default:
			continue // default-policy, policy-rematch
		}
		path := join([]string{"security", "policies"}, c.Words()...)
		for _, s := range r.statements(path, c, isPolicy) {
			if ok := p.read(s); !ok {
				r.unknown(join(path, s.words...), "not known in a security policy")
			}
		}
		r.out.Pairs = append(r.out.Pairs, p)
	}
}

func isPolicy(w []string) bool { return len(w) == 2 && w[0] == "policy" }

func (p *ZonePair) read(s statement) bool {
	w := s.words
	if isPolicy(w) {
		p.Policies = append(p.Policies, &SecurityPolicy{Name: w[1], Comment: s.comment})
		return !s.inactive
	}
	if len(w) < 4 || w[0] != "policy" || len(p.Policies) == 0 {
		return false
	}
	x := p.Policies[len(p.Policies)-1] // flatten announces a policy before what it holds
	if w[2] == "match" && len(w) == 5 {
		for key, into := range map[string]*[]string{
			"source-address": &x.Source, "destination-address": &x.Destination, "application": &x.Applications,
			"from-zone": &x.FromZones, "to-zone": &x.ToZones,
		} {
			if key == w[3] {
				*into = append(*into, w[4])
				return true
			}
		}
		return false
	}
	if w[2] != "then" {
		return false
	}
	switch rest := w[3:]; {
	case len(rest) == 1 && rest[0] == "count":
		x.Count = true
	case len(rest) == 1 && x.Action == "":
		x.Action = SecurityAction(rest[0])
		return x.Action == Permit || x.Action == Deny || x.Action == RejectFlow
	case slices.Equal(rest, []string{"log", "session-init"}):
		x.LogInit = true
	case slices.Equal(rest, []string{"log", "session-close"}):
		x.LogClose = true
	default:
		return false
	}
	return true
}

// application reads an application or a set of them.
func (r *securityReader) application(n *junos.Node) {
	w := n.Words()
	path := join([]string{"applications"}, w...)
	if len(w) != 2 || w[0] != "application" && w[0] != "application-set" {
		r.unknown(path, "not known in applications")
		return
	}
	a := &Application{Name: w[1]}
	for _, s := range r.statements(path, n, never) {
		if ok := a.read(w[0], s.words); !ok {
			r.unknown(join(path, s.words...), "not known in an "+w[0])
		}
	}
	r.out.Applications = append(r.out.Applications, a)
}

func (a *Application) read(kind string, w []string) bool {
	switch {
	case kind == "application-set" && len(w) == 2 && w[0] == "application":
		a.Members = append(a.Members, w[1])
		return true
	case kind == "application" && len(w) == 4 && w[0] == "term":
		last := len(a.Terms) - 1
		if last < 0 || a.Terms[last].Name != w[1] {
			a.Terms = append(a.Terms, ApplicationTerm{Name: w[1]})
			last++
		}
		for _, f := range a.Terms[last].fields() {
			if f.key == w[2] && *f.value == "" {
				*f.value = w[3]
				return true
			}
		}
	}
	return false
}
