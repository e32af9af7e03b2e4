package dial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
)

// sshd is OpenSSH's server, with keys of its own; its subsystem netconf echoes.
type sshd struct {
	port     string
	hostKey  string // the public half, a line of authorized_keys
	dir      string
	loginKey string // the private half, a file
}

// keygen runs ssh-keygen.
func keygen(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", append([]string{"-q"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen %q: %v\n%s", args, err, out)
	}
}

func readLineOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// startSSHD starts a server. authorized is a line of authorized_keys; "" makes a key and authorizes it.
func startSSHD(t *testing.T, authorized string, config ...string) *sshd {
	t.Helper()
	s := &sshd{dir: t.TempDir()}
	at := func(name string) string { return filepath.Join(s.dir, name) }
	keygen(t, "-t", "ed25519", "-N", "", "-f", at("host"))
	s.hostKey = strings.Join(strings.Fields(readLineOf(t, at("host.pub")))[:2], " ")
	if authorized == "" {
		s.loginKey = at("login")
		keygen(t, "-t", "ed25519", "-N", "", "-f", s.loginKey)
		authorized = readLineOf(t, s.loginKey+".pub")
	}
	write(t, at("authorized"), authorized+"\n")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close() //nolint:errcheck // only its port is wanted
	write(t, at("config"), strings.Join(append([]string{
		"ListenAddress 127.0.0.1:" + s.port, "HostKey " + at("host"), "PidFile none", "AuthorizedKeysFile " + at("authorized"), "StrictModes no",
		"UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
		"Subsystem netconf /bin/cat", "LogLevel ERROR",
	}, config...), "\n")+"\n")
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", at("config"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() //nolint:errcheck // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it may be gone
		<-ended
		if t.Failed() {
			t.Logf("sshd: %s", stderr.String())
		}
	})
	for {
		c, err := net.Dial("tcp", "127.0.0.1:"+s.port)
		if err == nil {
			c.Close() //nolint:errcheck // it listens
			return s
		}
		select {
		case <-ended:
			t.Fatalf("sshd ended: %s", stderr.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// sshdHere skips where there is no sshd, and makes the directory that it wants as root.
func sshdHere(t *testing.T) string {
	t.Helper()
	if os.Getenv("RHAPSODE_ROOT") != "1" {
		t.Skip("a real sshd wants root's capabilities: RHAPSODE_ROOT=1 (make test-root)")
	}
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		t.Fatal("no /usr/sbin/sshd: install openssh-server")
	}
	const separation = "/run/sshd"
	if err := os.Mkdir(separation, 0o755); err == nil {
		t.Cleanup(func() {
			if err := os.Remove(separation); err != nil {
				t.Error(err)
			}
		})
	} else if !os.IsExist(err) {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return me.Username
}

// echoes demands that the netconf subsystem of a connection answers.
func echoes(t *testing.T, c *Conn, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("dial: %v (%s)", err, devices.Hint(err))
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stream, err := c.Subsystem(ctx, "netconf", "")
	if err != nil {
		t.Error(err)
		return
	}
	buf := make([]byte, 5)
	if _, err := io.WriteString(stream, "hello"); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(stream, buf); err != nil || string(buf) != "hello" {
		t.Errorf("the stream gave %q, %v", buf, err)
	}
}

// TestRootSSHD dials OpenSSH's own server, with the files that its own programs write.
func TestRootSSHD(t *testing.T) {
	login := sshdHere(t)
	s := startSSHD(t, "")
	entry := func(port, more string) string {
		return "Host cr1.*\n  HostName 127.0.0.1\n  Port " + port + "\n  User " + login + "\n  IdentityFile " + s.loginKey + "\n" + more
	}
	known := func(of *sshd) string { return "[127.0.0.1]:" + of.port + " " + of.hostKey + "\n" }

	t.Run("key, hashed known_hosts, Include", func(t *testing.T) {
		home := t.TempDir()
		file := filepath.Join(home, ".ssh", "known_hosts")
		write(t, file, known(s))
		keygen(t, "-H", "-f", file)
		if text := readLineOf(t, file); strings.Contains(text, "127.0.0.1") {
			t.Fatalf("ssh-keygen -H left %q", text)
		}
		write(t, filepath.Join(home, "more"), entry(s.port, ""))
		write(t, filepath.Join(home, ".ssh", "config"), "Include "+filepath.Join(home, "more")+"\n")
		c, err := dialWith(t, Config{Home: home})
		echoes(t, c, err)
	})
	t.Run("accept-new, hashed", func(t *testing.T) {
		home := t.TempDir()
		write(t, filepath.Join(home, ".ssh", "config"), entry(s.port, "  StrictHostKeyChecking accept-new\n  HashKnownHosts yes\n"))
		c, err := dialWith(t, Config{Home: home})
		echoes(t, c, err)
		file := filepath.Join(home, ".ssh", "known_hosts")
		if text := readLineOf(t, file); !strings.HasPrefix(text, "|1|") {
			t.Errorf("known_hosts has %q", text)
		}
		if out, err := exec.Command("ssh-keygen", "-F", "[127.0.0.1]:"+s.port, "-f", file).CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen does not find what was added: %v\n%s", err, out)
		}
	})
	t.Run("agent", func(t *testing.T) {
		home := t.TempDir()
		write(t, filepath.Join(home, ".ssh", "known_hosts"), known(s))
		dir, err := os.MkdirTemp("", "agent") // a socket's name is short
		if err != nil {
			t.Fatal(err)
		}
		socket := filepath.Join(dir, "s")
		agent := exec.Command("ssh-agent", "-D", "-a", socket)
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			agent.Process.Kill() //nolint:errcheck // it may be gone
			agent.Wait()         //nolint:errcheck // it was killed
			os.RemoveAll(dir)    //nolint:errcheck // a test's
		})
		for _, err := os.Stat(socket); err != nil; _, err = os.Stat(socket) {
			time.Sleep(10 * time.Millisecond)
		}
		add := exec.Command("ssh-add", "-q", s.loginKey)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v\n%s", err, out)
		}
		host := "Host cr1.*\n  HostName 127.0.0.1\n  Port " + s.port + "\n  User " + login + "\n"
		write(t, filepath.Join(home, ".ssh", "config"), host)
		c, err := dialWith(t, Config{Home: home, AgentSocket: socket})
		echoes(t, c, err)
		write(t, filepath.Join(home, ".ssh", "config"), host+"  IdentityAgent "+socket+"\n")
		c, err = dialWith(t, Config{Home: home})
		echoes(t, c, err)
	})
	t.Run("a chain of jump hosts", func(t *testing.T) {
		home := t.TempDir()
		public := readLineOf(t, s.loginKey+".pub")
		one, two := startSSHD(t, public), startSSHD(t, public)
		write(t, filepath.Join(home, ".ssh", "known_hosts"), known(s)+known(one)+known(two))
		common := "\n  User " + login + "\n  IdentityFile " + s.loginKey + "\n"
		write(t, filepath.Join(home, ".ssh", "config"), entry(s.port, "  ProxyJump two\n")+
			"Host one\n  HostName 127.0.0.1\n  Port "+one.port+common+"Host two\n  HostName 127.0.0.1\n  Port "+two.port+"\n  ProxyJump one"+common)
		c, err := dialWith(t, Config{Home: home})
		echoes(t, c, err)
		// One that forwards nothing is a clear error.
		deaf := startSSHD(t, public, "AllowTcpForwarding no")
		write(t, filepath.Join(home, ".ssh", "known_hosts"), known(s)+known(deaf))
		write(t, filepath.Join(home, ".ssh", "config"), entry(s.port, "  ProxyJump one\n")+"Host one\n  HostName 127.0.0.1\n  Port "+deaf.port+common)
		if _, err := dialWith(t, Config{Home: home}); err == nil || !strings.Contains(err.Error(), "administratively prohibited") {
			t.Errorf("through a host that forwards nothing: %v", err)
		}
	})
	t.Run("certificates", func(t *testing.T) { sshdCertificates(t, login) })
	t.Run("keepalive", func(t *testing.T) {
		home := t.TempDir()
		write(t, filepath.Join(home, ".ssh", "known_hosts"), known(s))
		write(t, filepath.Join(home, ".ssh", "config"), entry(s.port, ""))
		c, err := dialWith(t, Config{Home: home, Keepalive: 20 * time.Millisecond})
		if err == nil {
			time.Sleep(200 * time.Millisecond) // ten questions, answered
		}
		echoes(t, c, err)
	})
}

