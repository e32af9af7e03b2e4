package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// rule says what the packages of one place may not import. Patterns are import paths; one that ends in "/..." has
// everything below it too, as in the go command.
type rule struct {
	name   string   // as the depguard rule in .ci/golangci.yml
	from   []string // the packages that it holds for
	except []string // less these
	deny   []string
	allow  []string // of what is denied, this is fine
	deep   bool     // holds for what is imported by what is imported, too
	tests  bool     // holds for test files, too (their direct imports)
	reason string
}

// rules are docs/ARCHITECTURE.md's drawing, an arrow each. A deep rule asks what is linked in the end, a shallow one
// only for import lines: devices/netconf may use a library that has an SSH client in it, but may not be one.
var rules = []rule{
	{
		name: "inventory", from: []string{"rhapsode/inventory/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/inventory/..."}, deep: true, tests: true,
		reason: "facts know neither Junos nor how they are rendered",
	},
	{
		name: "junos", from: []string{"rhapsode/diffs/junos/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/diffs/junos/..."}, deep: true, tests: true,
		reason: "it is the language that everything else speaks",
	},
	{
		name: "diffs", from: []string{"rhapsode/diffs/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/diffs/..."}, deep: true, tests: true,
		reason: "a plan is pure data, no device and no inventory",
	},
	{
		name: "policies", from: []string{"rhapsode/policies/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/policies/...", "rhapsode/diffs/junos/..."}, deep: true, tests: true,
		reason: "the lab router evaluates policies without an inventory",
	},
	{
		name: "templates", from: []string{"rhapsode/templates/..."}, deny: []string{"rhapsode/..."},
		allow: []string{
			"rhapsode/templates/...", "rhapsode/policies/...", "rhapsode/inventory/...", "rhapsode/diffs/junos/...",
			"rhapsode/datapath/spec/...",
		},
		deep: true, tests: true,
		reason: "rendering meets no device",
	},
	{
		name: "templates-pure", from: []string{"rhapsode/templates/..."},
		deny:   []string{"os", "os/...", "net", "net/http", "math/rand/...", "crypto/rand"},
		reason: "rendering is pure and deterministic: no file, environment, network or chance",
	},
	{
		name: "devices", from: []string{"rhapsode/devices/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/devices/...", "rhapsode/diffs/..."}, deep: true, tests: true,
		reason: "a transaction carries text and knows neither what rendered it nor the lab router",
	},
	{
		name: "labs", from: []string{"rhapsode/labs/..."}, except: []string{"rhapsode/labs/router/..."},
		deny: []string{"rhapsode/labs/router/...", "rhapsode/..."}, allow: []string{"rhapsode/labs/..."},
		deep: true, tests: true,
		reason: "the lab runner starts our programs as processes and links none of them",
	},
	{
		name: "labs-router", from: []string{"rhapsode/labs/router/..."}, except: []string{"rhapsode/labs/router/forward/..."},
		deny:  []string{"rhapsode/..."},
		allow: []string{"rhapsode/labs/router/...", "rhapsode/diffs/...", "rhapsode/policies/..."}, deep: true, tests: true,
		reason: "the lab router shares no driver code with what is tested against it",
	},
	{
		name: "labs-forward", from: []string{"rhapsode/labs/router/forward/..."}, deny: []string{"rhapsode/..."},
		allow: []string{
			"rhapsode/labs/router/...", "rhapsode/diffs/...", "rhapsode/policies/...", "rhapsode/datapath/bgp/...",
		},
		tests:  true,
		reason: "the lab router forwards with its own parts and the BGP speaker",
	},
	{
		name: "datapath", from: []string{"rhapsode/datapath/..."}, deny: []string{"rhapsode/..."},
		allow: []string{"rhapsode/datapath/..."}, deep: true, tests: true,
		reason: "cmd joins the halves through datapath/api",
	},
	{
		name: "cmd-leaf", from: []string{"rhapsode/..."}, except: []string{"rhapsode/cmd/..."},
		deny: []string{"rhapsode/cmd/..."}, tests: true,
		reason: "what two commands share lives in a package below cmd",
	},
	{
		name: "cmd-rhapsode", from: []string{"rhapsode/cmd/rhapsode/..."},
		deny: []string{
			"rhapsode/datapath/...", "rhapsode/labs/router/...", "github.com/cilium/ebpf/...", "github.com/osrg/gobgp/...",
			"github.com/netbox-community/go-netbox/...", "google.golang.org/grpc/reflection/...", "google.golang.org/grpc/admin/...",
		},
		allow: []string{"rhapsode/datapath/spec/...", "rhapsode/datapath/api/..."}, deep: true,
		reason: "the command links no eBPF, no BGP speaker, no gRPC server, no NetBox client, no daemon",
	},
	{
		name: "ssh", from: []string{"rhapsode/..."}, except: []string{"rhapsode/devices/dial/...", "rhapsode/labs/router/..."},
		deny:   []string{"golang.org/x/crypto/ssh/...", "github.com/kevinburke/ssh_config/...", "github.com/skeema/knownhosts/..."},
		reason: "one dialer has the one host key check",
	},
	{
		name: "ebpf", from: []string{"rhapsode/..."},
		except: []string{
			"rhapsode/datapath/xdp/...", "rhapsode/cmd/director/...", "rhapsode/cmd/ping-offload/...", "rhapsode/cmd/realserver/...",
		},
		deny:   []string{"github.com/cilium/ebpf/..."},
		reason: "the rest builds and tests anywhere",
	},
}

