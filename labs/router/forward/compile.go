package forward

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
	"rhapsode/policies"
)

// Filters is what CompileFilters translates.
type Filters struct {
	// Config is the configuration that shall be in force.
	Config *junos.Tree
	// Device gives the Linux device of a logical interface (ge-0/0/0.0); empty: it has none, so that its filters have
	// nothing to do.
	Device func(unit string) string
	// Table gives the kernel's table of a routing-instance; false: there is no such instance. Nil: there are none.
	Table func(instance string) (uint32, bool)
	// Management are the devices of the management instance, mgmt_junos: filters of lo0.0 do not see what passes there, and
	// nothing is passed on from or to them.
	Management []string
	// Flows are the flow routes, in the order in which they are tried (RFC 8955, section 5.1), and FlowExcept the logical
	// interfaces that they leave alone (`interface-group N exclude`).
	Flows      []Flow
	FlowExcept []string
}

// Bits of a packet's mark. What is above them is free for others.
const (
	diversionMask = 0x0000ffff
	classMask     = 0x000f0000
	priorityMask  = 0x00300000
)

// Priorities of the chains: behind conntrack's (-200), before whatever else a namespace holds.
const (
	priorityInterface int32 = -150
	priorityFlow      int32 = -145
	priorityRouter    int32 = -140
)

// mostNested is how deep filters may call each other: the kernel follows 16 jumps, one to the interface, one to the
// filter, and one to a term.
const mostNested = 12

// LogGroup is the kernel's packet log (NFLOG) to which `log` and `syslog` go, SampleGroup that of `sample`.
const (
	LogGroup    uint16 = 100
	SampleGroup uint16 = 101
)

// CompileFilters translates the filters that are applied to the interfaces of a configuration. The error is CheckErrors:
// all statements for which a commit is refused, as Junos does, or because nftables can't say them.
func CompileFilters(in Filters) (*RuleSet, error) {
	active, err := policies.Active(in.Config)
	if err != nil {
		return nil, fmt.Errorf("translate filters: %w", err)
	}
	eval, err := policies.NewEvaluator(in.Config)
	if err != nil {
		return nil, fmt.Errorf("translate filters: %w", err)
	}
	c := &compiler{
		tree: active, eval: eval, device: in.Device, table: in.Table, management: in.Management, rules: &RuleSet{},
		filters: map[instance]*policies.Filter{}, sets: map[string]bool{}, chains: map[string]bool{},
		counters: map[string]bool{}, limits: map[string]bool{}, diversions: map[string]uint16{},
	}
	applied := c.findApplied()
	c.findDiversions(in.Flows)
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		c.family(f, applied)
		c.keepApart(f)
		c.flows(f, in.Flows, in.FlowExcept)
	}
	if len(c.found) > 0 {
		return nil, c.found
	}
	c.rules.sort()
	return c.rules, nil
}

// instance is a filter where it is applied: an interface-specific one, and one in a list, has counters of its own there.
type instance struct {
	family policies.Family
	filter string
	unit   string // ge-0/0/0.0-i; empty: one for all
	list   bool
}

// shown is the name of the filter that `show firewall` gives.
func (i instance) shown() string {
	switch {
	case i.list:
		return i.unit
	case i.unit != "":
		return i.filter + "-" + i.unit
	}
	return i.filter
}

func (i instance) counter(name string) string {
	if i.unit != "" {
		return name + "-" + i.unit
	}
	return name
}

func (i instance) chain() string {
	if i.unit != "" {
		return "filter " + i.filter + " " + i.unit
	}
	return "filter " + i.filter
}

type compiler struct {
	tree       *junos.Tree // what is active
	eval       *policies.Evaluator
	device     func(string) string
	table      func(string) (uint32, bool)
	management []string
	units      []string // all logical interfaces
	class      []string // names of forwarding classes, in their order

	rules      *RuleSet
	found      CheckErrors
	filters    map[instance]*policies.Filter // by family and name; nil: it was refused
	sets       map[string]bool
	chains     map[string]bool
	counters   map[string]bool
	limits     map[string]bool
	diversions map[string]uint16 // marks, by family and what they are for
	inside     []string
}

