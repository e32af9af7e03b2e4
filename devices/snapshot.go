package devices

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Snapshot is what a device says of itself at one time. It is pure data; two of them are judged by Judge. That there is
// one at all says that the device was reachable.
type Snapshot struct {
	Time   time.Time         `json:"time"`
	Peers  []Peer            `json:"peers,omitempty"`
	Routes []Route           `json:"routes,omitempty"` // to Rules.Routes
	Alarms []Alarm           `json:"alarms,omitempty"`
	Output map[string]string `json:"output,omitempty"` // of the declared checks, by name
	// Missing says what could not be asked, and what the device said to that.
	Missing map[string]string `json:"missing,omitempty"`
}

// Peer is a BGP session.
type Peer struct {
	Instance string      `json:"instance,omitempty"` // routing instance; "" is the main one, or not told
	Address  string      `json:"address"`
	State    string      `json:"state"` // Established, Active, Idle …
	Tables   []PeerTable `json:"tables,omitempty"`
}

// established is the state of a session that works (RFC 4271 section 8.2.2).
const established = "Established"

// String names the session.
func (p Peer) String() string {
	if p.Instance != "" {
		return p.Address + " in " + p.Instance
	}
	return p.Address
}

func (p Peer) table(name string) (PeerTable, bool) {
	for _, t := range p.Tables {
		if t.Name == name {
			return t, true
		}
	}
	return PeerTable{}, false
}

// PeerTable counts a session's prefixes in one table (inet.0, inet6.0), of one family that is.
type PeerTable struct {
	Name                       string `json:"name"`
	Active, Received, Accepted int
}

// Route is what a table has for a prefix: its active route.
type Route struct {
	Prefix   netip.Prefix `json:"prefix"`
	Table    string       `json:"table"`
	Protocol string       `json:"protocol"`
	// NextHops are addresses, or interfaces where there is no address; Kind is set in place of them: Discard, Reject.
	NextHops []string `json:"next_hops,omitempty"`
	Kind     string   `json:"kind,omitempty"`
}

// String says where it leads.
func (r Route) String() string {
	if len(r.NextHops) > 0 {
		return r.Protocol + " to " + strings.Join(r.NextHops, ", ")
	}
	if r.Kind != "" {
		return r.Protocol + " " + r.Kind
	}
	return r.Protocol + " without a next hop"
}

// Alarm is an alarm that is on.
type Alarm struct {
	Class       string `json:"class"` // Major, Minor
	Type        string `json:"type,omitempty"`
	Description string `json:"description"`
	subject     string // which question it answers
}

// same tells whether two alarms are one, whichever question it answers.
func (a Alarm) same(b Alarm) bool {
	return a.Class == b.Class && a.Type == b.Type && a.Description == b.Description
}

func hasAlarm(list []Alarm, a Alarm) bool { return slices.ContainsFunc(list, a.same) }

// String says it in a line.
func (a Alarm) String() string { return a.Class + " alarm: " + a.Description }

// What a snapshot asks for, in the words in which it is missed.
const (
	subjectPeers   = "BGP sessions"
	subjectChassis = "chassis alarms"
	subjectSystem  = "system alarms"
	subjectEngines = "routing engines"
)

func subjectRoute(p netip.Prefix) string { return "route to " + p.String() }

