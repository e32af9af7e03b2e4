package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ParsePacket reads a packet in words: a protocol, an ICMP type, `from ADDRESS[:PORT] to ADDRESS[:PORT]` or
// `ADDRESS:PORT > ADDRESS:PORT`, TCP flags, and key=value for anything else:
//
//	icmp echo-request from 198.51.100.7 to 203.0.113.1
//	tcp 198.51.100.7:40000 > 203.0.113.1:443 syn ttl=64
//
// What it does not say is not known. The error names the word and what is expected.
func ParsePacket(text string) (*Packet, error) {
	p := &packetReader{packet: &Packet{}}
	p.words = strings.Fields(text)
	for len(p.words) > 0 {
		w := p.words[0]
		p.words = p.words[1:]
		if err := p.word(w); err != nil {
			return nil, fmt.Errorf("read packet: %w", err)
		}
	}
	if err := p.finish(); err != nil {
		return nil, fmt.Errorf("read packet: %w", err)
	}
	return p.packet, nil
}

type packetReader struct {
	packet     *Packet
	words      []string
	toward     bool // the next address is the destination
	port       *Maybe
	kind, code string // ICMP type and code, read when the family is known
	said       string // the protocol's name
}

func (p *packetReader) word(w string) error {
	if key, value, ok := strings.Cut(w, "="); ok {
		return p.set(key, value)
	}
	switch w {
	case "from", "to", ">", "->":
		p.toward = w != "from"
		return nil
	case "port":
		if p.port == nil {
			return fmt.Errorf("a port comes after an address")
		}
		return p.value(p.port, "port", "port")
	case "more-fragments", "first-fragment":
		p.packet.MoreFragments = true
		return nil
	case "dont-fragment":
		p.packet.DontFragment = true
		return nil
	}
	if slices.Contains(packetKeys, w) && !isProtocol(w) {
		return p.nextValue(w)
	}
	if bit, ok := tcpFlagBits[w]; ok {
		p.packet.TCPFlags = Known(p.packet.TCPFlags.N | bit)
		return nil
	}
	if n, ok := protocols[w]; ok && !p.packet.Protocol.Known {
		p.packet.Protocol, p.said = Known(n), w
		return nil
	}
	if _, ok := icmp4Types[w]; ok {
		p.kind = w
		return nil
	}
	if _, ok := icmp6Types[w]; ok {
		p.kind = w
		return nil
	}
	return p.address(w)
}

func isProtocol(w string) bool { _, ok := protocols[w]; return ok }

// value takes the next word as a number.
func (p *packetReader) value(to *Maybe, key, condition string) error {
	if len(p.words) == 0 {
		return fmt.Errorf("%s: a value is expected", key)
	}
	w := p.words[0]
	p.words = p.words[1:]
	return readField(to, key, condition, w, p.packet)
}

// nextValue takes the next word as the value of a key.
func (p *packetReader) nextValue(key string) error {
	if len(p.words) == 0 {
		return fmt.Errorf("%s: a value is expected", key)
	}
	w := p.words[0]
	p.words = p.words[1:]
	return p.set(key, w)
}

func (p *packetReader) address(w string) error {
	a, port, err := splitAddress(w)
	if err != nil {
		hint := "an address, a protocol, an ICMP type, a TCP flag or KEY=VALUE is expected; keys: " + and(packetKeys)
		if near := nearest(w, packetWords()); near != "" {
			hint = "did you mean " + near + "?"
		}
		return fmt.Errorf("%q is not known (%s)", w, hint)
	}
	at, to := &p.packet.Source, &p.packet.SourcePort
	if p.toward || at.IsValid() {
		at, to = &p.packet.Destination, &p.packet.DestinationPort
	}
	if at.IsValid() {
		return fmt.Errorf("%q is one address too much", w)
	}
	*at, p.port = a, to
	if port.Known {
		*to = port
	}
	return nil
}

