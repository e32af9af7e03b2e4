package main

import (
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// schemaFlags say which schema the user's own texts are read with. Copies share what was loaded.
type schemaFlags struct {
	junos string                        // a release; "": what the text says
	keep  bool                          // also what the schema does not fit
	load  func() (*junos.Schema, error) // that of a current release
}

func (f *schemaFlags) add(cmd *cobra.Command) {
	var file string
	cmd.Flags().StringVar(&file, "schema", "", "read a full schema from this file (docs/schema.md); default: the built-in table")
	cmd.Flags().StringVar(&f.junos, "junos", "", "order statements as this Junos release does, such as 20.4R3 (default: the one that the configuration names, else a current one)")
	cmd.Flags().BoolVar(&f.keep, "keep", false, "keep what the schema does not fit as it is written, rather than refuse it: the router had it, the schema is wrong")
	f.load = sync.OnceValues(func() (*junos.Schema, error) { return loadSchema(file) })
}

func loadSchema(name string) (*junos.Schema, error) {
	if name == "" {
		return junos.Builtin(), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open schema: %w", err)
	}
	defer file.Close()
	s, err := junos.LoadSchema(file)
	if err != nil {
		return nil, cli.Hint(fmt.Errorf("%s: %w", name, err), "docs/schema.md says what the file holds and how it is made")
	}
	return s, nil
}

// parse reads a text with the flags' schema, in the order of the flags' release or else of the one that the text
// names. What else is to be compared with it is to be read with its Schema.
func (f schemaFlags) parse(file string, text []byte) (*junos.Tree, error) {
	var release junos.Release
	if f.junos != "" {
		var err error
		if release, err = junos.ParseRelease(f.junos); err != nil {
			return nil, cli.Usagef("--junos: %v", err)
		}
	}
	schema, err := f.load()
	if err != nil {
		return nil, err
	}
	tree, err := f.fit(file, text, schema.At(release))
	if err != nil || release != (junos.Release{}) {
		return tree, err
	}
	named, ok := tree.Release()
	if !ok {
		return tree, nil
	}
	older := schema.At(named)
	if older == schema {
		return tree, nil
	}
	return junos.Parse(file, text, older)
}

// fit reads a text with a schema, and refuses what that does not fit unless it is to be kept.
func (f schemaFlags) fit(file string, text []byte, schema *junos.Schema) (*junos.Tree, error) {
	tree, err := junos.Parse(file, text, schema)
	if err != nil || f.keep || !slices.ContainsFunc(junos.Guesses(tree), func(g junos.Guess) bool { return g.Misfit }) {
		return tree, err
	}
	if _, err = junos.ParseChange(file, text, schema); err == nil {
		return tree, nil
	}
	return nil, cli.Hint(err, "--keep reads it as it is written, if a router has it so")
}

// explain says on stderr which statements no schema knows.
func (a *app) explain(guessed []diffs.Guessed) {
	if len(guessed) == 0 {
		a.streams.Notef("nothing was guessed: the schema knows all statements")
		return
	}
	statements := 0
	for _, g := range guessed {
		statements += g.Statements
		a.streams.Notef("%s", g)
	}
	a.streams.Notef("guessed: %s in %s; no schema knows them, their order and indent may be another on a router", plural(statements, "statement"), plural(len(guessed), "place"))
}
