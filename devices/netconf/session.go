package netconf

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	gonetconf "github.com/Juniper/go-netconf/netconf"

	"rhapsode/devices"
	"rhapsode/devices/internal/answer"
)

// The capabilities of the base protocol (RFC 6241 section 8.1).
const (
	base10 = "urn:ietf:params:netconf:base:1.0"
	base11 = "urn:ietf:params:netconf:base:1.1"
)

// errMessageID is a reply to another request than ours: the session is out of step.
var errMessageID = errors.New("reply does not carry the request's message-id")

// transport is what lies under go-netconf's Session in place of its own. It frames and decodes; it keeps what the
// library drops: the error of a hello, the message id of a request, the whole of a reply that has an error in it.
type transport struct {
	stream io.ReadWriteCloser
	frames *framer
	hello  *gonetconf.HelloMessage // the server's, read before the library asks for it

	sentID string          // of the last request
	reply  *answer.Element // to the last request; nil if none was read
	err    error           // the first thing that went wrong; the stream is not to be used after it
}

var _ gonetconf.Transport = (*transport)(nil)

// readHello reads and checks the server's hello, before the library gets to see it: NewSession drops the error of
// ReceiveHello and dereferences what came with it.
func (t *transport) readHello() error {
	msg, err := t.frames.read()
	if err != nil {
		return fmt.Errorf("read hello: %w", unexpected(err))
	}
	e, err := answer.Parse(msg)
	if err != nil {
		return fmt.Errorf("read hello: %w", err)
	}
	if e.Name != "hello" {
		return fmt.Errorf("read hello: <%s> in its place", e.Name)
	}
	h := &gonetconf.HelloMessage{}
	base := false
	e.Walk(func(c *answer.Element) {
		if c.Name == "capability" {
			capability := answer.OneLine(c.Text)
			h.Capabilities = append(h.Capabilities, capability)
			base = base || capability == base10 || capability == base11
		}
	})
	if !base {
		return errors.New("read hello: neither base:1.0 nor base:1.1 is offered")
	}
	// RFC 6241 section 8.1: without a session-id the session must end.
	if h.SessionID, err = strconv.Atoi(e.Content("session-id")); err != nil {
		return fmt.Errorf("read hello: session-id %q is no number", e.Content("session-id"))
	}
	t.hello = h
	return nil
}

// ReceiveHello gives the hello that was read before.
func (t *transport) ReceiveHello() (*gonetconf.HelloMessage, error) { return t.hello, nil }

// SendHello sends ours. The library drops the error, so it is kept.
func (t *transport) SendHello(h *gonetconf.HelloMessage) error {
	own := *h
	own.Capabilities = []string{base10, base11} // not the library's variable, which anybody may change
	msg, err := xml.Marshal(&own)
	if err == nil {
		err = t.frames.write(append([]byte(xml.Header), msg...))
	}
	if err != nil {
		t.fail(fmt.Errorf("send hello: %w", err))
	}
	return t.err
}

// SetVersion is called after both hellos, with v1.1 if the server offers base:1.1.
func (t *transport) SetVersion(version string) { t.frames.chunked = version == "v1.1" }

// Send frames one request.
func (t *transport) Send(msg []byte) error {
	if t.err != nil {
		return t.err
	}
	id, err := requestID(msg)
	if err != nil {
		return err
	}
	t.sentID, t.reply = id, nil
	if err := t.frames.write(msg); err != nil {
		t.fail(fmt.Errorf("send request: %w", err))
	}
	return t.err
}

// requestID reads back the id that the library gave a request, which it keeps to itself.
func requestID(msg []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(msg))
	for {
		tok, err := d.Token()
		if err != nil {
			return "", fmt.Errorf("encode request: %w", err)
		}
		if start, ok := tok.(xml.StartElement); ok {
			if id := (&answer.Element{Attrs: start.Attr}).Attr("message-id"); id != "" {
				return id, nil
			}
			return "", errors.New("encode request: no message-id")
		}
	}
}

