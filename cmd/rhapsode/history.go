package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/inventory"
)

// newHistory is `rhapsode history QUERY`.
func newHistory(a *app) *cobra.Command {
	var jsonOut bool
	var f filter
	cmd := &cobra.Command{
		Use:   "history QUERY",
		Short: "show the commit history of devices, as the devices tell it",
		Long: `Ask every selected router for its commits, the newest first. --user is the account on the router, or whoever the comment of a
run names.`,
		Example: `  rhapsode history cr1.ams
  rhapsode history site:ams --limit 3
  rhapsode history '*' --task T123456 --since 7d`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(time.Now()); err != nil {
				return err
			}
			return a.history(cmd.Context(), args[0], f, jsonOut)
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a commit")
	f.flags(cmd, "commits", 10)
	a.fleetFlags(cmd)
	return cmd
}

func (a *app) history(ctx context.Context, query string, f filter, jsonOut bool) error {
	_, list, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	type answer struct {
		commits []devices.Commit
		err     error
	}
	answers := devices.Each(ctx, a.parallel, list, func(ctx context.Context, d *inventory.Device) answer {
		commits, err := a.deviceHistory(ctx, d)
		return answer{commits, err}
	})
	var errs []error
	for i, ans := range answers {
		if ans.err != nil {
			errs = append(errs, ans.err)
			continue
		}
		for _, c := range f.commits(ans.commits) {
			if jsonOut {
				if err := a.printJSON(struct {
					Device string `json:"device"`
					devices.Commit
				}{list[i].FQDN, c}); err != nil {
					return err
				}
				continue
			}
			a.streams.Printf("%s: %2d  %s  %s via %s  %s%s\n", list[i].FQDN, c.Number, c.Time.UTC().Format(time.DateTime+" MST"),
				c.User, c.Client, c.Comment, openWindow(c))
		}
	}
	return someFailed(errs, len(list))
}

func openWindow(c devices.Commit) string {
	if c.Confirm == 0 {
		return ""
	}
	return fmt.Sprintf("  (not confirmed, rolls back after %s)", c.Confirm)
}

func (a *app) deviceHistory(ctx context.Context, d *inventory.Device) (commits []devices.Commit, err error) {
	dev, err := a.connect(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	return dev.History(ctx)
}

// someFailed sums up failures of some of n devices: 3, or 1 when it was all of them.
func someFailed(errs []error, n int) error {
	if len(errs) == 0 {
		return nil
	}
	code := cli.Partial
	if len(errs) == n {
		code = cli.Failed
	}
	return cli.WithCode(code, errors.Join(errs...))
}
