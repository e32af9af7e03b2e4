package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
)

const ctlHelp = `Ask the routers of a process that was started with --control PATH, and let things go wrong in them.

COMMAND is one of (labrouter ctl PATH COMMAND --help says more):
  arm           let a request go wrong: late, cut off, half answered, refused, or the router or its disk with it
  wait          wait until an armed fault has struck
  list, clear, release
                the armed faults; disarm them; let those go on whom they hold
  state         what runs on the router: BGP sessions, routes, alarms, links, counters
  status        lock, uncommitted edits, confirm window, history, fingerprint of each router
  sessions      who is logged in, and what they hold
  restart       a power cut: down for a time, back from disk on the same ports
  kill          end the whole process as kill -9 does
  drop          cut connections
  new-host-key  change the SSH host key
  backup        take the second routing engine away, or give it back
  send          send lines of JSON as they are (the protocol is in docs/labrouter.md)

In a fleet, --router NAME chooses a router (* for all).

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.`

const ctlExamples = `  # the answer to the next commit that is not a check is lost; then see what became of it
  labrouter ctl /tmp/cr1.sock arm --op commit-configuration --without check --phase reply drop
  labrouter ctl /tmp/cr1.sock wait 1 && labrouter ctl /tmp/cr1.sock status
  # the router dies between "commit confirmed" and its confirmation
  labrouter ctl /tmp/cr1.sock arm --op commit-configuration --without confirmed --without check restart 2s
  # the disk is full at the next commit; a lock is refused once
  labrouter ctl /tmp/cr1.sock arm --op commit-configuration disk-full
  labrouter ctl /tmp/cr1.sock arm --op lock-configuration error "configuration database locked"
  # one of a fleet takes 20 s to accept a connection, always; another refuses them
  labrouter ctl /tmp/fleet.sock --router router-07 arm --always slow-accept 20s
  labrouter ctl /tmp/fleet.sock --router router-08 arm --always refuse`

// newControl is `labrouter ctl PATH COMMAND`. The commands are a tree of their own, since PATH stands before them.
func newControl(streams *cli.Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ctl PATH [--router NAME] [--json] COMMAND [ARGUMENT…]",
		Short:   "ask a running process, and let things go wrong in it",
		Long:    ctlHelp,
		Example: ctlExamples,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			x := &ctl{streams: streams, path: args[0]}
			tree := x.commands()
			tree.SetArgs(args[1:])
			tree.SetIn(streams.In)
			tree.SetOut(streams.Out)
			tree.SetErr(streams.Err)
			return tree.ExecuteContext(cmd.Context())
		},
	}
	cmd.SetFlagErrorFunc(usageError)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return cli.Hint(cli.Usagef("a socket and a command are needed"), "see `labrouter ctl --help`")
		}
		return nil
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func usageError(cmd *cobra.Command, err error) error {
	return cli.Hint(cli.WithCode(cli.Usage, err), "see `"+cmd.CommandPath()+" --help`")
}

// ctl is one call of `labrouter ctl`.
type ctl struct {
	streams *cli.Streams
	path    string
	router  string
	json    bool
}

func (x *ctl) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "labrouter ctl " + x.path, Long: ctlHelp, Example: ctlExamples, SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return cli.Hint(cli.Usagef("unknown command %q", args[0]), "see `labrouter ctl --help`")
			}
			return cli.Hint(cli.Usagef("a command is needed"), "see `labrouter ctl --help`")
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(usageError)
	root.PersistentFlags().StringVar(&x.router, "router", "", "`NAME` of a router of a fleet; * is all")
	root.PersistentFlags().BoolVar(&x.json, "json", false, "print the answer as JSON")
	root.AddCommand(x.arm(), x.wait(), x.restart(), x.drop(), x.backup(), x.send(), x.state(),
		x.plain("status", "lock, edits, confirm window, history and fingerprint of each router"),
		x.plain("sessions", "who is logged in, and what they hold"),
		x.plain("list", "the armed faults, and how often each struck"),
		x.plain("kill", "end the whole process as kill -9 does"),
		x.plain("new-host-key", "change the SSH host key"),
		x.numbered("clear", "disarm a fault, or all of them; whom it holds goes on"),
		x.numbered("release", "let those go on whom a fault holds, or all of them"))
	return root
}

