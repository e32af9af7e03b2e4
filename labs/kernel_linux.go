package labs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaces is where network namespaces have names, for `ip netns` as well.
const namespaces = "/run/netns"

// allowed says what is missing to run labs, nil if nothing is.
func allowed() error {
	var have [2]unix.CapUserData // of 64 bits
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &have[0]); err != nil {
		return fmt.Errorf("read capabilities: %w", err)
	}
	const need = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN
	if have[0].Effective&need != need {
		return ErrNotRoot
	}
	return nil
}

// apart runs f on a thread of its own, which ends with it: what f does to the thread's namespaces stays there, and what f
// starts inherits them. It is never the first thread, which cannot end, and whose namespaces are taken for the process's.
func apart(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			done <- apart(f) // this thread is held meanwhile, so that it is another one
			runtime.UnlockOSThread()
			return
		}
		done <- f() // never unlocked: the thread is not used again
	}()
	return <-done
}

// enter puts the thread into a namespace.
func enter(name string) error {
	file, err := os.Open(filepath.Join(namespaces, name))
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", name, err)
	}
	defer file.Close() //nolint:errcheck // it was read from only
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", name, err)
	}
	return nil
}

// quiet are the settings of a new namespace: addresses are there at once (no duplicate detection), nothing is learned
// from routers, and nothing is forwarded unless the topology says so.
var quiet = [][2]string{
	{"net/ipv6/conf/all/accept_dad", "0"},
	{"net/ipv6/conf/default/accept_dad", "0"},
	{"net/ipv6/conf/all/accept_ra", "0"},
	{"net/ipv6/conf/default/accept_ra", "0"},
	{"net/ipv4/ip_forward", "0"},
	{"net/ipv6/conf/all/forwarding", "0"},
}

// makeNamespace makes a namespace with its loopback up.
func makeNamespace(name string) error {
	return apart(func() error {
		handle, err := netns.NewNamed(name)
		for range 3 { // another lab's end may take the empty directory away in between
			if errors.Is(err, fs.ErrNotExist) {
				handle, err = netns.NewNamed(name)
			}
		}
		if err != nil {
			return fmt.Errorf("make namespace %s: %w", name, err)
		}
		defer handle.Close() //nolint:errcheck // the name holds it
		for _, set := range quiet {
			if err := os.WriteFile(filepath.Join("/proc/sys", set[0]), []byte(set[1]), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("set %s in namespace %s: %w", set[0], name, err)
			}
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			return fmt.Errorf("set loopback up in namespace %s: %w", name, err)
		}
		return nil
	})
}

// dropNamespace takes a namespace's name away; the kernel ends it, with its interfaces, once no process is in it.
func dropNamespace(name string) error {
	path := filepath.Join(namespaces, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount namespace %s: %w", name, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove namespace %s: %w", name, err)
	}
	os.Remove(namespaces) //nolint:errcheck // it stays where others have namespaces
	return nil
}

// namespaceExists says whether a name is taken.
func namespaceExists(name string) bool {
	_, err := os.Lstat(filepath.Join(namespaces, name))
	return err == nil
}

// makeBridge makes a bridge in a namespace.
func makeBridge(namespace, name string) error {
	return apart(func() error {
		if err := enter(namespace); err != nil {
			return err
		}
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 65535}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("make bridge %s in %s: %w", name, namespace, err)
		}
		if err := netlink.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set bridge %s up in %s: %w", name, namespace, err)
		}
		return nil
	})
}

// makePair makes a pair of interfaces, each end in its namespace from the first, and sets both up.
func makePair(a, b Port, mtu int) error {
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: a.Interface, MTU: mtu}, PeerName: b.Interface, PeerMTU: uint32(mtu)}
	for _, end := range []struct {
		name string
		set  func(any)
	}{
		{a.Namespace, func(fd any) { pair.Namespace = fd }},
		{b.Namespace, func(fd any) { pair.PeerNamespace = fd }},
	} {
		if end.name == "" {
			continue
		}
		file, err := os.Open(filepath.Join(namespaces, end.name))
		if err != nil {
			return fmt.Errorf("open namespace %s: %w", end.name, err)
		}
		defer file.Close() //nolint:errcheck // it was read from only
		end.set(netlink.NsFd(int(file.Fd())))
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("make interfaces %s: %w", a.Interface+" "+b.Interface, err)
	}
	return errors.Join(setPort(a), setPort(b))
}

// setPort sets up one end of a pair.
func setPort(p Port) error {
	set := func() error {
		link, err := netlink.LinkByName(p.Interface)
		if err != nil {
			return err
		}
		if p.Bridge != "" {
			bridge, err := netlink.LinkByName(p.Bridge)
			if err != nil {
				return fmt.Errorf("find bridge %s: %w", p.Bridge, err)
			}
			if err := netlink.LinkSetMaster(link, bridge); err != nil {
				return fmt.Errorf("make it a port of %s: %w", p.Bridge, err)
			}
		}
		if err := offloads(p.Interface); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set up: %w", err)
		}
		for _, a := range p.Addresses {
			if err := addAddress(link, a); err != nil {
				return err
			}
		}
		return nil
	}
	err := set
	if p.Namespace != "" {
		err = func() error {
			return apart(func() error {
				if err := enter(p.Namespace); err != nil {
					return err
				}
				return set()
			})
		}
	}
	if err := err(); err != nil {
		return fmt.Errorf("interface %s of %s: %w", p.Interface, or(p.Namespace, "this machine"), err)
	}
	return nil
}

func addAddress(link netlink.Link, a netip.Prefix) error {
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen())}}
	if a.Addr().Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrAdd(link, addr); err != nil {
		return fmt.Errorf("add address %s: %w", a, err)
	}
	return nil
}

// The commands of ethtool (linux/ethtool.h) that set one value.
const (
	ethtoolTxChecksum = 0x17 // ETHTOOL_STXCSUM
	ethtoolGRO        = 0x2c // ETHTOOL_SGRO
)

// offloads makes a veth carry what XDP programs can pass on. Checksums are complete: a packet that one redirects leaves
// through a device that would not complete them. GRO polls the receiving end, without which what is redirected to its
// peer is queued and never read.
func offloads(name string) error {
	for _, set := range [][2]uint32{{ethtoolTxChecksum, 0}, {ethtoolGRO, 1}} {
		if _, err := ethtool(name, set[0], set[1]); err != nil {
			return err
		}
	}
	return nil
}

// ethtool runs a command of one value on an interface of the thread's namespace, and gives the value behind it.
func ethtool(name string, command, value uint32) (uint32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open socket: %w", err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	data := [2]uint32{command, value}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // the rest of a struct ifreq
	}{data: unsafe.Pointer(&data)}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return 0, fmt.Errorf("ethtool command %#x: %w", command, errno)
	}
	return data[1], nil
}

// dropInterface removes an interface of the machine, and its peer with it.
func dropInterface(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone || errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove interface %s: %w", name, err)
	}
	return nil
}

// overlap finds an interface of the machine whose network has addresses of a subnet.
func overlap(subnets []netip.Prefix) (string, error) {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return "", fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addresses {
		ip, ok := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		have, err := ip.Unmap().Prefix(bits)
		if !ok || err != nil || !slices.ContainsFunc(subnets, have.Overlaps) {
			continue
		}
		name := fmt.Sprintf("interface %d", a.LinkIndex)
		if link, err := netlink.LinkByIndex(a.LinkIndex); err == nil {
			name = link.Attrs().Name
		}
		return fmt.Sprintf("%s on %s", a.IPNet, name), nil
	}
	return "", nil
}
