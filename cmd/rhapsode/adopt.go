package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/templates"
)

type adoptOptions struct {
	templates.AdoptOptions
	config             string
	force, print, json bool
	omit               bool
}

// newAdopt is `rhapsode adopt DEVICE`.
func newAdopt(a *app) *cobra.Command {
	var o adoptOptions
	cmd := &cobra.Command{
		Use:   "adopt DEVICE",
		Short: "write inventory files for a router that already runs",
		Long: `Read a router's running configuration, or one kept in a file (curly text, set lines, XML or JSON), and write what it tells
into the inventory: devices/NAME.yaml, and what is missing in common.yaml, sites/SITE.yaml and roles/ROLE.yaml. The tree must
load and render before anything is written. Then say, hierarchy by hierarchy, how many statements the templates reproduce,
what a commit would change, and what no template manages (which a commit leaves alone).

No file that exists is changed without --force; then the device's file is replaced, and to the others only keys are added that
they do not have. The router is only read.`,
		Example: `  rhapsode adopt cr1.ams --type mx204
  rhapsode adopt cr1.ams --config cr1.conf --print
  rhapsode --inventory new adopt cr2.ams --config cr2.xml --site ams --role core --force`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.adopt(cmd.Context(), args[0], o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.config, "config", "", "read the configuration from `FILE` and not from the router; - is standard input")
	f.StringVar(&o.Name, "name", "", "name of the device in the inventory (default: its host-name)")
	f.StringVar(&o.Domain, "domain", "", "domain of the network (default: the domain-name)")
	f.StringVar(&o.Site, "site", "", "site of the device (default: what follows the last dot or hyphen of the name)")
	f.StringVar(&o.Role, "role", "core", "role of the device")
	f.StringVar(&o.Type, "type", "", "hardware model: mx204")
	f.Uint32Var(&o.ASN, "asn", 0, "our AS `NUMBER` (default: the autonomous-system)")
	f.StringVar(&o.LVSGroup, "lvs-group", "PyBal", "BGP group of the directors")
	f.BoolVar(&o.force, "force", false, "replace the device's file, and add to the others what they lack")
	f.BoolVar(&o.print, "print", false, "print the files and write nothing")
	f.BoolVar(&o.json, "json", false, "print the report as JSON")
	f.BoolVarP(&o.omit, "omit-diff", "O", false, "do not show what a commit would change")
	cmd.MarkFlagsMutuallyExclusive("print", "json")
	return cmd
}

func (a *app) adopt(ctx context.Context, device string, o adoptOptions) error {
	running, err := a.adoptSource(ctx, device, o.config)
	if err != nil {
		return err
	}
	adopted, err := templates.Adopt(running, o.AdoptOptions)
	if err != nil {
		return cli.WithCode(cli.Usage, fmt.Errorf("adopt %s: %w", device, err))
	}
	dir := a.treeDir()
	files, err := adoptFiles(dir, adopted)
	if err != nil {
		return err
	}
	if o.print {
		for _, f := range files {
			a.streams.Printf("# %s\n%s", f.name, f.text)
		}
	} else if err := refuseExisting(files, o.force); err != nil {
		return err
	}
	report, err := tryAdoption(dir, files, adopted, running)
	if err != nil {
		return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was written, since the tree would not load and render with it: %w", err)),
			"--print shows the files; correct them by hand, or give what is missing as an option")
	}
	if !o.print {
		if err := writeAdopted(dir, files); err != nil {
			return err
		}
	}
	for _, n := range adopted.Notes {
		a.streams.Notef("note: %s", n)
	}
	if o.print {
		return nil
	}
	return a.printAdoption(report, o)
}

// adoptSource gives the configuration to adopt. The device need not be in the inventory; ssh_config says where it is.
func (a *app) adoptSource(ctx context.Context, device, file string) (*junos.Tree, error) {
	if file == "" {
		target := &inventory.Device{Name: device, FQDN: device}
		if net, err := a.loadNetwork(); err == nil {
			if list, err := net.Select(device); err == nil && len(list) == 1 {
				target = list[0]
			}
		}
		return a.running(ctx, target)
	}
	text, err := a.readFile(file)
	if err != nil {
		return nil, err
	}
	// Loading leaves out load-time tags: a rendered text may be read too.
	tree := junos.New(nil)
	if _, err := tree.Load(file, text, junos.Override); err != nil {
		return nil, err
	}
	return tree, nil
}

// refuseExisting refuses to change files that are there.
func refuseExisting(files []adoptFile, force bool) error {
	if force {
		return nil
	}
	var there []string
	for _, f := range files {
		if f.exists && f.changed {
			there = append(there, f.name+" ("+f.change+")")
		}
	}
	if len(there) == 0 {
		return nil
	}
	return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was written, since files exist that would change: %s", strings.Join(there, ", "))),
		"--print shows them; --force replaces the device's file, and adds to the others what they lack")
}

// tryAdoption loads and renders the tree as it will be, in a copy, and compares with what the device runs.
func tryAdoption(dir string, files []adoptFile, adopted *templates.Adopted, running *junos.Tree) (report *adoptionReport, err error) {
	stage, err := os.MkdirTemp("", "rhapsode-adopt-")
	if err != nil {
		return nil, fmt.Errorf("stage the inventory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if err := copyTree(dir, stage); err != nil {
		return nil, fmt.Errorf("stage the inventory: %w", err)
	}
	if err := writeAdopted(stage, files); err != nil {
		return nil, err
	}
	net, err := inventory.Load(stage)
	if err != nil {
		return nil, err
	}
	list, err := net.Select(adopted.Name)
	if err != nil {
		return nil, err
	}
	rendered, err := renderAll(net, list, templates.StandIn)
	if err != nil {
		return nil, err
	}
	return newAdoptionReport(files, adopted, list[0], rendered[0], running)
}

// copyTree copies what an inventory is read from; what else is in the directory is left out.
func copyTree(from, to string) error {
	for _, name := range []string{"common.yaml", "services.yaml", "devices", "overrides", "roles", "sites", "templates"} {
		info, err := os.Stat(filepath.Join(from, name))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		case info.IsDir():
			if err := os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name))); err != nil {
				return err
			}
		default:
			text, err := os.ReadFile(filepath.Join(from, name))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, name), text, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeAdopted(dir string, files []adoptFile) error {
	for _, f := range files {
		if !f.changed {
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("write inventory: %w", err)
		}
		if err := writeFile(name, f.text); err != nil {
			return err
		}
		if err := os.Chmod(name, 0o644); err != nil { // an inventory is shared and holds no secrets
			return fmt.Errorf("write inventory: %w", err)
		}
	}
	return nil
}
