package devices

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// rollbackPoll is how often the device is asked whether it has rolled back, and rollbackGrace how long after the end of
// the window it is given: Junos commits the old configuration then, which takes its time.
const (
	rollbackPoll  = 5 * time.Second
	rollbackGrace = 3 * time.Minute
)

// errLateConfirm is why a confirmed change is not there.
var errLateConfirm = errors.New("the confirm came too late and was an empty commit")

// failedAfterCommit says what became of a device whose commit was sent and which did not reach the end.
func (t *transaction) failedAfterCommit(ctx context.Context, err error) error {
	if t.ended(err) {
		return err
	}
	_, refused := errors.AsType[*CommitError](err)
	switch {
	case !t.landed:
		// The commit may or may not be in force. RollbackAt stays: it is when an open window would end.
		t.out.Result = Unknown
		return err
	case t.confirming && !refused:
		return t.lostConfirm(ctx, err)
	case t.opts.Confirm == 0:
		t.out.Result = Unknown
		return fmt.Errorf("%s: committed without a confirm window, and not verified: %w", t.plan.Device, err)
	}
	t.out.Result = RollingBack
	if t.opts.rolling != nil {
		out := t.out
		out.Err = err
		t.opts.rolling(out)
	}
	if t.opts.Wait {
		if werr := t.waitRollback(ctx); t.ended(werr) {
			return errors.Join(werr, err)
		} else if werr != nil {
			err = errors.Join(err, werr)
		}
	}
	return &RollbackError{Device: t.plan.Device, At: t.deadline, Err: err}
}

// lostConfirm is for a confirm of which nobody knows whether it is in force. The window has an end, and what the device runs
// then tells; it is waited for like a rollback.
func (t *transaction) lostConfirm(ctx context.Context, err error) error {
	t.out.Result = Unknown
	if t.opts.Confirm == 0 || !t.opts.Wait && time.Now().Before(t.deadline) {
		return err
	}
	werr := t.afterWindow(ctx)
	switch {
	case t.ended(werr):
		return errors.Join(werr, err)
	case werr != nil:
		return errors.Join(err, werr)
	}
	t.out.Result, t.out.RollbackAt = Committed, time.Time{}
	t.note("the answer to the confirm was lost (%v); the window is over and the device runs the change", err)
	return nil
}

// afterWindow waits for the end of the window. Nil: the device runs the change, and no window is open.
func (t *transaction) afterWindow(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(max(0, time.Until(t.deadline))+rollbackGrace))
	defer cancel()
	if !sleep(ctx, time.Until(t.deadline)) {
		return context.Cause(ctx)
	}
	for {
		fingerprint, err := t.readBack(ctx)
		switch e, ok := errors.AsType[*RollbackError](err); {
		case ok && e.Done, errors.Is(err, ErrSuperseded):
			return err
		case err == nil && fingerprint == t.out.Before:
			return &RollbackError{Device: t.plan.Device, Done: true, Err: errLateConfirm}
		case err == nil && t.out.Entry.Confirm == 0 && fingerprint == t.out.After:
			return nil
		}
		if !sleep(ctx, rollbackPoll) {
			return errors.Join(fmt.Errorf("%s: it does not tell how the window ended", t.plan.Device), err)
		}
	}
}

// ended sets the result if err tells how the device's window ended.
func (t *transaction) ended(err error) bool {
	if e, ok := errors.AsType[*RollbackError](err); ok && e.Done {
		t.out.Result, t.out.RollbackAt = RolledBack, time.Time{}
		return true
	}
	if errors.Is(err, ErrSuperseded) {
		t.out.Result, t.out.RollbackAt = Superseded, time.Time{}
		return true
	}
	return false
}

// waitRollback waits for the end of the window and asks what the device did. The error is what it did; nil if the
// wait was cut short.
func (t *transaction) waitRollback(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, t.deadline.Add(rollbackGrace))
	defer cancel()
	if !sleep(ctx, time.Until(t.deadline)) {
		return nil
	}
	for {
		_, err := t.readBack(ctx)
		if e, ok := errors.AsType[*RollbackError](err); ok && e.Done || errors.Is(err, ErrSuperseded) {
			return err
		}
		if !sleep(ctx, rollbackPoll) {
			return errors.Join(fmt.Errorf("%s: it has not rolled back within %s", t.plan.Device, rollbackGrace), err)
		}
	}
}

// cleanUp gives back what is held. It runs when the caller's context is done as well.
func (t *transaction) cleanUp(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.opts.CleanupTimeout)
	defer cancel()
	var errs []error
	for _, c := range []Candidate{t.candidate, t.takenOver} {
		if c == nil {
			continue
		}
		// A lost session's lock and edits are dropped by the device.
		if derr := c.Discard(ctx); derr != nil && !errors.Is(derr, ErrSessionLost) {
			errs = append(errs, fmt.Errorf("%s: discard: %w", t.plan.Device, derr))
		}
	}
	if t.second != nil {
		if cerr := t.second.Close(); cerr != nil {
			errs = append(errs, fmt.Errorf("%s: close second session: %w", t.plan.Device, cerr))
		}
	}
	late := errors.Join(errs...)
	if late != nil && err == nil {
		// The result stands: it was read back. What could not be given back ends with the session.
		t.note("%v", late)
		return nil
	}
	if late != nil {
		return errors.Join(err, late)
	}
	return err
}
