package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// intent is what a command wants of one device, given what the device runs and what is known of earlier renders.
type intent func(now known) (proposal, error)

// known is what an intent can look at.
type known struct {
	running *junos.Tree
	last    *junos.Tree // what templates have put onto the device before; nil for a target that doesn't ask
	access  devices.Access
}

// proposal is what is to be loaded, what is held back from it, and what stays of earlier renders. Without changes the device
// is left alone.
type proposal struct {
	changes []diffs.Change
	expect  *junos.Tree // what the changes lead to, if our own engine can't tell; nil: it can
	notes   []string    // to be said above the diff
	back    bool        // it goes back to what was, and so does what is remembered as rendered
	held    []diffs.Held
	orphans [][]string
	after   *devices.Rendered // what is to be remembered once it is committed; nil: nothing
}

// target is a device with what is wanted of it.
type target struct {
	device *inventory.Device
	want   intent
	recall bool // want needs known.last
	// ask, if it is given, asks the device and gives want.
	ask      func(context.Context, devices.Device) (intent, error)
	warnings []string // said above the device's diff
}

// reviewed is a target after review: a plan, or the reason why there is none.
type reviewed struct {
	device   *inventory.Device
	plan     diffs.DevicePlan
	orphans  [][]string
	after    *devices.Rendered
	warnings []string
	running  *junos.Tree // what the device ran
	err      error
}

// targets makes targets that load the rendered configuration. activate names held statements to activate anyway; with
// prune what earlier runs rendered, and this one does not, is removed.
func (w *wanted) targets(activate [][]string, prune bool) []target {
	out := make([]target, len(w.devices))
	for i, d := range w.devices {
		out[i] = target{
			device: d, want: renderIntent(w.rendered[i], activate, prune), recall: true, warnings: slices.Clone(w.expired[d.Site]),
		}
	}
	for _, f := range w.errors() {
		// What has expired is said for the whole site.
		if i := slices.Index(w.devices, f.device); i >= 0 && f.check != checkOverrides {
			out[i].warnings = append(out[i].warnings, fmt.Sprintf("check: %s %s", f.where(), f.Message))
		}
	}
	return out
}

// renderIntent loads a render by replace. What is inactive on the device stays inactive (SAFETY 10), and what earlier runs
// rendered stays unless it is to be pruned (SAFETY 11).
func renderIntent(r *templates.Rendered, activate [][]string, prune bool) intent {
	return func(now known) (proposal, error) {
		tree := r.Tree.Clone()
		var p proposal
		p.held = diffs.Hold(tree, now.running, activate)
		p.changes = []diffs.Change{{Mode: junos.Replace, Text: tree.Text()}}
		orphans := diffs.Orphans(now.last, r.Tree, now.running)
		if prune && len(orphans) > 0 {
			p.changes = append(p.changes, diffs.Prune(orphans))
		} else {
			p.orphans = orphans
		}
		after := devices.NewRendered(r.Tree, now.last, p.orphans)
		p.after = &after
		return p, nil
	}
}

// setTargets makes targets that load the same set lines on every device. Every statement must be there: a device
// answers an absent one with a warning only, and the person would believe in a change that was none.
func setTargets(list []*inventory.Device, verb string, paths func(*inventory.Device, *junos.Tree) ([][]string, error)) []target {
	out := make([]target, len(list))
	for i, d := range list {
		out[i] = target{device: d, want: func(now known) (proposal, error) {
			list, err := paths(d, now.running)
			if err != nil {
				return proposal{}, err
			}
			return proposal{changes: []diffs.Change{{Mode: junos.Set, Text: setLines(verb, list)}}}, nil
		}}
	}
	return out
}

