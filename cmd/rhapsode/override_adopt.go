package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

type adoptOverrideOptions struct {
	message, until string
	json           bool
}

func newOverrideAdopt(a *app) *cobra.Command {
	var o adoptOverrideOptions
	cmd := &cobra.Command{
		Use:   "adopt QUERY [STATEMENT...] --until WHEN [-m \"TASK why\"]",
		Short: "record as an override what somebody made inactive on the routers",
		Long: `Look on the selected routers, without a lock, for what is inactive there and active in the render: made so by hand, or from
a checkout that left no override. Each is written as an override, with who did it and since when from the router's commit
history. Task and reason are those of -m; without it, those of the commit that made it inactive. No router is changed.`,
		Example: `  rhapsode override adopt site:ams --until 48h -m "T123456 ping1 is being repaired"
  rhapsode override adopt cr1.ams 'firewall family inet filter border-in4 term offload-ping4' --until 4h`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.overrideAdopt(cmd.Context(), args[0], args[1:], o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.message, "message", "m", "", "task and reason (default: those of the commit that made it inactive)")
	f.StringVar(&o.until, "until", "", "when the override expires: a duration (4h) or a `TIME` (2026-03-09, 2026-03-09T14:00:00Z); required")
	f.BoolVar(&o.json, "json", false, "print JSON, one object an override")
	a.fleetFlags(cmd)
	return cmd
}

func (a *app) overrideAdopt(ctx context.Context, query string, statements []string, o adoptOverrideOptions) error {
	now := time.Now()
	if o.until == "" {
		return cli.Hint(cli.Usagef("an override needs an end"), "say when somebody has to decide again: --until 4h, --until 2026-03-09")
	}
	expires, err := parseUntil(o.until, now)
	if err != nil {
		return err
	}
	var only [][]string
	for _, s := range statements {
		words, err := splitStatement(s)
		if err != nil {
			return err
		}
		only = append(only, words)
	}
	net, list, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	held, failed := a.heldOn(ctx, net, list)
	adopted, err := adoptable(list, held, only, o.message)
	if err != nil {
		return errors.Join(err, failed)
	}
	news := newOverrides(adopted, now, expires)
	for _, n := range news { // nothing is written unless all can be
		if err := n.Check(); err != nil {
			return cli.WithCode(cli.Usage, err)
		}
		if err := inventory.CheckOverride(net.Dir, n); err != nil {
			return err
		}
	}
	for _, n := range news {
		file, err := inventory.WriteOverride(net.Dir, n)
		if err != nil {
			return err
		}
		if err := a.printAdopted(net.Dir, file, n, o.json); err != nil {
			return err
		}
	}
	return failed
}

// heldOn reads from each router what is held there, and who did it. The error names the routers that could not be read.
func (a *app) heldOn(ctx context.Context, net *inventory.Network, list []*inventory.Device) ([][]diffs.Held, error) {
	rendered, err := renderAll(net, list, templates.StandIn)
	if err != nil {
		return make([][]diffs.Held, len(list)), err
	}
	trees := map[*inventory.Device]*junos.Tree{}
	for i, d := range list {
		trees[d] = rendered[i].Tree
	}
	type answer struct {
		held []diffs.Held
		err  error
	}
	answers := devices.Each(ctx, a.parallel, list, func(ctx context.Context, d *inventory.Device) (ans answer) {
		dev, err := a.connect(ctx, d)
		if err != nil {
			return answer{err: err}
		}
		defer func() { ans.err = errors.Join(ans.err, dev.Close()) }()
		running, err := runningTree(ctx, dev)
		if err != nil {
			return answer{err: err}
		}
		ans.held, ans.err = devices.ExplainHeld(ctx, dev, diffs.Hold(trees[d].Clone(), running, nil))
		return ans
	})
	held := make([][]diffs.Held, len(list))
	var errs []error
	for i, ans := range answers {
		held[i] = ans.held
		if ans.err != nil {
			errs = append(errs, ans.err)
		}
	}
	return held, someFailed(errs, len(list))
}

// adoption is one held statement of one device, with the task and the reason that the override will have.
type adoption struct {
	device       *inventory.Device
	held         diffs.Held
	task, reason string
}

// adoptable picks what is to be adopted: all that is held, or the named statements of it. A statement that is held
// nowhere is an error.
func adoptable(list []*inventory.Device, held [][]diffs.Held, only [][]string, message string) ([]adoption, error) {
	var out []adoption
	found := make([]bool, len(only))
	for i, d := range list {
		for _, h := range held[i] {
			at := slices.IndexFunc(only, func(p []string) bool { return slices.Equal(p, h.Path) })
			if at < 0 && len(only) > 0 {
				continue
			}
			if at >= 0 {
				found[at] = true
			}
			one := adoption{device: d, held: h}
			var err error
			if one.task, one.reason, err = taskOf(d, h, message); err != nil {
				return nil, err
			}
			out = append(out, one)
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return nil, cli.Hint(fmt.Errorf("%q is held on none of the devices", strings.Join(only[i], " ")),
			"`rhapsode diff` says what is held; what an override renders inactive is not held any more")
	}
	if len(out) == 0 {
		return nil, cli.Hint(errNothingHeld, "`rhapsode diff` says what is held")
	}
	return out, nil
}

// runTail is what devices.Comment puts behind a message: the person and the run.
var runTail = regexp.MustCompile(` \(([^()]*), run [0-9A-Z]{26}\)$`)

// taskWord is the first word of a comment that names a task. In a comment that somebody typed it is taken for one only in
// capitals: "ping1 is down" names none.
var taskWord = regexp.MustCompile(`^[A-Z][A-Z0-9_-]*[0-9]+$|^#[0-9]+$`)

// taskOf gives the task and the reason of an adoption: those of the message if there is one, and who did it.
func taskOf(d *inventory.Device, h diffs.Held, message string) (task, reason string, err error) {
	did := strings.TrimSpace(runTail.ReplaceAllString(h.Comment, ""))
	by := "made inactive"
	who := h.User // the login on the router, which people share
	if m := runTail.FindStringSubmatch(h.Comment); m != nil {
		who = m[1]
	}
	if who != "" {
		by += " by " + who
	}
	if strings.TrimSpace(message) != "" {
		task, reason = splitMessage(message)
		if reason == "" {
			return "", "", cli.Usagef("an override needs a reason behind the task: -m %q", task+" why")
		}
		if did != "" {
			by += ": " + did
		}
	} else {
		task, reason = splitMessage(did)
		if !taskWord.MatchString(task) || reason == "" {
			return "", "", cli.Hint(cli.Usagef("the commit history of %s names no task and reason for %s", d.FQDN, strings.Join(h.Path, " ")),
				`say them: -m "T123456 why"`)
		}
	}
	return task, reason + " (" + strings.ReplaceAll(by, `"`, "'") + ")", nil
}

// newOverrides makes overrides of adoptions: one for the devices of a site that have the same statements for the same
// reason.
func newOverrides(list []adoption, now, expires time.Time) []inventory.NewOverride {
	type perDevice struct {
		device *inventory.Device
		o      inventory.NewOverride
	}
	var each []perDevice
	for _, ad := range list {
		i := slices.IndexFunc(each, func(p perDevice) bool { return p.device == ad.device && p.o.Task == ad.task && p.o.Reason == ad.reason })
		if i < 0 {
			i = len(each)
			each = append(each, perDevice{ad.device, inventory.NewOverride{
				Task: ad.task, Reason: ad.reason, Site: ad.device.Site.Name, Query: ad.device.Name, Since: now, Expires: expires,
			}})
		}
		o := &each[i].o
		o.Paths = append(o.Paths, ad.held.Path)
		if s := ad.held.Since; !s.IsZero() && s.Before(o.Since) {
			o.Since = s
		}
	}
	var out []inventory.NewOverride
	for _, p := range each {
		i := slices.IndexFunc(out, func(o inventory.NewOverride) bool {
			return o.Site == p.o.Site && o.Task == p.o.Task && o.Reason == p.o.Reason && slices.EqualFunc(o.Paths, p.o.Paths, slices.Equal)
		})
		if i < 0 {
			out = append(out, p.o)
			continue
		}
		out[i].Query += ", " + p.o.Query
		if p.o.Since.Before(out[i].Since) {
			out[i].Since = p.o.Since
		}
	}
	nameOverrides(out)
	return out
}

// unsafeInLabel is what a label can't have.
var unsafeInLabel = regexp.MustCompile(`[^a-z0-9]+`)

// nameOverrides gives each override a subject that no other of its task and site has: the last word of the statement if
// there is one statement, with the devices if that is not enough.
func nameOverrides(list []inventory.NewOverride) {
	label := func(s string) string {
		return strings.Trim(unsafeInLabel.ReplaceAllString(strings.ToLower(s), "-"), "-")
	}
	for i := range list {
		list[i].What = "adopted"
		if p := list[i].Paths; len(p) == 1 {
			list[i].What = cmp.Or(label(p[0][len(p[0])-1]), "adopted")
		}
	}
	seen := map[string]int{}
	for i := range list {
		seen[list[i].File()]++
	}
	for i := range list {
		if seen[list[i].File()] > 1 {
			list[i].What = fmt.Sprintf("%s-%s-%d", list[i].What, label(list[i].Query), i+1)
		}
	}
}

func (a *app) printAdopted(dir, file string, n inventory.NewOverride, jsonOut bool) error {
	if jsonOut {
		return a.printJSON(map[string]any{
			"file": file, "task": n.Task, "reason": n.Reason, "devices": n.Query, "paths": n.Paths, "since": n.Since.UTC(), "expires": n.Expires,
		})
	}
	a.streams.Printf("%s\n", filepath.Join(dir, filepath.FromSlash(file)))
	for _, p := range n.Paths {
		a.streams.Notef("%s: %s inactive since %s: %s %s", n.Query, strings.Join(p, " "), n.Since.UTC().Format("2006-01-02 15:04 MST"), n.Task, n.Reason)
	}
	return nil
}
