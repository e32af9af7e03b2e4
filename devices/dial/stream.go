package dial

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/ssh"
)

// stream is a session's channel: what the device prints on its standard error is dropped.
type stream struct {
	io.Reader
	io.WriteCloser
	session *ssh.Session
	conn    *Conn
}

// Read reads from the device. After a connection that was lost it gives the reason.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.conn.reason(err)
	} else if err != nil {
		err = s.conn.reason(io.EOF)
	}
	return n, err
}

// Close ends the channel and leaves the connection.
func (s *stream) Close() error {
	err := s.session.Close()
	if isEOF(err) {
		return nil // the device closed first
	}
	return err
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// PTY is the terminal that a shell runs on. It has neither echo nor colours of its own: those are the device's.
type PTY struct {
	// Term is $TERM; "" is vt100. Cols and Rows are its size; 0 is 80 and 24.
	Term       string
	Cols, Rows int
}

// Shell opens the device's command line on a terminal.
func (c *Conn) Shell(ctx context.Context, pty PTY) (io.ReadWriteCloser, error) {
	if pty.Term == "" {
		pty.Term = "vt100"
	}
	if pty.Cols == 0 {
		pty.Cols = 80
	}
	if pty.Rows == 0 {
		pty.Rows = 24
	}
	s, err := c.start(ctx, "open shell", func(s *ssh.Session) error {
		if err := s.RequestPty(pty.Term, pty.Rows, pty.Cols, ssh.TerminalModes{}); err != nil {
			return fmt.Errorf("ask for a terminal: %w", err)
		}
		return s.Shell()
	})
	if err != nil {
		return nil, err // not a nil *stream in an interface
	}
	return s, nil
}

// start opens a stream for which the context holds while it is being opened: requests take no context, so the connection
// is closed under them.
func (c *Conn) start(ctx context.Context, what string, request func(*ssh.Session) error) (*stream, error) {
	stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
	s, err := c.open(request)
	if !stop() && err == nil {
		err = errors.Join(context.Cause(ctx), s.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s at %s: %w", c.device, what, c.addr, c.reason(err))
	}
	return s, nil
}

// Subsystem opens a stream on an SSH subsystem (RFC 4254 section 6.5). Where the device refuses it and fallback is given,
// fallback is run as a command in its place.
func (c *Conn) Subsystem(ctx context.Context, name, fallback string) (io.ReadWriteCloser, error) {
	what := "open subsystem " + name
	s, err := c.start(ctx, what, func(s *ssh.Session) error { return s.RequestSubsystem(name) })
	if err != nil && fallback != "" && ctx.Err() == nil {
		var ferr error
		if s, ferr = c.start(ctx, what, func(s *ssh.Session) error { return s.Start(fallback) }); ferr != nil {
			return nil, errors.Join(err, ferr)
		}
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Conn) open(start func(*ssh.Session) error) (*stream, error) {
	session, err := c.client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := session.StdinPipe()
	if err == nil {
		var out io.Reader
		if out, err = session.StdoutPipe(); err == nil {
			if err = start(session); err == nil {
				return &stream{Reader: out, WriteCloser: in, session: session, conn: c}, nil
			}
		}
	}
	if cerr := session.Close(); cerr != nil && !isEOF(cerr) {
		err = errors.Join(err, cerr)
	}
	return nil, err
}