// Receive reads one reply and demands that it is ours. The library overwrites a reply's message id and never looks.
func (t *transport) Receive() ([]byte, error) {
	if t.err != nil {
		return nil, t.err
	}
	msg, err := t.frames.read()
	if err != nil {
		t.fail(fmt.Errorf("read reply: %w", unexpected(err)))
		return nil, t.err
	}
	e, err := parseReply(msg)
	if err != nil {
		t.fail(fmt.Errorf("read reply: %w", err))
		return nil, t.err
	}
	if id := e.Attr("message-id"); id != t.sentID {
		err := fmt.Errorf("%w: got %q, want %q", errMessageID, id, t.sentID)
		if errs, _ := answer.Errors("", e); id == "" && len(errs) > 0 {
			err = fmt.Errorf("%w: %w", err, errs[0])
		}
		t.fail(err)
		return nil, t.err
	}
	t.reply = e
	return msg, nil
}

// parseReply reads an <rpc-reply>. Junos is known to leave out one end tag, before the <ok/> of commit results; that is
// put right, any other flaw is an error.
func parseReply(msg []byte) (*answer.Element, error) {
	e, err := answer.Parse(msg)
	if err != nil && bytes.Contains(msg, []byte("<routing-engine")) {
		for _, times := range []int{1, -1} { // of one engine, or of each
			mended := bytes.Replace(msg, []byte("<ok/>"), []byte("</routing-engine><ok/>"), times)
			if fixed, ferr := answer.Parse(mended); ferr == nil {
				e, err, msg = fixed, nil, mended
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	e.Raw = msg
	if e.Name != "rpc-reply" {
		return nil, fmt.Errorf("<%s> in place of a reply", e.Name)
	}
	return e, nil
}

// Close ends the stream.
func (t *transport) Close() error { return t.stream.Close() }

func (t *transport) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

// session is one NETCONF session. Its calls go one after the other.
type session struct {
	device string
	mu     sync.Mutex
	t      *transport
	lib    *gonetconf.Session
	dead   error // ErrSessionLost and why
	closed bool
}

// openSession exchanges hellos.
func openSession(ctx context.Context, device string, stream io.ReadWriteCloser, maxBytes int) (*session, error) {
	t := &transport{stream: stream, frames: newFramer(stream, maxBytes)}
	s := &session{device: device, t: t}
	stop := context.AfterFunc(ctx, func() { stream.Close() }) //nolint:errcheck // the read's error is what is told
	err := t.readHello()
	if err == nil {
		s.lib = gonetconf.NewSession(t)
		err = t.err
	}
	if !stop() {
		err = fmt.Errorf("hello: %w", context.Cause(ctx))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: open netconf session: %w", device, err), stream.Close())
	}
	return s, nil
}

// call sends one operation and gives its reply, with whatever <rpc-error>s are in it. An error ends the session, since
// the next reply on the stream would be this one's.
func (s *session) call(ctx context.Context, timeout time.Duration, what, operation string) (*answer.Element, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return nil, fmt.Errorf("%s: %s: %w", s.device, what, s.dead)
	}
	if err := ctx.Err(); err != nil { // nothing was sent: the session stays
		return nil, fmt.Errorf("%s: %s: %w", s.device, what, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.t.stream.Close() }) //nolint:errcheck // the cause is what is told
	// The library's verdict on a reply is not used: it sees no nested error, and gives up the reply for the first it sees.
	s.t.reply = nil
	_, err := s.lib.Exec(gonetconf.RawMethod(operation))
	inTime := stop()
	switch {
	case s.t.reply != nil && s.t.err == nil:
		if !inTime { // the answer came, and then the stream was closed
			s.dead = fmt.Errorf("%w: %w", devices.ErrSessionLost, context.Cause(ctx))
		}
		return s.t.reply, nil
	case !inTime:
		err = context.Cause(ctx)
	case s.t.err != nil:
		err = s.t.err
	}
	s.dead = fmt.Errorf("%w: %w", devices.ErrSessionLost, err)
	if inTime {
		s.t.stream.Close() //nolint:errcheck // the session is lost, and the reason is told
	}
	return nil, fmt.Errorf("%s: %s: %w", s.device, what, s.dead)
}

// close says goodbye if the session is alive, and closes the stream.
func (s *session) close(timeout time.Duration) error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := s.call(ctx, timeout, "close session", "<close-session/>")
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.dead != nil
	if !lost {
		s.dead = fmt.Errorf("%w: closed", devices.ErrSessionLost)
	}
	if cerr := s.t.stream.Close(); !lost {
		err = errors.Join(err, cerr)
	}
	if errors.Is(err, devices.ErrSessionLost) {
		return nil // it was lost before, which the caller has been told, or the device hung up first
	}
	return err
}
