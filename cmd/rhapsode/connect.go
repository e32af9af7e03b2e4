package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/devices"
	devcli "rhapsode/devices/cli"
	"rhapsode/devices/dial"
	"rhapsode/devices/netconf"
	"rhapsode/inventory"

	"rhapsode/cmd/internal/cli"
)

// defaultRetries is how often what failed for a passing reason is tried again.
const defaultRetries = 2

// defaultLockWait is how long a lock is waited for: long enough for another person's review, which holds it for as long
// as a load, a compare and a commit check take.
const defaultLockWait = 5 * time.Second

// fleetFlags adds the flags of commands that talk to many devices.
func (a *app) fleetFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&a.parallel, "parallel", devices.DefaultParallel, "how many devices are at work at once")
	cmd.Flags().DurationVar(&a.lockWait, "wait-lock", defaultLockWait, "how long to wait for a configuration lock that somebody holds; a colleague's review holds it for a moment")
	cmd.Flags().IntVar(&a.retries, "retries", defaultRetries, "how often a device that does not answer is tried again")
}

// progress is the display of what happens on each device.
func (a *app) progress() *cli.Progress { return cli.NewProgress(a.streams, a.quiet) }

// connect opens a session with a device, over the transport that the inventory says. Where it is and who logs in: ssh_config, else the inventory's management
// address and the local user.
func (a *app) connect(ctx context.Context, d *inventory.Device) (devices.Device, error) {
	dialer, err := a.dialerOnce()
	if err != nil {
		return nil, err
	}
	target := dial.Target{Device: d.FQDN, Host: d.FQDN}
	if d.Management.Address.IsValid() {
		target.Address = d.Management.Address.Addr().String()
	}
	if d.Transport == inventory.CLI {
		dev, err := devcli.Dial(ctx, dialer, target, devcli.Options{Device: d.FQDN})
		if err != nil {
			return nil, err
		}
		return dev, nil
	}
	dev, err := netconf.Dial(ctx, dialer, target, netconf.Options{Device: d.FQDN})
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// dialerOnce makes the dialer from the environment when the first device is dialed.
func (a *app) dialerOnce() (*dial.Dialer, error) {
	a.dialMu.Lock()
	defer a.dialMu.Unlock()
	if a.dialer != nil {
		return a.dialer, nil
	}
	config := a.sshConfig
	if config == "" {
		config = a.getenv("RHAPSODE_SSH_CONFIG")
	}
	d, err := dial.New(dial.Config{
		ConfigFile:  config,
		Home:        a.getenv("HOME"),
		User:        a.user(),
		AgentSocket: a.getenv("SSH_AUTH_SOCK"),
		Password:    a.askPassword,
	})
	a.dialer = d
	return d, err
}

// isUnreachable tells a device that did not answer from one that said no.
func isUnreachable(err error) bool {
	_, unreachable := errors.AsType[*devices.UnreachableError](err)
	return unreachable
}
