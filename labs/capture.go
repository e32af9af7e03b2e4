package labs

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// CaptureOptions bound a capture. The zero value ends with ctx.
type CaptureOptions struct {
	Count int    // packets; 0: no bound
	Ready func() // called once packets are seen; nil is not
}

// CaptureStats is what a capture saw.
type CaptureStats struct {
	Packets int // written
	Dropped int // seen by the kernel and not read in time
}

// Capture writes what passes an interface of a node to w as a pcap file, both ways, until ctx ends or Count is reached.
// The end of ctx is no error.
func (r *Runner) Capture(ctx context.Context, lab, node, iface string, w io.Writer, o CaptureOptions) (CaptureStats, error) {
	if err := allowed(); err != nil {
		return CaptureStats{}, err
	}
	s, err := r.Load(lab)
	if err != nil {
		return CaptureStats{}, err
	}
	n, err := s.Node(node)
	if err != nil {
		return CaptureStats{}, err
	}
	fd, err := packetSocket(n.Namespace, iface)
	if err != nil {
		if have, listErr := interfaces(n.Namespace); listErr == nil && !slices.Contains(have, iface) {
			return CaptureStats{}, fmt.Errorf("node %s has no interface %s: there are %s", node, iface, strings.Join(have, ", "))
		}
		return CaptureStats{}, fmt.Errorf("capture at %s:%s: %w", node, iface, err)
	}
	stats, err := capture(ctx, fd, pcapWriter{w}, o)
	if err != nil {
		err = fmt.Errorf("capture at %s:%s: %w", node, iface, err)
	}
	return stats, err
}
