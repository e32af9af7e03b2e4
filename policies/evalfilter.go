package policies

import (
	"fmt"
	"net/netip"
	"slices"

	"rhapsode/diffs/junos"
)

// FilterResult is what becomes of a packet.
type FilterResult struct {
	// Verdict is Accept, Discard or Reject; NoVerdict when it is not known, and Unknown then says why.
	Verdict Verdict
	Unknown string
	// Either says how it ends if the first term of which it is not known matches, and if not; nil: it is known, or nothing
	// more can be said.
	Either *Either
	// Regardless names the terms of which it is not known whether they match, and that make no difference to the end. Who
	// decided (Filter, Term, Steps) is then told as if they did not match.
	Regardless []string
	// NextIP is where an accepted packet is sent whatever its destination (it is dropped while that can't be resolved);
	// Instance is the routing-instance that looks it up. At most one is set.
	NextIP   netip.Addr
	Instance string
	// RejectType is what a rejected packet is answered with; empty: administratively-prohibited.
	RejectType string
	// Filter and Term say who decided; an empty term is the discard at the end.
	Filter, Term string
	Line         int
	Counts       []string // counters that the packet moved, in order
	MayCount     []string // counters of which that is not known
	Steps        []Step   // only from TraceFilter
}

// String gives the verdict in words.
func (r *FilterResult) String() string {
	switch {
	case r.Either != nil:
		return "unknown: " + r.Unknown + ": " + r.Either.String()
	case r.Unknown != "":
		return "unknown: " + r.Unknown
	case r.NextIP.IsValid():
		return "accept, next-ip " + r.NextIP.String()
	case r.Instance != "":
		return "accept, routing-instance " + r.Instance
	case r.Verdict == Reject && r.RejectType != "":
		return "reject " + r.RejectType
	}
	return r.Verdict.String()
}

// Same tells whether two packets met the same fate and moved the same counters. Two unknown fates are never the same.
func (r *FilterResult) Same(o *FilterResult) bool {
	return r.sameEnd(o) && slices.Equal(r.Counts, o.Counts) && len(r.MayCount)+len(o.MayCount) == 0
}

func (r *FilterResult) sameEnd(o *FilterResult) bool {
	return r.Unknown == "" && o.Unknown == "" && r.Verdict == o.Verdict && r.NextIP == o.NextIP && r.Instance == o.Instance &&
		r.RejectType == o.RejectType
}

// evalFilter is a filter made ready to be asked.
type evalFilter struct {
	name   string
	family Family
	path   []string // in the configuration
	terms  []*evalTerm
}

type evalTerm struct {
	name    string
	line    int
	call    string
	tests   []packetTest
	then    FilterAction
	did     []string           // the action, for the trace
	strange []unknownStatement // in then, or beside from and then
	match   FilterMatch        // what tests is made from
	exact   bool               // all conditions have semantics here
}

// packetTest is one condition. why says what the packet has there, or why nothing is known.
type packetTest struct {
	text string
	test func(p *Packet) Answer
	why  func(p *Packet) string
}

func (e *Evaluator) compileFilter(family Family, path []string, n *junos.Node) *evalFilter {
	f := &evalFilter{name: path[len(path)-1], family: family, path: path}
	for _, c := range n.Children {
		if w := c.Words(); isTerm(w) {
			f.terms = append(f.terms, e.compileTerm(family, w[1], c))
		}
	}
	return f
}

