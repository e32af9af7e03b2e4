package policies

import (
	"fmt"
	"net/netip"

	"rhapsode/diffs/junos"
)

// Filter is a stateless firewall filter. Its terms are tried in order; a packet that no term ends is discarded, except
// in a filter that a term of another one calls: that gives it back to the caller.
type Filter struct {
	Name              string
	Family            Family // empty: directly below `firewall`, which is inet
	Comment           string
	Inactive          bool
	InterfaceSpecific bool // counters for each interface
	Terms             []*FilterTerm
}

// FilterTerm is one term of a filter. With Call set it may hold nothing else.
type FilterTerm struct {
	Name     string
	Comment  string
	Inactive bool
	Call     string // `filter NAME`: the nested filter; empty: none
	From     FilterMatch
	Then     FilterAction
}

// AddressMatch is one address condition. Within one statement the longest match decides, so that Except carves out.
type AddressMatch struct {
	Prefix netip.Prefix
	Except bool
}

// ListMatch is one prefix-list in a condition.
type ListMatch struct {
	Name   string
	Except bool
}

// Values are alternatives of one condition: names, numbers, or ranges such as 1024-65535 (names.go tells what they
// stand for). With Except the condition holds for all but them.
type Values struct {
	List   []string
	Except bool
}

// OneOf makes Values.
func OneOf(list ...string) Values { return Values{List: list} }

// FilterMatch is `from`: all conditions must hold, one value of each is enough. The zero value matches every packet.
type FilterMatch struct {
	SourceAddress, DestinationAddress, Address          []AddressMatch
	SourcePrefixList, DestinationPrefixList, PrefixList []ListMatch
	Interface                                           []string

	Protocol                              Values // inet
	NextHeader, PayloadProtocol           Values // inet6; next-header misses packets with extension headers
	ExtensionHeader                       Values // inet6
	ICMPType, ICMPCode                    Values
	SourcePort, DestinationPort, Port     Values
	DSCP, TrafficClass, TTL, HopLimit     Values
	PacketLength, FragmentOffset, Options Values
	ForwardingClass, LossPriority         Values

	// IsFragment is any fragment but the first, FirstFragment the first of several.
	IsFragment, FirstFragment, LastFragment bool
	TCPInitial, TCPEstablished              bool
	TCPFlags, FragmentFlags                 string // expressions: (syn & !ack)
}

// FilterAction is `then`. Count, Log and their like alone accept the packet; only NextTerm goes on.
type FilterAction struct {
	Count, Policer, ForwardingClass, LossPriority string
	DSCP, TrafficClass                            string
	Log, Syslog, Sample, PortMirror               bool

	// NextIP and NextIP6 send the packet to that host, a /32 or /128, whatever its destination. They end the term and
	// know no liveness: while the host can't be resolved the packet is dropped (SAFETY: it fails closed).
	NextIP, NextIP6 netip.Prefix
	RoutingInstance string // look the destination up in that instance; ends the term

	Verdict    Verdict
	RejectType string // what to answer with, only with Reject; empty: administratively-prohibited
}

// Ends tells whether a packet that matched leaves the filter by this action.
func (a *FilterAction) Ends() bool { return a.Verdict != NextTerm }

// diverts tells whether the action sends the packet somewhere itself, so that no verdict stands beside it.
func (a *FilterAction) diverts() bool {
	return a.NextIP.IsValid() || a.NextIP6.IsValid() || a.RoutingInstance != ""
}

// MatchesAll tells whether the conditions are empty.
func (m *FilterMatch) MatchesAll() bool {
	w := &writer{}
	m.write(w)
	return w.b.Len() == 0
}

type field[T any] struct {
	key   string
	value *T
}

func (m *FilterMatch) addressFields() []field[[]AddressMatch] {
	return []field[[]AddressMatch]{
		{"source-address", &m.SourceAddress},
		{"destination-address", &m.DestinationAddress},
		{"address", &m.Address},
	}
}

