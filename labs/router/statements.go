package router

import (
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// statement is a place among the statements of a configuration that the words of a command have led to.
type statement struct {
	tree     *junos.Tree // what is configured
	existing bool        // only what is configured may be named

	words  []string      // the words so far, in full
	starts []int         // where in words each statement begins
	schema *junos.Schema // what they have named; nil: nothing that the table knows
	above  *junos.Schema // what that stands in
	key    int           // of a list: how many keys have been given
	joint  bool          // the word that stands before a key has been given
	extra  bool          // one more word of the same key is due (`upto /24`)
	value  bool          // a leaf's value has been given, or a value of a leaf-list
	list   bool          // inside [ ]
	done   bool          // nothing may follow
}

// statementsOf goes to a place in a configuration.
func statementsOf(t *junos.Tree, path []string, existing bool) *statement {
	s := &statement{tree: t, schema: t.Schema, existing: existing}
	if s.schema == nil {
		s.schema = junos.Builtin()
	}
	for _, w := range path {
		if s.step(w, false) != nil {
			s.schema = nil // a place that was reached all the same; nothing is known of it
		}
	}
	return s
}

// step takes one more word; a bare keyword may be abbreviated. The error says that the word is ambiguous, or that
// nothing may follow; index is left to the caller.
func (s *statement) step(word string, bare bool) *usageError {
	if s.done {
		return &usageError{0, "syntax error."}
	}
	if s.schema == nil {
		s.words = append(s.words, word)
		return nil
	}
	switch s.schema.Kind {
	case junos.Entry:
		if s.extra || s.key < len(s.schema.Keys) {
			s.takeKey(word, bare)
			return nil
		}
	case junos.Leaf, junos.LeafList:
		s.takeValue(word, bare)
		return nil
	}
	return s.descend(word, bare)
}

func (s *statement) takeKey(word string, bare bool) {
	if s.extra {
		s.extra = false
		s.words = append(s.words, word)
		return
	}
	key := s.schema.Keys[s.key]
	if key.Word != "" && !s.joint && bare && strings.HasPrefix(key.Word, word) {
		s.joint = true
		s.words = append(s.words, key.Word)
		return
	}
	s.joint = false
	s.key++
	if full, ok := complete(choices(key), word); ok && bare {
		word = full
	}
	s.extra = slices.Contains(key.Choices, word+"=")
	s.words = append(s.words, word)
}

// choices are the words that a key may be, without the mark of those that take another.
func choices(key junos.Key) []string {
	out := make([]string, len(key.Choices))
	for i, c := range key.Choices {
		out[i] = strings.TrimSuffix(c, "=")
	}
	return out
}

// complete finds the one word that begins with prefix.
func complete(words []string, prefix string) (string, bool) {
	found := ""
	for _, w := range words {
		switch {
		case w == prefix:
			return w, true
		case !strings.HasPrefix(w, prefix):
		case found != "":
			return "", false
		default:
			found = w
		}
	}
	return found, found != ""
}

func (s *statement) takeValue(word string, bare bool) {
	s.words = append(s.words, word)
	switch {
	case bare && word == "[" && s.schema.Kind == junos.LeafList:
		s.list = true
		return
	case bare && word == "]":
		s.list = false
	case s.list:
		return
	}
	s.value = true
	if s.schema.Kind == junos.Leaf || !s.list {
		s.leaveLeaf()
	}
}

// leaveLeaf goes back to what a leaf stands in: several leaves of one line may follow each other.
func (s *statement) leaveLeaf() {
	if s.above.Is(junos.Oneliner) || s.above.Is(junos.OnelinerPlus) {
		s.schema, s.above, s.value, s.key = s.above, nil, false, len(s.above.Keys)
		return
	}
	s.done = true
}

// descend goes to a statement in the one that the words have named.
func (s *statement) descend(word string, bare bool) *usageError {
	child := s.schema.Child(word)
	if child == nil && bare && !s.isKey(word) {
		var found []string
		for _, c := range s.keywords() {
			if strings.HasPrefix(c.Name, word) {
				found = append(found, c.Name)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			word = found[0]
			child = s.schema.Child(word)
		default:
			if s.hidden() == nil {
				return &usageError{0, "'" + word + "' is ambiguous."}
			}
		}
	}
	s.starts = append(s.starts, len(s.words))
	if child != nil {
		s.enter(child)
		s.words = append(s.words, word)
		if child.Kind == junos.Leaf && child.Is(junos.Empty) {
			s.leaveLeaf()
		}
		return nil
	}
	if h := s.hidden(); h != nil {
		s.enter(h)
		if h.Kind == junos.Entry {
			s.takeKey(word, bare)
		} else {
			s.takeValue(word, bare)
		}
		return nil
	}
	s.schema = nil
	s.words = append(s.words, word)
	return nil
}

func (s *statement) enter(child *junos.Schema) {
	s.above, s.schema, s.key, s.joint, s.value, s.list = s.schema, child, 0, false, false, false
}

// hidden is the child whose keyword is not written, nil if there is none.
func (s *statement) hidden() *junos.Schema {
	for _, c := range s.schema.Children {
		if c.Is(junos.Hidden) {
			return c
		}
	}
	return nil
}

// keywords are the statements that may be named here by their keyword.
func (s *statement) keywords() []*junos.Schema {
	var out []*junos.Schema
	for _, c := range s.schema.Children {
		if !c.Is(junos.Hidden) {
			out = append(out, c)
		}
	}
	for _, name := range []string{"apply-groups", "apply-groups-except", "apply-macro"} {
		if c := s.schema.Child(name); c != nil && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	if !s.existing {
		return out
	}
	var there []*junos.Schema
	for _, c := range out {
		if slices.ContainsFunc(s.children(), func(n *junos.Node) bool { return n.Name == c.Name }) {
			there = append(there, c)
		}
	}
	return there
}

// children are the statements that are configured here.
func (s *statement) children() []*junos.Node {
	if n := s.tree.Lookup(s.words...); n != nil {
		return n.Children
	}
	return nil
}

// isKey tells whether a word is the name of something configured here, which goes before an abbreviated keyword.
func (s *statement) isKey(word string) bool {
	h := s.hidden()
	return h != nil && slices.ContainsFunc(s.children(), func(n *junos.Node) bool {
		return n.Name == h.Name && len(n.Values) > 0 && n.Values[0] == word
	})
}

// names are the first keys of the entries of a list that are configured here; above are the words of what they are in.
func (s *statement) names(list *junos.Schema, above []string, given []string) []string {
	var out []string
	n := s.tree.Lookup(above...)
	if n == nil {
		return nil
	}
	seen := map[string]bool{} // there may be tens of thousands
	for _, c := range n.Children {
		if c.Kind == junos.Entry && c.Name == list.Name && len(c.Values) > len(given) && slices.Equal(c.Values[:len(given)], given) {
			if name := c.Values[len(given)]; !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
	}
	return out
}

// options are the words that may stand here, and whether the command may end here.
func (s *statement) options() (list []candidate, enter bool) {
	switch {
	case s.done:
		return nil, true
	case s.schema == nil:
		return []candidate{{word: "<word>", help: "Anything: the lab router does not know this statement", value: true}}, true
	case s.schema.Kind == junos.Entry && (s.extra || s.key < len(s.schema.Keys)):
		return s.keyOptions(s.schema, s.key), false
	case s.schema.Kind == junos.Leaf:
		return s.valueOptions(s.schema, s.above), s.existing
	case s.schema.Kind == junos.LeafList:
		list = s.valueOptions(s.schema, s.above)
		switch {
		case s.list:
			list = append(list, candidate{word: "]", help: "Close the set of values"})
		case !s.existing:
			list = append(list, candidate{word: "[", help: "Open a set of values"})
		}
		return list, s.existing && !s.list
	}
	for _, c := range s.keywords() {
		list = append(list, candidate{word: c.Name, mark: markOf(c), help: helpOf(s.schema.Name, c.Name)})
	}
	if h := s.hidden(); h != nil {
		if h.Kind == junos.Entry {
			list = append(list, s.keyOptions(h, 0)...)
		} else {
			list = append(list, s.valueOptions(h, s.schema)...)
		}
	}
	return list, s.existing || !s.schema.Is(junos.Bare)
}

// markOf is the mark in front of a statement in a list of completions.
func markOf(s *junos.Schema) byte {
	switch s.Kind {
	case junos.Container, junos.Entry:
		return '>'
	case junos.LeafList:
		return '+'
	}
	return ' '
}

// keyOptions are the words for a key of a list: what is configured, what the table allows, or any.
func (s *statement) keyOptions(list *junos.Schema, at int) []candidate {
	if s.extra {
		return []candidate{{word: "<value>", help: helpOf(list.Name, "value"), value: true}}
	}
	key := list.Keys[at]
	if key.Word != "" && !s.joint {
		return []candidate{{word: key.Word, help: helpOf(list.Name, key.Word)}}
	}
	var out []candidate
	for _, c := range choices(key) {
		out = append(out, candidate{word: c, help: helpOf(list.Name, c)})
	}
	if key.Choices != nil {
		return out
	}
	above, given := s.words, []string(nil)
	if s.schema == list {
		last := s.starts[len(s.starts)-1]
		above = s.words[:last]
		given = s.givenKeys(s.words[last:])
	}
	names := s.names(list, above, given)
	if !s.existing {
		out = append(out, placeholder(list, key))
		for _, n := range references(s.tree, list.Name, s.words) {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	for _, n := range names {
		out = append(out, candidate{word: n, name: true})
	}
	return out
}

// placeholder stands for a key that the user has to think of.
func placeholder(list *junos.Schema, key junos.Key) candidate {
	if key.Name == "name" {
		return candidate{word: "<" + list.Name + "-name>", help: helpOf("", list.Name), value: true}
	}
	return candidate{word: "<" + key.Name + ">", help: helpOf(list.Name, key.Name), value: true}
}

// givenKeys takes the keys out of the words of an entry, which has its keyword unless that is not written.
func (s *statement) givenKeys(words []string) []string {
	if !s.schema.Is(junos.Hidden) && len(words) > 0 {
		words = words[1:]
	}
	var out []string
	for i := 0; i < len(words) && len(out) < s.key; i++ {
		if k := s.schema.Keys[len(out)]; k.Word != "" && words[i] == k.Word {
			continue
		}
		out = append(out, words[i])
	}
	return out
}

// valueOptions are the words for the value of a leaf.
func (s *statement) valueOptions(leaf, in *junos.Schema) []candidate {
	parent := ""
	if in != nil {
		parent = in.Name
	}
	var out []candidate
	if s.existing {
		if n := s.tree.Lookup(s.words...); n != nil && n.Kind == junos.LeafList {
			for _, v := range n.Values {
				out = append(out, candidate{word: v, name: true, help: helpOf(parent, leaf.Name)})
			}
		}
		return out
	}
	out = append(out, candidate{word: "<" + leaf.Name + ">", help: helpOf(parent, leaf.Name), value: true})
	for _, n := range references(s.tree, leaf.Name, s.words) {
		out = append(out, candidate{word: n, name: true})
	}
	return out
}

// references are the names of what a statement may refer to.
func references(t *junos.Tree, name string, words []string) []string {
	in := func(w string) bool { return slices.Contains(words, w) }
	list := func(entry string, path ...string) []string {
		n := t.Lookup(path...)
		if n == nil {
			return nil
		}
		var out []string
		for _, c := range n.Children {
			if c.Kind == junos.Entry && c.Name == entry && len(c.Values) > 0 && !strings.HasPrefix(c.Values[0], "<") {
				out = append(out, c.Values[0])
			}
		}
		return out
	}
	switch name {
	case "apply-groups", "apply-groups-except":
		return list("groups")
	case "import", "export", "vrf-import", "vrf-export", "import-policy":
		return list("policy-statement", "policy-options")
	case "policy":
		if in("policy-statement") || in("aggregate") || in("generate") {
			return list("policy-statement", "policy-options")
		}
	case "prefix-list", "prefix-list-filter", "source-prefix-list", "destination-prefix-list":
		if in("from") {
			return list("prefix-list", "policy-options")
		}
	case "community", "as-path":
		if in("from") || in("then") {
			return list(name, "policy-options")
		}
	case "community-name":
		return list("community", "policy-options")
	case "policer":
		if in("then") {
			return list("policer", "firewall")
		}
	case "filter", "input", "output", "input-list", "output-list", "filter-name":
		if in("interfaces") || in("then") || in("term") {
			return filterNames(t, words)
		}
	case "interface":
		if !in("interfaces") {
			return unitNames(t)
		}
	}
	return nil
}

// filterNames are the filters of the family that the words name.
func filterNames(t *junos.Tree, words []string) []string {
	kind := "inet"
	if i := slices.Index(words, "family"); i >= 0 && i+1 < len(words) {
		kind = words[i+1]
	}
	n := t.Lookup("firewall", "family", kind)
	if n == nil {
		return nil
	}
	var out []string
	for _, c := range n.Children {
		if c.Kind == junos.Entry && c.Name == "filter" && len(c.Values) > 0 {
			out = append(out, c.Values[0])
		}
	}
	return out
}

// unitNames are the logical interfaces that are configured, such as ge-0/0/0.0.
func unitNames(t *junos.Tree) []string {
	n := t.Lookup("interfaces")
	if n == nil {
		return nil
	}
	var out []string
	for _, c := range n.Children {
		if c.Kind != junos.Entry || c.Name != "interface" || len(c.Values) == 0 {
			continue
		}
		for _, u := range c.Children {
			if u.Name == "unit" && len(u.Values) > 0 {
				out = append(out, c.Values[0]+"."+u.Values[0])
			}
		}
	}
	return out
}
