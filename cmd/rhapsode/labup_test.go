package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rhapsode/labs"
)

// popRig is the topology pop under a name and a management network of this test's own.
type popRig struct {
	t     *testing.T
	dir   string
	file  string
	name  string
	bin   string
	extra []string // of the environment
}

func newPopRig(t *testing.T, variant string) *popRig {
	t.Helper()
	p := &popRig{t: t, dir: t.TempDir(), name: fmt.Sprintf("pop%d", os.Getpid()%1000000), bin: t.TempDir()}
	if err := os.CopyFS(p.dir, os.DirFS("../../labs/topologies/pop")); err != nil {
		t.Fatal(err)
	}
	p.file = filepath.Join(p.dir, "x.clab.yml")
	text, err := os.ReadFile(filepath.Join(p.dir, variant+".clab.yml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer("name: "+variant+"\n", "name: "+p.name+"\n", "172.20.20.", fmt.Sprintf("198.19.%d.", os.Getpid()%256)).Replace(string(text))
	if err := os.WriteFile(p.file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *popRig) buildLabrouter() {
	p.t.Helper()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(p.bin, "labrouter"), "rhapsode/cmd/labrouter").CombinedOutput(); err != nil {
		p.t.Fatalf("build labrouter: %v\n%s", err, out)
	}
}

// run is `rhapsode ARGS` as a process.
func (p *popRig) run(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	inventory, err := filepath.Abs("../../inventory/example")
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), self, args...)
	cmd.Args[0] = "rhapsode" // the test's main runs what it is called
	cmd.Env = append([]string{
		"HOME=" + p.dir, "USER=alice", "PATH=" + p.bin + ":" + os.Getenv("PATH"), "XDG_STATE_HOME=" + filepath.Join(p.dir, "state"),
		"RHAPSODE_INVENTORY=" + inventory, "RHAPSODE_LAB_DIR=" + filepath.Join(p.dir, "labs"), "CI=1",
	}, p.extra...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		p.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (p *popRig) want(code int, text string, args ...string) string {
	p.t.Helper()
	stdout, stderr, got := p.run(args...)
	if got != code || !strings.Contains(stdout+stderr, text) {
		p.t.Errorf("rhapsode %s: exit code %d, want %d; %q is not in\n%s%s", strings.Join(args, " "), got, code, text, stdout, stderr)
	}
	return stdout
}

// TestRootLabPop brings the example's site up, commits its configuration over NETCONF, looks at packets, and ends it.
func TestRootLabPop(t *testing.T) {
	if os.Getenv("RHAPSODE_ROOT") == "" {
		t.Skip("needs root: make test-root")
	}
	p := newPopRig(t, "pop")
	t.Cleanup(func() { p.run("lab", "down", p.name) })
	p.buildLabrouter()
	p.extra = []string{"PATH=" + p.dir} // the later one counts
	p.want(1, "hint: `make build` makes bin/labrouter", "lab", "up", p.file)
	p.want(1, "hint: on Debian: apt-get install iproute2", "lab", "up", p.file)
	p.extra = nil
	p.want(0, "lab "+p.name+" is up: 12 nodes in ", "lab", "up", p.file)
	p.want(1, "hint: end it with `rhapsode lab down "+p.name+"`", "lab", "up", p.file)
	p.want(0, p.name, "lab", "list")
	var list []labs.Info
	if err := json.Unmarshal([]byte(p.want(0, "", "lab", "list", "--json")), &list); err != nil || len(list) != 1 || list[0].State != "up" || list[0].Running != 3 {
		t.Errorf("got %+v, %v", list, err)
	}

	p.want(0, " 0% packet loss", "lab", "exec", p.name, "client", "ping", "-c", "1", "-W", "2", "198.51.100.65")
	p.want(0, " 0% packet loss", "lab", "exec", p.name, "lb2", "ping", "-c", "1", "-W", "2", "203.0.113.133")
	p.want(1, " 100% packet loss", "lab", "exec", p.name, "client", "ping", "-c", "1", "-W", "1", "203.0.113.131") // nothing is committed yet
	p.want(7, "", "lab", "exec", p.name, "lb1", "sh", "-c", "exit 7")
	p.want(1, "there is no program nosuch", "lab", "exec", p.name, "lb1", "nosuch")
	p.want(1, "has no node lb9: there are cr1, cr2,", "lab", "exec", p.name, "lb9", "true")

	p.extra = []string{"RHAPSODE_SSH_CONFIG=" + filepath.Join(p.dir, "labs", p.name, "ssh_config"), "RHAPSODE_PASSWORD=" + labs.RouterPassword}
	p.want(99, "+  policy-options {", "diff", "site:ams")
	p.want(0, "2 of 2 devices committed and confirmed", "commit", "site:ams", "-m", "T100001 first deployment", "--yes", "--omit-diff")
	p.want(0, "", "diff", "site:ams")
	for _, ping := range [][]string{
		{"lb1", "203.0.113.129"},
		{"be3", "2001:db8:1:10::3"},
		{"cr1", "2001:db8:0:16::3"},
		{"cr1", "192.0.2.2"},
		{"client", "203.0.113.131"},
		{"client", "2001:db8:1:10::31"},
		{"be1", "198.51.100.66"},
	} {
		p.want(0, " 0% packet loss", "lab", "exec", p.name, ping[0], "ping", "-c", "1", "-W", "2", ping[1])
	}
	p.want(0, "T100001 first deployment", "history", "cr1.ams")

	pcap := filepath.Join(p.dir, "x.pcap")
	done := make(chan string)
	go func() {
		_, stderr, _ := p.run("lab", "capture", p.name, "lb1:eth1", "-o", pcap, "--count", "2", "--for", "20s")
		done <- stderr
	}()
	captured := ""
	for captured == "" { // until it has begun, its packets pass unseen
		p.run("lab", "exec", p.name, "lb1", "ping", "-c", "2", "-i", "0.1", "-W", "1", "203.0.113.134")
		select {
		case captured = <-done:
		default:
		}
	}
	if !strings.Contains(captured, "2 packets captured, 0 dropped") {
		t.Errorf("capture says %q", captured)
	}
	if data, err := os.ReadFile(pcap); err != nil || len(data) < 24+2*(16+42) {
		t.Errorf("the capture has %d bytes, %v", len(data), err)
	}

	p.want(0, "lab "+p.name+" is down", "lab", "down", p.name)
	p.want(1, "hint: `rhapsode lab list` shows the labs that are", "lab", "down", p.name)
	if _, err := os.Stat(filepath.Join(p.dir, "labs")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory is left: %v", err)
	}
}

// TestRootLabPeers brings the site up with FRR and with BIRD for the transit router: each has the sessions with both core
// routers configured, and what it is to announce.
func TestRootLabPeers(t *testing.T) {
	if os.Getenv("RHAPSODE_ROOT") == "" {
		t.Skip("needs root: make test-root")
	}
	for variant, look := range map[string][][]string{
		"pop-frr":  {{"198.51.100.3    4      64500", "vtysh", "-c", "show bgp summary"}, {"*> 2001:db8:ff00::/40", "vtysh", "-c", "show bgp ipv6 unicast"}},
		"pop-bird": {{"eastlink6", "birdc", "show protocols"}, {"2001:db8:ff00::/40", "birdc", "show route table master6"}, {"198.51.100.0/24", "birdc", "show route table master4"}},
	} {
		t.Run(variant, func(t *testing.T) {
			p := newPopRig(t, variant)
			p.buildLabrouter()
			t.Cleanup(func() { p.run("lab", "down", p.name) })
			p.want(0, "lab "+p.name+" is up: 12 nodes in ", "lab", "up", p.file)
			for _, l := range look {
				p.want(0, l[0], append([]string{"lab", "exec", p.name, "transit"}, l[1:]...)...)
			}
			p.want(0, " 0% packet loss", "lab", "exec", p.name, "transit", "ping", "-c", "1", "-W", "2", "2001:db8:ff00:f::2")
			p.want(0, "is down", "lab", "down", p.name)
		})
	}
}

// TestRootLabImage runs the command of the image rhapsode/labrouter as it would run in a container: a node of kind linux,
// with the bind and the env that the topologies give it.
func TestRootLabImage(t *testing.T) {
	if os.Getenv("RHAPSODE_ROOT") == "" {
		t.Skip("needs root: make test-root")
	}
	p := newPopRig(t, "pop")
	p.buildLabrouter()
	p.file = filepath.Join(p.dir, "image.clab.yml")
	script, err := filepath.Abs("../../labs/image/labrouter-node")
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("198.19.%d.2", os.Getpid()%256)
	for name, text := range map[string]string{
		p.file: fmt.Sprintf(`name: %s
mgmt: {ipv4-subnet: %s/24}
topology:
  nodes:
    cr1:
      kind: linux
      cmd: %s --confirm-unit 1s
      env: {LABROUTER_HOSTNAME: cr1.ams.example.net, LABROUTER_STATE: state}
      binds: ["cr1.conf:/run/labrouter/startup.conf:ro"]
      mgmt-ipv4: %s
      healthcheck: {test: [CMD, grep, -x, ready, log]}
`, p.name, strings.TrimSuffix(address, "2")+"0", script, address),
		filepath.Join(p.dir, "ssh_config"): "Host *\n  HostName " + address + "\n  User lab\n  StrictHostKeyChecking accept-new\n  UserKnownHostsFile " +
			filepath.Join(p.dir, "known_hosts") + "\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { p.run("lab", "down", p.name) })
	p.want(0, "1 node in", "lab", "up", p.file)
	p.extra = []string{"RHAPSODE_SSH_CONFIG=" + filepath.Join(p.dir, "ssh_config"), "RHAPSODE_PASSWORD=" + labs.RouterPassword}
	out := p.want(99, "+  policy-options {", "diff", "cr1.ams")
	if strings.Contains(out, "netconf") { // the first configuration has it already
		t.Errorf("the router began without its startup configuration:\n%s", out)
	}
	p.want(0, "1 of 1 device committed and confirmed", "commit", "cr1.ams", "-m", "T100001 in a container", "--yes", "--omit-diff")
}

// TestLabWithoutRoot is what a person without root gets: plans and drawings, and what to do for the rest.
func TestLabWithoutRoot(t *testing.T) {
	p := newPopRig(t, "pop")
	p.want(0, "start in cr1: labrouter serve --hostname cr1.ams.example.net", "lab", "up", "pop", "--plan")
	p.want(0, `"verb":"namespace"`, "lab", "up", "pop", "--plan", "--json")
	p.want(0, "  |-- xe-0-1-0 ------- transit et-0-0-0", "lab", "graph", "pop")
	p.want(0, "graph LR", "lab", "graph", p.file, "--format", "mermaid")
	p.want(2, "expected text, mermaid or dot", "lab", "graph", "pop", "--format", "svg")
	p.want(1, "there is no topology pup; with the program come pop,", "lab", "up", "pup")
	p.want(0, "no lab is up", "lab", "list")
	p.want(2, "expected NODE:INTERFACE", "lab", "capture", "pop", "lb1")
	if err := os.WriteFile(filepath.Join(p.dir, "bad.clab.yml"), []byte("name: bad\ntopology:\n  nodes: {a: {kind: linux, knid: x}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.want(1, "bad.clab.yml:3: node a: unknown key knid", "lab", "up", filepath.Join(p.dir, "bad.clab.yml"))
	if out, err := os.ReadFile("/proc/self/status"); err == nil && strings.Contains(string(out), "CapEff:\t0000000000000000") {
		p.want(1, "hint: run it as root: sudo rhapsode lab", "lab", "up", p.file)
	}
}
