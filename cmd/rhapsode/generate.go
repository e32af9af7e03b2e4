package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// newGenerate is `rhapsode generate QUERY`.
func newGenerate(a *app) *cobra.Command {
	var output string
	var stdout bool
	cmd := &cobra.Command{
		Use:   "generate QUERY",
		Short: "render the configuration of devices into files",
		Long: `Render the configuration of every selected device into output/FQDN.conf. Nothing is sent anywhere.
The text carries load-time tags ("replace:"): it is what a commit loads, by "load replace".`,
		Example: `  rhapsode generate '*'
  rhapsode generate site:ams --output /tmp/review
  rhapsode generate cr1.ams --stdout`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeQuery,
		RunE:              func(_ *cobra.Command, args []string) error { return a.generate(args[0], output, stdout) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", "output", "write into `DIR`")
	cmd.Flags().BoolVar(&stdout, "stdout", false, "print instead of writing files")
	cmd.MarkFlagsMutuallyExclusive("output", "stdout")
	return cmd
}

func (a *app) generate(query, output string, stdout bool) error {
	net, devices, err := a.selectDevices(query)
	if err != nil {
		return err
	}
	rendered, err := renderAll(net, devices)
	if err != nil {
		return err // nothing is written when any device fails: the directory never holds half a render
	}
	if stdout {
		for _, r := range rendered {
			a.streams.Printf("%s", r.Text)
		}
		return nil
	}
	if err := os.MkdirAll(output, 0o700); err != nil {
		return fmt.Errorf("create output directory: %w", err)
	}
	for i, r := range rendered {
		name := filepath.Join(output, devices[i].FQDN+".conf")
		if err := writeFile(name, []byte(r.Text)); err != nil {
			return err
		}
		a.streams.Printf("%s\n", name)
	}
	return nil
}
