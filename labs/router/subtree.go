package router

import (
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// compareBelow compares the part of two configurations at a path. The whole way down to it stands in the banners.
func compareBelow(before, after *junos.Tree, path []string) string {
	return diffs.Compare(before.Around(path...), after.Around(path...)).String()
}

// parentLength is how many words of the shell's place are left one statement up. A keyword that only stands before
// others, such as `family`, is no place of its own.
func (sh *shell) parentLength() int {
	tree := sh.r.db.candidateOf(sh.s)
	for n := len(sh.path) - 1; n > 0; n-- {
		if node := tree.Lookup(sh.path[:n]...); node != nil && !node.Schema.Is(junos.Inline) {
			return n
		}
	}
	return 0
}
