package router

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs/junos"
)

// inquiry is a command that shows state, and the request of NETCONF that is the same.
type inquiry struct {
	word, help, rpc string
	fixed           string            // a flag that the command stands for, as `terse` of an rpc that many commands have
	positional      string            // the rpc's child that a word without a keyword is; empty: there is none
	valued          map[string]string // keywords before a value, with their child
	flags           map[string]string // keywords, with their child
	xml, text       func(*report) (string, error)
}

// report is what an inquiry is answered from.
type report struct {
	r     *Router
	asked map[string]string // children of the request with their values; a flag has an empty one
	state Operational
	lines [][]string // the statements of the active configuration
	now   time.Time
}

func (p *report) has(name string) bool { _, ok := p.asked[name]; return ok }

// matches tells whether a child of the request, if it is there, selects a value. It may have `*` and `?` in it.
func (p *report) matches(child, value string) bool {
	pattern, ok := p.asked[child]
	if !ok || pattern == value {
		return true
	}
	matched, err := path.Match(strings.ReplaceAll(pattern, "/", "+"), strings.ReplaceAll(value, "/", "+")) // a / is nothing special
	return err == nil && matched
}

// prefix is a prefix or an address in the request.
func (p *report) prefix(child string) (netip.Prefix, bool, error) {
	text, ok := p.asked[child]
	if !ok {
		return netip.Prefix{}, false, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true, nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false, faults{{Tag: "invalid-value", Bad: child, Message: fmt.Sprintf("invalid ip address or hostname: %s", text)}}
	}
	return prefix.Masked(), true, nil
}

// age is for how long something has been so.
func (p *report) age(since time.Time) time.Duration {
	return max(0, p.now.Sub(since).Truncate(time.Second))
}

func (r *Router) report(asked map[string]string) *report {
	active := r.db.view().active
	return &report{r: r, asked: asked, state: r.operationalState(active), lines: statements(active), now: time.Now()}
}

// command is the inquiry in the grammar of the CLI.
func (q *inquiry) command(sub ...*command) *command {
	return &command{
		word: q.word, help: q.help, sub: sub, args: q.complete,
		run: func(sh *shell, inv invocation) error {
			asked, err := q.read(inv.args)
			if err != nil {
				return err
			}
			text, err := q.text(sh.r.report(asked))
			sh.printf("%s", text)
			return err
		},
		answer: func(sh *shell, inv invocation) (string, error) {
			asked, err := q.read(inv.args)
			if err != nil {
				return "", err
			}
			return q.xml(sh.r.report(asked))
		},
	}
}

// operation is the inquiry as a request of NETCONF, whose attribute format chooses the text.
func (q *inquiry) operation(n *netconf, op *element) (string, error) {
	asked := map[string]string{}
	for _, c := range op.children {
		asked[c.name] = strings.TrimSpace(c.text)
	}
	p := n.r.report(asked)
	if op.attr("format") != "text" {
		return q.xml(p)
	}
	text, err := q.text(p)
	if err != nil {
		return "", err
	}
	return "<output>\n" + junos.EscapeText(text) + "</output>\n", nil
}

// keyword finds the keyword that a word is, or the beginning of no other.
func (q *inquiry) keyword(word string) (child string, valued, ok bool) {
	type found struct {
		child  string
		valued bool
	}
	var all []found
	for _, set := range []struct {
		words  map[string]string
		valued bool
	}{{q.valued, true}, {q.flags, false}} {
		for w, child := range set.words {
			if w == word {
				return child, set.valued, true
			}
			if strings.HasPrefix(w, word) {
				all = append(all, found{child, set.valued})
			}
		}
	}
	if len(all) != 1 {
		return "", false, false
	}
	return all[0].child, all[0].valued, true
}

