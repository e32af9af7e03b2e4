package policies

import (
	"regexp"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// wellKnown are the communities with names (RFC 1997, RFC 3765, RFC 7999, RFC 8326).
var wellKnown = map[string]string{
	"no-export": "65535:65281", "no-advertise": "65535:65282", "no-export-subconfed": "65535:65283", "no-peer": "65535:65284",
	"blackhole": "65535:666", "graceful-shutdown": "65535:0",
}

// canonicalCommunity gives a community the spelling in which two of them are compared.
func canonicalCommunity(s string) string {
	if n, ok := wellKnown[s]; ok {
		return n
	}
	return s
}

// communityKind is what stands before the numbers: large, target, …; empty for an ordinary community.
func communityKind(s string) string {
	kind, _, ok := strings.Cut(s, ":")
	if !ok || kind == "" || !(kind[0] >= 'a' && kind[0] <= 'z') {
		return ""
	}
	return kind
}

// evalCommunity is a community made ready to be asked.
type evalCommunity struct {
	members []communityMember
	invert  bool
	unknown string // why it can't be asked
}

type communityMember struct {
	kind    string
	literal string         // empty: it is an expression
	regex   *regexp.Regexp // over what stands behind the kind
}

func compileCommunity(n *junos.Node) *evalCommunity {
	c := &evalCommunity{}
	for _, u := range readStatements(n, func(w []string) (bool, error) {
		switch {
		case len(w) == 2 && w[0] == "members":
			m, err := compileMember(w[1])
			c.members = append(c.members, m)
			return true, err
		case len(w) == 1 && w[0] == "invert-match":
			c.invert = true
			return true, nil
		}
		return false, nil
	}) {
		c.unknown = u.String()
	}
	if len(c.members) == 0 && c.unknown == "" {
		c.unknown = "it has no members"
	}
	return c
}

// compileMember reads a member. An expression is matched against the whole community; a part that is just `*` stands for
// anything.
func compileMember(s string) (communityMember, error) {
	if !strings.ContainsAny(s, `*.+?[](){}|^$\`) {
		s = canonicalCommunity(s)
		return communityMember{kind: communityKind(s), literal: s}, nil
	}
	kind := communityKind(s)
	rest := strings.ReplaceAll(strings.TrimPrefix(s, kind+":"), " ", "")
	parts := strings.Split(rest, ":")
	for i, p := range parts {
		if p == "*" {
			parts[i] = "[^:]*"
		}
	}
	re, err := regexp.Compile("^(?:" + strings.Join(parts, ":") + ")$")
	return communityMember{kind: kind, regex: re}, err
}

func (m *communityMember) matches(community string) bool {
	if m.regex == nil {
		return m.literal == community
	}
	return communityKind(community) == m.kind && m.regex.MatchString(strings.TrimPrefix(community, m.kind+":"))
}

// matches tells whether a route has all the members (the vendor: AND within a community, OR between communities).
func (c *evalCommunity) matches(have []string) bool {
	all := true
	for i := range c.members {
		all = all && slices.ContainsFunc(have, c.members[i].matches)
	}
	return all != c.invert
}

// hits tells whether a single community is one of the members, as `delete` asks.
func (c *evalCommunity) hits(community string) bool {
	return slices.ContainsFunc(c.members, func(m communityMember) bool { return m.matches(community) }) != c.invert
}

// literals gives the members, and false when one is an expression.
func (c *evalCommunity) literals() ([]string, bool) {
	var out []string
	for _, m := range c.members {
		if m.regex != nil {
			return nil, false
		}
		out = append(out, m.literal)
	}
	return out, !c.invert
}
