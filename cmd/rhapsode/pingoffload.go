package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// offloadTerms are the statements that send echo requests for VIPs to the ping hosts, in both families. Deactivating
// them is the runbook's way to stop the redirect.
func offloadTerms() [][]string {
	var out [][]string
	for _, f := range []struct{ family, suffix string }{{"inet", "4"}, {"inet6", "6"}} {
		for _, filter := range []string{"border-in", "transport-in"} {
			out = append(out, []string{"firewall", "family", f.family, "filter", filter + f.suffix, "term", "offload-ping" + f.suffix})
		}
	}
	return out
}

// newPingOffload is `rhapsode ping-offload`.
func newPingOffload(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ping-offload",
		Short: "show, stop or restart the redirect of pings to the ping hosts",
		Long: `A site's routers send echo requests for VIPs to a ping host, by the term offload-ping4 (offload-ping6) of the
filters border-in4 and transport-in4 (border-in6, transport-in6). Stop it while the ping host is down: the redirect
has no liveness of its own, so pings to the VIPs are lost meanwhile.`,
	}
	cmd.AddCommand(newOffloadStatus(a), newOffloadToggle(a, "deactivate"), newOffloadToggle(a, "activate"))
	return cmd
}

func newOffloadToggle(a *app, verb string) *cobra.Command {
	o := changeOptions{pairs: devices.Together}
	var until string
	cmd := &cobra.Command{
		Use:   verb + " SITE -m \"TASK why\"",
		Short: verb + " the ping offload on all routers of a site",
		Long: strings.ToUpper(verb[:1]) + verb[1:] + ` the offload terms on every router of the site, as one change: each router checks it, each commits it
unconfirmed, and only when all carry it is it confirmed on all; otherwise all roll back.`,
		Example: fmt.Sprintf(`  rhapsode ping-offload %s ams -m "T123456 ping1 reboot"
  rhapsode ping-offload %s ams -m "T123456" --print    # what to paste on the consoles`, verb, verb),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSite,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if verb == "activate" {
				return a.activateOffload(cmd.Context(), args[0], o)
			}
			return a.deactivateOffload(cmd.Context(), args[0], until, o)
		},
	}
	changeFlags(a, cmd, &o)
	planFlags(cmd, &o)
	if verb == "activate" {
		cmd.Long += `

Overrides in the inventory that hold nothing but these terms are removed then; of any other that deactivates them you
are warned.`
		return cmd
	}
	cmd.Flags().StringVar(&until, "until", "", "also write an override into the inventory that expires after a duration (4h), or at a `TIME` (2026-03-09, 2026-03-09T14:00:00Z)")
	cmd.Long += `

The routers remember it by themselves: what is inactive stays so in every commit. With --until the inventory says it too:
an override, with the task and the reason of -m, is written once all routers are committed. When it has expired, "check"
fails and every command warns; nothing is activated without a person.`
	cmd.Example += `
  rhapsode ping-offload deactivate ams -m "T123456 ping1 reboot" --until 4h`
	return cmd
}

// deactivateOffload stops the ping offload of a site, and with until writes down how long.
func (a *app) deactivateOffload(ctx context.Context, name, until string, o changeOptions) error {
	if until != "" && (o.print || o.planOnly.file != "") {
		return cli.Usagef("--until writes what has been committed, and --print and --plan commit nothing: choose one")
	}
	now := time.Now()
	var expires time.Time
	if until != "" {
		var err error
		if expires, err = parseUntil(until, now); err != nil {
			return err
		}
	}
	net, site, err := a.site(name)
	if err != nil {
		return err
	}
	if o.print {
		return a.printOffload(net, site, "deactivate", o)
	}
	var list []inventory.NewOverride
	if until != "" {
		if list, err = offloadOverrides(net, site, o.message, now, expires); err != nil {
			return err
		}
	}
	if err := a.change(ctx, setTargets(site.Devices, "deactivate", presentOffloadTerms), o); err != nil {
		if until != "" && cli.CodeOf(err) == cli.Partial {
			err = cli.WithCode(cli.Partial, errors.Join(err, errNoOverride))
		}
		return err
	}
	return a.writeOverrides(net.Dir, list)
}

// activateOffload restarts the ping offload of a site and removes what in the inventory said otherwise.
func (a *app) activateOffload(ctx context.Context, name string, o changeOptions) error {
	net, site, err := a.site(name)
	if err != nil {
		return err
	}
	if o.print {
		return a.printOffload(net, site, "activate", o)
	}
	if err := a.change(ctx, setTargets(site.Devices, "activate", presentOffloadTerms), o); err != nil {
		return err
	}
	return a.removeOverrides(net.Dir, site.Devices, offloadTerms())
}

