package junos

import (
	"errors"
	"strings"
	"testing"
)

const displayed = `system {
    host-name r1;
    services {
        ssh;
    }
}
interfaces {
    lo0 {
        unit 0 {
            family inet {
                address 192.0.2.1/32;
            }
        }
    }
}
policy-options {
    community C members [ 64500:1 64500:2 ];
}
`

func parsed(t *testing.T, text string) *Tree {
	t.Helper()
	tree, err := Parse("", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestDisplay(t *testing.T) {
	tree := parsed(t, displayed)
	for _, tt := range []struct {
		name string
		d    Display
		path string
		want string
	}{
		{"whole", Display{}, "", displayed},
		{"block", Display{}, "interfaces lo0 unit 0", "family inet {\n    address 192.0.2.1/32;\n}\n"},
		{"leaf", Display{}, "system host-name", "host-name r1;\n"},
		{"value of a leaf-list", Display{}, "policy-options community C members 64500:2", "members [ 64500:1 64500:2 ];\n"},
		{"set", Display{Format: FormatSet}, "interfaces lo0", "set interfaces lo0 unit 0 family inet address 192.0.2.1/32\n"},
		{"set relative", Display{Format: FormatSet, Relative: true}, "interfaces lo0", "set unit 0 family inet address 192.0.2.1/32\n"},
		{"set relative of a leaf", Display{Format: FormatSet, Relative: true}, "system host-name", "set host-name r1\n"},
		{"xml", Display{Format: FormatXML}, "system services", "<configuration>\n    <system>\n        <services>\n            <ssh/>\n        </services>\n    </system>\n</configuration>\n"},
		{
			"json",
			Display{Format: FormatJSON, Attributes: []Attribute{{"junos:commit-user", `a"b`}}},
			"system host-name",
			"{\n    \"configuration\" : {\n        \"@\" : {\n            \"junos:commit-user\" : \"a\\\"b\"\n        },\n        \"system\" : {\n            \"host-name\" : \"r1\"\n        }\n    }\n}\n",
		},
		{
			"reply",
			Display{Format: FormatXML, Reply: "urn:x", Banner: "[edit]", Attributes: []Attribute{{"junos:commit-user", `a"b`}}},
			"system host-name",
			"<rpc-reply xmlns:junos=\"urn:x\">\n    <configuration junos:commit-user=\"a&quot;b\">\n            <system>\n                <host-name>r1</host-name>\n            </system>\n" +
				"    </configuration>\n    <cli>\n        <banner>[edit]</banner>\n    </cli>\n</rpc-reply>\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.d.Path = strings.Fields(tt.path)
			got, err := tree.Display(tt.d)
			if err != nil || got != tt.want {
				t.Errorf("%v\n%s--- want\n%s", err, got, tt.want)
			}
		})
	}
	_, err := tree.Display(Display{Path: []string{"system", "ntp"}})
	if !errors.Is(err, ErrNotFound) || err.Error() != "[edit system ntp] statement not found" {
		t.Errorf("error of a path that is not there: %v", err)
	}
	if tree.Text() != displayed {
		t.Error("a display has changed the tree")
	}
}

func TestDisplayChanged(t *testing.T) {
	tree := parsed(t, displayed)
	if _, err := tree.Load("", []byte("set interfaces lo0 unit 1 family inet\nset policy-options community C members 64500:3\n"+
		"deactivate system services\ndelete system host-name\n"), Set); err != nil {
		t.Fatal(err)
	}
	got, err := tree.Display(Display{Format: FormatXML, Changed: parsed(t, displayed)})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`<configuration!>
    <system!>
        <services inactive="inactive"!>
            <ssh/>
        </services>
    </system>
    <interfaces!>
        <interface!>
            <name>lo0</name>
            <unit>
                <name>0</name>
                <family>
                    <inet>
                        <address>
                            <name>192.0.2.1/32</name>
                        </address>
                    </inet>
                </family>
            </unit>
            <unit!>
                <name!>1</name>
                <family!>
                    <inet!/>
                </family>
            </unit>
        </interface>
    </interfaces>
    <policy-options!>
        <community!>
            <name>C</name>
            <members>64500:1</members>
            <members>64500:2</members>
            <members!>64500:3</members>
        </community>
    </policy-options>
</configuration>
`, "!", ` junos:changed="changed"`)
	if got != want {
		t.Errorf("%s--- want\n%s", got, want)
	}
	got, err = tree.Display(Display{Format: FormatXML, Changed: tree.Clone()})
	if err != nil || got != tree.XML() {
		t.Errorf("%v: nothing has changed, but\n%s", err, got)
	}
}

