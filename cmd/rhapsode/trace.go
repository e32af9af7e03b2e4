package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs/junos"
	"rhapsode/policies"
	"rhapsode/templates"
)

// traceOptions says which configuration is asked and how the answer is printed.
type traceOptions struct {
	config  string
	context string
	json    bool
	schema  schemaFlags
}

// newTrace is `rhapsode trace DEVICE FILTER PACKET` and `rhapsode trace DEVICE POLICY ROUTE`.
func newTrace(a *app) *cobra.Command {
	var o traceOptions
	cmd := &cobra.Command{
		Use:   "trace DEVICE FILTER PACKET | DEVICE POLICY ROUTE",
		Short: "follow a packet through a filter, or a route through a policy, term by term",
		Long: `Show the way of one packet through a firewall filter, or of one route through a policy-statement, in the configuration
that is rendered for a device: each term, which condition does not hold and why, what the term does, and the verdict.
Nothing is sent anywhere. --config asks any Junos configuration instead; DEVICE is then left out.

FILTER and POLICY are names, several joined by commas for an input-list or a chain, or the words of the configuration:
"firewall family inet filter NAME", "policy-options policy-statement NAME".

PACKET: a protocol, "from ADDRESS[:PORT] to ADDRESS[:PORT]" or "ADDRESS:PORT > ADDRESS:PORT", an ICMP type, TCP flags,
and KEY=VALUE: dscp, ttl (or hop-limit), length, fragment-offset, option, header (of IPv6, in their order), interface,
forwarding-class, loss-priority; more-fragments, dont-fragment. ROUTE: a prefix, then from ADDRESS, protocol, as-path,
med, local-preference, community, next-hop, origin, tag, preference, rib, instance, area, interface, route-type.

What the packet or route does not say, and what has no semantics here, is never guessed: where the verdict depends on it
it is unknown, with the reason, and the exit code is 1.`,
		Example: `  rhapsode trace cr1.ams border-in4 'icmp echo-request from 198.51.100.7 to 203.0.113.1'
  rhapsode trace cr1.ams border-in4 tcp '198.51.100.7:40000 > 203.0.113.1:443' syn
  rhapsode trace cr1.ams firewall family inet6 filter border-in6 icmp6 packet-too-big from 2001:db8::7 to 2001:db8:1::1 ttl=60
  rhapsode trace cr1.ams LVS_import '203.0.113.1/32 from 203.0.113.131 protocol bgp as-path 64510 med 100 community 64500:1'
  rhapsode trace --config running.conf transit_import,LAST '192.0.2.0/24 protocol bgp' --as 'bgp import' --json`,
		Args: cobra.MinimumNArgs(2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeTrace(args, o)
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.trace(args, o) },
	}
	cmd.Flags().StringVar(&o.config, "config", "", "ask this configuration `FILE` (- is standard input) instead of a device's")
	cmd.Flags().StringVar(&o.context, "as", "", "where policies are applied, such as 'bgp import': it tells the default behind the last (default: where the configuration applies them)")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	o.schema.add(cmd)
	return cmd
}

// traced is a configuration that can be asked.
type traced struct {
	device string // FQDN; empty with --config
	file   string // where its lines are
	*policies.Evaluator
}

func (a *app) trace(args []string, o traceOptions) error {
	var t *traced
	var err error
	if o.config != "" {
		t, err = a.traceFile(o)
	} else {
		t, err = a.traceDevice(args[0])
		args = args[1:]
	}
	if err != nil {
		return err
	}
	object, subject, err := t.object(strings.Fields(strings.Join(args, " ")))
	if err != nil {
		return err
	}
	if subject == "" {
		return cli.Hint(cli.Usagef("%s: a packet or a route is expected", object), "see `rhapsode trace --help`")
	}
	if object.policy {
		return a.tracePolicy(t, object, subject, o)
	}
	return a.traceFilter(t, object, subject, o)
}

