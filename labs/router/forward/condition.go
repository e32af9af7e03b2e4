package forward

import (
	"path"
	"slices"
	"strings"

	"rhapsode/policies"
)

// values are the conditions that compare numbers.
func (c *compiler) values(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	out := always()
	for _, x := range []struct {
		key string
		v   policies.Values
	}{
		{"packet-length", m.PacketLength},
		{"dscp", m.DSCP},
		{"traffic-class", m.TrafficClass},
		{"ip-options", m.Options},
		{"extension-header", m.ExtensionHeader},
		{"fragment-offset", m.FragmentOffset},
		{"protocol", m.Protocol},
		{"next-header", m.NextHeader},
		{"payload-protocol", m.PayloadProtocol},
		{"ttl", m.TTL},
		{"hop-limit", m.HopLimit},
		{"icmp-type", m.ICMPType},
		{"icmp-code", m.ICMPCode},
		{"source-port", m.SourcePort},
		{"destination-port", m.DestinationPort},
		{"port", m.Port},
	} {
		if len(x.v.List) == 0 {
			continue
		}
		a, err := c.value(f, x.key, x.v)
		if err != nil {
			return nil, err
		}
		out = out.and(a)
	}
	return out, nil
}

func (c *compiler) value(f policies.Family, key string, v policies.Values) (alternatives, *refusal) {
	list, anyOf, err := v.Numbers(key, f)
	if err != nil {
		return nil, refuseFrom(statement(key, v), "%v", err)
	}
	switch {
	case key == "ip-options":
		return c.options(f, v, list, anyOf)
	case key == "extension-header":
		return c.headers(f, v, list, anyOf)
	case key == "port":
		from, _ := placeOf(f, "source-port")
		to, _ := placeOf(f, "destination-port")
		in := from.at(list)
		if v.Except {
			return c.test(f, from.field, "", in, true).and(c.test(f, to.field, "", in, true)), nil
		}
		return append(c.test(f, from.field, "", in, false), c.test(f, from.field, "", in, true).and(c.test(f, to.field, "", in, false))...), nil
	}
	p, ok := placeOf(f, key)
	if !ok {
		return nil, refuseFrom(statement(key, v), "%s is no condition of family %s", key, f)
	}
	out := c.test(f, p.field, p.mask, p.at(list), v.Except)
	if p.field.Base == Header { // a packet that is no fragment has the offset 0
		zero := slices.ContainsFunc(list, func(r policies.Range) bool { return r.Contains(0) })
		if len(out) == 1 && out[0] == nil {
			return always(), nil
		}
		if zero != v.Except {
			out = append(out, []Step{has(HasHeader, p.field.Type, false)})
		}
	}
	return out, nil
}

// has tests whether the packet has an extension header or an option.
func has(base Base, what uint8, present bool) Step {
	n := string([]byte{byte(boolInt(present))})
	return Compare{Field: Field{Base: base, Type: what, Len: 1}, From: n, To: n}
}

// oneOf holds for a packet that has one of several things, or none of them. The ways do not overlap: each says that the
// packet has not those before it.
func oneOf(base Base, list []uint8, except bool) alternatives {
	var out alternatives
	var none []Step
	for _, n := range list {
		out = append(out, append(slices.Clip(none), has(base, n, true)))
		none = append(none, has(base, n, false))
	}
	if except {
		return alternatives{none}
	}
	return out
}

// findable tells whether the kernel finds a type of IPv4 option: record route and router alert. It looks for source
// routes, too, but sees only those of which no hop has been taken yet.
func findable(n uint32) bool { return n == 7 || n == 148 }

func (c *compiler) options(f policies.Family, v policies.Values, list []policies.Range, anyOf bool) (alternatives, *refusal) {
	if f == policies.Inet6 {
		return nil, refuseFrom(statement("ip-options", v), "ip-options is no condition of family %s", f)
	}
	if anyOf { // a header of more than 5 words; the first byte holds the version beside
		return alternatives{{Compare{Field{Base: Network, Len: 1}, "\x0f", "\x05", "\x05", !v.Except}}}, nil
	}
	var types []uint8
	for _, r := range normal(list, 0, 255) {
		for n := r.Lo; n <= r.Hi; n++ {
			if n < 2 { // end of list and no operation are padding, and no option
				continue
			}
			if !findable(n) {
				return nil, refuseFrom(statement("ip-options", v), "this router finds only the options route-record and router-alert, or any, and not %d", n)
			}
			types = append(types, uint8(n))
		}
	}
	return oneOf(HasOption, types, v.Except), nil
}

// extensionHeaders are the types that an extension header may have (IANA ipv6-parameters): a value that is none of them
// is never found.
func extensionHeaders() []uint8 { return []uint8{0, 43, 44, 50, 51, 59, 60, 135, 139, 140, 253, 254} }

func (c *compiler) headers(f policies.Family, v policies.Values, list []policies.Range, anyOf bool) (alternatives, *refusal) {
	if f != policies.Inet6 {
		return nil, refuseFrom(statement("extension-header", v), "extension-header is no condition of family %s", f)
	}
	if anyOf {
		var all []policies.Range
		for _, n := range extensionHeaders() {
			all = append(all, policies.Range{Lo: uint32(n), Hi: uint32(n)})
		}
		next, _ := placeOf(f, "next-header")
		return c.test(f, next.field, "", next.at(all), v.Except), nil
	}
	var types []uint8
	for _, n := range extensionHeaders() {
		if slices.ContainsFunc(list, func(r policies.Range) bool { return r.Contains(uint32(n)) }) {
			types = append(types, n)
		}
	}
	return oneOf(HasHeader, types, v.Except), nil
}

