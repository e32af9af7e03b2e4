package router

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"rhapsode/diffs/junos"
)

// State is what runs on a router, as far as anything does. The router asks it whenever a command wants to know; what is
// configured it knows by itself. A Feed is one that says what it was told; a forwarding plane is another.
type State interface {
	// Operational is the state of a router with that active configuration, at this moment. It may be called from any
	// goroutine, and what it returns is not changed afterwards.
	Operational(active *junos.Tree) Operational
}

// Operational is the state of a router. What is not in it is not there: no route, no alarm, a BGP session that is Idle, an
// interface without a link.
type Operational struct {
	BGP        []BGPPeer        `json:"bgp,omitempty"`
	Routes     []Route          `json:"routes,omitempty"`
	Interfaces []InterfaceState `json:"interfaces,omitempty"`
	Alarms     []Alarm          `json:"alarms,omitempty"`
	Counters   []Counter        `json:"counters,omitempty"`
	LLDP       []LLDPNeighbor   `json:"lldp,omitempty"`
	Engines    []EngineState    `json:"engines,omitempty"`
}

// Condition says when a part of a Feed is so. Of several with the same subject that hold, the last one counts.
type Condition struct {
	// When is a regular expression over the set lines of the active configuration, matched line by line; `!` before it
	// turns it round. Empty: always.
	When string `json:"when,omitempty"`
	// Absent takes the subject away: a route is withdrawn, an alarm cleared.
	Absent bool `json:"absent,omitempty"`
	// Since is from when on it is so, for ages; zero is when it was fed.
	Since time.Time `json:"since,omitzero"`
}

// BGPPeer is the state of a BGP session. It is shown while the active configuration has the neighbor.
type BGPPeer struct {
	Peer     netip.Addr `json:"peer"`
	Instance string     `json:"instance,omitempty"` // routing instance; empty is the main one
	// State is Idle, Connect, Active, OpenSent, OpenConfirm or Established.
	State string    `json:"state"`
	RIBs  []PeerRIB `json:"ribs,omitempty"`
	Flaps int       `json:"flaps,omitempty"`
	// LastError is what ended the session last.
	LastError string `json:"last_error,omitempty"`
	Condition
}

// PeerRIB counts the prefixes of a session in one table.
type PeerRIB struct {
	Name       string `json:"name"` // inet.0
	Received   int    `json:"received"`
	Accepted   int    `json:"accepted"`
	Active     int    `json:"active"`
	Advertised int    `json:"advertised,omitempty"`
}

// Route is one path to a prefix.
type Route struct {
	Table  string       `json:"table,omitempty"` // empty: inet.0 or inet6.0
	Prefix netip.Prefix `json:"prefix"`
	// Protocol is as `show route` writes it: BGP, Static, Direct, Local, OSPF, Aggregate, …
	Protocol   string    `json:"protocol"`
	Preference int       `json:"preference"` // 0 takes that of the protocol
	NextHops   []NextHop `json:"next_hops,omitempty"`
	// Kind is the next hop's where there is no address: Discard, Reject, Receive.
	Kind string `json:"kind,omitempty"`
	// LocalPreference, MED, ASPath and LearnedFrom are of BGP.
	LocalPreference int        `json:"local_preference,omitempty"`
	MED             int        `json:"med,omitempty"`
	ASPath          string     `json:"as_path,omitempty"`
	LearnedFrom     netip.Addr `json:"learned_from,omitzero"`
	// Inactive: not chosen, even if it is the best by preference.
	Inactive bool `json:"inactive,omitempty"`
	Condition
}

// NextHop is where a route leads.
type NextHop struct {
	To  netip.Addr `json:"to,omitzero"`
	Via string     `json:"via,omitempty"` // interface
}

// InterfaceState is the link of a physical or a logical interface. It is shown while the interface is configured.
type InterfaceState struct {
	Name string `json:"name"`
	Up   bool   `json:"up"`
	// Speed is as shown: 10Gbps.
	Speed string `json:"speed,omitempty"`
	Condition
}

// Alarm is an alarm that is on.
type Alarm struct {
	// Class is Major or Minor.
	Class       string `json:"class"`
	Description string `json:"description"`
	// Type is Chassis, which is the default, or anything else for an alarm of the system.
	Type string `json:"type,omitempty"`
	Condition
}

