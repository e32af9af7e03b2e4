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
	message   string
	yes       bool
	print     bool
	json      bool
	omit      bool
	confirm   time.Duration
	pairs     devices.PairMode // its value before changeFlags is the command's default
	unrelated bool             // go on if only what the change does not touch has moved
	noWait    bool             // do not wait for a rollback to be seen
	plan      *diffs.Plan      // what is applied, if it comes from a plan
	skipped   string           // why errors of check were passed over; "": there was none
}

func changeFlags(a *app, cmd *cobra.Command, o *changeOptions) {
	taskFlag(cmd, &o.message)
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "approve without asking")
	f.BoolVar(&o.print, "print", false, "print the Junos lines to paste on each router's console; uses no network")
	f.BoolVar(&o.json, "json", false, "print outcomes as JSON, one object a line")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "do not show the difference")
	f.DurationVar(&o.confirm, "confirm", 3*time.Minute, "confirm window, whole minutes: the router rolls back by itself if we cannot confirm in time")
	f.Var(textFlag{&o.pairs, "mode"}, "pair", "devices of one site and role: serial (one after the other), or together (all are confirmed, or none)")
	f.BoolVar(&o.unrelated, "accept-unrelated", false, "go on where the running configuration moved since the review, if only outside the change; what moved is said")
	f.BoolVar(&o.noWait, "no-wait", false, "where a commit is not confirmed, do not wait until the router has rolled back")
	completeValues(cmd, "pair", "serial", "together")
	a.fleetFlags(cmd)
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
		Hook: a.hook, Confirm: o.confirm, AcceptUnrelated: o.unrelated, Wait: !o.noWait, FleetOptions: devices.FleetOptions{Pairs: o.pairs},
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
	todo, err := a.reviewChange(a.reviewOnline(ctx, targets), o)
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		a.streams.Notef("nothing to change")
		return nil
	}
	return a.approveAndApply(ctx, todo, o)
}

// reviewChange shows a review and gives what of it changes something. A device that could not be reviewed ends it.
func (a *app) reviewChange(results []reviewed, o changeOptions) ([]reviewed, error) {
	// With --json the outcomes are the result; the review is for the person.
	if !o.json {
		if err := a.printReview("", results, "text", o.omit); err != nil {
			return nil, err
		}
	}
	a.noteKept(results)
	if err := reviewError(results, !o.json); err != nil {
		return nil, cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	var todo []reviewed
	for _, r := range results {
		if r.plan.Compare != "" {
			todo = append(todo, r)
		}
	}
	return todo, nil
}

// approveAndApply asks and applies: what was reviewed just now, or is in a plan.
func (a *app) approveAndApply(ctx context.Context, todo []reviewed, o changeOptions) error {
	if !o.yes {
		var who []*inventory.Device
		for _, r := range todo {
			who = append(who, r.device)
		}
		question := fmt.Sprintf("Commit this to %s (%s) as %q?", plural(len(todo), "device"), names(who), o.message)
		if err := a.streams.Confirm(question); err != nil {
			return err
		}
	}
	return a.applyAll(ctx, todo, o)
}

// applyAll applies reviewed plans, a pair at a time, and prints what became of each device.
func (a *app) applyAll(ctx context.Context, todo []reviewed, o changeOptions) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	run, err := devices.NewRun(state, devices.RunInfo{User: a.user(), Message: o.message, Tool: version, SkippedCheck: o.skipped})
	if err != nil {
		return err
	}
	if err := a.writeRunPlan(run, todo, o); err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", errors.Join(err, run.Close())))
	}
	progress := a.progress()
	for _, u := range run.Unfinished() {
		a.streams.Notef("warning: %s", u)
	}
	var jobs []devices.Job
	for _, r := range todo {
		jobs = append(jobs, devices.Job{
			Plan: r.plan,
			Site: r.device.Site.Name,
			Pair: r.device.Site.Name + "/" + r.device.Role,
			Dial: func(ctx context.Context) (devices.Device, error) { return a.connect(ctx, r.device) },
		})
	}
	opts := a.applyOptions(o)
	opts.Events = func(e devices.Event) {
		if text := stepText(e.Step, o.confirm); e.Kind == devices.EventStep && text != "" {
			progress.Step(e.Device, "%s", text)
		}
	}
	outcomes, err := run.Apply(ctx, jobs, opts)
	if err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	a.rememberRendered(state, todo, outcomes)
	return a.printOutcomes(run.ID, jobs, outcomes, o)
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
