package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Checks are the rules by which a device is judged around a commit: it is looked at before, and again before the commit
// is confirmed (SAFETY.md 7).
type Checks struct {
	Settle              time.Duration // how long what got worse may take to recover; 0: the executor's default
	Hold                time.Duration // how long all must be good before the confirm
	BGPSessions         bool          // what was established must be so again
	PrefixDropPercent   uint8         // by how much the accepted prefixes of a session may fall; 0: the executor's default
	MinAcceptedPrefixes uint32        // sessions with fewer are not held to that; 0: the executor's default
	VIPNextHops         bool          // a VIP that had a next hop must have one
	Alarms              bool          // no alarm that was not there before
	Commands            []CommandCheck
}

// CommandCheck is a check of the operator's own: the output of a command, before and after. At least one condition is set.
type CommandCheck struct {
	Name    string
	Command string        // operational, without pipes
	Timeout time.Duration // 0: that of all

	Match     string // regular expression: a line must match after the commit; empty: no condition
	NoMatch   string // none may
	Unchanged bool   // the whole output must be the same,
	Ignore    string // but for what this regular expression matches
	Count     string // how many lines there must be: `>= 4`, `== before - 1`; empty: any number
	Lines     string // which lines are counted; empty: those that are not blank
}

// IgnoredWarning is something that a device says and that does not matter.
type IgnoredWarning struct {
	Match    string // regular expression
	Reason   string
	Phase    string // load, check, commit; empty: all
	Severity string // warning, error
	File     string // where the tree says it
	Line     int
}

// Freeze is a time in which nothing is to be changed. It is there once, From to To, or every week, on Days.
type Freeze struct {
	Task, Why string
	From, To  time.Time // zero for a weekly one

	Days       []time.Weekday
	Start, End time.Duration // since the midnight of a day, in UTC

	Query   string    // as written; empty: all devices
	Devices []*Device // that it concerns, sorted by name
	File    string    // where the tree says it
	Line    int
}

// Open says whether the window is open, and when it then ends.
func (f *Freeze) Open(now time.Time) (ends time.Time, open bool) {
	now = now.UTC()
	if len(f.Days) == 0 {
		return f.To, !now.Before(f.From) && now.Before(f.To)
	}
	midnight := now.Truncate(24 * time.Hour)
	begins, ends := midnight.Add(f.Start), midnight.Add(f.End)
	if !slices.Contains(f.Days, now.Weekday()) || now.Before(begins) || !now.Before(ends) {
		return time.Time{}, false
	}
	for f.Start == 0 && f.End == 24*time.Hour && slices.Contains(f.Days, ends.Weekday()) && ends.Sub(now) < 7*24*time.Hour {
		ends = ends.Add(24 * time.Hour) // whole days in a row are one window
	}
	return ends, true
}

// Over says whether the window is past and does not come again.
func (f *Freeze) Over(now time.Time) bool { return len(f.Days) == 0 && !now.Before(f.To) }

// HookPoint is a place in a run at which a hook is called.
type HookPoint string

// The points of a run.
const (
	HookStart    HookPoint = "start"
	HookConfirm  HookPoint = "confirm"
	HookRollback HookPoint = "rollback"
	HookEnd      HookPoint = "end"
)

// Hook is a program or a page that is told of every run and may object to it. It has a Command or a URL.
type Hook struct {
	Name     string
	At       []HookPoint // none: all
	Command  []string
	URL      string
	Token    Secret // zero: none
	Timeout  time.Duration
	Required bool
}

// CommitDefaults are what flags of changing commands are where they are not given. Zero values: the command's own.
type CommitDefaults struct {
	Confirm time.Duration
	Batch   string // 1,25%
	Retries *int
}

