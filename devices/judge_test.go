package devices

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/diffs/junos"
)

func peer(address, state string, accepted ...int) Peer {
	p := Peer{Address: address, State: state}
	for i, n := range accepted {
		p.Tables = append(p.Tables, PeerTable{Name: []string{"inet.0", "inet6.0"}[i], Accepted: n})
	}
	return p
}

// TestJudge: what fails, by check and subject, and what is only said (in brackets).
func TestJudge(t *testing.T) {
	vip := netip.MustParsePrefix("203.0.113.1/32")
	up := Route{Prefix: vip, Table: "inet.0", Protocol: "BGP", NextHops: []string{"192.0.2.1"}}
	down := Route{Prefix: vip, Table: "inet.0", Protocol: "Static", Kind: "Discard"}
	other := up
	other.Table = "offload.inet.0"
	pem := Alarm{Class: "Major", Type: "Chassis", Description: "PEM 1 Not Powered", subject: subjectChassis}
	rescue := Alarm{Class: "Minor", Description: "Rescue configuration is not set", subject: subjectSystem}
	output := func(text string) Snapshot { return Snapshot{Output: map[string]string{"c": text}} }
	check := func(c DeclaredCheck) Rules {
		c.Name, c.Command = "c", "show c"
		return Rules{Checks: []DeclaredCheck{c}}
	}
	for _, c := range []struct {
		name          string
		rules         Rules
		before, after Snapshot
		want          string
	}{
		{"nothing", Rules{}, Snapshot{}, Snapshot{}, ""},
		{"up and up", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, ""},
		{"up and down", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Active")}}, "bgp 192.0.2.1"},
		{"up and gone", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, Snapshot{}, "bgp 192.0.2.1"},
		{"down and down", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Idle")}}, Snapshot{}, ""},
		{"a new one is down", Rules{}, Snapshot{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Active")}}, ""},
		{"sessions are skipped", Rules{Skip: []Builtin{CheckBGP}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, Snapshot{}, ""},
		{"in an instance", Rules{}, Snapshot{Peers: []Peer{{Instance: "A", Address: "192.0.2.1", State: "Established"}}}, Snapshot{Peers: []Peer{{Instance: "A", Address: "192.0.2.1", State: "Active"}}}, "bgp 192.0.2.1 in A"},
		{"one that is down tells no instance", Rules{}, Snapshot{Peers: []Peer{{Instance: "A", Address: "192.0.2.1", State: "Established"}}}, Snapshot{Peers: []Peer{{Instance: "B", Address: "192.0.2.1", State: "Established"}, {Address: "192.0.2.1", State: "Active"}}}, "bgp 192.0.2.1 in A"},
		{"fell by 20 %", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 100)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 80)}}, ""},
		{"fell by 21 %", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 100)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 79)}}, "accepted-prefixes 192.0.2.1 inet.0"},
		{"fell by 21 % of a few", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 9)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 0)}}, ""},
		{"another limit", Rules{MaxDropPercent: 100}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 100)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established")}}, ""},
		{"another minimum", Rules{MinPrefixes: 1}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 1)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 0)}}, "accepted-prefixes 192.0.2.1 inet.0"},
		{"a table is gone", Rules{}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5, 50)}}, Snapshot{Peers: []Peer{peer("192.0.2.1", "Established", 5)}}, "accepted-prefixes 192.0.2.1 inet6.0"},
		{"a route stays", Rules{}, Snapshot{Routes: []Route{up}}, Snapshot{Routes: []Route{up}}, ""},
		{"a route goes", Rules{}, Snapshot{Routes: []Route{up}}, Snapshot{}, "routes 203.0.113.1/32 in inet.0"},
		{"a route goes from one table", Rules{}, Snapshot{Routes: []Route{up, other}}, Snapshot{Routes: []Route{other}}, "routes 203.0.113.1/32 in inet.0"},
		{"a next hop goes", Rules{}, Snapshot{Routes: []Route{up}}, Snapshot{Routes: []Route{down}}, "routes 203.0.113.1/32 in inet.0"},
		{"there was none", Rules{}, Snapshot{Routes: []Route{down}}, Snapshot{Routes: []Route{down}}, ""},
		{"a new major alarm", Rules{}, Snapshot{Alarms: []Alarm{rescue}}, Snapshot{Alarms: []Alarm{rescue, pem}}, "alarms Chassis"},
		{"an old major alarm", Rules{}, Snapshot{Alarms: []Alarm{pem}}, Snapshot{Alarms: []Alarm{pem}}, ""},
		{"a new minor alarm", Rules{}, Snapshot{}, Snapshot{Alarms: []Alarm{rescue}}, ""},
		{"could not be asked before", Rules{}, Snapshot{Missing: map[string]string{subjectChassis: "no"}}, Snapshot{Alarms: []Alarm{pem}}, ""},
		{"cannot be asked any more", Rules{}, Snapshot{Alarms: []Alarm{pem}}, Snapshot{Missing: map[string]string{subjectChassis: "no"}}, "reachable chassis alarms"},
		{"could never be asked", Rules{}, Snapshot{Missing: map[string]string{subjectPeers: "no"}}, Snapshot{Missing: map[string]string{subjectPeers: "no"}}, ""},
		{"match", check(DeclaredCheck{Match: "^up$"}), output("down\n"), output("x\nup\n"), ""},
		{"no match", check(DeclaredCheck{Match: "^up$"}), output("up\n"), output("x up\n"), "c"},
		{"match of what must not be", check(DeclaredCheck{NoMatch: "err"}), output(""), output("an error\n"), "c"},
		{"no match of what must not be", check(DeclaredCheck{NoMatch: "err"}), output("error\n"), output("fine\n"), ""},
		{"unchanged", check(DeclaredCheck{Unchanged: true, Ignore: `\d+ seconds`}), output("up 3 seconds\n"), output("up 45 seconds\n"), ""},
		{"changed", check(DeclaredCheck{Unchanged: true, Ignore: `\d+ seconds`}), output("up 3 seconds\n"), output("down 3 seconds\n"), "c"},
		{"count", check(DeclaredCheck{Count: &Count{Op: ">=", N: 2}}), output(""), output("a\n\nb\n"), ""},
		{"count of lines", check(DeclaredCheck{Count: &Count{Op: ">=", N: 2}, Lines: "^a"}), output(""), output("a\n\nb\n"), "c"},
		{"count as before", check(DeclaredCheck{Count: &Count{Op: "==", Before: true}}), output("a\nb\n"), output("c\nd\n"), ""},
		{"count as before less one", check(DeclaredCheck{Count: &Count{Op: ">=", Before: true, N: -1}}), output("a\nb\nc\n"), output("c\n"), "c"},
		{"two demands", check(DeclaredCheck{Match: "a", NoMatch: "b"}), output(""), output("b\n"), "c; c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.rules.Validate(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range Judge(c.rules, Expected{}, c.before, c.after) {
				s := strings.TrimSpace(f.Check + " " + f.Subject)
				if !f.Failed {
					s = "(" + s + ")"
				}
				if f.Why == "" || f.String() == "" {
					t.Errorf("%+v says nothing", f)
				}
				got = append(got, s)
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("the findings are %q, want %q", got, c.want)
			}
		})
	}
}

