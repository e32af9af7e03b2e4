package templates

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"rhapsode/inventory"
)

// ref says that something was made from a value of the inventory.
type ref struct {
	device *inventory.Device // whose merged values hold the key
	key    string            // as Network.Where wants it
	text   string            // the value as it is printed; empty for a list or a struct
	name   bool              // the name of the device's file is meant; key is one that stands in the file
	object bool              // it went into an object of package policies, perhaps not into each of its lines
}

// keyer finds the inventory's key of a fact that a template reads: the place of the struct, and in it the field.
type keyer struct {
	net    *inventory.Network
	device *inventory.Device
}

// fieldKeys are the keys of the fields of the facts, below the key of the struct that they are in. Alternatives are tried
// in order; one that begins with / counts from the top.
var fieldKeys = map[string]map[string][]string{
	"Network": {"Domain": {"/domain"}, "ASN": {"/asn"}, "Prefixes": {"/prefixes"}},
	"Site":    {"ServicePrefixes": {"service_prefixes"}, "PingOffload": {"ping_offload"}, "Description": {"description"}},
	"Host":    {"Name": {""}, "FQDN": {""}, "Kind": {"kind"}, "Addr4": {"ipv4"}, "Addr6": {"ipv6"}, "MED": {"med"}},
	"Device": {
		"Role": {"role"}, "Type": {"type"}, "Status": {"status"}, "Site": {"site"},
		"RouterID": {"router_id", "loopback.ipv4"}, "Loopback4": {"loopback.ipv4"}, "Loopback6": {"loopback.ipv6"},
		"Management": {"management"}, "Interfaces": {"interfaces"}, "Users": {"users"}, "LVS": {"lvs"}, "Transits": {"transits"},
		"NTPServers": {"ntp_servers"}, "NameServers": {"name_servers"}, "SyslogHosts": {"syslog_hosts"}, "StaticRoutes": {"static_routes"},
		"Policies": {"policies"}, "LoopbackFilters": {"loopback_filters"},
		"ECMP": {"ecmp"}, "Maintenance": {"maintenance"}, "OSPFExport": {"ospf_export"}, "IBGP": {"ibgp"}, "SNMP": {"snmp"},
		"RootPassword": {"root_password"}, "VLANs": {"vlans"}, "Zones": {"security_zones"}, "SecurityPolicies": {"security_policies"},
	},
	"Management": {"Interface": {"interface"}, "Address": {"address"}, "Gateway": {"gateway"}},
	"LVS": {
		"PeerASN": {"peer_asn"}, "HoldTimeSeconds": {"hold_time"}, "PrefixLimit": {"prefix_limit"}, "TeardownPercent": {"teardown_percent"},
		"Multipath": {"multipath"}, "BFD": {"bfd"}, "Auth": {"auth"}, "GracefulShutdown": {"gshut"},
	},
	"IBGP":          {"Services": {"services"}, "BFD": {"bfd"}, "Auth": {"auth"}},
	"BFD":           {"IntervalMilliseconds": {"interval"}, "Multiplier": {"multiplier"}},
	"Auth":          {"Method": {"method"}, "Key": {"key"}, "Algorithm": {"algorithm"}, "SendID": {"send_id"}, "ReceiveID": {"receive_id"}},
	"SNMP":          {"Contact": {"contact"}, "Location": {"location"}, "Communities": {"communities"}, "TrapTargets": {"trap_targets"}},
	"SNMPCommunity": {"Name": {""}, "Community": {"community"}, "Clients": {"clients"}},
	"VLAN":          {"Name": {""}, "ID": {"id"}, "Description": {"description"}, "IRB": {"irb"}},
	"Zone":          {"Name": {""}, "Interfaces": {"interfaces"}, "Services": {"services"}, "Protocols": {"protocols"}},
	"SecurityPolicy": {
		"Name": {"name"}, "From": {"from"}, "To": {"to"}, "Source": {"source"}, "Destination": {"destination"},
		"Applications": {"applications"}, "Action": {"action"}, "Log": {"log"},
	},
	"Interface": {"Name": {""}, "Description": {"description"}, "MTU": {"mtu"}, "Units": {"units"}, "Access": {"access"}, "Trunk": {"trunk"}, "Native": {"native_vlan"}},
	"Unit": {
		"Number": {""}, "Description": {"description"}, "Kind": {"kind"}, "VLAN": {"vlan"}, "Addresses": {"addresses"}, "Metric": {"metric"},
		"Filters": {"filters"},
	},
	"Peer":        {"Name": {"provider"}, "Addr": {""}, "ASN": {"/providers.NAME.asn"}, "PrefixLimit": {"prefix_limit", "/providers.NAME.prefix_limit"}, "BFD": {"bfd"}, "Auth": {"auth"}},
	"User":        {"Name": {""}, "UID": {"uid"}, "Class": {"class"}, "SSHKeys": {"ssh_keys"}, "Password": {"password"}},
	"StaticRoute": {"Prefix": {"prefix"}, "NextHop": {"next_hop"}},
	"VIP":         {"Addr": {""}, "Label": {""}},
	"PingOffload": {"Mode": {"mode"}, "Redirect4": {"redirect4"}, "Redirect6": {"redirect6"}, "VIPs": {"vips"}, "Exempt": {"exempt", "/prefixes"}},
	"Service":     {"Name": {""}, "Port": {"port"}, "Protocol": {"lvs.protocol"}},
}

