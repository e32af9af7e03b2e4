package dial

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh/agent"

	"rhapsode/devices"
)

const device = "cr1.ams.example.net"

// sshConfig points the device at a server.
func sshConfig(t *testing.T, home string, s *sshServer, more string) {
	t.Helper()
	write(t, filepath.Join(home, ".ssh", "config"), "Host *.example.net\n  HostName 127.0.0.1\n  Port "+s.port()+"\n  User lab\n"+more)
}

func dialWith(t *testing.T, config Config) (*Conn, error) {
	t.Helper()
	d, err := New(config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := d.Dial(ctx, Target{Device: device, Host: device})
	if err == nil {
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	return c, err
}

func password(p string) func(string, string) (string, error) {
	return func(string, string) (string, error) { return p, nil }
}

func TestPassword(t *testing.T) {
	s := start(t, &sshServer{password: "secret"})
	home := t.TempDir()
	know(t, home, s)
	sshConfig(t, home, s, "")

	c, err := dialWith(t, Config{Home: home, Password: password("secret")})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Subsystem(t.Context(), "netconf", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stream, "hello"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(stream, buf); err != nil || string(buf) != "hello" {
		t.Errorf("the stream gave %q, %v", buf, err)
	}

	_, err = dialWith(t, Config{Home: home, Password: password("wrong")})
	e, ok := errors.AsType[*devices.AuthError](err)
	if !ok || e.User != "lab" || e.Device != device || !strings.Contains(err.Error(), "refused the keys and the password") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password gives %v", err)
	}
	_, err = dialWith(t, Config{Home: home})
	if e, ok := errors.AsType[*devices.AuthError](err); !ok || !strings.Contains(e.Error(), "no password was given") || devices.Hint(err) == "" {
		t.Errorf("no password gives %v", err)
	}
	noTerminal := errors.New("no terminal")
	_, err = dialWith(t, Config{Home: home, Password: func(string, string) (string, error) { return "", noTerminal }})
	if _, ok := errors.AsType[*devices.AuthError](err); !ok || !errors.Is(err, noTerminal) {
		t.Errorf("a password that cannot be asked for gives %v", err)
	}
	if n := s.count(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestFallbackToExec(t *testing.T) {
	s := start(t, &sshServer{password: "secret", noSubsys: true})
	home := t.TempDir()
	know(t, home, s)
	sshConfig(t, home, s, "")
	c, err := dialWith(t, Config{Home: home, Password: password("secret")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subsystem(t.Context(), "netconf", ""); err == nil || !strings.Contains(err.Error(), "open subsystem netconf") {
		t.Errorf("a refused subsystem gives %v", err)
	}
	stream, err := c.Subsystem(t.Context(), "netconf", "xml-mode netconf need-trailer")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len("xml-mode netconf need-trailer:"))
	if _, err := io.ReadFull(stream, buf); err != nil || string(buf) != "xml-mode netconf need-trailer:" {
		t.Errorf("the stream gave %q, %v", buf, err)
	}
}

func TestHostKey(t *testing.T) {
	s, other := start(t, &sshServer{password: "secret"}), start(t, &sshServer{password: "secret"})
	home := t.TempDir()
	asked := false
	config := Config{Home: home, Password: func(string, string) (string, error) {
		asked = true
		return "secret", nil
	}}
	sshConfig(t, home, s, "")

	_, err := dialWith(t, config)
	e, ok := errors.AsType[*devices.HostKeyError](err)
	if !ok || e.Changed || !strings.HasPrefix(e.Fingerprint, "SHA256:") {
		t.Fatalf("an unknown host key gives %v", err)
	}
	if hint := devices.Hint(err); !strings.Contains(hint, "ssh-keyscan -p "+s.port()+" 127.0.0.1 >> "+home+"/.ssh/known_hosts") {
		t.Errorf("hint %q", hint)
	}

	write(t, filepath.Join(home, ".ssh", "known_hosts"), strings.ReplaceAll(knownLine(other), other.port(), s.port()))
	_, err = dialWith(t, config)
	e, ok = errors.AsType[*devices.HostKeyError](err)
	if !ok || !e.Changed || len(e.Known) != 1 || !strings.HasSuffix(e.Known[0], "known_hosts:1") {
		t.Fatalf("a changed host key gives %v", err)
	}
	if hint := devices.Hint(err); !strings.Contains(hint, "ssh-keygen -R '[127.0.0.1]:"+s.port()+"'") {
		t.Errorf("hint %q", hint)
	}
	sshConfig(t, home, s, "  StrictHostKeyChecking accept-new\n")
	if _, err = dialWith(t, config); err == nil {
		t.Error("accept-new took a changed key")
	}
	if asked {
		t.Error("the password was asked for, for a host that is not the one we know")
	}

	if err := os.Remove(filepath.Join(home, ".ssh", "known_hosts")); err != nil {
		t.Fatal(err)
	}
	if _, err := dialWith(t, config); err != nil {
		t.Fatalf("accept-new: %v", err)
	}
	sshConfig(t, home, s, "  StrictHostKeyChecking yes\n")
	if _, err := dialWith(t, config); err != nil {
		t.Errorf("the key that accept-new added is not known: %v", err)
	}
}

func TestKnownHostsFile(t *testing.T) {
	s := start(t, &sshServer{password: "secret"})
	home := t.TempDir()
	config := Config{Home: home, Password: password("secret")}
	fails := func(name, known, more, want string) {
		t.Helper()
		write(t, filepath.Join(home, ".ssh", "known_hosts"), known)
		sshConfig(t, home, s, more)
		_, err := dialWith(t, config)
		if _, ok := errors.AsType[*devices.UnreachableError](err); err == nil || ok || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), device) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	fails("bad file", "nonsense nonsense nonsense\n", "", "read known hosts")
	fails("revoked", "@revoked "+knownLine(s), "", "revoked")
	fails("cannot be read", "", "  UserKnownHostsFile /dev/null/known\n  StrictHostKeyChecking accept-new\n", "not a directory")
}

func knownLine(s *sshServer) string {
	return "[127.0.0.1]:" + s.port() + " " + string(marshalKey(s))
}

func TestUnreachable(t *testing.T) {
	home := t.TempDir()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close() //nolint:errcheck // a test's
	// A listener that never accepts: the kernel completes the connection, nobody says a word.
	s := &sshServer{addr: dead.Addr().String()}
	sshConfig(t, home, s, "  ConnectTimeout 1\n")
	_, err = dialWith(t, Config{Home: home})
	e, ok := errors.AsType[*devices.UnreachableError](err)
	if !ok || !strings.Contains(err.Error(), "no answer within 1s") || e.Addr != s.addr {
		t.Errorf("silence gives %v", err)
	}
	if devices.Hint(err) == "" {
		t.Error("no hint")
	}
	dead.Close() //nolint:errcheck // a test's
	_, err = dialWith(t, Config{Home: home})
	if _, ok := errors.AsType[*devices.UnreachableError](err); !ok || !strings.Contains(err.Error(), "refused") {
		t.Errorf("a closed port gives %v", err)
	}

	d, err := New(Config{Home: home})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ctx, Target{Device: device, Host: device}); !errors.Is(err, context.Canceled) {
		t.Errorf("a done context gives %v", err)
	}
}

func TestKeys(t *testing.T) {
	signer, private := newKey(t)
	_, otherKey := newKey(t)
	s := start(t, &sshServer{allowed: signer.PublicKey()})
	for _, c := range []struct {
		name   string
		config string
		files  func(home string)
		agent  []ed25519.PrivateKey
		want   string // "": success
	}{
		{name: "default name", files: func(h string) { writeKey(t, h+"/.ssh/id_ed25519", private, "") }},
		{name: "IdentityFile", config: "  IdentityFile ~/keys/%r_key\n", files: func(h string) { writeKey(t, h+"/keys/lab_key", private, "") }},
		{name: "missing file", config: "  IdentityFile ~/keys/none\n", want: "read key"},
		{name: "encrypted", files: func(h string) { writeKey(t, h+"/.ssh/id_ed25519", private, "pass") }, want: "is encrypted: add it to ssh-agent with `ssh-add"},
		{name: "encrypted, in the agent", files: func(h string) { writeKey(t, h+"/.ssh/id_ed25519", private, "pass") }, agent: []ed25519.PrivateKey{private}},
		{name: "agent", agent: []ed25519.PrivateKey{otherKey, private}},
		{name: "agent, IdentitiesOnly", config: "  IdentitiesOnly yes\n", agent: []ed25519.PrivateKey{private}, want: "refused the keys"},
		{
			name: "agent, IdentitiesOnly and a file", config: "  IdentitiesOnly yes\n", agent: []ed25519.PrivateKey{private},
			files: func(h string) { writeKey(t, h+"/.ssh/id_ed25519", private, "pass") },
		},
		{name: "wrong key", files: func(h string) { writeKey(t, h+"/.ssh/id_ed25519", otherKey, "") }, want: "refused the keys"},
		{name: "not a key", files: func(h string) { write(t, h+"/.ssh/id_ed25519", "nonsense") }, want: "read key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := t.TempDir()
			know(t, home, s)
			sshConfig(t, home, s, c.config)
			if c.files != nil {
				c.files(home)
			}
			config := Config{Home: home}
			if c.agent != nil {
				config.AgentSocket = runAgent(t, c.agent)
			}
			_, err := dialWith(t, config)
			if c.want == "" {
				if err != nil {
					t.Errorf("Dial = %v (%s)", err, devices.Hint(err))
				}
				return
			}
			if _, ok := errors.AsType[*devices.AuthError](err); !ok || !strings.Contains(err.Error()+devices.Hint(err), c.want) {
				t.Errorf("Dial = %v (%s), want %q", err, devices.Hint(err), c.want)
			}
		})
	}
	t.Run("no agent", func(t *testing.T) {
		home := t.TempDir()
		know(t, home, s)
		sshConfig(t, home, s, "")
		_, err := dialWith(t, Config{Home: home, AgentSocket: home + "/none"})
		if !strings.Contains(devices.Hint(err), "ssh-agent does not answer") {
			t.Errorf("Dial = %v (%s)", err, devices.Hint(err))
		}
	})
}

func runAgent(t *testing.T, keys []ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k}); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "agent") // a socket's name is short
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c) //nolint:errcheck // a test's
		}
	}()
	t.Cleanup(func() {
		l.Close()         //nolint:errcheck // a test's
		os.RemoveAll(dir) //nolint:errcheck // a test's
	})
	return socket
}

