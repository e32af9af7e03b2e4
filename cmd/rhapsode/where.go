package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// newInventoryWhere is `rhapsode inventory where`.
func newInventoryWhere(a *app) *cobra.Command {
	var jsonOut bool
	var config string
	cmd := &cobra.Command{
		Use:   "where {KEY DEVICE | DEVICE:LINE | --config STATEMENT DEVICE}",
		Short: "say which files and lines set a value, or a line of the configuration",
		Long: `With KEY, say which files and lines set a value of a device, the winner last.

With DEVICE:LINE, explain a line of the rendered configuration (output/FQDN.conf): the template that wrote it, the values
that stand in it ("value"), and those that otherwise decided about it ("because"), each with its file and line. With
--config, explain every line of a statement.`,
		Example: `  rhapsode inventory where lvs.hold_time cr1.ams
  rhapsode inventory where sites.fra.hosts.lb1.med cr1.ams
  rhapsode inventory where cr1.ams:120
  rhapsode inventory where --config 'protocols bgp group PyBal' cr1.ams`,
		Args: cobra.RangeArgs(1, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return a.completeWhere(config, args, word)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case config != "" && len(args) == 1:
				return a.whereConfig(config, args[0], jsonOut)
			case config == "" && len(args) == 2:
				return a.whereKey(args[0], args[1], jsonOut)
			case config == "" && strings.Contains(args[0], ":"):
				return a.whereLine(args[0], jsonOut)
			}
			return cli.WithCode(cli.Usage, errors.New("want KEY DEVICE, DEVICE:LINE, or --config STATEMENT DEVICE"))
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	cmd.Flags().StringVar(&config, "config", "", "explain the lines of a `STATEMENT`: 'protocols bgp group PyBal'")
	return cmd
}

func (a *app) whereKey(key, query string, jsonOut bool) error {
	net, devices, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	for _, d := range devices {
		chain, err := net.Where(key, d)
		if err != nil {
			return err
		}
		if jsonOut {
			if err := json.NewEncoder(a.streams.Out).Encode(map[string]any{"device": d.FQDN, "key": key, "sources": chain}); err != nil {
				return err
			}
			continue
		}
		for _, s := range chain {
			a.streams.Printf("%s: %v\n", d.FQDN, s)
		}
	}
	return nil
}

// whereLine explains DEVICE:LINE.
func (a *app) whereLine(at string, jsonOut bool) error {
	i := strings.LastIndex(at, ":")
	number, err := strconv.Atoi(at[i+1:])
	if err != nil || number < 1 {
		return cli.WithCode(cli.Usage, fmt.Errorf("%q is no line: want DEVICE:LINE, such as cr1.ams:120", at))
	}
	return a.explainLines(strings.TrimSuffix(at[:i], ".conf"), jsonOut, func(d *inventory.Device, lines []templates.Line) ([]templates.Line, error) {
		if number > len(lines) {
			return nil, cli.WithCode(cli.Usage, fmt.Errorf("%s has no line %d: its configuration ends with line %d", d.Name, number, len(lines)))
		}
		return lines[number-1 : number], nil
	})
}

// whereConfig explains the lines of a statement.
func (a *app) whereConfig(statement, query string, jsonOut bool) error {
	path, err := junos.SplitWords(statement)
	if err != nil {
		return cli.WithCode(cli.Usage, err)
	}
	return a.explainLines(query, jsonOut, func(d *inventory.Device, lines []templates.Line) ([]templates.Line, error) {
		var out []templates.Line
		for _, l := range lines {
			words, err := junos.SplitWords(l.Path)
			if err == nil && len(words) >= len(path) && slices.Equal(words[:len(path)], path) && strings.TrimSpace(l.Text) != "}" {
				out = append(out, l)
			}
		}
		if len(out) == 0 {
			return nil, cli.Hint(fmt.Errorf("nothing is rendered for %s at [edit %s]", d.Name, statement),
				"write the statement as on a line of `show configuration | display set`, without the word set")
		}
		return out, nil
	})
}

// explainLines prints what is known of some lines of the devices of a query.
func (a *app) explainLines(query string, jsonOut bool, pick func(*inventory.Device, []templates.Line) ([]templates.Line, error)) error {
	net, devices, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	renderer, err := newRenderer(net.Dir)
	if err != nil {
		return err
	}
	for _, d := range devices {
		lines, err := renderer.Explain(net, d)
		if err != nil {
			return err
		}
		if lines, err = pick(d, lines); err != nil {
			return err
		}
		for _, l := range lines {
			if err := a.printLine(d, l, jsonOut); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) printLine(d *inventory.Device, l templates.Line, jsonOut bool) error {
	if jsonOut {
		return json.NewEncoder(a.streams.Out).Encode(map[string]any{
			"device": d.FQDN, "line": l.Number, "text": l.Text, "path": l.Path, "template": l.Template, "template_line": l.TemplateLine,
			"values": jsonValues(l.Values), "because": jsonValues(l.Because),
		})
	}
	a.streams.Printf("%s:%d: %s\n", d.FQDN, l.Number, strings.TrimSpace(l.Text))
	a.streams.Printf("    written by %s:%d\n", l.Template, l.TemplateLine)
	for _, of := range []struct {
		word   string
		values []templates.Value
	}{{"value", l.Values}, {"because", l.Because}} {
		for _, v := range of.values {
			key := v.Key
			if v.Device != d {
				key += " of " + v.Device.Name
			}
			for _, s := range v.Sources {
				a.streams.Printf("    %-10s %s: %v\n", of.word, key, s)
			}
		}
	}
	return nil
}

func jsonValues(values []templates.Value) []map[string]any {
	out := []map[string]any{}
	for _, v := range values {
		out = append(out, map[string]any{"device": v.Device.FQDN, "key": v.Key, "sources": v.Sources})
	}
	return out
}
