package router

import (
	"errors"
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// command is one word of the CLI's grammar and what may follow it.
type command struct {
	word string
	help string
	sub  []*command
	// run executes the command. Nil: a further word of sub is needed.
	run func(*shell, invocation) error
	// args offers what may follow as arguments, for completion; nil: there are none.
	args func(q *query, args []token)
	// answer gives the command's result as XML, the content of an <rpc-reply>: for `| display xml` and the <command> of
	// NETCONF. Nil: there is only text, or the command stands in structured.
	answer func(*shell, invocation) (string, error)
	// filter is set for what stands behind a pipe: it reads its words into the invocation, or makes what the output goes
	// through. optional: it may stand without words.
	filter   func(*invocation, []string) (outputFilter, error)
	optional bool
	// literal: the line is not cut at pipes, since the configuration language reads it or it is a command itself.
	literal bool
	// shows: understands `| display …` and `| compare`.
	shows bool
	// interactive: of use at a terminal or in a script only, not as a NETCONF <command>.
	interactive bool
}

// invocation is a command as it was given.
type invocation struct {
	args    []string      // the words after the command, decoded
	rest    string        // the same as written
	display junos.Display // | display …: the form
	changed bool          // | display changed
	compare *int          // | compare rollback N
	against string        // | compare FILE
	noMore  bool          // | no-more
}

// usageError is a command that the grammar does not know; word is the index of the word that is wrong.
type usageError struct {
	word    int
	message string
}

// Error is Junos's wording, with a full stop as it stands on the screen.
func (e *usageError) Error() string { return e.message }

// errLeave ends a shell.
var errLeave = errors.New("exit")

// errShown is a failure of which everything stands on the screen already.
var errShown = errors.New("failed, as shown")

// find walks the words down the grammar. Keywords may be abbreviated while they are unique. It returns the command and
// how many words it took.
func find(grammar []*command, words []string) (*command, int, error) {
	var c *command
	for i, word := range words {
		next, err := pick(grammar, word, i)
		if err != nil {
			if c != nil && c.run != nil {
				return c, i, nil // the rest are arguments
			}
			return nil, 0, err
		}
		c, grammar = next, next.sub
		if len(grammar) == 0 {
			return c, i + 1, nil
		}
	}
	if c == nil || c.run == nil {
		return nil, 0, &usageError{len(words), "syntax error, expecting <command>."}
	}
	return c, len(words), nil
}

func pick(grammar []*command, word string, at int) (*command, error) {
	var found []*command
	for _, c := range grammar {
		if c.word == word {
			return c, nil
		}
		if strings.HasPrefix(c.word, word) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, &usageError{at, fmt.Sprintf("'%s' is ambiguous.", word)}
	case at == 0:
		return nil, &usageError{at, "unknown command."}
	}
	return nil, &usageError{at, "syntax error."}
}

// token is a word of a command line, decoded.
type token struct {
	text string
	at   int  // where it begins
	end  int  // and ends
	bare bool // not in quotes: a bare `|` is a pipe
}

// tokens splits a command line. A double quote holds blanks together, a backslash in it takes the next character as it
// is.
func tokens(line string) ([]token, error) {
	var out []token
	for i := 0; i < len(line); {
		switch c := line[i]; c {
		case ' ', '\t', '\r':
			i++
		case '"':
			text, n, closed := quoted(line[i:])
			if !closed {
				return nil, &usageError{len(out), "syntax error, missing closing quote."}
			}
			out = append(out, token{text: text, at: i, end: i + n})
			i += n
		case '|':
			out = append(out, token{text: "|", at: i, end: i + 1, bare: true})
			i++
		default:
			n := strings.IndexAny(line[i:], " \t\r\"|")
			if n < 0 {
				n = len(line) - i
			}
			out = append(out, token{text: line[i : i+n], at: i, end: i + n, bare: true})
			i += n
		}
	}
	return out, nil
}

func quoted(s string) (text string, size int, closed bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i + 1, true
		case '\\':
			if i+1 < len(s) {
				i++
			}
		}
		b.WriteByte(s[i])
	}
	return "", len(s), false
}

// texts are the words of tokens.
func texts(list []token) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.text
	}
	return out
}

// splitPipes cuts a command line at its bare `|`.
func splitPipes(list []token) [][]token {
	out := [][]token{nil}
	for _, t := range list {
		if t.bare && t.text == "|" {
			out = append(out, nil)
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], t)
	}
	return out
}
