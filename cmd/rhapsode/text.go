package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// newCompare is `rhapsode compare BEFORE AFTER`: the router's show | compare, offline.
func newCompare(a *app) *cobra.Command {
	mode := junos.Override
	var jsonOut bool
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "show what a router's own \"show | compare\" would show for two texts",
		Long: `Compare two Junos configurations, curly or set lines, and print the difference as a router prints it.
AFTER is the whole configuration afterwards, or with --mode what is loaded onto BEFORE. "-" reads standard input.
Nothing is redacted: these are your own files.`,
		Example: `  rhapsode compare running.conf candidate.conf
  ssh cr1 'show configuration' | rhapsode compare - output/cr1.ams.example.net.conf --mode replace
  rhapsode compare running.conf change.set --mode set`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.compare(args[0], args[1], mode, jsonOut) },
	}
	cmd.Flags().Var(modeFlag{&mode}, "mode", "how AFTER is applied to BEFORE: override, replace, merge, update or set")
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	return cmd
}

func (a *app) compare(beforeFile, afterFile string, mode junos.Mode, jsonOut bool) error {
	if beforeFile == "-" && afterFile == "-" {
		return cli.Usagef("only one of BEFORE and AFTER can be standard input")
	}
	beforeText, err := a.readFile(beforeFile)
	if err != nil {
		return err
	}
	afterText, err := a.readFile(afterFile)
	if err != nil {
		return err
	}
	before, err := junos.Parse(beforeFile, beforeText, nil)
	if err != nil {
		return err
	}
	after := before.Clone()
	warnings, err := after.Load(afterFile, afterText, mode)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.streams.Notef("warning: %v", w)
	}
	text := diffs.Compare(before, after).String()
	switch {
	case jsonOut:
		if err := a.printJSON(map[string]any{"version": 1, "diff": text, "edits": diffs.Edits(before, after)}); err != nil {
			return err
		}
	default:
		colour, err := a.colourOn()
		if err != nil {
			return err
		}
		if colour {
			text = diffs.Colorize(text)
		}
		a.streams.Printf("%s", text)
	}
	if text == "" {
		return nil
	}
	return cli.WithCode(cli.Diff, nil)
}

// newFmt is `rhapsode fmt FILE`.
func newFmt(a *app) *cobra.Command {
	var set, write bool
	cmd := &cobra.Command{
		Use:   "fmt FILE",
		Short: "print a Junos configuration in canonical form",
		Long: `Print a configuration, curly or set lines, in the form and order in which a router shows it.
"-" reads standard input. Nothing is redacted: it is your own file.`,
		Example: `  rhapsode fmt candidate.conf
  rhapsode fmt --set candidate.conf
  rhapsode fmt -w output/*.conf`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, file := range args {
				if err := a.format(file, set, write); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&set, "set", false, "print set lines")
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the result back to the file")
	return cmd
}

func (a *app) format(file string, set, write bool) error {
	text, err := a.readFile(file)
	if err != nil {
		return err
	}
	tree, err := junos.Parse(file, text, nil)
	if err != nil {
		return err
	}
	out := tree.Text()
	if set {
		out = tree.Set()
	}
	if !write {
		a.streams.Printf("%s", out)
		return nil
	}
	if file == "-" {
		return cli.Usagef("--write needs a file, not standard input")
	}
	if out == string(text) {
		return nil
	}
	return writeFile(file, []byte(out))
}

// readFile reads a named file, or standard input for "-".
func (a *app) readFile(name string) ([]byte, error) {
	if name == "-" {
		b, err := io.ReadAll(a.streams.In)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return b, nil
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, cli.Hint(err, "name an existing file, or - for standard input")
	}
	return b, err
}

// modeFlag makes a load mode a flag.
type modeFlag struct{ mode *junos.Mode }

func (f modeFlag) String() string {
	if f.mode == nil {
		return ""
	}
	return f.mode.String()
}
func (f modeFlag) Set(s string) error { return f.mode.UnmarshalText([]byte(s)) }
func (f modeFlag) Type() string       { return "MODE" }
