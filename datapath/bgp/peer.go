package bgp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	api "github.com/osrg/gobgp/v4/api"
	gobgp "github.com/osrg/gobgp/v4/pkg/packet/bgp"
)

// Family is an address family that a session may carry.
type Family uint8

// The families that this package speaks.
const (
	IPv4     Family = iota + 1 // unicast routes of IPv4
	IPv6                       // unicast routes of IPv6
	FlowIPv4                   // flow routes of IPv4, RFC 8955
	FlowIPv6                   // flow routes of IPv6, RFC 8956
)

// String is the family in Junos's words.
func (f Family) String() string {
	switch f {
	case IPv4:
		return "inet unicast"
	case IPv6:
		return "inet6 unicast"
	case FlowIPv4:
		return "inet flow"
	case FlowIPv6:
		return "inet6 flow"
	default:
		return fmt.Sprintf("family %d", uint8(f))
	}
}

// wire is the family in GoBGP's numbers, 0 for one that is none of ours.
func (f Family) wire() gobgp.Family {
	switch f {
	case IPv4:
		return gobgp.RF_IPv4_UC
	case IPv6:
		return gobgp.RF_IPv6_UC
	case FlowIPv4:
		return gobgp.RF_FS_IPv4_UC
	case FlowIPv6:
		return gobgp.RF_FS_IPv6_UC
	default:
		return 0
	}
}

// familyOf is the opposite of wire.
func familyOf(w gobgp.Family) (Family, bool) {
	for _, f := range []Family{IPv4, IPv6, FlowIPv4, FlowIPv6} {
		if f.wire() == w {
			return f, true
		}
	}
	return 0, false
}

// Password is a session's MD5 password. However it is printed, it reads [redacted].
type Password string

const redacted = "[redacted]"

// Format prints [redacted] for every verb.
func (Password) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// String is [redacted].
func (Password) String() string { return redacted }

// LogValue is [redacted].
func (Password) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives [redacted], so that no encoding of a Peer carries the password.
func (Password) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Peer is a session as it is wanted.
type Peer struct {
	Address      netip.Addr
	ASN          uint32
	LocalAddress netip.Addr    // the session's own end; the zero Addr leaves it to the kernel
	Port         uint16        // where the peer listens; 0 is 179
	MultihopTTL  uint8         // for an eBGP peer that is not on the link; 0 is a peer on the link
	HoldTime     time.Duration // whole seconds, 3 s at least; 0 is 90 s
	ConnectRetry time.Duration // whole seconds; 0 is 30 s
	Password     Password
	Families     []Family // none is the unicast family of the peer's address
	Passive      bool     // wait for the peer to connect

	// PrefixLimits ends the session when the peer has sent more routes of a family than that, and it stays down until the
	// peer is set anew.
	PrefixLimits map[Family]uint32

	// GracefulRestart is offered with this restart time, 10 s at most; 0, the default, is not at all: a helper would keep
	// sending to a dead box (SAFETY.md 17).
	GracefulRestart time.Duration
}

const (
	minHoldTime    = 3 * time.Second
	defaultHold    = 90 * time.Second
	defaultRetry   = 30 * time.Second
	maxRestartTime = 10 * time.Second
	port           = 179
)

// normal is the peer with its defaults written out, or what is wrong with it.
func (p Peer) normal() (Peer, error) {
	fault := func(format string, args ...any) (Peer, error) {
		return Peer{}, fmt.Errorf("peer %s: %w", p.Address, fmt.Errorf(format, args...))
	}
	if !p.Address.IsValid() || p.Address.IsUnspecified() || p.Address.IsMulticast() || p.Address.Is4In6() {
		return Peer{}, fmt.Errorf("peer %q: not the address of a neighbour", p.Address)
	}
	if p.ASN == 0 {
		return fault("no autonomous system number")
	}
	if p.LocalAddress.IsValid() && (p.LocalAddress.Is4() != p.Address.Is4()) {
		return fault("local address %s is of another family", p.LocalAddress)
	}
	if p.HoldTime == 0 {
		p.HoldTime = defaultHold
	}
	if p.HoldTime < minHoldTime || p.HoldTime > 65535*time.Second || p.HoldTime%time.Second != 0 {
		return fault("hold time %v is not whole seconds from 3 s to 65535 s", p.HoldTime)
	}
	if p.ConnectRetry == 0 {
		p.ConnectRetry = defaultRetry
	}
	if p.ConnectRetry < time.Second || p.ConnectRetry%time.Second != 0 {
		return fault("connect retry %v is not whole seconds", p.ConnectRetry)
	}
	if p.GracefulRestart < 0 || p.GracefulRestart > maxRestartTime || p.GracefulRestart%time.Second != 0 {
		return fault("restart time %v is not whole seconds up to 10 s", p.GracefulRestart)
	}
	if len(p.Password) > 80 {
		return fault("the password is longer than the 80 bytes that TCP MD5 takes")
	}
	if p.Port == 0 {
		p.Port = port
	}
	var err error
	if p.Families, err = normalFamilies(p); err != nil {
		return fault("%w", err)
	}
	for f := range p.PrefixLimits {
		if !slices.Contains(p.Families, f) {
			return fault("a prefix limit for %s, which the session does not carry", f)
		}
	}
	return p, nil
}

