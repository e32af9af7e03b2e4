package forward

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/policies"
)

// RuleSet is what the filters of a configuration come to in the kernel: plain data, the same for the same configuration
// whatever machine it is on. The zero value filters nothing.
type RuleSet struct {
	Chains     []Chain
	Sets       []Set
	Counters   []Counter
	Limits     []Limit
	Diversions []Diversion
}

// Hook is where the kernel starts a chain; empty: a chain that only others call.
type Hook string

// The hooks.
const (
	HookInput   Hook = "prerouting" // what arrives, before it is routed
	HookForward Hook = "forward"    // what is passed on
	HookOutput  Hook = "output"     // what the router itself sends
)

// Chain is a list of rules, tried in order. A packet that none of them ends goes back to the caller, or is accepted by a
// chain with a hook.
type Chain struct {
	Family   policies.Family
	Name     string
	Hook     Hook
	Priority int32 // among the chains of a hook: the lowest is asked first
	Rules    []Rule
}

// Rule is a list of steps: tests, the first of which that fails ends the rule, and deeds.
type Rule []Step

// Step is a part of a rule: Compare, Member, Exceeds, Count, Log, Mark, CodePoint, Reject or Verdict. All are comparable.
type Step interface{ String() string }

// Base is what a field is read from.
type Base uint8

// The bases. A field that a packet does not have ends the rule, without effect.
const (
	Network         Base = iota // the IP header
	Transport                   // what stands behind IP and its extension headers, whatever that is
	Header                      // the extension header of IPv6 of that type
	HasHeader                   // 1 if the packet has the extension header, else 0
	PayloadProtocol             // the protocol behind IP and its extension headers
	HasOption                   // 1 if the packet has the IPv4 option, else 0
	InInterface                 // name of the device on which the packet came
	OutInterface                // name of the device to which it goes
	AddressType                 // 2: the destination is an address of this router, 3: a broadcast, 4: an anycast, 5: a multicast
	PacketMark                  // what Mark leaves on the packet
)

// Field is a place in a packet or what is known about it.
type Field struct {
	Base        Base
	Type        uint8 // of the extension header or the option
	Offset, Len uint8 // in bytes
}

func (f Field) String() string {
	switch f.Base {
	case Network:
		return fmt.Sprintf("ip[%d:%d]", f.Offset, f.Len)
	case Transport:
		return fmt.Sprintf("payload[%d:%d]", f.Offset, f.Len)
	case Header:
		return fmt.Sprintf("header %d[%d:%d]", f.Type, f.Offset, f.Len)
	case HasHeader:
		return fmt.Sprintf("has header %d", f.Type)
	case PayloadProtocol:
		return "protocol"
	case HasOption:
		return fmt.Sprintf("has option %d", f.Type)
	case InInterface:
		return "in"
	case OutInterface:
		return "out"
	case AddressType:
		return "destination type"
	}
	return "mark"
}

// Compare holds when the field, under the mask, lies in From to To, as bytes in the order of the network (AddressType and
// PacketMark: in the order of the machine, four bytes). Strings of bytes make it comparable.
type Compare struct {
	Field    Field
	Mask     string // empty: all bits
	From, To string
	Not      bool
}

// Member holds when the field, under the mask, is in a set.
type Member struct {
	Field Field
	Mask  string
	Set   string
	Not   bool
}

// Exceeds holds when the packet is over a limit.
type Exceeds struct{ Limit string }

// Count moves a counter, by its key.
type Count struct{ Key string }

// Log sends the beginning of the packet to who listens to a group of the kernel's packet log.
type Log struct {
	Prefix string
	Group  uint16
}

// Mark sets the bits of Mask in the packet's mark to those of Value.
type Mark struct{ Mask, Value uint32 }

// CodePoint sets the DSCP.
type CodePoint struct{ DSCP uint8 }

// Reject drops the packet and says so to the sender.
type Reject struct {
	Reset bool  // by a TCP reset, if it is TCP; else by nothing
	Code  uint8 // of an ICMP error: destination unreachable
}

// Verdict ends the rule: Accept, Drop, or Jump to a chain.
type Verdict struct {
	Kind  VerdictKind
	Chain string
}

// VerdictKind is what a verdict does.
type VerdictKind uint8

// The verdicts.
const (
	Accept VerdictKind = iota
	Drop
	Jump
)

func not(b bool) string {
	if b {
		return "not "
	}
	return ""
}

func masked(f Field, mask string) string {
	if mask == "" {
		return f.String()
	}
	return fmt.Sprintf("%s & %x", f, mask)
}

