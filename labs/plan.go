package labs

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
)

// mgmtInterface is the management interface of a node, as in containerlab.
const mgmtInterface = "eth0"

// prefix begins the names of all that a lab has outside of its namespaces, and those of the namespaces.
const prefix = "rl-"

// Verb is what a step does.
type Verb string

// The verbs, in the order in which they come.
const (
	MakeNamespace Verb = "namespace" // a network namespace by name
	MakeBridge    Verb = "bridge"    // a bridge inside of one
	MakeUplink    Verb = "uplink"    // the machine's own interface in the management network
	MakeLink      Verb = "link"      // a pair of interfaces in two namespaces
	StartProcess  Verb = "process"   // a program that runs for as long as the lab does
	RunCommand    Verb = "command"   // a program that ends
	AwaitHealth   Verb = "health"    // a program that is run until it ends with 0
)

// A Step is one thing that Up does. It is recorded before it is done.
type Step struct {
	Verb Verb   `json:"verb"`
	Name string `json:"name"` // of the namespace, bridge, uplink or link
	Node string `json:"node,omitempty"`

	A   Port `json:"a,omitzero"`   // of a bridge, only the namespace
	B   Port `json:"b,omitzero"`   // of an uplink, the end that is a port of the management bridge
	MTU int  `json:"mtu,omitzero"` // of a link or an uplink

	Args []string `json:"args,omitempty"` // of a program
	Line int      `json:"line,omitempty"` // of the file where a command stands

	PID     int    `json:"pid,omitempty"`   // of a process, once it runs
	Started uint64 `json:"start,omitempty"` // when, in the kernel's ticks: another process may get the number
}

// A Port is one end of a pair of interfaces.
type Port struct {
	Namespace string         `json:"namespace,omitempty"` // "": the machine's own
	Interface string         `json:"interface,omitempty"`
	Bridge    string         `json:"bridge,omitempty"` // that it is a port of
	Addresses []netip.Prefix `json:"addresses,omitempty"`
}

// String says what a step does, for people.
func (s Step) String() string {
	switch s.Verb {
	case MakeBridge:
		return fmt.Sprintf("bridge %s in %s", s.Name, s.A.Namespace)
	case MakeUplink:
		return fmt.Sprintf("interface %s %s", s.Name, s.A.Addresses)
	case StartProcess:
		return fmt.Sprintf("start in %s: %s", s.Node, quote(s.Args))
	case RunCommand:
		return fmt.Sprintf("run in %s: %s", s.Node, quote(s.Args))
	case AwaitHealth:
		return fmt.Sprintf("wait in %s for: %s", s.Node, quote(s.Args))
	}
	return fmt.Sprintf("%s %s", s.Verb, s.Name)
}

// namespace is the name of a node's network namespace, which `ip netns` lists too.
func namespace(lab, node string) string { return prefix + lab + "-" + node }

// Plan says what Up does to run a topology, in order. dir is the directory of the lab.
func Plan(t *Topology, dir string) []Step {
	var steps []Step
	managed := slices.ContainsFunc(t.Nodes, func(n *Node) bool { return len(mgmtAddresses(t, n)) > 0 })
	hub := prefix + t.Name
	if managed {
		steps = append(steps, Step{Verb: MakeNamespace, Name: hub})
	}
	for _, n := range t.Nodes {
		steps = append(steps, Step{Verb: MakeNamespace, Name: namespace(t.Name, n.Name), Node: n.Name})
	}
	if managed {
		steps = append(steps,
			Step{Verb: MakeBridge, Name: "mgmt", A: Port{Namespace: hub}},
			Step{
				Verb: MakeUplink, Name: hub, MTU: t.Mgmt.MTU, A: Port{Interface: hub, Addresses: gateways(t.Mgmt)},
				B: Port{Namespace: hub, Interface: "up", Bridge: "mgmt"},
			})
	}
	for _, n := range t.Nodes {
		if n.Kind == Bridge {
			steps = append(steps, Step{Verb: MakeBridge, Name: "br0", Node: n.Name, A: Port{Namespace: namespace(t.Name, n.Name)}})
		}
	}
	for i, n := range t.Nodes {
		if addresses := mgmtAddresses(t, n); len(addresses) > 0 {
			steps = append(steps, Step{
				Verb: MakeLink, Name: n.Name + ":" + mgmtInterface, MTU: t.Mgmt.MTU,
				A: Port{Namespace: namespace(t.Name, n.Name), Interface: mgmtInterface, Addresses: addresses},
				B: Port{Namespace: hub, Interface: fmt.Sprintf("node%d", i+1), Bridge: "mgmt"},
			})
		}
	}
	for _, l := range t.Links {
		steps = append(steps, Step{Verb: MakeLink, Name: l.A.String() + " " + l.B.String(), A: t.port(l.A), B: t.port(l.B), MTU: l.MTU})
	}
	return append(steps, programs(t, dir)...)
}

