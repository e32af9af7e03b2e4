package junos

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/diffs/junos/junostest"
)

var fullSchemas sync.Map // by file name

// fullSchema loads a schema that lies beside the repository, once.
func fullSchema(tb testing.TB, name string) *Schema {
	tb.Helper()
	if s, ok := fullSchemas.Load(name); ok {
		return s.(*Schema)
	}
	f, err := os.Open(filepath.Join(sharedDir(tb, "schema"), name))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	s, err := LoadSchema(f)
	if err != nil {
		tb.Fatal(err)
	}
	fullSchemas.Store(name, s)
	return s
}

var fullSchemaFiles = []string{"junos-mx-23.4.json.gz", "junos-mx-23.4-subset.json.gz", "junos-srx-23.4.json.gz"}

// TestFullSchemaCases holds the full schemas against the table on the compare cases: they know all statements, in the
// same order, and the texts of all forms round-trip.
func TestFullSchemaCases(t *testing.T) {
	for _, file := range fullSchemaFiles {
		s := fullSchema(t, file)
		for _, c := range compareCases(t) {
			for part, text := range map[string]string{"before": c.before, "after": c.after} {
				t.Run(file+"/"+c.name+"/"+part, func(t *testing.T) {
					tree, err := Parse(c.name, []byte(text), s)
					if err != nil {
						t.Fatal(err)
					}
					for _, g := range Guesses(tree) {
						t.Errorf("not in the schema: %s", strings.Join(g.Path, " "))
					}
					checkRoundTrips(t, tree)
					checkFormats(t, tree)
					builtin, err := Parse(c.name, []byte(text), nil)
					if err != nil {
						t.Fatal(err)
					}
					got, want := tree.Text(), builtin.Text()
					if strings.Contains(file, "srx") && strings.Contains(want, "instance-type vrf") {
						return // it has instance-type in another place than MX
					}
					if got != want {
						t.Errorf("with the schema\n%s--- with the table\n%s", got, want)
					}
				})
			}
		}
	}
}

// TestLoadSchemaCost: the largest takes less than a second when the machine is quiet and far less than 300 MB.
func TestLoadSchemaCost(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(sharedDir(t, "schema"), fullSchemaFiles[0]))
	if err != nil {
		t.Fatal(err)
	}
	Builtin()
	var before, after, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var s *Schema
	took := junostest.CPUTime(1, func() { s, err = LoadSchema(bytes.NewReader(text)) })
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	const mb = 1 << 20
	all, heap := (after.TotalAlloc-before.TotalAlloc)/mb, (int64(kept.HeapAlloc)-int64(before.HeapAlloc))/mb
	t.Logf("%v, %d MB allocated in all, %d MB kept", took, all, heap)
	if all > 200 || heap > 20 {
		t.Errorf("%d MB allocated in all, %d MB kept", all, heap)
	}
	if took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	runtime.KeepAlive(s)
}

func TestLoadSchemaErrors(t *testing.T) {
	zipped := func(s string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	const good = `{"n":"configuration","k":"c","c":[{"n":"system","k":"c","c":[{"n":"x","k":"f"}]}]}`
	for _, text := range []string{good, good + "\n", zipped(good)} {
		if _, err := LoadSchema(strings.NewReader(text)); err != nil {
			t.Error(err)
		}
	}
	in := func(node string) string {
		return `{"n":"configuration","k":"c","c":[{"n":"system","k":"c","c":[` + node + `]}]}`
	}
	for text, want := range map[string]string{
		"":                                 "the file is empty",
		"system {}":                        "byte ",
		good[:40]:                          "unexpected EOF",
		zipped(good)[:30]:                  "unexpected EOF",
		"\x1f\x8b" + good:                  "gzip: invalid header",
		good + good:                        "more follows",
		"[]":                               "cannot unmarshal array",
		`{"n":"system","k":"c"}`:           `the outermost node is "system" of kind "c" with 0 children`,
		`{"n":"configuration","k":"c"}`:    "with 0 children",
		in(`{"n":"x","k":"q"}`):            `system x: kind "q": want c, l, f or F`,
		in(`{"k":"f"}`):                    "system : a child without a name",
		in(`null`):                         "system: a child is null",
		in(`{"n":"x","k":"f","x":"blue"}`): `system x: unknown flag "blue"`,
		in(`{"n":"x","k":"l","key":[""]}`): "system x: a key without a name",
		in(`{"n":"x","k":"f","c":[{"n":"y","k":"f"}]}`):                               "system x: a leaf with children",
		in(`{"n":"x","k":"c","u":"yes"}`):                                             "cannot unmarshal string",
		in(strings.Repeat(`{"n":"x","k":"c","c":[`, 300) + strings.Repeat("]}", 300)): "more than 200 levels",
	} {
		s, err := LoadSchema(strings.NewReader(text))
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), "read schema: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// TestLoadSchemaMends shows what a text can say only because the gaps of the form are mended.
func TestLoadSchemaMends(t *testing.T) {
	s := fullSchema(t, fullSchemaFiles[0])
	const text = `system {
    name-server {
        192.0.2.53;
        192.0.2.54 routing-instance mgmt_junos;
    }
    syslog {
        file messages {
            any notice;
            authorization info;
            archive size 10m files 10;
        }
    }
}
interfaces {
    interface-range uplinks {
        member-range ge-0/0/0 to ge-0/0/3;
    }
    ge-0/0/0 {
        gigether-options {
            802.3ad ae0;
        }
    }
}
policy-options {
    prefix-list own {
        192.0.2.0/24;
    }
    route-filter-list short {
        198.51.100.0/24 upto /26;
    }
    policy-statement out {
        term a {
            from {
                route-filter 198.51.100.0/24 orlonger;
                community-count 5 orhigher;
            }
            then {
                community + region;
                accept;
            }
        }
    }
}
routing-options {
    autonomous-system 64496 loops 2;
    martians {
        198.51.100.0/24 orlonger allow;
    }
}
dynamic-profiles {
    basic {
        interfaces {
            demux0 {
                unit 0 {
                    family inet {
                        address 192.0.2.1/24;
                    }
                }
            }
        }
    }
}
vmhost {
    syslog {
        file errors {
            any error;
        }
    }
}
`
	tree, err := Parse("", []byte(text), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range Guesses(tree) {
		t.Errorf("not in the schema: %s", strings.Join(g.Path, " "))
	}
	if got := tree.Text(); got != text {
		t.Errorf("got\n%s", got)
	}
	checkFormats(t, tree)
	if _, err := tree.Load("", []byte("set system syslog file messages any info\n"), Set); err != nil {
		t.Fatal(err)
	}
	if got := tree.Lookup("system", "syslog", "file", "messages", "any"); len(got.Children) != 1 || got.Children[0].Name != "info" {
		t.Errorf("a later severity does not replace the earlier:\n%s", tree.Text())
	}
}
