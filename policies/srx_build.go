package policies

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// srxOptions are the words that may follow the zones of an srx target.
var srxOptions = setOf("inet", "inet6", "mixed", "address-book-global", "address-book-zone", "noverbose")

// securityBuilder gathers the security policies of a device over all files.
type securityBuilder struct {
	out     Security
	zonal   bool            // books are the zones'
	booked  bool            // some target has said which
	members map[string]bool // addresses and sets that are in a book: ZONE NAME
}

func newSecurityBuilder() *securityBuilder { return &securityBuilder{members: map[string]bool{}} }

// zoneTarget is what a target says.
type zoneTarget struct {
	from, to string
	families []Family
	comments bool
}

// policies makes the policies of a target `from-zone A to-zone B [inet|inet6|mixed] [address-book-global|address-book-zone]
// [noverbose]`. From all to all makes global policies. Targets of the same zones go on with each other's policies.
func (s *securityBuilder) policies(b *builder, x *aclFilter, t aclTarget) {
	z, ok := s.target(b, t)
	if !ok {
		return
	}
	if x.replace {
		b.errs.add(x.at, "remove it", "security policies replace nothing: Rhapsode ships none")
	}
	pair := s.pair(z)
	if z.comments && pair.Comment == "" {
		pair.Comment = b.expandText(x.comment, x.at)
	}
	for _, term := range x.terms {
		before := len(b.errs)
		if !b.rendersOn(term, "srx", forSRX) || len(b.errs) > before {
			continue
		}
		s.policy(b, pair, z, term)
	}
}

// pair finds or begins the policies between two zones.
func (s *securityBuilder) pair(z zoneTarget) *ZonePair {
	for _, p := range s.out.Pairs {
		if p.From == z.from && p.To == z.to {
			return p
		}
	}
	p := &ZonePair{From: z.from, To: z.to}
	s.out.Pairs = append(s.out.Pairs, p)
	return p
}

// target reads the options of a target.
func (s *securityBuilder) target(b *builder, t aclTarget) (zoneTarget, bool) {
	z := zoneTarget{families: []Family{Inet, Inet6}, comments: true}
	o := t.options
	if len(o) < 4 || o[0].text != "from-zone" || o[2].text != "to-zone" {
		b.errs.add(t.at, `write srx: "from-zone A to-zone B"`, "the target does not say between which zones")
		return z, false
	}
	z.from, z.to = o[1].text, o[3].text
	if (z.from == "all") != (z.to == "all") {
		b.errs.add(t.at, "write all for both, for a global policy", "zone all stands beside another one")
		return z, false
	}
	if z.from == "all" {
		z.from, z.to = "", ""
	}
	for _, zone := range []string{z.from, z.to} {
		if zone != "" && validateHead("zone", zone, "") != nil {
			b.errs.add(t.at, "", "%q is no name of a zone", zone)
			return z, false
		}
	}
	zonal := false
	for _, w := range o[4:] {
		switch w.text {
		case "inet", "inet6":
			z.families = []Family{Family(w.text)}
		case "mixed", "address-book-global":
		case "address-book-zone":
			zonal = true
		case "noverbose":
			z.comments = false
		default:
			b.errs.add(w.at, meant(w.text, "options", srxOptions), "%q is no option of an srx target", w.text)
			return z, false
		}
	}
	if zonal && z.from == "" {
		b.errs.add(t.at, "use address-book-global", "a global policy knows no zone's address book")
		return z, false
	}
	if s.booked && zonal != s.zonal {
		b.errs.add(t.at, "use the same for all policies of a device", "address-book-zone stands beside address-book-global")
		return z, false
	}
	s.booked, s.zonal = true, zonal
	return z, true
}

