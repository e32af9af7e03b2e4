package labs

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// shipped are the topologies that come with the program, each in a folder of its name.
//
//go:embed topologies
var shipped embed.FS

// suffix ends the name of a topology file, for containerlab too.
const suffix = ".clab.yml"

// Shipped lists the topologies that come with the program.
func Shipped() []string {
	entries, err := shipped.ReadDir("topologies")
	if err != nil {
		panic(err) // it is part of the program
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Open reads a topology: one that comes with the program by its name, or a file. With it come the files beside it, which
// it may name.
func Open(name string) (*Topology, fs.FS, error) {
	if dir, err := fs.Sub(shipped, path.Join("topologies", name)); err == nil && labName.MatchString(name) {
		if text, err := fs.ReadFile(dir, name+suffix); err == nil {
			t, err := Parse("labs/topologies/"+name+"/"+name+suffix, text)
			return t, dir, err
		}
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "/.") {
		return nil, nil, fmt.Errorf("there is no topology %s; with the program comes %s; else name a file, such as ./%s%s", name, strings.Join(Shipped(), ", "), name, suffix)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read topology: %w", err)
	}
	file, err := filepath.Abs(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read topology: %w", err)
	}
	t, err := Parse(name, text)
	if err != nil {
		return nil, nil, err
	}
	t.File = file
	return t, os.DirFS(filepath.Dir(file)), nil
}
