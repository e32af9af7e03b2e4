package cli

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/scrapli/scrapligo/transport"
)

// errTooLarge is an answer over the limit.
var errTooLarge = errors.New("answer too large")

// stream is what lies under scrapligo's channel in place of its own transports: a terminal that devices/dial opened. It
// keeps what the library drops: the answer to the byte (the library trims lines and takes out what looks like a
// prompt), and the reason why a stream ended. Neither its Read nor its Write outlasts Close.
type stream struct {
	under    io.ReadWriteCloser
	maxBytes int

	mu      sync.Mutex
	wake    *sync.Cond
	pending []byte // read, and not yet given to the library
	seen    []byte // read since mark
	strip   stripper
	err     error // why there is no more
	out     chan []byte
	done    chan struct{} // closed with err
}

var _ transport.Implementation = (*stream)(nil)

func newStream(under io.ReadWriteCloser, maxBytes int) *stream {
	s := &stream{under: under, maxBytes: maxBytes, out: make(chan []byte), done: make(chan struct{})}
	s.wake = sync.NewCond(&s.mu)
	return s
}

// Open starts the two pumps. They end when the stream below is closed.
func (s *stream) Open(*transport.Args) error {
	go s.pumpIn()
	go s.pumpOut()
	return nil
}

func (s *stream) pumpIn() {
	buf := make([]byte, 64<<10)
	for {
		n, err := s.under.Read(buf)
		if n > 0 && !s.take(buf[:n]) {
			s.end(fmt.Errorf("%w: over %d bytes", errTooLarge, s.maxBytes))
			return
		}
		if err != nil {
			s.end(fmt.Errorf("read: %w", unexpected(err)))
			return
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (s *stream) take(b []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b = s.strip.strip(b)
	s.pending, s.seen = append(s.pending, b...), append(s.seen, b...)
	s.wake.Broadcast()
	return len(s.seen) <= s.maxBytes
}

func (s *stream) pumpOut() {
	for {
		select {
		case b := <-s.out:
			if _, err := s.under.Write(b); err != nil {
				s.end(fmt.Errorf("write: %w", unexpected(err)))
				return
			}
		case <-s.done:
			return
		}
	}
}

// end ends the stream for a reason. The first reason stays.
func (s *stream) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	close(s.done)
	s.wake.Broadcast()
	// A connection whose peer is gone may take its time over the goodbye.
	go s.under.Close() //nolint:errcheck // the reason is kept; what is below is dead or says goodbye
}

// Close ends the stream.
func (s *stream) Close() error {
	s.end(errClosed)
	return nil
}

// errClosed is a session that we closed.
var errClosed = errors.New("closed")

// IsAlive tells whether the stream has not ended.
func (s *stream) IsAlive() bool { return s.reason() == nil }

func (s *stream) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Read gives what is there, at most n bytes, and waits for some. The library takes io.EOF, and no other error, for an end.
func (s *stream) Read(n int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) == 0 && s.err == nil {
		s.wake.Wait()
	}
	if len(s.pending) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(s.pending))
	b := s.pending[:n:n]
	s.pending = s.pending[n:]
	return b, nil
}

// Write hands what is typed to the device.
func (s *stream) Write(b []byte) error {
	select {
	case s.out <- append([]byte(nil), b...):
		return nil
	case <-s.done:
		return s.reason()
	}
}

// mark begins a new exchange.
func (s *stream) mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// screen is what came since mark.
func (s *stream) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.seen)
}

// tail is the end of the screen.
func (s *stream) tail() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.seen[max(0, len(s.seen)-tailBytes):])
}

// stripper takes out what moves a cursor and prints nothing: carriage returns, NULs and escape sequences (ECMA-48 section
// 5.4), wherever a read cut them.
type stripper struct {
	state stripState
}

type stripState uint8

const (
	stripText   stripState = iota
	stripEscape            // behind ESC
	stripCSI               // behind ESC [, up to a letter
	stripOSC               // behind ESC ], up to BEL or ESC \
)

func (s *stripper) strip(in []byte) []byte {
	out := make([]byte, 0, len(in))
	for _, c := range in {
		switch s.state {
		case stripEscape:
			switch c {
			case '[':
				s.state = stripCSI
			case ']':
				s.state = stripOSC
			default:
				s.state = stripText
			}
		case stripCSI:
			if c >= 0x40 && c <= 0x7e {
				s.state = stripText
			}
		case stripOSC:
			if c == 0x07 {
				s.state = stripText
			} else if c == 0x1b {
				s.state = stripEscape
			}
		case stripText:
			switch c {
			case 0x1b:
				s.state = stripEscape
			case '\r', 0:
			default:
				out = append(out, c)
			}
		}
	}
	return out
}
