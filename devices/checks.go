package devices

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Builtin names a built-in check of the difference between two snapshots.
type Builtin string

// The built-in checks.
const (
	CheckReachable Builtin = "reachable"         // the device answers; it cannot be skipped
	CheckBGP       Builtin = "bgp"               // a session that was Established and is still configured is Established
	CheckAccepted  Builtin = "accepted-prefixes" // a session's accepted prefixes do not fall by more than a share
	CheckRoutes    Builtin = "routes"            // a prefix that had a next hop has one
	CheckAlarms    Builtin = "alarms"            // there is no new major alarm
)

// Rules say how a device is held against what it was before a change. They are pure data, and the zero value is the
// built-in checks with safe limits.
type Rules struct {
	// Routes are the prefixes whose next hops are looked at: service addresses, aggregates.
	Routes []netip.Prefix
	// Areas are prefixes that hold few routes but those in Routes, such as a site's service prefixes: all of Routes that lie in
	// one are asked for at once. What lies in none is asked for one by one.
	Areas []netip.Prefix
	// Checks are declared for the device, beside the built-in ones.
	Checks []DeclaredCheck
	// Skip leaves built-in checks out.
	Skip []Builtin
	// MaxDropPercent is by how much the accepted prefixes of a session in a table may fall (0: 20), where there were
	// MinPrefixes of them or more (0: 10; a share of a few says nothing).
	MaxDropPercent, MinPrefixes int
	// Settle is how long the device has after the commit until the built-in checks, and declared ones without a timeout
	// of their own, must pass: BGP needs time to come up again. 0 is 45 seconds, or as much of that as a third of the
	// confirm window allows.
	Settle time.Duration
	// Hold is how long all checks must have been good before the change is confirmed; 0: one good look is enough.
	Hold time.Duration
}

const (
	defaultDropPercent = 20
	defaultMinPrefixes = 10
	defaultSettle      = 45 * time.Second
	minSettle          = 5 * time.Second
)