// makeChecks reads how commits to a device are judged.
func (l *loader) makeChecks(d *Device, v *node) {
	n := v.get("checks")
	yes := func(key string) bool { return n.get(key) == nil || n.get(key).isTrue() }
	d.Checks = Checks{
		Settle: one(l, n.get("settle"), parseDuration), Hold: one(l, n.get("hold"), parseDuration),
		BGPSessions: yes("bgp_sessions"), VIPNextHops: yes("vip_next_hops"), Alarms: yes("alarms"),
		PrefixDropPercent:   uint8(count(n.get("accepted_prefix_drop"))),
		MinAcceptedPrefixes: uint32(count(n.get("accepted_prefix_min"))),
	}
	commands := n.get("commands")
	for _, name := range commands.children() {
		d.Checks.Commands = append(d.Checks.Commands, l.commandCheck(d, name, commands.get(name)))
	}
	for _, e := range v.get("ignore_warnings").elements() {
		d.IgnoreWarnings = append(d.IgnoreWarnings, IgnoredWarning{
			Match: e.get("match").string(), Reason: e.get("reason").string(), Phase: e.get("phase").string(),
			Severity: cmp.Or(e.get("severity").string(), "warning"), File: e.pos.file, Line: e.pos.line,
		})
	}
}

func (l *loader) commandCheck(d *Device, name string, n *node) CommandCheck {
	c := CommandCheck{
		Name: name, Command: n.get("command").string(),
		Timeout: one(l, n.get("timeout"), parseDuration),
		Match:   n.get("match").string(), NoMatch: n.get("no_match").string(),
		Unchanged: n.get("unchanged").isTrue(), Ignore: n.get("ignore").string(),
		Count: n.get("count").string(), Lines: n.get("lines").string(),
	}
	if l.isBroken(l.files(d)...) {
		return c
	}
	const keys = "match, no_match, count or unchanged: true"
	switch {
	case c.Command == "":
		l.problems.add(n.key, "add command: show …", "checks.commands.%s: missing key `command`", name)
	case c.Match == "" && c.NoMatch == "" && c.Count == "" && !c.Unchanged:
		l.problems.add(n.key, "add "+keys, "checks.commands.%s: the output is held against nothing", name)
	case c.Ignore != "" && !c.Unchanged:
		l.problems.add(n.get("ignore").key, "add unchanged: true, or remove it", "checks.commands.%s: ignore is of unchanged", name)
	case c.Lines != "" && c.Count == "":
		l.problems.add(n.get("lines").key, "add count, or remove it", "checks.commands.%s: lines is of count", name)
	case slices.Contains([]string{"reachable", "bgp", "accepted-prefixes", "routes", "alarms"}, name):
		l.problems.add(n.key, "give it another name", "checks.commands.%s: this is the name of a check that is built in", name)
	}
	return c
}

// makeFreezes reads when nothing is to be changed. It needs the devices, for the queries.
func (l *loader) makeFreezes() {
	for _, n := range l.common.value().get("freeze").elements() {
		f := &Freeze{
			Task: n.get("task").string(), Why: n.get("why").string(), Query: n.get("devices").string(),
			File: n.pos.file, Line: n.pos.line, Devices: l.net.Devices,
		}
		if l.common.broken || !l.freezeTimes(f, n) {
			continue
		}
		if f.Query != "" && !l.anyBroken() {
			devices, err := l.net.Select(f.Query)
			if err != nil {
				l.problems.add(n.get("devices").pos, "", "%v", err)
				continue
			}
			f.Devices = devices
		}
		l.net.Freezes = append(l.net.Freezes, f)
	}
}

// freezeTimes reads when a window is open. It reports false where it said what is wrong.
func (l *loader) freezeTimes(f *Freeze, n *node) bool {
	from, to := n.get("from"), n.get("to")
	for _, d := range n.get("days").elements() {
		f.Days = append(f.Days, weekday(d.string()))
	}
	if len(f.Days) > 0 {
		f.End = 24 * time.Hour
		for _, t := range []struct {
			n  *node
			to *time.Duration
		}{{from, &f.Start}, {to, &f.End}} {
			if t.n == nil {
				continue
			}
			clock, err := parseClock(t.n.string())
			if err != nil {
				l.problems.add(t.n.pos, "a window with `days` has times of day", "%v", err)
				return false
			}
			*t.to = clock
		}
		if f.End <= f.Start {
			l.problems.add(cmp.Or(to, from).pos, "a window past midnight is two: one until 24:00, one from 00:00 of the days after",
				"the freeze ends at %s, which is not after %s, when it begins", clockText(f.End), clockText(f.Start))
			return false
		}
		return true
	}
	for _, t := range []struct {
		key string
		n   *node
		to  *time.Time
	}{{"from", from, &f.From}, {"to", to, &f.To}} {
		if t.n == nil {
			l.problems.add(n.key, "say when it is: from and to, or days", "the freeze has no `%s`", t.key)
			return false
		}
		moment, err := parseMoment(t.n.string())
		if err != nil {
			l.problems.add(t.n.pos, "a time of day is for a window with `days`", "%v", err)
			return false
		}
		*t.to = moment
	}
	if !f.To.After(f.From) {
		l.problems.add(to.pos, "", "the freeze ends at %s, which is not after %s, when it begins", to.raw, from.raw)
		return false
	}
	return true
}

