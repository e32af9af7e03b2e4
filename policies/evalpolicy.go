package policies

import (
	"fmt"
	"net/netip"
	"slices"

	"rhapsode/diffs/junos"
)

// PolicyResult is what becomes of a route.
type PolicyResult struct {
	// Verdict is Accept or Reject; NoVerdict when it is not known, and Unknown then says why.
	Verdict Verdict
	Unknown string
	// Either says how it ends if the first term of which it is not known matches, and if not; nil: it is known, or nothing
	// more can be said.
	Either *Either
	// Regardless names the terms of which it is not known whether they match, and that make no difference to the verdict.
	// What they would change is Uncertain; who decided (Policy, Term, Steps) is told as if they did not match.
	Regardless []string
	// Default says that no policy decided; it names the default that did, empty otherwise.
	Default string
	// Policy and Term say who decided; an empty term is a policy's own then.
	Policy, Term string
	Line         int
	Route        Route    // as the policies changed it
	Changes      []string // attribute by attribute
	// Uncertain names the attributes of Route that a policy changed in a way that is not known.
	Uncertain []string
	Steps     []Step // only from TracePolicy
}

// String gives the verdict in words.
func (r *PolicyResult) String() string {
	switch {
	case r.Either != nil:
		return "unknown: " + r.Unknown + ": " + r.Either.String()
	case r.Unknown != "":
		return "unknown: " + r.Unknown
	case r.Default != "":
		return r.Verdict.String() + " (" + r.Default + ")"
	}
	return r.Verdict.String()
}

// evalPolicy is a policy-statement made ready to be asked. The last term may be the policy's own then, without a name.
type evalPolicy struct {
	name  string
	terms []*evalPolicyTerm
}

type evalPolicyTerm struct {
	evalAction // what its then says
	name       string
	line       int
	tests      []routeTest
	match      PolicyMatch
	routes     filterList    // match.RouteFilters
	inline     []*evalAction // the actions of match.RouteFilters themselves, by their index; nil: the term's then
}

func (e *Evaluator) compilePolicy(name string, n *junos.Node) *evalPolicy {
	p := &evalPolicy{name: name}
	final := &junos.Node{Kind: junos.Container, Pos: n.Pos}
	for _, c := range n.Children {
		if w := c.Words(); isTerm(w) {
			p.terms = append(p.terms, e.compilePolicyTerm(w[1], c))
			continue
		}
		if len(final.Children) == 0 {
			final.Pos = c.Pos
		}
		final.Children = append(final.Children, c)
	}
	if len(final.Children) > 0 {
		p.terms = append(p.terms, e.compilePolicyTerm("", final))
	}
	return p
}

func (e *Evaluator) compilePolicyTerm(name string, n *junos.Node) *evalPolicyTerm {
	t := &evalPolicyTerm{name: name, line: int(n.Pos.Line)}
	r := &routeReader{e: e, term: t}
	for _, u := range readStatements(n, r.read) {
		if len(u.words) < 2 || u.words[0] == "then" {
			t.strange = append(t.strange, u)
			continue
		}
		if u.words[0] == "from" {
			u.words = u.words[1:]
		}
		r.more = append(r.more, unknownRoute(words(u.words), orElse(u.reason, "this condition has no semantics here")))
	}
	r.finish()
	return t
}

// Policy says what becomes of a route in policies as `import [ A B ]` names them, one after the other. The context says
// where they are applied, for the default behind the last. The error is that a policy is not defined.
func (e *Evaluator) Policy(names []string, r Route, c PolicyContext) (PolicyResult, error) {
	return e.policy(names, r, c, false)
}

// TracePolicy is Policy with the way of the route, term by term.
func (e *Evaluator) TracePolicy(names []string, r Route, c PolicyContext) (PolicyResult, error) {
	return e.policy(names, r, c, true)
}

