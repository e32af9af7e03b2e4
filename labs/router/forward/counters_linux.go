package forward

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"rhapsode/policies"
)

// Value is what a counter holds. Of a policer only the packets mean something to Junos.
type Value struct {
	Counter
	Packets, Bytes uint64
}

// Counters gives what the counters of the applied rule set hold, in its order.
func (k *Kernel) Counters() ([]Value, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.applied == nil {
		return nil, nil
	}
	held := map[policies.Family]map[string]*expr.Counter{}
	for _, f := range []policies.Family{policies.Inet, policies.Inet6} {
		held[f] = map[string]*expr.Counter{}
		if !slices.ContainsFunc(k.applied.Counters, func(c Counter) bool { return c.Family == f }) {
			continue
		}
		list, err := k.nft.GetNamedObjects(&nftables.Table{Name: tableName, Family: tableFamily(f)})
		if err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		for _, o := range list {
			named, ok := o.(*nftables.NamedObj)
			if !ok {
				continue
			}
			if c, ok := named.Obj.(*expr.Counter); ok {
				held[f][named.Name] = c
			}
		}
	}
	out := make([]Value, 0, len(k.applied.Counters))
	for _, c := range k.applied.Counters {
		v := Value{Counter: c}
		if o := held[c.Family][c.Key]; o != nil {
			v.Packets, v.Bytes = o.Packets, o.Bytes
		}
		out = append(out, v)
	}
	return out, nil
}

// Clear sets the counters for which which holds to zero.
func (k *Kernel) Clear(which func(Counter) bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.applied == nil {
		return nil
	}
	for _, c := range k.applied.Counters {
		if !which(c) {
			continue
		}
		t := &nftables.Table{Name: tableName, Family: tableFamily(c.Family)}
		if _, err := k.nft.ResetObject(&nftables.CounterObj{Table: t, Name: c.Key}); err != nil {
			return fmt.Errorf("clear counter %s of filter %s: %w", c.Name, c.Filter, err)
		}
	}
	return nil
}
