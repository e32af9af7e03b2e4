package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Security is what a firewall (SRX) has for policies between zones: the policies themselves, the address books and the
// applications that they name.
type Security struct {
	Pairs        []*ZonePair
	Books        []*AddressBook
	Applications []*Application
}

// ZonePair is the policies from one zone to another, tried in order; what none of them takes is the default policy's.
// With both zones empty it is the global policies, which are tried after all pairs.
type ZonePair struct {
	From, To string
	Comment  string
	Policies []*SecurityPolicy
}

// SecurityPolicy is one policy. Addresses are names of an address book, or any, any-ipv4, any-ipv6.
type SecurityPolicy struct {
	Name                string
	Comment             string
	Source, Destination []string
	Applications        []string // names of applications or sets, or any
	FromZones, ToZones  []string // of a global policy only; empty: all
	Action              SecurityAction
	LogInit, LogClose   bool
	Count               bool
}

// SecurityAction is how a policy ends.
type SecurityAction string

// The actions. Deny drops silently, RejectFlow answers.
const (
	Permit     SecurityAction = "permit"
	Deny       SecurityAction = "deny"
	RejectFlow SecurityAction = "reject"
)

// AddressBook names addresses: for all zones, or for one.
type AddressBook struct {
	Zone      string // empty: the global book
	Addresses []BookAddress
	Sets      []AddressSet
}

// BookAddress is an address of a book.
type BookAddress struct {
	Name   string
	Prefix netip.Prefix
}

// AddressSet is a name for several addresses of its book.
type AddressSet struct {
	Name      string
	Addresses []string
}

// Application is a protocol with its ports or types, or several of them: one matching is enough. With Members it is a
// set of other applications instead.
type Application struct {
	Name    string
	Terms   []ApplicationTerm
	Members []string
}

// ApplicationTerm is one alternative of an application; empty fields match everything.
type ApplicationTerm struct {
	Name                        string
	Protocol                    string
	SourcePort, DestinationPort string // PORT or LOW-HIGH
	ICMPType, ICMP6Type         string
	TimeoutSeconds              string // inactivity-timeout; empty: the platform's
}

// maxApplicationTerms is how many terms an application may have; more make a set of applications.
const maxApplicationTerms = 8

// Text gives the hierarchies security and applications in curly form. Every policy pair, the global book or each zone's,
// and every application is tagged `replace:`, so that what others made beside them stays.
func (s *Security) Text() string {
	w := &writer{}
	w.block("security", func(w *writer) {
		w.block("address-book", func(w *writer) {
			for _, b := range s.Books {
				if b.Zone == "" {
					w.tagged("replace: ", []string{"global"}, b.write)
				}
			}
		})
		w.block("policies", func(w *writer) {
			for _, p := range s.Pairs {
				if p.From != "" {
					w.comment(p.Comment)
					w.tagged("replace: ", []string{"from-zone", p.From, "to-zone", p.To}, p.write)
				}
			}
			for _, p := range s.Pairs {
				if p.From == "" {
					w.comment(p.Comment)
					w.tagged("replace: ", []string{"global"}, p.write)
				}
			}
		})
		w.block("zones", func(w *writer) {
			for _, b := range s.Books {
				if b.Zone != "" {
					w.tagged("", []string{"security-zone", b.Zone}, func(w *writer) {
						w.tagged("replace: ", []string{"address-book"}, b.write)
					})
				}
			}
		})
	})
	w.block("applications", func(w *writer) {
		for _, a := range s.Applications {
			a.write(w)
		}
	})
	return w.b.String()
}

// tagged writes a block, also an empty one, with a tag before its head.
func (w *writer) tagged(tag string, head []string, body func(*writer)) {
	w.indent()
	w.b.WriteString(tag)
	w.open(head...)
	body(w)
	w.end()
}

// comment writes an annotation on a line of its own.
func (w *writer) comment(text string) {
	if text != "" {
		w.indent()
		w.b.WriteString("/* " + text + " */\n")
	}
}

func (b *AddressBook) write(w *writer) {
	for _, a := range b.Addresses {
		w.leaf("address", a.Name, a.Prefix.String())
	}
	for _, s := range b.Sets {
		w.tagged("", []string{"address-set", s.Name}, func(w *writer) {
			for _, a := range s.Addresses {
				w.leaf("address", a)
			}
		})
	}
}

func (p *ZonePair) write(w *writer) {
	for _, x := range p.Policies {
		w.comment(x.Comment)
		w.tagged("", []string{"policy", x.Name}, x.write)
	}
}

func (p *SecurityPolicy) write(w *writer) {
	w.block("match", func(w *writer) {
		w.list("source-address", p.Source)
		w.list("destination-address", p.Destination)
		w.list("application", p.Applications)
		w.list("from-zone", p.FromZones)
		w.list("to-zone", p.ToZones)
	})
	w.block("then", func(w *writer) {
		w.leaf(string(p.Action))
		w.block("log", func(w *writer) {
			w.flag("session-init", p.LogInit)
			w.flag("session-close", p.LogClose)
		})
		w.flag("count", p.Count)
	})
}

