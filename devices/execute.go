package devices

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rhapsode/diffs"
)

// Job is one device's part of a run.
type Job struct {
	Plan diffs.DevicePlan
	// Site is where the device is: a batch is of one site unless asked.
	Site string
	// Pair names the devices that back each other up, SITE/ROLE; two devices of one pair are never changed at once,
	// except in mode Together. Empty: the device is a pair of its own.
	Pair string
	// Dial opens a session, and tries once. It is called for each session that the transaction needs.
	Dial func(ctx context.Context) (Device, error)
	// Rules are the device's own, in place of ApplyOptions.Rules; nil: those.
	Rules *Rules
	// Ignore is the device's own list, beside ApplyOptions.Ignore.
	Ignore []Ignore
}

// DefaultParallel is how many devices are at work at once unless a number is given.
const DefaultParallel = 16

// FleetOptions say how a run goes over its devices. The zero value changes one device after the other, in the order of
// the jobs, and tries everything once.
type FleetOptions struct {
	// Pairs says how the devices of one pair go.
	Pairs PairMode
	// Batches are the sizes of the parts of the run. A part begins when all of the one before is confirmed.
	Batches Batches
	// AcrossSites lets a batch, or a run that is all or nothing, hold devices of several sites.
	AcrossSites bool
	// AllOrNothing holds the windows of all devices open until every device's checks passed, then confirms all. If one
	// fails none is confirmed: those that were committed roll back by themselves, which is waited for, and said.
	// It is refused beside Batches, and where the window cannot hold what all devices need.
	AllOrNothing bool
	// Parallel is how many units of a batch (devices, or with Together pairs) are at work at once; less than 1:
	// DefaultParallel.
	Parallel int
	// Retry is for connects, and for reads before the lock.
	Retry Retry
	// LockWait is how long a configuration lock that somebody holds is waited for; 0: not at all.
	LockWait time.Duration
	// Hooks are called in their order.
	Hooks []Hook
}

func (o FleetOptions) parallel() int {
	if o.Parallel < 1 {
		return DefaultParallel
	}
	return o.Parallel
}

// windowNeeded is what the window of a run that is all or nothing must hold: the first device's is open while all others
// commit, all run their checks at the same time, and all are asked of the hooks and confirm. Parallel bounds how many
// commit, ask and confirm at once. took is how long a commit takes, as far as it is known.
func windowNeeded(jobs []Job, opts ApplyOptions, took time.Duration) time.Duration {
	var checks time.Duration
	for _, j := range jobs {
		rules := opts.Rules
		if j.Rules != nil {
			rules = *j.Rules
		}
		checks = max(checks, rules.longest(rules.settle(max(opts.Confirm-took-confirmReserve, time.Second))))
	}
	for _, c := range opts.Checks {
		checks += c.Timeout
	}
	waves := (len(jobs) + opts.parallel() - 1) / opts.parallel()
	return time.Duration(waves)*(2*took+longestHooks(opts.Hooks, HookConfirm)) + checks + confirmReserve
}

func windowError(n int, opts ApplyOptions, need time.Duration) error {
	return &RunError{
		Reason: fmt.Sprintf("%v: all or nothing over %d devices, %d at once, needs a window of %s, and it is %s", ErrConfirmTime, n,
			opts.parallel(), need.Round(time.Second), opts.Confirm),
		Advice: fmt.Sprintf("ask for `--confirm %dm`, or for more devices at once", int((need+time.Minute-1)/time.Minute)),
	}
}

