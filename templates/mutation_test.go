package templates

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"go.yaml.in/yaml/v3"

	"rhapsode/inventory"
)

// leaf is a single value of the example's files.
type leaf struct {
	file  string
	path  string // lvs.hold_time, hosts.lb1.med
	node  *yaml.Node
	place []position // of its key, and of the maps and lists that it is in
}

type position struct {
	file         string
	line, column int
}

// leaves are the values of a file; what an alias stands for counts once, where it is written.
func leaves(t *testing.T, file string, data []byte) []leaf {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var out []leaf
	var walk func(n *yaml.Node, path []string, place []position)
	walk = func(n *yaml.Node, path []string, place []position) {
		switch n.Kind {
		case yaml.ScalarNode:
			out = append(out, leaf{file, strings.Join(path, "."), n, slices.Clone(place)})
		case yaml.SequenceNode:
			for i, e := range n.Content {
				walk(e, append(path, strconv.Itoa(i)), append(place, position{file, e.Line, e.Column}))
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				k := n.Content[i]
				walk(n.Content[i+1], append(path, k.Value), append(place, position{file, k.Line, k.Column}))
			}
		}
	}
	for _, n := range doc.Content {
		walk(n, nil, nil)
	}
	return out
}

// others are values that may stand in the place of a leaf's; not all of them need be right there.
func others(l leaf) []string {
	v := l.node.Value
	if a, err := netip.ParseAddr(v); err == nil {
		return []string{a.Next().String(), a.Prev().String(), a.Next().Next().Next().String(), step(a, 40).String()}
	}
	if p, err := netip.ParsePrefix(v); err == nil {
		if p != p.Masked() {
			return []string{netip.PrefixFrom(p.Addr(), p.Bits()-1).String(), netip.PrefixFrom(step(p.Addr(), 7), p.Bits()).String()}
		}
		return []string{netip.PrefixFrom(p.Addr(), p.Bits()+1).String(), netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked().String()}
	}
	if n, err := strconv.Atoi(v); err == nil {
		return []string{strconv.Itoa(n + 1), strconv.Itoa(n - 1)}
	}
	if n, ok := strings.CutSuffix(v, "s"); ok && regexp.MustCompile(`^[0-9]+$`).MatchString(n) {
		return []string{n + "1s"}
	}
	if f, err := strconv.ParseFloat(v, 64); err == nil {
		return []string{strconv.FormatFloat(f/2, 'f', -1, 64)}
	}
	return append(words4[v], v+"x", strings.Replace(v, "AAAA", "AAAB", 1))
}

// words4 are words with a meaning, and what else could stand there.
var words4 = map[string][]string{
	"true": {"false"}, "false": {"true"}, "ping1": {"ping2"}, "ping2": {"ping1"}, "transport": {"internal"}, "internal": {"servers"},
	"servers": {"internal"}, "border": {"transport"}, "production": {"service_setup"}, "service_setup": {"production"},
	"active": {"planned"}, "director": {"ping"}, "ping": {"director"}, "udp": {"tcp"}, "mh": {"wrr"}, "wrr": {"mh"},
	"northwind": {"eastlink"}, "eastlink": {"northwind"}, "southport": {"westbridge"}, "westbridge": {"southport"},
	"text": {"api"}, "upload": {"api"}, "dns": {"api"}, "text/textlb": {"api/default"}, "upload/uploadlb": {"api/default"}, "dns/default": {"api"},
	"high-traffic1": {"low-traffic"}, "high-traffic2": {"low-traffic"}, "low-traffic": {"high-traffic1"},
}

func step(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}

// mutate writes another value in the place of a leaf's.
func mutate(data []byte, l leaf, value string) []byte {
	lines := strings.Split(string(data), "\n")
	at := &lines[l.node.Line-1]
	from := l.node.Column - 1
	old := l.node.Value
	if l.node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		from++
	}
	if !strings.HasPrefix((*at)[from:], old) {
		return nil // written in another way than read
	}
	*at = (*at)[:from] + value + (*at)[from+len(old):]
	return []byte(strings.Join(lines, "\n"))
}

// world is everything that is rendered of an inventory: by FQDN.
type world struct {
	net  *inventory.Network
	text map[string]string
}

func loadTree(files map[string][]byte) (*inventory.Network, error) {
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	return inventory.LoadFS(fsys, "example")
}

func render(t *testing.T, files map[string][]byte) (*world, error) {
	t.Helper()
	net, err := loadTree(files)
	if err != nil {
		return nil, err
	}
	w := &world{net, map[string]string{}}
	for _, d := range net.Devices {
		r, err := Render(net, d)
		if err != nil {
			return nil, err
		}
		w.text[d.FQDN] = r.Text
	}
	for _, h := range net.Hosts {
		f, err := RenderHost(net, h)
		if err != nil {
			return nil, err
		}
		w.text[h.FQDN] = string(f.Text)
	}
	return w, nil
}

// uses gives, by place in the inventory, the devices whose configuration has a line with the value of that place, and
// those whose lines depend on it in another way.
func uses(t *testing.T, net *inventory.Network) (holds, depends map[position]map[string]bool) {
	t.Helper()
	r, err := New(nil)
	if err != nil {
		t.Fatal(err)
	}
	holds, depends = map[position]map[string]bool{}, map[position]map[string]bool{}
	add := func(m map[position]map[string]bool, list []Value, fqdn string) {
		for _, v := range list {
			for _, s := range v.Sources {
				at := position{s.File, s.Line, s.Column}
				if m[at] == nil {
					m[at] = map[string]bool{}
				}
				m[at][fqdn] = true
			}
		}
	}
	for _, d := range net.Devices {
		lines, err := r.Explain(net, d)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			add(holds, l.Values, d.FQDN)
			add(depends, slices.Concat(l.Values, l.Because), d.FQDN)
		}
	}
	return holds, depends
}