// normalFamilies sorts the families, fills in the default and refuses what there is not.
func normalFamilies(p Peer) ([]Family, error) {
	if len(p.Families) == 0 {
		if p.Address.Is4() {
			return []Family{IPv4}, nil
		}
		return []Family{IPv6}, nil
	}
	families := slices.Clone(p.Families)
	slices.Sort(families)
	for i, f := range families {
		if f.wire() == 0 {
			return nil, fmt.Errorf("%s is not known", f)
		}
		if i > 0 && families[i-1] == f {
			return nil, fmt.Errorf("%s twice", f)
		}
	}
	return families, nil
}

// sameSession says whether a change from p to q leaves what the session was opened with.
func (p Peer) sameSession(q Peer) bool {
	return p.Address == q.Address && p.ASN == q.ASN && p.LocalAddress == q.LocalAddress && p.Port == q.Port &&
		p.MultihopTTL == q.MultihopTTL && p.HoldTime == q.HoldTime && p.ConnectRetry == q.ConnectRetry &&
		p.Password == q.Password && slices.Equal(p.Families, q.Families) && p.Passive == q.Passive &&
		p.GracefulRestart == q.GracefulRestart
}

// request is the peer in GoBGP's words. AsPathLoop is left at its default: a route with our own number is kept aside.
func (p Peer) request(localASN uint32) *api.Peer {
	out := &api.Peer{
		Conf: &api.PeerConf{
			NeighborAddress: p.Address.String(), PeerAsn: p.ASN, AuthPassword: string(p.Password),
		},
		Timers: &api.Timers{Config: &api.TimersConfig{
			HoldTime: seconds(p.HoldTime), KeepaliveInterval: max(1, seconds(p.HoldTime)/3),
			ConnectRetry: seconds(p.ConnectRetry), IdleHoldTimeAfterReset: seconds(p.ConnectRetry),
		}},
		Transport: &api.Transport{RemotePort: uint32(p.Port), PassiveMode: p.Passive},
	}
	if p.LocalAddress.IsValid() {
		out.Transport.LocalAddress = p.LocalAddress.String()
	}
	if p.MultihopTTL > 0 && p.ASN != localASN {
		out.EbgpMultihop = &api.EbgpMultihop{Enabled: true, MultihopTtl: uint32(p.MultihopTTL)}
	}
	if p.GracefulRestart > 0 {
		out.GracefulRestart = &api.GracefulRestart{Enabled: true, RestartTime: uint32(seconds(p.GracefulRestart))}
	}
	for _, f := range p.Families {
		w := f.wire()
		family := &api.Family{Afi: api.Family_Afi(w.Afi()), Safi: api.Family_Safi(w.Safi())}
		a := &api.AfiSafi{Config: &api.AfiSafiConfig{Family: family, Enabled: true}}
		if limit := p.PrefixLimits[f]; limit > 0 {
			a.PrefixLimits = &api.PrefixLimit{Family: family, MaxPrefixes: limit}
		}
		if p.GracefulRestart > 0 {
			a.MpGracefulRestart = &api.MpGracefulRestart{Config: &api.MpGracefulRestartConfig{Enabled: true}}
		}
		out.AfiSafis = append(out.AfiSafis, a)
	}
	return out
}

func seconds(d time.Duration) uint64 { return uint64(d / time.Second) }

// normalPeers is the set with defaults, by address, or everything that is wrong with it.
func normalPeers(peers []Peer) (map[netip.Addr]Peer, error) {
	out := make(map[netip.Addr]Peer, len(peers))
	var errs []error
	for _, p := range peers {
		n, err := p.normal()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if _, twice := out[n.Address]; twice {
			errs = append(errs, fmt.Errorf("peer %s: set twice", n.Address))
		}
		out[n.Address] = n
	}
	return out, errors.Join(errs...)
}