func (m *FilterMatch) listFields() []field[[]ListMatch] {
	return []field[[]ListMatch]{
		{"source-prefix-list", &m.SourcePrefixList},
		{"destination-prefix-list", &m.DestinationPrefixList},
		{"prefix-list", &m.PrefixList},
	}
}

func (m *FilterMatch) valueFields() []field[Values] {
	return []field[Values]{
		{"packet-length", &m.PacketLength},
		{"dscp", &m.DSCP},
		{"traffic-class", &m.TrafficClass},
		{"ip-options", &m.Options},
		{"extension-header", &m.ExtensionHeader},
		{"fragment-offset", &m.FragmentOffset},
		{"protocol", &m.Protocol},
		{"next-header", &m.NextHeader},
		{"payload-protocol", &m.PayloadProtocol},
		{"ttl", &m.TTL},
		{"hop-limit", &m.HopLimit},
		{"icmp-type", &m.ICMPType},
		{"icmp-code", &m.ICMPCode},
		{"source-port", &m.SourcePort},
		{"destination-port", &m.DestinationPort},
		{"port", &m.Port},
		{"forwarding-class", &m.ForwardingClass},
		{"loss-priority", &m.LossPriority},
	}
}

func (m *FilterMatch) flagFields() []field[bool] {
	return []field[bool]{
		{"is-fragment", &m.IsFragment},
		{"first-fragment", &m.FirstFragment},
		{"last-fragment", &m.LastFragment},
		{"tcp-initial", &m.TCPInitial},
		{"tcp-established", &m.TCPEstablished},
	}
}

func (m *FilterMatch) textFields() []field[string] {
	return []field[string]{
		{"tcp-flags", &m.TCPFlags},
		{"fragment-flags", &m.FragmentFlags},
	}
}

func (a *FilterAction) textFields() []field[string] {
	return []field[string]{
		{"policer", &a.Policer},
		{"count", &a.Count},
		{"loss-priority", &a.LossPriority},
		{"forwarding-class", &a.ForwardingClass},
		{"dscp", &a.DSCP},
		{"traffic-class", &a.TrafficClass},
		{"routing-instance", &a.RoutingInstance},
	}
}

func (a *FilterAction) flagFields() []field[bool] {
	return []field[bool]{
		{"log", &a.Log},
		{"syslog", &a.Syslog},
		{"sample", &a.Sample},
		{"port-mirror", &a.PortMirror},
	}
}

func (a *FilterAction) nextHops() []field[netip.Prefix] {
	return []field[netip.Prefix]{{"next-ip", &a.NextIP}, {"next-ip6", &a.NextIP6}}
}

func (f *Filter) name() string { return f.Name }

// Path gives firewall family FAMILY filter NAME.
func (f *Filter) Path() []string {
	if f.Family == "" {
		return []string{"firewall", "filter", f.Name}
	}
	return []string{"firewall", "family", string(f.Family), "filter", f.Name}
}

// Text gives the filter in curly form.
func (f *Filter) Text() string {
	w := &writer{}
	w.mark(f.Comment, f.Inactive)
	w.open("filter", f.Name)
	w.flag("interface-specific", f.InterfaceSpecific)
	for _, t := range f.Terms {
		w.mark(t.Comment, t.Inactive)
		w.open("term", t.Name)
		w.optional("filter", t.Call)
		w.block("from", t.From.write)
		w.block("then", t.Then.write)
		w.end()
	}
	w.end()
	return w.b.String()
}

func (m *FilterMatch) write(w *writer) {
	for _, x := range m.addressFields() {
		w.block(x.key, func(w *writer) {
			for _, a := range *x.value {
				writeExcept(w, a.Prefix.String(), a.Except)
			}
		})
	}
	for _, x := range m.listFields() {
		w.block(x.key, func(w *writer) {
			for _, l := range *x.value {
				writeExcept(w, l.Name, l.Except)
			}
		})
	}
	for _, x := range m.valueFields() {
		key := x.key
		if x.value.Except {
			key += "-except"
		}
		w.list(key, x.value.List)
	}
	for _, x := range m.flagFields() {
		w.flag(x.key, *x.value)
	}
	for _, x := range m.textFields() {
		w.optional(x.key, *x.value)
	}
	for _, x := range m.Interface {
		w.leaf("interface", x)
	}
}

