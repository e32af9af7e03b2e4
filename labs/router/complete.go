package router

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"rhapsode/diffs/junos"
)

// candidate is one thing that may stand at a place of a command line.
type candidate struct {
	word  string // a keyword, a name, or for what cannot be listed a `<kind>`
	help  string
	mark  byte // in front of it: > a hierarchy, + a set of values; 0 is a blank
	value bool // word is not to be typed, it says what is
	name  bool // somebody gave it: Tab completes it, the space bar does not
}

// completion is what may stand where a command line ends.
type completion struct {
	from  int         // where the word begins that is being typed
	word  string      // as far as it is there
	list  []candidate // what begins with word, in order
	enter bool        // the line is a command as it is
	free  bool        // anything may stand here
	err   *usageError // why nothing may: its word is the index of a token
	at    int         // where that token begins
}

// complete says what may stand at the end of a line.
func (sh *shell) complete(line string) completion {
	c := completion{from: len(line)}
	words, err := tokens(line)
	if err != nil {
		return completion{from: len(line), free: true} // in a quoted word: it is the user's
	}
	if n := len(words); n > 0 && words[n-1].end == len(line) && words[n-1].bare && words[n-1].text != "|" {
		c.from, c.word = words[n-1].at, words[n-1].text
		words = words[:n-1]
	}
	q := &query{sh: sh, path: sh.path}
	grammar := sh.r.operational
	if sh.config {
		grammar = sh.r.configuration
	}
	q.line(grammar, words)
	if q.err != nil {
		c.err, c.at = q.err, len(line)
		if q.err.word < len(words) {
			c.at = words[q.err.word].at
		}
		return c
	}
	if q.enter && c.word == "" {
		c.enter = true
	}
	for _, x := range q.list {
		switch {
		case x.value:
			c.free = true
			c.list = append(c.list, x)
		case strings.HasPrefix(x.word, c.word):
			c.list = append(c.list, x)
		}
	}
	slices.SortStableFunc(c.list, func(a, b candidate) int {
		if a.value != b.value {
			return cmp.Compare(rank(a), rank(b))
		}
		if a.name && b.name {
			return junos.CompareKeys([]string{a.word}, []string{b.word})
		}
		return strings.Compare(a.word, b.word)
	})
	c.list = slices.CompactFunc(c.list, func(a, b candidate) bool { return a.word == b.word })
	if q.piped && c.word == "" {
		c.list = append(c.list, candidate{word: "|", help: "Pipe through a command"})
	}
	return c
}

func rank(c candidate) int {
	if c.value {
		return 0
	}
	return 1
}

// query collects what may follow some words.
type query struct {
	sh    *shell
	path  []string // the place in the configuration
	list  []candidate
	enter bool
	piped bool // a pipe may follow
	err   *usageError
}

func (q *query) add(list ...candidate) { q.list = append(q.list, list...) }

// commands offers the words of a grammar.
func (q *query) commands(grammar []*command) {
	for _, c := range grammar {
		q.add(candidate{word: c.word, help: c.help})
	}
}

// line follows the words of a command line and collects what may come next.
func (q *query) line(grammar []*command, words []token) {
	var c *command
	for i, w := range words {
		if c != nil && len(c.sub) == 0 {
			q.arguments(c, words, i)
			return
		}
		next, err := pick(grammar, w.text, i)
		if err != nil {
			if c != nil && c.run != nil {
				q.arguments(c, words, i)
				return
			}
			q.err = usageOf(err, i)
			return
		}
		c, grammar = next, next.sub
	}
	if c == nil || len(c.sub) > 0 {
		q.commands(grammar)
	}
	if c != nil && c.run != nil {
		q.arguments(c, words, len(words))
	}
}

// usageOf is an error of the grammar, whatever it came as.
func usageOf(err error, word int) *usageError {
	if u, ok := err.(*usageError); ok { //nolint:errorlint // pick returns it bare
		return u
	}
	return &usageError{word, "syntax error."}
}

// arguments goes on behind the words of a command itself: from n on they are its arguments.
func (q *query) arguments(c *command, words []token, n int) {
	args := words[n:]
	if !c.literal {
		if at := slices.IndexFunc(args, func(t token) bool { return t.bare && t.text == "|" }); at >= 0 {
			q.list, q.enter = nil, false
			q.pipes(c, args[at+1:], n+at+1)
			return
		}
	}
	if c.args == nil {
		q.enter = len(args) == 0
		if !q.enter {
			q.err = &usageError{n, "syntax error."}
		}
	} else {
		c.args(q, args)
		if q.err != nil {
			q.err = &usageError{q.err.word + n, q.err.message}
		}
	}
	q.piped = q.enter && !c.literal
}

// pipes offers what may stand behind a pipe; words are those after it, n the index of the first.
func (q *query) pipes(c *command, words []token, n int) {
	if at := slices.IndexFunc(words, func(t token) bool { return t.bare && t.text == "|" }); at >= 0 {
		q.pipes(c, words[at+1:], n+at+1)
		return
	}
	grammar := pipeCommands(c)
	if len(words) == 0 {
		q.commands(grammar)
		return
	}
	next, err := pick(grammar, words[0].text, 1)
	if err != nil {
		q.err = &usageError{n, usageOf(err, n).message}
		return
	}
	q.line(next.sub, words[1:])
	if next.run == nil && len(next.sub) == 0 && next.args == nil {
		q.enter = len(words) == 1
	}
	if next.args != nil {
		q.err = nil
		next.args(q, words[1:])
	}
	if next.optional && len(words) == 1 {
		q.enter = true
	}
	if q.err != nil {
		q.err = &usageError{q.err.word + n + 1, q.err.message}
	}
	q.piped = q.enter
}

// table lays candidates out as Junos does.
func (c completion) table() string {
	var b strings.Builder
	b.WriteString("Possible completions:\n")
	if c.enter {
		b.WriteString("  <[Enter]>            Execute this command\n")
	}
	for _, x := range c.list {
		mark := x.mark
		if mark == 0 {
			mark = ' '
		}
		word := x.word
		if x.name {
			word = junos.Quote(word)
		}
		b.WriteString(strings.TrimRight(fmt.Sprintf("%c %-19s  %s", mark, word, x.help), " ") + "\n")
	}
	return b.String()
}

// keywords are the candidates that the space bar completes.
func (c completion) keywords() []candidate {
	var out []candidate
	for _, x := range c.list {
		if !x.value && !x.name && x.word != "|" {
			out = append(out, x)
		}
	}
	return out
}

// words are the candidates that Tab completes.
func (c completion) words() []candidate {
	var out []candidate
	for _, x := range c.list {
		if !x.value && x.word != "|" {
			out = append(out, x)
		}
	}
	return out
}

// message says why the space bar did not do: that several words fit, or none.
func (c completion) message() string {
	switch {
	case c.err != nil:
		return c.err.message
	case len(c.keywords()) > 1:
		return "'" + c.word + "' is ambiguous."
	case c.from == 0:
		return "unknown command."
	}
	return "syntax error."
}
