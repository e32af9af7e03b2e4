package main

import (
	"context"
	"encoding"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/inventory"
)

// changeOptions are the flags that every changing command has.
type changeOptions struct {
	message string
	yes     bool
	print   bool
	json    bool
	omit    bool
	given   func(flag string) bool // whether a flag was given; else the inventory may say

	confirm     time.Duration
	pairs       devices.PairMode // its value before changeFlags is the command's default
	batches     devices.Batches
	across      bool
	allOrNone   bool
	noWait      bool // do not wait for a rollback to be seen
	skipFailed  bool // leave out what could not be reviewed
	unrelated   bool // go on if only what the change does not touch has moved
	force       bool // go on where a plan could lock us out
	forceFreeze bool

	planOnly planOnly          // write a plan and change nothing
	plan     *diffs.Plan       // what is applied, if it comes from a plan
	skipped  string            // why errors of check were passed over; "": there was none
	forced   string            // the freezes that were forced
	left     []devices.Outcome // what was left out of the run
}

func changeFlags(a *app, cmd *cobra.Command, o *changeOptions) {
	taskFlag(cmd, &o.message)
	f := cmd.Flags()
	o.given = f.Changed
	f.BoolVarP(&o.yes, "yes", "y", false, "approve without asking")
	f.BoolVar(&o.print, "print", false, "print the Junos lines to paste on each router's console; uses no network")
	f.BoolVar(&o.json, "json", false, "print what happens as JSON, an object a line: type is event, outcome or summary")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "do not show the difference")
	f.DurationVar(&o.confirm, "confirm", 3*time.Minute, "confirm window, whole minutes: the router rolls back by itself if we cannot confirm in time")
	f.Var(textFlag{&o.pairs, "mode"}, "pair", "devices of one site and role: serial (one after the other), or together (all are confirmed, or none)")
	f.Var(textFlag{&o.batches, "sizes"}, "batch", "how many devices are changed at a time, the last size repeating: 1,25% (one, then quarters; default one after the other)")
	f.BoolVar(&o.across, "across-sites", false, "a batch may hold devices of several sites")
	f.BoolVar(&o.allOrNone, "all-or-nothing", false, "keep all confirm windows open until every device passed its checks: all are confirmed, or all roll back")
	f.BoolVar(&o.skipFailed, "skip-failed", false, "leave out devices that could not be reviewed, and their pairs, instead of changing nothing; they count as failed")
	f.BoolVar(&o.unrelated, "accept-unrelated", false, "go on where the running configuration moved since the review, if only outside the change; what moved is said")
	f.BoolVar(&o.noWait, "no-wait", false, "where a commit is not confirmed, do not wait until the router has rolled back")
	f.BoolVar(&o.force, "force", false, "go on where the change could lock us out of the router")
	f.BoolVar(&o.forceFreeze, "force-freeze", false, "an emergency: change in spite of a freeze; the journal and the audit log keep it")
	completeValues(cmd, "pair", "serial", "together")
	cmd.MarkFlagsMutuallyExclusive("batch", "all-or-nothing")
	a.fleetFlags(cmd)
}

// withDefaults fills in what the inventory says of flags that were not given.
func (a *app) withDefaults(o changeOptions) (changeOptions, error) {
	if a.loaded == nil || o.given == nil {
		return o, nil
	}
	d := a.loaded.Commit
	if d.Confirm > 0 && !o.given("confirm") {
		o.confirm = d.Confirm
	}
	if d.Retries != nil && !o.given("retries") {
		a.retries = *d.Retries
	}
	if d.Batch != "" && !o.given("batch") && !o.allOrNone {
		if err := o.batches.UnmarshalText([]byte(d.Batch)); err != nil {
			return o, fmt.Errorf("commit.batch: %w", err)
		}
	}
	return o, nil
}

// textFlag is a flag of a type that reads and writes itself as text.
type textFlag struct {
	value interface {
		fmt.Stringer
		encoding.TextUnmarshaler
	}
	name string // of the value, in the help
}

