package main

import "github.com/spf13/cobra"

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
