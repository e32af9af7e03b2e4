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
	"rhapsode/templates"
)

type driftOptions struct {
	format     string
	json, omit bool
	prometheus string
}

// newDrift is `rhapsode drift QUERY`.
func newDrift(a *app) *cobra.Command {
	var o driftOptions
	cmd := &cobra.Command{
		Use:   "drift QUERY",
		Short: "show how routers differ from the inventory, and what was done by hand",
		Long: `Read what every selected router runs and compare it with what is rendered here. Routers are only read: no lock is taken, no
candidate is touched, and an account that can't write is enough.

Shown is what a commit would change; what is held inactive; orphans of earlier runs; what was committed by hand since the last run
of anybody's rhapsode (who, when, why, and what it changed); and what no template manages, which is no drift by itself. There
is drift where a commit would change something, a statement is held, an orphan is left, or what was committed by hand is
still there. A router that does not answer is never taken for one without drift.

--prometheus FILE writes rhapsode_drift and when each router was read last, for the textfile collector of a node exporter: run it
from a timer, and alert on both.`,
		Example: `  rhapsode drift '*'
  rhapsode drift site:ams --format html > drift.html
  rhapsode drift '*' --omit-diff --prometheus /var/lib/node_exporter/rhapsode.prom`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.drift(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "text, markdown, html or json")
	f.BoolVar(&o.json, "json", false, "as --format json")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "say that there is a difference, not which")
	f.StringVar(&o.prometheus, "prometheus", "", "also write metrics to `FILE`, whole or not at all")
	cmd.MarkFlagsMutuallyExclusive("format", "json")
	completeValues(cmd, "format", "text", "markdown", "html", "json")
	a.fleetFlags(cmd)
	return cmd
}

// drifted is what is known of one device's drift.
type drifted struct {
	reviewed
	unmanaged []string
	byHand    []diffs.HandCommit
	lasting   bool // something of byHand is still there
}

// kinds says in which ways a device has drifted.
func (d drifted) kinds() []string {
	var out []string
	for _, k := range []struct {
		name string
		is   bool
	}{
		{"diff", d.plan.Compare != ""},
		{"held", len(d.plan.Held) > 0},
		{"orphan", len(d.orphans) > 0},
		{"by hand", d.lasting},
	} {
		if k.is && d.err == nil {
			out = append(out, k.name)
		}
	}
	return out
}

func (d drifted) result() diffs.DeviceResult {
	out := d.reviewed.result()
	out.Unmanaged, out.ByHand, out.Drift = d.unmanaged, d.byHand, d.kinds()
	out.Risks = nil // nothing is about to be changed
	return out
}

func (a *app) drift(ctx context.Context, query string, o driftOptions) error {
	if o.json {
		o.format = "json"
	}
	if err := checkFormat(o.format); err != nil {
		return err
	}
	net, list, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	w, err := want(net, list, time.Now(), a.secrets(ctx, net))
	if err != nil {
		return err
	}
	type job struct {
		target
		rendered *templates.Rendered
	}
	var jobs []job
	for i, t := range w.targets(nil, false) {
		jobs = append(jobs, job{t, w.rendered[i]})
	}
	found := devices.Each(ctx, a.parallel, jobs, func(ctx context.Context, j job) drifted {
		d := drifted{reviewed: reviewed{device: j.device, warnings: j.warnings}}
		dev, err := a.connect(ctx, j.device)
		if err != nil {
			d.err = err
			return d
		}
		d.err = errors.Join(a.look(ctx, readOnly{dev}, j.target, j.rendered, &d), dev.Close())
		return d
	})
	if err := a.printDrift("rhapsode drift "+query, found, o); err != nil {
		return err
	}
	if o.prometheus != "" {
		if err := writeDriftMetrics(o.prometheus, found, time.Now()); err != nil {
			return err
		}
	}
	return driftError(found, o.format == "text")
}

// driftError sums it up: failures first, then drift.
func driftError(found []drifted, shown bool) error {
	var results []reviewed
	for _, d := range found {
		results = append(results, d.reviewed)
	}
	if err := reviewError(results, shown); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(d drifted) bool { return len(d.kinds()) > 0 }) {
		return cli.WithCode(cli.Diff, nil)
	}
	return nil
}

