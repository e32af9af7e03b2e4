package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// file is a file of the tree, of its public part, its private part, or both. A broken one has problems already; checks
// that rest on its values are left out, so that one mistake is reported once.
type file struct {
	name    string // devices/cr1.ams.yaml
	stem    string // cr1.ams
	public  *node  // nil: not there, or not YAML
	private *node
	broken  bool

	merged *node // made by value
}

// value is the file's root with the private part on top, an empty mapping if it could not be read.
func (f *file) value() *node {
	if f == nil || f.public == nil && f.private == nil {
		return &node{shape: mapping}
	}
	if f.merged == nil {
		f.merged = f.public
		if f.private != nil {
			var later Problems // a null here may take back what a layer between the two says: merging a device reports orphans
			f.merged = overlay(f.public, f.private, &later)
		}
	}
	return f.merged
}

// top is the place of the file as a whole.
func (f *file) top() position { return position{f.name, 1, 1} }

// isBroken says whether any of the files has problems of its own, or is not there.
func (l *loader) isBroken(files ...*file) bool {
	return slices.ContainsFunc(files, func(f *file) bool { return f == nil || f.broken })
}

// privateTree is how the private tree is found.
type privateTree struct {
	dir  string // as a caller names it; empty: as common.yaml does
	open func(path string) (name string, tree fs.FS, err error)
}

// insideOf finds private trees that are folders of the tree itself.
func insideOf(tree fs.FS) *privateTree {
	return &privateTree{open: func(name string) (string, fs.FS, error) {
		if !fs.ValidPath(name) {
			return "", nil, fmt.Errorf("%s is not a folder of the tree", name)
		}
		if _, err := fs.Stat(tree, name); err != nil {
			return "", nil, err
		}
		sub, err := fs.Sub(tree, name)
		return name, sub, err
	}}
}

// part is the public or the private tree.
type part struct {
	tree    fs.FS
	private bool
}

// name is what a file of the part is called in problems and sources; that of the private tree is below `private/`,
// wherever the tree is.
func (p part) name(file string) string {
	if p.private {
		return "private/" + file
	}
	return file
}

// single is a file at the top of a tree.
type single struct {
	name   string
	file   **file
	schema string
}

func (l *loader) singles() []single {
	return []single{
		{"common.yaml", &l.common, "common.json"},
		{"pools.yaml", &l.pools, "pools.json"},
		{"services.yaml", &l.services, "services.json"},
	}
}

// folder is a directory of a tree with the schema of its files.
type folder struct {
	name   string
	files  map[string]*file
	schema string
	layer  string // what its files are called in a Source
}

func (l *loader) folders() []folder {
	return []folder{
		{"devices", l.devices, "device.json", "device "},
		{"overrides", l.overrides, "override.json", "override "},
		{"roles", l.roles, "role.json", "role "},
		{"sites", l.sites, "site.json", "site "},
	}
}

// isLayered says whether files of a schema are merged with others, so that null takes back what one before it set.
func isLayered(schema string) bool {
	return slices.Contains([]string{"common.json", "role.json", "site.json", "device.json"}, schema)
}

// read parses and validates every file of the tree and of the private one. The error is for a tree that is none.
func (l *loader) read(private *privateTree) error {
	if err := l.readPart(part{tree: l.tree}); err != nil {
		return err
	}
	if l.common == nil {
		return errors.New("no inventory: the tree has no common.yaml")
	}
	dir, setting := private.dir, l.common.public.get("private")
	if dir == "" {
		if setting == nil || setting.shape != text {
			return nil
		}
		dir = setting.raw
	}
	name, tree, err := private.open(dir)
	if err != nil {
		if private.dir != "" {
			return fmt.Errorf("open private tree: %w", err)
		}
		l.problems.add(setting.pos, "check it out there, or name it with --private DIR", "the private tree can't be read: %v", err)
		return nil
	}
	l.net.Private = name
	if err := l.readPart(part{tree: tree, private: true}); err != nil {
		return fmt.Errorf("private tree %s: %w", name, err)
	}
	if again := l.common.private.get("private"); again != nil {
		l.problems.add(again.key, "remove it", "a private tree has no private tree of its own")
	}
	l.checkMerged()
	return nil
}

