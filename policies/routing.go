package policies

// Names of the objects that hang on a choice of the inventory.
const (
	GracefulShutdown = "GRACEFUL_SHUTDOWN" // community: use this path last, it is about to go (RFC 8326)
	FlowBalance      = "load_balance"      // policy for the forwarding table
)

// GracefulShutdownCommunity is the well-known community 65535:0 (RFC 8326).
func GracefulShutdownCommunity() *Community {
	return &Community{Name: GracefulShutdown, Members: []string{"65535:0"}}
}

// HonourGracefulShutdown makes an import policy prefer any other path to one that is marked GRACEFUL_SHUTDOWN: by a term
// behind all that set a preference and before the first that ends the policy.
func HonourGracefulShutdown(p *PolicyStatement) {
	t := &PolicyTerm{
		Name: "localpref_graceful_shutdown",
		From: PolicyMatch{Protocol: []string{"bgp"}, Community: []string{GracefulShutdown}},
		Then: PolicyAction{LocalPreference: Setting(0)},
	}
	at := len(p.Terms)
	for i, x := range p.Terms {
		if x.Then.Verdict != NoVerdict {
			at = i
			break
		}
	}
	p.Terms = append(p.Terms[:at:at], append([]*PolicyTerm{t}, p.Terms[at:]...)...)
}

// SendGracefulShutdown makes an export policy mark every route that it lets out. Towards our own routers the preference
// goes down as well: among them it is told with the route, and they need no policy to honour the mark.
func SendGracefulShutdown(p *PolicyStatement, internal bool) {
	t := &PolicyTerm{Name: "graceful_shutdown", Then: PolicyAction{Community: []CommunityAction{{Op: "add", Name: GracefulShutdown}}}}
	if internal {
		t.Then.LocalPreference = Setting(0)
	}
	p.Terms = append([]*PolicyTerm{t}, p.Terms...)
}

// LoadBalance is the policy that puts all equal paths of a route into the forwarding table. Junos calls it per-packet;
// the hardware has long chosen by flow, and every release takes the word.
func LoadBalance() *PolicyStatement {
	return &PolicyStatement{Name: FlowBalance, Final: PolicyTerm{Then: PolicyAction{LoadBalance: "per-packet"}}}
}

// Exported says what ospf_export hands to OSPF.
type Exported struct {
	Aggregates           bool
	Services4, Services6 string // prefix-lists of the VIPs that are told one by one; empty: none
}

// OSPFExport is the policy for what OSPF is told beside the links, and nothing else: a static route of the management
// network must not leave the router. VIPs are told by the routers that learned them from a director.
func OSPFExport(e Exported) *PolicyStatement {
	p := RejectAll(AggregateOut)
	if e.Aggregates {
		p = AggregateExport()
	}
	for _, x := range []struct {
		family Family
		list   string
	}{{Inet, e.Services4}, {Inet6, e.Services6}} {
		if x.list != "" {
			p.Terms = append(p.Terms, vips("services"+x.family.Digit(), x.family, x.list, Accept))
		}
	}
	return p
}

// WithholdServices makes an export policy between our own routers keep the VIPs to itself: others then know the
// aggregates alone.
func WithholdServices(p *PolicyStatement, list4, list6 string) {
	var terms []*PolicyTerm
	if list4 != "" {
		terms = append(terms, vips("no_services4", Inet, list4, Reject))
	}
	if list6 != "" {
		terms = append(terms, vips("no_services6", Inet6, list6, Reject))
	}
	p.Terms = append(terms, p.Terms...)
}

// vips is a term for the addresses within a list's prefixes, as directors announce them.
func vips(name string, f Family, list string, v Verdict) *PolicyTerm {
	return &PolicyTerm{
		Name: name,
		From: PolicyMatch{
			Family: f, Protocol: []string{"bgp"}, RouteType: "external",
			PrefixListFilters: []PrefixListFilter{{list, Longer}},
		},
		Then: PolicyAction{Verdict: v},
	}
}
