package policies

import (
	"fmt"
	"strconv"
	"strings"
)

// tcpFlagBits are the names of the flags in the TCP header (RFC 9293, section 3.1).
var tcpFlagBits = map[string]uint32{"fin": 1, "syn": 2, "rst": 4, "push": 8, "ack": 16, "urgent": 32}

// fragmentFlagBits are the names of the flags in the IPv4 header, as fragment-flags has them (its low bit is the highest of
// the offset).
var fragmentFlagBits = map[string]uint32{"reserved": 8, "dont-fragment": 4, "more-fragments": 2}

// bitExpression tells whether some bits satisfy an expression such as (syn & !ack).
type bitExpression func(bits uint32) bool

// tcpInitial and tcpEstablished are the conditions of the same name: (syn & !ack) and (ack | rst).
func tcpInitial(b uint32) bool { return b&tcpFlagBits["syn"] != 0 && b&tcpFlagBits["ack"] == 0 }

func tcpEstablished(b uint32) bool { return b&(tcpFlagBits["ack"]|tcpFlagBits["rst"]) != 0 }

// parseBits reads a bit-field expression: names and their numbers, `!`, then `&` or `+`, then `|` or `,`, and
// parentheses.
func parseBits(text string, names map[string]uint32) (bitExpression, error) {
	p := &bitParser{rest: text, names: names}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != "" {
		return nil, fmt.Errorf("read bits %q: %q is too much", text, p.rest)
	}
	return x, nil
}

type bitParser struct {
	rest  string
	names map[string]uint32
	depth int
}

// peek gives the next token without taking it; empty at the end.
func (p *bitParser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	if p.rest == "" {
		return ""
	}
	if strings.ContainsRune("()!&+|,", rune(p.rest[0])) {
		return p.rest[:1]
	}
	if i := strings.IndexAny(p.rest, " \t()!&+|,"); i >= 0 {
		return p.rest[:i]
	}
	return p.rest
}

func (p *bitParser) accept(tokens ...string) bool {
	next := p.peek()
	for _, t := range tokens {
		if next == t {
			p.rest = p.rest[len(next):]
			return true
		}
	}
	return false
}

func (p *bitParser) or() (bitExpression, error) {
	x, err := p.and()
	for err == nil && p.accept("|", ",") {
		var y bitExpression
		a := x
		if y, err = p.and(); err == nil {
			x = func(bits uint32) bool { return a(bits) || y(bits) }
		}
	}
	return x, err
}

func (p *bitParser) and() (bitExpression, error) {
	x, err := p.unary()
	for err == nil && p.accept("&", "+") {
		var y bitExpression
		a := x
		if y, err = p.unary(); err == nil {
			x = func(bits uint32) bool { return a(bits) && y(bits) }
		}
	}
	return x, err
}

func (p *bitParser) unary() (bitExpression, error) {
	if p.depth++; p.depth > 64 {
		return nil, fmt.Errorf("read bits: more than 64 levels")
	}
	defer func() { p.depth-- }()
	if p.accept("!") {
		x, err := p.unary()
		return func(bits uint32) bool { return !x(bits) }, err
	}
	if p.accept("(") {
		x, err := p.or()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf("read bits: ) expected, not %q", p.peek())
		}
		return x, err
	}
	word := p.peek()
	n, ok := p.names[word]
	if !ok {
		v, err := strconv.ParseUint(word, 0, 8)
		n = uint32(v)
		if err != nil || nameOf(p.names, n) == "" {
			return nil, fmt.Errorf("read bits: %q is no flag and no number of one", word)
		}
	}
	p.rest = p.rest[len(word):]
	return func(bits uint32) bool { return bits&n != 0 }, nil
}
