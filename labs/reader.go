package labs

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader walks a topology file and collects its mistakes.
type reader struct {
	file string
	errs []error
}

func (r *reader) failf(line int, format string, args ...any) {
	r.errs = append(r.errs, &FileError{r.file, line, fmt.Sprintf(format, args...)})
}

// elsewhere are keys that containerlab knows and that have no meaning in a namespace, or none yet.
var elsewhere = map[string][]string{
	"the file": {"prefix", "settings"},
	"mgmt":     {"bridge", "ipv4-range", "ipv6-range", "external-access"},
	"topology": {"defaults", "kinds", "groups"},
	"node": {
		"auto-remove", "cap-add", "certificate", "config", "cpu", "cpu-set", "devices", "dns", "enforce-startup-config", "entrypoint", "env-files",
		"extras", "license", "memory", "ports", "publish", "restart-policy", "runtime", "shm-size", "stages", "startup-delay",
		"suppress-startup-config", "sysctls", "type", "user",
	},
	"link": {"type", "endpoint", "host-interface", "labels", "vars"},
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// mapping reads a map with a function for each key that may be.
func (r *reader) mapping(n *yaml.Node, what string, keys map[string]func(*yaml.Node)) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.failf(n.Line, "%s: expected keys with values", what)
		return
	}
	group, _, _ := strings.Cut(what, " ")
	if what == "the file" {
		group = what
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if first, ok := seen[key.Value]; ok {
			r.failf(key.Line, "%s: %s stands already in line %d", what, key.Value, first)
			continue
		}
		seen[key.Value] = key.Line
		read := keys[key.Value]
		switch {
		case read != nil:
			read(value)
		case slices.Contains(elsewhere[group], key.Value):
			r.failf(key.Line, "%s: %s is for containerlab, and does nothing here", what, key.Value)
		default:
			r.failf(key.Line, "%s: unknown key %s", what, key.Value)
		}
	}
}

// text reads a scalar that is a string, or also a number where containerlab takes one.
func (r *reader) text(what string, to *string, tags ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolve(n)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && !slices.Contains(tags, n.Tag) {
			r.failf(n.Line, "%s: expected a text%s", what, map[bool]string{true: " (in quotes, if it looks like something else)"}[n.Kind == yaml.ScalarNode])
			return
		}
		*to = n.Value
	}
}

// number reads a whole number of a range.
func (r *reader) number(what string, to *int, from, until int) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolve(n)
		v, err := strconv.Atoi(n.Value)
		if err != nil || n.Tag != "!!int" || v < from || v > until {
			r.failf(n.Line, "%s: expected a number from %d to %d", what, from, until)
			return
		}
		*to = v
	}
}

func (r *reader) addr(what string, to *netip.Addr, is4 bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var text string
		r.text(what, &text)(n)
		a, err := netip.ParseAddr(text)
		if text != "" && (err != nil || a.Is4() != is4 || a.Zone() != "") {
			r.failf(n.Line, "%s: %q is no IPv%d address", what, text, map[bool]int{true: 4, false: 6}[is4])
			return
		}
		*to = a
	}
}

func (r *reader) prefix(what string, to *netip.Prefix, is4 bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		var text string
		r.text(what, &text)(n)
		p, err := netip.ParsePrefix(text)
		if text == "" {
			return
		}
		if err != nil || p.Addr().Is4() != is4 || p.Masked() != p {
			r.failf(n.Line, "%s: %q is no IPv%d network, such as %s", what, text, map[bool]int{true: 4, false: 6}[is4],
				map[bool]string{true: "192.0.2.192/28", false: "2001:db8::/64"}[is4])
			return
		}
		*to = p
	}
}

// list reads a list of texts.
func (r *reader) list(what string, each func(text string, line int)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolve(n)
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			r.failf(n.Line, "%s: expected a list", what)
			return
		}
		for _, item := range n.Content {
			var text string
			r.text(what, &text)(item)
			if text != "" {
				each(text, item.Line)
			}
		}
	}
}

// texts reads a map of texts and numbers.
func (r *reader) texts(what string, to *map[string]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		n = resolve(n)
		if n.Kind != yaml.MappingNode {
			r.failf(n.Line, "%s: expected keys with values", what)
			return
		}
		*to = map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			var text string
			r.text(what+" "+n.Content[i].Value, &text, "!!int", "!!float")(n.Content[i+1])
			(*to)[n.Content[i].Value] = text
		}
	}
}

