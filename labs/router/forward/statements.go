package forward

import (
	"slices"

	"rhapsode/diffs/junos"
)

// statements gives what stands below nodes as lines of words.
func statements(nodes []*junos.Node, at []string) [][]string {
	var out [][]string
	for _, n := range nodes {
		here := append(slices.Clip(at), n.Words()...)
		if len(n.Children) == 0 {
			out = append(out, here)
			continue
		}
		out = append(out, statements(n.Children, here)...)
	}
	return out
}
