package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs"
)

// newLab is `rhapsode lab`.
func newLab(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "run a topology of lab routers and hosts on this machine",
		Long: `Run a topology on this machine alone: a network namespace for each node, virtual links, lab routers that speak NETCONF on a
management network. It needs Linux, root and the program labrouter, and no Docker and no image. A topology is a file of
containerlab (NAME.clab.yml, docs/lab.md); pop, the site ams of the example inventory, comes with the program.`,
	}
	cmd.AddCommand(newLabUp(a), newLabExec(a), newLabCapture(a), newLabGraph(a), newLabList(a), newLabDown(a))
	return cmd
}

// labRunner is the runner of the environment: $RHAPSODE_LAB_DIR keeps its state elsewhere, and labrouter may stand beside
// this program.
func (a *app) labRunner() *labs.Runner {
	return &labs.Runner{Dir: a.getenv("RHAPSODE_LAB_DIR"), Path: findProgram}
}

// findProgram finds a program on PATH or, one of ours, beside this one.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil || name != "labrouter" {
		return path, err
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return exec.LookPath(filepath.Join(filepath.Dir(self), name))
}

// labHint adds the next step to the errors of package labs.
func labHint(err error, name string) error {
	switch {
	case errors.Is(err, labs.ErrNotRoot):
		return cli.Hint(err, "run it as root: sudo rhapsode lab …")
	case errors.Is(err, labs.ErrUp):
		return cli.Hint(err, fmt.Sprintf("end it with `rhapsode lab down %s`, or give the file another name", name))
	case errors.Is(err, labs.ErrNotUp):
		return cli.Hint(err, "`rhapsode lab list` shows the labs that are; `rhapsode lab up` starts one")
	}
	return err
}

func newLabUp(a *app) *cobra.Command {
	var plan, verbose, jsonOut bool
	cmd := &cobra.Command{
		Use:   "up {TOPOLOGY | FILE}",
		Short: "start a lab",
		Long: `Start a lab: make its namespaces and links, start its programs, wait until they are ready, and print what can be done with it.
The lab runs on until "rhapsode lab down". Where something fails, or after an interrupt, all that was made is taken back.`,
		Example: `  sudo rhapsode lab up pop
  sudo rhapsode lab up ./mine.clab.yml
  rhapsode lab up pop --plan        # what it would do; needs no root`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeTopology,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, files, err := labs.Open(args[0])
			if err != nil {
				return err
			}
			r := a.labRunner()
			if plan {
				return a.printLabPlan(t, r, jsonOut)
			}
			r.Progress = func(s labs.Step) {
				switch {
				case verbose:
					a.streams.Notef("%s", s)
				case a.quiet:
				case s.Verb == labs.StartProcess: // those that take time
					a.streams.Notef("%s: starting %s", s.Node, s.Args[0])
				case s.Verb == labs.AwaitHealth:
					a.streams.Notef("%s: waiting until it is healthy", s.Node)
				}
			}
			begin := time.Now()
			s, err := r.Up(cmd.Context(), t, files)
			if err != nil {
				return labHint(err, t.Name)
			}
			if jsonOut {
				return a.labJSON(s)
			}
			a.printLab(s, time.Since(begin))
			return nil
		},
	}
	cmd.Flags().BoolVar(&plan, "plan", false, "print the steps and take none")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "say each step")
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	return cmd
}

