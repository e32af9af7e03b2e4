package spec

import (
	"fmt"
	"net/netip"
)

// PingHost is what a ping host answers. It holds the VIPs of its site that are offloaded, all of them on every ping host
// of the site: which of the hosts gets the packets is the routers' choice.
type PingHost struct {
	Version   int          `yaml:"version"`
	Host      Host         `yaml:"host"`
	Mode      Mode         `yaml:"mode"`
	VIPs      []netip.Addr `yaml:"vips"` // sorted, each once
	RateLimit RateLimit    `yaml:"rate_limit"`
	BGP       *BGP         `yaml:"bgp,omitempty"` // in the modes that announce
}

// Mode is how packets come to the ping host.
type Mode string

// The modes of ping offload.
const (
	Term     Mode = "term"     // a filter term of the routers sends by next-ip: the host announces nothing
	Instance Mode = "instance" // a routing-instance of the routers is fed by BGP from the ping hosts
	FlowSpec Mode = "flowspec" // the ping hosts announce flow routes (RFC 8955)
)

// UnmarshalText takes the known modes only.
func (m *Mode) UnmarshalText(text []byte) error {
	return enum("mode", text, m, []Mode{Term, Instance, FlowSpec})
}

// RateLimit bounds the answers, in packets per second; 0 is no limit. Requests above it are dropped and counted.
type RateLimit struct {
	TotalPPS     uint32         `yaml:"total_pps"`
	PerSourcePPS uint32         `yaml:"per_source_pps"`
	Exempt       []netip.Prefix `yaml:"exempt,omitempty"` // sources without a limit: our own monitoring
}

// Validate reports everything that a ping host could not work with, as Problems.
func (p *PingHost) Validate() error {
	c := &checker{}
	p.check(c)
	return c.err()
}

func (p *PingHost) check(c *checker) {
	checkVersion(c, p.Version)
	p.Host.check(c)
	seen := map[netip.Addr]int{}
	for i, v := range p.VIPs {
		at := fmt.Sprintf("vips[%d]", i)
		c.want(v.IsValid(), at, "wants an address")
		if first, twice := seen[v]; twice {
			c.add(at, "is vips[%d] again", first)
		} else {
			seen[v] = i
		}
		c.want(v != p.Host.Addr4 && v != p.Host.Addr6, at, "is the host's own address: it would lose it with the VIPs")
	}
	switch {
	case p.Mode == Term && p.BGP != nil:
		c.add("bgp", "has no place in mode term: nothing is announced")
	case p.Mode != Term && p.BGP == nil:
		c.add("", "mode %s wants bgp: the host announces", p.Mode)
	case p.BGP != nil:
		p.BGP.check(c)
	}
	for i, e := range p.RateLimit.Exempt {
		c.want(e.IsValid() && e == e.Masked(), fmt.Sprintf("rate_limit.exempt[%d]", i), "wants a prefix without host bits")
	}
}