func (e *Evaluator) compileTerm(family Family, name string, n *junos.Node) *evalTerm {
	typed := &FilterTerm{Name: name}
	unknown := readStatements(n, typed.read)
	t := &evalTerm{name: name, line: int(n.Pos.Line), call: typed.Call, then: typed.Then, match: typed.From, exact: true}
	t.tests = e.packetTests(family, &typed.From)
	for _, u := range unknown {
		if u.words[0] != "from" || len(u.words) < 2 {
			t.strange = append(t.strange, u)
			continue
		}
		u.words = u.words[1:]
		t.tests = append(t.tests, unknownTest(words(u.words), orElse(u.reason, "this condition has no semantics here")))
	}
	for _, x := range t.tests {
		t.exact = t.exact && x.test != nil
	}
	for i := range t.tests {
		if t.tests[i].test == nil {
			t.tests[i].test = func(*Packet) Answer { return Unknown }
		}
	}
	w := &writer{}
	typed.Then.write(w)
	t.did = writtenLines(w)
	return t
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// Filter says what becomes of a packet in a filter: `firewall family FAMILY filter NAME`. The packet's family must be
// the filter's. The error is that there is no such filter.
func (e *Evaluator) Filter(family Family, name string, p *Packet) (FilterResult, error) {
	return e.FilterList(family, []string{name}, p)
}

// TraceFilter is Filter with the way of the packet, term by term.
func (e *Evaluator) TraceFilter(family Family, names []string, p *Packet) (FilterResult, error) {
	return e.filterList(family, names, p, true)
}

// FilterList says what becomes of a packet in filters as an interface's input-list names them: one after the other, with
// a discard behind the last.
func (e *Evaluator) FilterList(family Family, names []string, p *Packet) (FilterResult, error) {
	return e.filterList(family, names, p, false)
}

func (e *Evaluator) filterList(family Family, names []string, p *Packet, trace bool) (FilterResult, error) {
	list := make([]*evalFilter, len(names))
	for i, name := range names {
		list[i] = e.filters[object{kindFilter, family, name}]
		if list[i] == nil {
			return FilterResult{}, fmt.Errorf("evaluate filter: %s is not defined", object{kindFilter, family, name})
		}
	}
	if len(list) == 0 {
		return FilterResult{}, fmt.Errorf("evaluate filter: no filter is named")
	}
	if p.Family() != family || FamilyOf(p.Source) != family {
		return FilterResult{}, fmt.Errorf("evaluate filter: a packet from %s to %s is not of family %s", p.Source, p.Destination, family)
	}
	w := &ways[FilterResult]{}
	w.follow(func(first bool) FilterResult {
		r := filterRun{e: e, p: p, trace: trace && first, branches: &w.branches}
		r.runList(list)
		return r.result
	})
	return joinFilter(w), nil
}

// filterRun is one packet on its way.
type filterRun struct {
	e      *Evaluator
	p      *Packet
	trace  bool
	result FilterResult
	inside []*evalFilter // the filters that called each other

	branches *branches
}

// runList tries filters one after the other.
func (r *filterRun) runList(list []*evalFilter) {
	for _, f := range list {
		if r.run(f, 0) {
			return
		}
	}
	r.result.Verdict, r.result.Filter, r.result.Term = Discard, list[len(list)-1].name, ""
	r.step(Step{Object: r.result.Filter, Match: Yes, Did: []string{"discard (the implicit end of a filter)"}})
}

func (r *filterRun) step(s Step) *Step {
	if !r.trace {
		return nil
	}
	r.result.Steps = append(r.result.Steps, s)
	return &r.result.Steps[len(r.result.Steps)-1]
}

// run tries the terms of a filter; false: none of them ended the way.
func (r *filterRun) run(f *evalFilter, depth int) (ended bool) {
	r.inside = append(r.inside, f)
	defer func() { r.inside = r.inside[:len(r.inside)-1] }()
	for _, t := range f.terms {
		match, why, checks := r.matches(t)
		s := Step{Object: f.name, Term: t.name, Line: t.line, Depth: depth, Match: match, Checks: checks}
		switch {
		case match == No || match == Unknown && !r.branches.matches(undecided{f.name, t.name, t.line, whyUnknown(f, t, why)}):
			r.step(s)
		case len(t.strange) > 0:
			return r.giveUp(f, t, s, t.strange[0].String()+": no semantics here")
		case t.call != "":
			s.Did = []string{"filter " + t.call}
			r.step(s)
			if r.callFilter(f, t, depth) {
				return true
			}
		default:
			s.Did = t.did
			if r.act(f, t, s) {
				return true
			}
		}
	}
	return false
}

// callFilter runs a nested filter, which gives back what none of its terms ends.
func (r *filterRun) callFilter(f *evalFilter, t *evalTerm, depth int) (ended bool) {
	nested := r.e.filters[object{kindFilter, f.family, t.call}]
	s := Step{Object: f.name, Term: t.name, Line: t.line, Depth: depth, Match: Unknown}
	switch {
	case nested == nil:
		return r.giveUp(f, t, s, "filter "+t.call+" is not defined")
	case slices.Contains(r.inside, nested):
		return r.giveUp(f, t, s, "filter "+t.call+" calls itself")
	}
	return r.run(nested, depth+1)
}

func (r *filterRun) giveUp(f *evalFilter, t *evalTerm, s Step, why string) bool {
	s.Match = Unknown
	r.step(s)
	r.result.Filter, r.result.Term, r.result.Line = f.name, t.name, t.line
	r.result.Unknown = whyUnknown(f, t, why)
	return true
}

func whyUnknown(f *evalFilter, t *evalTerm, why string) string {
	return fmt.Sprintf("filter %s term %s: %s", f.name, t.name, why)
}

// act does what a term that matches says. Without a verdict it accepts; only `next term` goes on.
func (r *filterRun) act(f *evalFilter, t *evalTerm, s Step) (ended bool) {
	a := &t.then
	if a.Count != "" {
		r.result.Counts = append(r.result.Counts, a.Count)
	}
	switch {
	case a.Verdict == NextTerm:
		r.step(s)
		return false
	case a.Verdict == Reject, a.Verdict == Discard:
		r.result.Verdict, r.result.RejectType = a.Verdict, a.RejectType
	default:
		r.result.Verdict, r.result.Instance = Accept, a.RoutingInstance
		for _, x := range a.nextHops() {
			if x.value.IsValid() {
				r.result.NextIP = x.value.Addr()
			}
		}
		if a.Verdict == NoVerdict && !a.diverts() {
			s.Did = append(slices.Clone(s.Did), "accept (no verdict is accept)")
		}
	}
	r.step(s)
	r.result.Filter, r.result.Term, r.result.Line = f.name, t.name, t.line
	return true
}

// matches asks the conditions of a term. One that does not hold decides, whatever else is unknown.
func (r *filterRun) matches(t *evalTerm) (match Answer, why string, checks []Checked) {
	match = Yes
	for i := range t.tests {
		x := &t.tests[i]
		a := x.test(r.p)
		if r.trace {
			checks = append(checks, Checked{Condition: x.text, Holds: a, Why: x.why(r.p)})
		}
		switch a {
		case No:
			return No, "", checks
		case Unknown:
			if match == Yes {
				match, why = Unknown, x.text+": "+x.why(r.p)
			}
		}
	}
	return match, why, checks
}
