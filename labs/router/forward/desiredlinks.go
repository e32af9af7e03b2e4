package forward

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bytes of Ethernet that the MTU of a physical interface counts in Junos and Linux does not: the header, and a VLAN tag.
const (
	headerBytes = 14
	tagBytes    = 4
)

// port is a physical interface as configured.
type port struct {
	name     string
	mtu      int
	disabled bool
	units    []*unit
}

// unit is a logical interface as configured.
type unit struct {
	name, number string
	vlan         string // empty: none
	mtu          int
	disabled     bool
	addresses    []netip.Prefix
	device       string // empty: it is not there
}

func (u *unit) up() bool { return u.device != "" && !u.disabled }

// word is a word of a statement; empty: it is not complete.
func word(line []string, i int) string {
	if i < len(line) {
		return line[i]
	}
	return ""
}

func (d *desirer) port(name string) *port {
	i := slices.IndexFunc(d.ports, func(p *port) bool { return p.name == name })
	if i < 0 {
		i = len(d.ports)
		d.ports = append(d.ports, &port{name: name})
	}
	return d.ports[i]
}

func (p *port) unit(number string) *unit {
	i := slices.IndexFunc(p.units, func(u *unit) bool { return u.number == number })
	if i < 0 {
		i = len(p.units)
		p.units = append(p.units, &unit{name: p.name + "." + number, number: number})
	}
	return p.units[i]
}

// interfaceLine reads `interfaces NAME …`. What describes, or is of a layer below IP, changes nothing here.
func (d *desirer) interfaceLine(line []string) {
	if slices.Contains([]string{"interface-set", "traceoptions", "apply-macro"}, line[1]) {
		return
	}
	if line[1] == "interface-range" {
		d.refuse(line[:1], line[1], "this router has no ranges of interfaces")
		return
	}
	p := d.port(line[1])
	if len(line) < 3 {
		return
	}
	switch line[2] {
	case "disable":
		p.disabled = true
	case "mtu":
		p.mtu, _ = strconv.Atoi(word(line, 3)) // a number by the grammar
	case "gigether-options", "ether-options":
		if len(line) > 3 && line[3] == "802.3ad" {
			d.refuse(line[:3], line[3], "this router does not bundle interfaces")
		}
	case "unit":
		if len(line) > 3 {
			d.unitLine(p.unit(line[3]), line)
		}
	}
}

func (d *desirer) unitLine(u *unit, line []string) {
	rest := line[4:]
	if len(rest) == 0 {
		return
	}
	switch rest[0] {
	case "disable":
		u.disabled = true
	case "vlan-id":
		u.vlan = word(rest, 1)
	case "vlan-tags", "vlan-id-list", "vlan-id-range", "inner-vlan-id-range", "tunnel":
		d.refuse(line[:4], rest[0], "this router does not encapsulate in this way")
	case "family":
		if len(rest) > 2 && (rest[1] == "inet" || rest[1] == "inet6") {
			d.familyLine(u, line[:6], rest[2:])
		}
	}
}

// familyLine reads what stands below `family inet` or inet6, whose path is given.
func (d *desirer) familyLine(u *unit, path, rest []string) {
	switch rest[0] {
	case "mtu":
		mtu, _ := strconv.Atoi(word(rest, 1))
		if u.mtu != 0 && u.mtu != mtu {
			d.refuse(path, "mtu", "all families of a unit have one MTU on this router")
		}
		u.mtu = mtu
	case "address":
		a, err := netip.ParsePrefix(word(rest, 1))
		if err != nil {
			bare, bad := netip.ParseAddr(word(rest, 1))
			if bad != nil {
				d.refuse(path, "address "+word(rest, 1), "invalid ip address")
				return
			}
			a = netip.PrefixFrom(bare, bare.BitLen())
		}
		if len(rest) > 2 && slices.Contains([]string{"vrrp-group", "vrrp-inet6-group", "eui-64", "destination", "virtual-gateway-address"}, rest[2]) {
			d.refuse(append(slices.Clip(path), "address", rest[1]), rest[2], "this router does not support it")
			return
		}
		if !slices.Contains(u.addresses, a) {
			u.addresses = append(u.addresses, a)
		}
	case "unnumbered-address", "dhcp", "dhcp-client", "dhcpv6-client", "rpf-check":
		d.refuse(path, rest[0], "this router does not support it")
	}
}

// finishInterfaces finds the devices and what is wanted of them.
func (d *desirer) finishInterfaces() {
	for _, p := range d.ports {
		if strings.HasPrefix(p.name, "lo") {
			for _, u := range p.units {
				u.device, u.disabled = d.device(p.name), u.disabled || p.disabled
				d.addresses(u)
			}
			continue
		}
		base := d.device(p.name)
		if base != "" {
			l := Link{Down: p.disabled}
			if p.mtu > 0 {
				l.MTU = p.mtu - headerBytes
			}
			d.out.Links[base], d.out.Interfaces[p.name] = l, base
		}
		for _, u := range p.units {
			u.disabled = u.disabled || p.disabled
			d.unitDevice(p, u, base)
			d.addresses(u)
		}
	}
}

// unitDevice finds the device of a unit: one of its own, or that of the interface if its packets have no tag.
func (d *desirer) unitDevice(p *port, u *unit, base string) {
	path := []string{"interfaces", p.name, "unit", u.number}
	own := d.device(u.name)
	switch {
	case own != "":
		l := Link{Down: u.disabled, MTU: u.mtu}
		if l.MTU == 0 && p.mtu > 0 {
			l.MTU = p.mtu - headerBytes
			if u.vlan != "" {
				l.MTU -= tagBytes
			}
		}
		u.device, d.out.Links[own] = own, l
	case base == "":
	case u.vlan != "":
		d.refuse(path, "vlan-id "+u.vlan, "no device of this router carries the VLAN: it needs one of its own, "+base+"."+u.number)
	case u.number != "0":
		d.refuse(path, "", "VLAN-ID must be specified on tagged ethernet interfaces")
	default:
		l := d.out.Links[base]
		if u.mtu > 0 {
			l.MTU = u.mtu
		}
		u.device, d.out.Links[base] = base, l
	}
}

// addresses takes a unit's addresses in, with the routes that come with them.
func (d *desirer) addresses(u *unit) {
	if u.device == "" {
		return
	}
	d.out.Interfaces[u.name] = u.device
	if u.disabled {
		return
	}
	for _, a := range u.addresses {
		d.out.Addresses[Address{u.device, a}] = true
	}
}