const bgpConfig = `groups { g { protocols { bgp { group <*> { family inet { unicast; } } } } } }
apply-groups g;
protocols {
    bgp {
        group A { neighbor 192.0.2.1; neighbor 192.0.2.2; neighbor 2001:db8::1; }
        group B { allow 198.51.100.0/24; }
    }
}
routing-instances { X { protocols { bgp { group C { neighbor 192.0.2.1; } } } } }
`

// TestExpect: what edits do to sessions.
func TestExpect(t *testing.T) {
	all := []Peer{
		peer("192.0.2.1", established, 100), peer("192.0.2.2", established, 100), peer("2001:db8:0::1", established, 100),
		peer("198.51.100.7", established, 100),
		{Instance: "X", Address: "192.0.2.1", State: established},
		peer("203.0.113.9", established, 100),
	}
	for _, c := range []struct{ edits, want string }{
		{"set system host-name x", ""},
		{"delete protocols bgp group A neighbor 192.0.2.2", "192.0.2.2"},
		{"deactivate protocols bgp group A neighbor 2001:db8::1", "2001:db8:0::1"},
		{"deactivate protocols bgp group A", "192.0.2.1 192.0.2.2 2001:db8:0::1"},
		{"deactivate protocols bgp", "192.0.2.1 192.0.2.2 2001:db8:0::1 198.51.100.7"},
		{"deactivate protocols", "192.0.2.1 192.0.2.2 2001:db8:0::1 198.51.100.7"},
		{"set protocols bgp group A neighbor 192.0.2.2 shutdown", "192.0.2.2"},
		{"delete protocols bgp group A neighbor 192.0.2.2\nset protocols bgp group B neighbor 192.0.2.2", "192.0.2.2"},
		{"delete protocols bgp group B allow 198.51.100.0/24", "198.51.100.7"},
		{"delete routing-instances X", "192.0.2.1 in X"},
		{"delete apply-groups", "(192.0.2.1 families) (192.0.2.2 families) (2001:db8:0::1 families) (198.51.100.7 families)"},
		{"set protocols bgp group A neighbor 192.0.2.1 family inet6 unicast", "(192.0.2.1 families)"},
	} {
		before, err := junos.Parse("before", []byte(bgpConfig), nil)
		if err != nil {
			t.Fatal(err)
		}
		after := before.Clone()
		if _, err := after.Load("edits", []byte(c.edits+"\n"), junos.Set); err != nil {
			t.Fatal(err)
		}
		e := Expect(before, after)
		var got []string
		for _, p := range all {
			if why, gone := e.gone(p); gone {
				if why == "" {
					t.Errorf("%s: %s goes without a reason", c.edits, p)
				}
				got = append(got, p.String())
			} else if e.families(p) {
				got = append(got, "("+p.String()+" families)")
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: sessions %q go, want %q", c.edits, got, c.want)
		}
	}
}

// TestJudgeExpected: what the change takes away is said and does not fail; what it does not, fails.
func TestJudgeExpected(t *testing.T) {
	before, err := junos.Parse("before", []byte(bgpConfig), nil)
	if err != nil {
		t.Fatal(err)
	}
	after := before.Clone()
	if _, err := after.Load("edits", []byte("delete protocols bgp group A neighbor 192.0.2.2\nset protocols bgp group A neighbor 192.0.2.1 family inet6 unicast\n"), junos.Set); err != nil {
		t.Fatal(err)
	}
	findings := Judge(Rules{}, Expect(before, after),
		Snapshot{Peers: []Peer{peer("192.0.2.1", established, 100), peer("192.0.2.2", established, 100), peer("2001:db8::1", established)}},
		Snapshot{Peers: []Peer{peer("192.0.2.1", established, 1), peer("2001:db8::1", "Idle")}})
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprint(f.Subject, " ", f.Failed))
	}
	if want := "192.0.2.1 inet.0 false; 192.0.2.2 false; 2001:db8::1 true"; strings.Join(got, "; ") != want {
		t.Errorf("findings %q, want %q", got, want)
	}
}

