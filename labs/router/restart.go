package router

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// power is whether the router is there: it is not while it restarts.
type power struct {
	restarting sync.Mutex // held by a restart, and by Close
	stop       chan struct{}
	once       sync.Once

	mu      sync.Mutex
	off     chan struct{} // not nil: the router is down; closed when that ends
	waiting int           // Serve calls that want their listener back
	failed  error         // the first of them that did not get it
	back    sync.WaitGroup
}

// Restart is a power cut and what follows: all connections and listeners end, the router is gone for a time, opens its
// configuration database from disk (uncommitted edits and locks are lost, a confirm window that ran out is rolled back)
// and listens on the same ports again. It returns when that is so.
func (r *Router) Restart(down time.Duration) error {
	r.power.restarting.Lock()
	defer r.power.restarting.Unlock()
	return r.restart(down)
}

// restartSoon is Restart by itself. One that goes on already is enough.
func (r *Router) restartSoon(down time.Duration) {
	go func() {
		if !r.power.restarting.TryLock() {
			return
		}
		defer r.power.restarting.Unlock()
		if err := r.restart(down); err != nil {
			r.log.Error("router not restarted", "err", err)
		}
	}()
}

func (r *Router) restart(down time.Duration) error {
	if r.stopped() {
		return fmt.Errorf("restart %s: %w", r.opts.Hostname, net.ErrClosed)
	}
	r.log.Info("router restarts")
	off := make(chan struct{})
	r.power.mu.Lock()
	r.power.off, r.power.waiting, r.power.failed = off, 0, nil
	r.power.mu.Unlock()
	r.faults.interrupt()
	r.conns.closeAll()
	err := r.db.close()
	t := time.NewTimer(down)
	defer t.Stop()
	select {
	case <-t.C:
		err = errors.Join(err, r.db.reopen())
	case <-r.power.stop:
	}
	r.power.mu.Lock()
	if !r.stopped() {
		now := time.Now()
		r.booted.Store(&now)
		r.faults.renew()
		r.conns.reopen()
	}
	r.power.off = nil
	r.power.back.Add(r.power.waiting)
	r.power.mu.Unlock()
	close(off)
	r.power.back.Wait()
	if err = errors.Join(err, r.power.failed); err != nil {
		return fmt.Errorf("restart %s: %w", r.opts.Hostname, err)
	}
	r.log.Info("router is back")
	return nil
}

func (r *Router) stopped() bool {
	select {
	case <-r.power.stop:
		return true
	default:
		return false
	}
}

// parked is a listener that a restart took away: its port is kept from others, and refuses connections.
type parked struct {
	off  <-chan struct{}
	port *os.File // bound, not listening
	err  error
}

// park is called by Serve when its listener is closed, before closeAll knows. Nil: for good.
func (r *Router) park(ln net.Listener) *parked {
	r.power.mu.Lock()
	defer r.power.mu.Unlock()
	if r.power.off == nil {
		return nil
	}
	_ = ln.Close() // it may be closed already
	r.power.waiting++
	p := &parked{off: r.power.off}
	p.port, p.err = reserve(ln.Addr())
	return p
}

// unpark waits until the router is back and listens again. It returns nil when the router is closed instead.
func (r *Router) unpark(p *parked) (ln net.Listener, err error) {
	<-p.off
	defer r.power.back.Done()
	if err = p.err; err == nil {
		if !r.stopped() {
			ln, err = listenOn(p.port)
		}
		err = errors.Join(err, p.port.Close())
	}
	if err != nil {
		err = fmt.Errorf("serve %s: listen again: %w", r.opts.Hostname, err)
		r.power.mu.Lock()
		r.power.failed = errors.Join(r.power.failed, err)
		r.power.mu.Unlock()
	}
	return ln, err
}

// reserve binds a socket to a TCP address without listening.
func reserve(addr net.Addr) (*os.File, error) {
	tcp, isTCP := addr.(*net.TCPAddr)
	if !isTCP {
		return nil, fmt.Errorf("reserve %s: not a TCP address", addr)
	}
	family, to := syscall.AF_INET, syscall.Sockaddr(nil)
	if v4 := tcp.IP.To4(); v4 != nil {
		to = &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(v4)}
	} else {
		family = syscall.AF_INET6
		to = &syscall.SockaddrInet6{Port: tcp.Port, Addr: [16]byte(tcp.IP.To16())}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("reserve %s: %w", addr, err)
	}
	f := os.NewFile(uintptr(fd), addr.String())
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, to)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reserve %s: %w", addr, err), f.Close())
	}
	return f, nil
}

// listenOn makes a listener of a reserved port. The file stays the caller's.
func listenOn(f *os.File) (net.Listener, error) {
	if err := syscall.Listen(int(f.Fd()), syscall.SOMAXCONN); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}
