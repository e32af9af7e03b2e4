package forward

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	mdnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"rhapsode/policies"
)

// tableName is that of our tables in the kernel, one for each family. Nobody else's are touched.
const tableName = "router"

// socketBytes is how much of a change the netlink socket takes at once: the kernel answers every message of a change
// before the first answer is read.
const socketBytes = 16 << 20

// Kernel is a network namespace as the filters of a router see it. It may be used by several goroutines at once.
type Kernel struct {
	namespace int // a descriptor of it, which is the caller's; 0: the one of the thread that opened

	mu      sync.Mutex
	nft     *nftables.Conn
	routes  *routes
	applied *RuleSet // nil: what is in the kernel is not known
}

// Open prepares the filters of a network namespace, given by a descriptor of it; 0 is the one of the calling thread. It
// needs CAP_NET_ADMIN there and changes nothing yet.
func Open(namespace int) (*Kernel, error) {
	nft, err := nftables.New(nftables.WithNetNSFd(namespace), nftables.AsLasting(), nftables.WithSockOptions(
		func(c *mdnetlink.Conn) error { return c.SetReadBuffer(socketBytes) },
		func(c *mdnetlink.Conn) error { return c.SetWriteBuffer(socketBytes) },
	))
	if err != nil {
		return nil, fmt.Errorf("open nftables: %w", err)
	}
	r, err := openRoutes(namespace)
	if err != nil {
		_ = nft.CloseLasting()
		return nil, err
	}
	return &Kernel{namespace: namespace, nft: nft, routes: r}, nil
}

// Close leaves the filters in force and lets go of the namespace.
func (k *Kernel) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.routes.close()
	return k.nft.CloseLasting()
}

// Changed counts what an Apply did.
type Changed struct {
	Chains, Sets, Counters, Limits, Diversions int // made, filled anew, or deleted
}

// Apply brings a rule set into force: by difference to the one before, and all of it at one moment or none. Chains that
// are the same are not touched, and counters and policers that stay keep what they hold. The first Apply after Open takes
// away what another process left in our tables, and so does one that finds that somebody took ours away.
func (k *Kernel) Apply(want *RuleSet) (Changed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed, err := k.apply(want, k.applied)
	if errors.Is(err, unix.ENOENT) && k.applied != nil {
		changed, err = k.apply(want, nil)
	}
	if err != nil {
		return changed, fmt.Errorf("apply filters: %w", err)
	}
	return changed, nil
}

// apply goes from one rule set, nil: it is not known which, to another.
func (k *Kernel) apply(want, have *RuleSet) (Changed, error) {
	fresh := have == nil
	if fresh {
		have = &RuleSet{}
	}
	// Marks lead nowhere new before the rules that set them are there, and old ones only once nobody sets them.
	moved, undo, err := k.routes.add(want.Diversions, fresh)
	if err != nil {
		return Changed{}, err
	}
	b := &batch{nft: k.nft, tables: map[policies.Family]*nftables.Table{}}
	changed := b.difference(have, want, fresh)
	if err := k.nft.Flush(); err != nil {
		undo()
		return Changed{}, fmt.Errorf("the kernel refused the rules: %w", err)
	}
	k.applied = want
	changed.Diversions = moved
	gone, err := k.routes.remove(want.Diversions)
	changed.Diversions += gone
	if err != nil {
		return changed, fmt.Errorf("they are in force, but %w", err)
	}
	return changed, nil
}

// Remove takes all filters away, with their counters.
func (k *Kernel) Remove() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		t := k.nft.AddTable(&nftables.Table{Name: tableName, Family: tableFamily(f)}) // so that there is one to delete
		k.nft.DelTable(t)
	}
	if err := k.nft.Flush(); err != nil {
		return fmt.Errorf("remove filters: %w", err)
	}
	k.applied = nil
	if err := k.routes.clear(); err != nil {
		return fmt.Errorf("remove filters: %w", err)
	}
	return nil
}

