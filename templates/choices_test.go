package templates

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// TestChoices makes one choice of the inventory at a time and shows what it changes, as set lines. What is rendered is
// known to our own table, to the last statement.
func TestChoices(t *testing.T) {
	key := inventory.Secret{Form: inventory.FormPlain, Env: "KEY"}
	crypt := inventory.Secret{Form: inventory.FormCrypt, Env: "HASH"}
	plainNet, plain := small()
	before := sound(t, plainNet, plain)
	for _, c := range []struct {
		name   string
		change func(*inventory.Device)
	}{
		{"ecmp", func(d *inventory.Device) { d.ECMP, d.LVS.Multipath = true, true }},
		{"bfd", func(d *inventory.Device) {
			b := &inventory.BFD{IntervalMilliseconds: 300, Multiplier: 3}
			d.LVS.BFD, d.IBGP.BFD, d.Transits[0].BFD = b, b, &inventory.BFD{IntervalMilliseconds: 1000, Multiplier: 5}
		}},
		{"auth-md5", func(d *inventory.Device) {
			d.LVS.Auth = &inventory.Auth{Method: inventory.MD5, Key: key}
			d.IBGP.Auth = &inventory.Auth{Method: inventory.MD5, Key: inventory.Secret{Form: inventory.FormJunos9, File: "k"}}
			d.Transits[1].Auth = &inventory.Auth{Method: inventory.MD5, Key: key}
		}},
		{"auth-ao", func(d *inventory.Device) {
			d.LVS.Auth = &inventory.Auth{Method: inventory.AO, Key: key, Algorithm: "hmac-sha-1-96", SendID: 1, ReceiveID: 2}
			d.IBGP.Auth = &inventory.Auth{Method: inventory.AO, Key: key, Algorithm: "aes-128-cmac-96"}
			d.Transits[1].Auth = &inventory.Auth{Method: inventory.AO, Key: key, Algorithm: "hmac-sha-1-96", SendID: 7, ReceiveID: 7}
		}},
		{"gshut", func(d *inventory.Device) { d.LVS.GracefulShutdown = true }},
		{"maintenance", func(d *inventory.Device) { d.Maintenance = true }},
		{"ospf-services", func(d *inventory.Device) {
			d.OSPFExport = []inventory.Exported{inventory.ExportAggregates, inventory.ExportServices}
		}},
		{"ospf-services-alone", func(d *inventory.Device) { d.OSPFExport = []inventory.Exported{inventory.ExportServices} }},
		{"ospf-none", func(d *inventory.Device) { d.OSPFExport = nil }},
		{"ibgp-no-services", func(d *inventory.Device) { d.IBGP.Services = false }},
		{"snmp", func(d *inventory.Device) {
			d.SNMP = &inventory.SNMP{
				Contact: "noc@example.net", Location: "Amsterdam; the north hall", TrapTargets: []netip.Addr{netip.MustParseAddr("192.0.2.142")},
				Communities: []inventory.SNMPCommunity{{Name: "monitoring", Community: key, Clients: prefixes("192.0.2.128/27", "2001:db8:1:10::/64")}},
			}
		}},
		{"passwords", func(d *inventory.Device) { d.RootPassword, d.Users[0].Password = crypt, crypt }},
		{"gateway", func(d *inventory.Device) { d.Management.Gateway = netip.MustParseAddr("192.0.2.193") }},
		{"gateway6", func(d *inventory.Device) {
			d.Management.Address, d.Management.Gateway = netip.MustParsePrefix("2001:db8:0:f::2/64"), netip.MustParseAddr("2001:db8:0:f::1")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, dev := small()
			c.change(dev)
			r := sound(t, net, dev)
			if guesses := junos.Guesses(r.Tree); len(guesses) > 0 {
				t.Errorf("our table does not know: %v", guesses)
			}
			golden(t, "choices/"+c.name, setDifference(before, r))
		})
	}
}

