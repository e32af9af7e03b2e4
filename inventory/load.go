package inventory

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// Example is the example network, a tree below `example` from which one learns the tool:
//
//	tree, err := fs.Sub(inventory.Example, "example")
//	net, err := inventory.LoadFS(tree, "example")
//
//go:embed example
var Example embed.FS

// Load reads the tree in a directory. The error is a Problems, with everything that is wrong, unless the tree can't be
// read at all.
func Load(dir string) (*Network, error) {
	return LoadFS(os.DirFS(dir), dir)
}

// LoadFS reads the tree at the root of a file system; dir becomes Network.Dir and is not otherwise used.
func LoadFS(tree fs.FS, dir string) (*Network, error) {
	return load(tree, dir, time.Now())
}

// load is LoadFS at a given time.
func load(tree fs.FS, dir string, now time.Time) (*Network, error) {
	l := &loader{
		tree: tree, now: now,
		net:   &Network{Dir: dir, values: map[*Device]*node{}},
		roles: map[string]*file{}, sites: map[string]*file{}, devices: map[string]*file{}, overrides: map[string]*file{},
		siteOf: map[string]*Site{}, broken: map[string]bool{}, missing: map[string][]placed{},
	}
	if err := l.read(); err != nil {
		return nil, err
	}
	l.network()
	l.makeSites()
	l.makeServices()
	l.makeDevices()
	l.makeOffload()
	l.makeOverrides()
	l.checkDuplicates()
	l.checkServicePrefixes()
	l.checkPrefixLimits()
	l.checkSessions()
	if len(l.problems) > 0 {
		return nil, l.problems.sorted()
	}
	l.net.Warnings = l.warnings.sorted()
	return l.net, nil
}

// file is a file of the tree. A broken one has problems already; checks that rest on its values are left out, so that
// one mistake is reported once.
type file struct {
	name   string // devices/cr1.ams.yaml
	stem   string // cr1.ams
	root   *node  // nil: not YAML
	broken bool
}

// value is the file's root, an empty mapping if it could not be read.
func (f *file) value() *node {
	if f == nil || f.root == nil {
		return &node{shape: mapping}
	}
	return f.root
}

// top is the place of the file as a whole.
func (f *file) top() position { return position{f.name, 1, 1} }

// loader gathers what a load finds.
type loader struct {
	tree     fs.FS
	now      time.Time
	net      *Network
	problems Problems
	warnings Problems

	common, services                 *file
	roles, sites, devices, overrides map[string]*file // by stem
	broken                           map[string]bool  // by name: the file has problems of its own
	siteOf                           map[string]*Site
	missing                          map[string][]placed // dotted keys that no layer sets
	inUse                            []use               // every address and who has it
}

// isBroken says whether any of the files has problems of its own, or is not there.
func (l *loader) isBroken(files ...*file) bool {
	return slices.ContainsFunc(files, func(f *file) bool { return f == nil || f.broken })
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

// read parses and validates every file of the tree. The error is for a tree that is none.
func (l *loader) read() error {
	entries, err := fs.ReadDir(l.tree, ".")
	if err != nil {
		return fmt.Errorf("read directory: %w", err)
	}
	folders := l.folders()
	names := make([]string, 0, len(folders)+1)
	names = append(names, "templates") // of whoever renders; nothing is read from it here
	for _, f := range folders {
		names = append(names, f.name)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case slices.Contains(names, name) || name == "common.yaml" || name == "services.yaml" || strings.HasPrefix(name, "."):
		case isYAML(name):
			l.strayFile(name, []string{"common.yaml", "services.yaml"})
		case e.IsDir():
			if near := nearest(name, names); near != "" {
				l.problems.add(position{file: name}, "rename it", "the folder is not read, did you mean %s?", near)
			}
		}
	}
	if l.common, err = l.readFile("common.yaml", "common", "common", "common.json"); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return errors.New("no inventory here: the tree has no common.yaml")
		}
		return err
	}
	if l.services, err = l.readFile("services.yaml", "services", "services", "services.json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range folders {
		if err := l.readFolder(f); err != nil {
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
func (l *loader) readFolder(in folder) error {
	entries, err := fs.ReadDir(l.tree, in.name)
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
			l.problems.add(position{file: name}, "move its files up", "folders in %s are not read", in.name)
		case isFact:
			if !l.checkStem(in.name, name, stem) {
				continue
			}
			f, err := l.readFile(name, stem, in.layer+stem, in.schema)
			if err != nil {
				return err
			}
			in.files[stem] = f
		case isYAML(name):
			l.strayFile(name, nil)
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

// readFile parses and validates one file.
func (l *loader) readFile(name, stem, layer, schema string) (*file, error) {
	data, err := fs.ReadFile(l.tree, name)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	f := &file{name: name, stem: stem}
	f.root = parseYAML(name, layer, data, &l.problems)
	layered := schema != "services.json" && schema != "override.json"
	f.broken = f.root == nil || !validate(schema, f.root, layered, &l.problems)
	l.broken[name] = f.broken
	return f, nil
}

// network takes over what holds for all of it.
func (l *loader) network() {
	v := l.common.value()
	v.orphanNulls(&l.problems) // nothing lies below the first layer
	l.net.Domain = v.get("domain").string()
	l.net.ASN = ASN(count(v.get("asn")))
	l.net.Prefixes = many(l, v.get("prefixes"), parsePrefix)
	l.net.shared = &node{shape: mapping, sub: map[string]*node{}}
	catalogue := l.catalogue()
	if catalogue != nil {
		l.net.shared.keys, l.net.shared.sub["services"] = []string{"services"}, catalogue
	}
	sites := &node{shape: mapping, sub: map[string]*node{}}
	for _, stem := range slices.Sorted(maps.Keys(l.sites)) {
		sites.keys, sites.sub[stem] = append(sites.keys, stem), l.sites[stem].value()
	}
	l.net.shared.keys, l.net.shared.sub["sites"] = append(l.net.shared.keys, "sites"), sites
}