// matches says whether an import path is one of the patterns. A version element (gobgp/v4) is below its module.
func matches(path string, patterns []string) bool {
	return longest(path, patterns) > 0
}

// longest is the length of the longest pattern that the path matches, 0 if none.
func longest(path string, patterns []string) int {
	best := 0
	for _, p := range patterns {
		base, below := strings.CutSuffix(p, "/...")
		if path == base || below && strings.HasPrefix(path, base+"/") {
			best = max(best, len(base))
		}
	}
	return best
}

// forbids says whether the rule keeps a package from importing another: of deny and allow the longer pattern wins.
func (r rule) forbids(from, path string) bool {
	from = strings.TrimSuffix(from, "_test")
	if !matches(from, r.from) || matches(from, r.except) {
		return false
	}
	denied := longest(path, r.deny)
	return denied > 0 && longest(path, r.allow) < denied
}

// pkg is what `go list -json` says of a package, as far as it is asked here.
type pkg struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// check gives a line for each import that breaks a rule, with the chain that leads to it.
func check(rules []rule, graph map[string]pkg) []string {
	var broken []string
	say := func(r rule, chain ...string) {
		broken = append(broken, fmt.Sprintf("%s: %s: %s", r.name, strings.Join(chain, " -> "), r.reason))
	}
	for _, p := range graph {
		if !strings.HasPrefix(p.ImportPath, "rhapsode/") {
			continue
		}
		for _, r := range rules {
			if r.tests {
				for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
					if r.forbids(p.ImportPath, i) {
						say(r, p.ImportPath+" (test)", i)
					}
				}
			}
			for _, i := range p.Imports {
				if r.forbids(p.ImportPath, i) {
					say(r, p.ImportPath, i)
				} else if r.deep {
					if chain := reach(r, p.ImportPath, i, graph); chain != nil {
						say(r, append([]string{p.ImportPath}, chain...)...)
					}
				}
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

// reach finds a chain of imports from start to something that the rule forbids origin, nil if there is none.
func reach(r rule, origin, start string, graph map[string]pkg) []string {
	seen := map[string]bool{}
	var walk func(string) []string
	walk = func(path string) []string {
		if seen[path] {
			return nil
		}
		seen[path] = true
		if r.forbids(origin, path) {
			return []string{path}
		}
		for _, i := range graph[path].Imports {
			if chain := walk(i); chain != nil {
				return append([]string{path}, chain...)
			}
		}
		return nil
	}
	return walk(start)
}

// load asks the go command for our packages and all that they import.
func load(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-e", "-json=ImportPath,Standard,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = top(t)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	graph := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else if err != nil {
			t.Fatalf("read go list: %v", err)
		}
		graph[p.ImportPath] = p
	}
}

func TestImports(t *testing.T) {
	graph := load(t)
	for _, must := range []string{"rhapsode/cmd/internal/house", "rhapsode/diffs/junos", "rhapsode/inventory", "encoding/json"} {
		if _, ok := graph[must]; !ok {
			t.Fatalf("go list did not name %s: the rules would hold for nothing", must)
		}
	}
	for _, line := range check(rules, graph) {
		t.Error(line)
	}
}

// TestImportsCanFail breaks each rule once, at the shortest and, where it is deep, at one remove.
func TestImportsCanFail(t *testing.T) {
	for _, tt := range []struct{ rule, from, path string }{
		{"inventory", "rhapsode/inventory", "rhapsode/diffs/junos"},
		{"junos", "rhapsode/diffs/junos", "rhapsode/diffs"},
		{"diffs", "rhapsode/diffs", "rhapsode/policies"},
		{"policies", "rhapsode/policies", "rhapsode/diffs"},
		{"templates", "rhapsode/templates", "rhapsode/devices"},
		{"templates-pure", "rhapsode/templates", "os"},
		{"devices", "rhapsode/devices/netconf", "rhapsode/labs/router"},
		{"labs", "rhapsode/labs/runner", "rhapsode/labs/router"},
		{"labs-router", "rhapsode/labs/router", "rhapsode/devices"},
		{"labs-forward", "rhapsode/labs/router/forward", "rhapsode/datapath/xdp"},
		{"datapath", "rhapsode/datapath/pool", "rhapsode/devices"},
		{"cmd-leaf", "rhapsode/devices", "rhapsode/cmd/internal/cli"},
		{"cmd-rhapsode", "rhapsode/cmd/rhapsode", "github.com/osrg/gobgp/v4/pkg/server"},
		{"ssh", "rhapsode/devices/netconf", "golang.org/x/crypto/ssh"},
		{"ebpf", "rhapsode/datapath/pool", "github.com/cilium/ebpf"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			i := slices.IndexFunc(rules, func(r rule) bool { return r.name == tt.rule })
			if i < 0 {
				t.Fatal("no such rule")
			}
			one := rules[i : i+1]
			direct := map[string]pkg{tt.from: {ImportPath: tt.from, Imports: []string{"fmt", tt.path}}}
			if got := check(one, direct); len(got) != 1 || !strings.Contains(got[0], tt.from+" -> "+tt.path+": ") {
				t.Errorf("a direct import gives %q", got)
			}
			indirect := map[string]pkg{
				tt.from:           {ImportPath: tt.from, Imports: []string{"example.net/x"}},
				"example.net/x":   {ImportPath: "example.net/x", Imports: []string{"fmt", "example.net/x/y"}},
				"example.net/x/y": {ImportPath: "example.net/x/y", Imports: []string{tt.path}},
			}
			if got := check(one, indirect); (len(got) == 1) != one[0].deep {
				t.Errorf("an indirect import gives %q, deep is %v", got, one[0].deep)
			}
			test := map[string]pkg{tt.from: {ImportPath: tt.from, XTestImports: []string{tt.path}}}
			if got := check(one, test); (len(got) == 1) != one[0].tests {
				t.Errorf("an import by a test gives %q, tests is %v", got, one[0].tests)
			}
		})
	}
	for _, tt := range []struct{ rule, from, path string }{
		{"inventory", "rhapsode/inventory", "rhapsode/inventory/schema"},
		{"inventory", "rhapsode/inventoryx", "rhapsode/diffs"},
		{"diffs", "rhapsode/diffs", "rhapsode/diffs/junos"},
		{"labs-router", "rhapsode/labs/router", "rhapsode/policies"},
		{"cmd-rhapsode", "rhapsode/cmd/rhapsode", "rhapsode/datapath/api"},
		{"ssh", "rhapsode/devices/dial", "golang.org/x/crypto/ssh"},
		{"ssh", "rhapsode/devices/netconf", "golang.org/x/crypto/sha3"},
	} {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.name == tt.rule })
		if rules[i].forbids(tt.from, tt.path) {
			t.Errorf("%s forbids %s to import %s", tt.rule, tt.from, tt.path)
		}
	}
}

