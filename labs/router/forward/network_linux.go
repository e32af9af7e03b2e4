package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// protocol marks our routes and addresses in the kernel; nobody else has it in rtnetlink.h or in iproute2's list.
const protocol = 74

// metric keeps our routes apart from those of others to the same prefix, which have 0, 256 or 1024 where nothing is said.
const metric = 20

// ifaProto is IFA_PROTO, since Linux 5.18.
const ifaProto = 11

// network is a namespace's devices, addresses and routes.
type network struct {
	h    *netlink.Handle
	sock *nl.SocketHandle // for what the handle does not know of addresses
}

func openNetwork(namespace int) (*network, error) {
	var h *netlink.Handle
	var s *nl.NetlinkSocket
	var err error
	if namespace == 0 {
		if h, err = netlink.NewHandle(unix.NETLINK_ROUTE); err == nil {
			s, err = nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
		}
	} else {
		if h, err = netlink.NewHandleAt(netns.NsHandle(namespace), unix.NETLINK_ROUTE); err == nil {
			s, err = nl.GetNetlinkSocketAt(netns.NsHandle(namespace), netns.None(), unix.NETLINK_ROUTE)
		}
	}
	if err != nil {
		if h != nil {
			h.Close()
		}
		return nil, fmt.Errorf("open network: %w", err)
	}
	return &network{h, &nl.SocketHandle{Socket: s}}, nil
}

func (n *network) close() {
	n.h.Close()
	n.sock.Close()
}

// dev is a device as it is.
type dev struct {
	link    netlink.Link
	running bool
}

func (n *network) devices() (map[string]dev, error) {
	links, err := n.h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	out := map[string]dev{}
	for _, l := range links {
		a := l.Attrs()
		up := a.Flags&net.FlagUp != 0
		out[a.Name] = dev{l, up && (a.Flags&net.FlagRunning != 0 || a.OperState == netlink.OperUnknown || a.OperState == netlink.OperUp)}
	}
	return out, nil
}

// state is what there is, or shall be, of what is ours: of the links those that a configuration names.
type state struct {
	links     map[string]Link
	addresses map[Address]bool
	foreign   map[Address]bool // of others
	routes    map[netip.Prefix]Path
}

// goal is what a configuration makes of a state. original gives what the MTU of a device was before any was set.
func (s *state) goal(want *Desired, original map[string]int) *state {
	g := &state{links: map[string]Link{}, addresses: map[Address]bool{}, routes: want.Routes}
	for device, mtu := range original {
		if l, there := s.links[device]; there {
			g.links[device] = Link{MTU: mtu, Down: l.Down}
		}
	}
	for device, l := range want.Links {
		if l.MTU == 0 {
			if l.MTU = s.links[device].MTU; original[device] != 0 {
				l.MTU = original[device]
			}
		}
		g.links[device] = l
	}
	for a := range want.Addresses {
		if !s.foreign[a] { // there already
			g.addresses[a] = true
		}
		if a.Device == "lo" {
			g.links["lo"] = Link{MTU: s.links["lo"].MTU}
		}
	}
	return g
}

// undo is the state again as it was before something led to goal: of links, only those that this concerned.
func (s *state) undo(goal *state) *state {
	u := &state{links: map[string]Link{}, addresses: s.addresses, routes: s.routes}
	for device := range goal.links {
		if l, there := s.links[device]; there {
			u.links[device] = l
		}
	}
	return u
}

func (n *network) read() (*state, error) {
	s := &state{links: map[string]Link{}, addresses: map[Address]bool{}, foreign: map[Address]bool{}, routes: map[netip.Prefix]Path{}}
	devices, err := n.devices()
	if err != nil {
		return nil, err
	}
	names := map[int]string{}
	for name, d := range devices {
		a := d.link.Attrs()
		names[a.Index] = name
		s.links[name] = Link{MTU: a.MTU, Down: a.Flags&net.FlagUp == 0}
	}
	if err := n.readAddresses(s, names); err != nil {
		return nil, err
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := n.h.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN, Protocol: protocol}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
		if err != nil {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range list {
			prefix := prefixOf(r.Dst, family)
			p := Path{Kind: Unicast, Device: names[r.LinkIndex]}
			p.Gateway, _ = netip.AddrFromSlice(r.Gw)
			p.Gateway = p.Gateway.Unmap()
			switch r.Type {
			case unix.RTN_BLACKHOLE:
				p = Path{Kind: Blackhole}
			case unix.RTN_UNREACHABLE:
				p = Path{Kind: Unreachable}
			}
			s.routes[prefix] = p
		}
	}
	return s, nil
}