func (c *compiler) refuse(path []string, statement, format string, args ...any) {
	e := &CheckError{Path: path, Statement: statement, Message: fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(c.found, func(o *CheckError) bool { return o.Error() == e.Error() }) {
		c.found = append(c.found, e)
	}
}

// application is one filter statement of an interface.
type application struct {
	family  policies.Family
	unit    string
	path    []string
	key     string // input, input-list, output, output-list
	filters []string
}

func (a *application) input() bool { return strings.HasPrefix(a.key, "input") }
func (a *application) list() bool  { return strings.HasSuffix(a.key, "-list") }
func (a *application) router() bool {
	return strings.HasPrefix(a.unit, "lo0.")
}

// direction ends the name of an instance.
func (a *application) direction() string {
	if a.input() {
		return a.unit + "-i"
	}
	return a.unit + "-o"
}

// findApplied lists the logical interfaces and the filters on them.
func (c *compiler) findApplied() []*application {
	var out []*application
	interfaces := c.tree.Lookup("interfaces")
	if interfaces == nil {
		return nil
	}
	for _, i := range interfaces.Children {
		for _, u := range i.Children {
			if u.Name != "unit" || len(u.Values) == 0 || len(i.Values) == 0 {
				continue
			}
			unit := i.Values[0] + "." + u.Values[0]
			c.units = append(c.units, unit)
			for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
				path := []string{"interfaces", i.Values[0], "unit", u.Values[0], "family", string(f), "filter"}
				out = append(out, c.appliedAt(f, unit, path)...)
			}
		}
	}
	return out
}

func (c *compiler) appliedAt(f policies.Family, unit string, path []string) []*application {
	at := c.tree.Lookup(path...)
	if at == nil {
		return nil
	}
	var out []*application
	for _, n := range at.Children {
		a := &application{family: f, unit: unit, path: path, key: n.Name, filters: valuesOf(n)}
		switch n.Name {
		case "input", "output", "input-list", "output-list":
		case "group": // of the interface, for conditions that a term does not have here
			continue
		default:
			c.refuse(path, n.Name, "this router does not apply filters in this way")
			continue
		}
		if slices.ContainsFunc(out, func(o *application) bool { return o.input() == a.input() }) {
			c.refuse(path, n.Name, "a filter and a list of filters can not be applied together")
			continue
		}
		out = append(out, a)
	}
	return out
}

// valuesOf are the values of a statement, also where the only one stands in a nameless child (`input { NAME; }`).
func valuesOf(n *junos.Node) []string {
	values := n.Values
	for _, child := range n.Children {
		if child.Schema.Is(junos.Hidden) {
			values = append(slices.Clip(values), child.Values...)
		}
	}
	return values
}

