// Package cli is the driver of package devices for routers whose NETCONF is not to be had: a devices.Device over the Junos
// command line, by scrapligo's channel over a terminal of devices/dial, with our own reading of what the screen shows.
//
// It is not a general screen scraper: it types the few commands that the transaction needs. Configuration text never
// goes over the terminal, but by file copy and `load`; and an answer that is not understood ends the session, after
// which the device drops the candidate and the lock.
//
// It may import devices, devices/dial, devices/internal, diffs and diffs/junos.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
)

// SSHPort is Junos's port for the command line.
const SSHPort = 22

// Options of a session. The zero value works, but for the device's name.
type Options struct {
	// Device is the device's name in the inventory.
	Device string
	// Timeout bounds every command but a commit; 0 is 60 seconds. CommitTimeout bounds commits and commit checks, which
	// on a full-size router take minutes; 0 is 5 minutes.
	Timeout, CommitTimeout time.Duration
	// MaxAnswerBytes bounds an answer; 0 is 128 MiB.
	MaxAnswerBytes int
}

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.CommitTimeout == 0 {
		o.CommitTimeout = 5 * time.Minute
	}
	if o.MaxAnswerBytes == 0 {
		o.MaxAnswerBytes = 128 << 20
	}
	return o
}

// Conn is what a session needs of a connection to a device: *dial.Conn.
type Conn interface {
	// Shell opens the command line on a terminal.
	Shell(ctx context.Context, pty dial.PTY) (io.ReadWriteCloser, error)
	// Copy writes a file of mode 0600 on the device.
	Copy(ctx context.Context, name string, content []byte) error
	// Run runs one command beside the session.
	Run(ctx context.Context, command string) (string, error)
	// Close ends the connection.
	Close() error
}

var _ Conn = (*dial.Conn)(nil)

// Device is a devices.Device over one command line.
type Device struct {
	opts     Options
	conn     Conn
	session  *session
	textOnly bool // the device's history is read as text: it does not give it in XML
}

var (
	_ devices.Device    = (*Device)(nil)
	_ devices.Candidate = (*candidate)(nil)
	_ devices.Texter    = (*candidate)(nil)
)

// Open opens a session on a connection. The Device closes the connection, also if Open fails.
func Open(ctx context.Context, conn Conn, opts Options) (*Device, error) {
	opts = opts.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, fmt.Errorf("no answer within %s: %w", opts.Timeout, context.DeadlineExceeded))
	defer cancel()
	shell, err := conn.Shell(ctx, dial.PTY{Cols: screenCols, Rows: 24})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s, err := openSession(ctx, opts.Device, shell, opts.MaxAnswerBytes, opts.Timeout)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Device{opts: opts, conn: conn, session: s}, nil
}

// Dial connects to a device and opens a session.
func Dial(ctx context.Context, dialer *dial.Dialer, target dial.Target, opts Options) (*Device, error) {
	opts.Device = target.Device
	if target.Port == 0 {
		target.Port = SSHPort
	}
	conn, err := dialer.Dial(ctx, target)
	if err != nil {
		return nil, err
	}
	d, err := Open(ctx, conn, opts)
	if err != nil {
		return nil, &devices.UnreachableError{Device: target.Device, Addr: conn.Addr(), Err: err}
	}
	return d, nil
}

// Access is the way in, of a connection that knows it.
func (d *Device) Access() devices.Access {
	if a, ok := d.conn.(devices.Accessor); ok {
		return a.Access()
	}
	return devices.Access{}
}

// Name is the device's name in the inventory.
func (d *Device) Name() string { return d.opts.Device }

// Close ends the session and the connection: the device sees the terminal go and drops what the session holds.
func (d *Device) Close() error { return errors.Join(d.session.close(), d.conn.Close()) }
