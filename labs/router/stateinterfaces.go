package router

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

func inquireInterfaces() *inquiry {
	return &inquiry{
		word: "interfaces", help: "Show interface information", rpc: "get-interface-information", positional: "interface-name",
		flags: map[string]string{
			"terse": "terse", "descriptions": "descriptions", "media": "media", "brief": "brief", "detail": "detail", "extensive": "extensive",
		},
		xml: interfacesXML, text: interfacesText,
	}
}

// port is an interface as configured, with its link: physical, or with a unit.
type port struct {
	name, description, mtu, speed string
	disabled, up                  bool
	families                      []protocolFamily
	units                         []*port
}

// protocolFamily is a protocol on a unit and its addresses.
type protocolFamily struct {
	name      string
	addresses []string
}

// noInterface are the statements below `interfaces` that are no interface.
var noInterface = []string{"interface-range", "interface-set", "apply-groups", "apply-groups-except", "apply-macro", "traceoptions"}

// ports are the configured interfaces in their order, each with its link. Without a word about it a link is down, but that
// of lo0 and of irb: no cable is plugged in here. What belongs to the chassis and is not configured is not there.
func (p *report) ports() []*port {
	var list []*port
	find := func(in *[]*port, name string) *port {
		i := slices.IndexFunc(*in, func(x *port) bool { return x.name == name })
		if i < 0 {
			i = len(*in)
			*in = append(*in, &port{name: name})
		}
		return (*in)[i]
	}
	for _, words := range p.lines {
		any, rest, ok := below(words, "interfaces", "*")
		if !ok || slices.Contains(noInterface, any[0]) {
			continue
		}
		x := find(&list, any[0])
		if unit, of, ok := below(rest, "unit", "*"); ok {
			x, rest = find(&x.units, x.name+"."+unit[0]), of
		}
		x.configure(rest)
	}
	for _, x := range list {
		x.link(p.state.Interfaces, strings.HasPrefix(x.name, "lo") || x.name == "irb")
	}
	return list
}

func (x *port) configure(words []string) {
	if family, rest, ok := below(words, "family", "*"); ok {
		i := slices.IndexFunc(x.families, func(f protocolFamily) bool { return f.name == family[0] })
		if i < 0 {
			i = len(x.families)
			x.families = append(x.families, protocolFamily{name: family[0]})
		}
		f := &x.families[i]
		if a, _, ok := below(rest, "address", "*"); ok && !slices.Contains(f.addresses, a[0]) {
			f.addresses = append(f.addresses, a[0])
		}
		return
	}
	switch {
	case len(words) == 1 && words[0] == "disable":
		x.disabled = true
	case len(words) == 2 && words[0] == "description":
		x.description = words[1]
	case len(words) == 2 && words[0] == "mtu":
		x.mtu = words[1]
	}
}

// link takes what was fed of the link of an interface; its units follow it unless something else was fed of them.
func (x *port) link(fed []InterfaceState, otherwise bool) {
	x.up = otherwise
	for _, s := range fed {
		if s.Name == x.name {
			x.up, x.speed = s.Up, s.Speed
		}
	}
	x.up = x.up && !x.disabled
	for _, u := range x.units {
		u.link(fed, x.up)
		u.up = u.up && x.up
	}
}

func (x *port) admin() string {
	if x.disabled {
		return "down"
	}
	return "up"
}

func (x *port) oper() string {
	if x.up {
		return "up"
	}
	return "down"
}

// selected are the interfaces that the request names: by a name, that of a unit, or a pattern.
func (p *report) selected() ([]*port, error) {
	name, ok := p.asked["interface-name"]
	if !ok {
		return p.ports(), nil
	}
	var out []*port
	for _, x := range p.ports() {
		if p.matches("interface-name", x.name) {
			out = append(out, x)
			continue
		}
		for _, u := range x.units {
			if p.matches("interface-name", u.name) {
				out = append(out, u)
			}
		}
	}
	if len(out) == 0 && !strings.ContainsAny(name, "*?[") {
		return nil, faults{{Tag: "invalid-value", Bad: "interface-name", Message: fmt.Sprintf("device %s not found", name)}}
	}
	return out, nil
}

func interfacesXML(p *report) (string, error) {
	list, err := p.selected()
	if err != nil {
		return "", err
	}
	style := "normal"
	switch {
	case p.has("terse"):
		style = "terse"
	case p.has("descriptions"):
		style = "description"
	}
	var b strings.Builder
	b.WriteString(inNamespace("interface-information", "junos-interface", " junos:style=\""+style+"\""))
	for _, x := range list {
		b.WriteString(x.xml(style))
	}
	b.WriteString("</interface-information>\n")
	return b.String(), nil
}

