package junos

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files")

// yangNode is a node of the schema derived from the vendor's YANG; see the README beside it.
type yangNode struct {
	Name     string      `json:"n"`
	Kind     string      `json:"k"`
	Children []*yangNode `json:"c"`
	Keys     []string    `json:"key"`
	User     bool        `json:"u"`
	Flags    string      `json:"x"`
	Type     string      `json:"t"`
}

func loadYang(t *testing.T, name string) *yangNode {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedDir(t, "schema"), name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := new(yangNode)
	if err := json.NewDecoder(z).Decode(root); err != nil {
		t.Fatal(err)
	}
	return root
}

func (y *yangNode) child(name string) (*yangNode, int) {
	for i, c := range y.Children {
		if c.Name == name {
			return c, i
		}
	}
	return nil, -1
}

// disagreements walks the table and the schema together.
type disagreements struct {
	lines []string
	seen  map[string]bool
}

func (d *disagreements) add(path, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	words := strings.Fields(path) // what stands in many places is listed once
	if key := strings.Join(words[max(0, len(words)-2):], " ") + ": " + message; !d.seen[key] {
		d.seen[key] = true
		d.lines = append(d.lines, path+": "+message)
	}
}

func (d *disagreements) walk(path string, s *Schema, y *yangNode) {
	last, lastName := -1, ""
	for _, c := range s.Children {
		p := strings.TrimPrefix(path+" "+c.Name, " ")
		yc, at := y.child(c.Name)
		if yc == nil {
			d.add(p, "not in the schema")
			continue
		}
		if path != "" && at < last {
			d.add(p, "stands after %s, before it in the schema", lastName)
		}
		if at > last {
			last, lastName = at, c.Name
		}
		d.node(p, c, yc)
	}
}

func (d *disagreements) node(p string, s *Schema, y *yangNode) {
	kind := map[string]Kind{"c": Container, "l": Entry, "f": Leaf, "F": LeafList}[y.Kind]
	if kind != s.Kind {
		d.add(p, "kind %d, schema %d", s.Kind, kind)
		return
	}
	flags := strings.Fields(y.Flags)
	for name, f := range map[string]Flag{"oneliner": Oneliner, "oneliner-plus": OnelinerPlus, "homogeneous": Homogeneous} {
		if in := slices.Contains(flags, name); in != s.Is(f) && (in || kind != Entry) &&
			!(f == Homogeneous && s.Is(Hidden)) { // entries of a list without a name stand together anyway
			d.add(p, "%s %v, schema %v", name, s.Is(f), in)
		}
	}
	switch kind {
	case Leaf:
		if empty := y.Type == "empty"; empty != s.Is(Empty) {
			d.add(p, "empty %v, schema %v", s.Is(Empty), empty)
		}
		if nk := slices.Contains(flags, "nokeyword"); nk != s.Is(Hidden) {
			d.add(p, "keyword left out %v, schema %v", s.Is(Hidden), nk)
		}
	case Entry:
		if y.User != s.Is(UserOrdered) {
			d.add(p, "ordered by user %v, schema %v", s.Is(UserOrdered), y.User)
		}
		keys := max(len(y.Keys), 1)
		for _, k := range s.Keys {
			if k.Choices != nil && (slices.Contains(k.Choices, "exact") || slices.Contains(k.Choices, "equal")) {
				keys-- // choice-ident and choice-value are one key here
			}
		}
		if keys != len(s.Keys) && !(len(y.Keys) == 3 && strings.HasPrefix(y.Keys[0], "choice-")) {
			d.add(p, "%d keys, schema %v", len(s.Keys), y.Keys)
		}
		d.walk(p, s, y)
	case Container:
		d.walk(p, s, y)
	}
}

// TestSchemaAgreement holds the table against the schema that Juniper publishes. What they disagree about stands in
// testdata/schema.txt, each with the reason.
func TestSchemaAgreement(t *testing.T) {
	mx, srx := loadYang(t, "junos-mx-23.4.json.gz"), loadYang(t, "junos-srx-23.4.json.gz")
	d := disagreements{seen: map[string]bool{}}
	for _, c := range Builtin().Children {
		y, _ := mx.child(c.Name)
		if c.Name == "security" || y == nil {
			y, _ = srx.child(c.Name)
		}
		switch {
		case c.Name == "groups" || c.Name == "logical-systems":
		case y == nil:
			d.add(c.Name, "not in the schema")
		default:
			d.node(c.Name, c, y)
		}
	}
	slices.Sort(d.lines)
	golden := filepath.Join("testdata", "schema.txt")
	if *update {
		updateReasons(t, golden, d.lines)
		return
	}
	want := readReasons(t, golden)
	for _, l := range d.lines {
		if _, ok := want[l]; !ok {
			t.Errorf("new: %s", l)
		}
		delete(want, l)
	}
	for l := range want {
		t.Errorf("agree now: %s", l)
	}
}

// readReasons reads lines `disagreement  # reason`.
func readReasons(t *testing.T, file string) map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line, reason, ok := strings.Cut(sc.Text(), "  # ")
		if line == "" || line[0] == '#' {
			continue
		}
		if !ok || reason == "" {
			t.Errorf("%s: no reason: %s", file, line)
		}
		m[line] = reason
	}
	return m
}

func updateReasons(t *testing.T, file string, lines []string) {
	t.Helper()
	old := map[string]string{}
	if _, err := os.Stat(file); err == nil {
		old = readReasons(t, file)
	}
	var b strings.Builder
	b.WriteString("# Where the table and the published schema (23.4R1) disagree, and why.\n")
	for _, l := range lines {
		b.WriteString(l + "  # " + old[l] + "\n")
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
