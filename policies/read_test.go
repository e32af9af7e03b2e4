package policies_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/policies"
)

func parse(t testing.TB, text string) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("", []byte(text), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return tree
}

// known tells whether a set line belongs to an object that FromConfig reads.
func known(line string) bool {
	_, what, _ := strings.Cut(line, " ")
	for _, p := range []string{
		"firewall filter ", "firewall family inet filter ", "firewall family inet6 filter ", "policy-options prefix-list ",
		"policy-options policy-statement ", "policy-options community ", "policy-options as-path ",
	} {
		if strings.HasPrefix(what, p) {
			return true
		}
	}
	return false
}

// rebuild writes the objects of a set into an empty configuration.
func rebuild(t testing.TB, s *policies.Set) (*junos.Tree, error) {
	t.Helper()
	tree := junos.New(nil)
	add := func(o policies.Object) error {
		if err := o.Validate(); err != nil {
			return err
		}
		path := o.Path()
		outer := path[:len(path)-2]
		text := strings.Join(outer, " { ") + " { " + o.Text() + strings.Repeat("}", len(outer))
		_, err := tree.Load("", []byte(text), junos.Merge)
		if err != nil {
			t.Fatalf("a valid object does not load: %v\n%s", err, text)
		}
		return nil
	}
	var errs []error
	for _, x := range s.Filters {
		errs = append(errs, add(x))
	}
	for _, x := range s.Policies {
		errs = append(errs, add(x))
	}
	for _, x := range s.PrefixLists {
		errs = append(errs, add(x))
	}
	for _, x := range s.Communities {
		errs = append(errs, add(x))
	}
	for _, x := range s.ASPaths {
		errs = append(errs, add(x))
	}
	return tree, errors.Join(errs...)
}

// sameAgain holds the round trip: what was read and written is line for line what stood there, and reads the same.
func sameAgain(t testing.TB, tree *junos.Tree, s *policies.Set) {
	t.Helper()
	again, err := rebuild(t, s)
	if err != nil {
		return // an object that a router would refuse: it can be read, but never written
	}
	lines := func(t *junos.Tree) []string {
		var out []string
		for l := range strings.Lines(t.Set()) {
			if known(l) {
				out = append(out, l)
			}
		}
		slices.Sort(out)
		return out
	}
	if got, want := lines(again), lines(tree); !slices.Equal(got, want) {
		t.Fatalf("the round trip differs\n got:\n%s\nwant:\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
	back, err := policies.FromConfig(again)
	if err != nil {
		t.Fatalf("read again: %v", err)
	}
	for _, x := range []struct{ a, b int }{
		{len(s.Filters), len(back.Filters)},
		{len(s.Policies), len(back.Policies)},
		{len(s.PrefixLists), len(back.PrefixLists)},
		{len(s.Communities), len(back.Communities)},
		{len(s.ASPaths), len(back.ASPaths)},
	} {
		if x.a != x.b {
			t.Fatalf("read again: %d objects, want %d", x.b, x.a)
		}
	}
	third, err := rebuild(t, back)
	if err != nil {
		t.Fatalf("write again: %v", err)
	}
	if third.Text() != again.Text() {
		t.Fatalf("the second round trip differs\n got:\n%s\nwant:\n%s", third.Text(), again.Text())
	}
}

// TestFromConfig runs testdata/read/*.txtar: config is read; the file error says what is wrong with it, else the round
// trip must give the same configuration.
func TestFromConfig(t *testing.T) {
	files, err := filepath.Glob("testdata/read/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			tree := parse(t, string(a.Files[0].Data))
			s, err := policies.FromConfig(tree)
			if len(a.Files) > 1 {
				want := strings.TrimSpace(string(a.Files[1].Data))
				if _, ok := errors.AsType[*policies.UnknownError](err); !ok || err.Error() != want {
					t.Fatalf("error\n got: %v\nwant: %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rebuild(t, s); err != nil {
				t.Fatal(err)
			}
			sameAgain(t, tree, s)
		})
	}
}

// TestRead looks at the values themselves.
func TestRead(t *testing.T) {
	s, err := policies.FromConfig(parse(t, `
firewall { family inet { filter F {
    inactive: term A { from { destination-address { 192.0.2.0/24; 192.0.2.1/32 except; } protocol-except [ tcp udp ]; } then { count c; reject tcp-reset; } }
    term B { filter G; }
} } }
policy-options { policy-statement P {
    term A { from { route-filter 192.0.2.0/24 upto /28; } then { metric add 10; community add X; community delete Y; next policy; } }
    then reject;
} }`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Filter("F").Terms[0], s.Filter("F").Terms[1]
	if !a.Inactive || len(a.From.DestinationAddress) != 2 || !a.From.DestinationAddress[1].Except && !a.From.DestinationAddress[0].Except {
		t.Errorf("term A: %+v", a)
	}
	if want := (policies.Values{List: []string{"tcp", "udp"}, Except: true}); !reflect.DeepEqual(a.From.Protocol, want) {
		t.Errorf("protocol: %+v", a.From.Protocol)
	}
	if a.Then.Verdict != policies.Reject || a.Then.RejectType != "tcp-reset" || b.Call != "G" {
		t.Errorf("then: %+v, call %q", a.Then, b.Call)
	}
	p := s.Policy("P").Terms[0]
	if f := p.From.RouteFilters[0]; f.Modifier != policies.UpTo || f.Value != "/28" {
		t.Errorf("route-filter: %+v", f)
	}
	if *p.Then.Metric != (policies.NumberAction{Op: "add", Value: 10}) || len(p.Then.Community) != 2 || p.Then.Verdict != policies.NextPolicy {
		t.Errorf("then: %+v", p.Then)
	}
	if s.Policy("P").Final.Then.Verdict != policies.Reject || s.Policy("Q") != nil {
		t.Errorf("final: %+v", s.Policy("P").Final)
	}
}

// FuzzFromConfig reads whatever the parser takes. The property: an error, or a round trip that loses nothing.
func FuzzFromConfig(f *testing.F) {
	for _, pattern := range []string{"testdata/read/*.txtar", "testdata/shipped/*.txtar", "testdata/check/*.txtar"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			for _, x := range txtar.Parse(data).Files {
				f.Add(string(x.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		tree, err := junos.Parse("", []byte(text), nil)
		if err != nil {
			return
		}
		policies.Check(tree) // must not panic
		s, err := policies.FromConfig(tree)
		if err != nil {
			if s != nil {
				t.Fatal("both a set and an error")
			}
			return
		}
		sameAgain(t, tree, s)
	})
}
