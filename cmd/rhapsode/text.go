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

// compareOptions says how `rhapsode compare` reads and prints.
type compareOptions struct {
	mode          junos.Mode
	schema        schemaFlags
	json, explain bool
}

// newCompare is `rhapsode compare BEFORE AFTER`: the router's show | compare, offline.
func newCompare(a *app) *cobra.Command {
	o := compareOptions{mode: junos.Override}
	cmd := &cobra.Command{
		Use:   "compare BEFORE AFTER",
		Short: "show what a router's own \"show | compare\" would show for two texts",
		Long: `Compare two Junos configurations, each in curly text, set lines, XML or JSON, and print the difference as a router prints it.
AFTER is the whole configuration afterwards, or with --mode what is loaded onto BEFORE. "-" reads standard input.
Statements come in the order of BEFORE, and where that does not tell in the order of the release that BEFORE's version
statement or its header names; --junos asks for another. Nothing is redacted: these are your own files.
docs/compare.md has the rules with an example each, and what is known from real routers.`,
		Example: `  rhapsode compare running.conf candidate.conf
  ssh cr1 'show configuration' | rhapsode compare - output/cr1.ams.example.net.conf --mode replace
  rhapsode compare running.conf change.set --mode set
  rhapsode compare running.conf reviewed.diff --mode patch
  rhapsode compare running.conf candidate.conf --schema junos-23.4.json.gz --explain`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.compare(args[0], args[1], o) },
	}
	cmd.Flags().Var(modeFlag{&o.mode}, "mode", "how AFTER is applied to BEFORE: override, replace, merge, update, set or patch")
	completeValues(cmd, "mode", "override", "replace", "merge", "update", "set", "patch")
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON")
	cmd.Flags().BoolVar(&o.explain, "explain", false, "say on stderr, or in the JSON, which statements no schema knows and what they were taken for")
	o.schema.add(cmd)
	return cmd
}

func (a *app) compare(beforeFile, afterFile string, o compareOptions) error {
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
	before, err := o.schema.parse(beforeFile, beforeText)
	if err != nil {
		return err
	}
	before.Untag() // a render may be compared with another
	after, warnings, err := o.after(before, afterFile, afterText)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		a.streams.Notef("warning: %v", w)
	}
	text := diffs.Compare(before, after).String()
	var guessed []diffs.Guessed
	if o.explain {
		guessed = diffs.Explain(beforeFile, before, afterFile, after)
	}
	if err := a.printCompare(before, after, text, guessed, o); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	return cli.WithCode(cli.Diff, nil)
}

// after gives what before becomes by the text of AFTER.
func (o compareOptions) after(before *junos.Tree, file string, text []byte) (after *junos.Tree, warnings []*junos.Error, err error) {
	if o.mode == junos.Override && o.schema.keep {
		if after, err = junos.Parse(file, text, before.Schema); err == nil {
			after.Untag()
		}
		return after, nil, err
	}
	after = before.Clone()
	warnings, err = after.Load(file, text, o.mode)
	return after, warnings, err
}

// printCompare writes the difference to stdout, and what was guessed to stderr or into the JSON.
func (a *app) printCompare(before, after *junos.Tree, text string, guessed []diffs.Guessed, o compareOptions) error {
	if o.json {
		out := map[string]any{"version": 1, "diff": text, "edits": diffs.Edits(before, after)}
		if o.explain {
			out["guessed"] = append([]diffs.Guessed{}, guessed...)
		}
		return a.printJSON(out)
	}
	colour, err := a.colourOn()
	if err != nil {
		return err
	}
	if colour {
		text = diffs.Colorize(text)
	}
	a.streams.Printf("%s", text)
	if o.explain {
		a.explain(guessed)
	}
	return nil
}

// fmtOptions says what `rhapsode fmt` writes, and where.
type fmtOptions struct {
	set, xml, json, inheritance, write bool
	schema                             schemaFlags
}

// newFmt is `rhapsode fmt FILE`.
func newFmt(a *app) *cobra.Command {
	var o fmtOptions
	cmd := &cobra.Command{
		Use:   "fmt FILE",
		Short: "print a Junos configuration in canonical form",
		Long: `Print a configuration in the form and order in which a router shows it. What is read may be curly text, set lines,
XML or JSON; what is printed is curly text unless another form is asked for. --write keeps the form of the file.
"-" reads standard input. Nothing is redacted: it is your own file.`,
		Example: `  rhapsode fmt candidate.conf
  rhapsode fmt --set candidate.conf
  rhapsode fmt --inheritance running.xml
  rhapsode fmt -w output/*.conf`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			for _, file := range args {
				if err := a.format(file, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.set, "set", false, "print set lines")
	cmd.Flags().BoolVar(&o.xml, "xml", false, "print XML")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the configuration as JSON, as a router does")
	cmd.Flags().BoolVar(&o.inheritance, "inheritance", false, "apply groups, and say in curly text what came from them")
	cmd.Flags().BoolVarP(&o.write, "write", "w", false, "write the result back to the file")
	o.schema.add(cmd)
	return cmd
}

// check refuses flags that don't go together.
func (o fmtOptions) check() error {
	switch {
	case o.set && (o.xml || o.json) || o.xml && o.json:
		return cli.Usagef("give one of --set, --xml and --json")
	case o.inheritance && o.write:
		return cli.Usagef("--inheritance prints what groups give; to write that over the groups would lose them")
	}
	return nil
}

// form is the form to write a text in.
func (o fmtOptions) form(text []byte) junos.Format {
	switch {
	case o.set:
		return junos.FormatSet
	case o.xml:
		return junos.FormatXML
	case o.json:
		return junos.FormatJSON
	case o.write:
		return junos.FormatOf(text)
	}
	return junos.FormatText
}

func (a *app) format(file string, o fmtOptions) error {
	text, err := a.readFile(file)
	if err != nil {
		return err
	}
	tree, err := o.schema.parse(file, text)
	if err != nil {
		return err
	}
	d := junos.Display{Format: o.form(text), Inherited: o.inheritance}
	if d.Format == junos.FormatXML { // a document of its own has to say what its prefix is
		d.Attributes = []junos.Attribute{{Name: "xmlns:junos", Value: junosNamespace}}
	}
	out, err := tree.Display(d)
	if err != nil {
		return fmt.Errorf("format %s: %w", file, err)
	}
	if !o.write {
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

// junosNamespace is that of the prefix junos, of whatever release.
const junosNamespace = "http://xml.juniper.net/junos/*/junos"

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
