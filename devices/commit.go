package devices

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rhapsode/diffs/junos"
)

// commitOptions are those of the commit that opens the window, or of the one that ends it.
func (t *transaction) commitOptions(confirm time.Duration) CommitOptions {
	return CommitOptions{Comment: t.out.Comment, Confirm: confirm, Synchronize: t.synchronize}
}

// sendCommit sends a commit that an interrupt does not cut short: its answer is worth waiting for.
func (t *transaction) sendCommit(ctx context.Context, c Candidate, confirm time.Duration) error {
	limit := t.opts.CommitTimeout
	if confirm == 0 && t.opts.Confirm > 0 {
		// A confirm whose answer does not come is left while there is time to settle it over the second session.
		limit = min(limit, max(time.Until(t.deadline)-2*confirmReserve, confirmReserve))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	warnings, err := c.Commit(ctx, t.commitOptions(confirm))
	unknown, notes := t.ignore.split(warnings)
	t.out.Warnings = append(t.out.Warnings, unknown...)
	t.out.Notes = append(t.out.Notes, notes...)
	t.unheard = append(t.unheard, unknown...)
	return err
}

// commit commits confirmed. Where the answer is lost, the device's history says whether it did.
func (t *transaction) commit(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: commit: %w", t.plan.Device, context.Cause(ctx))
	}
	t.sent = true
	if t.opts.Confirm > 0 {
		// Taken before the commit is sent, so that the device's own deadline is never before ours.
		t.deadline = time.Now().Add(t.opts.Confirm)
		t.out.RollbackAt = t.deadline
	}
	err := t.sendCommit(ctx, t.candidate, t.opts.Confirm)
	if err == nil {
		t.landed = true
		return nil
	}
	landed, serr := t.settle(ctx, err)
	switch {
	case serr != nil:
		return fmt.Errorf("%s: commit: %w: %w", t.plan.Device, ErrUnknown, errors.Join(err, serr))
	case !landed:
		t.sent = false
		t.out.RollbackAt = time.Time{}
		if _, ok := errors.AsType[*CommitError](err); ok {
			return err
		}
		return fmt.Errorf("%s: commit: %w: %w", t.plan.Device, ErrNotCommitted, err)
	}
	t.landed = true
	t.firstLost = errors.Is(err, ErrSessionLost)
	t.note("the answer to the commit was lost (%v); the device's history has it", err)
	return nil
}

// settle finds out whether our commit is in the device's history. "No" is said only when no commit can be under way
// any more: the device answered the commit, if with an error, or its lock is free again.
func (t *transaction) settle(ctx context.Context, cause error) (landed bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.opts.SettleTimeout)
	defer cancel()
	if !errors.Is(cause, ErrSessionLost) {
		if h, err := t.first.History(ctx); err == nil {
			return oursIn(h, t.out.Run) >= 0, nil
		}
	}
	for {
		landed, final, err := t.settleOnce(ctx)
		if err == nil && (landed || final) {
			return landed, nil
		}
		if !sleep(ctx, time.Second) {
			return false, errors.Join(err, fmt.Errorf("ask the commit history: %w", context.Cause(ctx)))
		}
	}
}

func (t *transaction) settleOnce(ctx context.Context) (landed, final bool, err error) {
	h, err := t.readHistory(ctx)
	if err != nil {
		return false, false, err
	}
	if oursIn(h, t.out.Run) >= 0 {
		return true, true, nil
	}
	c, err := t.second.Lock(ctx)
	if _, ok := errors.AsType[*DirtyError](err); !ok && err != nil {
		return false, false, err
	}
	// The lock is free, or was until now: what the history says from here on is final.
	h, err = t.readHistory(ctx)
	if c != nil {
		err = errors.Join(err, c.Discard(ctx))
	}
	return oursIn(h, t.out.Run) >= 0, err == nil, err
}

// readHistory reads the history over the second session, and opens that session, again if it was lost.
func (t *transaction) readHistory(ctx context.Context) (h []Commit, err error) {
	err = t.withSecond(ctx, func(dev Device) error {
		h, err = dev.History(ctx)
		return err
	})
	if err == nil && len(h) > 0 {
		t.out.Entry = &h[0]
	}
	return h, err
}

