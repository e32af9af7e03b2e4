package devicetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rhapsode/devices/dial"
)

// What a lab router of Labs is called, and who may log in.
const (
	LabDevice   = "cr1.ams.example.net"
	LabUser     = "lab"
	LabPassword = "lab-password"
)

// Labs starts lab routers, as processes: nothing of them is linked into a test. The program is built when the first one
// is started. The zero value is ready; Close takes the program away.
type Labs struct {
	once sync.Once
	dir  string
	name string
	err  error
}

// Close removes the program.
func (l *Labs) Close() error {
	if l.dir == "" {
		return nil
	}
	return os.RemoveAll(l.dir)
}

func (l *Labs) binary(t testing.TB) string {
	t.Helper()
	l.once.Do(func() {
		if l.dir, l.err = os.MkdirTemp("", "labrouter"); l.err != nil {
			return
		}
		l.name = filepath.Join(l.dir, "labrouter")
		out, err := exec.Command("go", "build", "-o", l.name, "rhapsode/cmd/labrouter").CombinedOutput()
		if err != nil {
			l.err = fmt.Errorf("build lab router: %w\n%s", err, out)
		}
	})
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.name
}

// Lab is a lab router at work.
type Lab struct {
	Port      string
	SSHConfig string // of every host name: this router
	Known     string // its known_hosts
	Dialer    *dial.Dialer
	process   *os.Process
}

// Start starts a lab router that runs config, Config if that is empty; unit is how long a minute of a confirm window
// lasts. It ends with the test.
func (l *Labs) Start(t testing.TB, config string, unit time.Duration, args ...string) *Lab {
	t.Helper()
	dir := t.TempDir()
	if config == "" {
		config = Config
	}
	file := filepath.Join(dir, "config")
	WriteFile(t, file, config)
	lab := &Lab{Port: FreePort(t), SSHConfig: filepath.Join(dir, "ssh_config"), Known: filepath.Join(dir, "known_hosts")}
	cmd := exec.Command(l.binary(t), append([]string{
		"serve", "--hostname", "cr1", "--listen", "127.0.0.1:" + lab.Port, "--user", LabUser,
		"--config", file, "--state", filepath.Join(dir, "state"), "--known-hosts", lab.Known, "--confirm-unit", unit.String(),
	}, args...)...)
	cmd.Env = append(os.Environ(), "LABROUTER_PASSWORD="+LabPassword)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lab.process = cmd.Process
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("stop lab router: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("lab router: %v\n%s", err, stderr.String())
		}
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || strings.TrimSpace(line) != "ready" {
		t.Fatalf("the lab router says %q, %v\n%s", line, err, stderr.String())
	}
	WriteFile(t, lab.SSHConfig, "Host *\n  HostName 127.0.0.1\n  Port "+lab.Port+"\n  User "+LabUser+"\n  UserKnownHostsFile "+lab.Known+
		"\n  GlobalKnownHostsFile none\n  ConnectTimeout 10\n")
	lab.Dialer = NewDialer(t, lab.SSHConfig, LabPassword)
	return lab
}

// Target is the router for a dialer.
func (l *Lab) Target() dial.Target { return dial.Target{Device: LabDevice, Host: LabDevice} }

// Edit leaves uncommitted edits (set lines) in the shared candidate, as somebody does who takes no lock: over a shell of
// ssh's own client.
func (l *Lab) Edit(t testing.TB, set string) {
	t.Helper()
	conn, err := l.Dialer.Dial(t.Context(), l.Target())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := conn.Run(t.Context(), "configure; "+strings.Join(strings.Split(strings.TrimSpace(set), "\n"), "; ")+"; exit"); err != nil {
		t.Fatal(err)
	}
}

// NewDialer makes a dialer of an ssh_config.
func NewDialer(t testing.TB, sshConfig, password string) *dial.Dialer {
	t.Helper()
	d, err := dial.New(dial.Config{ConfigFile: sshConfig, Password: func(string, string) (string, error) { return password, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// WriteFile writes a file that only we read.
func WriteFile(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// FreePort is a TCP port of the loopback address that nobody listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only its port is wanted
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
