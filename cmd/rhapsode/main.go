// Command rhapsode renders Junos configuration from an inventory, shows the change as the router's own
// `show | compare` would, and commits it with a task comment. See `rhapsode --help`.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"rhapsode/cmd/internal/cli"
)

// version is set by the linker (see Makefile).
var version = "devel"

func main() {
	os.Exit(int(run(cli.System(), os.Getenv, os.Args[1:])))
}

// run is main without the process: it executes one command line and maps its one error to an exit code. The first
// interrupt cancels the command, which cleans up and says how far it came; the second leaves at once.
func run(streams *cli.Streams, getenv func(string) string, args []string) cli.Code {
	return (&app{streams: streams, getenv: getenv}).run(args)
}

// run is the function run.
func (a *app) run(args []string) cli.Code {
	streams := a.streams
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		<-signals
		streams.Notef("interrupted: stopping safely; a second interrupt leaves at once (open confirm windows then roll back by themselves)")
		a.interrupted.Store(true)
		cancel()
		<-signals
		streams.Leave()
		if view := a.view.Load(); view != nil {
			for _, line := range view.leaving() {
				streams.Notef("%s", line)
			}
		}
		os.Exit(int(cli.Interrupted))
	}()

	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	err := root.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = cli.WithCode(cli.Interrupted, err)
	}
	streams.Redact = a.redactorOnce().Text
	streams.Report(err)
	return cli.CodeOf(err)
}
