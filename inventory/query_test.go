package inventory

import (
	"strings"
	"testing"
)

func TestSelect(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	device(t, net, "cr2.fra").Status = "staged"
	for query, want := range map[string]string{
		"*":                         "cr1.ams cr1.fra cr2.ams cr2.fra",
		"cr1.ams":                   "cr1.ams",
		"CR1.Ams.Example.NET":       "cr1.ams",
		"cr1.*":                     "cr1.ams cr1.fra",
		"*.example.net":             "cr1.ams cr1.fra cr2.ams cr2.fra",
		"cr[12].fra":                "cr1.fra cr2.fra",
		"cr?.ams":                   "cr1.ams cr2.ams",
		"site:ams":                  "cr1.ams cr2.ams",
		"SITE:AMS":                  "cr1.ams cr2.ams",
		"site:f*":                   "cr1.fra cr2.fra",
		"role:core and site:fra":    "cr1.fra cr2.fra",
		"type:mx*":                  "cr1.ams cr1.fra cr2.ams cr2.fra",
		"kind:router":               "cr1.ams cr1.fra cr2.ams cr2.fra",
		"status:active":             "cr1.ams cr1.fra cr2.ams",
		"not site:ams":              "cr1.fra cr2.fra",
		"not not site:ams":          "cr1.ams cr2.ams",
		"not cr1.* and site:ams":    "cr2.ams", // not binds tighter than and
		"not (cr1.* and site:ams)":  "cr1.fra cr2.ams cr2.fra",
		"cr1.ams,cr2.fra":           "cr1.ams cr2.fra",
		"site:ams and cr1.*,cr2.*":  "cr1.ams cr2.ams cr2.fra", // and binds tighter than ,
		"site:ams and (cr1.*,cr2*)": "cr1.ams cr2.ams",
		"( cr1.ams )":               "cr1.ams",
		"status:planned,cr1.ams":    "cr1.ams",
		"cr2.fra, cr1.ams ,cr1.ams": "cr1.ams cr2.fra",
	} {
		devices, err := net.Select(query)
		var got []string
		for _, d := range devices {
			got = append(got, d.Name)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q selects %v, %v, want %s", query, got, err, want)
		}
	}
}

// TestSelectAll selects hosts as well; what only devices have does not match them.
func TestSelectAll(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	for query, want := range map[string]string{
		"*":                          "cr1.ams cr1.fra cr2.ams cr2.fra lb1.ams lb1.fra lb2.ams lb2.fra ping1.ams ping1.fra ping2.ams ping2.fra",
		"kind:director":              "lb1.ams lb1.fra lb2.ams lb2.fra",
		"KIND:Ping and site:fra":     "ping1.fra ping2.fra",
		"lb1.ams.example.net,cr1.*":  "cr1.ams cr1.fra lb1.ams",
		"site:ams and not kind:ping": "cr1.ams cr2.ams lb1.ams lb2.ams",
		"role:*  and site:ams":       "cr1.ams cr2.ams lb1.ams lb2.ams ping1.ams ping2.ams",
		"status:active":              "cr1.ams cr1.fra cr2.ams cr2.fra",
	} {
		devices, hosts, err := net.SelectAll(query)
		var got []string
		for _, d := range devices {
			got = append(got, d.Name)
		}
		for _, h := range hosts {
			got = append(got, h.Name)
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q selects %v, %v, want %s", query, got, err, want)
		}
	}
}

