package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

type rollbackOptions struct {
	changeOptions
	run  string
	to   int
	undo []string // names of the commits that --to takes back
}

// newRollback is `rhapsode rollback QUERY`.
func newRollback(a *app) *cobra.Command {
	var o rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback QUERY {--run RUN | --to N} -m \"TASK why\"",
		Short: "take back a run, or go back to an earlier commit",
		Long: `--run RUN takes back what one run did, and only that: the inverse of its change is applied to what each router runs today, so that
what others have committed since stays. Where a statement that the run touched is not as it left it, nothing is changed, and who
touched it is said. Routers that the run did not change are left alone. Pairs go as in the run, unless --pair says otherwise.

--to N loads "rollback N" of each router: everything that was committed since goes, by whomever. Every such commit is
shown, and asked for by name (its task, its run or its number): on a terminal you type the names, in a script --undo must have
just those; --yes alone is not enough. Nothing is done while a confirm window is open.

Either way the change is reviewed and committed like any other. --print with --run tells how to find the commit on a console.`,
		Example: `  rhapsode rollback site:ams --run 01KAJ3T8V9V5C8W6N0Q2R4S6T8 -m "T123457 takes back T123456"
  rhapsode rollback cr1.ams --to 2 -m "T123457 as before T123455"
  rhapsode rollback cr1.ams --to 2 -m "T123457 as before T123455" --undo T123455,T123456 --yes
  rhapsode rollback cr1.ams --to 2 -m "T123457 as before T123455" --print`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.checkRollback(); err != nil {
				return err
			}
			_, list, err := a.selectDevices(args[0])
			if err != nil {
				return err
			}
			if o.run != "" {
				return a.rollbackRun(cmd.Context(), list, o, cmd.Flags().Changed("pair"))
			}
			return a.rollbackTo(cmd.Context(), list, o)
		},
	}
	changeFlags(a, cmd, &o.changeOptions)
	planFlags(cmd, &o.changeOptions)
	f := cmd.Flags()
	f.StringVar(&o.run, "run", "", "take back what `RUN` did")
	f.IntVar(&o.to, "to", 0, "go back to `N` commits ago, as the router's \"rollback N\"")
	f.StringSliceVar(&o.undo, "undo", nil, "the `NAMES` of all commits that --to takes back: tasks, runs or numbers")
	cmd.MarkFlagsMutuallyExclusive("run", "to")
	cmd.MarkFlagsMutuallyExclusive("run", "undo")
	cmd.MarkFlagsOneRequired("run", "to")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("run", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeRun(cmd, nil, word)
	}))
	return cmd
}

// maxRollback is the oldest configuration that Junos keeps.
const maxRollback = 49

func (o rollbackOptions) checkRollback() error {
	if err := o.check(); err != nil {
		return err
	}
	if o.run == "" && (o.to < 1 || o.to > maxRollback) {
		return cli.Usagef("--to %d: a router keeps the configurations 1 to %d", o.to, maxRollback)
	}
	return nil
}

// rollbackRun is `rhapsode rollback --run`.
func (a *app) rollbackRun(ctx context.Context, list []*inventory.Device, o rollbackOptions, pairsGiven bool) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	if _, err := devices.PlanPath(state, o.run); err != nil {
		return cli.Hint(cli.WithCode(cli.Usage, err), "see `rhapsode runs list`")
	}
	o.run = strings.ToUpper(o.run)
	if o.print {
		a.printFindRun(list, o)
		return nil
	}
	rec, err := devices.ReadRun(state, o.run)
	switch {
	case errors.Is(err, devices.ErrNoRun): // it may be another person's: the routers know
	case err != nil:
		return err
	case rec.AtWork:
		return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: run %s by %s is still at work", rec.ID, rec.User)), "wait until it has ended, or interrupt it")
	case !pairsGiven && wentTogether(rec, list):
		o.pairs = devices.Together
	}
	var targets []target
	for _, d := range list {
		targets = append(targets, target{device: d, recall: true, ask: undoRun(o.run)})
	}
	results := a.reviewOnline(ctx, targets)
	todo, err := a.reviewChange(results, &o.changeOptions)
	switch {
	case err != nil:
		return err
	case len(todo) > 0:
		return a.approveAndApply(ctx, todo, o.changeOptions)
	case !slices.ContainsFunc(results, func(r reviewed) bool { return r.after != nil }):
		return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("none of %s has a commit of run %s", someNames(list), o.run)), "see `rhapsode runs show` and `rhapsode history`")
	}
	a.streams.Notef("nothing to change: the run is taken back already")
	return nil
}

// wentTogether says whether a run changed the devices of a pair in step.
func wentTogether(rec *devices.RunRecord, list []*inventory.Device) bool {
	pairOf := map[string]string{}
	for _, d := range list {
		pairOf[d.FQDN] = pairName(d)
	}
	for _, batch := range rec.Batches {
		seen := map[string]bool{}
		for _, name := range batch {
			if p := pairOf[name]; p != "" && seen[p] {
				return true
			} else if p != "" {
				seen[p] = true
			}
		}
	}
	return false
}

