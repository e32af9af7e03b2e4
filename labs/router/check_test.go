package router

import (
	"testing"

	"rhapsode/diffs/junos"
)

func TestCheckConfiguration(t *testing.T) {
	const defined = `
policy-options {
    prefix-list P { 192.0.2.0/24; }
    community C members 64500:1;
    as-path A ".* 64501";
    policy-statement NONE { then reject; }
    policy-statement GOOD {
        term a { from { prefix-list P; community C; as-path A; policy NONE; } then accept; }
        term b { from { prefix-list-filter P longer; } then { community add C; accept; } }
    }
}
firewall {
    policer LIMIT { if-exceeding { bandwidth-limit 1m; burst-size-limit 10k; } then discard; }
    family inet {
        filter inner { term x { then accept; } }
        filter outer {
            term y { from { source-prefix-list { P except; } } then { policer LIMIT; accept; } }
            term z { filter inner; }
        }
    }
    family inet6 { filter six { term x { then accept; } } }
}
interfaces { ge-0/0/0 { unit 0 { family inet { filter { input outer; } } family inet6 { filter { input-list [ six ]; } } } } }
routing-options { aggregate { route 192.0.2.0/24 policy GOOD; } }
protocols { bgp { export NONE; group G { import ( GOOD && ! NONE ); neighbor 192.0.2.1 { export [ GOOD NONE ]; } } } }
`
	if got := checkConfiguration(parse(t, defined)); got != nil {
		t.Fatalf("faults in a good configuration:\n%s", got.text())
	}
	for _, tt := range []struct{ change, want string }{
		{"delete policy-options prefix-list P", `[edit policy-options policy-statement GOOD term a from]
  'prefix-list'
    Policy error: Prefix-list P referenced but not defined
[edit policy-options policy-statement GOOD term b from]
  'prefix-list-filter'
    Policy error: Prefix-list P referenced but not defined
[edit firewall family inet filter outer term y from]
  'source-prefix-list'
    Policy error: Prefix-list P referenced but not defined
`},
		{"delete policy-options community C", `[edit policy-options policy-statement GOOD term a from]
  'community'
    Policy error: Community C referenced but not defined
[edit policy-options policy-statement GOOD term b then]
  'community'
    Policy error: Community C referenced but not defined
`},
		{"deactivate policy-options as-path A", `[edit policy-options policy-statement GOOD term a from]
  'as-path'
    Policy error: As-path A referenced but not defined
`},
		{"delete policy-options policy-statement NONE", `[edit policy-options policy-statement GOOD term a from]
  'policy'
    Policy error: Policy NONE referenced but not defined
[edit protocols bgp group G]
  'import'
    Policy error: Policy NONE referenced but not defined
[edit protocols bgp group G neighbor 192.0.2.1]
  'export'
    Policy error: Policy NONE referenced but not defined
[edit protocols bgp]
  'export'
    Policy error: Policy NONE referenced but not defined
`},
		{"delete firewall family inet filter inner", `[edit firewall family inet filter outer term z]
  'filter'
    Referenced filter 'inner' is not defined
`},
		{"delete firewall family inet filter outer", `[edit interfaces ge-0/0/0 unit 0 family inet filter]
  'input'
    Referenced filter 'outer' is not defined
`},
		{"delete firewall family inet6", `[edit interfaces ge-0/0/0 unit 0 family inet6 filter]
  'input-list'
    Referenced filter 'six' is not defined
`},
		{"delete firewall policer LIMIT", `[edit firewall family inet filter outer term y then]
  'policer'
    Referenced policer 'LIMIT' is not defined
`},
		{"set routing-options aggregate route 198.51.100.0/24 policy MISSING", `[edit routing-options aggregate route 198.51.100.0/24]
  'policy'
    Policy error: Policy MISSING referenced but not defined
`},
		{"set groups X protocols bgp import MISSING", ""},
		{"deactivate protocols\ndelete policy-options policy-statement NONE\ndelete policy-options policy-statement GOOD term a from policy", ""},
	} {
		tree := parse(t, defined)
		if _, err := tree.Load("", []byte(tt.change+"\n"), junos.Set); err != nil {
			t.Fatal(err)
		}
		if got := checkConfiguration(tree).text(); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.change, got, tt.want)
		}
	}
}
