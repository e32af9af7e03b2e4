package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// files are those whose values a device has.
func (l *loader) files(d *Device) []*file {
	f := []*file{l.common, l.deviceFile(d.Name), l.roles[d.Role]}
	if d.Site == nil {
		return append(f, nil) // an unknown site has none
	}
	return append(f, l.sites[d.Site.Name])
}

// deviceFile finds a device's file, named with or without the domain.
func (l *loader) deviceFile(name string) *file {
	if f := l.devices[name]; f != nil {
		return f
	}
	return l.devices[name+"."+l.net.Domain]
}

// makeDevices merges and reads the devices.
func (l *loader) makeDevices() {
	for _, stem := range slices.Sorted(maps.Keys(l.devices)) {
		f := l.devices[stem]
		name := strings.TrimSuffix(stem, "."+l.net.Domain)
		if other := l.devices[name]; other != nil && other != f {
			l.problems.add(f.top(), "keep one of the two", "device %s has two files, the other is %s", name, other.name)
			continue
		}
		d := &Device{Name: name, FQDN: name + "." + l.net.Domain, Role: f.value().get("role").string()}
		l.net.Devices = append(l.net.Devices, d)
		if site := l.siteOf[f.value().get("site").string()]; site != nil {
			d.Site = site
			site.Devices = append(site.Devices, d)
		}
		l.checkDeviceReferences(d, f)
		v := l.merge(d, f)
		l.net.values[d] = v
		l.makeDevice(d, v)
	}
	slices.SortFunc(l.net.Devices, func(a, b *Device) int { return cmp.Compare(a.Name, b.Name) })
	l.reportMissing()
	for _, s := range l.net.Sites {
		slices.SortFunc(s.Devices, func(a, b *Device) int { return cmp.Compare(a.Name, b.Name) })
	}
	for _, d := range l.net.Devices {
		for _, peer := range l.net.Devices {
			if d.SpeaksBGP() && peer != d && peer.Role == d.Role && peer.Status != "planned" {
				d.InternalPeers = append(d.InternalPeers, peer)
			}
		}
	}
}

// withoutBGP are the roles whose shipped templates have no BGP: a switch, and the router of a management network.
var withoutBGP = []string{"access", "management"}

// SpeaksBGP says whether a device of its role has BGP sessions. Every role has but access and management; the sessions
// of the others need a loopback address.
func (d *Device) SpeaksBGP() bool { return !slices.Contains(withoutBGP, d.Role) }

// checkDeviceReferences wants the role and the site of a device to have files.
func (l *loader) checkDeviceReferences(d *Device, f *file) {
	for _, ref := range []struct {
		key   string
		files map[string]*file
	}{{"role", l.roles}, {"site", l.sites}} {
		n := f.value().get(ref.key)
		if n == nil || n.shape != text || ref.files[n.raw] != nil {
			continue
		}
		l.problems.add(n.pos, meant(n.raw, ref.key+"s", slices.Sorted(maps.Keys(ref.files))), "device %s: unknown %s %s, there is no %ss/%s.yaml", d.Name, ref.key, n.raw, ref.key, n.raw)
	}
}

// merge lays the layers of a device over each other: common < role < site < device, then the same of the private tree.
func (l *loader) merge(d *Device, f *file) *node {
	layers := []*file{l.common, l.roles[d.Role]}
	if d.Site != nil {
		layers = append(layers, l.sites[d.Site.Name])
	}
	layers = append(layers, f)
	v := l.common.public
	if v == nil {
		v = &node{shape: mapping}
	}
	for _, above := range layers[1:] {
		if above != nil && above.public != nil {
			v = overlay(v, above.public, &l.problems)
		}
	}
	for _, above := range layers {
		if above != nil && above.private != nil {
			v = overlay(v, above.private, &l.problems)
		}
	}
	if !l.isBroken(layers...) {
		l.checkJoined(v)
	}
	return v
}

// checkJoined validates the lists whose items were merged by key: an item of a layer may be a part, the whole may not.
func (l *loader) checkJoined(v *node) {
	for _, k := range v.children() {
		n := v.sub[k]
		if n.shape != list || n.rule.key == "" && !n.joined {
			continue
		}
		id := &node{shape: text, raw: "x"} // device.json wants these two
		root := &node{shape: mapping, pos: n.pos, keys: []string{"role", "site", k}, sub: map[string]*node{"role": id, "site": id, k: n}}
		validate("device.json", root, strictness{layered: true, whole: true}, &l.problems)
	}
}

