package devicetest

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// proxy passes TCP connections on, until they are cut.
type proxy struct {
	mu    sync.Mutex
	conns []net.Conn
}

// Cut drops every connection, as a router does that loses its power: without a word on the ssh session.
func (p *proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetLinger(0) //nolint:errcheck // a reset, and not a goodbye; where it is none, the end is the same
		}
		c.Close() //nolint:errcheck // it may be closed already
	}
	p.conns = nil
}

func (p *proxy) serve(l net.Listener, to string, wg *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			c.Close() //nolint:errcheck // nobody is there
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, c, up)
		p.mu.Unlock()
		for _, way := range [][2]net.Conn{{c, up}, {up, c}} {
			wg.Go(func() {
				io.Copy(way[0], way[1]) //nolint:errcheck // it ends with either side
				way[0].Close()          //nolint:errcheck // as above
			})
		}
	}
}

// Through gives the same router behind connections that cut drops all at once.
func (l *Lab) Through(t testing.TB) (behind *Lab, cut func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	var wg sync.WaitGroup
	wg.Go(func() { p.serve(listener, "127.0.0.1:"+l.Port, &wg) })
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck // a test's
		p.Cut()
		wg.Wait()
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	behind = &Lab{Port: port, SSHConfig: filepath.Join(dir, "ssh_config"), Known: filepath.Join(dir, "known_hosts"), process: l.process}
	for from, to := range map[string]string{l.SSHConfig: behind.SSHConfig, l.Known: behind.Known} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		WriteFile(t, to, strings.NewReplacer("Port "+l.Port, "Port "+port, "]:"+l.Port, "]:"+port, l.Known, behind.Known).Replace(string(text)))
	}
	behind.Dialer = NewDialer(t, behind.SSHConfig, LabPassword)
	return behind, p.Cut
}
