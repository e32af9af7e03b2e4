package diffs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

func mustParse(t *testing.T, text string) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("test", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// undo applies the inverse.
func undo(t *testing.T, before, after, now *junos.Tree) (*junos.Tree, error) {
	t.Helper()
	c, err := Invert(before, after, now)
	if err != nil {
		return nil, err
	}
	out := now.Clone()
	if c.Text == "" {
		return out, nil
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	warnings, err := out.Load("inverse", []byte(c.Text), c.Mode)
	if err != nil {
		t.Fatalf("%v\n%s", err, c.Text)
	}
	for _, w := range warnings {
		t.Errorf("%v\n%s", w, c.Text)
	}
	return out, nil
}

func TestInvertRandom(t *testing.T) {
	random(t, 250, checkInvert)
}

func FuzzInvert(f *testing.F) {
	for n := range uint64(8) {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := newRandom(seed)
		a, b := r.pair(t)
		checkInvert(t, a, b)
		checkThree(t, r, a, b)
	})
}

// checkInvert: what was done is undone, once.
func checkInvert(t *testing.T, before, after *junos.Tree) {
	t.Helper()
	got, err := undo(t, before, after, after)
	if err != nil {
		t.Fatal(err)
	}
	if got.Set() != before.Set() {
		t.Errorf("undone it is\n%s", got.Set())
	}
	if c, err := Invert(before, after, before); err != nil || c.Text != "" {
		t.Errorf("undo again: %q, %v", c.Text, err)
	}
	if n := len(Touched(before, after)); (n == 0) != (before.Set() == after.Set()) {
		t.Errorf("%d statements touched", n)
	}
}

// TestInvertUnrelated: what others have changed elsewhere since stays.
func TestInvertUnrelated(t *testing.T) {
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := newRandom(seed)
			before, a := r.pair(t)
			_, other := r.pair(t)
			theirs := map[string]bool{}
			for _, n := range names(before.Root, a.Root, other.Root) {
				theirs[n] = r.IntN(2) == 0
			}
			mix := func(mine, their *junos.Tree) *junos.Tree {
				raw := junos.New(nil)
				for _, n := range names(mine.Root, their.Root) {
					from := mine
					if theirs[n] {
						from = their
					}
					raw.Root.Children = append(raw.Root.Children, named(from.Clone().Root, n)...)
				}
				return readBack(t, raw)
			}
			after := mix(a, before)
			now, want := mix(after, other), mix(before, other)
			got, err := undo(t, before, after, now)
			if err != nil {
				t.Fatal(err)
			}
			if got.Set() != want.Set() {
				t.Errorf("undone it is\n%s\nwant\n%s", got.Set(), want.Set())
			}
		})
	}
}

// TestInvertThree: of any three configurations, either there are conflicts, or every statement that the change touched
// is as it was before and every other as it is today; and doing it again does nothing.
func TestInvertThree(t *testing.T) {
	clean, refused := 0, 0
	for seed := range uint64(400) {
		r := newRandom(seed)
		a, b := r.pair(t)
		if checkThree(t, r, a, b) {
			clean++
		} else {
			refused++
		}
	}
	if clean < 40 || refused < 40 {
		t.Errorf("%d undone and %d refused: the test has too few of one kind", clean, refused)
	}
}

func checkThree(t *testing.T, r *randomConfig, before, after *junos.Tree) (clean bool) {
	t.Helper()
	now := after.Clone()
	r.shuffle(now.Root)
	if r.IntN(2) == 0 {
		small := junos.New(nil)
		r.fill(small.Root, 0, 2)
		if _, err := now.Load("theirs", []byte(small.Text()), junos.Merge); err != nil {
			t.Fatal(err)
		}
	}
	now = readBack(t, now)
	got, err := undo(t, before, after, now)
	if e, ok := errors.AsType[*ConflictError](err); ok {
		if len(e.Conflicts) == 0 || now.Set() == after.Set() || now.Set() == before.Set() {
			t.Errorf("refused: %v", err)
		}
		for _, c := range e.Conflicts {
			if c.Did == "" || c.Since == "" || len(c.Path) == 0 {
				t.Errorf("conflict %+v", c)
			}
		}
		return false
	}
	if err != nil {
		t.Fatalf("%v\nbefore\n%s\nafter\n%s\nnow\n%s", err, before.Set(), after.Set(), now.Set())
	}
	fail := func(what string, path []string) {
		t.Errorf("%s at %v\nbefore\n%s\nafter\n%s\nnow\n%s\ngot\n%s", what, path, before.Set(), after.Set(), now.Set(), got.Set())
	}
	ours := Touched(before, after)
	for _, path := range ours {
		// A leaf-list, or a container that others have added to, may hold what it did not hold before.
		g, b := got.Lookup(path...), before.Lookup(path...)
		if b != nil && g == nil || g != nil && b == nil && g.Kind != junos.LeafList && g.Kind != junos.Container {
			fail("not as before", path)
		}
		if g != nil && b != nil && g.Kind == junos.Leaf && !slices.Equal(g.Values, b.Values) {
			fail("another value than before", path)
		}
	}
	touched := func(path []string) bool {
		return slices.ContainsFunc(ours, func(o []string) bool { return starts(o, path) || starts(path, o) })
	}
	for _, path := range Touched(now, got) {
		if !touched(path) {
			fail("changed although the change did not touch it", path)
		}
	}
	if again, err := Invert(before, after, got); err != nil || again.Text != "" {
		t.Errorf("undo again: %q, %v\nbefore\n%s\nafter\n%s\nnow\n%s\ngot\n%s", again.Text, err, before.Set(), after.Set(), now.Set(), got.Set())
	}
	return true
}

