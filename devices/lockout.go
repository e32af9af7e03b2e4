package devices

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// Access is the way in which a session reaches its device, as far as it is known; what is not is zero.
type Access struct {
	Local  netip.AddrPort // the device's end
	Remote netip.AddrPort // ours, as the device sees it; not known through a jump host
	User   string
}

// Accessor is a Device that knows its way in. The lock-out guard looks at what it tells.
type Accessor interface {
	Access() Access
}

// accessOf asks a device, below whatever is wrapped around it.
func accessOf(dev Device) Access {
	for dev != nil {
		if a, ok := dev.(Accessor); ok {
			return a.Access()
		}
		u, ok := dev.(interface{ Unwrap() Device })
		if !ok {
			return Access{}
		}
		dev = u.Unwrap()
	}
	return Access{}
}

// Risk is a way in which a change could lock us out.
type Risk struct {
	// Refuse says that the change takes away something that we come in by. Without it the change touches what decides
	// over that (a filter in front of the routing engine, a class), and a person should look.
	Refuse bool
	Text   string
}

// String says it in a line.
func (r Risk) String() string {
	if r.Refuse {
		return "could lock us out: " + r.Text
	}
	return "look at it, for it decides who gets in: " + r.Text
}

// Risks says how the change from one configuration to another could lock us out of a device. Groups are followed. Filters
// are not evaluated here: that one in front of the routing engine changes is a risk to look at and never a refusal.
func Risks(before, after *junos.Tree, access Access) []Risk {
	g := guard{before: inherited(before).Root, after: inherited(after).Root, access: access}
	g.services()
	g.user()
	g.address()
	g.route()
	g.filters()
	return g.risks
}

// LockoutError says that a plan could lock us out.
type LockoutError struct {
	Device string
	Risks  []Risk
}

func (e *LockoutError) Error() string {
	texts := make([]string, len(e.Risks))
	for i, r := range e.Risks {
		texts[i] = r.Text
	}
	return fmt.Sprintf("%s: the change could lock us out: %s", e.Device, strings.Join(texts, "; "))
}

// Hint says how to go on.
func (e *LockoutError) Hint() string {
	return "nothing was committed; if it is meant, repeat with --force, with the device's console at hand"
}

// refusals gives those of the risks that refuse.
func refusals(risks []Risk) []Risk {
	return slices.DeleteFunc(slices.Clone(risks), func(r Risk) bool { return !r.Refuse })
}

// guard looks for risks.
type guard struct {
	before, after *junos.Node
	access        Access
	risks         []Risk
}

func (g *guard) refuse(format string, args ...any) {
	g.risks = append(g.risks, Risk{Refuse: true, Text: fmt.Sprintf(format, args...)})
}

func (g *guard) look(format string, args ...any) {
	g.risks = append(g.risks, Risk{Text: fmt.Sprintf(format, args...)})
}

// text is all that is active below nodes.
func text(nodes []*junos.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		junos.Walk(n, func(words []string, c *junos.Node) bool {
			if !c.Inactive {
				fmt.Fprintf(&b, "%q %q\n", words, c.Values) //nolint:errcheck // a builder takes every write
			}
			return !c.Inactive
		})
	}
	return b.String()
}

// values are those of the nodes at a path.
func values(n *junos.Node, names ...string) []string {
	var out []string
	for _, c := range active(n, names...) {
		out = append(out, c.Values...)
	}
	return out
}

// entry gives the active entry of a list.
func entry(n *junos.Node, key string, names ...string) *junos.Node {
	for _, c := range active(n, names...) {
		if len(c.Values) > 0 && c.Values[0] == key {
			return c
		}
	}
	return nil
}

func (g *guard) services() {
	for _, s := range [][]string{{"ssh"}, {"netconf", "ssh"}} {
		path := append([]string{"system", "services"}, s...)
		name := strings.Join(path, " ")
		was, is := active(g.before, path...), active(g.after, path...)
		switch {
		case len(was) == 0:
		case len(is) == 0:
			g.refuse("%s is removed or deactivated", name)
		case !slices.Equal(values(g.before, append(path, "port")...), values(g.after, append(path, "port")...)):
			g.refuse("the port of %s changes", name)
		}
	}
}

