package forward

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"rhapsode/policies"
)

// compileFilter makes the chain of a filter; false: something in it was refused. late tells that the packets are not
// routed any more after it, so that a filter can't send them elsewhere.
func (c *compiler) compileFilter(i instance, f *policies.Filter, late bool) bool {
	switch {
	case slices.Contains(c.inside, i.filter):
		c.refuse(c.filterPath(i), "", "filter %s calls itself", i.filter)
		return false
	case len(c.inside) > mostNested:
		c.refuse(c.filterPath(i), "", "filters call each other more than %d deep", mostNested)
		return false
	}
	key := string(i.family) + " " + i.chain()
	if late {
		if t := c.diverts(i.family, f, nil); t != "" {
			c.refuse(append(c.filterPath(i), "term", t, "then"), "", "an output filter, and one of lo0, can not send a packet elsewhere")
			return false
		}
	}
	if ok, done := c.chains[key]; done {
		return ok
	}
	c.inside = append(c.inside, i.filter)
	defer func() { c.inside = c.inside[:len(c.inside)-1] }()
	chain := Chain{Family: i.family, Name: i.chain()}
	ok := true
	for _, t := range f.Terms {
		if t.Inactive {
			continue
		}
		rules, err := c.term(i, f, t, late)
		if err != nil {
			path := append(c.filterPath(i), "term", t.Name)
			if err.below != "" {
				path = append(path, err.below)
			}
			c.refuse(path, err.statement, "%s", err.message)
			ok = false
			continue
		}
		chain.Rules = append(chain.Rules, rules...)
	}
	c.chains[key] = ok
	c.rules.Chains = append(c.rules.Chains, chain)
	return ok
}

// diverts names a term, of the filter or one that it calls, that sends packets elsewhere; empty: there is none.
func (c *compiler) diverts(f policies.Family, x *policies.Filter, seen []string) string {
	for _, t := range x.Terms {
		if t.Inactive {
			continue
		}
		if target(&t.Then) != "" {
			return t.Name
		}
		if nested := c.filter(f, t.Call); t.Call != "" && nested != nil && !slices.Contains(seen, t.Call) {
			if c.diverts(f, nested, append(slices.Clip(seen), t.Call)) != "" {
				return t.Name
			}
		}
	}
	return ""
}

func (c *compiler) filterPath(i instance) []string {
	if f := c.filters[instance{family: i.family, filter: i.filter}]; f != nil {
		return f.Path()
	}
	return []string{"firewall", "family", string(i.family), "filter", i.filter}
}

// term gives the rules of a term.
func (c *compiler) term(i instance, f *policies.Filter, t *policies.FilterTerm, late bool) ([]Rule, *refusal) {
	if t.Call != "" {
		nested := c.filter(i.family, t.Call)
		if nested == nil {
			return nil, &refusal{"", "filter " + t.Call, "Referenced filter '" + t.Call + "' is not defined or not valid"}
		}
		n := i
		n.filter = t.Call
		if !c.compileFilter(n, nested, late) {
			return nil, &refusal{"", "filter " + t.Call, "filter " + t.Call + " is not valid"}
		}
		return []Rule{{Verdict{Jump, n.chain()}}}, nil
	}
	match, err := c.termMatch(i.family, &t.From)
	if err != nil {
		return nil, err
	}
	act, err := c.action(i, f, t)
	if err != nil {
		return nil, err
	}
	if len(act) == 0 { // `next term` alone
		return nil, nil
	}
	rules := make([]Rule, len(match))
	for n, way := range match {
		rules[n] = slices.Concat(way, act)
	}
	return rules, nil
}

// action gives the steps that do what a term says, with a chain of their own if one of them is a test: then the term
// must not be asked again for what follows it.
func (c *compiler) action(i instance, f *policies.Filter, t *policies.FilterTerm) (Rule, *refusal) {
	a := &t.Then
	var before, after Rule
	if a.Count != "" {
		before = append(before, Count{c.counter(i, a.Count, false)})
	}
	after = c.logs(i, t.Name, a)
	marks, err := c.marks(i.family, a)
	if err != nil {
		return nil, err
	}
	after = append(after, marks...)
	end, err := ending(i.family, a)
	if err != nil {
		return nil, err
	}
	after = append(after, end...)
	if a.Policer == "" {
		return append(before, after...), nil
	}
	over, err := c.policer(i, t)
	if err != nil {
		return nil, err
	}
	chain := Chain{Family: i.family, Name: i.chain() + " term " + t.Name}
	for _, r := range []Rule{before, over, after} {
		if len(r) > 0 {
			chain.Rules = append(chain.Rules, r)
		}
	}
	c.rules.Chains = append(c.rules.Chains, chain)
	return Rule{Verdict{Jump, chain.Name}}, nil
}

