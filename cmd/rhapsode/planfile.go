package main

import (
	"fmt"
	"slices"
	"time"

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
