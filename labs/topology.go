package labs

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Kind is what a node is.
type Kind string

// The kinds. A lab router is written as kind linux with the label LabelKind, for containerlab knows no such kind.
const (
	Linux     Kind = "linux"     // a namespace with commands
	LabRouter Kind = "labrouter" // a namespace in which labrouter serves on the management address
	Bridge    Kind = "bridge"    // a switch: its links are ports of one segment
)

// The labels that mean something here. To containerlab they are labels of a container.
const (
	LabelKind = "rhapsode.kind" // labrouter
	LabelArgs = "rhapsode.args" // more words for labrouter serve
	LabelCmd  = "rhapsode.cmd"  // what runs in place of the image's own command, where that has to be another than cmd
)

// The variables of env that say how a lab router is called and who may log in, here as in its image (labs/image).
const (
	EnvHostname = "LABROUTER_HOSTNAME" // its name in the inventory; the node's name if absent
	EnvUser     = "LABROUTER_USER"
	EnvPassword = "LABROUTER_PASSWORD"
)

// defaultMTU is that of containerlab's links.
const defaultMTU = 9500

// A Topology is what a file says.
type Topology struct {
	Name  string
	File  string // where it was read, for messages
	Mgmt  Mgmt
	Nodes []*Node // in the order of the file, which is that of starting
	Links []Link
}

// Mgmt is the management network, which the machine itself takes part in. The zero value is none.
type Mgmt struct {
	IPv4, IPv6               netip.Prefix // masked
	IPv4Gateway, IPv6Gateway netip.Addr   // the machine's own addresses
	MTU                      int
}

// A Node is a router, a host or a switch.
type Node struct {
	Name          string
	Line          int
	Kind          Kind
	Image         string // of no meaning here
	Group         string // of no meaning here
	Cmd           string // what runs for as long as the lab does; "": nothing
	Exec          []Command
	Binds         []Bind
	Env           map[string]string
	Labels        map[string]string
	MgmtIPv4      netip.Addr
	MgmtIPv6      netip.Addr
	StartupConfig string   // a file beside the topology's
	HealthCheck   []string // a command that ends with 0 once the node is ready
	HealthRetries int      // 0: defaultRetries
}

// A Command is run in a node once all processes have started.
type Command struct {
	Args []string
	Line int
}

// A Bind puts a file or folder of the machine in the place of another, for the processes of the node alone.
type Bind struct {
	From, To string
	ReadOnly bool
}

// A Link is a pair of interfaces.
type Link struct {
	A, B Endpoint
	MTU  int
	Line int
}

// An Endpoint is an interface of a node.
type Endpoint struct{ Node, Interface string }

func (e Endpoint) String() string { return e.Node + ":" + e.Interface }

// A FileError is a mistake in a topology file.
type FileError struct {
	File string
	Line int
	Text string
}

func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Device is the name of a lab router in the inventory.
func (n *Node) Device() string { return or(n.Env[EnvHostname], n.Name) }

// command is what runs in a node for as long as the lab does.
func (n *Node) command() string { return or(n.Cmd, n.Labels[LabelCmd]) }

