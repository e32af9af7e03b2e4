package router

import (
	"fmt"
	"slices"
	"strings"
)

func inquireFirewall() *inquiry {
	return &inquiry{
		word: "firewall", help: "Show firewall counters and information", rpc: "get-firewall-information",
		valued: map[string]string{"filter": "filter", "counter": "counter"}, xml: firewallXML, text: firewallText,
	}
}

// renamed answers a request whose children have other names than those of the inquiry.
func renamed(inquire func() *inquiry, names map[string]string) operation {
	return func(n *netconf, op *element) (string, error) {
		asked := *op
		asked.children = nil
		for _, c := range op.children {
			child := *c
			if name := names[c.name]; name != "" {
				child.name = name
			}
			asked.children = append(asked.children, &child)
		}
		return inquire().operation(n, &asked)
	}
}

// counters are the filters of the configuration and their counters, by name; what was not fed counts nothing.
type counters struct {
	filter string
	list   []Counter
}

func (p *report) counters() ([]counters, error) {
	var out []counters
	for _, words := range p.lines {
		_, rest, ok := below(words, "firewall")
		if _, in, isFamily := below(rest, "family", "*"); isFamily {
			rest = in
		}
		any, rest, isFilter := below(rest, "filter", "*")
		if !ok || !isFilter || !p.matches("filter", any[0]) {
			continue
		}
		i := slices.IndexFunc(out, func(c counters) bool { return c.filter == any[0] })
		if i < 0 {
			i = len(out)
			out = append(out, counters{filter: any[0]})
		}
		if n := len(rest); n >= 3 && rest[n-3] == "then" && rest[n-2] == "count" && p.matches("counter", rest[n-1]) {
			out[i].add(p.counter(any[0], rest[n-1]))
		}
	}
	if name, ok := p.asked["filter"]; ok && len(out) == 0 {
		return nil, faults{{Tag: "invalid-value", Bad: "filter", Message: fmt.Sprintf("filter %s not found", name)}}
	}
	return out, nil
}

// add keeps one counter of each name, in the order of the names.
func (c *counters) add(x Counter) {
	i, there := slices.BinarySearchFunc(c.list, x.Name, func(y Counter, name string) int { return strings.Compare(y.Name, name) })
	if !there {
		c.list = slices.Insert(c.list, i, x)
	}
}

func (p *report) counter(filter, name string) Counter {
	for _, x := range p.state.Counters {
		if x.Filter == filter && x.Name == name {
			return x
		}
	}
	return Counter{Filter: filter, Name: name}
}

func firewallXML(p *report) (string, error) {
	list, err := p.counters()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(inNamespace("firewall-information", "junos-filter", ""))
	for _, f := range list {
		b.WriteString("<filter-information>\n" + tag("filter-name", f.filter))
		for _, c := range f.list {
			fmt.Fprintf(&b, "<counter>\n%s<packet-count>%d</packet-count>\n<byte-count>%d</byte-count>\n</counter>\n", tag("counter-name", c.Name), c.Packets, c.Bytes)
		}
		b.WriteString("</filter-information>\n")
	}
	b.WriteString("</firewall-information>\n")
	return b.String(), nil
}

func firewallText(p *report) (string, error) {
	list, err := p.counters()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "\nFilter: %-55s\n", f.filter)
		if len(f.list) > 0 {
			fmt.Fprintf(&b, "Counters:\n%-36s %20s %20s\n", "Name", "Bytes", "Packets")
		}
		for _, c := range f.list {
			fmt.Fprintf(&b, "%-36s %20d %20d\n", c.Name, c.Bytes, c.Packets)
		}
	}
	return b.String(), nil
}

func inquireLLDP() *inquiry {
	return &inquiry{
		word: "neighbors", help: "Show LLDP neighbor information", rpc: "get-lldp-neighbors-information", xml: lldpXML, text: lldpText,
	}
}

// errNoLLDP has its words by analogy with other daemons that the configuration does not want.
var errNoLLDP = faults{{Message: "lldp subsystem not running - not needed by configuration."}}

// lldp are the neighbors that were fed, while the configuration has LLDP.
func (p *report) lldp() ([]LLDPNeighbor, error) {
	for _, words := range p.lines {
		if _, _, ok := below(words, "protocols", "lldp"); ok {
			return p.state.LLDP, nil
		}
	}
	return nil, errNoLLDP
}

func lldpXML(p *report) (string, error) {
	list, err := p.lldp()
	if err != nil {
		return "", err
	}
	text := "<lldp-neighbors-information junos:style=\"brief\">\n"
	for _, x := range list {
		text += "<lldp-neighbor-information>\n" + tag("lldp-local-port-id", x.Local) + tag("lldp-local-parent-interface-name", "-") +
			tag("lldp-remote-chassis-id-subtype", "Mac address") + tag("lldp-remote-chassis-id", x.Chassis) +
			tag("lldp-remote-port-id-subtype", "Interface name") + tag("lldp-remote-port-id", x.Port) +
			tag("lldp-remote-system-name", x.System) + "</lldp-neighbor-information>\n"
	}
	return text + "</lldp-neighbors-information>\n", nil
}

func lldpText(p *report) (string, error) {
	list, err := p.lldp()
	if err != nil {
		return "", err
	}
	text := "Local Interface    Parent Interface    Chassis Id          Port info          System Name\n"
	for _, x := range list {
		text += fmt.Sprintf("%-18s %-19s %-19s %-18s %s\n", x.Local, "-", x.Chassis, x.Port, x.System)
	}
	return text, nil
}
