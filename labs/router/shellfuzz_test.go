package router

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// unserved is a router that listens nowhere.
func unserved(t *testing.T) *Router {
	t.Helper()
	r, err := New(Options{Hostname: "lab", User: "lab", Password: "secret", Config: startConfig})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// keystrokes runs a shell on a terminal with what is typed, until that ends, and returns the router and the screen.
func keystrokes(t *testing.T, rows uint32, typed string) (*Router, string) {
	t.Helper()
	r := unserved(t)
	s := r.db.join("lab", "cli", func() {})
	var out bytes.Buffer
	lines := newTerminalLines(duplexBuffer{strings.NewReader(typed), &out})
	size := &terminalSize{}
	size.set(80, rows)
	sh := &shell{r: r, s: s, pty: true, in: lines, out: lines.pager, term: lines, size: size}
	lines.complete = sh.complete
	size.attach(lines.t, lines.pager)
	if err := sh.run(); err != nil {
		t.Fatalf("the shell ends with %v", err)
	}
	r.db.leave(s)
	return r, out.String()
}

// FuzzShell holds that no keys bring the shell down, and that what they leave is a configuration.
func FuzzShell(f *testing.F) {
	f.Add(uint8(0), "configure\rset system host-name r2\rshow | compare\rcommit\rexit\rexit\r")
	f.Add(uint8(5), "show conf\t /x\rqsh s ?\t\x12\x12\x03\x04")
	f.Add(uint8(9), "configure private\redit fire\t fam inet\t filter ?\rload merge terminal relative\rterm x {\n\x7f\t}\x04rollback ?\r")
	f.Add(uint8(24), "conf ex\rrename interfaces lo0 to lo1\rinsert \"\\\x01\x0b\x1b[A\x1b[D?wildcard delete interfaces <*>\rup 3\rtop show | match (\r")
	f.Add(uint8(2), "file list /var/tmp\rconfigure\rsave x\rload set x\rload override terminal\r\x03delete\ryes\r")
	f.Fuzz(func(t *testing.T, rows uint8, typed string) {
		r, _ := keystrokes(t, uint32(rows), typed)
		v := r.db.view()
		for _, tree := range []*junos.Tree{v.active, v.candidate} {
			again, err := junos.Parse("again", []byte(tree.Text()), nil)
			if err != nil || again.Text() != tree.Text() {
				t.Fatalf("the configuration is none (%v):\n%s", err, tree.Text())
			}
		}
		if v.holder != nil {
			t.Fatal("the lock is held by nobody")
		}
	})
}

// TestCompleteRandomly walks down the completions: what is offered may be typed, and what then stands there is taken by
// the parser or goes on.
func TestCompleteRandomly(t *testing.T) {
	r := unserved(t)
	s := r.db.join("lab", "cli", func() {})
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		sh := &shell{r: r, s: s, config: rng.IntN(3) > 0}
		if sh.config && rng.IntN(2) == 0 {
			sh.path = []string{"firewall", "family", "inet", "filter", "border-in4"}
		}
		line := ""
		for range 12 {
			c := sh.complete(line)
			if c.err != nil {
				t.Fatalf("at %q after what was offered: %s", line, c.err.message)
			}
			if len(c.list) == 0 {
				break
			}
			x := c.list[rng.IntN(len(c.list))]
			switch {
			case x.word == "":
				t.Fatalf("nothing is offered at %q", line)
			case x.value:
				line += "5 " // a name, a number, a pattern, a comment
			default:
				line += x.spelled() + " "
			}
			if c := sh.complete(strings.TrimSuffix(line, " ")); c.err != nil {
				t.Fatalf("at the end of %q: %s", line, c.err.message)
			}
		}
	}
}

// TestAbbreviated holds that a set line with shortened keywords is the one with full ones.
func TestAbbreviated(t *testing.T) {
	r := unserved(t)
	sh := &shell{r: r, s: r.db.join("lab", "cli", func() {}), config: true}
	for short, full := range map[string]string{
		"sys host x":    "system host-name x",
		"int lo0 uni 0": "'uni' is ambiguous.",
		"int lo0 unit 0 fam inet addr 192.0.2.3/32":          "interfaces lo0 unit 0 family inet address 192.0.2.3/32",
		`sys log mess "a  b"`:                                `system login message "a  b"`,
		"prot bgp gro G neigh 192.0.2.2 imp [ A B ]":         "protocols bgp group G neighbor 192.0.2.2 import [ A B ]",
		"policy-o prefix-list P 192.0.2.0/24":                "policy-options prefix-list P 192.0.2.0/24",
		"policy-o policy-s P from route 0.0.0.0/0 exa":       "'route' is ambiguous.",
		"policy-o policy-s P from route-filter 0.0.0.0/0 ex": "policy-options policy-statement P from route-filter 0.0.0.0/0 exact",
		"fire fam inet filt F term T then acc":               "firewall family inet filter F term T then accept",
		"nonsense sys host x":                                "nonsense sys host x",
	} {
		words := must(tokens(short))
		got, _, err := sh.statements(nil, false).expand(short, words)
		if err != nil {
			got = err.message
		}
		if want := full; got != want {
			t.Errorf("%s: %q, want %q", short, got, want)
		}
	}
}