// read takes the words of a command as the children of the request.
func (q *inquiry) read(words []string) (map[string]string, error) {
	asked := map[string]string{}
	if q.fixed != "" {
		asked[q.fixed] = ""
	}
	for i := 0; i < len(words); i++ {
		child, valued, ok := q.keyword(words[i])
		value := ""
		switch {
		case ok && valued && i+1 == len(words):
			return nil, faultf("syntax error, expecting a value after '%s'", words[i])
		case ok && valued:
			i++
			value = words[i]
		case !ok && q.positional != "":
			child, value = q.positional, words[i]
		case !ok:
			return nil, faultf("syntax error: %s", words[i])
		}
		if _, twice := asked[child]; twice {
			return nil, faultf("syntax error: %s", words[i])
		}
		asked[child] = value
	}
	return asked, nil
}

// complete offers what may follow the words that are there.
func (q *inquiry) complete(to *query, args []token) {
	words := texts(args)
	if n := len(words); n > 0 {
		if _, valued, ok := q.keyword(words[n-1]); ok && valued {
			if _, err := q.read(words[:n-1]); err == nil {
				to.add(value(words[n-1], "Which "+words[n-1]))
				return
			}
		}
	}
	asked, err := q.read(words)
	if err != nil {
		to.err = &usageError{len(words), "syntax error."}
		return
	}
	to.enter = true
	if _, there := asked[q.positional]; !there && q.positional != "" {
		to.add(value(q.positional, "Show this only"))
	}
	var more []candidate
	for _, set := range []map[string]string{q.valued, q.flags} {
		for w, child := range set {
			if _, there := asked[child]; !there {
				more = append(more, candidate{word: w, help: "Option " + child})
			}
		}
	}
	slices.SortFunc(more, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	to.add(more...)
}

// clock writes an age as BGP does: 0:05, 10:59, 1:02:03, 2d 1:02:03, 5w2d 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	switch days := s / 86400; {
	case s < 3600:
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	case days == 0:
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return days(d) + fmt.Sprintf("%d:%02d:%02d", s/3600%24, s/60%60, s%60)
}

// longClock writes an age as routes do: 00:00:05, 2d 01:02:03.
func longClock(d time.Duration) string {
	s := int(d.Seconds())
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if s >= 86400 {
		text = days(d) + text
	}
	return text
}

func days(d time.Duration) string {
	n := int(d.Hours()) / 24
	if n >= 7 {
		return fmt.Sprintf("%dw%dd ", n/7, n%7)
	}
	return fmt.Sprintf("%dd ", n)
}

// inNamespace is the start of an element in one of the namespaces of Junos's state.
func inNamespace(name, space, more string) string {
	return "<" + name + " xmlns=\"" + strings.TrimSuffix(junosNS, "/junos") + "/" + space + "\"" + more + ">\n"
}

// inquiries are all of them.
func inquiries() []*inquiry {
	return []*inquiry{
		inquireBGPNeighbor(), inquireBGPSummary(), inquireChassisAlarms(), inquireEngines(), inquireFirewall(), inquireHardware(),
		inquireInterfaces(), inquireLLDP(), inquireRoute(), inquireSystemAlarms(),
	}
}

// stateCommands are the commands below `show` that tell of the state of the router.
func stateCommands() []*command {
	return []*command{
		{word: "bgp", help: "Show Border Gateway Protocol information", sub: []*command{
			inquireBGPNeighbor().command(), inquireBGPSummary().command(),
		}},
		{word: "chassis", help: "Show chassis information", sub: []*command{
			inquireChassisAlarms().command(), inquireHardware().command(), inquireEngines().command(),
		}},
		inquireFirewall().command(),
		inquireInterfaces().command(),
		{word: "lldp", help: "Show Link Layer Discovery Protocol information", sub: []*command{inquireLLDP().command()}},
		inquireRoute().command(),
	}
}

// stateOperation is the operation of an inquiry.
func stateOperation(inquire func() *inquiry) operation {
	return func(n *netconf, op *element) (string, error) { return inquire().operation(n, op) }
}

// errSendsNothing is the answer to who wants to send packets from here.
var errSendsNothing = errors.New("the lab router sends no packets of its own: try it from a host")

func refuseToSend(*shell, invocation) error { return errSendsNothing }
