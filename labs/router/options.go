package router

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rhapsode/diffs/junos"
)

// DefaultConfirmUnit is what one minute of a confirm window lasts when Options do not say.
const DefaultConfirmUnit = time.Minute

// maxMembers is the size of the largest virtual chassis.
const maxMembers = 10

// Options is what a router is made of. Hostname and User are needed, and one way to log in: Password or
// AuthorizedKeys.
type Options struct {
	// Hostname stands in prompts and facts while the configuration has no `system host-name`.
	Hostname string
	// User is the one account. It may do everything.
	User string
	// Password of User; empty: only keys.
	Password string
	// AuthorizedKeys of User.
	AuthorizedKeys []ssh.PublicKey
	// Config is the configuration of a router whose state directory holds none; empty: an empty one.
	Config string
	// ConfigName names Config in errors.
	ConfigName string
	// StateDir keeps the commits, the host key and the users' files; empty: they end with the router.
	StateDir string
	// ConfirmUnit is what one minute of a confirm window lasts; 0 is DefaultConfirmUnit. Tests make it short.
	ConfirmUnit time.Duration
	// Base11 offers NETCONF base:1.1 (chunked framing), as a device does only when it is configured so.
	Base11 bool
	// RFCCompliant makes replies strictly those of RFC 6241, as `system services netconf rfc-compliant` does on a device:
	// the elements of NETCONF have a prefix, and a commit answers with warnings or with <ok/>, never with both.
	RFCCompliant bool
	// RoutingEngines is 1 or 2; 0 is 1. With two a commit reaches the second one only when it is synchronized.
	RoutingEngines int
	// VirtualChassis is how many members the router has if it is a virtual chassis, whose commits reach all; 0: it is none.
	VirtualChassis int
	// State is what runs on the router; nil is an empty Feed, which the control socket fills.
	State State
	// Plane forwards packets as the configuration says; nil: nothing does.
	Plane Plane
	// Log receives what the router does; nil discards it. Secrets are never logged.
	Log *slog.Logger
}

// Router is a lab router: New opens it, Serve answers on a listener, Close ends it.
type Router struct {
	opts          Options
	log           *slog.Logger
	db            *database
	files         *files
	editors       editors
	identity      atomic.Pointer[identity]
	booted        atomic.Pointer[time.Time]
	faults        *injector
	state         State
	power         power
	operational   []*command
	configuration []*command
	conns         connections

	// wire stands between a NETCONF session and its client and sees what both say. Nil outside tests.
	wire func(session int, rw io.ReadWriter) io.ReadWriter
}

// New opens a router's state and makes it ready to serve. Errors of the configuration are an junos.ErrorList inside.
func New(o Options) (*Router, error) {
	switch {
	case o.Hostname == "":
		return nil, errors.New("open router: a host name is needed")
	case o.User == "":
		return nil, fmt.Errorf("open router %s: a user is needed", o.Hostname)
	case o.Password == "" && len(o.AuthorizedKeys) == 0:
		return nil, fmt.Errorf("open router %s: a password or an authorized key is needed", o.Hostname)
	case o.RoutingEngines < 0 || o.RoutingEngines > 2:
		return nil, fmt.Errorf("open router %s: %d routing engines: a router has one or two", o.Hostname, o.RoutingEngines)
	case o.VirtualChassis < 0 || o.VirtualChassis > maxMembers:
		return nil, fmt.Errorf("open router %s: %d members: a virtual chassis has up to %d", o.Hostname, o.VirtualChassis, maxMembers)
	case o.VirtualChassis > 0 && o.RoutingEngines > 1:
		return nil, fmt.Errorf("open router %s: a virtual chassis has one routing engine in each member", o.Hostname)
	case o.ConfirmUnit < 0:
		return nil, fmt.Errorf("open router %s: confirm unit %s is negative", o.Hostname, o.ConfirmUnit)
	}
	if o.ConfirmUnit == 0 {
		o.ConfirmUnit = DefaultConfirmUnit
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	log := o.Log.With("device", o.Hostname)
	initial, err := junos.Parse(o.ConfigName, []byte(o.Config), nil)
	if err != nil {
		return nil, fmt.Errorf("open router %s: parse configuration: %w", o.Hostname, err)
	}
	db, err := openDatabase(o.StateDir, initial, o.ConfirmUnit, enginesOf(o), o.Plane, log)
	if err != nil {
		return nil, fmt.Errorf("open router %s: %w", o.Hostname, err)
	}
	key, err := hostKey(o.StateDir)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open router %s: %w", o.Hostname, err), db.close())
	}
	area, err := openFiles(o.StateDir, o.User)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open router %s: %w", o.Hostname, err), db.close())
	}
	r := &Router{
		opts: o, log: log, db: db, files: area, faults: newInjector(),
		operational: operationalCommands(), configuration: configurationCommands(),
	}
	now := time.Now()
	r.booted.Store(&now)
	r.identity.Store(r.identify(key))
	if r.state = o.State; r.state == nil {
		r.state = &Feed{}
	}
	r.power.stop = make(chan struct{})
	r.faults.kill, r.faults.restart = killProcess, r.restartSoon
	db.store.before = r.faults.writing
	return r, nil
}

