// Package dial is the one SSH dialer of the drivers below devices: it honours the user's ssh_config, agent, keys and
// known_hosts, and answers with the errors of package devices.
//
// It speaks no NETCONF and no CLI: a driver gets a stream on a subsystem or a command. It reads no environment; the
// caller hands in the home directory, the agent's socket and the way to ask for a password.
//
// It may import devices (for the errors). Outside labs/router it is the only package that may import x/crypto/ssh.
package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"rhapsode/devices"
)

// NETCONFPort is the port of NETCONF over SSH (RFC 6242 section 7); it is dialed where nothing names another.
const NETCONFPort = 830

// maxJumps bounds a chain of ProxyJump, which could name itself.
const maxJumps = 8

// Config says how to reach devices. The zero value dials with no configuration file, no agent and no password, and knows
// no host key.
type Config struct {
	// ConfigFile is an ssh_config. "" means Home/.ssh/config, if that is there.
	ConfigFile string
	// Home is the home directory, for ~ and the default files. "" leaves the defaults out.
	Home string
	// User is the local user's name: who logs in where neither the target nor ssh_config says.
	User string
	// AgentSocket is the socket of ssh-agent ($SSH_AUTH_SOCK); "" uses none.
	AgentSocket string
	// Password is asked when the device wants one. Nil: passwords are not offered.
	Password func(user, host string) (string, error)
	// Timeout bounds connecting and logging in, hop by hop, where ssh_config has no ConnectTimeout. 0 is 15 seconds.
	Timeout time.Duration
	// Keepalive is the time between questions whether the device is still there; three in a row without an answer end
	// the connection. 0 is 15 seconds, less than 0 asks nothing.
	Keepalive time.Duration
}

// Target is what to dial.
type Target struct {
	// Device is the name for messages.
	Device string
	// Host is looked up in ssh_config; its HostName there, or the name itself, is dialed.
	Host string
	// Address is dialed in place of Host where ssh_config has no HostName. "" has none.
	Address string
	// Port and User stand behind those of ssh_config. 0 and "" are unset.
	Port uint16
	User string
}

// Dialer opens connections. It is safe for concurrent use.
type Dialer struct {
	config Config
	file   *configFile
	known  sync.Mutex            // one writer of known_hosts at a time
	read   map[string]knownFiles // by their names; guarded by known
}

// New reads the ssh_config. The error names the file and what in it cannot be honoured.
func New(config Config) (*Dialer, error) {
	if config.Timeout == 0 {
		config.Timeout = 15 * time.Second
	}
	if config.Keepalive == 0 {
		config.Keepalive = 15 * time.Second
	}
	file, err := readConfig(config.ConfigFile, config.Home)
	if err != nil {
		return nil, err
	}
	return &Dialer{config: config, file: file, read: map[string]knownFiles{}}, nil
}

// Conn is a connection to a device. Close it once its streams are done with.
type Conn struct {
	client *ssh.Client
	device string
	addr   string
	under  *Conn // the connection through which this one goes
	stop   context.CancelFunc
	lost   error
	mu     sync.Mutex
}

// Dial connects and logs in. *devices.UnreachableError, *devices.HostKeyError and *devices.AuthError say why not.
func (d *Dialer) Dial(ctx context.Context, t Target) (*Conn, error) {
	return d.dial(ctx, t, NETCONFPort, maxJumps)
}

func (d *Dialer) dial(ctx context.Context, t Target, port uint16, jumps int) (*Conn, error) {
	h, err := d.file.host(t, port, d.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Device, err)
	}
	var under *Conn
	if h.jump != "" {
		if jumps == 0 {
			return nil, fmt.Errorf("%s: follow ProxyJump: more than %d hops (does a jump host name itself?)", t.Device, maxJumps)
		}
		if under, err = d.dialJump(ctx, t, h.jump, jumps-1); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	c, err := d.connect(ctx, t, h, under)
	if err != nil && under != nil {
		err = errors.Join(err, under.Close())
	}
	return c, err
}

// dialJump connects to the last of a comma-separated list of jump hosts, through those before it.
func (d *Dialer) dialJump(ctx context.Context, t Target, jump string, jumps int) (*Conn, error) {
	list := strings.Split(jump, ",")
	last := Target{Device: t.Device}
	spec := strings.TrimPrefix(strings.TrimSpace(list[len(list)-1]), "ssh://")
	if user, rest, ok := strings.Cut(spec, "@"); ok {
		last.User, spec = user, rest
	}
	last.Host = spec
	if host, port, err := net.SplitHostPort(spec); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("%s: read ProxyJump %q: %w", t.Device, jump, err)
		}
		last.Host, last.Port = host, uint16(n)
	}
	if last.Host == "" {
		return nil, fmt.Errorf("%s: read ProxyJump %q: no host", t.Device, jump)
	}
	via := strings.Join(list[:len(list)-1], ",")
	h, err := d.file.host(last, 22, d.config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Device, err)
	}
	if via == "" {
		via = h.jump
	}
	if via == "" {
		return d.dialHop(ctx, last, h, nil)
	}
	if jumps <= 0 {
		return nil, fmt.Errorf("%s: follow ProxyJump: more than %d hops (does a jump host name itself?)", t.Device, maxJumps)
	}
	under, err := d.dialJump(ctx, t, via, jumps-1)
	if err != nil {
		return nil, err
	}
	c, err := d.dialHop(ctx, last, h, under)
	if err != nil {
		return nil, errors.Join(err, under.Close())
	}
	return c, nil
}

