package cli

import (
	"regexp"
	"strconv"
	"strings"

	"rhapsode/devices"
	"rhapsode/devices/internal/answer"
)

// complaints are what an answer says about a command, by form.
type complaints struct {
	errs, warnings []*devices.RPCError
	lines          []string // all others, trimmed
}

var (
	caretLine    = regexp.MustCompile(`^\s*\^\s*$`)
	severityLine = regexp.MustCompile(`^(error|warning): ?(.*)$`)
	positionLine = regexp.MustCompile(`^[^\s:]+:(\d+):\((\d+)\) ?(.*)$`)
	pathLine     = regexp.MustCompile(`^\s*(\[edit[^\]]*\])$`)
	badLine      = regexp.MustCompile(`^\s+'(.*)'$`)
)

// refusals are how the command line itself says no, at the beginning of a line and without `error:`.
var refusals = regexp.MustCompile(`^(?:unknown command|syntax error|missing argument|invalid |ambiguous|permission denied|No valid completions|Authorization failed|'[^']*' is ambiguous|could not |cannot |failed )`)

// warningTexts are warnings that Junos does not always call so.
var warningTexts = []string{"statement not found", "statement has no contents; ignored"}

// readComplaints sorts the lines of an answer that is not free text. Its forms are
//
//	error: MESSAGE                      also over several lines, the others indented; warning: likewise
//	FILE:LINE:(COLUMN) MESSAGE          of a load, with the place below it, indented
//	[edit PATH]                         of a check: the statement in quotes below it, and below that the message
//	        ^                           under a command line, with the message below it
//
// Whatever has none of them is given as it is: it is the caller who knows what a success looks like.
func readComplaints(device, text string) complaints {
	var c complaints
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		line := strings.TrimRight(lines[i], " \t")
		i++
		switch {
		case line == "":
		case caretLine.MatchString(line):
			for i < len(lines) && strings.TrimSpace(lines[i]) == "" {
				i++
			}
			if i < len(lines) {
				c.add(&devices.RPCError{Message: strings.TrimSuffix(strings.TrimSpace(lines[i]), ".")})
				i++
			}
		case severityLine.MatchString(line):
			m := severityLine.FindStringSubmatch(line)
			e := &devices.RPCError{Severity: m[1], FullMessage: strings.TrimSpace(m[2])}
			for ; i < len(lines) && indented(lines[i]); i++ {
				e.FullMessage += "\n" + strings.TrimRight(lines[i], " \t")
			}
			c.add(e)
		case positionLine.MatchString(line):
			m := positionLine.FindStringSubmatch(line)
			n, _ := strconv.Atoi(m[1]) //nolint:errcheck // a number too large is no line
			e := &devices.RPCError{Line: n, FullMessage: strings.TrimSpace(m[3])}
			var place []*devices.RPCError
			place, i = readPlaces(lines, i)
			if len(place) > 0 {
				e.Path, e.BadElement = place[0].Path, place[0].BadElement
				if e.FullMessage == "" {
					e.FullMessage = place[0].FullMessage
				}
			}
			c.add(e)
		case pathLine.MatchString(line):
			places, next := readPlaces(lines, i-1)
			if len(places) == 0 {
				c.lines = append(c.lines, strings.TrimSpace(line))
				continue
			}
			i = next
			for _, e := range places {
				c.add(e)
			}
		case refusals.MatchString(line):
			c.add(&devices.RPCError{FullMessage: strings.TrimSuffix(line, ".")})
		default:
			c.lines = append(c.lines, strings.TrimSpace(line))
		}
	}
	for _, e := range append(append([]*devices.RPCError(nil), c.errs...), c.warnings...) {
		e.Device = device
	}
	return c
}

func indented(line string) bool {
	return strings.TrimSpace(line) != "" && (line[0] == ' ' || line[0] == '\t')
}

// readPlaces reads a path, from line i on, and what is below it: messages, each perhaps below a statement in quotes. It
// gives the line after them; without a message nothing is read.
func readPlaces(lines []string, i int) (out []*devices.RPCError, next int) {
	if i >= len(lines) {
		return nil, i
	}
	m := pathLine.FindStringSubmatch(strings.TrimRight(lines[i], " \t"))
	if m == nil {
		return nil, i
	}
	depth, bad := indent(lines[i]), ""
	j := i + 1
	for ; j < len(lines) && indented(lines[j]) && indent(lines[j]) > depth; j++ {
		if b := badLine.FindStringSubmatch(strings.TrimRight(lines[j], " \t")); b != nil {
			bad = b[1]
			continue
		}
		out = append(out, &devices.RPCError{Path: m[1], BadElement: bad, FullMessage: strings.TrimSpace(lines[j])})
	}
	if len(out) == 0 {
		return nil, i
	}
	return out, j
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// add sorts one complaint, unless the one before says the same of a place: Junos may tell the line and the path apart.
func (c *complaints) add(e *devices.RPCError) {
	if e.FullMessage == "" {
		e.FullMessage = e.Message
	}
	if m := severityLine.FindStringSubmatch(e.FullMessage); m != nil && e.Severity == "" {
		e.Severity, e.FullMessage = m[1], strings.TrimSpace(m[2])
	}
	for _, w := range warningTexts {
		if e.Severity == "" && strings.Contains(e.FullMessage, w) {
			e.Severity = "warning"
		}
	}
	if e.Severity == "" {
		e.Severity = "error"
	}
	e.Message = answer.OneLine(e.FullMessage)
	list := &c.errs
	if e.Severity == "warning" {
		list = &c.warnings
	}
	if n := len(*list); n > 0 {
		if last := (*list)[n-1]; last.Path == "" && last.Line > 0 && e.Line == 0 && e.Path != "" && last.Message == e.Message {
			last.Path, last.BadElement = e.Path, e.BadElement
			return
		}
	}
	*list = append(*list, e)
}

// refusal tells whether a text is one: its first or its last line is an error. What stands between may be a configuration,
// in which every word may occur.
func refusal(device, text string) *devices.RPCError {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	head := lines
	if len(head) > 3 {
		head = head[:3]
	}
	if c := readComplaints(device, strings.Join(head, "\n")); len(c.errs) > 0 && startsComplaint(lines[0]) {
		return c.errs[0]
	}
	if last := lines[len(lines)-1]; strings.HasPrefix(last, "error: ") {
		return readComplaints(device, last).errs[0]
	}
	return nil
}

// textRefusals are those of refusals that no free text begins with.
var textRefusals = regexp.MustCompile(`^(?:unknown command|syntax error|missing argument|permission denied|'[^']*' is ambiguous)`)

func startsComplaint(line string) bool {
	return caretLine.MatchString(line) || strings.HasPrefix(line, "error:") || textRefusals.MatchString(line)
}
