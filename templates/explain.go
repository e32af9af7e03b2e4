package templates

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/policies"
)

// Line says where a line of a device's rendered configuration comes from.
type Line struct {
	Number       int    // from 1, in Rendered.Text
	Text         string // as it stands there
	Path         string // the statement that the line begins, belongs to or ends: protocols bgp group PyBal
	Template     string // which file wrote it: junos/bgp.tmpl, templates/junos/bgp.tmpl for a user's own
	TemplateLine int
	Values       []Value // what of the inventory stands in the line
	Because      []Value // what else decided that the line is there, and what it says
}

// Value is a value of the inventory.
type Value struct {
	Device  *inventory.Device // whose value it is: that of the line, or another one
	Key     string            // as Network.Where takes it
	Sources []inventory.Source
}

// Explain gives, for every line of what Render renders for a device, the line of the template that wrote it and the
// values of the inventory that went into it. Secrets stand in it as StandIn gives them.
func (r *Renderer) Explain(net *inventory.Network, dev *inventory.Device) ([]Line, error) {
	lines, err := r.engine.explain(net, dev)
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", dev.Name, err)
	}
	return lines, nil
}

func (e *engine) explain(net *inventory.Network, dev *inventory.Device) ([]Line, error) {
	plain, err := e.renderDevice(net, dev, StandIn)
	if err != nil {
		return nil, err
	}
	x, err := e.tracing()
	if err != nil {
		return nil, err
	}
	page, err := newPage(net, dev, e.policies)
	if err != nil {
		return nil, err
	}
	keys := &keyer{net, dev}
	page.refs, page.secret = keys.objects(page), StandIn
	record := newRecorder(x.tracer, keys)
	raw, err := x.run(folder+dev.Role+suffix, page, record.functions(page))
	if err != nil {
		return nil, err
	}
	raw, trace := record.extract(raw)
	text, origin := strip(raw, x.places)
	tree, err := junos.Parse(dev.Name, []byte(text), nil)
	if err != nil {
		return nil, err
	}
	if err := override(net.Overrides, dev, tree); err != nil {
		return nil, err
	}
	if tree.Text() != plain.Text {
		return nil, errors.New("the traced render differs from the render: a template acts on what tracing adds")
	}
	return (&explainer{keys: keys, record: record, trace: trace, origin: origin}).lines(plain.Text, tree)
}

// explainer joins the lines of the canonical text with those of the text that the templates wrote.
type explainer struct {
	keys   *keyer
	record *recorder
	trace  *traced
	origin []place
	shared map[int]int // by line of the templates' text: how many canonical lines it became
}

// standing is where a statement stands in both texts.
type standing struct {
	path string
	raw  []int // lines of the templates' text, from 0
}

// lines explains the canonical text of tree. The two trees, of the canonical text and of the templates' text, are the
// same but for their positions.
func (x *explainer) lines(text string, tree *junos.Tree) ([]Line, error) {
	canonical, err := junos.Parse("", []byte(text), nil)
	if err != nil {
		return nil, err
	}
	begins := map[int]standing{} // by canonical line, from 0
	var starts []int
	if !pair(canonical.Root, tree.Root, func(c, r *junos.Node) {
		at, raw := int(c.Pos.Line)-1, int(r.Pos.Line)-1
		s := begins[at]
		s.path = words(canonical.Path(c))
		s.raw = append(s.raw, raw)
		begins[at], starts = s, append(starts, raw)
	}) {
		return nil, errors.New("the canonical text reads as another configuration")
	}
	slices.Sort(starts)
	x.shared = map[int]int{}
	for _, s := range begins {
		for _, raw := range slices.Compact(slices.Sorted(slices.Values(s.raw))) {
			x.shared[raw]++
		}
	}
	var out []Line
	var open []standing
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, l := range all {
		s, ok := begins[i]
		for j := i + 1; !ok && strings.TrimSpace(l) != "}" && j < len(all); j++ {
			s, ok = begins[j] // an annotation, or the block of a list: what comes next
		}
		switch {
		case strings.TrimSpace(l) == "}" && len(open) > 0:
			s, open = open[len(open)-1], open[:len(open)-1]
		case strings.HasSuffix(l, "{"):
			open = append(open, s)
		}
		out = append(out, x.line(i+1, l, s, starts))
	}
	return out, nil
}

