package policies

import (
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestDocs holds docs/policies.md: a block of files becomes the block of Junos after it, and the table of keys has all
// that a term may hold and no other.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	blocks := regexp.MustCompile("(?ms)^```txtar\n(.*?)^```$.*?^```junos\n(.*?)^```$").FindAllStringSubmatch(page, -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, b := range blocks {
		if got := documented(t, b[1]); got != b[2] {
			t.Errorf("it becomes\n%s\nwant\n%s", got, b[2])
		}
	}
	_, table, _ := strings.Cut(page, "| key | is |")
	table, _, _ = strings.Cut(table, "\n\n")
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(table, -1) {
		shown[m[1]] = true
	}
	for key := range termKeys {
		base, except := strings.CutSuffix(key, "-prefix-except")
		if !shown[key] && !(except && shown[base+"-prefix"]) {
			t.Errorf("the page has no key %s", key)
		}
	}
	for o := range aclOptions {
		if !shown[o] && o != "initial" {
			t.Errorf("the page has no option %s", o)
		}
	}
}

// documented is what the files of an example become on a device of the site ams.
func documented(t *testing.T, text string) string {
	t.Helper()
	var definitions, data []File
	for _, f := range txtar.Parse([]byte(text)).Files {
		if strings.HasPrefix(f.Name, "definitions/") {
			definitions = append(definitions, File{f.Name, f.Data})
		} else {
			data = append(data, File{f.Name, f.Data})
		}
	}
	d, err := ParseDefinitions(definitions)
	if err != nil {
		t.Fatal(err)
	}
	d, err = d.With([]Token{{Name: "lb1.ams", Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.131/32"), netip.MustParsePrefix("2001:db8:1:10::11/128")}}})
	if err != nil {
		t.Fatal(err)
	}
	x, err := ParseData(data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.Build(x.Names(), Environment{Definitions: d, Vars: map[string][]string{"site": {"ams"}}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, o := range c.Added.PrefixLists {
		b.WriteString(o.Text())
	}
	for _, o := range c.Added.Communities {
		b.WriteString(o.Text())
	}
	for _, o := range c.Added.ASPaths {
		b.WriteString(o.Text())
	}
	for _, o := range c.Added.Policies {
		b.WriteString(o.Text())
	}
	for _, o := range c.Added.Filters {
		b.WriteString(o.Text())
	}
	return b.String()
}
