package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// newApply is `rhapsode apply`.
func newApply(a *app) *cobra.Command {
	var o changeOptions
	var resume string
	cmd := &cobra.Command{
		Use:   "apply {PLAN | --resume RUN} [QUERY] -m \"TASK why\"",
		Short: "commit exactly what a plan file says",
		Long: `Commit what "rhapsode diff -o PLAN" has shown, to the letter: each router's running configuration must still be the one that the
plan was made from, and its own compare the one that was reviewed. Where it moved, the change is refused; with --accept-unrelated
it goes on if only something outside the change moved, and says what. A plan that was made with --offline or --read-only
binds in substance. QUERY picks some of the plan's routers.

A plan is refused that was edited, signed with another key, made by another version of the tool, or has expired, and where a
secret that it refers to is not what it was at the review.

--resume RUN goes on with a run that ended half-way, by the plan that it kept: routers that have the change already are looked
at and left alone, the others are committed.`,
		Example: `  rhapsode apply ams.plan -m "T123456 add maps VIP"
  rhapsode apply ams.plan cr1.ams -m "T123456 add maps VIP" --yes
  rhapsode apply ams.plan -m T123456 --print    # what to paste on a console
  rhapsode apply --resume 01KAJ3T8V9V5C8W6N0Q2R4S6T8 -m "T123456 add maps VIP"`,
		Args: func(_ *cobra.Command, args []string) error {
			switch most := 2; {
			case resume != "" && len(args) > 1:
				return fmt.Errorf("accepts at most 1 arg beside --resume, received %d", len(args))
			case resume == "" && (len(args) == 0 || len(args) > most):
				return fmt.Errorf("accepts a plan file and a query, received %d args", len(args))
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 && resume == "" {
				return completeFile(cmd, args, word)
			}
			return a.completeQuery(cmd, nil, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if resume != "" {
				return a.resume(cmd.Context(), resume, strings.Join(args, ""), o)
			}
			return a.apply(cmd.Context(), args[0], strings.Join(args[1:], ""), o)
		},
	}
	changeFlags(a, cmd, &o)
	cmd.Flags().StringVar(&resume, "resume", "", "go on with `RUN`, which ended half-way")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("resume", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeRun(cmd, nil, word)
	}))
	return cmd
}

// apply is `rhapsode apply PLAN`.
func (a *app) apply(ctx context.Context, file, query string, o changeOptions) error {
	v, todo, err := a.openPlan(ctx, file, query)
	if err != nil {
		return cli.WithCode(codeOr(err, cli.Failed), fmt.Errorf("nothing was changed: %w", err))
	}
	o.plan, o.skipped = v.Plan, v.SkippedCheck
	if o.print {
		a.printPlanned(todo, o)
		return nil
	}
	if err := a.showPlanned(v, todo, o); err != nil {
		return err
	}
	return a.approveAndApply(ctx, todo, o)
}

// codeOr is the exit code of an error, or another where the error has none of its own.
func codeOr(err error, code cli.Code) cli.Code {
	if c := cli.CodeOf(err); c == cli.Usage {
		return c
	}
	return code
}

// showPlanned shows the part of a plan that is about to be applied. With --json the outcomes are the result.
func (a *app) showPlanned(v *planView, todo []reviewed, o changeOptions) error {
	if o.json {
		return nil
	}
	part := *v.Plan
	part.Devices = nil
	for _, r := range todo {
		d := r.plan
		part.Devices = append(part.Devices, d)
	}
	shown := *v
	shown.Plan = &part
	return a.printPlan(&shown, "text", o.omit)
}

// openPlan reads a plan that can be applied, with its secrets in place. query picks some of its devices; "" is all.
func (a *app) openPlan(ctx context.Context, file, query string) (*planView, []reviewed, error) {
	v, key, err := a.readPlan(file, time.Now())
	if err != nil {
		return nil, nil, err
	}
	if v.problem != nil {
		return nil, nil, v.problem
	}
	a.redactor = key.Redactor() // what it hides looks as in the plan
	net, err := a.network()
	if err != nil {
		return nil, nil, err
	}
	chosen, err := choose(net, v.Plan, query)
	if err != nil {
		return nil, nil, err
	}
	secret := a.secrets(ctx, net)
	var out []reviewed
	var errs []error
	for _, d := range chosen {
		r, err := openDevice(key, v.Plan, d, secret)
		errs = append(errs, err)
		out = append(out, r)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, planHint(err)
	}
	return v, out, nil
}

