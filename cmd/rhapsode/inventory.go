package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// newInventory is `rhapsode inventory`.
func newInventory(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "inventory", Short: "look at the facts that everything is rendered from"}
	cmd.AddCommand(newInventoryShow(a), newInventoryWhere(a))
	return cmd
}

func newInventoryShow(a *app) *cobra.Command {
	var list bool
	cmd := &cobra.Command{
		Use:   "show QUERY",
		Short: "print the merged values of devices",
		Example: `  rhapsode inventory show cr1.ams
  rhapsode inventory show --list 'site:ams'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(_ *cobra.Command, args []string) error {
			net, devices, err := a.selectDevices(args[0])
			if err != nil {
				return err
			}
			for i, d := range devices {
				if list {
					a.streams.Printf("%-24s %-8s %-8s %-10s %s\n", d.FQDN, d.Site.Name, d.Role, d.Type, d.Status)
					continue
				}
				text, err := net.Values(d)
				if err != nil {
					return err
				}
				if i > 0 {
					a.streams.Printf("---\n")
				}
				a.streams.Printf("# %s\n%s", d.FQDN, text)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&list, "list", "l", false, "one line a device: name, site, role, type, status")
	return cmd
}

func newInventoryWhere(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "where KEY DEVICE",
		Short: "say which files and lines set a value, the winner last",
		Example: `  rhapsode inventory where lvs.hold_time cr1.ams
  rhapsode inventory where ping_offload.redirect4 cr1.ams`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			net, devices, err := a.selectDevices(args[1])
			if err != nil {
				return err
			}
			for _, d := range devices {
				chain, err := net.Where(args[0], d)
				if err != nil {
					return err
				}
				if jsonOut {
					if err := json.NewEncoder(a.streams.Out).Encode(map[string]any{"device": d.FQDN, "key": args[0], "sources": chain}); err != nil {
						return err
					}
					continue
				}
				for _, s := range chain {
					a.streams.Printf("%s: %v\n", d.FQDN, s)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	return cmd
}