// policy makes one policy of a term.
func (s *securityBuilder) policy(b *builder, pair *ZonePair, z zoneTarget, t *aclTerm) {
	for _, w := range b.all(t, "option") {
		switch w.text {
		case "established", "tcp-established":
			return // a firewall knows its sessions
		default:
			b.errs.add(w.at, "the firewall keeps state: only established and tcp-established are known, and left out", "there is no option %s", w.text)
		}
	}
	families := z.families
	if only := b.one(t, "restrict-address-family"); only != "" {
		if families = []Family{Family(only)}; !slices.Contains(z.families, Family(only)) {
			return
		}
	}
	before := len(b.errs)
	p := &SecurityPolicy{Name: b.expandText(t.name.text, t.name.at)}
	if z.comments {
		p.Comment = b.commentOf(t)
	}
	var none [2]bool
	p.Source, none[0] = s.addresses(b, t, families, z.from, p.Name, "source-address", "source-exclude")
	p.Destination, none[1] = s.addresses(b, t, families, z.to, p.Name, "destination-address", "destination-exclude")
	if len(b.errs) > before || none[0] || none[1] {
		return
	}
	p.Applications = s.applications(b, t, families, p.Name)
	p.FromZones, p.ToZones = texts(b.all(t, "source-zone")), texts(b.all(t, "destination-zone"))
	if pair.From != "" && len(p.FromZones)+len(p.ToZones) > 0 {
		b.errs.add(t.at, "use from-zone all to-zone all", "only a global policy has source-zone and destination-zone")
	}
	s.actions(b, t, p)
	if slices.ContainsFunc(pair.Policies, func(o *SecurityPolicy) bool { return o.Name == p.Name }) {
		b.errs.add(t.name.at, "choose another name", "there are two policies %s from zone %s to zone %s", p.Name, z.from, z.to)
	}
	if err := validateHead("policy", p.Name, p.Comment); err != nil {
		b.errs.add(t.name.at, "", "%v", err)
	}
	pair.Policies = append(pair.Policies, p)
}

// actions reads what a policy does.
func (s *securityBuilder) actions(b *builder, t *aclTerm, p *SecurityPolicy) {
	known := map[string]SecurityAction{"accept": Permit, "deny": Deny, "reject": RejectFlow}
	action := b.one(t, "action")
	p.Action = known[action]
	switch {
	case action == "":
		b.errs.add(t.at, "write action: accept, deny or reject", "term %s has no action", t.name.text)
	case p.Action == "":
		b.errs.add(t.place("action"), meant(action, "actions", known), "a security policy knows no action %s", action)
	}
	p.Count = t.has("counter")
	for _, w := range b.all(t, "logging") {
		switch strings.ToLower(w.text) {
		case "true", "syslog", "local": // of what is dropped no session ever closes
			p.LogClose = p.LogClose || p.Action == Permit
			p.LogInit = p.LogInit || p.Action != Permit
		case "log-both":
			p.LogInit, p.LogClose = true, true
		case "false", "disable":
		default:
			b.errs.add(w.at, "write true or log-both", "there is no way %s of logging", w.text)
		}
	}
}

// addresses gives the names of a policy's addresses and puts them into the book. none tells that the policy can match
// nothing.
func (s *securityBuilder) addresses(b *builder, t *aclTerm, families []Family, zone, policy, key, except string) (names []string, none bool) {
	whole := "any"
	if len(families) == 1 {
		whole = map[Family]string{Inet: "any-ipv4", Inet6: "any-ipv6"}[families[0]]
	}
	of := func(list []netip.Prefix) []netip.Prefix {
		var out []netip.Prefix
		for _, f := range families {
			out = append(out, OfFamily(f, list)...)
		}
		return minimal(out)
	}
	var excluded []netip.Prefix
	for _, w := range b.all(t, except) {
		excluded = append(excluded, b.network(w)...)
	}
	if excluded = of(excluded); len(excluded) > 0 {
		var all []netip.Prefix
		for _, w := range b.all(t, key) {
			all = append(all, b.network(w)...)
		}
		if !t.has(key) {
			all = []netip.Prefix{anyOf(Inet), anyOf(Inet6)}
		}
		rest := subtract(of(all), excluded)
		if len(rest) == 0 {
			b.errs.add(t.place(except), "", "nothing is left of %s", key)
			return nil, true
		}
		return []string{s.book(b, t.place(key), zone, policy+"-"+key, rest)}, false
	}
	if !t.has(key) {
		return []string{whole}, false
	}
	some := false
	for _, w := range b.all(t, key) {
		list := b.network(w)
		some = some || len(list) > 0
		if list = of(list); len(list) > 0 {
			names = append(names, s.book(b, w.at, zone, w.text, list))
		}
	}
	if len(names) == 0 && some {
		b.errs.add(t.place(key), "correct the term or the family of the target", "%s has no address of family %s", key, families[0])
	}
	slices.Sort(names)
	return slices.Compact(names), len(names) == 0
}