// Validate says what is wrong with the rules.
func (r Rules) Validate() error {
	for _, s := range r.Skip {
		switch s {
		case CheckBGP, CheckAccepted, CheckRoutes, CheckAlarms:
		default:
			return fmt.Errorf("skip %q: not a built-in check that can be skipped: %s, %s, %s, %s", s, CheckBGP, CheckAccepted, CheckRoutes, CheckAlarms)
		}
	}
	if r.MaxDropPercent < 0 || r.MaxDropPercent > 100 {
		return fmt.Errorf("accepted prefixes may fall by 0 to 100 %%, not %d", r.MaxDropPercent)
	}
	if r.MinPrefixes < 0 || r.Settle < 0 || r.Hold < 0 {
		return errors.New("negative number in the rules of checks")
	}
	for _, p := range slices.Concat(r.Routes, r.Areas) {
		if !p.IsValid() {
			return errors.New("a route to look at is no prefix")
		}
	}
	seen := map[string]bool{}
	for _, c := range r.Checks {
		if err := c.Validate(); err != nil {
			return err
		}
		if seen[c.Name] {
			return fmt.Errorf("check %q is declared twice", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

func (r Rules) skips(b Builtin) bool {
	for _, s := range r.Skip {
		if s == b {
			return true
		}
	}
	return false
}

// settle is how long the device has; window is what the confirm window leaves of itself, 0: there is none.
func (r Rules) settle(window time.Duration) time.Duration {
	switch {
	case r.Settle > 0:
		return r.Settle
	case window == 0:
		return defaultSettle
	}
	return max(minSettle, min(defaultSettle, window/3))
}

// longest is the longest that a check may take.
func (r Rules) longest(settle time.Duration) time.Duration {
	for _, c := range r.Checks {
		settle = max(settle, c.Timeout)
	}
	return settle + r.Hold
}

// DeclaredCheck is an operational command and what its answer must be: at least one of Match, NoMatch, Unchanged and Count.
type DeclaredCheck struct {
	Name    string
	Command Op
	// Match and NoMatch are regular expressions (RE2, (?m) is on: ^ and $ are those of a line) for the answer after the
	// commit.
	Match, NoMatch string
	// Unchanged demands the same answer as before. What Ignore, a regular expression, matches is left out of both:
	// times, counters.
	Unchanged bool
	Ignore    string
	// Count compares the number of lines of the answer that Lines, a regular expression, matches (empty: lines that are
	// not blank).
	Count *Count
	Lines string
	// Timeout is how long after the commit the check has to pass; 0: Rules.Settle.
	Timeout time.Duration
}

// Validate says what is wrong with a check.
func (c DeclaredCheck) Validate() error {
	if c.Name == "" || strings.TrimSpace(c.Name) != c.Name {
		return fmt.Errorf("check %q: it needs a name", c.Name)
	}
	bad := func(format string, args ...any) error {
		return fmt.Errorf("check %q: %w", c.Name, fmt.Errorf(format, args...))
	}
	switch Builtin(c.Name) {
	case CheckReachable, CheckBGP, CheckAccepted, CheckRoutes, CheckAlarms:
		return bad("the name is that of a built-in check")
	}
	command, _ := c.Command.XML()
	if !strings.HasPrefix(command, "show ") && !strings.HasPrefix(command, "ping ") && !strings.HasPrefix(command, "traceroute ") {
		return bad("the command %q is not one that only looks: show, ping or traceroute", c.Command)
	}
	if strings.ContainsAny(command, "|\n\r") {
		return bad("the command %q has a pipe or a line break; only a last ` | display xml` is known", c.Command)
	}
	if c.Match == "" && c.NoMatch == "" && !c.Unchanged && c.Count == nil {
		return bad("it demands nothing: one of match, no_match, unchanged and count is needed")
	}
	if c.Ignore != "" && !c.Unchanged {
		return bad("ignore goes with unchanged")
	}
	if c.Lines != "" && c.Count == nil {
		return bad("lines goes with count")
	}
	for _, expr := range []string{c.Match, c.NoMatch, c.Ignore, c.Lines} {
		if _, err := regexp.Compile("(?m)" + expr); err != nil {
			return bad("%w", err)
		}
	}
	if c.Timeout < 0 {
		return bad("timeout %s is negative", c.Timeout)
	}
	if c.Count != nil {
		return c.Count.validate(c.Name)
	}
	return nil
}

// Count is a comparison of a number: `>= 4`, `== before`, `>= before - 1`.
type Count struct {
	Op     string // == != < <= > >=
	Before bool   // N is added to the number before
	N      int
}

var countForm = regexp.MustCompile(`^(==|!=|<=|>=|<|>)\s*(?:(before)\s*(?:([+-])\s*(\d{1,9}))?|(\d{1,9}))$`)

// ParseCount reads what String writes.
func ParseCount(text string) (Count, error) {
	m := countForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return Count{}, fmt.Errorf("count %q: expected a comparison like \">= 4\", \"== before\" or \">= before - 1\"", text)
	}
	c := Count{Op: m[1], Before: m[2] != ""}
	digits := m[5]
	if c.Before {
		digits = m[4]
	}
	if digits != "" {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return Count{}, fmt.Errorf("count %q: %w", text, err)
		}
		c.N = n
	}
	if m[3] == "-" {
		c.N = -c.N
	}
	return c, nil
}

// UnmarshalText is ParseCount.
func (c *Count) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCount(string(text))
	return err
}

// MarshalText is String.
func (c Count) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// String writes the comparison.
func (c Count) String() string {
	switch {
	case c.Before && c.N > 0:
		return fmt.Sprintf("%s before + %d", c.Op, c.N)
	case c.Before && c.N < 0:
		return fmt.Sprintf("%s before - %d", c.Op, -c.N)
	case c.Before:
		return c.Op + " before"
	}
	return fmt.Sprintf("%s %d", c.Op, c.N)
}

func (c Count) validate(name string) error {
	switch c.Op {
	case "==", "!=", "<", "<=", ">", ">=":
	default:
		return fmt.Errorf("check %q: count compares by ==, !=, <, <=, > or >=, not %q", name, c.Op)
	}
	if !c.Before && c.N < 0 {
		return fmt.Errorf("check %q: a count is never %d", name, c.N)
	}
	return nil
}

func (c Count) holds(before, after int) bool {
	want := c.N
	if c.Before {
		want += before
	}
	switch c.Op {
	case "==":
		return after == want
	case "!=":
		return after != want
	case "<":
		return after < want
	case "<=":
		return after <= want
	case ">":
		return after > want
	}
	return after >= want
}