// TestSecrets: a device with a secret is rendered with what the renderer is told, or not at all.
func TestSecrets(t *testing.T) {
	net, dev := small()
	dev.LVS.Auth = &inventory.Auth{Method: inventory.MD5, Key: inventory.Secret{Form: inventory.FormPlain, Env: "PYBAL_KEY"}}
	if _, err := Render(net, dev); err == nil || !strings.Contains(err.Error(), "bgp.tmpl") || !strings.HasSuffix(err.Error(), "the secret ($PYBAL_KEY) can't be read here") {
		t.Errorf("got %v", err)
	}
	resolver := inventory.NewResolver("", func(name string) (string, bool) { return `two words`, name == "PYBAL_KEY" })
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Secret = func(s inventory.Secret) (string, error) { return resolver.Resolve(context.Background(), s) }
	got, err := r.Render(net, dev)
	if err != nil || !strings.Contains(got.Text, `authentication-key "two words"; ## SECRET-DATA`) {
		t.Errorf("%v, the key is missing", err)
	}
	dev.LVS.Auth.Key.Env = "NOSUCH"
	if _, err := r.Render(net, dev); err == nil || !strings.HasSuffix(err.Error(), "resolve secret ($NOSUCH): the variable is not set") {
		t.Errorf("got %v", err)
	}
}

// TestExplainChoices: every value of every choice is traced.
func TestExplainChoices(t *testing.T) {
	files := tree(t, "../inventory/example")
	files["roles/core.yaml"] = append(slices.Clone(files["roles/core.yaml"]), []byte(`
ecmp: true
maintenance: true
ospf_export: [aggregates, services]
root_password: {form: crypt, env: ROOT}
ibgp: {services: false, bfd: {interval: 300ms, multiplier: 4}, auth: {method: md5, key: {form: plain, env: IBGP}}}
lvs:
  multipath: true
  gshut: true
  bfd: {interval: 400ms}
  auth: {method: ao, key: {form: plain, env: LB}, send_id: 3, receive_id: 4}
snmp:
  location: the hall
  trap_targets: [203.0.113.142]
  communities: {monitoring: {community: {form: plain, env: SNMP}, clients: [203.0.113.128/27]}}
`)...)
	w, err := loadTree(files)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Secret = StandIn
	lines := explained(t, r, w, w.Devices[0])
	for text, want := range map[string]string{
		"export load_balance;": "ecmp", "load-balance per-packet;": "ecmp", "multipath;": "lvs.multipath", "minimum-interval 400;": "lvs.bfd.interval",
		"multiplier 4;": "ibgp.bfd.multiplier", "minimum-interval 300;": "ibgp.bfd.interval", "authentication-key redacted;": "ibgp.auth.key",
		"secret redacted;": "lvs.auth.key", "send-id 3;": "lvs.auth.send_id", "recv-id 4;": "lvs.auth.receive_id",
		"export ospf_export;": "ospf_export", "term services4 {": "ospf_export", "term no_services4 {": "ibgp.services",
		"term graceful_shutdown {": "maintenance", "term localpref_graceful_shutdown {": "lvs.gshut",
		"encrypted-password": "root_password", "location": "snmp.location", "community redacted": "snmp.communities.monitoring.community",
		"203.0.113.128/27;": "snmp.communities.monitoring.clients.0", "203.0.113.142;": "snmp.trap_targets.0",
	} {
		i := slices.IndexFunc(lines, func(l Line) bool {
			return strings.HasPrefix(strings.TrimPrefix(strings.TrimSpace(l.Text), "replace: "), text)
		})
		if i < 0 {
			t.Errorf("no line %s", text)
		} else if keys := keysOf(slices.Concat(lines[i].Values, lines[i].Because)); !slices.Contains(keys, want) {
			t.Errorf("%s: explained by %v, want %s", text, keys, want)
		}
	}
}
