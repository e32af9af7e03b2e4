package main

import (
	"github.com/spf13/cobra"

	"rhapsode/inventory"
)

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
