package dial

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestOptions: what ssh_config says of connections, in the spellings that people use.
func TestOptions(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "config")
	write(t, filepath.Join(dir, "more", "a.conf"), "Host cr*\n  User included\n")
	write(t, filepath.Join(dir, "more", "b.conf"), "Host *\n  Port 2200\n")
	config := Config{ConfigFile: name, Home: "/home/u", User: "me", AgentSocket: "/run/agent", Keepalive: 15 * time.Second}
	for _, c := range []struct {
		name, text, addr, user, agent string
		keepalive                     time.Duration
	}{
		{"nothing", "", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"include", "Include " + dir + "/more/*.conf\n", "cr1.ams.example.net:2200", "included", "/run/agent", 15 * time.Second},
		{"include below a host", "Host cr1*\n  Include " + dir + "/more/a.conf\n", "cr1.ams.example.net:830", "included", "/run/agent", 15 * time.Second},
		{"one letter", "Host cr?.ams.example.net\n  Port 1\n", "cr1.ams.example.net:1", "me", "/run/agent", 15 * time.Second},
		{"one letter too many", "Host cr?.example.net\n  Port 1\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"several patterns", "Host a b cr1.* c\n  Port 1\n", "cr1.ams.example.net:1", "me", "/run/agent", 15 * time.Second},
		{"equals signs", "Host = cr1.*\n  Port=1\n  User = x\n", "cr1.ams.example.net:1", "x", "/run/agent", 15 * time.Second},
		{"lower case", "host cr1.*\n  port 1\n  user x\n", "cr1.ams.example.net:1", "x", "/run/agent", 15 * time.Second},
		{"comments", "# Host *\nHost cr1.* # mine\n  Port 1 # one\n", "cr1.ams.example.net:1", "me", "/run/agent", 15 * time.Second},
		{"names that are whole", "CanonicalizeHostname yes\nCanonicalDomains example.org\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"no agent", "Host *\n  IdentityAgent none\n", "cr1.ams.example.net:830", "me", "", 15 * time.Second},
		{"the usual agent", "Host *\n  IdentityAgent SSH_AUTH_SOCK\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"another agent", "Host *\n  IdentityAgent \"~/.agent/%r\"\n", "cr1.ams.example.net:830", "me", "/home/u/.agent/me", 15 * time.Second},
		{"keepalive", "Host *\n  ServerAliveInterval 3\n", "cr1.ams.example.net:830", "me", "/run/agent", 3 * time.Second},
		{"keepalive by default", "Host *\n  ServerAliveInterval 0\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"no proxy", "Host *\n  ProxyCommand none\n  ProxyJump none\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"a jump before a command", "Host *\n  ProxyJump none\n  ProxyCommand none\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
		{"what does not matter", "Host *\n  ForwardX11 yes\n  SendEnv LANG\n  ControlMaster auto\n  ControlPath ~/.ssh/%C\n", "cr1.ams.example.net:830", "me", "/run/agent", 15 * time.Second},
	} {
		write(t, name, c.text)
		d, err := New(config)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		h, err := d.file.host(Target{Device: device, Host: device}, NETCONFPort, d.config)
		if err != nil || h.addr != c.addr || h.user != c.user || h.agent != c.agent || h.keepalive != c.keepalive {
			t.Errorf("%s: %+v, %v", c.name, h, err)
		}
	}
	for text, want := range map[string]string{
		"Host *\n  ServerAliveInterval often\n":                            "ServerAliveInterval",
		"Host *\n  IdentityAgent $MY_AGENT\n":                              "MY_AGENT",
		"Host *\n  ProxyCommand nc -x p:1 %h %p\n":                         "ProxyCommand is not supported: use ProxyJump",
		"Include " + dir + "/more/a.conf\nMatch exec \"true\"\n  Port 1\n": "read ssh configuration",
	} {
		write(t, name, text)
		d, err := New(config)
		if err == nil {
			_, err = d.file.host(Target{Device: device, Host: device}, NETCONFPort, d.config)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q gives %v, want %q and the file's name", text, err, want)
		}
	}
}

// blackHole is a TCP proxy that at some time swallows everything, as a firewall does that lost its state.
func blackHole(t *testing.T, to string) (addr string, swallow func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var silent atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	pass := func(out io.Writer, in io.Reader) {
		buf := make([]byte, 4096)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			if !silent.Load() {
				if _, err := out.Write(buf[:n]); err != nil {
					return
				}
			}
		}
	}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				c.Close() //nolint:errcheck // a test's
				continue
			}
			mu.Lock()
			conns = append(conns, c, up)
			mu.Unlock()
			wg.Go(func() { pass(up, c) })
			wg.Go(func() { pass(c, up) })
		}
	})
	t.Cleanup(func() {
		l.Close() //nolint:errcheck // a test's
		mu.Lock()
		for _, c := range conns {
			c.Close() //nolint:errcheck // a test's
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String(), func() { silent.Store(true) }
}

// TestSilence: a device that no longer answers, on a connection that nobody closed, is found out by questions.
func TestSilence(t *testing.T) {
	s := start(t, &sshServer{password: "p"})
	addr, swallow := blackHole(t, s.addr)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	write(t, filepath.Join(home, ".ssh", "known_hosts"), strings.ReplaceAll(knownLine(s), s.port(), port))
	write(t, filepath.Join(home, ".ssh", "config"), "Host *.example.net\n  HostName 127.0.0.1\n  Port "+port+"\n  User lab\n")
	c, err := dialWith(t, Config{Home: home, Password: password("p"), Keepalive: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Subsystem(t.Context(), "netconf", "")
	if err != nil {
		t.Fatal(err)
	}
	swallow()
	if _, err := stream.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "keepalive: no answer within 300ms") {
		t.Errorf("a Read on a silent connection gives %v", err)
	}
}
