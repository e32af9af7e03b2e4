package devices

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// errAnswer says that a device's answer has not the form that its command is known for.
var errAnswer = errors.New("answer of an unknown form")

// elements decodes every element of a name in a payload, at whatever depth: a device with several routing engines
// wraps what one with a single engine answers. It reports whether any of the roots was there.
func elements[T any](payload, name string, take func(T) error, roots ...string) (root bool, err error) {
	d := xml.NewDecoder(strings.NewReader(payload))
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return root, fmt.Errorf("%w: %w", errAnswer, err)
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		for _, r := range roots {
			root = root || start.Name.Local == r
		}
		if start.Name.Local != name {
			continue
		}
		var v T
		if err := d.DecodeElement(&v, &start); err != nil {
			return root, fmt.Errorf("%w: %w", errAnswer, err)
		}
		if err := take(v); err != nil {
			return root, fmt.Errorf("%w: %w", errAnswer, err)
		}
	}
}

// peerXML is a <bgp-peer> of `show bgp summary` or `show bgp neighbor`.
type peerXML struct {
	Address  string `xml:"peer-address"`
	State    string `xml:"peer-state"`
	Instance string `xml:"peer-cfg-rti"`
	Tables   []struct {
		Name     string `xml:"name"`
		Active   string `xml:"active-prefix-count"`
		Received string `xml:"received-prefix-count"`
		Accepted string `xml:"accepted-prefix-count"`
	} `xml:"bgp-rib"`
}

// parsePeers reads the answer to `show bgp summary`. A device without BGP says so in words.
func parsePeers(payload string) ([]Peer, error) {
	var out []Peer
	root, err := elements(payload, "bgp-peer", func(x peerXML) error {
		p, err := x.peer()
		out = append(out, p)
		return err
	}, "bgp-information")
	switch {
	case err != nil:
		return nil, err
	case !root && strings.Contains(payload, "BGP is not running"):
		return nil, nil
	case !root:
		return nil, fmt.Errorf("%w: no bgp-information", errAnswer)
	}
	return out, nil
}

func (x peerXML) peer() (Peer, error) {
	// `show bgp neighbor` adds the port: 192.0.2.1+179.
	address, _, _ := strings.Cut(strings.TrimSpace(x.Address), "+")
	p := Peer{Address: address, State: strings.TrimSpace(x.State), Instance: strings.TrimSpace(x.Instance)}
	if p.Address == "" {
		return p, errors.New("a bgp-peer without peer-address")
	}
	if p.Instance == "master" {
		p.Instance = ""
	}
	for _, t := range x.Tables {
		table := PeerTable{Name: strings.TrimSpace(t.Name)}
		for _, c := range []struct {
			text string
			to   *int
		}{{t.Active, &table.Active}, {t.Received, &table.Received}, {t.Accepted, &table.Accepted}} {
			n, err := count(c.text)
			if err != nil {
				return p, err
			}
			*c.to = n
		}
		p.Tables = append(p.Tables, table)
		if p.Instance == "" {
			p.Instance = instanceOf(table.Name)
		}
	}
	return p, nil
}

func count(text string) (int, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("count %q is no number", text)
	}
	return int(n), nil
}

// instanceOf is the routing instance in the name of a table: CUST.inet.0 is of CUST; inet.0 and bgp.l3vpn.0 are of none.
func instanceOf(table string) string {
	words := strings.Split(table, ".")
	if len(words) < 3 {
		return ""
	}
	name := strings.Join(words[:len(words)-2], ".")
	if name == "bgp" || strings.HasPrefix(name, "__") {
		return ""
	}
	return name
}

// routeXML is a <route-table> of `show route`.
type routeXML struct {
	Name   string `xml:"table-name"`
	Routes []struct {
		Destination string `xml:"rt-destination"`
		Entries     []struct {
			Tag     string    `xml:"active-tag"`
			Current *struct{} `xml:"current-active"`
			Name    string    `xml:"protocol-name"`
			Kind    string    `xml:"nh-type"`
			Hops    []struct {
				To   string `xml:"to"`
				Via  string `xml:"via"`
				Kind string `xml:"nh-type"`
			} `xml:"nh"`
		} `xml:"rt-entry"`
	} `xml:"rt"`
}

