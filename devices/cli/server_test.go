package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
)

const device = "cr1.ams.example.net"

// server is a scripted command line on a pipe: for screens that no well-behaved router shows.
type server struct {
	greeting string
	answers  map[string]answered
	copyErr  error

	mu     sync.Mutex
	typed  []string          // the commands, without marks and the setting up of the screen
	files  map[string]string // name and text; deleted ones are gone
	ran    []string          // beside the session
	config bool
	prompt string // in place of the usual one
	shell  net.Conn
}

// answered is what the server shows for a command.
type answered struct {
	text   string // {eof} hangs up there, {hang} says no more
	config *bool  // the mode that it leads to
	ask    string // a question before the text
	prompt string // in place of the prompt
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

// Shell starts the command line.
func (s *server) Shell(context.Context, dial.PTY) (io.ReadWriteCloser, error) {
	client, conn := net.Pipe()
	s.mu.Lock()
	s.shell = conn
	s.mu.Unlock()
	go s.serve(conn)
	return client, nil
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // a pipe
	in := bufio.NewReader(conn)
	out := func(text string) bool {
		for _, r := range strings.SplitAfter(text, "\n") {
			if _, err := io.WriteString(conn, strings.ReplaceAll(r, "\n", "\r\n")); err != nil {
				return false
			}
		}
		return true
	}
	if !out(s.greeting + "\nlab@cr1> ") {
		return
	}
	for {
		line, ok := readLine(in, out)
		if !ok {
			return
		}
		prompt, ok := s.answer(line, in, out)
		if !ok || !out(prompt) {
			return
		}
	}
}

func readLine(in *bufio.Reader, out func(string) bool) (string, bool) {
	var line strings.Builder
	for {
		c, err := in.ReadByte()
		if err != nil || !out(string(rune(c))) && c < 0x80 {
			return "", false
		}
		if c == '\n' {
			return line.String(), true
		}
		line.WriteByte(c)
	}
}

func (s *server) answer(line string, in *bufio.Reader, out func(string) bool) (prompt string, ok bool) {
	s.mu.Lock()
	a, known := s.answers[line]
	switch {
	case strings.HasPrefix(line, "#"):
	case strings.HasPrefix(line, "set cli"):
	default:
		s.typed = append(s.typed, line)
		if name, is := strings.CutPrefix(strings.TrimPrefix(line, "run "), "file delete "); is {
			delete(s.files, name)
			known = true
		}
		if !known {
			a.text = "             ^\nunknown command.\n"
		}
	}
	if a.config != nil {
		s.config = *a.config
	}
	prompt = "\nlab@cr1> "
	if s.config {
		prompt = "\n{master}[edit]\nlab@cr1# "
	}
	if a.prompt != "" {
		s.prompt = a.prompt
	}
	if s.prompt != "" {
		prompt = s.prompt
	}
	s.mu.Unlock()
	if a.ask != "" {
		if !out(a.ask) {
			return "", false
		}
		if _, ok := readLine(in, out); !ok {
			return "", false
		}
	}
	text, _, eof := strings.Cut(a.text, "{eof}")
	text, _, hang := strings.Cut(text, "{hang}")
	if !out(text) || eof {
		return "", false
	}
	if hang {
		io.Copy(io.Discard, in) //nolint:errcheck // until the client gives up
		return "", false
	}
	return prompt, true
}

// Copy keeps a file.
func (s *server) Copy(_ context.Context, name string, content []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]string{}
	}
	s.files[name] = string(content)
	// A load of it is known from now on, by the mode.
	for line, a := range s.answers {
		if mode, ok := strings.CutSuffix(line, " FILE"); ok {
			s.answers[mode+" "+name] = a
		}
	}
	return s.copyErr
}

// Run deletes a file.
func (s *server) Run(_ context.Context, command string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ran = append(s.ran, command)
	name, ok := strings.CutPrefix(command, "file delete ")
	if !ok {
		return "", errors.New("unknown command")
	}
	delete(s.files, name)
	return "", nil
}

// Close ends the command line.
func (s *server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shell == nil {
		return nil
	}
	return s.shell.Close()
}

func (s *server) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

// lastTyped waits for nothing: every exchange ends with a mark.
func (s *server) lastTyped() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.typed) == 0 {
		return ""
	}
	return s.typed[len(s.typed)-1]
}

func openOn(t *testing.T, s *server, timeout time.Duration) *Device {
	t.Helper()
	d, err := Open(t.Context(), s, Options{Device: device, Timeout: timeout, CommitTimeout: timeout, MaxAnswerBytes: 1 << 20})
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

// locked opens a device on a server and locks it; answers are those after the lock.
func locked(t *testing.T, s *server, answers map[string]answered) devices.Candidate {
	t.Helper()
	s.answers = map[string]answered{
		"configure exclusive":      {text: "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n", config: yes()},
		"show | compare | no-more": {},
		"rollback 0":               {text: "load complete\n"},
		"exit configuration-mode":  {text: "Exiting configuration mode\n", config: no()},
	}
	for command, a := range answers {
		s.answers[command] = a
	}
	c, err := openOn(t, s, 20*time.Second).Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