// withSecond runs f on the second session. A session that is lost is opened once more.
func (t *transaction) withSecond(ctx context.Context, f func(Device) error) error {
	var err error
	for range 2 {
		if t.second == nil {
			if t.second, err = t.opts.Dial(ctx); err != nil {
				t.second = nil
				return err
			}
		}
		if err = f(t.second); !errors.Is(err, ErrSessionLost) {
			return err
		}
		err = errors.Join(err, t.second.Close())
		t.second, t.takenOver = nil, nil // the device frees a lost session's lock
	}
	return err
}

// oursIn gives the number of the newest entry of the run, -1 if there is none.
func oursIn(h []Commit, run string) int {
	for i, c := range h {
		if hasRun(c.Comment, run) {
			return i
		}
	}
	return -1
}

// openSecond opens the second session: that it opens is the first check of the change.
func (t *transaction) openSecond(ctx context.Context) error {
	if t.second != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.opts.SessionTimeout)
	defer cancel()
	for {
		var err error
		if t.second, err = t.opts.Dial(ctx); err == nil {
			return nil
		}
		t.second = nil
		if !sleep(ctx, time.Second) {
			return fmt.Errorf("%s: open second session: %w", t.plan.Device, err)
		}
	}
}

// entry reads our commit back, and the configuration that it made.
func (t *transaction) entry(ctx context.Context) error {
	fingerprint, err := t.readBack(ctx)
	if err != nil {
		return err
	}
	if fingerprint == t.out.Before {
		return fmt.Errorf("%s: %w: the commit is in the history and the running configuration is what it was", t.plan.Device, ErrUnknown)
	}
	t.out.After = fingerprint
	if t.opts.WarningsFail && len(t.unheard) > 0 {
		return &WarningError{Device: t.plan.Device, Warnings: t.unheard}
	}
	return t.pass(ctx, StepChecks)
}

// readBack demands that entry 0 is ours and gives the fingerprint of the running configuration. If entry 0 is not ours
// the error says what happened instead.
func (t *transaction) readBack(ctx context.Context) (string, error) {
	h, err := t.readHistory(ctx)
	if err != nil {
		return "", err
	}
	fingerprint, err := t.runningFingerprint(ctx)
	if err != nil {
		return "", err
	}
	switch ours := oursIn(h, t.out.Run); {
	case ours == 0:
		return fingerprint, nil
	case fingerprint == t.out.Before:
		return "", &RollbackError{Device: t.plan.Device, Done: true, Err: fmt.Errorf("entry 0 of the history is by %s%s",
			orUnknown(newestUser(h)), quoted(newestComment(h)))}
	case ours > 0:
		return "", &SupersededError{Device: t.plan.Device, By: h[0]}
	}
	return "", fmt.Errorf("%s: %w: our commit is not in the history", t.plan.Device, ErrUnknown)
}

func newestUser(h []Commit) string {
	if len(h) == 0 {
		return ""
	}
	return h[0].User
}

func newestComment(h []Commit) string {
	if len(h) == 0 {
		return ""
	}
	return h[0].Comment
}

func (t *transaction) runningFingerprint(ctx context.Context) (fingerprint string, err error) {
	err = t.withSecond(ctx, func(dev Device) error {
		text, err := dev.Running(ctx)
		if err != nil {
			return err
		}
		tree, err := junos.Parse(t.plan.Device, []byte(text), nil)
		if err != nil {
			return fmt.Errorf("%s: read running configuration: %w", t.plan.Device, err)
		}
		fingerprint = tree.Fingerprint()
		return nil
	})
	return fingerprint, err
}

func (t *transaction) checks(ctx context.Context) error {
	if err := t.watch(ctx); err != nil {
		return err
	}
	for _, c := range t.opts.Checks {
		if err := t.oneCheck(ctx, c); err != nil {
			return fmt.Errorf("%s: check %s: %w", t.plan.Device, c.Name, err)
		}
	}
	return t.pass(ctx, StepConfirm)
}

