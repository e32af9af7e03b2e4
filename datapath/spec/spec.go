// Package spec is the configuration of the daemons as plain data: what a director forwards and announces (Director), what
// a ping host answers (PingHost). It is rendered from the same inventory as the routers' configuration, so that both
// sides agree, and travels as YAML: Encode writes it, DecodeDirector and DecodePingHost read it strictly.
//
// The same value gives the same bytes. A key that is not known, is missing or is there twice, and a value that makes no
// sense, is a Problem with file, line and column; whoever reads a file gets all of them at once and no value.
//
// It opens no file and no socket and links no packet path, so that both halves of the project may import it. It may
// import nothing of ours.
package spec

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Version is the version of the form that this package reads and writes. A file of another version is refused: a daemon
// must not guess what a newer renderer meant.
const Version = 1

// Host is the machine that a configuration is for.
type Host struct {
	Name  string     `yaml:"name"` // lb1.ams.example.net
	Site  string     `yaml:"site"`
	Addr4 netip.Addr `yaml:"ipv4"`
	Addr6 netip.Addr `yaml:"ipv6,omitempty"`
}

// BGP is how a host speaks to the routers. One IPv4 session a peer carries both families (RFC 4760).
type BGP struct {
	LocalASN    uint32     `yaml:"local_asn"`
	RouterID    netip.Addr `yaml:"router_id"`
	HoldTime    Duration   `yaml:"hold_time"`             // offered; whole seconds (RFC 4271 section 4.2)
	MED         uint32     `yaml:"med"`                   // 0 primary, 100 backup, 200 avoid
	Communities []string   `yaml:"communities,omitempty"` // 65535:0, or large: 65551:0:1
	NextHop4    netip.Addr `yaml:"next_hop_ipv4"`
	NextHop6    netip.Addr `yaml:"next_hop_ipv6,omitempty"` // zero: no IPv6 VIP is announced
	BFD         *BFD       `yaml:"bfd,omitempty"`
	Peers       []Peer     `yaml:"peers"`
}

// BFD is the fast failure detection of the BGP sessions (RFC 5880, multihop RFC 5883).
type BFD struct {
	Interval   Duration `yaml:"interval"` // transmit and receive
	Multiplier uint8    `yaml:"multiplier"`
}

// Peer is a router that a host announces to.
type Peer struct {
	Name    string     `yaml:"name"`
	Address netip.Addr `yaml:"address"`
	ASN     uint32     `yaml:"asn"`
	Auth    *Auth      `yaml:"auth,omitempty"`
}

// Auth protects a session. The key itself is never here: Key says where the host finds it.
type Auth struct {
	Kind      AuthKind `yaml:"kind"`
	Key       string   `yaml:"key"`                  // name of the key in the host's own key store: bgp/cr1.ams
	SendID    uint8    `yaml:"send_id,omitempty"`    // TCP-AO: our key id
	ReceiveID uint8    `yaml:"receive_id,omitempty"` // TCP-AO: the router's
	Algorithm string   `yaml:"algorithm,omitempty"`  // TCP-AO: hmac-sha-1-96, aes-128-cmac-96 (RFC 5926)
}

// Duration is a time.Duration that is written as people write it: 30s, 5m, 250ms.
type Duration time.Duration

// String gives the shortest form: 5m, not 5m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText gives String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: write 30s, 5m or 250ms", text)
	}
	*d = Duration(v)
	return nil
}

// enum is what the word types of this package share: a string with a fixed list of values.
func enum[T ~string](what string, text []byte, into *T, values []T) error {
	if !slices.Contains(values, T(text)) {
		words := make([]string, len(values))
		for i, v := range values {
			words[i] = string(v)
		}
		return fmt.Errorf("%q is no %s: want %s", text, what, strings.Join(words, ", "))
	}
	*into = T(text)
	return nil
}

// AuthKind is how a BGP session is protected.
type AuthKind string

// The kinds of protection.
const (
	TCPMD5 AuthKind = "tcp-md5" // RFC 2385
	TCPAO  AuthKind = "tcp-ao"  // RFC 5925
)

