package devices

import (
	"net/netip"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

const wayIn = `groups {
    mgmt { system { services { netconf { ssh; } } } }
}
apply-groups mgmt;
system {
    authentication-order [ password radius ];
    services { ssh { root-login deny; } }
    login {
        class ops { permissions all; }
        user lab {
            class ops;
            authentication {
                encrypted-password "$6$a";
                ssh-ed25519 "ssh-ed25519 AAAA1 one";
                ssh-ed25519 "ssh-ed25519 AAAA2 two";
            }
        }
        user remote { class ops; }
        user plain { class super-user; authentication { encrypted-password "$6$b"; } }
    }
    root-authentication { encrypted-password "$6$c"; }
}
interfaces {
    fxp0 { unit 0 { family inet { filter { input mgmt; } address 192.0.2.9/24; } } }
    lo0 { unit 0 { family inet { filter { input-list [ re-in last ]; } } } }
    ge-0/0/0 { unit 0 { family inet { filter { input other; } address 198.51.100.1/30; } } }
}
policy-options { prefix-list ops { 203.0.113.0/24; } }
firewall {
    family inet {
        filter mgmt { term a { from { source-prefix-list { ops; } } then accept; } }
        filter re-in { term a { then accept; } }
        filter last { term a { then accept; } }
        filter other { term a { then accept; } }
    }
}
routing-options { static { route 0.0.0.0/0 next-hop 198.51.100.2; route 203.0.113.0/24 { next-hop 192.0.2.1; no-readvertise; } } }
routing-instances { mgmt_junos { routing-options { static { route 203.0.113.0/25 next-hop 192.0.2.2; } } } }
`

// TestRisks: what a change risks, refusals in capitals.
func TestRisks(t *testing.T) {
	us := Access{Local: netip.MustParseAddrPort("192.0.2.9:830"), Remote: netip.MustParseAddrPort("203.0.113.7:51234"), User: "lab"}
	as := func(user string) Access { a := us; a.User = user; return a }
	far := us
	far.Remote = netip.MustParseAddrPort("198.51.100.200:1024")
	near := us
	near.Remote = netip.MustParseAddrPort("192.0.2.77:1024")
	for _, c := range []struct {
		edits  string
		access Access
		want   string
	}{
		{"set system host-name x", us, ""},
		{"delete system services ssh", us, "REFUSE system services ssh is removed"},
		{"deactivate system services", us, "REFUSE system services ssh is removed"},
		{"delete apply-groups", us, "REFUSE system services netconf ssh is removed"},
		{"set system services netconf ssh port 2022", us, "REFUSE the port of system services netconf ssh changes"},
		{"set system services ssh root-login allow", us, ""},
		{"delete system login user lab", us, "REFUSE our own user lab is removed"},
		{"deactivate system login", us, "REFUSE our own user lab is removed"},
		{"delete system login user lab", as("plain"), ""},
		{"set system login user lab class read-only", us, "REFUSE the class of our own user lab changes from ops to read-only"},
		{"set system login class ops deny-commands commit", us, "look the class ops of our own user lab changes"},
		{"delete system login user lab authentication ssh-ed25519 \"ssh-ed25519 AAAA1 one\"", us, "REFUSE 1 of the 2 keys of our own user lab"},
		{"set system login user lab authentication ssh-ed25519 \"ssh-ed25519 AAAA3 x\"", us, ""},
		{"set system login user lab authentication encrypted-password \"$6$z\"", us, "look the password of our own user lab"},
		{"set system login user plain authentication encrypted-password \"$6$z\"", as("plain"), "REFUSE the password of our own user plain"},
		{"delete system root-authentication", as("root"), "REFUSE the password of root"},
		{"delete system login user remote", as("someone"), "REFUSE the account remote"},
		{"delete system authentication-order", us, "look system authentication-order changes"},
		{"delete interfaces fxp0 unit 0 family inet address 192.0.2.9/24", us, "REFUSE the address 192.0.2.9 on fxp0.0"},
		{"deactivate interfaces fxp0", us, "REFUSE the address 192.0.2.9 on fxp0.0"},
		{"delete interfaces", us, "REFUSE the address 192.0.2.9 on fxp0.0"},
		{"set interfaces fxp0 disable", us, "REFUSE the interface fxp0.0, by which we come in, is disabled"},
		{"set interfaces fxp0 unit 0 disable", us, "REFUSE the interface fxp0.0, by which we come in, is disabled"},
		{"delete interfaces fxp0 unit 0 family inet address\nset interfaces fxp0 unit 0 family inet address 192.0.2.9/25", us, "REFUSE the prefix length of 192.0.2.9"},
		{"delete interfaces fxp0\nset interfaces ge-0/0/1 unit 0 family inet address 192.0.2.9/24", us, "REFUSE the address 192.0.2.9, by which we come in, moves from fxp0.0 to ge-0/0/1.0"},
		{"set interfaces fxp0 mtu 1400", us, "look the interface fxp0"},
		{"set interfaces fxp0 description x", us, ""},
		{"delete interfaces ge-0/0/0", us, ""},
		{"delete interfaces fxp0 unit 0 family inet filter", us, ""},
		{"delete routing-options static route 203.0.113.0/24", us, "REFUSE the static route 203.0.113.0/24, which leads to us, is removed"},
		{"deactivate routing-options static", us, "REFUSE the static route 203.0.113.0/24, which leads to us, is removed"},
		{"delete routing-options static route 203.0.113.0/24 next-hop\nset routing-options static route 203.0.113.0/24 next-hop 192.0.2.3", us, "REFUSE the static route 203.0.113.0/24, which leads to us, changes"},
		{"delete routing-instances mgmt_junos", us, "REFUSE the static route 203.0.113.0/25, which leads to us, is removed or deactivated in routing instance mgmt_junos"},
		{"delete routing-options static route 0.0.0.0/0", us, ""},
		{"delete routing-options static route 0.0.0.0/0", far, "REFUSE the static route 0.0.0.0/0"},
		{"delete routing-options static", near, ""},
		{"set firewall family inet filter mgmt term b then discard", us, "look the input filter of fxp0.0 family inet changes"},
		{"delete policy-options prefix-list ops 203.0.113.0/24", us, "look the input filter of fxp0.0 family inet changes"},
		{"set firewall family inet filter last term b then discard", us, "look the input filter of lo0.0 family inet changes"},
		{"delete interfaces lo0 unit 0 family inet filter input-list re-in", us, "look the input filter of lo0.0 family inet changes"},
		{"set interfaces lo0 unit 0 family inet6 filter input x", us, "look the input filter of lo0.0 family inet6 is new"},
		{"set firewall family inet filter other term b then discard", us, ""},
		{"delete system login user lab\ndelete routing-options static\ndelete interfaces fxp0", Access{}, ""},
	} {
		before, err := junos.Parse("before", []byte(wayIn), nil)
		if err != nil {
			t.Fatal(err)
		}
		after := before.Clone()
		if _, err := after.Load("edits", []byte(c.edits+"\n"), junos.Set); err != nil {
			t.Fatalf("%s: %v", c.edits, err)
		}
		risks := Risks(before, after, c.access)
		var got []string
		for _, r := range risks {
			verb := "look"
			if r.Refuse {
				verb = "REFUSE"
			}
			got = append(got, verb+" "+r.Text)
		}
		if s := strings.Join(got, "; "); c.want == "" && s != "" || c.want != "" && !strings.HasPrefix(s, c.want) {
			t.Errorf("%s\nrisks %q, want %q", c.edits, s, c.want)
		}
		if r := Risks(before, before.Clone(), c.access); len(r) != 0 {
			t.Errorf("no change risks %v", r)
		}
		for _, r := range Risks(after, before, c.access) { // the way back is never a panic
			_ = r.String()
		}
	}
}
