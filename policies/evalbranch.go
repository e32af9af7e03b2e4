package policies

import (
	"net/netip"
	"slices"
	"strings"
)

// mostBranches is how many ways are followed where it is not known which terms match.
const mostBranches = 64

// branches are the ways of one packet or route: at each term of which it is not known whether it matches there are two.
// The first way has none of them match.
type branches struct {
	taken []bool // whether the term matches, in the order in which the way meets them
	at    []undecided
	met   int
}

// undecided is a term of which it is not known whether it matches.
type undecided struct {
	object, term string
	line         int
	why          string // with the names of object and term
}

// matches tells whether this way has the term match.
func (b *branches) matches(u undecided) bool {
	if b.met == len(b.taken) {
		b.taken = append(b.taken, false)
		b.at = append(b.at, u)
	}
	b.met++
	return b.taken[b.met-1]
}

// next goes to the next way; false: there is none.
func (b *branches) next() bool {
	n := b.met
	for n > 0 && b.taken[n-1] {
		n--
	}
	if n == 0 {
		return false
	}
	b.taken, b.at, b.met = b.taken[:n], b.at[:n], 0
	b.taken[n-1] = true
	return true
}

// Either is where it is not known whether a term matches, and both ways come to different ends.
type Either struct {
	IfMatch []string `json:"ifMatch"` // how it may end if the term matches
	IfNot   []string `json:"ifNot"`
	All     bool     `json:"all"` // all ways were followed; false: there are too many
}

func (e *Either) add(match bool, end string) {
	at := &e.IfNot
	if match {
		at = &e.IfMatch
	}
	if !slices.Contains(*at, end) {
		*at = append(*at, end)
	}
}

// String gives `accept if it matches, discard if not`.
func (e *Either) String() string {
	if !e.All {
		return "too many terms are like that to follow all ways"
	}
	return strings.Join(e.IfMatch, " or ") + " if it matches, " + strings.Join(e.IfNot, " or ") + " if not"
}

// ways collects what follows from each way.
type ways[T any] struct {
	branches
	results []T
	start   undecided // the first undecided term, which is the same on all ways
	first   []bool    // whether it matches
	open    []string
	all     bool
}

// follow calls run for each way.
func (w *ways[T]) follow(run func(first bool) T) {
	for more := true; more && len(w.results) < mostBranches; {
		w.results = append(w.results, run(len(w.results) == 0))
		w.first = append(w.first, len(w.taken) > 0 && w.taken[0])
		if len(w.at) > 0 {
			w.start = w.at[0]
		}
		for _, u := range w.at {
			if !slices.Contains(w.open, u.why) {
				w.open = append(w.open, u.why)
			}
		}
		more = w.next()
		w.all = !more
	}
}

// either says how the ways end.
func (w *ways[T]) either(end func(*T) string) *Either {
	e := &Either{All: w.all}
	for i := range w.results {
		e.add(w.first[i], end(&w.results[i]))
	}
	return e
}

func orUnknown(unknown, text string) string {
	if unknown != "" {
		return "unknown"
	}
	return text
}

// joinFilter makes one result of those of all ways.
func joinFilter(w *ways[FilterResult]) FilterResult {
	out := w.results[0]
	if len(w.results) == 1 {
		return out
	}
	start := w.start
	same := w.all
	for i := range w.results {
		r := &w.results[i]
		same = same && r.sameEnd(&out)
		for _, c := range r.Counts {
			if !slices.Contains(out.Counts, c) && !slices.Contains(out.MayCount, c) {
				out.MayCount = append(out.MayCount, c)
			}
		}
	}
	out.Counts = slices.DeleteFunc(slices.Clone(out.Counts), func(c string) bool {
		for i := range w.results {
			if !slices.Contains(w.results[i].Counts, c) {
				out.MayCount = append(out.MayCount, c)
				return true
			}
		}
		return false
	})
	if same {
		out.Regardless = w.open
		return out
	}
	return FilterResult{
		Unknown: start.why, Either: w.either(func(r *FilterResult) string { return orUnknown(r.Unknown, r.String()) }),
		Filter: start.object, Term: start.term, Line: start.line, Counts: out.Counts, MayCount: out.MayCount, Steps: out.Steps,
	}
}

// joinPolicy makes one result of those of all ways.
func joinPolicy(w *ways[PolicyResult], before *Route) PolicyResult {
	out := w.results[0]
	if len(w.results) == 1 {
		return out
	}
	start := w.start
	same := w.all
	for i := range w.results {
		r := &w.results[i]
		same = same && out.Unknown == "" && r.Unknown == "" && r.Verdict == out.Verdict
		if r.Default != out.Default {
			out.Default = ""
		}
		for _, u := range slices.Concat(r.Uncertain, out.Route.keepCommon(&r.Route)) {
			if !slices.Contains(out.Uncertain, u) {
				out.Uncertain = append(out.Uncertain, u)
			}
		}
	}
	out.Changes = slices.DeleteFunc(routeChanges(before, &out.Route), func(c string) bool {
		return slices.ContainsFunc(out.Uncertain, func(u string) bool { return strings.HasPrefix(c, u+" ") })
	})
	if same {
		out.Regardless = w.open
		return out
	}
	out.Either = w.either(func(r *PolicyResult) string { return orUnknown(r.Unknown, r.Verdict.String()) })
	out.Verdict, out.Default, out.Unknown = NoVerdict, "", start.why
	out.Policy, out.Term, out.Line = start.object, start.term, start.line
	return out
}

// keepCommon takes away from a route what another has not, and names the attributes.
func (r *Route) keepCommon(o *Route) (differ []string) {
	a, b := r.numbers(), o.numbers()
	for i := range a {
		if *a[i].value != *b[i].value {
			*a[i].value = Maybe{}
			differ = append(differ, a[i].key)
		}
	}
	if r.Origin != o.Origin {
		r.Origin, differ = "", append(differ, "origin")
	}
	if !slices.Equal(r.ASPath, o.ASPath) {
		r.ASPath, differ = nil, append(differ, "as-path")
	}
	if r.NextHop != o.NextHop || r.NextHopAction != o.NextHopAction {
		r.NextHop, r.NextHopAction, differ = netip.Addr{}, "", append(differ, "next-hop")
	}
	if r.External != o.External {
		r.External, differ = "", append(differ, "external type")
	}
	if !holdsAll(r.Communities, o.Communities) || !holdsAll(o.Communities, r.Communities) {
		r.Communities = slices.DeleteFunc(slices.Clone(r.Communities), func(c string) bool { return !slices.Contains(o.Communities, c) })
		differ = append(differ, "community")
	}
	return differ
}