func (x *port) xml(style string) string {
	element := "physical-interface"
	logical := strings.Contains(x.name, ".")
	if logical {
		element = "logical-interface"
	}
	head := "<" + element + ">\n" + tag("name", x.name) + tag("admin-status", x.admin()) + tag("oper-status", x.oper())
	if style == "description" {
		text := ""
		if x.description != "" {
			text = head + tag("description", x.description) + "</" + element + ">\n"
		}
		for _, u := range x.units {
			text += u.xml(style)
		}
		return text
	}
	text := head
	if style == "normal" {
		text += x.details(logical)
	}
	for _, f := range x.families {
		text += "<address-family>\n" + tag("address-family-name", f.name)
		for _, a := range f.addresses {
			local, remote := shownAddress(a)
			text += "<interface-address>\n" + tag("ifa-local", local) + tag("ifa-destination", remote) + "</interface-address>\n"
		}
		text += "</address-family>\n"
	}
	for _, u := range x.units {
		text += u.xml(style)
	}
	return text + "</" + element + ">\n"
}

// details are what is shown of an interface beyond its state.
func (x *port) details(logical bool) string {
	text := tag("description", x.description)
	if logical {
		return text
	}
	text += tag("mtu", x.shownMTU()) + tag("speed", x.speed) + "<if-device-flags>\n<ifdf-present/>\n"
	if x.up {
		text += "<ifdf-running/>\n"
	}
	return text + "</if-device-flags>\n"
}

// shownMTU is the configured one, or what is the default of Ethernet.
func (x *port) shownMTU() string {
	switch {
	case x.mtu != "":
		return x.mtu
	case strings.HasPrefix(x.name, "lo"):
		return "Unlimited"
	}
	return "1514"
}

// shownAddress is an address as it is shown, and the other side: a host's own address is shown without its length.
func shownAddress(text string) (local, remote string) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil || !p.IsSingleIP():
		return text, ""
	case p.Addr().Is4():
		return p.Addr().String(), "0/0"
	}
	return p.Addr().String(), ""
}

func interfacesText(p *report) (string, error) {
	list, err := p.selected()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	switch {
	case p.has("terse"):
		b.WriteString("Interface               Admin Link Proto    Local                 Remote\n")
		for _, x := range list {
			b.WriteString(x.terse())
		}
	case p.has("descriptions"):
		b.WriteString("Interface       Admin Link Description\n")
		for _, x := range list {
			b.WriteString(x.described())
		}
	default:
		for i, x := range list {
			if i > 0 {
				b.WriteString("\n")
			}
			b.WriteString(x.text())
		}
	}
	return b.String(), nil
}

func (x *port) terse() string {
	head := fmt.Sprintf("%-23s %-5s %-4s", x.name, x.admin(), x.oper())
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight(head+fmt.Sprintf(format, args...), " ") + "\n")
		head = strings.Repeat(" ", 34)
	}
	for _, f := range x.families {
		name := f.name
		for _, a := range f.addresses {
			local, remote := shownAddress(a)
			if remote != "" {
				remote = "--> " + remote
			}
			line(" %-8s %-19s %s", name, local, remote)
			name = ""
		}
		if len(f.addresses) == 0 {
			line(" %s", name)
		}
	}
	if len(x.families) == 0 {
		line("")
	}
	for _, u := range x.units {
		b.WriteString(u.terse())
	}
	return b.String()
}

func (x *port) described() string {
	text := ""
	if x.description != "" {
		text = fmt.Sprintf("%-15s %-5s %-4s %s\n", x.name, x.admin(), x.oper(), x.description)
	}
	for _, u := range x.units {
		text += u.described()
	}
	return text
}

func (x *port) text() string {
	var b strings.Builder
	indent := ""
	if strings.Contains(x.name, ".") {
		indent = "  "
		fmt.Fprintf(&b, "  Logical interface %s, Link is %s\n", x.name, strings.ToUpper(x.oper()[:1])+x.oper()[1:])
	} else {
		enabled := "Enabled"
		if x.disabled {
			enabled = "Administratively down"
		}
		fmt.Fprintf(&b, "Physical interface: %s, %s, Physical link is %s\n", x.name, enabled, strings.ToUpper(x.oper()[:1])+x.oper()[1:])
	}
	if x.description != "" {
		fmt.Fprintf(&b, "%s  Description: %s\n", indent, x.description)
	}
	if indent == "" {
		fmt.Fprintf(&b, "  MTU: %s", x.shownMTU())
		if x.speed != "" {
			fmt.Fprintf(&b, ", Speed: %s", x.speed)
		}
		b.WriteString("\n")
	}
	for _, f := range x.families {
		fmt.Fprintf(&b, "    Protocol %s\n", f.name)
		for _, a := range f.addresses {
			fmt.Fprintf(&b, "      Local: %s\n", a)
		}
	}
	for _, u := range x.units {
		b.WriteString("\n" + u.text())
	}
	return b.String()
}