// family translates the filters of one family: a chain for each hook, which sends a packet to the chain of its
// interface, which asks the interface's filters and discards what none of them ended.
func (c *compiler) family(f policies.Family, applied []*application) {
	base := map[string]*Chain{}
	add := func(name string, hook Hook, priority int32, rule Rule) {
		if base[name] == nil {
			base[name] = &Chain{Family: f, Name: name, Hook: hook, Priority: priority}
		}
		base[name].Rules = append(base[name].Rules, rule)
	}
	for _, a := range applied {
		if a.family != f {
			continue
		}
		name, device, ok := c.attach(a)
		if !ok {
			continue
		}
		jump := Verdict{Jump, name}
		switch {
		case a.router() && a.input(): // whatever is for an address of this router, or for all that listen, and not sent elsewhere
			notOwn := onDevice(InInterface, "lo").(Compare)
			notOwn.Not = true
			stays := Compare{Field: Field{Base: PacketMark, Len: 4}, Mask: native(diversionMask), From: native(0), To: native(0)}
			for _, kind := range []uint32{2, 3, 4, 5} {
				own := Compare{Field: Field{Base: AddressType, Len: 4}, From: native(kind), To: native(kind)}
				add("router input", HookInput, priorityRouter, append(append(Rule{notOwn}, c.apart(InInterface)...), stays, own, jump))
			}
		case a.router():
			add("router output", HookOutput, priorityInterface, append(c.apart(OutInterface), jump))
		case device == "":
		case a.input():
			add("interface input", HookInput, priorityInterface, Rule{inDevice(device), jump})
		default:
			add("interface output", HookForward, priorityInterface, Rule{outDevice(device), jump})
			add("interface output of the router", HookOutput, priorityRouter, Rule{outDevice(device), jump})
		}
	}
	for _, chain := range base {
		c.rules.Chains = append(c.rules.Chains, *chain)
	}
}

// apart are the tests that a packet is none of the management instance.
func (c *compiler) apart(base Base) Rule {
	var out Rule
	for _, device := range c.management {
		other := onDevice(base, device).(Compare)
		other.Not = true
		out = append(out, other)
	}
	return out
}

// keepApart stops what would be passed on between the management instance and the main one.
func (c *compiler) keepApart(f policies.Family) {
	if len(c.management) == 0 {
		return
	}
	chain := Chain{Family: f, Name: "management", Hook: HookForward, Priority: priorityInterface}
	for _, device := range c.management {
		chain.Rules = append(chain.Rules, Rule{inDevice(device), Verdict{Kind: Drop}}, Rule{outDevice(device), Verdict{Kind: Drop}})
	}
	c.rules.Chains = append(c.rules.Chains, chain)
}

// attach makes the chain of an interface and a direction; false: it has none, because of an error.
func (c *compiler) attach(a *application) (chain, device string, ok bool) {
	if !a.router() {
		device = c.device(a.unit)
	}
	x := Chain{Family: a.family, Name: a.direction()}
	ok = true
	for _, name := range a.filters {
		f := c.filter(a.family, name)
		if f == nil {
			if c.tree.Lookup("firewall", "family", string(a.family), "filter", name) == nil &&
				(a.family == policies.Inet6 || c.tree.Lookup("firewall", "filter", name) == nil) {
				c.refuse(a.path, a.key+" "+name, "Referenced filter '%s' is not defined", name)
			}
			ok = false
			continue
		}
		i := instance{family: a.family, filter: name, list: a.list()}
		if a.list() || f.InterfaceSpecific {
			i.unit = a.direction()
		}
		if c.compileFilter(i, f, !a.input() || a.router()) {
			x.Rules = append(x.Rules, Rule{Verdict{Jump, i.chain()}})
		} else {
			ok = false
		}
	}
	x.Rules = append(x.Rules, Rule{Verdict{Kind: Drop}})
	c.rules.Chains = append(c.rules.Chains, x)
	return x.Name, device, ok
}

// filter reads a filter once; nil: there is none, or what it holds is refused.
func (c *compiler) filter(f policies.Family, name string) *policies.Filter {
	key := instance{family: f, filter: name}
	if read, ok := c.filters[key]; ok {
		return read
	}
	c.filters[key] = nil
	n, family := c.tree.Lookup("firewall", "family", string(f), "filter", name), f
	if n == nil && f == policies.Inet {
		n, family = c.tree.Lookup("firewall", "filter", name), ""
	}
	if n == nil {
		return nil
	}
	read, err := policies.FilterFromConfig(family, n)
	if err == nil {
		err = read.Validate()
	}
	if unknown, ok := errors.AsType[*policies.UnknownError](err); ok {
		at := len(unknown.Path) - 1
		if i := slices.Index(unknown.Path, "from"); i > 0 && i < at {
			at = i + 1
		} else if i := slices.Index(unknown.Path, "then"); i > 0 && i < at {
			at = i + 1
		}
		c.refuse(unknown.Path[:at], strings.Join(unknown.Path[at:], " "), "%s", unknown.Reason)
		return nil
	} else if err != nil {
		c.refuse(c.tree.Path(n), "", "%v", err)
		return nil
	}
	c.filters[key] = read
	return read
}