// Counter is a counter of a firewall filter. It is shown while the active configuration has it.
type Counter struct {
	Filter  string `json:"filter"`
	Name    string `json:"name"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Condition
}

// LLDPNeighbor is who is at the other end of a cable.
type LLDPNeighbor struct {
	Local   string `json:"local"` // interface
	Chassis string `json:"chassis"`
	Port    string `json:"port"`
	System  string `json:"system"`
	Condition
}

// EngineState overrides what a routing engine says of itself.
type EngineState struct {
	Slot int `json:"slot"`
	// Mastership is master, backup, present, disabled, …; empty leaves it.
	Mastership string `json:"mastership,omitempty"`
	// Status is OK, Testing, Failed, Absent; empty leaves it.
	Status string `json:"status,omitempty"`
	Condition
}

func (x BGPPeer) key() string { return x.Instance + " " + x.Peer.String() }
func (x Route) key() string {
	return x.Table + " " + x.Prefix.String() + " " + strings.ToLower(x.Protocol)
}
func (x InterfaceState) key() string     { return x.Name }
func (x Alarm) key() string              { return x.Type + " " + x.Description }
func (x Counter) key() string            { return x.Filter + " " + x.Name }
func (x LLDPNeighbor) key() string       { return x.Local }
func (x EngineState) key() string        { return fmt.Sprint(x.Slot) }
func (c Condition) condition() Condition { return c }

// fed is a part of a Feed.
type fed interface {
	key() string
	condition() Condition
}

// Feed is a State that says what it was told. The zero value knows nothing.
type Feed struct {
	mu    sync.Mutex
	state Operational
	cond  map[string]*regexp.Regexp // by Condition.When without its `!`
}

// Operational is what holds of what was fed.
func (f *Feed) Operational(active *junos.Tree) Operational {
	f.mu.Lock()
	defer f.mu.Unlock()
	set := sync.OnceValue(active.Set)
	s := f.state
	return Operational{
		BGP: holding(f, set, s.BGP), Routes: holding(f, set, s.Routes), Interfaces: holding(f, set, s.Interfaces),
		Alarms: holding(f, set, s.Alarms), Counters: holding(f, set, s.Counters), LLDP: holding(f, set, s.LLDP),
		Engines: holding(f, set, s.Engines),
	}
}

// holding keeps of a list what holds, one of each subject, in the order of their first mention.
func holding[T fed](f *Feed, set func() string, list []T) []T {
	var out []T
	at := map[string]int{}
	gone := map[string]bool{}
	for _, x := range list {
		c, key := x.condition(), x.key()
		if !f.holds(c.When, set) {
			continue
		}
		gone[key] = c.Absent
		if i, there := at[key]; there {
			out[i] = x
		} else {
			at[key] = len(out)
			out = append(out, x)
		}
	}
	return slices.DeleteFunc(out, func(x T) bool { return gone[x.key()] })
}

func (f *Feed) holds(when string, set func() string) bool {
	if when == "" {
		return true
	}
	pattern, not := strings.CutPrefix(when, "!")
	return f.cond[pattern].MatchString(set()) != not
}

// Load adds to what the feed says, or with replace puts it in its place: all of it, or nothing on an error.
func (f *Feed) Load(s Operational, replace bool) error {
	conditions := map[string]*regexp.Regexp{}
	if err := s.complete(conditions); err != nil {
		return fmt.Errorf("load state: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if replace || f.cond == nil {
		f.state, f.cond = Operational{}, map[string]*regexp.Regexp{}
	}
	for pattern, re := range conditions {
		f.cond[pattern] = re
	}
	t := &f.state
	t.BGP, t.Routes, t.Interfaces = added(t.BGP, s.BGP), added(t.Routes, s.Routes), added(t.Interfaces, s.Interfaces)
	t.Alarms, t.Counters, t.LLDP, t.Engines = added(t.Alarms, s.Alarms), added(t.Counters, s.Counters), added(t.LLDP, s.LLDP), added(t.Engines, s.Engines)
	return nil
}

// added is a list with more at its end; what says another thing of the same subject under the same condition goes.
func added[T fed](list, more []T) []T {
	out := slices.Clone(list)
	for _, x := range more {
		out = slices.DeleteFunc(out, func(y T) bool { return x.key() == y.key() && x.condition().When == y.condition().When })
		out = append(out, x)
	}
	return out
}

// Fed is all that was fed, whether it holds or not.
func (f *Feed) Fed() Operational {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.state
	return Operational{
		BGP: slices.Clone(s.BGP), Routes: slices.Clone(s.Routes), Interfaces: slices.Clone(s.Interfaces), Alarms: slices.Clone(s.Alarms),
		Counters: slices.Clone(s.Counters), LLDP: slices.Clone(s.LLDP), Engines: slices.Clone(s.Engines),
	}
}
