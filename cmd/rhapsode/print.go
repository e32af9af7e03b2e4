package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// writers are the formats of a report.
var writers = map[string]func(*app, *diffs.Report, diffs.ReportOptions) error{
	"text": func(a *app, r *diffs.Report, o diffs.ReportOptions) error {
		return diffs.WriteText(a.streams.Out, r, o)
	},
	"markdown": func(a *app, r *diffs.Report, o diffs.ReportOptions) error {
		return diffs.WriteMarkdown(a.streams.Out, r, o)
	},
	"html": func(a *app, r *diffs.Report, o diffs.ReportOptions) error {
		return diffs.WriteHTML(a.streams.Out, r, o)
	},
	"json": func(a *app, r *diffs.Report, o diffs.ReportOptions) error {
		return diffs.WriteJSON(a.streams.Out, r, o)
	},
}

// checkFormat refuses an unknown format before any device is asked.
func checkFormat(format string) error {
	if writers[format] == nil {
		return cli.Usagef("--format %q: expected text, markdown, html or json", format)
	}
	return nil
}

// printReview writes a review as a report, with secrets redacted (SAFETY 14).
func (a *app) printReview(title string, results []reviewed, format string, omit bool) error {
	colour, err := a.colourOn()
	if err != nil {
		return err
	}
	report := &diffs.Report{Title: title}
	if format == "html" || format == "markdown" {
		report.Created = time.Now().UTC().Truncate(time.Second)
	}
	for _, r := range results {
		report.Devices = append(report.Devices, r.result())
	}
	return writers[format](a, report, diffs.ReportOptions{Color: colour && format == "text", OmitDiff: omit, Redact: a.redactorOnce()})
}

// result is a review as a line of a report.
func (r reviewed) result() diffs.DeviceResult { return r.resultOf(r.device.FQDN) }

func (r reviewed) resultOf(device string) diffs.DeviceResult {
	out := diffs.DeviceResult{
		Device: device, Text: r.plan.Compare, Status: diffs.Unchanged, Held: r.plan.Held, Orphans: r.orphans,
		Risks: r.plan.Risks, Warnings: append(slices.Clone(r.warnings), r.plan.Warnings...),
	}
	switch {
	case r.err != nil && isUnreachable(r.err):
		out.Status = diffs.Unreachable
	case r.err != nil:
		out.Status = diffs.Failed
	case r.plan.Compare != "":
		out.Status = diffs.Changed
	}
	if r.err != nil {
		out.Err, out.Hint, out.Text = r.err.Error(), devices.Hint(r.err), ""
	}
	return out
}

// redactorOnce gives the run's one redactor: equal secrets have equal tags throughout its output.
func (a *app) redactorOnce() *diffs.Redactor {
	if a.redactor == nil {
		a.redactor = diffs.NewRedactor()
	}
	return a.redactor
}

// printJSON writes one object on a line.
func (a *app) printJSON(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	a.streams.Printf("%s\n", data)
	return nil
}

// printConsole prints the lines to paste on a router's console: the emergency way, without a network of ours (SAFETY 13).
// lines are set commands.
func (a *app) printConsole(d *inventory.Device, lines string, o changeOptions) {
	a.streams.Printf("# %s\nconfigure exclusive\n%s%s", d.FQDN, lines, consoleCommit(o))
}

// printRender prints the console lines that load whole rendered configurations.
func (a *app) printRender(w *wanted, o changeOptions) {
	for i, d := range w.devices {
		a.streams.Printf("# %s\nconfigure exclusive\nload replace terminal\n%s\x04\n%s", d.FQDN, w.rendered[i].Text, consoleCommit(o))
	}
}

// printPlanned prints the console lines of a plan.
func (a *app) printPlanned(list []reviewed, o changeOptions) {
	for _, r := range list {
		a.streams.Printf("# %s\nconfigure exclusive\n", r.device.FQDN)
		for _, c := range r.plan.Changes {
			switch {
			case c.Rollback != nil:
				a.streams.Printf("rollback %d\n", *c.Rollback)
			case c.Mode == junos.Set:
				a.streams.Printf("%s", c.Text)
			default:
				a.streams.Printf("load %s terminal\n%s\x04\n", c.Mode, c.Text)
			}
		}
		a.streams.Printf("%s", consoleCommit(o))
	}
}

// consoleCommit is how a change is looked at, committed and confirmed by hand.
func consoleCommit(o changeOptions) string {
	comment := strings.ReplaceAll(o.message, `"`, "'")
	commit := "commit"
	if o.confirm > 0 {
		commit = fmt.Sprintf("commit confirmed %d", int(o.confirm/time.Minute))
	}
	out := fmt.Sprintf("show | compare\n%s comment %q\n", commit, comment)
	if o.confirm > 0 {
		out += fmt.Sprintf("commit comment %q\n", comment)
	}
	return out + "exit\n"
}