func (e *Evaluator) policy(names []string, r Route, c PolicyContext, trace bool) (PolicyResult, error) {
	list := make([]*evalPolicy, len(names))
	for i, name := range names {
		if list[i] = e.policies[name]; list[i] == nil {
			return PolicyResult{}, fmt.Errorf("evaluate policy: policy-statement %s is not defined", name)
		}
	}
	if !r.Prefix.IsValid() || r.Prefix.Masked() != r.Prefix {
		return PolicyResult{}, fmt.Errorf("evaluate policy: %s is no route's prefix", r.Prefix)
	}
	w := &ways[PolicyResult]{}
	w.follow(func(first bool) PolicyResult {
		run := &policyRun{e: e, context: c, route: r.Clone(), trace: trace && first, branches: &w.branches}
		if !run.run(list) {
			run.fallBack()
		}
		run.result.Route = run.route
		run.result.Changes = routeChanges(&r, &run.route)
		for _, l := range run.lost {
			run.result.Uncertain = append(run.result.Uncertain, l.attribute)
		}
		return run.result
	})
	return joinPolicy(w, &r), nil
}

// policyRun is one route on its way.
type policyRun struct {
	e       *Evaluator
	context PolicyContext
	route   Route
	trace   bool
	result  PolicyResult
	depth   int
	inside  []*evalPolicy
	byAct   Verdict // what default-action asked for
	byNext  bool    // the last policy was left by next policy
	lost    []lostAttribute

	branches *branches
}

// lostAttribute is an attribute of which a policy made something that is not known.
type lostAttribute struct{ attribute, why string }

func (r *policyRun) lose(attribute, why string) {
	if r.lostWhy(attribute) == "" {
		r.lost = append(r.lost, lostAttribute{attribute, why})
	}
}

func (r *policyRun) lostWhy(attribute string) string {
	for _, l := range r.lost {
		if l.attribute == attribute {
			return l.why
		}
	}
	return ""
}

func (r *policyRun) step(s Step) {
	if r.trace {
		r.result.Steps = append(r.result.Steps, s)
	}
}

// run tries the policies in order; false: none of them decided.
func (r *policyRun) run(list []*evalPolicy) (decided bool) {
	for _, p := range list {
		r.byNext = false
		r.inside = append(r.inside, p)
		decided := r.runTerms(p)
		r.inside = r.inside[:len(r.inside)-1]
		if decided {
			return true
		}
	}
	return false
}

func (r *policyRun) runTerms(p *evalPolicy) (decided bool) {
	for _, t := range p.terms {
		match, goes, checks := r.matches(p, t)
		s := Step{Object: p.name, Term: t.name, Line: t.line, Depth: r.depth, Match: match, Checks: checks}
		if !goes {
			r.step(s)
			continue
		}
		act, why := t.action(r.route.Prefix)
		if why != "" {
			return r.giveUp(p, t, s, why)
		}
		s.Did = act.did
		r.step(s)
		r.change(act)
		switch act.then.Verdict {
		case Accept, Reject:
			r.result.Verdict = act.then.Verdict
			r.result.Policy, r.result.Term, r.result.Line = p.name, t.name, t.line
			return true
		case NextPolicy:
			r.byNext = true
			return false
		}
	}
	return false
}

func (r *policyRun) giveUp(p *evalPolicy, t *evalPolicyTerm, s Step, why string) bool {
	s.Match = Unknown
	r.step(s)
	r.result.Verdict = NoVerdict
	r.result.Policy, r.result.Term, r.result.Line = p.name, t.name, t.line
	r.result.Unknown = whyOpen(p, t, why)
	return true
}

func whyOpen(p *evalPolicy, t *evalPolicyTerm, why string) string {
	at := "policy-statement " + p.name
	if t.name != "" {
		at += " term " + t.name
	}
	return at + ": " + why
}

// fallBack decides what no policy decided.
func (r *policyRun) fallBack() {
	if r.byAct != NoVerdict {
		r.result.Verdict, r.result.Default = r.byAct, "default-action "+r.byAct.String()
		return
	}
	v, why, ok := r.context.defaults(&r.route)
	switch {
	case ok:
		r.result.Verdict, r.result.Default = v, why
	case r.context == PolicyContext{}:
		r.result.Unknown = "no policy decides, and the default depends on where they are applied"
	default:
		r.result.Unknown = "no policy decides, and the default of " + r.context.String() + " for this route is not known here"
	}
}

