package router

import (
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// engines are the routing engines of a router, or the members of a virtual chassis. The first one is master; the others
// take a configuration when it is synchronized.
type engines struct {
	names   []string
	chassis bool // a virtual chassis: every commit goes to all members
	absent  bool // the others can't be reached. Guarded by the database; the rest never changes
}

// enginesOf names the engines that options ask for.
func enginesOf(o Options) engines {
	switch {
	case o.VirtualChassis > 0:
		e := engines{chassis: true}
		for i := range o.VirtualChassis {
			e.names = append(e.names, fmt.Sprintf("fpc%d", i))
		}
		return e
	case o.RoutingEngines > 1:
		return engines{names: []string{"re0", "re1"}}
	}
	return engines{names: []string{"re0"}}
}

// dual tells whether there is anybody to synchronize with.
func (e *engines) dual() bool { return len(e.names) > 1 }

// present are the engines that answer.
func (e *engines) present() []string {
	if e.absent {
		return e.names[:1]
	}
	return e.names
}

// synchronizes tells whether a configuration says that each commit is synchronized.
func synchronizes(t *junos.Tree) bool {
	n := t.Lookup("system", "commit", "synchronize")
	return n != nil && !n.Inactive
}

// spread says which engines a commit goes to. When the other one can't be reached, a commit that was asked to be
// synchronized fails; one that is so by configuration, or by force, is made with a warning.
func (e *engines) spread(o commitOptions, t *junos.Tree) (names []string, warnings faults, err error) {
	switch {
	case !e.dual() || !e.chassis && !o.Synchronize && !o.Force && !synchronizes(t):
		return e.names[:1], nil, nil
	case !e.absent:
		return e.names, nil, nil
	case o.Synchronize && !o.Force && !e.chassis:
		return nil, nil, faultf("could not connect to %s : No route to host", e.names[1])
	}
	return e.names[:1], faults{{Warning: true, Message: "Cannot connect to other RE, ignoring it"}}, nil
}

// setAbsent takes the other engines away or gives them back. One that comes back gets the active configuration, if that
// says that commits are synchronized; else it has what it had.
func (db *database) setAbsent(absent bool) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.engines.absent = absent
	if absent || db.index.Backup == 0 || !synchronizes(db.active) && !db.engines.chassis {
		return nil
	}
	next := db.index.clone()
	next.Backup = 0
	if err := db.store.save(next, nil); err != nil {
		return fmt.Errorf("synchronize %s: %w", db.engines.names[1], err)
	}
	db.index = next
	return nil
}

// backup is the configuration that the other engines have, nil if there are none.
func (db *database) backup() (*junos.Tree, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case !db.engines.dual():
		return nil, nil
	case db.index.Backup == 0:
		return db.active, nil
	}
	tree, _, err := db.readRevision(db.index.Backup)
	return tree, err
}

// commitReport is what a commit did, beside what the history says.
type commitReport struct {
	Engines  []string // those that have it, the one that was asked first
	Check    bool     // it was only a check
	Merged   bool     // private edits were merged for it
	Nothing  bool     // there were no private edits to commit
	Minutes  int      // > 0: rolled back after them unless confirmed
	Warnings faults
	Old, New string // identifiers of revisions, without the engine; empty if there is no new one
}

// text is what the CLI says of a commit. With several engines each one speaks for itself.
func (c commitReport) text() string {
	const checked = "configuration check succeeds\n"
	done := "commit complete\n"
	if c.Minutes > 0 {
		done = fmt.Sprintf("commit confirmed will be automatically rolled back in %d minutes unless confirmed\n", c.Minutes) + done
	}
	var b strings.Builder
	b.WriteString(c.Warnings.text())
	for _, step := range c.steps() {
		if len(c.Engines) > 1 {
			b.WriteString(step.engine + ": \n")
		}
		if step.check {
			b.WriteString(checked)
		} else {
			b.WriteString(done)
		}
	}
	return b.String()
}

// commitStep is one thing that an engine did for a commit.
type commitStep struct {
	engine string
	check  bool
}

// steps are what the engines did, in the order in which a router tells it: the master checks, the others commit, the
// master commits.
func (c commitReport) steps() []commitStep {
	if c.Check || len(c.Engines) == 1 {
		out := make([]commitStep, len(c.Engines))
		for i, e := range c.Engines {
			out[i] = commitStep{e, c.Check}
		}
		return out
	}
	out := []commitStep{{c.Engines[0], true}}
	for _, e := range c.Engines[1:] {
		out = append(out, commitStep{e, false})
	}
	return append(out, commitStep{c.Engines[0], false})
}
