package diffs

import (
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// TestPruneRandom holds pruning to its promise for random configurations: what is removed was rendered before and is not
// rendered now, all of it is gone, and everything else on the device stays as it is.
func TestPruneRandom(t *testing.T) {
	pruned := 0
	for seed := range uint64(300) {
		r := newRandom(2 * seed) // without marks: what is protected can't be pruned
		last, rendered := r.pair(t)
		running := r.tree(t) // by hand
		for _, mode := range []*junos.Tree{last, rendered} {
			if _, err := running.Load("render", []byte(mode.Text()), junos.Merge); err != nil {
				t.Fatal(err)
			}
		}
		orphans := Orphans(last, rendered, running)
		if len(orphans) == 0 {
			continue
		}
		pruned++
		after := running.Clone()
		change := Prune(orphans)
		if err := change.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := after.Load("prune", []byte(change.Text), change.Mode); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, change.Text)
		}
		was, now, ours, want := commands(running), commands(after), commands(last), commands(rendered)
		for _, l := range was {
			switch gone := !slices.Contains(now, l); {
			case gone && !slices.Contains(ours, l):
				t.Errorf("seed %d: pruned what was never rendered: %s", seed, l)
			case gone && slices.Contains(want, l):
				t.Errorf("seed %d: pruned what is rendered: %s", seed, l)
			}
		}
		for _, l := range now {
			if !slices.Contains(was, l) && !slices.ContainsFunc(was, func(w string) bool { return strings.HasPrefix(w, l+" ") }) {
				t.Errorf("seed %d: pruning added %s", seed, l)
			}
		}
		if left := Orphans(last, rendered, after); len(left) > 0 {
			t.Errorf("seed %d: %q are left\n%s", seed, left, change.Text)
		}
		if t.Failed() {
			t.Fatalf("last\n%s\nrendered\n%s\nrunning\n%s\norphans %q", last.Text(), rendered.Text(), running.Text(), orphans)
		}
	}
	if pruned < 100 {
		t.Errorf("only %d of the cases have orphans", pruned)
	}
}

// commands are the set lines of a configuration.
func commands(t *junos.Tree) []string { return strings.Split(strings.TrimSpace(t.Set()), "\n") }
