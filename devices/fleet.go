package devices

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Each calls f for every item, at most limit at a time (less than 1: one at a time), and gives the results in the order of
// the items. f is called for every item even when ctx is done: it then returns at once with its own kind of error, so
// that no item goes without a result.
func Each[T, R any](ctx context.Context, limit int, items []T, f func(context.Context, T) R) []R {
	out := make([]R, len(items))
	var g errgroup.Group
	g.SetLimit(max(limit, 1))
	for i, item := range items {
		g.Go(func() error {
			out[i] = f(ctx, item)
			return nil // a failure is part of R: one device's failure is none of another's
		})
	}
	g.Wait() //nolint:errcheck // the functions above return nil
	return out
}

// Fleet says how many devices are read, or reviewed, and who is told. The zero value works.
type Fleet struct {
	// Parallel is how many at once; less than 1: DefaultParallel.
	Parallel int
	// Retry is for the sessions that Open opens.
	Retry Retry
	// LockWait is how long a configuration lock that somebody holds is waited for; 0: not at all.
	LockWait time.Duration
	// Events is told what happens: EventRun with all devices, EventDevice, EventRetry, EventStop at an interrupt,
	// EventRunDone. It is called by one goroutine at a time and must not take long.
	Events func(Event)
}

// FleetResult is what came of one device.
type FleetResult[R any] struct {
	Device string
	Value  R
	Err    error
	Took   time.Duration
}

// Gather calls f for every item, with a session of its device, which it closes, and gives the results in the order of
// the items. name gives the device of an item and dial opens a session and tries once. stream, if not nil, gets each
// result as it comes, one at a time. When ctx ends no further device is begun: the rest have ErrNotStarted.
func Gather[T, R any](ctx context.Context, fleet Fleet, items []T, name func(T) string, dial func(context.Context, T) (Device, error),
	f func(context.Context, T, Device) (R, error), stream func(FleetResult[R]),
) []FleetResult[R] {
	ev := newEvents("", fleet.Events, nil)
	one := func(ctx context.Context, item T) (v R, err error) {
		open := fleet.Retry.Dial(name(item), func(ctx context.Context) (Device, error) { return dial(ctx, item) }, ev.send)
		dev, err := open(ctx)
		if err != nil {
			return v, err
		}
		if d, ok := dev.(*retried); ok {
			d.lockWait = fleet.LockWait
		}
		defer func() {
			// What was read stands, whatever becomes of the goodbye.
			if cerr := dev.Close(); cerr != nil && err == nil {
				ev.send(Event{Kind: EventNote, Device: name(item), Text: "close session", Err: cerr})
			}
		}()
		return f(ctx, item, dev)
	}
	return gather(ctx, fleet, ev, items, name, one, stream)
}

func gather[T, R any](ctx context.Context, fleet Fleet, ev *events, items []T, name func(T) string,
	f func(context.Context, T) (R, error), stream func(FleetResult[R]),
) []FleetResult[R] {
	all := make([]string, len(items))
	for i, item := range items {
		all[i] = name(item)
	}
	ev.send(Event{Kind: EventRun, Devices: all})
	told := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(told)
		ev.send(Event{Kind: EventStop, Text: "no further device is begun", Err: fmt.Errorf("interrupted: %w", context.Cause(ctx))})
	})
	limit := fleet.Parallel
	if limit < 1 {
		limit = DefaultParallel
	}
	out := Each(ctx, limit, items, func(ctx context.Context, item T) FleetResult[R] {
		r := FleetResult[R]{Device: name(item)}
		if ctx.Err() != nil {
			r.Err = fmt.Errorf("%s: %w", r.Device, ErrNotStarted)
		} else {
			ev.device(r.Device, StateRunning, "")
			start := time.Now()
			r.Value, r.Err = f(ctx, item)
			r.Took = time.Since(start)
		}
		ev.done(Event{Kind: EventDevice, Device: r.Device, State: StateDone, Took: r.Took, Err: r.Err}, func() {
			if stream != nil {
				stream(r)
			}
		})
		return r
	})
	if !release() {
		<-told
	}
	ev.send(Event{Kind: EventRunDone})
	return out
}
