package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
)

const rootHelp = `Rhapsode renders Junos configuration from an inventory, shows the change exactly as the
router's own "show | compare" would, and commits it with a task comment, on many routers.

QUERY selects devices: a glob over names (cr1.ams, 'cr*.ams*') or key:value (site:ams, role:core,
type:mx204, status:active, kind:router); "not" binds tightest, then "and", then "," (or); parentheses group.`

const rootExample = `  rhapsode init network                               # a small inventory to begin with
  rhapsode -i network check '*'
  rhapsode -i network diff 'site:ams and role:core'
  rhapsode -i network commit 'cr1.*, site:fra and not cr2.*' -m "T123456 why"`

// helpTemplate is cobra's own, ending with the exit codes.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}
` + cli.ExitHelp + "\n"

// newRoot builds the whole command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "rhapsode",
		Short:         "render, review and commit Junos configuration",
		Long:          rootHelp,
		Example:       rootExample,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.inventoryDir, "inventory", "i", "", "inventory `DIR` (default $RHAPSODE_INVENTORY, else the current directory)")
	f.StringVar(&a.privateDir, "private", "", "private inventory `DIR` on top (default $RHAPSODE_PRIVATE, else what common.yaml says, if anything)")
	f.StringVar(&a.sshConfig, "ssh-config", "", "ssh client configuration `FILE` (default $RHAPSODE_SSH_CONFIG, else ~/.ssh/config)")
	f.StringVar(&a.colour, "color", "auto", "colour the result: auto, always or never")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress lines")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Hint(cli.WithCode(cli.Usage, err), fmt.Sprintf("see `%s --help`", cmd.CommandPath()))
	})
	completeValues(root, "color", "auto", "always", "never")
	root.SetHelpTemplate(helpTemplate)
	addGroup(root, "The inventory:", newInit(a), newAdopt(a), newInventory(a))
	addGroup(root, "Without a router:", newGenerate(a), newCheck(a), newTrace(a), newCompare(a), newFmt(a))
	addGroup(root, "On the routers:", newDiff(a), newDrift(a), newCommit(a), newApply(a), newPlanCommand(a), newRollback(a), newToggle(a, "deactivate"), newToggle(a, "activate"),
		newPingOffload(a), newOverride(a))
	addGroup(root, "Who did what:", newHistory(a), newRuns(a))
	addGroup(root, "On one machine:", newLab(a))
	root.AddCommand(newCompletion(a), newVersion(a))
	root.InitDefaultHelpCmd()
	for _, c := range everyCommand(root) {
		finish(c)
	}
	return root
}

// addGroup adds commands that the help of their parent lists together.
func addGroup(parent *cobra.Command, title string, commands ...*cobra.Command) {
	parent.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, c := range commands {
		c.GroupID = title
		parent.AddCommand(c)
	}
}

// everyCommand lists a command and all below it.
func everyCommand(c *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		out = append(out, everyCommand(sub)...)
	}
	return out
}

// finish gives a command what all have: examples (those of its commands, if it has none), a command of commands prints its
// help, and wrong arguments are usage errors.
func finish(c *cobra.Command) {
	if c.Name() == "help" { // cobra's own
		c.Short, c.Example = "print the help of a command", "  rhapsode help override adopt"
		c.Run, c.RunE = nil, helpOf
	}
	for _, sub := range c.Commands() {
		if first, _, _ := strings.Cut(sub.Example, "\n"); c.HasParent() && first != "" {
			c.Example = strings.TrimPrefix(c.Example+"\n"+first, "\n")
		}
	}
	if c.ValidArgsFunction == nil && c.Args != nil && c.Args(c, nil) == nil && c.Args(c, []string{"x"}) != nil {
		c.ValidArgsFunction = cobra.NoFileCompletions // it takes no arguments
	}
	if c.HasSubCommands() && c.HasParent() {
		c.Args = cobra.NoArgs
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	c.PreRunE = func(cmd *cobra.Command, _ []string) error { // cobra asks too, later, and its answer has no exit code
		if err := cmd.ValidateFlagGroups(); err != nil {
			return cli.Hint(cli.WithCode(cli.Usage, err), fmt.Sprintf("see `%s --help`", cmd.CommandPath()))
		}
		return nil
	}
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return cli.Hint(cli.WithCode(cli.Usage, err), argsHint(cmd, args))
			}
			return nil
		}
	}
}

// helpOf prints the help of the command that the arguments name.
func helpOf(cmd *cobra.Command, args []string) error {
	named, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unknown command %q for %q", rest[0], named.CommandPath())
	}
	if err != nil {
		return cli.Hint(cli.WithCode(cli.Usage, err), argsHint(named, rest))
	}
	return named.Help()
}

// argsHint says how a command with wrong arguments is called, or, where it is one of commands, which one was meant.
func argsHint(cmd *cobra.Command, args []string) string {
	see := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	if !cmd.HasSubCommands() || len(args) == 0 {
		return strings.TrimSuffix(cmd.UseLine(), " [flags]") + "; " + see
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Sprintf("did you mean %s? %s", strings.Join(near, " or "), see)
	}
	return see
}

// taskFlag reads -m: every changing command names a task.
func taskFlag(cmd *cobra.Command, message *string) {
	cmd.Flags().StringVarP(message, "message", "m", "", "task and reason, kept in the router's commit history: \"T123456 why\" (required)")
}

// needMessage refuses a changing command without -m.
func needMessage(message string) error {
	if strings.TrimSpace(message) == "" {
		return cli.Hint(cli.WithCode(cli.Usage, errors.New("a change needs a task")), `say which and why: -m "T123456 why"`)
	}
	if strings.ContainsAny(message, "\n\r\x00") {
		return cli.Usagef("the message must be one line")
	}
	return nil
}