// weekday reads the first three letters of a day.
func weekday(s string) time.Weekday {
	for d := time.Sunday; d < time.Saturday; d++ {
		if shortDay(d) == s {
			return d
		}
	}
	return time.Saturday // the schema has the names
}

func shortDay(d time.Weekday) string { return strings.ToLower(d.String()[:3]) }

func clockText(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// makeHooks reads who is told of changes.
func (l *loader) makeHooks() {
	hooks := l.common.value().get("hooks")
	for _, name := range hooks.children() {
		n := hooks.get(name)
		h := &Hook{
			Name: name, Command: texts(n.get("command")), URL: n.get("url").string(),
			Timeout: one(l, n.get("timeout"), parseDuration), Required: n.get("required").isTrue(),
		}
		for _, at := range n.get("at").elements() {
			h.At = append(h.At, HookPoint(at.string()))
		}
		l.net.Hooks = append(l.net.Hooks, h)
		if l.common.broken {
			continue
		}
		if (h.URL == "") == (len(h.Command) == 0) {
			l.problems.add(n.key, "a hook is a program or a page", "hooks.%s: expected one of `command` and `url`", name)
			continue
		}
		token := n.get("token")
		if token == nil {
			continue
		}
		h.Token = l.secretOf("hooks."+name+".token", token)
		switch u, err := parseURL(h.URL); {
		case h.URL == "":
			l.problems.add(token.key, "a program finds what it needs by itself", "hooks.%s: token is for a url", name)
		case err == nil && u.Scheme != "https" && !slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
			l.problems.add(n.get("url").pos, "write https://", "hooks.%s: a token is not sent without TLS", name)
		}
	}
}

// makeCommitDefaults reads what flags are by default.
func (l *loader) makeCommitDefaults() {
	n := l.common.value().get("commit")
	c := &l.net.Commit
	c.Batch = n.get("batch").string()
	if r := n.get("retries"); r != nil {
		retries := int(count(r))
		c.Retries = &retries
	}
	confirm := n.get("confirm")
	c.Confirm = one(l, confirm, parseDuration)
	if c.Confirm%time.Minute != 0 {
		l.problems.add(confirm.pos, "write 1m, 2m, …", "commit.confirm: %s is not a whole number of minutes, and Junos counts minutes", confirm.raw)
	}
}

// FrozenFor gives the windows that are open for any of the devices, in the order of the tree.
func (n *Network) FrozenFor(devices []*Device, now time.Time) []*Freeze {
	var out []*Freeze
	for _, f := range n.Freezes {
		if _, open := f.Open(now); open && slices.ContainsFunc(devices, func(d *Device) bool { return slices.Contains(f.Devices, d) }) {
			out = append(out, f)
		}
	}
	return out
}

// String says when the window is: `2026-12-18 00:00 UTC to 2027-01-04 00:00 UTC`, `fri 16:00 to 24:00 UTC`.
func (f *Freeze) String() string {
	if len(f.Days) == 0 {
		const layout = "2006-01-02 15:04 MST"
		return f.From.Format(layout) + " to " + f.To.Format(layout)
	}
	days := make([]string, len(f.Days))
	for i, d := range f.Days {
		days[i] = shortDay(d)
	}
	return fmt.Sprintf("%s %s to %s UTC", strings.Join(days, ", "), clockText(f.Start), clockText(f.End))
}
