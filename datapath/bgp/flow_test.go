package bgp_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"testing"

	"rhapsode/datapath/bgp"
)

func TestEchoOffloadOnTheWire(t *testing.T) {
	for _, tt := range []struct{ to, target, nlri, action string }{
		// RFC 8955: length, (1, /32, address), (3, =, 1), (7, =, 8); 0x010c with the target and no copy.
		{"203.0.113.10/32", "192.0.2.99", "0c0120cb00710a038101078108", "c01008010cc00002630000"},
		{"203.0.113.0/24", "192.0.2.99", "0b0118cb0071038101078108", "c01008010cc00002630000"},
		// RFC 8956: (1, /128, offset 0, address), (3, =, 58), (7, =, 128); 0x000c.
		{
			"2001:db8::10/128", "2001:db8:1::99", "19018000" + "20010db8000000000000000000000010" + "03813a078180",
			"c01914000c" + "20010db8000100000000000000000099" + "0000",
		},
	} {
		e, err := bgp.NewEchoOffload(prefix(tt.to), netip.MustParseAddr(tt.target))
		if err != nil {
			t.Fatal(err)
		}
		nlri, action, err := e.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(nlri); got != tt.nlri {
			t.Errorf("%s: NLRI %s, want %s", e, got, tt.nlri)
		}
		if got := hex.EncodeToString(action); got != tt.action {
			t.Errorf("%s: action %s, want %s", e, got, tt.action)
		}
	}
}

func TestEchoOffloadRefuses(t *testing.T) {
	for _, tt := range []struct{ to, target string }{
		{"0.0.0.0/0", "192.0.2.99"},
		{"::/0", "2001:db8::99"},
		{"203.0.113.1/24", "192.0.2.99"},       // host bits
		{"203.0.113.0/24", "203.0.113.9"},      // its own pings
		{"203.0.113.0/24", "2001:db8::99"},     // families
		{"203.0.113.0/24", "0.0.0.0"},          // nobody
		{"203.0.113.0/24", "::ffff:192.0.2.9"}, // written as IPv6
		{"224.0.0.0/4", "192.0.2.99"},
		{"203.0.113.0/24", "224.0.0.1"},
		{"fe80::/10", "2001:db8::99"},
		{"2001:db8::/64", "fe80::1%lo"},
	} {
		if e, err := bgp.NewEchoOffload(prefix(tt.to), netip.MustParseAddr(tt.target)); err == nil {
			t.Errorf("%s to %s is %s", tt.to, tt.target, e)
		}
	}
	if _, _, err := (bgp.EchoOffload{}).Bytes(); err == nil {
		t.Error("the zero value has bytes")
	}
}

func TestParseFlow(t *testing.T) {
	for _, tt := range []struct {
		family              bgp.Family
		nlri, attrs         string
		match, action       string
		offload, unreadable bool
	}{
		{bgp.FlowIPv4, "0c0120cb00710a038101078108", "c01008010cc00002630000", "destination 203.0.113.10/32 protocol =1 icmp-type =8", "[1 192.0.2.99 copy=false]", true, false},
		// The same with the copy bit, with a second action, with no type, with a destination port: no offload.
		{bgp.FlowIPv4, "0c0120cb00710a038101078108", "c01008010cc00002630001", "destination 203.0.113.10/32 protocol =1 icmp-type =8", "[1 192.0.2.99 copy=true]", false, false},
		{bgp.FlowIPv4, "0c0120cb00710a038101078108", "c01010010cc000026300008006000000000000", "destination 203.0.113.10/32 protocol =1 icmp-type =8", "[1 192.0.2.99 copy=false][2 rate=0]", false, false},
		{bgp.FlowIPv4, "090120cb00710a038101", "c01008010cc00002630000", "destination 203.0.113.10/32 protocol =1", "[1 192.0.2.99 copy=false]", false, false},
		{bgp.FlowIPv4, "100120cb00710a03810605110050d501bb", "c010088006000049742400", "destination 203.0.113.10/32 protocol =6 destination-port =80 &<=443", "[2 rate=1e+06]", false, false},
		// A prefix that is cut short is a condition that says nothing, but no error: GoBGP reads it so.
		{bgp.FlowIPv4, "0301180a", "", "destination 0x01180a", "", false, false},
		{bgp.FlowIPv4, "0c01180a", "", "", "", false, true},
		{bgp.FlowIPv4, "", "", "", "", false, true},
		{bgp.FlowIPv4, "0c0120cb00710a038101078108", "c010", "", "", false, true},
		{bgp.IPv4, "0c0120cb00710a038101078108", "", "", "", false, true},
	} {
		nlri, _ := hex.DecodeString(tt.nlri)
		attrs, _ := hex.DecodeString(tt.attrs)
		f, err := bgp.ParseFlow(tt.family, nlri, attrs)
		if (err != nil) != tt.unreadable {
			t.Errorf("%s: %v, %v", tt.nlri, f, err)
		}
		if err != nil {
			continue
		}
		var actions string
		for _, a := range f.Actions {
			switch a.Kind {
			case bgp.FlowRedirectIP:
				actions += fmt.Sprintf("[%d %s copy=%v]", a.Kind, a.Target, a.Copy)
			default:
				actions += fmt.Sprintf("[%d rate=%v]", a.Kind, a.Rate)
			}
		}
		if f.String() != tt.match || actions != tt.action {
			t.Errorf("%s:\n got %s %s\nwant %s %s", tt.nlri, f, actions, tt.match, tt.action)
		}
		if e, ok := f.EchoOffload(); ok != tt.offload {
			t.Errorf("%s %s: an offload (%s): %v", f, actions, e, ok)
		}
	}
}

