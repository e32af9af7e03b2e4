package router

import (
	"fmt"
	"slices"
	"strings"
)

func inquireBGPSummary() *inquiry {
	return &inquiry{
		word: "summary", help: "Show overview of BGP information", rpc: "get-bgp-summary-information",
		valued: map[string]string{"instance": "instance"}, xml: bgpSummaryXML, text: bgpSummaryText,
	}
}

func inquireBGPNeighbor() *inquiry {
	return &inquiry{
		word: "neighbor", help: "Show BGP neighbor database", rpc: "get-bgp-neighbor-information",
		positional: "neighbor-address", valued: map[string]string{"instance": "instance"}, xml: bgpNeighborXML, text: bgpNeighborText,
	}
}

// notRunning is what a router without BGP answers, in whatever form.
const notRunning = "BGP is not running\n"

// peer is a configured neighbor and its session.
type peer struct {
	*neighbor
	BGPPeer
}

// peers are the neighbors of the configuration with their state, those that the request selects. A session that nothing
// is known of is Idle since the router started: no protocol runs here by itself.
func (p *report) peers() (list []peer, running bool) {
	known, running := neighborsOf(p.lines)
	for _, n := range known {
		if !p.matches("instance", n.instance) && !(n.instance == "" && p.asked["instance"] == "master") {
			continue
		}
		if address := p.asked["neighbor-address"]; address != "" && address != n.address.String() {
			continue
		}
		x := peer{neighbor: n, BGPPeer: BGPPeer{Peer: n.address, Instance: n.instance, State: "Idle", Condition: Condition{Since: *p.r.booted.Load()}}}
		for _, s := range p.state.BGP {
			if s.Peer == n.address && s.Instance == n.instance && !n.shutdown {
				x.BGPPeer = s
			}
		}
		list = append(list, x)
	}
	return list, running
}

// rib sums a table up over all sessions.
type rib struct {
	name                       string
	received, accepted, active int
}

func ribs(list []peer) []rib {
	var out []rib
	for _, x := range list {
		for _, r := range x.RIBs {
			if x.State != "Established" {
				continue
			}
			i := slices.IndexFunc(out, func(o rib) bool { return o.name == r.Name })
			if i < 0 {
				i = len(out)
				out = append(out, rib{name: r.Name})
			}
			out[i].received += r.Received
			out[i].accepted += r.Accepted
			out[i].active += r.Active
		}
	}
	return out
}

func down(list []peer) int {
	n := 0
	for _, x := range list {
		if x.State != "Established" {
			n++
		}
	}
	return n
}

func groupsOf(list []peer) int {
	groups := map[string]bool{}
	for _, x := range list {
		groups[x.neighbor.instance+" "+x.group] = true
	}
	return len(groups)
}

