package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// adoptionReport says how what is rendered from an adoption compares with what it was adopted from.
type adoptionReport struct {
	Device      string            `json:"device"`
	Files       []string          `json:"files"` // that were written
	Notes       []string          `json:"notes,omitempty"`
	Hierarchies []hierarchyCounts `json:"hierarchies"`
	Unmanaged   []string          `json:"unmanaged,omitempty"` // the topmost statements that no template renders
	Diff        string            `json:"diff,omitempty"`      // what a commit would change
}

// hierarchyCounts counts the set lines of one hierarchy.
type hierarchyCounts struct {
	Hierarchy  string `json:"hierarchy"`
	Reproduced int    `json:"reproduced"` // the device has them, and they are rendered
	Changed    int    `json:"changed"`    // a commit would add or remove them
	Unmanaged  int    `json:"unmanaged"`  // the device has them, and no template says anything of them
}

func newAdoptionReport(files []adoptFile, ad *templates.Adopted, d *inventory.Device, rendered *templates.Rendered, running *junos.Tree) (*adoptionReport, error) {
	var r reviewed
	err := planHere(target{device: d, want: renderIntent(rendered, nil, false)}, known{running: running, last: junos.New(nil)}, &r)
	if err != nil {
		return nil, err
	}
	out := &adoptionReport{Device: d.FQDN, Notes: ad.Notes, Diff: r.plan.Compare}
	for _, f := range files {
		if f.changed {
			out.Files = append(out.Files, f.name)
		}
	}
	for _, p := range diffs.Orphans(running, rendered.Tree, running) {
		out.Unmanaged = append(out.Unmanaged, statement(p))
	}
	after := running.Clone()
	if _, err := after.Load("rendered", []byte(r.plan.Changes[0].Text), r.plan.Changes[0].Mode); err != nil {
		return nil, err
	}
	out.count(commandsOf(running), commandsOf(after), commandsOf(rendered.Tree))
	return out, nil
}

// commandsOf are the set lines of a configuration, those of inactive statements included.
func commandsOf(t *junos.Tree) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(t.Set()) {
		if strings.HasPrefix(line, "set ") {
			out[strings.TrimSuffix(line, "\n")] = true
		}
	}
	return out
}

// count counts by hierarchy.
func (r *adoptionReport) count(running, after, rendered map[string]bool) {
	at := func(line string) *hierarchyCounts {
		name := hierarchyOf(line)
		i, found := slices.BinarySearchFunc(r.Hierarchies, name, func(h hierarchyCounts, name string) int { return strings.Compare(h.Hierarchy, name) })
		if !found {
			r.Hierarchies = slices.Insert(r.Hierarchies, i, hierarchyCounts{Hierarchy: name})
		}
		return &r.Hierarchies[i]
	}
	for line := range running {
		switch {
		case !after[line]:
			at(line).Changed++
		case rendered[line]:
			at(line).Reproduced++
		default:
			at(line).Unmanaged++
		}
	}
	for line := range after {
		if !running[line] {
			at(line).Changed++
		}
	}
}

// hierarchyOf is the hierarchy that a set line is counted with: its first word, and the second where the first holds much
// that has little in common.
func hierarchyOf(line string) string {
	words := strings.Fields(line)[1:]
	if slices.Contains([]string{"protocols", "system", "policy-options", "routing-options"}, words[0]) && len(words) > 1 {
		return words[0] + " " + words[1]
	}
	return words[0]
}

// printAdoption writes the report, secrets redacted.
func (a *app) printAdoption(r *adoptionReport, o adoptOptions) error {
	redact := a.redactorOnce()
	r.Diff = redact.Text(r.Diff)
	for i := range r.Unmanaged {
		r.Unmanaged[i] = redact.Text(r.Unmanaged[i])
	}
	if o.omit {
		r.Diff = ""
	}
	if o.json {
		return a.printJSON(r)
	}
	for _, f := range r.Files {
		a.streams.Printf("wrote %s\n", f)
	}
	a.streams.Printf("\n")
	w := tabwriter.NewWriter(a.streams.Out, 0, 0, 2, ' ', 0) // keeps the first error, Flush returns it
	fmt.Fprintln(w, "HIERARCHY\tREPRODUCED\tCHANGED\tUNMANAGED")
	total := hierarchyCounts{Hierarchy: "all"}
	for _, h := range append(slices.Clone(r.Hierarchies), total) {
		if h.Hierarchy == "all" {
			h = total
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\n", h.Hierarchy, h.Reproduced, h.Changed, h.Unmanaged)
		total.Reproduced, total.Changed, total.Unmanaged = total.Reproduced+h.Reproduced, total.Changed+h.Changed, total.Unmanaged+h.Unmanaged
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if len(r.Unmanaged) > 0 {
		a.streams.Printf("\nno template manages, and a commit leaves alone:\n  %s\n", strings.Join(r.Unmanaged, "\n  "))
	}
	if r.Diff != "" {
		a.streams.Printf("\na commit would change:\n%s", r.Diff)
	}
	return nil
}
