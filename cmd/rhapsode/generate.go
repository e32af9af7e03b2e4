package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// newGenerate is `rhapsode generate QUERY`.
func newGenerate(a *app) *cobra.Command {
	var output string
	var stdout bool
	cmd := &cobra.Command{
		Use:   "generate QUERY",
		Short: "render the configuration of devices and hosts into files",
		Long: `Render the configuration of every selected device into output/FQDN.conf, and that of every selected host into
output/hosts/FQDN: director.yaml for a director, ping-offload.yaml for a ping host. Nothing is sent anywhere: bringing
the files to the hosts is for the configuration management of the site.
The text for a device carries load-time tags ("replace:"): it is what a commit loads, by "load replace".`,
		Example: `  rhapsode generate '*'
  rhapsode generate 'kind:director and site:ams'
  rhapsode generate site:ams --output /tmp/review
  rhapsode generate cr1.ams --stdout`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAll,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.generate(cmd.Context(), args[0], output, stdout)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "output", "write into `DIR`")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print instead of writing files")
	cmd.MarkFlagsMutuallyExclusive("output", "stdout")
	return cmd
}

// generated is a rendered file, its name below the output directory.
type generated struct {
	name string
	text []byte
}

func (a *app) generate(ctx context.Context, query, output string, stdout bool) error {
	files, err := a.generated(ctx, query)
	if err != nil {
		return err // nothing is written when any of it fails: the directory never holds half a render
	}
	if stdout {
		for _, f := range files {
			a.streams.Printf("%s", f.text)
		}
		return nil
	}
	for _, f := range files {
		name := filepath.Join(output, f.name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("create output directory: %w", err)
		}
		if err := writeFile(name, f.text); err != nil {
			return err
		}
		a.streams.Printf("%s\n", name)
	}
	return nil
}

// generated renders the devices and hosts of a query, and reports all that fail.
func (a *app) generated(ctx context.Context, query string) ([]generated, error) {
	net, err := a.network()
	if err != nil {
		return nil, err
	}
	devices, hosts, err := net.SelectAll(query)
	if err != nil {
		return nil, cli.WithCode(cli.Usage, err)
	}
	var files []generated
	rendered, failed := renderAll(net, devices, a.secrets(ctx, net))
	for i, r := range rendered {
		if r != nil {
			files = append(files, generated{devices[i].FQDN + ".conf", []byte(r.Text)})
		}
	}
	errs := []error{failed}
	for _, h := range hosts {
		f, err := templates.RenderHost(net, h)
		errs = append(errs, err)
		if err == nil {
			files = append(files, generated{hostFile(h, f), f.Text})
		}
	}
	return files, errors.Join(errs...)
}

func hostFile(h *inventory.Host, f *templates.HostFile) string {
	return filepath.Join("hosts", h.FQDN, f.Name)
}
