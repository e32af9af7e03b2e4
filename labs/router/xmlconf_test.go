package router

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// everyShape has a statement of each kind: keys of several words, hidden names, leaf-lists, tags, annotations, what no
// schema knows.
const everyShape = `system {
    host-name r1.example.net;
    root-authentication {
        encrypted-password "$6$x"; ## SECRET-DATA
    }
    name-server {
        192.0.2.53;
        2001:db8::53;
    }
    login {
        message "a <b> & \"c\"";
    }
    archival {
        configuration {
            transfer-on-commit;
        }
    }
}
interfaces {
    /* the uplink */
    xe-0/0/0 {
        description "to r2";
        hold-time up 10 down 20;
        unit 0 {
            family inet {
                filter {
                    input-list [ one two ];
                }
                address 192.0.2.1/31;
            }
            family inet6 {
                address 2001:db8::1/64;
            }
        }
    }
    inactive: xe-0/0/1 {
        disable;
    }
}
policy-options {
    prefix-list P {
        192.0.2.0/24;
        198.51.100.0/24;
    }
    policy-statement X {
        term a {
            from {
                protocol bgp;
                prefix-list-filter P longer;
                route-filter 192.0.2.0/24 upto /28;
                route-filter 203.0.113.0/24 exact;
            }
            then {
                local-preference 200;
                community add C;
                accept;
            }
        }
        inactive: term b {
            then reject;
        }
    }
    community C members [ 64500:1 64500:2 ];
}
protocols {
    bgp {
        group G {
            type external;
            import [ X Y ];
            neighbor 192.0.2.9 {
                inactive: description peer;
                peer-as 64501;
            }
        }
    }
}
frobnicator {
    gizmo one {
        speed 3;
    }
}
`

func viewOf(t *junos.Tree) view {
	return view{active: t, candidate: t, commit: commitRecord{User: "lab"}}
}

// roundTrip writes a configuration as XML and reads it back.
func roundTrip(t *testing.T, tree *junos.Tree) *junos.Tree {
	t.Helper()
	xml := configurationXML(tree, viewOf(tree), true)
	e, err := parseXML([]byte(xml))
	if err != nil {
		t.Fatalf("%v in\n%s", err, xml)
	}
	text, err := textOfXML(e, junos.Builtin())
	if err != nil {
		t.Fatalf("%v in\n%s", err, xml)
	}
	again, err := junos.Parse("", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v in\n%s\nof\n%s", err, text, xml)
	}
	return again
}

func TestXMLRoundTrip(t *testing.T) {
	tree := parse(t, everyShape)
	if got := roundTrip(t, tree); got.Set() != tree.Set() {
		t.Errorf("as XML\n%s\nit came back as\n%s\nit was\n%s", configurationXML(tree, viewOf(tree), true), got.Set(), tree.Set())
	}
}

// The compare cases come from real routers, so what they hold is what people have.
func TestXMLRoundTripOfRealConfigurations(t *testing.T) {
	shared := os.Getenv("RHAPSODE_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	files, err := filepath.Glob(filepath.Join(shared, "cases", "compare", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Skipf("no compare cases in %s: %v", shared, err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before := section(string(data), "BEFORE", "AFTER")
		tree, err := junos.Parse(path, []byte(before), nil)
		if err != nil {
			t.Errorf("parse: %v", err)
			continue
		}
		if got := roundTrip(t, tree); got.Set() != tree.Set() {
			t.Errorf("%s came back as\n%s\nit was\n%s", filepath.Base(path), got.Set(), tree.Set())
		}
	}
}

// section cuts a part out of a case file.
func section(text, from, to string) string {
	_, text, _ = strings.Cut(text, "=== "+from+"\n")
	text, _, _ = strings.Cut(text, "=== "+to)
	return text
}

func TestLoadXMLTags(t *testing.T) {
	for _, tt := range []struct{ name, xml, want, err string }{
		{"delete", `<system><login operation="delete"/></system>`, "delete system login", ""},
		{"old delete", `<system><login delete="delete"/></system>`, "delete system login", ""},
		{"replace", `<system><login replace="replace"><class><name>c</name></class></login></system>`, "delete system login\nset system login class c", ""},
		{"deactivate", `<interfaces><interface inactive="inactive"><name>xe-0/0/0</name></interface></interfaces>`, "deactivate interfaces xe-0/0/0", ""},
		{"activate", `<interfaces><interface active="active"><name>xe-0/0/1</name></interface></interfaces>`, "activate interfaces xe-0/0/1", ""},
		{"annotate", `<junos:comment>/* names */</junos:comment><system><host-name>r9</host-name></system>`, "set system host-name r9\nannotate system names", ""},
		{"no key", `<interfaces><interface/></interfaces>`, "", "missing mandatory identifier element: 'name'"},
		{"rename", `<interfaces><interface rename="rename" name="x"><name>y</name></interface></interfaces>`, "", `attribute rename="rename" is not supported`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := parseXML([]byte("<configuration>" + tt.xml + "</configuration>"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := textOfXML(e, junos.Builtin())
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, want := parse(t, everyShape), parse(t, everyShape)
			if _, err := got.Load("", []byte(text), junos.Replace); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if _, err := want.Load("", []byte(tt.want+"\n"), junos.Set); err != nil {
				t.Fatal(err)
			}
			if got.Set() != want.Set() {
				t.Errorf("%s gave\n%s\nwant\n%s", text, got.Set(), want.Set())
			}
		})
	}
}