// String is the value as it is written.
func (f textFlag) String() string { return f.value.String() }

// Set reads a value.
func (f textFlag) Set(s string) error { return f.value.UnmarshalText([]byte(s)) }

// Type is what the help calls the value.
func (f textFlag) Type() string { return f.name }

// applyOptions are the flags as the executor takes them.
func (a *app) applyOptions(o changeOptions) devices.ApplyOptions {
	return devices.ApplyOptions{
		Hook: a.hook, Confirm: o.confirm, AcceptUnrelated: o.unrelated, Force: o.force, Wait: !o.noWait,
		FleetOptions: devices.FleetOptions{
			Pairs: o.pairs, Batches: o.batches, AcrossSites: o.across, AllOrNothing: o.allOrNone,
			Parallel: a.parallel, Retry: a.retry(), LockWait: a.lockWait,
		},
	}
}

func (o changeOptions) check() error {
	if err := needMessage(o.message); err != nil {
		return err
	}
	if err := devices.CheckConfirm(o.confirm); err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	return nil
}

// change reviews, asks and applies: the one way in which every changing command changes routers.
func (a *app) change(ctx context.Context, targets []target, o changeOptions) error {
	o, err := a.withDefaults(o)
	if err != nil {
		return err
	}
	var list []*inventory.Device
	for _, t := range targets {
		list = append(list, t.device)
	}
	if _, err := a.frozen(list, time.Now(), o.forceFreeze); err != nil && o.planOnly.file == "" { // before any router is asked
		return err
	}
	todo, err := a.reviewChange(a.reviewOnline(ctx, targets), &o)
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		a.streams.Notef("nothing to change")
		if o.planOnly.file != "" {
			return a.noPlan(o)
		}
		if len(o.left) > 0 {
			return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %s left out", plural(len(o.left), "device")))
		}
		return nil
	}
	return a.approveAndApply(ctx, todo, o)
}

// reviewChange shows a review and gives what of it changes something. A device that could not be reviewed ends it, or
// where that was asked for is left out.
func (a *app) reviewChange(results []reviewed, o *changeOptions) ([]reviewed, error) {
	if err := a.likePlan(o.planOnly.file); err != nil {
		return nil, err
	}
	// With --json the outcomes are the result; the review is for the person.
	if !o.json {
		if err := a.printReview("", results, "text", o.omit); err != nil {
			return nil, err
		}
	}
	a.noteKept(results)
	if err := reviewError(results, !o.json); err != nil {
		if !o.skipFailed || a.stopped() {
			return nil, cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
		}
		results, o.left = leaveOut(results)
	}
	var todo []reviewed
	for _, r := range results {
		if r.plan.Compare != "" {
			todo = append(todo, r)
		}
	}
	return todo, nil
}

// pairOf names the devices that back a device up: those of its site and role.
func pairOf(d *inventory.Device) string { return d.Site.Name + "/" + d.Role }

// leaveOut takes away the devices that could not be reviewed, and those of their pairs: a pair is never made to differ.
func leaveOut(results []reviewed) (rest []reviewed, left []devices.Outcome) {
	because := map[string]string{} // of each pair: the first device that failed
	for _, r := range results {
		if _, ok := because[pairOf(r.device)]; r.err != nil && !ok {
			because[pairOf(r.device)] = r.device.FQDN
		}
	}
	for _, r := range results {
		of, out := because[pairOf(r.device)]
		if !out {
			rest = append(rest, r)
			continue
		}
		err := r.err
		if err == nil {
			err = fmt.Errorf("%s: left out with %s, which could not be reviewed", r.device.FQDN, of)
		}
		left = append(left, devices.Outcome{Device: r.device.FQDN, Result: devices.NotStarted, Err: err})
	}
	return rest, left
}

