package forward

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router"
)

// Plane is a router's forwarding in a network namespace of Linux: interfaces, routes and filters as a configuration says,
// by difference, all or nothing. It touches only devices that a configuration names, and of these only addresses and routes
// that it has made itself, which it knows by their protocol.
type Plane struct {
	mu       sync.Mutex
	names    map[string]string
	apart    []string // devices for management
	net      *network
	filters  *Kernel
	rules    *RuleSet             // in force; nil: nothing was applied yet
	desired  *Desired             // nil: nothing was applied yet
	original map[string]int       // the MTU of a device before it was set
	since    map[string]time.Time // from when on a route of the table is so
}

var (
	_ router.Plane = (*Plane)(nil)
	_ router.State = (*Plane)(nil)
)

// OpenPlane prepares a network namespace: it forwards from here on what it has routes for. It needs CAP_NET_ADMIN there.
func OpenPlane(o PlaneOptions) (*Plane, error) {
	n, err := openNetwork(o.Namespace)
	if err != nil {
		return nil, err
	}
	k, err := Open(o.Namespace)
	if err != nil {
		n.close()
		return nil, err
	}
	if err := inNamespace(o.Namespace, forwardPackets); err != nil {
		n.close()
		return nil, errors.Join(fmt.Errorf("set up forwarding: %w", err), k.Close())
	}
	return &Plane{names: maps.Clone(o.Interfaces), apart: slices.Clone(o.Management), net: n, filters: k, original: map[string]int{}, since: map[string]time.Time{}}, nil
}

// forwardPackets sets what a router needs of the thread's namespace. An address that goes leaves the others of its network.
func forwardPackets() error {
	for _, s := range []struct{ name, value string }{
		{"ipv4/ip_forward", "1"}, {"ipv6/conf/all/forwarding", "1"}, {"ipv4/conf/all/promote_secondaries", "1"},
	} {
		path := filepath.Join("/proc/sys/net", s.name)
		if old, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(old)) == s.value {
			continue
		}
		if err := os.WriteFile(path, []byte(s.value), 0); err != nil {
			return err
		}
	}
	return nil
}

// inNamespace calls f on a thread in a network namespace, by its descriptor; 0 is that of the calling thread.
func inNamespace(fd int, f func() error) error {
	if fd == 0 {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never given back: the thread ends with the goroutine
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Close lets go of the namespace and leaves what is in force.
func (p *Plane) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.net.close()
	return p.filters.Close()
}

// translate gives what a configuration comes to.
func (p *Plane) translate(config *junos.Tree) (*Desired, *RuleSet, error) {
	devices, err := p.net.devices()
	if err != nil {
		return nil, nil, err
	}
	want, err := Desire(config, func(name string) string {
		own, mapped := p.names[name]
		if !mapped {
			own = linuxName(name)
		}
		if _, there := devices[own]; !there {
			return ""
		}
		return own
	})
	var apart []string
	for _, device := range p.apart {
		if want != nil && !slices.Contains(slices.Collect(maps.Values(want.Interfaces)), device) {
			apart = append(apart, device)
		}
	}
	rules, filterErr := CompileFilters(Filters{Config: config, Management: apart, Device: func(unit string) string {
		if want == nil {
			return ""
		}
		return want.Interfaces[unit]
	}})
	if err == nil && filterErr == nil {
		return want, rules, nil
	}
	a, okA := errors.AsType[CheckErrors](err)
	b, okB := errors.AsType[CheckErrors](filterErr)
	if (err == nil || okA) && (filterErr == nil || okB) {
		return nil, nil, append(slices.Clip(a), b...)
	}
	return nil, nil, errors.Join(err, filterErr)
}

// Check gives what of a configuration can't be done here.
func (p *Plane) Check(candidate *junos.Tree) []router.Complaint {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _, err := p.translate(candidate)
	return complaints(err)
}

// Apply brings the namespace to a configuration: all of it, or on an error nothing.
func (p *Plane) Apply(ctx context.Context, active *junos.Tree) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	want, rules, err := p.translate(active)
	if err != nil {
		return err
	}
	before, err := p.net.read()
	if err != nil {
		return err
	}
	goal := before.goal(want, p.original)
	if err := p.bring(goal, rules); err != nil {
		if undo := p.putBack(before.undo(goal)); undo != nil {
			err = errors.Join(err, fmt.Errorf("put back what was: %w", undo))
		}
		return err
	}
	for device := range want.Links {
		if _, known := p.original[device]; !known && before.links[device].MTU != goal.links[device].MTU {
			p.original[device] = before.links[device].MTU
		}
	}
	p.desired, p.rules = want, rules
	p.age()
	return nil
}

// bring sets the network first: filters come into force at one moment, and can't be refused any more behind it.
func (p *Plane) bring(goal *state, rules *RuleSet) error {
	if err := p.net.bring(goal); err != nil {
		return err
	}
	if _, err := p.filters.Apply(rules); err != nil {
		return err
	}
	if err := p.filters.Resolve(); err != nil {
		return fmt.Errorf("resolve next-ip: %w", err)
	}
	return nil
}

func (p *Plane) putBack(before *state) error {
	err := p.net.bring(before)
	if p.rules != nil {
		_, again := p.filters.Apply(p.rules)
		err = errors.Join(err, again, p.filters.Resolve())
	}
	return err
}

// routeKey is what makes a route another one.
func routeKey(r router.Route) string {
	return fmt.Sprint(r.Table, r.Prefix, r.Protocol, r.Kind, r.NextHops, r.Preference)
}

// age notes from when on the routes are there.
func (p *Plane) age() {
	old, now := p.since, time.Now()
	p.since = map[string]time.Time{}
	for i, r := range p.desired.Table {
		key := routeKey(r)
		t, ok := old[key]
		if !ok {
			t = now
		}
		p.since[key], p.desired.Table[i].Since = t, t
	}
}

// Operational is what the plane knows: its routes, the links of its interfaces, and the counters of its filters.
func (p *Plane) Operational(*junos.Tree) router.Operational {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.desired == nil {
		return router.Operational{}
	}
	out := router.Operational{Routes: slices.Clone(p.desired.Table)}
	if devices, err := p.net.devices(); err == nil { // what can't be read is not known
		out.Interfaces = linkStates(p.desired.Interfaces, func(device string) bool { return devices[device].running })
	}
	values, err := p.filters.Counters()
	if err != nil {
		return out
	}
	for _, v := range values {
		out.Counters = append(out.Counters, router.Counter{Filter: v.Filter, Name: v.Name, Packets: v.Packets, Bytes: v.Bytes})
	}
	return out
}

// linkStates gives the links of interfaces. A physical one that has no device, but whose units have, is up if one of them is.
func linkStates(interfaces map[string]string, running func(device string) bool) []router.InterfaceState {
	up := map[string]bool{}
	for name, device := range interfaces {
		up[name] = running(device)
		if physical, _, unit := strings.Cut(name, "."); unit && interfaces[physical] == "" {
			up[physical] = up[physical] || up[name]
		}
	}
	out := make([]router.InterfaceState, 0, len(up))
	for _, name := range slices.Sorted(maps.Keys(up)) {
		out = append(out, router.InterfaceState{Name: name, Up: up[name]})
	}
	return out
}

// prefixes of a map in a fixed order.
func sortedPrefixes[V any](m map[netip.Prefix]V) []netip.Prefix {
	return slices.SortedFunc(maps.Keys(m), func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
}
