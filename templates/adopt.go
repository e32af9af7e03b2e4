package templates

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rhapsode/diffs/junos"
)

// AdoptOptions says what a configuration does not tell. Empty fields are guessed where that is possible.
type AdoptOptions struct {
	Name     string // cr1.ams; empty: the host name, without the domain
	Domain   string // empty: system domain-name
	Site     string // empty: what follows the last dot or hyphen of the name
	Role     string // empty: core
	Type     string // the hardware model; empty: unknown
	ASN      uint32 // 0: routing-options autonomous-system
	LVSGroup string // the BGP group of the directors; empty: PyBal
}

// Adopted is what Adopt read: facts in the shape of the inventory's files, to be written as YAML.
type Adopted struct {
	Name   string // of the device
	Site   string
	Role   string
	Common AdoptedCommon
	Shared AdoptedSite
	Device AdoptedDevice
	Notes  []string // what was assumed, and what could not be taken over
}

// The files of an inventory, with the keys that Adopt fills. inventory/schema says what each means.
type (
	// AdoptedCommon is what common.yaml needs.
	AdoptedCommon struct {
		Domain    string                     `yaml:"domain"`
		ASN       uint32                     `yaml:"asn"`
		Prefixes  []netip.Prefix             `yaml:"prefixes,flow"`
		Providers map[string]AdoptedProvider `yaml:"providers,omitempty"`
	}
	// AdoptedProvider is a network that transit is bought from.
	AdoptedProvider struct {
		ASN         uint32 `yaml:"asn"`
		PrefixLimit uint32 `yaml:"prefix_limit"`
	}
	// AdoptedSite is what sites/SITE.yaml needs.
	AdoptedSite struct {
		ServicePrefixes []netip.Prefix         `yaml:"service_prefixes,omitempty"`
		Hosts           map[string]AdoptedHost `yaml:"hosts,omitempty"`
	}
	// AdoptedHost is a director.
	AdoptedHost struct {
		Kind string     `yaml:"kind"`
		IPv4 netip.Addr `yaml:"ipv4"`
		MED  uint32     `yaml:"med"`
	}
	// AdoptedDevice is devices/NAME.yaml.
	AdoptedDevice struct {
		Role         string                      `yaml:"role"`
		Site         string                      `yaml:"site"`
		Type         string                      `yaml:"type"`
		Status       string                      `yaml:"status"`
		RouterID     string                      `yaml:"router_id,omitempty"`
		Loopback     AdoptedLoopback             `yaml:"loopback"`
		Management   AdoptedManagement           `yaml:"management"`
		Interfaces   map[string]AdoptedInterface `yaml:"interfaces,omitempty"`
		Transits     map[string]AdoptedTransit   `yaml:"transits,omitempty"`
		LVS          *AdoptedLVS                 `yaml:"lvs,omitempty"`
		Users        map[string]AdoptedUser      `yaml:"users,omitempty"`
		NTPServers   []netip.Addr                `yaml:"ntp_servers,omitempty,flow"`
		NameServers  []netip.Addr                `yaml:"name_servers,omitempty,flow"`
		SyslogHosts  []netip.Addr                `yaml:"syslog_hosts,omitempty,flow"`
		StaticRoutes []AdoptedRoute              `yaml:"static_routes,omitempty"`
	}
	// AdoptedLoopback is the addresses of lo0.
	AdoptedLoopback struct {
		IPv4 string `yaml:"ipv4,omitempty"`
		IPv6 string `yaml:"ipv6,omitempty"`
	}
	// AdoptedManagement is how the device is reached.
	AdoptedManagement struct {
		Interface string `yaml:"interface,omitempty"`
		Address   string `yaml:"address,omitempty"`
	}
	// AdoptedInterface is a physical interface.
	AdoptedInterface struct {
		Description string              `yaml:"description,omitempty"`
		MTU         uint16              `yaml:"mtu,omitempty"`
		Units       map[int]AdoptedUnit `yaml:"units,omitempty"`
	}
	// AdoptedUnit is a logical interface.
	AdoptedUnit struct {
		Description string         `yaml:"description,omitempty"`
		Kind        string         `yaml:"kind"`
		VLAN        uint16         `yaml:"vlan,omitempty"`
		Addresses   []netip.Prefix `yaml:"addresses,omitempty,flow"`
		Metric      uint16         `yaml:"metric,omitempty"`
	}
	// AdoptedTransit is an external BGP peer.
	AdoptedTransit struct {
		Provider    string `yaml:"provider"`
		PrefixLimit uint32 `yaml:"prefix_limit,omitempty"`
	}
	// AdoptedLVS is the directors' BGP sessions.
	AdoptedLVS struct {
		PeerASN         uint32 `yaml:"peer_asn"`
		HoldTime        string `yaml:"hold_time"`
		PrefixLimit     uint32 `yaml:"prefix_limit"`
		TeardownPercent uint8  `yaml:"teardown_percent"`
	}
	// AdoptedUser is a login.
	AdoptedUser struct {
		UID     int      `yaml:"uid"`
		Class   string   `yaml:"class"`
		SSHKeys []string `yaml:"ssh_keys,omitempty"`
	}
	// AdoptedRoute is a static route; without a next hop it discards.
	AdoptedRoute struct {
		Prefix  netip.Prefix `yaml:"prefix"`
		NextHop string       `yaml:"next_hop,omitempty"`
	}
)

