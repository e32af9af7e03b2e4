package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// DataFile is a file of the tree that is kept as it is: whoever renders reads it.
type DataFile struct {
	Name string // for messages: policies/border-extra.yaml, private/definitions/hosts.net
	Path string // below its folder: border-extra.yaml
	Data []byte
}

// AttachedFilters are the filters on an interface, by the names that their files give them, tried in order. Empty: those
// that the interface's kind brings along.
type AttachedFilters struct {
	Input, Output []string
}

// dataFolder is a folder of files that are kept as they are.
type dataFolder struct {
	name     string
	suffixes []string
	files    *[]DataFile
}

func (l *loader) dataFolders() []dataFolder {
	return []dataFolder{
		{"definitions", []string{".net", ".svc", ".yaml"}, &l.net.DefinitionFiles},
		{"policies", []string{".yaml"}, &l.net.PolicyFiles},
	}
}

// readData reads the files of a data folder and of those in it. Of the private tree, a file takes the place of the
// public one of its name.
func (l *loader) readData(p part, in dataFolder) error {
	err := fs.WalkDir(p.tree, in.name, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || strings.HasSuffix(name, ".md") {
			return nil
		}
		if !slices.Contains(in.suffixes, path.Ext(name)) {
			l.problems.add(position{file: p.name(name)}, "names end in "+strings.Join(in.suffixes, " or "), "the file is not read")
			return nil
		}
		data, err := fs.ReadFile(p.tree, name)
		if err != nil {
			return err
		}
		f := DataFile{Name: p.name(name), Path: strings.TrimPrefix(name, in.name+"/"), Data: data}
		i := slices.IndexFunc(*in.files, func(o DataFile) bool { return o.Path == f.Path })
		if i < 0 {
			*in.files = append(*in.files, f)
			return nil
		}
		(*in.files)[i] = f
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read directory %s: %w", in.name, err)
	}
	slices.SortFunc(*in.files, func(a, b DataFile) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// makePolicies reads which policies a device chooses, what their variables are, and the filters of its loopback.
func (l *loader) makePolicies(d *Device, v *node) {
	var known []string
	for _, f := range l.net.PolicyFiles {
		if stem, ok := strings.CutSuffix(f.Path, ".yaml"); ok && path.Dir(f.Path) == "." {
			known = append(known, stem)
		}
	}
	slices.Sort(known)
	for _, e := range v.get("policies").elements() {
		name := e.string()
		if !slices.Contains(known, name) {
			l.problems.add(e.pos, meant(name, "policies", known), "unknown policy %s, there is no policies/%s.yaml", name, name)
			continue
		}
		d.Policies = append(d.Policies, name)
	}
	vars := v.get("vars")
	for _, name := range vars.children() {
		if d.Vars == nil {
			d.Vars = map[string][]string{}
		}
		n := vars.get(name)
		d.Vars[name] = []string{n.string()}
		if n.shape == list {
			d.Vars[name] = words(n)
		}
	}
	d.LoopbackFilters = attached(v.get("loopback_filters"))
}

// attached reads the filters on an interface; nil for nothing.
func attached(n *node) *AttachedFilters {
	if n == nil {
		return nil
	}
	return &AttachedFilters{Input: words(n.get("input")), Output: words(n.get("output"))}
}

// words are the items of a list as written.
func words(n *node) []string {
	var out []string
	for _, e := range n.elements() {
		out = append(out, e.string())
	}
	return out
}