func (r *reader) topology(t *Topology, root *yaml.Node) {
	var links *yaml.Node
	nodes := false
	r.mapping(root, "the file", map[string]func(*yaml.Node){
		"name": func(n *yaml.Node) {
			r.text("name", &t.Name)(n)
			if t.Name != "" && !labName.MatchString(t.Name) {
				r.failf(n.Line, "name %q: expected at most 12 of a-z, 0-9 and -, a letter first: it becomes part of the name of an interface", t.Name)
			}
		},
		"mgmt": func(n *yaml.Node) { r.mgmt(&t.Mgmt, n) },
		"topology": func(n *yaml.Node) {
			r.mapping(n, "topology", map[string]func(*yaml.Node){
				"nodes": func(n *yaml.Node) { nodes = true; r.nodes(t, n) },
				"links": func(n *yaml.Node) { links = resolve(n) },
			})
		},
	})
	if t.Name == "" && len(r.errs) == 0 {
		r.failf(root.Line, "the lab has no name")
	}
	if !nodes && len(r.errs) == 0 {
		r.failf(root.Line, "topology: there are no nodes")
	}
	if links == nil {
		return
	}
	if links.Kind != yaml.SequenceNode || len(links.Content) == 0 {
		r.failf(links.Line, "links: expected a list")
		return
	}
	for _, n := range links.Content {
		r.link(t, n)
	}
}

func (r *reader) mgmt(m *Mgmt, n *yaml.Node) {
	var network string
	m.MTU = 1500
	r.mapping(n, "mgmt", map[string]func(*yaml.Node){
		"network":     r.text("mgmt network", &network),
		"ipv4-subnet": r.prefix("mgmt ipv4-subnet", &m.IPv4, true),
		"ipv6-subnet": r.prefix("mgmt ipv6-subnet", &m.IPv6, false),
		"ipv4-gw":     r.addr("mgmt ipv4-gw", &m.IPv4Gateway, true),
		"ipv6-gw":     r.addr("mgmt ipv6-gw", &m.IPv6Gateway, false),
		"mtu":         r.number("mgmt mtu", &m.MTU, 1280, 65535),
	})
	for _, f := range []struct {
		subnet  netip.Prefix
		gateway *netip.Addr
		key     string
	}{{m.IPv4, &m.IPv4Gateway, "ipv4-gw"}, {m.IPv6, &m.IPv6Gateway, "ipv6-gw"}} {
		switch {
		case f.subnet.IsValid() && !f.gateway.IsValid():
			*f.gateway = f.subnet.Addr().Next()
		case f.gateway.IsValid() && (!f.subnet.IsValid() || !f.subnet.Contains(*f.gateway)):
			r.failf(resolve(n).Line, "mgmt %s: %s is not in the management network", f.key, *f.gateway)
		}
	}
}

func (r *reader) nodes(t *Topology, n *yaml.Node) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.failf(n.Line, "nodes: expected names of nodes, each with its kind")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		switch {
		case !nodeName.MatchString(name.Value):
			r.failf(name.Line, "node %q: expected a name of letters, digits, and . _ - behind the first", name.Value)
		case t.Node(name.Value) != nil:
			r.failf(name.Line, "node %s stands already in line %d", name.Value, t.Node(name.Value).Line)
		default:
			t.Nodes = append(t.Nodes, r.node(name, n.Content[i+1]))
		}
	}
}

func (r *reader) node(name, value *yaml.Node) *Node {
	node := &Node{Name: name.Value, Line: name.Line}
	what := "node " + name.Value
	var kind, ignored, mode string
	r.mapping(value, what, map[string]func(*yaml.Node){
		"kind":              r.text(what+": kind", &kind),
		"image":             r.text(what+": image", &node.Image),
		"image-pull-policy": r.text(what+": image-pull-policy", &ignored),
		"group":             r.text(what+": group", &node.Group),
		"cmd":               r.text(what+": cmd", &node.Cmd),
		"startup-config":    r.text(what+": startup-config", &node.StartupConfig),
		"env":               r.texts(what+": env", &node.Env),
		"labels":            r.texts(what+": labels", &node.Labels),
		"mgmt-ipv4":         r.addr(what+": mgmt-ipv4", &node.MgmtIPv4, true),
		"mgmt-ipv6":         r.addr(what+": mgmt-ipv6", &node.MgmtIPv6, false),
		"network-mode": func(n *yaml.Node) {
			if r.text(what+": network-mode", &mode)(n); mode != "" && mode != "none" {
				r.failf(n.Line, "%s: network-mode %s: a node has a namespace of its own; only none may stand here", what, mode)
			}
		},
		"exec": r.list(what+": exec", func(text string, line int) {
			args, err := split(text)
			if err != nil || len(args) == 0 {
				r.failf(line, "%s: exec %q: %v", what, text, orEmpty(err))
				return
			}
			node.Exec = append(node.Exec, Command{args, line})
		}),
		"binds": r.list(what+": binds", func(text string, line int) {
			b, err := parseBind(text)
			if err != nil {
				r.failf(line, "%s: bind %q: %v", what, text, err)
			}
			node.Binds = append(node.Binds, b)
		}),
		"healthcheck": func(n *yaml.Node) { r.healthCheck(node, n) },
	})
	if mode == "none" && (node.MgmtIPv4.IsValid() || node.MgmtIPv6.IsValid()) {
		r.failf(node.Line, "%s: with network-mode none it has no management address", what)
	}
	if node.Cmd != "" {
		if _, err := split(node.Cmd); err != nil {
			r.failf(node.Line, "%s: cmd: %v", what, err)
		}
	}
	r.labels(node)
	switch {
	case kind == "" && len(r.errs) == 0:
		r.failf(node.Line, "%s: it has no kind: linux or bridge", what)
	case kind == string(LabRouter):
		r.failf(node.Line, "%s: a lab router is of kind linux and has the label %s: %s, for containerlab's sake", what, LabelKind, LabRouter)
	case kind == string(Linux) || kind == string(Bridge):
		if node.Kind == "" {
			node.Kind = Kind(kind)
		} else if kind != string(Linux) {
			r.failf(node.Line, "%s: a lab router is of kind linux", what)
		}
	case kind != "":
		r.failf(node.Line, "%s: kind %s needs an image and Docker; here there are linux and bridge", what, kind)
	}
	return node
}