// TestJudgeProperties: no snapshot fails against itself; what is taken away of a snapshot is always noticed; adding to
// the one after never makes it worse, but for alarms.
func TestJudgeProperties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's own numbers
	failed := func(list []Finding) int {
		n := 0
		for _, f := range list {
			if f.Failed {
				n++
			}
		}
		return n
	}
	for range 500 {
		var s Snapshot
		for i := range r.IntN(5) {
			s.Peers = append(s.Peers, peer(fmt.Sprintf("192.0.2.%d", i), []string{established, "Active"}[r.IntN(2)], r.IntN(30), r.IntN(30)))
		}
		for i := range r.IntN(4) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 32)
			s.Routes = append(s.Routes, Route{Prefix: p, Table: "inet.0", NextHops: []string{"192.0.2.1"}})
		}
		if f := Judge(Rules{}, Expected{}, s, s); len(f) != 0 {
			t.Fatalf("%+v against itself: %v", s, f)
		}
		up := slices.IndexFunc(s.Peers, func(p Peer) bool { return p.State == established })
		if up >= 0 {
			less := s
			less.Peers = slices.Delete(slices.Clone(s.Peers), up, up+1)
			if failed(Judge(Rules{}, Expected{}, s, less)) != 1 || failed(Judge(Rules{}, Expected{}, less, s)) != 0 {
				t.Fatalf("without %s: %v", s.Peers[up], Judge(Rules{}, Expected{}, s, less))
			}
		}
		if n := len(s.Routes); n > 0 {
			less := s
			less.Routes = s.Routes[:n-1]
			if failed(Judge(Rules{}, Expected{}, s, less)) != 1 || failed(Judge(Rules{}, Expected{}, less, s)) != 0 {
				t.Fatalf("without a route: %v", Judge(Rules{}, Expected{}, s, less))
			}
		}
	}
}

