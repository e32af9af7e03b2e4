package devices

import (
	"context"
	"fmt"
	"slices"

	"rhapsode/diffs/junos"
)

// EngineError says that a device has a second routing engine that could not take the change: after a switch-over it
// would run an older configuration.
type EngineError struct {
	Device string
	Engine Engine
}

func (e *EngineError) Error() string {
	return fmt.Sprintf("%s: routing engine %s is %s (status %s), so that it cannot take the commit", e.Device,
		orNothing(e.Engine.Slot), orNothing(e.Engine.Mastership), orNothing(e.Engine.Status))
}

// Hint says how to go on.
func (e *EngineError) Hint() string {
	return "look at `show chassis routing-engine`; --force commits on the one that answers, and the other has to be brought up to date by hand"
}

// engines finds out whether the device has two routing engines: then commits are synchronized (SAFETY 4). That one of them
// could not take it ends the transaction, unless it is forced.
func (t *transaction) engines(ctx context.Context) error {
	t.synchronize = t.opts.Synchronize
	var list []Engine
	a := asker{ctx: ctx, dev: t.first, missing: t.before.Missing}
	a.ask(subjectEngines, "show chassis routing-engine | display xml", func(text string) (err error) {
		list, err = parseEngines(text)
		return err
	})
	if a.err != nil {
		return fmt.Errorf("%s: ask for routing engines: %w", t.plan.Device, a.err)
	}
	if len(list) < 2 {
		return nil
	}
	t.synchronize = true
	i := slices.IndexFunc(list, func(e Engine) bool {
		return e.Mastership != "master" && e.Mastership != "backup" && e.Mastership != "present"
	})
	switch {
	case i < 0:
		return nil
	case !t.opts.Force:
		return &EngineError{Device: t.plan.Device, Engine: list[i]}
	}
	t.synchronize = false
	t.note("forced: routing engine %s is %s and does not get the change", orNothing(list[i].Slot), orNothing(list[i].Mastership))
	return nil
}

// synchronizes tells whether a configuration says that every commit is synchronized.
func synchronizes(t *junos.Tree) bool {
	return len(active(inherited(t).Root, "system", "commit", "synchronize")) > 0
}