func starts(path, with []string) bool {
	return len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}

const invertBase = `set system host-name cr1
set system domain-name example.net
set interfaces ge-0/0/0 description up
set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/31
set policy-options prefix-list A 192.0.2.0/24
set policy-options prefix-list A 198.51.100.0/24
set policy-options policy-statement P term a then accept
set policy-options policy-statement P term b then reject
set policy-options policy-statement P term c then next-hop self
set protocols bgp group G import [ X Y ]
`

func TestInvert(t *testing.T) {
	for _, c := range []struct {
		name, did, since string
		want             string // set lines of the inverse; or
		conflict         string // a conflict
	}{
		{"a leaf", "set system host-name cr2", "", "set system host-name cr1", ""},
		{"a leaf, others elsewhere", "set system host-name cr2", "set system services ssh", "set system host-name cr1", ""},
		{"a leaf, undone by hand", "set system host-name cr2", "set system host-name cr1", "", ""},
		{"a leaf, changed again", "set system host-name cr2", "set system host-name cr3", "", "system host-name (was changed, and is changed since)"},
		{"a leaf, gone", "set system host-name cr2", "delete system host-name", "", "system host-name (was changed, and is gone since)"},
		{"a leaf, deactivated", "set system host-name cr2", "deactivate system host-name", "set system host-name cr1", ""},
		{"deleted, there again", "delete system domain-name", "set system domain-name example.org", "", "system domain-name (was deleted, and is there again since)"},
		{"an entry", "set interfaces ge-0/0/1 mtu 9000", "", "delete interfaces ge-0/0/1", ""},
		{
			"an entry, added to", "set interfaces ge-0/0/1 mtu 9000", "set interfaces ge-0/0/1 description mine", "",
			"interfaces ge-0/0/1 (was added, and is changed since)",
		},
		{
			"an entry deleted, its neighbour changed", "delete interfaces ge-0/0/0 unit 0", "set interfaces ge-0/0/0 description new",
			"set interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/31", "",
		},
		{
			"in an entry that was deleted", "set interfaces ge-0/0/0 mtu 9000", "delete interfaces ge-0/0/0", "",
			"interfaces ge-0/0/0 (was changed, and is gone since)",
		},
		{"a container, added to", "set protocols lldp interface all", "set protocols lldp interface ge-0/0/1", "delete protocols lldp interface all", ""},
		{
			"values of a list", "delete policy-options prefix-list A 192.0.2.0/24", "set policy-options prefix-list A 203.0.113.0/24",
			"set policy-options prefix-list A 192.0.2.0/24", "",
		},
		{
			"a term between", "delete policy-options policy-statement P term b", "set policy-options policy-statement P term d then accept",
			"set policy-options policy-statement P term b then reject\ninsert policy-options policy-statement P term b after term a", "",
		},
		{
			"a term, its neighbours turned round", "delete policy-options policy-statement P term b",
			"insert policy-options policy-statement P term c before term a", "",
			"policy-options policy-statement P term (was put in another order, and is in another order again since)",
		},
		{
			"moved", "insert policy-options policy-statement P term c before term a", "set system services ssh",
			"insert policy-options policy-statement P term c after term b", "",
		},
		{
			"moved, and again", "insert policy-options policy-statement P term c before term a",
			"insert policy-options policy-statement P term b before term c", "",
			"policy-options policy-statement P term (was put in another order, and is in another order again since)",
		},
		{
			"deactivated", "deactivate policy-options policy-statement P term a", "set policy-options policy-statement P term b then accept",
			"activate policy-options policy-statement P term a", "",
		},
		{
			"deactivated, and active again", "deactivate policy-options policy-statement P term a",
			"activate policy-options policy-statement P term a", "", "",
		},
		{
			"alternatives", "set policy-options policy-statement P term c then next-hop peer-address",
			"set policy-options policy-statement P term c then next-hop discard", "",
			"policy-options policy-statement P term c then next-hop self (was deleted, and is replaced by discard since)",
		},
		{"a chain", "delete protocols bgp group G import X", "", "delete protocols bgp group G import\nset protocols bgp group G import X\nset protocols bgp group G import Y", ""},
		{
			"a chain, longer since", "delete protocols bgp group G import X", "set protocols bgp group G import Z",
			"delete protocols bgp group G import\nset protocols bgp group G import X\nset protocols bgp group G import Y\nset protocols bgp group G import Z", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := mustParse(t, invertBase)
			step := func(from *junos.Tree, lines string) *junos.Tree {
				out := from.Clone()
				if _, err := out.Load("step", []byte(lines), junos.Set); err != nil {
					t.Fatal(err)
				}
				return out
			}
			after := step(before, c.did)
			now := after
			if c.since != "" {
				now = step(after, c.since)
			}
			was := now.Set()
			got, err := Invert(before, after, now)
			if now.Set() != was {
				t.Error("the argument was changed")
			}
			if c.conflict != "" {
				e, ok := errors.AsType[*ConflictError](err)
				if !ok || !errors.Is(err, ErrConflict) || len(e.Conflicts) != 1 || e.Conflicts[0].String() != c.conflict {
					t.Fatalf("got %q, %v", got.Text, err)
				}
				return
			}
			if err != nil || strings.TrimSpace(got.Text) != c.want {
				t.Errorf("got %q, %v", got.Text, err)
			}
		})
	}
}
