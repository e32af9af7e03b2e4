package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
)

// newDiff is `rhapsode diff QUERY`.
func newDiff(a *app) *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff QUERY",
		Short: "show what a commit would change",
		Long: `Render every selected device and show what would change. The text is the device's own "show | compare": the
candidate is locked, loaded, compared, checked and discarded; nothing is committed and no lock is held while you read.
With --read-only the running configuration is fetched and compared here, without a lock; with --offline DIR no network
is used at all. Equal diffs are shown once, with the devices they apply to.

A statement that is inactive on a device and active in the render is held: a commit leaves it inactive. What an earlier run
rendered, this one does not, and nothing would take away is an orphan: it stays unless --prune is given. Errors that
"rhapsode check" finds are shown with the difference; a commit is refused for them, and so is a plan.

-o FILE keeps what was shown as a plan: "rhapsode apply FILE" commits just that, or refuses.`,
		Example: `  rhapsode diff '*'
  rhapsode diff site:ams --read-only
  rhapsode diff '*' --format html > review.html
  rhapsode diff cr1.ams --prune
  rhapsode diff site:ams -o ams.plan --valid 2h
  rhapsode diff cr1.ams --offline running/`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.diff(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "text, markdown, html or json")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "say that there is a difference, not which")
	f.BoolVar(&o.readOnly, "read-only", false, "fetch and compare here: no lock, no candidate, no write access needed")
	f.StringVar(&o.offline, "offline", "", "compare with running configurations kept in `DIR`/FQDN.conf")
	f.BoolVar(&o.prune, "prune", false, "show the difference with the orphans removed")
	f.StringVarP(&o.output, "output", "o", "", "also write what was shown to `FILE`, for \"rhapsode apply\"")
	f.DurationVar(&o.valid, "valid", defaultValid, "how long that plan can be applied")
	skipFlag(cmd, &o.skip)
	a.fleetFlags(cmd)
	completeValues(cmd, "format", "text", "markdown", "html", "json")
	cmd.MarkFlagsMutuallyExclusive("read-only", "offline")
	return cmd
}

type diffOptions struct {
	format   string
	offline  string
	omit     bool
	readOnly bool
	prune    bool

	output string // a plan file
	valid  time.Duration
	skip   string // why errors of check are passed over
}

func (a *app) diff(ctx context.Context, query string, o diffOptions) error {
	if err := checkFormat(o.format); err != nil {
		return err
	}
	if err := o.checkPlan(); err != nil {
		return err
	}
	if o.output != "" { // a plan that could not be signed is known before any device is asked
		if err := a.likePlan(o.output); err != nil {
			return err
		}
	}
	net, list, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	w, err := want(net, list, time.Now(), a.secrets(ctx, net))
	if err != nil {
		return err
	}
	targets := w.targets(nil, o.prune)
	var results []reviewed
	switch {
	case o.offline != "":
		results = a.reviewOffline(o.offline, targets)
	case o.readOnly:
		results = a.reviewReadOnly(ctx, targets)
	default:
		results = a.reviewOnline(ctx, targets)
	}
	if err := a.printReview("rhapsode diff "+query, results, o.format, o.omit); err != nil {
		return err
	}
	a.noteKept(results)
	a.noteFreezes(list, time.Now())
	if err := reviewError(results, o.format == "text"); err != nil {
		return err
	}
	if o.output != "" {
		if err := a.saveDiff("rhapsode diff "+query, w, results, o); err != nil {
			return err
		}
	}
	for _, r := range results {
		if r.plan.Compare != "" {
			return cli.WithCode(cli.Diff, nil)
		}
	}
	return nil
}

// checkPlan refuses what makes no sense of a plan before any device is asked.
func (o diffOptions) checkPlan() error {
	switch {
	case o.output == "" && o.skip != "":
		return cli.Usagef("--skip-check is for a plan: give its file with -o")
	case o.output != "" && o.valid < time.Minute:
		return cli.Usagef("--valid %s: a plan is good for a minute at least", o.valid)
	}
	return nil
}

// saveDiff writes what was shown as a plan.
func (a *app) saveDiff(title string, w *wanted, results []reviewed, o diffOptions) error {
	skipped, err := a.gate(w, o.skip)
	if err != nil {
		return err
	}
	results = slices.DeleteFunc(slices.Clone(results), func(r reviewed) bool { return r.plan.Compare == "" })
	if len(results) == 0 {
		a.streams.Notef("nothing to change: no plan was written to %s", o.output)
		return nil
	}
	p, err := a.newPlan(title, results, o.valid)
	if err != nil {
		return err
	}
	p.SkippedCheck = skipped
	if err := a.writePlan(p, o.output); err != nil {
		return err
	}
	a.noteWritten(p, o.output)
	return nil
}

// noteKept says what to do about what a commit leaves as it is: held statements and orphans.
func (a *app) noteKept(results []reviewed) {
	n, held := 0, 0
	for _, r := range results {
		n += len(r.orphans)
		held += len(r.plan.Held)
	}
	if held > 0 {
		a.streams.Notef("%s held inactive: `rhapsode activate` ends that, `rhapsode override adopt` records it with its task",
			plural(held, "statement"))
	}
	if n > 0 {
		a.streams.Notef("%s of earlier runs: not rendered any more and left as they are; --prune removes them", plural(n, "orphan"))
	}
}

// reviewError sums up the devices that could not be reviewed: 3 when some could, 1 when none. Where the report has just
// been shown as text, it has said why, and the names are enough.
func reviewError(results []reviewed, shown bool) error {
	var errs []error
	var who []string
	for _, r := range results {
		if r.err != nil {
			errs = append(errs, r.err)
			who = append(who, r.device.FQDN)
		}
	}
	if shown && len(errs) > 0 {
		code := cli.CodeOf(someFailed(errs, len(results)))
		return cli.WithCode(code, fmt.Errorf("no review of %s (the report says why)", strings.Join(who, ", ")))
	}
	return someFailed(errs, len(results))
}
