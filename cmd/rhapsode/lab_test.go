package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
	"rhapsode/devices/netconf"
)

// testLab is a generated network of lab routers in one process: sites of two pairs, a small configuration each.
type testLab struct {
	t     testing.TB
	dir   string
	names []string // of the routers, sorted
	addrs map[string]string
	keys  map[string]string // lines of known_hosts
}

// newTestLab starts the routers of some sites, four each.
func newTestLab(t testing.TB, sites int, flags ...string) *testLab {
	t.Helper()
	l := &testLab{t: t, dir: t.TempDir(), addrs: map[string]string{}, keys: map[string]string{}}
	l.write("net/common.yaml", l.common())
	l.write("net/services.yaml", "services: {}\n")
	for _, role := range []string{"access", "management"} {
		l.write("net/roles/"+role+".yaml", "management: {interface: fxp0}\n")
	}
	for s := range sites {
		site := fmt.Sprintf("s%03d", s)
		l.write("net/sites/"+site+".yaml", "description: A site\nntp_servers: [192.0.2.2]\n")
		for i, name := range []string{"ac1", "ac2", "mg1", "mg2"} {
			device := name + "." + site
			l.write("net/devices/"+device+".yaml", fmt.Sprintf("role: %s\nsite: %s\nmanagement: {address: 2001:db8:%x::%x/64}\n",
				[]string{"access", "management"}[i/2], site, s+1, i+1))
			l.names = append(l.names, device+".example.net")
			l.write("factory/"+device+".example.net.conf", "system { host-name "+device+"; services { ssh; netconf { ssh; } } }\n")
		}
	}
	labrouter := l.path("labrouter")
	if out, err := exec.Command("go", "build", "-o", labrouter, "rhapsode/cmd/labrouter").CombinedOutput(); err != nil {
		t.Fatalf("build labrouter: %v\n%s", err, out)
	}
	l.startFleet(labrouter, flags)
	l.sshConfig(nil)
	return l
}

// common is the common.yaml, to which a test adds.
func (l *testLab) common() string {
	return "domain: example.net\nasn: 64500\nprefixes: [192.0.2.0/24, 2001:db8::/32]\nstatus: active\ntype: mx204\nsyslog_hosts: [192.0.2.1]\n"
}

func (l *testLab) write(name, text string) {
	l.t.Helper()
	name = filepath.Join(l.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		l.t.Fatal(err)
	}
}

// startFleet runs the routers until the end of the test.
func (l *testLab) startFleet(labrouter string, flags []string) {
	l.t.Helper()
	known := filepath.Join(l.dir, "all_keys")
	cmd := exec.Command(labrouter, append([]string{
		"fleet", "--count", fmt.Sprint(len(l.names)), "--listen", "127.0.0.1:0", "--known-hosts", known,
		"--config-dir", filepath.Join(l.dir, "factory"), "--user", "lab",
	}, flags...)...)
	cmd.Env = append(os.Environ(), "LABROUTER_PASSWORD=secret")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may be gone
		cmd.Wait()                       //nolint:errcheck // it was told to stop
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != fmt.Sprintf("ready %d\n", len(l.names)) {
		l.t.Fatalf("the fleet says %q: %v", line, err)
	}
	data, err := os.ReadFile(known)
	if err != nil {
		l.t.Fatal(err)
	}
	for i, key := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		host, _, _ := strings.Cut(key, " ")
		l.addrs[l.names[i]] = strings.NewReplacer("[", "", "]", "").Replace(host)
		l.keys[l.names[i]] = key
	}
}