// pairName names the devices that back each other up.
func pairName(d *inventory.Device) string { return d.Site.Name + "/" + d.Role }

// undoRun asks a device how a run is taken back on it.
func undoRun(run string) func(context.Context, devices.Device) (intent, error) {
	return func(ctx context.Context, dev devices.Device) (intent, error) {
		u, err := devices.Undo(ctx, dev, run)
		if e, ok := errors.AsType[*devices.NoCommitError](err); ok && !e.Found && !e.Full {
			return func(known) (proposal, error) {
				return proposal{notes: []string{"it has no commit of run " + run + " and is left alone"}}, nil
			}, nil
		}
		if err != nil {
			return nil, err
		}
		return func(now known) (proposal, error) {
			p := proposal{changes: u.Changes, back: true}
			for _, l := range u.Later {
				p.notes = append(p.notes, fmt.Sprintf("commit %d by %s %q has touched the same since, which stays: %s", l.Number, l.User, l.Comment, paths(l.Paths)))
			}
			if len(u.Changes) == 0 {
				p.notes = append(p.notes, "run "+run+" is taken back already")
			}
			return p, nil
		}, nil
	}
}

func paths(list [][]string) string {
	var out []string
	for _, p := range list {
		out = append(out, strings.Join(p, " "))
	}
	return strings.Join(out, "; ")
}

// afterRollback is what is to be remembered as rendered once a configuration is back: of what was, what still stands, and
// what comes back with it (docs/decisions/005).
func afterRollback(now known, after *junos.Tree) *devices.Rendered {
	lines := func(t *junos.Tree) []string { return devices.NewRendered(t, nil, nil).Lines }
	then, running, last := lines(after), lines(now.running), lines(now.last)
	in := func(list []string, l string) bool {
		_, found := slices.BinarySearch(list, l)
		return found
	}
	out := &devices.Rendered{Lines: []string{}}
	for _, l := range then {
		if in(last, l) || !in(running, l) {
			out.Lines = append(out.Lines, l)
		}
	}
	return out
}

// printFindRun tells how a run is taken back on a console. Its inverse is worked out from the router's own history, which
// nobody can read here.
func (a *app) printFindRun(list []*inventory.Device, o rollbackOptions) {
	for _, d := range list {
		a.streams.Printf(`# %s
# The number before each commit of the run; add 1 to the largest for N. Smaller numbers are commits made since: they go as well.
show system commit | match %s
configure exclusive
rollback N
%s`, d.FQDN, o.run, consoleCommit(o.changeOptions))
	}
}

// rollbackTo is `rhapsode rollback --to`.
func (a *app) rollbackTo(ctx context.Context, list []*inventory.Device, o rollbackOptions) error {
	change := diffs.Change{Rollback: &o.to}
	if o.print {
		for _, d := range list {
			a.printPlanned([]reviewed{{device: d, plan: diffs.DevicePlan{Changes: []diffs.Change{change}}}}, o.changeOptions)
		}
		return nil
	}
	undoes := make([][]devices.Commit, len(list))
	targets := make([]target, len(list))
	for i, d := range list {
		targets[i] = target{device: d, recall: true, ask: func(ctx context.Context, dev devices.Device) (intent, error) {
			commits, err := devices.UndoTo(ctx, dev, o.to)
			if err != nil {
				return nil, err
			}
			tree, err := rollbackTree(ctx, dev, o.to)
			if err != nil {
				return nil, err
			}
			undoes[i] = commits
			return func(known) (proposal, error) {
				p := proposal{changes: []diffs.Change{change}, expect: tree, back: true}
				for _, c := range commits {
					p.notes = append(p.notes, "takes back "+describe(c))
				}
				return p, nil
			}, nil
		}}
	}
	results := a.reviewOnline(ctx, targets)
	todo, err := a.reviewChange(results, &o.changeOptions)
	if err != nil {
		return err
	}
	if len(todo) == 0 {
		a.streams.Notef("nothing to change")
		return nil
	}
	var commits []devices.Commit
	for i, r := range results {
		if r.plan.Compare != "" {
			commits = append(commits, undoes[i]...)
		}
	}
	if err := a.askForCommits(commits, &o); err != nil {
		return err
	}
	return a.approveAndApply(ctx, todo, o.changeOptions)
}

// rollbackTree reads a configuration that a device keeps.
func rollbackTree(ctx context.Context, dev devices.Device, n int) (*junos.Tree, error) {
	text, err := dev.Query(ctx, devices.Op(fmt.Sprintf("show system rollback %d", n)))
	if err != nil {
		return nil, err
	}
	return junos.Parse(fmt.Sprintf("%s rollback %d", dev.Name(), n), []byte(text), nil)
}