// pair walks two trees of the same shape together; false: they are of different shapes.
func pair(a, b *junos.Node, visit func(a, b *junos.Node)) bool {
	if a.Name != b.Name || len(a.Children) != len(b.Children) {
		return false
	}
	for i := range a.Children {
		visit(a.Children[i], b.Children[i])
		if !pair(a.Children[i], b.Children[i], visit) {
			return false
		}
	}
	return true
}

func (x *explainer) line(number int, text string, s standing, starts []int) Line {
	l := Line{Number: number, Text: text, Path: s.path}
	if len(s.raw) == 0 {
		return l
	}
	first := s.raw[len(s.raw)-1] // the innermost of the statements on the line
	l.Template, l.TemplateLine = x.origin[first].file, x.origin[first].line
	end := first + 1
	if i, _ := slices.BinarySearch(starts, first+1); i < len(starts) {
		end = starts[i] // a statement may go on over lines in the template
	}
	in, around := &values{keys: x.keys}, &values{keys: x.keys}
	if strings.TrimSpace(text) != "}" {
		for _, sp := range x.trace.spans {
			if sp.from < end && sp.to >= first {
				x.span(sp, text, x.shared[first] > 1, in, around)
			}
		}
	}
	for _, raw := range slices.Sorted(slices.Values(s.raw)) {
		for _, f := range slices.Sorted(maps.Keys(x.trace.frames[raw])) {
			for _, r := range x.record.frames[f].refs {
				around.add(r, r.key)
			}
		}
	}
	l.Values, l.Because = in.list, around.without(in)
	return l
}

// span adds what a print has put into a line. crowded: the template's line became several lines.
func (x *explainer) span(sp span, text string, crowded bool, in, around *values) {
	whole := sp.from != sp.to
	within := text
	if !whole {
		printed := strings.TrimSpace(sp.text)
		if crowded && !contains(text, printed) && !contains(text, junos.Quote(printed)) {
			return // it stands in another of the lines
		}
		within = printed
	}
	found := false
	for _, r := range sp.refs {
		if r.text != "" && (contains(within, r.text) || !whole && !r.object) {
			in.add(r, r.key)
			found = true
			continue
		}
		if r.text == "" {
			found = x.elements(r, within, in) || found
		}
	}
	for _, r := range sp.refs {
		if r.object && !found {
			around.add(r, r.key)
		} else if !found && !whole {
			in.add(r, r.key)
		}
	}
}

// elements adds the elements of a list that stand in a text.
func (x *explainer) elements(r ref, text string, in *values) bool {
	found := false
	for i := 0; ; i++ {
		key := r.key + "." + strconv.Itoa(i)
		chain, err := x.keys.net.Where(key, r.device)
		if err != nil {
			return found
		}
		if contains(text, spelled(chain[len(chain)-1].Value)) {
			in.add(r, key)
			found = true
		}
	}
}

// spelled is a value of the inventory as a template would print it: addresses have one spelling.
func spelled(v string) string {
	if s, err := strconv.Unquote(v); err == nil {
		v = s
	}
	if a, err := netip.ParseAddr(v); err == nil {
		return a.String()
	}
	if p, err := netip.ParsePrefix(v); err == nil {
		return p.String()
	}
	return v
}

// contains looks for a value in a text, as a word of its own: 203.0.113.1 does not stand in 203.0.113.10 or in
// 2001:db8::203.0.113.1, but in 203.0.113.1/32.
func contains(text, value string) bool {
	if value == "" {
		return false
	}
	joined := func(r rune) bool {
		return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune(value, ':') && r == ':'
	}
	for from := 0; ; {
		i := strings.Index(text[from:], value)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(value):])
		dotted := strings.HasPrefix(text[i+len(value):], ".") && len(text) > i+len(value)+1 && '0' <= text[i+len(value)+1] && text[i+len(value)+1] <= '9'
		if !joined(before) && !joined(after) && !dotted && before != '.' {
			return true
		}
		from = i + 1
	}
}

// values is a list of values, each once.
type values struct {
	keys *keyer
	list []Value
}