// sshConfig writes where the routers are; some may be elsewhere.
func (l *testLab) sshConfig(elsewhere map[string]string) {
	l.t.Helper()
	var config, known strings.Builder
	for _, name := range l.names {
		at := l.addrs[name]
		if other := elsewhere[name]; other != "" {
			at = other
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil {
			l.t.Fatal(err)
		}
		fmt.Fprintf(&config, "Host %s\n  HostName %s\n  Port %s\n  HostKeyAlias %s\n\n", name, host, port, name)
		_, key, _ := strings.Cut(l.keys[name], " ")
		fmt.Fprintf(&known, "%s %s\n", name, key)
	}
	fmt.Fprintf(&config, "Host *\n  User lab\n  UserKnownHostsFile %s\n  StrictHostKeyChecking yes\n", filepath.Join(l.dir, "known_hosts"))
	l.write("ssh_config", config.String())
	l.write("known_hosts", known.String())
}

// env is the environment of an operator, who has a state directory of their own.
func (l *testLab) env(user string) []string {
	return []string{
		"HOME=" + l.dir, "USER=" + user, "PATH=" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(l.dir, "state-"+user),
		"RHAPSODE_INVENTORY=" + filepath.Join(l.dir, "net"), "RHAPSODE_SSH_CONFIG=" + filepath.Join(l.dir, "ssh_config"),
		"RHAPSODE_PASSWORD=secret", "CI=1",
	}
}

// command is `rhapsode ARGS` as a process of its own.
func (l *testLab) command(ctx context.Context, user string, args ...string) *exec.Cmd {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = "rhapsode" // the test's main runs what it is called
	cmd.Env, cmd.Dir = l.env(user), l.dir
	return cmd
}

// ran is what a command left.
type ran struct {
	stdout, stderr string
	code           int
	took           time.Duration
	memoryMB       float64 // at most
}

func (l *testLab) run(user string, args ...string) ran {
	l.t.Helper()
	return l.finish(l.command(context.Background(), user, args...))
}

func (l *testLab) finish(cmd *exec.Cmd) ran {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		l.t.Errorf("run %v: %v", cmd.Args, err)
		return ran{code: -1}
	}
	r := ran{stdout: stdout.String(), stderr: stderr.String(), code: cmd.ProcessState.ExitCode(), took: time.Since(start)}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memoryMB = float64(u.Maxrss) / 1024
	}
	return r
}

// dial opens a session to a router as somebody else.
func (l *testLab) dial(name string) devices.Device {
	l.t.Helper()
	d, err := dial.New(dial.Config{
		ConfigFile: filepath.Join(l.dir, "ssh_config"), Home: l.dir, User: "lab",
		Password: func(string, string) (string, error) { return "secret", nil },
	})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dev, err := netconf.Dial(ctx, d, dial.Target{Device: name, Host: name}, netconf.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { dev.Close() }) //nolint:errcheck // the routers may be gone
	return dev
}

// forward leads to an address: each connection begins late, and what is said takes its time each way. It gives where it
// listens.
func (l *testLab) forward(to string, begin, each time.Duration) string {
	l.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { ln.Close() }) //nolint:errcheck // the test is over
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close() //nolint:errcheck // both ends know
				time.Sleep(begin)
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close() //nolint:errcheck // both ends know
				go late(out, in, each)
				late(in, out, each)
			}()
		}
	}()
	return ln.Addr().String()
}

// late copies until the end, each piece a little later.
func late(to io.Writer, from io.Reader, each time.Duration) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		time.Sleep(each)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// jsonLine is a line of --json.
type jsonLine struct {
	Type      string         `json:"type"`
	Event     string         `json:"event"`
	State     string         `json:"state"`
	Device    string         `json:"device"`
	Result    string         `json:"result"`
	Error     string         `json:"error"`
	Run       string         `json:"run"`
	Devices   any            `json:"devices"`
	Committed int            `json:"committed"`
	Results   map[string]int `json:"results"`
	Rollback  string         `json:"rollback"`
	Resume    string         `json:"resume"`
	Exit      int            `json:"exit"`
	Mixed     []struct {
		Pair     string   `json:"pair"`
		Have     []string `json:"have"`
		Lack     []string `json:"lack"`
		Rollback string   `json:"rollback"`
		Resume   string   `json:"resume"`
	} `json:"mixed"`
}

func jsonLines(t testing.TB, text string) []jsonLine {
	t.Helper()
	var out []jsonLine
	for line := range strings.Lines(text) {
		var l jsonLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l.Type == "" {
			t.Errorf("a line without its type: %s", line)
		}
		out = append(out, l)
	}
	return out
}

func (l *testLab) path(name string) string { return filepath.Join(l.dir, name) }

// copyTree makes a checkout of its own.
func (l *testLab) copyTree(from, to string) {
	l.t.Helper()
	if err := os.RemoveAll(l.path(to)); err != nil {
		l.t.Fatal(err)
	}
	if err := os.CopyFS(l.path(to), os.DirFS(l.path(from))); err != nil {
		l.t.Fatal(err)
	}
}
