package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rhapsode/cmd/internal/cli"
)

// TestMain lets the test binary be labrouter itself, for tests that need a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("LABROUTER_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// ctlOut runs `labrouter ctl` in this process.
func ctlOut(t *testing.T, args ...string) (stdout, stderr string, code cli.Code) {
	t.Helper()
	var out, problems bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	code = run(ctx, &cli.Streams{In: strings.NewReader(""), Out: &out, Err: &problems}, os.Getenv, append([]string{"ctl"}, args...))
	return out.String(), problems.String(), code
}

// socketPath is a path that is short enough for a socket.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

func TestControlSocket(t *testing.T) {
	sock, known := socketPath(t), filepath.Join(t.TempDir(), "known")
	args := []string{"fleet", "--count", "2", "--listen", "127.0.0.1:0", "--user", "lab", "--password", "x", "--known-hosts", known, "--control", sock}
	p := launch(t, nil, args...)
	info, err := os.Stat(sock)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	var second bytes.Buffer
	if code := run(t.Context(), &cli.Streams{Out: io.Discard, Err: &second}, os.Getenv, args); code != cli.Failed ||
		!strings.Contains(second.String(), "another process answers on it") {
		t.Errorf("a second process: %d, %s", code, second.String())
	}
	for _, tt := range []struct {
		args       string
		code       cli.Code
		out, wrong string
	}{
		{"status", cli.OK, "router-01", ""},
		{"arm drop", cli.Failed, "", "which of 2 routers?"},
		{"--router router-00 arm --command commit --without check --phase reply drop", cli.OK, "reply of command commit without check: drop", ""},
		{"--router router-00 arm --op commit-configuration --nth 2 --times 3 restart 50ms", cli.OK, "request of commit-configuration number 2 3 times: restart 50ms", ""},
		{"--router router-00 arm --op lock error no", cli.OK, `request of lock: error "no"`, ""},
		{"list", cli.OK, "router-00", ""},
		{"--router router-00 release 1", cli.OK, "1\n", ""},
		{"--router router-00 clear", cli.OK, "3\n", ""},
		{"--router router-00 clear 1", cli.Failed, "", "no fault 1 is armed"},
		{"--router * sessions", cli.OK, "", ""},
		{"--router router-01 restart 1ms", cli.OK, "", ""},
		{"--router router-01 wait 1 --timeout 1ms", cli.Failed, "", "no fault 1 is armed"},
		{"--router router-09 status", cli.Failed, "", "is not here; there are: router-00, router-01"},
		{"backup gone", cli.Usage, "", "expected present or absent"},
		{"arm", cli.Usage, "", "an action is needed"},
		{"arm delay soon", cli.Usage, "", "read duration"},
		{"wait x", cli.Usage, "", `"x": expected a number`},
		{"frobnicate", cli.Usage, "", `unknown command "frobnicate"`},
		{"status --frobnicate", cli.Usage, "", "unknown flag"},
	} {
		out, wrong, code := ctlOut(t, append([]string{sock}, strings.Fields(tt.args)...)...)
		if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(wrong, tt.wrong) || (wrong == "") != (tt.code == cli.OK) {
			t.Errorf("%s: code %d, %q, %q", tt.args, code, out, wrong)
		}
	}
	out, wrong, code := ctlOut(t, sock, "send", `{"v":1,"do":"new-host-key","router":"router-01"}`, `{"do":"nothing"}`)
	if code != cli.Failed || !strings.HasPrefix(out, "{\"v\":1,\"ok\":true}\n{\"v\":1,\"ok\":false,") || !strings.Contains(wrong, "refused 1 of") {
		t.Errorf("send: code %d, %q, %q", code, out, wrong)
	}
	if _, err := ask(t, hosts(t, known)[1], known, "x", "show version"); err == nil || !strings.Contains(err.Error(), "key mismatch") {
		t.Errorf("the old host key: %v", err)
	}
	if _, err := ask(t, hosts(t, known)[0], known, "x", "show version"); err != nil {
		t.Errorf("the other router: %v", err)
	}
	p.end(t)
	if _, err := os.Stat(sock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, wrong, code := ctlOut(t, sock, "status"); code != cli.Failed || !strings.Contains(wrong, "was it started with --control") {
		t.Errorf("nobody there: %d, %s", code, wrong)
	}
}

// TestKilled kills a router within a commit at the two sides of its moment, and starts it again on what it left.
func TestKilled(t *testing.T) {
	for step, want := range map[string]string{"index rename": "before.example.net", "copy create": "after.example.net"} {
		t.Run(step, func(t *testing.T) {
			dir, sock := t.TempDir(), socketPath(t)
			known, config, state := filepath.Join(dir, "known"), filepath.Join(dir, "r1.conf"), filepath.Join(dir, "state")
			if err := os.WriteFile(config, []byte("system { host-name before.example.net; }\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{
				"serve", "--hostname", "r1", "--listen", "127.0.0.1:0", "--user", "lab", "--password", "x",
				"--config", config, "--state", state, "--known-hosts", known, "--control", sock,
			}
			cmd := exec.Command(os.Args[0], args...)
			cmd.Env = append(os.Environ(), "LABROUTER_TEST_MAIN=1")
			stdout, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			if _, err := stdout.Read(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			if _, wrong, code := ctlOut(t, sock, "arm", "--command", "commit", "--phase", "write", "--step", step, "kill"); code != cli.OK {
				t.Fatal(wrong)
			}
			if out, err := ask(t, hosts(t, known)[0], known, "x", "configure; set system host-name after.example.net; commit"); err == nil {
				t.Errorf("commit: %s", out)
			}
			var ended *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &ended) || ended.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Errorf("the process ended with %v", err)
			}
			left, err := filepath.Glob(filepath.Join(state, ".new-*"))
			if err != nil || (len(left) == 1) != (step == "index rename") {
				t.Errorf("left in the state directory: %v, %v", left, err)
			}
			p := launch(t, nil, args...) // over the socket that the dead one left, too
			defer p.end(t)
			out, err := ask(t, hosts(t, known)[0], known, "x", "show configuration system host-name")
			if err != nil || out != "host-name "+want+";\n" {
				t.Errorf("after the kill: %q, %v", out, err)
			}
		})
	}
}

func TestStaleSocketIsOurs(t *testing.T) {
	path := socketPath(t)
	if err := os.WriteFile(path, []byte("a file of somebody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if ln, err := listenControl(path); err == nil {
		_ = ln.Close()
		t.Error("a file was replaced")
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "a file of somebody" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("somebody answers on it")
	}
}

// TestState feeds a router by words and by a document, and asks it.
func TestState(t *testing.T) {
	dir, sock := t.TempDir(), socketPath(t)
	known, config := filepath.Join(dir, "known"), filepath.Join(dir, "r1.conf")
	if err := os.WriteFile(config, []byte(`protocols { bgp { group g { neighbor 192.0.2.2 { peer-as 64501; } } } }
interfaces { ge-0/0/0 { unit 0 { family inet; } } }
firewall { filter f { term t { then { count c; accept; } } } }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, nil, "serve", "--hostname", "r1", "--listen", "127.0.0.1:0", "--user", "lab", "--password", "x",
		"--config", config, "--known-hosts", known, "--control", sock)
	defer p.end(t)
	for _, words := range []string{
		"bgp 192.0.2.2 established received 12 accepted 11 active 10 rib inet6.0 received 1 up 1h",
		"bgp 192.0.2.2 idle when neighbor.192.0.2.2.shutdown flaps 4 error gone",
		"route 198.51.100.0/24 protocol static kind discard",
		"route 198.51.100.10/32 protocol bgp next-hop 192.0.2.2 via ge-0/0/0.0 next-hop 192.0.2.3 med 5 localpref 200 as-path 64501 from 192.0.2.2 preference 160",
		"route 203.0.113.0/24 protocol direct via ge-0/0/0.0 table x.inet.0 inactive",
		"interface ge-0/0/0 up speed 10Gbps",
		"alarm major fire type System",
		"counter f c 7 588",
		"lldp ge-0/0/0 transit1 port 9 chassis 00:00:5e:00:53:01",
		"engine 0 mastership backup status Testing",
	} {
		if _, wrong, code := ctlOut(t, append([]string{sock, "state"}, strings.Fields(words)...)...); code != cli.OK {
			t.Errorf("%s: %s", words, wrong)
		}
	}
	for words, want := range map[string]string{
		"":                                   "what to feed is missing",
		"frobnicate":                         `"frobnicate": expected bgp, route`,
		"bgp":                                "the peer is missing",
		"bgp 192.0.2.2":                      "the state of the session is missing",
		"bgp 192.0.2.2 idle 5":               `unknown word "5"`,
		"bgp 192.0.2.2 idle received x":      `received "x": expected a number`,
		"route 192.0.2.0":                    "expected a prefix",
		"interface ge-0/0/0 sideways":        "expected up or down",
		"alarm major fire up soon":           "up: time: invalid duration",
		"route 192.0.2.0/24 when":            "the expression after when is missing",
		"load " + filepath.Join(dir, "none"): "",
	} {
		_, wrong, code := ctlOut(t, append([]string{sock, "state"}, strings.Fields(words)...)...)
		if want == "" && code == cli.Failed && strings.Contains(wrong, "read state") {
			continue
		}
		if code != cli.Usage || !strings.Contains(wrong, want) {
			t.Errorf("%s: code %d: %s", words, code, wrong)
		}
	}
	if _, wrong, code := ctlOut(t, sock, "state", "bgp", "192.0.2.2", "up"); code != cli.Failed || !strings.Contains(wrong, "expected one of Idle") {
		t.Errorf("an unknown state: %d: %s", code, wrong)
	}
	says := func(command, want string) {
		t.Helper()
		if out, err := ask(t, hosts(t, known)[0], known, "x", command); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v:\n%s\nwant %s", command, err, out, want)
		}
	}
	feedIsShown := func() {
		t.Helper()
		says("show bgp summary", "  inet.0: 10/12/11/0\n  inet6.0: 0/1/0/0\n")
		says("show route 198.51.100.10", "[BGP/160] ")
		says("show route 198.51.100.10", " to 192.0.2.2 via ge-0/0/0.0\n                       to 192.0.2.3\n")
		says("show interfaces terse ge-0/0/0", "up    up")
		says("show system alarms", "Major  fire\n")
		says("show firewall", "588                    7\n")
		says("show chassis routing-engine", "Backup\n    Status                         Testing\n")
	}
	feedIsShown()
	says("configure; set protocols bgp group g neighbor 192.0.2.2 shutdown; commit; run show bgp summary", " Idle\n")
	says("configure; rollback 1; commit; run show bgp summary", " Establ\n")
	document, wrong, code := ctlOut(t, sock, "state", "show")
	if code != cli.OK {
		t.Fatal(wrong)
	}
	if _, wrong, code := ctlOut(t, sock, "state", "clear"); code != cli.OK {
		t.Fatal(wrong)
	}
	says("show system alarms", "No alarms currently active\n")
	says("show bgp summary", " Idle\n")
	file := filepath.Join(dir, "state.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, wrong, code := ctlOut(t, sock, "state", "--replace", "load", file); code != cli.OK {
		t.Fatal(wrong)
	}
	feedIsShown()
}
