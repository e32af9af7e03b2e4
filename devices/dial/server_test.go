package dial

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer is an SSH server with users, the netconf subsystem (it echoes), exec (it echoes the command, then input) and
// forwarding, as a jump host has it.
type sshServer struct {
	addr     string
	key      ssh.Signer
	password string
	allowed  ssh.PublicKey
	noSubsys bool
	exec     func(command string, ch ssh.Channel) uint32 // in place of the echo; gives the exit status

	mu     sync.Mutex
	pty    string // what was asked for last
	logins int
	conns  []net.Conn
}

func newKey(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, private
}

// start runs a server with the user lab.
func start(t *testing.T, s *sshServer) *sshServer {
	t.Helper()
	s.key, _ = newKey(t)
	config := &ssh.ServerConfig{}
	config.AddHostKey(s.key)
	if s.password != "" {
		config.PasswordCallback = func(c ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) {
			if c.User() == "lab" && string(p) == s.password {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		}
	}
	config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() == "lab" && s.allowed != nil && string(key.Marshal()) == string(s.allowed.Marshal()) {
			return nil, nil
		}
		return nil, errors.New("unknown key")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			wg.Go(func() { s.serve(c, config) })
		}
	})
	t.Cleanup(func() {
		l.Close() //nolint:errcheck // a test's
		s.cut()
		wg.Wait()
	})
	return s
}

// cut drops every connection.
func (s *sshServer) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.Close() //nolint:errcheck // a test's
	}
}

func (s *sshServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logins
}

func (s *sshServer) serve(c net.Conn, config *ssh.ServerConfig) {
	conn, chans, reqs, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // a test's
	s.mu.Lock()
	s.logins++
	s.mu.Unlock()
	go ssh.DiscardRequests(reqs)
	for n := range chans {
		switch n.ChannelType() {
		case "session":
			ch, reqs, err := n.Accept()
			if err != nil {
				return
			}
			go s.session(ch, reqs)
		case "direct-tcpip":
			go forward(n)
		default:
			n.Reject(ssh.UnknownChannelType, "no") //nolint:errcheck // a test's
		}
	}
}

func (s *sshServer) session(ch ssh.Channel, reqs <-chan *ssh.Request) {
	for r := range reqs {
		var arg struct{ Text string }
		noText := ssh.Unmarshal(r.Payload, &arg) != nil
		switch {
		case r.Type == "pty-req":
			var p struct {
				Term       string
				Cols, Rows uint32
				Wpx, Hpx   uint32
				Modes      string
			}
			ok := ssh.Unmarshal(r.Payload, &p) == nil
			s.mu.Lock()
			s.pty = fmt.Sprintf("%s %dx%d", p.Term, p.Cols, p.Rows)
			s.mu.Unlock()
			r.Reply(ok, nil) //nolint:errcheck // a test's
			continue
		case r.Type == "shell":
			r.Reply(true, nil) //nolint:errcheck // a test's
		case noText:
			r.Reply(false, nil) //nolint:errcheck // a test's
			continue
		case r.Type == "subsystem" && arg.Text == "netconf" && !s.noSubsys:
			r.Reply(true, nil) //nolint:errcheck // a test's
		case r.Type == "exec" && s.exec != nil:
			r.Reply(true, nil) //nolint:errcheck // a test's
			go func() {
				status := s.exec(arg.Text, ch)
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status})) //nolint:errcheck // a test's
				ch.Close()                                                                         //nolint:errcheck // a test's
			}()
			continue
		case r.Type == "exec":
			r.Reply(true, nil)               //nolint:errcheck // a test's
			io.WriteString(ch, arg.Text+":") //nolint:errcheck // a test's
		default:
			r.Reply(false, nil) //nolint:errcheck // a test's
			continue
		}
		go io.Copy(ch, ch) //nolint:errcheck // a test's
	}
}

func forward(n ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		OPort  uint32
	}
	if err := ssh.Unmarshal(n.ExtraData(), &to); err != nil {
		n.Reject(ssh.Prohibited, err.Error()) //nolint:errcheck // a test's
		return
	}
	c, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		n.Reject(ssh.ConnectionFailed, err.Error()) //nolint:errcheck // a test's
		return
	}
	ch, reqs, err := n.Accept()
	if err != nil {
		c.Close() //nolint:errcheck // a test's
		return
	}
	go ssh.DiscardRequests(reqs)
	go func() {
		io.Copy(ch, c) //nolint:errcheck // a test's
		ch.Close()     //nolint:errcheck // a test's
	}()
	io.Copy(c, ch) //nolint:errcheck // a test's
	c.Close()      //nolint:errcheck // a test's
}

func (s *sshServer) port() string {
	_, port, _ := net.SplitHostPort(s.addr) //nolint:errcheck // of a listener
	return port
}

// know writes the server's key into known_hosts of a home directory.
func know(t *testing.T, home string, servers ...*sshServer) {
	t.Helper()
	var lines string
	for _, s := range servers {
		lines += knownhosts.Line([]string{s.addr}, s.key.PublicKey()) + "\n"
	}
	write(t, filepath.Join(home, ".ssh", "known_hosts"), lines)
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeKey writes a private key; a passphrase encrypts it.
func writeKey(t *testing.T, name string, key ed25519.PrivateKey, passphrase string) {
	t.Helper()
	var block *pem.Block
	var err error
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(pem.EncodeToMemory(block)))
}

// marshalKey is the server's public key as known_hosts has it.
func marshalKey(s *sshServer) []byte { return ssh.MarshalAuthorizedKey(s.key.PublicKey()) }
