package inventory

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What a device says of routing when nobody chose anything.
func TestRoutingDefaults(t *testing.T) {
	d := device(t, loadTree(t, exampleTree(t)), "cr1.ams")
	equal(t, "ecmp and maintenance", fmt.Sprint(d.ECMP, d.Maintenance), "false false")
	equal(t, "ospf_export", fmt.Sprint(d.OSPFExport), "[aggregates]")
	equal(t, "ibgp", d.IBGP, IBGP{Services: true})
	equal(t, "lvs", fmt.Sprint(d.LVS.Multipath, d.LVS.GracefulShutdown, d.LVS.BFD == nil, d.LVS.Auth == nil), "false false true true")
	if d.SNMP != nil || !d.RootPassword.IsZero() || len(d.Secrets()) > 0 || d.VLANs != nil || d.Zones != nil {
		t.Errorf("the example has %+v, %d secrets, %v, %v", d.SNMP, len(d.Secrets()), d.VLANs, d.Zones)
	}
}

func TestRouting(t *testing.T) {
	tree := exampleTree(t)
	common := strings.Replace(string(tree["common.yaml"].Data), "lvs:\n", `lvs:
  multipath: true
  gshut: true
  bfd: {interval: 300ms}
  auth: {method: md5, key: {form: junos-9, file: secrets/lvs}}
`, 1)
	common = strings.Replace(common, "  ada:\n", "  ada:\n    password: {form: crypt, env: ADA_PASSWORD}\n", 1)
	tree["common.yaml"].Data = []byte(common + `
ecmp: true
ospf_export: [services, aggregates]
ibgp:
  services: false
  bfd: {interval: 1s, multiplier: 5}
  auth: {method: ao, send_id: 1, receive_id: 2, key: {form: plain, command: [pass, show, ibgp]}}
root_password: {form: crypt, env: ROOT_PASSWORD}
snmp:
  contact: noc@example.net
  communities:
    noc: {community: {form: plain, env: SNMP_COMMUNITY}, clients: [203.0.113.128/27, 192.0.2.0/24]}
  trap_targets: [203.0.113.141]
`)
	tree["roles/core.yaml"].Data = append(tree["roles/core.yaml"].Data, "lvs: {bfd: {multiplier: 4}}\n"...)
	tree["devices/cr2.ams.yaml"].Data = append(tree["devices/cr2.ams.yaml"].Data, "maintenance: true\necmp: null\nospf_export: []\n"...)
	net := loadTree(t, tree)
	d := device(t, net, "cr1.ams")
	equal(t, "ecmp, maintenance, ospf_export", fmt.Sprint(d.ECMP, d.Maintenance, d.OSPFExport), "true false [aggregates services]")
	equal(t, "multipath, gshut", fmt.Sprint(d.LVS.Multipath, d.LVS.GracefulShutdown), "true true")
	equal(t, "lvs.bfd, of two layers", *d.LVS.BFD, BFD{300, 4})
	equal(t, "lvs.auth", fmt.Sprint(d.LVS.Auth.Method, d.LVS.Auth.Key.Form, d.LVS.Auth.Key.Reference()), "md5junos-9file secrets/lvs")
	equal(t, "ibgp.bfd", *d.IBGP.BFD, BFD{1000, 5})
	a := d.IBGP.Auth
	equal(t, "ibgp.auth", fmt.Sprint(d.IBGP.Services, a.Method, a.Algorithm, a.SendID, a.ReceiveID, a.Key.Command), "falseaohmac-sha-1-961 2 [pass show ibgp]")
	equal(t, "snmp", fmt.Sprint(d.SNMP.Contact, d.SNMP.TrapTargets, d.SNMP.Communities[0].Name, d.SNMP.Communities[0].Clients), "noc@example.net[203.0.113.141]noc[192.0.2.0/24 203.0.113.128/27]")
	var from []string
	for _, s := range d.Secrets() {
		from = append(from, s.Reference())
	}
	equal(t, "secrets", fmt.Sprint(from), "[$ROOT_PASSWORD $ADA_PASSWORD file secrets/lvs command pass $SNMP_COMMUNITY]")
	d = device(t, net, "cr2.ams")
	equal(t, "cr2", fmt.Sprint(d.ECMP, d.Maintenance, d.OSPFExport), "false true []")
	chain, err := net.Where("lvs.bfd.multiplier", d)
	if err != nil || len(chain) != 1 || chain[0].File != "roles/core.yaml" {
		t.Errorf("lvs.bfd.multiplier comes from %v, %v", chain, err)
	}
}

// An access switch: VLANs by name on its ports, its own address on an irb unit.
func TestSwitchAndFirewall(t *testing.T) {
	tree := exampleTree(t)
	tree["devices/cr1.ams.yaml"].Data = append(tree["devices/cr1.ams.yaml"].Data, `
vlans:
  servers: {id: 10, irb: 10, description: Servers of hall 1}
  guests: {id: 9}
security_zones:
  trust: {interfaces: [irb.10, lo0.0], services: [ssh, ping], protocols: [ospf]}
  untrust: {interfaces: [xe-0/1/0.0]}
security_policies:
  - {name: ssh-in, from: untrust, to: trust, destination: [203.0.113.128/27], applications: [junos-ssh], action: permit, log: true}
  - {name: rest, from: untrust, to: trust, action: deny}
`...)
	tree["devices/cr1.ams.yaml"].Data = []byte(strings.Replace(string(tree["devices/cr1.ams.yaml"].Data), "interfaces:\n", `interfaces:
  irb: {units: {10: {kind: servers, addresses: [203.0.113.225/28]}}}
  ge-0/0/1: {access: servers}
  ge-0/0/2: {trunk: [servers, guests], native_vlan: guests}
`, 1))
	d := device(t, loadTree(t, tree), "cr1.ams")
	equal(t, "VLANs", fmt.Sprint(d.VLANs[0].Name, d.VLANs[0].ID, d.VLANs[1].Name, d.VLANs[1].Description), "guests9serversServers of hall 1")
	equal(t, "irb", d.VLANs[1].IRB.Addresses[0], netip.MustParsePrefix("203.0.113.225/28"))
	ports := map[string]*Interface{}
	for _, i := range d.Interfaces {
		ports[i.Name] = i
	}
	equal(t, "access", ports["ge-0/0/1"].Access, d.VLANs[1])
	equal(t, "trunk", fmt.Sprint(ports["ge-0/0/2"].Trunk[0].Name, ports["ge-0/0/2"].Trunk[1].Name, ports["ge-0/0/2"].Native.Name), "guestsserversguests")
	equal(t, "zones", fmt.Sprint(*d.Zones[0], *d.Zones[1]), "{trust [irb.10 lo0.0] [ssh ping] [ospf]} {untrust [xe-0/1/0.0] [] []}")
	equal(t, "policies", fmt.Sprint(d.SecurityPolicies), "[{ssh-in untrust trust [] [203.0.113.128/27] [junos-ssh] permit true} {rest untrust trust [] [] [] deny false}]")
}
