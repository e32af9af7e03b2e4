package router

import (
	"fmt"
	"strings"
)

// The network between the routing engines: clients find out by it which engine they are talking to. (On a device it has
// other addresses, which nobody looks at.)
const (
	internalInstance = "__juniper_private1__"
	internalHosts    = "/etc/hosts.junos"
	internalMaster   = "127.1.0.1"
)

func internalAddress(engine int) string { return fmt.Sprintf("127.1.0.%d", 4+engine) }

// internal answers what is asked about that network; other questions of the same operations it leaves to whoever serves
// them.
func internal(op *element) operation {
	switch {
	case op.name == "get-interface-information" && op.value("routing-instance") == internalInstance:
		return (*netconf).internalInterfaces
	case op.name == "file-show" && op.value("filename") == internalHosts:
		return (*netconf).internalNames
	}
	return nil
}

// internalInterfaces lists the addresses of the engine that the session is with, which is the master.
func (n *netconf) internalInterfaces(*element) (string, error) {
	var b strings.Builder
	b.WriteString("<interface-information junos:style=\"terse\">\n<physical-interface>\n" + tag("name", "em0") +
		tag("admin-status", "up") + tag("oper-status", "up") + "<logical-interface>\n" + tag("name", "em0.0") +
		tag("admin-status", "up") + tag("oper-status", "up") + "<address-family>\n" + tag("address-family-name", "inet"))
	for _, address := range []string{internalMaster, internalAddress(0)} {
		b.WriteString("<interface-address>\n" + tag("ifa-local", address+"/2") + "</interface-address>\n")
	}
	b.WriteString("</address-family>\n</logical-interface>\n</physical-interface>\n</interface-information>\n")
	return b.String(), nil
}

// internalNames is the file that names those addresses.
func (n *netconf) internalNames(*element) (string, error) {
	text := internalMaster + "\tmaster\n"
	for i, name := range n.r.db.engines.names {
		text += internalAddress(i) + "\t" + name + "\n"
	}
	return fmt.Sprintf("<file-content filename=\"%s\" filesize=\"%d\" encoding=\"text\">\n%s</file-content>\n",
		internalHosts, len(text), escapeXML(text)), nil
}
