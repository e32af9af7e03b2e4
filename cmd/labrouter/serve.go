package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
	"rhapsode/labs/router/forward"
)

// member is one router and where it listens.
type member struct {
	options   router.Options
	addresses []string
}

// common are the flags that both commands have.
type common struct {
	user, password, authorizedKeys, state, knownHosts, control string
	confirmUnit                                                time.Duration
	base11, rfcCompliant, verbose                              bool
	routingEngines, virtualChassis                             int
}

func (c *common) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.user, "user", "", "account that may log in (required)")
	f.StringVar(&c.password, "password", "", "its password (default $LABROUTER_PASSWORD, which the process list does not show)")
	f.StringVar(&c.authorizedKeys, "authorized-keys", "", "`FILE` with its keys, in OpenSSH's form")
	f.StringVar(&c.state, "state", "", "`DIR` that keeps configurations and host keys (default: none, all is lost at the end)")
	f.StringVar(&c.knownHosts, "known-hosts", "", "write the host keys to `FILE`, in OpenSSH's form, before the ready line")
	f.StringVar(&c.control, "control", "", "unix socket at `PATH` for `labrouter ctl`: faults, sessions, state")
	f.DurationVar(&c.confirmUnit, "confirm-unit", router.DefaultConfirmUnit, "what one minute of a confirm window lasts")
	f.BoolVar(&c.base11, "base11", false, "offer NETCONF base:1.1 (chunked framing)")
	f.BoolVar(&c.rfcCompliant, "rfc-compliant", false, "NETCONF replies keep strictly to RFC 6241: prefixed elements, warnings or <ok/>")
	f.IntVar(&c.routingEngines, "routing-engines", 1, "1 or 2; with two, a commit reaches both only when it is synchronized")
	f.IntVar(&c.virtualChassis, "virtual-chassis", 0, "`MEMBERS` of a virtual chassis; 0: it is none")
	f.BoolVarP(&c.verbose, "verbose", "v", false, "log commits and logins to stderr")
}

// options are the router options that the flags give.
func (c *common) options(streams *cli.Streams, getenv func(string) string) (router.Options, error) {
	o := router.Options{
		User: c.user, Password: c.password, ConfirmUnit: c.confirmUnit, Base11: c.base11, RFCCompliant: c.rfcCompliant,
		RoutingEngines: c.routingEngines, VirtualChassis: c.virtualChassis,
	}
	if o.Password == "" {
		o.Password = getenv("LABROUTER_PASSWORD")
	}
	switch {
	case o.User == "":
		return o, cli.Usagef("--user is required")
	case o.Password == "" && c.authorizedKeys == "":
		return o, cli.Usagef("one of --password, LABROUTER_PASSWORD and --authorized-keys is required")
	case o.ConfirmUnit <= 0:
		return o, cli.Usagef("--confirm-unit %s: expected more than nothing", o.ConfirmUnit)
	}
	level := slog.LevelWarn
	if c.verbose {
		level = slog.LevelInfo
	}
	o.Log = slog.New(slog.NewTextHandler(streams.Err, &slog.HandlerOptions{Level: level}))
	var err error
	if c.authorizedKeys != "" {
		o.AuthorizedKeys, err = router.ReadAuthorizedKeys(c.authorizedKeys)
	}
	return o, err
}

