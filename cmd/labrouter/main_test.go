package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
)

// running is a command that serves until stop.
type running struct {
	ready  string // its first line
	stop   context.CancelFunc
	code   chan cli.Code
	stderr *bytes.Buffer
}

// launch runs a command line in this process and waits for its first line.
func launch(t *testing.T, env map[string]string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	p := &running{stop: cancel, code: make(chan cli.Code, 1), stderr: &bytes.Buffer{}}
	go func() {
		code := run(ctx, &cli.Streams{Out: writer, Err: p.stderr}, func(k string) string { return env[k] }, args)
		_ = writer.Close() // a pipe's Close gives no error
		p.code <- code
	}()
	buf := make([]byte, 100)
	n, err := reader.Read(buf)
	if err != nil {
		t.Fatalf("%v: exit code %d: %s", args, <-p.code, p.stderr)
	}
	p.ready = string(buf[:n])
	return p
}

// end stops it and checks that it stopped well.
func (p *running) end(t *testing.T) {
	t.Helper()
	p.stop()
	select {
	case code := <-p.code:
		if code != cli.OK || p.stderr.Len() > 0 {
			t.Errorf("exit code %d: %s", code, p.stderr)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not stop")
	}
}

// hosts are the addresses in a known_hosts file, in order.
func hosts(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		_, names, _, _, _, err := ssh.ParseKnownHosts([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		host, port, _ := strings.Cut(strings.TrimPrefix(names[0], "["), "]:")
		out = append(out, net.JoinHostPort(host, port))
	}
	return out
}

// ask runs one CLI command over SSH; the host key must be the one in known.
func ask(t *testing.T, address, known, password, command string) (string, error) {
	t.Helper()
	check, err := knownhosts.New(known)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ssh.Dial("tcp", address, &ssh.ClientConfig{
		User: "lab", Auth: []ssh.AuthMethod{ssh.Password(password)}, HostKeyCallback: check, Timeout: 10 * time.Second,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	})
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	s, err := c.NewSession()
	if err != nil {
		return "", err
	}
	out, err := s.Output(command)
	return string(out), err
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	known, config := filepath.Join(dir, "known"), filepath.Join(dir, "r1.conf")
	if err := os.WriteFile(config, []byte("system { host-name r1.example.net; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{
		"serve", "--hostname", "r1", "--listen", "127.0.0.1:0", "--ssh", "127.0.0.1:0", "--user", "lab",
		"--config", config, "--state", filepath.Join(dir, "state"), "--known-hosts", known,
	}
	env := map[string]string{"LABROUTER_PASSWORD": "from the environment"}
	p := launch(t, env, args...)
	if p.ready != "ready\n" {
		t.Errorf("first line %q", p.ready)
	}
	at := hosts(t, known)
	if len(at) != 2 {
		t.Fatalf("listens on %v", at)
	}
	for _, address := range at {
		out, err := ask(t, address, known, "from the environment", "show configuration system host-name")
		if err != nil || out != "host-name r1.example.net;\n" {
			t.Errorf("%s: %q, %v", address, out, err)
		}
		if _, err := ask(t, address, known, "wrong", "show version"); err == nil || !strings.Contains(err.Error(), "unable to authenticate") {
			t.Errorf("wrong password: %v", err)
		}
	}
	if out, err := ask(t, at[0], known, "from the environment", "configure; set system host-name r2.example.net; commit; exit"); err != nil {
		t.Errorf("commit: %v: %s", err, out)
	}
	p.end(t)
	if _, err := net.DialTimeout("tcp", at[0], time.Second); err == nil {
		t.Error("it still listens")
	}

	old, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	p = launch(t, env, args...) // the state wins over --config, and the host key is the same
	defer p.end(t)
	again, err := os.ReadFile(known)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Fields(string(old))[2] != strings.Fields(string(again))[2] {
		t.Error("the host key changed")
	}
	out, err := ask(t, hosts(t, known)[0], known, "from the environment", "show configuration system host-name")
	if err != nil || out != "host-name r2.example.net;\n" {
		t.Errorf("after a restart: %q, %v", out, err)
	}
}

func TestFleet(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.example.net", "a.example.net"} {
		if err := os.WriteFile(filepath.Join(dir, name+".conf"), []byte("system { host-name "+name+"; }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known, state := filepath.Join(dir, "known"), filepath.Join(dir, "state")
	p := launch(t, nil, "fleet", "--count", "3", "--listen", "127.0.0.1:0", "--config-dir", dir, "--user", "lab", "--password", "secret",
		"--state", state, "--known-hosts", known)
	defer p.end(t)
	if p.ready != "ready 3\n" {
		t.Errorf("first line %q", p.ready)
	}
	for i, address := range hosts(t, known) {
		name := []string{"a.example.net", "b.example.net", "router-02"}[i]
		out, err := ask(t, address, known, "secret", "show version | match Hostname")
		if want := "Hostname: " + name + "\n"; err != nil || out != want {
			t.Errorf("router %d: %q, %v, want %q", i, out, err, want)
		}
		if _, err := os.Stat(filepath.Join(state, name, "junos.conf")); err != nil {
			t.Errorf("state of router %d: %v", i, err)
		}
	}
}

func TestFleetPorts(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	var stderr bytes.Buffer
	code := run(t.Context(), &cli.Streams{Out: io.Discard, Err: &stderr}, os.Getenv,
		[]string{"fleet", "--count", "1", "--listen", busy.Addr().String(), "--user", "lab", "--password", "secret"})
	if code != cli.Failed || !strings.Contains(stderr.String(), "start router-00: listen: ") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.conf")
	if err := os.WriteFile(broken, []byte("system {\n    host-name"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := "serve --hostname r1 --listen 127.0.0.1:0 "
	for args, want := range map[string]struct {
		code cli.Code
		text string
	}{
		"serve":              {cli.Usage, "--hostname and --listen are required"},
		"serve --frobnicate": {cli.Usage, "unknown flag"},
		"serve --hostname r --listen 127.0.0.1:0 --user u --password x --interface ge-0/0/0=eth1": {cli.Usage, "--interface is for --forward"},
		serve:                {cli.Usage, "--user is required"},
		serve + "--user lab": {cli.Usage, "one of --password, LABROUTER_PASSWORD and --authorized-keys"},
		serve + "--user lab --password x --confirm-unit 0s":                {cli.Usage, "--confirm-unit 0s"},
		serve + "--user lab --authorized-keys " + dir + "/none":            {cli.Failed, "read authorized keys"},
		serve + "--user lab --password x --config " + dir + "/none":        {cli.Failed, "read configuration"},
		serve + "--user lab --password x --config " + broken:               {cli.Failed, "parse configuration: " + broken + ":2"},
		"fleet --count 0 --listen 127.0.0.1:1 --user lab --password x":     {cli.Usage, "--count 0"},
		"fleet --count 9 --listen 127.0.0.1:65530 --user lab --password x": {cli.Usage, "ports up to 65535"},
		"fleet --count 1 --listen 127.0.0.1 --user lab --password x":       {cli.Usage, "expected HOST:PORT"},
	} {
		t.Run(args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), &cli.Streams{Out: &stdout, Err: &stderr}, func(string) string { return "" }, strings.Fields(args))
			if code != want.code || !strings.Contains(stderr.String(), want.text) || stdout.Len() > 0 {
				t.Errorf("exit code %d, stderr %q, stdout %q; want %d, %q", code, stderr.String(), stdout.String(), want.code, want.text)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"--help", "serve --help", "fleet --help", "ctl --help", "ctl x arm --help", "ctl x restart --help", "ctl x list --help"} {
		var stdout bytes.Buffer
		code := run(t.Context(), &cli.Streams{Out: &stdout, Err: io.Discard}, os.Getenv, strings.Fields(args))
		help := stdout.String()
		if code != cli.OK || !strings.Contains(help, "Exit codes:") || args != "--help" && !strings.Contains(help, "Examples:") {
			t.Errorf("%s: exit code %d: %s", args, code, help)
		}
	}
}

func TestFleetMembers(t *testing.T) {
	members, err := fleet(router.Options{}, 2, "[::1]:20000", "", "state")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"[::1]:20000 router-00 state/router-00", "[::1]:20001 router-01 state/router-01"} {
		if m := members[i]; strings.Join(m.addresses, " ")+" "+m.options.Hostname+" "+m.options.StateDir != want {
			t.Errorf("member %d: %+v, want %s", i, m, want)
		}
	}
}
