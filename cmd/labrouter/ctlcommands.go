package main

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
)

const armHelp = `Arm a fault: the Nth request that matches is struck, once or several times. Its number is printed.

Which request:
  --op NAME         local name of a NETCONF operation (commit-configuration, lock-configuration, …), * for any, or hello
  --command WORDS   first words of a CLI command, also within <command>
  --with, --without a child or attribute of the operation, or a word of the command, that must be there or must not:
                    "commit confirmed" is --with confirmed, a commit check --with check, and the confirmation of a
                    commit neither of them
Without any of these every NETCONF operation matches.

When (--phase):
  request  received, not executed (the default)
  write    while it is executed, before a step of writing the state directory (--step: "revision create|write|rename|sync",
           "index …", "copy …", "sweep"; without a directory "memory write"). The rename of the index is the commit
  reply    executed, nothing of the answer sent
  half     half of the answer sent
  connect  a connection was accepted; knows no operation

What (ACTION):
  delay DURATION        it takes that much longer
  drop                  the TCP connection is cut
  hold                  until release, clear, or the peer goes
  kill                  the process ends as by kill -9
  restart [DURATION]    a power cut: this router is down so long, and comes back from its disk on the same ports
  error TEXT            it is answered with an error
  disk-full             every write fails while it is executed: the commit must fail and change nothing
  refuse                (connect) the connection is closed at once
  slow-accept DURATION  (connect) nothing is said so long

Exit codes: 0 armed, 1 refused or failed, 2 wrong usage.`

func (x *ctl) arm() *cobra.Command {
	var f router.Injection
	always := false
	cmd := &cobra.Command{
		Use: "arm ACTION [DURATION|TEXT]", Short: "let a request go wrong", Long: armHelp, Example: ctlExamples,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return cli.Usagef("an action is needed, with its duration or text")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Action = args[0]
			if len(args) == 2 && f.Action == "error" {
				f.Text = args[1]
			} else if len(args) == 2 {
				if err := f.Duration.UnmarshalText([]byte(args[1])); err != nil {
					return cli.WithCode(cli.Usage, err)
				}
			}
			if always {
				f.Times = -1
			}
			return x.ask(cmd.Context(), router.ControlRequest{Do: "arm", Fault: &f})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Operation, "op", "", "`NAME` of a NETCONF operation")
	flags.StringVar(&f.Command, "command", "", "first `WORDS` of a CLI command")
	flags.StringArrayVar(&f.With, "with", nil, "`NAME` that the request must have")
	flags.StringArrayVar(&f.Without, "without", nil, "`NAME` that the request must not have")
	flags.IntVar(&f.Nth, "nth", 1, "which matching request is struck")
	flags.IntVar(&f.Times, "times", 1, "how many from there on")
	flags.BoolVar(&always, "always", false, "all from there on, until cleared")
	flags.StringVar(&f.Phase, "phase", "", "request, write, reply, half or connect")
	flags.StringVar(&f.Step, "step", "", "the `STEP` of phase write")
	return cmd
}

func (x *ctl) wait() *cobra.Command {
	q := router.ControlRequest{Do: "wait"}
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait ID", Short: "wait until a fault has struck",
		Long:    "Wait until fault ID has struck, and print how often.\n\nExit codes: 0 it has, 1 it has not in time, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/cr1.sock wait 1 --timeout 5s",
		Args:    exactly(1, "the number of a fault is needed"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if q.ID, err = number(args[0]); err != nil {
				return err
			}
			q.Timeout = router.Duration(timeout)
			return x.ask(cmd.Context(), q)
		},
	}
	cmd.Flags().IntVar(&q.Hits, "hits", 1, "how often")
	cmd.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "how long to wait")
	return cmd
}

func (x *ctl) restart() *cobra.Command {
	return &cobra.Command{
		Use: "restart [DURATION]", Short: "a power cut: down so long, back from disk on the same ports",
		Long: "Cut the power: all connections and ports are gone for DURATION (default 0s), then the router opens its database from disk\n" +
			"and listens again. It returns when it does.\n\nExit codes: 0 it is back, 1 failed, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/fleet.sock --router router-07 restart 3s",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			q := router.ControlRequest{Do: "restart"}
			if len(args) == 1 {
				if err := q.Down.UnmarshalText([]byte(args[0])); err != nil {
					return cli.WithCode(cli.Usage, err)
				}
			}
			return x.ask(cmd.Context(), q)
		},
	}
}

