package inventory

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// makeRouting reads the choices about routing and monitoring.
func (l *loader) makeRouting(d *Device, v *node, need needed) {
	d.ECMP = v.get("ecmp").isTrue()
	d.Maintenance = v.get("maintenance").isTrue()
	d.OSPFExport = []Exported{ExportAggregates}
	if export := v.get("ospf_export"); export != nil {
		d.OSPFExport = nil
		for _, e := range export.elements() {
			d.OSPFExport = append(d.OSPFExport, Exported(e.string()))
		}
		slices.Sort(d.OSPFExport)
	}
	services := v.get("ibgp", "services")
	d.IBGP = IBGP{
		Services: services == nil || services.isTrue(),
		BFD:      l.bfd(v.get("ibgp", "bfd"), "ibgp.bfd.", need),
		Auth:     l.auth(d, v.get("ibgp", "auth"), "ibgp.auth.", need),
	}
	d.RootPassword = l.secret(d, "root_password", v.get("root_password"))
	l.makeSNMP(d, v.get("snmp"), need)
}

// bfd reads what `bfd` says; nil for nothing.
func (l *loader) bfd(n *node, where string, need needed) *BFD {
	if n == nil {
		return nil
	}
	return &BFD{
		IntervalMilliseconds: uint32(one(l, need(where, n, "interval"), parseBFDInterval).Milliseconds()),
		Multiplier:           cmp.Or(uint8(count(n.get("multiplier"))), 3),
	}
}

// auth reads what `auth` says; nil for nothing.
func (l *loader) auth(d *Device, n *node, where string, need needed) *Auth {
	if n == nil {
		return nil
	}
	a := &Auth{
		Method: AuthMethod(need(where, n, "method").string()),
		Key:    l.secret(d, where+"key", need(where, n, "key")),
	}
	if a.Method != AO {
		for _, key := range []string{"algorithm", "send_id", "receive_id"} {
			if k := n.get(key); k != nil && a.Method == MD5 {
				l.problems.add(k.key, "remove it, or set `method: ao`", "%s%s is for TCP-AO, the method is md5", where, key)
			}
		}
		return a
	}
	a.Algorithm = cmp.Or(n.get("algorithm").string(), "hmac-sha-1-96")
	a.SendID = uint8(count(need(where, n, "send_id")))
	a.ReceiveID = uint8(count(need(where, n, "receive_id")))
	return a
}

func (l *loader) makeSNMP(d *Device, v *node, need needed) {
	if v == nil {
		return
	}
	s := &SNMP{
		Contact:     v.get("contact").string(),
		Location:    v.get("location").string(),
		TrapTargets: many(l, v.get("trap_targets"), parseAddr),
	}
	communities := v.get("communities")
	for _, name := range communities.children() {
		n := communities.get(name)
		where := "snmp.communities." + name + "."
		s.Communities = append(s.Communities, SNMPCommunity{
			Name:      name,
			Community: l.secret(d, where+"community", need(where, n, "community")),
			Clients:   sortedPrefixes(many(l, need(where, n, "clients"), parsePrefix)),
		})
	}
	d.SNMP = s
}

// makeVLANs reads the VLANs of a switch and resolves those that ports name. It needs the interfaces.
func (l *loader) makeVLANs(d *Device, v *node, need needed) {
	vlans := v.get("vlans")
	ids := map[uint16]string{}
	byName := map[string]*VLAN{}
	for _, name := range vlans.children() {
		n := vlans.get(name)
		x := &VLAN{
			Name:        name,
			ID:          uint16(count(need("vlans."+name+".", n, "id"))),
			Description: n.get("description").string(),
		}
		if first, twice := ids[x.ID]; twice && x.ID != 0 {
			l.problems.add(n.get("id").pos, "give each an id of its own", "VLANs %s and %s have the same id %d", first, name, x.ID)
		}
		ids[x.ID] = name
		if irb := n.get("irb"); irb != nil && !l.isBroken(l.files(d)...) {
			if x.IRB = d.unit("irb", int(count(irb))); x.IRB == nil {
				l.problems.add(irb.pos, "add the unit to `interfaces`, or remove the line", "device %s: VLAN %s: there is no irb.%s", d.Name, name, irb.raw)
			}
		}
		byName[name] = x
		d.VLANs = append(d.VLANs, x)
	}
	for _, i := range d.Interfaces {
		l.makePort(d, i, v.get("interfaces", i.Name), byName, vlans.children())
	}
}

