package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/policies"
)

// newCheck is `rhapsode check QUERY`.
func newCheck(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "check QUERY",
		Short: "check what would be rendered, without a router",
		Long: `Render every selected device and look for what a router would refuse or what nobody meant: references to
policies, prefix-lists, communities and filters that are not defined, objects that nothing uses, overrides that have expired.`,
		Example: `  rhapsode check '*'
  rhapsode check site:ams --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE:              func(_ *cobra.Command, args []string) error { return a.check(args[0], jsonOut) },
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a finding")
	return cmd
}

func (a *app) check(query string, jsonOut bool) error {
	net, devices, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	rendered, err := renderAll(net, devices)
	if err != nil {
		return err
	}
	failures := 0
	for i, r := range rendered {
		for _, f := range append(expired(net, devices[i], time.Now()), policies.Check(r.Tree)...) {
			if f.Severity == policies.SeverityError {
				failures++
			}
			if err := a.printFinding(devices[i], f, jsonOut); err != nil {
				return err
			}
		}
	}
	if failures > 0 {
		return cli.WithCode(cli.Failed, fmt.Errorf("check found %s", plural(failures, "error")))
	}
	a.streams.Notef("checked %s", plural(len(devices), "device"))
	return nil
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
			Severity: policies.SeverityError, Path: o.Path,
			Message: fmt.Sprintf("the override %s (%s) has expired on %s and stays in force: %s", o.File, o.Task, o.Expires.Format(time.DateOnly), o.Reason),
			Hint:    "activate what it holds and remove the file, or give it a new date",
		})
	}
	return out
}

func (a *app) printFinding(d *inventory.Device, f policies.Finding, jsonOut bool) error {
	if jsonOut {
		return json.NewEncoder(a.streams.Out).Encode(map[string]any{
			"device": d.FQDN, "severity": f.Severity.String(), "path": f.Path, "message": f.Message, "hint": f.Hint,
		})
	}
	a.streams.Printf("%s: %s: [edit %s] %s\n", d.FQDN, f.Severity, strings.Join(f.Path, " "), f.Message)
	if f.Hint != "" {
		a.streams.Printf("    %s\n", f.Hint)
	}
	return nil
}
