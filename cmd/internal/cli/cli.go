// Package cli holds what every command of ours shares towards the person at the terminal: the three streams, colour,
// the question that only `yes` answers, progress lines and exit codes. It knows nothing of networks or configurations
// and imports nothing of ours.
//
// Results go to Out. Everything else (progress, warnings, questions, errors) goes to Err, so that a result can be
// piped.
package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Streams are the three standard streams and what is known of them. The zero value of each flag is the cautious one:
// not a terminal, no colour.
type Streams struct {
	In  io.Reader
	Out io.Writer // results only
	Err io.Writer // everything else

	InTerminal  bool
	OutTerminal bool
	ErrTerminal bool

	// ErrLive says that the cursor of Err can be moved: a terminal that is not dumb, watched by a person.
	ErrLive bool
	// ErrSize is how large Err's terminal is now, in characters; nil: 80 by 24.
	ErrSize func() (columns, rows int)

	// Redact hides secrets in the errors that Report prints; nil prints them as they are.
	Redact func(string) string

	mu    sync.Mutex // guards what is written: lines are whole, and a live area is below them
	live  *area
	lines *bufio.Reader
}

// System gives the process's own streams. Where TERM says that the terminal is dumb, or CI that nobody watches, nothing
// is drawn over.
func System() *Streams {
	s := &Streams{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		OutTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		ErrSize: func() (columns, rows int) {
			columns, rows, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil {
				return 0, 0
			}
			return columns, rows
		},
	}
	name := os.Getenv("TERM")
	s.ErrLive = s.ErrTerminal && name != "" && name != "dumb" && os.Getenv("CI") == ""
	return s
}

// ColourMode says when results are coloured.
type ColourMode string

// The colour modes. Auto colours a terminal unless NO_COLOR (https://no-color.org) is set.
const (
	ColourAuto   ColourMode = "auto"
	ColourAlways ColourMode = "always"
	ColourNever  ColourMode = "never"
)

// Colour reports whether results are to be coloured; noColor is the value of the environment's NO_COLOR.
func (s *Streams) Colour(mode ColourMode, noColor string) (bool, error) {
	switch mode {
	case ColourAlways:
		return true, nil
	case ColourNever:
		return false, nil
	case ColourAuto, "":
		return s.OutTerminal && noColor == "", nil
	}
	return false, Usagef("--color %q: expected auto, always or never", mode)
}

// Printf writes a result.
func (s *Streams) Printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if s.live != nil && s.OutTerminal { // the same terminal, as far as anybody can tell
		s.live.erase()
		defer s.live.draw()
	}
	io.WriteString(s.Out, text) //nolint:errcheck // a closed stdout shows as the exit of the pipe's reader
}

// Notef writes one line for the person, not part of the result.
func (s *Streams) Notef(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf(format, args...) + "\n"
	if s.live != nil {
		s.live.above(text)
		return
	}
	io.WriteString(s.Err, text) //nolint:errcheck // there is nowhere left to say it
}

// ErrNotApproved is returned by Confirm when the answer was not yes.
var ErrNotApproved = errors.New("not approved, nothing was changed")

// Confirm asks a question that only the word yes approves. Two answers that are neither yes nor no end it. Without a
// terminal it refuses: a script must say --yes.
func (s *Streams) Confirm(question string) error {
	if !s.InTerminal {
		return Hint(errors.New("no terminal to ask for approval on"), "review with `rhapsode diff`, then repeat the command with --yes")
	}
	if s.lines == nil {
		s.lines = bufio.NewReader(s.In)
	}
	for range 2 {
		fmt.Fprintf(s.Err, "%s\nType \"yes\" to go on, \"no\" to stop: ", question) //nolint:errcheck // see Notef
		line, err := s.lines.ReadString('\n')
		switch strings.TrimSpace(line) {
		case "yes":
			return nil
		case "no":
			return ErrNotApproved
		}
		if err != nil {
			return ErrNotApproved
		}
	}
	return ErrNotApproved
}

// Password asks for a password without echo. It refuses without a terminal.
func (s *Streams) Password(prompt string) (string, error) {
	if !s.InTerminal {
		return "", errors.New("no terminal to ask for a password on")
	}
	f, ok := s.In.(*os.File)
	if !ok {
		return "", errors.New("no terminal to ask for a password on")
	}
	s.mu.Lock() // nothing is drawn while somebody types
	defer s.mu.Unlock()
	if s.live != nil {
		s.live.erase()
		defer s.live.draw()
	}
	fmt.Fprint(s.Err, prompt) //nolint:errcheck // see Notef
	defer fmt.Fprintln(s.Err) //nolint:errcheck // see Notef
	b, err := term.ReadPassword(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return string(b), nil
}