// lintConfig is the part of .ci/golangci.yml that says again what stands here or in docs/logging.md.
type lintConfig struct {
	Linters struct {
		Settings struct {
			Depguard struct {
				Rules map[string]struct {
					Deny []struct{ Pkg, Desc string }
				}
			}
			Sloglint struct {
				AllowedKeys []string `yaml:"allowed-keys"`
			}
		}
	}
}

func readLintConfig(t *testing.T) lintConfig {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(top(t), ".ci/golangci.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c lintConfig
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatalf("read .ci/golangci.yml: %v", err)
	}
	return c
}

// TestLintHasTheRules keeps the linter's list of import rules, which shows a mistake at its line, equal to this one,
// which follows imports to the end.
func TestLintHasTheRules(t *testing.T) {
	lint := readLintConfig(t).Linters.Settings.Depguard.Rules
	for _, r := range rules {
		l, ok := lint[r.name]
		if !ok {
			t.Errorf(".ci/golangci.yml has no depguard rule %q", r.name)
		}
		for _, d := range l.Deny {
			if d.Desc == "" {
				t.Errorf("depguard rule %q denies %s without a reason", r.name, d.Pkg)
			}
			probe := strings.TrimSuffix(strings.TrimSuffix(d.Pkg, "$"), "/")
			if !matches(probe, r.deny) {
				t.Errorf("depguard rule %q denies %s, the rule here does not", r.name, d.Pkg)
			}
		}
		delete(lint, r.name)
	}
	for name := range lint {
		t.Errorf("depguard rule %q has no twin here", name)
	}
}

// TestLogKeys keeps the keys that the linter allows equal to the table of docs/logging.md, which says what each means.
func TestLogKeys(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top(t), "docs/logging.md"))
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(text)) {
		if key, ok := strings.CutPrefix(line, "| `"); ok {
			key, _, _ = strings.Cut(key, "`")
			documented = append(documented, key)
		}
	}
	if allowed := readLintConfig(t).Linters.Settings.Sloglint.AllowedKeys; !slices.Equal(documented, allowed) || len(allowed) == 0 {
		t.Errorf("docs/logging.md has the keys\n%q\n.ci/golangci.yml allows\n%q", documented, allowed)
	}
}
