package templates

import (
	"fmt"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// OverrideError is an override that does not fit what is rendered. It is never passed over: a person believes that the
// statement is inactive.
type OverrideError struct {
	File    string   // overrides/T123456-ams-ping-offload.yaml
	Task    string   // T123456
	Path    []string // the words of the statement
	Message string   // what is wrong
	Advice  string   // what to do
}

// Error gives `override FILE (TASK): MESSAGE: PATH`.
func (e *OverrideError) Error() string {
	return fmt.Sprintf("override %s (%s): %s: %s", e.File, e.Task, e.Message, words(e.Path))
}

// Hint says what to do.
func (e *OverrideError) Hint() string { return e.Advice }

// override marks inactive what the device's overrides deactivate. tree is changed.
func override(list []*inventory.Override, dev *inventory.Device, tree *junos.Tree) error {
	for _, o := range list {
		if !slices.Contains(o.Devices, dev) {
			continue
		}
		if err := apply(o, tree); err != nil {
			return err
		}
	}
	return nil
}

func apply(o *inventory.Override, tree *junos.Tree) error {
	e := &OverrideError{File: o.File, Task: o.Task, Path: o.Path}
	if o.Action != inventory.Deactivate {
		e.Message = fmt.Sprintf("the action %q is not known (only %s is)", o.Action, inventory.Deactivate)
		return e
	}
	n := tree.Lookup(o.Path...)
	switch {
	case n == nil || n == tree.Root || n.Op&junos.DeleteOp != 0:
		e.Message = "there is no such statement in the render"
		e.Advice = "correct the path in " + o.File + ", or take it out there if the statement is gone for good"
		return e
	case !slices.Equal(tree.Path(n), o.Path):
		e.Message = "the path goes on behind the statement, which would be deactivated as a whole"
		e.Advice = "write " + words(tree.Path(n)) + " in " + o.File + " if that is meant"
		return e
	}
	n.Inactive = true
	n.Op &^= junos.ActivateOp
	return nil
}

// words writes a path as it stands in a file of overrides.
func words(path []string) string {
	out := make([]string, len(path))
	for i, w := range path {
		out[i] = junos.Quote(w)
	}
	return strings.Join(out, " ")
}
