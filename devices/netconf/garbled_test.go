package netconf

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"rhapsode/devices"
)

// garbled is a stream whose answer to a commit cannot be read: the request arrives, and an end tag of the reply is broken.
type garbled struct {
	io.ReadWriteCloser
	trigger string
	armed   atomic.Bool
	left    *atomic.Int32 // how many answers are still to be broken
}

// Write looks for the request.
func (g *garbled) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(g.trigger)) && g.left.Add(-1) >= 0 {
		g.armed.Store(true)
	}
	return g.ReadWriteCloser.Write(p)
}

// Read breaks what comes after it.
func (g *garbled) Read(p []byte) (int, error) {
	n, err := g.ReadWriteCloser.Read(p)
	if g.armed.Load() {
		copy(p[:n], bytes.ReplaceAll(p[:n], []byte("</rpc-reply>"), []byte("</rpc-wrong>")))
	}
	return n, err
}

// TestUnreadableCommit: a commit, or its confirmation, whose reply cannot be read is settled by the device's history and
// never made again.
func TestUnreadableCommit(t *testing.T) {
	for name, trigger := range map[string]string{"commit": "<confirmed/>", "confirm": "</log></commit-configuration>"} {
		t.Run(name, func(t *testing.T) {
			l := startLab(t, time.Minute)
			plan := review(t, l, addSuite)
			var left atomic.Int32
			left.Store(1)
			dial := func(ctx context.Context) (devices.Device, error) {
				conn, err := l.Dialer.Dial(ctx, l.Target())
				if err != nil {
					return nil, err
				}
				stream, err := conn.Subsystem(ctx, subsystem, "")
				if err != nil {
					return nil, err
				}
				d, err := Open(ctx, &garbled{ReadWriteCloser: &connected{stream, conn}, trigger: trigger, left: &left}, Options{Device: l.Target().Device})
				if err != nil {
					return nil, err
				}
				return d, nil
			}
			run, err := devices.NewRun(t.TempDir(), devices.RunInfo{User: "alice", Message: "T123456 why"})
			if err != nil {
				t.Fatal(err)
			}
			defer run.Close() //nolint:errcheck // a test's
			out, err := run.Apply(t.Context(), []devices.Job{{Plan: plan, Dial: dial}}, devices.ApplyOptions{Confirm: 3 * time.Minute})
			if err != nil || len(out) != 1 || out[0].Result != devices.Committed {
				t.Fatalf("outcome %+v, %v", out, err)
			}
			if left.Load() >= 1 {
				t.Error("no answer was broken")
			}
			h, err := l.mustOpen(t).History(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ours := 0
			for _, c := range h {
				if c.Comment == "T123456 why (alice, run "+run.ID+")" {
					ours++
				}
			}
			// The commit and, over a window, its confirmation: each once.
			if ours != 2 || h[0].Confirm != 0 {
				t.Errorf("the history has %d of ours: %+v", ours, h)
			}
		})
	}
}
