package main

import (
	"encoding/json"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newVersion is `rhapsode version`.
func newVersion(a *app) *cobra.Command {
	var jsonOut bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: "  rhapsode version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version
			if info, ok := debug.ReadBuildInfo(); ok && v == "devel" && info.Main.Version != "" && info.Main.Version != "(devel)" {
				v = info.Main.Version
			}
			if jsonOut {
				return json.NewEncoder(a.streams.Out).Encode(map[string]string{"version": v, "go": runtime.Version()})
			}
			a.streams.Printf("rhapsode %s (%s)\n", v, runtime.Version())
			return nil
		},
	}
	cmd.Flags().BoolVar(&jsonOut, "json", false, "print JSON")
	return cmd
}
