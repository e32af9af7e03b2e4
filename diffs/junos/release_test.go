package junos

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestParseRelease(t *testing.T) {
	for text, want := range map[string]Release{
		"20.4": {20, 4}, "20.4R3-S1.7": {20, 4}, "14.1X53-D49.1": {14, 1}, "22.3R1.12-EVO": {22, 3}, "9.6R1": {9, 6},
		"24.4I-20250101": {24, 4},
	} {
		if got, err := ParseRelease(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "20.", ".4", "20.x", "20.4 ", "v20.4", "20.4foo", "2020.4", "20.4.1", "0.1", "newest", "20.4R3 x"} {
		if r, err := ParseRelease(text); err == nil || !strings.Contains(err.Error(), "read junos release") {
			t.Errorf("%q: %v, %v", text, r, err)
		}
	}
	if got := (Release{20, 4}).String() + "|" + (Release{}).String(); got != "20.4|" {
		t.Error(got)
	}
	ordered := []Release{{9, 6}, {18, 3}, {18, 4}, {20, 4}, {}}
	if !slices.IsSortedFunc(ordered, Release.Compare) || ordered[4].Compare(ordered[0]) != 1 || ordered[1].Compare(ordered[1]) != 0 {
		t.Error("not in order")
	}
}

func TestTreeRelease(t *testing.T) {
	for text, want := range map[string]string{
		"version 20.4R3-S1.7;\n":                         "20.4",
		"version \"12.1X47-D15.4 [builder]\";\n":         "12.1",
		"set version 21.2R1.10\nset system host-name x":  "21.2",
		"# Junos: 18.2R1\nsystem { host-name x; }":       "18.2",
		"## JUNOS [14.1R4.8]\nsystem { host-name x; }":   "14.1",
		"# Junos: 18.2R1\nversion 20.4R1;":               "20.4",
		"## Last commit: 2024-09-25 16:44:54 UTC by x\n": "",
		"# version of 2024: 12.30 o'clock\nsystem { }":   "",
		"version internal;":                              "",
		"system { host-name x; }":                        "",
	} {
		tree, err := Parse("", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tree.Release(); got.String() != want || ok != (want != "") {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

// TestAtTopLevel: releases up to 18.3 have another order of hierarchies, also in groups and logical systems.
func TestAtTopLevel(t *testing.T) {
	const text = "interfaces { lo0; } policy-options { prefix-list p; } routing-options { router-id 192.0.2.1; } protocols { lldp { interface all; } }"
	const now = "interfaces policy-options routing-options protocols"
	const old = "interfaces routing-options protocols policy-options"
	for name, s := range map[string]*Schema{"table": Builtin(), "full": nil} {
		t.Run(name, func(t *testing.T) {
			if s == nil {
				s = fullSchema(t, fullSchemaFiles[0])
			}
			for release, want := range map[Release]string{{}: now, {23, 4}: now, {18, 4}: now, {18, 3}: old, {12, 3}: old} {
				tree, err := Parse("", []byte("groups { g { "+text+" } }\nlogical-systems { l { "+text+" } }\n"+text), s.At(release))
				if err != nil {
					t.Fatal(err)
				}
				for _, at := range [][]string{{}, {"groups", "g"}, {"logical-systems", "l"}} {
					var names []string
					for _, c := range tree.Lookup(at...).Children {
						if c.Name != "groups" && c.Name != "logical-systems" {
							names = append(names, c.Name)
						}
					}
					if got := strings.Join(names, " "); got != want {
						t.Errorf("%v %v: %s, want %s", release, at, got, want)
					}
				}
			}
		})
	}
}

// TestAtConcurrent: several may ask for an order while others use the table.
func TestAtConcurrent(t *testing.T) {
	var wg sync.WaitGroup
	for _, r := range []Release{{}, {13, 3}, {20, 4}, {21, 4}} {
		wg.Go(func() {
			if _, err := Parse("", []byte("policy-options { prefix-list b; prefix-list a; }"), Builtin().At(r)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestGuesses(t *testing.T) {
	tree, err := Parse("x", []byte(`system {
    colour red;
    shape {
        round;
    }
}
interfaces {
    ge-0/0/0 {
        unit 0 {
            flavour [ sweet sour ];
            taste a { x 1; }
            taste b { x 2; y 3; }
        }
    }
    ge-0/0/1 { unit 7 { taste c { x 1; } } }
}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range Guesses(tree) {
		got = append(got, strings.Join(g.Path, " ")+" | "+strings.Join(g.Place, " ")+" | "+g.Kind.String()+" "+string(rune('0'+g.Statements))+" line "+string(rune('0'+g.Pos.Line)))
	}
	want := []string{
		"system colour | system colour | leaf 1 line 2",
		"system shape | system shape | container 2 line 3",
		"interfaces ge-0/0/0 unit 0 flavour | interfaces * unit * flavour | leaf-list 1 line :",
		"interfaces ge-0/0/0 unit 0 taste a | interfaces * unit * taste * | list 2 line ;",
		"interfaces ge-0/0/0 unit 0 taste b | interfaces * unit * taste * | list 3 line <",
		"interfaces ge-0/0/1 unit 7 taste c | interfaces * unit * taste * | list 2 line ?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
