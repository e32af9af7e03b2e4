package labs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The variables by which a test has this binary start or end a lab as another process, and kill itself on the way.
const (
	whatVariable = "LABS_TEST_WHAT" // up or down
	fileVariable = "LABS_TEST_FILE"
	dirVariable  = "LABS_TEST_DIR"
	killVariable = "LABS_TEST_KILL" // STEP or STEP+, the latter once it is done
)

func TestMain(m *testing.M) {
	if os.Getenv(whatVariable) == "" {
		os.Exit(m.Run())
	}
	if err := helper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func helper() error {
	top, files, err := Open(os.Getenv(fileVariable))
	if err != nil {
		return err
	}
	r := &Runner{Dir: os.Getenv(dirVariable)}
	r.hook = func(step int, done bool) {
		at := strconv.Itoa(step)
		if done {
			at += "+"
		}
		if at == os.Getenv(killVariable) {
			syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // there is no coming back
			select {}
		}
	}
	if os.Getenv(whatVariable) == "down" {
		return r.Down(context.Background(), top.Name)
	}
	_, err = r.Up(context.Background(), top, files)
	return err
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getenv("RHAPSODE_ROOT") == "" {
		t.Skip("needs root: make test-root")
	}
}

// rig is a lab of a test: names and networks that no other lab of the machine has.
type rig struct {
	t    *testing.T
	r    *Runner
	name string
	file string
	net4 string // three numbers of its management network
	net6 string
}

// rigFile has one of every step: a management network, a bridge, a link, a process, a command and a health check.
const rigFile = `name: NAME
mgmt: {ipv4-subnet: NET4.0/24, ipv6-subnet: "NET6/64"}
topology:
  nodes:
    a:
      kind: linux
      mgmt-ipv4: NET4.2
      mgmt-ipv6: "NET62"
      env: {WORD: a b}
      binds: ["word:BIND:ro", "word:/run/made/word"]
      exec:
        - ip addr add 192.0.2.1/24 dev eth1
        - ip addr add 2001:db8::1/64 dev eth1
        - ip addr add 198.51.100.1/24 dev eth2
      cmd: sh -c 'echo started; exec sleep 600'
      healthcheck: {test: [CMD, grep, started, log], retries: 50}
    sw: {kind: bridge}
    b:
      kind: linux
      exec: [ip addr add 192.0.2.2/24 dev eth1, "ip addr add 2001:db8::2/64 dev eth1"]
    c:
      kind: linux
      exec: [ip addr add 198.51.100.2/24 dev x-0-0]
  links:
    - endpoints: ["a:eth1", "sw:p1"]
    - endpoints: ["b:eth1", "sw:p2"]
    - endpoints: ["a:eth2", "c:x-0-0"]
      mtu: 1280
`

func newRig(t *testing.T, id int) *rig {
	t.Helper()
	needRoot(t)
	dir := t.TempDir()
	slot := os.Getpid()%32*8 + id // another run of these tests may be on its way
	g := &rig{
		t: t, r: &Runner{Dir: filepath.Join(dir, "labs")}, name: fmt.Sprintf("t%d-%d", os.Getpid()%100000, id), file: filepath.Join(dir, "x.clab.yml"),
		net4: fmt.Sprintf("198.18.%d", slot), net6: fmt.Sprintf("2001:db8:f:%x::", slot),
	}
	bound := filepath.Join(dir, "bound")
	text := strings.NewReplacer("NAME", g.name, "NET4", g.net4, "NET6", g.net6, "BIND", bound).Replace(rigFile)
	for name, text := range map[string]string{g.file: text, filepath.Join(dir, "word"): "from the file\n", bound: "covered\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := g.r.Down(context.Background(), g.name); err != nil && !errors.Is(err, ErrNotUp) {
			t.Error(err)
		}
		g.gone()
	})
	return g
}

// up starts the lab in this process.
func (g *rig) up() *State {
	g.t.Helper()
	top, files, err := Open(g.file)
	if err != nil {
		g.t.Fatal(err)
	}
	s, err := g.r.Up(g.t.Context(), top, files)
	if err != nil {
		g.t.Fatal(err)
	}
	return s
}

// other starts or ends the lab in another process, which is killed at a step; "" at none. It says whether it was killed.
func (g *rig) other(what, kill string) bool {
	g.t.Helper()
	self, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), whatVariable+"="+what, fileVariable+"="+g.file, dirVariable+"="+g.r.Dir, killVariable+"="+kill)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		g.t.Fatalf("%s %s: %v\n%s", what, kill, err, stderr.String())
	}
	return false
}