func TestProxyJump(t *testing.T) {
	s, jump1, jump2 := start(t, &sshServer{password: "p"}), start(t, &sshServer{password: "p"}), start(t, &sshServer{password: "p"})
	home := t.TempDir()
	know(t, home, s, jump1, jump2)
	for name, proxy := range map[string]string{
		"by alias":   "ProxyJump j1",
		"by address": "ProxyJump lab@127.0.0.1:" + jump1.port(),
		"two":        "ProxyJump j2,j1",
		"a chain":    "ProxyJump j3",
	} {
		t.Run(name, func(t *testing.T) {
			write(t, home+"/.ssh/config", "Host cr1.*\n  HostName 127.0.0.1\n  Port "+s.port()+"\n  User lab\n  "+proxy+
				"\nHost j1 j3\n  HostName 127.0.0.1\n  User lab\n  Port "+jump1.port()+"\nHost j3\n  ProxyJump j2\nHost j2\n  HostName 127.0.0.1\n  User lab\n  Port "+jump2.port()+"\n")
			before := jump1.count()
			c, err := dialWith(t, Config{Home: home, Password: password("p")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Subsystem(t.Context(), "netconf", ""); err != nil {
				t.Error(err)
			}
			if jump1.count() != before+1 {
				t.Error("it did not go through the jump host")
			}
		})
	}
	t.Run("a jump host that names itself", func(t *testing.T) {
		write(t, home+"/.ssh/config", "Host *\n  HostName 127.0.0.1\n  Port "+s.port()+"\n  User lab\n  ProxyJump j1\n")
		if _, err := dialWith(t, Config{Home: home, Password: password("p")}); err == nil || !strings.Contains(err.Error(), "names itself") && !strings.Contains(err.Error(), "name itself") {
			t.Errorf("Dial = %v", err)
		}
	})
	t.Run("unreachable jump host", func(t *testing.T) {
		write(t, home+"/.ssh/config", "Host cr1.*\n  ProxyJump 127.0.0.1:1\n")
		_, err := dialWith(t, Config{Home: home, Password: password("p")})
		if _, ok := errors.AsType[*devices.UnreachableError](err); !ok || !strings.Contains(err.Error(), "jump host 127.0.0.1") {
			t.Errorf("Dial = %v", err)
		}
	})
}

func TestKeepalive(t *testing.T) {
	s := start(t, &sshServer{password: "p"})
	home := t.TempDir()
	know(t, home, s)
	sshConfig(t, home, s, "")
	c, err := dialWith(t, Config{Home: home, Password: password("p"), Keepalive: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Subsystem(t.Context(), "netconf", "")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, s.cut)
	if _, err := stream.Read(make([]byte, 1)); err == nil {
		t.Error("a Read on a cut connection gave no error")
	}
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "config")
	host := func(text string, target Target) (*host, error) {
		write(t, name, text)
		d, err := New(Config{ConfigFile: name, Home: "/home/u", User: "me"})
		if err != nil {
			return nil, err
		}
		return d.file.host(target, NETCONFPort, d.config)
	}
	for _, c := range []struct{ name, text, addr, user string }{
		{"nothing", "", "cr1.example.net:830", "me"},
		{"port and user", "Host cr1*\n Port 2222\n User lab\n", "cr1.example.net:2222", "lab"},
		{"another host", "Host cr2*\n Port 2222\n", "cr1.example.net:830", "me"},
		{"negated", "Host *.net !cr1*\n Port 2222\n", "cr1.example.net:830", "me"},
		{"first wins", "Host cr1*\n Port 1\nHost *\n Port 2\n User x\n", "cr1.example.net:1", "x"},
		{"tokens", "Host cr1*\n HostName %h.lab\n", "cr1.example.net.lab:830", "me"},
		{"match", "Match host cr1*\n Port 7\n", "cr1.example.net:7", "me"},
	} {
		h, err := host(c.text, Target{Device: "cr1", Host: "cr1.example.net"})
		if err != nil || h.addr != c.addr || h.user != c.user {
			t.Errorf("%s: %+v, %v; want %s, %s", c.name, h, err, c.addr, c.user)
		}
	}
	h, err := host("", Target{Device: "cr1", Host: "cr1.example.net", Address: "2001:db8::1", Port: 22, User: "lab"})
	if err != nil || h.addr != "[2001:db8::1]:22" || h.user != "lab" || len(h.identities) != 3 || h.knownHosts[0] != "/home/u/.ssh/known_hosts" {
		t.Errorf("target's own: %+v, %v", h, err)
	}
	h, err = host("Host *\n UserKnownHostsFile ~/k1 ~/k2\n IdentityFile \"~/a b\"\n HostKeyAlias lab\n ConnectTimeout 7\n", Target{Device: "cr1", Host: "x"})
	if err != nil || h.knownHosts[1] != "/home/u/k2" || h.identities[0] != "/home/u/a b" || h.keyName != "lab:22" || h.timeout != 7*time.Second {
		t.Errorf("files: %+v, %v", h, err)
	}
	for text, want := range map[string]string{
		"Host *\n Port x\n":                    "Port",
		"Host *\n ConnectTimeout x\n":          "ConnectTimeout",
		"Host *\n ProxyCommand nc %h %p\n":     "use ProxyJump",
		"Host *\n StrictHostKeyChecking ehm\n": "StrictHostKeyChecking",
		"Match exec \"true\"\n Port 1\n":       "read ssh configuration",
	} {
		if _, err := host(text, Target{Device: "cr1", Host: "x"}); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%q gives %v, want %q and the file's name", text, err, want)
		}
	}
	if _, err := New(Config{ConfigFile: filepath.Join(dir, "none")}); err == nil {
		t.Error("a named file that is absent is no error")
	}
	if _, err := New(Config{Home: dir}); err != nil {
		t.Errorf("an absent default file is %v", err)
	}
}
