package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/inventory"
)

// changeOptions are the flags that every changing command has.
type changeOptions struct {
	message string
	yes     bool
	print   bool
	json    bool
	omit    bool
	confirm time.Duration
	skipped string // why errors of check were passed over; "": there was none
}

func changeFlags(a *app, cmd *cobra.Command, o *changeOptions) {
	taskFlag(cmd, &o.message)
	f := cmd.Flags()
	f.BoolVarP(&o.yes, "yes", "y", false, "approve without asking")
	f.BoolVar(&o.print, "print", false, "print the Junos lines to paste on each router's console; uses no network")
	f.BoolVar(&o.json, "json", false, "print outcomes as JSON, one object a line")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "do not show the difference")
	f.DurationVar(&o.confirm, "confirm", 3*time.Minute, "confirm window, whole minutes: the router rolls back by itself if we cannot confirm in time")
	a.fleetFlags(cmd)
}

// newCommit is `rhapsode commit QUERY`.
func newCommit(a *app) *cobra.Command {
	var o changeOptions
	var activate []string
	var skip string
	var prune bool
	cmd := &cobra.Command{
		Use:   "commit QUERY -m \"TASK why\"",
		Short: "render, review and commit",
		Long: `Render every selected device, show what each router says would change, ask, and commit. Each commit is a
transaction: the router's running configuration and its own compare must still be what was reviewed, the commit is
confirmed only after a second session has read it back, and a router that cannot be confirmed rolls back by itself.
Routers of one site and role are committed one after the other; the first failure ends the run. What "rhapsode check"
finds errors in is not committed, and no router is asked.

What is inactive on a router stays inactive (shown as "held"); --activate 'STATEMENT' or "rhapsode activate" changes it.
What earlier runs rendered and this one does not stays too (shown as "orphan"); --prune removes just that.`,
		Example: `  rhapsode commit site:ams -m "T123456 add maps VIP"
  rhapsode commit '*' -m "T123456 add maps VIP" --yes --confirm 5m
  rhapsode commit cr1.ams -m "T123456" --print    # what to paste on a console`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			net, list, err := a.selectDevices(args[0])
			if err != nil {
				return err
			}
			var paths [][]string
			for _, p := range activate {
				words, err := splitStatement(p)
				if err != nil {
					return err
				}
				paths = append(paths, words)
			}
			w, err := want(net, list, time.Now(), a.secrets(cmd.Context(), net))
			if err != nil {
				return err
			}
			o.skipped, err = a.gate(w, skip)
			if o.print { // no router is touched, and the person has been told
				a.printRender(w, o)
				return nil
			}
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), w.targets(paths, prune), o, devices.Serial)
		},
	}
	changeFlags(a, cmd, &o)
	skipFlag(cmd, &skip)
	cmd.Flags().BoolVar(&prune, "prune", false, "also remove the orphans: what earlier runs rendered and this one does not")
	cmd.MarkFlagsMutuallyExclusive("prune", "print") // what is an orphan only the router can tell
	cmd.Flags().StringArrayVar(&activate, "activate", nil, "also activate this held `STATEMENT` (may be repeated)")
	return cmd
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
func (a *app) change(ctx context.Context, targets []target, o changeOptions, pairs devices.PairMode) error {
	results := a.reviewOnline(ctx, targets)
	// With --json the outcomes are the result; the review is for the person.
	if !o.json {
		if err := a.printReview("", results, "text", o.omit); err != nil {
			return err
		}
	}
	a.noteKept(results)
	if err := reviewError(results, !o.json); err != nil {
		return cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err))
	}
	var todo []reviewed
	for _, r := range results {
		if r.plan.Compare != "" {
			todo = append(todo, r)
		}
	}
	if len(todo) == 0 {
		a.streams.Notef("nothing to change")
		return nil
	}
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
	return a.applyAll(ctx, todo, o, pairs)
}

// applyAll applies reviewed plans, a pair at a time, and prints what became of each device.
func (a *app) applyAll(ctx context.Context, todo []reviewed, o changeOptions, pairs devices.PairMode) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	run, err := devices.NewRun(state, devices.RunInfo{User: a.user(), Message: o.message, Tool: version, SkippedCheck: o.skipped})
	if err != nil {
		return err
	}
	progress := a.progress()
	for _, u := range run.Unfinished() {
		a.streams.Notef("warning: %s", u)
	}
	var jobs []devices.Job
	for _, r := range todo {
		jobs = append(jobs, devices.Job{
			Plan: r.plan,
			Pair: r.device.Site.Name + "/" + r.device.Role,
			Dial: func(ctx context.Context) (devices.Device, error) { return a.connect(ctx, r.device) },
		})
	}
	outcomes := run.Apply(ctx, jobs, devices.ApplyOptions{
		Confirm: o.confirm,
		Pairs:   pairs,
		Progress: func(device string, step devices.Step) {
			if text := stepText(step, o.confirm); text != "" {
				progress.Step(device, "%s", text)
			}
		},
	})
	a.rememberRendered(state, todo, outcomes)
	return a.printOutcomes(run.ID, outcomes, o)
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

// printOutcomes says for every device what happened, and sums it up in the exit code.
func (a *app) printOutcomes(run string, outcomes []devices.Outcome, o changeOptions) error {
	var errs []error
	committed := 0
	for _, out := range outcomes {
		if out.Result == devices.Committed {
			committed++
		}
		if out.Err != nil {
			errs = append(errs, out.Err)
		}
		if o.json {
			if err := a.printJSON(out); err != nil {
				return err
			}
			continue
		}
		a.streams.Printf("%s: %s\n", out.Device, out)
		for _, n := range out.Notes {
			a.streams.Printf("    note: %s\n", a.redactorOnce().Text(n))
		}
	}
	if !o.json {
		a.streams.Printf("run %s: %d of %s committed and confirmed\n", run, committed, plural(len(outcomes), "device"))
	}
	if len(errs) == 0 {
		return nil
	}
	if committed == 0 {
		return cli.WithCode(cli.Failed, errors.Join(errs...))
	}
	return cli.WithCode(cli.Partial, errors.Join(append(errs, mixed(outcomes))...))
}

// mixed says which devices have the change and which do not, when a run ended half-way over a pair.
func mixed(outcomes []devices.Outcome) error {
	var have, lack []string
	for _, o := range outcomes {
		if o.Result == devices.Committed {
			have = append(have, o.Device)
		} else {
			lack = append(lack, o.Device)
		}
	}
	return cli.Hint(
		fmt.Errorf("MIXED: the change is on %s and not on %s", strings.Join(have, ", "), strings.Join(lack, ", ")),
		fmt.Sprintf("make them equal: repeat the command for %s, or revert %s", strings.Join(lack, ", "), strings.Join(have, ", ")))
}