func (a *app) traceFile(o traceOptions) (*traced, error) {
	text, err := a.readFile(o.config)
	if err != nil {
		return nil, err
	}
	tree, err := o.schema.parse(o.config, text)
	if err != nil {
		return nil, err
	}
	e, err := policies.NewEvaluator(tree)
	return &traced{file: o.config, Evaluator: e}, err
}

// traceDevice renders a device. The lines are those of what `rhapsode generate` writes.
func (a *app) traceDevice(query string) (*traced, error) {
	net, devices, err := a.selectDevices(query)
	if err != nil {
		return nil, err
	}
	if len(devices) != 1 {
		return nil, cli.Usagef("one device is expected; %q selects %s", query, someNames(devices))
	}
	rendered, err := renderAll(net, devices, templates.StandIn)
	if err != nil {
		return nil, err
	}
	file := devices[0].FQDN + ".conf"
	tree, err := junos.Parse(file, []byte(rendered[0].Text), nil)
	if err != nil {
		return nil, err
	}
	e, err := policies.NewEvaluator(tree)
	return &traced{device: devices[0].FQDN, file: file, Evaluator: e}, err
}

// tracedObject is the filters or policies that are asked.
type tracedObject struct {
	policy bool
	family policies.Family // of filters; empty: the packet's
	names  []string
}

func (o tracedObject) String() string {
	switch {
	case o.policy:
		return "policy-options policy-statement " + strings.Join(o.names, ", ")
	case o.family == "":
		return "filter " + strings.Join(o.names, ", ")
	}
	return "firewall family " + string(o.family) + " filter " + strings.Join(o.names, ", ")
}

// object splits what is asked from the packet or route.
func (t *traced) object(w []string) (o tracedObject, subject string, err error) {
	skip := func(words ...string) {
		for _, x := range words {
			if len(w) > 0 && w[0] == x {
				w = w[1:]
			}
		}
	}
	known := ""
	switch {
	case len(w) == 0:
	case w[0] == "policy-options" || w[0] == "policy-statement":
		known, o.policy = "policy-statement", true
		skip("policy-options", "policy-statement")
	case w[0] == "firewall" || w[0] == "family" || w[0] == "filter":
		known = "filter"
		skip("firewall")
		if o.family = policies.Inet; len(w) > 1 && w[0] == "family" {
			o.family, w = policies.Family(w[1]), w[2:]
		}
		skip("filter")
	}
	if len(w) == 0 {
		return o, "", cli.Hint(cli.Usagef("a filter or a policy is expected"), t.known(known))
	}
	o.names = strings.Split(w[0], ",")
	subject = strings.Join(w[1:], " ")
	if known == "" {
		if o.policy, err = t.isPolicy(o.names[0]); err != nil {
			return o, "", err
		}
	}
	return o, subject, t.exists(o)
}

// isPolicy tells what a bare name is.
func (t *traced) isPolicy(name string) (bool, error) {
	policy := slices.Contains(t.Policies(), name)
	filter := slices.Contains(t.Filters(policies.Inet), name) || slices.Contains(t.Filters(policies.Inet6), name)
	switch {
	case policy && filter:
		return false, cli.Hint(cli.Usagef("%s is a filter and a policy-statement", name), "say `firewall family FAMILY filter "+name+"` or `policy-options policy-statement "+name+"`")
	case !policy && !filter:
		return false, cli.Hint(cli.Usagef("%s has no filter and no policy-statement %s", t.file, name), t.known(""))
	}
	return policy, nil
}

// exists refuses names that are not there.
func (t *traced) exists(o tracedObject) error {
	what, known := "policy-statement", t.Policies()
	if !o.policy {
		what, known = "filter", t.Filters(policies.Inet)
		switch o.family {
		case policies.Inet:
		case policies.Inet6:
			known = t.Filters(policies.Inet6)
		case "":
			known = append(known, t.Filters(policies.Inet6)...)
		default:
			return cli.Usagef("only filters of the families inet and inet6 can be asked, not %s", o.family)
		}
	}
	for _, n := range o.names {
		if !slices.Contains(known, n) {
			return cli.Hint(cli.Usagef("%s has no %s %s", t.file, what, n), t.known(what))
		}
	}
	return nil
}

