package labs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// small is a topology with one of everything.
const small = `name: small
mgmt: {network: m, ipv4-subnet: 198.18.1.0/24, ipv6-subnet: "2001:db8:f::/64", mtu: 1400}
topology:
  nodes:
    r1:
      kind: linux
      labels: {rhapsode.kind: labrouter, rhapsode.args: --confirm-unit 1s}
      env: {LABROUTER_HOSTNAME: r1.example.net}
      mgmt-ipv4: 198.18.1.2
      startup-config: r1.conf
    sw: {kind: bridge}
    h1:
      kind: linux
      cmd: sleep 600
      env: {WORD: a b, NUMBER: 7}
      binds: ["hosts:/etc/hosts:ro"]
      exec:
        - ip addr add 192.0.2.1/24 dev eth1
        - sh -c 'echo "$WORD"'
      healthcheck: {test: [CMD-SHELL, "true"], retries: 5}
    h2: {kind: linux, network-mode: none}
  links:
    - endpoints: ["r1:et-0-0-0", "sw:p1"]
    - endpoints: ["h1:eth1", "sw:p2"]
      mtu: 1500
    - endpoints: ["h1:eth2", "h2:eth1"]
      mtu: 9000
`

func mustParse(t *testing.T, text string) *Topology {
	t.Helper()
	top, err := Parse("x.clab.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func TestParse(t *testing.T) {
	top := mustParse(t, small)
	h1, r1 := top.Node("h1"), top.Node("r1")
	if r1.Kind != LabRouter || r1.Device() != "r1.example.net" || top.Node("h2").Device() != "h2" || top.Node("sw").Kind != Bridge {
		t.Errorf("got %+v", r1)
	}
	if h1.Env["NUMBER"] != "7" || h1.Binds[0] != (Bind{"hosts", "/etc/hosts", true}) || !slices.Equal(h1.HealthCheck, []string{"sh", "-c", "true"}) || h1.HealthRetries != 5 {
		t.Errorf("got %+v", h1)
	}
	if c := h1.Exec[1]; !slices.Equal(c.Args, []string{"sh", "-c", `echo "$WORD"`}) || c.Line != 19 {
		t.Errorf("got %+v", c)
	}
	if top.Mgmt.IPv4Gateway.String() != "198.18.1.1" || top.Mgmt.IPv6Gateway.String() != "2001:db8:f::1" {
		t.Errorf("got %+v", top.Mgmt)
	}
	if top.Links[0].MTU != defaultMTU || top.Links[2].MTU != 9000 || !slices.Equal(top.Interfaces("h1"), []string{"eth1", "eth2"}) {
		t.Errorf("got %+v", top.Links)
	}
}

// TestParseRefuses changes one thing of a good file at a time.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"name: small", "name: Small", `:1: name "Small": expected`},
		{"name: small", "name: a-name-too-long", `:1: name "a-name-too-long": expected`},
		{"name: small", "", `the lab has no name`},
		{"name: small", "nam: small", `:1: the file: unknown key nam`},
		{"name: small", "name: small\nprefix: x", `:2: the file: prefix is for containerlab, and does nothing here`},
		{"name: small", "name: [small", `:1: did not find expected`},
		{"mtu: 1400", "mtu: no", ":2: mgmt mtu: expected a number from 1280 to 65535"},
		{"198.18.1.0/24", "198.18.1.1/24", `:2: mgmt ipv4-subnet: "198.18.1.1/24" is no IPv4 network, such as 192.0.2.192/28`},
		{"mtu: 1400", "ipv4-gw: 198.18.2.1", ":2: mgmt ipv4-gw: 198.18.2.1 is not in the management network"},
		{"mgmt-ipv4: 198.18.1.2", "mgmt-ipv4: 198.18.2.2", ":5: node r1: 198.18.2.2 is no address of a host in the management network 198.18.1.0/24"},
		{"mgmt-ipv4: 198.18.1.2", "mgmt-ipv4: 198.18.1.1", ":5: node r1: the management address 198.18.1.1 is that of the gateway"},
		{"mgmt-ipv4: 198.18.1.2", "mgmt-ipv4: r1", `:9: node r1: mgmt-ipv4: "r1" is no IPv4 address`},
		{"      mgmt-ipv4: 198.18.1.2\n", "", ":5: node r1: a lab router serves on its management address"},
		{"sw: {kind: bridge}", "sw: {kind: nokia_srlinux}", ":11: node sw: kind nokia_srlinux needs an image and Docker; here there are linux and bridge"},
		{"sw: {kind: bridge}", "sw: {kind: labrouter}", ":11: node sw: a lab router is of kind linux and has the label rhapsode.kind: labrouter"},
		{"sw: {kind: bridge}", "sw: {image: x}", ":11: node sw: it has no kind"},
		{"sw: {kind: bridge}", "sw: {kind: bridge, exec: [x]}", ":11: node sw: a bridge has links and nothing else"},
		{"sw: {kind: bridge}", "sw: {kind: bridge, knid: x}", ":11: node sw: unknown key knid"},
		{"sw: {kind: bridge}", "sw: {kind: bridge, kind: linux}", ":11: node sw: kind stands already in line 11"},
		{"sw: {kind: bridge}", "sw:", ":11: node sw: expected keys with values"},
		{"sw: {kind: bridge}", "sw: {kind: bridge}\n    sw: {kind: bridge}", "already"},
		{"rhapsode.kind: labrouter", "rhapsode.kind: router", ":5: node r1: label rhapsode.kind: expected labrouter"},
		{"rhapsode.args: --confirm-unit 1s", "rhapsode.cmd: x", `:5: node r1: label rhapsode.cmd: "x" cannot be: expected a command, and neither cmd nor a lab router`},
		{"cmd: sleep 600", "cmd: sleep 600\n      labels: {rhapsode.cmd: sleep 7}", `:12: node h1: label rhapsode.cmd: "sleep 7" cannot be`},
		{"sw: {kind: bridge}", "sw: {kind: bridge, labels: {rhapsode.cmd: x}}", ":11: node sw: a bridge has links and nothing else"},
		{"rhapsode.args: --confirm-unit 1s", "rhapsode.arg: x", ":5: node r1: unknown label rhapsode.arg"},
		{"rhapsode.args: --confirm-unit 1s", "rhapsode.args: \"'\"", `:5: node r1: label rhapsode.args: "'" cannot be`},
		{"LABROUTER_HOSTNAME: r1.example.net", "LABROUTER_HOSTNAME: a b", `:5: node r1: LABROUTER_HOSTNAME "a b" is no name`},
		{"startup-config: r1.conf", "startup-config: ../r1.conf", ":5: node r1: the startup-config ../r1.conf is not beside the topology file or below"},
		{"startup-config: r1.conf", "cmd: labrouter serve", ":5: node r1: the command of a lab router is made from its labels"},
		{"cmd: sleep 600", "cmd: sleep '600", ":12: node h1: cmd: a quotation is not closed"},
		{"cmd: sleep 600", "startup-config: x", ":12: node h1: a startup-config is for a lab router"},
		{"WORD: a b", "WORD: [a]", ":15: node h1: env WORD: expected a text"},
		{"hosts:/etc/hosts:ro", "hosts:/etc/hosts:rx", `:16: node h1: bind "hosts:/etc/hosts:rx": expected FROM:TO`},
		{"hosts:/etc/hosts:ro", "hosts:hosts", `:16: node h1: bind "hosts:hosts": expected FROM:TO, where TO begins with /`},
		{"        - sh -c 'echo \"$WORD\"'", "        - sh -c 'echo", "is not"},
		{"[CMD-SHELL, \"true\"]", "[true]", "expected a text"},
		{"[CMD-SHELL, \"true\"]", "[\"true\"]", ":20: node h1: healthcheck: test: expected"},
		{"network-mode: none", "network-mode: host", ":21: node h2: network-mode host: a node has a namespace of its own"},
		{"network-mode: none", "network-mode: none, mgmt-ipv4: 198.18.1.9", ":21: node h2: with network-mode none it has no management address"},
		{"network-mode: none", "memory: 1GB", ":21: node h2: memory is for containerlab, and does nothing here"},
		{`"sw:p1"`, `"sw2:p1"`, ":23: endpoint sw2:p1: there is no node sw2"},
		{`"sw:p2"`, `"sw:p1"`, ":24: endpoint sw:p1 is used already, in line 23"},
		{`"sw:p2"`, `"sw"`, `:24: endpoint "sw": expected NODE:INTERFACE`},
		{`"sw:p2"`, `"sw:an-interface-too-long"`, `:24: endpoint "sw:an-interface-too-long": expected NODE:INTERFACE`},
		{`"sw:p2"`, `"sw:et-0/0/0"`, `:24: endpoint "sw:et-0/0/0": expected NODE:INTERFACE`},
		{`["h1:eth1", "sw:p2"]`, `["h1:eth1"]`, ":24: link: expected two endpoints"},
		{"mtu: 1500", "mtu: 70000", ":25: link mtu: expected a number from 68 to 65535"},
		{"mtu: 1500", "type: veth", ":25: link: type is for containerlab, and does nothing here"},
		{`"r1:et-0-0-0"`, `"r1:eth0"`, ":5: node r1: eth0 is the management interface; a link may not end at it"},
	} {
		text := strings.Replace(small, tt.from, tt.to, 1)
		if text == small {
			t.Fatalf("%q is not in the file", tt.from)
		}
		_, err := Parse("x.clab.yml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.to, err, tt.want)
		}
		if e, ok := errors.AsType[*FileError](err); !ok || e.Line < 1 {
			t.Errorf("%q: %v has no line", tt.to, err)
		}
	}
	for _, text := range []string{"", "[]", "name: x", "name: x\ntopology: {nodes: {}}", "name: x\ntopology: {nodes: {a: {kind: linux}}, links: []}", "a: &a [*a]"} {
		if top, err := Parse("x.clab.yml", []byte(text)); err == nil {
			t.Errorf("%q: got %+v", text, top)
		}
	}
}

