package devices

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Finding is one thing that is not as it was, or that could not be looked at.
type Finding struct {
	Check   string `json:"check"`             // a Builtin, or the name of a declared check
	Subject string `json:"subject,omitempty"` // the session, the prefix
	Before  string `json:"before,omitempty"`
	After   string `json:"after,omitempty"`
	// Failed rolls the change back; a Finding that is not failed is for the person to know.
	Failed bool `json:"failed,omitempty"`
	// Why is what the rule says to it.
	Why string `json:"why,omitempty"`
}

// String says it in a line.
func (f Finding) String() string {
	s := f.Check
	if f.Subject != "" {
		s += " " + f.Subject
	}
	if f.Why != "" {
		s += ": " + f.Why
	}
	if f.Before != "" || f.After != "" {
		s += fmt.Sprintf(" (before: %s; after: %s)", orNothing(f.Before), orNothing(f.After))
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// Judge says what of the difference between two snapshots the rules do not allow, and what they let pass. It is a
// function of its arguments alone: same snapshots, same verdict.
//
// expected is what the change itself does to BGP sessions, see Expect; its zero value expects nothing.
func Judge(rules Rules, expected Expected, before, after Snapshot) []Finding {
	j := judge{rules: rules, expected: expected, before: before, after: after}
	j.lost()
	j.peers()
	j.routes()
	j.alarms()
	for _, c := range rules.Checks {
		j.declared(c)
	}
	return j.out
}

type judge struct {
	rules         Rules
	expected      Expected
	before, after Snapshot
	out           []Finding
}

func (j *judge) add(f Finding) { j.out = append(j.out, f) }

// lost: what answered before and does not now.
func (j *judge) lost() {
	subjects := make([]string, 0, len(j.after.Missing))
	for s := range j.after.Missing {
		if _, also := j.before.Missing[s]; !also {
			subjects = append(subjects, s)
		}
	}
	slices.Sort(subjects)
	for _, s := range subjects {
		j.add(Finding{
			Check: string(CheckReachable), Subject: s, Before: "answered", After: j.after.Missing[s], Failed: true,
			Why: "it cannot be asked any more",
		})
	}
}

// asked tells whether both snapshots know of a subject.
func (j *judge) asked(subject string) bool {
	_, b := j.before.Missing[subject]
	_, a := j.after.Missing[subject]
	return !b && !a
}

func (j *judge) peers() {
	if !j.asked(subjectPeers) {
		return
	}
	for _, p := range j.before.Peers {
		if p.State != established {
			continue
		}
		now, there := findPeer(j.after.Peers, p)
		if why, gone := j.expected.gone(p); gone {
			if !there || now.State != established {
				j.add(Finding{Check: string(CheckBGP), Subject: p.String(), Before: p.State, After: now.State, Why: "expected: " + why})
			}
			continue
		}
		if !there || now.State != established {
			if !j.rules.skips(CheckBGP) {
				j.add(Finding{Check: string(CheckBGP), Subject: p.String(), Before: p.State, After: now.State, Failed: true, Why: "the session is down"})
			}
			continue
		}
		j.accepted(p, now)
	}
}

// findPeer finds a session again. One that is down has no tables, and may not tell its instance.
func findPeer(peers []Peer, p Peer) (Peer, bool) {
	for _, q := range peers {
		if q.Address == p.Address && q.Instance == p.Instance {
			return q, true
		}
	}
	for _, q := range peers {
		if q.Address == p.Address && q.Instance == "" && len(q.Tables) == 0 {
			return q, true
		}
	}
	return Peer{}, false
}

func (j *judge) accepted(was, now Peer) {
	if j.rules.skips(CheckAccepted) {
		return
	}
	limit, least := j.rules.MaxDropPercent, j.rules.MinPrefixes
	if limit == 0 {
		limit = defaultDropPercent
	}
	if least == 0 {
		least = defaultMinPrefixes
	}
	for _, t := range was.Tables {
		after, _ := now.table(t.Name)
		if t.Accepted < least || (t.Accepted-after.Accepted)*100 <= t.Accepted*limit {
			continue
		}
		f := Finding{
			Check: string(CheckAccepted), Subject: was.String() + " " + t.Name,
			Before: fmt.Sprint(t.Accepted), After: fmt.Sprint(after.Accepted), Failed: true,
			Why: fmt.Sprintf("accepted prefixes fell by more than %d %%", limit),
		}
		if j.expected.families(was) {
			f.Failed, f.Why = false, "expected: the change touches the families of the session"
		}
		j.add(f)
	}
}

func (j *judge) routes() {
	if j.rules.skips(CheckRoutes) {
		return
	}
	for _, r := range j.before.Routes {
		if !j.asked(subjectRoute(r.Prefix)) {
			continue
		}
		f := Finding{Check: string(CheckRoutes), Subject: r.Prefix.String() + " in " + r.Table, Before: r.String(), Failed: true}
		i := slices.IndexFunc(j.after.Routes, func(o Route) bool { return o.Prefix == r.Prefix && o.Table == r.Table })
		switch {
		case i < 0:
			f.Why = "there is no route any more"
		case len(r.NextHops) > 0 && len(j.after.Routes[i].NextHops) == 0:
			f.Why, f.After = "there is no next hop any more", j.after.Routes[i].String()
		default:
			continue
		}
		j.add(f)
	}
}

func (j *judge) alarms() {
	if j.rules.skips(CheckAlarms) {
		return
	}
	for _, a := range j.after.Alarms {
		if !strings.EqualFold(a.Class, "major") || hasAlarm(j.before.Alarms, a) || a.subject != "" && !j.asked(a.subject) {
			continue
		}
		j.add(Finding{Check: string(CheckAlarms), Subject: a.Type, After: a.String(), Failed: true, Why: "a new major alarm"})
	}
}

// declared judges a declared check. A check whose regular expressions do not compile fails: Validate would have told.
func (j *judge) declared(c DeclaredCheck) {
	if !j.asked(c.Name) {
		return
	}
	before, after := j.before.Output[c.Name], j.after.Output[c.Name]
	fail := func(b, a, format string, args ...any) {
		j.add(Finding{Check: c.Name, Before: b, After: a, Failed: true, Why: fmt.Sprintf(format, args...)})
	}
	compile := func(expr string) *regexp.Regexp {
		re, err := regexp.Compile("(?m)" + expr)
		if err != nil {
			fail("", "", "%v", err)
		}
		return re
	}
	if re := compile(c.Match); c.Match != "" && re != nil && !re.MatchString(after) {
		fail(brief(before), brief(after), "`%s` does not show %q", c.Command, c.Match)
	}
	if re := compile(c.NoMatch); c.NoMatch != "" && re != nil && re.MatchString(after) {
		fail(matched(re, before), re.FindString(after), "`%s` shows %q", c.Command, c.NoMatch)
	}
	if re := compile(c.Ignore); c.Unchanged && re != nil {
		b, a := before, after
		if c.Ignore != "" {
			b, a = re.ReplaceAllString(b, ""), re.ReplaceAllString(a, "")
		}
		if b != a {
			b, a = firstDifference(b, a)
			fail(brief(b), brief(a), "`%s` is not what it was", c.Command)
		}
	}
	if re := compile(c.Lines); c.Count != nil && re != nil {
		b, a := countLines(re, c.Lines, before), countLines(re, c.Lines, after)
		if !c.Count.holds(b, a) {
			fail(fmt.Sprint(b), fmt.Sprint(a), "the number of lines in `%s` is not %s", c.Command, c.Count)
		}
	}
}

func matched(re *regexp.Regexp, text string) string {
	if re.MatchString(text) {
		return re.FindString(text)
	}
	return ""
}

func countLines(re *regexp.Regexp, expr, text string) int {
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if expr == "" && strings.TrimSpace(line) != "" || expr != "" && re.MatchString(line) {
			n++
		}
	}
	return n
}

// firstDifference gives the first lines in which two texts differ.
func firstDifference(b, a string) (string, string) {
	bl, al := strings.Split(b, "\n"), strings.Split(a, "\n")
	for i := range max(len(bl), len(al)) {
		x, y := "", ""
		if i < len(bl) {
			x = bl[i]
		}
		if i < len(al) {
			y = al[i]
		}
		if x != y {
			return x, y
		}
	}
	return b, a
}

// brief cuts an output to what fits into a sentence.
func brief(s string) string {
	const most = 120
	s = oneLine(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// timeout is how long after the commit a finding may stand.
func (r Rules) timeout(f Finding, settle time.Duration) time.Duration {
	for _, c := range r.Checks {
		if c.Name == f.Check && c.Timeout > 0 {
			return c.Timeout
		}
	}
	return settle
}

// CheckError says that a device was committed and is not as it has to be.
type CheckError struct {
	Device   string
	After    time.Duration // since the commit
	Findings []Finding     // those that failed
}

func (e *CheckError) Error() string {
	texts := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		texts[i] = f.String()
	}
	const most = 5
	if n := len(texts) - most; n > 0 {
		texts = append(texts[:most:most], fmt.Sprintf("and %d more", n))
	}
	return fmt.Sprintf("%s: checks failed %s after the commit: %s", e.Device, e.After.Round(time.Second), strings.Join(texts, "; "))
}

// Hint says what can be done.
func (e *CheckError) Hint() string {
	return "what is expected to change can be said in the rules of checks; a device that needs longer, by their settle time and a longer confirm window"
}