func (v *values) add(r ref, key string) {
	chain, err := v.keys.net.Where(key, r.device)
	if err != nil {
		return
	}
	if r.name {
		last := chain[len(chain)-1]
		key, chain = "name", []inventory.Source{{Layer: last.Layer, File: last.File, Line: 1, Column: 1, Value: r.device.Name}}
	}
	if !slices.ContainsFunc(v.list, func(x Value) bool { return x.Device == r.device && x.Key == key }) {
		v.list = append(v.list, Value{r.device, key, chain})
	}
}

// without gives the values that are not in the other list. What only holds another value is left out: that an interface
// is there is said by each of its values.
func (v *values) without(other *values) []Value {
	var out []Value
	for i, x := range v.list {
		holds := func(y Value) bool {
			return x.Device == y.Device && (x.Key == y.Key || strings.HasPrefix(y.Key, x.Key+"."))
		}
		if !slices.ContainsFunc(other.list, holds) && !slices.ContainsFunc(v.list[:i], holds) && !slices.ContainsFunc(v.list[i+1:], holds) {
			out = append(out, x)
		}
	}
	return out
}

// objects says what the filters, policies and lists of a device are made of: see library.build.
func (k *keyer) objects(p *page) map[string][]ref {
	net, dev, po := p.Network, p.Device, p.Site.PingOffload
	gshut, withheld := k.of(dev.LVS, "GracefulShutdown"), k.of(dev.IBGP, "Services")
	maintenance := k.of(dev, "Maintenance")
	own, peers := k.of(net, "Prefixes"), slices.Concat(k.of(dev, "Transits"), k.each(dev.Transits, "Addr"))
	services, six := k.each(net.Sites, "ServicePrefixes"), k.of(dev, "Loopback6")
	var offload []ref
	if po != nil {
		offload = slices.Concat(k.fact(reflect.ValueOf(*po), "Mode", ""), k.of(po, "VIPs"))
		for _, v := range po.VIPs {
			offload = append(offload, slices.Concat(k.of(v, "Addr"), k.of(v.Service, "Name"))...)
		}
		for name, h := range map[string]*inventory.Host{"Redirect4": po.Redirect4, "Redirect6": po.Redirect6} {
			if h == nil {
				continue
			}
			address := "Addr" + name[len(name)-1:]
			at := printed(reflect.ValueOf(*h).FieldByName(address))
			offload = append(offload, k.fact(reflect.ValueOf(*po), name, at)...)
			offload = append(offload, k.of(h, address)...)
		}
	}
	exempt := []ref{}
	if po != nil {
		exempt = k.of(po, "Exempt")
	}
	out := map[string][]ref{
		"policy-statement " + policies.ServiceIn:    slices.Concat(services, six, gshut),
		"policy-statement " + policies.TransitIn:    slices.Concat(own, peers, six),
		"policy-statement " + policies.TransitOut:   slices.Concat(services, six, maintenance),
		"policy-statement " + policies.InternalOut:  slices.Concat(services, six, maintenance, withheld),
		"policy-statement " + policies.AggregateOut: slices.Concat(services, six, k.of(dev, "OSPFExport")),
		"policy-statement " + policies.FlowBalance:  k.of(dev, "ECMP"),
		"community " + policies.GracefulShutdown:    slices.Concat(gshut, maintenance),
	}
	for _, c := range []string{policies.AvoidedPath, policies.BackupPath, policies.SelectedPath} {
		out["community "+c] = k.of(net, "ASN")
	}
	for _, d := range []string{"4", "6"} {
		out["prefix-list "+policies.OwnSpace+d] = own
		out["prefix-list "+policies.Special+d] = slices.Concat(own, peers)
		out["prefix-list "+policies.TransitPeers+d] = peers
		out["prefix-list "+policies.NoOffloadPing+d] = exempt
		out["filter "+policies.OffloadPing+d] = offload
		out["filter "+policies.BorderIn+d] = slices.Concat(offload, own, peers)
		out["filter "+policies.TransportIn+d] = slices.Concat(offload, exempt)
	}
	out["prefix-list "+policies.ServiceIPs4], out["prefix-list "+policies.ServiceIPs6] = services, services
	maps.Copy(out, p.chosenRefs(k))
	for name, refs := range out {
		list := slices.Clone(refs)
		for i := range list {
			list[i].object = true
		}
		out[name] = list
	}
	return out
}