// look reads one device.
func (a *app) look(ctx context.Context, dev devices.Device, t target, rendered *templates.Rendered, d *drifted) error {
	err := a.proposeOnline(ctx, dev, t, &d.reviewed)
	if err != nil {
		return err
	}
	running := d.running
	if d.plan.Held, err = devices.ExplainHeld(ctx, dev, d.plan.Held); err != nil {
		return err
	}
	for _, p := range diffs.Orphans(running, rendered.Tree, running) { // all that is not rendered
		if !slices.ContainsFunc(d.orphans, func(o []string) bool { return len(o) >= len(p) && slices.Equal(o[:len(p)], p) }) {
			d.unmanaged = append(d.unmanaged, statement(p))
		}
	}
	d.byHand, d.lasting, err = commitsByHand(ctx, dev, running)
	if errors.Is(err, errNoRunYet) {
		d.warnings = append(d.warnings, err.Error())
		err = nil
	}
	return err
}

// statement is a path as it is typed.
func statement(path []string) string {
	words := make([]string, len(path))
	for i, w := range path {
		words[i] = junos.Quote(w)
	}
	return strings.Join(words, " ")
}

// errNoRunYet says that nothing can be told apart from what a run has left.
var errNoRunYet = errors.New("its history has no run of rhapsode, since which commits by hand would be told")

// commitsByHand lists the commits since the last run, the newest first, with what each changed, and tells whether
// together they changed something that is still so.
func commitsByHand(ctx context.Context, dev devices.Device, running *junos.Tree) (list []diffs.HandCommit, lasting bool, err error) {
	h, err := dev.History(ctx)
	if err != nil {
		return nil, false, err
	}
	n := slices.IndexFunc(h, func(c devices.Commit) bool { return runForm.MatchString(c.Comment) })
	if n < 0 {
		return nil, false, errNoRunYet
	}
	after := running
	for i := range n {
		before, err := rollbackTree(ctx, dev, i+1)
		if err != nil {
			return nil, false, err
		}
		c := h[i]
		list = append(list, diffs.HandCommit{
			Number: c.Number, Time: c.Time, User: c.User, Client: c.Client, Comment: c.Comment, Diff: diffs.Compare(before, after).String(),
		})
		after = before
	}
	return list, len(diffs.Edits(after, running)) > 0, nil
}

// readOnly is a device that can't be written to, whatever asks for it.
type readOnly struct{ devices.Device }

// Lock refuses.
func (d readOnly) Lock(context.Context) (devices.Candidate, error) {
	return nil, fmt.Errorf("%s: lock candidate: this command only reads", d.Name())
}

// Unwrap gives the device within.
func (d readOnly) Unwrap() devices.Device { return d.Device }

// printDrift writes the report.
func (a *app) printDrift(title string, found []drifted, o driftOptions) error {
	colour, err := a.colourOn()
	if err != nil {
		return err
	}
	report := &diffs.Report{Title: title, Notes: driftNotes(found)}
	if o.format == "html" || o.format == "markdown" {
		report.Created = time.Now().UTC().Truncate(time.Second)
	}
	for _, d := range found {
		report.Devices = append(report.Devices, d.result())
	}
	return writers[o.format](a, report, diffs.ReportOptions{Color: colour && o.format == "text", OmitDiff: o.omit, Redact: a.redactorOnce()})
}

// driftNotes says it in a line or two.
func driftNotes(found []drifted) []string {
	var with, unknown []string
	for _, d := range found {
		switch kinds := d.kinds(); {
		case d.err != nil:
			unknown = append(unknown, d.device.FQDN)
		case len(kinds) > 0:
			with = append(with, fmt.Sprintf("%s (%s)", d.device.FQDN, strings.Join(kinds, ", ")))
		}
	}
	known := len(found) - len(unknown)
	line := fmt.Sprintf("drift on %d of %s", len(with), plural(known, "device"))
	if len(with) > 0 {
		line += ": " + strings.Join(with, ", ")
	}
	out := []string{line}
	if len(unknown) > 0 {
		out = append(out, fmt.Sprintf("not known for %s: %s", plural(len(unknown), "device"), strings.Join(unknown, ", ")))
	}
	return out
}
