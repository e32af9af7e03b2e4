package inventory

import (
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Example is the example network, a tree below `example` from which one learns the tool:
//
//	tree, err := fs.Sub(inventory.Example, "example")
//	net, err := inventory.LoadFS(tree, "example")
//
//go:embed example
var Example embed.FS

// Load reads the tree in a directory, with the private tree that its common.yaml names. The error is a Problems, with
// everything that is wrong, unless the tree can't be read at all.
func Load(dir string) (*Network, error) {
	return Options{}.Load(dir)
}

// Options are choices about a load.
type Options struct {
	Private string // the directory of the private tree; empty: what `private` in common.yaml says, or none
}

// Load is the function Load with options.
func (o Options) Load(dir string) (*Network, error) {
	private := o.Private
	if private != "" {
		var err error
		if private, err = filepath.Abs(private); err != nil { // a caller's is relative to where the caller stands
			return nil, fmt.Errorf("open private tree: %w", err)
		}
	}
	return load(os.DirFS(dir), dir, time.Now(), &privateTree{dir: private, open: func(path string) (string, fs.FS, error) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, filepath.FromSlash(path))
		}
		_, err := os.Stat(path)
		return path, os.DirFS(path), err
	}})
}

// LoadFS reads the tree at the root of a file system; dir becomes Network.Dir and is not otherwise used. A private tree
// must lie inside.
func LoadFS(tree fs.FS, dir string) (*Network, error) {
	return load(tree, dir, time.Now(), insideOf(tree))
}

// load is LoadFS at a given time.
func load(tree fs.FS, dir string, now time.Time, private *privateTree) (*Network, error) {
	l := &loader{
		tree: tree, now: now,
		net:   &Network{Dir: dir, values: map[*Device]*node{}},
		roles: map[string]*file{}, sites: map[string]*file{}, devices: map[string]*file{}, overrides: map[string]*file{},
		siteOf: map[string]*Site{}, poolOf: map[PoolName]*Pool{}, broken: map[string]bool{}, missing: map[string][]placed{},
	}
	if err := l.read(private); err != nil {
		return nil, err
	}
	ill := len(l.problems) // from here on, what is found may follow from these
	l.network()
	l.makeSites()
	l.makePools()
	l.makeServices()
	l.makeDevices()
	l.makeOffload()
	l.makeOverrides()
	l.makeFreezes()
	l.makeHooks()
	l.makeCommitDefaults()
	l.checkDuplicates()
	l.checkServicePrefixes()
	l.checkPrefixLists()
	l.checkPrefixLimits()
	l.checkSessions()
	l.checkPools()
	if len(l.problems) > 0 {
		return nil, l.problems.withoutConsequences(ill).sorted()
	}
	l.net.Warnings = l.warnings.sorted()
	return l.net, nil
}

// loader gathers what a load finds.
type loader struct {
	tree     fs.FS
	now      time.Time
	net      *Network
	problems Problems
	warnings Problems

	common, pools, services          *file
	roles, sites, devices, overrides map[string]*file // by stem
	broken                           map[string]bool  // by name: the file has problems of its own
	siteOf                           map[string]*Site
	poolOf                           map[PoolName]*Pool
	missing                          map[string][]placed // dotted keys that no layer sets
	inUse                            []use               // every address and who has it
}

// network takes over what holds for all of it.
func (l *loader) network() {
	v := l.common.value()
	if l.common.public != nil {
		l.common.public.orphanNulls(&l.problems) // nothing lies below the first layer
	}
	l.net.Domain = v.get("domain").string()
	l.net.ASN = ASN(count(v.get("asn")))
	l.net.Prefixes = many(l, v.get("prefixes"), parsePrefix)
	l.net.shared = &node{shape: mapping, sub: map[string]*node{}}
	for key, n := range map[string]*node{"services": l.catalogue(), "pools": l.pools.value().get("pools")} {
		if n != nil {
			l.net.shared.keys, l.net.shared.sub[key] = append(l.net.shared.keys, key), n
		}
	}
	sites := &node{shape: mapping, sub: map[string]*node{}}
	for _, stem := range slices.Sorted(maps.Keys(l.sites)) {
		sites.keys, sites.sub[stem] = append(sites.keys, stem), l.sites[stem].value()
	}
	l.net.shared.keys, l.net.shared.sub["sites"] = append(l.net.shared.keys, "sites"), sites
}