// Adopt is the reverse of Render as far as there is one: it reads the facts of a device out of its configuration.
// What a configuration doesn't tell (the services behind VIPs, the other routers, a director's MED) is not in the
// result; a note says so where it matters. What is inactive is left out. running is not changed.
//
// The error says which option is needed where something necessary can't be guessed.
func Adopt(running *junos.Tree, o AdoptOptions) (*Adopted, error) {
	tree, err := running.Inherited() // what groups give is as good as what stands in place
	if err != nil {
		return nil, fmt.Errorf("apply groups: %w", err)
	}
	a := &adopter{config: newWordTree(tree), options: o, out: &Adopted{}}
	if err := a.identity(); err != nil {
		return nil, err
	}
	a.inactive(tree)
	a.system()
	a.loopback()
	a.routing()
	a.bgp()
	a.interfaces()
	a.prefixes()
	return a.out, nil
}

// wordTree is a configuration as its set lines, word by word: what follows a path is a look-up, whatever the schema
// takes each word for.
type wordTree struct {
	words []string // what follows, in the order of the configuration
	next  map[string]*wordTree
}

// newWordTree reads a configuration without what is inactive in it.
func newWordTree(t *junos.Tree) *wordTree {
	active := t.Clone()
	dropInactive(active.Root)
	root := &wordTree{}
	for line := range strings.Lines(active.Set()) {
		words, err := junos.SplitWords(strings.TrimSuffix(line, "\n"))
		if err != nil || len(words) == 0 || words[0] != "set" {
			continue
		}
		at := root
		for _, w := range words[1:] {
			at = at.step(w)
		}
	}
	return root
}

// inactive notes what is left out because it is inactive.
func (a *adopter) inactive(t *junos.Tree) {
	junos.Walk(t.Root, func(path []string, n *junos.Node) bool {
		if n.Inactive {
			a.note("%s is inactive and left out", strings.Join(path, " "))
		}
		return !n.Inactive
	})
}

func dropInactive(n *junos.Node) {
	n.Children = slices.DeleteFunc(n.Children, func(c *junos.Node) bool { return c.Inactive })
	for _, c := range n.Children {
		dropInactive(c)
	}
}

func (t *wordTree) step(w string) *wordTree {
	if t.next[w] == nil {
		if t.next == nil {
			t.next = map[string]*wordTree{}
		}
		t.next[w] = &wordTree{}
		t.words = append(t.words, w)
	}
	return t.next[w]
}

// at is what follows a path; nil where there is no such path, of which all else can be asked too.
func (t *wordTree) at(path ...string) *wordTree {
	for _, w := range path {
		if t == nil {
			return nil
		}
		t = t.next[w]
	}
	return t
}

// all are the words that follow a path.
func (t *wordTree) all(path ...string) []string {
	if t = t.at(path...); t == nil {
		return nil
	}
	return t.words
}