func prefixOf(dst *net.IPNet, family int) netip.Prefix {
	if dst == nil {
		if family == netlink.FAMILY_V6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	a, _ := netip.AddrFromSlice(dst.IP)
	if family == netlink.FAMILY_V4 {
		a = a.Unmap()
	}
	bits, _ := dst.Mask.Size()
	return netip.PrefixFrom(a, bits)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: net.IP(p.Addr().AsSlice()), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func (n *network) request(kind, flags int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, flags)
	r.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: n.sock}
	return r
}

func (n *network) readAddresses(s *state, names map[int]string) error {
	r := n.request(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	r.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	messages, err := r.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	for _, m := range messages {
		head := nl.DeserializeIfAddrmsg(m)
		attributes, err := nl.ParseRouteAttr(m[head.Len():])
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}
		var local, address netip.Addr
		owner := byte(0)
		for _, a := range attributes {
			switch a.Attr.Type {
			case unix.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_ADDRESS:
				address, _ = netip.AddrFromSlice(a.Value)
			case ifaProto:
				owner = a.Value[0]
			}
		}
		if !local.IsValid() {
			local = address
		}
		x := Address{names[int(head.Index)], netip.PrefixFrom(local, int(head.Prefixlen))}
		if owner == protocol {
			s.addresses[x] = true
		} else {
			s.foreign[x] = true
		}
	}
	return nil
}

// changeAddress adds or deletes an address. A new one of IPv6 is used at once: nobody asks first whether another has it.
func (n *network) changeAddress(a Address, index int, add bool) error {
	kind, flags, verb := unix.RTM_DELADDR, unix.NLM_F_ACK, "delete"
	if add {
		kind, flags, verb = unix.RTM_NEWADDR, unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add"
	}
	family := unix.AF_INET
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	r := n.request(kind, flags)
	m := nl.NewIfAddrmsg(family)
	m.Index, m.Prefixlen = uint32(index), uint8(a.Prefix.Bits())
	r.AddData(m)
	bytes := a.Prefix.Addr().AsSlice()
	r.AddData(nl.NewRtAttr(unix.IFA_LOCAL, bytes))
	r.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, bytes))
	if add {
		r.AddData(nl.NewRtAttr(ifaProto, []byte{protocol}))
		if family == unix.AF_INET6 {
			r.AddData(nl.NewRtAttr(unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, unix.IFA_F_NODAD)))
		}
	}
	if _, err := r.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		return fmt.Errorf("%s address %s of %s: %w", verb, a.Prefix, a.Device, err)
	}
	return nil
}

// bring leads from what there is to a state, by difference. A second round makes good what the kernel took away by itself
// with something else, as the routes by a network with its last address.
func (n *network) bring(want *state) error {
	for range 3 {
		have, err := n.read()
		if err != nil {
			return err
		}
		devices, err := n.devices()
		if err != nil {
			return err
		}
		changed, err := n.round(have, want, devices)
		if err != nil || !changed {
			return err
		}
	}
	return errors.New("the network does not stay as it is set: something else changes it")
}

func sortedAddresses(m map[Address]bool) []Address {
	return slices.SortedFunc(maps.Keys(m), func(a, b Address) int {
		if c := strings.Compare(a.Device, b.Device); c != 0 {
			return c
		}
		return a.Prefix.Compare(b.Prefix)
	})
}

// round makes the steps of one difference: what is needed first comes first, what others need goes last.
func (n *network) round(have, want *state, devices map[string]dev) (changed bool, err error) {
	r := &round{n: n, have: have, want: want, devices: devices}
	for _, step := range []func() error{r.raiseLinks, r.renewAddresses, r.addAddresses, r.routes, r.deleteAddresses, r.lowerLinks} {
		if err := step(); err != nil {
			return r.changed, err
		}
	}
	return r.changed, nil
}

type round struct {
	n          *network
	have, want *state
	devices    map[string]dev
	changed    bool
}