// parseRoutes reads the active routes to a prefix, one for each table that has one. No answer at all is no route.
func parseRoutes(payload string, prefixes ...netip.Prefix) ([]Route, error) {
	wanted := make(map[netip.Prefix]bool, len(prefixes))
	for _, p := range prefixes {
		wanted[p.Masked()] = true
	}
	var out []Route
	root, err := elements(payload, "route-table", func(x routeXML) error {
		out = append(out, x.active(wanted)...)
		return nil
	}, "route-information")
	if err == nil && !root && strings.TrimSpace(payload) != "" {
		err = fmt.Errorf("%w: no route-information", errAnswer)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// active are the active routes to the wanted prefixes.
func (x routeXML) active(wanted map[netip.Prefix]bool) []Route {
	var out []Route
	for _, rt := range x.Routes {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(rt.Destination))
		if err != nil || !wanted[prefix.Masked()] {
			continue
		}
		for _, e := range rt.Entries {
			if e.Current == nil && !strings.Contains(e.Tag, "*") {
				continue
			}
			r := Route{Prefix: prefix.Masked(), Table: strings.TrimSpace(x.Name), Protocol: strings.TrimSpace(e.Name), Kind: strings.TrimSpace(e.Kind)}
			for _, h := range e.Hops {
				switch to, via := strings.TrimSpace(h.To), strings.TrimSpace(h.Via); {
				case to != "":
					r.NextHops = append(r.NextHops, to)
				case via != "":
					r.NextHops = append(r.NextHops, via)
				case h.Kind != "":
					r.Kind = strings.TrimSpace(h.Kind)
				}
			}
			out = append(out, r)
			break
		}
	}
	return out
}

type alarmXML struct {
	Class       string `xml:"alarm-class"`
	Type        string `xml:"alarm-type"`
	Description string `xml:"alarm-description"`
}

// parseAlarms reads the answer to `show chassis alarms` and `show system alarms`.
func parseAlarms(payload string) ([]Alarm, error) {
	var out []Alarm
	root, err := elements(payload, "alarm-detail", func(x alarmXML) error {
		a := Alarm{Class: oneLine(x.Class), Type: oneLine(x.Type), Description: oneLine(x.Description)}
		if a.Class == "" && a.Description == "" {
			return errors.New("an alarm-detail without class and description")
		}
		out = append(out, a)
		return nil
	}, "alarm-information")
	if err == nil && !root {
		err = fmt.Errorf("%w: no alarm-information", errAnswer)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Engine is a routing engine, as `show chassis routing-engine` has it.
type Engine struct {
	Slot, Mastership, Status string
}

type engineXML struct {
	Slot       string `xml:"slot"`
	Mastership string `xml:"mastership-state"`
	Status     string `xml:"status"`
}

// memberXML is one member of a virtual chassis, or of a cluster.
type memberXML struct {
	Engines []engineXML `xml:"route-engine-information>route-engine"`
}

// parseEngines reads the answer to `show chassis routing-engine`. Of a virtual chassis the first member counts: its
// members are kept equal by their own protocol, and a commit there is one for all.
func parseEngines(payload string) ([]Engine, error) {
	var list []engineXML
	root, err := elements(payload, "route-engine", func(x engineXML) error {
		list = append(list, x)
		return nil
	}, "route-engine-information")
	if err == nil && !root {
		err = fmt.Errorf("%w: no route-engine-information", errAnswer)
	}
	if err != nil {
		return nil, err
	}
	first := true
	if _, err := elements(payload, "multi-routing-engine-item", func(x memberXML) error {
		if first {
			list, first = x.Engines, false
		}
		return nil
	}); err != nil {
		return nil, err
	}
	var out []Engine
	for _, x := range list {
		out = append(out, Engine{Slot: oneLine(x.Slot), Mastership: strings.ToLower(oneLine(x.Mastership)), Status: oneLine(x.Status)})
	}
	return out, nil
}