// setLines writes one set command a path.
func setLines(verb string, paths [][]string) string {
	var b strings.Builder
	for _, p := range paths {
		b.WriteString(verb)
		for _, w := range p {
			b.WriteString(" " + junos.Quote(w))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// reviewOnline has every device show the change itself: lock, load, its own compare, check, discard.
func (a *app) reviewOnline(ctx context.Context, targets []target) []reviewed {
	killed := a.unfinished()
	return a.review(ctx, "review", targets, func(ctx context.Context, dev devices.Device, t target, r *reviewed) error {
		for _, note := range devices.SettleUnfinished(ctx, dev, killed) {
			a.streams.Notef("%s: %s", t.device.FQDN, note)
		}
		return a.reviewDevice(ctx, dev, t, r)
	})
}

// unfinished lists what killed runs left, for the devices that are reviewed: how they ended is said also where nothing is
// left to change.
func (a *app) unfinished() []devices.Unfinished {
	state, err := a.stateDir()
	if err != nil {
		return nil // no directory, no runs
	}
	list, err := devices.ReadUnfinished(state)
	if err != nil {
		a.streams.Notef("warning: %v", err)
	}
	return list
}

// reviewReadOnly compares here: it fetches what the device runs and takes no lock (SAFETY 2).
func (a *app) reviewReadOnly(ctx context.Context, targets []target) []reviewed {
	return a.review(ctx, "compare", targets, func(ctx context.Context, dev devices.Device, t target, r *reviewed) (err error) {
		if err := a.proposeOnline(ctx, dev, t, r); err != nil {
			return err
		}
		r.plan.Held, err = devices.ExplainHeld(ctx, dev, r.plan.Held)
		return err
	})
}

// review looks at many devices at once and shows how far it is.
func (a *app) review(ctx context.Context, what string, targets []target,
	one func(context.Context, devices.Device, target, *reviewed) error,
) []reviewed {
	progress := a.progress()
	progress.Begin(what, len(targets), a.parallel)
	defer progress.End()
	fleet := devices.Fleet{Parallel: a.parallel, Retry: a.retry(), LockWait: a.lockWait, Events: func(e devices.Event) { a.reviewEvent(progress, e) }}
	dial := func(ctx context.Context, t target) (devices.Device, error) { return a.connect(ctx, t.device) }
	got := devices.Gather(ctx, fleet, targets, func(t target) string { return t.device.FQDN }, dial,
		func(ctx context.Context, t target, dev devices.Device) (reviewed, error) {
			r := reviewed{device: t.device, warnings: slices.Clone(t.warnings)}
			err := one(ctx, dev, t, &r)
			return r, err
		},
		func(r devices.FleetResult[reviewed]) {
			switch {
			case r.Err != nil:
				progress.Done(r.Device, "failed", true, "failed")
			case r.Value.plan.Compare == "":
				progress.Done(r.Device, "without a difference", false, "no difference")
			default:
				progress.Done(r.Device, "changed", false, "reviewed")
			}
		})
	out := make([]reviewed, len(targets))
	for i, r := range got {
		out[i] = r.Value
		if out[i].err = r.Err; out[i].device == nil { // no session came about
			out[i].device, out[i].warnings = targets[i].device, targets[i].warnings
		}
	}
	return out
}

// reviewEvent shows what happens while devices are looked at.
func (a *app) reviewEvent(progress *cli.Progress, e devices.Event) {
	switch e.Kind {
	case devices.EventDevice:
		if e.State == devices.StateRunning {
			progress.Start(e.Device)
		}
	case devices.EventRetry:
		progress.Step(e.Device, "%s", a.retryText(e))
	case devices.EventNote:
		a.streams.Notef("note: %s: %s", e.Device, firstLine(e.String()))
	}
}

func (a *app) reviewDevice(ctx context.Context, dev devices.Device, t target, r *reviewed) error {
	if err := a.proposeOnline(ctx, dev, t, r); err != nil {
		return err
	}
	ours := r.plan
	if len(ours.Changes) == 0 {
		return nil
	}
	var err error
	if r.plan, err = devices.Review(ctx, dev, ours.Changes...); err != nil {
		return err
	}
	if r.plan.Fingerprint == ours.Fingerprint && !slices.Equal(r.plan.Edits, ours.Edits) {
		r.warnings = append(r.warnings, "our engine expects another change than the device shows; please report it. Ours: "+
			strings.Join(ours.Edits, "; "))
	}
	r.plan.Held, err = devices.ExplainHeld(ctx, dev, ours.Held)
	return err
}

// proposeOnline makes the plan here, of what the device runs and what its history tells of earlier renders.
func (a *app) proposeOnline(ctx context.Context, dev devices.Device, t target, r *reviewed) error {
	running, err := runningTree(ctx, dev)
	if err != nil {
		return err
	}
	now := known{running: running}
	if way, ok := dev.(devices.Accessor); ok { // a device that is only read has no way to be locked out of
		now.access = way.Access()
	}
	if t.recall {
		before, err := a.remembered(t.device)
		if err != nil {
			return err
		}
		if now.last, err = devices.Recall(ctx, dev, before, running); err != nil {
			return err
		}
	}
	if t.ask != nil {
		if t.want, err = t.ask(ctx, dev); err != nil {
			return err
		}
	}
	return planHere(t, now, r)
}

// remembered is what is known here of the last render that was committed to a device.
func (a *app) remembered(d *inventory.Device) (devices.Rendered, error) {
	state, err := a.stateDir()
	if err != nil {
		return devices.Rendered{}, nil // no directory, no memory; a commit, which needs one, says so
	}
	return devices.ReadRendered(state, d.FQDN)
}

// running reads what a device runs, in a session of its own.
func (a *app) running(ctx context.Context, d *inventory.Device) (tree *junos.Tree, err error) {
	dev, err := a.connect(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	return runningTree(ctx, dev)
}

// runningTree fetches and parses what a device runs.
func runningTree(ctx context.Context, dev devices.Device) (*junos.Tree, error) {
	text, err := dev.Running(ctx)
	if err != nil {
		return nil, err
	}
	return junos.Parse(dev.Name()+" (running)", []byte(text), nil)
}

// reviewOffline compares with running configurations kept as DIR/FQDN.conf; no network is used.
func (a *app) reviewOffline(dir string, targets []target) []reviewed {
	out := make([]reviewed, len(targets))
	for i, t := range targets {
		out[i].device, out[i].warnings = t.device, t.warnings
		out[i].err = a.proposeOffline(filepath.Join(dir, t.device.FQDN+".conf"), t, &out[i])
	}
	return out
}

// proposeOffline makes the plan of a kept running configuration, and of what is remembered here alone.
func (a *app) proposeOffline(name string, t target, r *reviewed) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read running configuration of %s: %w", t.device.FQDN, err)
	}
	var now known
	if now.running, err = junos.Parse(name, text, nil); err != nil {
		return err
	}
	now.running.Untag() // it may be a render that was kept
	before, err := a.remembered(t.device)
	if err != nil {
		return err
	}
	if now.last, err = before.Tree(t.device.FQDN); err != nil {
		return err
	}
	return planHere(t, now, r)
}

// planHere makes a plan with our own engine in the device's place.
func planHere(t target, now known, r *reviewed) error {
	p, err := t.want(now)
	if err != nil {
		return err
	}
	after := p.expect
	if after == nil {
		after = now.running.Clone()
		for _, c := range p.changes {
			if _, err := after.Load(t.device.FQDN+" (rendered)", []byte(c.Text), c.Mode); err != nil {
				return err
			}
		}
	}
	r.warnings, r.running = append(r.warnings, p.notes...), now.running
	r.orphans, r.after = p.orphans, p.after
	if p.back {
		r.after = afterRollback(now, after)
	}
	r.plan = diffs.DevicePlan{
		Device:      t.device.FQDN,
		Changes:     p.changes,
		Fingerprint: now.running.Fingerprint(),
		Compare:     diffs.Compare(now.running, after).String(),
		Edits:       diffs.Edits(now.running, after),
		Held:        p.held,
	}
	for _, risk := range devices.Risks(now.running, after, now.access) {
		r.plan.Risks = append(r.plan.Risks, risk.String())
	}
	return nil
}
