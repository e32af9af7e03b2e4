package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errDoubt is an answer that is not understood: nothing on the session can be trusted any more.
var errDoubt = errors.New("the screen is not understood")

// What ends an answer, for the library to wait for. They stand at the very end of what has come, and a prompt at the
// beginning of its line. That an answer has a line like one in its middle does no harm: see readScreen.
var (
	promptEnd   = regexp.MustCompile(`(?:\A|\n)` + prompt + `\z`)
	questionEnd = regexp.MustCompile(`[^\n]*\[yes,no\] \((?:yes|no)\) ?\z`)
	pagerEnd    = regexp.MustCompile(`---\(more[^\n]*\)---[^\n]*\z`)
	anyEnd      = regexp.MustCompile(`(?:` + promptEnd.String() + `|` + questionEnd.String() + `|` + pagerEnd.String() + `)`)
)

// prompt is USER@HOST> in operational mode, with # in configuration mode; % and $ are those of a shell.
const prompt = `[\w.@():/~-]{1,200} ?[>#%$] ?`

// What Junos may put between an answer and a prompt.
var (
	editLine   = regexp.MustCompile(`^(?:\{[\w:.-]+\})?\[edit[^\n]*\]$`)
	bannerLine = regexp.MustCompile(`^\{[\w:.-]+\}$`)
	windowLine = regexp.MustCompile(`^# commit confirmed will be rolled back in \d+ minutes?$`)
)

// broadcast is what wall(1) and Junos's own warnings look like: they may come at any time, also within an answer.
const broadcast = "\nBroadcast Message from "

// screen is one exchange: a command, and what the device printed.
type screen struct {
	answer string // without the echo and the prompt; "" or ending in a line feed
	config bool   // the prompt after it is that of configuration mode
}

// readScreen takes an exchange apart. What was typed is the command and, after the first thing that looks like a prompt,
// the mark: a comment that nobody can have guessed. So the answer is what stands between the echo of the one and
// the prompt before the echo of the other, whatever lines that look like a prompt are in it.
func readScreen(seen, command, mark string) (screen, error) {
	var s screen
	if strings.Count(seen, mark) != 1 {
		return s, fmt.Errorf("%w: the mark was echoed %d times", errDoubt, strings.Count(seen, mark))
	}
	before, after, _ := strings.Cut(seen, mark)
	// What stands before the echo came while nothing was asked: a broadcast, a prompt printed again.
	_, answer, ok := strings.Cut(before, command+"\n")
	if !ok {
		return s, fmt.Errorf("%w: the command was not echoed", errDoubt)
	}
	line := tail("\n" + answer)
	end := promptEnd.FindStringIndex(line)
	if end == nil {
		return s, fmt.Errorf("%w: no prompt behind the answer", errDoubt)
	}
	first := strings.TrimSpace(line[end[0]:])
	answer = answer[:len(answer)-len(strings.TrimPrefix(line[end[0]:], "\n"))]
	last := strings.TrimSpace(promptEnd.FindString(after))
	if !strings.HasPrefix(after, "\n") || last == "" || last[len(last)-1] != first[len(first)-1] {
		return s, fmt.Errorf("%w: no prompt behind the mark", errDoubt)
	}
	switch first[len(first)-1] {
	case '>':
	case '#':
		s.config = true
	default:
		return s, fmt.Errorf("%w: the prompt %q is that of a shell, not of the CLI", errDoubt, first)
	}
	for i, c := range answer {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return s, fmt.Errorf("%w: the answer has the control character %U at byte %d", errDoubt, c, i)
		}
	}
	switch {
	case strings.Contains("\n"+answer, broadcast):
		return s, fmt.Errorf("%w: a broadcast message came in the midst of the answer", errDoubt)
	case pagerEnd.MatchString(tail(strings.TrimRight(answer, "\n"))):
		return s, fmt.Errorf("%w: the answer stops at a pager", errDoubt)
	}
	text, place := trimBanner(answer)
	if place != s.config { // root's shell has a # too
		return s, fmt.Errorf("%w: the prompt %q does not go with what stands above it", errDoubt, first)
	}
	s.answer = text
	return s, nil
}

// tail is the end of a screen, in which the patterns for ends are looked for: the screen may have megabytes.
func tail(s string) string { return s[max(0, len(s)-tailBytes):] }

// tailBytes holds more than a prompt, and more than a question.
const tailBytes = 1000

// trimBanner takes away what belongs to the prompt: each of the lines at most once, and blank lines around them. place
// tells whether one of them is the place in the configuration, as it stands above each prompt of configuration mode.
func trimBanner(answer string) (text string, place bool) {
	lines := strings.Split(strings.TrimRight(answer, "\n"), "\n")
	for _, form := range []*regexp.Regexp{editLine, bannerLine, windowLine} {
		for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
			lines = lines[:len(lines)-1]
		}
		if n := len(lines); n > 0 && form.MatchString(lines[n-1]) {
			lines = lines[:n-1]
			place = place || form == editLine
		}
	}
	text = strings.TrimRight(strings.Join(lines, "\n"), "\n")
	if text == "" {
		return "", place
	}
	return text + "\n", place
}