// hostsThatUse says which hosts' files a value goes into: a pattern over short names, empty for none.
func hostsThatUse(l leaf) string {
	site := strings.TrimSuffix(strings.TrimPrefix(l.file, "sites/"), ".yaml")
	for _, rule := range []struct{ file, path, hosts string }{
		{`common`, `domain`, `.*`},
		{`common`, `asn|lvs\.(peer_asn|hold_time)`, `lb.*`},
		{`common`, `prefixes\..*`, `ping.*`},
		{`common`, `status`, `lb.*`}, // a planned router has no sessions yet
		{`devices/.*\.SITE`, `loopback\.ipv4`, `lb.\.SITE`},
		{`sites/.*`, `hosts\.(\w+)\..*`, `$1.` + site},
		{`sites/.*`, `ping_offload\.(vips|rate_limit)\..*`, `ping.\.` + site},
		{`services`, `services\.thumbs\.state`, `lb.\.fra`},
		{`services`, `services\.thumbs\..*`, ``},
		{`services`, `services\.(text|upload|dns)\.ip\.ams\.\w+6`, `lb.\.ams`}, // no redirect6 there
		{`services`, `services\.(text|upload|dns)\.ip\.(\w+)\..*`, `(lb|ping).\.$2`},
		{`services`, `services\.\w+\.ip\.(\w+)\..*`, `lb.\.$1`},
		{`services`, `services\.[^.]+\.(port|state|lvs\.(protocol|enabled|scheduler|depool_threshold|conftool\..*|monitors\..*))`, `lb.*`},
	} {
		file := rule.file
		device := strings.Split(l.file, ".")
		if strings.HasPrefix(l.file, "devices/") {
			file = strings.ReplaceAll(file, "SITE", device[1])
		}
		if !regexp.MustCompile(`^(` + file + `)\.yaml$`).MatchString(l.file) {
			continue
		}
		path := regexp.MustCompile(`^(` + rule.path + `)$`)
		if !path.MatchString(l.path) {
			continue
		}
		hosts := regexp.MustCompile(`^`+rule.path+`$`).ReplaceAllString(l.path, rule.hosts)
		if strings.HasPrefix(l.file, "devices/") {
			hosts = strings.ReplaceAll(hosts, "SITE", device[1])
		}
		return hosts
	}
	return ""
}

// structural are the values that decide which files there are and how they hang together: they are in the names of what
// is rendered, and no line of a text is explained by them alone.
var structural = regexp.MustCompile(`^(domain|site|role)$`)

// TestEveryValue changes every value of the example, one at a time. What changes in the routers' configuration is what
// Explain says depends on the value: a router that has it in a line changes, one that knows nothing of it does not.
// What changes in the hosts' files is what hostsThatUse says.
func TestEveryValue(t *testing.T) {
	files := tree(t, "../inventory/example")
	before, err := render(t, files)
	if err != nil {
		t.Fatal(err)
	}
	holds, depends := uses(t, before.net)
	tried, moved := 0, 0
	var skipped []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if folder, _, _ := strings.Cut(name, "/"); folder == "policies" || folder == "definitions" {
			continue // what these say is said of the files, see TestChosen
		}
		for _, l := range leaves(t, name, files[name]) {
			changed := maps.Clone(files)
			var after *world
			var value string
			for _, value = range others(l) {
				changed[name] = mutate(files[name], l, value)
				if changed[name] == nil || value == l.node.Value {
					continue
				}
				if after, err = render(t, changed); err == nil {
					break
				}
			}
			if after == nil {
				skipped = append(skipped, fmt.Sprintf("%s %s: %s: %v", name, l.path, l.node.Value, err))
				continue
			}
			tried++
			if checkLeaf(t, l, value, before, after, holds, depends) {
				moved++
			}
		}
	}
	t.Logf("%d values changed, %d of them moved something, %d can't be changed alone:\n%s", tried, moved, len(skipped), strings.Join(skipped, "\n"))
	if tried < 200 || moved < 120 || len(skipped) > tried/3 {
		t.Errorf("%d values changed, %d moved something, %d skipped", tried, moved, len(skipped))
	}
}

func checkLeaf(t *testing.T, l leaf, value string, before, after *world, holds, depends map[position]map[string]bool) bool {
	t.Helper()
	newly := sync.OnceValue(func() map[position]map[string]bool { // what the change itself brings into play
		_, depends := uses(t, after.net)
		return depends
	})
	moved := false
	hosts := regexp.MustCompile(`^(` + hostsThatUse(l) + `)$`)
	for fqdn, text := range before.text {
		changed := after.text[fqdn] != text
		moved = moved || changed
		what := fmt.Sprintf("%s:%d: %s: %s becomes %s: %s changes: %v", l.file, l.node.Line, l.path, l.node.Value, value, fqdn, changed)
		if structural.MatchString(l.path) {
			continue
		}
		if i := slices.IndexFunc(before.net.Hosts, func(h *inventory.Host) bool { return h.FQDN == fqdn }); i >= 0 {
			if expected := hosts.MatchString(before.net.Hosts[i].Name); changed != expected {
				t.Errorf("%s, want %v", what, expected)
			}
			continue
		}
		in := func(m map[position]map[string]bool) bool {
			return slices.ContainsFunc(l.place, func(p position) bool { return m[p][fqdn] })
		}
		own := l.place[len(l.place)-1]
		switch {
		case changed && !in(depends) && !in(newly()):
			t.Errorf("%s, but no line of it is explained by the value", what)
		case !changed && holds[own][fqdn]:
			t.Errorf("%s, but a line of it has the value", what)
		}
	}
	return moved
}
