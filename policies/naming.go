package policies

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Port is a range of ports of one protocol; a single port has Lo == Hi.
type Port struct {
	Protocol string // tcp, udp, sctp, dccp
	Range
}

// Token is a name that comes from elsewhere than a file of definitions: from the inventory. It may stand for addresses,
// for ports or for both; with HasAddresses and no Addresses it stands for none, and what matches on it matches nothing.
type Token struct {
	Name         string
	Origin       string // who says so, for messages: host lb1.ams of the inventory
	Addresses    []netip.Prefix
	HasAddresses bool
	Ports        []Port
}

// Definitions are names for addresses (networks) and for ports (services), each of values and of other names. The two
// kinds of name do not meet: HTTP may be both. They are read-only once made and safe for concurrent use.
type Definitions struct {
	networks, services map[string]*binding
}

// binding is what a name stands for.
type binding struct {
	name  string
	at    place
	items []namedItem
}

// namedItem is one value of a definition: another name, or what it says itself.
type namedItem struct {
	token  string // empty: a value
	prefix netip.Prefix
	port   Port
	at     place
}

// ParseDefinitions reads files of definitions: NAME.net (networks), NAME.svc (services) and NAME.yaml (both), in the
// formats of Capirca and Aerleon. Other files are refused. What the names refer to is looked at by With. The error is a
// DataErrors.
func ParseDefinitions(files []File) (*Definitions, error) {
	p := &namingParser{out: &Definitions{networks: map[string]*binding{}, services: map[string]*binding{}}}
	for _, f := range files {
		switch {
		case strings.HasSuffix(f.Name, ".net"):
			p.lines(f, p.out.networks, p.network)
		case strings.HasSuffix(f.Name, ".svc"):
			p.lines(f, p.out.services, p.service)
		case strings.HasSuffix(f.Name, ".yaml"):
			p.yaml(f)
		default:
			p.errs.add(place{file: f.Name}, "", "not a file of definitions: NAME.net, NAME.svc or NAME.yaml")
		}
	}
	if err := p.errs.err(); err != nil {
		return nil, err
	}
	return p.out, nil
}

