package policies

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A token's name: letters, digits and - _ . + with a letter first, so that no address and no port reads as one. All of
// it is fit for the name of an address or a prefix-list on a router.
var tokenForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.+-]*$`)

// portForm is PORT/PROTOCOL or LOW-HIGH/PROTOCOL.
var portForm = regexp.MustCompile(`^([0-9]{1,5})(?:-([0-9]{1,5}))?/([a-z]+)$`)

// portProtocols are those that have ports.
var portProtocols = setOf("tcp", "udp", "sctp", "dccp")

// namingParser reads files of definitions.
type namingParser struct {
	out   *Definitions
	errs  DataErrors
	begun int // how many errors there were when the last definition began
}

// lines reads `NAME = value value # comment`; a line without = goes on with the name before it.
func (p *namingParser) lines(f File, into map[string]*binding, value func(word) (namedItem, bool)) {
	var current *binding
	number := 0
	for line := range strings.Lines(string(f.Data)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		rest, from := line, 0
		if name, values, ok := strings.Cut(line, "="); ok {
			p.unfinished(current)
			rest, from = values, len(name)+1
			at := place{f.Name, number, indentOf(name) + 1}
			current = p.define(into, word{strings.TrimSpace(name), at})
		}
		ws := split(rest, place{f.Name, number, from + 1})
		if current == nil && len(ws) > 0 {
			p.errs.add(ws[0].at, "write NAME = VALUE", "a value stands before any name")
			return
		}
		for _, w := range ws {
			if i, ok := value(w); ok {
				current.items = append(current.items, i)
			}
		}
	}
	p.unfinished(current)
}

// unfinished reports a name without values.
func (p *namingParser) unfinished(x *binding) {
	if x != nil && len(x.items) == 0 && len(p.errs) == p.begun {
		p.errs.add(x.at, "give it a value, or remove it", "%s has no value", x.name)
	}
}

// define begins a definition. One whose name is not taken is returned all the same, so that its values are read.
func (p *namingParser) define(into map[string]*binding, name word) *binding {
	x := &binding{name: name.text, at: name.at}
	switch first := into[name.text]; {
	case !tokenForm.MatchString(name.text):
		p.errs.add(name.at, "letters, digits and - _ . + with a letter first", "%q is no name", name.text)
	case first != nil:
		p.errs.add(name.at, "keep one of the two", "%s is defined twice, first at %s", name.text, first.at)
	default:
		into[name.text] = x
	}
	p.begun = len(p.errs)
	return x
}

// network reads an address, a prefix or the name of a network.
func (p *namingParser) network(w word) (namedItem, bool) {
	if i, ok := asName(w); ok {
		return i, true
	}
	prefix, hint, err := readPrefix(w.text)
	if err != nil {
		p.errs.add(w.at, hint, "%v", err)
		return namedItem{}, false
	}
	return namedItem{prefix: prefix, at: w.at}, true
}

// service reads 22/tcp, 6800-7100/tcp or the name of a service.
func (p *namingParser) service(w word) (namedItem, bool) {
	if i, ok := asName(w); ok {
		return i, true
	}
	port, err := readPort(w.text)
	if err != nil {
		p.errs.add(w.at, "write PORT/PROTOCOL, LOW-HIGH/PROTOCOL or the name of a service", "%v", err)
		return namedItem{}, false
	}
	return namedItem{port: port, at: w.at}, true
}

// asName reads a word as a name. A v6 address may begin with a letter, but has a colon; a service has a slash.
func asName(w word) (namedItem, bool) {
	return namedItem{token: w.text, at: w.at}, tokenForm.MatchString(w.text)
}

// readPrefix reads an address or a prefix without host bits.
func readPrefix(s string) (p netip.Prefix, hint string, err error) {
	p, err = parsePrefix(s)
	switch {
	case err != nil:
		return p, "write an address, a prefix or the name of a network", fmt.Errorf("%q is no address", s)
	case p.Addr().Is4In6():
		return p, "write it as IPv4", fmt.Errorf("%s is an IPv4 address in IPv6 clothes", s)
	case p.Masked() != p:
		return p, "write " + p.Masked().String() + " or " + host(p.Addr()).String(), fmt.Errorf("%s has bits set behind its length", s)
	}
	return p, "", nil
}

func readPort(s string) (Port, error) {
	m := portForm.FindStringSubmatch(s)
	if m == nil {
		return Port{}, fmt.Errorf("%q is no port with its protocol", s)
	}
	if !portProtocols[m[3]] {
		return Port{}, fmt.Errorf("%q: %s has no ports, tcp, udp, sctp and dccp have", s, m[3])
	}
	r, err := readRange(m[1], m[2])
	return Port{Protocol: m[3], Range: r}, err
}