// matches asks the conditions of a term and tells whether this way takes it. One that does not hold decides, whatever else
// is unknown; a policy is asked only if all else holds, since it may change the route.
func (r *policyRun) matches(p *evalPolicy, t *evalPolicyTerm) (match Answer, goes bool, checks []Checked) {
	match = Yes
	open := ""
	holds := func() bool {
		return open == "" || r.branches.matches(undecided{p.name, t.name, t.line, whyOpen(p, t, open)})
	}
	for i := range t.tests {
		x := &t.tests[i]
		if x.calls {
			if !holds() {
				return Unknown, false, checks
			}
			open = ""
		}
		a, reason := x.test(r)
		if r.trace {
			checks = append(checks, Checked{Condition: x.text, Holds: a, Why: reason()})
		}
		switch a {
		case No:
			return No, false, checks
		case Unknown:
			match = Unknown
			if open == "" {
				open = x.text + ": " + reason()
			}
		}
	}
	return match, holds(), checks
}

// change does what a term says about attributes, one after the other as the configuration shows them.
func (r *policyRun) change(act *evalAction) {
	a := &act.then
	for _, x := range []struct {
		key   string
		value *Maybe
		set   *NumberAction
	}{
		{"metric", &r.route.Metric, a.Metric},
		{"metric2", &r.route.Metric2, act.metric2},
		{"tag", &r.route.Tag, a.Tag},
		{"preference", &r.route.Preference, a.Preference},
		{"local-preference", &r.route.LocalPreference, a.LocalPreference},
	} {
		r.setNumber(x.key, x.value, x.set)
	}
	for _, c := range a.Community {
		r.changeCommunity(c)
	}
	if a.Origin != "" {
		r.route.Origin = a.Origin
	}
	if a.External != "" {
		r.route.External = a.External
	}
	r.prepend(a.ASPathPrepend)
	r.setNextHop(a.NextHop)
	if a.DefaultAction != NoVerdict {
		r.byAct = a.DefaultAction
	}
}

func (r *policyRun) setNumber(key string, value *Maybe, set *NumberAction) {
	switch {
	case set == nil:
	case set.Op == "":
		*value = Known(set.Value)
		r.lost = slices.DeleteFunc(r.lost, func(l lostAttribute) bool { return l.attribute == key })
	case !value.Known:
		r.lose(key, fmt.Sprintf("%s %d to a %s that the route does not say", set.Op, set.Value, key))
	case set.Op == "add":
		value.N = uint32(min(uint64(value.N)+uint64(set.Value), 1<<32-1))
	default:
		value.N -= min(value.N, set.Value)
	}
}

func (r *policyRun) changeCommunity(c CommunityAction) {
	x := r.e.communities[c.Name]
	switch {
	case x == nil:
		r.lose("community", "community "+c.Name+" is not defined")
		return
	case x.unknown != "":
		r.lose("community", "community "+c.Name+": "+x.unknown)
		return
	}
	if c.Op == "delete" {
		r.route.Communities = slices.DeleteFunc(r.route.Communities, x.hits)
		return
	}
	list, ok := x.literals()
	if !ok {
		r.lose("community", "community "+c.Name+" is an expression, which can't be added")
		return
	}
	if c.Op == "set" {
		if others(r.route.Communities, list) {
			r.lose("community", "whether community set "+c.Name+" keeps communities of other kinds is not known here")
		}
		r.route.Communities = nil
	}
	for _, m := range list {
		if !slices.Contains(r.route.Communities, m) {
			r.route.Communities = append(r.route.Communities, m)
		}
	}
}

// others tells whether some of the communities are of a kind that none of the new ones is.
func others(have, list []string) bool {
	return slices.ContainsFunc(have, func(h string) bool {
		return !slices.ContainsFunc(list, func(l string) bool { return communityKind(l) == communityKind(h) })
	})
}

func (r *policyRun) prepend(numbers string) {
	if numbers == "" {
		return
	}
	x := &pathParser{text: numbers, rest: numbers}
	var list []uint32
	for x.peek() != 0 {
		n, err := x.number()
		if err != nil {
			r.lose("as-path", err.Error())
			return
		}
		list = append(list, n)
	}
	if r.route.ASPath == nil {
		r.lose("as-path", "as-path-prepend to a path that the route does not say")
		return
	}
	r.route.ASPath = append(list, r.route.ASPath...)
}

func (r *policyRun) setNextHop(to string) {
	if to == "" {
		return
	}
	if a, err := netip.ParseAddr(to); err == nil {
		r.route.NextHop, r.route.NextHopAction = a, ""
		return
	}
	r.route.NextHopAction = to
}