// Apply applies the jobs in the batches of PlanBatches and gives the outcomes in the order of the jobs. The first failure
// stops the run: devices that were not begun are NotStarted. An end of ctx does the same; what is under way and not yet
// committed is discarded, and what is committed is not confirmed, so that it rolls back by itself.
//
// The error is for the run as a whole: it was refused (*RunError, *HookError) and no device was touched; there are
// outcomes all the same. How the devices fared is in their outcomes only. Apply ends the run; it is called once.
func (r *Run) Apply(ctx context.Context, jobs []Job, opts ApplyOptions) ([]Outcome, error) {
	x := &execution{run: r, jobs: jobs, opts: opts, out: make([]Outcome, len(jobs))}
	for i, j := range jobs {
		x.out[i] = Outcome{Device: j.Plan.Device, Run: r.ID, Result: NotStarted, Before: j.Plan.Fingerprint}
		x.out[i].Err = fmt.Errorf("%s: %w", j.Plan.Device, ErrNotStarted)
	}
	x.events = newEvents(r.ID, opts.Events, x.journal)
	x.opts.Run, x.opts.Events = r, x.events.send
	x.hooks = hooks{list: opts.Hooks, events: x.events, base: HookPayload{Run: r.ID, User: r.Info.User, Message: r.Info.Message, Tool: r.Info.Tool}}
	if opts.Confirm > 0 {
		x.hooks.base.Confirm = opts.Confirm.String()
		x.opts.reserve = longestHooks(opts.Hooks, HookConfirm)
	}
	x.opts.Wait = opts.Wait || opts.AllOrNothing
	err := x.all(ctx)
	if cerr := r.Close(); cerr != nil && err == nil && len(x.out) > 0 {
		last := &x.out[len(x.out)-1]
		last.Notes = append(last.Notes, fmt.Sprintf("close journal: %v", cerr))
	}
	return x.out, err
}

// execution is a run at work.
type execution struct {
	run    *Run
	jobs   []Job
	opts   ApplyOptions
	out    []Outcome // each written by its own goroutine
	events *events
	hooks  hooks

	mu      sync.Mutex
	stopped error                    // why nothing more is begun
	phase   map[string]Step          // of the devices that are at work
	checks  map[string]time.Time     // when a commit check began
	took    map[string]time.Duration // how long it took
}

// journal keeps what the transactions do not write themselves.
func (x *execution) journal(e Event) {
	switch e.Kind {
	case EventStep:
		x.mu.Lock()
		x.phase[e.Device] = e.Step
		if e.Step == StepCheck {
			x.checks[e.Device] = time.Now()
		}
		x.mu.Unlock()
		return
	case EventDevice:
		return
	}
	x.run.journal.write(record{Kind: "event", Device: e.Device, Event: &e}) //nolint:errcheck // a journal that cannot be written stops the next step
}

func (x *execution) all(ctx context.Context) error {
	x.phase, x.checks, x.took = map[string]Step{}, map[string]time.Time{}, map[string]time.Duration{}
	batches, err := PlanBatches(x.jobs, x.opts)
	if err != nil {
		return errors.Join(err, x.run.journal.write(record{Kind: "end"}))
	}
	if err := x.run.journal.write(x.planRecord(batches)); err != nil {
		return err
	}
	x.events.send(Event{Kind: EventRun, Batches: len(batches), Devices: x.names(nil)})
	notes, required := x.hooks.call(ctx, x.hooks.payload(HookStart, "", x.hookDevices(false)))
	x.note("", notes)
	if required != nil {
		x.events.send(Event{Kind: EventRunDone, Err: required})
		return errors.Join(required, x.run.journal.write(record{Kind: "end"}))
	}
	told := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(told)
		x.interrupt(ctx)
	})
	defer func() {
		if !release() {
			<-told // no event comes after the end
		}
	}()
	for n, b := range batches {
		if ctx.Err() != nil {
			x.interrupt(ctx)
		}
		if x.why() != nil {
			break
		}
		at := Event{Kind: EventBatch, Batch: n + 1, Batches: len(batches), Site: b.Site, Devices: x.names(b.Jobs())}
		x.events.send(at)
		x.batch(ctx, b)
		at.Kind = EventBatchDone
		x.events.send(at)
	}
	x.end(ctx)
	return nil
}

// end tells the hooks and the journal.
func (x *execution) end(ctx context.Context) {
	all := true
	for _, o := range x.out {
		all = all && (o.Result == Committed || o.Result == Unchanged)
	}
	if !all {
		notes, _ := x.hooks.call(ctx, x.hooks.payload(HookRollback, "", x.hookDevices(true))) //nolint:errcheck // only start and confirm object
		x.note("", notes)
	}
	notes, _ := x.hooks.call(ctx, x.hooks.payload(HookEnd, "", x.hookDevices(true))) //nolint:errcheck // only start and confirm object
	x.note("", notes)
	x.events.send(Event{Kind: EventRunDone, Err: x.why()})
	if err := x.run.journal.write(record{Kind: "end"}); err != nil {
		x.note("", []string{err.Error()})
	}
}