func (x *ctl) drop() *cobra.Command {
	return &cobra.Command{
		Use: "drop [SESSION]", Short: "cut all connections, or end one session",
		Long:    "Cut all connections of the router, or end one session by its number (see `sessions`).\n\nExit codes: 0 done, 1 failed, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/cr1.sock drop 4711",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			q := router.ControlRequest{Do: "drop"}
			if len(args) == 1 {
				if q.Session, err = number(args[0]); err != nil {
					return err
				}
			}
			return x.ask(cmd.Context(), q)
		},
	}
}

func (x *ctl) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup present|absent", Short: "take the second routing engine away, or give it back",
		Long: "Take the second routing engine, or the other members of a virtual chassis, away, or give them back.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/cr1.sock backup absent",
		Args:    exactly(1, "present or absent is needed"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "present" && args[0] != "absent" {
				return cli.Usagef("backup %q: expected present or absent", args[0])
			}
			return x.ask(cmd.Context(), router.ControlRequest{Do: "backup", Absent: args[0] == "absent"})
		},
	}
}

// send passes lines of JSON on, from the arguments or from stdin, and prints the answers.
func (x *ctl) send() *cobra.Command {
	return &cobra.Command{
		Use: "send [JSON…]", Short: "send requests as they are",
		Long: "Send each argument, or each line of stdin when there is none, as a request, and print the answers.\n\n" +
			"Exit codes: 0 all were answered with ok, 1 one was not, 2 wrong usage.",
		Example: `  labrouter ctl /tmp/cr1.sock send '{"v":1,"do":"status"}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				lines := bufio.NewScanner(x.streams.In)
				lines.Buffer(nil, 4<<20)
				for lines.Scan() {
					args = append(args, lines.Text())
				}
				if err := lines.Err(); err != nil {
					return fmt.Errorf("read requests: %w", err)
				}
			}
			refused := 0
			for _, line := range args {
				if strings.TrimSpace(line) == "" {
					continue
				}
				a, raw, err := x.exchange(cmd.Context(), []byte(strings.ReplaceAll(line, "\n", " ")))
				if err != nil {
					return err
				}
				x.streams.Printf("%s", raw)
				if !a.OK {
					refused++
				}
			}
			if refused > 0 {
				return errors.New("the router refused " + strconv.Itoa(refused) + " of the requests")
			}
			return nil
		},
	}
}

// plain is a command without arguments that is called what it asks for.
func (x *ctl) plain(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: exactly(0, "no arguments are expected"),
		Long:    strings.ToUpper(short[:1]) + short[1:] + ".\n\nExit codes: 0 done, 1 failed, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/cr1.sock " + name,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return x.ask(cmd.Context(), router.ControlRequest{Do: name})
		},
	}
}

// numbered is a command that takes the number of a fault or concerns all of them.
func (x *ctl) numbered(name, short string) *cobra.Command {
	return &cobra.Command{
		Use: name + " [ID]", Short: short, Args: cobra.MaximumNArgs(1),
		Long:    strings.ToUpper(short[:1]) + short[1:] + ".\n\nExit codes: 0 done, 1 failed, 2 wrong usage.",
		Example: "  labrouter ctl /tmp/cr1.sock " + name + " 1",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			q := router.ControlRequest{Do: name}
			if len(args) == 1 {
				if q.ID, err = number(args[0]); err != nil {
					return err
				}
			}
			return x.ask(cmd.Context(), q)
		},
	}
}

func exactly(n int, message string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return cli.Hint(cli.Usagef("%s: %s", cmd.Name(), message), "see `"+cmd.CommandPath()+" --help`")
		}
		return nil
	}
}

func number(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		return 0, cli.Usagef("%q: expected a number", word)
	}
	return n, nil
}
