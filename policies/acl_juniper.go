package policies

import (
	"slices"
	"strings"
)

// filterOptions are the words that may follow the name of a juniper target.
var filterOptions = setOf("inet", "inet6", "mixed", "not-interface-specific", "no-interface-specific", "noverbose")

// juniper makes the filters of a target `NAME [inet|inet6|mixed] [not-interface-specific] [noverbose]`: one of the family
// (inet if none is named), or with mixed a pair, NAME4 and NAME6.
func (b *builder) juniper(x *aclFilter, t aclTarget) {
	if len(t.options) == 0 {
		b.errs.add(t.at, `write juniper: "NAME mixed"`, "the target has no name for the filter")
		return
	}
	families, mixed, specific, comments := []Family{Inet}, false, true, true
	name, chosen := t.options[0], ""
	for _, o := range t.options[1:] {
		switch o.text {
		case "inet", "inet6", "mixed":
			if chosen != "" && chosen != o.text {
				b.errs.add(o.at, "name one family, or mixed", "the filter is to be %s and %s", chosen, o.text)
				return
			}
			chosen = o.text
			if mixed = o.text == "mixed"; mixed {
				families = []Family{Inet, Inet6}
			} else {
				families = []Family{Family(o.text)}
			}
		case "not-interface-specific", "no-interface-specific":
			specific = false
		case "noverbose":
			comments = false
		default:
			b.errs.add(o.at, meant(o.text, "options", filterOptions), "%q is no option of a juniper target", o.text)
			return
		}
	}
	before := len(b.errs)
	var filters []*Filter
	for _, f := range families {
		out := &Filter{Name: name.text, Family: f, InterfaceSpecific: specific}
		if mixed {
			out.Name += f.Digit()
		}
		if comments {
			out.Comment = b.expandText(x.comment, x.at)
		}
		filters = append(filters, out)
	}
	for _, term := range x.terms {
		b.juniperTerm(term, filters, comments)
	}
	for _, f := range filters {
		if len(b.errs) == before {
			b.put(f, t.at, x.replace)
		}
	}
}

// rendersOn tells whether a term is meant for a platform.
func (b *builder) rendersOn(t *aclTerm, platform string, use keyUse) bool {
	for _, key := range []string{"platform", "platform-exclude"} {
		for _, w := range t.keys[key].words {
			if !platforms[w.text] {
				b.errs.add(w.at, meant(w.text, "platforms", platforms), "%s: there is no platform %s", key, w.text)
			}
		}
	}
	named := func(key string) bool { return slices.Contains(texts(t.keys[key].words), platform) }
	if t.has("platform") && !named("platform") || named("platform-exclude") {
		return false
	}
	for key, v := range t.keys {
		if termKeys[key]&use == 0 {
			b.errs.add(v.at, "give the term a `platform`, or the target a filter of its own", "the target %s knows no %s", platform, key)
		}
	}
	return true
}

// juniperTerm adds a term to each of the filters whose family it has something to say about.
func (b *builder) juniperTerm(t *aclTerm, filters []*Filter, comments bool) {
	before := len(b.errs)
	if !b.rendersOn(t, "juniper", forJuniper) || len(b.errs) > before {
		return
	}
	only := Family(b.one(t, "restrict-address-family"))
	if t.has("restrict-address-family") && only != Inet && only != Inet6 {
		b.errs.add(t.place("restrict-address-family"), "write inet or inet6", "there is no address family %q", only)
		return
	}
	placed, fine, why := false, false, ""
	for _, f := range filters {
		if only != "" && only != f.Family {
			fine = true
			continue
		}
		tb := &termBuilder{builder: b, term: t, family: f.Family}
		out := tb.build()
		if comments {
			out.Comment = b.commentOf(t)
		}
		if len(b.errs) > before {
			return
		}
		if tb.absent != "" {
			why, fine = tb.absent, fine || tb.empty
			continue
		}
		placed = true
		if slices.ContainsFunc(f.Terms, func(o *FilterTerm) bool { return o.Name == out.Name }) {
			b.errs.add(t.name.at, "choose another name, or restrict-address-family for a pair", "filter %s has two terms %s", f.Name, out.Name)
			return
		}
		f.Terms = append(f.Terms, out)
	}
	if !placed && !fine {
		b.errs.add(t.at, "correct the term or the family of the target", "term %s stands in no filter: %s", t.name.text, why)
	}
}

// commentOf is a term's comment, with its owner.
func (b *builder) commentOf(t *aclTerm) string {
	comment := t.comment
	if owner := strings.Join(texts(b.all(t, "owner")), " "); owner != "" {
		comment = strings.TrimSpace(comment + " Owner: " + owner)
	}
	return b.expandText(comment, t.at)
}

// termBuilder makes the term of one family.
type termBuilder struct {
	*builder
	term   *aclTerm
	family Family
	absent string // why the family has no such term: it could match nothing; empty: it has
	empty  bool   // because a name stands for no address at all, which is fine
}

// lacks notes that no packet of the family can match.
func (b *termBuilder) lacks(why string) {
	if b.absent == "" {
		b.absent = why
	}
}

