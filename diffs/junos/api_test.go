package junos

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func mustParse(t *testing.T, text string) *Tree {
	t.Helper()
	tree, err := Parse("", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

const small = `
system { name-server { 192.0.2.1; 192.0.2.2; } domain-search [ a b ]; }
interfaces { ge-0/0/0 { description "two words"; unit 0 { family inet { address 192.0.2.1/31; } } } }
security { policies { from-zone a to-zone b { policy p { then { permit; } } } } }
policy-options { policy-statement P { term a { then { local-preference 200; } } } prefix-list l { 192.0.2.0/24; } }
firewall { family inet { filter f { inactive: term a { then accept; } } } }
made-up { thing a; thing b; knob 5; }
`

func TestLookupAndPath(t *testing.T) {
	tree := mustParse(t, small)
	for _, c := range []struct {
		path string
		kind Kind
		full string // its Path, if other than path; "-" if it is not there
	}{
		{"system", Container, ""},
		{"system name-server 192.0.2.2", Entry, ""},
		{"system domain-search", LeafList, ""},
		{"system domain-search b", LeafList, "system domain-search"},
		{"system domain-search c", LeafList, "-"},
		{"interfaces ge-0/0/0", Entry, ""},
		{"interfaces ge-0/0/0 description", Leaf, ""},
		{"interfaces ge-0/0/0 unit 0 family", Container, ""},
		{"interfaces ge-0/0/0 unit 0 family inet address 192.0.2.1/31", Entry, ""},
		{"interfaces ge-0/0/1", Entry, "-"},
		{"interfaces ge-0/0/0 unit", Entry, "-"},
		{"security policies from-zone a to-zone b policy p then permit", Container, ""},
		{"policy-options prefix-list l 192.0.2.0/24", Entry, ""},
		{"policy-options policy-statement P term a then local-preference", Container, ""},
		{"policy-options policy-statement P term a then local-preference 200", Leaf, ""},
		{"firewall family inet filter f term a then accept", Leaf, ""},
		{"firewall family inet filter f term a then accept more", Leaf, "-"},
		{"made-up thing b", Entry, ""},
		{"made-up knob 5", Leaf, ""},
		{"made-up knob", Leaf, "-"},
	} {
		n := tree.Lookup(strings.Fields(c.path)...)
		if c.full == "-" {
			if n != nil {
				t.Errorf("%s: found %v", c.path, n.Words())
			}
			continue
		}
		if n == nil {
			t.Errorf("%s: not found", c.path)
			continue
		}
		if n.Kind != c.kind {
			t.Errorf("%s: kind %d, want %d", c.path, n.Kind, c.kind)
		}
		want := c.full
		if want == "" {
			want = c.path
		}
		if got := strings.Join(tree.Path(n), " "); got != want {
			t.Errorf("%s: path %q", c.path, got)
		}
	}
	if tree.Lookup() != tree.Root || tree.Path(tree.Root) != nil || tree.Path(&Node{}) != nil {
		t.Error("the root has no words, a stranger no path")
	}
}

func TestLines(t *testing.T) {
	tree := mustParse(t, small)
	show := func(lines []Line) string {
		var b strings.Builder
		for _, l := range lines {
			b.WriteString(strings.Repeat(">", l.Depth) + l.Text + "\n")
		}
		return b.String()
	}
	at := func(path string) *Node { return tree.Lookup(strings.Fields(path)...) }
	for _, c := range []struct{ name, got, want string }{
		{"inline", show(Lines(at("interfaces ge-0/0/0 unit 0 family"), Style{})), "family inet {\n>address 192.0.2.1/31;\n}\n"},
		{
			"in its company", show(Lines(at("interfaces ge-0/0/0 unit 0 family inet"), Style{Prefix: "family"})),
			"family inet {\n>address 192.0.2.1/31;\n}\n",
		},
		{"short", show(Lines(at("firewall family inet filter f term a"), Style{Short: true})), "inactive: term a { ... }\n"},
		{"no keyword", show(Lines(at("system name-server 192.0.2.1"), Style{NoKeyword: true})), "192.0.2.1;\n"},
		{
			"block", show(Block([]*Node{at("system name-server 192.0.2.1"), at("system name-server 192.0.2.2")})),
			"name-server {\n>192.0.2.1;\n>192.0.2.2;\n}\n",
		},
		{"hidden", show(Lines(at("policy-options policy-statement P term a then local-preference 200"),
			Style{Prefix: "local-preference"})), "local-preference 200;\n"},
		{"head", Head(at("security policies from-zone a to-zone b"), Style{}), "from-zone a to-zone b"},
		{"head of a leaf", Head(at("interfaces ge-0/0/0 description"), Style{}), "description"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	for path, want := range map[string][2]bool{
		"interfaces ge-0/0/0 unit 0 family":                              {true, false},
		"policy-options policy-statement P term a then local-preference": {true, true},
		"policy-options policy-statement P term a then":                  {false, true},
		"interfaces ge-0/0/0 unit 0":                                     {false, false},
	} {
		if got := [2]bool{IsCollapsed(at(path)), OneLine(at(path))}; got != want {
			t.Errorf("%s: collapsed, one line: %v, want %v", path, got, want)
		}
	}
}

func TestForRelease(t *testing.T) {
	const text = "policy-options { prefix-list b; prefix-list a; }\nsystem { syslog { file b { any any; } file a { any any; } } }\n"
	for _, c := range []struct {
		release          string
		lists, files, ok bool // ordered by user
	}{
		{"", false, false, true},
		{"23.4R1", false, false, true},
		{"22.1", false, false, true},
		{"21.4R3-S5", true, false, true},
		{"20.4", true, true, true},
		{"13.3R8.7", true, true, true},
		{"new", false, false, false},
		{"20.x", false, false, false},
	} {
		s, err := ForRelease(c.release)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.release, err)
		}
		if err != nil {
			continue
		}
		tree, err := Parse("", []byte(text), s)
		if err != nil {
			t.Fatal(err)
		}
		got := tree.Text()
		if user := strings.Index(got, "prefix-list b") < strings.Index(got, "prefix-list a"); user != c.lists {
			t.Errorf("%q: prefix lists ordered by user: %v", c.release, user)
		}
		if user := strings.Index(got, "file b") < strings.Index(got, "file a"); user != c.files {
			t.Errorf("%q: files ordered by user: %v", c.release, user)
		}
	}
}

func TestTableMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"use x":                       "not defined above",
		"a {} bla":                    "unknown flag",
		"a [name":                     "no ]",
		"a []":                        "a list without keys",
		"  a=":                        "indent",
		"<a> [name] homogeneous":      "has its name written",
		"a= b=c":                      "bad leaf",
		"a {}\n    b=":                "indent",
		"define d\n  use d2\nuse d\n": "not defined above",
	} {
		if _, err := parseTable(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestMode(t *testing.T) {
	for m := Merge; m <= Set; m++ {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var got Mode
		if err := json.Unmarshal(text, &got); err != nil || got != m {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	if err := new(Mode).UnmarshalText([]byte("patched")); err == nil {
		t.Error("patched is no mode")
	}
	if got := Mode(9).String(); got != "Mode(9)" {
		t.Error(got)
	}
}

// refusal is the complaint of a load and of ParseChange about a text, which is the same.
func refusal(t *testing.T, file, text string) error {
	t.Helper()
	_, err := ParseChange(file, []byte(text), nil)
	if _, loaded := New(nil).Load(file, []byte(text), Override); fmt.Sprint(loaded) != fmt.Sprint(err) {
		t.Errorf("ParseChange says\n%v\n--- a load says\n%v", err, loaded)
	}
	return err
}

func TestErrors(t *testing.T) {
	err := refusal(t, "x.conf", "system { host-name; }")
	var e *Error
	if !errors.As(err, &e) || e.Pos != (Pos{1, 10}) || !slices.Equal(e.Path, []string{"system"}) || e.File != "x.conf" {
		t.Errorf("%+v", e)
	}
	for want, e := range map[string]*Error{
		"m":                       {Message: "m"},
		"f: m":                    {File: "f", Message: "m"},
		"2:3: m":                  {Pos: Pos{2, 3}, Message: "m"},
		"f:2:3: [edit a b] m (x)": {File: "f", Pos: Pos{2, 3}, Path: []string{"a", "b"}, Message: "m", Expected: "x"},
	} {
		if e.Error() != want {
			t.Errorf("%q, want %q", e.Error(), want)
		}
	}
	err = refusal(t, "", strings.Repeat("system { host-name; }\n", 1000))
	var list ErrorList
	if !errors.As(err, &list) || len(list) != maxErrors {
		t.Errorf("%d errors, want %d", len(list), maxErrors)
	}
	if _, err := Parse("", []byte(strings.Repeat("a {", 10000)), nil); err == nil {
		t.Error("no limit to the depth")
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "": `""`, "a b": `"a b"`, `a"b`: `"a\"b"`, "<*>": "<*>", "$9$x": `"$9$x"`, "inactive:": `"inactive:"`,
		"/*": `"/*"`, "/24": "/24", "( A && B )": "( A && B )", "( A )": "( A )", "( A B )": `"( A B )"`, "(A)": `"(A)"`, "( )": `"( )"`, "(  )": `"(  )"`, "(a|b)": `"(a|b)"`, `a\.b`: `"a\.b"`, `a\`: `"a\\"`,
		"a\nb": `"a\nb"`, "[a]": `"[a]"`, "target:1:1": "target:1:1", "ge-0/0/0.0": "ge-0/0/0.0", "*": "*",
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestCompareKeys(t *testing.T) {
	want := []string{
		"0.0.0.0/8", "10.0.0.0/8", "10.0.0.0/24", "10.0.0.1", "192.0.2.9", "192.0.2.10", "2001:db8::/32", "2001:db8::a",
		"ge-0/0/2", "ge-0/0/2.7", "xe-0/0/2", "xe-0/0/2:1", "ge-0/0/10", "xe-0/1/0", "ge-1/0/0", "0", "01", "1", "2", "10",
		"ae1", "fxp0", "ge-0/0", "ge-0/0/*", "lo0", "x", "x1",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int { return CompareKeys([]string{a}, []string{b}) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if CompareKeys([]string{"a"}, []string{"a", "b"}) >= 0 {
		t.Error("fewer keys come first")
	}
}

func TestFingerprint(t *testing.T) {
	a := mustParse(t, "## Last commit: 2026-01-02\nsystem { host-name a; domain-name b; }")
	b := mustParse(t, "set system domain-name b\nset system host-name a\n")
	c := mustParse(t, "system { host-name a; inactive: domain-name b; }")
	if a.Fingerprint() != b.Fingerprint() || a.Fingerprint() == c.Fingerprint() || !strings.HasPrefix(a.Fingerprint(), "sha256:") {
		t.Error(a.Fingerprint(), b.Fingerprint(), c.Fingerprint())
	}
	if a.Header != "## Last commit: 2026-01-02" {
		t.Errorf("header %q", a.Header)
	}
}

func TestTopOrder(t *testing.T) {
	tree := mustParse(t, "protocols { lldp { interface all; } }\nsystem { host-name a; }\nprotocols { lacp { ppm x; } }\n")
	if got := fmt.Sprint(tree.TopOrder); got != "[protocols system]" {
		t.Error(got)
	}
	if _, err := tree.Load("", []byte("set snmp location x\ndelete protocols\n"), Set); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(tree.TopOrder); got != "[system snmp]" {
		t.Error(got)
	}
}

func TestUnify(t *testing.T) {
	a := mustParse(t, "made-up { server 192.0.2.1; words [ a b ]; knob 1; box { x; } }")
	b := mustParse(t, "made-up { server 192.0.2.1; server 192.0.2.2; words a; knob 2; box; }")
	Unify(a, b)
	kinds := func(tree *Tree) (s []string) {
		for _, c := range tree.Root.Children[0].Children {
			if k := fmt.Sprint(c.Name, c.Kind); !slices.Contains(s, k) {
				s = append(s, k)
			}
		}
		return s
	}
	if !slices.Equal(kinds(a), kinds(b)) {
		t.Errorf("%v and %v", kinds(a), kinds(b))
	}
}

// TestSetDescribesChoices: in set lines that describe a configuration, a statement that a later line deactivates does not
// take the place of one that it excludes; of active ones the last line counts. In set lines that change one, each line
// counts when it comes.
func TestSetDescribesChoices(t *testing.T) {
	const at = "firewall family inet filter f term t then "
	lines := "set " + at + "accept\nset " + at + "discard\ndeactivate " + at + "discard\n"
	for text, want := range map[string]string{
		lines: lines,
		"set " + at + "discard\nset " + at + "accept\ndeactivate firewall family inet filter f\n": "set " + at + "accept\ndeactivate firewall family inet filter f\n",
	} {
		if got := must(Parse("", []byte(text), nil)).Set(); got != want {
			t.Errorf("%s is read as\n%s", text, got)
		}
	}
	changed := New(nil)
	if _, err := changed.Load("", []byte(lines), Set); err != nil {
		t.Fatal(err)
	}
	if got, want := changed.Set(), "set "+at+"discard\ndeactivate "+at+"discard\n"; got != want {
		t.Errorf("the commands give\n%s", got)
	}
}

// TestSetAfterDelete: a container that means nothing when empty is gone with its last child, and its marks with it.
func TestSetAfterDelete(t *testing.T) {
	tree := must(Parse("", []byte("inactive: bridge-domains {\n    a {\n        domain-type bridge;\n    }\n}\n"), nil))
	if _, err := tree.Load("", []byte("delete bridge-domains a\nset bridge-domains b domain-type bridge\n"), Set); err != nil {
		t.Fatal(err)
	}
	if got, want := tree.Set(), "set bridge-domains b domain-type bridge\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}