// Node finds a node, nil if there is none.
func (t *Topology) Node(name string) *Node {
	i := slices.IndexFunc(t.Nodes, func(n *Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return t.Nodes[i]
}

// Interfaces lists the interfaces of a node that links end at, in the order of the file.
func (t *Topology) Interfaces(node string) []string {
	var out []string
	for _, l := range t.Links {
		for _, e := range []Endpoint{l.A, l.B} {
			if e.Node == node {
				out = append(out, e.Interface)
			}
		}
	}
	return out
}

// Parse reads a topology file strictly: what is not known, or known to containerlab and not done here, is an error. The
// error joins a *FileError for each mistake.
func Parse(file string, text []byte) (*Topology, error) {
	r := &reader{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, yamlError(file, err)
	}
	t := &Topology{File: file}
	if len(doc.Content) == 0 {
		return nil, &FileError{file, 1, "the file is empty"}
	}
	r.topology(t, doc.Content[0])
	if len(r.errs) == 0 {
		r.check(t)
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return t, nil
}

// yamlLine finds the line in an error of the YAML reader.
var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func yamlError(file string, err error) error {
	text := err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, convErr := strconv.Atoi(m[1])
		if convErr == nil {
			return &FileError{file, line, strings.TrimPrefix(text, m[0])}
		}
	}
	return &FileError{file, 1, strings.TrimPrefix(text, "yaml: ")}
}

// The names that may be: a lab's is part of the name of an interface, of which the kernel takes 15 characters.
var (
	labName       = regexp.MustCompile(`^[a-z][a-z0-9-]{0,11}$`)
	nodeName      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	interfaceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$`)
)

// check looks at what the parts of a file say of each other.
func (r *reader) check(t *Topology) {
	used := map[Endpoint]int{}
	for _, l := range t.Links {
		for _, e := range []Endpoint{l.A, l.B} {
			if t.Node(e.Node) == nil {
				r.failf(l.Line, "endpoint %s: there is no node %s", e, e.Node)
			}
			if first, ok := used[e]; ok {
				r.failf(l.Line, "endpoint %s is used already, in line %d", e, first)
			}
			used[e] = l.Line
		}
		if a, b := t.Node(l.A.Node), t.Node(l.B.Node); a != nil && b != nil && a.Kind == Bridge && b.Kind == Bridge {
			r.failf(l.Line, "a link between two bridges makes one of them: leave one out")
		}
	}
	addresses := map[netip.Addr]string{t.Mgmt.IPv4Gateway: "the gateway", t.Mgmt.IPv6Gateway: "the gateway"}
	for _, n := range t.Nodes {
		r.checkNode(t, n, addresses)
	}
}

func (r *reader) checkNode(t *Topology, n *Node, addresses map[netip.Addr]string) {
	for _, m := range []struct {
		addr   netip.Addr
		subnet netip.Prefix
		key    string
	}{{n.MgmtIPv4, t.Mgmt.IPv4, "ipv4"}, {n.MgmtIPv6, t.Mgmt.IPv6, "ipv6"}} {
		switch {
		case !m.addr.IsValid():
			continue
		case !m.subnet.IsValid():
			r.failf(n.Line, "node %s has a mgmt-%s address, and mgmt has no %s-subnet", n.Name, m.key, m.key)
		case !m.subnet.Contains(m.addr) || m.addr == m.subnet.Addr():
			r.failf(n.Line, "node %s: %s is no address of a host in the management network %s", n.Name, m.addr, m.subnet)
		case addresses[m.addr] != "":
			r.failf(n.Line, "node %s: the management address %s is that of %s", n.Name, m.addr, addresses[m.addr])
		}
		addresses[m.addr] = n.Name
	}
	managed := n.MgmtIPv4.IsValid() || n.MgmtIPv6.IsValid()
	if managed && slices.Contains(t.Interfaces(n.Name), mgmtInterface) {
		r.failf(n.Line, "node %s: %s is the management interface; a link may not end at it", n.Name, mgmtInterface)
	}
	switch n.Kind {
	case LabRouter:
		if !nodeName.MatchString(n.Device()) {
			r.failf(n.Line, "node %s: %s %q is no name", n.Name, EnvHostname, n.Device())
		}
		if !managed {
			r.failf(n.Line, "node %s: a lab router serves on its management address: it needs mgmt-ipv4 or mgmt-ipv6", n.Name)
		}
		if n.Cmd != "" {
			r.failf(n.Line, "node %s: the command of a lab router is made from its labels (%s): leave cmd out", n.Name, LabelArgs)
		}
	case Bridge:
		if managed || n.command() != "" || len(n.Exec) > 0 || len(n.Binds) > 0 || len(n.HealthCheck) > 0 {
			r.failf(n.Line, "node %s: a bridge has links and nothing else", n.Name)
		}
	}
	if n.StartupConfig != "" {
		if n.Kind != LabRouter {
			r.failf(n.Line, "node %s: a startup-config is for a lab router (label %s: %s)", n.Name, LabelKind, LabRouter)
		}
		if path.IsAbs(n.StartupConfig) || strings.HasPrefix(path.Clean(n.StartupConfig), "..") {
			r.failf(n.Line, "node %s: the startup-config %s is not beside the topology file or below", n.Name, n.StartupConfig)
		}
	}
}
