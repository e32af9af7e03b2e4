package devices

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// Step is a named step of the transaction, in the order of Steps.
type Step string

// The steps. Everything up to and with StepCheck leaves the device as it was; from StepCommit on the device has the
// change, and takes it back by itself unless StepConfirm is reached.
const (
	StepIntent      Step = "intent"      // the journal has what is about to be done, on the disk
	StepHistory     Step = "history"     // nobody's confirm window is open
	StepSnapshot    Step = "snapshot"    // how the device is before
	StepLock        Step = "lock"        // the candidate is locked and clean
	StepFingerprint Step = "fingerprint" // the running configuration is the one that was reviewed
	StepLoad        Step = "load"
	StepCompare     Step = "compare" // the device's compare is the one that was reviewed
	StepCheck       Step = "check"   // commit check
	StepCommit      Step = "commit"  // commit confirmed, with the comment
	StepSession     Step = "session" // a second session opens
	StepEntry       Step = "entry"   // and reads our commit as entry 0 of the history
	StepChecks      Step = "checks"  // the device is as it was, by the rules; the caller's checks pass
	StepConfirm     Step = "confirm"
	StepVerify      Step = "verify"  // entry 0 and the running configuration are read again
	StepOutcome     Step = "outcome" // the journal and the audit log have the end
)

// Check is a test of the device, run over the second session after the commit and before it is confirmed.
type Check struct {
	Name    string
	Timeout time.Duration // required: the confirm window is at least three times the longest
	Run     func(ctx context.Context, dev Device) error
}

// ApplyOptions say how a plan is applied. Run and Dial are required in Apply; Run.Apply fills them in.
type ApplyOptions struct {
	Run  *Run
	Dial func(ctx context.Context) (Device, error) // opens a further session to the same device

	// Confirm is the confirm window, in whole minutes; 0 commits without one, and nothing rolls back by itself.
	Confirm time.Duration
	// Rules say what is held against a snapshot of before. The zero value is the built-in checks.
	Rules Rules
	// Checks run one after the other, after those of Rules.
	Checks []Check
	// AcceptUnrelated goes on when the running configuration moved, if only hierarchies outside the change moved.
	AcceptUnrelated bool
	// Synchronize commits on both routing engines, also where the device does not tell that it has two. A device that
	// does, or whose configuration has `system commit synchronize`, is committed on both in every case.
	Synchronize bool
	// Force goes on where a plan could lock us out, and where the second routing engine cannot take it.
	Force bool
	// Ignore holds what devices warn of and is known to be harmless; it is noted, not shown as a warning.
	Ignore []Ignore
	// WarningsFail stops at a warning that no rule ignores: before the commit nothing is committed, after it nothing is
	// confirmed.
	WarningsFail bool
	// Wait waits, after a commit that is not confirmed, until the device has rolled back. The lock is held meanwhile.
	Wait bool

	// FleetOptions are for Run.Apply.
	FleetOptions

	// Events is told what happens, every step before it is begun. It is called by one goroutine at a time and must not
	// take long: the work waits for it.
	Events func(Event)
	// Hook is called before and after each step; its error is the step's. Tests fail and kill a transaction with it.
	Hook func(step Step, after bool) error
	// Logger gets debug records; nil discards them.
	Logger *slog.Logger

	// SettleTimeout is how long a lost answer is asked after (0: 2 minutes), SessionTimeout how long the second
	// session may take to open (0: 30 seconds), CleanupTimeout bounds discard and unlock (0: 30 seconds), and
	// CommitTimeout a commit, which an interrupt does not cut short (0: 5 minutes).
	SettleTimeout, SessionTimeout, CleanupTimeout, CommitTimeout time.Duration

	// gate is passed before the commit, before the checks, before the confirm and, as stepReady, right before that is
	// sent: devices that go together wait there for each other.
	gate func(ctx context.Context, at Step) error
	// rolling is told that the device rolls back at out.RollbackAt, before that is waited for.
	rolling func(out Outcome)
	// reserve is what the window must hold beside the checks: the hooks.
	reserve time.Duration
}

// stepReady is where a device is that has all that a confirm needs. It is for the gate, and no step of its own.
const stepReady Step = "ready"

// confirmReserve is what must be left of a window for a confirm to be sent: a confirm that comes late is an empty
// commit on a device that has rolled back.
const confirmReserve = 20 * time.Second

// MaxConfirm is the longest confirm window that Junos takes.
const MaxConfirm = 65535 * time.Minute