// choose gives the devices of a plan, in its order, as the inventory has them.
func choose(net *inventory.Network, p *diffs.Plan, query string) ([]*inventory.Device, error) {
	var all []*inventory.Device
	var gone []string
	for _, d := range p.Devices {
		i := slices.IndexFunc(net.Devices, func(n *inventory.Device) bool { return n.FQDN == d.Device })
		if i < 0 {
			gone = append(gone, d.Device)
			continue
		}
		all = append(all, net.Devices[i])
	}
	if len(gone) > 0 {
		return nil, cli.Hint(fmt.Errorf("the inventory has no %s", strings.Join(gone, ", ")), "use the inventory that the plan was made from, or make the plan again")
	}
	if query == "" {
		return all, nil
	}
	picked, err := net.Select(query)
	if err != nil {
		return nil, cli.WithCode(cli.Usage, err)
	}
	some := slices.DeleteFunc(slices.Clone(all), func(d *inventory.Device) bool { return !slices.Contains(picked, d) })
	if len(some) == 0 {
		return nil, cli.Hint(cli.Usagef("the plan has none of %s", names(picked)), "it has "+someNames(all))
	}
	return some, nil
}

// openDevice puts the secrets of a device's plan in place. Only a reference that the inventory has for the device is
// followed: a plan alone makes nobody read a file or run a command.
func openDevice(key *diffs.PlanKey, p *diffs.Plan, d *inventory.Device, secret templates.SecretFunc) (reviewed, error) {
	known := d.Secrets()
	plan, err := key.Open(p, d.FQDN, func(ref diffs.PlanSecret) (string, error) {
		i := slices.IndexFunc(known, func(s inventory.Secret) bool { return planSecret(s).Same(ref) })
		if i < 0 {
			return "", fmt.Errorf("%w: the inventory does not refer to %s any more", diffs.ErrPlanSecret, ref.Reference())
		}
		return secret(known[i])
	})
	if err != nil {
		return reviewed{}, err
	}
	after, err := rememberedAfter(plan)
	return reviewed{device: d, plan: plan, orphans: plan.Orphans, after: after}, err
}

// resume is `rhapsode apply --resume RUN`.
func (a *app) resume(ctx context.Context, run, query string, o changeOptions) error {
	rec, err := a.resumable(run)
	if err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	v, todo, err := a.openPlan(ctx, rec.Plan, query)
	if err != nil {
		return cli.WithCode(codeOr(err, cli.Failed), fmt.Errorf("nothing was changed: %w", err))
	}
	o.plan, o.skipped = v.Plan, v.SkippedCheck
	if o.print { // no router can be asked what it has
		a.printPlanned(slices.DeleteFunc(todo, func(r reviewed) bool { return slices.Contains(rec.Having(), r.plan.Device) }), o)
		return nil
	}
	left, err := a.lacking(ctx, rec, todo)
	if err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	if len(left) == 0 {
		a.streams.Notef("nothing to change: every device has the change of run %s", rec.ID)
		return nil
	}
	if err := a.showPlanned(v, left, o); err != nil {
		return err
	}
	return a.approveAndApply(ctx, left, o)
}

// resumable gives the record of a run that ended and kept its plan.
func (a *app) resumable(run string) (*devices.RunRecord, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	rec, err := devices.ReadRun(state, run)
	switch {
	case errors.Is(err, devices.ErrNoRun):
		return nil, cli.Hint(err, "see `rhapsode runs list`")
	case err != nil:
		return nil, err
	case rec.AtWork:
		return nil, cli.Hint(fmt.Errorf("run %s by %s is still at work", rec.ID, rec.User), "wait until it has ended, or interrupt it")
	case rec.Plan == "":
		return nil, cli.Hint(fmt.Errorf("run %s kept no plan: it ended before it touched a router", rec.ID), "repeat its command")
	}
	return rec, nil
}