func writeExcept(w *writer, what string, except bool) {
	if except {
		w.leaf(what, "except")
		return
	}
	w.leaf(what)
}

func (a *FilterAction) write(w *writer) {
	for _, x := range a.textFields() {
		w.optional(x.key, *x.value)
	}
	for _, x := range a.flagFields() {
		w.flag(x.key, *x.value)
	}
	for _, x := range a.nextHops() {
		if x.value.IsValid() {
			w.leaf(x.key, x.value.String())
		}
	}
	switch {
	case a.Verdict == NoVerdict:
	case a.Verdict == Reject && a.RejectType != "":
		w.leaf("reject", a.RejectType)
	case a.Verdict == NextTerm:
		w.leaf("next", "term")
	default:
		w.leaf(a.Verdict.String())
	}
}

// Validate reports what a router would refuse, and names and numbers that mean nothing.
func (f *Filter) Validate() error {
	if err := validateHead("filter", f.Name, f.Comment); err != nil {
		return err
	}
	if f.Family != "" && f.Family != Inet && f.Family != Inet6 {
		return fmt.Errorf("check filter %s: no family %q", f.Name, f.Family)
	}
	seen := map[string]bool{}
	for _, t := range f.Terms {
		if err := validateHead("term", t.Name, t.Comment); err != nil {
			return fmt.Errorf("check filter %s: %w", f.Name, err)
		}
		if seen[t.Name] {
			return fmt.Errorf("check filter %s: two terms %s", f.Name, t.Name)
		}
		seen[t.Name] = true
		if err := f.validateTerm(t); err != nil {
			return fmt.Errorf("check filter %s: term %s: %w", f.Name, t.Name, err)
		}
	}
	return nil
}

func (f *Filter) validateTerm(t *FilterTerm) error {
	inner := &writer{}
	t.Then.write(inner)
	switch {
	case t.Call != "" && (!t.From.MatchesAll() || inner.b.Len() > 0):
		return fmt.Errorf("it calls filter %s, so it may hold no from and no then", t.Call)
	case t.Then.diverts() && t.Then.Verdict != NoVerdict:
		return fmt.Errorf("%s stands beside an action that sends the packet elsewhere", t.Then.Verdict)
	case t.Then.Verdict == NextPolicy:
		return fmt.Errorf("a filter knows no next policy")
	case t.Then.RejectType != "" && t.Then.Verdict != Reject:
		return fmt.Errorf("a reject type without reject")
	case f.Family == Inet6 && t.Then.NextIP.IsValid() || f.Family != Inet6 && t.Then.NextIP6.IsValid():
		return fmt.Errorf("its next hop is of the other family")
	}
	if err := f.validateAddresses(t); err != nil {
		return err
	}
	for _, x := range t.From.valueFields() {
		if err := x.value.validate(x.key, f.Family); err != nil {
			return err
		}
	}
	return nil
}

func (f *Filter) validateAddresses(t *FilterTerm) error {
	want := Inet
	if f.Family == Inet6 {
		want = Inet6
	}
	for _, x := range t.From.addressFields() {
		for _, a := range *x.value {
			if !a.Prefix.IsValid() || FamilyOf(a.Prefix.Addr()) != want {
				return fmt.Errorf("%s %s is not of family %s", x.key, a.Prefix, want)
			}
		}
	}
	for _, x := range t.Then.nextHops() {
		if x.value.IsValid() && (FamilyOf(x.value.Addr()) != want || !x.value.IsSingleIP()) {
			return fmt.Errorf("%s %s is not one host of family %s", x.key, *x.value, want)
		}
	}
	return nil
}

// ToConfig gives the filter as a node.
func (f *Filter) ToConfig() (*junos.Node, error) { return toConfig(f) }