func (x *execution) batch(ctx context.Context, b Batch) {
	if x.opts.AllOrNothing {
		x.together(ctx, b.Jobs(), make(slots, x.opts.parallel()))
		return
	}
	Each(ctx, x.opts.parallel(), b.Units, func(ctx context.Context, unit []int) struct{} {
		if len(unit) == 1 {
			x.apply(ctx, unit[0], nil, &slot{})
		} else {
			x.together(ctx, unit, nil)
		}
		return struct{}{}
	})
}

// together applies to devices that wait for each other. Slots, if any, are how many of them are at work: one that
// waits has none.
func (x *execution) together(ctx context.Context, unit []int, of slots) {
	bar := newBarrier(len(unit))
	Each(ctx, len(unit), unit, func(ctx context.Context, i int) struct{} {
		s := &slot{of: of}
		s.take()
		defer s.give()
		x.apply(ctx, i, bar, s)
		bar.leave(x.out[i].Device, x.out[i].Err != nil)
		return struct{}{}
	})
}

// slots bound how many are at work; nil does not. A slot is one device's place among them.
type slots chan struct{}

type slot struct {
	of   slots
	held bool
}

func (s *slot) take() {
	if s.of != nil && !s.held {
		s.of <- struct{}{}
		s.held = true
	}
}

func (s *slot) give() {
	if s.held {
		<-s.of
		s.held = false
	}
}

// apply is one device's part, from its first session to its outcome.
func (x *execution) apply(ctx context.Context, i int, bar *barrier, s *slot) {
	job := x.jobs[i]
	device := job.Plan.Device
	if x.why() != nil || ctx.Err() != nil {
		x.events.send(Event{Kind: EventDevice, Device: device, State: StateDone, Outcome: &x.out[i], Err: x.out[i].Err})
		return
	}
	start := time.Now()
	x.events.device(device, StateRunning, "")
	told := false
	rollback := func(out Outcome) {
		if told {
			return
		}
		told = true
		notes, _ := x.hooks.call(ctx, x.hooks.payload(HookRollback, device, []HookDevice{hookDevice(job, &out)})) //nolint:errcheck // only start and confirm object
		x.note(device, notes)
	}
	opts := x.opts
	if job.Rules != nil {
		opts.Rules = *job.Rules
	}
	opts.Ignore = slices.Concat(opts.Ignore, job.Ignore)
	opts.gate = func(ctx context.Context, at Step) error { return x.gate(ctx, job, at, bar, s) }
	opts.rolling = func(out Outcome) {
		x.fail(ctx, device, out.Err) // the others need not wait until it has rolled back
		if bar != nil {
			bar.leave(device, true)
		}
		rollback(out)
		if x.opts.Wait {
			s.give()
			x.events.device(device, StateWaiting, "rolls back by itself at "+out.RollbackAt.UTC().Format(time.TimeOnly+" MST"))
		}
	}
	out := x.run.applyJob(ctx, job, opts)
	x.out[i] = out
	x.mu.Lock()
	delete(x.phase, device)
	x.mu.Unlock()
	if out.Err != nil {
		x.fail(ctx, device, out.Err)
	}
	switch out.Result {
	case RollingBack, RolledBack, Superseded, Unknown:
		rollback(out)
	}
	x.events.send(Event{Kind: EventDevice, Device: device, State: StateDone, Took: time.Since(start), Outcome: &out, Err: out.Err})
}

// gate is where a device asks the hooks, and waits for those that it goes with.
func (x *execution) gate(ctx context.Context, job Job, at Step, bar *barrier, s *slot) error {
	device := job.Plan.Device
	switch at {
	case StepCommit:
		x.mu.Lock()
		x.took[device] = time.Since(x.checks[device])
		x.mu.Unlock()
	case StepConfirm:
		s.take()
		notes, required := x.hooks.call(ctx, x.hooks.payload(HookConfirm, device, []HookDevice{hookDevice(job, nil)}))
		x.note(device, notes)
		if required != nil && x.opts.Confirm > 0 {
			return fmt.Errorf("%s: %w", device, required)
		} else if required != nil {
			x.note(device, []string{"without a confirm window it could not be taken back: " + clean(required.Error())})
		}
	}
	if bar == nil {
		return nil
	}
	if at != stepReady {
		x.events.device(device, StateWaiting, "")
	}
	s.give()
	if err := bar.pass(ctx, at); err != nil {
		return fmt.Errorf("%s: %w", device, err)
	}
	if at != StepChecks {
		s.take() // checks are looks, which all may take at once
	}
	if at != stepReady {
		x.events.device(device, StateRunning, "")
	}
	if at != StepCommit {
		return nil
	}
	if err := bar.broken(); err != nil { // while this one waited for a slot: what is not committed need not roll back
		return fmt.Errorf("%s: %w", device, err)
	}
	if x.opts.AllOrNothing {
		return x.holds(device)
	}
	return nil
}