// CheckConfirm tells whether a confirm window can be asked of Junos, which counts whole minutes: 0 (none), or 1 to 65535
// minutes. The error is ErrConfirmTime.
func CheckConfirm(d time.Duration) error {
	switch {
	case d == 0:
		return nil
	case d < time.Minute, d > MaxConfirm, d%time.Minute != 0:
		return fmt.Errorf("%w: %s is not a whole number of minutes from 1 to 65535 (Junos counts minutes)", ErrConfirmTime, d)
	}
	return nil
}

// transaction is one plan on its way through the steps.
type transaction struct {
	opts ApplyOptions
	plan diffs.DevicePlan
	log  *slog.Logger
	out  Outcome

	ignore  ignoring
	unheard []Warning // of the commit, which no rule ignores

	synchronize, enginesUnknown bool   // commits are for both routing engines; the device does not tell how many it has
	first                       Device // session A: holds the lock from StepLock on
	candidate                   Candidate
	second                      Device // session B: only reads, unless A dies
	running                     *junos.Tree
	before                      Snapshot
	sent                        bool      // a commit was sent: the device may have the change
	landed                      bool      // the device's history has our commit
	deadline                    time.Time // when the device rolls back, not later than it really does
	checkTook                   time.Duration
	takenOver                   Candidate // B's lock, where A died
	unchanged                   bool
	firstLost                   bool // the first session died at the commit, and its lock with it
	confirming                  bool // a confirm was sent
}

// Apply performs a reviewed plan on a device: the transaction of the steps above. dev is the first session; the caller
// closes it. The outcome is journalled and audited, and its Err is the error. Committed is said only of what was read
// back over a second session. Whatever happens before the commit leaves the device as it was, with the lock free.
//
// An interrupt (ctx) before the commit discards; after it, the commit is not confirmed.
func Apply(ctx context.Context, dev Device, plan diffs.DevicePlan, opts ApplyOptions) (Outcome, error) {
	t := &transaction{opts: opts.withDefaults(), plan: plan, first: dev, log: opts.Logger}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	t.out = Outcome{Device: plan.Device, Before: plan.Fingerprint, Result: NotCommitted}
	if opts.Run == nil || opts.Dial == nil {
		return t.out, fmt.Errorf("apply to %s: %w: no run or no way to open a second session", plan.Device, ErrPlan)
	}
	t.out.Run = opts.Run.ID
	t.out.Comment = Comment(opts.Run.Info.Message, opts.Run.Info.User, opts.Run.ID)
	if err := t.validate(); err != nil {
		t.out.Err = err
		return t.out, err
	}
	t.out.Err = t.perform(ctx)
	if err := t.record(ctx); err != nil {
		t.out.Err = errors.Join(t.out.Err, err)
	}
	return t.out, t.out.Err
}

func (o ApplyOptions) withDefaults() ApplyOptions {
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&o.SettleTimeout, 2 * time.Minute}, {&o.SessionTimeout, 30 * time.Second}, {&o.CleanupTimeout, 30 * time.Second}, {&o.CommitTimeout, 5 * time.Minute}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	return o
}

// validate refuses what must not even be begun.
func (t *transaction) validate() error {
	if err := CheckConfirm(t.opts.Confirm); err != nil {
		return fmt.Errorf("apply to %s: %w", t.plan.Device, err)
	}
	var err error
	if t.ignore, err = newIgnoring(t.opts.Ignore); err != nil {
		return fmt.Errorf("apply to %s: %w: %w", t.plan.Device, ErrPlan, err)
	}
	if t.plan.Device != t.first.Name() {
		return fmt.Errorf("apply to %s: %w: it was made for %s", t.first.Name(), ErrPlan, t.plan.Device)
	}
	if err := t.plan.Validate(); err != nil {
		return fmt.Errorf("apply to %s: %w: %w", t.plan.Device, ErrPlan, err)
	}
	if len(t.plan.Changes) == 0 {
		return fmt.Errorf("apply to %s: %w: it changes nothing", t.plan.Device, ErrPlan)
	}
	for _, c := range t.opts.Checks {
		if c.Timeout <= 0 || c.Run == nil {
			return fmt.Errorf("apply to %s: %w: check %q has no timeout or nothing to run", t.plan.Device, ErrPlan, c.Name)
		}
	}
	if err := t.opts.Rules.Validate(); err != nil {
		return fmt.Errorf("apply to %s: %w: %w", t.plan.Device, ErrPlan, err)
	}
	return t.enoughWindow()
}

