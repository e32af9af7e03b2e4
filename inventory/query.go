package inventory

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// queryKeys are the keys of a query's KEY:VALUE, sorted.
var queryKeys = []string{"kind", "role", "site", "status", "type"}

// maxQueryDepth bounds nesting: a query is typed by a person.
const maxQueryDepth = 100

// Select gives the devices that a query matches, sorted by name.
//
//	QUERY = ALL { "," ALL }              either
//	ALL   = ONE { "and" ONE }            both
//	ONE   = "not" ONE | "(" QUERY ")" | GLOB | KEY ":" GLOB
//
// A GLOB (* ? [a-z]) alone is matched against the FQDN and the short name. Keys are kind, role, site, status and type.
// Letter case does not matter. What matches no device is an error, and so is a name or a value without wildcards that is
// not known at all, wherever it stands: a mistyped name must not quietly select fewer devices, or under `not` more.
func (n *Network) Select(query string) ([]*Device, error) {
	devices, hosts, err := n.SelectAll(query)
	if err == nil && len(devices) == 0 {
		names := make([]string, len(hosts))
		for i, h := range hosts {
			names[i] = h.Name
		}
		return nil, fmt.Errorf("query %q: only hosts match (%s), expected a device", query, some(names))
	}
	return devices, err
}

// SelectAll is Select for hosts as well, each list sorted by name; one of them may be empty. A host has a name, a kind
// (director, ping) and a site; role, status and type are for devices.
func (n *Network) SelectAll(query string) ([]*Device, []*Host, error) {
	p := &queryParser{net: n, words: queryWords(query)}
	match, err := p.either(0)
	if err == nil && p.next < len(p.words) {
		err = p.unexpected("`and`, `,` or the end")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("query %q: %w", query, err)
	}
	var devices []*Device
	for _, d := range n.Devices {
		if match(d.subject()) {
			devices = append(devices, d)
		}
	}
	var hosts []*Host
	for _, h := range n.Hosts {
		if match(h.subject()) {
			hosts = append(hosts, h)
		}
	}
	if len(devices)+len(hosts) == 0 {
		return nil, nil, fmt.Errorf("query %q: no device matches (of %d: %s)", query, len(n.Devices), some(n.deviceNames()))
	}
	slices.SortFunc(devices, func(a, b *Device) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(hosts, func(a, b *Host) int { return strings.Compare(a.Name, b.Name) })
	return devices, hosts, nil
}

// subject is what a query can ask about.
type subject struct{ name, fqdn, kind, site, role, hardware, status string }

func (d *Device) subject() subject {
	s := subject{name: d.Name, fqdn: d.FQDN, kind: d.Kind(), role: d.Role, hardware: d.Type, status: d.Status}
	if d.Site != nil {
		s.site = d.Site.Name
	}
	return s
}

func (h *Host) subject() subject {
	s := subject{name: h.Name, fqdn: h.FQDN, kind: string(h.Kind)}
	if h.Site != nil {
		s.site = h.Site.Name
	}
	return s
}

// subjects are all devices and hosts.
func (n *Network) subjects() []subject {
	out := make([]subject, 0, len(n.Devices)+len(n.Hosts))
	for _, d := range n.Devices {
		out = append(out, d.subject())
	}
	for _, h := range n.Hosts {
		out = append(out, h.subject())
	}
	return out
}

// queryWords splits at blanks; parentheses and commas are words of their own.
func queryWords(query string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ", ",", " , ").Replace(query))
}

// matcher says whether a device or host is selected.
type matcher func(subject) bool

type queryParser struct {
	net   *Network
	words []string
	next  int
}

// peek is the next word in lower case, empty at the end.
func (p *queryParser) peek() string {
	if p.next >= len(p.words) {
		return ""
	}
	return strings.ToLower(p.words[p.next])
}

func (p *queryParser) unexpected(want string) error {
	if p.next >= len(p.words) {
		return fmt.Errorf("it ends where %s is expected", want)
	}
	err := fmt.Errorf("%q stands where %s is expected", p.words[p.next], want)
	if p.peek() == "or" || p.peek() == "|" || p.peek() == "||" {
		return fmt.Errorf("%w (write `,` for or)", err)
	}
	return err
}

func (p *queryParser) either(depth int) (matcher, error) {
	left, err := p.all(depth)
	for err == nil && p.peek() == "," {
		p.next++
		var right matcher
		first := left
		right, err = p.all(depth)
		left = func(s subject) bool { return first(s) || right(s) }
	}
	return left, err
}

func (p *queryParser) all(depth int) (matcher, error) {
	left, err := p.one(depth)
	for err == nil && p.peek() == "and" {
		p.next++
		var right matcher
		first := left
		right, err = p.one(depth)
		left = func(s subject) bool { return first(s) && right(s) }
	}
	return left, err
}

func (p *queryParser) one(depth int) (matcher, error) {
	if depth > maxQueryDepth {
		return nil, fmt.Errorf("more than %d levels of not and parentheses", maxQueryDepth)
	}
	word := p.peek()
	switch word {
	case "", "and", ",", ")":
		return nil, p.unexpected("a name, KEY:VALUE, `not` or `(`")
	case "not":
		p.next++
		m, err := p.one(depth + 1)
		if err != nil {
			return nil, err
		}
		return func(s subject) bool { return !m(s) }, nil
	case "(":
		p.next++
		m, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.peek() != ")" {
			return nil, p.unexpected("`)`")
		}
		p.next++
		return m, nil
	}
	p.next++
	if _, err := path.Match(word, ""); err != nil {
		return nil, fmt.Errorf("%q is not a glob: an open [ or a \\ at the end", word)
	}
	if key, value, ok := strings.Cut(word, ":"); ok {
		return p.net.matchKey(key, value)
	}
	return p.net.matchName(word)
}

// matchName matches a glob against short names and FQDNs.
func (n *Network) matchName(glob string) (matcher, error) {
	m := func(s subject) bool { return matchGlob(glob, s.name) || matchGlob(glob, s.fqdn) }
	if all := n.subjects(); !isGlob(glob) && !slices.ContainsFunc(all, m) {
		var names []string
		for _, s := range all {
			names = append(names, s.name)
		}
		if near := nearest(strings.TrimSuffix(glob, "."+n.Domain), names); near != "" {
			return nil, fmt.Errorf("no device %s (did you mean %s?)", glob, near)
		}
		for _, s := range n.Sites {
			if s.Name == glob {
				return nil, fmt.Errorf("no device %s (did you mean site:%s?)", glob, glob)
			}
		}
		return nil, fmt.Errorf("no device %s (devices: %s)", glob, some(n.deviceNames()))
	}
	return m, nil
}

// matchKey matches KEY:GLOB.
func (n *Network) matchKey(key, glob string) (matcher, error) {
	var of func(subject) string
	known := []string{}
	switch key {
	case "site":
		of = func(s subject) string { return s.site }
		for _, s := range n.Sites {
			known = append(known, s.Name)
		}
	case "role":
		of = func(s subject) string { return s.role }
	case "type":
		of = func(s subject) string { return s.hardware }
	case "status":
		of = func(s subject) string { return s.status }
		known = append(known, "active", "planned", "staged")
	case "kind":
		of = func(s subject) string { return s.kind }
		known = append(known, "router", string(Director), string(PingHost))
	default:
		hint := "keys: " + strings.Join(queryKeys, ", ")
		if near := nearest(key, queryKeys); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return nil, fmt.Errorf("unknown key %q (%s)", key, hint)
	}
	if glob == "" {
		return nil, errors.New(key + ": has no value")
	}
	for _, s := range n.subjects() {
		if v := of(s); v != "" && !slices.Contains(known, v) {
			known = append(known, v)
		}
	}
	slices.Sort(known)
	if !isGlob(glob) && !slices.ContainsFunc(known, func(v string) bool { return matchGlob(glob, v) }) {
		hint := key + ": " + some(known)
		if near := nearest(glob, known); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return nil, fmt.Errorf("no %s %s (%s)", key, glob, hint)
	}
	return func(s subject) bool { return matchGlob(glob, of(s)) }, nil
}

func isGlob(s string) bool { return strings.ContainsAny(s, `*?[\`) }

// matchGlob compares without letter case; the glob is in lower case and well-formed.
func matchGlob(glob, s string) bool {
	ok, err := path.Match(glob, strings.ToLower(s))
	return err == nil && ok
}

func (n *Network) deviceNames() []string {
	names := make([]string, 0, len(n.Devices))
	for _, d := range n.Devices {
		names = append(names, d.Name)
	}
	return names
}

// some is a list for a message: the first names, and how many more there are.
func some(names []string) string {
	const shown = 8
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