func TestRulesValidate(t *testing.T) {
	ok := DeclaredCheck{Name: "c", Command: "show c | display xml", Match: "x"}
	with := func(f func(*DeclaredCheck)) Rules {
		c := ok
		f(&c)
		return Rules{Checks: []DeclaredCheck{c}}
	}
	for want, r := range map[string]Rules{
		"":                     {Checks: []DeclaredCheck{ok}},
		"declared twice":       {Checks: []DeclaredCheck{ok, ok}},
		"not a built-in check": {Skip: []Builtin{CheckReachable}},
		"0 to 100":             {MaxDropPercent: 101},
		"negative number":      {Settle: -time.Second},
		"is no prefix":         {Routes: []netip.Prefix{{}}},
		"needs a name":         with(func(c *DeclaredCheck) { c.Name = "" }),
		"of a built-in check":  with(func(c *DeclaredCheck) { c.Name = "bgp" }),
		"only looks":           with(func(c *DeclaredCheck) { c.Command = "clear bgp neighbor all" }),
		"has a pipe":           with(func(c *DeclaredCheck) { c.Command = "show c | save x" }),
		"it demands nothing":   with(func(c *DeclaredCheck) { c.Match = "" }),
		"ignore goes with":     with(func(c *DeclaredCheck) { c.Ignore = "x" }),
		"lines goes with":      with(func(c *DeclaredCheck) { c.Lines = "x" }),
		"missing closing":      with(func(c *DeclaredCheck) { c.Match = "(" }),
		"is negative":          with(func(c *DeclaredCheck) { c.Timeout = -1 }),
		"count compares by":    with(func(c *DeclaredCheck) { c.Count = &Count{Op: "~"} }),
		"a count is never":     with(func(c *DeclaredCheck) { c.Count = &Count{Op: ">", N: -1} }),
	} {
		err := r.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", r, err, want)
		}
	}
}

func FuzzCount(f *testing.F) {
	for _, s := range []string{">= 4", "== before", ">= before - 1", "<before+2", "!=0", "about 4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCount(text)
		if err != nil {
			return
		}
		again, err := ParseCount(c.String())
		if err != nil || again != c || c.validate("x") != nil {
			t.Errorf("%q is %+v, written %q and read %+v (%v)", text, c, c, again, err)
		}
	})
}