// gone looks for anything that a lab may have left.
func (g *rig) gone() {
	g.t.Helper()
	entries, err := os.ReadDir(namespaces)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		g.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix+g.name) {
			g.t.Errorf("namespace %s is left", e.Name())
		}
	}
	links, err := net.Interfaces()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, l := range links {
		if strings.HasPrefix(l.Name, prefix+g.name) {
			g.t.Errorf("interface %s is left", l.Name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, prefix+g.name) || strings.Contains(line, filepath.Dir(g.file)) {
			g.t.Errorf("mount %s is left", line)
		}
	}
	if pids := g.processes(); len(pids) > 0 {
		g.t.Errorf("processes %v are left", pids)
	}
	if _, err := os.Stat(g.r.Dir); !errors.Is(err, os.ErrNotExist) {
		g.t.Errorf("the state directory is left: %v", err)
	}
}

// processes finds what has the lab's directory in its environment or as its working directory.
func (g *rig) processes() []int {
	g.t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		g.t.Fatal(err)
	}
	var out []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cwd, err := os.Readlink(filepath.Join(dir, "cwd")); err == nil && strings.HasPrefix(cwd, g.r.Dir) {
			out = append(out, pid)
		}
	}
	return out
}

// run runs a command in a node to its end, as Up runs those of the file.
func (g *rig) run(s *State, node string, args ...string) (string, error) {
	g.t.Helper()
	out, err := g.r.output(g.t.Context(), s, &Step{Node: node, Args: args})
	return string(out), err
}