// TakeSnapshot asks a device how it is. What the device does not know or does not answer in a known form is Missing; an
// error is that of a session that is of no use any more.
func TakeSnapshot(ctx context.Context, dev Device, rules Rules) (Snapshot, error) {
	s := Snapshot{Time: time.Now().UTC(), Output: map[string]string{}, Missing: map[string]string{}}
	asker := asker{ctx: ctx, dev: dev, missing: s.Missing}
	if !rules.skips(CheckBGP) || !rules.skips(CheckAccepted) {
		asker.ask(subjectPeers, "show bgp summary | display xml", func(text string) (err error) {
			s.Peers, err = parsePeers(text)
			return err
		})
	}
	if !rules.skips(CheckRoutes) {
		for _, q := range rules.routeQuestions() {
			asker.askAll(q.subjects(), q.op, func(text string) error {
				routes, err := parseRoutes(text, q.prefixes...)
				s.Routes = append(s.Routes, routes...)
				return err
			})
		}
	}
	if !rules.skips(CheckAlarms) {
		for _, a := range []struct {
			subject string
			op      Op
		}{{subjectChassis, "show chassis alarms | display xml"}, {subjectSystem, "show system alarms | display xml"}} {
			asker.ask(a.subject, a.op, func(text string) error {
				alarms, err := parseAlarms(text)
				for _, alarm := range alarms { // some releases show one in both
					if alarm.subject = a.subject; !hasAlarm(s.Alarms, alarm) {
						s.Alarms = append(s.Alarms, alarm)
					}
				}
				return err
			})
		}
	}
	for _, c := range rules.Checks {
		asker.ask(c.Name, c.Command, func(text string) error {
			s.Output[c.Name] = text
			return nil
		})
	}
	return s, asker.err
}

// routeQuestion asks for the routes of some prefixes by one command.
type routeQuestion struct {
	op       Op
	prefixes []netip.Prefix
}

func (q routeQuestion) subjects() []string {
	out := make([]string, len(q.prefixes))
	for i, p := range q.prefixes {
		out[i] = subjectRoute(p)
	}
	return out
}

// routeQuestions are one for each area with several prefixes to look at, and one for each other prefix. Without `exact` Junos
// shows what lies within a prefix.
func (r Rules) routeQuestions() []routeQuestion {
	var out []routeQuestion
	rest := r.Routes
	for _, area := range r.Areas {
		var in, others []netip.Prefix
		for _, p := range rest {
			if area.Bits() <= p.Bits() && area.Contains(p.Addr()) {
				in = append(in, p)
			} else {
				others = append(others, p)
			}
		}
		if len(in) > 1 {
			out = append(out, routeQuestion{Op("show route " + area.Masked().String() + " | display xml"), in})
			rest = others
		}
	}
	for _, p := range rest {
		out = append(out, routeQuestion{Op("show route " + p.String() + " exact | display xml"), []netip.Prefix{p}})
	}
	return out
}

// asker asks one thing after the other, until the session is of no use.
type asker struct {
	ctx     context.Context
	dev     Device
	missing map[string]string
	err     error
}

// ask is askAll for one subject.
func (a *asker) ask(subject string, op Op, take func(string) error) {
	a.askAll([]string{subject}, op, take)
}

// askAll asks, and gives the answer to take. Where a device refuses the command, or answers in a form that take does not
// know, the subjects are missed.
func (a *asker) askAll(subjects []string, op Op, take func(string) error) {
	if a.err != nil {
		return
	}
	text, err := a.dev.Query(a.ctx, op)
	reason := ""
	if e, ok := errors.AsType[*RPCError](err); ok && !errors.Is(err, ErrSessionLost) {
		reason = e.Error()
	} else if err != nil {
		a.err = err
		return
	} else if err := take(text); err != nil {
		reason = fmt.Sprintf("%s: %v", op, err)
	}
	for _, s := range subjects {
		if reason != "" {
			a.missing[s] = reason
		}
	}
}

// missed says in one note for each reason what a snapshot lacks.
func (s Snapshot) missed() []string {
	var reasons []string
	by := map[string][]string{}
	for subject, reason := range s.Missing {
		if by[reason] == nil {
			reasons = append(reasons, reason)
		}
		by[reason] = append(by[reason], subject)
	}
	slices.Sort(reasons)
	var out []string
	for _, r := range reasons {
		slices.Sort(by[r])
		const most = 5
		if n := len(by[r]) - most; n > 0 { // there are sites with hundreds of service addresses
			by[r] = append(by[r][:most:most], fmt.Sprintf("and %d more", n))
		}
		out = append(out, fmt.Sprintf("not checked: %s (the device says: %s)", strings.Join(by[r], ", "), r))
	}
	return out
}
