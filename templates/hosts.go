package templates

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"rhapsode/datapath/spec"
	"rhapsode/inventory"
)

// HostFile is the configuration that the inventory wants a daemon of a host to have.
type HostFile struct {
	Name string // director.yaml, ping-offload.yaml
	Text []byte // what spec.DecodeDirector or spec.DecodePingHost reads
}

// RenderHost renders the configuration of a director or of a ping host, from the same facts as the routers'. net is not
// changed.
func RenderHost(net *inventory.Network, h *inventory.Host) (*HostFile, error) {
	f, err := renderHost(net, h)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", h.Name, err)
	}
	return f, nil
}

func renderHost(net *inventory.Network, h *inventory.Host) (*HostFile, error) {
	switch h.Kind {
	case inventory.Director:
		d, err := directorOf(net, h)
		if err != nil {
			return nil, err
		}
		text, err := d.Encode()
		return &HostFile{"director.yaml", text}, err
	case inventory.PingHost:
		p, err := pingHostOf(net, h)
		if err != nil {
			return nil, err
		}
		text, err := p.Encode()
		return &HostFile{"ping-offload.yaml", text}, err
	}
	return nil, fmt.Errorf("no daemon for a host of kind %q", h.Kind)
}

func hostOf(h *inventory.Host) spec.Host {
	return spec.Host{Name: h.FQDN, Site: h.Site.Name, Addr4: h.Addr4, Addr6: h.Addr6}
}

// directorOf is what a director forwards: every service of its site that directors carry.
func directorOf(net *inventory.Network, h *inventory.Host) (*spec.Director, error) {
	d := &spec.Director{Version: spec.Version, Host: hostOf(h)}
	var err error
	if d.BGP, err = sessionsOf(net, h); err != nil {
		return nil, err
	}
	for _, s := range net.Services {
		if !s.Carried() {
			continue
		}
		x := serviceOf(s, h.Site)
		if len(x.VIPs) > 0 {
			d.Services = append(d.Services, x)
		}
	}
	return d, nil
}

// defaultThreshold is the share of servers that stays in where the catalogue says nothing, as PyBal has it.
const defaultThreshold = 0.5

func serviceOf(s *inventory.Service, site *inventory.Site) spec.Service {
	x := spec.Service{
		Name: s.Name, Protocol: spec.Protocol(s.Protocol), Port: s.Port, Announce: s.Announced(),
		Scheduler: spec.DefaultScheduler, Encapsulation: spec.DR, DepoolThreshold: defaultThreshold,
	}
	if b := s.Balancing; b != nil {
		balance(&x, b, site)
	}
	for _, v := range s.VIPs {
		if v.Site == site {
			x.VIPs = append(x.VIPs, spec.VIP{Label: v.Label, Address: v.Addr})
		}
	}
	return x
}

// balance fills in how a service is spread over its servers at a site.
func balance(x *spec.Service, b *inventory.Balancing, site *inventory.Site) {
	x.Scheduler, x.SchedulerFlag, x.DepoolThreshold = spec.Scheduler(b.Scheduler), b.SchedulerFlag, b.DepoolThreshold
	if slices.Contains(b.IPIP, site) {
		x.Encapsulation = spec.IPIP
	}
	if b.PoolName != (inventory.PoolName{}) {
		x.Pool = &spec.Pool{Cluster: b.PoolName.Cluster, Service: b.PoolName.Service}
	}
	if b.Pool != nil {
		for _, server := range b.Pool.Backends {
			if server.Site == site {
				x.Backends = append(x.Backends, spec.Backend{
					Name: server.Host, Addr4: server.Addr4, Addr6: server.Addr6, Weight: server.Weight, Pooled: spec.Pooled(server.Pooled),
				})
			}
		}
	}
	m := b.Monitors
	if p := m.ProxyFetch; p != nil {
		x.Monitors.ProxyFetch = &spec.ProxyFetch{
			URLs: p.URLs, Interval: spec.Duration(p.Interval), Timeout: spec.Duration(p.Timeout), Status: p.Status,
			CheckAll: p.CheckAll, MaxFailures: p.MaxFailures,
		}
	}
	if p := m.IdleConnection; p != nil {
		x.Monitors.IdleConnection = &spec.IdleConnection{
			TimeoutCleanReconnect: spec.Duration(p.TimeoutCleanReconnect), MaxDelay: spec.Duration(p.MaxDelay), NoKeepalive: p.NoKeepalive,
			KeepaliveRetries: p.KeepaliveRetries, KeepaliveIdle: spec.Duration(p.KeepaliveIdle), KeepaliveInterval: spec.Duration(p.KeepaliveInterval),
		}
	}
	if p := m.RunCommand; p != nil {
		x.Monitors.RunCommand = &spec.RunCommand{
			Command: p.Command, Arguments: p.Arguments, Interval: spec.Duration(p.Interval), Timeout: spec.Duration(p.Timeout),
			NoTimeout: p.NoTimeout, Quiet: p.Quiet,
		}
	}
	if p := m.DNSQuery; p != nil {
		x.Monitors.DNSQuery = &spec.DNSQuery{
			Hostnames: p.Hostnames, Interval: spec.Duration(p.Interval), Timeout: spec.Duration(p.Timeout), FailOnNXDOMAIN: p.FailOnNXDOMAIN,
		}
	}
	if p := m.UDP; p != nil {
		x.Monitors.UDP = &spec.UDPCheck{Interval: spec.Duration(p.Interval), ICMPTimeout: spec.Duration(p.ICMPTimeout)}
	}
}