// makePort resolves the VLANs of a switch port.
func (l *loader) makePort(d *Device, i *Interface, n *node, vlans map[string]*VLAN, known []string) {
	find := func(name *node) *VLAN {
		if name == nil {
			return nil
		}
		if vlans[name.string()] == nil && !l.isBroken(l.files(d)...) {
			l.problems.add(name.pos, meant(name.string(), "VLANs", known), "device %s: %s: unknown VLAN %s", d.Name, i.Name, name.string())
		}
		return vlans[name.string()]
	}
	access, trunk, native := n.get("access"), n.get("trunk"), n.get("native_vlan")
	i.Access, i.Native = find(access), find(native)
	for _, e := range trunk.elements() {
		if x := find(e); x != nil {
			i.Trunk = append(i.Trunk, x)
		}
	}
	slices.SortFunc(i.Trunk, func(a, b *VLAN) int { return cmp.Compare(a.ID, b.ID) })
	switch {
	case access != nil && trunk != nil:
		l.problems.add(access.key, "keep one; `KEY: null` takes back what an earlier layer set", "device %s: %s is an access port and a trunk", d.Name, i.Name)
	case native != nil && trunk == nil:
		l.problems.add(native.key, "remove it, or set `trunk`", "device %s: %s has a native VLAN and is no trunk", d.Name, i.Name)
	case (access != nil || trunk != nil) && len(i.Units) > 0:
		l.problems.add(n.get("units").key, "addresses of a switch are on irb units", "device %s: %s is a switch port, it has no units of its own", d.Name, i.Name)
	}
}

// unit finds a logical interface; nil if there is none.
func (d *Device) unit(name string, number int) *Unit {
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			if i.Name == name && u.Number == number {
				return u
			}
		}
	}
	return nil
}

// makeZones reads the zones of a firewall and what may pass between them. It needs the interfaces.
func (l *loader) makeZones(d *Device, v *node) {
	zones := v.get("security_zones")
	zoneOf := map[string]string{}
	var known []string
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			known = append(known, fmt.Sprintf("%s.%d", i.Name, u.Number))
		}
	}
	for _, name := range zones.children() {
		n := zones.get(name)
		z := &Zone{Name: name, Interfaces: texts(n.get("interfaces")), Services: texts(n.get("services")), Protocols: texts(n.get("protocols"))}
		for _, e := range n.get("interfaces").elements() {
			switch first, twice := zoneOf[e.raw]; {
			case twice:
				l.problems.add(e.pos, "keep it in one of them", "device %s: %s is in zone %s and in zone %s", d.Name, e.raw, first, name)
			case e.raw != "lo0.0" && !slices.Contains(known, e.raw) && !l.isBroken(l.files(d)...):
				l.problems.add(e.pos, meant(e.raw, "it has", append(known, "lo0.0")), "device %s: zone %s: there is no interface %s", d.Name, name, e.raw)
			}
			zoneOf[e.raw] = name
		}
		d.Zones = append(d.Zones, z)
	}
	l.makeSecurityPolicies(d, v.get("security_policies"), zones.children())
}

func (l *loader) makeSecurityPolicies(d *Device, v *node, zones []string) {
	seen := map[string]*node{}
	for _, n := range v.elements() {
		p := SecurityPolicy{
			Name: n.get("name").string(), From: n.get("from").string(), To: n.get("to").string(),
			Source:       many(l, n.get("source"), parsePrefix),
			Destination:  many(l, n.get("destination"), parsePrefix),
			Applications: texts(n.get("applications")),
			Action:       n.get("action").string(), Log: n.get("log").isTrue(),
		}
		d.SecurityPolicies = append(d.SecurityPolicies, p)
		for _, key := range []string{"from", "to"} {
			if z := n.get(key); z != nil && !slices.Contains(zones, z.raw) && !l.isBroken(l.files(d)...) {
				l.problems.add(z.pos, meant(z.raw, "zones", zones), "device %s: security policy %s: unknown zone %s", d.Name, p.Name, z.raw)
			}
		}
		context := p.From + " to " + p.To + " " + p.Name // a name is unique from one zone to another
		if first := seen[context]; first != nil {
			l.problems.add(n.get("name").pos, "give it another name", "device %s: security policy %s from %s to %s is there twice, first on line %d", d.Name, p.Name, p.From, p.To, first.pos.line)
		}
		seen[context] = n
		for _, from := range p.Source {
			if slices.ContainsFunc(p.Destination, func(to netip.Prefix) bool { return to.Addr().Is4() == from.Addr().Is4() }) || len(p.Destination) == 0 {
				continue
			}
			l.problems.add(n.get("destination").pos, "give both the same family", "device %s: security policy %s: no destination is of the family of source %s", d.Name, p.Name, from)
		}
	}
}
