package policies

import (
	"fmt"
	"strconv"
	"strings"

	"rhapsode/diffs/junos"
)

// pathRegex is an AS path expression made ready to be asked.
type pathRegex struct {
	match   pathSet
	unknown string // why it can't be asked
}

// pathSet takes the places in a path that were reached, one for each place between two numbers, and gives those that
// are reached next. All alternatives are followed at once, so that no expression takes exponential time.
type pathSet func(path []uint32, reached []bool) []bool

// matches tells whether the expression takes the whole path: the anchors are implicit.
func (x *pathRegex) matches(path []uint32) bool {
	start := make([]bool, len(path)+1)
	start[0] = true
	return x.match(path, start)[len(path)]
}

func compileASPath(n *junos.Node) *pathRegex {
	text := ""
	if w := n.Words(); len(w) == 3 {
		text = w[2]
	}
	var unknown string
	for _, u := range readStatements(n, func(w []string) (bool, error) {
		if last := len(w) - 1; text == "" && (last == 0 || last == 1 && w[0] == "path") {
			text = w[last]
			return true, nil
		}
		return false, nil
	}) {
		unknown = u.String()
	}
	x, err := parsePath(text)
	if err != nil {
		return &pathRegex{unknown: err.Error()}
	}
	x.unknown = unknown
	return x
}

// parsePath reads an expression over AS numbers: numbers, ranges, `.` for any, [ sets ], groups, `|`, and the repeats
// `*`, `+`, `?`, {m}, {m,}, {m,n}. `^` and `$` may stand at the ends; `()` is the empty path.
func parsePath(text string) (*pathRegex, error) {
	p := &pathParser{text: text, rest: strings.TrimSpace(text)}
	p.rest = strings.TrimSuffix(strings.TrimPrefix(p.rest, "^"), "$")
	if strings.TrimSpace(p.rest) == "" {
		return nil, fmt.Errorf("read as-path %q: it is empty; the empty path is ()", text)
	}
	set, err := p.alternatives()
	if err != nil {
		return nil, err
	}
	if p.peek() != 0 {
		return nil, p.errorf("%q is not expected", p.rest)
	}
	return &pathRegex{match: set}, nil
}

// maxPathDepth bounds what a hostile expression may cost.
const maxPathDepth = 8

type pathParser struct {
	text, rest string
	depth      int
}

func (p *pathParser) errorf(format string, args ...any) error {
	return fmt.Errorf("read as-path %q: %s", p.text, fmt.Sprintf(format, args...))
}

// peek gives the next byte that is no blank; 0 at the end.
func (p *pathParser) peek() byte {
	p.rest = strings.TrimLeft(p.rest, " \t")
	if p.rest == "" {
		return 0
	}
	return p.rest[0]
}

func (p *pathParser) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *pathParser) alternatives() (pathSet, error) {
	if p.depth++; p.depth > maxPathDepth {
		return nil, p.errorf("more than %d levels of groups", maxPathDepth)
	}
	defer func() { p.depth-- }()
	x, err := p.sequence()
	for err == nil && p.accept('|') {
		var b pathSet
		a := x
		if b, err = p.sequence(); err == nil {
			x = func(path []uint32, at []bool) []bool { return union(a(path, at), b(path, at)) }
		}
	}
	return x, err
}

// sequence reads terms one after the other; none is the empty path, which only a group may hold.
func (p *pathParser) sequence() (pathSet, error) {
	x := pathSet(func(_ []uint32, at []bool) []bool { return at })
	for {
		switch p.peek() {
		case 0, ')', '|':
			return x, nil
		}
		b, err := p.term()
		if err != nil {
			return nil, err
		}
		a := x
		x = func(path []uint32, at []bool) []bool { return b(path, a(path, at)) }
	}
}

// term reads an element and its repeat.
func (p *pathParser) term() (pathSet, error) {
	x, err := p.element()
	if err != nil {
		return nil, err
	}
	low, high := 1, 1
	switch {
	case p.accept('*'):
		low, high = 0, -1
	case p.accept('+'):
		low, high = 1, -1
	case p.accept('?'):
		low, high = 0, 1
	case p.accept('{'):
		if low, high, err = p.bounds(); err != nil {
			return nil, err
		}
	default:
		return x, nil
	}
	if c := p.peek(); c == '*' || c == '+' || c == '?' || c == '{' {
		return nil, p.errorf("a repeat of a repeat; use a group")
	}
	return repeat(x, low, high), nil
}