// sessionsOf are a director's BGP sessions: one with each router of its site that has one with it. nil without any: such
// a director announces nothing.
func sessionsOf(net *inventory.Network, h *inventory.Host) (*spec.BGP, error) {
	var b *spec.BGP
	var first *inventory.Device
	for _, dev := range h.Site.Devices {
		if dev.Status == "planned" || !slices.Contains(dev.LVS.Neighbors, h) {
			continue
		}
		hold := spec.Duration(time.Duration(dev.LVS.HoldTimeSeconds) * time.Second)
		if b == nil {
			first = dev
			b = &spec.BGP{
				LocalASN: uint32(dev.LVS.PeerASN), RouterID: h.Addr4, HoldTime: hold, MED: h.MED,
				NextHop4: h.Addr4, NextHop6: h.Addr6,
			}
		}
		if uint32(dev.LVS.PeerASN) != b.LocalASN {
			return nil, fmt.Errorf("%s expects AS %d of it and %s AS %d: set lvs.peer_asn to one number for the site",
				first.Name, b.LocalASN, dev.Name, dev.LVS.PeerASN)
		}
		b.HoldTime = min(b.HoldTime, hold) // the smaller one wins in the session anyway (RFC 4271 section 4.2)
		b.Peers = append(b.Peers, spec.Peer{Name: dev.FQDN, Address: dev.Loopback4, ASN: uint32(net.ASN), Auth: authOf(dev.LVS.Auth)})
		if f := dev.LVS.BFD; f != nil && b.BFD == nil {
			b.BFD = &spec.BFD{Interval: spec.Duration(time.Duration(f.IntervalMilliseconds) * time.Millisecond), Multiplier: f.Multiplier}
		}
	}
	return b, nil
}

// directorsKey is the name of the key in a director's own key store. The key itself is for the site's configuration
// management to bring there, as it brings the file.
const directorsKey = "pybal"

// authOf is the director's side of a session's protection. TCP-AO has the ids the other way round.
func authOf(a *inventory.Auth) *spec.Auth {
	switch {
	case a == nil:
		return nil
	case a.Method == inventory.AO:
		return &spec.Auth{Kind: spec.TCPAO, Key: directorsKey, SendID: a.ReceiveID, ReceiveID: a.SendID, Algorithm: a.Algorithm}
	}
	return &spec.Auth{Kind: spec.TCPMD5, Key: directorsKey}
}

// inOrder sorts a copy.
func inOrder(list []netip.Prefix) []netip.Prefix {
	return slices.SortedFunc(slices.Values(list), netip.Prefix.Compare)
}

// pingHostOf is what a ping host answers: the offloaded VIPs of its site, all of them, so that a router can be told to
// send to another one by one changed line.
func pingHostOf(net *inventory.Network, h *inventory.Host) (*spec.PingHost, error) {
	p := &spec.PingHost{Version: spec.Version, Host: hostOf(h), Mode: spec.Term, VIPs: []netip.Addr{}}
	po := h.Site.PingOffload
	if po == nil {
		p.RateLimit.Exempt = inOrder(net.Prefixes)
		return p, nil
	}
	p.RateLimit = spec.RateLimit{
		TotalPPS: po.RateLimit.TotalPPS, PerSourcePPS: po.RateLimit.PerSourcePPS, Exempt: inOrder(po.RateLimit.Exempt),
	}
	if po.Mode != modeTerm {
		return nil, fmt.Errorf("ping offload of %s: mode %q is not known (only %s is)", h.Site.Name, po.Mode, modeTerm)
	}
	for _, v := range po.VIPs {
		p.VIPs = append(p.VIPs, v.Addr)
	}
	slices.SortFunc(p.VIPs, netip.Addr.Compare)
	p.VIPs = slices.Compact(p.VIPs)
	return p, nil
}
