package labs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// interfaces lists the interfaces of a namespace.
func interfaces(namespace string) ([]string, error) {
	var names []string
	err := apart(func() error {
		if err := enter(namespace); err != nil {
			return err
		}
		list, err := net.Interfaces()
		for _, i := range list {
			names = append(names, i.Name)
		}
		return err
	})
	return names, err
}

// packetSocket opens a socket that sees every packet of an interface, in and out.
func packetSocket(namespace, iface string) (fd int, err error) {
	fd = -1
	err = apart(func() error {
		if err := enter(namespace); err != nil {
			return err
		}
		index, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		// No protocol yet: until it is bound it sees nothing, not even for a moment what other interfaces carry.
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open packet socket: %w", err)
		}
		everything := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)) // in network byte order
		return errors.Join(
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20),
			unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &unix.PacketMreq{Ifindex: int32(index.Index), Type: unix.PACKET_MR_PROMISC}),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: index.Index}),
		)
	})
	if err != nil && fd >= 0 {
		unix.Close(fd) //nolint:errcheck // it was never used
	}
	return fd, err
}

// capture copies packets from a socket, which it closes.
func capture(ctx context.Context, fd int, w pcapWriter, o CaptureOptions) (stats CaptureStats, err error) {
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := w.begin(); err != nil {
		return stats, err
	}
	if o.Ready != nil {
		o.Ready()
	}
	buf, oob := make([]byte, pcapSnap), make([]byte, 256)
	for ctx.Err() == nil && (o.Count == 0 || stats.Packets < o.Count) {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENETDOWN):
			return stats, errors.New("the interface is down")
		case err != nil:
			return stats, fmt.Errorf("receive: %w", err)
		}
		if err := w.packet(stamp(oob[:oobn]), n, buf[:min(n, len(buf))]); err != nil {
			return stats, err
		}
		stats.Packets++
	}
	if drops, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		stats.Dropped = int(drops.Drops)
	}
	return stats, nil
}

// stamp reads the kernel's time of a packet, or gives the present one.
func stamp(oob []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}
