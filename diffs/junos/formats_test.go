package junos

import (
	"errors"
	"strings"
	"testing"
)

// checkFormats checks that XML and JSON of a tree read back as the tree.
func checkFormats(t *testing.T, tree *Tree) {
	t.Helper()
	for _, form := range []struct {
		name string
		text string
		want Format
	}{{"XML", tree.XML(), FormatXML}, {"JSON", tree.JSON(), FormatJSON}} {
		if got := FormatOf([]byte(form.text)); got != form.want {
			t.Fatalf("%s is taken for %s", form.name, got)
		}
		again, err := Parse(form.name, []byte(form.text), tree.Schema)
		if err != nil {
			t.Fatalf("parse of %s: %v\n%s", form.name, err, form.text)
		}
		if got, want := again.Set(), tree.Set(); got != want {
			t.Errorf("%s:\n%s--- reads back as\n%s--- it was\n%s", form.name, form.text, got, want)
		}
		if got, want := again.Text(), secretless(tree).Text(); got != want {
			t.Errorf("%s reads back as text\n%s--- it was\n%s", form.name, got, want)
		}
	}
}

// secretless is the tree without the marks of secrets that only the text had: XML and JSON have none.
func secretless(t *Tree) *Tree {
	c := t.Clone()
	Walk(c.Root, func(_ []string, n *Node) bool { n.Secret = false; return true })
	return c
}

func TestFormatsProperty(t *testing.T) {
	makers(t, 300, func(t *testing.T, m *treeMaker) { checkFormats(t, m.tree(nil)) })
}

