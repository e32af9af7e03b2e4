package devices

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rhapsode/diffs/junos"
)

// watchPoll is how often a device is looked at until it is as it was.
const watchPoll = 2 * time.Second

// snapshot looks at the device before anything is done to it.
func (t *transaction) snapshot(ctx context.Context) error {
	var err error
	if t.before, err = TakeSnapshot(ctx, t.first, t.opts.Rules); err != nil {
		return fmt.Errorf("%s: take a snapshot: %w", t.plan.Device, err)
	}
	err = t.engines(ctx)
	t.out.Notes = append(t.out.Notes, t.before.missed()...)
	_, t.enginesUnknown = t.before.Missing[subjectEngines]
	delete(t.before.Missing, subjectEngines) // it is not asked again
	return err
}

// settleTime is how long after the commit the device may take.
func (t *transaction) settleTime() time.Duration {
	if t.opts.Confirm == 0 {
		return t.opts.Rules.settle(0)
	}
	return t.opts.Rules.settle(max(t.opts.Confirm-t.checkTook-confirmReserve-t.opts.reserve, time.Second))
}

// watch looks at the device after the commit until the rules hold, or the time of one that does not is up.
func (t *transaction) watch(ctx context.Context) error {
	settle := t.settleTime()
	start := time.Now()
	last := start.Add(t.opts.Rules.longest(settle))
	expected := t.expected()
	var good time.Time // since when it is
	for {
		findings := t.look(ctx, last, expected)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: checks: %w", t.plan.Device, context.Cause(ctx))
		}
		var failed, late []Finding
		for _, f := range findings {
			if !f.Failed {
				continue
			}
			failed = append(failed, f)
			if time.Since(start) >= t.opts.Rules.timeout(f, settle) {
				late = append(late, f)
			}
		}
		switch {
		case len(late) > 0:
			t.out.Findings = late
			return &CheckError{Device: t.plan.Device, After: time.Since(start), Findings: late}
		case len(failed) > 0:
			good = time.Time{}
		case good.IsZero():
			good = time.Now()
			fallthrough
		default:
			if time.Since(good) >= t.opts.Rules.Hold {
				t.out.Findings = findings
				return nil
			}
		}
		if !sleep(ctx, watchPoll) {
			return fmt.Errorf("%s: checks: %w", t.plan.Device, context.Cause(ctx))
		}
	}
}

// look takes a snapshot over the second session and judges it. A device that does not answer is a finding as well.
func (t *transaction) look(ctx context.Context, last time.Time, expected Expected) []Finding {
	ctx, cancel := context.WithDeadline(ctx, last.Add(watchPoll))
	defer cancel()
	var after Snapshot
	err := t.withSecond(ctx, func(dev Device) (err error) {
		after, err = TakeSnapshot(ctx, dev, t.opts.Rules)
		return err
	})
	if err != nil {
		return []Finding{{Check: string(CheckReachable), Before: "answered", After: err.Error(), Failed: true, Why: "the device does not answer"}}
	}
	return Judge(t.opts.Rules, expected, t.before, after)
}

// expected is what the change does to BGP sessions, read from the configuration before and from the edits.
func (t *transaction) expected() Expected {
	after, err := t.changed()
	if err != nil {
		t.note("what the change does to BGP sessions cannot be told: %v", err)
		return Expected{}
	}
	return Expect(t.running, after)
}

// changed is the configuration with the change, made here of what runs and of the reviewed edits.
func (t *transaction) changed() (*junos.Tree, error) {
	after := t.running.Clone()
	if _, err := after.Load(t.plan.Device+" (edits)", []byte(strings.Join(t.plan.Edits, "\n")+"\n"), junos.Set); err != nil {
		return nil, fmt.Errorf("load the edits of the plan: %w", err)
	}
	return after, nil
}
