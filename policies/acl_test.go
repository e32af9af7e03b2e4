package policies_test

import (
	"errors"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/policies"
)

// variables are those of the tests' device.
func variables() map[string][]string {
	return map[string][]string{
		"site": {"ams"}, "hostname": {"cr1.ams"}, "vip": {"203.0.113.1"}, "vips": {"203.0.113.1", "203.0.113.2"},
		"asn": {"64500"},
	}
}

// have are some of the objects that a device has anyway.
func have() *policies.Set {
	return &policies.Set{
		Filters:     []*policies.Filter{policies.BorderFilter(policies.Inet, policies.Border{}, nil), policies.OffloadFilter(policies.Inet, offloads())},
		Policies:    []*policies.PolicyStatement{policies.RejectAll(policies.None)},
		PrefixLists: []*policies.PrefixList{{Name: "own-space4", Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, {Name: "own-space6", Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8::/44")}}},
	}
}

// build builds everything that the policies of a case hold.
func build(a *txtar.Archive) (*policies.Chosen, error) {
	defined, err := define(dataFiles(a, "definitions"))
	if err != nil {
		return nil, err
	}
	data, err := policies.ParseData(dataFiles(a, "policies"))
	if err != nil {
		return nil, err
	}
	names := data.Names()
	if chosen := strings.Fields(fileOf(a, "choose")); len(chosen) > 0 {
		names = chosen
	}
	return data.Build(names, policies.Environment{Definitions: defined, Vars: variables(), Have: have()})
}

// objects are the objects of a set in the order in which tests show them.
func objects(s *policies.Set) []policies.Object {
	var out []policies.Object
	for _, x := range s.PrefixLists {
		out = append(out, x)
	}
	for _, x := range s.Communities {
		out = append(out, x)
	}
	for _, x := range s.ASPaths {
		out = append(out, x)
	}
	for _, x := range s.Policies {
		out = append(out, x)
	}
	for _, x := range s.Filters {
		out = append(out, x)
	}
	return out
}

// sound holds what was built to what every configuration must be: no statement that our table does not know, and an
// object that is read back is the object that was written.
func sound(t testing.TB, c *policies.Chosen) {
	t.Helper()
	for _, o := range objects(c.Set) {
		n, err := o.ToConfig()
		if err != nil {
			t.Fatalf("%v\n%s", err, o.Text())
		}
		var back any
		switch x := o.(type) {
		case *policies.Filter:
			back, err = policies.FilterFromConfig(x.Family, n)
		case *policies.PolicyStatement:
			back, err = policies.PolicyFromConfig(n)
		case *policies.PrefixList:
			back, err = policies.PrefixListFromConfig(n)
		case *policies.Community:
			back, err = policies.CommunityFromConfig(n)
		case *policies.ASPath:
			back, err = policies.ASPathFromConfig(n)
		}
		if err != nil {
			t.Fatalf("read back: %v\n%s", err, o.Text())
		}
		if text := back.(policies.Object).Text(); text != o.Text() {
			t.Fatalf("what is read back differs\n got:\n%s\nwant:\n%s", text, o.Text())
		}
	}
	tree, err := rebuild(t, c.Set)
	if err != nil {
		t.Fatal(err)
	}
	if g := junos.Guesses(tree); len(g) > 0 {
		t.Fatalf("guessed: %v", g)
	}
	if c.Security == nil {
		return
	}
	tree, err = c.Security.ToConfig()
	if err != nil {
		t.Fatal(err)
	}
	if g := junos.Guesses(tree); len(g) > 0 {
		t.Fatalf("guessed: %v\n%s", g, c.Security.Text())
	}
	back, err := policies.SecurityFromConfig(tree)
	if err != nil {
		t.Fatalf("read back: %v\n%s", err, tree.Text())
	}
	if !reflect.DeepEqual(back, c.Security) {
		t.Fatalf("what is read back differs\n got:\n%s\nwant:\n%s", back.Text(), c.Security.Text())
	}
}

// TestACL runs testdata/acl/*.txtar: definitions, policies and what they become on the tests' device, or what is wrong
// with them.
func TestACL(t *testing.T) {
	cases(t, "acl", func(t *testing.T, a *txtar.Archive) string {
		c, err := build(a)
		if err != nil {
			if _, ok := errors.AsType[policies.DataErrors](err); !ok || c != nil {
				t.Fatalf("not a list of errors: %#v", err)
			}
			return err.Error() + "\n"
		}
		sound(t, c)
		var b strings.Builder
		added := map[policies.Object]bool{}
		for _, o := range objects(c.Added) {
			added[o] = true
		}
		before := map[policies.Object]bool{}
		for _, o := range objects(have()) {
			before[o] = true
		}
		for _, o := range objects(c.Set) {
			known := false
			for old := range before {
				known = known || old.Text() == o.Text()
			}
			switch {
			case added[o]:
				b.WriteString(o.Text())
			case !known:
				b.WriteString("replaced: " + o.Text())
			}
		}
		if c.Security != nil {
			b.WriteString(c.Security.Text())
		}
		return b.String()
	})
}

// FuzzACL reads any text as a file of policies, with the definitions of the tests. The property: no panic, and either
// errors that name the file, or sound objects.
func FuzzACL(f *testing.F) {
	definitions := []policies.File{
		{Name: "definitions/a.net", Data: []byte("OFFICE = 192.0.2.0/28\n 2001:db8:0:1::/64\nUS = OFFICE lb1.ams\nSIX = 2001:db8::1\n")},
		{Name: "definitions/a.svc", Data: []byte("SSH = 22/tcp\nDNS = 53/tcp 53/udp\nWEB = 80/tcp 443/tcp 443/udp\nBGP = 179/tcp\n")},
	}
	files, err := filepath.Glob("testdata/acl/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, x := range dataFiles(a, "policies") {
			f.Add(string(x.Data))
		}
	}
	defined, err := define(definitions)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		data, err := policies.ParseData([]policies.File{{Name: "policies/x.yaml", Data: []byte(text)}})
		var c *policies.Chosen
		if err == nil {
			c, err = data.Build(data.Names(), policies.Environment{Definitions: defined, Vars: variables(), Have: have()})
		}
		if err == nil {
			sound(t, c)
			return
		}
		list, ok := errors.AsType[policies.DataErrors](err)
		if !ok || len(list) == 0 {
			t.Fatalf("not a list of errors: %#v", err)
		}
		for _, e := range list {
			if e.File == "" || e.Message == "" || strings.Contains(e.Message, "%!") {
				t.Fatalf("an error without its place or its message: %#v", e)
			}
		}
	})
}
