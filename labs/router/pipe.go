package router

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// defaultLast is how many lines `| last` shows.
const defaultLast = 24

// outputFilter is what the output of a command goes through.
type outputFilter func(*shell, string) string

// pipeCommands is what may stand behind the pipe of a command.
func pipeCommands(c *command) []*command {
	out := []*command{
		{word: "count", help: "Count occurrences", filter: noWords(countLines)},
		{word: "except", help: "Show only text that does not match a pattern", filter: matchFilter(false), args: argsNumber("pattern", "Pattern to avoid")},
		{word: "find", help: "Search for first occurrence of pattern", filter: findFilter, args: argsNumber("pattern", "Pattern to find")},
		{word: "last", help: "Display end of output only", filter: lastFilter, args: argsNumber("lines", "Number of lines from end of output to display"), optional: true},
		{word: "match", help: "Show only text that matches a pattern", filter: matchFilter(true), args: argsNumber("pattern", "Pattern to match")},
		{word: "no-more", help: "Don't paginate output", filter: noMore},
		{word: "save", help: "Save output text to file", filter: saveFilter, args: argsFile},
		{word: "trim", help: "Trim specified number of columns from start of line", filter: trimFilter, args: argsNumber("columns", "Number of columns to trim")},
	}
	if c.shows {
		out = append(out, &command{
			word: "compare", help: "Compare configuration changes with prior version", filter: compareFilter, optional: true,
			args: argsCompare,
		})
	}
	return append(out, &command{word: "display", help: "Show additional kinds of information", filter: displayFilter, sub: displayForms(c)})
}

// displayForms are the forms of `| display`.
func displayForms(c *command) []*command {
	if !c.shows {
		return []*command{{word: "json", help: "Show output as JSON"}, {word: "xml", help: "Show output as XML tags"}}
	}
	return []*command{
		{word: "changed", help: "Tag changes with junos:changed attribute (XML only)"},
		{word: "inheritance", help: "Show inherited configuration data and source group", optional: true, sub: []*command{
			{word: "no-comments", help: "Don't show comments of the source group"},
		}},
		{word: "json", help: "Show output as JSON"},
		{word: "set", help: "Show 'set' commands that create configuration", optional: true, sub: []*command{
			{word: "relative", help: "Show 'set' commands relative to where you are"},
		}},
		{word: "xml", help: "Show output as XML tags", optional: true, sub: []*command{
			{word: "groups", help: "Tag inherited statements with the group's name"},
		}},
	}
}

var errPipe = errors.New("syntax error behind a pipe")

func compareFilter(inv *invocation, words []string) (outputFilter, error) {
	number := 0
	switch {
	case len(words) == 1:
		inv.against = words[0]
		return nil, nil
	case len(words) == 2 && words[0] != "" && strings.HasPrefix("rollback", words[0]):
		var err error
		if number, err = strconv.Atoi(words[1]); err != nil {
			return nil, errPipe
		}
	case len(words) != 0:
		return nil, errPipe
	}
	inv.compare = &number
	return nil, nil
}

func displayFilter(inv *invocation, words []string) (outputFilter, error) {
	if len(words) == 0 {
		return nil, errPipe
	}
	return nil, inv.show(words)
}

// noMore takes the pager away.
func noMore(inv *invocation, words []string) (outputFilter, error) {
	if len(words) > 0 {
		return nil, errPipe
	}
	inv.noMore = true
	return nil, nil
}

// noWords is a filter that takes none.
func noWords(f func(string) string) func(*invocation, []string) (outputFilter, error) {
	return func(_ *invocation, words []string) (outputFilter, error) {
		if len(words) > 0 {
			return nil, errPipe
		}
		return func(_ *shell, s string) string { return f(s) }, nil
	}
}

func countLines(s string) string { return fmt.Sprintf("Count: %d lines\n", strings.Count(s, "\n")) }

// pattern compiles the one word of a filter.
func pattern(words []string) (*regexp.Regexp, error) {
	if len(words) != 1 {
		return nil, errPipe
	}
	p, err := regexp.Compile("(?i)" + words[0])
	if err != nil {
		return nil, errPipe
	}
	return p, nil
}

func matchFilter(want bool) func(*invocation, []string) (outputFilter, error) {
	return func(_ *invocation, words []string) (outputFilter, error) {
		p, err := pattern(words)
		if err != nil {
			return nil, err
		}
		return func(_ *shell, s string) string {
			var b strings.Builder
			for line := range strings.Lines(s) {
				if p.MatchString(strings.TrimSuffix(line, "\n")) == want {
					b.WriteString(line)
				}
			}
			return b.String()
		}, nil
	}
}

func findFilter(_ *invocation, words []string) (outputFilter, error) {
	p, err := pattern(words)
	if err != nil {
		return nil, err
	}
	return func(_ *shell, s string) string {
		at := 0
		for line := range strings.Lines(s) {
			if p.MatchString(strings.TrimSuffix(line, "\n")) {
				return s[at:]
			}
			at += len(line)
		}
		return "\nPattern not found\n"
	}, nil
}

func lastFilter(_ *invocation, words []string) (outputFilter, error) {
	n := defaultLast
	if len(words) == 1 {
		var err error
		if n, err = strconv.Atoi(words[0]); err != nil || n < 1 {
			return nil, errPipe
		}
	} else if len(words) > 1 {
		return nil, errPipe
	}
	return func(_ *shell, s string) string {
		all := strings.SplitAfter(s, "\n")
		return strings.Join(all[max(0, len(all)-1-n):], "")
	}, nil
}

func trimFilter(_ *invocation, words []string) (outputFilter, error) {
	if len(words) != 1 {
		return nil, errPipe
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 0 {
		return nil, errPipe
	}
	return func(_ *shell, s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			text := strings.TrimSuffix(line, "\n")
			for range min(n, utf8.RuneCountInString(text)) {
				_, size := utf8.DecodeRuneInString(text)
				text = text[size:]
			}
			b.WriteString(text + line[len(strings.TrimSuffix(line, "\n")):])
		}
		return b.String()
	}, nil
}

// saveFilter puts the output into a file; what is shown is that it did.
func saveFilter(_ *invocation, words []string) (outputFilter, error) {
	if len(words) != 1 {
		return nil, errPipe
	}
	return func(sh *shell, s string) string {
		if err := sh.r.files.write(words[0], []byte(s)); err != nil {
			return faultsOf(fileFault(words[0], err)).text()
		}
		return savedLine(words[0], s)
	}, nil
}

// show takes the words after `| display`. Several of them may follow each other: `| display changed | display xml`.
func (inv *invocation) show(words []string) error {
	c, err := pick(displayForms(&command{shows: true}), words[0], 0)
	if err != nil {
		return err
	}
	switch more := words[1:]; {
	case c.word == "changed" && len(more) == 0:
		inv.changed = true
		return nil
	case c.word == "inheritance" && len(more) < 2:
		inv.display.Inherited = true
		if len(more) == 1 {
			_, err = pick([]*command{{word: "no-comments"}}, more[0], 0)
			inv.display.NoComments = true
		}
		return err
	case c.word == "set" && len(more) == 1:
		_, err = pick([]*command{{word: "relative"}}, more[0], 0)
		inv.display.Relative = true
	case c.word == "xml" && len(more) == 1:
		_, err = pick([]*command{{word: "groups"}}, more[0], 0)
		inv.display.Groups = true
	case len(more) > 0:
		return fmt.Errorf("syntax error behind display: %s", strings.Join(words, " "))
	}
	if err != nil {
		return err
	}
	return inv.display.Format.UnmarshalText([]byte(c.word))
}
