package policies

import (
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// routingKeys are the keys of a file that hold routing policy.
var routingKeys = []string{"prefix-lists", "communities", "as-paths", "policy-statements"}

// routingData is the routing policy of a file: the objects of each key in their order.
type routingData map[string][]*routingObject

// routingObject is one prefix-list, community, AS path or policy-statement as it was written.
type routingObject struct {
	name    word
	comment string
	replace bool
	keys    map[string]aclValue
	flags   map[string]bool
	terms   []*routingTerm // of a policy-statement; the one without a name is its own from and then
}

// routingTerm is one term of a policy-statement.
type routingTerm struct {
	at         place
	name       word
	comment    string
	from, then []routingStatement
}

// routingStatement is a key of from or then with one of its values, which may have several words.
type routingStatement struct{ key, value word }

// objectKeys are the keys of each kind of object but for name, comment and replace.
var objectKeys = map[string][]string{
	"prefix-lists":      {"addresses", "family", "apply-path"},
	"communities":       {"members", "invert-match"},
	"as-paths":          {"path"},
	"policy-statements": {"terms", "from", "then"},
}

// read reads the objects below one of the routing keys.
func (r *routingData) read(d *yamlFile, p yamlPair) {
	if *r == nil {
		*r = routingData{}
	}
	kind := p.key.text
	for _, n := range d.list(p.value, kind) {
		o := &routingObject{name: word{at: d.at(n)}, keys: map[string]aclValue{}, flags: map[string]bool{}}
		own := &routingTerm{at: d.at(n)}
		before := len(*d.errs)
		for _, x := range d.pairs(n, "an item of "+kind, setOf(append([]string{"name", "comment", "replace"}, objectKeys[kind]...)...)) {
			switch key := x.key.text; key {
			case "name":
				o.name = d.scalar(x.value, key)
			case "comment":
				o.comment = d.comment(x.value)
			case "replace":
				o.replace = d.flag(x.value, key)
			case "invert-match":
				o.flags[key] = d.flag(x.value, key)
			case "path", "apply-path":
				o.keys[key] = aclValue{x.key.at, []word{d.scalar(x.value, key)}}
			case "terms":
				for _, t := range d.list(x.value, key) {
					o.terms = append(o.terms, d.routingTerm(t))
				}
			case "from", "then":
				d.routingBody(own, x)
			default:
				o.keys[key] = aclValue{x.key.at, d.words(x.value, key)}
			}
		}
		if o.name.text == "" && len(*d.errs) == before {
			d.fail(o.name.at, "", "an item of %s has no `name`", kind)
		}
		if len(own.from)+len(own.then) > 0 {
			o.terms = append(o.terms, own)
		}
		(*r)[kind] = append((*r)[kind], o)
	}
}

func (d *yamlFile) routingTerm(n *yaml.Node) *routingTerm {
	t := &routingTerm{at: d.at(n)}
	for _, x := range d.pairs(n, "a term", setOf("name", "comment", "from", "then")) {
		switch x.key.text {
		case "name":
			t.name = d.scalar(x.value, "name")
		case "comment":
			t.comment = d.comment(x.value)
		default:
			d.routingBody(t, x)
		}
	}
	if t.name.text == "" {
		d.fail(t.at, "", "the term has no `name`")
	}
	return t
}

// routingBody reads from or then: a map of statements, or for then the action alone.
func (d *yamlFile) routingBody(t *routingTerm, x yamlPair) {
	into := &t.from
	if x.key.text == "then" {
		into = &t.then
		if d.resolve(x.value).Kind == yaml.ScalarNode {
			*into = []routingStatement{{word{"action", x.key.at}, d.scalar(x.value, "then")}}
			return
		}
	}
	for _, p := range d.pairs(x.value, x.key.text, nil) {
		values := []*yaml.Node{p.value}
		if v := d.resolve(p.value); v.Kind == yaml.SequenceNode {
			values = v.Content
		}
		for _, v := range values {
			*into = append(*into, routingStatement{p.key, d.scalar(v, p.key.text)})
		}
	}
}

// routing makes the routing policy of a file.
func (b *builder) routing(r routingData) {
	for _, o := range r["prefix-lists"] {
		b.prefixList(o)
	}
	for _, x := range b.out.Set.PrefixLists { // policies ask which there are
		b.lists[x.Name] = true
	}
	for _, o := range r["communities"] {
		b.used = newUsage()
		c := &Community{Name: b.nameOf(o), Comment: b.expandText(o.comment, o.name.at), Invert: o.flags["invert-match"]}
		c.Members = texts(b.expand(o.keys["members"].words))
		b.put(c, o.name.at, o.replace)
	}
	for _, o := range r["as-paths"] {
		b.used = newUsage()
		a := &ASPath{Name: b.nameOf(o), Comment: b.expandText(o.comment, o.name.at)}
		for _, w := range o.keys["path"].words {
			a.Regex = b.expandText(w.text, w.at)
		}
		b.put(a, o.name.at, o.replace)
	}
	for _, o := range r["policy-statements"] {
		b.policyStatement(o)
	}
}

func (b *builder) nameOf(o *routingObject) string { return b.expandText(o.name.text, o.name.at) }

// prefixList makes a list of one family or of both, or with `family: mixed` a pair, NAME4 and NAME6.
func (b *builder) prefixList(o *routingObject) {
	b.used = newUsage()
	before := len(b.errs)
	var prefixes []netip.Prefix
	for _, w := range b.expand(o.keys["addresses"].words) {
		prefixes = append(prefixes, b.network(w)...)
	}
	prefixes = minimal(prefixes)
	out := PrefixList{Name: b.nameOf(o), Comment: b.expandText(o.comment, o.name.at), Prefixes: prefixes}
	for _, w := range o.keys["apply-path"].words {
		out.ApplyPath = b.expandText(w.text, w.at)
	}
	lists := []PrefixList{out}
	for _, w := range b.expand(o.keys["family"].words) {
		switch family := Family(w.text); family {
		case Inet, Inet6:
			lists[0].Prefixes = OfFamily(family, prefixes)
		case "mixed":
			lists = nil
			for _, f := range []Family{Inet, Inet6} {
				half := out
				half.Name, half.Prefixes = out.Name+f.Digit(), OfFamily(f, prefixes)
				lists = append(lists, half)
			}
		default:
			b.errs.add(w.at, "write inet, inet6 or mixed", "there is no address family %q", w.text)
		}
	}
	if len(b.errs) > before {
		return
	}
	for _, l := range lists {
		b.put(&l, o.name.at, o.replace)
	}
}

// policyStatement makes a policy-statement.
func (b *builder) policyStatement(o *routingObject) {
	b.used = newUsage()
	before := len(b.errs)
	p := &PolicyStatement{Name: b.nameOf(o), Comment: b.expandText(o.comment, o.name.at)}
	for _, x := range o.terms {
		t := &PolicyTerm{Name: b.expandText(x.name.text, x.name.at), Comment: b.expandText(x.comment, x.at)}
		b.policyFrom(&t.From, x.from)
		b.policyThen(&t.Then, x.then)
		if x.name.text == "" {
			p.Final = *t
			continue
		}
		p.Terms = append(p.Terms, t)
	}
	if len(o.terms) == 0 {
		b.errs.add(o.name.at, "write `terms`, or `then: reject`", "policy-statement %s says nothing", p.Name)
	}
	if len(b.errs) == before {
		b.put(p, o.name.at, o.replace)
	}
}

// policyFrom reads the conditions of a term: the statements of Junos by their own words.
func (b *builder) policyFrom(m *PolicyMatch, list []routingStatement) {
	known := setOf("route-filter", "prefix-list-filter", "tag")
	many := setOf("tag")
	for _, x := range m.textFields() {
		known[x.key] = true
	}
	for _, x := range m.listFields() {
		known[x.key], many[x.key] = true, true
	}
	for _, x := range m.addressFields() {
		known[x.key], many[x.key] = true, true
	}
	for _, x := range m.numberFields() {
		known[x.key] = true
	}
	var family Family // that the term names: addresses of the other one are left out
	for _, s := range list {
		if s.key.text == "family" {
			family = Family(b.expandText(s.value.text, s.value.at))
		}
	}
	for _, s := range list {
		words := b.expand(fields(s.value))
		switch {
		case !known[s.key.text]:
			b.errs.add(s.key.at, meant(s.key.text, "conditions", known), "unknown condition `%s`", s.key.text)
		case many[s.key.text]:
			for _, w := range words {
				b.statement(s, m.read, b.addressesOf(s.key.text, w))
			}
		case s.key.text == "route-filter" && len(words) > 0:
			for _, p := range b.network(words[0]) {
				if family != "" && FamilyOf(p.Addr()) != family {
					continue
				}
				b.statement(s, m.read, [][]string{append([]string{p.String()}, texts(words[1:])...)})
			}
		default:
			b.statement(s, m.read, [][]string{texts(words)})
		}
	}
	if m.Family == "" {
		return
	}
	for i := range m.PrefixList {
		m.PrefixList[i] = b.listName(m.PrefixList[i], m.Family)
	}
	for i := range m.PrefixListFilters {
		m.PrefixListFilters[i].Name = b.listName(m.PrefixListFilters[i].Name, m.Family)
	}
}

// addressesOf gives the values that a word of a condition stands for: a name's addresses where it takes addresses.
func (b *builder) addressesOf(key string, w word) [][]string {
	if key != "neighbor" && key != "next-hop" {
		return [][]string{{w.text}}
	}
	var out [][]string
	for _, p := range b.network(w) {
		if !p.IsSingleIP() {
			b.errs.add(w.at, "name hosts", "%s: %s is not one host", key, p)
			continue
		}
		out = append(out, []string{p.Addr().String()})
	}
	return out
}

// policyThen reads what a term does: the statements of Junos by their own words, and `action`.
func (b *builder) policyThen(a *PolicyAction, list []routingStatement) {
	known := setOf("action", "community", "external", "default-action")
	whole := setOf()
	for _, x := range a.textFields() {
		known[x.key], whole[x.key] = true, true
	}
	for _, x := range a.numberFields() {
		known[x.key] = true
	}
	for _, s := range list {
		words := texts(b.expand(fields(s.value)))
		switch {
		case !known[s.key.text]:
			b.errs.add(s.key.at, meant(s.key.text, "actions", known), "unknown action `%s`", s.key.text)
		case s.key.text == "action":
			if v := policyVerdict(words); v == NoVerdict {
				known := map[string]bool{"accept": true, "reject": true, "next term": true, "next policy": true}
				b.errs.add(s.value.at, meant(s.value.text, "actions", known), "there is no action %s", s.value.text)
			} else if _, err := a.read(words); err != nil {
				b.errs.add(s.value.at, "", "action: %v", err)
			}
		case whole[s.key.text]:
			b.statement(s, a.read, [][]string{{strings.Join(words, " ")}})
		default:
			b.statement(s, a.read, [][]string{words})
		}
	}
}

// statement reads a statement for each of the values, as it would be read from a configuration.
func (b *builder) statement(s routingStatement, read func([]string) (bool, error), values [][]string) {
	for _, v := range values {
		ok, err := read(slices.Concat([]string{s.key.text}, v))
		switch {
		case err != nil:
			b.errs.add(s.value.at, "", "%s %s: %v", s.key.text, strings.Join(v, " "), err)
		case !ok:
			b.errs.add(s.value.at, "write it as the router does", "%s: %q is not what it takes", s.key.text, strings.Join(v, " "))
		}
	}
}

// fields splits a text into words.
func fields(w word) []word {
	var out []word
	for _, s := range strings.Fields(w.text) {
		out = append(out, word{s, w.at})
	}
	return out
}