// makeDevice reads the merged values of a device.
func (l *loader) makeDevice(d *Device, v *node) {
	f := l.deviceFile(d.Name)
	whole := !l.isBroken(l.files(d)...)
	need := func(where string, n *node, key string) *node {
		if got := n.get(key); got != nil || !whole {
			return got
		}
		at := f.top()
		if n != nil && n.pos.file == f.name && where != "" {
			at = n.key
		}
		l.missing[where+key] = append(l.missing[where+key], placed{d, at})
		return nil
	}
	d.Type = need("", v, "type").string()
	d.Status = need("", v, "status").string()
	loopback := v.get("loopback", "ipv4")
	if d.SpeaksBGP() { // its sessions end there
		loopback = need("loopback.", v.get("loopback"), "ipv4")
	}
	d.Loopback4 = one(l, loopback, parseAddr4)
	d.Loopback6 = one(l, v.get("loopback", "ipv6"), parseAddr6)
	d.RouterID = d.Loopback4
	if id := v.get("router_id"); id != nil {
		d.RouterID = one(l, id, parseAddr4)
		if d.RouterID != d.Loopback4 {
			l.take(d.RouterID, id.pos, "router id of "+d.Name)
		}
	}
	for key, addr := range map[string]netip.Addr{"ipv4": d.Loopback4, "ipv6": d.Loopback6} {
		if n := v.get("loopback", key); n != nil {
			l.take(addr, n.pos, "loopback of "+d.Name)
		}
	}
	l.makeManagement(d, v.get("management"), need)
	d.Transport = Speech(cmp.Or(v.get("transport").string(), string(NETCONF)))
	if lvs := v.get("lvs"); lvs != nil && d.SpeaksBGP() { // set for all routers, it is nothing to a switch
		d.LVS.PeerASN = ASN(count(need("lvs.", lvs, "peer_asn")))
		if n := lvs.get("peer_asn"); n != nil && d.LVS.PeerASN == l.net.ASN && d.LVS.PeerASN != 0 {
			l.problems.add(n.pos, "the directors have an AS of their own: their sessions are external", "lvs.peer_asn is our own AS number %d", l.net.ASN)
		}
		d.LVS.HoldTimeSeconds = uint16(one(l, need("lvs.", lvs, "hold_time"), parseHoldTime).Seconds())
		d.LVS.PrefixLimit = uint32(count(need("lvs.", lvs, "prefix_limit")))
		d.LVS.TeardownPercent = uint8(count(need("lvs.", lvs, "teardown_percent")))
		d.LVS.Multipath = lvs.get("multipath").isTrue()
		d.LVS.GracefulShutdown = lvs.get("gshut").isTrue()
		d.LVS.BFD = l.bfd(lvs.get("bfd"), "lvs.bfd.", need)
		d.LVS.Auth = l.auth(d, lvs.get("auth"), "lvs.auth.", need)
		if d.Site != nil {
			d.LVS.Neighbors = d.Site.Directors
		}
	}
	d.NTPServers = many(l, v.get("ntp_servers"), parseAddr)
	d.NameServers = many(l, v.get("name_servers"), parseAddr)
	d.SyslogHosts = many(l, v.get("syslog_hosts"), parseAddr)
	for _, r := range v.get("static_routes").elements() {
		d.StaticRoutes = append(d.StaticRoutes, l.staticRoute(r))
	}
	l.makeInterfaces(d, v.get("interfaces"), need)
	l.checkSubnets(d, v.get("interfaces"))
	l.checkFiltered(d, v)
	l.checkStaticRoutes(d, v.get("static_routes"))
	l.makeUsers(d, v.get("users"), need)
	l.makeTransits(d, v, whole, need)
	l.makeRouting(d, v, need)
	l.makeVLANs(d, v, need)
	l.makeZones(d, v)
	l.makePolicies(d, v)
	l.makeChecks(d, v)
}

// needed asks for a key below a node; where is the node's own key with a dot, for the message.
type needed func(where string, n *node, key string) *node

// placed is a device with the place that a problem of it is reported at.
type placed struct {
	device *Device
	at     position
}

// reportMissing reports the keys that no layer sets, each once: a default that is missing is missing for many devices.
func (l *loader) reportMissing() {
	for _, key := range slices.Sorted(maps.Keys(l.missing)) {
		first := l.missing[key][0]
		var names []string
		for _, p := range l.missing[key] {
			names = append(names, p.device.Name)
		}
		homes := strings.NewReplacer("NAME", first.device.Name, "ROLE", first.device.Role, "SITE", first.device.Site.Name).Replace(schemas().homes(topKey(key)))
		l.problems.add(first.at, "set it in "+homes, "missing key `%s`, no layer sets it for %s", key, some(names))
	}
}

