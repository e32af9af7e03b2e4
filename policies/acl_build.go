package policies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Environment is what the policies of one device are built with.
type Environment struct {
	// Definitions are the names that terms may use, checked by With. Nil: none.
	Definitions *Definitions
	// Vars are the values of ${NAME}, each of one or several words.
	Vars map[string][]string
	// Have are the objects that the device has anyway. A name of theirs is only taken with `replace: true`.
	Have *Set
}

// Chosen is what the chosen files hold, built for one device.
type Chosen struct {
	// Set are the device's objects altogether: those it has anyway, less those replaced, and the new ones.
	Set *Set
	// Added are those of Set that take no other's place: somebody has to put them into the configuration.
	Added *Set
	// Security are the security policies; nil where no file has any.
	Security *Security
	// Uses are the names that each object was made of, by the last two words of its path: `filter border-in4`. Those of
	// all security policies together stand under `security`.
	Uses map[string]*Uses
}

// Uses are names that went into an object, sorted.
type Uses struct {
	Tokens []string // definitions, and those that these are made of
	Vars   []string
}

// Build makes the objects that the named files hold, for one device. names are those of Names; one that is not there is
// an error. The error is a DataErrors. env is not changed.
func (d *Data) Build(names []string, env Environment) (*Chosen, error) {
	if env.Definitions == nil {
		env.Definitions = &Definitions{}
	}
	b := &builder{
		env: env, taken: map[string]place{}, lists: map[string]bool{}, used: newUsage(),
		out: &Chosen{Set: &Set{}, Added: &Set{}, Uses: map[string]*Uses{}}, security: newSecurityBuilder(),
	}
	if env.Have != nil {
		*b.out.Set = Set{
			slices.Clone(env.Have.Filters), slices.Clone(env.Have.Policies), slices.Clone(env.Have.PrefixLists),
			slices.Clone(env.Have.Communities), slices.Clone(env.Have.ASPaths),
		}
	}
	known := setOf(d.Names()...)
	var files []*aclFile
	for _, name := range names {
		if !known[name] {
			b.errs.add(place{file: name}, meant(name, "files", known), "there is no %s.yaml among the policies", name)
			continue
		}
		files = append(files, d.files[name+".yaml"])
	}
	// Prefix-lists first: filters ask which there are.
	for _, f := range files {
		b.routing(f.routing)
	}
	for _, x := range b.out.Set.PrefixLists {
		b.lists[x.Name] = true
	}
	for _, f := range files {
		for _, x := range f.filters {
			b.filter(x)
		}
	}
	b.out.Security = b.security.finish(b)
	if err := b.errs.err(); err != nil {
		return nil, err
	}
	return b.out, nil
}

// builder builds the objects of one device.
type builder struct {
	env      Environment
	errs     DataErrors
	out      *Chosen
	taken    map[string]place // by what this build has made
	lists    map[string]bool  // prefix-lists of the device
	security *securityBuilder
	used     usage // by the objects that are being made
}

// usage gathers the names that objects are made of.
type usage struct{ tokens, vars map[string]bool }

func newUsage() usage { return usage{map[string]bool{}, map[string]bool{}} }

// note adds the names to those of an object.
func (b *builder) note(id string) {
	have := b.out.Uses[id]
	if have == nil {
		have = &Uses{}
		b.out.Uses[id] = have
	}
	add := func(list []string, names map[string]bool) []string {
		list = slices.AppendSeq(list, maps.Keys(names))
		slices.Sort(list)
		return slices.Compact(list)
	}
	have.Tokens, have.Vars = add(have.Tokens, b.used.tokens), add(have.Vars, b.used.vars)
}

// filter makes what a filter says for each of its targets.
func (b *builder) filter(x *aclFilter) {
	for _, t := range x.targets {
		b.used = newUsage()
		t.options = b.expand(t.options)
		if t.platform == "srx" {
			b.security.policies(b, x, t)
			b.note("security")
			continue
		}
		b.juniper(x, t)
	}
}

// put adds an object. One that is there already is only replaced when the file says so, and never by a second file.
func (b *builder) put(o Object, at place, replace bool) {
	if err := o.Validate(); err != nil {
		b.errs.add(at, "", "%v", err)
		return
	}
	p := o.Path()
	id := p[len(p)-2] + " " + p[len(p)-1] // filters: of whatever family
	if first, ok := b.taken[id]; ok {
		b.errs.add(at, "choose another name", "%s is defined twice, first at %s", id, first)
		return
	}
	b.taken[id] = at
	b.note(id)
	ours := b.out.Set.replace(o)
	switch {
	case ours && !replace:
		b.errs.add(at, "choose another name, or write `replace: true` to take its place", "%s clashes with the one that Rhapsode ships", id)
	case !ours && replace:
		b.errs.add(at, "remove `replace: true`, or correct the name", "%s replaces nothing: this device has none that Rhapsode ships", id)
	case !ours:
		b.out.Set.add(o)
		b.out.Added.add(o)
	}
}

