package junos

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Release is a Junos release as far as the order of statements depends on it: 20.4 of 20.4R3-S1.7. The zero value
// stands for a current one.
type Release struct{ Major, Minor int }

// String gives `20.4`, or "" for the zero value.
func (r Release) String() string {
	if r == (Release{}) {
		return ""
	}
	return strconv.Itoa(r.Major) + "." + strconv.Itoa(r.Minor)
}

// Compare orders releases by age, the older first. The zero value is newer than any.
func (r Release) Compare(o Release) int {
	switch zero := (Release{}); {
	case r == o:
		return 0
	case r == zero:
		return 1
	case o == zero:
		return -1
	}
	return cmp.Or(cmp.Compare(r.Major, o.Major), cmp.Compare(r.Minor, o.Minor))
}

// releaseForm is what a release looks like: 20.4, 20.4R3-S1.7, 14.1X53-D49.1, 22.3R1.12-EVO, 19.4I-2020….
var releaseForm = regexp.MustCompile(`^([0-9]{1,2})\.([0-9]{1,2})([A-Z][A-Za-z0-9.:_-]*)?$`)

// ParseRelease reads a release in the form in which Junos gives it (`20.4R3-S1.7`), or its first two numbers.
func ParseRelease(s string) (Release, error) {
	m := releaseForm.FindStringSubmatch(s)
	if m == nil {
		return Release{}, fmt.Errorf("read junos release %q: want a form such as 20.4 or 20.4R3-S1.7", s)
	}
	major, _ := strconv.Atoi(m[1]) // two digits
	minor, _ := strconv.Atoi(m[2])
	if major == 0 {
		return Release{}, fmt.Errorf("read junos release %q: there is none before 1.0", s)
	}
	return Release{major, minor}, nil
}

// headerRelease finds a release in header comments: `# Junos: 20.4R3`, `## version 21.2R1.10`, `JUNOS [14.1R4.8]`.
var headerRelease = regexp.MustCompile(`(?i)\b(?:junos|version)\b[^\n0-9]{0,40}?\b([0-9]{1,2}\.[0-9]{1,2}[A-Za-z0-9.:_-]*)`)

// Release tells which release wrote the configuration: by its `version` statement, else by the comments above it. ok
// is false when neither names one in a form that ParseRelease knows.
func (t *Tree) Release() (r Release, ok bool) {
	if v := t.Lookup("version"); v != nil && len(v.Values) == 1 {
		word, _, _ := strings.Cut(v.Values[0], " ") // `12.1X47-D15.4 [builder]`
		r, err := ParseRelease(word)
		return r, err == nil
	}
	if m := headerRelease.FindStringSubmatch(t.Header); m != nil {
		r, err := ParseRelease(m[1])
		return r, err == nil
	}
	return Release{}, false
}

// ForRelease returns the built-in table with the order of a Junos release, such as `20.4` or `21.2R3-S1.7`. The empty
// string means a current one. Schemas of two calls are different objects, except for those without a release.
func ForRelease(release string) (*Schema, error) {
	if release == "" {
		return Builtin(), nil
	}
	r, err := ParseRelease(release)
	if err != nil {
		return nil, err
	}
	return Builtin().At(r), nil
}

// At returns the schema of a whole configuration with the order of a release: which lists the user orders, and in
// which order the top-level statements come. s is that of a current release (Builtin, LoadSchema). The result shares
// with s what has not changed since.
func (s *Schema) At(r Release) *Schema {
	if r == (Release{}) {
		return s
	}
	a := aging{release: r, done: make(map[*index]*Schema)}
	root := a.below(s)
	for _, top := range builtin().tops { // the oldest is the last
		if r.Compare(top.until) <= 0 {
			root = top.sort(root)
		}
	}
	return root
}

// aging makes the schema of an older release.
type aging struct {
	release Release
	done    map[*index]*Schema // what became of a node with these children; only Children and idx are of interest
}

// below returns s with its hierarchy aged: s itself if nothing changed.
func (a *aging) below(s *Schema) *Schema {
	if s.idx == nil {
		return s
	}
	old, ok := a.done[s.idx]
	if !ok {
		old = s
		a.done[s.idx] = s // against a schema that contains itself
		var children []*Schema
		for i, c := range s.Children {
			aged := a.below(c)
			if c.UserUntil != (Release{}) && a.release.Compare(c.UserUntil) <= 0 {
				cp := *aged
				cp.Flags |= UserOrdered
				aged = &cp
			}
			if aged != c && children == nil {
				children = slices.Clone(s.Children)
			}
			if aged != c {
				children[i] = aged
			}
		}
		if children != nil {
			old = &Schema{Children: children, idx: indexOf(children)}
		}
		a.done[s.idx] = old
	}
	if old.idx == s.idx {
		return s
	}
	cp := *s
	cp.Children, cp.idx = old.Children, old.idx
	return &cp
}

// topOrder is the order of the top-level statements up to and with a release.
type topOrder struct {
	until Release
	names []string
}

// sort returns a whole configuration in this order, and so what groups and logical systems hold. A statement that the
// order does not name stays behind the one that it stood behind.
func (o topOrder) sort(s *Schema) *Schema {
	place := make(map[string]int, len(s.Children))
	last := -1
	for _, c := range s.Children {
		if i := slices.Index(o.names, c.Name); i >= 0 {
			last = i
		}
		place[c.Name] = last
	}
	out := *s
	out.Children = make([]*Schema, len(s.Children))
	for i, c := range s.Children {
		cp := *c // its place is another
		if holdsConfiguration(c) {
			cp = *o.sort(c)
		}
		out.Children[i] = &cp
	}
	slices.SortStableFunc(out.Children, func(a, b *Schema) int { return cmp.Compare(place[a.Name], place[b.Name]) })
	out.idx = indexOf(out.Children)
	return &out
}

// holdsConfiguration reports whether a top-level list has a whole configuration in each entry.
func holdsConfiguration(s *Schema) bool {
	return s.Kind == Entry && slices.Contains(configurationLists, s.Name)
}

var configurationLists = []string{"groups", "logical-systems", "tenants"}