// topKey is the first word of a dotted key.
func topKey(key string) string {
	first, _, _ := strings.Cut(key, ".")
	return first
}

func (l *loader) makeManagement(d *Device, v *node, need needed) {
	addr := need("management.", v, "address")
	d.Management = Management{
		Interface: need("management.", v, "interface").string(),
		Address:   one(l, addr, parseInterfaceAddress),
		Gateway:   one(l, v.get("gateway"), parseAddr),
	}
	if addr != nil {
		l.take(d.Management.Address.Addr(), addr.pos, "management address of "+d.Name)
	}
	if gw := v.get("gateway"); gw != nil && d.Management.Gateway.IsValid() && d.Management.Address.IsValid() && !d.Management.Address.Contains(d.Management.Gateway) {
		l.problems.add(gw.pos, "the gateway must be a neighbour", "the management gateway %s lies outside of %s", d.Management.Gateway, d.Management.Address.Masked())
	}
}

func (l *loader) staticRoute(v *node) StaticRoute {
	r := StaticRoute{Prefix: one(l, v.get("prefix"), parsePrefix), NextHop: one(l, v.get("next_hop"), parseAddr)}
	if r.Prefix.IsValid() && r.NextHop.IsValid() && r.Prefix.Addr().Is4() != r.NextHop.Is4() {
		l.problems.add(v.get("next_hop").pos, "", "static route %s: the next hop %s is of the other family", r.Prefix, r.NextHop)
	}
	return r
}

func (l *loader) makeInterfaces(d *Device, v *node, need needed) {
	for _, name := range v.children() {
		in := v.get(name)
		i := &Interface{Name: name, Description: in.get("description").string(), MTU: uint16(count(in.get("mtu")))}
		if name == d.Management.Interface {
			l.problems.add(in.key, "set its address in `management`", "device %s: %s is the management interface", d.Name, name)
		}
		units := in.get("units")
		for _, number := range units.children() {
			i.Units = append(i.Units, l.makeUnit(d, i, number, units.get(number), need))
		}
		l.checkTagging(d, i, in)
		d.Interfaces = append(d.Interfaces, i)
	}
}

func (l *loader) makeUnit(d *Device, i *Interface, number string, v *node, need needed) *Unit {
	where := fmt.Sprintf("interfaces.%s.units.%s.", i.Name, number)
	n, err := strconv.Atoi(number)
	if err != nil && !l.broken[v.pos.file] {
		l.problems.add(v.key, "", "device %s: %s%q is no unit number", d.Name, where, number)
	}
	u := &Unit{
		Number:      n,
		Description: v.get("description").string(),
		Kind:        InterfaceKind(need(where, v, "kind").string()),
		VLAN:        uint16(count(v.get("vlan"))),
		Metric:      uint16(count(v.get("metric"))),
		Filters:     attached(v.get("filters")),
	}
	for _, e := range v.get("addresses").elements() {
		p := one(l, e, parseInterfaceAddress)
		if !p.IsValid() {
			continue
		}
		u.Addresses = append(u.Addresses, p)
		l.take(p.Addr(), e.pos, fmt.Sprintf("%s.%d of %s", i.Name, n, d.Name))
	}
	byFamily(u.Addresses)
	return u
}

// checkTagging: a physical interface is either tagged, with a VLAN of its own for each unit, or has unit 0 alone.
func (l *loader) checkTagging(d *Device, i *Interface, v *node) {
	seen := map[uint16]int{}
	for _, u := range i.Units {
		n := v.get("units", strconv.Itoa(u.Number))
		if n == nil {
			continue
		}
		where := fmt.Sprintf("device %s: %s unit %d", d.Name, i.Name, u.Number)
		switch first, twice := seen[u.VLAN]; {
		case u.VLAN == 0 && i.Name == "irb":
			continue
		case u.VLAN == 0 && u.Number != 0:
			l.problems.add(n.key, "give it a `vlan`, or make it unit 0", "%s is untagged, only unit 0 can be", where)
		case u.VLAN == 0 && len(i.Units) > 1:
			l.problems.add(n.key, "give every unit a `vlan`", "%s is untagged beside other units", where)
		case twice:
			l.problems.add(n.key, "give it a VLAN of its own", "%s has VLAN %d, and so has unit %d", where, u.VLAN, first)
		}
		seen[u.VLAN] = u.Number
	}
}