func newServe(streams *cli.Streams, getenv func(string) string) *cobra.Command {
	var c common
	var hostname, listen, ssh, config string
	var forwarding bool
	var devices map[string]string
	var management []string
	cmd := &cobra.Command{
		Use:   "serve --hostname NAME --listen HOST:PORT --ssh HOST:PORT --user USER",
		Short: "run one router",
		Long: `Run one router until SIGTERM. It prints a line "ready" when both ports are open. The configuration in --config is
used when the state directory holds none yet.

With --forward it is a router: what is committed takes effect in the network namespace that it runs in, all of it or none.
That needs Linux and root. An interface is the device whose name is the same with - where Junos has / or : (ge-0/0/0 is
ge-0-0-0), unless --interface names another; a unit with a VLAN is a device of its own (ge-0-0-0.10). docs/labrouter.md says
what it forwards by. What is in force stays when it stops.

Exit codes: 0 stopped, 1 failed, 2 wrong usage.`,
		Example: `  LABROUTER_PASSWORD=lab labrouter serve --hostname cr1.ams --listen 127.0.0.1:8301 --ssh 127.0.0.1:2201 \
      --user lab --config cr1.ams.conf --state /tmp/cr1.ams
  ip netns exec r1 labrouter serve --hostname r1 --listen 192.0.2.1:830 --user lab --authorized-keys lab.pub \
      --forward --interface ge-0/0/0=eth1
  ssh -p 2201 lab@127.0.0.1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if hostname == "" || listen == "" {
				return cli.Usagef("--hostname and --listen are required")
			}
			o, err := c.options(streams, getenv)
			if err != nil {
				return err
			}
			o.Hostname, o.StateDir, o.ConfigName = hostname, c.state, config
			if config != "" {
				text, err := os.ReadFile(config)
				if err != nil {
					return fmt.Errorf("read configuration: %w", err)
				}
				o.Config = string(text)
			}
			addresses := []string{listen}
			if ssh != "" {
				addresses = append(addresses, ssh)
			}
			if forwarding {
				plane, openErr := forward.OpenPlane(forward.PlaneOptions{Interfaces: devices, Management: management})
				if openErr != nil {
					return openErr
				}
				defer func() { err = errors.Join(err, plane.Close()) }()
				o.Plane = plane
			} else if len(devices) > 0 {
				return cli.Usagef("--interface is for --forward")
			}
			return runRouters(cmd.Context(), streams, []member{{o, addresses}}, &c, "ready")
		},
	}
	f := cmd.Flags()
	f.StringVar(&hostname, "hostname", "", "`NAME` of the router (required)")
	f.StringVar(&listen, "listen", "", "`HOST:PORT` for NETCONF (required)")
	f.StringVar(&ssh, "ssh", "", "`HOST:PORT` for the CLI; both ports serve both")
	f.StringVar(&config, "config", "", "`FILE` with its first configuration")
	f.BoolVar(&forwarding, "forward", false, "forward packets in this network namespace as the configuration says")
	f.StringToStringVar(&devices, "interface", nil, "the device of an interface or a unit, `NAME=DEVICE`, for --forward; may be repeated")
	f.StringSliceVar(&management, "management", []string{"eth0"}, "`DEVICE` for management alone, with --forward: filters of lo0 do not see it, nothing is forwarded there")
	c.register(cmd)
	return cmd
}

func newFleet(streams *cli.Streams, getenv func(string) string) *cobra.Command {
	var c common
	var listen, dir string
	count := 0
	cmd := &cobra.Command{
		Use:   "fleet --count N --listen HOST:BASE --config-dir DIR --user USER",
		Short: "run many routers in one process",
		Long: `Run N routers until SIGTERM, router i on port BASE+i (from 0). Their names and first configurations are the *.conf files of
--config-dir in sorted order; if there are fewer, the rest is called router-NN and is empty. It prints a line "ready N" when
all ports are open. Each router has a directory of its own below --state.

Exit codes: 0 stopped, 1 failed, 2 wrong usage.`,
		Example: `  LABROUTER_PASSWORD=lab labrouter fleet --count 500 --listen 127.0.0.1:20000 --config-dir output --user lab`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := c.options(streams, getenv)
			if err != nil {
				return err
			}
			members, err := fleet(o, count, listen, dir, c.state)
			if err != nil {
				return err
			}
			return runRouters(cmd.Context(), streams, members, &c, "ready "+strconv.Itoa(count))
		},
	}
	f := cmd.Flags()
	f.IntVar(&count, "count", 0, "how many routers (required)")
	f.StringVar(&listen, "listen", "", "`HOST:BASE` of the first router; 0 takes any free ports (required)")
	f.StringVar(&dir, "config-dir", "", "`DIR` of their first configurations")
	c.register(cmd)
	return cmd
}

// fleet makes count members of the options that all share.
func fleet(o router.Options, count int, listen, dir, state string) ([]member, error) {
	host, port, err := net.SplitHostPort(listen)
	base, atoiErr := strconv.Atoi(port)
	if err != nil || atoiErr != nil {
		return nil, cli.Usagef("--listen %q: expected HOST:PORT", listen)
	}
	if count < 1 || base < 0 || base+count > 65536 {
		return nil, cli.Usagef("--count %d: expected 1 or more, and ports up to 65535", count)
	}
	var files []string
	if dir != "" {
		if files, err = filepath.Glob(filepath.Join(dir, "*.conf")); err != nil {
			return nil, fmt.Errorf("list configurations: %w", err)
		}
	}
	members := make([]member, count)
	for i := range members {
		own := o
		own.Hostname = fmt.Sprintf("router-%02d", i)
		if i < len(files) {
			text, err := os.ReadFile(files[i])
			if err != nil {
				return nil, fmt.Errorf("read configuration: %w", err)
			}
			own.Hostname, own.Config, own.ConfigName = strings.TrimSuffix(filepath.Base(files[i]), ".conf"), string(text), files[i]
		}
		if state != "" {
			own.StateDir = filepath.Join(state, own.Hostname)
		}
		at := "0"
		if base > 0 {
			at = strconv.Itoa(base + i)
		}
		members[i] = member{own, []string{net.JoinHostPort(host, at)}}
	}
	return members, nil
}

// runRouters opens all members, says so on stdout, and serves until ctx ends or one breaks. It leaves nothing open.
func runRouters(ctx context.Context, streams *cli.Streams, members []member, c *common, ready string) (err error) {
	var routers []*router.Router
	failed := make(chan error, 1)
	var control net.Listener
	if c.control != "" {
		if control, err = listenControl(c.control); err != nil {
			return fmt.Errorf("open control socket: %w", err)
		}
		defer func() { err = errors.Join(err, closeControl(c.control, control)) }()
	}
	var keys strings.Builder
	for _, m := range members {
		r, err := router.New(m.options)
		if err != nil {
			return err
		}
		defer func() {
			if closeErr := r.Close(); closeErr != nil {
				err = errors.Join(err, fmt.Errorf("close %s: %w", m.options.Hostname, closeErr))
			}
		}()
		routers = append(routers, r)
		for _, address := range m.addresses {
			ln, err := router.Listen(address)
			if err != nil {
				return fmt.Errorf("start %s: %w", m.options.Hostname, err)
			}
			keys.WriteString(r.KnownHost(ln.Addr()) + "\n")
			go func() {
				if err := r.Serve(ln); err != nil {
					select {
					case failed <- err:
					default: // the first one ends the process
					}
				}
			}()
		}
	}
	if c.knownHosts != "" {
		if err := os.WriteFile(c.knownHosts, []byte(keys.String()), 0o600); err != nil {
			return fmt.Errorf("write host keys: %w", err)
		}
	}
	if control != nil {
		defer serveControl(control, routers, failed)()
	}
	streams.Printf("%s\n", ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