func TestDisplayInherited(t *testing.T) {
	tree := parsed(t, "groups { G { interfaces { <*> { mtu 9000; unit 0 { family inet; } } } policy-options { community C members 64500:9; } } }\n"+
		"apply-groups G;\n"+displayed)
	for _, tt := range []struct {
		d          Display
		path, want string
	}{
		{Display{}, "interfaces lo0", "##\n## '9000' was inherited from group 'G'\n##\nmtu 9000;\nunit 0 {\n    family inet {\n        address 192.0.2.1/32;\n    }\n}\n"},
		{Display{NoComments: true}, "interfaces lo0 mtu", "mtu 9000;\n"},
		{Display{Format: FormatSet}, "interfaces lo0 mtu", "set interfaces lo0 mtu 9000\n"},
		{
			Display{Format: FormatXML, Groups: true},
			"policy-options",
			"<configuration>\n    <policy-options>\n        <community>\n            <name>C</name>\n            <members>64500:1</members>\n" +
				"            <members>64500:2</members>\n            <members junos:group=\"G\">64500:9</members>\n        </community>\n    </policy-options>\n</configuration>\n",
		},
	} {
		tt.d.Inherited, tt.d.Path = true, strings.Fields(tt.path)
		got, err := tree.Display(tt.d)
		if err != nil || got != tt.want {
			t.Errorf("%s: %v\n%s--- want\n%s", tt.path, err, got, tt.want)
		}
	}
	if _, err := parsed(t, "apply-groups none;").Display(Display{Inherited: true}); err == nil {
		t.Error("a group that is not defined is taken")
	}
}

func TestAround(t *testing.T) {
	tree := parsed(t, displayed)
	for path, want := range map[string]string{
		"":                      displayed,
		"system host-name":      "system {\n    host-name r1;\n}\n",
		"interfaces lo0 mtu":    "interfaces {\n    lo0;\n}\n",
		"interfaces ge-0/0/0":   "interfaces;\n",
		"snmp community public": "",
	} {
		if got := tree.Around(strings.Fields(path)...).Text(); got != want {
			t.Errorf("around %q:\n%s--- want\n%s", path, got, want)
		}
	}
	if tree.Text() != displayed {
		t.Error("the tree has changed")
	}
}

func TestFilter(t *testing.T) {
	tree := parsed(t, displayed+"security { policies { from-zone a to-zone b { policy p { then { permit; } } } from-zone b to-zone a { policy q { then { deny; } } } } }")
	for _, tt := range []struct{ filter, want string }{
		{"", "everything"},
		{"<system/>", "system host-name r1 | system services ssh"},
		{"<system><services/><nothing/></system>", "system services ssh"},
		{"<system><host-name/></system><snmp/>", "system host-name r1"},
		{"<interfaces><interface><name>lo0</name><unit><name/></unit></interface></interfaces>", "interfaces lo0 unit 0 family inet address 192.0.2.1/32"},
		{"<interfaces><interface><name>lo1</name></interface></interfaces>", ""},
		{"<security><policies><policy><from-zone-name> b </from-zone-name></policy></policies></security>", "security policies from-zone b to-zone a policy q then deny"},
		{"<policy-options><community><name>C</name><members/></community></policy-options>", "policy-options community C members 64500:1 | policy-options community C members 64500:2"},
	} {
		got, err := tree.Filter("<configuration>" + tt.filter + "</configuration>")
		if err != nil {
			t.Fatal(err)
		}
		want := "set " + strings.ReplaceAll(tt.want, " | ", "\nset ") + "\n"
		switch tt.filter {
		case "":
			want = tree.Set()
		case "<interfaces><interface><name>lo1</name></interface></interfaces>":
			want = ""
		}
		if got.Set() != want {
			t.Errorf("%s:\n%s--- want\n%s", tt.filter, got.Set(), want)
		}
	}
	if _, err := tree.Filter("<configuration>"); err == nil {
		t.Error("a filter that is no XML is taken")
	}
}

// TestListTag: a tag of a whole list is read back from XML and JSON as it is written.
func TestListTag(t *testing.T) {
	const text = "system {\n    replace: name-server {\n        192.0.2.3;\n    }\n}\n"
	tree := must(Parse("", []byte(text), nil))
	for _, form := range []string{tree.XML(), tree.JSON()} {
		if got := must(Parse("", []byte(form), nil)).Text(); got != text {
			t.Errorf("%s\nis read as\n%s", form, got)
		}
		running := must(Parse("", []byte("set system name-server 192.0.2.1\n"), nil))
		if _, err := running.Load("", []byte(form), Replace); err != nil {
			t.Fatal(err)
		}
		if got, want := running.Set(), "set system name-server 192.0.2.3\n"; got != want {
			t.Errorf("loaded: %s", got)
		}
	}
	tree.Untag()
	if got, want := tree.Text(), "system {\n    name-server {\n        192.0.2.3;\n    }\n}\n"; got != want {
		t.Errorf("without tags: %s", got)
	}
}
