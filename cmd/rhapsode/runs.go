package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// newRuns is `rhapsode runs`.
func newRuns(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "look at the audit log: who changed what, when, and how it ended",
		Long:  "Every changing command is a run. Its id stands in the routers' commit comments, in the audit log and in its journal.",
	}
	cmd.AddCommand(newRunsList(a), newRunsShow(a))
	return cmd
}

func newRunsList(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "list what runs did to devices, oldest first",
		Example: "  rhapsode runs list",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.runs("", jsonOut) },
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a device of a run")
	return cmd
}

func newRunsShow(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:               "show RUN",
		Short:             "show what one run did",
		Example:           "  rhapsode runs show 01KAJ3T8V9V5C8W6N0Q2R4S6T8",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRun,
		RunE:              func(_ *cobra.Command, args []string) error { return a.runs(args[0], jsonOut) },
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a device of a run")
	return cmd
}

// runs prints the audit log, or the part of one run.
func (a *app) runs(run string, jsonOut bool) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	entries, err := devices.ReadAudit(state)
	if err != nil {
		return err
	}
	found := false
	for _, e := range entries {
		if run != "" && !strings.EqualFold(e.Run, run) {
			continue
		}
		found = true
		if jsonOut {
			if err := a.printJSON(e); err != nil {
				return err
			}
			continue
		}
		a.streams.Printf("%s  %s  %s  %-13s %s  %q\n", e.Time.UTC().Format(time.DateTime+" MST"), e.Run, e.Device, e.Result, e.User, e.Message)
		if e.SkippedCheck != "" {
			a.streams.Printf("    in spite of errors that check found: %s\n", e.SkippedCheck)
		}
		if e.ForcedFreeze != "" {
			a.streams.Printf("    forced through a freeze: %s\n", e.ForcedFreeze)
		}
		if e.Error != "" {
			a.streams.Printf("    %s\n", e.Error)
		}
	}
	if run != "" && !found {
		return cli.Hint(fmt.Errorf("no run %q in %s", run, state), "see `rhapsode runs list`")
	}
	return nil
}
