package inventory

import (
	"slices"
	"strings"
)

// nearest is the name that a mistyped word most likely meant, or empty if none is near.
func nearest(word string, names []string) string {
	limit := 2
	if len(word) < 5 {
		limit = 1 // two letters away from `lb1` is almost anything
	}
	best, closest := "", limit+1
	for _, n := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(n), limit); d < closest {
			best, closest = n, d
		}
	}
	return best
}

// meant is the hint for a name that is not known: the nearest one, or else all of them.
func meant(word, what string, names []string) string {
	if near := nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return what + ": " + some(names)
}

// distance is how many letters must be added, removed, changed or swapped with their neighbour to make b of a. It gives
// up at more than limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var before []int
	last, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, slices.Clone(row), make([]int, len(b)+1)
	}
	return last[len(b)]
}