// book puts addresses under a name into the zone's book, or the global one, and gives the name.
func (s *securityBuilder) book(b *builder, at place, zone, name string, list []netip.Prefix) string {
	if !s.zonal {
		zone = ""
	}
	i := slices.IndexFunc(s.out.Books, func(x *AddressBook) bool { return x.Zone == zone })
	if i < 0 {
		i = len(s.out.Books)
		s.out.Books = append(s.out.Books, &AddressBook{Zone: zone})
	}
	book := s.out.Books[i]
	var members []string
	for _, p := range list {
		member := addressName(p)
		if members = append(members, member); !s.members[zone+" "+member] {
			s.members[zone+" "+member] = true
			book.Addresses = append(book.Addresses, BookAddress{member, p})
		}
	}
	if _, err := parsePrefix(name); err == nil {
		return members[0] // an address stands for itself
	}
	if j := slices.IndexFunc(book.Sets, func(x AddressSet) bool { return x.Name == name }); j >= 0 {
		if !slices.Equal(book.Sets[j].Addresses, members) {
			b.errs.add(at, "give the targets the same family", "%s stands for other addresses elsewhere in the same address book", name)
		}
		return name
	}
	book.Sets = append(book.Sets, AddressSet{Name: name, Addresses: members})
	return name
}

// addressName names an address in a book by what it is, so that a new one renames no other.
func addressName(p netip.Prefix) string {
	return "net_" + strings.NewReplacer(":", "-", "/", "_").Replace(p.String())
}

// applications gives the names of a policy's applications and defines them.
func (s *securityBuilder) applications(b *builder, t *aclTerm, families []Family, policy string) []string {
	protocols := b.protocolNames(t, "protocol")
	timeout := b.one(t, "timeout")
	if timeout != "" {
		timeout = b.number(word{timeout, t.place("timeout")}, "timeout", 86400)
	}
	terms := s.alternatives(b, t, families, protocols)
	if len(protocols) == 0 {
		if timeout != "" {
			b.errs.add(t.place("timeout"), "write a protocol", "a timeout belongs to an application")
		}
		return []string{"any"}
	}
	var chunks []*Application
	for chunk := range slices.Chunk(terms, maxApplicationTerms) {
		for i := range chunk {
			chunk[i].Name, chunk[i].TimeoutSeconds = fmt.Sprintf("t%d", i+1), timeout
		}
		chunks = append(chunks, &Application{Terms: chunk})
	}
	if len(chunks) == 0 {
		return nil
	}
	if len(chunks) == 1 {
		return []string{s.define(policy+"-app", chunks[0])}
	}
	set := &Application{}
	for i, c := range chunks {
		set.Members = append(set.Members, s.define(fmt.Sprintf("%s-app-part%d", policy, i+1), c))
	}
	return []string{s.define(policy+"-app", set)}
}

// define gives the name of an application: of one that says the same already, or the wanted one with a number if another
// has it.
func (s *securityBuilder) define(name string, a *Application) string {
	for _, o := range s.out.Applications {
		if slices.Equal(o.Terms, a.Terms) && slices.Equal(o.Members, a.Members) {
			return o.Name
		}
	}
	a.Name = name
	for n := 2; slices.ContainsFunc(s.out.Applications, func(o *Application) bool { return o.Name == a.Name }); n++ {
		a.Name = fmt.Sprintf("%s-%d", name, n)
	}
	s.out.Applications = append(s.out.Applications, a)
	return a.Name
}

