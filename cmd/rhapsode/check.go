package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/templates"
)

// newCheck is `rhapsode check QUERY`.
func newCheck(a *app) *cobra.Command {
	var format string
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "check QUERY",
		Short: "check what would be rendered, without a router",
		Long: `Render every selected device and look for what a router would refuse or what nobody meant:
  inventory  what is doubtful in the inventory
  overrides  overrides that have expired: they stay in force, and nobody has decided on them
  policies   references to policies, prefix-lists, communities and filters that are not defined, objects that nothing
             uses, terms that nothing reaches or that change nothing (proven, with an example), offloads that would loop,
             external groups that take or give everything
  schema     rendered statements that no schema knows
Errors end the command with 1; warnings do not. What several devices have is shown once. The same checks stand before
every commit. --format junit is for the test report of a CI: a suite for each device.`,
		Example: `  rhapsode check '*'
  rhapsode check site:ams --format json
  rhapsode check '*' --format junit > check.xml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(_ *cobra.Command, args []string) error {
			if jsonOut {
				format = "json"
			}
			return a.check(args[0], format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json (one object a finding and device) or junit")
	cmd.Flags().BoolVar(&jsonOut, "json", false, "the same as --format json")
	cmd.MarkFlagsMutuallyExclusive("format", "json")
	completeValues(cmd, "format", "text", "json", "junit")
	return cmd
}

func (a *app) check(query, format string) error {
	write, ok := checkWriters[format]
	if !ok {
		return cli.Usagef("--format %q: expected text, json or junit", format)
	}
	net, err := a.loadNetwork() // its warnings are findings here
	if err != nil {
		return err
	}
	devices, err := net.Select(query)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	w, err := want(net, devices, time.Now(), templates.StandIn)
	if err != nil {
		return err
	}
	if err := write(a, w); err != nil {
		return err
	}
	a.streams.Notef("checked %s%s", plural(len(devices), "device"), prefixed(": ", countFindings(w.findings)))
	if n := len(w.errors()); n > 0 {
		return cli.WithCode(cli.Failed, fmt.Errorf("check found %s", plural(n, "error")))
	}
	return nil
}

// prefixed is a text with something before it, or nothing.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// skipFlag adds --skip-check, the way past the gate.
func skipFlag(cmd *cobra.Command, reason *string) {
	cmd.Flags().StringVar(reason, "skip-check", "", "commit in spite of errors that check finds; the `REASON` is kept in the journal and the audit log")
}

// gate refuses a commit of what check finds errors in, before any router is touched. A reason lets it through, and is
// returned for the journal if there was something to let through.
func (a *app) gate(w *wanted, reason string) (skipped string, err error) {
	found := w.errors()
	if len(found) == 0 {
		return "", nil
	}
	reason = strings.TrimSpace(reason)
	for _, g := range groupFindings(found) {
		a.streams.Notef("check: %s", g)
		if g.Hint != "" && reason == "" {
			a.streams.Notef("    %s", g.Hint)
		}
	}
	if reason != "" {
		return reason, nil
	}
	return "", cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: check found %s", plural(len(found), "error"))),
		`correct them (see "rhapsode check"), or commit in spite of them with --skip-check "REASON"`)
}
