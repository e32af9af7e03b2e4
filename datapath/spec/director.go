package spec

import (
	"fmt"
	"net/netip"
)

// Director is what a director forwards and announces.
type Director struct {
	Version  int       `yaml:"version"`
	Host     Host      `yaml:"host"`
	BGP      *BGP      `yaml:"bgp,omitempty"` // nil: nothing is announced
	Services []Service `yaml:"services"`      // by name
}

// Service is a port of a load-balanced service at the director's site.
type Service struct {
	Name            string        `yaml:"name"` // text
	Protocol        Protocol      `yaml:"protocol"`
	Port            uint16        `yaml:"port"` // of the VIP and of the backends: ports are not translated
	VIPs            []VIP         `yaml:"vips"`
	Announce        bool          `yaml:"announce"` // false: forwarded, but not announced by BGP
	Pool            *Pool         `yaml:"pool,omitempty"`
	Scheduler       Scheduler     `yaml:"scheduler"`
	SchedulerFlag   string        `yaml:"scheduler_flag,omitempty"` // mh-port, mh-fallback, sh-port, sh-fallback
	Encapsulation   Encapsulation `yaml:"encapsulation"`
	DepoolThreshold float64       `yaml:"depool_threshold"` // 0 to 1: the share of backends that stays in, whatever the checks say
	Monitors        Monitors      `yaml:"monitors,omitempty"`
	Backends        []Backend     `yaml:"backends,omitempty"` // none: they come from the pool's source alone
}

// VIP is a virtual address. Services on several ports may share one.
type VIP struct {
	Label   string     `yaml:"label"` // `default` when the service has one only
	Address netip.Addr `yaml:"address"`
}

// Pool says where the backends of a service are listed and pooled.
type Pool struct {
	Cluster string `yaml:"cluster"`
	Service string `yaml:"service"`
}

// Backend is a server of a pool.
type Backend struct {
	Name   string     `yaml:"name"`
	Addr4  netip.Addr `yaml:"ipv4,omitempty"`
	Addr6  netip.Addr `yaml:"ipv6,omitempty"`
	Weight uint16     `yaml:"weight"` // 0: no new flows
	Pooled Pooled     `yaml:"pooled"`
}

// Protocol is the transport of a service.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// UnmarshalText takes the known protocols only.
func (p *Protocol) UnmarshalText(text []byte) error {
	return enum("protocol", text, p, []Protocol{TCP, UDP})
}

// Scheduler says how flows are spread over backends, by its name in IPVS (net/netfilter/ipvs).
type Scheduler string

// DefaultScheduler is what a catalogue without a scheduler means.
const DefaultScheduler Scheduler = "wrr"

// Schedulers are the known ones.
var schedulers = []Scheduler{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "mh"}

// UnmarshalText takes the known schedulers only.
func (s *Scheduler) UnmarshalText(text []byte) error { return enum("scheduler", text, s, schedulers) }

// Encapsulation says how packets travel from the director to a backend.
type Encapsulation string

// The encapsulations.
const (
	DR   Encapsulation = "dr"   // direct routing: the backend is a neighbour on the link
	IPIP Encapsulation = "ipip" // RFC 2003, RFC 2473
	GUE  Encapsulation = "gue"  // generic UDP encapsulation, with a second chance
)

// UnmarshalText takes the known encapsulations only.
func (e *Encapsulation) UnmarshalText(text []byte) error {
	return enum("encapsulation", text, e, []Encapsulation{DR, IPIP, GUE})
}

// Pooled is what an operator wants of a backend.
type Pooled string

// The states of a backend. Inactive counts as not being in the pool at all.
const (
	PooledYes      Pooled = "yes"
	PooledNo       Pooled = "no"
	PooledInactive Pooled = "inactive"
)

// UnmarshalText takes the known states only.
func (p *Pooled) UnmarshalText(text []byte) error {
	return enum("pooled state", text, p, []Pooled{PooledYes, PooledNo, PooledInactive})
}

// Monitors are the health checks of a service, as the catalogue names them; every one that is there must pass.
type Monitors struct {
	ProxyFetch     *ProxyFetch     `yaml:"ProxyFetch,omitempty"`
	IdleConnection *IdleConnection `yaml:"IdleConnection,omitempty"`
	RunCommand     *RunCommand     `yaml:"RunCommand,omitempty"`
	DNSQuery       *DNSQuery       `yaml:"DNSQuery,omitempty"`
	UDP            *UDPCheck       `yaml:"UDP,omitempty"`
}

// ProxyFetch fetches a page from the backend's service port. Zero values are the daemon's defaults, here and below.
type ProxyFetch struct {
	URLs        []string `yaml:"url"` // host and scheme; the connection goes to the backend
	Interval    Duration `yaml:"interval,omitempty"`
	Timeout     Duration `yaml:"timeout,omitempty"`
	Status      uint16   `yaml:"http_status,omitempty"`
	CheckAll    bool     `yaml:"check_all,omitempty"` // all URLs each time, not one by chance
	MaxFailures uint16   `yaml:"max_failures,omitempty"`
}