// known lists what can be asked.
func (t *traced) known(what string) string {
	var out []string
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		if list := t.Filters(f); len(list) > 0 && what != "policy-statement" {
			out = append(out, "filters of family "+string(f)+": "+strings.Join(list, ", "))
		}
	}
	if list := t.Policies(); len(list) > 0 && what != "filter" {
		out = append(out, "policy-statements: "+strings.Join(list, ", "))
	}
	if len(out) == 0 {
		return "it has no filters and no policy-statements"
	}
	return "there are " + strings.Join(out, "; ")
}

func (a *app) traceFilter(t *traced, o tracedObject, subject string, opts traceOptions) error {
	if opts.context != "" {
		return cli.Usagef("--as is for policies")
	}
	p, err := policies.ParsePacket(subject)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	if o.family == "" {
		o.family = p.Family()
		if err := t.exists(o); err != nil {
			return err
		}
	}
	r, err := t.TraceFilter(o.family, o.names, p)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	if opts.json {
		err = a.printJSON(map[string]any{
			"version": 1, "device": t.device, "file": t.file, "family": o.family, "filters": o.names, "packet": p.String(),
			"verdict": verdictWord(r.Verdict), "text": r.String(), "unknown": r.Unknown, "nextIP": r.NextIP, "instance": r.Instance,
			"rejectType": r.RejectType, "decidedBy": map[string]any{"filter": r.Filter, "term": r.Term, "line": r.Line},
			"counts": append([]string{}, r.Counts...), "mayCount": append([]string{}, r.MayCount...),
			"either": r.Either, "regardless": append([]string{}, r.Regardless...), "steps": r.Steps,
		})
	} else {
		a.traceHead(t, o.String(), "packet", p.String())
		a.printSteps(t, r.Steps)
		a.traceVerdict(t, r.String(), r.Filter, r.Term, r.Line)
		if len(r.Counts) > 0 {
			a.streams.Printf("counted by: %s\n", strings.Join(r.Counts, ", "))
		}
		if len(r.MayCount) > 0 {
			a.streams.Printf("perhaps counted by: %s\n", strings.Join(r.MayCount, ", "))
		}
		a.traceRegardless(r.Regardless)
	}
	return errors.Join(err, traceUnknown(r.Unknown))
}

func (a *app) tracePolicy(t *traced, o tracedObject, subject string, opts traceOptions) error {
	route, err := policies.ParseRoute(subject)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	c, err := t.context(o, opts.context)
	if err != nil {
		return err
	}
	r, err := t.TracePolicy(o.names, *route, c)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	if opts.json {
		err = a.printJSON(map[string]any{
			"version": 1, "device": t.device, "file": t.file, "policies": o.names, "as": c.String(), "route": route.String(),
			"verdict": verdictWord(r.Verdict), "text": r.String(), "unknown": r.Unknown, "default": r.Default,
			"decidedBy": map[string]any{"policy": r.Policy, "term": r.Term, "line": r.Line},
			"result":    r.Route.String(), "changes": append([]string{}, r.Changes...), "uncertain": append([]string{}, r.Uncertain...),
			"either": r.Either, "regardless": append([]string{}, r.Regardless...), "steps": r.Steps,
		})
	} else {
		a.traceHead(t, o.String(), "route", route.String())
		if c != (policies.PolicyContext{}) {
			a.streams.Printf("as: %s\n", c)
		}
		a.printSteps(t, r.Steps)
		a.traceVerdict(t, r.String(), r.Policy, r.Term, r.Line)
		for _, c := range r.Changes {
			a.streams.Printf("changed: %s\n", c)
		}
		for _, u := range r.Uncertain {
			a.streams.Printf("changed in a way that is not known: %s\n", u)
		}
		a.traceRegardless(r.Regardless)
	}
	return errors.Join(err, traceUnknown(r.Unknown))
}