func (a *app) labJSON(v any) error {
	enc := json.NewEncoder(a.streams.Out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (a *app) printLabPlan(t *labs.Topology, r *labs.Runner, jsonOut bool) error {
	steps := r.Plan(t)
	if jsonOut {
		return a.labJSON(steps)
	}
	for _, s := range steps {
		a.streams.Printf("%s\n", s)
	}
	return nil
}

// printLab says what a lab is and what can be done with it.
func (a *app) printLab(s *labs.State, took time.Duration) {
	a.streams.Printf("lab %s is up: %s in %.1f s\n", s.Name, plural(len(s.Nodes), "node"), took.Seconds())
	var routers []labs.NodeState
	first := ""
	for _, n := range s.Nodes {
		switch {
		case n.Kind == labs.LabRouter:
			routers = append(routers, n)
		case n.Kind == labs.Linux && first == "":
			first = n.Name
		}
	}
	if len(routers) > 0 {
		a.streams.Printf("\nIts routers, at the ports 830 (NETCONF) and 22, user %s, password %s:\n", labs.RouterUser, labs.RouterPassword)
		for _, n := range routers {
			a.streams.Printf("  %-24s %s\n", n.Device, n.Mgmt)
		}
		a.streams.Printf("\nFor rhapsode to reach them:\n  export RHAPSODE_SSH_CONFIG=%s RHAPSODE_PASSWORD=%s\n", s.SSHConfig(), labs.RouterPassword)
	}
	if strings.HasPrefix(s.File, "labs/topologies/pop/") {
		a.streams.Printf("\nThe example inventory has their configuration:\n  rhapsode -i inventory/example diff site:ams\n" +
			"  rhapsode -i inventory/example commit site:ams -m 'T100001 first deployment'\n")
	}
	a.streams.Printf("\nIn it:\n")
	if first != "" {
		a.streams.Printf("  rhapsode lab exec %s %s sh\n", s.Name, first)
	}
	a.streams.Printf("  rhapsode lab capture %s NODE:INTERFACE -o FILE\n  rhapsode lab down %s\n", s.Name, s.Name)
}

func newLabExec(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec LAB NODE COMMAND [ARG...]",
		Short: "run a command in a node",
		Long: `Run a command in a node of a lab, in its network namespace, with the node's env and binds and with this terminal, if there is
one. The exit code is the command's. What the command is called with need not stand behind "--".`,
		Example: `  sudo rhapsode lab exec pop lb1 ping -c 1 203.0.113.129
  sudo rhapsode lab exec pop client bash`,
		Args:              cobra.MinimumNArgs(3),
		ValidArgsFunction: a.completeNode,
		RunE: func(_ *cobra.Command, args []string) error {
			return labHint(a.labRunner().Exec(args[0], args[1], args[2:]), args[0])
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows the first argument is the command's
	return cmd
}

func newLabCapture(a *app) *cobra.Command {
	var out string
	var count int
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "capture LAB NODE:INTERFACE",
		Short: "write what passes an interface as a pcap file",
		Long: `Write the packets that pass an interface of a node, both ways, in the pcap format (nanoseconds), until an interrupt, --count
packets or --for a time. Without -o they go to stdout, for tcpdump -r - or wireshark -k -i -.`,
		Example: `  sudo rhapsode lab capture pop cr1:xe-0-1-0 -o transit.pcap
  sudo rhapsode lab capture pop lb1:eth1 --count 10 | tcpdump -nr -`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: a.completeNode,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			node, iface, ok := strings.Cut(args[1], ":")
			switch {
			case !ok:
				return cli.Usagef("%q: expected NODE:INTERFACE, such as cr1:xe-0-1-0", args[1])
			case out == "" && a.streams.OutTerminal:
				return cli.Hint(cli.Usagef("a capture is no text for a terminal"), "write it with -o FILE, or pipe it into `tcpdump -nr -`")
			}
			ctx := cmd.Context()
			if limit > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			var w io.Writer = a.streams.Out
			if out != "" {
				file, createErr := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
				if createErr != nil {
					return fmt.Errorf("write capture: %w", createErr)
				}
				defer func() { err = errors.Join(err, file.Close()) }()
				w = file
			}
			stats, err := a.labRunner().Capture(ctx, args[0], node, iface, w, labs.CaptureOptions{
				Count: count,
				Ready: func() { a.streams.Notef("capturing at %s", args[1]) },
			})
			if err != nil {
				return labHint(err, args[0])
			}
			a.streams.Notef("%s captured, %d dropped", plural(stats.Packets, "packet"), stats.Dropped)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`")
	cmd.Flags().IntVarP(&count, "count", "c", 0, "end after this many packets")
	cmd.Flags().DurationVar(&limit, "for", 0, "end after this time")
	return cmd
}

func newLabGraph(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "graph {TOPOLOGY | FILE}",
		Short: "draw a topology",
		Long:  "Draw a topology as text, for Mermaid (Markdown viewers draw it) or for Graphviz (dot). It needs neither root nor a lab that is up.",
		Example: `  rhapsode lab graph pop
  rhapsode lab graph pop --format dot | dot -Tsvg > pop.svg`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeTopology,
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains(labs.GraphFormats(), labs.GraphFormat(format)) {
				return cli.Usagef("--format %q: expected text, mermaid or dot", format)
			}
			t, _, err := labs.Open(args[0])
			if err != nil {
				return err
			}
			text, err := labs.Graph(t, labs.GraphFormat(format))
			if err != nil {
				return err
			}
			a.streams.Printf("%s", text)
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", string(labs.Text), "text, mermaid or dot")
	completeValues(cmd, "format", string(labs.Text), string(labs.Mermaid), string(labs.DOT))
	return cmd
}

func newLabList(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list the labs of this machine",
		Long: `List the labs of this machine. A lab is up, busy (being started or ended), or broken: not all of it came up, or a process of it
has ended. The log of a node's process is in its directory below that of the lab.`,
		Example: "  sudo rhapsode lab list",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list, err := a.labRunner().List()
			if err != nil {
				return labHint(err, "")
			}
			if jsonOut {
				return a.labJSON(list)
			}
			if len(list) == 0 {
				a.streams.Notef("no lab is up")
				return nil
			}
			a.streams.Printf("%-12s  %-6s  %5s  %9s  %-20s  %s\n", "NAME", "STATE", "NODES", "PROCESSES", "SINCE", "FILE")
			for _, l := range list {
				since := "-"
				if !l.Began.IsZero() {
					since = l.Began.Format(time.RFC3339)
				}
				a.streams.Printf("%-12s  %-6s  %5d  %9s  %-20s  %s\n", l.Name, l.State, l.Nodes, fmt.Sprintf("%d of %d", l.Running, l.Processes), since, l.File)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	return cmd
}

func newLabDown(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "down LAB",
		Short: "end a lab",
		Long: `End a lab, or what is left of one that did not come up: its processes, interfaces, namespaces and files. It works from what was
recorded before each step, so nothing stays, whatever ended "up" in the middle.`,
		Example:           "  sudo rhapsode lab down pop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeLab,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.labRunner().Down(cmd.Context(), args[0]); err != nil {
				return labHint(err, args[0])
			}
			a.streams.Notef("lab %s is down", args[0])
			return nil
		},
	}
	return cmd
}

// completeTopology completes the topologies that come with the program, and files.
func completeTopology(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return labs.Shipped(), cobra.ShellCompDirectiveDefault
}

// completeLab completes the labs that are up.
func (a *app) completeLab(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, err := a.labRunner().List()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, l := range list {
		out = append(out, l.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeNode completes a lab and then a node of it; then come programs and files.
func (a *app) completeNode(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return a.completeLab(cmd, args, word)
	case 1:
	default:
		return nil, cobra.ShellCompDirectiveDefault
	}
	s, err := a.labRunner().Load(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []cobra.Completion
	for _, n := range s.Nodes {
		if cmd.Name() == "capture" {
			out = append(out, n.Name+":")
			continue
		}
		out = append(out, cobra.CompletionWithDesc(n.Name, string(n.Kind)))
	}
	if cmd.Name() == "capture" {
		return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