// bgpSummaryXML has the form of real routers' (terse style, seen up to 22.x); <peer-cfg-rti> of other instances than the
// main one is by analogy with `show bgp neighbor`.
func bgpSummaryXML(p *report) (string, error) {
	list, running := p.peers()
	if !running {
		return "<output>\n" + notRunning + "</output>\n", nil
	}
	var b strings.Builder
	b.WriteString(inNamespace("bgp-information", "junos-routing", ""))
	fmt.Fprintf(&b, "<group-count>%d</group-count>\n<peer-count>%d</peer-count>\n<down-peer-count>%d</down-peer-count>\n", groupsOf(list), len(list), down(list))
	for _, r := range ribs(list) {
		b.WriteString("<bgp-rib junos:style=\"brief\">\n" + tag("name", r.name))
		fmt.Fprintf(&b, "<total-prefix-count>%d</total-prefix-count>\n<received-prefix-count>%d</received-prefix-count>\n"+
			"<accepted-prefix-count>%d</accepted-prefix-count>\n<active-prefix-count>%d</active-prefix-count>\n"+
			"<suppressed-prefix-count>0</suppressed-prefix-count>\n<history-prefix-count>0</history-prefix-count>\n"+
			"<damped-prefix-count>0</damped-prefix-count>\n<pending-prefix-count>0</pending-prefix-count>\n</bgp-rib>\n",
			r.received, r.received, r.accepted, r.active)
	}
	for _, x := range list {
		b.WriteString("<bgp-peer junos:style=\"terse\" heading=\"Peer                     AS      InPkt     OutPkt    OutQ   Flaps Last Up/Dwn State|#Active/Received/Accepted/Damped...\">\n")
		b.WriteString(tag("peer-address", x.Peer.String()) + tag("peer-as", x.as))
		b.WriteString("<input-messages>0</input-messages>\n<output-messages>0</output-messages>\n<route-queue-count>0</route-queue-count>\n")
		age := p.age(x.Since)
		fmt.Fprintf(&b, "<flap-count>%d</flap-count>\n<elapsed-time junos:seconds=\"%d\">%s</elapsed-time>\n", x.Flaps, int(age.Seconds()), clock(age))
		b.WriteString(tag("description", x.description))
		if x.State == "Established" {
			b.WriteString("<peer-state junos:format=\"Establ\">Established</peer-state>\n")
		} else {
			b.WriteString(tag("peer-state", x.State))
		}
		if x.neighbor.instance != "" {
			b.WriteString(tag("peer-cfg-rti", x.neighbor.instance))
		}
		b.WriteString(ribsXML(x, "terse") + "</bgp-peer>\n")
	}
	b.WriteString("</bgp-information>\n")
	return b.String(), nil
}

func ribsXML(x peer, style string) string {
	var b strings.Builder
	for _, r := range x.RIBs {
		if x.State != "Established" {
			continue
		}
		b.WriteString("<bgp-rib junos:style=\"" + style + "\">\n" + tag("name", r.Name))
		fmt.Fprintf(&b, "<active-prefix-count>%d</active-prefix-count>\n<received-prefix-count>%d</received-prefix-count>\n"+
			"<accepted-prefix-count>%d</accepted-prefix-count>\n<suppressed-prefix-count>0</suppressed-prefix-count>\n", r.Active, r.Received, r.Accepted)
		if style == "detail" {
			fmt.Fprintf(&b, "<advertised-prefix-count>%d</advertised-prefix-count>\n", r.Advertised)
		}
		b.WriteString("</bgp-rib>\n")
	}
	return b.String()
}

func bgpSummaryText(p *report) (string, error) {
	list, running := p.peers()
	if !running {
		return notRunning, nil
	}
	var b strings.Builder
	b.WriteString("Threading mode: BGP I/O\nDefault eBGP mode: advertise - accept, receive - accept\n")
	fmt.Fprintf(&b, "Groups: %d Peers: %d Down peers: %d\n", groupsOf(list), len(list), down(list))
	b.WriteString("Table          Tot Paths  Act Paths Suppressed    History Damp State    Pending\n")
	for _, r := range ribs(list) {
		fmt.Fprintf(&b, "%-21s\n%24d %10d %10d %10d %10d %10d\n", r.name, r.received, r.active, 0, 0, 0, 0)
	}
	b.WriteString("Peer                     AS      InPkt     OutPkt    OutQ   Flaps Last Up/Dwn State|#Active/Received/Accepted/Damped...\n")
	for _, x := range list {
		state := x.State
		if state == "Established" {
			state = "Establ"
		}
		fmt.Fprintf(&b, "%-18s %8s %10d %10d %7d %7d %11s %s\n", x.Peer, x.as, 0, 0, 0, x.Flaps, clock(p.age(x.Since)), state)
		for _, r := range x.RIBs {
			if x.State == "Established" {
				fmt.Fprintf(&b, "  %s: %d/%d/%d/0\n", r.Name, r.Active, r.Received, r.Accepted)
			}
		}
	}
	return b.String(), nil
}

// instanceName is how a peer names its routing instance.
func (x peer) instanceName() string {
	if x.neighbor.instance == "" {
		return "master"
	}
	return x.neighbor.instance
}