func TestCompareCasesInFormats(t *testing.T) {
	for _, c := range compareCases(t) {
		for part, text := range map[string]string{"before": c.before, "after": c.after} {
			t.Run(c.name+"/"+part, func(t *testing.T) {
				tree, err := Parse(c.name, []byte(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				checkFormats(t, tree)
			})
		}
	}
}

// TestFormatGolden: `in` gives `xml`, `json` and `set`, or `errors`; what it gives reads back as the same.
func TestFormatGolden(t *testing.T) {
	goldens(t, "formats", func(t *testing.T, c *goldenCase) {
		in, _ := c.get("in")
		tree := New(nil)
		warnings, err := tree.Load("in", []byte(in), Replace)
		c.want(t, "warnings", lines(warnings))
		if err != nil {
			c.want(t, "errors", err.Error()+"\n")
			return
		}
		c.want(t, "errors", "")
		c.want(t, "set", tree.Set())
		c.want(t, "xml", tree.XML(Attribute{"junos:commit-user", "lab"}))
		c.want(t, "json", tree.JSON(Attribute{"junos:commit-user", "lab"}))
		checkFormats(t, tree)
	})
}

func TestFormatOf(t *testing.T) {
	for text, want := range map[string]Format{
		"":                                     FormatText,
		"system { host-name a; }":              FormatText,
		"<ge-*> { mtu 9000; }":                 FormatText,
		"<*> a;":                               FormatText,
		"# x\nset system host-name a\n":        FormatSet,
		"\ufeff {\"configuration\" : {} }":     FormatJSON,
		"<?xml version=\"1.0\"?><data></data>": FormatXML,
		"<nc:configuration/>":                  FormatXML,
		"\n<rpc-reply>\n":                      FormatXML,
		"<configurations>":                     FormatText,
	} {
		if got := FormatOf([]byte(text)); got != want {
			t.Errorf("FormatOf(%q) = %s, want %s", text, got, want)
		}
	}
	for _, f := range []Format{FormatText, FormatSet, FormatXML, FormatJSON} {
		var g Format
		if err := g.UnmarshalText([]byte(f.String())); err != nil || g != f {
			t.Errorf("%s reads back as %s: %v", f, g, err)
		}
	}
	if err := new(Format).UnmarshalText([]byte("yaml")); err == nil {
		t.Error("yaml is taken for a format")
	}
	if got := Format(9).String(); !strings.Contains(got, "9") {
		t.Errorf("unknown format is %q", got)
	}
}

// TestLoadMarks loads statements with marks, in XML and in JSON, and does the same by set lines.
func TestLoadMarks(t *testing.T) {
	const before = "system { login { class a; class b; } name-server { 192.0.2.53; 192.0.2.54; } services { ssh; } }\n" +
		"interfaces { xe-0/0/0 { mtu 9000; } inactive: xe-0/0/1 { disable; } }\n" +
		"policy-options { community C members [ 64500:1 64500:2 ]; }"
	for _, tt := range []struct{ name, xml, json, set, err string }{
		{"delete", `<system><login operation="delete"/></system>`, `"system": {"login": {"@": {"operation": "delete"}}}`, "delete system login", ""},
		{"remove", `<system><login nc:operation="remove"/></system>`, `"system": {"@login": {"operation": "remove"}, "login": [null]}`, "delete system login", ""},
		{"delete entry", `<system><login><class delete="delete"><name>a</name></class></login></system>`, `"system": {"login": {"class": [{"@": {"operation": "delete"}, "name": "a"}]}}`, "delete system login class a", ""},
		{"delete list", `<system><name-server delete="delete"/></system>`, `"system": {"name-server": [null], "@name-server": [{"operation": "delete"}]}`, "delete system name-server", ""},
		{"delete leaf", `<interfaces><interface><name>xe-0/0/0</name><mtu delete="delete"/></interface></interfaces>`, `"interfaces": {"interface": [{"name": "xe-0/0/0", "mtu": [null], "@mtu": {"operation": "delete"}}]}`, "delete interfaces xe-0/0/0 mtu", ""},
		{
			"delete value", `<policy-options><community><name>C</name><members operation="delete">64500:1</members></community></policy-options>`,
			`"policy-options": {"community": [{"name": "C", "members": ["64500:1"], "@members": [{"operation": "delete"}]}]}`, "delete policy-options community C members 64500:1", "",
		},
		{
			"replace", `<system><login replace="replace"><class><name>c</name></class></login></system>`,
			`"system": {"login": {"@": {"operation": "replace"}, "class": [{"name": "c"}]}}`, "delete system login\nset system login class c", "",
		},
		{"deactivate", `<interfaces><interface inactive="inactive"><name>xe-0/0/0</name></interface></interfaces>`, `"interfaces": {"interface": [{"@": {"inactive": true}, "name": "xe-0/0/0"}]}`, "deactivate interfaces xe-0/0/0", ""},
		{"not active", `<interfaces><interface jcmd:active="false"><name>xe-0/0/0</name></interface></interfaces>`, `"interfaces": {"interface": [{"@": {"jcmd:active": false}, "name": "xe-0/0/0"}]}`, "deactivate interfaces xe-0/0/0", ""},
		{"activate", `<interfaces><interface active="active"><name>xe-0/0/1</name></interface></interfaces>`, `"interfaces": {"interface": [{"@": {"active": true}, "name": "xe-0/0/1"}]}`, "activate interfaces xe-0/0/1", ""},
		{"protect", `<system><services protect="protect"><ssh/></services></system>`, `"system": {"services": {"@": {"protect": true}, "ssh": [null]}}`, "protect system services", ""},
		{
			"annotate", `<system><junos:comment>/* so
  far */</junos:comment><comment>/* further */</comment><services junos:group="x"><ssh/></services></system>`, `"system": {"services": {"@": {"comment": "/* so\n  far */", "annotate": "further"}, "ssh": [null]}}`,
			"annotate system services \"so\\n  far\\nfurther\"", "",
		},
		{"annotate leaf", `<system><junos:comment>/* names */</junos:comment><host-name>r9</host-name></system>`, `"system": {"host-name": "r9", "@host-name": {"comment": "/* names */"}}`, "set system host-name r9\nannotate system host-name names", ""},
		{"undocumented", `<system><undocumented><login operation="delete"/></undocumented></system>`, `"system": {"undocumented": {"login": {"@": {"operation": "delete"}}}}`, "delete system login", ""},
		{
			"models' keys", `<policy-options><policy-statement><name>p</name><from><route-filter><address>192.0.2.0/24</address><choice-ident>upto</choice-ident><choice-value>/28</choice-value></route-filter></from></policy-statement></policy-options>`,
			`"policy-options": {"policy-statement": [{"name": "p", "from": {"route-filter": [{"address": "192.0.2.0/24", "choice-ident": "upto", "choice-value": "/28"}]}}]}`,
			"set policy-options policy-statement p from route-filter 192.0.2.0/24 upto /28", "",
		},
		{"old list", `<system><syslog><file><name>m</name><contents><name>any</name><info/></contents></file></syslog></system>`, `"system": [{"syslog": [{"file": [{"name": "m", "contents": [{"name": "any", "info": [null]}]}]}]}]`, "set system syslog file m any info", ""},
		{"no key", `<interfaces><interface><mtu>9</mtu></interface></interfaces>`, `"interfaces": {"interface": [{"mtu": 9}]}`, "", "[edit interfaces] missing mandatory identifier element: 'name'"},
		{"block as a key", `<interfaces><interface><name><b/></name></interface></interfaces>`, `"interfaces": {"interface": [{"name": {"b": 1}}]}`, "", "expected a value of name"},
		{"no choice", `<policy-options><policy-statement><name>p</name><from><route-filter><address>192.0.2.0/24</address><nearly/></route-filter></from></policy-statement></policy-options>`, `"policy-options": {"policy-statement": {"name": "p", "from": {"route-filter": {"address": "192.0.2.0/24", "choice-ident": "nearly"}}}}`, "", "expected one of exact"},
		{"value of an empty leaf", `<interfaces><interface><name>x</name><disable>yes</disable></interface></interfaces>`, `"interfaces": {"interface": {"name": "x", "disable": true}}`, "", "expected disable without a value"},
		{"block as a leaf", `<system><host-name><a/></host-name></system>`, `"system": {"host-name": {"a": [null]}}`, "", "expected a value of host-name, not a"},
		{"text in a block", `<system>text</system>`, `"system": "text"`, "", "expected statements in system, not text"},
		{"rename", `<interfaces><interface rename="rename" name="x"><name>y</name></interface></interfaces>`, `"interfaces": {"interface": {"@": {"rename": "rename"}, "name": "x"}}`, "", "is not supported"},
		{"unknown operation", `<system operation="explode"/>`, `"system": {"@": {"operation": "explode"}}`, "", "explode"},
	} {
		for form, text := range map[string]string{
			"xml":  `<nc:configuration xmlns:nc="urn:x">` + tt.xml + `</nc:configuration>`,
			"json": `{"configuration": {` + tt.json + `}}`,
		} {
			t.Run(tt.name+"/"+form, func(t *testing.T) {
				got, want := parsed(t, before), parsed(t, before)
				warnings, err := got.Load("file", []byte(text), Replace)
				if tt.err != "" {
					if _, ok := errors.AsType[ErrorList](err); !ok || !strings.Contains(err.Error(), tt.err) {
						t.Errorf("error %v, want %q", err, tt.err)
					}
					return
				}
				if err != nil || len(warnings) > 0 {
					t.Fatalf("%v, %v", err, warnings)
				}
				if _, err := want.Load("", []byte(tt.set+"\n"), Set); err != nil {
					t.Fatal(err)
				}
				if got.Set() != want.Set() {
					t.Errorf("%s gave\n%s--- want\n%s", text, got.Set(), want.Set())
				}
			})
		}
	}
}

// TestFormatErrors names what is wrong with a text as such, and where.
func TestFormatErrors(t *testing.T) {
	for text, want := range map[string]string{
		"<configuration>\n  <system>\n</configuration>":       "f:3:1: syntax error (expected no </configuration> without its start)",
		"<configuration><system>":                             "f:1:16: syntax error (expected </system> that ends the element)",
		"<configuration a>":                                   "f:1:18: syntax error (expected well-formed XML",
		"<configuration>&nbsp;</configuration>":               "invalid character entity &nbsp;",
		"<?xml version=\"1.0\"?><!DOCTYPE x><configuration/>": "expected no document type",
		"<rpc-reply><ok/></rpc-reply>":                        "f:1:1: syntax error (expected an element <configuration>)",
		"<configuration operation=\"delete\"/>":               "load it in mode override",
		"<configuration>words</configuration>":                "expected statements in configuration, not text",
		"<configuration>" + strings.Repeat("<a>", 300):        "expected fewer levels",
		"<configuration>" + strings.Repeat("<a>", 150) + strings.Repeat("</a>", 150) + "</configuration>": "expected fewer levels of statements",
		"{":                               "f:1:2: syntax error (expected well-formed JSON: unexpected EOF",
		"{\n  \"configuration\" : x }":    "f:2:21: syntax error (expected well-formed JSON: invalid character 'x'",
		"{ a; }":                          "f:1:3: syntax error (expected well-formed JSON",
		"{}":                              `f:1:1: syntax error (expected an object with one member "configuration")`,
		`{"system" : {}}`:                 "one member",
		`{"configuration" : {}} {}`:       "expected well-formed JSON: nothing after the configuration",
		`{"configuration" : [[]]}`:        "expected no array in an array",
		`{"configuration" : {"@" : 1}}`:   "expected an object with marks",
		`{"configuration" : {"@a" : {}}}`: `expected "a" beside "@a"`,
		`{"configuration" : {"system" : {"host-name" : null}}}`:             "missing argument (expected a value of host-name)",
		`{"configuration" : {"system" : {"host-name" : [{"data" : "x"}]}}}`: "the verbose form of JSON is not read",
		`{"configuration" : ` + strings.Repeat("[", 300):                    "expected well-formed JSON: fewer levels",
	} {
		err := refusal(t, "f", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}