func (l *loader) makeUsers(d *Device, v *node, need needed) {
	uids := map[int]string{}
	for _, name := range v.children() {
		n := v.get(name)
		where := "users." + name + "."
		u := User{
			Name:    name,
			UID:     int(count(need(where, n, "uid"))),
			Class:   need(where, n, "class").string(),
			SSHKeys: many(l, n.get("ssh_keys"), parseSSHKey),

			Password: l.secret(d, where+"password", n.get("password")),
		}
		if first, ok := uids[u.UID]; ok && u.UID != 0 {
			l.problems.add(n.get("uid").pos, "give each a uid of their own", "users %s and %s have the same uid %d", first, name, u.UID)
		}
		uids[u.UID] = name
		d.Users = append(d.Users, u)
	}
	slices.SortFunc(d.Users, func(a, b User) int { return cmp.Compare(a.Name, b.Name) })
}

// makeTransits resolves the device's external peers and checks that each is a neighbour on a border interface.
func (l *loader) makeTransits(d *Device, v *node, whole bool, need needed) {
	transits := v.get("transits")
	if transits != nil && !d.SpeaksBGP() {
		l.problems.add(transits.key, "move them to a router, or give the device a role that has BGP", "device %s: role %s has no BGP, and transits are BGP sessions", d.Name, d.Role)
		return
	}
	providers := l.common.value().get("providers")
	seen := map[netip.Addr]bool{}
	for _, key := range transits.children() {
		n := transits.get(key)
		addr, err := parseAddr(key)
		if err != nil {
			continue // the schema checks keys
		}
		if seen[addr] {
			l.problems.add(n.key, "keep one of the two", "device %s: transit peer %s is here twice, spelled differently", d.Name, addr)
			continue
		}
		seen[addr] = true
		name := n.get("provider")
		provider := providers.get(name.string())
		if name != nil && provider == nil && !l.common.broken {
			l.problems.add(name.pos, meant(name.raw, "providers", providers.children()), "device %s: unknown provider %s", d.Name, name.raw)
		}
		p := &Peer{Name: name.string(), Addr: addr, ASN: ASN(count(provider.get("asn"))), PrefixLimit: uint32(count(provider.get("prefix_limit")))}
		if limit := n.get("prefix_limit"); limit != nil {
			p.PrefixLimit = uint32(count(limit))
		}
		p.BFD = l.bfd(n.get("bfd"), "transits."+key+".bfd.", need)
		p.Auth = l.auth(d, n.get("auth"), "transits."+key+".auth.", need)
		d.Transits = append(d.Transits, p)
		l.take(addr, n.key, "transit peer of "+d.Name)
		if provider != nil && l.net.ASN != 0 && p.ASN == l.net.ASN {
			l.problems.add(provider.get("asn").pos, "a provider is another network, correct the number", "provider %s has our own AS number %d", p.Name, p.ASN)
		}
	}
	slices.SortFunc(d.Transits, func(a, b *Peer) int { return a.Addr.Compare(b.Addr) })
	if whole {
		l.checkPeers(d, transits, v.get("interfaces"))
	}
}

// checkPeers: transit peers are direct neighbours, behind the border's filters.
func (l *loader) checkPeers(d *Device, transits, interfaces *node) {
	connected := map[netip.Addr]bool{}
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			var here []string
			for _, p := range d.Transits {
				if slices.ContainsFunc(u.Addresses, func(a netip.Prefix) bool { return a.Contains(p.Addr) }) {
					connected[p.Addr] = true
					here = append(here, p.Addr.String())
				}
			}
			if kind := interfaces.get(i.Name, "units", strconv.Itoa(u.Number), "kind"); u.Kind != Border && len(here) > 0 && kind != nil {
				l.problems.add(kind.pos, "make it border: without border-in4/6 nothing looks at what a peer sends",
					"device %s: %s.%d is of kind %s, but transit peers are on it: %s", d.Name, i.Name, u.Number, u.Kind, some(here))
			}
		}
	}
	for _, key := range transits.children() {
		if addr, err := parseAddr(key); err == nil && !connected[addr] {
			l.problems.add(transits.get(key).key, "give an interface an address in the peer's subnet, or correct the peer", "device %s: transit peer %s lies in no connected subnet", d.Name, addr)
		}
	}
}

// connects says whether an address lies in the subnet of one of the device's interfaces.
func (d *Device) connects(a netip.Addr) bool {
	for _, i := range d.Interfaces {
		for _, u := range i.Units {
			if slices.ContainsFunc(u.Addresses, func(p netip.Prefix) bool { return p.Contains(a) }) {
				return true
			}
		}
	}
	return false
}
