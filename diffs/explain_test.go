package diffs

import (
	"strings"
	"testing"
)

// TestExplain: guesses of both texts, those of one place together, what both have once.
func TestExplain(t *testing.T) {
	before := parse(t, "b", "system { colour red; }\ninterfaces { ge-0/0/0 { taste a { x 1; } } }", nil)
	after := parse(t, "a", "system { colour blue; shape round; }\ninterfaces { ge-0/0/0 { taste a { x 2; } }\nge-0/0/1 { taste b { x 1; y 2; } } }", nil)
	var got []string
	for _, g := range Explain("before.conf", before, "after.conf", after) {
		got = append(got, g.String()+" e.g. "+g.Example)
	}
	want := `before.conf:1: system colour: taken for a leaf e.g. system colour
before.conf:2: interfaces * taste *: taken for a list (5 statements) e.g. interfaces ge-0/0/0 taste a
after.conf:1: system shape: taken for a leaf e.g. system shape`
	if g := strings.Join(got, "\n"); g != want {
		t.Errorf("got\n%s\nwant\n%s", g, want)
	}
	if got := Explain("a", parse(t, "a", "system { host-name x; }", nil), "b", parse(t, "b", "", nil)); got != nil {
		t.Errorf("guessed %v", got)
	}
}