func (t *transaction) oneCheck(ctx context.Context, c Check) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return t.withSecond(ctx, func(dev Device) error { return c.Run(ctx, dev) })
}

// confirm ends the window by a second commit, while enough of it is left and entry 0 is still ours.
func (t *transaction) confirm(ctx context.Context) error {
	if t.opts.Confirm == 0 {
		return nil
	}
	if _, err := t.readBack(ctx); err != nil {
		return err
	}
	if err := t.timeLeft(ctx); err != nil {
		return err
	}
	if err := t.pass(ctx, stepReady); err != nil {
		return err
	}
	if err := t.timeLeft(ctx); err != nil { // the others took theirs
		return err
	}
	if t.firstLost {
		return t.settleConfirm(ctx, nil)
	}
	t.confirming = true
	err := t.sendCommit(ctx, t.candidate, 0)
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*CommitError](err); ok {
		return err
	}
	t.note("the answer to the confirm was lost (%v)", err)
	return t.settleConfirm(ctx, err)
}

// timeLeft demands what a confirm needs of the window.
func (t *transaction) timeLeft(ctx context.Context) error {
	if left := time.Until(t.deadline); left < confirmReserve {
		return fmt.Errorf("%s: %w: %s are left of the window, a confirm needs %s", t.plan.Device, ErrConfirmTime,
			left.Round(time.Second), confirmReserve)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: confirm: %w", t.plan.Device, context.Cause(ctx))
	}
	return nil
}

// settleConfirm is for a first session that died at the commit or the confirm. If the window is still open, the second session locks,
// makes sure of entry 0 and of a clean candidate, and confirms.
func (t *transaction) settleConfirm(ctx context.Context, cause error) error {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), t.deadline.Add(-confirmReserve))
	defer cancel()
	for {
		done, err := t.confirmBySecond(ctx)
		if done {
			return err
		}
		cause = errors.Join(cause, err)
		if !sleep(ctx, time.Second) {
			return fmt.Errorf("%s: confirm over the second session: %w", t.plan.Device, cause)
		}
		cause = err // the last complaint is enough
	}
}

func (t *transaction) confirmBySecond(ctx context.Context) (done bool, err error) {
	h, err := t.readHistory(ctx)
	if err != nil {
		return false, err
	}
	if len(h) == 0 || !hasRun(h[0].Comment, t.out.Run) {
		_, err := t.readBack(ctx)
		return true, err
	}
	if h[0].Confirm == 0 {
		t.note("the device's history has the confirm")
		return true, nil
	}
	if t.takenOver == nil {
		c, err := t.second.Lock(ctx)
		if _, ok := errors.AsType[*DirtyError](err); ok {
			return true, err // somebody's edits would be committed by our confirm
		}
		if err != nil {
			return false, err // the dead session's lock may linger
		}
		t.takenOver = c
		return false, nil // look at the history again, now under the lock
	}
	t.confirming = true
	if err := t.sendCommit(ctx, t.takenOver, 0); err != nil {
		return false, err
	}
	t.note("confirmed over the second session")
	return true, nil
}

// verify reads entry 0 and the configuration once more: a confirm that came late is an empty success.
func (t *transaction) verify(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.opts.SettleTimeout)
	defer cancel()
	fingerprint, err := t.readBack(ctx)
	if err != nil {
		return err
	}
	if t.out.Entry.Confirm > 0 {
		return fmt.Errorf("%s: %w: the confirm window is still open after the confirm", t.plan.Device, ErrUnknown)
	}
	switch fingerprint {
	case t.out.After:
		return nil
	case t.out.Before:
		return &RollbackError{Device: t.plan.Device, Done: true, Err: errLateConfirm}
	}
	return fmt.Errorf("%s: %w: the running configuration is neither the one before nor the one that was committed", t.plan.Device, ErrUnknown)
}

func (t *transaction) note(format string, args ...any) {
	t.out.Notes = append(t.out.Notes, fmt.Sprintf(format, args...))
}

// sleep waits, and tells whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