// traceRegardless names the terms of which it is not known whether they match, and that change nothing.
func (a *app) traceRegardless(terms []string) {
	for _, t := range terms {
		a.streams.Printf("the same whether it matches or not: %s\n", t)
	}
}

// context is what --as says, else the one place where the configuration applies the last policy.
func (t *traced) context(o tracedObject, as string) (policies.PolicyContext, error) {
	if as != "" {
		protocol, direction, ok := strings.Cut(as, " ")
		if !ok || direction != "import" && direction != "export" {
			return policies.PolicyContext{}, cli.Usagef("--as %q: a protocol and a direction are expected, such as 'bgp import'", as)
		}
		return policies.PolicyContext{Protocol: protocol, Direction: direction}, nil
	}
	if uses := t.Uses(o.names[len(o.names)-1]); len(uses) == 1 {
		return uses[0], nil
	}
	return policies.PolicyContext{}, nil
}

// verdictWord is the verdict in JSON; unknown where there is none.
func verdictWord(v policies.Verdict) string {
	if v == policies.NoVerdict {
		return "unknown"
	}
	return v.String()
}

func traceUnknown(why string) error {
	if why == "" {
		return nil
	}
	return cli.WithCode(cli.Failed, fmt.Errorf("the verdict is not known: %s", why))
}

func (a *app) traceHead(t *traced, object, kind, subject string) {
	where := t.file
	if t.device != "" {
		where = t.device
	}
	a.streams.Printf("%s: %s\n%s: %s\n", where, object, kind, subject)
}

// stepMarks are how a term's answer is shown, of one width.
var stepMarks = map[policies.Answer]string{policies.No: "no ", policies.Yes: "yes", policies.Unknown: "?  "}

// printSteps shows the way: of a term that does not match only what decided, of one that does all conditions.
func (a *app) printSteps(t *traced, steps []policies.Step) {
	for _, s := range steps {
		indent := strings.Repeat("    ", s.Depth)
		name := s.Object
		if s.Term != "" {
			name += " term " + s.Term
		} else {
			name += ", behind its terms"
		}
		at := ""
		if s.Line > 0 {
			at = fmt.Sprintf(" (%s:%d)", t.file, s.Line)
		}
		a.streams.Printf("%s  %s%s%s\n", stepMarks[s.Match], indent, name, at)
		for _, c := range s.Checks {
			if s.Match == policies.Yes || c.Holds == s.Match {
				a.streams.Printf("       %s%s: %s (%s)\n", indent, c.Condition, c.Holds, c.Why)
			}
		}
		if len(s.Did) > 0 {
			a.streams.Printf("       %sthen %s\n", indent, strings.Join(s.Did, "; "))
		}
	}
}

func (a *app) traceVerdict(t *traced, verdict, object, term string, line int) {
	by := ""
	if line > 0 {
		by = fmt.Sprintf(", by %s term %s (%s:%d)", object, term, t.file, line)
		if term == "" {
			by = fmt.Sprintf(", by %s (%s:%d)", object, t.file, line)
		}
	}
	if strings.HasPrefix(verdict, "unknown") { // the reason names the term
		by = ""
	}
	a.streams.Printf("verdict: %s%s\n", verdict, by)
}

// completeTrace completes the device, then the filters and policies of its configuration.
func (a *app) completeTrace(args []string, o traceOptions) ([]cobra.Completion, cobra.ShellCompDirective) {
	var t *traced
	var err error
	switch {
	case o.config != "" && len(args) == 0:
		t, err = a.traceFile(o)
	case o.config == "" && len(args) == 0:
		return a.completeQuery(nil, args, "")
	case o.config == "" && len(args) == 1:
		t, err = a.traceDevice(args[0])
	}
	if t == nil || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		for _, name := range t.Filters(f) {
			out = append(out, cobra.CompletionWithDesc(name, "filter of family "+string(f)))
		}
	}
	for _, name := range t.Policies() {
		out = append(out, cobra.CompletionWithDesc(name, "policy-statement"))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