// readRange reads the two ends of a range of ports; hi may be empty.
func readRange(lo, hi string) (Range, error) {
	if hi == "" {
		hi = lo
	}
	a, okA := parseNumber(lo, nil, 65535)
	b, okB := parseNumber(hi, nil, 65535)
	if !okA || !okB || a > b {
		return Range{}, fmt.Errorf("%s-%s is no range of ports from 0 to 65535", lo, hi)
	}
	return Range{a, b}, nil
}

// split gives the words of a line with their columns; at is where the line begins.
func split(line string, at place) []word {
	var out []word
	for i := 0; i < len(line); {
		i += indentOf(line[i:])
		end := i
		for end < len(line) && !isBlank(line[end]) {
			end++
		}
		if end > i {
			out = append(out, word{line[i:end], place{at.file, at.line, at.column + i}})
		}
		i = end
	}
	return out
}

// indentOf is how many blanks a line begins with.
func indentOf(line string) int {
	i := 0
	for i < len(line) && isBlank(line[i]) {
		i++
	}
	return i
}

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'
}

// yaml reads the form that Aerleon has for both kinds in one file:
//
//	networks: {NAME: {values: [{address: 192.0.2.1/32}, {name: OTHER}]}}
//	services: {NAME: [{protocol: tcp, port: 1024-65535}, {name: OTHER}]}
//
// An address may stand under `ip` too, and a network may be a plain list of values like a service. fqdn is refused:
// rendering asks no resolver.
func (p *namingParser) yaml(f File) {
	d, root := openYAML(f, &p.errs)
	if root == nil {
		return
	}
	for _, top := range d.pairs(root, "the file", setOf("networks", "services")) {
		for _, x := range d.pairs(top.value, top.key.text, nil) {
			values := x.value
			if values.Kind == yaml.MappingNode {
				values = nil
				for _, v := range d.pairs(x.value, x.key.text, setOf("values")) {
					values = v.value
				}
				if values == nil {
					d.fail(x.key.at, "write `values: [...]`", "%s has no values", x.key.text)
					continue
				}
			}
			into, read := p.out.networks, p.networkValue
			if top.key.text == "services" {
				into, read = p.out.services, p.serviceValue
			}
			current := p.define(into, x.key)
			for _, v := range d.list(values, x.key.text) {
				if i, ok := read(d, v); ok {
					current.items = append(current.items, i)
				}
			}
			p.unfinished(current)
		}
	}
}

// networkValue reads {address: A}, {ip: A} or {name: TOKEN}.
func (p *namingParser) networkValue(d *yamlFile, n *yaml.Node) (namedItem, bool) {
	var value, name word
	before := len(p.errs)
	for _, x := range d.pairs(n, "a value", setOf("address", "ip", "name", "comment")) {
		switch x.key.text {
		case "address", "ip":
			value = d.scalar(x.value, x.key.text)
		case "name":
			name = d.scalar(x.value, x.key.text)
		}
	}
	if len(p.errs) > before {
		return namedItem{}, false
	}
	if (value.text == "") == (name.text == "") {
		d.fail(d.at(n), "", "a value of a network has either `address` or `name`")
		return namedItem{}, false
	}
	if name.text != "" {
		return p.named(name)
	}
	if tokenForm.MatchString(value.text) {
		p.errs.add(value.at, "write `name: "+value.text+"`", "%q is no address", value.text)
		return namedItem{}, false
	}
	return p.network(value)
}

// serviceValue reads {port: P, protocol: X} or {name: TOKEN}.
func (p *namingParser) serviceValue(d *yamlFile, n *yaml.Node) (namedItem, bool) {
	var port, protocol, name word
	before := len(p.errs)
	for _, x := range d.pairs(n, "a value", setOf("port", "protocol", "name", "comment")) {
		switch x.key.text {
		case "port":
			port = d.scalar(x.value, x.key.text)
		case "protocol":
			protocol = d.scalar(x.value, x.key.text)
		case "name":
			name = d.scalar(x.value, x.key.text)
		}
	}
	switch {
	case len(p.errs) > before:
		return namedItem{}, false
	case name.text != "" && port.text == "" && protocol.text == "":
		return p.named(name)
	case name.text != "" || port.text == "" || protocol.text == "":
		d.fail(d.at(n), "", "a value of a service has `port` and `protocol`, or `name`")
		return namedItem{}, false
	}
	return p.service(word{port.text + "/" + protocol.text, port.at})
}

// named is a value that is another name.
func (p *namingParser) named(w word) (namedItem, bool) {
	i, ok := asName(w)
	if !ok {
		p.errs.add(w.at, "letters, digits and - _ . + with a letter first", "%q is no name", w.text)
	}
	return i, ok
}
