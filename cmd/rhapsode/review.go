package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// intent is what a command wants of one device: given what the device runs, the change and what is held back from it.
type intent func(running *junos.Tree) (diffs.Change, []diffs.Held, error)

// target is a device with what is wanted of it.
type target struct {
	device   *inventory.Device
	want     intent
	warnings []string // said above the device's diff
}

// reviewed is a target after review: a plan, or the reason why there is none.
type reviewed struct {
	device   *inventory.Device
	plan     diffs.DevicePlan
	warnings []string
	err      error
}

// targets makes targets that load the rendered configuration; activate names held statements to activate anyway.
func (w *wanted) targets(activate [][]string) []target {
	out := make([]target, len(w.devices))
	for i, d := range w.devices {
		out[i] = target{device: d, want: renderIntent(w.rendered[i], activate), warnings: slices.Clone(w.expired[d.Site])}
	}
	for _, f := range w.errors() {
		// What has expired is said for the whole site.
		if i := slices.Index(w.devices, f.device); i >= 0 && f.check != checkOverrides {
			out[i].warnings = append(out[i].warnings, fmt.Sprintf("check: %s %s", f.where(), f.Message))
		}
	}
	return out
}

// renderIntent loads a render by replace. What is inactive on the device stays inactive (SAFETY 10).
func renderIntent(r *templates.Rendered, activate [][]string) intent {
	return func(running *junos.Tree) (diffs.Change, []diffs.Held, error) {
		tree := r.Tree.Clone()
		held := diffs.Hold(tree, running, activate)
		return diffs.Change{Mode: junos.Replace, Text: tree.Text()}, held, nil
	}
}

// setTargets makes targets that load the same set lines on every device. Every statement must be there: a device
// answers an absent one with a warning only, and the person would believe in a change that was none.
func setTargets(list []*inventory.Device, verb string, paths func(*inventory.Device, *junos.Tree) ([][]string, error)) []target {
	out := make([]target, len(list))
	for i, d := range list {
		out[i] = target{device: d, want: func(running *junos.Tree) (diffs.Change, []diffs.Held, error) {
			list, err := paths(d, running)
			if err != nil {
				return diffs.Change{}, nil, err
			}
			return diffs.Change{Mode: junos.Set, Text: setLines(verb, list)}, nil, nil
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
	progress := a.progress()
	return devices.Each(ctx, a.parallel, targets, func(ctx context.Context, t target) reviewed {
		r := reviewed{device: t.device, warnings: t.warnings}
		r.err = a.reviewDevice(ctx, t, &r)
		switch {
		case r.err != nil:
			progress.Step(t.device.FQDN, "failed")
		case r.plan.Compare == "":
			progress.Step(t.device.FQDN, "no difference")
		default:
			progress.Step(t.device.FQDN, "reviewed")
		}
		return r
	})
}

func (a *app) reviewDevice(ctx context.Context, t target, r *reviewed) (err error) {
	dev, err := a.connect(ctx, t.device)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	running, err := runningTree(ctx, dev)
	if err != nil {
		return err
	}
	ours, err := planHere(t, running)
	if err != nil {
		return err
	}
	r.plan, err = devices.Review(ctx, dev, ours.Changes...)
	if err != nil {
		return err
	}
	if r.plan.Fingerprint == ours.Fingerprint && !slices.Equal(r.plan.Edits, ours.Edits) {
		r.warnings = append(r.warnings, "our engine expects another change than the device shows; please report it. Ours: "+
			strings.Join(ours.Edits, "; "))
	}
	r.plan.Held, err = devices.ExplainHeld(ctx, dev, ours.Held)
	return err
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

// reviewReadOnly compares here: it fetches what the device runs and takes no lock (SAFETY 2).
func (a *app) reviewReadOnly(ctx context.Context, targets []target) []reviewed {
	return devices.Each(ctx, a.parallel, targets, func(ctx context.Context, t target) (r reviewed) {
		r.device, r.warnings = t.device, t.warnings
		dev, err := a.connect(ctx, t.device)
		if err != nil {
			r.err = err
			return r
		}
		defer func() { r.err = errors.Join(r.err, dev.Close()) }()
		running, err := runningTree(ctx, dev)
		if err != nil {
			r.err = err
			return r
		}
		if r.plan, r.err = planHere(t, running); r.err == nil {
			r.plan.Held, r.err = devices.ExplainHeld(ctx, dev, r.plan.Held)
		}
		return r
	})
}

// reviewOffline compares with running configurations kept as DIR/FQDN.conf; no network is used.
func reviewOffline(dir string, targets []target) []reviewed {
	out := make([]reviewed, len(targets))
	for i, t := range targets {
		out[i].device, out[i].warnings = t.device, t.warnings
		name := filepath.Join(dir, t.device.FQDN+".conf")
		text, err := os.ReadFile(name)
		if err != nil {
			out[i].err = fmt.Errorf("read running configuration of %s: %w", t.device.FQDN, err)
			continue
		}
		running, err := junos.Parse(name, text, nil)
		if err != nil {
			out[i].err = err
			continue
		}
		out[i].plan, out[i].err = planHere(t, running)
	}
	return out
}

// planHere makes a plan with our own engine in the device's place.
func planHere(t target, running *junos.Tree) (diffs.DevicePlan, error) {
	change, held, err := t.want(running)
	if err != nil {
		return diffs.DevicePlan{}, err
	}
	after := running.Clone()
	if _, err := after.Load(t.device.FQDN+" (rendered)", []byte(change.Text), change.Mode); err != nil {
		return diffs.DevicePlan{}, err
	}
	return diffs.DevicePlan{
		Device:      t.device.FQDN,
		Changes:     []diffs.Change{change},
		Fingerprint: running.Fingerprint(),
		Compare:     diffs.Compare(running, after).String(),
		Edits:       diffs.Edits(running, after),
		Held:        held,
	}, nil
}
