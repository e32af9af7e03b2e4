package dial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialed is a connection to a server that runs exec.
func dialed(t *testing.T, s *sshServer) *Conn {
	t.Helper()
	s.password = "secret"
	start(t, s)
	home := t.TempDir()
	know(t, home, s)
	sshConfig(t, home, s, "")
	c, err := dialWith(t, Config{Home: home, Password: password("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShell(t *testing.T) {
	s := &sshServer{}
	c := dialed(t, s)
	sh, err := c.Shell(t.Context(), PTY{Cols: 1024})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(sh, "show version\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len("show version\n"))
	if _, err := io.ReadFull(sh, buf); err != nil || string(buf) != "show version\n" {
		t.Errorf("the shell gave %q, %v", buf, err)
	}
	s.mu.Lock()
	got := s.pty
	s.mu.Unlock()
	if got != "vt100 1024x24" {
		t.Errorf("the terminal is %s", got)
	}
	if err := sh.Close(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Shell(ctx, PTY{}); err == nil || !strings.Contains(err.Error(), device) {
		t.Errorf("a shell with a done context gives %v", err)
	}
}

// TestCopy copies to OpenSSH's own sink.
func TestCopy(t *testing.T) {
	scp, err := exec.LookPath("scp")
	if err != nil {
		t.Skip("no scp here (openssh-client)")
	}
	s := &sshServer{exec: func(command string, ch ssh.Channel) uint32 {
		cmd := exec.Command(scp, strings.Fields(command)[1:]...)
		cmd.Stdin, cmd.Stdout = ch, ch
		if cmd.Run() != nil {
			return 1
		}
		return 0
	}}
	c := dialed(t, s)
	dir := t.TempDir()
	for _, content := range [][]byte{nil, []byte("system {\n}\n"), {0, 1, 2, 0xff}, bytes.Repeat([]byte("0123456789abcdef"), 1<<16)} {
		name := filepath.Join(dir, "a.conf")
		if err := c.Copy(t.Context(), name, content); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("of %d bytes %d arrived, %v", len(content), len(got), err)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	err = c.Copy(t.Context(), filepath.Join(dir, "absent", "x"), []byte("x"))
	if err == nil || !strings.Contains(err.Error(), "No such file") || !strings.Contains(err.Error(), device) {
		t.Errorf("copy into nowhere: %v", err)
	}
	for _, name := range []string{"relative", "/var/tmp/a b", "/var/tmp/../x", "/var/tmp/$(x)", "/var/tmp/x;y", ""} {
		if err := c.Copy(t.Context(), name, nil); err == nil || !strings.Contains(err.Error(), "plain") {
			t.Errorf("copy to %q: %v", name, err)
		}
	}
}

func TestCopyRefused(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		status uint32
		want   string
	}{
		"a shell in its place": {"error: unknown command\n", 0, `scp says "error: unknown command"`},
		"full":                 {"\x00\x01scp: /var/tmp/x: No space left on device\n", 1, "No space left"},
		"late":                 {"\x00\x00\x02scp: write: No space left on device\n", 1, "No space left"},
		"hangs up":             {"\x00", 0, "unexpected EOF"},
		"status":               {"\x00\x00\x00", 7, "status 7"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dialed(t, &sshServer{exec: func(_ string, ch ssh.Channel) uint32 {
				io.WriteString(ch, c.answer) //nolint:errcheck // a test's
				if c.status == 7 {
					io.Copy(io.Discard, ch) //nolint:errcheck // a test's
				}
				return c.status
			}})
			err := conn.Copy(t.Context(), "/var/tmp/x", bytes.Repeat([]byte("x"), 100))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Copy = %v, want %q", err, c.want)
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		conn := dialed(t, &sshServer{exec: func(_ string, ch ssh.Channel) uint32 {
			io.Copy(io.Discard, ch) //nolint:errcheck // a test's
			return 0
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := conn.Copy(ctx, "/var/tmp/x", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Copy = %v", err)
		}
	})
}

func TestRun(t *testing.T) {
	conn := dialed(t, &sshServer{exec: func(command string, ch ssh.Channel) uint32 {
		io.WriteString(ch, "ran "+command+"\n") //nolint:errcheck // a test's
		if strings.HasPrefix(command, "bad") {
			return 1
		}
		return 0
	}})
	if got, err := conn.Run(t.Context(), "file delete /var/tmp/x"); err != nil || got != "ran file delete /var/tmp/x\n" {
		t.Errorf("Run = %q, %v", got, err)
	}
	if _, err := conn.Run(t.Context(), "bad"); err == nil || !strings.Contains(err.Error(), `"ran bad"`) || !strings.Contains(err.Error(), device) {
		t.Errorf("Run = %v", err)
	}
}