// Resolve looks up anew through which gateway the hosts of next-ip are reached. It is to be called when routes or links
// have changed. A host that can't be reached, or that is the router itself, has its packets dropped.
func (k *Kernel) Resolve() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.routes.resolve()
}

func tableFamily(f policies.Family) nftables.TableFamily {
	if f == policies.Inet6 {
		return nftables.TableFamilyIPv6
	}
	return nftables.TableFamilyIPv4
}

// batch collects a change.
type batch struct {
	nft    *nftables.Conn
	sets   uint32
	tables map[policies.Family]*nftables.Table
}

func (b *batch) table(f policies.Family) *nftables.Table {
	if b.tables[f] == nil {
		b.tables[f] = &nftables.Table{Name: tableName, Family: tableFamily(f)}
	}
	return b.tables[f]
}

func same[T comparable](a T) func(T) bool { return func(b T) bool { return a == b } }

// difference puts into the batch what leads from one rule set to another: first what is new, in the order in which it is
// referred to, then the rules, then what is left over.
func (b *batch) difference(have, want *RuleSet, fresh bool) (n Changed) {
	if fresh {
		for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
			b.nft.AddTable(b.table(f))
			b.nft.DelTable(b.table(f))
			b.nft.AddTable(b.table(f))
		}
	}
	for _, c := range want.Counters {
		if !slices.ContainsFunc(have.Counters, func(o Counter) bool { return o.Family == c.Family && o.Key == c.Key }) {
			b.nft.AddObj(b.counter(c))
			n.Counters++
		}
	}
	for _, l := range want.Limits {
		if !slices.ContainsFunc(have.Limits, same(l)) {
			n.Limits++
			b.nft.AddObj(b.limit(l))
		}
	}
	for _, s := range want.Sets {
		if !slices.ContainsFunc(have.Sets, func(o Set) bool { return o.Family == s.Family && o.Name == s.Name }) {
			b.addSet(s)
			n.Sets++
		}
	}
	n.Chains = b.chains(have, want)
	for _, s := range have.Sets {
		if !slices.ContainsFunc(want.Sets, func(o Set) bool { return o.Family == s.Family && o.Name == s.Name }) {
			b.nft.DelSet(&nftables.Set{Table: b.table(s.Family), Name: s.Name})
			n.Sets++
		}
	}
	for _, c := range have.Counters {
		if !slices.ContainsFunc(want.Counters, func(o Counter) bool { return o.Family == c.Family && o.Key == c.Key }) {
			b.nft.DeleteObject(b.counter(c))
			n.Counters++
		}
	}
	for _, l := range have.Limits {
		if !slices.ContainsFunc(want.Limits, same(l)) {
			b.nft.DeleteObject(b.limit(l))
			n.Limits++
		}
	}
	return n
}