// labels reads those that are ours.
func (r *reader) labels(n *Node) {
	for label, value := range n.Labels {
		switch label {
		case LabelKind:
			if value != string(LabRouter) {
				r.failf(n.Line, "node %s: label %s: expected %s", n.Name, LabelKind, LabRouter)
			}
			n.Kind = LabRouter
		case LabelArgs:
			if n.Labels[LabelKind] != string(LabRouter) {
				r.failf(n.Line, "node %s: label %s is for lab routers", n.Name, label)
			}
			if _, err := split(value); err != nil {
				r.failf(n.Line, "node %s: label %s: %q cannot be", n.Name, label, value)
			}
		case LabelCmd:
			if words, err := split(value); err != nil || len(words) == 0 || n.Cmd != "" || n.Labels[LabelKind] != "" {
				r.failf(n.Line, "node %s: label %s: %q cannot be: expected a command, and neither cmd nor a lab router", n.Name, label, value)
			}
		default:
			if strings.HasPrefix(label, "rhapsode.") {
				r.failf(n.Line, "node %s: unknown label %s", n.Name, label)
			}
		}
	}
}

func (r *reader) healthCheck(node *Node, n *yaml.Node) {
	what := "node " + node.Name + ": healthcheck"
	var ignored int
	r.mapping(n, what, map[string]func(*yaml.Node){
		"test":         r.list(what+" test", func(text string, _ int) { node.HealthCheck = append(node.HealthCheck, text) }),
		"retries":      r.number(what+" retries", &node.HealthRetries, 1, 10000),
		"interval":     r.number(what+" interval", &ignored, 1, 3600),
		"timeout":      r.number(what+" timeout", &ignored, 1, 3600),
		"start-period": r.number(what+" start-period", &ignored, 0, 3600),
	})
	test := node.HealthCheck
	switch {
	case len(test) > 1 && test[0] == "CMD":
		node.HealthCheck = test[1:]
	case len(test) == 2 && test[0] == "CMD-SHELL":
		node.HealthCheck = []string{"sh", "-c", test[1]}
	default:
		r.failf(resolve(n).Line, `%s: test: expected [CMD, PROGRAM, WORD...] or [CMD-SHELL, "a line of shell"]`, what)
	}
}

func (r *reader) link(t *Topology, n *yaml.Node) {
	l := Link{MTU: defaultMTU, Line: resolve(n).Line}
	var ends []Endpoint
	r.mapping(n, "link", map[string]func(*yaml.Node){
		"endpoints": r.list("link endpoints", func(text string, line int) {
			node, iface, ok := strings.Cut(text, ":")
			if !ok || !nodeName.MatchString(node) || !interfaceName.MatchString(iface) {
				r.failf(line, "endpoint %q: expected NODE:INTERFACE, an interface of at most 15 letters, digits, and . _ - behind the first", text)
				return
			}
			ends = append(ends, Endpoint{node, iface})
		}),
		"mtu": r.number("link mtu", &l.MTU, 68, 65535),
	})
	if len(ends) != 2 {
		r.failf(l.Line, "link: expected two endpoints")
		return
	}
	l.A, l.B = ends[0], ends[1]
	t.Links = append(t.Links, l)
}

func parseBind(text string) (Bind, error) {
	parts := strings.Split(text, ":")
	b := Bind{}
	switch {
	case len(parts) == 3 && parts[2] == "ro":
		b.ReadOnly = true
	case len(parts) == 3 && parts[2] == "rw", len(parts) == 2:
	default:
		return b, fmt.Errorf("expected FROM:TO, FROM:TO:ro or FROM:TO:rw")
	}
	b.From, b.To = parts[0], parts[1]
	if b.From == "" || !strings.HasPrefix(b.To, "/") {
		return b, fmt.Errorf("expected FROM:TO, where TO begins with /")
	}
	return b, nil
}

func orEmpty(err error) error {
	if err != nil {
		return err
	}
	return fmt.Errorf("no command")
}
