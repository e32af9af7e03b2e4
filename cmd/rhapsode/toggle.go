package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// newToggle is `rhapsode deactivate` and `rhapsode activate`.
func newToggle(a *app, verb string) *cobra.Command {
	var o changeOptions
	why := map[string]string{"deactivate": "ping1 reboot", "activate": "ping1 is back"}[verb]
	cmd := &cobra.Command{
		Use:   verb + " QUERY STATEMENT... -m \"TASK why\"",
		Short: verb + " statements of the running configuration",
		Long: strings.ToUpper(verb[:1]) + verb[1:] + ` one or more statements on every selected device, with review and commit like any change.
What is inactive on a router stays inactive until somebody runs "rhapsode activate": a normal commit holds it. activate
also removes the overrides in the inventory that hold just what it activated.`,
		Example:           fmt.Sprintf(`  rhapsode %s site:ams 'firewall family inet filter border-in4 term offload-ping4' -m "T123456 %s"`, verb, why),
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			net, list, err := a.selectDevices(args[0])
			if err != nil {
				return err
			}
			var paths [][]string
			for _, s := range args[1:] {
				words, err := splitStatement(s)
				if err != nil {
					return err
				}
				paths = append(paths, words)
			}
			if o.print {
				for _, d := range list {
					a.printConsole(d, setLines(verb, paths), o)
				}
				return nil
			}
			targets := setTargets(list, verb, func(d *inventory.Device, running *junos.Tree) ([][]string, error) {
				for _, p := range paths {
					if running.Lookup(p...) == nil {
						return nil, cli.Hint(fmt.Errorf("%s has no statement %q", d.FQDN, strings.Join(p, " ")),
							"give the whole path as in a set line, without the leading set")
					}
				}
				return paths, nil
			})
			if err := a.change(cmd.Context(), targets, o); err != nil || verb != "activate" {
				return err
			}
			return a.removeOverrides(net.Dir, list, paths)
		},
	}
	changeFlags(a, cmd, &o)
	planFlags(cmd, &o)
	return cmd
}

// splitStatement splits a statement as it stands in a set line into its words.
func splitStatement(s string) ([]string, error) {
	words, err := junos.SplitWords(s)
	if err != nil {
		return nil, cli.WithCode(cli.Usage, fmt.Errorf("statement %q: %w", s, err))
	}
	if len(words) == 0 {
		return nil, cli.Usagef("the statement is empty")
	}
	return words, nil
}