// sshdCertificates has an authority sign the host's key and the user's.
func sshdCertificates(t *testing.T, login string) {
	ca := filepath.Join(t.TempDir(), "ca")
	keygen(t, "-t", "ed25519", "-N", "", "-f", ca)
	public := strings.Join(strings.Fields(readLineOf(t, ca+".pub"))[:2], " ")
	key := filepath.Join(t.TempDir(), "id")
	keygen(t, "-t", "ed25519", "-N", "", "-f", key)
	keygen(t, "-s", ca, "-I", "user", "-n", login, "-V", "+1d", key+".pub")
	s := startSSHD(t, "# none", "TrustedUserCAKeys "+ca+".pub")
	hostKey := filepath.Join(s.dir, "host")
	keygen(t, "-s", ca, "-I", "host", "-h", "-n", "127.0.0.1", "-V", "+1d", hostKey+".pub")
	// The certificate came after the start: a server of its own that has it. So has another, whose is old.
	expiredKey := filepath.Join(t.TempDir(), "host")
	keygen(t, "-t", "ed25519", "-N", "", "-f", expiredKey)
	keygen(t, "-s", ca, "-I", "host", "-h", "-n", "127.0.0.1", "-V", "20200101:20200102", expiredKey+".pub")
	expired := startSSHD(t, "# none", "HostKey "+expiredKey, "HostCertificate "+expiredKey+"-cert.pub")
	certified := startSSHD(t, "# none", "TrustedUserCAKeys "+ca+".pub", "HostKey "+hostKey, "HostCertificate "+hostKey+"-cert.pub")
	for name, c := range map[string]struct{ known, want string }{
		"authority":         {"@cert-authority [127.0.0.1]:%s " + public + "\n", ""},
		"authority for all": {"@cert-authority * " + public + "\n", ""},
		"another's":         {"@cert-authority *.example.org " + public + "\n", "is unknown: ssh-ed25519"},
		"revoked authority": {"@cert-authority * " + public + "\n@revoked * " + public + "\n", "revoked"},
		"another authority": {"@cert-authority * " + s.hostKey + "\n", "no authorities for hostname"},
		"expired":           {"@cert-authority * " + public + "\n", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			text := c.known
			port := certified.port
			if name == "expired" {
				port = expired.port
			}
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, certified.port)
			}
			write(t, filepath.Join(home, ".ssh", "known_hosts"), text)
			write(t, filepath.Join(home, ".ssh", "config"), "Host cr1.*\n  HostName 127.0.0.1\n  Port "+port+"\n  User "+login+"\n  IdentityFile "+key+"\n")
			conn, err := dialWith(t, Config{Home: home})
			if c.want == "" {
				echoes(t, conn, err)
			} else if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("dial: %v, want %q", err, c.want)
			}
		})
	}
}