// approveAndApply asks and applies: what was reviewed just now, or is in a plan.
func (a *app) approveAndApply(ctx context.Context, todo []reviewed, o changeOptions) error {
	if o.planOnly.file != "" {
		return a.savePlan(todo, o)
	}
	var who []*inventory.Device
	for _, r := range todo {
		who = append(who, r.device)
	}
	o, err := a.withDefaults(o)
	if err != nil {
		return err
	}
	if o.forced, err = a.frozen(who, time.Now(), o.forceFreeze); err != nil {
		return err
	}
	jobs, err := a.jobs(todo)
	if err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	if _, err := devices.PlanBatches(jobs, a.applyOptions(o)); err != nil { // before a person reads and decides
		return cli.WithCode(cli.Usage, fmt.Errorf("nothing was changed: %w", err))
	}
	if !o.yes {
		question := fmt.Sprintf("Commit this to %s (%s) as %q?", plural(len(todo), "device"), someNames(who), o.message)
		if err := a.streams.Confirm(question); err != nil {
			return err
		}
	}
	return a.applyAll(ctx, todo, jobs, o)
}

// jobs are reviewed plans as the executor takes them.
func (a *app) jobs(todo []reviewed) ([]devices.Job, error) {
	var jobs []devices.Job
	for _, r := range todo {
		rules, err := checkRules(r.device)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, devices.Job{
			Plan:   r.plan,
			Site:   r.device.Site.Name,
			Pair:   pairOf(r.device),
			Dial:   func(ctx context.Context) (devices.Device, error) { return a.connect(ctx, r.device) },
			Rules:  rules,
			Ignore: ignoreRules(r.device),
		})
	}
	return jobs, nil
}

// applyAll applies reviewed plans and says what became of each device, as it comes.
func (a *app) applyAll(ctx context.Context, todo []reviewed, jobs []devices.Job, o changeOptions) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	opts := a.applyOptions(o)
	if a.loaded != nil {
		if opts.Hooks, err = a.hooks(ctx, a.loaded); err != nil {
			return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
		}
	}
	run, err := devices.NewRun(state, devices.RunInfo{
		User: a.user(), Message: o.message, Tool: version, SkippedCheck: o.skipped, ForcedFreeze: o.forced,
	})
	if err != nil {
		return err
	}
	if err := a.writeRunPlan(run, todo, o); err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", errors.Join(err, run.Close())))
	}
	for _, u := range run.Unfinished() {
		a.streams.Notef("warning: %s", u)
	}
	view := newRunView(a, run.ID, jobs, o)
	opts.Events = view.event
	outcomes, err := run.Apply(ctx, jobs, opts)
	view.end()
	if err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	a.rememberRendered(state, todo, outcomes)
	return a.summarize(run.ID, jobs, outcomes, o.left, o)
}

// rememberRendered notes what templates have now put onto the routers that were committed. That it can't be noted undoes no
// commit: the next run then asks the router's history.
func (a *app) rememberRendered(state string, todo []reviewed, outcomes []devices.Outcome) {
	for i, out := range outcomes {
		if out.Result != devices.Committed || todo[i].after == nil || out.Entry == nil {
			continue
		}
		r := *todo[i].after
		r.Run, r.Since = out.Run, out.Entry.Time
		if err := devices.WriteRendered(state, out.Device, r); err != nil {
			a.streams.Notef("warning: %v", err)
		}
	}
}

// stepText says in words what begins, for the steps that a person waits for or must know of.
func stepText(step devices.Step, confirm time.Duration) string {
	switch step {
	case devices.StepLock:
		return "locking, loading and checking"
	case devices.StepCommit:
		if confirm == 0 {
			return "committing"
		}
		return fmt.Sprintf("committing; rolls back by itself unless confirmed within %d minutes", int(confirm/time.Minute))
	case devices.StepSession:
		return "committed, looking at it over a second session"
	case devices.StepConfirm:
		return "confirming"
	}
	return ""
}