// flags are the conditions on fragments and on bits.
func (c *compiler) flags(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	var steps []Step
	bits := Field{Base: Network, Offset: 6, Len: 2}
	offset, more := "\x1f\xff", uint32(0x2000)
	step := uint32(1) // the lowest offset but 0
	if f == policies.Inet6 {
		bits = Field{Base: Header, Type: 44, Offset: 2, Len: 2}
		offset, more, step = "\xff\xf8", 1, 8
	}
	highest := offset
	both := number(more|uint32(offset[0])<<8|uint32(offset[1]), 2)
	if m.IsFragment || m.LastFragment {
		steps = append(steps, Compare{bits, offset, number(step, 2), highest, false})
	}
	if m.LastFragment {
		steps = append(steps, Compare{bits, number(more, 2), "\x00\x00", "\x00\x00", false})
	}
	if m.FirstFragment {
		steps = append(steps, Compare{bits, both, number(more, 2), number(more, 2), false})
	}
	out := alternatives{steps}
	for _, x := range []struct {
		set             bool
		key, expression string
	}{
		{m.TCPInitial, "tcp-flags", "(syn & !ack)"},
		{m.TCPEstablished, "tcp-flags", "(ack | rst)"},
		{m.TCPFlags != "", "tcp-flags", m.TCPFlags},
		{m.FragmentFlags != "", "fragment-flags", m.FragmentFlags},
	} {
		if !x.set {
			continue
		}
		values, err := policies.MatchingBits(x.key, x.expression)
		if err != nil {
			return nil, refuseFrom(x.key+" "+x.expression, "%v", err)
		}
		ranges := make([]policies.Range, len(values))
		for i, n := range values {
			ranges[i] = policies.Range{Lo: n, Hi: n}
		}
		switch {
		case x.key == "tcp-flags":
			at := Field{Base: Transport, Offset: 13, Len: 1}
			out = out.and(c.test(f, at, "\x3f", bytesOf(normal(ranges, 0, 63), 1, 0), false))
		case f == policies.Inet6:
			return nil, refuseFrom(x.key+" "+x.expression, "IPv6 has no such flags")
		default: // the flags are the upper three of the 16 bits, and counted as if they were the upper four
			at := Field{Base: Network, Offset: 6, Len: 1}
			out = out.and(c.test(f, at, "\xe0", bytesOf(ranges, 1, 4), false))
		}
	}
	return out, nil
}

// classes are the conditions on what an earlier filter left on the packet.
func (c *compiler) classes(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	out := always()
	for _, x := range []struct {
		key  string
		v    policies.Values
		mask uint32
		bits func(string) (uint32, bool)
	}{
		{"forwarding-class", m.ForwardingClass, classMask, c.classBits},
		{"loss-priority", m.LossPriority, priorityMask, priorityBits},
	} {
		if len(x.v.List) == 0 {
			continue
		}
		var in []Bytes
		for _, name := range x.v.List {
			n, ok := x.bits(name)
			if !ok {
				return nil, refuseFrom(statement(x.key, x.v), "%s is no %s here", name, x.key)
			}
			in = append(in, Bytes{native(n), native(n)})
		}
		slices.SortFunc(in, func(a, b Bytes) int { return strings.Compare(a.From, b.From) })
		// Few values, so that each can be a way of its own: marks are in the order of the machine and have no ranges.
		field := Field{Base: PacketMark, Len: 4}
		var ways alternatives
		var none []Step
		for _, b := range slices.Compact(in) {
			ways = append(ways, []Step{Compare{field, native(x.mask), b.From, b.To, false}})
			none = append(none, Compare{field, native(x.mask), b.From, b.To, true})
		}
		if x.v.Except {
			ways = alternatives{none}
		}
		out = out.and(ways)
	}
	return out, nil
}

// interfaces is the condition on the logical interface on which the packet came. One that does not exist matches none.
func (c *compiler) interfaces(f policies.Family, m *policies.FilterMatch) (alternatives, *refusal) {
	if len(m.Interface) == 0 {
		return always(), nil
	}
	var devices []string
	for _, name := range m.Interface {
		for _, unit := range c.units {
			if unit != name && !fits(name, unit) {
				continue
			}
			if d := c.device(unit); d != "" && !slices.Contains(devices, d) {
				devices = append(devices, d)
			}
		}
	}
	var out alternatives
	for _, d := range devices {
		out = append(out, []Step{inDevice(d)})
	}
	return out, nil
}

// fits tells whether a name with wildcards takes a unit: `*` goes over slashes.
func fits(pattern, unit string) bool {
	slash := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(slash.Replace(pattern), slash.Replace(unit))
	return err == nil && ok
}

func inDevice(name string) Step  { return onDevice(InInterface, name) }
func outDevice(name string) Step { return onDevice(OutInterface, name) }

// onDevice compares the name of a device, which the kernel keeps in 16 bytes.
func onDevice(base Base, name string) Step {
	padded := make([]byte, 16)
	copy(padded, name)
	return Compare{Field: Field{Base: base, Len: 16}, From: string(padded), To: string(padded)}
}