func TestFlowsBetweenSpeakers(t *testing.T) {
	t.Parallel()
	a, b := pair(t, 64600, 64700, nil)
	var set []bgp.EchoOffload
	for _, x := range [][2]string{{"203.0.113.10/32", "192.0.2.99"}, {"2001:db8:5::10/128", "2001:db8::99"}} {
		e, err := bgp.NewEchoOffload(prefix(x[0]), netip.MustParseAddr(x[1]))
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, e)
	}
	if err := a.AnnounceFlows(set); err != nil {
		t.Fatal(err)
	}
	for i, f := range []bgp.Family{bgp.FlowIPv4, bgp.FlowIPv6} {
		await(t, f.String(), func() bool { return len(b.routes(t, a, f)) == 1 })
		for _, r := range b.routes(t, a, f) {
			if got, ok := r.Flow.EchoOffload(); !ok || got != set[i] || r.NextHop.IsValid() || r.Prefix.IsValid() {
				t.Errorf("%s came as %+v (%s, %v)", set[i], r.Flow, got, ok)
			}
		}
	}
	if err := a.AnnounceFlows(append(set, set[0])); err == nil {
		t.Error("one destination twice is taken")
	}
	if err := a.AnnounceFlows(set[1:]); err != nil {
		t.Fatal(err)
	}
	await(t, "the withdrawal", func() bool { return len(b.routes(t, a, bgp.FlowIPv4)) == 0 })
	if len(b.routes(t, a, bgp.FlowIPv6)) != 1 {
		t.Error("the other flow route went too")
	}
}

// FuzzEchoOffload: what can be built has bytes that are read as the same thing.
func FuzzEchoOffload(f *testing.F) {
	f.Add([]byte{203, 0, 113, 10}, uint8(32), []byte{192, 0, 2, 99})
	f.Add([]byte(netip.MustParseAddr("2001:db8::10").AsSlice()), uint8(128), []byte(netip.MustParseAddr("2001:db8:1::99").AsSlice()))
	f.Add([]byte{10, 0, 0, 0}, uint8(8), []byte{192, 0, 2, 99})
	f.Fuzz(func(t *testing.T, to []byte, bits uint8, target []byte) {
		a, _ := netip.AddrFromSlice(to)
		b, _ := netip.AddrFromSlice(target)
		e, err := bgp.NewEchoOffload(netip.PrefixFrom(a, int(bits)), b)
		if err != nil {
			return
		}
		nlri, action, err := e.Bytes()
		if err != nil {
			t.Fatalf("%s has no bytes: %v", e, err)
		}
		flow, err := bgp.ParseFlow(e.Family(), nlri, action)
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if got, ok := flow.EchoOffload(); !ok || got != e {
			t.Fatalf("%s is read as %s %+v", e, flow, flow.Actions)
		}
	})
}

// FuzzParseFlow: no bytes make it panic, and what is read as an offload has the one form of it.
func FuzzParseFlow(f *testing.F) {
	for _, s := range []struct {
		six         bool
		nlri, attrs string
	}{
		{false, "0c0120cb00710a038101078108", "c01008010cc00002630000"},
		{true, "19018000" + "20010db8000000000000000000000010" + "03813a078180", "c01914000c" + "20010db8000100000000000000000099" + "0000"},
		{false, "100120cb00710a03810605110050d501bb", "c010088006000049742400"},
		{true, "0601303020010d", "400101004002"},
		{false, "f00101", "c01008"},
	} {
		nlri, _ := hex.DecodeString(s.nlri)
		attrs, _ := hex.DecodeString(s.attrs)
		f.Add(s.six, nlri, attrs)
	}
	f.Fuzz(func(t *testing.T, six bool, nlri, attrs []byte) {
		family := bgp.FlowIPv4
		if six {
			family = bgp.FlowIPv6
		}
		flow, err := bgp.ParseFlow(family, nlri, attrs)
		if err != nil {
			return
		}
		_ = flow.String()
		e, ok := flow.EchoOffload()
		if !ok {
			return
		}
		again, _, err := e.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		// Other bytes may say the same: a value in more bytes than it needs, bits of a prefix that do not count.
		if parsed, err := bgp.ParseFlow(family, again, attrs); err != nil || parsed.String() != flow.String() {
			t.Fatalf("%x is read as %s, which is %x (equal: %v)", nlri, e, again, bytes.Equal(nlri, again))
		}
	})
}