func (b *termBuilder) build() *FilterTerm {
	out := &FilterTerm{Name: b.expandText(b.term.name.text, b.term.name.at)}
	if b.term.has("filter-term") {
		for key, v := range b.term.keys {
			if !slices.Contains([]string{"filter-term", "owner", "platform", "platform-exclude", "restrict-address-family"}, key) {
				b.errs.add(v.at, "put it into the called filter", "a term that calls a filter holds nothing else, here %s", key)
			}
		}
		out.Call = b.one(b.term, "filter-term")
		if f := b.out.Set.FilterFor(out.Call, b.family); f != nil {
			out.Call = f.Name
		}
		return out
	}
	m := &out.From
	b.addresses(m)
	protocols := b.protocols(m)
	b.ports(m, protocols)
	b.icmp(m, protocols)
	b.header(m)
	b.lists(m)
	b.options(out, protocols)
	b.actions(&out.Then)
	return out
}

// addresses reads the six keys of addresses. An excluded address wins over whatever includes it.
func (b *termBuilder) addresses(m *FilterMatch) {
	for _, x := range []struct {
		key, except string
		into        *[]AddressMatch
	}{
		{"address", "address-exclude", &m.Address},
		{"source-address", "source-exclude", &m.SourceAddress},
		{"destination-address", "destination-exclude", &m.DestinationAddress},
	} {
		if !b.term.has(x.key) && !b.term.has(x.except) {
			continue
		}
		have, ok := b.builder.addresses(b.term, x.key, b.family)
		if !b.term.has(x.key) {
			have, ok = []AddressMatch{{Prefix: anyOf(b.family)}}, true
		}
		some := len(have) > 0
		except, _ := b.builder.addresses(b.term, x.except, b.family)
		have = slices.DeleteFunc(have, func(a AddressMatch) bool {
			return slices.ContainsFunc(except, func(e AddressMatch) bool { return covers(e.Prefix, a.Prefix) })
		})
		if len(have) == 0 {
			b.empty = b.empty || ok
			why := x.key + " has no address of family " + string(b.family)
			if some {
				why = "all of its " + x.key + " is excluded"
			}
			b.lacks(why)
		}
		for _, e := range except {
			if slices.ContainsFunc(have, func(a AddressMatch) bool { return covers(a.Prefix, e.Prefix) }) {
				have = append(have, AddressMatch{Prefix: e.Prefix, Except: true})
			}
		}
		*x.into = have
	}
}

// lists reads the names of prefix-lists.
func (b *termBuilder) lists(m *FilterMatch) {
	for _, x := range []struct {
		key    string
		except bool
		into   *[]ListMatch
	}{
		{"source-prefix", false, &m.SourcePrefixList},
		{"source-prefix-except", true, &m.SourcePrefixList},
		{"destination-prefix", false, &m.DestinationPrefixList},
		{"destination-prefix-except", true, &m.DestinationPrefixList},
	} {
		for _, w := range b.all(b.term, x.key) {
			*x.into = append(*x.into, ListMatch{Name: b.listName(w.text, b.family), Except: x.except})
		}
	}
	m.Interface = texts(b.all(b.term, "source-interface"))
}

// listName is the prefix-list that a name means in a family: the list of that very name, or else the family's half of
// a pair. A name that the device has no list of stays as it is: the router may.
func (b *builder) listName(name string, f Family) string {
	if half := name + f.Digit(); !b.lists[name] && b.lists[half] {
		return half
	}
	return name
}

// header reads the conditions on the packet's head whose values are numbers or names as they stand.
func (b *termBuilder) header(m *FilterMatch) {
	hops, dscp := &m.TTL, &m.DSCP
	if b.family == Inet6 {
		hops, dscp = &m.HopLimit, &m.TrafficClass
	}
	for _, x := range []struct {
		key     string
		into    *Values
		except  bool
		highest uint32 // 0: names
	}{
		{"ttl", hops, false, 255},
		{"hop-limit", hops, false, 255},
		{"packet-length", &m.PacketLength, false, 65535},
		{"fragment-offset", &m.FragmentOffset, false, 8191},
		{"dscp-match", dscp, false, 0},
		{"dscp-except", dscp, true, 0},
		{"forwarding-class", &m.ForwardingClass, false, 0},
		{"forwarding-class-except", &m.ForwardingClass, true, 0},
	} {
		if !b.term.has(x.key) {
			continue
		}
		at := b.term.place(x.key)
		if len(x.into.List) > 0 {
			b.errs.add(at, "make two terms of it", "%s stands beside another condition on the same field", x.key)
			continue
		}
		if x.key == "fragment-offset" && b.family == Inet6 {
			if b.absent == "" {
				b.errs.add(at, "add restrict-address-family: inet", "a filter of family inet6 knows no fragment-offset")
			}
			continue
		}
		x.into.Except = x.except
		for _, w := range b.all(b.term, x.key) {
			value := w.text
			if x.highest > 0 {
				value = b.number(w, x.key, x.highest)
			}
			x.into.List = append(x.into.List, value)
		}
	}
}