func (r *round) raiseLinks() error {
	for _, name := range slices.Sorted(maps.Keys(r.want.links)) {
		d, there := r.devices[name]
		h, w := r.have.links[name], r.want.links[name]
		if !there {
			continue
		}
		if h.MTU != w.MTU {
			r.changed = true
			if err := r.n.h.LinkSetMTU(d.link, w.MTU); err != nil {
				return fmt.Errorf("set MTU %d of %s: %w", w.MTU, name, err)
			}
		}
		if h.Down && !w.Down {
			r.changed = true
			if err := r.n.h.LinkSetUp(d.link); err != nil {
				return fmt.Errorf("set %s up: %w", name, err)
			}
		}
	}
	return nil
}

// renewAddresses takes away addresses that come again: IPv6 has an address once on a device, whatever its prefix.
func (r *round) renewAddresses() error {
	for _, a := range sortedAddresses(r.have.addresses) {
		again := func(o Address) bool { return o.Device == a.Device && o.Prefix.Addr() == a.Prefix.Addr() }
		if a.Prefix.Addr().Is6() && !r.want.addresses[a] && slices.ContainsFunc(sortedAddresses(r.want.addresses), again) {
			if err := r.address(a, false); err != nil {
				return err
			}
			delete(r.have.addresses, a)
		}
	}
	return nil
}

func (r *round) address(a Address, add bool) error {
	d, there := r.devices[a.Device]
	if !there {
		return fmt.Errorf("address %s: device %s is gone", a.Prefix, a.Device)
	}
	r.changed = true
	return r.n.changeAddress(a, d.link.Attrs().Index, add)
}

func (r *round) addAddresses() error {
	for _, a := range sortedAddresses(r.want.addresses) {
		if !r.have.addresses[a] {
			if err := r.address(a, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *round) deleteAddresses() error {
	for _, a := range sortedAddresses(r.have.addresses) {
		if !r.want.addresses[a] {
			if err := r.address(a, false); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return err
			}
		}
	}
	return nil
}

func (r *round) routes() error {
	for _, p := range sortedPrefixes(r.want.routes) {
		if old, there := r.have.routes[p]; !there || old != r.want.routes[p] {
			r.changed = true
			if err := r.n.setRoute(p, r.want.routes[p], r.devices, there); err != nil {
				return err
			}
		}
	}
	for _, p := range sortedPrefixes(r.have.routes) {
		if _, stays := r.want.routes[p]; !stays {
			r.changed = true
			if err := r.n.h.RouteDel(routeTo(p, r.have.routes[p], r.devices)); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("delete route %s: %w", p, err)
			}
		}
	}
	return nil
}

func (r *round) lowerLinks() error {
	for _, name := range slices.Sorted(maps.Keys(r.want.links)) {
		if d, there := r.devices[name]; there && r.want.links[name].Down && !r.have.links[name].Down {
			r.changed = true
			if err := r.n.h.LinkSetDown(d.link); err != nil {
				return fmt.Errorf("set %s down: %w", name, err)
			}
		}
	}
	return nil
}

func routeTo(p netip.Prefix, path Path, devices map[string]dev) *netlink.Route {
	r := &netlink.Route{Family: netlink.FAMILY_V4, Dst: ipNet(p), Table: unix.RT_TABLE_MAIN, Protocol: protocol, Priority: metric, Type: unix.RTN_UNICAST}
	if p.Addr().Is6() {
		r.Family = netlink.FAMILY_V6
	}
	switch path.Kind {
	case Blackhole:
		r.Type = unix.RTN_BLACKHOLE
	case Unreachable:
		r.Type = unix.RTN_UNREACHABLE
	default:
		r.Gw = net.IP(path.Gateway.AsSlice())
		if d, there := devices[path.Device]; there {
			r.LinkIndex = d.link.Attrs().Index
		}
	}
	return r
}

// setRoute adds a route, or puts one in the place of our own to that prefix.
func (n *network) setRoute(p netip.Prefix, path Path, devices map[string]dev, replace bool) error {
	r, set := routeTo(p, path, devices), n.h.RouteAdd
	if replace {
		set = n.h.RouteReplace
	}
	if err := set(r); err != nil {
		return fmt.Errorf("set route %s to %s %s: %w", p, path.Kind, path.Gateway, err)
	}
	return nil
}