// enoughWindow demands a window of three times the longest check plus the measured time of a commit check, and the
// reserve.
func (t *transaction) enoughWindow() error {
	if t.opts.Confirm == 0 {
		return nil
	}
	longest := t.opts.Rules.longest(t.settleTime())
	for _, c := range t.opts.Checks {
		longest = max(longest, c.Timeout)
	}
	need := 3*longest + t.checkTook + confirmReserve + t.opts.reserve
	if t.opts.Confirm < need {
		return fmt.Errorf("apply to %s: %w: %s is less than the %s that the checks and the commit need", t.plan.Device,
			ErrConfirmTime, t.opts.Confirm, need.Round(time.Second))
	}
	return nil
}

// perform runs the steps, then says what became of the device if one failed. Cleaning up comes last in every case,
// also when a hook panics.
func (t *transaction) perform(ctx context.Context) (err error) {
	defer func() { err = t.cleanUp(ctx, err) }()
	steps := []struct {
		step Step
		run  func(context.Context) error
	}{
		{StepIntent, t.intent},
		{StepHistory, t.history},
		{StepSnapshot, t.snapshot},
		{StepLock, t.lock},
		{StepFingerprint, t.fingerprint},
		{StepLoad, t.load},
		{StepCompare, t.compare},
		{StepCheck, t.check},
		{StepCommit, t.commit},
		{StepSession, t.openSecond},
		{StepEntry, t.entry},
		{StepChecks, t.checks},
		{StepConfirm, t.confirm},
		{StepVerify, t.verify},
	}
	for _, s := range steps {
		if err := t.do(ctx, s.step, s.run); err != nil {
			if !t.sent {
				return err
			}
			return t.failedAfterCommit(ctx, err)
		}
		if t.unchanged {
			t.out.Result = Unchanged
			return nil
		}
	}
	t.out.Result = Committed
	t.out.RollbackAt = time.Time{}
	return nil
}

// do runs one step between its hooks, with its record in the journal.
func (t *transaction) do(ctx context.Context, step Step, run func(context.Context) error) error {
	t.out.Step = step
	t.event(step)
	t.log.Debug("step", "device", t.plan.Device, "run", t.out.Run, "step", string(step))
	if ctx.Err() != nil && step != StepVerify { // what was confirmed is read back in every case
		return fmt.Errorf("%s: %s: %w", t.plan.Device, step, context.Cause(ctx))
	}
	if step != StepIntent { // the intent is its own record
		if err := t.opts.Run.journal.write(record{Kind: "step", Device: t.plan.Device, Step: step}); err != nil {
			return fmt.Errorf("%s: %s: %w", t.plan.Device, step, err)
		}
	}
	if err := t.hook(step, false); err != nil {
		return err
	}
	if err := run(ctx); err != nil {
		return err
	}
	return t.hook(step, true)
}

func (t *transaction) hook(step Step, after bool) error {
	if t.opts.Hook == nil {
		return nil
	}
	if err := t.opts.Hook(step, after); err != nil {
		return fmt.Errorf("%s: %s: %w", t.plan.Device, step, err)
	}
	return nil
}

func (t *transaction) event(step Step) {
	if t.opts.Events != nil {
		t.opts.Events(Event{Time: time.Now().UTC(), Kind: EventStep, Run: t.out.Run, Device: t.plan.Device, State: StateRunning, Step: step})
	}
}

func (t *transaction) pass(ctx context.Context, at Step) error {
	if t.opts.gate == nil {
		return nil
	}
	return t.opts.gate(ctx, at)
}

