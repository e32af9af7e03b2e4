package diffs

import (
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

const runningFilters = `firewall {
    family inet {
        filter border-in4 {
            inactive: term offload-ping4 {
                filter offload-ping4;
            }
            term default {
                then accept;
            }
        }
        inactive: filter transport-in4 {
            inactive: term offload-ping4 {
                filter offload-ping4;
            }
        }
    }
}
protocols {
    bgp {
        group PyBal {
            inactive: export OLD;
            inactive: import GONE;
        }
    }
}
`

const renderedFilters = `firewall {
    family inet {
        replace: filter border-in4 {
            term offload-ping4 {
                filter offload-ping4;
            }
            inactive: term default {
                then accept;
            }
        }
        replace: filter transport-in4 {
            term offload-ping4 {
                filter offload-ping4;
            }
            term new {
                then accept;
            }
        }
    }
}
protocols {
    bgp {
        group PyBal {
            export NONE;
        }
    }
}
`

func TestHold(t *testing.T) {
	all := []string{
		"firewall family inet filter border-in4 term offload-ping4",
		"firewall family inet filter transport-in4",
		"protocols bgp group PyBal export",
	}
	for name, c := range map[string]struct {
		except []string
		held   []string
		active []string // what the load is to activate
	}{
		"nothing excepted": {nil, all, nil},
		"one term":         {all[:1], all[1:], all[:1]},
		"a leaf":           {all[2:], all[:2], all[2:]},
		"what is above":    {[]string{"firewall", "protocols bgp group PyBal"}, all, nil},
		"a filter, not what is within": {
			all[1:2], []string{all[0], "firewall family inet filter transport-in4 term offload-ping4", all[2]}, all[1:2],
		},
		"within what is held": {[]string{"firewall family inet filter transport-in4 term offload-ping4"}, all, nil},
	} {
		t.Run(name, func(t *testing.T) {
			running, rendered := parse(t, "running", runningFilters, nil), parse(t, "rendered", renderedFilters, nil)
			was := running.Set()
			var except [][]string
			for _, e := range c.except {
				except = append(except, strings.Fields(e))
			}
			var held []string
			for _, h := range Hold(rendered, running, except) {
				held = append(held, strings.Join(h.Path, " "))
			}
			if strings.Join(held, "\n") != strings.Join(c.held, "\n") {
				t.Errorf("held\n%s\nwant\n%s", strings.Join(held, "\n"), strings.Join(c.held, "\n"))
			}
			if running.Set() != was {
				t.Error("running was changed")
			}
			// What counts is what the device gets: the text of the tree, loaded.
			loaded := running.Clone()
			text := rendered.Text()
			if !strings.Contains(text, "replace: ") {
				t.Errorf("the tags are lost:\n%s", text)
			}
			if _, err := loaded.Load("text", []byte(text), junos.Replace); err != nil {
				t.Fatalf("load: %v\n%s", err, text)
			}
			junos.Walk(running.Root, func(words []string, n *junos.Node) bool {
				if !n.Inactive {
					return true
				}
				path := strings.Join(words, " ")
				want := true
				for _, a := range c.active {
					want = want && a != path
				}
				if l := loaded.Lookup(words...); l != nil && l.Inactive != want && path != "firewall family inet filter transport-in4 term offload-ping4" {
					t.Errorf("%s: inactive %v after the load, want %v\n%s", path, l.Inactive, want, text)
				}
				return true
			})
		})
	}
}

func TestHoldNothing(t *testing.T) {
	running := parse(t, "running", "system { host-name a; services { ssh; } }", nil)
	rendered := parse(t, "rendered", "system { inactive: host-name a; services { ssh; } }", nil)
	was := rendered.Text()
	if held := Hold(rendered, running, nil); len(held) != 0 || rendered.Text() != was {
		t.Errorf("got %v\n%s", held, rendered.Text())
	}
	deleting := parse(t, "rendered", "system { delete: services; }", nil)
	inactive := parse(t, "running", "system { inactive: services { ssh; } }", nil)
	if held := Hold(deleting, inactive, nil); len(held) != 0 {
		t.Errorf("got %v: what is to be deleted is not held", held)
	}
}

func TestOrphans(t *testing.T) {
	for name, c := range map[string]struct {
		last, rendered, running string
		want                    []string
	}{
		"nothing changed": {"system { host-name a; }", "system { host-name a; }", "system { host-name a; }", nil},
		"a list entry": {
			"policy-options { prefix-list A { 192.0.2.0/24; } prefix-list B { 192.0.2.0/24; } }",
			"policy-options { prefix-list A { 192.0.2.0/24; } }",
			"policy-options { prefix-list A { 192.0.2.0/24; } prefix-list B { 192.0.2.0/24; } prefix-list HAND; }",
			[]string{"policy-options prefix-list B"},
		},
		"an entry that a person added to": {
			"policy-options { prefix-list B { 192.0.2.0/24; } }", "",
			"policy-options { prefix-list B { 192.0.2.0/24; 198.51.100.0/24; } }",
			[]string{"policy-options prefix-list B 192.0.2.0/24"},
		},
		"a whole hierarchy": {
			"protocols { lldp { interface all; } bgp { group G { type internal; } } }",
			"", "protocols { lldp { interface all; } ospf { area 0 { interface lo0.0; } } }",
			[]string{"protocols lldp"},
		},
		"gone from the device too": {"system { host-name a; }", "", "", nil},
		"changed by hand":          {"system { host-name a; }", "system { services { ssh; } }", "system { host-name b; }", nil},
		"a value of a leaf-list": {
			"protocols { bgp { group G { export [ A B C ]; } } }", "protocols { bgp { group G { export [ A ]; } } }",
			"protocols { bgp { group G { export [ A B HAND ]; } } }",
			[]string{"protocols bgp group G export B"},
		},
		"all values of a leaf-list, one by hand": {
			"protocols { bgp { group G { type internal; export [ A B ]; } } }", "protocols { bgp { group G { type internal; } } }",
			"protocols { bgp { group G { type internal; export [ B HAND ]; } } }",
			[]string{"protocols bgp group G export B"},
		},
		"replaced by the load": {
			"firewall { family inet { filter F { term a { then accept; } term b { then accept; } } } }",
			"firewall { family inet { replace: filter F { term a { then accept; } } } }",
			"firewall { family inet { filter F { term a { then accept; } term b { then accept; } } } }", nil,
		},
		"unknown to the schema": {"x { p 1; p 2; }", "x { p 1; }", "x { p 1; p 2; }", []string{"x p 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range Orphans(parse(t, "last", c.last, nil), parse(t, "rendered", c.rendered, nil), parse(t, "running", c.running, nil)) {
				got = append(got, strings.Join(p, " "))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
