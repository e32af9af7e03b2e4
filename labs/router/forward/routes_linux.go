package forward

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"rhapsode/policies"
)

// Priorities of the rules of policy routing. What is marked goes its way before the addresses of the router are looked
// at, as next-ip goes whatever the destination; so the rule for them, which the kernel has first, stands behind.
const (
	priorityMarked = 100 // look up the table of the mark
	priorityFailed = 101 // and if it has no route, drop: never the main table
	priorityLocal  = 200
)

// routes are the tables and rules that marks lead to.
type routes struct {
	h          *netlink.Handle
	diversions []Diversion
	localMoved map[int]bool // by family: the rule for the router's addresses is at priorityLocal
}

func openRoutes(namespace int) (*routes, error) {
	r := &routes{localMoved: map[int]bool{}}
	var err error
	if namespace == 0 {
		r.h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	} else {
		r.h, err = netlink.NewHandleAt(netns.NsHandle(namespace), unix.NETLINK_ROUTE)
	}
	if err != nil {
		return nil, fmt.Errorf("open routes: %w", err)
	}
	return r, nil
}

func (r *routes) close() { r.h.Close() }

func routeFamily(f policies.Family) int {
	if f == policies.Inet6 {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}

// key is what rules of the kernel tell of a diversion.
func (d Diversion) key() Diversion { return Diversion{Family: d.Family, Mark: d.Mark, Table: d.Table} }

func holds(list []Diversion, d Diversion) bool {
	return slices.ContainsFunc(list, func(o Diversion) bool { return o.key() == d.key() })
}

// add makes the rules and tables of what is new. undo takes them away again.
func (r *routes) add(want []Diversion, fresh bool) (n int, undo func(), err error) {
	if fresh {
		if err := r.adopt(); err != nil {
			return 0, nil, err
		}
	}
	before := slices.Clone(r.diversions)
	undo = func() { _, _ = r.remove(before) }
	for _, d := range want {
		if slices.Contains(r.diversions, d) {
			continue
		}
		n++
		r.diversions = append(r.diversions, d)
		if err := r.addOne(d); err != nil {
			undo()
			return 0, nil, err
		}
	}
	return n, undo, nil
}

// adopt takes over the rules like ours that another process left: what is marked goes their way until the rules that mark
// it are gone.
func (r *routes) adopt() error {
	r.diversions = nil
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		rules, err := r.h.RuleList(routeFamily(f))
		if err != nil {
			return fmt.Errorf("list rules: %w", err)
		}
		for _, rule := range rules {
			if rule.Priority == priorityMarked && rule.Mark != 0 {
				r.diversions = append(r.diversions, Diversion{Family: f, Mark: uint16(rule.Mark), Table: uint32(rule.Table)})
			}
		}
	}
	return nil
}

func (r *routes) addOne(d Diversion) error {
	f := routeFamily(d.Family)
	if err := r.moveLocal(f); err != nil {
		return err
	}
	if d.NextIP.IsValid() {
		if err := r.resolveOne(d); err != nil {
			return err
		}
	}
	for _, rule := range r.rulesOf(d) {
		if err := r.h.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add a rule for mark %#x: %w", d.Mark, err)
		}
	}
	return nil
}

// rulesOf gives the two rules of a mark, the one that drops first, so that nothing gets through between them.
func (r *routes) rulesOf(d Diversion) []*netlink.Rule {
	mask := uint32(diversionMask)
	var out []*netlink.Rule
	for _, priority := range []int{priorityFailed, priorityMarked} {
		rule := netlink.NewRule()
		rule.Family, rule.Priority, rule.Mark, rule.Mask = routeFamily(d.Family), priority, uint32(d.Mark), &mask
		if priority == priorityMarked {
			rule.Table = int(d.Table)
		} else {
			rule.Type = unix.FR_ACT_BLACKHOLE
		}
		out = append(out, rule)
	}
	return out
}

// moveLocal puts the rule for the router's own addresses behind those for marks. For a moment there are both: never none.
func (r *routes) moveLocal(family int) error {
	if r.localMoved[family] {
		return nil
	}
	if err := r.localRule(family, priorityLocal, r.h.RuleAdd, unix.EEXIST); err != nil {
		return err
	}
	if err := r.localRule(family, 0, r.h.RuleDel, unix.ENOENT); err != nil {
		return err
	}
	r.localMoved[family] = true
	return nil
}

