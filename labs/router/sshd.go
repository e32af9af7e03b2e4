package router

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// handshakeTimeout is how long a client may take from connecting to being logged in.
const handshakeTimeout = 30 * time.Second

// acceptPause is how long to wait when no connection can be accepted for want of descriptors.
const acceptPause = 50 * time.Millisecond

var errDenied = errors.New("permission denied")

// identity is what the router shows of itself to those who connect.
type identity struct {
	key ssh.Signer
	ssh *ssh.ServerConfig
}

func (r *Router) identify(key ssh.Signer) *identity {
	return &identity{key: key, ssh: r.serverConfig(key)}
}

// NewHostKey gives the router another SSH host key, for those who connect from now on and after a restart.
func (r *Router) NewHostKey() error {
	key, err := makeHostKey(r.opts.StateDir)
	if err != nil {
		return fmt.Errorf("change host key of %s: %w", r.opts.Hostname, err)
	}
	r.identity.Store(r.identify(key))
	return nil
}

// serverConfig lets the one user in, by password or by key. Comparisons take the same time whatever is wrong.
func (r *Router) serverConfig(key ssh.Signer) *ssh.ServerConfig {
	digest := func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] }
	same := func(a, b []byte) int { return subtle.ConstantTimeCompare(a, b) }
	user, password := digest(r.opts.User), digest(r.opts.Password)
	check := func(name, secret string) error {
		if r.opts.Password == "" || same(digest(name), user)&same(digest(secret), password) != 1 {
			return errDenied
		}
		return nil
	}
	c := &ssh.ServerConfig{MaxAuthTries: 6, ServerVersion: "SSH-2.0-Labrouter"}
	if r.opts.Password != "" {
		c.PasswordCallback = func(m ssh.ConnMetadata, secret []byte) (*ssh.Permissions, error) {
			return nil, check(m.User(), string(secret))
		}
		c.KeyboardInteractiveCallback = func(m ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password:"}, []bool{false})
			if err != nil {
				return nil, fmt.Errorf("ask for password: %w", err)
			}
			if len(answers) != 1 {
				return nil, errDenied
			}
			return nil, check(m.User(), answers[0])
		}
	}
	if len(r.opts.AuthorizedKeys) > 0 {
		c.PublicKeyCallback = func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			found := 0
			for _, k := range r.opts.AuthorizedKeys {
				found |= same(k.Marshal(), key.Marshal())
			}
			if found&same(digest(m.User()), user) != 1 {
				return nil, errDenied
			}
			return nil, nil
		}
	}
	c.AddHostKey(key)
	return c
}

const hostKeyFile = "ssh_host_ed25519_key"

// hostKey reads the key in the state directory, or makes it. Without a directory it is a new one each time.
func hostKey(dir string) (ssh.Signer, error) {
	path := filepath.Join(dir, hostKeyFile)
	if dir != "" {
		data, err := os.ReadFile(path)
		if err == nil {
			key, err := ssh.ParsePrivateKey(data)
			if err != nil {
				return nil, fmt.Errorf("parse host key %s: %w", path, err)
			}
			return key, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read host key: %w", err)
		}
	}
	return makeHostKey(dir)
}

// makeHostKey makes a key and keeps it in the state directory, if there is one.
func makeHostKey(dir string) (ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, fmt.Errorf("make host key: %w", err)
	}
	if dir != "" {
		block, err := ssh.MarshalPrivateKey(private, "")
		if err != nil {
			return nil, fmt.Errorf("encode host key: %w", err)
		}
		st := store{dir: dir}
		if err := st.replace(filepath.Join(dir, hostKeyFile), pem.EncodeToMemory(block), "host key"); err != nil {
			return nil, fmt.Errorf("write host key: %w", err)
		}
	}
	return key, nil
}

// connections is what Close has to end, and waits for.
type connections struct {
	mu     sync.Mutex
	open   map[io.Closer]bool
	closed bool
	wg     sync.WaitGroup
}

// add registers c, or refuses when all is being closed.
func (c *connections) add(x io.Closer) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if c.open == nil {
		c.open = map[io.Closer]bool{}
	}
	c.open[x] = true
	c.wg.Add(1)
	return true
}

func (c *connections) remove(x io.Closer) {
	c.mu.Lock()
	delete(c.open, x)
	c.mu.Unlock()
	c.wg.Done()
}

func (c *connections) closeAll() {
	c.mu.Lock()
	c.closed = true
	for x := range c.open {
		_ = x.Close() // it ends either way; who served it reports what broke
	}
	c.mu.Unlock()
	c.wg.Wait()
}

// reopen takes connections again after closeAll.
func (c *connections) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = false
}

// closeConnections ends all connections, but not the listeners, and does not wait.
func (c *connections) closeConnections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for x := range c.open {
		if conn, is := x.(net.Conn); is {
			_ = conn.Close() // as above
			n++
		}
	}
	return n
}

// Serve answers SSH on a listener until Close, then returns nil. It closes the listener, and listens on its address again
// after a Restart. Several may run at once: NETCONF and the CLI are there on each.
func (r *Router) Serve(ln net.Listener) error {
	for {
		p, err := r.serve(ln)
		if err != nil || p == nil {
			return err
		}
		if ln, err = r.unpark(p); err != nil || ln == nil {
			return err
		}
	}
}

// serve is Serve until the next restart, which leaves the listener parked.
func (r *Router) serve(ln net.Listener) (*parked, error) {
	if !r.conns.add(ln) {
		if p := r.park(ln); p != nil {
			return p, nil
		}
		return nil, errors.Join(fmt.Errorf("serve %s: %w", r.opts.Hostname, net.ErrClosed), ln.Close())
	}
	defer r.conns.remove(ln)
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return r.park(ln), nil
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED) {
			r.log.Warn("connection not accepted", "err", err)
			time.Sleep(acceptPause) // others may close theirs meanwhile
			continue
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("serve %s: accept: %w", r.opts.Hostname, err), ln.Close())
		}
		if !r.conns.add(conn) {
			_ = conn.Close() // nothing was served on it yet
			continue
		}
		go func() {
			defer r.conns.remove(conn)
			r.serveConn(conn)
		}()
	}
}

// serveConn logs a client in and serves its channels.
func (r *Router) serveConn(conn net.Conn) {
	cut := func() { _ = conn.Close() } // closing twice is fine, and there is nobody left to tell
	defer cut()
	if r.faults.connection(cut).at(phaseConnect) != nil {
		return
	}
	if err := conn.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		r.log.Warn("connection not served", "addr", conn.RemoteAddr().String(), "err", err)
		return
	}
	sc, channels, requests, err := ssh.NewServerConn(conn, r.identity.Load().ssh)
	if err != nil {
		r.log.Info("login refused", "addr", conn.RemoteAddr().String(), "err", err)
		return
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		r.log.Warn("connection not served", "addr", conn.RemoteAddr().String(), "err", err)
		return
	}
	go ssh.DiscardRequests(requests) // keepalives get their refusal, which is an answer
	var wg sync.WaitGroup
	for c := range channels {
		if c.ChannelType() != "session" {
			if err := c.Reject(ssh.UnknownChannelType, "only sessions are served"); err != nil {
				r.log.Debug("channel not rejected", "err", err)
			}
			continue
		}
		channel, reqs, err := c.Accept()
		if err != nil {
			r.log.Debug("channel not accepted", "err", err)
			continue
		}
		wg.Go(func() { r.serveChannel(sc.User(), &link{Channel: channel, gone: make(chan struct{}), cut: cut}, reqs) })
	}
	wg.Wait()
}
