package labs

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// shipped are the topologies that come with the program. Those of a folder share what they name.
//
//go:embed topologies
var shipped embed.FS

// suffix ends the name of a topology file, for containerlab too.
const suffix = ".clab.yml"

// Shipped lists the topologies that come with the program.
func Shipped() []string {
	var out []string
	for _, file := range shippedFiles() {
		out = append(out, strings.TrimSuffix(path.Base(file), suffix))
	}
	slices.Sort(out)
	return out
}

func shippedFiles() []string {
	files, err := fs.Glob(shipped, "topologies/*/*"+suffix)
	if err != nil {
		panic(err) // the pattern is good
	}
	return files
}

// openShipped reads a topology that comes with the program; nil if there is none of that name.
func openShipped(name string) (*Topology, fs.FS, error) {
	for _, file := range shippedFiles() {
		if path.Base(file) != name+suffix {
			continue
		}
		text, err := shipped.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		dir, err := fs.Sub(shipped, path.Dir(file))
		if err != nil {
			return nil, nil, err
		}
		t, err := Parse("labs/"+file, text)
		return t, dir, err
	}
	return nil, nil, nil
}

// Open reads a topology: one that comes with the program by its name, or a file. With it come the files beside it, which
// it may name.
func Open(name string) (*Topology, fs.FS, error) {
	if t, files, err := openShipped(name); t != nil || err != nil {
		return t, files, err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "/.") {
		return nil, nil, fmt.Errorf("there is no topology %s; with the program come %s; else name a file, such as ./%s%s", name, strings.Join(Shipped(), ", "), name, suffix)
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
