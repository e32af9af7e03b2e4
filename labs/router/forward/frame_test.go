package forward_test

import (
	"encoding/binary"
	"slices"

	"rhapsode/policies"
)

// encode writes a packet as it is on the wire, with right checksums, and sets its length to what it came to. A field that
// is not known is 0. What stands behind the fields is filled with bytes of the seed.
func encode(p *policies.Packet, seed uint64) []byte {
	body := payload(p, seed)
	if p.Family() == policies.Inet6 {
		return encode6(p, body)
	}
	return encode4(p, body)
}

func payload(p *policies.Packet, seed uint64) []byte {
	size := map[uint32]int{1: 8, 58: 8, 6: 20, 17: 8, 132: 12}[p.Protocol.N]
	if size == 0 {
		size = 12
	}
	head := 20 + optionBytes(p)
	if p.Family() == policies.Inet6 {
		head = 40 + 8*len(p.ExtensionHeaders)
	}
	b := make([]byte, max(size, int(p.Length.N)-head))
	if p.MoreFragments {
		b = append(b, make([]byte, (8-len(b)%8)%8)...) // all but the last fragment end at a multiple of 8
	}
	for i := range b {
		seed = seed*6364136223846793005 + 1442695040888963407
		b[i] = byte(seed >> 56)
	}
	if p.FragmentOffset > 0 {
		return b
	}
	checksum := -1
	switch p.Protocol.N {
	case 1, 58:
		b[0], b[1] = byte(p.ICMPType.N), byte(p.ICMPCode.N)
		checksum = 2
	case 6:
		ports(b, p)
		b[12], b[13] = 5<<4, byte(p.TCPFlags.N)
		checksum = 16
	case 17:
		ports(b, p)
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
		checksum = 6
	case 132:
		ports(b, p)
	}
	if checksum >= 0 && !p.MoreFragments {
		b[checksum], b[checksum+1] = 0, 0
		binary.BigEndian.PutUint16(b[checksum:], sum(pseudo(p, len(b)), b))
	}
	return b
}

func ports(b []byte, p *policies.Packet) {
	binary.BigEndian.PutUint16(b, uint16(p.SourcePort.N))
	binary.BigEndian.PutUint16(b[2:], uint16(p.DestinationPort.N))
}

// pseudo is what a checksum takes in of the IP header; ICMP of IPv4 takes nothing.
func pseudo(p *policies.Packet, length int) []byte {
	if p.Protocol.N == 1 || p.Protocol.N == 58 && p.Family() == policies.Inet {
		return nil
	}
	b := append(p.Source.AsSlice(), p.Destination.AsSlice()...)
	return append(b, byte(length>>24), byte(length>>16), byte(length>>8), byte(length), 0, 0, 0, byte(p.Protocol.N))
}

func sum(parts ...[]byte) uint16 {
	var n uint32
	for _, b := range parts {
		for i := 0; i+1 < len(b); i += 2 {
			n += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			n += uint32(b[len(b)-1]) << 8
		}
	}
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return ^uint16(n)
}

// optionBytes is how long the options of a packet are.
func optionBytes(p *policies.Packet) int { return (len(options(p)) + 3) / 4 * 4 }

func options(p *policies.Packet) []byte {
	var b []byte
	for _, o := range p.Options {
		switch o {
		case 7: // record route: one free slot
			b = append(b, 7, 7, 4, 0, 0, 0, 0)
		case 148: // router alert
			b = append(b, 148, 4, 0, 0)
		case 131, 137: // a source route that has come to its end
			b = append(b, byte(o), 7, 8, 203, 0, 113, 77)
		case 68: // timestamp: one free slot
			b = append(b, 68, 8, 5, 0, 0, 0, 0, 0)
		default:
			b = append(b, byte(o), 4, 0, 0)
		}
	}
	return b
}

func encode4(p *policies.Packet, body []byte) []byte {
	head := 20 + optionBytes(p)
	b := make([]byte, head, head+len(body))
	b[0], b[1] = 4<<4|byte(head/4), byte(p.DSCP.N<<2)
	p.Length = policies.Known(uint32(head + len(body)))
	binary.BigEndian.PutUint16(b[2:], uint16(p.Length.N))
	binary.BigEndian.PutUint16(b[4:], 0x1234)
	bits := uint16(p.FragmentOffset)
	if p.MoreFragments {
		bits |= 0x2000
	}
	if p.DontFragment {
		bits |= 0x4000
	}
	binary.BigEndian.PutUint16(b[6:], bits)
	b[8], b[9] = byte(p.TTL.N), byte(p.Protocol.N)
	copy(b[12:], p.Source.AsSlice())
	copy(b[16:], p.Destination.AsSlice())
	copy(b[20:], options(p))
	binary.BigEndian.PutUint16(b[10:], sum(b))
	return append(b, body...)
}

// encode6 writes the extension headers of p, each of 8 bytes. A packet that is a fragment must have the fragment header
// among them. ESP as the last one is the payload itself.
func encode6(p *policies.Packet, body []byte) []byte {
	headers := slices.DeleteFunc(slices.Clone(p.ExtensionHeaders), func(n uint32) bool { return n == p.Protocol.N })
	chain := append(slices.Clone(headers), p.Protocol.N)
	var b []byte
	b = append(b, 6<<4|byte(p.DSCP.N>>2), byte(p.DSCP.N<<6), 0, 0, 0, 0, byte(chain[0]), byte(p.TTL.N))
	b = append(b, p.Source.AsSlice()...)
	b = append(b, p.Destination.AsSlice()...)
	for i, n := range headers {
		next := byte(chain[i+1])
		switch n {
		case 44:
			bits := uint16(p.FragmentOffset << 3)
			if p.MoreFragments {
				bits |= 1
			}
			b = append(b, next, 0, byte(bits>>8), byte(bits), 0, 0, 0x12, 0x34)
		case 43: // a routing header of no type that there is, with no segment left
			b = append(b, next, 0, 253, 0, 0, 0, 0, 0)
		default: // options: PadN
			b = append(b, next, 0, 1, 4, 0, 0, 0, 0)
		}
	}
	b = append(b, body...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	p.Length = policies.Known(uint32(len(b)))
	return b
}
