package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// maxUntil is how far ahead an override may expire: what is meant to last is said in the inventory itself.
const maxUntil = 366 * 24 * time.Hour

// parseUntil reads --until: a duration from now (4h), a day, meaning its beginning in UTC (2026-03-09), or an RFC 3339
// time.
func parseUntil(s string, now time.Time) (time.Time, error) {
	var until time.Time
	if d, err := time.ParseDuration(s); err == nil {
		until = now.Add(d)
	} else if until, err = time.Parse(time.DateOnly, s); err != nil {
		if until, err = time.Parse(time.RFC3339, s); err != nil {
			return time.Time{}, cli.Usagef("--until %q: expected a duration (4h), a day (2026-03-09) or a time (2026-03-09T14:00:00Z)", s)
		}
	}
	until = until.UTC().Truncate(time.Second)
	switch {
	case !until.After(now):
		return time.Time{}, cli.Usagef("--until %s: %s is in the past", s, until.Format(time.RFC3339))
	case until.Sub(now) > maxUntil:
		return time.Time{}, cli.Usagef("--until %s: %s is more than a year ahead", s, until.Format(time.RFC3339))
	}
	return until, nil
}

// splitMessage takes the task, its first word, from a message; the rest is the reason. An override is one line of text
// without quotes.
func splitMessage(message string) (task, reason string) {
	task, reason, _ = strings.Cut(strings.TrimSpace(message), " ")
	return task, strings.ReplaceAll(strings.TrimSpace(reason), `"`, "'")
}

// offloadOverrides are the overrides that keep a site's ping offload deactivated in the render: one for all its routers
// if they have the same terms, else one a router. All that can be wrong with them is found here, before a router is
// changed.
func offloadOverrides(net *inventory.Network, site *inventory.Site, message string, now, until time.Time) ([]inventory.NewOverride, error) {
	task, reason := splitMessage(message)
	if reason == "" {
		return nil, cli.Usagef("--until writes an override, which needs a reason behind the task: -m %q", task+" why")
	}
	rendered, err := renderAll(net, site.Devices, templates.StandIn)
	if err != nil {
		return nil, err
	}
	base := inventory.NewOverride{
		Task: task, Reason: reason, Site: site.Name, What: "ping-offload", Query: "site:" + site.Name, Since: now, Expires: until,
	}
	var list []inventory.NewOverride
	uniform := true
	for i, d := range site.Devices {
		paths, err := presentOffloadTerms(d, rendered[i].Tree)
		if err != nil {
			return nil, cli.Hint(fmt.Errorf("%s has no ping offload in its render: there is nothing that an override could deactivate", d.FQDN),
				"without --until only the routers are changed")
		}
		one := base
		one.Paths, one.Query, one.What = paths, d.Name, base.What+"-"+strings.ReplaceAll(d.Name, ".", "-")
		list = append(list, one)
		uniform = uniform && slices.EqualFunc(paths, list[0].Paths, slices.Equal)
	}
	if uniform {
		base.Paths = list[0].Paths
		list = []inventory.NewOverride{base}
	}
	for _, o := range list {
		if err := o.Check(); err != nil {
			return nil, cli.WithCode(cli.Usage, fmt.Errorf("--until writes an override from -m: %w", err))
		}
		if err := inventory.CheckOverride(net.Dir, o); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// writeOverrides writes overrides once the routers are changed.
func (a *app) writeOverrides(dir string, list []inventory.NewOverride) error {
	for _, o := range list {
		file, err := inventory.WriteOverride(dir, o)
		if err != nil {
			return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("the routers ARE changed, but the inventory does not say so: %w", err)),
				"what is inactive on the routers stays so; run the command again once the folder can be written")
		}
		a.streams.Notef("wrote %s: %s renders it inactive; expires %s (%s from now)", filepath.Join(dir, filepath.FromSlash(file)), o.Query,
			o.Expires.Format(time.RFC3339), time.Until(o.Expires).Round(time.Minute))
	}
	return nil
}

// removeOverrides takes back the overrides of statements that have just been activated, and warns of those that would
// deactivate them again.
func (a *app) removeOverrides(dir string, list []*inventory.Device, paths [][]string) error {
	devices := make([]string, len(list))
	for i, d := range list {
		devices[i] = d.Name
	}
	removed, kept, err := inventory.RemoveOverrides(dir, paths, devices)
	for _, file := range removed {
		a.streams.Notef("removed %s", filepath.Join(dir, filepath.FromSlash(file)))
	}
	for _, k := range kept {
		a.streams.Notef("left %s", k)
	}
	var left []string
	if err == nil {
		left, err = a.overriding(dir, devices, paths)
	}
	if err != nil {
		return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("the routers ARE changed, but an override may still say otherwise: %w", err)),
			"look into the folder overrides of the inventory: what a file there deactivates, the next commit deactivates again")
	}
	for _, l := range left {
		a.streams.Notef("warning: %s: the next commit deactivates it again; edit or remove the file", l)
	}
	return nil
}

// overriding says which overrides of the inventory in dir still deactivate any of the statements, by themselves or with
// something above them.
func (a *app) overriding(dir string, devices []string, paths [][]string) ([]string, error) {
	net, err := a.readTree(dir)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, o := range net.Overrides {
		covers := slices.ContainsFunc(paths, func(p []string) bool {
			return len(p) >= len(o.Path) && slices.Equal(p[:len(o.Path)], o.Path)
		})
		if !covers {
			continue
		}
		var who []string
		for _, d := range o.Devices {
			if slices.Contains(devices, d.Name) {
				who = append(who, d.Name)
			}
		}
		if len(who) > 0 {
			out = append(out, fmt.Sprintf("%s (%s) still deactivates %s on %s", o.File, o.Task, strings.Join(o.Path, " "), strings.Join(who, ", ")))
		}
	}
	return out, nil
}

// errNoOverride is for a run that did not change every router.
var errNoOverride = errors.New("no override was written, since not every router has the change")
