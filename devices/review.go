package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// cleanupTimeout bounds a discard that must happen although the caller's context is done.
const cleanupTimeout = 30 * time.Second

// Review has the device itself say what changes would do: lock, load, compare, check, discard. The lock is held for
// that only. The plan has the device's compare, the edits between the device's running and candidate configuration, and
// the fingerprint of the former. A plan without a Compare changes nothing; it is not checked.
//
// *LockedError, *DirtyError, *WindowError and *CommitError say why there is no plan; nothing was changed then.
func Review(ctx context.Context, dev Device, changes ...diffs.Change) (plan diffs.DevicePlan, err error) {
	return ReviewOptions{}.Review(ctx, dev, changes...)
}

// ReviewOptions say how a change is reviewed. The zero value works.
type ReviewOptions struct {
	// Ignore holds what devices say and is known to be harmless, as in ApplyOptions.
	Ignore []Ignore
}

// Review is the function Review, with options.
func (o ReviewOptions) Review(ctx context.Context, dev Device, changes ...diffs.Change) (plan diffs.DevicePlan, err error) {
	ignore, err := newIgnoring(o.Ignore)
	if err != nil {
		return plan, fmt.Errorf("review %s: %w: %w", dev.Name(), ErrPlan, err)
	}
	plan = diffs.DevicePlan{Device: dev.Name(), Online: true, Changes: changes}
	for _, c := range changes {
		if err := c.Validate(); err != nil {
			return plan, fmt.Errorf("review %s: %w: %w", dev.Name(), ErrPlan, err)
		}
	}
	candidate, err := dev.Lock(ctx)
	if err != nil {
		return plan, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		if derr := candidate.Discard(ctx); derr != nil {
			err = errors.Join(err, fmt.Errorf("review %s: discard: %w", dev.Name(), derr))
		}
	}()
	// A commit check in an open confirm window would confirm it: somebody else's, or that of a run which was killed.
	if err := noWindow(ctx, dev); err != nil {
		return plan, err
	}
	text, err := dev.Running(ctx)
	if err != nil {
		return plan, err
	}
	running, err := junos.Parse(dev.Name(), []byte(text), nil)
	if err != nil {
		return plan, fmt.Errorf("%s: read running configuration: %w", dev.Name(), err)
	}
	plan.Fingerprint = running.Fingerprint()
	for _, c := range changes {
		if err := reviewed(&plan, ignore)(candidate.Load(ctx, c)); err != nil {
			return plan, err
		}
	}
	if plan.Compare, err = candidate.Compare(ctx); err != nil || plan.Compare == "" {
		return plan, err
	}
	after, err := candidateTree(ctx, candidate, dev.Name())
	if err != nil {
		return plan, err
	}
	plan.Edits = diffs.Edits(running, after)
	for _, r := range Risks(running, after, accessOf(dev)) {
		plan.Risks = append(plan.Risks, r.String())
	}
	return plan, reviewed(&plan, ignore)(candidate.Check(ctx))
}

// noWindow refuses while a confirm window is open.
func noWindow(ctx context.Context, dev Device) error {
	h, err := dev.History(ctx)
	if err != nil {
		return err
	}
	if len(h) > 0 && h[0].Confirm > 0 {
		return &WindowError{Device: dev.Name(), Commit: h[0]}
	}
	return nil
}

// reviewed puts what a device said into the plan, and gives the error that is left of it.
func reviewed(plan *diffs.DevicePlan, ignore ignoring) func([]Warning, error) error {
	return func(warnings []Warning, err error) error {
		unknown, _ := ignore.split(warnings)
		for _, w := range unknown {
			plan.Warnings = append(plan.Warnings, w.String())
		}
		if _, ok := ignore.excuse(err); ok {
			return nil
		}
		return err
	}
}

// candidateTree is what a candidate would commit.
func candidateTree(ctx context.Context, c Candidate, device string) (*junos.Tree, error) {
	texter, ok := c.(Texter)
	if !ok {
		return nil, fmt.Errorf("%s: this connection cannot print the candidate, so its edits cannot be compared", device)
	}
	text, err := texter.Text(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := junos.Parse(device, []byte(text), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: read candidate: %w", device, err)
	}
	return tree, nil
}

// historyDepth is how far back what moved, and who deactivated, is looked for: each step is a query.
const historyDepth = 20

// whatMoved says who committed since the review and what. The reviewed configuration is looked for among the device's
// rollbacks by its fingerprint; where it is not found, Edits is nil.
func whatMoved(ctx context.Context, dev Device, plan diffs.DevicePlan, running *junos.Tree, got string) *MovedError {
	moved := &MovedError{Device: plan.Device, Want: plan.Fingerprint, Got: got}
	h, err := dev.History(ctx)
	if err != nil {
		return moved
	}
	for n := 1; n < min(len(h), historyDepth); n++ {
		tree, err := rollbackTree(ctx, dev, n)
		if err != nil {
			return moved
		}
		if tree.Fingerprint() == plan.Fingerprint {
			moved.By = h[:n]
			moved.Edits = diffs.Edits(tree, running)
			return moved
		}
	}
	return moved
}

func rollbackTree(ctx context.Context, dev Device, n int) (*junos.Tree, error) {
	text, err := dev.Query(ctx, Op(fmt.Sprintf("show system rollback %d", n)))
	if err != nil {
		return nil, err
	}
	tree, err := junos.Parse(fmt.Sprintf("%s rollback %d", dev.Name(), n), []byte(text), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: read rollback %d: %w", dev.Name(), n, err)
	}
	return tree, nil
}

// related tells whether any edit of one list touches the hierarchy of any of the other. It errs on the side of yes:
// the statement that holds an edit is compared, and anything above or below it is related.
func related(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if p, q := holder(x), holder(y); hasPrefix(p, q) || hasPrefix(q, p) {
				return true
			}
		}
	}
	return false
}

// holder is the statement around an edit: its words without the verb and the last.
func holder(edit string) []string {
	w := strings.Fields(edit)
	if len(w) < 2 {
		return nil
	}
	return w[1 : len(w)-1]
}

func hasPrefix(s, prefix []string) bool {
	return len(s) >= len(prefix) && slices.Equal(s[:len(prefix)], prefix)
}

// ExplainHeld fills in who made held statements inactive, when and why: it walks the device's commits back to the one
// before which the statement was active or absent. What the history does not tell stays empty.
func ExplainHeld(ctx context.Context, dev Device, held []diffs.Held) ([]diffs.Held, error) {
	if len(held) == 0 {
		return held, nil
	}
	h, err := dev.History(ctx)
	if err != nil {
		return held, err
	}
	out := slices.Clone(held)
	open := len(out)
	explained := make([]bool, len(out))
	// Entry n-1 is the commit that led from rollback n to rollback n-1.
	for n := 1; n < min(len(h), historyDepth) && open > 0; n++ {
		tree, err := rollbackTree(ctx, dev, n)
		if err != nil {
			return held, err
		}
		for i := range out {
			if explained[i] {
				continue
			}
			if node := tree.Lookup(out[i].Path...); node != nil && node.Inactive {
				continue
			}
			by := h[n-1]
			out[i].Since, out[i].User, out[i].Comment = by.Time, by.User, by.Comment
			explained[i] = true
			open--
		}
	}
	return out, nil
}