// String gives the step for people.
func (s Compare) String() string {
	if s.Field.Base == InInterface || s.Field.Base == OutInterface {
		return fmt.Sprintf("%s %s%s", s.Field, not(s.Not), strings.TrimRight(s.From, "\x00"))
	}
	if s.From == s.To {
		return fmt.Sprintf("%s %s%x", masked(s.Field, s.Mask), not(s.Not), s.From)
	}
	return fmt.Sprintf("%s %s%x-%x", masked(s.Field, s.Mask), not(s.Not), s.From, s.To)
}

// String gives the step for people.
func (s Member) String() string {
	return fmt.Sprintf("%s %sin %s", masked(s.Field, s.Mask), not(s.Not), s.Set)
}

// String gives the step for people.
func (s Exceeds) String() string { return "exceeds " + s.Limit }

// String gives the step for people.
func (s Count) String() string { return "count " + s.Key }

// String gives the step for people.
func (s Log) String() string { return fmt.Sprintf("log %d %q", s.Group, s.Prefix) }

// String gives the step for people.
func (s Mark) String() string { return fmt.Sprintf("mark %#x/%#x", s.Value, s.Mask) }

// String gives the step for people.
func (s CodePoint) String() string { return fmt.Sprintf("dscp %d", s.DSCP) }

// String gives the step for people.
func (s Reject) String() string {
	if s.Reset {
		return "reject reset"
	}
	return fmt.Sprintf("reject %d", s.Code)
}

// String gives the step for people.
func (s Verdict) String() string {
	switch s.Kind {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	}
	return "jump " + s.Chain
}

// Set holds ranges of values of one length, in ascending order, none touching the next. Its name is made from them, so
// that a set never changes: another content is another set.
type Set struct {
	Family policies.Family
	Name   string
	Ranges []Bytes
}

// Bytes is an inclusive range of strings of bytes of one length.
type Bytes struct{ From, To string }

// Counter is a counter as `show firewall` names it, and as the kernel does.
type Counter struct {
	Family  policies.Family
	Key     string // in the kernel
	Filter  string // or its instance: border-in4-xe-0/0/0.0-i, and xe-0/0/0.0-i for a list
	Name    string
	Policer bool // it counts what a policer found to be out of its bounds
}

// Limit is the state of a policer: what a filter, a term or an interface has of it. Its key holds its rates, so that
// another rate is another limit: the kernel changes none.
type Limit struct {
	Family      policies.Family
	Key         string
	BytesPerSec uint64
	BurstBytes  uint32
}

// Diversion is where packets with a mark are routed, whatever their destination.
type Diversion struct {
	Family   policies.Family
	Mark     uint16     // the low half of the packet's mark
	NextIP   netip.Addr // through this host, as the main table has it; invalid: Table says it
	Instance string     // the routing-instance
	Table    uint32     // the table of the kernel that is looked up. Of a next-ip it is the diversion's own
}

// String gives the rule set for people and golden files, in a fixed order.
func (r *RuleSet) String() string {
	var b strings.Builder
	for _, c := range r.Counters {
		fmt.Fprintf(&b, "%s counter %s\n", c.Family, c.Key)
	}
	for _, l := range r.Limits {
		fmt.Fprintf(&b, "%s limit %s: %d bytes/s, burst %d bytes\n", l.Family, l.Key, l.BytesPerSec, l.BurstBytes)
	}
	for _, s := range r.Sets {
		fmt.Fprintf(&b, "%s set %s:", s.Family, s.Name)
		for _, x := range s.Ranges {
			fmt.Fprintf(&b, " %x-%x", x.From, x.To)
		}
		b.WriteString("\n")
	}
	for _, d := range r.Diversions {
		fmt.Fprintf(&b, "%s mark %#x: table %d %s%s\n", d.Family, d.Mark, d.Table, d.Instance, orEmpty(d.NextIP))
	}
	for _, c := range r.Chains {
		fmt.Fprintf(&b, "%s chain %s", c.Family, c.Name)
		if c.Hook != "" {
			fmt.Fprintf(&b, " at %s %d", c.Hook, c.Priority)
		}
		b.WriteString("\n")
		for _, rule := range c.Rules {
			b.WriteString("   ")
			for i, s := range rule {
				if i > 0 {
					b.WriteString(",")
				}
				b.WriteString(" " + s.String())
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func orEmpty(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// sort gives a rule set its fixed order.
func (r *RuleSet) sort() {
	slices.SortFunc(r.Chains, func(a, b Chain) int { return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(r.Sets, func(a, b Set) int { return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(r.Counters, func(a, b Counter) int { return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Key, b.Key)) })
	slices.SortFunc(r.Limits, func(a, b Limit) int { return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Key, b.Key)) })
	slices.SortFunc(r.Diversions, func(a, b Diversion) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Mark, b.Mark))
	})
}
