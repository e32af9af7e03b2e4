package router

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// startConfig is what the routers of these tests begin with.
const startConfig = `system {
    host-name r1.example.net;
    services {
        ssh;
    }
}
interfaces {
    lo0 {
        unit 0 {
            family inet {
                address 192.0.2.1/32;
            }
        }
    }
}
firewall {
    family inet {
        filter border-in4 {
            term offload-ping4 {
                filter offload-ping4;
            }
            term default {
                then accept;
            }
        }
        filter offload-ping4 {
            term web {
                from {
                    protocol icmp;
                    icmp-type echo-request;
                }
                then {
                    count web;
                    accept;
                }
            }
        }
    }
}
`

// start serves a router until the test ends and returns it with its address.
func start(t *testing.T, change func(*Options)) (*Router, string) {
	t.Helper()
	o := Options{Hostname: "lab", User: "lab", Password: "secret", Config: startConfig, ConfigName: "start.conf"}
	if change != nil {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Serve(ln) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close router: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r, ln.Addr().String()
}

// dial logs in over SSH.
func dial(t *testing.T, r *Router, address string) *ssh.Client {
	t.Helper()
	c, err := ssh.Dial("tcp", address, clientConfig(r, ssh.Password("secret")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func clientConfig(r *Router, auth ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User: "lab", Auth: []ssh.AuthMethod{auth}, Timeout: 10 * time.Second,
		HostKeyCallback: ssh.FixedHostKey(r.HostKey()),
	}
}

// client is a NETCONF client that sends what it is given and hands back what it gets.
type client struct {
	t     *testing.T
	s     *ssh.Session
	f     *framer
	hello string
}

// netconfClient opens a NETCONF session, by the subsystem or, when command is not empty, by exec.
func netconfClient(t *testing.T, c *ssh.Client, command string) *client {
	t.Helper()
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if command == "" {
		err = s.RequestSubsystem("netconf")
	} else {
		err = s.Start(command)
	}
	if err != nil {
		t.Fatal(err)
	}
	nc := &client{t: t, s: s, f: newFramer(duplex{out, in})}
	nc.hello = nc.read()
	nc.write(`<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`)
	return nc
}

func (c *client) write(msg string) {
	c.t.Helper()
	if err := c.f.write(msg); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() string {
	c.t.Helper()
	msg, err := c.f.read()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(msg)
}

// rpc sends the content of an <rpc> and returns that of the reply.
func (c *client) rpc(body string) string {
	c.t.Helper()
	c.write(`<rpc message-id="7">` + body + `</rpc>`)
	reply := c.read()
	_, reply, _ = strings.Cut(reply, ">\n")
	return strings.TrimSuffix(strings.TrimSuffix(reply, "</rpc-reply>"), "</nc:rpc-reply>")
}

// must sends a request that has to succeed.
func (c *client) must(body string) string {
	c.t.Helper()
	reply := c.rpc(body)
	if strings.Contains(reply, "<error-severity>error") {
		c.t.Fatalf("%s: %s", body, reply)
	}
	return reply
}

var volatile = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`), "DATE"},
	{regexp.MustCompile(`idle \d\d:\d\d:\d\d`), "idle IDLE"},
	{regexp.MustCompile(`\(\d\d:\d\d:\d\d ago\)`), "(AGO)"},
	{regexp.MustCompile(`([a-z]+\d)-\d{10}-`), "$1-SECONDS-"},
	{regexp.MustCompile(`>(\d+:)?\d+:\d\d</(elapsed-time|age)>`), ">AGE</$2>"},
	{regexp.MustCompile(`>[^<>]* seconds?</up-time>`), ">AGE</up-time>"},
	{regexp.MustCompile(`(Uptime +).* seconds?\n`), "${1}AGE\n"},
	{regexp.MustCompile(` +\d+:\d\d (Idle|Establ|Active|Connect)\n`), " AGE $1\n"},
	{regexp.MustCompile(`(/\d+\] )\d\d:\d\d:\d\d`), "${1}AGE"},
	{regexp.MustCompile(`seconds="\d+"`), `seconds="SECONDS"`},
	{regexp.MustCompile(`>\d\d:\d\d:\d\d</time-length>`), `>AGO</time-length>`},
	{regexp.MustCompile(`seconds" : "\d+"`), `seconds" : "SECONDS"`},
	{regexp.MustCompile(`seconds": "\d+"`), `seconds": "SECONDS"`},
}

// scrub replaces what differs from run to run.
func scrub(s string) string {
	for _, v := range volatile {
		s = v.pattern.ReplaceAllString(s, v.with)
	}
	return s
}

func testKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := hostKey("") // a new ed25519 key, as good for a user as for a host
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestLogin(t *testing.T) {
	allowed, stranger := testKey(t), testKey(t)
	keysOnly, keysAddress := start(t, func(o *Options) {
		o.Password, o.AuthorizedKeys = "", []ssh.PublicKey{testKey(t).PublicKey(), allowed.PublicKey()}
	})
	both, bothAddress := start(t, func(o *Options) { o.AuthorizedKeys = []ssh.PublicKey{allowed.PublicKey()} })
	asked := ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
		return make([]string, len(questions)), nil
	})
	for _, tt := range []struct {
		name    string
		r       *Router
		address string
		user    string
		auth    ssh.AuthMethod
		want    bool
	}{
		{"password", both, bothAddress, "lab", ssh.Password("secret"), true},
		{"wrong password", both, bothAddress, "lab", ssh.Password("Secret"), false},
		{"empty password", both, bothAddress, "lab", ssh.Password(""), false},
		{"wrong user", both, bothAddress, "root", ssh.Password("secret"), false},
		{"empty answer", both, bothAddress, "lab", asked, false},
		{"key", both, bothAddress, "lab", ssh.PublicKeys(allowed), true},
		{"key of somebody else", both, bothAddress, "lab", ssh.PublicKeys(stranger), false},
		{"key, wrong user", both, bothAddress, "root", ssh.PublicKeys(allowed), false},
		{"second key", keysOnly, keysAddress, "lab", ssh.PublicKeys(allowed), true},
		{"empty password where there is none", keysOnly, keysAddress, "lab", ssh.Password(""), false},
		{"empty answer where there is none", keysOnly, keysAddress, "lab", asked, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config := clientConfig(tt.r, tt.auth)
			config.User = tt.user
			c, err := ssh.Dial("tcp", tt.address, config)
			if (err == nil) != tt.want {
				t.Errorf("login: %v, want success %t", err, tt.want)
			}
			if err == nil {
				if err := c.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
}

// golden compares got with a file of testdata, or rewrites it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept):\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}