// alternatives are the terms of a policy's application: each protocol with each pair of its ports, or each ICMP type.
func (s *securityBuilder) alternatives(b *builder, t *aclTerm, families []Family, protocols []string) []ApplicationTerm {
	ported := t.has("source-port") || t.has("destination-port")
	if ported && len(protocols) == 0 { // says what is missing
		b.portRanges(t, "destination-port", nil, false)
	}
	if t.has("icmp-type") && !slices.ContainsFunc(protocols, func(p string) bool { return p == "icmp" || p == "icmp6" }) {
		b.errs.add(t.place("icmp-type"), "write protocol: icmp, icmpv6 or both", "icmp-type needs ICMP as its protocol")
	}
	var out []ApplicationTerm
	before := len(b.errs)
	for _, p := range protocols {
		family := map[string]Family{"icmp": Inet, "icmp6": Inet6}[p]
		switch {
		case family != "" && !slices.Contains(families, family):
			continue
		case family != "" && t.has("icmp-type"):
			out = append(out, icmpAlternatives(b, t, p, family)...)
		case ported && hasPorts(p):
			out = append(out, portAlternatives(b, t, p)...)
		case ported:
			b.errs.add(t.place("protocol"), "make two terms of it", "%s has no ports", p)
		default:
			out = append(out, ApplicationTerm{Protocol: p})
		}
	}
	if len(out) == 0 && len(protocols) > 0 && len(b.errs) == before {
		b.errs.add(t.place("protocol"), "correct the protocol or the family of the target", "the term matches nothing: its protocol is of the other family")
	}
	return out
}

func icmpAlternatives(b *builder, t *aclTerm, protocol string, f Family) []ApplicationTerm {
	var out []ApplicationTerm
	for _, w := range b.all(t, "icmp-type") {
		value, here := b.icmpType(w, f)
		if !here {
			continue
		}
		n, ok := icmpNumber(value, f)
		if ok {
			value = decimal(n)
		}
		x := ApplicationTerm{Protocol: protocol, ICMPType: value}
		if f == Inet6 {
			x = ApplicationTerm{Protocol: protocol, ICMP6Type: value}
		}
		out = append(out, x)
	}
	return out
}

// portAlternatives pairs every range of source ports with every one of destination ports; an application has one each.
func portAlternatives(b *builder, t *aclTerm, protocol string) []ApplicationTerm {
	ranges := func(key string) []string {
		if !t.has(key) {
			return []string{""}
		}
		var out []string
		for _, r := range b.portsOf(t, key, protocol) {
			out = append(out, r.text())
		}
		return out
	}
	var out []ApplicationTerm
	for _, s := range ranges("source-port") {
		for _, d := range ranges("destination-port") {
			out = append(out, ApplicationTerm{Protocol: protocol, SourcePort: s, DestinationPort: d})
		}
	}
	return out
}

// finish gives the policies, or nil if there are none.
func (s *securityBuilder) finish(b *builder) *Security {
	if len(s.out.Pairs) == 0 || len(b.errs) > 0 {
		return nil
	}
	s.out.Pairs = slices.DeleteFunc(s.out.Pairs, func(p *ZonePair) bool { return len(p.Policies) == 0 })
	for _, book := range s.out.Books {
		slices.SortFunc(book.Addresses, func(a, b BookAddress) int { return comparePrefix(a.Prefix, b.Prefix) })
		slices.SortFunc(book.Sets, func(a, b AddressSet) int { return strings.Compare(a.Name, b.Name) })
	}
	slices.SortFunc(s.out.Books, func(a, b *AddressBook) int { return strings.Compare(a.Zone, b.Zone) })
	slices.SortFunc(s.out.Applications, func(a, b *Application) int { // as a router shows them: sets last
		return cmp.Or(cmp.Compare(min(len(a.Members), 1), min(len(b.Members), 1)), strings.Compare(a.Name, b.Name))
	})
	if err := s.out.Validate(); err != nil {
		b.errs.add(place{file: "security policies"}, "", "%v", err)
		return nil
	}
	return &s.out
}
