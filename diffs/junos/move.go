package junos

import (
	"regexp"
	"slices"
)

// msgCreate is what a router says of a statement that cannot be made.
const msgCreate = "statement creation failed"

// split cuts the words of a command at one of some keywords, `to` or `before`: the last one of which the words in front
// of it name a statement. A statement can be called like the keyword. at is the keyword.
func (c *commander) split(verb word, ws []word, keywords ...string) (from []word, at word, to []word, l located, ok bool) {
	last := -1
	for i := len(ws) - 1; i >= 0; i-- {
		if ws[i].quoted || !slices.Contains(keywords, ws[i].text) {
			continue
		}
		if last < 0 {
			last = i
		}
		if l, ok = c.locate(ws[:i]); ok && len(l.chain) > 0 && i+1 < len(ws) {
			return ws[:i], ws[i], ws[i+1:], l, true
		}
	}
	switch {
	case last < 0:
		c.fail(ws[len(ws)-1].pos, msgMissing, joinAlternatives(keywords)+" after the statement")
	case last+1 == len(ws):
		c.fail(ws[last].pos, msgMissing, "a statement after "+ws[last].text)
	default:
		c.failAbout(verb.pos, msgNotFound, "", texts(ws[:last]))
	}
	return nil, word{}, nil, l, false
}

func joinAlternatives(words []string) string {
	s := words[0]
	for _, w := range words[1:] {
		s += " or " + w
	}
	return s
}

// identifier resolves the words that name another entry of the list that e is of.
func (c *commander) identifier(holder, e *Node, ws []word) (keys []string, ok bool) {
	if e.Schema == nil {
		if len(ws) != len(e.Values)+1 || ws[0].text != e.Name {
			c.fail(ws[0].pos, msgSyntax, "another "+e.Name)
			return nil, false
		}
		return texts(ws[1:]), true
	}
	r, bad := c.walk(&Node{Kind: holder.Kind, Name: holder.Name, Schema: holder.Schema}, ws, walkMode{set: true})
	switch {
	case bad != nil:
		c.failIn(r, bad)
		return nil, false
	case len(r.chain) != 1 || len(r.leaves) > 0 || r.chain[0].Schema != e.Schema || r.list != nil:
		c.fail(ws[0].pos, msgSyntax, "another "+e.Name)
		return nil, false
	}
	return slices.Clone(r.chain[0].Values), true
}

// entryOf finds the entry with some keys beside another.
func entryOf(holder, e *Node, keys []string) *Node {
	for _, o := range holder.Children {
		if o.Kind == Entry && o.Schema == e.Schema && o.Name == e.Name && slices.Equal(o.Values, keys) {
			return o
		}
	}
	return nil
}

// target resolves what an entry is to be called from now on, which must not be there.
func (c *commander) target(l located, from, to []word) (keys []string, ok bool) {
	e, holder := l.node(), l.holder()
	if e.Kind != Entry {
		c.fail(from[len(from)-1].pos, msgSyntax, "an entry of a list")
		return nil, false
	}
	if keys, ok = c.identifier(holder, e, to); !ok {
		return nil, false
	}
	if entryOf(holder, e, keys) != nil {
		path := slices.Concat(texts(from[:len(from)-len(e.Words())]), texts(to))
		c.failAbout(to[0].pos, msgCreate, "a name that is free: "+joinWords(texts(to))+" is there already", path)
		return nil, false
	}
	return keys, true
}

// rename gives an entry other keys, or a leaf-list another value. What refers to it by its name is not changed.
func (c *commander) rename(verb word, ws []word) {
	from, _, to, l, ok := c.split(verb, ws, "to")
	if !ok || c.guard(verb, l, from, "changed") {
		return
	}
	if l.value >= 0 {
		c.renameValue(l, from, to)
		return
	}
	keys, ok := c.target(l, from, to)
	if !ok {
		return
	}
	l.node().Values = keys
	c.settler.forget(l.holder())
}

func (c *commander) renameValue(l located, from, to []word) {
	n := l.node()
	v, ok := c.value(n, to)
	switch {
	case !ok:
	case slices.Contains(n.Values, v):
		path := slices.Concat(texts(from[:len(from)-1]), []string{v})
		c.failAbout(to[0].pos, msgCreate, "a value that is free: "+Quote(v)+" is there already", path)
	default:
		n.Values = slices.Clone(n.Values)
		n.Values[l.value] = v
	}
}

// value reads a value of leaf-list n, with or without its keyword.
func (c *commander) value(n *Node, ws []word) (string, bool) {
	if len(ws) == 2 && ws[0].text == n.Name && !n.Is(Hidden) {
		ws = ws[1:]
	}
	if len(ws) != 1 {
		c.fail(ws[0].pos, msgSyntax, "one value of "+n.Name)
		return "", false
	}
	return ws[0].text, true
}

