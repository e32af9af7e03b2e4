package forward

import (
	"errors"
	"strings"

	"rhapsode/labs/router"
)

// PlaneOptions is what a plane is made of. The zero value is one of the calling thread's namespace.
type PlaneOptions struct {
	// Namespace is a descriptor of the network namespace; 0: that of the calling thread.
	Namespace int
	// Interfaces gives the devices of interfaces (ge-0/0/0) and units (ge-0/0/0.10). What is not in it has the device whose
	// name is the same with - where Junos has / or :, if there is one.
	Interfaces map[string]string
	// Management are devices of the management instance, unless they stand for an interface: filters of lo0 do not see what
	// passes there, and nothing is passed on from or to them.
	Management []string
}

// linuxName is the name of a device that stands for an interface or a unit.
func linuxName(name string) string {
	if name == "lo0" {
		return "lo"
	}
	return strings.NewReplacer("/", "-", ":", "-").Replace(name)
}

// complaints are errors of the translation as a commit check has them.
func complaints(err error) []router.Complaint {
	if err == nil {
		return nil
	}
	var out []router.Complaint
	found, ok := errors.AsType[CheckErrors](err)
	if !ok {
		return []router.Complaint{{Message: err.Error()}}
	}
	for _, e := range found {
		out = append(out, router.Complaint{Path: e.Path, Statement: e.Statement, Message: e.Message})
	}
	return out
}
