// Package netconf is the NETCONF driver of package devices: a devices.Device over Juniper's go-netconf, with a transport
// of our own under its Session (framing, deadlines, message ids) and our own reading of replies (nested rpc-errors).
//
// It is not a general NETCONF client: it sends the operations of Junos that the transaction needs, in text format. It
// opens no connection by itself: it takes a stream, or a dial.Dialer.
//
// It may import devices, devices/dial, diffs and diffs/junos.
package netconf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
	"rhapsode/devices/internal/answer"
)

// Options of a session. The zero value works, but for the device's name.
type Options struct {
	// Device is the device's name in the inventory.
	Device string
	// Timeout bounds every RPC but a commit; 0 is 60 seconds. CommitTimeout bounds commits and commit checks, which on
	// a full-size router take minutes; 0 is 5 minutes.
	Timeout, CommitTimeout time.Duration
	// MaxMessageBytes bounds a reply; 0 is 128 MiB.
	MaxMessageBytes int
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.CommitTimeout == 0 {
		o.CommitTimeout = 5 * time.Minute
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = 128 << 20
	}
	return o
}

// closeTimeout bounds the goodbye.
const closeTimeout = 5 * time.Second

// Device is a devices.Device over one NETCONF session.
type Device struct {
	opts    Options
	session *session
	access  devices.Access
}

var (
	_ devices.Device    = (*Device)(nil)
	_ devices.Accessor  = (*Device)(nil)
	_ devices.Candidate = (*candidate)(nil)
	_ devices.Texter    = (*candidate)(nil)
)

// Open exchanges hellos on a stream. The Device closes the stream, also if Open fails. Closing must end a Read and a Write
// that are under way, for that is how a deadline is kept.
func Open(ctx context.Context, stream io.ReadWriteCloser, opts Options) (*Device, error) {
	opts = opts.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, fmt.Errorf("no answer within %s: %w", opts.Timeout, context.DeadlineExceeded))
	defer cancel()
	s, err := openSession(ctx, opts.Device, stream, opts.MaxMessageBytes)
	if err != nil {
		return nil, err
	}
	return &Device{opts: opts, session: s}, nil
}

// subsystem and trailer are the two ways into NETCONF on a Junos device: RFC 6242's, and the command that serves it where
// the subsystem is off.
const (
	subsystem = "netconf"
	trailer   = "xml-mode netconf need-trailer"
)

// Dial connects to a device and opens a session.
func Dial(ctx context.Context, dialer *dial.Dialer, target dial.Target, opts Options) (*Device, error) {
	opts.Device = target.Device
	conn, err := dialer.Dial(ctx, target)
	if err != nil {
		return nil, err
	}
	timeout := opts.withDefaults().Timeout
	sctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	stream, err := conn.Subsystem(sctx, subsystem, trailer)
	if err != nil {
		err = &devices.UnreachableError{Device: target.Device, Addr: conn.Addr(), Err: err}
		return nil, errors.Join(err, conn.Close())
	}
	d, err := Open(ctx, &connected{stream, conn}, opts)
	if err != nil {
		return nil, &devices.UnreachableError{Device: target.Device, Addr: conn.Addr(), Err: err}
	}
	d.access = conn.Access()
	return d, nil
}

// Access is the way in, of a device that was dialed.
func (d *Device) Access() devices.Access { return d.access }

// connected is a stream that takes its connection along when it is closed. The connection goes first: closing a channel
// of a connection whose peer is gone would not end a Read on it.
type connected struct {
	io.ReadWriteCloser
	conn *dial.Conn
}

func (c *connected) Close() error { return c.conn.Close() }

// Name is the device's name in the inventory.
func (d *Device) Name() string { return d.opts.Device }

// Close ends the session and the connection.
func (d *Device) Close() error { return d.session.close(closeTimeout) }

// call sends an operation and gives its reply if there is no error of severity error in it.
func (d *Device) call(ctx context.Context, what, operation string) (*answer.Element, error) {
	reply, err := d.session.call(ctx, d.opts.Timeout, what, operation)
	if err != nil {
		return nil, err
	}
	if errs, _ := answer.Errors(d.Name(), reply); len(errs) > 0 {
		return nil, fmt.Errorf("%s: %s: %w", d.Name(), what, answer.Join(errs))
	}
	return reply, nil
}
