package router

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sessionStates are the states of a BGP session.
var sessionStates = []string{"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"}

// preferences are those of the protocols that are most met.
func preferenceOf(protocol string) int {
	switch protocol {
	case "Direct", "Local":
		return 0
	case "Static":
		return 5
	case "OSPF":
		return 10
	case "IS-IS":
		return 15
	case "Aggregate":
		return 130
	case "BGP":
		return 170
	}
	return 100
}

// complete fills in what may be left out, and refuses what no router could say. The conditions are compiled into cond.
func (s *Operational) complete(cond map[string]*regexp.Regexp) error {
	for i := range s.BGP {
		if err := s.BGP[i].complete(); err != nil {
			return fmt.Errorf("bgp %d: %w", i, err)
		}
	}
	for i := range s.Routes {
		if err := s.Routes[i].complete(); err != nil {
			return fmt.Errorf("route %d: %w", i, err)
		}
	}
	for i := range s.Alarms {
		if err := s.Alarms[i].complete(); err != nil {
			return fmt.Errorf("alarm %d: %w", i, err)
		}
	}
	for i, x := range s.Interfaces {
		if x.Name == "" {
			return fmt.Errorf("interface %d has no name", i)
		}
	}
	for i, x := range s.Counters {
		if x.Filter == "" || x.Name == "" {
			return fmt.Errorf("counter %d needs a filter and a name", i)
		}
	}
	for i, x := range s.LLDP {
		if x.Local == "" || x.System == "" {
			return fmt.Errorf("lldp neighbor %d needs a local interface and a system", i)
		}
	}
	return s.conditions(cond)
}

func (s *Operational) conditions(cond map[string]*regexp.Regexp) error {
	var all []*Condition
	for i := range s.BGP {
		all = append(all, &s.BGP[i].Condition)
	}
	for i := range s.Routes {
		all = append(all, &s.Routes[i].Condition)
	}
	for i := range s.Interfaces {
		all = append(all, &s.Interfaces[i].Condition)
	}
	for i := range s.Alarms {
		all = append(all, &s.Alarms[i].Condition)
	}
	for i := range s.Counters {
		all = append(all, &s.Counters[i].Condition)
	}
	for i := range s.LLDP {
		all = append(all, &s.LLDP[i].Condition)
	}
	for i := range s.Engines {
		all = append(all, &s.Engines[i].Condition)
	}
	now := time.Now().UTC().Truncate(time.Second)
	for _, c := range all {
		if c.Since.IsZero() {
			c.Since = now
		}
		pattern := strings.TrimPrefix(c.When, "!")
		if c.When == "" || cond[pattern] != nil {
			continue
		}
		re, err := regexp.Compile("(?m)" + pattern)
		if err != nil {
			return fmt.Errorf("when: %w", err)
		}
		cond[pattern] = re
	}
	return nil
}

func (x *BGPPeer) complete() error {
	if !x.Peer.IsValid() {
		return errors.New("the address of a peer is needed")
	}
	i := slices.IndexFunc(sessionStates, func(s string) bool { return strings.EqualFold(s, x.State) })
	if i < 0 {
		return fmt.Errorf("state %q: expected one of %s", x.State, strings.Join(sessionStates, ", "))
	}
	x.State = sessionStates[i]
	for j := range x.RIBs {
		r := &x.RIBs[j]
		if r.Name == "" {
			r.Name = tableOf(x.Instance, x.Peer)
		}
		if r.Received < 0 || r.Accepted < 0 || r.Active < 0 || r.Advertised < 0 {
			return fmt.Errorf("table %s: a count below nothing", r.Name)
		}
	}
	return nil
}

// tableOf is the unicast table of an instance that an address is looked up in.
func tableOf(instance string, a netip.Addr) string {
	name := "inet.0"
	if a.Is6() && !a.Is4In6() {
		name = "inet6.0"
	}
	if instance != "" {
		name = instance + "." + name
	}
	return name
}

func (x *Route) complete() error {
	if !x.Prefix.IsValid() {
		return errors.New("a prefix is needed")
	}
	x.Prefix = x.Prefix.Masked()
	if x.Table == "" {
		x.Table = tableOf("", x.Prefix.Addr())
	}
	if x.Protocol == "" {
		return errors.New("a protocol is needed")
	}
	for _, name := range []string{"BGP", "Static", "Direct", "Local", "Aggregate", "OSPF", "IS-IS", "Access-internal"} {
		if strings.EqualFold(name, x.Protocol) {
			x.Protocol = name
		}
	}
	if x.Preference == 0 {
		x.Preference = preferenceOf(x.Protocol)
	}
	for _, h := range x.NextHops {
		if !h.To.IsValid() && h.Via == "" {
			return errors.New("a next hop needs an address or an interface")
		}
	}
	return nil
}

func (x *Alarm) complete() error {
	class := strings.ToLower(x.Class)
	if class != "major" && class != "minor" || x.Description == "" {
		return errors.New("an alarm needs a class, major or minor, and a description")
	}
	x.Class = strings.ToUpper(class[:1]) + class[1:]
	if x.Type == "" {
		x.Type = "Chassis"
	}
	return nil
}
