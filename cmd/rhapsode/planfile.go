package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// defaultValid is how long a plan can be applied.
const defaultValid = 24 * time.Hour

// tool is who makes plans, and the only one who applies them.
func tool() string { return "rhapsode " + version }

// newPlan makes a plan of reviewed changes.
func (a *app) newPlan(title string, results []reviewed, valid time.Duration) (*diffs.Plan, error) {
	now := time.Now()
	p := &diffs.Plan{Version: diffs.PlanVersion, Tool: tool(), User: a.user(), Title: title, Created: now, Expires: now.Add(valid)}
	for _, r := range results {
		d := r.plan
		d.Orphans, d.Warnings = r.orphans, append(slices.Clone(r.warnings), d.Warnings...)
		if err := noteRendered(&d, r.after); err != nil {
			return nil, err
		}
		p.Devices = append(p.Devices, d)
	}
	return p, nil
}

// noteRendered notes what is to be remembered as rendered once the plan is committed: the first change is most of it.
func noteRendered(d *diffs.DevicePlan, after *devices.Rendered) error {
	if after == nil {
		return nil
	}
	if len(d.Changes) == 0 || d.Changes[0].Mode != junos.Replace { // a rollback
		d.Left = after.Lines
		return nil
	}
	lines, err := renderedLines(d.Changes[0])
	if err != nil {
		return err
	}
	for _, l := range lines {
		if _, found := slices.BinarySearch(after.Lines, l); !found { // never seen; then all of it is kept
			d.Left = after.Lines
			return nil
		}
	}
	d.Render = true
	for _, l := range after.Lines {
		if _, found := slices.BinarySearch(lines, l); !found {
			d.Left = append(d.Left, l)
		}
	}
	return nil
}

// rememberedAfter is what noteRendered has noted.
func rememberedAfter(d diffs.DevicePlan) (*devices.Rendered, error) {
	if !d.Render && d.Left == nil {
		return nil, nil
	}
	lines := slices.Clone(d.Left)
	if d.Render {
		rendered, err := renderedLines(d.Changes[0])
		if err != nil {
			return nil, err
		}
		lines = append(lines, rendered...)
	}
	slices.Sort(lines)
	return &devices.Rendered{Lines: slices.Compact(lines)}, nil
}

func renderedLines(c diffs.Change) ([]string, error) {
	tree, err := junos.Parse("the rendered text", []byte(c.Text), nil)
	if err != nil {
		return nil, err
	}
	return devices.NewRendered(tree, nil, nil).Lines, nil
}

// planOnly says that a command which would change routers writes a plan of that.
type planOnly struct {
	file  string
	valid time.Duration
	title string
}

// planFlags lets a changing command write a plan.
func planFlags(cmd *cobra.Command, o *changeOptions) {
	f := cmd.Flags()
	f.StringVar(&o.planOnly.file, "plan", "", "change nothing and write what would be done to `FILE`, for \"rhapsode apply\"")
	f.DurationVar(&o.planOnly.valid, "valid", defaultValid, "how long that plan can be applied")
	cmd.MarkFlagsMutuallyExclusive("plan", "print")
	cmd.MarkFlagsMutuallyExclusive("plan", "json")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.planOnly.title = cmd.CommandPath() + " " + strings.Join(args, " ")
		if o.planOnly.file != "" && o.planOnly.valid < time.Minute {
			return cli.Usagef("--valid %s: a plan is good for a minute at least", o.planOnly.valid)
		}
		return run(cmd, args)
	}
}

// likePlan has secrets look from here on as they do in the plan that is to be written; "" is none.
func (a *app) likePlan(file string) error {
	if file == "" {
		return nil
	}
	key, err := a.planKey()
	if err != nil {
		return err
	}
	r := key.Redactor()
	a.resolvedMu.Lock()
	defer a.resolvedMu.Unlock()
	for _, x := range a.resolved {
		r.Know(x.Value)
	}
	a.redactor = r
	return nil
}

// savePlan writes the plan of a changing command. The exit code is that of a difference: what follows a change is not done.
func (a *app) savePlan(todo []reviewed, o changeOptions) error {
	if len(o.left) > 0 {
		return cli.WithCode(cli.Failed, fmt.Errorf("no plan was written to %s: %s could not be reviewed", o.planOnly.file, plural(len(o.left), "device")))
	}
	p, err := a.newPlan(o.planOnly.title, todo, o.planOnly.valid)
	if err != nil {
		return err
	}
	p.SkippedCheck = o.skipped
	if err := a.writePlan(p, o.planOnly.file); err != nil {
		return err
	}
	a.noteWritten(p, o.planOnly.file)
	return cli.WithCode(cli.Diff, nil)
}

// noPlan ends a command that found nothing to plan.
func (a *app) noPlan(o changeOptions) error {
	a.streams.Notef("no plan was written to %s", o.planOnly.file)
	if len(o.left) > 0 {
		return cli.WithCode(cli.Failed, fmt.Errorf("%s could not be reviewed", plural(len(o.left), "device")))
	}
	return cli.WithCode(cli.OK, nil) // an error all the same: what follows a change is not done
}

// noteWritten says where a plan is and what to do with it.
func (a *app) noteWritten(p *diffs.Plan, file string) {
	a.streams.Notef("plan for %s written to %s, good until %s: rhapsode apply %s -m \"TASK why\"",
		plural(len(p.Devices), "device"), file, p.Expires.UTC().Format(planTime), file)
}

// writePlan seals a plan and writes it.
func (a *app) writePlan(p *diffs.Plan, name string) error {
	key, err := a.planKey()
	if err != nil {
		return err
	}
	a.resolvedMu.Lock()
	resolved := slices.Clone(a.resolved)
	a.resolvedMu.Unlock()
	sealed, err := key.Seal(p, resolved)
	if err != nil {
		return err
	}
	return sealed.WriteFile(name)
}

// writeRunPlan keeps what a run is about to do, so that it can be resumed and shown later.
func (a *app) writeRunPlan(run *devices.Run, todo []reviewed, o changeOptions) error {
	p, err := a.newPlan(fmt.Sprintf("run %s: %s", run.ID, o.message), todo, defaultValid)
	if err != nil {
		return err
	}
	p.Run, p.SkippedCheck = run.ID, o.skipped
	if o.plan != nil { // that it is begun makes a review no younger
		p.Created, p.Expires = o.plan.Created, o.plan.Expires
	}
	return a.writePlan(p, run.PlanPath())
}