// ask sends a request and shows the answer.
func (x *ctl) ask(ctx context.Context, q router.ControlRequest) error {
	q.V, q.Router = router.ControlVersion, x.router
	line, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	a, raw, err := x.exchange(ctx, line)
	switch {
	case err != nil && q.Do == "kill" && errors.Is(err, errHungUp):
		return nil // as it should be
	case err != nil:
		return err
	case !a.OK:
		return errors.New(a.Error)
	case x.json:
		x.streams.Printf("%s", raw)
	default:
		x.show(a)
	}
	return nil
}

// errHungUp means that the process went away before it answered.
var errHungUp = errors.New("the process hung up without an answer")

func (x *ctl) exchange(ctx context.Context, line []byte) (router.ControlAnswer, string, error) {
	var a router.ControlAnswer
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", x.path)
	if err != nil {
		return a, "", cli.Hint(fmt.Errorf("ask router: %w", err), "was it started with --control "+x.path+", and does it run?")
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // an interrupt ends a wait
	defer func() {
		stop()
		_ = conn.Close() // all was read
	}()
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return a, "", fmt.Errorf("ask router: %w", err)
	}
	raw, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return a, "", fmt.Errorf("%w (%w)", errHungUp, err)
	}
	if err := json.Unmarshal([]byte(raw), &a); err != nil {
		return a, "", fmt.Errorf("read answer: %w", err)
	}
	return a, raw, nil
}

func (x *ctl) show(a router.ControlAnswer) {
	w := tabwriter.NewWriter(x.streams.Out, 0, 8, 2, ' ', 0)
	line := func(columns ...any) {
		words := make([]string, len(columns))
		for i, c := range columns {
			words[i] = fmt.Sprint(c)
		}
		_, _ = fmt.Fprintln(w, strings.TrimRight(strings.Join(words, "\t"), "\t")) // the terminal is gone when it fails
	}
	if len(a.Faults) > 0 {
		line("ROUTER", "ID", "SEEN", "HITS", "HELD", "FAULT")
	}
	for _, f := range a.Faults {
		line(f.Router, f.ID, f.Seen, f.Hits, f.Held, describe(f.Fault))
	}
	if len(a.Routers) > 0 {
		line("ROUTER", "LOCK", "EDITED BY", "WINDOW", "COMMITS", "LAST BY", "SESSIONS", "FINGERPRINT")
	}
	for _, r := range a.Routers {
		window := "-"
		if r.Window != nil {
			window = "until " + r.Window.Deadline.UTC().Format(time.TimeOnly)
		}
		line(r.Router, who(r.Holder), who(r.Editor), window, r.History, r.LastUser, r.Sessions, r.Fingerprint[:min(19, len(r.Fingerprint))])
	}
	if len(a.Sessions) > 0 {
		line("ROUTER", "ID", "USER", "CLIENT", "TTY", "SINCE", "MODE")
	}
	for _, s := range a.Sessions {
		line(s.Router, s.ID, s.User, s.Client, s.TTY, s.Since.Format(time.TimeOnly), s.Mode)
	}
	for name, s := range a.State {
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			continue // it came as JSON
		}
		if len(a.State) > 1 {
			line(name)
		}
		line(string(text))
	}
	if a.Count > 0 {
		line(strconv.Itoa(a.Count))
	}
	_ = w.Flush() // as above
}

func who(s *router.SessionStatus) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%s (%d)", s.User, s.ID)
}

// describe is a fault in words.
func describe(f router.Injection) string {
	words := []string{f.Phase}
	add := func(prefix, value string) {
		if value != "" {
			words = append(words, prefix+value)
		}
	}
	add("of ", f.Operation)
	add("of command ", f.Command)
	add("with ", strings.Join(f.With, ", "))
	add("without ", strings.Join(f.Without, ", "))
	add("step ", f.Step)
	if f.Nth > 1 {
		add("number ", strconv.Itoa(f.Nth))
	}
	switch {
	case f.Times < 0:
		add("", "always")
	case f.Times > 1:
		add("", strconv.Itoa(f.Times)+" times")
	}
	action := f.Action
	if f.Duration != 0 {
		action += " " + time.Duration(f.Duration).String()
	}
	if f.Text != "" {
		action += " " + strconv.Quote(f.Text)
	}
	return strings.Join(words, " ") + ": " + action
}
