package forward_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"rhapsode/labs/router/forward"
)

// isolate puts the calling test into a network namespace of its own, which has no name: it goes with the test, however
// that ends. The thread is never given back, so the runtime ends it with the test's goroutine; a subtest that needs the
// namespace must not be a goroutine of its own. It gives a descriptor of the namespace.
func isolate(t testing.TB) int {
	t.Helper()
	if os.Getenv("RHAPSODE_ROOT") != "1" {
		t.Skip("needs root: run `make test-root`")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// setting writes a sysctl of the thread's namespace; one that this kernel does not have is left out.
func setting(t testing.TB, name, value string) {
	t.Helper()
	err := os.WriteFile(filepath.Join("/proc/sys/net", name), []byte(value), 0)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

// wire is a tun device. What is written to it arrives in the namespace and has been forwarded, dropped or answered when
// the call returns; what the namespace sends out of it is read at once. There is nothing to wait for.
type wire struct {
	name string
	fd   int
}

func newWire(t testing.TB, name string) *wire {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"ipv4", "ipv6"} {
		setting(t, version+"/conf/"+name+"/rp_filter", "0")
	}
	setting(t, "ipv6/conf/"+name+"/addr_gen_mode", "1") // no link-local address, so nothing is sent on its own
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(netlink.LinkSetMTU(link, 9000), netlink.LinkSetTxQLen(link, 1000), netlink.LinkSetUp(link)); err != nil {
		t.Fatal(err)
	}
	return &wire{name, fd}
}

func (w *wire) send(t testing.TB, packet []byte) {
	t.Helper()
	if _, err := unix.Write(w.fd, packet); err != nil {
		t.Fatalf("send to %s: %v\n%x", w.name, err, packet)
	}
}

// read gives what came out of the device, but for what the kernel tells its neighbours.
func (w *wire) read(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	buf := make([]byte, 65536)
	for {
		n, err := unix.Read(w.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		if n >= 40 && buf[0]>>4 == 6 && buf[24] == 0xff && buf[25] == 0x02 { // to the neighbours: multicast listener reports and the like
			continue
		}
		out = append(out, append([]byte(nil), buf[:n]...))
	}
}

// lab is a router in a namespace: packets come in at one device and leave by the default route at another; next-ip
// hosts and a routing-instance are behind two more.
type lab struct {
	in, out, alt, vrf *wire
	kernel            *forward.Kernel
}

func newLab(t testing.TB) *lab {
	t.Helper()
	fd := isolate(t)
	for name, value := range map[string]string{
		"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "0",
		"ipv4/conf/all/accept_source_route": "1", "ipv4/conf/default/accept_source_route": "1",
		"ipv4/icmp_ratemask": "0", "ipv4/icmp_ratelimit": "0", "ipv4/icmp_msgs_per_sec": "1000000", "ipv4/icmp_msgs_burst": "1000000",
		"ipv6/icmp/ratelimit": "0", "ipv6/icmp/ratemask": "", "ipv6/conf/default/accept_ra": "0", "ipv6/conf/default/accept_dad": "0",
		"ipv6/conf/default/addr_gen_mode": "1", "ipv4/conf/default/log_martians": "0", "ipv4/conf/all/log_martians": "0",
	} {
		setting(t, name, value)
	}
	l := &lab{in: newWire(t, "in0"), out: newWire(t, "out0"), alt: newWire(t, "alt0"), vrf: newWire(t, "vrf0")}
	lo := device(t, "lo")
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"100.64.0.1/32", "fd00::1/128"} {
		addr, err := netlink.ParseAddr(a)
		if err != nil {
			t.Fatal(err)
		}
		addr.Flags = unix.IFA_F_NODAD // it is there at once
		if err := netlink.AddrAdd(device(t, "in0"), addr); err != nil {
			t.Fatal(err)
		}
	}
	for _, prefix := range []string{"0.0.0.0/0", "::/0"} {
		route(t, prefix, "out0", unix.RT_TABLE_MAIN)
		route(t, prefix, "vrf0", instanceTable)
	}
	route(t, nextHop4.String()+"/32", "alt0", unix.RT_TABLE_MAIN)
	route(t, nextHop6.String()+"/128", "alt0", unix.RT_TABLE_MAIN)
	k, err := forward.Open(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	l.kernel = k
	return l
}

func device(t testing.TB, name string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

func route(t testing.TB, prefix, dev string, table int) {
	t.Helper()
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		t.Fatal(err)
	}
	r := &netlink.Route{Dst: dst, LinkIndex: device(t, dev).Attrs().Index, Table: table, Scope: netlink.SCOPE_LINK}
	if dst.IP.To4() == nil {
		r.Scope = netlink.SCOPE_UNIVERSE
	}
	if err := netlink.RouteReplace(r); err != nil {
		t.Fatalf("route %s by %s: %v", prefix, dev, err)
	}
}

// fate is what became of a packet: where it came out, or what the router answered; empty: neither.
func (l *lab) fate(t testing.TB, packet []byte) string {
	t.Helper()
	l.in.send(t, packet)
	var out []string
	for _, w := range []*wire{l.in, l.out, l.alt, l.vrf} {
		for _, p := range w.read(t) {
			out = append(out, w.name+" "+outcome(packet, p))
		}
	}
	return strings.Join(out, ", ")
}

// outcome tells what a packet that came out is to the one that went in.
func outcome(in, out []byte) string {
	source, destination, protocol, payload := header(out)
	inSource, inDestination, inProtocol, _ := header(in)
	switch {
	case source == inSource && destination == inDestination && protocol == inProtocol:
		return "forwarded"
	case destination == inSource && (protocol == 1 || protocol == 58) && len(payload) > 1:
		return fmt.Sprintf("icmp %d/%d", payload[0], payload[1])
	case destination == inSource && protocol == 6 && len(payload) > 13 && payload[13]&4 != 0:
		return "reset"
	}
	return fmt.Sprintf("%x", out)
}

// header gives what the IP header says; the protocol is that behind the extension headers only if there are none.
func header(p []byte) (source, destination netip.Addr, protocol byte, payload []byte) {
	if p[0]>>4 == 4 {
		source, _ = netip.AddrFromSlice(p[12:16])
		destination, _ = netip.AddrFromSlice(p[16:20])
		return source, destination, p[9], p[int(p[0]&15)*4:]
	}
	source, _ = netip.AddrFromSlice(p[8:24])
	destination, _ = netip.AddrFromSlice(p[24:40])
	return source, destination, p[6], p[40:]
}
