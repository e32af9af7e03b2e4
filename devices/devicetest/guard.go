package devicetest

import (
	"context"
	"errors"
	"testing"

	"rhapsode/devices"
	"rhapsode/diffs"
)

// Guard wraps a device and fails the test when it is used in a forbidden order: the candidate used after Discard, a
// commit of what was not checked since the last load, a check while our own window is open (it would confirm), a
// lock taken twice, a session closed while it holds the lock.
func Guard(t testing.TB, dev devices.Device) devices.Device {
	return &guardDevice{Device: dev, t: t}
}

type guardDevice struct {
	devices.Device
	t      testing.TB
	locked bool
}

// Unwrap is the device that is guarded.
func (g *guardDevice) Unwrap() devices.Device { return g.Device }

// Lock takes the lock.
func (g *guardDevice) Lock(ctx context.Context) (devices.Candidate, error) {
	g.t.Helper()
	if g.locked {
		g.t.Errorf("guard: %s: lock taken twice", g.Name())
	}
	c, err := g.Device.Lock(ctx)
	if err != nil {
		return nil, err
	}
	g.locked = true
	gc := &guardCandidate{inner: c, dev: g}
	if _, ok := c.(devices.Texter); ok {
		return &guardTexter{gc}, nil
	}
	return gc, nil
}

// Close ends the session.
func (g *guardDevice) Close() error {
	g.t.Helper()
	if g.locked {
		g.t.Errorf("guard: %s: closed while it holds the lock", g.Name())
	}
	return g.Device.Close()
}

type guardCandidate struct {
	inner                    devices.Candidate
	dev                      *guardDevice
	loaded, checked, waiting bool
}

func (g *guardCandidate) use(what string) {
	g.dev.t.Helper()
	if !g.dev.locked {
		g.dev.t.Errorf("guard: %s: %s without the lock", g.dev.Name(), what)
	}
}

// seen takes note of an answer: a session that was lost holds no lock.
func (g *guardCandidate) seen(err error) error {
	if errors.Is(err, devices.ErrSessionLost) {
		g.dev.locked = false
	}
	return err
}

// Load edits the candidate.
func (g *guardCandidate) Load(ctx context.Context, c diffs.Change) ([]devices.Warning, error) {
	g.dev.t.Helper()
	g.use("load")
	g.loaded, g.checked = true, false
	w, err := g.inner.Load(ctx, c)
	return w, g.seen(err)
}

// Compare compares.
func (g *guardCandidate) Compare(ctx context.Context) (string, error) {
	g.dev.t.Helper()
	g.use("compare")
	text, err := g.inner.Compare(ctx)
	return text, g.seen(err)
}

// Check checks.
func (g *guardCandidate) Check(ctx context.Context) ([]devices.Warning, error) {
	g.dev.t.Helper()
	g.use("check")
	if g.waiting {
		g.dev.t.Errorf("guard: %s: check in our own confirm window confirms it", g.dev.Name())
	}
	w, err := g.inner.Check(ctx)
	g.checked = g.seen(err) == nil
	return w, err
}

// Commit commits.
func (g *guardCandidate) Commit(ctx context.Context, opts devices.CommitOptions) ([]devices.Warning, error) {
	g.dev.t.Helper()
	g.use("commit")
	if g.loaded && !g.checked {
		g.dev.t.Errorf("guard: %s: commit of what was not checked", g.dev.Name())
	}
	if opts.Comment == "" {
		g.dev.t.Errorf("guard: %s: commit without a comment", g.dev.Name())
	}
	w, err := g.inner.Commit(ctx, opts)
	g.waiting = g.seen(err) == nil && opts.Confirm > 0
	return w, err
}

// Discard gives the lock back.
func (g *guardCandidate) Discard(ctx context.Context) error {
	err := g.inner.Discard(ctx)
	g.dev.locked = false // it was tried: a device that is gone frees the lock itself
	return err
}

type guardTexter struct{ *guardCandidate }

// Text prints the candidate.
func (g *guardTexter) Text(ctx context.Context) (string, error) {
	g.dev.t.Helper()
	g.use("print")
	return g.inner.(devices.Texter).Text(ctx) //nolint:errcheck,forcetypeassert // Lock looked
}