// add appends an object.
func (s *Set) add(o Object) {
	switch o := o.(type) {
	case *Filter:
		s.Filters = append(s.Filters, o)
	case *PolicyStatement:
		s.Policies = append(s.Policies, o)
	case *PrefixList:
		s.PrefixLists = append(s.PrefixLists, o)
	case *Community:
		s.Communities = append(s.Communities, o)
	case *ASPath:
		s.ASPaths = append(s.ASPaths, o)
	}
}

// replace puts an object in the place of the one with its name, and tells whether there is one.
func (s *Set) replace(o Object) bool {
	switch o := o.(type) {
	case *Filter:
		return replaceIn(s.Filters, o)
	case *PolicyStatement:
		return replaceIn(s.Policies, o)
	case *PrefixList:
		return replaceIn(s.PrefixLists, o)
	case *Community:
		return replaceIn(s.Communities, o)
	case *ASPath:
		return replaceIn(s.ASPaths, o)
	}
	return false
}

func replaceIn[T named](list []T, o T) bool {
	i := slices.IndexFunc(list, func(x T) bool { return x.name() == o.name() })
	if i >= 0 {
		list[i] = o
	}
	return i >= 0
}

// FilterFor finds the filter that a name means in a family: the filter of that very name, or the family's half of a pair,
// NAME4 or NAME6. nil: none.
func (s *Set) FilterFor(name string, f Family) *Filter {
	of := func(x *Filter) bool { return cmp.Or(x.Family, Inet) == f }
	if x := s.Filter(name); x != nil && of(x) {
		return x
	}
	if x := s.Filter(name + f.Digit()); x != nil && of(x) {
		return x
	}
	return nil
}

// expand replaces ${NAME} in words. A word that is nothing else becomes all values of the variable; inside of a word
// the variable must have one.
func (b *builder) expand(words []word) []word {
	var out []word
	for _, w := range words {
		if name, ok := variableAlone(w.text); ok {
			for _, v := range b.variable(name, w.at) {
				for _, one := range strings.Fields(v) {
					out = append(out, word{one, w.at})
				}
			}
			continue
		}
		w.text = b.expandText(w.text, w.at)
		out = append(out, w)
	}
	return out
}

// variableAlone gives the name of a variable that is all of a word.
func variableAlone(s string) (string, bool) {
	name, ok := strings.CutPrefix(s, "${")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, "}")
	return name, ok && !strings.ContainsAny(name, "${}")
}

// expandText replaces ${NAME} in a text.
func (b *builder) expandText(s string, at place) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "${")
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			b.errs.add(at, "write ${NAME}", "a ${ without its }")
			return out.String()
		}
		values := b.variable(name, at)
		if len(values) > 1 {
			b.errs.add(at, "let it stand alone", "${%s} has %d values, inside of a word it may have one", name, len(values))
		}
		out.WriteString(strings.Join(values, " "))
		s = after
	}
}

// variable gives the values of a variable.
func (b *builder) variable(name string, at place) []string {
	v, ok := b.env.Vars[name]
	b.used.vars[name] = true
	if !ok {
		b.errs.add(at, meant(name, "variables", b.env.Vars), "there is no variable %s on this device", name)
	}
	return v
}

// one expands a key that takes one word; empty where the key is not there.
func (b *builder) one(t *aclTerm, key string) string {
	v, ok := t.keys[key]
	if !ok {
		return ""
	}
	words := b.expand(v.words)
	if len(words) != 1 {
		b.errs.add(v.at, "", "%s takes one word, there are %d", key, len(words))
		return ""
	}
	return words[0].text
}

// all expands a key that takes words.
func (b *builder) all(t *aclTerm, key string) []word { return b.expand(t.keys[key].words) }

// texts are the texts of words.
func texts(words []word) []string {
	var out []string
	for _, w := range words {
		out = append(out, w.text)
	}
	return out
}

// number reads a number or a range of them up to highest.
func (b *builder) number(w word, what string, highest uint32) string {
	r, err := parseRange(w.text, nil, highest)
	if err != nil {
		b.errs.add(w.at, fmt.Sprintf("write a number or a range, 0 to %d", highest), "%s: %v", what, err)
		return ""
	}
	return r.text()
}
