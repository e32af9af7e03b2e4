package templates

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"rhapsode/inventory"
	"rhapsode/policies"
)

// chosen are the names of what a device's files of policies hold beside what is shipped: the templates place them.
type chosen struct {
	Filters4, Filters6             []string
	Communities, ASPaths, Policies []string
	Security                       string // the hierarchies security and applications; empty: none
}

// policyFiles are the files of policies and definitions of a network, parsed, with the names that all its devices share.
type policyFiles struct {
	data        *policies.Data
	definitions *policies.Definitions
	tokens      []fact
}

// policyCache keeps the files of the network that was rendered last: devices of one are rendered one after the other.
type policyCache struct {
	mu    sync.Mutex
	net   *inventory.Network
	files *policyFiles
	err   error
}

// of parses the files of a network, or gives what it has of them. A nil cache keeps nothing.
func (c *policyCache) of(net *inventory.Network) (*policyFiles, error) {
	if c == nil {
		return parsePolicies(net)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net != net {
		c.net = net
		c.files, c.err = parsePolicies(net)
	}
	return c.files, c.err
}

func parsePolicies(net *inventory.Network) (*policyFiles, error) {
	read := func(list []inventory.DataFile) []policies.File {
		var out []policies.File
		for _, f := range list {
			out = append(out, policies.File{Name: f.Name, Data: f.Data})
		}
		return out
	}
	definitions, err := policies.ParseDefinitions(read(net.DefinitionFiles))
	if err != nil {
		return nil, err
	}
	data, err := policies.ParseData(read(net.PolicyFiles))
	if err != nil {
		return nil, err
	}
	return &policyFiles{data, definitions, networkTokens(net)}, nil
}

// choose builds what the device's files of policies hold, and puts it beside or in the place of what is shipped. facts
// are those that went into each object, for objects of explain.go.
func (l *library) choose(files *policyFiles) error {
	net, dev := l.page.Network, l.page.Device
	if len(dev.Policies) > 0 {
		tokens := slices.Concat(files.tokens, deviceTokens(dev))
		plain := make([]policies.Token, len(tokens))
		for i, t := range tokens {
			plain[i] = t.Token
		}
		definitions, err := files.definitions.With(plain)
		if err != nil {
			return err
		}
		vars, err := variables(net, dev)
		if err != nil {
			return err
		}
		c, err := files.data.Build(dev.Policies, policies.Environment{Definitions: definitions, Vars: vars, Have: l.set})
		if err != nil {
			return err
		}
		l.set, l.uses, l.tokens = c.Set, c.Uses, tokens
		l.page.Chosen = chosenOf(c)
	}
	return l.checkAttached()
}

func chosenOf(c *policies.Chosen) chosen {
	var out chosen
	for _, f := range c.Added.Filters {
		if f.Family == policies.Inet6 {
			out.Filters6 = append(out.Filters6, f.Name)
		} else {
			out.Filters4 = append(out.Filters4, f.Name)
		}
	}
	for _, x := range c.Added.Communities {
		out.Communities = append(out.Communities, x.Name)
	}
	for _, x := range c.Added.ASPaths {
		out.ASPaths = append(out.ASPaths, x.Name)
	}
	for _, x := range c.Added.Policies {
		out.Policies = append(out.Policies, x.Name)
	}
	if c.Security != nil {
		out.Security = strings.TrimSpace(c.Security.Text())
	}
	return out
}

// variables are the values of ${NAME}: those of the inventory's `vars`, and what the device is.
func variables(net *inventory.Network, dev *inventory.Device) (map[string][]string, error) {
	out := map[string][]string{
		"hostname": {dev.Name}, "fqdn": {dev.FQDN}, "role": {dev.Role}, "site": {dev.Site.Name}, "asn": {fmt.Sprint(net.ASN)},
	}
	if dev.Loopback4.IsValid() {
		out["loopback4"] = []string{dev.Loopback4.String()}
	}
	if dev.Loopback6.IsValid() {
		out["loopback6"] = []string{dev.Loopback6.String()}
	}
	for name, v := range dev.Vars {
		if _, ok := out[name]; ok {
			return nil, fmt.Errorf("%svariable %s is one that every device has: choose another name", whereSet(net, dev, "vars."+name), name)
		}
		out[name] = v
	}
	return out, nil
}

// whereSet is the place of a value with a colon, for a message; empty where the network does not know.
func whereSet(net *inventory.Network, dev *inventory.Device, key string) string {
	chain, err := net.Where(key, dev)
	if err != nil || len(chain) == 0 {
		return ""
	}
	last := chain[len(chain)-1]
	return fmt.Sprintf("%s:%d:%d: ", last.File, last.Line, last.Column)
}

// checkAttached reports filters that interfaces name and the device does not have, in any family.
func (l *library) checkAttached() error {
	dev := l.page.Device
	check := func(key string, f *inventory.AttachedFilters) error {
		if f == nil {
			return nil
		}
		for way, names := range map[string][]string{"input": f.Input, "output": f.Output} {
			for _, n := range names {
				if l.set.FilterFor(n, policies.Inet) == nil && l.set.FilterFor(n, policies.Inet6) == nil {
					return fmt.Errorf("%sthere is no filter %s on %s (there are %s)", whereSet(l.page.Network, dev, key+"."+way), n, dev.Name, filterNames(l.set))
				}
			}
		}
		return nil
	}
	if err := check("loopback_filters", dev.LoopbackFilters); err != nil {
		return err
	}
	for _, i := range dev.Interfaces {
		for _, u := range i.Units {
			if err := check(fmt.Sprintf("interfaces.%s.units.%d.filters", i.Name, u.Number), u.Filters); err != nil {
				return err
			}
		}
	}
	return nil
}

func filterNames(s *policies.Set) string {
	var names []string
	for _, f := range s.Filters {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// attached are the statements that put filters on an interface unit, by family.
type attached struct{ V4, V6 []string }

// attaching makes the function that a template asks for the filters of a unit: those that its kind brings along, or in
// their place those that it names. kind may be empty: lo0 has none.
func attaching(set *policies.Set) func(kind inventory.InterfaceKind, own *inventory.AttachedFilters) (attached, error) {
	return func(kind inventory.InterfaceKind, own *inventory.AttachedFilters) (attached, error) {
		var out attached
		usual := ""
		if kind != "" {
			var err error
			if usual, err = filters(kind); err != nil {
				return out, err
			}
		}
		for f, into := range map[policies.Family]*[]string{policies.Inet: &out.V4, policies.Inet6: &out.V6} {
			switch {
			case own != nil && len(own.Input) > 0:
				*into = append(*into, attach(set, "input", own.Input, f)...)
			case usual != "":
				*into = append(*into, "input "+usual+f.Digit())
			}
			if own != nil {
				*into = append(*into, attach(set, "output", own.Output, f)...)
			}
		}
		return out, nil
	}
}

// attach is the statement for filters in one direction, of those that there are in the family.
func attach(set *policies.Set, way string, names []string, f policies.Family) []string {
	var found []string
	for _, n := range names {
		if x := set.FilterFor(n, f); x != nil {
			found = append(found, quote(x.Name))
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return []string{way + " " + found[0]}
	}
	return []string{way + "-list [ " + strings.Join(found, " ") + " ]"}
}

// fact is a name that policies may use, with the facts that it is made of.
type fact struct {
	policies.Token
	of func(*keyer) []ref
}

// factList gathers names; a name that is added again goes on.
type factList struct {
	list []fact
	at   map[string]int
}

func (l *factList) add(name, origin string, of func(*keyer) []ref, addrs ...netip.Addr) {
	i, ok := l.at[name]
	if !ok {
		i = len(l.list)
		l.at[name] = i
		l.list = append(l.list, fact{Token: policies.Token{Name: name, Origin: origin + " of the inventory", HasAddresses: true}})
	}
	t := &l.list[i]
	for _, a := range addrs {
		if a.IsValid() {
			t.Addresses = append(t.Addresses, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	if before := t.of; before != nil {
		t.of = func(k *keyer) []ref { return append(before(k), of(k)...) }
	} else {
		t.of = of
	}
}

func (l *factList) addPrefixes(name, origin string, of func(*keyer) []ref, list []netip.Prefix) {
	l.add(name, origin, of)
	t := &l.list[l.at[name]]
	t.Addresses = append(t.Addresses, list...)
}

// networkTokens are the names that every device knows: docs/policies.md lists them.
func networkTokens(net *inventory.Network) []fact {
	l := &factList{at: map[string]int{}}
	none := func(*keyer) []ref { return nil }
	l.addPrefixes("own-space", "own-space", func(k *keyer) []ref { return k.of(net, "Prefixes") }, net.Prefixes)
	for _, all := range []string{"routers", "directors", "ping-hosts", "vips", "service-prefixes", "management"} {
		l.add(all, all, none)
		for _, s := range net.Sites {
			l.add(all+"."+s.Name, all+" at "+s.Name, none)
		}
	}
	for _, d := range net.Devices {
		loopbacks := func(k *keyer) []ref { return slices.Concat(k.of(d, "Loopback4"), k.of(d, "Loopback6")) }
		l.add(d.Name, "router "+d.Name, loopbacks, d.Loopback4, d.Loopback6)
		managed := func(*keyer) []ref { return managementRef(d) }
		for _, name := range of(d.Site, "routers") {
			l.add(name, name, loopbacks, d.Loopback4, d.Loopback6)
		}
		for _, name := range of(d.Site, "management") {
			if d.Management.Address.IsValid() {
				l.addPrefixes(name, name, managed, []netip.Prefix{d.Management.Address.Masked()})
			}
		}
	}
	for _, h := range net.Hosts {
		addresses := func(k *keyer) []ref {
			return slices.Concat(k.of(h, "Addr4"), k.of(h, "Addr6"), k.of(h, "Kind"))
		}
		group := map[inventory.HostKind]string{inventory.Director: "directors", inventory.PingHost: "ping-hosts"}[h.Kind]
		for _, name := range append(of(h.Site, group), h.Name) {
			l.add(name, "host "+h.Name, addresses, h.Addr4, h.Addr6)
		}
	}
	for _, s := range net.Sites {
		for _, name := range of(s, "service-prefixes") {
			l.addPrefixes(name, name, func(k *keyer) []ref { return k.of(s, "ServicePrefixes") }, s.ServicePrefixes)
		}
	}
	for _, s := range net.Services {
		l.service(s)
	}
	return l.list
}

// managementRef is the management address of a device, which need not be the one that is rendered.
func managementRef(d *inventory.Device) []ref {
	return []ref{{device: d, key: "management.address", text: d.Management.Address.String()}}
}

// service adds the addresses and the port of a service.
func (l *factList) service(s *inventory.Service) {
	all := "service." + s.Name
	l.add(all, "service "+s.Name, func(k *keyer) []ref { return slices.Concat(k.of(s, "Port"), k.of(s, "Protocol")) })
	for _, v := range s.VIPs {
		address := func(k *keyer) []ref {
			return slices.Concat(k.of(v, "Addr"), k.of(v.Service, "Port"), k.of(v.Service, "Protocol"))
		}
		for _, name := range append(of(v.Site, "vips"), all, all+"."+v.Site.Name) {
			l.add(name, "service "+s.Name, address, v.Addr)
		}
	}
	if s.Port == 0 {
		return
	}
	for i := range l.list {
		if t := &l.list[i]; t.Name == all || strings.HasPrefix(t.Name, all+".") {
			protocol := cmp.Or(s.Protocol, "tcp")
			t.Ports = []policies.Port{{Protocol: protocol, Range: policies.Range{Lo: uint32(s.Port), Hi: uint32(s.Port)}}}
		}
	}
}

// of are the names of a group: of all sites, and of one.
func of(site *inventory.Site, group string) []string {
	if site == nil {
		return []string{group}
	}
	return []string{group, group + "." + site.Name}
}

// deviceTokens are the names that mean something else on every device.
func deviceTokens(dev *inventory.Device) []fact {
	l := &factList{at: map[string]int{}}
	none := func(*keyer) []ref { return nil }
	for _, name := range []string{"bgp-neighbors", "transit-peers", "own-addresses"} {
		l.add(name, name, none)
	}
	for _, p := range dev.Transits {
		peer := func(k *keyer) []ref { return slices.Concat(k.of(dev, "Transits"), k.of(p, "Addr")) }
		l.add("transit-peers", "", peer, p.Addr)
		l.add("bgp-neighbors", "", peer, p.Addr)
	}
	for _, d := range dev.InternalPeers {
		l.add("bgp-neighbors", "", func(k *keyer) []ref {
			return slices.Concat(k.of(dev, "InternalPeers"), k.of(d, "Loopback4"), k.of(d, "Loopback6"))
		}, d.Loopback4, d.Loopback6)
	}
	if dev.LVS.PeerASN != 0 {
		for _, h := range dev.LVS.Neighbors {
			l.add("bgp-neighbors", "", func(k *keyer) []ref { return slices.Concat(k.of(dev.LVS, "Neighbors"), k.of(h, "Addr4")) }, h.Addr4)
		}
	}
	l.add("own-addresses", "", func(k *keyer) []ref {
		return slices.Concat(k.of(dev, "Loopback4"), k.of(dev, "Loopback6"), managementRef(dev))
	}, dev.Loopback4, dev.Loopback6, dev.Management.Address.Addr())
	for _, i := range dev.Interfaces {
		for _, u := range i.Units {
			for _, a := range u.Addresses {
				l.add("own-addresses", "", func(k *keyer) []ref { return k.of(u, "Addresses") }, a.Addr())
			}
		}
	}
	for name, list := range map[string][]netip.Addr{"ntp-servers": dev.NTPServers, "name-servers": dev.NameServers, "syslog-hosts": dev.SyslogHosts} {
		field := map[string]string{"ntp-servers": "NTPServers", "name-servers": "NameServers", "syslog-hosts": "SyslogHosts"}[name]
		l.add(name, name, func(k *keyer) []ref { return k.of(dev, field) }, list...)
	}
	return l.list
}

// chosenRefs says what the objects of the device's files of policies are made of, by the names of objects of explain.go.
func (p *page) chosenRefs(k *keyer) map[string][]ref {
	tokens := map[string]func(*keyer) []ref{}
	for _, t := range p.tokens {
		tokens[t.Name] = t.of
	}
	built := map[string][]ref{
		"site": k.of(p.Device, "Site"), "role": k.of(p.Device, "Role"), "asn": k.of(p.Network, "ASN"),
		"hostname": k.of(p.Device, "Name"), "fqdn": k.of(p.Device, "FQDN"),
		"loopback4": k.of(p.Device, "Loopback4"), "loopback6": k.of(p.Device, "Loopback6"),
	}
	out := map[string][]ref{}
	for object, uses := range p.uses {
		refs := k.of(p.Device, "Policies")
		for _, name := range uses.Tokens {
			if of := tokens[name]; of != nil {
				refs = append(refs, of(k)...)
			}
		}
		for _, name := range uses.Vars {
			if r, ok := built[name]; ok {
				refs = append(refs, r...)
				continue
			}
			refs = append(refs, ref{device: p.Device, key: "vars." + name})
		}
		out[object] = refs
	}
	return out
}