func (t *transaction) intent(context.Context) error {
	h := sha256.New()
	for _, c := range t.plan.Changes {
		if c.Rollback != nil {
			fmt.Fprintf(h, "rollback %d\n", *c.Rollback) //nolint:errcheck // a hash takes every write
			continue
		}
		fmt.Fprintf(h, "%s %d\n%s", c.Mode, len(c.Text), c.Text) //nolint:errcheck // as above
	}
	err := t.opts.Run.journal.write(record{
		Kind: "intent", Device: t.plan.Device, Fingerprint: t.plan.Fingerprint,
		Change: fmt.Sprintf("sha256:%x", h.Sum(nil)), Comment: t.out.Comment, Confirm: t.opts.Confirm,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", t.plan.Device, err)
	}
	return nil
}

// history refuses while a confirm window is open: our commit would confirm it.
func (t *transaction) history(ctx context.Context) error { return noWindow(ctx, t.first) }

// lock locks, and looks at the history again: the first look was before the lock.
func (t *transaction) lock(ctx context.Context) error {
	c, err := t.first.Lock(ctx)
	if err != nil {
		return err
	}
	t.candidate = c
	return t.history(ctx)
}

func (t *transaction) fingerprint(ctx context.Context) error {
	text, err := t.first.Running(ctx)
	if err != nil {
		return err
	}
	if t.running, err = junos.Parse(t.plan.Device, []byte(text), nil); err != nil {
		return fmt.Errorf("%s: read running configuration: %w", t.plan.Device, err)
	}
	if t.enginesUnknown {
		t.synchronize = t.synchronize || synchronizes(t.running)
	}
	got := t.running.Fingerprint()
	t.out.Before = got
	if got == t.plan.Fingerprint {
		return nil
	}
	moved := whatMoved(ctx, t.first, t.plan, t.running, got)
	if !t.opts.AcceptUnrelated || moved.Edits == nil || related(t.plan.Hidden(moved.Edits), t.plan.Edits) {
		return moved
	}
	t.out.Notes = append(t.out.Notes, fmt.Sprintf("accepted what moved outside the change: %s", strings.Join(moved.Edits, "; ")))
	return nil
}

func (t *transaction) load(ctx context.Context) error {
	for _, c := range t.plan.Changes {
		warnings, err := t.candidate.Load(ctx, c)
		if err := t.heard(warnings, err); err != nil {
			return err
		}
	}
	return nil
}

// heard takes note of what a device said, and gives what is to stop the change.
func (t *transaction) heard(warnings []Warning, err error) error {
	unknown, notes := t.ignore.split(warnings)
	t.out.Warnings = append(t.out.Warnings, unknown...)
	t.out.Notes = append(t.out.Notes, notes...)
	if excuses, ok := t.ignore.excuse(err); ok {
		t.out.Notes = append(t.out.Notes, excuses...)
		err = nil
	}
	if err == nil && t.opts.WarningsFail && len(unknown) > 0 {
		return &WarningError{Device: t.plan.Device, Warnings: unknown}
	}
	return err
}

// compare holds the device's compare against the reviewed one. A plan made offline has our text, which may be laid
// out in another way: there the device's candidate is read, and its edits are compared.
func (t *transaction) compare(ctx context.Context) error {
	now, err := t.candidate.Compare(ctx)
	if err != nil {
		return err
	}
	if t.plan.Online {
		if !t.plan.SameCompare(now) {
			return &ReviewError{Device: t.plan.Device, Reviewed: t.plan.Compare, Now: now}
		}
	} else {
		after, err := candidateTree(ctx, t.candidate, t.plan.Device)
		if err != nil {
			return err
		}
		if edits := diffs.Edits(t.running, after); !t.plan.SameEdits(edits) {
			return &ReviewError{Device: t.plan.Device, Reviewed: strings.Join(t.plan.Edits, "\n"), Now: strings.Join(edits, "\n")}
		}
	}
	t.unchanged = now == ""
	if t.unchanged {
		return nil
	}
	return t.guardLockout()
}

// guardLockout refuses what could lock us out, unless forced; what was forced is noted, and what the review has not said.
func (t *transaction) guardLockout() error {
	after, err := t.changed()
	if err != nil {
		return fmt.Errorf("%s: look for ways to be locked out: %w", t.plan.Device, err)
	}
	risks := Risks(t.running, after, accessOf(t.first))
	if list := refusals(risks); len(list) > 0 && !t.opts.Force {
		return &LockoutError{Device: t.plan.Device, Risks: list}
	}
	for _, r := range risks {
		if r.Refuse || !slices.Contains(t.plan.Risks, r.String()) {
			t.note("%s", r)
		}
	}
	return nil
}

func (t *transaction) check(ctx context.Context) error {
	start := time.Now()
	if err := t.heard(t.candidate.Check(ctx)); err != nil {
		return err
	}
	t.checkTook = time.Since(start)
	if err := t.enoughWindow(); err != nil {
		return err
	}
	return t.pass(ctx, StepCommit)
}

// record writes the end down. It happens in every case in which the intent may have been written.
func (t *transaction) record(ctx context.Context) error {
	t.event(StepOutcome)
	if err := t.hook(StepOutcome, false); err != nil {
		return err
	}
	return errors.Join(t.opts.Run.recordOutcome(t.out), t.hook(StepOutcome, true))
}