// holds asks again whether the window holds all devices, when it is known how long their commit checks took. All of them
// come to the same answer before any is committed.
func (x *execution) holds(device string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var longest time.Duration
	for _, t := range x.took {
		longest = max(longest, t)
	}
	if need := windowNeeded(x.jobs, x.opts, longest); x.opts.Confirm < need {
		return fmt.Errorf("%s: %w", device, windowError(len(x.jobs), x.opts, need))
	}
	return nil
}

// fail stops the run because of a device.
func (x *execution) fail(ctx context.Context, device string, err error) {
	switch {
	case ctx.Err() != nil:
		x.interrupt(ctx)
	case errors.Is(err, ErrOther): // the other one says why
	default:
		x.stop(fmt.Errorf("%s failed: %w", device, err), false)
	}
}

func (x *execution) interrupt(ctx context.Context) {
	x.stop(fmt.Errorf("interrupted: %w", context.Cause(ctx)), true)
}

// stop is called with the reason why nothing more is begun; the first one counts.
func (x *execution) stop(why error, interrupted bool) {
	x.mu.Lock()
	first := x.stopped == nil
	if first {
		x.stopped = why
	}
	before, after := 0, 0
	for _, s := range x.phase {
		switch s {
		case StepCommit, StepSession, StepEntry, StepChecks, StepConfirm:
			after++
		case StepVerify, StepOutcome:
		default:
			before++
		}
	}
	x.mu.Unlock()
	if !first {
		return
	}
	text := "no further device is begun"
	if interrupted {
		if before > 0 {
			text += fmt.Sprintf("; %d not yet committed: discarded", before)
		}
		if after > 0 {
			text += fmt.Sprintf("; %d committed and not confirmed: left to roll back by themselves", after)
		}
	}
	x.events.send(Event{Kind: EventStop, Text: text, Err: why})
}

func (x *execution) why() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stopped
}

func (x *execution) note(device string, notes []string) {
	for _, n := range notes {
		x.events.send(Event{Kind: EventNote, Device: device, Text: n})
	}
}

// names are the devices of some jobs; nil: of all.
func (x *execution) names(jobs []int) []string {
	var out []string
	if jobs == nil {
		for _, j := range x.jobs {
			out = append(out, j.Plan.Device)
		}
	}
	for _, i := range jobs {
		out = append(out, x.jobs[i].Plan.Device)
	}
	return out
}

func (x *execution) hookDevices(ended bool) []HookDevice {
	out := make([]HookDevice, len(x.jobs))
	for i, j := range x.jobs {
		var o *Outcome
		if ended {
			o = &x.out[i]
		}
		out[i] = hookDevice(j, o)
	}
	return out
}

func (x *execution) planRecord(batches []Batch) record {
	r := record{Kind: "plan"}
	for _, b := range batches {
		r.Batches = append(r.Batches, x.names(b.Jobs()))
	}
	return r
}

// applyJob opens the first session and applies. A device that cannot be reached has an outcome in the audit log as well.
func (r *Run) applyJob(ctx context.Context, job Job, opts ApplyOptions) Outcome {
	opts.Dial = job.Dial
	dev, err := opts.Retry.Dial(job.Plan.Device, job.Dial, opts.Events)(ctx)
	if err != nil {
		out := Outcome{Device: job.Plan.Device, Run: r.ID, Result: NotCommitted, Before: job.Plan.Fingerprint, Err: err}
		out.Err = errors.Join(err, r.recordOutcome(out))
		return out
	}
	if d, ok := dev.(*retried); ok {
		d.lockWait = opts.LockWait
		d.busy = func(err error) error { return r.busy(job.Plan.Device, err) }
	}
	notes := SettleUnfinished(ctx, dev, r.unfinished)
	out, _ := Apply(ctx, dev, job.Plan, opts) //nolint:errcheck // it is out.Err
	out.Notes = append(notes, out.Notes...)
	if err := dev.Close(); err != nil && !errors.Is(err, ErrSessionLost) {
		out.Notes = append(out.Notes, fmt.Sprintf("close session: %v", err))
	}
	return out
}
