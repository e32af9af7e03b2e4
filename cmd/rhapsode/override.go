package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/inventory"
)

// newOverride is `rhapsode override`.
func newOverride(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "override",
		Short: "list, record and drop the dated exceptions to what is rendered",
		Long: `An override is a file in the inventory's folder overrides/: it renders statements inactive on some devices, and says for
which task, why, since when and until when. Past its date it stays in force: it heads every diff of its site and fails
"check" until a person decides. A router keeps by itself what is inactive; an override adds the task, reason and date.`,
	}
	cmd.AddCommand(newOverrideList(a), newOverrideAdopt(a), newOverrideDrop(a))
	return cmd
}

func newOverrideList(a *app) *cobra.Command {
	var jsonOut, live bool
	cmd := &cobra.Command{
		Use:   "list [QUERY]",
		Short: "list the overrides of the inventory, of all devices or of some",
		Long: `List the overrides of the inventory, one line a statement. No router is asked, unless --live wants to know how the
statement stands on each.`,
		Example: `  rhapsode override list
  rhapsode override list site:ams --live
  rhapsode override list --json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := "*"
			if len(args) > 0 {
				query = args[0]
			}
			return a.overrideList(cmd.Context(), query, live, jsonOut)
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a statement of an override")
	cmd.Flags().BoolVar(&live, "live", false, "read the routers, without a lock, and say whether the statement is inactive there")
	a.fleetFlags(cmd)
	return cmd
}

// overrideLine is one statement of an override, as it is listed.
type overrideLine struct {
	File    string            `json:"file"`
	Task    string            `json:"task"`
	Reason  string            `json:"reason"`
	Since   time.Time         `json:"since"`
	Expires time.Time         `json:"expires"`
	Expired bool              `json:"expired"`
	Devices []string          `json:"devices"` // of those asked for
	Path    []string          `json:"path"`
	State   map[string]string `json:"state,omitempty"` // by device: inactive, active, absent, unknown
}

func (a *app) overrideList(ctx context.Context, query string, live, jsonOut bool) error {
	net, list, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	now := time.Now()
	var lines []overrideLine
	var asked []*inventory.Device
	for _, o := range net.Overrides {
		l := overrideLine{
			File: o.File, Task: o.Task, Reason: o.Reason, Since: o.Since, Expires: o.Expires, Expired: o.Expired(now), Path: o.Path,
		}
		for _, d := range o.Devices {
			if !slices.Contains(list, d) {
				continue
			}
			l.Devices = append(l.Devices, d.FQDN)
			if !slices.Contains(asked, d) {
				asked = append(asked, d)
			}
		}
		if len(l.Devices) > 0 {
			lines = append(lines, l)
		}
	}
	var failed error
	if live {
		failed = a.liveStates(ctx, asked, lines)
	}
	if err := a.printOverrides(lines, now, jsonOut); err != nil {
		return err
	}
	if len(lines) == 0 {
		a.streams.Notef("no overrides")
	}
	return failed
}

// liveStates fills in how the statements stand on the routers.
func (a *app) liveStates(ctx context.Context, asked []*inventory.Device, lines []overrideLine) error {
	type answer struct {
		states []string // one for each line
		err    error
	}
	answers := devices.Each(ctx, a.parallel, asked, func(ctx context.Context, d *inventory.Device) answer {
		tree, err := a.running(ctx, d)
		states := make([]string, len(lines))
		for i, l := range lines {
			switch {
			case err != nil:
				states[i] = "unknown"
			case tree.Lookup(l.Path...) == nil:
				states[i] = "absent"
			case tree.Lookup(l.Path...).Inactive:
				states[i] = "inactive"
			default:
				states[i] = "active"
			}
		}
		return answer{states, err}
	})
	var errs []error
	for n, ans := range answers {
		if ans.err != nil {
			errs = append(errs, ans.err)
		}
		for i := range lines {
			if !slices.Contains(lines[i].Devices, asked[n].FQDN) {
				continue
			}
			if lines[i].State == nil {
				lines[i].State = map[string]string{}
			}
			lines[i].State[asked[n].FQDN] = ans.states[i]
		}
	}
	return someFailed(errs, len(asked))
}

func (a *app) printOverrides(lines []overrideLine, now time.Time, jsonOut bool) error {
	if jsonOut {
		for _, l := range lines {
			if err := a.printJSON(l); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lines) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(a.streams.Out, 0, 0, 2, ' ', 0) // keeps the first error, Flush returns it
	fmt.Fprintln(w, "FILE\tTASK\tAGE\tEXPIRES\tDEVICES\tSTATEMENT\tREASON")
	for _, l := range lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", path.Base(l.File), l.Task, age(now.Sub(l.Since)), l.expiry(now), l.who(),
			strings.Join(l.Path, " "), l.Reason)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// expiry says when an override expires, seen from now.
func (l overrideLine) expiry(now time.Time) string {
	if l.Expired {
		return "EXPIRED " + age(now.Sub(l.Expires)) + " ago"
	}
	return "in " + age(l.Expires.Sub(now))
}

// who lists the devices, with the state on each if it was asked for.
func (l overrideLine) who() string {
	out := slices.Clone(l.Devices)
	for i, d := range out {
		if s := l.State[d]; s != "" {
			out[i] += "=" + s
		}
	}
	return strings.Join(out, ",")
}

// age writes a duration in its largest whole unit: 12d, 3h, 5m.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d/(24*time.Hour)))
	case d >= time.Hour:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	}
	return fmt.Sprintf("%dm", int(d/time.Minute))
}

func newOverrideDrop(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "drop FILE|TASK",
		Short: "remove an override from the inventory; no router is touched",
		Long: `Remove the file of an override, or all that name a task. No router is touched: what is inactive there stays inactive, held
in every diff, until somebody runs "rhapsode activate" (which removes the override by itself).`,
		Example: `  rhapsode override drop T123456-ams-ping-offload.yaml
  rhapsode override drop T123456`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOverride,
		RunE:              func(_ *cobra.Command, args []string) error { return a.overrideDrop(args[0], jsonOut) },
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a file")
	return cmd
}

func (a *app) overrideDrop(name string, jsonOut bool) error {
	net, err := a.network()
	if err != nil {
		return err
	}
	var hit []*inventory.Override
	var tasks []string
	for _, o := range net.Overrides {
		if o.File == filepath.ToSlash(name) || path.Base(o.File) == name || strings.EqualFold(o.Task, name) {
			hit = append(hit, o)
		}
		if !slices.Contains(tasks, o.Task) {
			tasks = append(tasks, o.Task)
		}
	}
	if len(hit) == 0 {
		hint := "there are none"
		if len(tasks) > 0 {
			hint = "there are those of " + strings.Join(tasks, ", ") + "; see `rhapsode override list`"
		}
		return cli.Hint(cli.Usagef("no override %q, neither a file nor a task", name), hint)
	}
	dropped := map[string]bool{}
	for _, o := range hit {
		if !dropped[o.File] {
			dropped[o.File] = true
			if err := os.Remove(filepath.Join(net.Dir, filepath.FromSlash(o.File))); err != nil {
				return fmt.Errorf("drop override: %w", err)
			}
			if err := a.printDropped(o, jsonOut); err != nil {
				return err
			}
		}
		a.streams.Notef("where %s is inactive, it stays so until: rhapsode activate '%s' '%s' -m %q",
			strings.Join(o.Path, " "), o.Query, strings.Join(o.Path, " "), o.Task+" …")
	}
	return nil
}

func (a *app) printDropped(o *inventory.Override, jsonOut bool) error {
	if jsonOut {
		return a.printJSON(map[string]any{"file": o.File, "task": o.Task, "devices": o.Query})
	}
	a.streams.Printf("%s\n", o.File)
	return nil
}

// completeOverride completes the files and tasks of overrides.
func (a *app) completeOverride(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	net, err := a.loadNetwork()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, o := range net.Overrides {
		for _, c := range []cobra.Completion{cobra.CompletionWithDesc(path.Base(o.File), o.Reason), cobra.CompletionWithDesc(o.Task, o.Reason)} {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// errNothingHeld is for an adoption of what is not there.
var errNothingHeld = errors.New("nothing is inactive on a router and active in the render")
