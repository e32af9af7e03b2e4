package diffs

import (
	"fmt"

	"rhapsode/diffs/junos"
)

// Patch applies the text of a comparison, as a device or Diff.String prints it, to the configuration that it was made
// from, and returns the configuration that it leads to. It is exact or an error, never a guess: what the text takes away
// must be there, with just these contents, what it adds must not, its context must be what stands there, and a comparison
// of the outcome with before must say the same as the text, no more and no less. Only the layout may differ: the indent,
// the order of the hunks and how lines are spread over them.
//
// before is not changed. The error names the hunk, the line and what was expected there; it is or wraps a *junos.Error.
func Patch(before *junos.Tree, text string) (*junos.Tree, error) {
	after := before.Clone()
	if _, err := after.Load("", []byte(text), junos.Patch); err != nil {
		return nil, fmt.Errorf("apply patch: %w", err)
	}
	want, err := before.PatchSteps("", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("apply patch: %w", err)
	}
	got, err := before.PatchSteps("", []byte(Compare(before, after).String()))
	if err != nil {
		return nil, fmt.Errorf("apply patch: read the comparison of the outcome: %w", err)
	}
	if e := differ(want, got); e != nil {
		return nil, fmt.Errorf("apply patch: %w", e)
	}
	return after, nil
}

// differ gives the first step, in their sorted order, that only one of two patches has.
func differ(want, got []junos.PatchStep) *junos.Error {
	for i := range max(len(want), len(got)) {
		switch {
		case i < len(want) && i < len(got) && want[i].Text == got[i].Text:
		case i >= len(got) || i < len(want) && want[i].Text < got[i].Text:
			return &junos.Error{
				Pos: want[i].Pos, Path: want[i].Path, Message: "patch does not lead to what it says",
				Expected: "a comparison has no " + want[i].Text,
			}
		default:
			return &junos.Error{
				Path: got[i].Path, Message: "patch does not lead to what it says",
				Expected: "a comparison has also " + got[i].Text,
			}
		}
	}
	return nil
}
