package main

import (
	"errors"
	"fmt"
	"slices"
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
		Long: `Every changing command is a run. Its id stands in the routers' commit comments, in the audit log, in its journal, and in the name
of the plan that it kept ($XDG_STATE_HOME/rhapsode/runs).`,
	}
	cmd.AddCommand(newRunsList(a), newRunsShow(a))
	return cmd
}

func newRunsList(a *app) *cobra.Command {
	var jsonOut bool
	var device string
	var f filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list what runs did to devices, oldest first",
		Example: `  rhapsode runs list
  rhapsode runs list --device cr1.ams.example.net --since 7d
  rhapsode runs list --task T123456 --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := f.check(time.Now()); err != nil {
				return err
			}
			return a.listRuns(device, f, jsonOut)
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a device of a run")
	cmd.Flags().StringVar(&device, "device", "", "only what was done to `DEVICE`: its name, with or without the domain")
	f.flags(cmd, "runs", 0)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("device", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeQuery(cmd, nil, word)
	}))
	return cmd
}

func newRunsShow(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "show what one run did, step by step, and how it is taken back or resumed",
		Long: `Show a run by its journal: who and why, its batches, how each device ended and in which step, what happened on the way, the plan
that it kept, and the commands that take it back or go on with it. The id may be cut short, as long as it tells the run.`,
		Example:           "  rhapsode runs show 01KAJ3T8V9V5C8W6N0Q2R4S6T8",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeRun,
		RunE:              func(_ *cobra.Command, args []string) error { return a.showRun(args[0], jsonOut) },
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a device of the run")
	return cmd
}

// listRuns prints the audit log.
func (a *app) listRuns(device string, f filter, jsonOut bool) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	entries, err := devices.ReadAudit(state)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e devices.AuditEntry) bool {
		return !isDevice(e.Device, device) || !f.has(e.Time, e.User, e.Message)
	})
	if f.limit > 0 { // of runs, of which each may have many devices
		var newest []string
		for _, e := range slices.Backward(entries) {
			if !slices.Contains(newest, e.Run) {
				newest = append(newest, e.Run)
			}
		}
		newest = newest[:min(f.limit, len(newest))]
		entries = slices.DeleteFunc(entries, func(e devices.AuditEntry) bool { return !slices.Contains(newest, e.Run) })
	}
	for _, e := range entries {
		if jsonOut {
			if err := a.printJSON(e); err != nil {
				return err
			}
			continue
		}
		a.printAuditEntry(e)
	}
	return nil
}

// isDevice says whether a name means a device; "" means every one.
func isDevice(fqdn, name string) bool {
	return name == "" || strings.EqualFold(fqdn, name) ||
		len(fqdn) > len(name) && strings.EqualFold(fqdn[:len(name)], name) && fqdn[len(name)] == '.'
}

func (a *app) printAuditEntry(e devices.AuditEntry) {
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

// findRun completes an id that was cut short.
func findRun(state, run string) (string, error) {
	ids, err := devices.ListRuns(state)
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		if run != "" && strings.HasPrefix(id, strings.ToUpper(run)) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return run, nil // the audit log may know it
	}
	return "", cli.Hint(fmt.Errorf("%d runs begin with %q", len(found), run), "say more of the id: "+strings.Join(found[max(0, len(found)-3):], ", "))
}

// showRun prints the journal of a run; of one whose journal is gone, what the audit log has.
func (a *app) showRun(run string, jsonOut bool) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	if run, err = findRun(state, run); err != nil {
		return err
	}
	audit, err := devices.ReadAudit(state)
	if err != nil {
		return err
	}
	audit = slices.DeleteFunc(audit, func(e devices.AuditEntry) bool { return !strings.EqualFold(e.Run, run) })
	rec, err := devices.ReadRun(state, run)
	switch {
	case errors.Is(err, devices.ErrNoRun) && len(audit) == 0:
		return cli.Hint(fmt.Errorf("no run %q in %s", run, state), "see `rhapsode runs list`")
	case errors.Is(err, devices.ErrNoRun):
		a.streams.Notef("the journal of the run is gone; this is what the audit log has")
		rec = nil
	case err != nil:
		return err
	}
	if jsonOut {
		return a.printRunJSON(rec, audit)
	}
	if rec == nil {
		for _, e := range audit {
			a.printAuditEntry(e)
		}
		return nil
	}
	a.printRun(rec, audit)
	return nil
}
