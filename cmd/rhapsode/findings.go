package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/policies"
	"rhapsode/templates"
)

// The kinds of check, as reports name them.
const (
	checkInventory = "inventory" // what inventory.Load warns of
	checkOverrides = "overrides" // overrides past their date
	checkPolicies  = "policies"  // what policies.Check finds in the rendered configuration
	checkSchema    = "schema"    // rendered statements that no schema knows
)

// deviceChecks are the kinds that are looked for on every device, in the order of a report.
var deviceChecks = [...]string{checkOverrides, checkPolicies, checkSchema}

// finding is one thing that check found, and where.
type finding struct {
	policies.Finding
	check  string
	device *inventory.Device // nil: it is about the inventory, at place
	place  string            // FILE:LINE:COLUMN
}

// where says what a finding is about, without the device: the statement, or the place in the inventory.
func (f finding) where() string {
	if f.device == nil {
		return f.place
	}
	return "[edit " + strings.Join(f.Path, " ") + "]"
}

// wanted is what the inventory wants of devices: the render of each, and what check finds in it.
type wanted struct {
	net      *inventory.Network
	devices  []*inventory.Device
	rendered []*templates.Rendered
	findings []finding
	expired  map[*inventory.Site][]string // overrides past their date, for the head of every diff of the site
}

// want renders devices and checks the result, without a router.
func want(net *inventory.Network, devices []*inventory.Device, now time.Time, secret templates.SecretFunc) (*wanted, error) {
	rendered, err := renderAll(net, devices, secret)
	if err != nil {
		return nil, err
	}
	w := &wanted{net: net, devices: devices, rendered: rendered, expired: expiredBySite(net, now)}
	for _, p := range net.Warnings {
		if !w.reportsOverride(p.File, now) {
			w.findings = append(w.findings, inventoryFinding(p))
		}
	}
	for _, f := range net.Freezes {
		if f.Over(now) {
			w.findings = append(w.findings, inventoryFinding(inventory.Problem{
				File: f.File, Line: f.Line, Column: 1, Hint: "remove it",
				Message: fmt.Sprintf("the freeze %s (%s) is over since %s", f.Task, f.Why, f.To.Format(time.DateOnly)),
			}))
		}
	}
	for i, d := range devices {
		w.add(checkOverrides, d, expired(net, d, now))
		w.add(checkPolicies, d, policies.Check(rendered[i].Tree))
		w.add(checkSchema, d, guessed(rendered[i].Tree))
	}
	return w, nil
}

// reportsOverride says whether a file has an expired override of the devices, which is a finding of its own.
func (w *wanted) reportsOverride(file string, now time.Time) bool {
	return slices.ContainsFunc(w.net.Overrides, func(o *inventory.Override) bool {
		return o.File == file && o.Expired(now) &&
			slices.ContainsFunc(o.Devices, func(d *inventory.Device) bool { return slices.Contains(w.devices, d) })
	})
}

func (w *wanted) add(check string, d *inventory.Device, found []policies.Finding) {
	for _, f := range found {
		w.findings = append(w.findings, finding{Finding: f, check: check, device: d})
	}
}

// errors are the findings that a commit is refused for.
func (w *wanted) errors() []finding {
	return slices.DeleteFunc(slices.Clone(w.findings), func(f finding) bool { return f.Severity != policies.SeverityError })
}

func inventoryFinding(p inventory.Problem) finding {
	place := p
	place.Message, place.Hint = "", ""
	return finding{
		Finding: policies.Finding{Severity: policies.SeverityWarning, Message: p.Message, Hint: p.Hint},
		check:   checkInventory, place: strings.TrimSuffix(place.String(), ": "),
	}
}

// expired gives the overrides of a device that have outlived their date, as findings. They stay in force: that nobody
// has decided on them is the error (SAFETY 10).
func expired(net *inventory.Network, d *inventory.Device, now time.Time) []policies.Finding {
	var out []policies.Finding
	for _, o := range net.Overrides {
		if !o.Expired(now) || !slices.Contains(o.Devices, d) {
			continue
		}
		out = append(out, policies.Finding{
			Severity: policies.SeverityError, Path: o.Path, Message: expiredMessage(o),
			Hint: "activate what it holds and remove the file, or give it a new date",
		})
	}
	return out
}

func expiredMessage(o *inventory.Override) string {
	return fmt.Sprintf("the override %s (%s) has expired on %s and stays in force: %s", o.File, o.Task, o.Expires.Format(time.DateOnly), o.Reason)
}

// expiredBySite gives for each site what has expired on any of its devices, each once.
func expiredBySite(net *inventory.Network, now time.Time) map[*inventory.Site][]string {
	out := map[*inventory.Site][]string{}
	for _, o := range net.Overrides {
		if !o.Expired(now) {
			continue
		}
		for _, d := range o.Devices {
			if m := expiredMessage(o); !slices.Contains(out[d.Site], m) {
				out[d.Site] = append(out[d.Site], m)
			}
		}
	}
	return out
}

// guessed gives the rendered statements that no schema knows, one finding a place: a router may refuse them, and how they
// compare rests on what they look like.
func guessed(t *junos.Tree) []policies.Finding {
	var out []policies.Finding
	at := map[string]int{}
	for _, g := range junos.Guesses(t) {
		key := strings.Join(g.Place, " ")
		if _, ok := at[key]; ok {
			continue
		}
		at[key] = len(out)
		out = append(out, policies.Finding{
			Severity: policies.SeverityWarning, Path: g.Place,
			Message: fmt.Sprintf("no schema knows this statement, it is taken for a %s", g.Kind),
			Hint:    "look for a slip in the template; if it is meant, a router has the last word",
		})
	}
	return out
}

// findingGroup is one finding with all devices that it is true of; none: it is about the inventory.
type findingGroup struct {
	finding
	devices []*inventory.Device
}

// groupFindings puts equal findings of several devices together, what is worst first.
func groupFindings(list []finding) []findingGroup {
	var out []findingGroup
	at := map[string]int{}
	for _, f := range list {
		key := strings.Join([]string{f.check, f.Severity.String(), f.where(), f.Message, f.Hint}, "\x00")
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, findingGroup{finding: f})
		}
		if f.device != nil && !slices.Contains(out[i].devices, f.device) {
			out[i].devices = append(out[i].devices, f.device)
		}
	}
	slices.SortStableFunc(out, func(a, b findingGroup) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// String gives DEVICES: SEVERITY: [edit PATH] MESSAGE, or PLACE: SEVERITY: MESSAGE.
func (g findingGroup) String() string {
	if g.device == nil {
		return fmt.Sprintf("%s: %s: %s", g.place, g.Severity, g.Message)
	}
	return fmt.Sprintf("%s: %s: %s %s", someNames(g.devices), g.Severity, g.where(), g.Message)
}

// countFindings says how many findings of each severity there are, worst first: "2 errors, 1 warning".
func countFindings(list []finding) string {
	var parts []string
	for s := policies.SeverityError; ; s-- {
		n := 0
		for _, f := range list {
			if f.Severity == s {
				n++
			}
		}
		switch {
		case n > 0 && s == policies.SeverityInfo:
			parts = append(parts, fmt.Sprintf("%d for information", n))
		case n > 0:
			parts = append(parts, plural(n, s.String()))
		}
		if s == policies.SeverityInfo {
			return strings.Join(parts, ", ")
		}
	}
}