func (r *routes) localRule(family, priority int, do func(*netlink.Rule) error, fine error) error {
	rule := netlink.NewRule()
	rule.Family, rule.Priority, rule.Table = family, priority, unix.RT_TABLE_LOCAL
	if err := do(rule); err != nil && !errors.Is(err, fine) {
		return fmt.Errorf("move the rule for the router's addresses: %w", err)
	}
	return nil
}

// remove takes away what is not wanted any more.
func (r *routes) remove(want []Diversion) (n int, err error) {
	var errs []error
	r.diversions = slices.DeleteFunc(r.diversions, func(d Diversion) bool {
		switch {
		case slices.Contains(want, d):
			return false
		case holds(want, d): // the same rules, of another process or of a host that has the mark of another now
			return true
		}
		n++
		rules := r.rulesOf(d)
		slices.Reverse(rules)
		for _, rule := range rules {
			if err := r.h.RuleDel(rule); err != nil && !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("delete the rule for mark %#x: %w", d.Mark, err))
			}
		}
		if d.Table >= nextIPTables {
			errs = append(errs, r.empty(d, nil))
		}
		return true
	})
	return n, errors.Join(errs...)
}

// clear takes away all rules and tables like ours, also those that another process left, and puts the rule for the
// router's addresses back.
func (r *routes) clear() error {
	if err := r.adopt(); err != nil {
		return err
	}
	if _, err := r.remove(nil); err != nil {
		return err
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		moved, err := r.h.RuleListFiltered(family, &netlink.Rule{Priority: priorityLocal}, netlink.RT_FILTER_PRIORITY)
		if err != nil {
			return fmt.Errorf("list rules: %w", err)
		}
		r.localMoved[family] = false
		if len(moved) == 0 {
			continue
		}
		if err := r.localRule(family, 0, r.h.RuleAdd, unix.EEXIST); err != nil {
			return err
		}
		if err := r.localRule(family, priorityLocal, r.h.RuleDel, unix.ENOENT); err != nil {
			return err
		}
	}
	return nil
}

// resolve looks the hosts of next-ip up again.
func (r *routes) resolve() error {
	var errs []error
	for _, d := range r.diversions {
		if d.NextIP.IsValid() {
			errs = append(errs, r.resolveOne(d))
		}
	}
	return errors.Join(errs...)
}

// resolveOne makes the one route of a next-ip's table: to where the main table has the host. A table without a route
// drops.
func (r *routes) resolveOne(d Diversion) error {
	path, ok, err := r.lookup(d.NextIP)
	if err != nil {
		return fmt.Errorf("look up next-ip %s: %w", d.NextIP, err)
	}
	if !ok {
		return r.empty(d, nil)
	}
	all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if d.Family == policies.Inet6 {
		all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	gateway := path.Gw
	if gateway == nil {
		gateway = net.IP(d.NextIP.AsSlice())
	}
	want := &netlink.Route{
		Family: routeFamily(d.Family), Table: int(d.Table), LinkIndex: path.LinkIndex, Gw: gateway, Flags: int(netlink.FLAG_ONLINK),
		Dst: &net.IPNet{IP: net.IP(all.Addr().AsSlice()), Mask: net.CIDRMask(0, all.Addr().BitLen())}, Protocol: unix.RTPROT_STATIC,
	}
	if err := r.h.RouteReplace(want); err != nil {
		return fmt.Errorf("route to next-ip %s: %w", d.NextIP, err)
	}
	return r.empty(d, want) // a route by another way may have stood beside
}

// lookup asks the main table for a host, as its packets would be routed without a mark. What is no unicast route, or the
// router itself, is none.
func (r *routes) lookup(a netip.Addr) (netlink.Route, bool, error) {
	list, err := r.h.RouteGet(net.IP(a.AsSlice()))
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		return netlink.Route{}, false, nil
	case err != nil:
		return netlink.Route{}, false, err
	case len(list) == 0 || list[0].Type != unix.RTN_UNICAST || list[0].LinkIndex == 0:
		return netlink.Route{}, false, nil
	}
	return list[0], true, nil
}

// empty deletes the routes of a next-ip's table but one.
func (r *routes) empty(d Diversion, but *netlink.Route) error {
	list, err := r.h.RouteListFiltered(routeFamily(d.Family), &netlink.Route{Table: int(d.Table)}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("list table %d: %w", d.Table, err)
	}
	for _, route := range list {
		if but != nil && route.LinkIndex == but.LinkIndex && route.Gw.Equal(but.Gw) {
			continue
		}
		if err := r.h.RouteDel(&route); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("empty table %d: %w", d.Table, err)
		}
	}
	return nil
}