// With adds tokens to the definitions and then checks that every name which a definition uses is there, and that none
// leads back to itself. A token with the name of a definition, or of another token, is an error: nobody could tell which
// of them a policy means. The error is a DataErrors.
func (d *Definitions) With(tokens []Token) (*Definitions, error) {
	out := &Definitions{networks: maps.Clone(d.networks), services: maps.Clone(d.services)}
	var errs DataErrors
	for _, t := range tokens {
		if t.HasAddresses || len(t.Addresses) > 0 {
			x := &binding{name: t.Name, at: place{file: t.Origin}}
			for _, a := range t.Addresses {
				x.items = append(x.items, namedItem{prefix: a, at: x.at})
			}
			out.add(out.networks, x, &errs)
		}
		if len(t.Ports) > 0 {
			x := &binding{name: t.Name, at: place{file: t.Origin}}
			for _, p := range t.Ports {
				x.items = append(x.items, namedItem{port: p, at: x.at})
			}
			out.add(out.services, x, &errs)
		}
	}
	// Only what came from files refers to something.
	out.check(d.networks, out.networks, out.services, "network", &errs)
	out.check(d.services, out.services, out.networks, "service", &errs)
	if err := errs.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func (d *Definitions) add(to map[string]*binding, x *binding, errs *DataErrors) {
	if first := to[x.name]; first != nil {
		at, other := x.at, first.at
		if at.line == 0 { // the file's line is what somebody can change
			at, other = other, at
		}
		errs.add(at, "choose another name", "%s is defined twice, also by %s", x.name, other)
		return
	}
	to[x.name] = x
}

// check reports names that are not there and names that lead back to themselves.
func (d *Definitions) check(list, known, others map[string]*binding, kind string, errs *DataErrors) {
	state := map[string]uint8{} // 1: being walked, 2: done
	var walk func(x *binding, trail []string)
	walk = func(x *binding, trail []string) {
		state[x.name] = 1
		trail = append(trail, x.name)
		for _, i := range x.items {
			if i.token == "" {
				continue
			}
			next := known[i.token]
			switch {
			case next == nil:
				errs.add(i.at, unknownToken(i.token, kind, known, others), "%s: there is no %s %s", x.name, kind, i.token)
			case state[i.token] == 1:
				loop := append(trail[slices.Index(trail, i.token):], i.token)
				errs.add(i.at, "remove one of the references", "%s leads back to itself: %s", i.token, strings.Join(loop, " > "))
			case state[i.token] == 0:
				walk(next, trail)
			}
		}
		state[x.name] = 2
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if state[name] == 0 {
			walk(list[name], nil)
		}
	}
}

// unknownToken is the hint for a name that is not there.
func unknownToken(name, kind string, known, others map[string]*binding) string {
	if others[name] != nil {
		if kind == "network" {
			return "that name stands for ports"
		}
		return "that name stands for addresses"
	}
	return meant(name, kind+"s", known)
}

// HasNetwork tells whether a name stands for addresses.
func (d *Definitions) HasNetwork(name string) bool { return d.networks[name] != nil }

// HasService tells whether a name stands for ports.
func (d *Definitions) HasService(name string) bool { return d.services[name] != nil }

// Network gives the addresses that a name stands for, sorted, with what lies inside of another left out. Those of d must
// have been checked by With. The error says which name is meant.
func (d *Definitions) Network(name string) ([]netip.Prefix, error) {
	if d.networks[name] == nil {
		return nil, fmt.Errorf("no network %s (%s)", name, unknownToken(name, "network", d.networks, d.services))
	}
	var out []netip.Prefix
	expand(d.networks, name, map[string]bool{}, func(i namedItem) { out = append(out, i.prefix) })
	return minimal(out), nil
}

// Service gives the ports that a name stands for, sorted by protocol and number.
func (d *Definitions) Service(name string) ([]Port, error) {
	if d.services[name] == nil {
		return nil, fmt.Errorf("no service %s (%s)", name, unknownToken(name, "service", d.services, d.networks))
	}
	var out []Port
	expand(d.services, name, map[string]bool{}, func(i namedItem) { out = append(out, i.port) })
	slices.SortFunc(out, comparePort)
	return slices.Compact(out), nil
}

// expand visits the values below a name, each definition once.
func expand(in map[string]*binding, name string, seen map[string]bool, visit func(namedItem)) {
	x := in[name]
	if x == nil || seen[name] {
		return
	}
	seen[name] = true
	for _, i := range x.items {
		if i.token == "" {
			visit(i)
			continue
		}
		expand(in, i.token, seen, visit)
	}
}

// below adds a name and those that it is made of.
func (d *Definitions) below(in map[string]*binding, name string, to map[string]bool) {
	x := in[name]
	if x == nil || to[name] {
		return
	}
	to[name] = true
	for _, i := range x.items {
		if i.token != "" {
			d.below(in, i.token, to)
		}
	}
}

// minimal sorts prefixes, IPv4 first, and leaves out those inside of others.
func minimal(list []netip.Prefix) []netip.Prefix {
	slices.SortFunc(list, comparePrefix)
	var out []netip.Prefix
	for _, p := range list {
		if n := len(out); n > 0 && out[n-1].Bits() <= p.Bits() && out[n-1].Contains(p.Addr()) {
			continue
		}
		out = append(out, p)
	}
	return out
}

func comparePort(a, b Port) int {
	return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi))
}

// joined sorts ranges and joins those that overlap or touch.
func joined(list []Range) []Range {
	slices.SortFunc(list, func(a, b Range) int { return cmp.Or(cmp.Compare(a.Lo, b.Lo), cmp.Compare(a.Hi, b.Hi)) })
	var out []Range
	for _, r := range list {
		if n := len(out); n > 0 && r.Lo <= out[n-1].Hi+1 {
			out[n-1].Hi = max(out[n-1].Hi, r.Hi)
			continue
		}
		out = append(out, r)
	}
	return out
}

// text is a range as Junos writes it.
func (r Range) text() string {
	if r.Lo == r.Hi {
		return decimal(r.Lo)
	}
	return decimal(r.Lo) + "-" + decimal(r.Hi)
}
