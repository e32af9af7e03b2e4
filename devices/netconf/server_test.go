package netconf

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
)

const serverHello = `<!-- No zombies were killed during the creation of this user interface -->
<!-- user lab, class j-super-user -->
<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>
<capability>urn:ietf:params:netconf:base:1.0</capability>
<capability>http://xml.juniper.net/netconf/junos/1.0</capability>
</capabilities><session-id>4711</session-id></hello>
`

// server is a scripted NETCONF server on a pipe: for faults that no well-behaved router has.
type server struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	v11  bool
	size int // of a chunk; 0: the whole message
}

// reply is what the server answers to one request. {id} stands for the request's message-id.
type reply struct {
	body string // inside of <rpc-reply>
	raw  string // the whole message in place of body
	drop bool   // hang up after what was written (raw may be half a message, without its end)
	hang bool   // never answer
}

// serve runs a server with a hello and answers in order; it gives the client's end.
func serve(t *testing.T, hello string, answers ...reply) (net.Conn, func() []string) {
	return serveFramed(t, &server{}, hello, answers...)
}

func serveFramed(t *testing.T, s *server, hello string, answers ...reply) (net.Conn, func() []string) {
	t.Helper()
	client, conn := net.Pipe()
	s.t, s.conn, s.in = t, conn, bufio.NewReader(conn)
	var requests []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer conn.Close()                          //nolint:errcheck // a pipe
		go io.WriteString(conn, hello+endOfMessage) //nolint:errcheck // the client may have hung up
		if _, err := s.readMarked(); err != nil {
			return
		}
		for _, a := range answers {
			req, err := s.read()
			if err != nil {
				return
			}
			requests = append(requests, req)
			if a.hang {
				io.Copy(io.Discard, s.in) //nolint:errcheck // until the client gives up
				return
			}
			if !s.answer(req, a) || a.drop {
				return
			}
		}
		if req, err := s.read(); err == nil { // close-session, or nothing
			requests = append(requests, req)
			s.answer(req, reply{body: "<ok/>"})
		}
	}()
	t.Cleanup(func() {
		conn.Close() //nolint:errcheck // a pipe
		<-done
	})
	return client, func() []string {
		conn.Close() //nolint:errcheck // a pipe
		<-done
		return requests
	}
}

var messageID = regexp.MustCompile(`message-id="([^"]*)"`)

func (s *server) answer(req string, a reply) bool {
	id := ""
	if m := messageID.FindStringSubmatch(req); m != nil {
		id = m[1]
	}
	msg := a.raw
	if msg == "" {
		msg = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/23.4R1/junos" message-id="{id}">` + a.body + `</rpc-reply>`
	}
	msg = strings.ReplaceAll(msg, "{id}", id)
	if a.drop {
		_, err := io.WriteString(s.conn, msg)
		return err == nil
	}
	return s.write(msg) == nil
}

func (s *server) write(msg string) error {
	if !s.v11 {
		_, err := io.WriteString(s.conn, msg+endOfMessage)
		return err
	}
	size := s.size
	if size == 0 {
		size = len(msg)
	}
	for len(msg) > 0 {
		n := min(size, len(msg))
		if _, err := fmt.Fprintf(s.conn, "\n#%d\n%s", n, msg[:n]); err != nil {
			return err
		}
		msg = msg[n:]
	}
	_, err := io.WriteString(s.conn, endOfChunks)
	return err
}

func (s *server) read() (string, error) {
	if !s.v11 {
		return s.readMarked()
	}
	var msg strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", err
		}
		switch {
		case line == "\n":
		case line == "##\n":
			return msg.String(), nil
		default:
			var n int64
			if _, err := fmt.Sscanf(line, "#%d\n", &n); err != nil {
				return "", err
			}
			if _, err := io.CopyN(&msg, s.in, n); err != nil {
				return "", err
			}
		}
	}
}

func (s *server) readMarked() (string, error) {
	var b strings.Builder
	for !strings.HasSuffix(b.String(), endOfMessage) {
		c, err := s.in.ReadByte()
		if err != nil {
			return "", err
		}
		b.WriteByte(c)
	}
	return strings.TrimSuffix(b.String(), endOfMessage), nil
}

// open opens a device over a scripted server.
func open(t *testing.T, answers ...reply) (*Device, func() []string) {
	t.Helper()
	conn, requests := serve(t, serverHello, answers...)
	return openOn(t, conn), requests
}

func openOn(t *testing.T, conn net.Conn) *Device {
	t.Helper()
	d, err := Open(t.Context(), conn, Options{Device: "cr1.ams.example.net", Timeout: 5 * time.Second, CommitTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// locked opens a device and locks it; the answers are those after the lock.
func locked(t *testing.T, answers ...reply) (devices.Candidate, func() []string) {
	t.Helper()
	d, requests := open(t, append([]reply{{body: "<ok/>"}, {body: noDifference}}, answers...)...)
	c, err := d.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c, requests
}

const noDifference = "<configuration-information><configuration-output>\n</configuration-output></configuration-information>"

func background(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}
