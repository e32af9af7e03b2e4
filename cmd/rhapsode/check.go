package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/policies"
)

// newCheck is `rhapsode check QUERY`.
func newCheck(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "check QUERY",
		Short: "check what would be rendered, without a router",
		Long: `Render every selected device and look for what a router would refuse or what nobody meant: references to
policies, prefix-lists, communities and filters that are not defined, objects that nothing uses, expired overrides.`,
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
		for _, f := range policies.Check(r.Tree) {
			if f.Severity == policies.SeverityError {
				failures++
			}
			if jsonOut {
				err := json.NewEncoder(a.streams.Out).Encode(map[string]any{
					"device": devices[i].FQDN, "severity": f.Severity.String(), "path": f.Path, "message": f.Message, "hint": f.Hint,
				})
				if err != nil {
					return err
				}
				continue
			}
			a.streams.Printf("%s: %s: [edit %s] %s\n", devices[i].FQDN, f.Severity, strings.Join(f.Path, " "), f.Message)
			if f.Hint != "" {
				a.streams.Printf("    %s\n", f.Hint)
			}
		}
	}
	if failures > 0 {
		return cli.WithCode(cli.Failed, fmt.Errorf("check found %s", plural(failures, "error")))
	}
	a.streams.Notef("checked %s", plural(len(devices), "device"))
	return nil
}
