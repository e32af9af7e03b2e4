package dial

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"
)

// plainPath is what a command line takes as it stands, whatever shell reads it.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)

// maxComplaint bounds what is kept of a device's words.
const maxComplaint = 4096

// Copy writes a file of mode 0600 on the device, by the protocol of `scp -t`, which Junos serves wherever it serves ssh.
// The name is absolute and plain. Where ctx ends first the connection is closed: a part of the file may be there.
func (c *Conn) Copy(ctx context.Context, name string, content []byte) error {
	what := fmt.Sprintf("%s: copy to %s at %s", c.device, name, c.addr)
	if !plainPath.MatchString(name) || path.Clean(name) != name {
		return fmt.Errorf("%s: the name is not a plain absolute path", what)
	}
	s, err := c.start(ctx, "start scp", func(s *ssh.Session) error { return s.Start("scp -t " + name) })
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
	err = scp(s, path.Base(name), content)
	if err == nil {
		err = s.end()
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, errors.Join(c.reason(err), s.Close()))
	}
	return s.Close()
}

// scp speaks as the source of one file. Each side says what it does, the sink answers each with a byte: 0, or 1 or 2 and
// a line that says what is wrong.
func scp(rw io.ReadWriter, base string, content []byte) error {
	in := bufio.NewReader(rw)
	header := fmt.Sprintf("C0600 %d %s\n", len(content), base)
	for _, part := range []io.Reader{strings.NewReader(""), strings.NewReader(header), io.MultiReader(bytes.NewReader(content), bytes.NewReader([]byte{0}))} {
		_, werr := io.Copy(rw, part)
		err := sinkAnswer(in)
		// A sink that hung up has said why before.
		for werr != nil && err == nil {
			err = sinkAnswer(in)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sinkAnswer(in *bufio.Reader) error {
	code, err := in.ReadByte()
	if err != nil {
		return fmt.Errorf("read answer of scp: %w", unexpected(err))
	}
	if code == 0 {
		return nil
	}
	line, err := in.ReadString('\n')
	if code > 2 { // no scp at all: a shell that says why
		line = string(code) + line
	}
	line = strings.TrimSpace(line)
	if len(line) > maxComplaint {
		line = line[:maxComplaint]
	}
	if line == "" && err != nil {
		return fmt.Errorf("read answer of scp: %w", unexpected(err))
	}
	return fmt.Errorf("scp says %q", line)
}

func unexpected(err error) error {
	if isEOF(err) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Run runs one command without a terminal and gives what it prints, up to a limit of 64 KiB. A command that fails is an
// error with its words.
func (c *Conn) Run(ctx context.Context, command string) (string, error) {
	s, err := c.start(ctx, "run command", func(s *ssh.Session) error { return s.Start(command) })
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { c.fail(context.Cause(ctx)) })
	text, err := io.ReadAll(io.LimitReader(s, 64<<10))
	if err == nil {
		err = s.end()
	}
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		if said := strings.TrimSpace(string(text)); said != "" {
			err = fmt.Errorf("%w: %q", err, said)
		}
		return string(text), fmt.Errorf("%s: run %q at %s: %w", c.device, command, c.addr, errors.Join(c.reason(err), s.Close()))
	}
	return string(text), s.Close()
}

// end says that there is no more input, and waits for the command to end. A device that tells no status has no complaint.
func (s *stream) end() error {
	if err := s.WriteCloser.Close(); err != nil && !isEOF(err) {
		return fmt.Errorf("end input: %w", err)
	}
	err := s.session.Wait()
	if _, silent := errors.AsType[*ssh.ExitMissingError](err); silent {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the command failed: %w", err)
	}
	return nil
}
