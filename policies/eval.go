package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"rhapsode/diffs/junos"
)

// Answer is what is known about a condition. What the evaluator has no semantics for, and what a packet or route does
// not say, is Unknown: it is never guessed.
type Answer uint8

// The answers.
const (
	No Answer = iota
	Yes
	Unknown
)

var answerNames = [...]string{"no", "yes", "unknown"}

// String gives no, yes or unknown.
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return fmt.Sprintf("answer(%d)", uint8(a))
}

// MarshalText makes an answer a word in JSON.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func answer(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

func (a Answer) not() Answer {
	switch a {
	case No:
		return Yes
	case Yes:
		return No
	}
	return Unknown
}

// either is Yes when one is, No when both are.
func either(a, b Answer) Answer {
	switch {
	case a == Yes || b == Yes:
		return Yes
	case a == No && b == No:
		return No
	}
	return Unknown
}

// both is No when one is, Yes when both are.
func both(a, b Answer) Answer { return either(a.not(), b.not()).not() }

// agree gives what two readings of the same statement have in common.
func agree(a, b Answer) Answer {
	if a == b {
		return a
	}
	return Unknown
}

// Maybe is a number that may not be known. The zero value is not known.
type Maybe struct {
	N     uint32
	Known bool
}

// Known makes a number that is known.
func Known(n uint32) Maybe { return Maybe{N: n, Known: true} }

func (m Maybe) is(n uint32) bool { return m.Known && m.N == n }

// Step is one term on the way of a packet or a route.
type Step struct {
	Object string    `json:"object"`           // the filter or policy-statement
	Term   string    `json:"term"`             // empty: what stands behind the terms (a policy's own then, the end of a filter)
	Line   int       `json:"line,omitempty"`   // where the term stands in the text that was parsed; 0: it stands in none
	Depth  int       `json:"depth,omitempty"`  // how many filters or policies called this one
	Match  Answer    `json:"match"`            // whether all conditions hold
	Checks []Checked `json:"checks,omitempty"` // the conditions, up to the first that does not hold
	Did    []string  `json:"did,omitempty"`    // what the term did, as the configuration spells it, or in words
}

// Checked is one condition of a term.
type Checked struct {
	Condition string `json:"condition"` // as the configuration spells it
	Holds     Answer `json:"holds"`
	Why       string `json:"why,omitempty"` // what the packet or route has there, or why nothing is known
}

// Evaluator follows packets through the firewall filters and routes through the policy-statements of one configuration,
// as the vendor describes them. Groups are applied, inactive statements do not exist. It may be used by several
// goroutines at once.
type Evaluator struct {
	// Routes are the active routes of routing tables, by the table's name, for `condition NAME if-route-exists`. A
	// condition on a table that is not in it is not known. It is set before the evaluator is used.
	Routes map[string][]netip.Prefix

	tree        *junos.Tree // groups applied, nothing inactive
	filters     map[object]*evalFilter
	policies    map[string]*evalPolicy
	lists       map[string]*evalList
	communities map[string]*evalCommunity
	conditions  map[string]*evalCondition
	asPaths     map[string]*pathRegex
	asGroups    map[string][]string
	uses        func() map[string][]PolicyContext
}

// NewEvaluator reads a configuration once. What stands in it that has no semantics here is no error: it makes the
// results that depend on it unknown. The error is that groups can't be applied.
func NewEvaluator(t *junos.Tree) (*Evaluator, error) {
	t, err := Active(t)
	if err != nil {
		return nil, fmt.Errorf("evaluate policies: %w", err)
	}
	e := &Evaluator{
		tree: t, filters: map[object]*evalFilter{}, policies: map[string]*evalPolicy{}, lists: map[string]*evalList{},
		communities: map[string]*evalCommunity{}, conditions: map[string]*evalCondition{}, asPaths: map[string]*pathRegex{}, asGroups: map[string][]string{},
	}
	e.uses = sync.OnceValue(e.findUses)
	e.readPolicyOptions()
	for _, family := range []Family{"", Inet, Inet6} {
		e.readFilters(family)
	}
	return e, nil
}

// prune removes what is inactive, and what a text to be loaded deletes.
func prune(n *junos.Node) {
	n.Children = slices.DeleteFunc(n.Children, func(c *junos.Node) bool { return c.Inactive || c.Op&junos.DeleteOp != 0 })
	for _, c := range n.Children {
		prune(c)
	}
}

