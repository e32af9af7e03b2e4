package policies

import (
	"fmt"
	"net/netip"
	"strconv"

	"rhapsode/diffs/junos"
)

// PolicyStatement is a routing policy. Its terms are tried in order; a term without a verdict changes the route and
// goes on. After the last term stands Final, the policy's own from and then; after that the next policy of the list,
// and at its end the protocol's default (BGP import accepts).
type PolicyStatement struct {
	Name     string
	Comment  string
	Inactive bool
	Terms    []*PolicyTerm
	Final    PolicyTerm // without a name; zero: none
}

// PolicyTerm is one term of a policy-statement.
type PolicyTerm struct {
	Name     string
	Comment  string
	Inactive bool
	From     PolicyMatch
	Then     PolicyAction
}

// Modifier says how a prefix in a condition compares with a route.
type Modifier string

// The modifiers. Longer refuses the prefix itself, OrLonger doesn't. UpTo takes one length (/24),
// PrefixLengthRange two (/25-/32), Through a second prefix.
const (
	Exact             Modifier = "exact"
	Longer            Modifier = "longer"
	OrLonger          Modifier = "orlonger"
	UpTo              Modifier = "upto"
	PrefixLengthRange Modifier = "prefix-length-range"
	Through           Modifier = "through"
	AddressMask       Modifier = "address-mask"
)

// takesValue tells whether a modifier has an argument; ok is false for a word that is none.
func (m Modifier) takesValue() (takes, ok bool) {
	switch m {
	case Exact, Longer, OrLonger:
		return false, true
	case UpTo, PrefixLengthRange, Through, AddressMask:
		return true, true
	}
	return false, false
}

// RouteFilter is `route-filter PREFIX MODIFIER [VALUE]`.
type RouteFilter struct {
	Prefix   netip.Prefix
	Modifier Modifier
	Value    string // /24 for UpTo, /25-/32 for PrefixLengthRange
}

// PrefixListFilter is `prefix-list-filter NAME MODIFIER`.
type PrefixListFilter struct {
	Name     string
	Modifier Modifier // Exact, Longer or OrLonger
}

// PolicyMatch is `from`: all conditions must hold, one value of each is enough (route filters: the longest matching
// prefix decides). The zero value matches every route.
type PolicyMatch struct {
	Family     Family
	Protocol   []string
	RIB        string
	Instance   string
	RouteType  string // internal, external
	Origin     string
	Area       string
	Neighbor   []netip.Addr
	NextHop    []netip.Addr
	Interface  []string
	ASPath     []string
	Community  []string
	Policy     []string // other policies, or expressions of them
	Condition  []string
	PrefixList []string

	PrefixListFilters []PrefixListFilter
	RouteFilters      []RouteFilter

	Metric, LocalPreference, Preference *uint32
	Tag                                 []uint32
}

// NumberAction sets a number, or with Op changes it.
type NumberAction struct {
	Op    string // empty: set; add, subtract
	Value uint32
}

// CommunityAction changes a route's communities.
type CommunityAction struct {
	Op   string // add, set, delete
	Name string // of a Community
}

// PolicyAction is `then`.
type PolicyAction struct {
	Metric, LocalPreference, Preference *NumberAction
	Tag                                 *NumberAction

	Community     []CommunityAction // in this order
	ASPathPrepend string            // numbers, blanks between them
	Origin        string            // igp, egp, incomplete
	NextHop       string            // self, peer-address, discard, reject or an address
	LoadBalance   string            // per-packet, per-flow, consistent-hash, …
	External      string            // OSPF external type: 1 or 2
	Damping       string

	DefaultAction Verdict // accept or reject at the end of the list unless something later decides
	Verdict       Verdict // Accept, Reject, NextTerm or NextPolicy
}

// Number is a literal for the number conditions of PolicyMatch.
func Number(n uint32) *uint32 { return &n }

// Setting is a literal for the numbers of PolicyAction.
func Setting(n uint32) *NumberAction { return &NumberAction{Value: n} }

func (m *PolicyMatch) textFields() []field[string] {
	return []field[string]{
		{"instance", &m.Instance},
		{"family", (*string)(&m.Family)},
		{"rib", &m.RIB},
		{"area", &m.Area},
		{"origin", &m.Origin},
		{"route-type", &m.RouteType},
	}
}

func (m *PolicyMatch) listFields() []field[[]string] {
	return []field[[]string]{
		{"protocol", &m.Protocol},
		{"interface", &m.Interface},
		{"as-path", &m.ASPath},
		{"community", &m.Community},
		{"policy", &m.Policy},
		{"condition", &m.Condition},
		{"prefix-list", &m.PrefixList},
	}
}

func (m *PolicyMatch) addressFields() []field[[]netip.Addr] {
	return []field[[]netip.Addr]{{"neighbor", &m.Neighbor}, {"next-hop", &m.NextHop}}
}

func (m *PolicyMatch) numberFields() []field[*uint32] {
	return []field[*uint32]{
		{"metric", &m.Metric},
		{"local-preference", &m.LocalPreference},
		{"preference", &m.Preference},
	}
}

func (a *PolicyAction) numberFields() []field[*NumberAction] {
	return []field[*NumberAction]{
		{"metric", &a.Metric},
		{"tag", &a.Tag},
		{"preference", &a.Preference},
		{"local-preference", &a.LocalPreference},
	}
}