// TestParseSaysAll has two mistakes, and both are told.
func TestParseSaysAll(t *testing.T) {
	text := strings.NewReplacer("cmd: sleep 600", "cmnd: sleep 600", "mtu: 9000", "mtu: 9").Replace(small)
	_, err := Parse("x.clab.yml", []byte(text))
	if err == nil || !strings.Contains(err.Error(), "x.clab.yml:14: node h1: unknown key cmnd\n") || !strings.Contains(err.Error(), "x.clab.yml:27: link mtu") {
		t.Errorf("got %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	pop, err := shipped.ReadFile("topologies/pop/pop.clab.yml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(pop))
	f.Add("name: x\ntopology: {nodes: {a: &a {kind: linux}, b: *a}}")
	f.Fuzz(func(t *testing.T, text string) {
		top, err := Parse("x.clab.yml", []byte(text))
		if (top == nil) == (err == nil) {
			t.Fatalf("got %v and %v", top, err)
		}
		if err != nil {
			if !strings.Contains(err.Error(), "x.clab.yml:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		names := map[string]bool{}
		for _, s := range Plan(top, "/run/x") { // what may be, can be planned and drawn
			if s.Verb == MakeNamespace {
				if names[s.Name] {
					t.Errorf("two namespaces %s", s.Name)
				}
				names[s.Name] = true
			}
			for _, p := range []Port{s.A, s.B} {
				if len(p.Interface) > 15 {
					t.Errorf("an interface %s", p.Interface)
				}
			}
		}
		for _, format := range GraphFormats() {
			if _, err := Graph(top, format); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("ip addr add 192.0.2.1/24 dev eth1", "sh")
	f.Add(`sh -c 'echo "$X" \'`, `a'b"c\`)
	f.Fuzz(func(t *testing.T, line, word string) {
		if words, err := split(line); err == nil {
			if again, err := split(quote(words)); err != nil || !slices.Equal(again, words) {
				t.Errorf("%q: %q, and quoted %q, %v", line, words, again, err)
			}
		}
		if got, err := split(quote([]string{"a", word})); err != nil || !slices.Equal(got, []string{"a", word}) {
			t.Errorf("%q: quoted and split it is %q, %v", word, got, err)
		}
	})
}

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"a  b\tc": {"a", "b", "c"}, `'a b' "c d"`: {"a b", "c d"}, `a\ b`: {"a b"}, `"a\"b\c"`: {`a"b\c`}, `'a\b'`: {`a\b`}, `''`: {""}, "": nil, `a'b'"c"`: {"abc"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{`'a`, `"a`, `a\`} {
		if got, err := split(line); !errors.Is(err, errQuote) {
			t.Errorf("%q: got %q, %v", line, got, err)
		}
	}
}

// What containerlab's published schema says of a topology file, as far as ours use it (draft-07 "clab.schema.json"): no
// key of a node or at the top that is not listed there, and these patterns.
var (
	clabTop  = strings.Fields("name prefix mgmt topology settings")
	clabMgmt = strings.Fields("network bridge ipv4-subnet ipv6-subnet ipv4-gw ipv6-gw ipv4-range ipv6-range mtu")
	clabNode = strings.Fields(`image image-pull-policy kind license type group startup-config startup-delay enforce-startup-config auto-remove
		exec binds ports env user entrypoint cmd publish labels runtime mgmt-ipv4 mgmt-ipv6 network-mode cpu memory cpu-set extras
		config stages dns certificate healthcheck`)
	clabLink     = strings.Fields("endpoints mtu vars")
	clabKinds    = strings.Fields("linux bridge")
	clabEndpoint = regexp.MustCompile(`^\S+:\S+$`)
	clabIPv4     = regexp.MustCompile(`^(\d{1,3}\.){3}\d{1,3}$`)
	clabSubnet4  = regexp.MustCompile(`^.+/[0-9]{1,2}$`)
	clabNetMode  = regexp.MustCompile(`^(host)|(container:\S+)|(none)$`)
)

type clabFile = map[string]any

// clab holds a file against what containerlab takes, and gives what it would not.
func clab(text []byte) []string {
	var file clabFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		return []string{err.Error()}
	}
	var found []string
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	keys := func(what string, m clabFile, may []string) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !slices.Contains(may, key) {
				say("%s: %s", what, key)
			}
		}
	}
	keys("top", file, clabTop)
	mgmt, _ := file["mgmt"].(clabFile)
	keys("mgmt", mgmt, clabMgmt)
	if s, ok := mgmt["ipv4-subnet"].(string); ok && !clabSubnet4.MatchString(s) {
		say("ipv4-subnet %s", s)
	}
	topology, _ := file["topology"].(clabFile)
	nodes, _ := topology["nodes"].(clabFile)
	if name, _ := file["name"].(string); name == "" || len(nodes) == 0 {
		say("name and topology.nodes are required")
	}
	for name, node := range nodes {
		n, ok := node.(clabFile)
		if !ok {
			say("%s is no object", name)
		}
		keys(name, n, clabNode)
		found = append(found, clabValues(name, n)...)
	}
	links, _ := topology["links"].([]any)
	for _, link := range links {
		l, _ := link.(clabFile)
		keys("link", l, clabLink)
		ends, _ := l["endpoints"].([]any)
		if len(ends) < 2 || ends[0] == ends[1] {
			say("endpoints %v", ends)
		}
		for _, e := range ends {
			if text, _ := e.(string); !clabEndpoint.MatchString(text) {
				say("endpoint %v", e)
			}
		}
	}
	return found
}

func clabValues(name string, n clabFile) []string {
	var found []string
	if kind, _ := n["kind"].(string); !slices.Contains(clabKinds, kind) {
		found = append(found, fmt.Sprintf("%s: kind %s", name, kind))
	}
	for key, pattern := range map[string]*regexp.Regexp{"mgmt-ipv4": clabIPv4, "network-mode": clabNetMode} {
		if value, ok := n[key]; ok && !pattern.MatchString(fmt.Sprint(value)) {
			found = append(found, fmt.Sprintf("%s: %s %v", name, key, value))
		}
	}
	for _, key := range []string{"exec", "binds"} {
		list, isList := n[key].([]any)
		if _, ok := n[key]; ok && (!isList || len(list) == 0 || slices.ContainsFunc(list, func(v any) bool { _, text := v.(string); return !text })) {
			found = append(found, fmt.Sprintf("%s: %s is no list of texts", name, key))
		}
	}
	for _, key := range []string{"env", "labels"} {
		values, _ := n[key].(clabFile)
		for k, v := range values {
			switch v.(type) {
			case string, int, float64:
			default:
				found = append(found, fmt.Sprintf("%s: %s %s is neither a text nor a number", name, key, k))
			}
		}
	}
	return found
}

// TestShipped reads every topology that comes with the program, and holds it against what containerlab takes.
func TestShipped(t *testing.T) {
	if !slices.Contains(Shipped(), "pop") {
		t.Fatalf("got %q", Shipped())
	}
	for _, name := range Shipped() {
		top, files, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if top.Name != name {
			t.Errorf("%s is named %s", name, top.Name)
		}
		text, err := shipped.ReadFile(strings.TrimPrefix(top.File, "labs/"))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range clab(text) {
			t.Errorf("%s: containerlab would not take %s", name, line)
		}
		for _, n := range top.Nodes {
			beside := []string{n.StartupConfig}
			for _, b := range n.Binds {
				beside = append(beside, b.From)
			}
			for _, file := range beside {
				if _, err := fs.Stat(files, or(file, ".")); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if got := clab([]byte(small)); got != nil {
		t.Errorf("containerlab would not take %q", got)
	}
}

// TestPopsAreAlike holds the variants of pop to pop: the same but for the transit router, a name, and nothing else. The
// addresses that the transit router of pop has by its configuration, the others have by commands.
func TestPopsAreAlike(t *testing.T) {
	pop, _, err := Open("pop")
	if err != nil {
		t.Fatal(err)
	}
	transit, err := shipped.ReadFile("topologies/pop/transit.conf")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pop-bird", "pop-frr"} {
		other, _, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(other.Nodes) != len(pop.Nodes) || !reflect.DeepEqual(other.Mgmt, pop.Mgmt) {
			t.Fatalf("%s has %d nodes and %+v", name, len(other.Nodes), other.Mgmt)
		}
		for i, n := range other.Nodes {
			want := *pop.Nodes[i]
			want.Line = n.Line
			for j := range want.Exec {
				if j < len(n.Exec) {
					want.Exec[j].Line = n.Exec[j].Line
				}
			}
			if n.Name == "transit" {
				for _, c := range n.Exec {
					if !strings.Contains(string(transit), "address "+c.Args[3]+";") {
						t.Errorf("%s: %v: the transit router of pop has no such address", name, c.Args)
					}
				}
				if got, want := len(n.Exec), strings.Count(string(transit), "address "); got != want {
					t.Errorf("%s: the transit router has %d addresses, that of pop %d", name, got, want)
				}
				want = Node{Name: "transit", Line: n.Line, Kind: Linux, Exec: n.Exec, Image: n.Image, Binds: n.Binds, Labels: n.Labels, HealthCheck: n.HealthCheck, HealthRetries: n.HealthRetries}
			}
			if !reflect.DeepEqual(*n, want) {
				t.Errorf("%s: got %+v, pop has %+v", name, *n, want)
			}
		}
		for i, l := range other.Links {
			if want := pop.Links[i]; l.A != want.A || l.B != want.B || l.MTU != want.MTU {
				t.Errorf("%s: got %+v, pop has %+v", name, l, want)
			}
		}
	}
}

func TestShippedCanFail(t *testing.T) {
	got := clab([]byte("nam: x\ntopology: {nodes: {a: {kind: labrouter, sysctl: 1, exec: [], mgmt-ipv4: x, env: {A: [1]}}}, links: [{endpoints: [a]}]}"))
	if len(got) != 9 {
		t.Errorf("got %d: %q", len(got), got)
	}
}

// TestKnowsContainerlab gives a node each key that containerlab has: none is unknown, for whoever moves a file here is
// to be told what it lacks.
func TestKnowsContainerlab(t *testing.T) {
	for _, key := range clabNode {
		_, err := Parse("x.clab.yml", []byte("name: x\ntopology:\n  nodes:\n    a: {"+key+": [\"x\"]}\n"))
		if err == nil || strings.Contains(err.Error(), "unknown key") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x.clab.yml")
	if err := errors.Join(os.WriteFile(name, []byte(small), 0o600), os.WriteFile(filepath.Join(dir, "r1.conf"), []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	top, files, err := Open(name)
	if err != nil || top.File != name {
		t.Fatalf("got %+v, %v", top, err)
	}
	if f, err := files.Open("r1.conf"); err != nil {
		t.Error(err)
	} else {
		f.Close() //nolint:errcheck // it was read from only
	}
	if _, _, err := Open("nosuch"); err == nil || !strings.Contains(err.Error(), "there is no topology nosuch; with the program come pop, pop-bird, pop-frr; else name a file, such as ./nosuch.clab.yml") {
		t.Errorf("got %v", err)
	}
	if _, _, err := Open(filepath.Join(dir, "y.clab.yml")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}