func TestSelectErrors(t *testing.T) {
	net := loadTree(t, exampleTree(t))
	for query, want := range map[string]string{
		"":                                "it ends where a name, KEY:VALUE, `not` or `(` is expected",
		"  ":                              "it ends where a name, KEY:VALUE, `not` or `(` is expected",
		"cr9.ams":                         "no device cr9.ams (did you mean cr1.ams?)",
		"cr9.ams.example.net":             "no device cr9.ams.example.net (did you mean cr1.ams?)",
		"cr1.ams,border7":                 "no device border7 (devices: cr1.ams, cr1.fra, cr2.ams, cr2.fra)",
		"not cr1.asm":                     "no device cr1.asm (did you mean cr1.ams?)", // a typo must not select more
		"ams":                             "no device ams (did you mean site:ams?)",
		"lb*":                             "only hosts match (lb1.ams, lb1.fra, lb2.ams, lb2.fra), expected a device",
		"lb1.asm":                         "no device lb1.asm (did you mean lb1.ams?)",
		"site:ams and cr?.fra":            "no device matches (of 4: cr1.ams, cr1.fra, cr2.ams, cr2.fra)",
		"status:planned":                  "no device matches (of 4: cr1.ams, cr1.fra, cr2.ams, cr2.fra)",
		"site:asm":                        "no site asm (did you mean ams? site: ams, fra)",
		"role:edge":                       "no role edge (role: core)",
		"type:mx240":                      "no type mx240 (did you mean mx204? type: mx204)",
		"status:up":                       "no status up (status: active, planned, staged)",
		"kind:director":                   "only hosts match (lb1.ams, lb1.fra, lb2.ams, lb2.fra), expected a device",
		"kind:switch":                     "no kind switch (kind: director, ping, router)",
		"stie:ams":                        "unknown key \"stie\" (did you mean site? keys: kind, role, site, status, type)",
		"vendor:x":                        "unknown key \"vendor\" (keys: kind, role, site, status, type)",
		"site:":                           "site: has no value",
		":ams":                            "unknown key \"\" (keys: kind, role, site, status, type)",
		"cr1.ams or cr2.ams":              "\"or\" stands where `and`, `,` or the end is expected (write `,` for or)",
		"cr1.ams cr2.ams":                 "\"cr2.ams\" stands where `and`, `,` or the end is expected",
		"cr1.ams,":                        "it ends where a name, KEY:VALUE, `not` or `(` is expected",
		"and cr1.ams":                     "\"and\" stands where a name, KEY:VALUE, `not` or `(` is expected",
		"(cr1.ams":                        "it ends where `)` is expected",
		"cr1.ams)":                        "\")\" stands where `and`, `,` or the end is expected",
		"()":                              "\")\" stands where a name, KEY:VALUE, `not` or `(` is expected",
		"not":                             "it ends where a name, KEY:VALUE, `not` or `(` is expected",
		"cr[1":                            "\"cr[1\" is not a glob: an open [ or a \\ at the end",
		"site:[":                          "\"site:[\" is not a glob: an open [ or a \\ at the end",
		strings.Repeat("not ", 200) + "*": "more than 100 levels of not and parentheses",
	} {
		devices, err := net.Select(query)
		if err == nil || devices != nil || !strings.HasSuffix(err.Error(), "\": "+want) || !strings.HasPrefix(err.Error(), "query \"") {
			t.Errorf("%q gives %v, %v, want %s", query, devices, err, want)
		}
	}
}

// FuzzSelect: a query selects something or fails, and selects the same when written in parentheses or denied twice.
func FuzzSelect(f *testing.F) {
	for _, q := range []string{"*", "cr1.ams", "site:ams and not (cr1.*,cr2.fra)", "role:core,type:mx*", "not not status:active", "((*))", "cr[12]*", "site:", "or", "cr1.ams\\"} {
		f.Add(q)
	}
	net := loadTree(f, exampleTree(f))
	names := func(devices []*Device) string {
		var b strings.Builder
		for _, d := range devices {
			b.WriteString(d.Name + " ")
		}
		return b.String()
	}
	f.Fuzz(func(t *testing.T, query string) {
		devices, err := net.Select(query)
		if (err == nil) != (len(devices) > 0) {
			t.Fatalf("%d devices and %v", len(devices), err)
		}
		if err != nil || strings.Count(query, "(")+strings.Count(strings.ToLower(query), "not") > maxQueryDepth/2 {
			return
		}
		for _, same := range []string{"(" + query + ")", "not not (" + query + ")", strings.ToUpper(query)} {
			again, err := net.Select(same)
			if err != nil || names(again) != names(devices) {
				t.Errorf("%q selects %s and %q %s, %v", query, names(devices), same, names(again), err)
			}
		}
	})
}