func (a *PolicyAction) textFields() []field[string] {
	return []field[string]{
		{"origin", &a.Origin},
		{"damping", &a.Damping},
		{"as-path-prepend", &a.ASPathPrepend},
		{"next-hop", &a.NextHop},
		{"load-balance", &a.LoadBalance},
	}
}

func (p *PolicyStatement) name() string { return p.Name }

// Path gives policy-options policy-statement NAME.
func (p *PolicyStatement) Path() []string {
	return []string{"policy-options", "policy-statement", p.Name}
}

// Text gives the policy-statement in curly form.
func (p *PolicyStatement) Text() string {
	w := &writer{}
	w.mark(p.Comment, p.Inactive)
	w.open("policy-statement", p.Name)
	for _, t := range p.Terms {
		w.mark(t.Comment, t.Inactive)
		w.open("term", t.Name)
		t.writeBody(w)
		w.end()
	}
	p.Final.writeBody(w)
	w.end()
	return w.b.String()
}

func (t *PolicyTerm) writeBody(w *writer) {
	w.block("from", t.From.write)
	w.block("then", t.Then.write)
}

func (m *PolicyMatch) write(w *writer) {
	for _, x := range m.textFields() {
		w.optional(x.key, *x.value)
	}
	for _, x := range m.listFields() {
		if x.key == "prefix-list" { // a list of statements, not of values
			for _, name := range *x.value {
				w.leaf(x.key, name)
			}
			continue
		}
		w.list(x.key, *x.value)
	}
	for _, x := range m.addressFields() {
		var list []string
		for _, a := range *x.value {
			list = append(list, a.String())
		}
		w.list(x.key, list)
	}
	for _, x := range m.numberFields() {
		if *x.value != nil {
			w.leaf(x.key, decimal(**x.value))
		}
	}
	var tags []string
	for _, n := range m.Tag {
		tags = append(tags, decimal(n))
	}
	w.list("tag", tags)
	for _, f := range m.RouteFilters {
		if f.Value != "" {
			w.leaf("route-filter", f.Prefix.String(), string(f.Modifier), f.Value)
			continue
		}
		w.leaf("route-filter", f.Prefix.String(), string(f.Modifier))
	}
	for _, f := range m.PrefixListFilters {
		w.leaf("prefix-list-filter", f.Name, string(f.Modifier))
	}
}

func (a *PolicyAction) write(w *writer) {
	for _, x := range a.numberFields() {
		switch n := *x.value; {
		case n == nil:
		case n.Op != "":
			w.leaf(x.key, n.Op, decimal(n.Value))
		default:
			w.leaf(x.key, decimal(n.Value))
		}
	}
	for _, c := range a.Community {
		w.leaf("community", c.Op, c.Name)
	}
	for _, x := range a.textFields() {
		w.optional(x.key, *x.value)
	}
	if a.External != "" {
		w.leaf("external", "type", a.External)
	}
	if a.DefaultAction != NoVerdict {
		w.leaf("default-action", a.DefaultAction.String())
	}
	switch a.Verdict {
	case NoVerdict:
	case NextTerm:
		w.leaf("next", "term")
	case NextPolicy:
		w.leaf("next", "policy")
	default:
		w.leaf(a.Verdict.String())
	}
}

func decimal(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// Validate reports what a router would refuse or what would not mean what it says.
func (p *PolicyStatement) Validate() error {
	if err := validateHead("policy-statement", p.Name, p.Comment); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, t := range p.Terms {
		if err := validateHead("term", t.Name, t.Comment); err != nil {
			return fmt.Errorf("check policy-statement %s: %w", p.Name, err)
		}
		if seen[t.Name] {
			return fmt.Errorf("check policy-statement %s: two terms %s", p.Name, t.Name)
		}
		seen[t.Name] = true
		if err := t.validate(); err != nil {
			return fmt.Errorf("check policy-statement %s: term %s: %w", p.Name, t.Name, err)
		}
	}
	if f := &p.Final; f.Name != "" || f.Inactive || f.Comment != "" {
		return fmt.Errorf("check policy-statement %s: its own from and then have no name and no marks", p.Name)
	}
	if err := p.Final.validate(); err != nil {
		return fmt.Errorf("check policy-statement %s: %w", p.Name, err)
	}
	return nil
}

func (t *PolicyTerm) validate() error {
	if t.Then.Verdict == Discard {
		return fmt.Errorf("a policy rejects, it knows no discard")
	}
	if d := t.Then.DefaultAction; d != NoVerdict && d != Accept && d != Reject {
		return fmt.Errorf("default-action %s: want accept or reject", d)
	}
	for _, f := range t.From.RouteFilters {
		takes, ok := f.Modifier.takesValue()
		if !f.Prefix.IsValid() || !ok || takes != (f.Value != "") {
			return fmt.Errorf("route-filter %s %s %s: not a prefix and a modifier", f.Prefix, f.Modifier, f.Value)
		}
	}
	for _, f := range t.From.PrefixListFilters {
		if takes, ok := f.Modifier.takesValue(); !ok || takes {
			return fmt.Errorf("prefix-list-filter %s %s: want exact, longer or orlonger", f.Name, f.Modifier)
		}
	}
	for _, c := range t.Then.Community {
		if !communityOp(c.Op) {
			return fmt.Errorf("community %s %s: want add, set or delete", c.Op, c.Name)
		}
	}
	return nil
}

func communityOp(s string) bool { return s == "add" || s == "set" || s == "delete" }

// ToConfig gives the policy-statement as a node.
func (p *PolicyStatement) ToConfig() (*junos.Node, error) { return toConfig(p) }