// HostKey is the router's SSH key.
func (r *Router) HostKey() ssh.PublicKey { return r.identity.Load().key.PublicKey() }

// KnownHost is the line of a known_hosts file, without its end, for a router that listens on address.
func (r *Router) KnownHost(address net.Addr) string {
	return knownhosts.Line([]string{address.String()}, r.HostKey())
}

// SetBackupPresent takes the second routing engine, or the other members of the virtual chassis, away or gives them back,
// as pulling the board does. Back, it is synchronized if the configuration has `system commit synchronize`.
func (r *Router) SetBackupPresent(present bool) error { return r.db.setAbsent(!present) }

// Engines are the routing engines that answer, such as re0 and re1, or the members of the virtual chassis. The first is
// the master, which all sessions are with.
func (r *Router) Engines() []string {
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	return slices.Clone(r.db.engines.present())
}

// Close ends all sessions and listeners and gives the state directory back. An open confirm window goes on counting:
// the next router on the directory rolls back when it has run out.
func (r *Router) Close() error {
	r.power.once.Do(func() { close(r.power.stop) })
	r.power.restarting.Lock() // one that goes on ends at once
	defer r.power.restarting.Unlock()
	r.faults.interrupt()
	r.conns.closeAll()
	return errors.Join(r.db.close(), r.files.close())
}

// hostname is the configured one, else that of the options.
func (r *Router) hostname() string {
	if n := r.db.running().Lookup("system", "host-name"); n != nil && len(n.Values) == 1 && !n.Inactive {
		return n.Values[0]
	}
	return r.opts.Hostname
}

// readOnly tells whether the configuration gives a user the class read-only. The user of the options may do everything
// as long as the configuration does not name them.
func (r *Router) readOnly(user string) bool {
	n := r.db.running().Lookup("system", "login", "user", user, "class")
	return n != nil && len(n.Values) == 1 && n.Values[0] == "read-only" && !n.Inactive
}

// Listen opens a TCP listener for Serve.
func Listen(address string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// ReadAuthorizedKeys reads a file in OpenSSH's authorized_keys form.
func ReadAuthorizedKeys(path string) ([]ssh.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read authorized keys: %w", err)
	}
	var keys []ssh.PublicKey
	for rest := data; len(bytes.TrimSpace(rest)) > 0; {
		var key ssh.PublicKey
		key, _, _, rest, err = ssh.ParseAuthorizedKey(rest)
		if err != nil {
			if len(keys) > 0 {
				break // only comments are left
			}
			return nil, fmt.Errorf("read authorized keys %s: %w", path, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("read authorized keys %s: no key in it", path)
	}
	return keys, nil
}