// user guards the account that we log in as. One that the configuration does not have is known to a server elsewhere, or
// is root.
func (g *guard) user() {
	if text(active(g.before, "system", "authentication-order")) != text(active(g.after, "system", "authentication-order")) {
		g.look("system authentication-order changes")
	}
	name := g.access.User
	if name == "" {
		return
	}
	if name == "root" {
		g.credentials("root", active(g.before, "system", "root-authentication"), active(g.after, "system", "root-authentication"))
		return
	}
	was, is := entry(g.before, name, "system", "login", "user"), entry(g.after, name, "system", "login", "user")
	switch {
	case was == nil:
		if template := entry(g.before, "remote", "system", "login", "user"); template != nil && entry(g.after, "remote", "system", "login", "user") == nil {
			g.refuse("the account remote, under which user %s comes in, is removed or deactivated", name)
		}
		return
	case is == nil:
		g.refuse("our own user %s is removed or deactivated", name)
		return
	}
	before, after := values(was, "class"), values(is, "class")
	if !slices.Equal(before, after) {
		g.refuse("the class of our own user %s changes from %s to %s", name, strings.Join(before, " "), orNothing(strings.Join(after, " ")))
	} else if len(before) > 0 {
		class := func(root *junos.Node) string {
			if n := entry(root, before[0], "system", "login", "class"); n != nil {
				return text([]*junos.Node{n})
			}
			return ""
		}
		if class(g.before) != class(g.after) {
			g.look("the class %s of our own user %s changes", before[0], name)
		}
	}
	g.credentials("our own user "+name, active(was, "authentication"), active(is, "authentication"))
}

// credentials compares ways to prove who we are. Which of them we use is not known: any that goes is a risk, but for a
// password beside keys that stay.
func (g *guard) credentials(who string, before, after []*junos.Node) {
	ways := func(nodes []*junos.Node) []string {
		var out []string
		for _, n := range nodes {
			for _, c := range n.Children {
				if !c.Inactive {
					out = append(out, fmt.Sprintf("%s %q", c.Name, c.Values))
				}
			}
		}
		return out
	}
	stays := ways(after)
	keys, lost := 0, 0
	password := false
	for _, way := range ways(before) {
		is := slices.Contains(stays, way)
		switch key := strings.HasPrefix(way, "ssh-"); {
		case key && is:
			keys++
		case key:
			keys++
			lost++
		case !is:
			password = true
		}
	}
	switch {
	case lost > 0:
		g.refuse("%d of the %d keys of %s are removed", lost, keys, who)
	case password && keys == 0:
		g.refuse("the password of %s changes or is removed", who)
	case password:
		g.look("the password of %s changes or is removed", who)
	}
}

// place is where an address is configured.
type place struct {
	device, unit *junos.Node
	prefix       netip.Prefix
}

func (p place) String() string {
	return p.device.Values[0] + "." + p.unit.Values[0]
}

// places gives every active address of every interface.
func places(root *junos.Node) []place {
	var out []place
	for _, device := range active(root, "interfaces", "interface") {
		for _, unit := range active(device, "unit") {
			for _, family := range []string{"inet", "inet6"} {
				for _, a := range values(unit, "family", family, "address") {
					p, err := netip.ParsePrefix(a)
					if err == nil && len(device.Values) == 1 && len(unit.Values) == 1 {
						out = append(out, place{device, unit, p})
					}
				}
			}
		}
	}
	return out
}

// find gives the place of our end of the device.
func (g *guard) find(root *junos.Node) (place, bool) {
	addr := g.access.Local.Addr().Unmap()
	for _, p := range places(root) {
		if p.prefix.Addr() == addr {
			return p, true
		}
	}
	return place{}, false
}

func (g *guard) address() {
	was, ok := g.find(g.before)
	if !ok {
		return
	}
	addr := was.prefix.Addr()
	is, ok := g.find(g.after)
	switch {
	case !ok:
		g.refuse("the address %s on %s, by which we come in, is removed or deactivated", addr, was)
	case was.String() != is.String():
		g.refuse("the address %s, by which we come in, moves from %s to %s", addr, was, is)
	case isDisabled(is) && !isDisabled(was):
		g.refuse("the interface %s, by which we come in, is disabled", is)
	case was.prefix != is.prefix:
		g.refuse("the prefix length of %s on %s, by which we come in, changes from %d to %d", addr, was, was.prefix.Bits(), is.prefix.Bits())
	case text([]*junos.Node{withoutUnits(was.device)}) != text([]*junos.Node{withoutUnits(is.device)}):
		g.look("the interface %s, by which we come in, changes", was.device.Values[0])
	}
}

func isDisabled(p place) bool {
	return len(active(p.device, "disable")) > 0 || len(active(p.unit, "disable")) > 0
}

func withoutUnits(n *junos.Node) *junos.Node {
	c := *n
	c.Children = slices.DeleteFunc(slices.Clone(n.Children), func(n *junos.Node) bool { return n.Name == "unit" || n.Name == "description" })
	return &c
}