func (a *Application) write(w *writer) {
	head := []string{"application", a.Name}
	if len(a.Members) > 0 {
		head[0] = "application-set"
	}
	w.tagged("replace: ", head, func(w *writer) {
		for _, m := range a.Members {
			w.leaf("application", m)
		}
		for _, t := range a.Terms {
			words := []string{"term", t.Name}
			for _, x := range t.fields() {
				if *x.value != "" {
					words = append(words, x.key, *x.value)
				}
			}
			w.leaf(words...)
		}
	})
}

func (t *ApplicationTerm) fields() []field[string] {
	return []field[string]{
		{"protocol", &t.Protocol},
		{"source-port", &t.SourcePort},
		{"destination-port", &t.DestinationPort},
		{"icmp-type", &t.ICMPType},
		{"icmp6-type", &t.ICMP6Type},
		{"inactivity-timeout", &t.TimeoutSeconds},
	}
}

// Validate reports what no firewall would take: policies without what they must have, names that nothing defines.
func (s *Security) Validate() error {
	applications := map[string]bool{"any": true}
	for _, a := range s.Applications {
		if err := validateHead("application", a.Name, ""); err != nil {
			return err
		}
		if len(a.Terms) > maxApplicationTerms || len(a.Terms)+len(a.Members) == 0 {
			return fmt.Errorf("check application %s: %d terms, want 1 to %d", a.Name, len(a.Terms), maxApplicationTerms)
		}
		applications[a.Name] = true
	}
	addresses, err := s.addressNames()
	if err != nil {
		return err
	}
	for _, pair := range s.Pairs {
		seen := map[string]bool{}
		for _, p := range pair.Policies {
			if err := validateHead("policy", p.Name, p.Comment); err != nil {
				return err
			}
			if seen[p.Name] {
				return fmt.Errorf("check policies from %s to %s: two policies %s", pair.From, pair.To, p.Name)
			}
			seen[p.Name] = true
			if err := p.validate(pair, applications, addresses); err != nil {
				return fmt.Errorf("check policy %s from %s to %s: %w", p.Name, pair.From, pair.To, err)
			}
		}
	}
	return nil
}

// addressNames are the names of each book.
func (s *Security) addressNames() (map[string]map[string]bool, error) {
	out := map[string]map[string]bool{}
	for _, b := range s.Books {
		names := setOf("any", "any-ipv4", "any-ipv6")
		for _, a := range b.Addresses {
			if !a.Prefix.IsValid() || names[a.Name] {
				return nil, fmt.Errorf("check address book: address %s: twice, or no prefix", a.Name)
			}
			names[a.Name] = true
		}
		for _, x := range b.Sets {
			for _, a := range x.Addresses {
				if !names[a] {
					return nil, fmt.Errorf("check address book: set %s: there is no address %s", x.Name, a)
				}
			}
		}
		for _, x := range b.Sets {
			if names[x.Name] {
				return nil, fmt.Errorf("check address book: two things named %s", x.Name)
			}
			names[x.Name] = true
		}
		out[b.Zone] = names
	}
	return out, nil
}

func (p *SecurityPolicy) validate(pair *ZonePair, applications map[string]bool, books map[string]map[string]bool) error {
	if p.Action != Permit && p.Action != Deny && p.Action != RejectFlow {
		return fmt.Errorf("there is no action %q", p.Action)
	}
	if pair.From != "" && len(p.FromZones)+len(p.ToZones) > 0 {
		return fmt.Errorf("only a global policy names zones")
	}
	for _, x := range []struct {
		key, zone string
		names     []string
	}{{"source-address", pair.From, p.Source}, {"destination-address", pair.To, p.Destination}} {
		if len(x.names) == 0 {
			return fmt.Errorf("it has no %s", x.key)
		}
		for _, n := range x.names {
			if n != "any" && n != "any-ipv4" && n != "any-ipv6" && !books[""][n] && !books[x.zone][n] {
				return fmt.Errorf("%s: no address book has %s", x.key, n)
			}
		}
	}
	if len(p.Applications) == 0 {
		return fmt.Errorf("it has no application")
	}
	for _, a := range p.Applications {
		if !applications[a] && !strings.HasPrefix(a, "junos-") { // those that the platform brings along
			return fmt.Errorf("there is no application %s", a)
		}
	}
	return nil
}

// ToConfig gives the hierarchies as a tree of the builtin schema. It validates first.
func (s *Security) ToConfig() (*junos.Tree, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	t, err := junos.ParseChange("", []byte(s.Text()), nil)
	if err != nil {
		return nil, fmt.Errorf("write security: %w", err)
	}
	return t, nil
}

// subtract gives the addresses of list that lie in none of except, in as few prefixes as that takes.
func subtract(list, except []netip.Prefix) []netip.Prefix {
	for _, e := range except {
		var rest []netip.Prefix
		for _, p := range list {
			rest = append(rest, without(p, e)...)
		}
		list = rest
	}
	return list
}

// without gives p less e.
func without(p, e netip.Prefix) []netip.Prefix {
	switch {
	case covers(e, p):
		return nil
	case !covers(p, e):
		return []netip.Prefix{p}
	}
	lower, upper := halves(p)
	return slices.Concat(without(lower, e), without(upper, e))
}

// halves splits a prefix that is no host.
func halves(p netip.Prefix) (lower, upper netip.Prefix) {
	bits := p.Bits() + 1
	bytes := p.Addr().AsSlice()
	bytes[(bits-1)/8] |= 1 << (7 - (bits-1)%8)
	high, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(p.Addr(), bits), netip.PrefixFrom(high, bits)
}