func TestRootLab(t *testing.T) {
	g := newRig(t, 1)
	s := g.up()
	for _, ping := range [][]string{
		{"a", "192.0.2.2"},
		{"a", "2001:db8::2"},
		{"b", "192.0.2.1"},
		{"c", "198.51.100.1"},
	} {
		if out, err := g.run(s, ping[0], "ping", "-c1", "-W2", ping[1]); err != nil {
			t.Errorf("ping from %s to %s: %v\n%s", ping[0], ping[1], err, out)
		}
	}
	if out, err := g.run(s, "b", "ping", "-c1", "-W1", "198.51.100.2"); err == nil {
		t.Errorf("b reaches c, to which it has no link:\n%s", out)
	}
	for _, to := range []string{g.net4 + ".2", g.net6 + "2"} { // this machine is in the management network
		if out, err := exec.Command("ping", "-c1", "-W2", to).CombinedOutput(); err != nil {
			t.Errorf("ping to %s: %v\n%s", to, err, out)
		}
	}
	bound := filepath.Join(filepath.Dir(g.file), "bound")
	out, err := g.run(s, "a", "sh", "-c", `echo "$WORD"; cat `+bound+`; cmp `+bound+` /run/made/word; echo x 2>/dev/null >`+bound+` || echo read-only; ls /sys/class/net; cat /sys/class/net/eth2/mtu`)
	if want := "a b\nfrom the file\nread-only\neth0\neth1\neth2\nlo\n1280\n"; err != nil || out != want {
		t.Errorf("a says %q, %v, want %q", out, err, want)
	}
	if text, err := os.ReadFile(bound); err != nil || string(text) != "covered\n" {
		t.Errorf("outside, the bound file is %q, %v", text, err)
	}
	for _, look := range []struct{ node, do, want string }{ // each has a /run of its own, in which its programs meet
		{"a", "echo >/run/x; ls /run", "made\nx\n"},
		{"a", "ls /run", "made\nx\n"},
		{"b", "ls /run", ""},
	} {
		if out, err := g.run(s, look.node, "sh", "-c", look.do); err != nil || out != look.want {
			t.Errorf("%s: %s: got %q, %v, want %q", look.node, look.do, out, err, look.want)
		}
	}
	for node, iface := range map[string]string{"a": "eth2", "c": "x-0-0", "sw": "p1"} {
		err := apart(func() error {
			if err := enter(namespace(g.name, node)); err != nil {
				return err
			}
			for command, want := range map[uint32]uint32{0x16: 0, 0x2b: 1} { // ETHTOOL_GTXCSUM, ETHTOOL_GGRO
				if got, err := ethtool(iface, command, 7); err != nil || got != want {
					t.Errorf("%s:%s: ethtool command %#x gives %d, %v, want %d", node, iface, command, got, err, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	list, err := g.r.List()
	if err != nil || len(list) != 1 || list[0].State != "up" || list[0].Nodes != 4 || list[0].Running != 1 {
		t.Errorf("list gives %+v, %v", list, err)
	}
	top, files, err := Open(g.file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.r.Up(t.Context(), top, files); !errors.Is(err, ErrUp) {
		t.Errorf("a second up gives %v", err)
	}
	elsewhere := &Runner{Dir: filepath.Join(t.TempDir(), "labs")}
	if _, err := elsewhere.Up(t.Context(), top, files); err == nil || !strings.Contains(err.Error(), "ip netns delete "+prefix+g.name) {
		t.Errorf("an up with another state directory gives %v", err)
	}
	top.Name += "x"
	if _, err := elsewhere.Up(t.Context(), top, files); err == nil || !strings.Contains(err.Error(), "overlaps with "+g.net4+".1/24 on "+prefix+g.name) {
		t.Errorf("an up with the same management network gives %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(elsewhere.Dir)); err != nil || len(entries) > 0 {
		t.Errorf("what was refused left %v, %v", entries, err)
	}
	i := slices.IndexFunc(s.Steps, func(s Step) bool { return s.Verb == StartProcess })
	if err := syscall.Kill(s.Steps[i].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if list, err = g.r.List(); err != nil || list[0].State == "broken" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil || list[0].State != "broken" || list[0].Running != 0 {
		t.Errorf("with its process killed, list gives %+v, %v", list, err)
	}
}

// TestRootCapture looks into the packets of a ping, both ways.
func TestRootCapture(t *testing.T) {
	g := newRig(t, 2)
	s := g.up()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var file bytes.Buffer
	ready, done := make(chan struct{}), make(chan error, 1)
	seen := make(chan CaptureStats, 1)
	reader, writer := io.Pipe()
	go func() {
		stats, err := g.r.Capture(ctx, g.name, "c", "x-0-0", writer, CaptureOptions{Ready: func() { close(ready) }})
		writer.Close() //nolint:errcheck // it gives none
		seen <- stats
		done <- err
	}()
	echoes := map[byte]int{}
	go func() {
		<-ready
		g.run(s, "a", "ping", "-c3", "-i0.1", "-W2", "198.51.100.2") //nolint:errcheck // what was captured tells
	}()
	head := make([]byte, 24)
	if _, err := io.ReadFull(io.TeeReader(reader, &file), head); err != nil {
		t.Fatal(err)
	}
	for echoes[0] < 3 && ctx.Err() == nil {
		record := make([]byte, 16)
		if _, err := io.ReadFull(reader, record); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(binary.LittleEndian.Uint32(record)), int64(binary.LittleEndian.Uint32(record[4:])))
		if d := time.Since(at); d < 0 || d > time.Minute {
			t.Errorf("a packet of %s", at)
		}
		packet := make([]byte, binary.LittleEndian.Uint32(record[8:]))
		if _, err := io.ReadFull(reader, packet); err != nil {
			t.Fatal(err)
		}
		if len(packet) > 34 && binary.BigEndian.Uint16(packet[12:]) == 0x0800 && packet[23] == 1 { // IPv4, ICMP
			echoes[packet[34]]++
		}
	}
	cancel()
	go io.Copy(io.Discard, reader) //nolint:errcheck // it ends with the capture
	if err := <-done; err != nil {
		t.Error(err)
	}
	if stats := <-seen; stats.Packets < 6 || stats.Dropped != 0 {
		t.Errorf("got %+v", stats)
	}
	if echoes[8] != 3 || echoes[0] != 3 {
		t.Errorf("got %d requests and %d replies, want 3 and 3", echoes[8], echoes[0])
	}
	if _, err := g.r.Capture(t.Context(), g.name, "c", "eth9", io.Discard, CaptureOptions{}); err == nil || err.Error() != "node c has no interface eth9: there are lo, x-0-0" {
		t.Errorf("got %v", err)
	}
	if _, err := g.r.Capture(t.Context(), g.name, "d", "eth9", io.Discard, CaptureOptions{}); err == nil || !strings.Contains(err.Error(), "has no node d: there are a, sw, b, c") {
		t.Errorf("got %v", err)
	}
}

// TestRootKilled kills an up at each step, once it is recorded and once it is done, and a down before each thing that it
// takes back. What is left then, Down takes away.
func TestRootKilled(t *testing.T) {
	g := newRig(t, 3)
	top, _, err := Open(g.file)
	if err != nil {
		t.Fatal(err)
	}
	steps := g.r.Plan(top)
	verbs := map[Verb]bool{}
	for i, step := range steps {
		if step.Verb == RunCommand && verbs[step.Verb] {
			continue // one command is like the other
		}
		verbs[step.Verb] = true
		for _, at := range []string{strconv.Itoa(i), strconv.Itoa(i) + "+"} {
			if !g.other("up", at) {
				t.Fatalf("step %s (%s): it was not killed", at, step)
			}
			g.down(at + " " + step.String())
		}
	}
	if len(verbs) != 7 {
		t.Errorf("the topology has %d kinds of step: the test misses some", len(verbs))
	}
	if g.other("up", "") {
		t.Fatal("it was killed")
	}
	for i := 1; g.other("down", strconv.Itoa(-i)); i++ {
		if i == 1 && len(g.processes()) > 0 {
			t.Error("a process lives on after down's first step")
		}
	}
	g.gone()
}

// down ends the lab in this process, and looks.
func (g *rig) down(when string) {
	g.t.Helper()
	list, err := g.r.List()
	if err != nil || len(list) != 1 || list[0].State != "broken" && list[0].State != "up" {
		g.t.Errorf("killed at %s: list gives %+v, %v", when, list, err)
	}
	if err := g.r.Down(g.t.Context(), g.name); err != nil {
		g.t.Fatalf("killed at %s: %v", when, err)
	}
	g.gone()
	if g.t.Failed() {
		g.t.Fatalf("killed at %s", when)
	}
}

// TestRootErrors has labs that do not come up. Each error says where and why, and leaves nothing.
func TestRootErrors(t *testing.T) {
	for i, tt := range []struct{ from, to, want string }{
		{"ip addr add 198.51.100.1/24 dev eth2", "ip addr add 198.51.100.1/24 dev eth9", `x.clab.yml:14: node a: ip addr add 198.51.100.1/24 dev eth9: exit status 1` + "\n  Cannot find device \"eth9\""},
		{"sh -c 'echo started", "nosuchprogram -c 'echo started", "node a: there is no program nosuchprogram"},
		{"grep, started", "grep, stopped", "x.clab.yml:5: node a is not healthy after 2 tries of grep stopped log: exit status 1\n  started"},
		{"word:", "nosuch:", "to "},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			g := newRig(t, 4)
			text, err := os.ReadFile(g.file)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(strings.Replace(string(text), tt.from, tt.to, 1), "retries: 50", "retries: 2", 1)
			if err := os.WriteFile(g.file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			top, files, err := Open(g.file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.r.Up(t.Context(), top, files); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			g.gone()
		})
	}
}

// TestRootInterrupted ends an up by its context, at a step in the middle.
func TestRootInterrupted(t *testing.T) {
	g := newRig(t, 5)
	top, files, err := Open(g.file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.r.Progress = func(s Step) {
		if s.Verb == RunCommand {
			cancel()
		}
	}
	if _, err := g.r.Up(ctx, top, files); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	g.gone()
	g.r.Progress = nil
	if err := g.r.Down(t.Context(), g.name); !errors.Is(err, ErrNotUp) {
		t.Errorf("got %v", err)
	}
}

// TestRootStranger writes a state whose process has a number that another process got since: nothing happens to that.
func TestRootStranger(t *testing.T) {
	g := newRig(t, 6)
	stranger := exec.Command("sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stranger.Process.Kill() //nolint:errcheck // it may be gone, which is looked at below
		stranger.Wait()         //nolint:errcheck // it was killed
	}()
	dir := filepath.Join(g.r.Dir, g.name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &State{Version: stateVersion, Name: g.name, Ready: true, dir: dir, Nodes: []NodeState{{Name: "a", Namespace: namespace(g.name, "a"), Mgmt: netip.Addr{}}}, Steps: []Step{
		{Verb: MakeNamespace, Name: namespace(g.name, "a"), Node: "a"},
		{Verb: StartProcess, Node: "a", Args: []string{"sleep"}, PID: stranger.Process.Pid, Started: 1},
	}}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	if list, err := g.r.List(); err != nil || list[0].State != "broken" || list[0].Running != 0 {
		t.Errorf("list takes the stranger for the lab's: %+v, %v", list, err)
	}
	if err := g.r.Down(t.Context(), g.name); err != nil {
		t.Fatal(err)
	}
	if at, err := startTime(stranger.Process.Pid); err != nil || !running(stranger.Process.Pid, at) {
		t.Errorf("the stranger was killed: %v", err)
	}
}

// TestRootBusy ends a lab that another process is starting, and later with a process that does not want to end.
func TestRootBusy(t *testing.T) {
	g := newRig(t, 7)
	text, err := os.ReadFile(g.file)
	if err != nil {
		t.Fatal(err)
	}
	stubborn := strings.Replace(string(text), "exec sleep 600", `trap "" TERM; sleep 600 & wait; wait; sleep 600`, 1)
	if err := os.WriteFile(g.file, []byte(stubborn), 0o600); err != nil {
		t.Fatal(err)
	}
	top, files, err := Open(g.file)
	if err != nil {
		t.Fatal(err)
	}
	once := false
	g.r.hook = func(int, bool) {
		if once {
			return
		}
		once = true
		other := &Runner{Dir: g.r.Dir}
		if err := other.Down(t.Context(), g.name); !errors.Is(err, ErrBusy) {
			t.Errorf("down gives %v", err)
		}
		if list, err := other.List(); err != nil || len(list) != 1 || list[0].State != "busy" {
			t.Errorf("list gives %+v, %v", list, err)
		}
	}
	if _, err := g.r.Up(t.Context(), top, files); err != nil {
		t.Error(err)
	}
}
