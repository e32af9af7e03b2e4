package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
)

// starter is the tree that `rhapsode init` writes, as templates over starterFacts. SITE and DEVICE in the names of its
// files are replaced.
//
//go:embed starter
var starter embed.FS

// starterFacts is what is asked of whoever starts a tree.
type starterFacts struct {
	Domain string
	ASN    uint32
	Site   string
	Device string // without site and domain
}

// schemaDir is where a new tree keeps the schemas that its files name, for editors.
const schemaDir = ".schema"

// newInit is `rhapsode init [DIR]`.
func newInit(a *app) *cobra.Command {
	var facts starterFacts
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "start a new inventory",
		Long: `Write a small inventory into an empty or new directory: one site with a router, two directors, a ping host and a service.
It loads and renders as it is. Addresses are from the documentation ranges: put yours in their place, file by file.`,
		Example: `  rhapsode init network
  rhapsode init network --domain example.net --asn 64500 --site ams --device cr1`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return a.initTree(dir, facts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&facts.Domain, "domain", "example.net", "the network's DNS `DOMAIN`")
	f.Uint32Var(&facts.ASN, "asn", 64500, "our AS `NUMBER`")
	f.StringVar(&facts.Site, "site", "ams", "`NAME` of the first site")
	f.StringVar(&facts.Device, "device", "cr1", "`NAME` of its first router, without site and domain")
	return cmd
}

// initTree writes a tree that has been read and found good, or nothing.
func (a *app) initTree(dir string, facts starterFacts) error {
	if err := mustBeEmpty(dir); err != nil {
		return err
	}
	if strings.ContainsAny(facts.Site+facts.Device, `/\.`) {
		return cli.Usagef("--site and --device are names without dots and slashes: ams, cr1")
	}
	made, err := os.MkdirTemp("", "rhapsode-init-")
	if err != nil {
		return fmt.Errorf("start inventory: %w", err)
	}
	defer os.RemoveAll(made) //nolint:errcheck // what is left lies in the system's temporary directory
	files, err := facts.render()
	if err != nil {
		return err
	}
	if err := writeTree(made, files); err != nil {
		return err
	}
	if _, err := inventory.Load(made); err != nil {
		return cli.Hint(cli.WithCode(cli.Usage, fmt.Errorf("start inventory: %w", err)), "correct --domain, --asn, --site or --device; nothing was written")
	}
	if err := writeTree(dir, files); err != nil {
		return err
	}
	for _, f := range files {
		if !strings.HasPrefix(f.name, ".") {
			a.streams.Printf("%s\n", filepath.Join(dir, f.name))
		}
	}
	at := ""
	if dir != "." {
		at = " --inventory " + dir
	}
	a.streams.Notef("next: rhapsode%s generate '*', and check '*' after each edit", at)
	return nil
}

// mustBeEmpty refuses a directory that holds anything; one that is not there is fine.
func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("start inventory: %w", err)
	}
	if len(entries) > 0 {
		return cli.Hint(fmt.Errorf("start inventory: %s is not empty, there is %s", dir, entries[0].Name()), "name a new directory: rhapsode init DIR")
	}
	return nil
}

// starterFile is a file of a new tree.
type starterFile struct {
	name string
	data []byte
}

// render makes the files of a new tree, sorted by name.
func (facts starterFacts) render() ([]starterFile, error) {
	var files []starterFile
	add := func(from fs.FS, root string, name func(string) string, expand bool) error {
		return fs.WalkDir(from, root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(from, path)
			if err != nil {
				return err
			}
			if expand {
				t, err := template.New(path).Option("missingkey=error").Parse(string(data))
				if err != nil {
					return err
				}
				var b bytes.Buffer
				if err := t.Execute(&b, facts); err != nil {
					return err
				}
				data = b.Bytes()
			}
			files = append(files, starterFile{name(path), data})
			return nil
		})
	}
	names := strings.NewReplacer("SITE", facts.Site, "DEVICE", facts.Device+"."+facts.Site)
	err := errors.Join(
		add(inventory.Schemas, "schema", func(p string) string { return schemaDir + strings.TrimPrefix(p, "schema") }, false),
		add(starter, "starter", func(p string) string { return names.Replace(strings.TrimPrefix(p, "starter/")) }, true),
	)
	if err != nil {
		return nil, fmt.Errorf("start inventory: %w", err)
	}
	return files, nil
}

// writeTree writes files below a directory. It overwrites none.
func writeTree(dir string, files []starterFile) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return fmt.Errorf("start inventory: %w", err)
		}
		w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			_, err = w.Write(f.data)
			err = errors.Join(err, w.Close())
		}
		if err != nil {
			return fmt.Errorf("start inventory: %w", err)
		}
	}
	return nil
}