// field gives what a field of a struct was made from; none for what is no fact.
func (k *keyer) field(receiver reflect.Value, name string) []ref {
	v := receiver
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return nil
	}
	if p, ok := v.Interface().(page); ok {
		return k.ofPage(&p, name)
	}
	switch x := v.Interface().(type) {
	case inventory.Device:
		switch name {
		case "InternalPeers":
			return k.peers(&x)
		case "Name", "FQDN":
			d, _, _ := k.place(v)
			return []ref{{device: d, key: "role", text: x.Name, name: true}}
		}
	case inventory.LVS:
		if name == "Neighbors" {
			return k.each(x.Neighbors, "Kind")
		}
	}
	f := v.FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return k.fact(v, name, printed(f))
}

// fact is field for a known field of a struct.
func (k *keyer) fact(v reflect.Value, name, text string) []ref {
	alternatives, ok := fieldKeys[v.Type().Name()][name]
	if !ok || v.Type().PkgPath() != "rhapsode/inventory" {
		return nil
	}
	device, base, provider := k.place(v)
	if device == nil {
		return nil
	}
	var last ref
	for _, a := range alternatives {
		key, top := strings.CutPrefix(a, "/")
		if !top {
			key = strings.Trim(base+"."+a, ".")
		}
		key = strings.Replace(key, "NAME", provider, 1)
		last = ref{device: device, key: key, text: text}
		if _, err := k.net.Where(key, device); err == nil {
			return []ref{last}
		}
	}
	if base == "" && len(alternatives) > 0 && !strings.Contains(last.key, ".") {
		return nil // nothing sets it: a default
	}
	return []ref{last}
}