func find(list []Chain, c *Chain) *Chain {
	i := slices.IndexFunc(list, func(o Chain) bool { return o.Family == c.Family && o.Name == c.Name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

func (c *Chain) sameRules(o *Chain) bool {
	return slices.EqualFunc(c.Rules, o.Rules, func(a, b Rule) bool { return slices.Equal(a, b) })
}

func (b *batch) chains(have, want *RuleSet) (n int) {
	var fill []*Chain
	for i := range want.Chains {
		c := &want.Chains[i]
		old := find(have.Chains, c)
		switch {
		case old == nil:
			b.nft.AddChain(b.chain(c))
		case c.sameRules(old):
			continue
		default:
			b.nft.FlushChain(b.chain(c))
		}
		fill = append(fill, c)
	}
	for _, c := range fill {
		chain := b.chain(c)
		for _, r := range c.Rules {
			b.nft.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: expressions(c.Family, r)})
		}
	}
	var gone []*nftables.Chain
	for i := range have.Chains {
		if c := &have.Chains[i]; find(want.Chains, c) == nil {
			gone = append(gone, b.chain(c))
			b.nft.FlushChain(gone[len(gone)-1]) // they may call each other
		}
	}
	for _, c := range gone {
		b.nft.DelChain(c)
	}
	return len(fill) + len(gone)
}

func (b *batch) chain(c *Chain) *nftables.Chain {
	out := &nftables.Chain{Name: c.Name, Table: b.table(c.Family)}
	if c.Hook != "" {
		hooks := map[Hook]*nftables.ChainHook{
			HookInput: nftables.ChainHookPrerouting, HookForward: nftables.ChainHookForward, HookOutput: nftables.ChainHookOutput,
		}
		out.Type, out.Hooknum, out.Priority = nftables.ChainTypeFilter, hooks[c.Hook], nftables.ChainPriorityRef(nftables.ChainPriority(c.Priority))
		if c.Hook == HookOutput {
			out.Type = nftables.ChainTypeFilter
		}
		accept := nftables.ChainPolicyAccept
		out.Policy = &accept
	}
	return out
}

func (b *batch) counter(c Counter) nftables.Obj {
	return &nftables.CounterObj{Table: b.table(c.Family), Name: c.Key}
}

func (b *batch) limit(l Limit) nftables.Obj {
	return &nftables.NamedObj{Table: b.table(l.Family), Name: l.Key, Type: nftables.ObjTypeLimit, Obj: &expr.Limit{
		Type: expr.LimitTypePktBytes, Rate: l.BytesPerSec, Over: true, Unit: expr.LimitTimeSecond, Burst: l.BurstBytes,
	}}
}

// addSet makes a set of ranges: the kernel wants the first element of each, and the first behind it.
func (b *batch) addSet(s Set) {
	length := uint32(len(s.Ranges[0].From))
	kind := nftables.SetDatatype{Name: "integer", Bytes: length}
	kind.SetNFTMagic(nftables.TypeInteger.GetNFTMagic())
	switch length {
	case 4:
		kind = nftables.TypeIPAddr
	case 16:
		kind = nftables.TypeIP6Addr
	}
	b.sets++ // or the library counts, in a variable that all namespaces share
	set := &nftables.Set{Table: b.table(s.Family), ID: b.sets, Name: s.Name, Interval: true, KeyType: kind}
	var elements []nftables.SetElement
	for _, r := range s.Ranges {
		elements = append(elements, nftables.SetElement{Key: []byte(r.From)})
		if end := after(r.To); end != nil {
			elements = append(elements, nftables.SetElement{Key: end, IntervalEnd: true})
		}
	}
	// A message holds 64 KiB.
	const most = 500
	_ = b.nft.AddSet(set, nil) // errors are only for anonymous sets
	for part := range slices.Chunk(elements, most) {
		_ = b.nft.SetAddElements(set, part)
	}
}

// after gives the number behind one; nil: there is none.
func after(s string) []byte {
	n := new(big.Int).SetBytes([]byte(s))
	n.Add(n, big.NewInt(1))
	if n.BitLen() > len(s)*8 {
		return nil
	}
	return n.FillBytes(make([]byte, len(s)))
}

// register is the only one that is used: no step needs two.
const register = unix.NFT_REG_1

func expressions(f policies.Family, r Rule) []expr.Any {
	var out []expr.Any
	for _, s := range r {
		out = append(out, expression(f, s)...)
	}
	return out
}

func expression(f policies.Family, s Step) []expr.Any {
	switch s := s.(type) {
	case Compare:
		out := load(s.Field, s.Mask)
		op, within := expr.CmpOpEq, expr.CmpOpEq
		if s.Not {
			op, within = expr.CmpOpNeq, expr.CmpOpNeq
		}
		if s.From == s.To {
			return append(out, &expr.Cmp{Op: op, Register: register, Data: []byte(s.From)})
		}
		return append(out, &expr.Range{Op: within, Register: register, FromData: []byte(s.From), ToData: []byte(s.To)})
	case Member:
		return append(load(s.Field, s.Mask), &expr.Lookup{SourceRegister: register, SetName: s.Set, Invert: s.Not})
	case Exceeds:
		return []expr.Any{&expr.Objref{Type: int(nftables.ObjTypeLimit), Name: s.Limit}}
	case Count:
		return []expr.Any{&expr.Objref{Type: int(nftables.ObjTypeCounter), Name: s.Key}}
	case Log:
		return []expr.Any{&expr.Log{Key: 1<<unix.NFTA_LOG_GROUP | 1<<unix.NFTA_LOG_PREFIX, Group: s.Group, Data: []byte(s.Prefix)}}
	case Mark:
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
			&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: []byte(native(^s.Mask)), Xor: []byte(native(s.Value))},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: register},
		}
	case CodePoint:
		return codePoint(f, s.DSCP)
	case Reject:
		if s.Reset {
			return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
		}
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: s.Code}}
	case Verdict:
		kinds := map[VerdictKind]expr.VerdictKind{Accept: expr.VerdictAccept, Drop: expr.VerdictDrop, Jump: expr.VerdictJump}
		return []expr.Any{&expr.Verdict{Kind: kinds[s.Kind], Chain: s.Chain}}
	}
	panic(fmt.Sprintf("forward: no expression for %T", s))
}