// copy makes a second entry of a list, behind all others where the user orders them.
func (c *commander) copy(verb word, ws []word) {
	from, _, to, l, ok := c.split(verb, ws, "to")
	if !ok {
		return
	}
	holder := located{parent: l.parent, chain: l.chain[:len(l.chain)-1]}
	if c.guard(verb, holder, from, "changed") {
		return
	}
	keys, ok := c.target(l, from, to)
	if !ok {
		return
	}
	e := l.node().Clone()
	e.Values = keys
	e.Pos = to[0].pos
	h := l.holder()
	h.Children = append(h.Children, e)
}

// insert moves an entry of a list, or a value of a leaf-list, next to another.
func (c *commander) insert(verb word, ws []word) {
	from, where, to, l, ok := c.split(verb, ws, "before", "after")
	if !ok || c.guard(verb, l, from, "changed") {
		return
	}
	e, holder := l.node(), l.holder()
	if l.value >= 0 {
		c.insertValue(verb, l, from, where, to)
		return
	}
	if e.Kind != Entry || e.Schema != nil && !e.Is(UserOrdered) {
		c.fail(from[len(from)-1].pos, msgSyntax, "an entry of a list whose order is the user's")
		return
	}
	keys, ok := c.identifier(holder, e, to)
	if !ok {
		return
	}
	other := entryOf(holder, e, keys)
	switch {
	case other == nil:
		path := slices.Concat(texts(from[:len(from)-len(e.Words())]), texts(to))
		c.failAbout(to[0].pos, msgNotFound, "", path)
	case other != e:
		holder.Children = slices.DeleteFunc(holder.Children, func(n *Node) bool { return n == e })
		i := slices.Index(holder.Children, other)
		if where.text == "after" {
			i++
		}
		holder.Children = slices.Insert(holder.Children, i, e)
	}
}

func (c *commander) insertValue(verb word, l located, from []word, where word, to []word) {
	n := l.node()
	v, ok := c.value(n, to)
	if !ok {
		return
	}
	if !slices.Contains(n.Values, v) {
		path := slices.Concat(texts(from[:len(from)-1]), []string{v})
		c.failAbout(verb.pos, msgNotFound, "", path)
		return
	}
	moved := n.Values[l.value]
	if moved == v {
		return
	}
	values := slices.Delete(slices.Clone(n.Values), l.value, l.value+1)
	i := slices.Index(values, v)
	if where.text == "after" {
		i++
	}
	n.Values = slices.Insert(values, i, moved)
}

// wildcard is `wildcard delete PATH REGEX`: it deletes what is below the path and has a name that the expression
// (POSIX, matched anywhere) matches: entries of the list that the path names, values of a leaf-list, or else entries of
// a list whose keyword is not written, and statements. A router asks before it does; there is nobody to ask here.
func (c *commander) wildcard(verb word, ws []word) {
	if ws[0].text != "delete" {
		c.fail(ws[0].pos, msgSyntax, "delete after wildcard")
		return
	}
	if len(ws) == 1 {
		c.fail(ws[0].pos, msgMissing, "a regular expression")
		return
	}
	last := ws[len(ws)-1]
	re, err := regexp.CompilePOSIX(last.text)
	if err != nil {
		c.fail(last.pos, msgSyntax, "a regular expression: "+err.Error())
		return
	}
	path := append(slices.Concat(c.at...), ws[1:len(ws)-1]...)
	if !c.deleteMatching(verb, path, re) {
		c.warnAbout(verb.pos, msgNotFound, texts(append(path, last)))
	}
}

func (c *commander) deleteMatching(verb word, path []word, re *regexp.Regexp) (some bool) {
	l, list := c.list(path)
	if list == nil {
		var ok bool
		if l, ok = c.locate(path); !ok {
			return false
		}
	}
	n := l.node()
	if n.Kind == Leaf || c.guard(verb, l, path, "deleted") {
		return n.Kind != Leaf
	}
	if n.Kind == LeafList {
		return c.deleteValues(verb, l, path, re)
	}
	for _, e := range slices.Clone(n.Children) {
		words := texts(path)
		switch {
		case list != nil && e.Schema == list:
			words = append(words, e.valueWords()...)
		case list == nil:
			words = append(words, PathWords(e)...)
		default:
			continue
		}
		names := []string{e.Name}
		if list != nil || e.Kind == Entry && e.Is(Hidden) {
			names = e.Values
		}
		if slices.ContainsFunc(names, re.MatchString) {
			some = c.remove(verb, n, words, func(o *Node) bool { return o == e }) || some
		}
	}
	return some
}

func (c *commander) deleteValues(verb word, l located, path []word, re *regexp.Regexp) bool {
	n := l.node()
	kept := slices.DeleteFunc(slices.Clone(n.Values), re.MatchString)
	switch len(kept) {
	case len(n.Values):
		return false
	case 0:
		return c.remove(verb, l.holder(), texts(path), func(o *Node) bool { return o == n })
	}
	n.Values = kept
	return true
}