func (d *Dialer) dialHop(ctx context.Context, t Target, h *host, under *Conn) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	c, err := d.connect(ctx, t, h, under)
	if err != nil {
		return nil, fmt.Errorf("jump host %s: %w", t.Host, err)
	}
	return c, nil
}

// connect makes one hop: TCP, or a channel of the hop before, and SSH on it.
func (d *Dialer) connect(ctx context.Context, t Target, h *host, under *Conn) (*Conn, error) {
	unreachable := func(err error) error {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("no answer within %s: %w", h.timeout, cause)
			if errors.Is(cause, context.Canceled) {
				err = cause
			}
		}
		return &devices.UnreachableError{Device: t.Device, Addr: h.addr, Err: err}
	}
	keys, err := d.hostKeys(t, h)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Device, err)
	}
	var nc net.Conn
	if under != nil {
		nc, err = under.client.DialContext(ctx, "tcp", h.addr)
	} else {
		nc, err = (&net.Dialer{}).DialContext(ctx, "tcp", h.addr)
	}
	if err != nil {
		return nil, unreachable(err)
	}
	// The handshake takes no context: its connection is closed under it.
	stop := context.AfterFunc(ctx, func() { nc.Close() }) //nolint:errcheck // the handshake's error is what is told
	client, err := d.handshake(t, h, keys, nc)
	if !stop() && err == nil {
		err = errors.Join(context.Cause(ctx), client.Close())
	}
	if err != nil {
		nc.Close() //nolint:errcheck // the handshake's error is what is told
		if _, refused := errors.AsType[*devices.AuthError](err); refused || keys.err != nil {
			return nil, err
		}
		return nil, unreachable(fmt.Errorf("ssh handshake: %w", err))
	}
	alive, cancel := context.WithCancel(context.Background())
	c := &Conn{client: client, device: t.Device, addr: h.addr, under: under, stop: cancel}
	if h.keepalive > 0 {
		go c.keepalive(alive, h.keepalive)
	}
	return c, nil
}

func (d *Dialer) handshake(t Target, h *host, keys *hostKeys, nc net.Conn) (*ssh.Client, error) {
	auth := d.newAuth(h)
	defer auth.close()
	cc := &ssh.ClientConfig{
		User:              h.user,
		Auth:              auth.methods(),
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms(),
	}
	conn, chans, reqs, err := ssh.NewClientConn(nc, h.keyName, cc)
	switch {
	case keys.err != nil: // the handshake's own error only repeats it
		return nil, keys.err
	case err != nil && auth.err != nil:
		return nil, &devices.AuthError{Device: t.Device, Addr: h.addr, User: h.user, Notes: auth.notes, Err: auth.err}
	case err != nil && strings.Contains(err.Error(), "unable to authenticate"):
		// x/crypto has no type for this error on the client's side.
		return nil, &devices.AuthError{Device: t.Device, Addr: h.addr, User: h.user, Notes: auth.notes, Err: auth.refused()}
	case err != nil:
		return nil, err
	}
	return ssh.NewClient(conn, chans, reqs), nil
}

// keepalive asks the device whether it is there. Any answer will do, also a refusal (RFC 4254 section 4).
func (c *Conn) keepalive(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answered := make(chan error, 1)
		go func() {
			_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		}()
		timer := time.NewTimer(3 * every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case err := <-answered:
			timer.Stop()
			if err != nil {
				c.fail(fmt.Errorf("keepalive: %w", err))
				return
			}
		case <-timer.C:
			c.fail(fmt.Errorf("keepalive: no answer within %s", 3*every))
			return
		}
	}
}

// fail closes the connection for a reason, which streams then report.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.lost == nil {
		c.lost = err
	}
	c.mu.Unlock()
	c.client.Close() //nolint:errcheck // the reason is kept; the connection is dead either way
}

// reason gives what ended the connection, or err.
func (c *Conn) reason(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.lost != nil {
		return c.lost
	}
	return err
}

// Access is the way in, as far as it is known: behind a jump host the device sees that host, not us.
func (c *Conn) Access() devices.Access {
	a := devices.Access{User: c.client.User()}
	if c.under == nil {
		a.Local, a.Remote = addrPort(c.client.RemoteAddr()), addrPort(c.client.LocalAddr())
	} else if at, err := netip.ParseAddrPort(c.addr); err == nil { // a name is resolved by the jump host
		a.Local = at
	}
	return a
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		at := t.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
	}
	return netip.AddrPort{}
}

// Addr is what was dialed, HOST:PORT.
func (c *Conn) Addr() string { return c.addr }

// Close ends the connection, its streams and the hops under it.
func (c *Conn) Close() error {
	c.stop()
	err := c.client.Close()
	if errors.Is(err, net.ErrClosed) || isEOF(err) {
		err = nil
	}
	if c.under != nil {
		err = errors.Join(err, c.under.Close())
	}
	return err
}
