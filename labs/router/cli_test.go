package router

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/crypto/ssh"
)

// TestScreens plays the dialogues of testdata/cli on a terminal. The file `input` has what a person types: a line, and
// then waiting for the prompt; a line that begins with `|` is text for a load, for which there is no prompt; ^D and ^C
// are those keys. In a line `‹Tab›` and the like are keys; a line that ends in one of them is not ended by Enter. The
// name of the file may say how many lines the screen has: `input 24`; without it there is no end. The file `screen` is
// what stands on the terminal in the end.
func TestScreens(t *testing.T) {
	files, err := filepath.Glob("testdata/cli/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script := txtar.Parse(data)
			if len(script.Files) == 0 || !strings.HasPrefix(script.Files[0].Name, "input") {
				t.Fatalf("%s has no input", path)
			}
			rows := 0
			if _, n, ok := strings.Cut(script.Files[0].Name, " "); ok {
				if rows, err = strconv.Atoi(n); err != nil {
					t.Fatal(err)
				}
			}
			r, address := start(t, nil)
			screen := typeIn(t, dial(t, r, address), string(script.Files[0].Data), rows)
			script.Files = []txtar.File{script.Files[0], {Name: "screen", Data: []byte(scrub(screen))}}
			golden(t, path, string(txtar.Format(script)))
		})
	}
}

// keys are the names of keys in a dialogue.
var keys = strings.NewReplacer("‹Tab›", "\t", "‹Space›", " ", "‹?›", "?", "‹Up›", "\x1b[A", "‹Down›", "\x1b[B", "‹Left›", "\x1b[D", "‹Enter›", "\r",
	"‹^A›", "\x01", "‹^E›", "\x05", "‹^K›", "\x0b", "‹^U›", "\x15", "‹^W›", "\x17", "‹^R›", "\x12", "‹^C›", "\x03")

// prompted matches a screen that waits for input.
var prompted = regexp.MustCompile(`(^|\n)(lab@[^ \n]+[>#] |[^\n]*\[yes,no\] \((yes|no)\) |---\(more\)---|/)$`)

// terminal is the far end of a CLI on a pty.
type terminal struct {
	t      *testing.T
	in     io.Writer
	out    io.Reader
	screen bytes.Buffer
	waited int // how much of the screen was there at the last wait
}

// until reads until the new part of the screen satisfies done.
func (x *terminal) until(what string, done func(string) bool) {
	x.t.Helper()
	buf := make([]byte, 4096)
	for !done(screenOf(x.screen.String()[x.waited:])) {
		n, err := x.out.Read(buf)
		x.screen.Write(buf[:n])
		if err != nil {
			x.t.Fatalf("wait for %s: %v; the screen is\n%s", what, err, x.screen.String())
		}
	}
	x.waited = x.screen.Len()
}

func (x *terminal) send(s string) {
	x.t.Helper()
	if _, err := io.WriteString(x.in, s); err != nil {
		x.t.Fatal(err)
	}
}

// typeIn types and returns the whole screen. The last line has to end the session.
func typeIn(t *testing.T, c *ssh.Client, input string, rows int) string {
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	hang := time.AfterFunc(30*time.Second, func() { _ = c.Close() }) // every read then fails, and says for what it waited
	defer hang.Stop()
	if err := s.RequestPty("xterm", rows, 200, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, in: in, out: out}
	x.until("the first prompt", prompted.MatchString)
	typed := strings.Split(strings.TrimSuffix(input, "\n"), "\n")
	for i, line := range typed {
		text, raw := strings.CutPrefix(line, "|")
		open := strings.HasSuffix(line, "›")
		switch {
		case line == "^D":
			x.send("\x04")
		case line == "^C":
			x.send("half a line\x03")
		case open:
			x.send(keys.Replace(text))
		default:
			x.send(keys.Replace(text) + "\r")
		}
		switch {
		case i == len(typed)-1:
			rest, err := io.ReadAll(out)
			if err != nil {
				t.Fatal(err)
			}
			x.screen.Write(rest)
			if err := s.Wait(); err != nil {
				t.Errorf("the session ended with %v", err)
			}
		case raw || strings.HasPrefix(text, "load ") && strings.Contains(text, " terminal"):
			x.until("the echo of "+text, func(s string) bool { return strings.HasSuffix(s, "\n") })
		case open: // what is typed ahead waits in the router
		default:
			x.until("the prompt after "+line, prompted.MatchString)
		}
	}
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(screenOf(x.screen.String()), "")
}

func TestExec(t *testing.T) {
	r, address := start(t, nil)
	c := dial(t, r, address)
	for _, tt := range []struct {
		command, stdin, want string
		fails                bool
	}{
		{command: "show system information", want: "Model: labrouter\nFamily: junos\nJunos: 23.4R1\nHostname: r1.example.net\n"},
		{command: "show configuration system | display set", want: "set system host-name r1.example.net\nset system services ssh\n"},
		{command: "show configuration system | display set | match ssh", want: "set system services ssh\n"},
		{command: "show ospf", want: "syntax error.\n", fails: true},
		{command: "reboot; show version", want: "unknown command.\n", fails: true},
		{
			command: `configure exclusive; set system services ftp; show | compare; commit comment "T1 \"ftp\""; exit; show system commit | match T1`,
			want: "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n[edit system services]\n+    ftp;\n" +
				"commit complete\nExiting configuration mode\n    T1 \"ftp\"\n",
		},
		{
			command: "configure; load set terminal; show | compare; rollback; exit", stdin: "delete system services ftp\n\x04",
			want: "Entering configuration mode\nload complete\n[edit system services]\n-    ftp;\nload complete\nExiting configuration mode\n",
		},
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		s.Stdin = strings.NewReader(tt.stdin)
		out, err := s.Output(tt.command)
		var status *ssh.ExitError
		if tt.fails {
			if !asExit(err, &status) || status.ExitStatus() != 1 {
				t.Errorf("%s: %v, want status 1", tt.command, err)
			}
		} else if err != nil {
			t.Errorf("%s: %v", tt.command, err)
		}
		if string(out) != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.command, out, tt.want)
		}
	}
}

func asExit(err error, status **ssh.ExitError) bool {
	e, ok := err.(*ssh.ExitError) //nolint:errorlint // the library returns it bare
	*status = e
	return ok
}

// TestScript feeds a shell without a terminal, as `ssh router < file` does: no prompts, no echo.
func TestScript(t *testing.T) {
	r, address := start(t, nil)
	s, err := dial(t, r, address).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Stdin, s.Stdout = strings.NewReader("# a comment\nconfigure\nset system host-name r2.example.net\nshow | compare\ncommit and-quit\nshow version | match Host\n"), &out
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	const want = "Entering configuration mode\n[edit system]\n-  host-name r1.example.net;\n+  host-name r2.example.net;\ncommit complete\nExiting configuration mode\nHostname: r2.example.net\n"
	if out.String() != want {
		t.Errorf("output\n%s\nwant\n%s", out.String(), want)
	}
}