// readPart reads the files of a tree.
func (l *loader) readPart(p part) error {
	entries, err := fs.ReadDir(p.tree, ".")
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	singles, folders := l.singles(), l.folders()
	var files []string
	names := []string{"templates"} // of whoever renders; nothing is read from it here
	for _, s := range singles {
		files = append(files, s.name)
	}
	for _, f := range folders {
		names = append(names, f.name)
	}
	for _, f := range l.dataFolders() {
		names = append(names, f.name)
		if err := l.readData(p, f); err != nil {
			return err
		}
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == "templates" && p.private:
			l.problems.add(position{file: p.name(name)}, "move it to the public tree: templates hold no secrets", "the folder is not read: a private tree has no templates")
		case slices.Contains(names, name) || slices.Contains(files, name) || strings.HasPrefix(name, "."):
		case isYAML(name):
			l.strayFile(p.name(name), files)
		case e.IsDir():
			if near := nearest(name, names); near != "" {
				l.problems.add(position{file: p.name(name)}, "rename it", "the folder is not read, did you mean %s?", near)
			}
		}
	}
	for _, s := range singles {
		stem := strings.TrimSuffix(s.name, ".yaml")
		if *s.file, err = l.readFile(p, *s.file, s.name, stem, stem, s.schema); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, f := range folders {
		if err := l.readFolder(p, f); err != nil {
			return err
		}
	}
	return nil
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// strayFile reports a file that would never be read.
func (l *loader) strayFile(name string, known []string) {
	base := path.Base(name)
	if fixed, ok := strings.CutSuffix(name, ".yml"); ok {
		l.problems.add(position{file: name}, "rename it to "+path.Base(fixed)+".yaml", "the file is not read, names end in .yaml")
		return
	}
	hint := "expected one of " + strings.Join(known, ", ")
	if near := nearest(base, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	l.problems.add(position{file: name}, hint, "the file is not read")
}

// readFolder reads the .yaml files of a folder; a folder that is not there has none.
func (l *loader) readFolder(p part, in folder) error {
	entries, err := fs.ReadDir(p.tree, in.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read directory %s: %w", in.name, err)
	}
	for _, e := range entries {
		name := path.Join(in.name, e.Name())
		stem, isFact := strings.CutSuffix(e.Name(), ".yaml")
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			l.problems.add(position{file: p.name(name)}, "move its files up", "folders in %s are not read", in.name)
		case isFact:
			if !l.checkStem(in.name, p.name(name), stem) {
				continue
			}
			f, err := l.readFile(p, in.files[stem], name, stem, in.layer+stem, in.schema)
			if err != nil {
				return err
			}
			in.files[stem] = f
		case isYAML(name):
			l.strayFile(p.name(name), nil)
		}
	}
	return nil
}

// checkStem reports a file whose name can't be the name of what it describes.
func (l *loader) checkStem(folder, name, stem string) bool {
	check := form(nameForm, "a name of lower-case letters, digits, hyphens and underscores")
	switch folder {
	case "devices":
		check = form(domainForm, "a host name in lower case")
	case "overrides":
		return true // only people read these names
	}
	if err := check(stem); err != nil {
		l.problems.add(position{file: name}, "rename the file", "the file's name: %v", err)
		return false
	}
	return true
}

// readFile parses and validates one file. The private part of a file, which comes second, may leave out what the public
// one has.
func (l *loader) readFile(p part, f *file, name, stem, layer, schema string) (*file, error) {
	data, err := fs.ReadFile(p.tree, name)
	if err != nil {
		return f, fmt.Errorf("read file: %w", err)
	}
	how := strictness{layered: isLayered(schema) || p.private, partial: f != nil}
	if f == nil {
		f = &file{name: p.name(name), stem: stem}
	}
	if p.private {
		layer = "private " + layer
	}
	root := parseYAML(p.name(name), layer, data, how.layered, &l.problems)
	if p.private {
		f.private = root
	} else {
		f.public = root
	}
	broken := root == nil || !validate(schema, root, how, &l.problems)
	l.broken[p.name(name)] = broken
	f.broken = f.broken || broken
	return f, nil
}

// checkMerged validates the files that have a public and a private part once more, as a whole.
func (l *loader) checkMerged() {
	check := func(f *file, schema string) {
		if f == nil || f.broken || f.public == nil || f.private == nil {
			return
		}
		if !validate(schema, f.value(), strictness{layered: true}, &l.problems) {
			f.broken = true
			l.broken[f.name], l.broken["private/"+f.name] = true, true
		}
	}
	for _, s := range l.singles() {
		check(*s.file, s.schema)
	}
	for _, folder := range l.folders() {
		for _, f := range folder.files {
			check(f, folder.schema)
		}
	}
}