// splitAddress reads ADDRESS, ADDRESS:PORT and [ADDRESS]:PORT.
func splitAddress(w string) (netip.Addr, Maybe, error) {
	if a, err := netip.ParseAddr(strings.Trim(w, "[]")); err == nil {
		if a.Zone() != "" || a.Is4In6() {
			return a, Maybe{}, fmt.Errorf("%s is not an address that stands in a packet", w)
		}
		return a, Maybe{}, nil
	}
	if ap, err := netip.ParseAddrPort(w); err == nil {
		return ap.Addr(), Known(uint32(ap.Port())), nil
	}
	at, name, ok := cutLast(w, ":")
	if ok {
		a, err := netip.ParseAddr(strings.Trim(at, "[]"))
		if n, known := ports[name]; err == nil && known && (a.Is4() || strings.HasPrefix(at, "[")) {
			return a, Known(n), nil
		}
	}
	return netip.Addr{}, Maybe{}, fmt.Errorf("%q is no address", w)
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// packetKeys are the keys that a packet may be told by.
var packetKeys = []string{
	"source", "destination", "source-port", "destination-port", "protocol", "next-header", "icmp-type", "icmp-code", "type",
	"code", "flags", "dscp", "traffic-class", "ttl", "hop-limit", "length", "packet-length", "fragment-offset", "option",
	"header", "interface", "forwarding-class", "loss-priority",
}

func packetWords() map[string]bool {
	out := map[string]bool{}
	for _, m := range []map[string]uint32{protocols, icmp4Types, icmp6Types, tcpFlagBits} {
		for w := range m {
			out[w] = true
		}
	}
	for _, w := range append([]string{"from", "to", "port", "more-fragments", "first-fragment", "dont-fragment"}, packetKeys...) {
		out[w] = true
	}
	return out
}

func (p *packetReader) set(key, value string) error {
	x := p.packet
	switch key {
	case "source", "destination":
		p.toward = key == "destination"
		return p.address(value)
	case "icmp-type", "type":
		p.kind = value
		return nil
	case "icmp-code", "code":
		p.code = value
		return nil
	case "flags":
		return p.setFlags(value)
	case "interface":
		x.Interface = value
		return nil
	case "forwarding-class":
		x.ForwardingClass = value
		return nil
	case "loss-priority":
		x.LossPriority = value
		return nil
	}
	return p.setNumber(key, value)
}

func (p *packetReader) setFlags(value string) error {
	p.packet.TCPFlags.Known = true
	if value == "none" {
		return nil
	}
	for _, name := range strings.Split(value, ",") {
		bit, ok := tcpFlagBits[name]
		if !ok {
			return fmt.Errorf("flags: %q is no TCP flag (want fin, syn, rst, push, ack, urgent joined by commas, or none)", name)
		}
		p.packet.TCPFlags.N |= bit
	}
	return nil
}

func (p *packetReader) setNumber(key, value string) error {
	x := p.packet
	var n Maybe
	switch key {
	case "source-port":
		return readField(&x.SourcePort, key, key, value, x)
	case "destination-port":
		return readField(&x.DestinationPort, key, key, value, x)
	case "protocol", "next-header":
		return readField(&x.Protocol, key, key, value, x)
	case "dscp", "traffic-class":
		return readField(&x.DSCP, key, key, value, x)
	case "ttl", "hop-limit":
		return readField(&x.TTL, key, key, value, x)
	case "length", "packet-length":
		return readField(&x.Length, key, "packet-length", value, x)
	case "fragment-offset":
		err := readField(&n, key, key, value, x)
		x.FragmentOffset = n.N
		return err
	case "option":
		err := readField(&n, key, "ip-options", value, x)
		x.Options = append(x.Options, n.N)
		return err
	case "header":
		err := readField(&n, key, "extension-header", value, x)
		x.ExtensionHeaders = append(x.ExtensionHeaders, n.N)
		return err
	}
	keys := map[string]bool{}
	for _, k := range packetKeys {
		keys[k] = true
	}
	if near := nearest(key, keys); near != "" {
		return fmt.Errorf("no key %q (did you mean %s?)", key, near)
	}
	return fmt.Errorf("no key %q; there are %s", key, and(packetKeys))
}

// readField reads a number or one of the names that a condition takes.
func readField(to *Maybe, key, condition, value string, x *Packet) error {
	f := Inet
	if x.Destination.Is6() || x.Source.Is6() {
		f = Inet6
	}
	names, highest, _ := evalNumbering(condition, f)
	n, ok := parseNumber(value, names, highest)
	if !ok {
		return fmt.Errorf("%s: %q is no name or number up to %d", key, value, highest)
	}
	*to = Known(n)
	return nil
}

func (p *packetReader) finish() error {
	x := p.packet
	switch {
	case !x.Source.IsValid() || !x.Destination.IsValid():
		return fmt.Errorf("two addresses are expected: from ADDRESS to ADDRESS")
	case FamilyOf(x.Source) != FamilyOf(x.Destination):
		return fmt.Errorf("%s and %s are of two families", x.Source, x.Destination)
	}
	for _, c := range []struct {
		key, value string
		to         *Maybe
	}{{"icmp-type", p.kind, &x.ICMPType}, {"icmp-code", p.code, &x.ICMPCode}} {
		if c.value != "" {
			if err := readField(c.to, c.key, c.key, c.value, x); err != nil {
				return err
			}
		}
	}
	icmp := x.ICMPType.Known || x.ICMPCode.Known
	tcp := x.TCPFlags.Known
	hasPorts := x.SourcePort.Known || x.DestinationPort.Known
	switch {
	case x.Family() == Inet6 && p.said == "icmp":
		return fmt.Errorf("icmp is IPv4's: between %s and %s say icmp6", x.Source, x.Destination)
	case icmp && !x.isICMP():
		return fmt.Errorf("an ICMP type or code needs the protocol icmp or icmp6, and no fragment offset")
	case tcp && !x.hasTCP():
		return fmt.Errorf("TCP flags need the protocol tcp, and no fragment offset")
	case hasPorts && !x.hasPorts():
		return fmt.Errorf("ports need the protocol tcp, udp or sctp, and no fragment offset")
	case x.Family() == Inet && len(x.ExtensionHeaders) > 0:
		return fmt.Errorf("IPv4 has no extension headers")
	case x.Family() == Inet6 && len(x.Options) > 0:
		return fmt.Errorf("IPv6 has no options in its header")
	}
	return nil
}

// routeKeys are the words that say something about a route; the first spelling of each attribute is String's.
var routeKeys = map[string]string{
	"from": "from", "neighbor": "from", "protocol": "protocol", "next-hop": "next-hop", "as-path": "as-path",
	"origin": "origin", "metric": "metric", "med": "metric", "metric2": "metric2", "local-preference": "local-preference",
	"localpref": "local-preference", "preference": "preference", "tag": "tag", "community": "community",
	"communities": "community", "rib": "rib", "instance": "instance", "area": "area", "interface": "interface",
	"route-type": "route-type",
}

// ParseRoute reads a route in words: its prefix, then attributes as KEY VALUE or KEY=VALUE. An as-path takes all numbers
// that follow, `()` is the empty one; community may be said several times.
//
//	203.0.113.1/32 from 203.0.113.131 protocol bgp as-path 64510 med 100 community 64500:1
//
// What it does not say is not known. The error names the word and what is expected.
func ParseRoute(text string) (*Route, error) {
	w := strings.Fields(text)
	if len(w) == 0 {
		return nil, fmt.Errorf("read route: a prefix is expected")
	}
	p, err := parsePrefix(w[0])
	switch {
	case err != nil:
		return nil, fmt.Errorf("read route: %q is no prefix", w[0])
	case p.Masked() != p:
		return nil, fmt.Errorf("read route: %s has host bits (want %s)", p, p.Masked())
	}
	r := &Route{Prefix: p}
	for w = w[1:]; len(w) > 0; {
		key, value, joined := strings.Cut(w[0], "=")
		attribute, ok := routeKeys[key]
		if !ok {
			return nil, fmt.Errorf("read route: no attribute %q (%s)", key, routeHint(key))
		}
		w = w[1:]
		if !joined {
			if len(w) == 0 {
				return nil, fmt.Errorf("read route: %s: a value is expected", key)
			}
			value, w = w[0], w[1:]
		}
		if attribute == "as-path" {
			for len(w) > 0 && isDigit(w[0][0]) && value != "()" {
				value, w = value+" "+w[0], w[1:]
			}
		}
		if err := r.set(attribute, value); err != nil {
			return nil, fmt.Errorf("read route: %s: %w", key, err)
		}
	}
	return r, nil
}

func routeHint(key string) string {
	if near := nearest(key, routeKeys); near != "" {
		return "did you mean " + near + "?"
	}
	var list []string
	for k := range routeKeys {
		list = append(list, k)
	}
	slices.Sort(list)
	return "there are " + and(list)
}

func (r *Route) set(attribute, value string) (err error) {
	for _, x := range r.numbers() {
		if x.key == attribute {
			n, err := number(value)
			*x.value = Known(n)
			return err
		}
	}
	for _, x := range r.texts() {
		if x.key == attribute {
			*x.value = value
			return nil
		}
	}
	switch attribute {
	case "from":
		r.Neighbor, err = netip.ParseAddr(value)
	case "next-hop":
		r.NextHop, err = netip.ParseAddr(value)
	case "protocol":
		r.Protocol = value
	case "origin":
		if r.Origin = value; value != "igp" && value != "egp" && value != "incomplete" {
			err = fmt.Errorf("%q is no origin (want igp, egp or incomplete)", value)
		}
	case "as-path":
		r.ASPath, err = parseASPath(value)
	case "community":
		for _, c := range strings.Split(value, ",") {
			if err := checkCommunity(c); err != nil {
				return err
			}
			r.Communities = append(r.Communities, canonicalCommunity(c))
		}
	}
	return err
}

func parseASPath(value string) ([]uint32, error) {
	path := []uint32{}
	if value == "()" {
		return path, nil
	}
	p := &pathParser{text: value, rest: strings.ReplaceAll(value, ",", " ")}
	for p.peek() != 0 {
		n, err := p.number()
		if err != nil {
			return nil, err
		}
		path = append(path, n)
	}
	return path, nil
}

// checkCommunity wants a community of a route: numbers joined by colons, perhaps behind a kind, or a well-known name.
func checkCommunity(c string) error {
	s := canonicalCommunity(c)
	kind := communityKind(s)
	numbers := strings.Split(strings.TrimPrefix(s, kind+":"), ":")
	want := 2
	if kind == "large" {
		want = 3
	}
	if len(numbers) != want {
		return fmt.Errorf("%q is no community (such as 64500:1, large:64500:0:1, target:64500:1 or no-export)", c)
	}
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, 10, 32); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(n); kind == "" || kind == "large" || err != nil {
			return fmt.Errorf("%q is no community: %q is no number", c, n)
		}
	}
	return nil
}