func (c *compiler) logs(i instance, term string, a *policies.FilterAction) Rule {
	var out Rule
	prefix := i.shown() + " " + term
	if len(prefix) > 120 { // the kernel takes 127
		prefix = prefix[:120]
	}
	if a.Log || a.Syslog {
		out = append(out, Log{prefix, LogGroup})
	}
	if a.Sample {
		out = append(out, Log{prefix, SampleGroup})
	}
	return out
}

// marks is what a term leaves on the packet and in it.
func (c *compiler) marks(f policies.Family, a *policies.FilterAction) (Rule, *refusal) {
	var out Rule
	var mask, value uint32
	if a.PortMirror {
		return nil, refuseThen("port-mirror", "this router mirrors no packets")
	}
	if a.ForwardingClass != "" {
		n, ok := c.classBits(a.ForwardingClass)
		if !ok {
			return nil, refuseThen("forwarding-class "+a.ForwardingClass, "more than 16 forwarding classes")
		}
		mask, value = mask|classMask, value|n
	}
	if a.LossPriority != "" {
		n, ok := priorityBits(a.LossPriority)
		if !ok {
			return nil, refuseThen("loss-priority "+a.LossPriority, "no loss priority %s", a.LossPriority)
		}
		mask, value = mask|priorityMask, value|n
	}
	for _, x := range []struct{ key, value string }{{"dscp", a.DSCP}, {"traffic-class", a.TrafficClass}} {
		if x.value == "" {
			continue
		}
		list, _, err := policies.OneOf(x.value).Numbers(x.key, f)
		switch {
		case err != nil:
			return nil, refuseThen(x.key+" "+x.value, "%v", err)
		case list[0].Lo != list[0].Hi:
			return nil, refuseThen(x.key+" "+x.value, "a range can not be set")
		case a.Verdict == policies.NextTerm:
			return nil, refuseThen(x.key+" "+x.value, "beside 'next term' this router can not set it: the terms that follow would see it")
		}
		out = append(out, CodePoint{uint8(list[0].Lo)})
	}
	if target(a) != "" {
		mark, err := c.divert(f, a)
		if err != nil {
			return nil, err
		}
		mask, value = mask|diversionMask, value|uint32(mark)
	}
	if mask != 0 {
		out = append(out, Mark{mask, value})
	}
	return out, nil
}

// classBits gives the bits of a forwarding class: those of Junos first, then whatever names a configuration uses, in the
// order in which they are met.
func (c *compiler) classBits(name string) (uint32, bool) {
	if c.class == nil {
		c.class = []string{"best-effort", "expedited-forwarding", "assured-forwarding", "network-control"}
	}
	n := slices.Index(c.class, name)
	if n < 0 {
		n = len(c.class)
		c.class = append(c.class, name)
	}
	return uint32(n) << 16, n < 16
}

func priorityBits(name string) (uint32, bool) {
	n := slices.Index([]string{"low", "medium-low", "medium-high", "high"}, name)
	return uint32(n) << 20, n >= 0
}

// ending is the verdict of a term. Without one it accepts; only `next term` goes on.
func ending(f policies.Family, a *policies.FilterAction) (Rule, *refusal) {
	switch a.Verdict {
	case policies.NextTerm:
		return nil, nil
	case policies.Discard:
		return Rule{Verdict{Kind: Drop}}, nil
	case policies.Reject:
		code, ok := rejectCode(f, a.RejectType)
		if !ok {
			return nil, refuseThen("reject "+a.RejectType, "no message type %s in family %s", a.RejectType, f)
		}
		return Rule{Reject{Reset: a.RejectType == "tcp-reset", Code: code}}, nil
	}
	return Rule{Verdict{Kind: Accept}}, nil
}

// rejectCode gives the code of the ICMP error: destination unreachable (RFC 792, RFC 1122, RFC 1812; RFC 4443). Which
// of the names the vendor takes in family inet6 is by analogy.
func rejectCode(f policies.Family, name string) (uint8, bool) {
	if name == "tcp-reset" {
		return 0, true
	}
	codes := map[string]uint8{
		"": 13, "administratively-prohibited": 13, "network-unreachable": 0, "host-unreachable": 1, "protocol-unreachable": 2,
		"port-unreachable": 3, "fragmentation-needed": 4, "source-route-failed": 5, "network-unknown": 6, "host-unknown": 7,
		"source-host-isolated": 8, "network-prohibited": 9, "host-prohibited": 10, "bad-network-tos": 11, "bad-host-tos": 12,
		"precedence-violation": 14, "precedence-cutoff": 15,
	}
	if f == policies.Inet6 {
		codes = map[string]uint8{
			"": 1, "administratively-prohibited": 1, "no-route": 0, "network-unreachable": 0, "beyond-scope": 2,
			"address-unreachable": 3, "host-unreachable": 3, "port-unreachable": 4,
		}
	}
	code, ok := codes[name]
	return code, ok
}