func bgpNeighborXML(p *report) (string, error) {
	list, running := p.peers()
	if !running {
		return "<output>\n" + notRunning + "</output>\n", nil
	}
	var b strings.Builder
	b.WriteString(inNamespace("bgp-information", "junos-routing", ""))
	for _, x := range list {
		port := ""
		if x.State == "Established" {
			port = "+179"
		}
		b.WriteString("<bgp-peer junos:style=\"detail\">\n" + tag("peer-address", x.Peer.String()+port) + tag("peer-as", x.as))
		b.WriteString(tag("local-address", localAddress(x)) + tag("local-as", x.localAS) + tag("description", x.description) + tag("peer-group", x.group) +
			tag("peer-cfg-rti", x.instanceName()) + tag("peer-fwd-rti", x.instanceName()) + tag("peer-type", x.kind) +
			tag("peer-state", x.State) + tag("last-error", lastError(x)))
		b.WriteString(inNamespace("bgp-option-information", "junos-routing", "") + policies("export-policy", x.exporting) + policies("import-policy", x.importing) +
			"<holdtime>90</holdtime>\n<preference>170</preference>\n</bgp-option-information>\n")
		fmt.Fprintf(&b, "<flap-count>%d</flap-count>\n", x.Flaps)
		if x.State == "Established" {
			age := p.age(x.Since)
			b.WriteString(tag("peer-id", x.Peer.String()) + tag("local-id", localAddress(x)))
			// On a device the age of a session stands in the summary alone; here it is by analogy with it.
			fmt.Fprintf(&b, "<elapsed-time junos:seconds=\"%d\">%s</elapsed-time>\n", int(age.Seconds()), clock(age))
		}
		b.WriteString(ribsXML(x, "detail") + "</bgp-peer>\n")
	}
	b.WriteString("</bgp-information>\n")
	return b.String(), nil
}

// localAddress is the configured one; what the kernel would choose is not known here.
func localAddress(x peer) string {
	if x.local != "" {
		return x.local
	}
	return "unspecified"
}

func lastError(x peer) string {
	if x.LastError != "" {
		return x.LastError
	}
	return "None"
}

func policies(name string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	return tag(name, strings.Trim(strings.Join(list, " "), "[ ]"))
}

func bgpNeighborText(p *report) (string, error) {
	list, running := p.peers()
	if !running {
		return notRunning, nil
	}
	var b strings.Builder
	for i, x := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		port := ""
		if x.State == "Established" {
			port = "+179"
		}
		fmt.Fprintf(&b, "Peer: %s AS %-10s Local: %s AS %s\n", x.Peer.String()+port, x.as, localAddress(x), x.localAS)
		if x.description != "" {
			fmt.Fprintf(&b, "  Description: %s\n", x.description)
		}
		fmt.Fprintf(&b, "  Group: %-21s Routing-Instance: %s\n  Forwarding routing-instance: %s\n", x.group, x.instanceName(), x.instanceName())
		fmt.Fprintf(&b, "  Type: %-11s State: %-14s Flags: <>\n  Last Error: %s\n", x.kind, x.State, lastError(x))
		if len(x.exporting) > 0 {
			fmt.Fprintf(&b, "  Export: [ %s ]\n", strings.Trim(strings.Join(x.exporting, " "), "[ ]"))
		}
		if len(x.importing) > 0 {
			fmt.Fprintf(&b, "  Import: [ %s ]\n", strings.Trim(strings.Join(x.importing, " "), "[ ]"))
		}
		fmt.Fprintf(&b, "  Number of flaps: %d\n", x.Flaps)
		for _, r := range x.RIBs {
			if x.State == "Established" {
				fmt.Fprintf(&b, "  Table %s\n    Active prefixes:              %d\n    Received prefixes:            %d\n    Accepted prefixes:            %d\n"+
					"    Suppressed due to damping:    0\n    Advertised prefixes:          %d\n", r.Name, r.Active, r.Received, r.Accepted, r.Advertised)
			}
		}
	}
	return b.String(), nil
}