// bounds reads what follows a brace; high is -1 without a limit.
func (p *pathParser) bounds() (low, high int, err error) {
	inner, rest, ok := strings.Cut(p.rest, "}")
	if !ok {
		return 0, 0, p.errorf("} is missing")
	}
	p.rest = rest
	first, second, two := strings.Cut(inner, ",")
	const most = 255
	low, err = strconv.Atoi(strings.TrimSpace(first))
	high = low
	if two {
		if high = -1; strings.TrimSpace(second) != "" && err == nil {
			high, err = strconv.Atoi(strings.TrimSpace(second))
		}
	}
	if err != nil || low < 0 || low > most || high > most || high >= 0 && high < low {
		return 0, 0, p.errorf("{%s} is no count", inner)
	}
	return low, high, nil
}

func (p *pathParser) element() (pathSet, error) {
	switch {
	case p.accept('('):
		x, err := p.alternatives()
		if err == nil && !p.accept(')') {
			err = p.errorf(") is missing")
		}
		return x, err
	case p.accept('.'):
		return oneNumber(func(uint32) bool { return true }), nil
	case p.accept('['):
		var ranges []Range
		for !p.accept(']') {
			r, err := p.numbers()
			if err != nil {
				return nil, err
			}
			ranges = append(ranges, r)
		}
		return oneNumber(func(n uint32) bool { return inRanges(ranges, n) }), nil
	}
	r, err := p.numbers()
	return oneNumber(r.Contains), err
}

// numbers reads an AS number or a range of them.
func (p *pathParser) numbers() (Range, error) {
	low, err := p.number()
	if err != nil || !p.accept('-') {
		return Range{low, low}, err
	}
	high, err := p.number()
	if err == nil && high < low {
		err = p.errorf("%d-%d is no range", low, high)
	}
	return Range{low, high}, err
}

// number reads an AS number, also in the form HIGH.LOW (RFC 5396).
func (p *pathParser) number() (uint32, error) {
	p.peek()
	first, ok := p.digits()
	if !ok {
		return 0, p.errorf("an AS number is expected at %q", p.rest)
	}
	if len(p.rest) > 1 && p.rest[0] == '.' && isDigit(p.rest[1]) && first <= 0xffff {
		p.rest = p.rest[1:]
		second, ok := p.digits()
		if !ok || second > 0xffff {
			return 0, p.errorf("no AS number at %q", p.rest)
		}
		return first<<16 | second, nil
	}
	return first, nil
}

func (p *pathParser) digits() (uint32, bool) {
	i := 0
	for i < len(p.rest) && isDigit(p.rest[i]) {
		i++
	}
	n, err := strconv.ParseUint(p.rest[:i], 10, 32)
	if err != nil {
		return 0, false
	}
	p.rest = p.rest[i:]
	return uint32(n), true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// oneNumber goes over one number that fits.
func oneNumber(fits func(uint32) bool) pathSet {
	return func(path []uint32, at []bool) []bool {
		next := make([]bool, len(at))
		for i, n := range path {
			next[i+1] = at[i] && fits(n)
		}
		return next
	}
}

// repeat goes over x at least low and at most high times; -1 is without a limit.
func repeat(x pathSet, low, high int) pathSet {
	return func(path []uint32, at []bool) []bool {
		for range low {
			next := x(path, at)
			if same(next, at) {
				break
			}
			at = next
		}
		all := at
		for i := low; high < 0 || i < high; i++ {
			at = x(path, at)
			grown := union(all, at)
			if same(grown, all) {
				break
			}
			all = grown
		}
		return all
	}
}

func union(a, b []bool) []bool {
	out := make([]bool, len(a))
	for i := range a {
		out[i] = a[i] || b[i]
	}
	return out
}

func same(a, b []bool) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
