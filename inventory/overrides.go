package inventory

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// makeOverrides reads the overrides: one for each path. They need the devices, for their queries.
func (l *loader) makeOverrides() {
	for _, stem := range slices.Sorted(maps.Keys(l.overrides)) {
		f := l.overrides[stem]
		if f.broken {
			continue
		}
		v := f.value()
		o := Override{
			File: f.name, Action: Action(v.get("kind").string()),
			Task: v.get("task").string(), Reason: v.get("reason").string(),
			Since:   one(l, v.get("since"), parseMoment),
			Expires: one(l, v.get("expires"), parseMoment),
			Query:   v.get("devices").string(),
		}
		if !o.Expires.After(o.Since) {
			l.problems.add(v.get("expires").pos, "", "the override expires at %s, which is not after %s, since when it holds", v.get("expires").raw, v.get("since").raw)
		}
		if l.anyBroken() {
			continue // a query over half a network tells nothing
		}
		devices, err := l.net.Select(o.Query)
		if err != nil {
			l.problems.add(v.get("devices").pos, "", "%v", err)
			continue
		}
		o.Devices = devices
		if o.Expired(l.now) {
			l.warnings.add(v.get("expires").pos, "activate what it holds and remove the file, or give it a new date",
				"the override for %s has expired on %s and stays in force: %s", o.Task, o.Expires.Format(time.DateOnly), o.Reason)
		}
		for _, n := range v.get("paths").elements() {
			each := o
			each.Path = one(l, n, parsePath)
			l.net.Overrides = append(l.net.Overrides, &each)
		}
	}
	slices.SortStableFunc(l.net.Overrides, func(a, b *Override) int {
		return cmp.Or(cmp.Compare(a.File, b.File), slices.Compare(a.Path, b.Path))
	})
}

// anyBroken says whether any device, role or site could not be read in full.
func (l *loader) anyBroken() bool {
	for _, files := range []map[string]*file{l.devices, l.roles, l.sites} {
		for _, f := range files {
			if f.broken {
				return true
			}
		}
	}
	return l.common.broken
}
