package main

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/devices"
	"rhapsode/inventory"
)

// newCompletion is `rhapsode completion SHELL`.
func newCompletion(a *app) *cobra.Command {
	write := map[string]func(root *cobra.Command, w io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
		"zsh":        (*cobra.Command).GenZshCompletion,
	}
	return &cobra.Command{
		Use:   "completion {bash | fish | powershell | zsh}",
		Short: "print the script that completes commands, devices and filters in a shell",
		Long: `Print the script that has a shell complete commands, flags, device and site names, filters, policies, overrides and runs.
Names come from the inventory of the command line, $RHAPSODE_INVENTORY or the current directory. In bash it needs the
package bash-completion.`,
		Example: `  source <(rhapsode completion bash)                      # this shell
  rhapsode completion bash > ~/.local/share/bash-completion/completions/rhapsode
  rhapsode completion zsh > "${fpath[1]}/_rhapsode"`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: slices.Sorted(maps.Keys(write)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return write[args[0]](cmd.Root(), a.streams.Out)
		},
	}
}

// completeQuery completes the first argument of a command with device names and the values of query keys. A faulty
// inventory completes nothing: completion must stay silent.
func (a *app) completeQuery(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	net, err := a.loadNetwork()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, d := range net.Devices {
		out = append(out, cobra.CompletionWithDesc(d.Name, d.Role+" at "+d.Site.Name))
	}
	return append(out, siteNames(net, "site:")...), cobra.ShellCompDirectiveNoFileComp
}

// completeAll is completeQuery with the names of hosts.
func (a *app) completeAll(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	out, directive := a.completeQuery(cmd, args, word)
	net, err := a.loadNetwork()
	if err != nil || len(args) > 0 {
		return out, directive
	}
	for _, h := range net.Hosts {
		out = append(out, cobra.CompletionWithDesc(h.Name, string(h.Kind)+" at "+h.Site.Name))
	}
	return out, directive
}

// completeWhere completes the device of `inventory where`, which stands alone (DEVICE:LINE, or with --config) or second.
func (a *app) completeWhere(config string, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	net, err := a.loadNetwork()
	switch {
	case err != nil || len(args) > 1 || len(args) == 1 && config != "":
		return nil, cobra.ShellCompDirectiveNoFileComp
	case len(args) == 0 && config == "":
		for _, d := range net.Devices {
			out = append(out, d.Name+":")
		}
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return a.completeQuery(nil, nil, word)
}

// completeRun completes the id of a run, the newest with the word that it begins with.
func (a *app) completeRun(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	state, err := a.stateDir()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, err := devices.ReadAudit(state)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, e := range slices.Backward(entries) {
		if c := cobra.CompletionWithDesc(e.Run, strings.TrimSpace(e.Message)); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	ids, err := devices.ListRuns(state)
	if err != nil {
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	for _, id := range slices.Backward(ids) { // of one that was killed there may be a journal only
		if !slices.ContainsFunc(out, func(c cobra.Completion) bool { return strings.HasPrefix(c, id) }) {
			out = append(out, id)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeSite completes the name of a site.
func (a *app) completeSite(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	net, err := a.loadNetwork()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return siteNames(net, ""), cobra.ShellCompDirectiveNoFileComp
}

func siteNames(net *inventory.Network, prefix string) []cobra.Completion {
	var out []cobra.Completion
	for _, s := range net.Sites {
		out = append(out, cobra.CompletionWithDesc(prefix+s.Name, s.Description))
	}
	return out
}

// completeValues completes a flag with its values.
func completeValues(cmd *cobra.Command, flag string, values ...cobra.Completion) {
	// The only error is that the flag does not exist, which every run of the command would show.
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)))
}
