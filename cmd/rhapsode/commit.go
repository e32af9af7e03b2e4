package main

import (
	"time"

	"github.com/spf13/cobra"
)

// newCommit is `rhapsode commit QUERY`.
func newCommit(a *app) *cobra.Command {
	var o changeOptions
	var activate []string
	var skip string
	var prune bool
	cmd := &cobra.Command{
		Use:   "commit QUERY -m \"TASK why\"",
		Short: "render, review and commit",
		Long: `Render every selected device, show what each router says would change, ask, and commit. Each commit is a
transaction: the router's running configuration and its own compare must still be what was reviewed, the commit is
confirmed only after a second session has read it back, and a router that cannot be confirmed rolls back by itself.
Routers go one after the other, or in batches (--batch), which hold no two of one site and role, and of one site only unless
--across-sites is given; the first failure ends the run. A run that ends half-way says who has the change, and prints the
commands that finish it or take it back. The checks, hooks and freezes are those of the inventory (docs/inventory.md). What "rhapsode check"
finds errors in is not committed, and no router is asked.

What is inactive on a router stays inactive (shown as "held"); --activate 'STATEMENT' or "rhapsode activate" changes it.
What earlier runs rendered and this one does not stays too (shown as "orphan"); --prune removes just that.`,
		Example: `  rhapsode commit site:ams -m "T123456 add maps VIP"
  rhapsode commit '*' -m "T123456 add maps VIP" --yes --confirm 5m
  rhapsode commit '*' -m "T123456 add maps VIP" --batch 1,25% --across-sites
  rhapsode commit site:ams -m "T123456 add maps VIP" --pair together
  rhapsode commit cr1.ams -m "T123456" --print    # what to paste on a console`,
		Args:              cobra.ExactArgs(1),
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
			for _, p := range activate {
				words, err := splitStatement(p)
				if err != nil {
					return err
				}
				paths = append(paths, words)
			}
			w, err := want(net, list, time.Now(), a.secrets(cmd.Context(), net))
			if err != nil {
				return err
			}
			o.skipped, err = a.gate(w, skip)
			if o.print { // no router is touched, and the person has been told
				a.printRender(w, o)
				return nil
			}
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), w.targets(paths, prune), o)
		},
	}
	changeFlags(a, cmd, &o)
	planFlags(cmd, &o)
	skipFlag(cmd, &skip)
	cmd.Flags().BoolVar(&prune, "prune", false, "also remove the orphans: what earlier runs rendered and this one does not")
	cmd.MarkFlagsMutuallyExclusive("prune", "print") // what is an orphan only the router can tell
	cmd.Flags().StringArrayVar(&activate, "activate", nil, "also activate this held `STATEMENT` (may be repeated)")
	return cmd
}