// IdleConnection holds a TCP connection open and is down when it breaks.
type IdleConnection struct {
	TimeoutCleanReconnect Duration `yaml:"timeout_clean_reconnect,omitempty"`
	MaxDelay              Duration `yaml:"max_delay,omitempty"`
	NoKeepalive           bool     `yaml:"no_keepalive,omitempty"`
	KeepaliveRetries      uint16   `yaml:"keepalive_retries,omitempty"`
	KeepaliveIdle         Duration `yaml:"keepalive_idle,omitempty"`
	KeepaliveInterval     Duration `yaml:"keepalive_interval,omitempty"`
}

// RunCommand is up when a command exits with 0.
type RunCommand struct {
	Command   string   `yaml:"command"`
	Arguments []string `yaml:"arguments,omitempty"`
	Interval  Duration `yaml:"interval,omitempty"`
	Timeout   Duration `yaml:"timeout,omitempty"`
	NoTimeout bool     `yaml:"no_timeout,omitempty"`
	Quiet     bool     `yaml:"quiet,omitempty"` // its output is not logged
}

// DNSQuery asks the backend for a name.
type DNSQuery struct {
	Hostnames      []string `yaml:"hostnames"`
	Interval       Duration `yaml:"interval,omitempty"`
	Timeout        Duration `yaml:"timeout,omitempty"`
	FailOnNXDOMAIN bool     `yaml:"fail_on_nxdomain,omitempty"`
}

// UDPCheck sends an empty datagram and is down on an ICMP error.
type UDPCheck struct {
	Interval    Duration `yaml:"interval,omitempty"`
	ICMPTimeout Duration `yaml:"icmp_timeout,omitempty"`
}

// Validate reports everything that a director could not work with, as Problems.
func (d *Director) Validate() error {
	c := &checker{}
	d.check(c)
	return c.err()
}

func (d *Director) check(c *checker) {
	checkVersion(c, d.Version)
	d.Host.check(c)
	if d.BGP != nil {
		d.BGP.check(c)
	}
	type listener struct {
		address  netip.Addr
		protocol Protocol
		port     uint16
	}
	listeners, names := map[listener]string{}, map[string]int{}
	for i := range d.Services {
		s, at := &d.Services[i], fmt.Sprintf("services[%d]", i)
		if first, twice := names[s.Name]; twice {
			c.add(at+".name", "is that of services[%d] as well", first)
		} else {
			names[s.Name] = i
		}
		s.check(c, at)
		for j, v := range s.VIPs {
			l, where := listener{v.Address, s.Protocol, s.Port}, fmt.Sprintf("%s.vips[%d].address", at, j)
			if first, twice := listeners[l]; twice {
				c.add(where, "%s %s port %d is that of %s as well", v.Address, s.Protocol, s.Port, first)
				continue
			}
			listeners[l] = s.Name
			c.want(!v.Address.Is6() || !s.Announce || d.BGP == nil || d.BGP.NextHop6.IsValid(), where, "is announced, but bgp has no next_hop_ipv6")
		}
	}
}

func (s *Service) check(c *checker, at string) {
	c.want(s.Name != "", at+".name", "is empty")
	c.want(s.Port != 0, at+".port", "wants 1 to 65535")
	c.want(s.Protocol == TCP || s.Protocol == UDP, at+".protocol", "wants tcp or udp")
	c.want(s.DepoolThreshold >= 0 && s.DepoolThreshold <= 1, at+".depool_threshold", "wants a share, 0 to 1")
	c.want(len(s.VIPs) > 0, at+".vips", "is empty")
	for i, v := range s.VIPs {
		c.want(v.Address.IsValid(), fmt.Sprintf("%s.vips[%d].address", at, i), "wants an address")
	}
	if m := s.Monitors.ProxyFetch; m != nil {
		c.want(len(m.URLs) > 0, at+".monitors.ProxyFetch.url", "is empty")
	}
	if m := s.Monitors.RunCommand; m != nil {
		c.want(m.Command != "", at+".monitors.RunCommand.command", "is empty")
	}
	if m := s.Monitors.DNSQuery; m != nil {
		c.want(len(m.Hostnames) > 0, at+".monitors.DNSQuery.hostnames", "is empty")
	}
	seen := map[string]int{}
	for i, b := range s.Backends {
		where := fmt.Sprintf("%s.backends[%d]", at, i)
		c.want(b.Name != "", where+".name", "is empty")
		c.want(b.Addr4.IsValid() || b.Addr6.IsValid(), where, "has no address")
		c.want(!b.Addr4.IsValid() || b.Addr4.Is4(), where+".ipv4", "wants an IPv4 address")
		c.want(!b.Addr6.IsValid() || b.Addr6.Is6(), where+".ipv6", "wants an IPv6 address")
		if first, twice := seen[b.Name]; twice {
			c.add(where+".name", "is that of backends[%d] as well", first)
		} else {
			seen[b.Name] = i
		}
	}
}

func checkVersion(c *checker, v int) {
	if v != Version {
		c.add("version", "%d is not known, this program reads version %d", v, Version)
	}
}
