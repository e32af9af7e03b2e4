package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/scrapli/scrapligo/driver/generic"
	"github.com/scrapli/scrapligo/driver/opoptions"
	"github.com/scrapli/scrapligo/driver/options"

	"rhapsode/devices"
)

const (
	// readDelay is how long the library sleeps between looks at what has come; it polls, also through a long commit.
	readDelay = 2 * time.Millisecond
	// readBytes is what one look takes.
	readBytes = 256 << 10
	// maxCommandBytes is what a command line may be long: the terminal is that wide, so that no echo is ever wrapped.
	maxCommandBytes = 1000
	screenCols      = 1024
)

// session is one command line. Its calls go one after the other.
type session struct {
	device string
	mu     sync.Mutex
	s      *stream
	lib    *generic.Driver
	config bool  // in configuration mode
	dead   error // ErrSessionLost and why
}

// openSession waits for the prompt and puts the screen in order.
func openSession(ctx context.Context, device string, under io.ReadWriteCloser, maxBytes int, timeout time.Duration) (*session, error) {
	s := &session{device: device, s: newStream(under, maxBytes)}
	fail := func(err error) (*session, error) {
		return nil, errors.Join(fmt.Errorf("%s: open cli session: %w", device, err), s.close())
	}
	stop := context.AfterFunc(ctx, func() { s.s.end(context.Cause(ctx)) })
	defer stop()
	var err error
	s.lib, err = generic.NewDriver(device,
		options.WithCustomTransport(s.s), options.WithAuthBypass(), options.WithTransportReadSize(readBytes),
		options.WithReadDelay(readDelay), options.WithPromptPattern(anyEnd))
	if err != nil {
		return fail(err)
	}
	if err := s.lib.Open(); err != nil {
		return fail(err)
	}
	if _, err := s.lib.Channel.ReadUntilPrompt(ctx); err != nil {
		return fail(fmt.Errorf("wait for a prompt: %w", s.cause(ctx, err)))
	}
	// The answers do not matter: what a device does not know, it need not do. The first of them is in step with the
	// device whatever its greeting looks like.
	for _, command := range []string{"set cli complete-on-space off", "set cli screen-length 0", "set cli screen-width " + fmt.Sprint(screenCols)} {
		scr, err := s.exchange(ctx, timeout, "set up the screen", command)
		if err != nil {
			return fail(err)
		}
		if scr.config {
			return fail(fmt.Errorf("%w: it begins in configuration mode", errDoubt))
		}
	}
	return s, nil
}

// cause gives the reason why the stream ended, in place of what the library made of it.
func (s *session) cause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if reason := s.s.reason(); reason != nil {
		return reason
	}
	return err
}

// plain refuses what must not be typed: whatever is more than one line of text, or a comment, which would be no command.
func plain(command string) error {
	if len(command) > maxCommandBytes {
		return fmt.Errorf("it has %d bytes, a command line takes %d", len(command), maxCommandBytes)
	}
	if !utf8.ValidString(command) {
		return errors.New("it is not UTF-8")
	}
	for i, r := range command {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return fmt.Errorf("it has the character %U at byte %d, which cannot be typed", r, i)
		}
	}
	if trimmed := strings.TrimSpace(command); trimmed == "" || trimmed[0] == '#' || trimmed != command {
		return errors.New("it is no command")
	}
	return nil
}

// exchange types a command and reads the answer. A question to which answers has a reply is answered; any other, and
// whatever else is not understood, ends the session.
func (s *session) exchange(ctx context.Context, timeout time.Duration, what, command string, answers ...string) (screen, error) {
	if err := plain(command); err != nil {
		return screen{}, fmt.Errorf("%s: %s: %w", s.device, what, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead != nil {
		return screen{}, fmt.Errorf("%s: %s: %w", s.device, what, s.dead)
	}
	if ctx.Err() != nil { // nothing was sent: the session stays
		return screen{}, fmt.Errorf("%s: %s: %w", s.device, what, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("no answer within %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { s.s.end(context.Cause(ctx)) })
	mark := "# " + rand.Text()
	s.s.mark()
	scr, err := s.talk(ctx, timeout, command, mark, answers)
	if !stop() && s.s.reason() != nil {
		// What came in time counts; the stream has ended all the same.
		s.dead = fmt.Errorf("%w: %w", devices.ErrSessionLost, context.Cause(ctx))
	}
	if err != nil {
		err = s.cause(ctx, err)
		s.lose(err)
		return screen{}, fmt.Errorf("%s: %s: %w", s.device, what, s.dead)
	}
	return scr, nil
}

func (s *session) talk(ctx context.Context, timeout time.Duration, command, mark string, answers []string) (screen, error) {
	if err := s.send(command, timeout); err != nil {
		return screen{}, err
	}
	for questionEnd.MatchString(s.s.tail()) {
		question := strings.TrimSpace(questionEnd.FindString(s.s.tail()))
		if len(answers) == 0 {
			return screen{}, fmt.Errorf("%w: the device asks %q", errDoubt, question)
		}
		if err := s.send(answers[0], timeout); err != nil {
			return screen{}, err
		}
		answers = answers[1:]
	}
	if pagerEnd.MatchString(s.s.tail()) {
		return screen{}, fmt.Errorf("%w: the answer stops at a pager", errDoubt)
	}
	if err := s.send(mark, timeout); err != nil {
		return screen{}, err
	}
	if err := ctx.Err(); err != nil {
		return screen{}, err
	}
	return readScreen(s.s.screen(), command, mark)
}

// send types one line, waits for its echo to the byte, ends it, and waits for what may end an answer.
func (s *session) send(line string, timeout time.Duration) error {
	// The library's own deadline lies behind ours, which ends the stream and with it this call.
	_, err := s.lib.Channel.SendInput(line, opoptions.WithExactMatchInput(), opoptions.WithNoStripPrompt(), opoptions.WithTimeoutOps(timeout+time.Minute))
	return err
}

// run is an exchange that stays in its mode.
func (s *session) run(ctx context.Context, timeout time.Duration, what, command string) (string, error) {
	scr, err := s.exchange(ctx, timeout, what, command)
	if err != nil {
		return "", err
	}
	if scr.config != s.config {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lose(fmt.Errorf("%w: it is in another mode", errDoubt))
		return "", fmt.Errorf("%s: %s: %w", s.device, what, s.dead)
	}
	return scr.answer, nil
}

// operational runs a command of operational mode, in either mode.
func (s *session) operational(ctx context.Context, timeout time.Duration, what, command string) (string, error) {
	if s.config {
		command = "run " + command
	}
	return s.run(ctx, timeout, what, command)
}

// lose ends the session for a reason; mu is held.
func (s *session) lose(err error) {
	if s.dead == nil {
		s.dead = fmt.Errorf("%w: %w", devices.ErrSessionLost, err)
	}
	s.s.end(err)
}

// close ends the session. The stream goes first: the library would wait for its own read to end.
func (s *session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead == nil {
		s.dead = fmt.Errorf("%w: %w", devices.ErrSessionLost, errClosed)
	}
	s.s.end(errClosed)
	if s.lib == nil {
		return nil
	}
	return s.lib.Channel.Close()
}

// lost tells whether the session has ended.
func (s *session) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dead != nil
}

// abandon ends the session for a reason.
func (s *session) abandon(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose(err)
}