// route guards the static route to us, the most specific one of each routing instance. Where we are in a subnet of the
// device it needs none.
func (g *guard) route() {
	us := g.access.Remote.Addr().Unmap()
	if !us.IsValid() || slices.ContainsFunc(places(g.before), func(p place) bool { return p.prefix.Masked().Contains(us) }) {
		return
	}
	after := statics(g.after)
	for instance, list := range statics(g.before) {
		best := -1
		for i, r := range list {
			if r.prefix.Contains(us) && (best < 0 || r.prefix.Bits() > list[best].prefix.Bits()) {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		was := list[best]
		i := slices.IndexFunc(after[instance], func(r static) bool { return r.prefix == was.prefix })
		switch {
		case i < 0:
			g.refuse("the static route %s, which leads to us, is removed or deactivated%s", was.prefix, in(instance))
		case after[instance][i].text != was.text:
			g.refuse("the static route %s, which leads to us, changes%s", was.prefix, in(instance))
		}
	}
}

func in(instance string) string {
	if instance == "" {
		return ""
	}
	return " in routing instance " + instance
}

type static struct {
	prefix netip.Prefix
	text   string
}

// statics gives the static routes by routing instance.
func statics(root *junos.Node) map[string][]static {
	out := map[string][]static{}
	add := func(instance string, n *junos.Node) {
		options := active(n, "routing-options")
		for _, o := range options {
			for _, s := range slices.Concat(active(o, "static", "route"), active(o, "rib", "static", "route")) {
				if len(s.Values) == 0 {
					continue
				}
				if p, err := netip.ParsePrefix(s.Values[0]); err == nil {
					out[instance] = append(out[instance], static{p, text([]*junos.Node{s})})
				}
			}
		}
	}
	add("", root)
	for _, i := range active(root, "routing-instances", "instance") {
		if len(i.Values) == 1 {
			add(i.Values[0], i)
		}
	}
	return out
}

// management are the interfaces of routing engines: fxp0 and em0 of MX, me0 and vme of EX and QFX, re0:mgmt-0 of Evolved.
func management(name string) bool {
	return name == "fxp0" || name == "em0" || name == "em1" || name == "me0" || name == "vme" || strings.HasPrefix(name, "re") && strings.Contains(name, ":mgmt-")
}

// filters looks at what stands in front of the routing engine: input filters of lo0, of management interfaces, and of the
// interface by which we come in.
func (g *guard) filters() {
	own, _ := g.find(g.before)
	front := func(root *junos.Node) map[string]string {
		out := map[string]string{}
		for _, device := range active(root, "interfaces", "interface") {
			name := strings.Join(device.Values, " ")
			if name != "lo0" && !management(name) && (own.device == nil || name != own.device.Values[0]) {
				continue
			}
			for _, unit := range active(device, "unit") {
				for _, family := range []string{"inet", "inet6"} {
					for _, f := range active(unit, "family", family, "filter") {
						for _, n := range f.Children {
							if !n.Inactive && strings.HasPrefix(n.Name, "input") {
								out[fmt.Sprintf("filter of %s.%s family %s", name, strings.Join(unit.Values, " "), family)] += applied(root, family, n)
							}
						}
					}
				}
			}
		}
		return out
	}
	was, is := front(g.before), front(g.after)
	names := make([]string, 0, len(was)+len(is))
	for name := range was {
		names = append(names, name)
	}
	for name := range is {
		if _, also := was[name]; !also {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		switch {
		case is[name] == "": // it lets in more than before
		case was[name] == "":
			g.look("the input %s is new", name)
		case was[name] != is[name]:
			g.look("the input %s changes", name)
		}
	}
}

// applied is the text of the filters that a statement of an interface names, with the prefix-lists in them.
func applied(root *junos.Node, family string, n *junos.Node) string {
	var b strings.Builder
	names := slices.Clone(n.Values)
	for _, c := range n.Children {
		names = append(names, c.Values...)
	}
	for _, name := range names {
		b.WriteString(name + "\n")
		for _, f := range []*junos.Node{entry(root, name, "firewall", "family", family, "filter"), entry(root, name, "firewall", "filter")} {
			if f == nil {
				continue
			}
			body := text([]*junos.Node{f})
			b.WriteString(body)
			for _, list := range active(root, "policy-options", "prefix-list") {
				if len(list.Values) > 0 && strings.Contains(body, fmt.Sprintf("%q", list.Values[0])) {
					b.WriteString(text([]*junos.Node{list}))
				}
			}
		}
	}
	return b.String()
}
