package router

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rhapsode/diffs/junos"
)

// Plane is what forwards packets as a router's configuration says. One that is a State too is asked for what it knows;
// the router's own state says the rest. All methods may be called from any goroutine, Apply by one at a time.
type Plane interface {
	// Check gives what of a configuration the plane can't do. A commit check refuses it.
	Check(candidate *junos.Tree) []Complaint
	// Apply brings what forwards to a configuration: all of it, or on an error nothing.
	Apply(ctx context.Context, active *junos.Tree) error
}

// Complaint is a statement that a Plane refuses.
type Complaint struct {
	Path      []string // of what the statement stands in
	Statement string   // empty: the whole of it
	Message   string   // in Junos's words
}

// planeTimeout is how long a change of what forwards may take. The database is held as long.
const planeTimeout = 20 * time.Second

// checkPlane asks the plane, if there is one, what it refuses.
func (db *database) checkPlane(t *junos.Tree) faults {
	if db.plane == nil {
		return nil
	}
	var out faults
	for _, c := range db.plane.Check(t) {
		out = append(out, fault{Path: editPath(c.Path), Bad: c.Statement, Message: c.Message})
	}
	return out
}

// forward brings the plane, if there is one, to a configuration. On an error it is where old says, unless that fails too,
// which the error tells.
func (db *database) forward(t, old *junos.Tree) error {
	if db.plane == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), planeTimeout)
	defer cancel()
	err := db.plane.Apply(ctx, t)
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("apply configuration: %w", err), db.forwardAgain(old))
}

// forwardAgain brings the plane back to what was before.
func (db *database) forwardAgain(old *junos.Tree) error {
	if db.plane == nil || old == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), planeTimeout)
	defer cancel()
	if err := db.plane.Apply(ctx, old); err != nil {
		return fmt.Errorf("apply the configuration before again: %w", err)
	}
	return nil
}

// operationalState is the state of the router: of a subject that the plane knows, what that says; else what was fed.
func (r *Router) operationalState(active *junos.Tree) Operational {
	s := r.state.Operational(active)
	live, is := r.opts.Plane.(State)
	if !is {
		return s
	}
	p := live.Operational(active)
	return Operational{
		BGP: overlay(p.BGP, s.BGP), Routes: overlay(p.Routes, s.Routes), Interfaces: overlay(p.Interfaces, s.Interfaces),
		Alarms: overlay(p.Alarms, s.Alarms), Counters: overlay(p.Counters, s.Counters), LLDP: overlay(p.LLDP, s.LLDP),
		Engines: overlay(p.Engines, s.Engines),
	}
}

// overlay is a list, and of another what it says of other subjects.
func overlay[T fed](list, other []T) []T {
	known := map[string]bool{}
	for _, x := range list {
		known[x.key()] = true
	}
	for _, x := range other {
		if !known[x.key()] {
			list = append(list, x)
		}
	}
	return list
}