// set gives the name of a set of ranges, and keeps it.
func (c *compiler) set(f policies.Family, in []Bytes) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d", len(in[0].From))
	for _, x := range in {
		h.Write([]byte(x.From + x.To))
	}
	name := fmt.Sprintf("s%x", h.Sum(nil)[:12])
	if !c.sets[string(f)+name] {
		c.sets[string(f)+name] = true
		c.rules.Sets = append(c.rules.Sets, Set{Family: f, Name: name, Ranges: in})
	}
	return name
}

// findDiversions gives each host and instance that packets are sent to a mark. It is made from the name, so that it
// stays the same while others come and go.
func (c *compiler) findDiversions(flows []Flow) {
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		var targets []string
		for _, name := range c.eval.Filters(f) {
			if read := c.filterQuietly(f, name); read != nil {
				for _, t := range read.Terms {
					if what := target(&t.Then); what != "" {
						targets = append(targets, what)
					}
				}
			}
		}
		for n := range flows {
			if what := target(&flows[n].Then); what != "" && flows[n].Family == f {
				targets = append(targets, what)
			}
		}
		slices.Sort(targets)
		taken := map[uint16]bool{0: true}
		for _, what := range slices.Compact(targets) {
			h := fnv.New32a()
			h.Write([]byte(what))
			mark := uint16(h.Sum32() ^ h.Sum32()>>16)
			for taken[mark] {
				mark++
			}
			taken[mark] = true
			c.diversions[string(f)+" "+what] = mark
		}
	}
}

// filterQuietly reads a filter, also one that is not applied, and says nothing of what is wrong with it.
func (c *compiler) filterQuietly(f policies.Family, name string) *policies.Filter {
	n := c.tree.Lookup("firewall", "family", string(f), "filter", name)
	if n == nil && f == policies.Inet {
		n = c.tree.Lookup("firewall", "filter", name)
	}
	if n == nil {
		return nil
	}
	read, err := policies.FilterFromConfig(f, n)
	if err != nil {
		return nil
	}
	return read
}

// target is where an action sends packets, as a word; empty: nowhere.
func target(a *policies.FilterAction) string {
	switch {
	case a.NextIP.IsValid():
		return a.NextIP.Addr().String()
	case a.NextIP6.IsValid():
		return a.NextIP6.Addr().String()
	case a.RoutingInstance != "":
		return "instance " + a.RoutingInstance
	}
	return ""
}

// nextIPTables is where the tables of next-ip begin: above the numbers that people and routing-instances use.
const nextIPTables = 0x10000

// divert gives the mark that sends packets where an action says.
func (c *compiler) divert(f policies.Family, a *policies.FilterAction) (uint16, *refusal) {
	what := target(a)
	mark := c.diversions[string(f)+" "+what]
	d := Diversion{Family: f, Mark: mark, Table: nextIPTables + uint32(mark)}
	if a.RoutingInstance != "" {
		ok := false
		if c.table != nil {
			d.Table, ok = c.table(a.RoutingInstance)
		}
		if !ok {
			return 0, refuseThen("routing-instance "+a.RoutingInstance, "Referenced routing-instance '%s' is not defined", a.RoutingInstance)
		}
		d.Instance = a.RoutingInstance
	} else {
		d.NextIP = cmp.Or(a.NextIP, a.NextIP6).Addr()
	}
	if !slices.Contains(c.rules.Diversions, d) {
		c.rules.Diversions = append(c.rules.Diversions, d)
	}
	return mark, nil
}
