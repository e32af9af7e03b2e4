package inventory

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The manual's reference is written from the schemas, by this package's own tests, for they have all that it needs.
//
//go:generate go test . -run ^TestReference$ -update

const referenceFile = "../docs/inventory.md"

// reference writes the tables.
type reference struct {
	strings.Builder
	examples []*node // files of the kind that is described
}

// TestReference holds docs/inventory.md to the schemas; `go generate` writes it.
func TestReference(t *testing.T) {
	intro, err := os.ReadFile("testdata/reference/intro.md")
	if err != nil {
		t.Fatal(err)
	}
	files := referenceTree(t)
	r := &reference{}
	r.Write(intro)
	layers := layeredKeys()
	r.section("Values of devices", "In `common.yaml`, `roles/ROLE.yaml`, `sites/SITE.yaml` and `devices/NAME.yaml`; what is in several is merged.", "device.json", files, func(k string) bool { return slices.Contains(layers, k) })
	own := func(k string) bool { return !slices.Contains(layers, k) }
	r.section("common.yaml", "The whole network. `domain`, `asn` and `prefixes` must be there.", "common.json", files, own)
	r.section("sites/SITE.yaml", "A point of presence.", "site.json", files, own)
	r.section("devices/NAME.yaml", "A router. NAME is its FQDN, with or without the domain. `role` and `site` must be there.", "device.json", files, own)
	r.section("services.yaml", "The service catalogue, under `services` or under `service::catalog`. A service must have `ip`, `port`, `sites` and `state`.", "services.json", files, func(k string) bool { return k == "services" })
	r.section("pools.yaml", "Optional. When it is there, every pool that a service names must be in it.", "pools.json", files, own)
	r.section("overrides/*.yaml", "Exceptions; `rhapsode ping-offload` writes them.", "override.json", files, own)
	got := r.String()
	if *update {
		if err := os.WriteFile(referenceFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(referenceFile)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what the schemas say (%v): go generate ./inventory", referenceFile, err)
	}
}

// layeredKeys are the keys that every layer may set.
func layeredKeys() []string {
	set := schemas()
	return slices.DeleteFunc(set.properties(schemaBase+"role.json#"), func(k string) bool { return !slices.Contains(set.properties(schemaBase+"device.json#"), k) })
}

// referenceTree gives the files that examples are taken from, by their schema. That they are good is part of the test.
func referenceTree(t *testing.T) map[string][]*node {
	t.Helper()
	tree := exampleTree(t)
	for _, f := range []struct{ from, to string }{{"common", "private/common.yaml"}, {"device", "private/devices/cr1.ams.yaml"}, {"services", "private/services.yaml"}, {"pools", "private/pools.yaml"}} {
		data, err := os.ReadFile(filepath.Join("testdata/reference", f.from+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		tree[f.to] = &fstest.MapFile{Data: data}
	}
	tree["services.yaml"].Data = regexp.MustCompile(`(?m)^ *conftool: .*\n`).ReplaceAll(tree["services.yaml"].Data, nil)
	_, shown, _ := strings.Cut(string(tree["overrides/README.md"].Data), "```yaml\n")
	shown, _, _ = strings.Cut(shown, "```")
	tree["overrides/T123456.yaml"] = &fstest.MapFile{Data: []byte(shown)}
	appendFile(tree, "common.yaml", "private: private\n")
	loadTree(t, tree)

	files := map[string][]*node{}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		schema := map[string]string{"common.yaml": "common.json", "services.yaml": "services.json", "pools.yaml": "pools.json"}[filepath.Base(name)]
		if dir := filepath.Base(filepath.Dir(name)); schema == "" {
			schema = strings.TrimSuffix(dir, "s") + ".json"
		}
		var problems Problems
		if root := parseYAML(name, "", tree[name].Data, true, &problems); strings.HasSuffix(name, ".yaml") && root != nil {
			files[schema] = append(files[schema], root)
			if schema != "services.json" {
				files["device.json"] = append(files["device.json"], root) // values of devices stand in every layer
			}
		}
	}
	return files
}

// section writes the table of a file.
func (r *reference) section(title, text, schema string, files map[string][]*node, pick func(string) bool) {
	fmt.Fprintf(r, "\n## %s\n\n%s\n\n| key | type | default | description | example |\n|---|---|---|---|---|\n", title, text)
	r.examples = files[schema]
	r.keys(schemaBase+schema+"#", nil, pick)
}

// keys writes a row for each key below a schema, depth first.
func (r *reference) keys(url string, path []string, pick func(string) bool) {
	set := schemas()
	base, o := set.follow(url)
	for _, k := range set.properties(url) {
		if pick == nil || pick(k) {
			r.row(base+"/properties/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(k), append(slices.Clone(path), k))
		}
	}
	if _, ok := o["additionalProperties"].(map[string]any); ok {
		r.below(base+"/additionalProperties", append(slices.Clone(path), "*"))
	}
	if _, ok := o["items"].(map[string]any); ok {
		r.below(base+"/items", append(slices.Clone(path), "[]"))
	}
}

// below goes on where a map or a list has its values: a row if they are plain, or else their keys.
func (r *reference) below(url string, path []string) {
	_, o := schemas().follow(url)
	if o["properties"] == nil && o["additionalProperties"] == nil {
		return // the row of the map or the list says it all
	}
	r.keys(url, path, nil)
}

var absent = regexp.MustCompile(`;? ?\babsent: ([^;]+)`)

// row writes a key and what is below it.
func (r *reference) row(url string, path []string) {
	set := schemas()
	_, o := set.follow(url)
	text, byDefault := set.describe(url), ""
	if m := absent.FindStringSubmatch(text); m != nil {
		byDefault = m[1]
		text = strings.Trim(strings.Replace(text, m[0], "", 1), "; ")
	}
	cell := strings.NewReplacer("|", `\|`, "\n", " ").Replace
	fmt.Fprintf(r, "| `%s` | %s | %s | %s | %s |\n", strings.Join(path, "."), cell(r.kind(o)), cell(byDefault), cell(text), cell(r.example(path)))
	if !set.hides(url) || len(path) == 1 { // what a secret looks like is shown once
		r.keys(url, path, nil)
	}
}

// kind is a schema's type in words.
func (r *reference) kind(o map[string]any) string {
	if values, ok := o["enum"].([]any); ok {
		var words []string
		for _, v := range values {
			words = append(words, "`"+fmt.Sprint(v)+"`")
		}
		return strings.Join(words, ", ")
	}
	var types []string
	switch v := o["type"].(type) {
	case string:
		types = []string{v}
	case []any:
		for _, t := range v {
			types = append(types, fmt.Sprint(t))
		}
	}
	words := wanted(types)
	if form, ok := o["format"].(string); ok && words == "text" && form != "text" {
		words += ", " + form
	}
	if items, ok := o["items"].(map[string]any); ok && len(types) == 1 {
		ref, _ := items["$ref"].(string)
		if _, name, ok := strings.Cut(ref, "$defs/"); ok {
			words += " of " + name
		}
	}
	return words
}

// example is the first value that stands at a path in the example files, if it is short.
func (r *reference) example(path []string) string {
	const long = 60
	for _, n := range r.examples {
		for _, v := range at(n, path) {
			if text := v.flow(); len(text) <= long && v.shape != null {
				return "`" + text + "`"
			}
		}
	}
	return ""
}

// at gives the values at a path with `*` for any key and `[]` for any item.
func at(n *node, path []string) []*node {
	if n == nil {
		return nil
	}
	if len(path) == 0 {
		return []*node{n}
	}
	var found []*node
	switch path[0] {
	case "*":
		for _, k := range n.children() {
			found = append(found, at(n.sub[k], path[1:])...)
		}
	case "[]":
		for _, e := range n.items {
			found = append(found, at(e, path[1:])...)
		}
	default:
		found = at(n.get(path[0]), path[1:])
	}
	return found
}