// lacking asks the devices of a run which have its change, says so, and gives those that do not. The error is of those
// that had it and do not have it any more, and of those that could not be asked.
func (a *app) lacking(ctx context.Context, rec *devices.RunRecord, todo []reviewed) ([]reviewed, error) {
	type answer struct {
		has bool
		err error
	}
	answers := devices.Each(ctx, a.parallel, todo, func(ctx context.Context, r reviewed) answer {
		has, err := a.hasRun(ctx, rec, r)
		return answer{has, err}
	})
	var left []reviewed
	var errs []error
	for i, ans := range answers {
		switch {
		case ans.err != nil:
			errs = append(errs, ans.err)
		case ans.has:
			a.streams.Notef("%s has the change of run %s: left alone", todo[i].plan.Device, rec.ID)
		default:
			left = append(left, todo[i])
		}
	}
	return left, errors.Join(errs...)
}

// hasRun asks a device whether a run's change is in force on it.
func (a *app) hasRun(ctx context.Context, rec *devices.RunRecord, r reviewed) (has bool, err error) {
	name := r.plan.Device
	dev, err := a.connect(ctx, r.device)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	i := slices.IndexFunc(rec.Devices, func(d devices.RunDevice) bool { return d.Device == name })
	if i < 0 || rec.Devices[i].Begun.IsZero() {
		return hasAlready(ctx, dev, r)
	}
	was := rec.Devices[i]
	// With a window assumed, a commit that others have committed over is held against what was before the run.
	out, err := devices.Settle(ctx, dev, devices.Unfinished{
		Run: rec.ID, Device: name, User: rec.User, Message: rec.Message, Started: was.Begun, Step: was.Step,
		Fingerprint: r.plan.Fingerprint, Confirm: time.Minute,
	})
	if err != nil {
		return false, err
	}
	switch out.Result {
	case devices.Committed, devices.Superseded:
		return true, a.stillHas(ctx, dev, rec.ID, was, out, r)
	case devices.RollingBack:
		return false, cli.Hint(fmt.Errorf("%s: the commit of run %s is not confirmed yet", name, rec.ID),
			"it rolls back at "+out.RollbackAt.UTC().Format(planTime)+": resume after that")
	case devices.Unknown:
		return false, cli.Hint(fmt.Errorf("%s: its history does not go back to run %s any more", name, rec.ID), "look with `rhapsode diff` what it lacks")
	case devices.NotCommitted, devices.RolledBack:
		if was.Result() == devices.Committed {
			return false, lostError(name, rec.ID, "the device was taken back to what it ran before")
		}
	}
	return hasAlready(ctx, dev, r)
}

// hasAlready says whether a device that the run did not get to has its change all the same: a later run resumed it.
func hasAlready(ctx context.Context, dev devices.Device, r reviewed) (bool, error) {
	running, err := runningTree(ctx, dev)
	if err != nil || running.Fingerprint() == r.plan.Fingerprint {
		return false, err
	}
	edits, err := missing(running, r.plan.Changes)
	return err == nil && len(edits) == 0, nil // what can't be told here the transaction refuses
}

// missing gives what changes would edit in a configuration.
func missing(running *junos.Tree, changes []diffs.Change) ([]string, error) {
	after := running.Clone()
	for _, c := range changes {
		if c.Rollback != nil {
			return nil, errors.New("a rollback can't be held against what was committed since")
		}
		if _, err := after.Load("the plan", []byte(c.Text), c.Mode); err != nil {
			return nil, err
		}
	}
	return diffs.Edits(running, after), nil
}

// stillHas makes sure that what a run has committed was not undone since.
func (a *app) stillHas(ctx context.Context, dev devices.Device, run string, was devices.RunDevice, now devices.Outcome, r reviewed) error {
	if was.Outcome != nil && was.Outcome.After != "" && was.Outcome.After == now.After {
		return nil
	}
	running, err := runningTree(ctx, dev)
	if err != nil {
		return err
	}
	edits, err := missing(running, r.plan.Changes)
	if err != nil {
		return lostError(r.plan.Device, run, err.Error())
	}
	if len(edits) > 0 {
		return lostError(r.plan.Device, run, fmt.Sprintf("%s of it would have to be made again", plural(len(edits), "edit")))
	}
	return nil
}

func lostError(device, run, why string) error {
	return cli.Hint(fmt.Errorf("%s: it was committed by run %s and is not in force any more: %s", device, run, why),
		"see `rhapsode history`, then review it again with `rhapsode diff`; with a QUERY only the other devices are resumed")
}
