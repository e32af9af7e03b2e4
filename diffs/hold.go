package diffs

import (
	"slices"

	"rhapsode/diffs/junos"
)

// Hold keeps inactive what a person made inactive: every statement that is inactive in running and active in rendered
// is marked inactive in rendered, so that loading rendered changes nothing about it. It returns the topmost of them in
// the order of rendered, without Since, User and Comment, which only the device's history knows.
//
// A statement whose path is in except is activated instead: it gets the tag `active:`, since loading an active statement
// onto an inactive one leaves it inactive. A path in except names that statement alone, nothing above or below it, in
// words as a Held has them.
//
// rendered is changed; its load-time tags stay. Nothing is held of what rendered deletes or doesn't have.
func Hold(rendered, running *junos.Tree, except [][]string) []Held {
	h := holder{except: except}
	h.children(nil, running.Root, rendered.Root, true)
	return h.held
}

type holder struct {
	except [][]string
	held   []Held
}

func (h *holder) children(path []string, running, rendered *junos.Node, report bool) {
	for _, s := range pair(running, rendered, order{}, order{}) {
		if !s.isList() {
			if b, a := first(s.before), first(s.after); b != nil && a != nil {
				h.node(path, b, a, report)
			}
			continue
		}
		at := byKey(s.before)
		for _, a := range s.after {
			if i, ok := at[key(a)]; ok {
				h.node(path, s.before[i], a, report)
			}
		}
	}
}

func (h *holder) node(path []string, running, rendered *junos.Node, report bool) {
	if rendered.Op&junos.DeleteOp != 0 {
		return
	}
	path = slices.Concat(path, junos.PathWords(rendered))
	if running.Inactive && !rendered.Inactive {
		if slices.ContainsFunc(h.except, func(p []string) bool { return slices.Equal(p, path) }) {
			rendered.Op |= junos.ActivateOp
		} else {
			rendered.Inactive = true
			rendered.Op &^= junos.ActivateOp
			if report {
				h.held = append(h.held, Held{Path: path})
			}
			// What is inactive within stays so too, but one line about it is enough.
			report = false
		}
	}
	h.children(path, running, rendered, report)
}