// programs are the steps that start something.
func programs(t *Topology, dir string) []Step {
	var steps []Step
	for _, n := range t.Nodes {
		var args []string
		if n.Kind == Linux {
			args, _ = split(n.command()) // read once already
		}
		if n.Kind == LabRouter {
			args = routerArgs(n, dir)
		}
		if len(args) > 0 {
			steps = append(steps, Step{Verb: StartProcess, Name: n.Name, Node: n.Name, Args: args})
		}
	}
	for _, n := range t.Nodes {
		for _, c := range n.Exec {
			steps = append(steps, Step{Verb: RunCommand, Name: n.Name, Node: n.Name, Args: c.Args, Line: c.Line})
		}
	}
	for _, n := range t.Nodes {
		if len(n.HealthCheck) > 0 {
			steps = append(steps, Step{Verb: AwaitHealth, Name: n.Name, Node: n.Name, Args: n.HealthCheck, Line: n.Line})
		}
	}
	return steps
}

// The account of a lab router, where its env says nothing else. The management network reaches no further than the machine.
const (
	RouterUser     = "lab"
	RouterPassword = "lab"
)

// The ports of a lab router: NETCONF (RFC 6242) and SSH.
const (
	netconfPort = 830
	sshPort     = 22
)

// routerArgs is the command line of a lab router.
func routerArgs(n *Node, dir string) []string {
	own := filepath.Join(dir, "nodes", n.Name)
	args := []string{
		"labrouter", "serve", "--hostname", n.Device(), "--user", cmp.Or(n.Env[EnvUser], RouterUser),
		"--listen", netip.AddrPortFrom(n.mgmt(), netconfPort).String(), "--ssh", netip.AddrPortFrom(n.mgmt(), sshPort).String(),
		"--state", filepath.Join(own, "state"), "--known-hosts", filepath.Join(own, "known_hosts"), "--control", filepath.Join(own, "control"),
	}
	if n.StartupConfig != "" {
		args = append(args, "--config", filepath.Join(own, "startup.conf"))
	}
	more, _ := split(n.Labels[LabelArgs]) // read once already
	return append(args, more...)
}

// mgmt is the management address that a lab router serves on.
func (n *Node) mgmt() netip.Addr {
	if n.MgmtIPv4.IsValid() {
		return n.MgmtIPv4
	}
	return n.MgmtIPv6
}

func mgmtAddresses(t *Topology, n *Node) []netip.Prefix {
	var out []netip.Prefix
	if n.MgmtIPv4.IsValid() {
		out = append(out, netip.PrefixFrom(n.MgmtIPv4, t.Mgmt.IPv4.Bits()))
	}
	if n.MgmtIPv6.IsValid() {
		out = append(out, netip.PrefixFrom(n.MgmtIPv6, t.Mgmt.IPv6.Bits()))
	}
	return out
}

func gateways(m Mgmt) []netip.Prefix {
	var out []netip.Prefix
	if m.IPv4.IsValid() {
		out = append(out, netip.PrefixFrom(m.IPv4Gateway, m.IPv4.Bits()))
	}
	if m.IPv6.IsValid() {
		out = append(out, netip.PrefixFrom(m.IPv6Gateway, m.IPv6.Bits()))
	}
	return out
}

// port is one end of a link; that of a bridge is a port of it.
func (t *Topology) port(e Endpoint) Port {
	p := Port{Namespace: namespace(t.Name, e.Node), Interface: e.Interface}
	if t.Node(e.Node).Kind == Bridge {
		p.Bridge = "br0"
	}
	return p
}