// value is the first word that follows a path; "" if there is none.
func (t *wordTree) value(path ...string) string {
	if all := t.all(path...); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (t *wordTree) has(path ...string) bool { return t.at(path...) != nil }

// number is the value at a path as a number in 1 to most; 0 if it is none.
func (t *wordTree) number(most uint64, path ...string) uint64 {
	n, err := strconv.ParseUint(t.value(path...), 10, 64)
	if err != nil || n > most {
		return 0
	}
	return n
}

// addresses are the words that follow a path, those that are addresses.
func (t *wordTree) addresses(path ...string) []netip.Addr {
	var out []netip.Addr
	for _, w := range t.all(path...) {
		if a, err := netip.ParseAddr(w); err == nil && a.Zone() == "" && !a.Is4In6() {
			out = append(out, a)
		}
	}
	return out
}

type adopter struct {
	config  *wordTree
	options AdoptOptions
	out     *Adopted
}

func (a *adopter) note(format string, args ...any) {
	a.out.Notes = append(a.out.Notes, fmt.Sprintf(format, args...))
}

var (
	deviceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	plainName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)
	notInName  = regexp.MustCompile(`[^a-z0-9]+`)
)

// slug makes a name of a text; it may be empty.
func slug(text string) string {
	return strings.Trim(notInName.ReplaceAllString(strings.ToLower(text), "-"), "-")
}

// identity finds out what the device is called and where it belongs.
func (a *adopter) identity() error {
	o, out := a.options, a.out
	out.Common.Domain = strings.ToLower(cmp.Or(o.Domain, a.config.value("system", "domain-name")))
	if out.Common.Domain == "" {
		return errors.New("the configuration has no domain-name: give --domain")
	}
	host := strings.ToLower(cmp.Or(o.Name, a.config.value("system", "host-name")))
	out.Name = strings.TrimSuffix(host, "."+out.Common.Domain)
	if !deviceName.MatchString(out.Name) {
		return fmt.Errorf("%q is no name for a device (lower-case letters, digits, hyphens and dots): give --name", host)
	}
	cut := strings.LastIndexAny(out.Name, ".-")
	out.Site = o.Site
	if out.Site == "" && cut >= 0 {
		out.Site = out.Name[cut+1:]
	}
	if !plainName.MatchString(out.Site) {
		return fmt.Errorf("the name %q tells no site: give --site", out.Name)
	}
	out.Role = cmp.Or(o.Role, "core")
	out.Common.ASN = cmp.Or(o.ASN, uint32(a.config.number(1<<32-2, "routing-options", "autonomous-system")))
	if out.Common.ASN == 0 {
		return errors.New("the configuration has no autonomous-system: give --asn")
	}
	out.Device = AdoptedDevice{Role: out.Role, Site: out.Site, Type: cmp.Or(o.Type, "unknown"), Status: "active"}
	if o.Type == "" {
		a.note("the hardware model is not in a configuration: set `type` in the device's file")
	}
	return nil
}

// system reads servers and logins.
func (a *adopter) system() {
	d := &a.out.Device
	d.NameServers = a.config.addresses("system", "name-server")
	d.NTPServers = a.config.addresses("system", "ntp", "server")
	d.SyslogHosts = a.config.addresses("system", "syslog", "host")
	for _, name := range a.config.all("system", "login", "user") {
		user := a.config.at("system", "login", "user", name)
		u := AdoptedUser{UID: int(user.number(64000, "uid")), Class: user.value("class")}
		if u.UID < 100 || !plainName.MatchString(u.Class) {
			a.note("user %s is left out: it needs a uid of 100 to 64000 and a class", name)
			continue
		}
		for _, kind := range []string{"ssh-ed25519", "ssh-ecdsa", "ssh-rsa"} {
			for _, key := range user.all("authentication", kind) {
				if validKey(key) {
					u.SSHKeys = append(u.SSHKeys, key)
				} else {
					a.note("user %s: a key that is none is left out", name)
				}
			}
		}
		setIn(&d.Users, name, u)
	}
}

