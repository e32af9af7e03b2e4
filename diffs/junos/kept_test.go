package junos

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestKeptProperty: set lines of which some do not fit the schema, since the last word is gone, another stands in its
// place or one more behind it, are read all the same, and the texts of what was read mean it.
func TestKeptProperty(t *testing.T) {
	kept := 0
	makers(t, 150, func(t *testing.T, m *treeMaker) {
		m.marks = false
		m.words = []string{"a1", "b10", "192.0.2.1", "10m", "two words"}
		lines := strings.SplitAfter(m.tree(nil).Set(), "\n")
		for range 1 + len(lines)/8 {
			i := m.IntN(len(lines))
			lines[i] = spoil(m.Rand, lines[i])
		}
		text := strings.Join(lines, "")
		tree, err := Parse("", []byte(text), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		Walk(tree.Root, func(_ []string, n *Node) bool {
			for _, c := range n.Children {
				if c.misfits(n) {
					kept++
				}
			}
			return true
		})
		checkGuessed(t, tree)
	})
	if kept < 100 {
		t.Errorf("%d statements did not fit: too few to tell", kept)
	}
}

// spoil changes the last word of a set line.
func spoil(r *rand.Rand, line string) string {
	line = strings.TrimSuffix(line, "\n")
	cut := strings.LastIndexByte(line, ' ')
	if strings.Count(line, " ") < 3 || strings.HasSuffix(line, `"`) {
		return line + "\n"
	}
	switch r.IntN(3) {
	case 0:
		return line[:cut] + "\n"
	case 1:
		return line[:cut] + " odd\n"
	}
	return line + " odd\n"
}
