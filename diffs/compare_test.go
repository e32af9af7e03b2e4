package diffs

import (
	"fmt"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

func TestCompareGolden(t *testing.T) {
	goldens(t, "compare", func(t *testing.T, g *golden) {
		before := parse(t, "before", g.part(t, "before"), nil)
		after := parse(t, "after", g.part(t, "after"), nil)
		d := Compare(before, after)
		g.want(t, "want", d.String())
		if d.Empty() {
			t.Error("the case shows no difference")
		}
		edits := Edits(before, after)
		g.want(t, "edits", strings.Join(edits, "\n")+"\n")
		edited := before.Clone()
		apply(t, edited, edits)
		if allKnown(after) && edited.Set() != after.Set() {
			t.Errorf("the edits give\n%s", edited.Set())
		}
		if again := Compare(before.Clone(), after.Clone()).String(); again != d.String() {
			t.Errorf("not the same twice:\n%s", again)
		}
		if back := Compare(after, before); back.Empty() {
			t.Error("there is a difference one way only")
		}
	})
}

// allKnown reports whether the schema knows all statements: the commands for others don't say where their words end.
func allKnown(tree *junos.Tree) bool {
	known := true
	junos.Walk(tree.Root, func(_ []string, n *junos.Node) bool {
		known = known && n.Schema != nil
		return known
	})
	return known
}

func TestCompareNothing(t *testing.T) {
	for name, text := range map[string]string{
		"empty":    "",
		"one leaf": "system {\n    host-name a;\n}\n",
		"quirks":   "interfaces { /* c */ inactive: et-0/0/1 { mtu 9192 } }\nunknown { a; b c; }",
	} {
		a, b := parse(t, "a", text, nil), parse(t, "b", text, nil)
		if d := Compare(a, b); !d.Empty() || d.String() != "" {
			t.Errorf("%s: got\n%s", name, d)
		}
		if e := Edits(a, b); len(e) != 0 {
			t.Errorf("%s: got %q", name, e)
		}
	}
}

// Order that means nothing is no difference.
func TestCompareIgnoresOrder(t *testing.T) {
	a := parse(t, "a", "protocols { lldp { interface all; } }\nsystem { services { ssh; } host-name a; }\nx { p; q; }", nil)
	b := parse(t, "b", "x { q; p; }\nsystem { host-name a; services { ssh; } }\nprotocols { lldp { interface all; } }", nil)
	if d := Compare(a, b); !d.Empty() {
		t.Errorf("got\n%s", d)
	}
}

func TestCompareQuotesBanners(t *testing.T) {
	a := parse(t, "a", "policy-options { policy-statement \"a b\" { term 1 { then accept; } } }", nil)
	b := parse(t, "b", "policy-options { policy-statement \"a b\" { term 1 { then reject; } } }", nil)
	want := "[edit policy-options policy-statement \"a b\" term 1 then]\n-     accept;\n+     reject;\n"
	if got := Compare(a, b).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The trees are compared as they are, not changed: several goroutines may compare with the same one.
func TestCompareLeavesTrees(t *testing.T) {
	a := parse(t, "a", "x { p 1; }", nil)
	b := parse(t, "b", "x { p 1; p 2; }", nil)
	was := [2]*junos.Tree{a.Clone(), b.Clone()}
	if got, want := Compare(a, b).String(), "[edit x]\n+   p 2;\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if a.Root.Children[0].Children[0].Kind != was[0].Root.Children[0].Children[0].Kind || b.Set() != was[1].Set() {
		t.Error("a tree was changed")
	}
}

// The order of statements and of keys is that of the text before was read from: it is the device's own. A tree that was
// put together has the table's.
func TestCompareOrder(t *testing.T) {
	const text = `system {
    services {
        telnet;
        ftp;
        ssh;
    }
    syslog {
        file zz {
            any any;
        }
        file aa {
            any any;
        }
    }
}
`
	const file = "[edit system syslog file %s any]\n-     any;\n+     none;\n"
	asWritten := "[edit system services]\n-    telnet;\n-    ftp;\n" + fmt.Sprintf(file, "zz") + fmt.Sprintf(file, "aa")
	byTable := "[edit system services]\n-    ftp;\n-    telnet;\n" + fmt.Sprintf(file, "aa") + fmt.Sprintf(file, "zz")
	const change = "delete system services ftp\ndelete system services telnet\nset system syslog file aa any none\nset system syslog file zz any none\n"
	read := parse(t, "before", text, nil)
	built := parse(t, "before", text, nil)
	for _, line := range []string{"delete system syslog file aa", "set system syslog file aa any any"} {
		if _, err := built.Load("more", []byte(line), junos.Set); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		before *junos.Tree
		want   string
	}{"read": {read, asWritten}, "put together": {built, byTable}} {
		after := c.before.Clone()
		if _, err := after.Load("change", []byte(change), junos.Set); err != nil {
			t.Fatal(err)
		}
		if got := Compare(c.before, after).String(); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