// validKey: a line of authorized_keys without options, whose data says the same type (RFC 4253, section 6.6) and that sshKey
// can place again.
func validKey(key string) bool {
	f := strings.Fields(key)
	if _, err := sshKey(key); err != nil || len(f) < 2 {
		return false
	}
	data, err := base64.StdEncoding.DecodeString(f[1])
	return err == nil && len(data) > 4+len(f[0]) && string(data[4:4+len(f[0])]) == f[0]
}

func setIn[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// loopback reads lo0, the router id and the management interface.
func (a *adopter) loopback() {
	d := &a.out.Device
	id := a.config.value("routing-options", "router-id")
	var v4 []string
	for _, p := range a.unitAddresses("lo0", "0") {
		switch addr := p.Addr(); {
		case addr.IsLoopback() || !p.IsSingleIP():
		case addr.Is4():
			v4 = append(v4, addr.String())
		case d.Loopback.IPv6 == "":
			d.Loopback.IPv6 = addr.String()
		default:
			a.note("lo0 has more addresses than one of IPv6: %s is left out", addr)
		}
	}
	switch {
	case slices.Contains(v4, id):
		d.Loopback.IPv4 = id
	case len(v4) > 0:
		d.Loopback.IPv4 = v4[0]
	}
	if id != d.Loopback.IPv4 {
		d.RouterID = id
	}
	if len(v4) > 1 {
		a.note("lo0 has several IPv4 addresses, %s is taken", d.Loopback.IPv4)
	}
	for _, name := range a.config.all("interfaces") {
		addrs := a.unitAddresses(name, "0")
		if !managementInterface.MatchString(name) || len(addrs) == 0 {
			continue
		}
		if d.Management.Interface != "" {
			a.note("%s is a management interface too and is left out", name)
			continue
		}
		d.Management = AdoptedManagement{Interface: name, Address: addrs[0].String()}
	}
	if d.Management.Interface == "" {
		a.note("there is no management interface with an address: set `management` by hand")
	}
}

// routing reads static routes and aggregates.
func (a *adopter) routing() {
	for _, table := range [][]string{{"routing-options"}, {"routing-options", "rib", "inet6.0"}} {
		options := a.config.at(table...)
		for _, prefix := range options.all("static", "route") {
			p, err := netip.ParsePrefix(prefix)
			hops := options.all("static", "route", prefix, "next-hop")
			discard := options.has("static", "route", prefix, "discard")
			switch {
			case err != nil || p != p.Masked():
			case len(hops) == 0 && discard:
				a.out.Device.StaticRoutes = append(a.out.Device.StaticRoutes, AdoptedRoute{Prefix: p})
				continue
			case len(hops) == 1:
				if hop, err := netip.ParseAddr(hops[0]); err == nil && hop.Is4() == p.Addr().Is4() {
					a.out.Device.StaticRoutes = append(a.out.Device.StaticRoutes, AdoptedRoute{Prefix: p, NextHop: hop.String()})
					continue
				}
			}
			a.note("static route %s is left out: it has not one address for a next hop, nor discard", prefix)
		}
		for _, prefix := range options.all("aggregate", "route") {
			if p, err := netip.ParsePrefix(prefix); err == nil && p == p.Masked() {
				a.out.Shared.ServicePrefixes = append(a.out.Shared.ServicePrefixes, p)
			}
		}
	}
}

// prefixes finds our own address space: what the border filter takes for it, else what is announced, else the loopbacks.
func (a *adopter) prefixes() {
	out := &a.out.Common.Prefixes
	for _, list := range []string{"own-space4", "own-space6"} {
		for _, prefix := range a.config.all("policy-options", "prefix-list", list) {
			if p, err := netip.ParsePrefix(prefix); err == nil && p == p.Masked() {
				*out = append(*out, p)
			}
		}
	}
	if len(*out) > 0 {
		return
	}
	a.note("our own address space is not in the configuration: look at `prefixes` of common.yaml")
	*out = slices.Clone(a.out.Shared.ServicePrefixes)
	for _, l := range []string{a.out.Device.Loopback.IPv4, a.out.Device.Loopback.IPv6} {
		if addr, err := netip.ParseAddr(l); err == nil {
			*out = append(*out, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
}