// codePoint writes the six bits between the version and ECN, in IPv4 with the checksum.
func codePoint(f policies.Family, dscp uint8) []expr.Any {
	mask, shift := "\xff\x03", 2
	write := &expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: expr.PayloadBaseNetworkHeader, Len: 2}
	if f == policies.Inet6 {
		mask, shift = "\xf0\x3f", 6
	} else {
		write.CsumType, write.CsumOffset = expr.CsumTypeInet, 10
	}
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Len: 2},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: []byte(mask), Xor: []byte(number(uint32(dscp)<<shift, 2))},
		write,
	}
}

func load(f Field, mask string) []expr.Any {
	var out []expr.Any
	switch f.Base {
	case Network, Transport:
		base := expr.PayloadBaseNetworkHeader
		if f.Base == Transport {
			base = expr.PayloadBaseTransportHeader
		}
		out = append(out, &expr.Payload{DestRegister: register, Base: base, Offset: uint32(f.Offset), Len: uint32(f.Len)})
	case Header:
		out = append(out, &expr.Exthdr{DestRegister: register, Op: expr.ExthdrOpIpv6, Type: f.Type, Offset: uint32(f.Offset), Len: uint32(f.Len)})
	case HasHeader, HasOption:
		op := expr.ExthdrOpIpv6
		if f.Base == HasOption {
			op = expr.ExthdrOp(unix.NFT_EXTHDR_OP_TCPOPT + 1) // NFT_EXTHDR_OP_IPV4, which the library has no name for
		}
		out = append(out, &expr.Exthdr{DestRegister: register, Op: op, Type: f.Type, Len: 1, Flags: exthdrPresent})
	case PayloadProtocol:
		out = append(out, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register})
	case InInterface:
		out = append(out, &expr.Meta{Key: expr.MetaKeyIIFNAME, Register: register})
	case OutInterface:
		out = append(out, &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register})
	case AddressType:
		out = append(out, &expr.Fib{Register: register, ResultADDRTYPE: true, FlagDADDR: true})
	case PacketMark:
		out = append(out, &expr.Meta{Key: expr.MetaKeyMARK, Register: register})
	}
	if mask != "" {
		out = append(out, &expr.Bitwise{
			SourceRegister: register, DestRegister: register, Len: uint32(f.Len), Mask: []byte(mask), Xor: make([]byte, f.Len),
		})
	}
	return out
}

// exthdrPresent is NFT_EXTHDR_F_PRESENT: the result is whether there is one.
const exthdrPresent = 1
