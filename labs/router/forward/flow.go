package forward

import (
	"fmt"
	"slices"

	"rhapsode/policies"
)

// Flow is a flow route (RFC 8955), configured below `routing-options flow` or received, that was found valid. It is tried
// on packets that come in by any interface of the router, after the interface's own filters.
type Flow struct {
	Family policies.Family
	Name   string // of its counter, no two are the same: 203.0.113.10,*,proto=1,icmp-type=8
	// Match are alternatives, one of which must hold: the conditions on fragments of one flow route may be joined by or.
	Match []policies.FilterMatch
	// Then is Discard, NextIP or NextIP6, RoutingInstance, DSCP, Sample, or nothing: accept. With NextTerm the flow routes
	// that follow are tried, too; then there may be one Match only, or the others would do it again.
	Then policies.FilterAction
	// Limited drops what is above LimitBytesPerSec; 0 drops all.
	Limited          bool
	LimitBytesPerSec uint64
}

// flowFilter is the name under which `show firewall` has the counters of flow routes.
func flowFilter(f policies.Family) string { return "__flowspec_default_" + string(f) + "__" }

// flowBurstBytes is how much a rate limit lets through at once. RFC 8955 leaves it open; a few packets must fit.
const flowBurstBytes = 15000

// flows translates the flow routes of a family: a chain between those of interfaces and of the router.
func (c *compiler) flows(f policies.Family, list []Flow, except []string) {
	i := instance{family: f, filter: flowFilter(f)}
	chain := Chain{Family: f, Name: i.chain()}
	seen := map[string]bool{}
	for n := range list {
		x := &list[n]
		if x.Family != f {
			continue
		}
		if seen[x.Name] {
			c.refuse([]string{"routing-options", "flow"}, "route "+x.Name, "two flow routes of one name")
			continue
		}
		seen[x.Name] = true
		rules, err := c.flow(i, x)
		if err != nil {
			c.refuse([]string{"routing-options", "flow", "route", x.Name, err.below}, err.statement, "%s", err.message)
			continue
		}
		chain.Rules = append(chain.Rules, rules...)
	}
	if len(chain.Rules) == 0 {
		return
	}
	base := Chain{Family: f, Name: "flow input", Hook: HookInput, Priority: priorityFlow}
	for _, unit := range except {
		if d := c.device(unit); d != "" {
			base.Rules = append(base.Rules, Rule{inDevice(d), Verdict{Kind: Accept}})
		}
	}
	base.Rules = append(base.Rules, Rule{Verdict{Jump, chain.Name}})
	c.rules.Chains = append(c.rules.Chains, base, chain)
}

// flow gives the rules of a flow route.
func (c *compiler) flow(i instance, x *Flow) ([]Rule, *refusal) {
	then := x.Then
	switch {
	case then.Verdict == policies.NextTerm && len(x.Match) > 1:
		return nil, refuseThen("next-term", "beside several conditions on fragments this router can not go on")
	case x.LimitBytesPerSec > mostBitsPerSec/8:
		return nil, refuseThen("rate-limit", "this router polices 100g at most")
	case x.Limited && x.LimitBytesPerSec == 0:
		then = policies.FilterAction{Verdict: policies.Discard, Sample: then.Sample}
	}
	count := Rule{Count{c.counter(i, x.Name, false)}}
	act := c.logs(i, x.Name, &then)
	marks, err := c.marks(i.family, &then)
	if err != nil {
		return nil, err
	}
	end, err := ending(i.family, &then)
	if err != nil {
		return nil, err
	}
	act = slices.Concat(act, marks, end)
	if x.Limited && x.LimitBytesPerSec > 0 {
		key := fmt.Sprintf("%s policer %s %d", i.shown(), x.Name, x.LimitBytesPerSec)
		c.rules.Limits = append(c.rules.Limits, Limit{i.family, key, x.LimitBytesPerSec, flowBurstBytes})
		own := Chain{Family: i.family, Name: i.chain() + " route " + x.Name, Rules: []Rule{count, {Exceeds{key}, Verdict{Kind: Drop}}}}
		if len(act) > 0 {
			own.Rules = append(own.Rules, act)
		}
		c.rules.Chains = append(c.rules.Chains, own)
		count, act = nil, Rule{Verdict{Jump, own.Name}}
	}
	var out []Rule
	for n := range x.Match {
		match, err := c.termMatch(i.family, &x.Match[n])
		if err != nil {
			return nil, err
		}
		for _, way := range match {
			out = append(out, slices.Concat(way, count, act))
		}
	}
	return out, nil
}
