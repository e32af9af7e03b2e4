package policies_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/diffs/junos"
	"rhapsode/policies"
)

var update = flag.Bool("update", false, "write the golden files anew")

func offloads() []policies.Offload {
	host4, host6 := netip.MustParseAddr("192.0.2.133"), netip.MustParseAddr("2001:db8:1:10::21")
	return []policies.Offload{
		{VIP: netip.MustParseAddr("203.0.113.10"), Service: "dns", Label: "default", Host: host4},
		{VIP: netip.MustParseAddr("203.0.113.1"), Service: "text-http", Label: "textlb", Host: host4},
		{VIP: netip.MustParseAddr("203.0.113.1"), Service: "text", Label: "textlb", Host: host4},
		{VIP: netip.MustParseAddr("2001:db8:1:ed1a::53"), Service: "dns", Label: "default6", Host: host6},
	}
}

// shipped are the objects that the constructors build, by the golden file that shows them.
func shipped() map[string][]policies.Object {
	both := policies.Families{V4: true, V6: true}
	transit := policies.Transit{
		Families:  both,
		OwnSpace4: "own-space4", OwnSpace6: "own-space6", Special4: "special-ranges4", Special6: "special-ranges6",
		Services4: policies.ServiceIPs4, Services6: policies.ServiceIPs6,
	}
	border4 := policies.Border{Peers: "transit-peers4", Special: "special-ranges4", OwnSpace: "own-space4"}
	border6 := policies.Border{Peers: "transit-peers6", Special: "special-ranges6", OwnSpace: "own-space6"}
	out := map[string][]policies.Object{
		"lvs":          {policies.LVSImport(both), policies.RejectAll(policies.None)},
		"lvs-v4":       {policies.LVSImport(policies.Families{V4: true})},
		"transit":      {policies.TransitImport(transit), policies.TransitExport(transit)},
		"transit-bare": {policies.TransitImport(policies.Transit{Families: both}), policies.TransitExport(policies.Transit{})},
		"internal":     {policies.InternalExport(), policies.AggregateExport()},
		"offload": {
			policies.OffloadFilter(policies.Inet, offloads()), policies.OffloadFilter(policies.Inet6, offloads()),
			policies.BorderFilter(policies.Inet, border4, offloads()), policies.BorderFilter(policies.Inet6, border6, offloads()),
			policies.TransportFilter(policies.Inet, offloads(), "own-space4"),
			policies.TransportFilter(policies.Inet6, offloads(), "own-space6"),
		},
		"no-offload": {
			policies.BorderFilter(policies.Inet, policies.Border{}, nil), policies.BorderFilter(policies.Inet6, border6, nil),
			policies.TransportFilter(policies.Inet, nil, "own-space4"),
		},
		"special-ranges": {
			&policies.PrefixList{Name: "special-ranges4", Prefixes: policies.SpecialRanges(policies.Inet, nil)},
			&policies.PrefixList{Name: "special-ranges6", Prefixes: policies.SpecialRanges(policies.Inet6, nil)},
			&policies.PrefixList{Name: "in-a-lab4", Prefixes: policies.SpecialRanges(policies.Inet, policies.Documentation)},
		},
	}
	for _, asn := range []uint32{64500, 65551} {
		for _, c := range policies.PathCommunities(asn) {
			c.Name += "-" + netip.AddrFrom4([4]byte{0, byte(asn >> 16), byte(asn >> 8), byte(asn)}).String()
			out["communities"] = append(out["communities"], c)
		}
	}
	return out
}

// TestShipped holds the constructors against golden text and reads every object back.
func TestShipped(t *testing.T) {
	for name, objects := range shipped() {
		t.Run(name, func(t *testing.T) {
			tree := junos.New(nil)
			for _, o := range objects {
				if err := o.Validate(); err != nil {
					t.Fatal(err)
				}
				load(t, tree, o)
				readBack(t, o)
			}
			golden(t, filepath.Join("testdata", "shipped", name+".txtar"), tree.Text())
		})
	}
}

// load merges an object into a tree, in its place.
func load(t *testing.T, tree *junos.Tree, o policies.Object) {
	t.Helper()
	path := o.Path()
	outer := path[:len(path)-2]
	text := ""
	for _, w := range outer {
		text += w + " { "
	}
	text += o.Text() + strings.Repeat("}", len(outer))
	if _, err := tree.Load("", []byte(text), junos.Merge); err != nil {
		t.Fatalf("load %v: %v\n%s", path, err, text)
	}
}

// readBack holds FromConfig(ToConfig(x)) against x.
func readBack(t *testing.T, o policies.Object) {
	t.Helper()
	n, err := o.ToConfig()
	if err != nil {
		t.Fatal(err)
	}
	var back policies.Object
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
	default:
		t.Fatalf("no reader for a %T", o)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got, want := canonical(t, back), canonical(t, o); got != want {
		t.Errorf("read back differs\n got:\n%s\nwant:\n%s", got, want)
	}
}

// canonical is an object's text in the order in which a router would print it.
func canonical(t *testing.T, o policies.Object) string {
	t.Helper()
	tree := junos.New(nil)
	load(t, tree, o)
	return tree.Text()
}

// golden compares with the file `want` of a txtar archive, or writes it under -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !(*update && os.IsNotExist(err)) {
		t.Fatal(err)
	}
	a := txtar.Parse(data)
	want := ""
	if len(a.Files) > 0 {
		want = string(a.Files[len(a.Files)-1].Data)
	}
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("%s differs (run with -update to accept): %s", file, firstDifference(got, want))
	}
	if len(a.Files) == 0 {
		a.Files = []txtar.File{{Name: "want"}}
	}
	a.Files[len(a.Files)-1].Data = []byte(got)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEcho says what may never leave a directors' path: anything but echo requests.
func TestEcho(t *testing.T) {
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		for _, term := range policies.OffloadFilter(f, offloads()).Terms {
			ranges, ok, err := term.From.ICMPType.Ranges("icmp-type", f)
			want := policies.Range{Lo: 8, Hi: 8}
			if f == policies.Inet6 {
				want = policies.Range{Lo: 128, Hi: 128}
			}
			if err != nil || !ok || len(ranges) != 1 || ranges[0] != want {
				t.Errorf("%s term %s: icmp-type %v %v %v", f, term.Name, ranges, ok, err)
			}
			if term.Then.Verdict != policies.NoVerdict {
				t.Errorf("%s term %s: verdict %s", f, term.Name, term.Then.Verdict)
			}
		}
	}
	if policies.OffloadFilter(policies.Inet6, offloads()[:3]) != nil {
		t.Error("a filter for a family without VIPs")
	}
}

// firstDifference names the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}
