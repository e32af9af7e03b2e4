// Command labrouter runs lab routers: programs that a client takes for the management plane of Junos routers, with
// NETCONF and a small CLI over SSH. It needs no privileges. It is not a router: nothing is forwarded. See
// `labrouter --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
)

// version is set by the linker (see Makefile).
var version = "devel"

const rootHelp = `Lab routers: the management plane of Junos routers, as a program, over SSH.

The configuration database (candidate, exclusive lock, commit confirmed, 50 rollbacks) is kept in the state directory and
survives a kill at any moment; without one it ends with the process. NETCONF is there as a subsystem on every port, the
CLI as a shell. The password is taken from LABROUTER_PASSWORD when --password is not given.

Exit codes:
  0    stopped by SIGTERM or an interrupt
  1    failed
  2    wrong usage
  Treat any other code as a failure.`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, cli.System(), os.Getenv, os.Args[1:])
	stop()
	os.Exit(int(code))
}

// run is main without the process. The end of ctx is how a router is stopped, so it is no error.
func run(ctx context.Context, streams *cli.Streams, getenv func(string) string, args []string) cli.Code {
	root := &cobra.Command{
		Use:           "labrouter",
		Short:         "lab routers that speak Junos",
		Long:          rootHelp,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Hint(cli.WithCode(cli.Usage, err), "see `"+cmd.CommandPath()+" --help`")
	})
	root.AddCommand(newServe(streams, getenv), newFleet(streams, getenv), newControl(streams))
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	err := root.ExecuteContext(ctx)
	streams.Report(err)
	return cli.CodeOf(err)
}