// place is the key of a struct, the device to look it up for, and for a peer its provider's name. The device is nil when
// the struct has no place of its own.
func (k *keyer) place(v reflect.Value) (device *inventory.Device, key, provider string) {
	d := k.device
	switch x := v.Interface().(type) {
	case inventory.Network:
		return d, "", ""
	case inventory.Device:
		for _, other := range k.net.Devices {
			if other.Name == x.Name {
				return other, "", ""
			}
		}
	case inventory.Site:
		return d, "sites." + x.Name, ""
	case inventory.PingOffload:
		return d, "sites." + d.Site.Name + ".ping_offload", ""
	case inventory.Host:
		return d, "sites." + x.Site.Name + ".hosts." + strings.TrimSuffix(x.Name, "."+x.Site.Name), ""
	case inventory.Management:
		return d, "management", ""
	case inventory.LVS:
		return d, "lvs", ""
	case inventory.Interface:
		return d, "interfaces." + x.Name, ""
	case inventory.Unit:
		return k.unit(&x)
	case inventory.IBGP:
		return d, "ibgp", ""
	case inventory.BFD, inventory.Auth:
		return k.session(v)
	case inventory.SNMP:
		return d, "snmp", ""
	case inventory.SNMPCommunity:
		return d, "snmp.communities." + x.Name, ""
	case inventory.VLAN:
		return d, "vlans." + x.Name, ""
	case inventory.Zone:
		return d, "security_zones." + x.Name, ""
	case inventory.SecurityPolicy:
		for i, p := range d.SecurityPolicies {
			if p.Name == x.Name && p.From == x.From && p.To == x.To {
				return d, fmt.Sprintf("security_policies.%d", i), ""
			}
		}
	case inventory.Peer:
		return d, "transits." + x.Addr.String(), x.Name
	case inventory.User:
		return d, "users." + x.Name, ""
	case inventory.StaticRoute:
		for i, r := range d.StaticRoutes {
			if r == x {
				return d, fmt.Sprintf("static_routes.%d", i), ""
			}
		}
	case inventory.Service:
		return d, "services." + x.Name, ""
	case inventory.VIP:
		return d, "services." + x.Service.Name + ".ip." + x.Site.Name + "." + x.Label, ""
	}
	return nil, "", ""
}

// unit finds the interface that a unit is of: no other unit of the device has its addresses.
func (k *keyer) unit(u *inventory.Unit) (*inventory.Device, string, string) {
	for _, i := range k.device.Interfaces {
		for _, other := range i.Units {
			if reflect.DeepEqual(other, u) {
				return k.device, fmt.Sprintf("interfaces.%s.units.%d", i.Name, u.Number), ""
			}
		}
	}
	return nil, "", ""
}

// session finds what a choice about a BGP session belongs to: each has a pointer of its own.
func (k *keyer) session(v reflect.Value) (*inventory.Device, string, string) {
	if !v.CanAddr() {
		return nil, "", ""
	}
	at, d := v.Addr().Interface(), k.device
	for key, holder := range map[string][]any{"lvs": {d.LVS.BFD, d.LVS.Auth}, "ibgp": {d.IBGP.BFD, d.IBGP.Auth}} {
		for i, word := range []string{".bfd", ".auth"} {
			if holder[i] == at {
				return d, key + word, ""
			}
		}
	}
	for _, p := range d.Transits {
		for i, word := range []string{".bfd", ".auth"} {
			if []any{p.BFD, p.Auth}[i] == at {
				return d, "transits." + p.Addr.String() + word, ""
			}
		}
	}
	return nil, "", ""
}

// peers are why a device has the internal peers that it has: their roles and their states.
func (k *keyer) peers(d *inventory.Device) []ref {
	var out []ref
	for _, p := range d.InternalPeers {
		out = append(out, ref{device: p, key: "role"}, ref{device: p, key: "status"})
	}
	return out
}

func (k *keyer) ofPage(p *page, name string) []ref {
	switch name {
	case "V6":
		return k.of(k.device, "Loopback6")
	case "Offload":
		return k.of(p.Site, "PingOffload")
	case "Transit4", "Transit6":
		return k.of(k.device, "Transits")
	case "Chosen":
		return k.of(k.device, "Policies")
	}
	return nil
}

// of gives what a field of a fact was made from; what is no fact has none.
func (k *keyer) of(x any, name string) []ref { return k.field(reflect.ValueOf(x), name) }

// each is of for every element of a list.
func (k *keyer) each(list any, name string) []ref {
	var out []ref
	v := reflect.ValueOf(list)
	for i := range v.Len() {
		out = append(out, k.field(v.Index(i), name)...)
	}
	return out
}

// printed is how a scalar is printed; empty for anything else.
func printed(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case netip.Addr:
		return x.String()
	case netip.Prefix:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Slice, reflect.Pointer, reflect.Map, reflect.Interface:
		return ""
	}
	return fmt.Sprint(v.Interface())
}