// counter keeps a counter and gives its key.
func (c *compiler) counter(i instance, name string, policer bool) string {
	x := Counter{Family: i.family, Filter: i.shown(), Name: i.counter(name), Policer: policer}
	x.Key = x.Filter + " counter " + x.Name
	if policer {
		x.Key = x.Filter + " policer " + x.Name
	}
	if !c.counters[string(i.family)+x.Key] {
		c.counters[string(i.family)+x.Key] = true
		c.rules.Counters = append(c.rules.Counters, x)
	}
	return x.Key
}

// policer gives what is done with a packet that is out of a policer's bounds.
func (c *compiler) policer(i instance, t *policies.FilterTerm) (Rule, *refusal) {
	name := t.Then.Policer
	p, err := c.readPolicer(name)
	if err != nil {
		return nil, err
	}
	shown := name + "-" + t.Name // a policer is each term's own, but for one that is the filter's
	if p.perFilter {
		shown = name
	}
	key := fmt.Sprintf("%s policer %s %d %d", i.shown(), i.counter(shown), p.bitsPerSec, p.burstBytes)
	if !c.limits[string(i.family)+key] {
		c.limits[string(i.family)+key] = true
		c.rules.Limits = append(c.rules.Limits, Limit{i.family, key, p.bitsPerSec / 8, p.burstBytes})
	}
	out := Rule{Exceeds{key}, Count{c.counter(i, shown, true)}}
	then, err := c.marks(i.family, &policies.FilterAction{ForwardingClass: p.class, LossPriority: p.priority})
	if err != nil {
		return nil, err
	}
	out = append(out, then...)
	if p.discard {
		out = append(out, Verdict{Kind: Drop})
	}
	return out, nil
}

// mostBitsPerSec is the highest rate: the kernel reckons in nanoseconds, with 64 bits.
const mostBitsPerSec = 100e9

type policer struct {
	bitsPerSec      uint64
	burstBytes      uint32
	discard         bool
	class, priority string
	perFilter       bool
}

func (c *compiler) readPolicer(name string) (*policer, *refusal) {
	n := c.tree.Lookup("firewall", "policer", name)
	if n == nil {
		return nil, refuseThen("policer "+name, "Referenced policer '%s' is not defined", name)
	}
	p := &policer{}
	for _, s := range statements(n.Children, nil) {
		words := strings.Join(s, " ")
		last := s[len(s)-1]
		ok := true
		switch {
		case strings.HasPrefix(words, "if-exceeding bandwidth-limit "):
			p.bitsPerSec, ok = quantity(last)
		case strings.HasPrefix(words, "if-exceeding burst-size-limit "):
			var b uint64
			b, ok = quantity(last)
			p.burstBytes = uint32(min(b, 1<<31))
		case words == "then discard":
			p.discard = true
		case strings.HasPrefix(words, "then loss-priority "):
			p.priority = last
		case strings.HasPrefix(words, "then forwarding-class "):
			p.class = last
		case words == "filter-specific":
			p.perFilter = true
		default:
			ok = false
		}
		if !ok {
			c.refuse(append([]string{"firewall", "policer", name}, s[:len(s)-1]...), last, "this router has no such policer")
			return nil, refuseThen("policer "+name, "policer %s is not valid", name)
		}
	}
	switch {
	case p.bitsPerSec < 8 || p.burstBytes == 0:
		return nil, refuseThen("policer "+name, "policer %s has no bandwidth-limit or no burst-size-limit", name)
	case p.bitsPerSec > mostBitsPerSec:
		return nil, refuseThen("policer "+name, "this router polices 100g at most")
	}
	return p, nil
}

// quantity reads 32k, 10m, 1g.
func quantity(s string) (uint64, bool) {
	factor := uint64(1)
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k':
			factor = 1e3
		case 'm':
			factor = 1e6
		case 'g':
			factor = 1e9
		}
		if factor > 1 {
			s = s[:n-1]
		}
	}
	v, err := strconv.ParseUint(s, 10, 53)
	return v * factor, err == nil && v < 1<<33
}
