package policies

import (
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Data are the policies that stand in files: filters in Aerleon's YAML form for the targets `juniper` and `srx`, and
// routing policy beside them. It is read-only and safe for concurrent use; Build makes the objects of one device of it.
type Data struct {
	files map[string]*aclFile // by path below the folder of policies: border-extra.yaml, includes/bogons.yaml
}

// aclFile is one file.
type aclFile struct {
	name    string // as given, for messages
	filters []*aclFilter
	terms   []*aclTerm // of a file that others include
	routing routingData
}

// aclFilter is one filter of a file: a list of terms with the targets it is meant for.
type aclFilter struct {
	at      place
	comment string
	replace bool // takes the place of what is there by its name
	targets []aclTarget
	terms   []*aclTerm
}

// aclTarget is a platform with its options.
type aclTarget struct {
	platform string
	options  []word
	at       place
}

// aclTerm is a term as it was written: its keys with their words, the variables in them not yet replaced.
type aclTerm struct {
	at      place
	name    word
	include word // the path of a file; nothing else is set
	comment string
	keys    map[string]aclValue
}

// aclValue is what stands behind a key.
type aclValue struct {
	at    place // of the key
	words []word
}

// has tells whether a key stands in the term.
func (t *aclTerm) has(key string) bool { _, ok := t.keys[key]; return ok }

// place is where a key stands, or the term if it does not.
func (t *aclTerm) place(key string) place {
	if v, ok := t.keys[key]; ok {
		return v.at
	}
	return t.at
}

// ParseData reads files of policies. A file NAME.yaml right in the folder can be chosen by its NAME; others, and files
// that hold terms only, can be included. The error is a DataErrors with everything that is wrong in the form of the
// files; what a term means is looked at by Build, since it depends on the device.
func ParseData(files []File) (*Data, error) {
	d := &Data{files: map[string]*aclFile{}}
	var errs DataErrors
	for _, f := range files {
		if !strings.HasSuffix(f.Name, ".yaml") {
			errs.add(place{file: f.Name}, "", "not a file of policies: NAME.yaml")
			continue
		}
		_, below, ok := strings.Cut(f.Name, "/")
		if !ok {
			below = f.Name
		}
		d.files[below] = parseACL(f, &errs)
	}
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		for _, x := range d.files[name].filters {
			x.terms = d.included(x.terms, nil, &errs)
		}
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return d, nil
}

// Names are the names of the files that can be chosen, sorted.
func (d *Data) Names() []string {
	var out []string
	for name, f := range d.files {
		if stem, ok := strings.CutSuffix(name, ".yaml"); ok && path.Dir(name) == "." && len(f.terms) == 0 {
			out = append(out, stem)
		}
	}
	slices.Sort(out)
	return out
}

// included puts the terms of included files in the place of the includes.
func (d *Data) included(terms []*aclTerm, trail []string, errs *DataErrors) []*aclTerm {
	var out []*aclTerm
	for _, t := range terms {
		if t.include.text == "" {
			out = append(out, t)
			continue
		}
		name := path.Clean(t.include.text)
		f := d.files[name]
		switch {
		case f == nil:
			errs.add(t.include.at, meant(name, "files", d.files), "there is no %s to include, its path is below the folder of policies", name)
		case slices.Contains(trail, name):
			errs.add(t.include.at, "", "%s includes itself: %s", name, strings.Join(append(trail, name), " > "))
		case len(f.terms) == 0:
			errs.add(t.include.at, "put them below `terms:` at the top of the file", "%s holds no terms to include", name)
		default:
			out = append(out, d.included(f.terms, append(slices.Clip(trail), name), errs)...)
		}
		if len(out) > maxDataNodes {
			errs.add(t.include.at, "", "more than %d terms are included", maxDataNodes)
			return nil
		}
	}
	return out
}

// fileKeys are the keys at the top of a file.
var fileKeys = setOf(append([]string{"filters", "terms"}, routingKeys...)...)

// parseACL reads one file.
func parseACL(f File, errs *DataErrors) *aclFile {
	out := &aclFile{name: f.Name}
	d, root := openYAML(f, errs)
	if root == nil {
		return out
	}
	for _, p := range d.pairs(root, "the file", fileKeys) {
		switch p.key.text {
		case "filters":
			for _, n := range d.list(p.value, "filters") {
				out.filters = append(out.filters, d.filter(n))
			}
		case "terms":
			out.terms = d.terms(p.value, true)
		default:
			out.routing.read(d, p)
		}
	}
	return out
}

// filter reads a filter. Of one that has no target of ours only the form of its head is looked at: its terms may use
// what only other platforms have.
func (d *yamlFile) filter(n *yaml.Node) *aclFilter {
	out := &aclFilter{at: d.at(n)}
	var terms *yaml.Node
	seen := false
	for _, p := range d.pairs(n, "a filter", setOf("header", "terms", "include")) {
		switch p.key.text {
		case "header":
			seen = true
			d.header(p.value, out)
		case "terms":
			terms = p.value
		case "include":
			d.fail(p.key.at, "write the filters here; terms can be included", "filters can't be included")
		}
	}
	if !seen || terms == nil {
		d.fail(out.at, "", "a filter has a `header` with `targets`, and `terms`")
		return out
	}
	out.terms = d.terms(terms, len(out.targets) > 0)
	return out
}

func (d *yamlFile) header(n *yaml.Node, out *aclFilter) {
	targets := false
	for _, p := range d.pairs(n, "header", setOf("comment", "targets", "replace")) {
		switch p.key.text {
		case "comment":
			out.comment = d.comment(p.value)
		case "replace":
			out.replace = d.flag(p.value, "replace")
		case "targets":
			targets = true
			for _, t := range d.pairs(p.value, "targets", platforms) {
				if t.key.text == "juniper" || t.key.text == "srx" {
					out.targets = append(out.targets, aclTarget{t.key.text, d.words(t.value, t.key.text), t.key.at})
				}
			}
		}
	}
	if !targets {
		d.fail(d.at(n), `write targets: {juniper: "NAME mixed"}`, "the header has no `targets`")
	}
}

// comment reads a comment as one line.
func (d *yamlFile) comment(n *yaml.Node) string {
	w := d.scalar(n, "comment")
	if strings.Contains(w.text, "*/") {
		d.fail(w.at, "write it another way", "a comment can't hold */")
		return ""
	}
	return strings.Join(strings.Fields(w.text), " ")
}

// terms reads a list of terms; with check their keys are held against those we know.
func (d *yamlFile) terms(n *yaml.Node, check bool) []*aclTerm {
	var out []*aclTerm
	begun := len(*d.errs)
	for _, x := range d.list(n, "terms") {
		t := &aclTerm{at: d.at(x), keys: map[string]aclValue{}}
		before := len(*d.errs)
		for _, p := range d.pairs(x, "a term", nil) {
			d.termKey(t, p, check)
		}
		switch {
		case t.include.text != "" && (t.name.text != "" || t.comment != "" || len(t.keys) > 0):
			d.fail(t.include.at, "give the others a term of their own", "`include` stands alone in its term")
		case t.include.text == "" && t.name.text == "":
			if len(*d.errs) > before {
				continue
			}
			d.fail(t.at, "", "the term has no `name`")
		default:
			out = append(out, t)
		}
	}
	if len(out) == 0 && len(*d.errs) == begun {
		d.fail(d.at(n), "", "there are no terms")
	}
	return out
}

func (d *yamlFile) termKey(t *aclTerm, p yamlPair, check bool) {
	key := p.key.text
	switch key {
	case "name":
		t.name = d.scalar(p.value, key)
		return
	case "include":
		t.include = d.scalar(p.value, key)
		return
	case "comment":
		t.comment = d.comment(p.value)
		return
	}
	if !check {
		return
	}
	if why, ok := refusedKeys[key]; ok {
		d.fail(p.key.at, why, "the key `%s` of Aerleon is not known here", key)
		return
	}
	if termKeys[key] == 0 {
		known := maps.Clone(termKeys)
		known["name"], known["comment"], known["include"] = forBoth, forBoth, forBoth
		d.fail(p.key.at, meant(key, "keys", known), "unknown key `%s`", key)
		return
	}
	v := aclValue{at: p.key.at, words: d.words(p.value, key)}
	if termKeys[key]&single != 0 && len(v.words) > 1 {
		d.fail(p.key.at, "", "%s takes one word, there are %d", key, len(v.words))
	}
	t.keys[key] = v
}
