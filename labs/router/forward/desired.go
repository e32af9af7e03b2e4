package forward

import (
	"net/netip"

	"rhapsode/diffs/junos"
	"rhapsode/labs/router"
	"rhapsode/policies"
)

// Desired is what a configuration comes to in a network namespace, but for its filters: plain data, the same for the same
// configuration and devices.
type Desired struct {
	Links     map[string]Link       // by device
	Addresses map[Address]bool      // all are true
	Routes    map[netip.Prefix]Path // of the main table, but for those that come with an address
	// Table is what `show route` lists, also what is not active.
	Table []router.Route
	// Interfaces are the names of Junos and the devices they stand for, physical and logical.
	Interfaces map[string]string
}

// Link is what is wanted of a device.
type Link struct {
	MTU  int // in bytes, of IP; 0: what it had before
	Down bool
}

// Address is an address of a device.
type Address struct {
	Device string
	Prefix netip.Prefix // with the bits of the host
}

// Kind is what becomes of a packet that takes a route.
type Kind string

// The kinds.
const (
	Unicast     Kind = "unicast"
	Blackhole   Kind = "blackhole"   // discard
	Unreachable Kind = "unreachable" // reject
)

// Path is where a route leads.
type Path struct {
	Kind    Kind
	Gateway netip.Addr
	Device  string
}

// Desire gives what a configuration comes to. device gives the Linux device of a physical (ge-0/0/0) or logical
// (ge-0/0/0.0) interface that has one of its own; empty: it has none, so that it is not there. The errors are all
// statements that can't be done.
func Desire(config *junos.Tree, device func(name string) string) (*Desired, error) {
	active, err := policies.Active(config)
	if err != nil {
		return nil, err
	}
	d := &desirer{
		device: device, statics: map[netip.Prefix]*declared{}, aggregates: map[netip.Prefix]*declared{},
		out: &Desired{Links: map[string]Link{}, Addresses: map[Address]bool{}, Routes: map[netip.Prefix]Path{}, Interfaces: map[string]string{}},
	}
	for _, line := range statements(active.Root.Children, nil) {
		if len(line) > 1 && line[0] == "interfaces" {
			d.interfaceLine(line)
		}
	}
	d.finishInterfaces()
	for _, line := range statements(active.Root.Children, nil) {
		if len(line) > 1 && line[0] == "routing-options" {
			d.routingLine(line)
		}
	}
	if len(d.found) > 0 {
		return nil, d.found
	}
	d.decide()
	return d.out, nil
}

// desirer collects what a configuration says.
type desirer struct {
	device     func(string) string
	ports      []*port
	statics    map[netip.Prefix]*declared
	aggregates map[netip.Prefix]*declared // and generated routes
	defaults   map[string]*declared       // by table and kind
	found      CheckErrors
	out        *Desired
}

func (d *desirer) refuse(path []string, statement, message string) {
	for _, x := range d.found {
		if x.Edit() == (&CheckError{Path: path}).Edit() && x.Statement == statement {
			return
		}
	}
	d.found = append(d.found, &CheckError{Path: path, Statement: statement, Message: message})
}
