package diffs

import (
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
		if again := Compare(before.Clone(), after.Clone()).String(); again != d.String() {
			t.Errorf("not the same twice:\n%s", again)
		}
		if back := Compare(after, before); back.Empty() {
			t.Error("there is a difference one way only")
		}
	})
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