// UnmarshalText takes the known kinds only.
func (k *AuthKind) UnmarshalText(text []byte) error {
	return enum("kind of authentication", text, k, []AuthKind{TCPMD5, TCPAO})
}

func (h *Host) check(c *checker) {
	c.want(h.Name != "", "host.name", "is empty")
	c.want(h.Site != "", "host.site", "is empty")
	c.want(h.Addr4.Is4(), "host.ipv4", "wants an IPv4 address")
	c.want(!h.Addr6.IsValid() || h.Addr6.Is6() && !h.Addr6.Is4In6(), "host.ipv6", "wants an IPv6 address")
}

func (b *BGP) check(c *checker) {
	c.want(b.LocalASN != 0, "bgp.local_asn", "wants an AS number, 1 to 4294967295")
	c.want(b.RouterID.Is4(), "bgp.router_id", "wants an IPv4 address")
	seconds := time.Duration(b.HoldTime)
	c.want(seconds%time.Second == 0 && seconds >= 3*time.Second && seconds <= 65535*time.Second,
		"bgp.hold_time", "wants whole seconds, 3s to 65535s")
	c.want(b.NextHop4.Is4(), "bgp.next_hop_ipv4", "wants an IPv4 address")
	c.want(!b.NextHop6.IsValid() || b.NextHop6.Is6() && !b.NextHop6.Is4In6(), "bgp.next_hop_ipv6", "wants an IPv6 address")
	for i, community := range b.Communities {
		c.want(isCommunity(community), fmt.Sprintf("bgp.communities[%d]", i), "wants ASN:N, or a large community ASN:N:N")
	}
	if b.BFD != nil {
		c.want(b.BFD.Interval > 0, "bgp.bfd.interval", "wants a time above zero")
		c.want(b.BFD.Multiplier > 0, "bgp.bfd.multiplier", "wants 1 to 255")
	}
	seen := map[netip.Addr]int{}
	for i, p := range b.Peers {
		at := fmt.Sprintf("bgp.peers[%d]", i)
		c.want(p.Name != "", at+".name", "is empty")
		c.want(p.ASN != 0, at+".asn", "wants an AS number, 1 to 4294967295")
		c.want(p.Address.IsValid(), at+".address", "wants an address")
		if first, twice := seen[p.Address]; twice {
			c.add(at+".address", "is that of bgp.peers[%d] as well", first)
		} else {
			seen[p.Address] = i
		}
		if p.Auth != nil {
			c.want(p.Auth.Key != "", at+".auth.key", "wants the name of a key")
			c.want(p.Auth.Kind == TCPAO || p.Auth.Algorithm == "", at+".auth.algorithm", "is for tcp-ao only")
		}
	}
}

// isCommunity knows a:b of 16 bits each (RFC 1997) and a:b:c of 32 bits each (RFC 8092).
func isCommunity(s string) bool {
	parts := strings.Split(s, ":")
	limit := uint64(0xffff)
	if len(parts) == 3 {
		limit = 0xffffffff
	} else if len(parts) != 2 {
		return false
	}
	for _, p := range parts {
		n, ok := decimal(p)
		if !ok || n > limit {
			return false
		}
	}
	return true
}

// decimal reads digits without a leading zero.
func decimal(s string) (uint64, bool) {
	if s == "" || len(s) > 10 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File    string // empty when the value was not read from a file
	Line    int
	Column  int
	Path    string // services[2].port
	Message string
}

// String gives `FILE:LINE:COLUMN: PATH MESSAGE`.
func (p Problem) String() string {
	s := strings.TrimSpace(p.Path + " " + p.Message)
	switch {
	case p.Line > 0:
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, s)
	case p.File != "":
		return p.File + ": " + s
	}
	return s
}

// Problems is everything that is wrong, in the order of the file.
type Problems []Problem

// Error gives one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, x := range p {
		lines[i] = x.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return p
}

// checker gathers problems by path.
type checker struct{ problems Problems }

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) want(ok bool, path, message string) {
	if !ok {
		c.add(path, "%s", message)
	}
}

// err is what has been gathered, as an error.
func (c *checker) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return c.problems
}
