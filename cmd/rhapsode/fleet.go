package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/inventory"
)

// What the inventory says of changes, in the words of the executor.

// retryBase is the delay before a device is tried a second time.
const retryBase = 500 * time.Millisecond

// retry is how connects and reads are tried again.
func (a *app) retry() devices.Retry { return devices.Retry{Attempts: a.retries + 1, Base: retryBase} }

// checkRules are the rules by which a commit to a device is judged.
func checkRules(d *inventory.Device) (*devices.Rules, error) {
	c := d.Checks
	r := &devices.Rules{
		Settle: c.Settle, Hold: c.Hold, MaxDropPercent: int(c.PrefixDropPercent), MinPrefixes: int(c.MinAcceptedPrefixes),
	}
	for _, skip := range []struct {
		on   bool
		name devices.Builtin
	}{{c.BGPSessions, devices.CheckBGP}, {c.PrefixDropPercent < 100, devices.CheckAccepted}, {c.VIPNextHops, devices.CheckRoutes}, {c.Alarms, devices.CheckAlarms}} {
		if !skip.on {
			r.Skip = append(r.Skip, skip.name)
		}
	}
	r.Areas = d.Site.ServicePrefixes
	seen := map[netip.Addr]bool{}
	for _, v := range d.Site.VIPs {
		if v.Service.Announced() && !seen[v.Addr] {
			seen[v.Addr] = true
			r.Routes = append(r.Routes, netip.PrefixFrom(v.Addr, v.Addr.BitLen()))
		}
	}
	for _, cc := range c.Commands {
		check := devices.DeclaredCheck{
			Name: cc.Name, Command: devices.Op(cc.Command), Timeout: cc.Timeout,
			Match: cc.Match, NoMatch: cc.NoMatch, Unchanged: cc.Unchanged, Ignore: cc.Ignore, Lines: cc.Lines,
		}
		if cc.Count != "" {
			count, err := devices.ParseCount(cc.Count)
			if err != nil {
				return nil, fmt.Errorf("%s: checks.commands.%s: %w", d.FQDN, cc.Name, err)
			}
			check.Count = &count
		}
		r.Checks = append(r.Checks, check)
	}
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("%s: checks: %w", d.FQDN, err)
	}
	return r, nil
}

// ignoreRules are what a device says and that does not matter.
func ignoreRules(d *inventory.Device) []devices.Ignore {
	var out []devices.Ignore
	for _, w := range d.IgnoreWarnings {
		out = append(out, devices.Ignore{Match: w.Match, Reason: w.Reason, Phase: w.Phase, Errors: w.Severity == "error"})
	}
	return out
}

// hooks are who is told of a run. A program gets PATH, HOME and the language of ours, and no secrets.
func (a *app) hooks(ctx context.Context, net *inventory.Network) ([]devices.Hook, error) {
	var out []devices.Hook
	resolve := a.secrets(ctx, net)
	for _, h := range net.Hooks {
		hook := devices.Hook{Name: h.Name, Required: h.Required, Timeout: h.Timeout}
		for _, at := range h.At {
			hook.At = append(hook.At, devices.HookPoint(at))
		}
		if len(h.Command) > 0 {
			env := []string{"PATH=" + a.getenv("PATH")}
			for _, name := range []string{"HOME", "LANG", "TZ"} {
				if v := a.getenv(name); v != "" {
					env = append(env, name+"="+v)
				}
			}
			hook.Caller = &devices.CommandHook{Argv: h.Command, Env: env, Dir: net.Dir}
			out = append(out, hook)
			continue
		}
		web := &devices.Webhook{URL: h.URL}
		if !h.Token.IsZero() {
			token, err := resolve(h.Token)
			if err != nil {
				return nil, fmt.Errorf("hooks.%s: %w", h.Name, err)
			}
			web.Token = devices.Token(token)
		}
		hook.Caller = web
		out = append(out, hook)
	}
	return out, nil
}

// frozen refuses a change of devices within a freeze, and with force says what it was forced through, for the journal.
func (a *app) frozen(list []*inventory.Device, now time.Time, force bool) (forced string, err error) {
	if a.loaded == nil {
		return "", nil
	}
	open := a.loaded.FrozenFor(list, now)
	if len(open) == 0 {
		return "", nil
	}
	var says, names []string
	for _, f := range open {
		says = append(says, freezeText(f, list, now))
		names = append(names, f.Task)
	}
	if !force {
		return "", cli.Hint(
			cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %s", strings.Join(says, "\n"))),
			"wait until then; in an emergency repeat the command with --force-freeze, which the journal and the audit log keep")
	}
	for _, s := range says {
		a.streams.Notef("warning: forced: %s", s)
	}
	return strings.Join(names, ", "), nil
}

// freezeText says of an open window until when it is open, why, and whom of the devices it concerns.
func freezeText(f *inventory.Freeze, list []*inventory.Device, now time.Time) string {
	var who []*inventory.Device
	concerned := map[*inventory.Device]bool{}
	for _, d := range f.Devices {
		concerned[d] = true
	}
	for _, d := range list {
		if concerned[d] {
			who = append(who, d)
		}
	}
	ends, _ := f.Open(now)
	return fmt.Sprintf("frozen until %s by %s %q (%s:%d): %s", ends.Format("2006-01-02 15:04 MST"), f.Task, f.Why, f.File, f.Line, someNames(who))
}

// noteFreezes says which freezes are open for devices that a commit would now be refused for.
func (a *app) noteFreezes(list []*inventory.Device, now time.Time) {
	if a.loaded == nil {
		return
	}
	for _, f := range a.loaded.FrozenFor(list, now) {
		a.streams.Notef("freeze: a commit is refused: %s", freezeText(f, list, now))
	}
}
