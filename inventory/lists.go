package inventory

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A list in a layer replaces the list of the layers before it, unless its tag says otherwise:
//
//	ntp_servers: [192.0.2.1]              these and no others; `!replace` says the same
//	ntp_servers: !append [192.0.2.1]      what the layers before have, then these
//	static_routes: !by:prefix [{…}]       an item is merged into the one before it with the same `prefix`, or else appended

// listRule is how a list joins the one below it.
type listRule struct {
	tag string // as written: !append; empty: replaces
	key string // of `!by:KEY`
}

// joins says whether what the layers before have stays.
func (r listRule) joins() bool { return r.tag != "" && r.tag != "!replace" }

const listTags = "!replace, !append or !by:KEY"

// tag reads the tag of a node. Only lists of files that are merged may have one.
func (p *parser) tag(n *node, y *yaml.Node) {
	if y.Style&yaml.TaggedStyle == 0 {
		return
	}
	key, byKey := strings.CutPrefix(y.Tag, "!by:")
	if !byKey {
		key = ""
	}
	known := y.Tag == "!append" || y.Tag == "!replace" || byKey
	switch {
	case !strings.HasPrefix(y.Tag, "!") || strings.HasPrefix(y.Tag, "!!"):
		if y.ShortTag() != map[shape]string{mapping: "!!map", list: "!!seq", text: "!!str"}[n.shape] {
			p.problems.add(n.pos, "remove the tag", "the tag %s means nothing here", y.Tag)
		}
	case !known:
		hint := "remove the tag"
		if n.shape == list {
			hint += ", or write " + listTags
		}
		p.problems.add(n.pos, hint, "the tag %s means nothing here", y.Tag)
	case n.shape != list:
		p.problems.add(n.pos, "remove the tag", "the tag %s is for lists, this is %s", y.Tag, n.shape)
	case !p.layered:
		p.problems.add(n.pos, "remove the tag", "the tag %s means nothing here: the file is not merged with another", y.Tag)
	case byKey && key == "":
		p.problems.add(n.pos, "name the key: !by:prefix", "the tag !by: names no key")
	default:
		n.rule = listRule{y.Tag, key}
		p.checkKeys(n)
	}
}

// checkKeys wants every item of a list with `!by:KEY` to be a map with a key of its own.
func (p *parser) checkKeys(n *node) {
	if n.rule.key == "" {
		return
	}
	seen := map[string]*node{}
	for _, e := range n.items {
		id := e.get(n.rule.key)
		if id == nil {
			p.problems.add(e.pos, "add it, it says which item this one is merged into", "%s wants every item to have the key `%s`", n.rule.tag, n.rule.key)
			continue
		}
		if first := seen[id.flow()]; first != nil {
			p.problems.add(id.pos, "keep one of the two", "%s %s is in the list twice, first on line %d", n.rule.key, id.flow(), first.pos.line)
		}
		seen[id.flow()] = id
	}
}

// join puts a list onto the one below it by its rule.
func join(base, above *node, problems *Problems) []*node {
	items := append([]*node(nil), base.items...)
	place := map[string]int{}
	for i, e := range items {
		place[e.identity(above.rule.key)] = i
	}
	for _, e := range above.items {
		id := e.identity(above.rule.key)
		i, there := place[id]
		switch {
		case !there || id == "":
			items = append(items, e)
		case above.rule.key != "":
			items[i] = overlay(items[i], e, problems)
		default:
			problems.add(e.pos, "remove it here", "%s is in the list already (%s)", e.flow(), items[i].pos)
		}
	}
	return items
}

// identity is what makes an item of a list the same as another: the value of its key, or all of it.
func (n *node) identity(key string) string {
	if key == "" {
		return n.flow()
	}
	id := n.get(key)
	if id == nil {
		return ""
	}
	return id.flow()
}
