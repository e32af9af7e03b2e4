package templates

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
	"rhapsode/policies"
)

// fromSprig are the functions of sprig that a template may use: text, lists and arithmetic. All others are left out on
// purpose: what reads the environment, the clock, the network or chance would make a render depend on where and when
// it runs; key generation has no place in a configuration; keys and values walk a map in no order; get and dig hide a
// missing key.
var fromSprig = []string{
	"add", "add1", "append", "atoi", "cat", "ceil", "coalesce", "compact", "concat", "contains", "default", "dict", "div",
	"empty", "fail", "first", "floor", "has", "hasKey", "hasPrefix", "hasSuffix", "indent", "initial", "int", "join",
	"last", "list", "lower", "max", "min", "mod", "mul", "nindent", "nospace", "plural", "prepend", "regexMatch",
	"regexReplaceAll", "repeat", "replace", "rest", "reverse", "round", "slice", "sortAlpha", "splitList", "sub",
	"substr", "ternary", "title", "toString", "toStrings", "trim", "trimAll", "trimPrefix", "trimSuffix", "trunc",
	"uniq", "until", "untilStep", "untitle", "upper", "without",
}

// errNoFacts is what the placing functions say in a template that is only parsed.
var errNoFacts = errors.New("no facts to place policies from")

// functions gives what a template may call. set holds the policies that can be placed; nil while parsing.
func functions(set *policies.Set, resolve SecretFunc) template.FuncMap {
	all := sprig.TxtFuncMap()
	out := template.FuncMap{}
	for _, name := range fromSprig {
		out[name] = all[name]
	}
	for name, f := range ours {
		out[name] = f
	}
	out["secret"] = func(s inventory.Secret) (string, error) {
		if resolve == nil {
			return "", fmt.Errorf("the secret (%s) can't be read here", s.Reference())
		}
		value, err := resolve(s)
		return junos.Quote(value), err
	}
	if set == nil {
		unready := func(string) (string, error) { return "", errNoFacts }
		for _, name := range []string{"filter", "policy", "prefixlist", "community", "aspath"} {
			out[name] = unready
		}
		out["attached"] = func(inventory.InterfaceKind, *inventory.AttachedFilters) (attached, error) {
			return attached{}, errNoFacts
		}
		return out
	}
	out["filter"] = placing("filter", set.Filters)
	out["policy"] = placing("policy-statement", set.Policies)
	out["prefixlist"] = placing("prefix-list", set.PrefixLists)
	out["community"] = placing("community", set.Communities)
	out["aspath"] = placing("as-path", set.ASPaths)
	out["attached"] = attaching(set)
	return out
}

// ours are the functions for the Junos language and for addresses.
var ours = template.FuncMap{
	"quote":   quote,
	"host":    hostAddress,
	"network": network,
	"hostnet": func(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) },
	"v4":      func(list any) (any, error) { return ofFamily(list, policies.Inet) },
	"v6":      func(list any) (any, error) { return ofFamily(list, policies.Inet6) },
	"sshkey":  sshKey,
	// addressname is what a network is called in an address book: net-192.0.2.0_24, net-2001-db8--_32.
	"addressname": func(p netip.Prefix) string {
		return "net-" + strings.NewReplacer("/", "_", ":", "-").Replace(p.String())
	},
	"filters": filters,
}

// placing makes a function that gives the text of an object by its name.
func placing[T policies.Object](what string, list []T) func(string) (string, error) {
	return func(name string) (string, error) {
		var known []string
		for _, o := range list {
			path := o.Path()
			n := path[len(path)-1]
			if n == name {
				return strings.TrimSuffix(o.Text(), "\n"), nil
			}
			known = append(known, n)
		}
		if len(known) == 0 {
			return "", fmt.Errorf("no %s %q: this device has none", what, name)
		}
		slices.Sort(known)
		return "", fmt.Errorf("no %s %q: this device has %s", what, name, strings.Join(known, ", "))
	}
}

// quote writes a value as one word of the configuration, in quotes where it needs them.
func quote(v any) string { return junos.Quote(fmt.Sprint(v)) }

// hostAddress gives the address of a prefix, without its length.
func hostAddress(p netip.Prefix) netip.Addr { return p.Addr() }

// network gives the prefix without host bits.
func network(p netip.Prefix) netip.Prefix { return p.Masked() }

// ofFamily picks the values of one family from a list, in its order.
func ofFamily(list any, f policies.Family) (any, error) {
	switch list := list.(type) {
	case []netip.Prefix:
		return pick(list, f, func(p netip.Prefix) netip.Addr { return p.Addr() }), nil
	case []netip.Addr:
		return pick(list, f, func(a netip.Addr) netip.Addr { return a }), nil
	case []*inventory.Peer:
		return pick(list, f, func(p *inventory.Peer) netip.Addr { return p.Addr }), nil
	case []inventory.VIP:
		return pick(list, f, func(v inventory.VIP) netip.Addr { return v.Addr }), nil
	case []inventory.StaticRoute:
		return pick(list, f, func(r inventory.StaticRoute) netip.Addr { return r.Prefix.Addr() }), nil
	}
	return nil, fmt.Errorf("a %T has no address family: want a list of addresses, prefixes, peers, VIPs or routes", list)
}

func pick[T any](list []T, f policies.Family, address func(T) netip.Addr) []T {
	var out []T
	for _, x := range list {
		if policies.FamilyOf(address(x)) == f {
			out = append(out, x)
		}
	}
	return out
}

// sshKey writes an authorized_keys line as the statement for its type: `ssh-ed25519 "…"`.
func sshKey(line string) (string, error) {
	algorithm, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	keyword := algorithm
	if strings.HasPrefix(algorithm, "ecdsa-sha2-") {
		keyword = "ssh-ecdsa"
	}
	if !slices.Contains([]string{"ssh-ed25519", "ssh-rsa", "ssh-ecdsa"}, keyword) {
		return "", fmt.Errorf("no Junos statement for a key of type %q: want ssh-ed25519, ssh-rsa or ecdsa-sha2-…", algorithm)
	}
	return keyword + " " + junos.Quote(strings.TrimSpace(line)), nil
}

// filters names the input filter of an interface unit without the family's digit; empty: none.
func filters(kind inventory.InterfaceKind) (string, error) {
	switch kind {
	case inventory.Border:
		return policies.BorderIn, nil
	case inventory.Transport:
		return policies.TransportIn, nil
	case inventory.Internal, inventory.Servers:
		return "", nil
	}
	return "", fmt.Errorf("no interface kind %q", cmp.Or(string(kind), "(none)"))
}