func (e *Evaluator) readFilters(family Family) {
	path := []string{"firewall"}
	if family != "" {
		path = append(path, "family", string(family))
	} else {
		family = Inet
	}
	at := e.tree.Lookup(path...)
	if at == nil {
		return
	}
	for _, n := range at.Children {
		if w := n.Words(); len(w) == 2 && w[0] == "filter" {
			e.filters[object{kindFilter, family, w[1]}] = e.compileFilter(family, join(path, w...), n)
		}
	}
}

func (e *Evaluator) readPolicyOptions() {
	po := e.tree.Lookup("policy-options")
	if po == nil {
		return
	}
	for _, n := range po.Children { // the lists first: terms refer to them
		w := n.Words()
		if len(w) < 2 {
			continue
		}
		switch n.Name {
		case "prefix-list":
			e.lists[w[1]] = e.readList(n)
		case "community":
			e.communities[w[1]] = compileCommunity(n)
		case "as-path":
			e.asPaths[w[1]] = compileASPath(n)
		case "condition":
			e.conditions[w[1]] = compileCondition(n)
		case "as-path-group":
			e.readASPathGroup(w[1], n)
		}
	}
	for _, n := range po.Children {
		if w := n.Words(); len(w) == 2 && n.Name == "policy-statement" {
			e.policies[w[1]] = e.compilePolicy(w[1], n)
		}
	}
}

// readASPathGroup keeps the members of a group under names that no as-path can have.
func (e *Evaluator) readASPathGroup(group string, n *junos.Node) {
	e.asGroups[group] = []string{}
	for _, c := range n.Children {
		if w := c.Words(); len(w) > 1 && w[0] == "as-path" {
			key := group + "\x00" + w[1]
			e.asPaths[key] = compileASPath(c)
			e.asGroups[group] = append(e.asGroups[group], key)
		}
	}
}

// Filters lists the names of the filters of a family, sorted.
func (e *Evaluator) Filters(f Family) []string {
	var out []string
	for o := range e.filters {
		if o.family == f {
			out = append(out, o.name)
		}
	}
	slices.Sort(out)
	return out
}

// Policies lists the names of the policy-statements, sorted.
func (e *Evaluator) Policies() []string {
	out := make([]string, 0, len(e.policies))
	for name := range e.policies {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// unknownStatement is a statement in a term that the types do not know, in its own words.
type unknownStatement struct {
	words  []string
	reason string
}

func (u unknownStatement) String() string {
	s := words(u.words)
	if u.reason != "" {
		s += " (" + u.reason + ")"
	}
	return s
}

// readStatements gives the statements below n to read, one after the other, and collects those that it does not take.
// What means nothing when it is empty (`from { }`) is left out.
func readStatements(n *junos.Node, read func(w []string) (bool, error)) []unknownStatement {
	var out []unknownStatement
	take := func(w []string) {
		ok, err := read(w)
		if err != nil {
			out = append(out, unknownStatement{w, err.Error()})
		} else if !ok {
			out = append(out, unknownStatement{w, ""})
		}
	}
	var walk func(n *junos.Node, at []string)
	walk = func(n *junos.Node, at []string) {
		for _, c := range n.Children {
			w := c.Words()
			here := join(at, w...)
			switch {
			case c.Kind == junos.LeafList && len(c.Values) > 0:
				key := join(at, w[:len(w)-len(c.Values)]...)
				for _, v := range c.Values {
					take(join(key, v))
				}
			case len(c.Children) > 0:
				walk(c, here)
			case !c.Is(junos.Bare):
				take(here)
			}
		}
	}
	walk(n, nil)
	return out
}

// listed writes the values of a condition in the way of the configuration.
func listed(key string, values []string) string {
	switch len(values) {
	case 0:
		return key
	case 1:
		return key + " " + junos.Quote(values[0])
	}
	const most = 6
	if len(values) > most {
		return fmt.Sprintf("%s [ %s … %d more ]", key, words(values[:most]), len(values)-most)
	}
	return key + " [ " + words(values) + " ]"
}

// and joins words for a sentence.
func and(list []string) string { return strings.Join(list, ", ") }