// site loads the inventory and finds a site by name.
func (a *app) site(name string) (*inventory.Network, *inventory.Site, error) {
	net, err := a.network()
	if err != nil {
		return nil, nil, err
	}
	var known []string
	for _, s := range net.Sites {
		if strings.EqualFold(s.Name, name) {
			return net, s, nil
		}
		known = append(known, s.Name)
	}
	return nil, nil, cli.Hint(cli.Usagef("unknown site %q", name), "sites are "+strings.Join(known, ", "))
}

// presentOffloadTerms lists the offload terms that a router has.
func presentOffloadTerms(d *inventory.Device, running *junos.Tree) ([][]string, error) {
	var out [][]string
	for _, p := range offloadTerms() {
		if running.Lookup(p...) != nil {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, cli.Hint(fmt.Errorf("%s has no ping offload in its running configuration", d.FQDN),
			fmt.Sprintf("render it first: `rhapsode diff %s`; `ping_offload` of the site switches it on", d.Name))
	}
	return out, nil
}

// printOffload prints the emergency lines for a site. What the routers really have can't be known without a network, so
// the lines are those of the rendered configuration.
func (a *app) printOffload(net *inventory.Network, site *inventory.Site, verb string, o changeOptions) error {
	rendered, err := renderAll(net, site.Devices, templates.StandIn)
	if err != nil {
		return err
	}
	for i, d := range site.Devices {
		paths, err := presentOffloadTerms(d, rendered[i].Tree)
		if err != nil {
			return cli.Hint(fmt.Errorf("site %s has no ping offload in the inventory", site.Name), "see `rhapsode inventory show site:"+site.Name+"`")
		}
		a.printConsole(d, setLines(verb, paths), o)
	}
	return nil
}

// offloadState is the state of one term on one router.
type offloadState struct {
	Device string     `json:"device"`
	Path   []string   `json:"path"`
	State  string     `json:"state"` // active, inactive
	Held   diffs.Held `json:"held,omitzero"`
}

func newOffloadStatus(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "status SITE",
		Short: "say whether the ping offload is active on each router of a site, and who stopped it",
		Long:  "Read the running configuration of the site's routers, without a lock, and show each offload term.",
		Example: `  rhapsode ping-offload status ams
  rhapsode ping-offload status ams --json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeSite,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.offloadStatus(cmd.Context(), args[0], jsonOut)
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON, one object a term")
	a.fleetFlags(cmd)
	return cmd
}

func (a *app) offloadStatus(ctx context.Context, siteName string, jsonOut bool) error {
	_, site, err := a.site(siteName)
	if err != nil {
		return err
	}
	list := site.Devices
	type answer struct {
		states []offloadState
		err    error
	}
	answers := devices.Each(ctx, a.parallel, list, func(ctx context.Context, d *inventory.Device) answer {
		states, err := a.deviceOffload(ctx, d)
		return answer{states, err}
	})
	var errs []error
	for _, ans := range answers {
		if ans.err != nil {
			errs = append(errs, ans.err)
			continue
		}
		for _, s := range ans.states {
			if err := a.printOffloadState(s, jsonOut); err != nil {
				return err
			}
		}
	}
	return someFailed(errs, len(list))
}

// deviceOffload reads the state of the offload terms of one router.
func (a *app) deviceOffload(ctx context.Context, d *inventory.Device) (states []offloadState, err error) {
	dev, err := a.connect(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	running, err := runningTree(ctx, dev)
	if err != nil {
		return nil, err
	}
	paths, err := presentOffloadTerms(d, running)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		s := offloadState{Device: d.FQDN, Path: p, State: "active"}
		if running.Lookup(p...).Inactive {
			s.State = "inactive"
			held, err := devices.ExplainHeld(ctx, dev, []diffs.Held{{Path: p}})
			if err != nil {
				return nil, err
			}
			s.Held = held[0]
		}
		states = append(states, s)
	}
	return states, nil
}

func (a *app) printOffloadState(s offloadState, jsonOut bool) error {
	if jsonOut {
		return json.NewEncoder(a.streams.Out).Encode(s)
	}
	if s.State == "inactive" {
		a.streams.Printf("%s: %v\n", s.Device, s.Held)
		return nil
	}
	a.streams.Printf("%s: %s active\n", s.Device, strings.Join(s.Path, " "))
	return nil
}
