package router

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// lineReader is where a shell reads from: a terminal with line editing, or a stream.
type lineReader interface {
	// next returns a line without its end. eot means that ^D ended the line; io.EOF ends the shell.
	next(prompt string) (line string, eot bool, err error)
}

// shell is one CLI. One goroutine uses it.
type shell struct {
	r    *Router
	s    *session
	in   lineReader // nil: nothing can be asked, as in a NETCONF <command>
	out  io.Writer
	pty  bool // a person, or what acts as one: prompts, carets under errors, questions
	from int  // columns before the command on the screen

	config bool     // in configuration mode
	path   []string // and where
}

func (sh *shell) printf(format string, args ...any) {
	// A client that is gone ends the shell at the next read; there is nobody to tell about a lost line.
	_, _ = fmt.Fprintf(sh.out, format, args...)
}

// run reads and executes commands until the user leaves.
func (sh *shell) run() error {
	for {
		prompt := sh.prompt()
		line, eot, err := sh.in.next(prompt)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read command: %w", err)
		}
		sh.r.db.touch(sh.s)
		if eot && strings.TrimSpace(line) == "" {
			line = "exit"
		}
		sh.from = len(prompt)
		if err := sh.execute(line); errors.Is(err, errLeave) {
			return nil
		}
	}
}

// prompt is the user's prompt, after an empty line. In configuration mode the place in the configuration stands above it, and what will
// happen if nobody confirms.
func (sh *shell) prompt() string {
	if !sh.pty {
		return ""
	}
	name := sh.s.user + "@" + sh.r.hostname()
	if !sh.config {
		sh.printf("\n")
		return name + "> "
	}
	if w := sh.r.db.view().window; w != nil {
		sh.printf("# commit confirmed will be rolled back in %d minutes\n", sh.r.db.minutesLeft(w))
	}
	sh.printf("\n%s\n", editPath(sh.path))
	return name + "# "
}

// execute runs one line and shows what went wrong. What it returns was shown, or is errLeave.
func (sh *shell) execute(line string) error {
	if strings.HasPrefix(strings.TrimSpace(line), "#") {
		return nil
	}
	grammar := sh.r.operational
	if sh.config {
		grammar = sh.r.configuration
	}
	words, err := tokens(line)
	if err == nil {
		err = sh.dispatch(grammar, line, words)
	}
	if usage, isUsage := errors.AsType[*usageError](err); isUsage {
		sh.complain(usage, line, words)
	} else if err != nil && !errors.Is(err, errLeave) && !errors.Is(err, errShown) {
		sh.printf("%s", faultsOf(err).text())
	}
	return err
}

// complain shows where a command line is wrong: a caret under the word, when the line stands on the screen above.
func (sh *shell) complain(usage *usageError, line string, words []token) {
	if sh.pty {
		at := len(line)
		if usage.word < len(words) {
			at = words[usage.word].at
		}
		sh.printf("%s^\n", strings.Repeat(" ", sh.from+at))
	}
	sh.printf("%s\n", usage.message)
}

// dispatch finds a command in the grammar and runs it. words are the tokens of line.
func (sh *shell) dispatch(grammar []*command, line string, words []token) error {
	if len(words) == 0 {
		return nil
	}
	stages := splitPipes(words)
	c, n, err := find(grammar, texts(stages[0]))
	if err != nil {
		return err
	}
	if c.interactive && sh.in == nil {
		return &usageError{0, "unknown command."}
	}
	var inv invocation
	if n < len(words) {
		inv.rest = line[words[n].at:]
	}
	if c.literal {
		inv.args = texts(words[n:])
		return c.run(sh, inv)
	}
	inv.args = texts(stages[0][n:])
	filters, err := inv.pipes(c, stages)
	if err != nil {
		return err
	}
	if len(filters) == 0 {
		return c.run(sh, inv)
	}
	var out bytes.Buffer
	screen := sh.out
	sh.out = &out
	err = c.run(sh, inv)
	sh.out = screen
	text := out.String()
	for _, f := range filters {
		text = f(text)
	}
	sh.printf("%s", text)
	return err
}

// pipes reads what stands behind each `|`: what chooses the form of a configuration goes into inv, the rest filters
// the output in its order.
func (inv *invocation) pipes(c *command, stages [][]token) ([]func(string) string, error) {
	var filters []func(string) string
	at := len(stages[0])
	for _, stage := range stages[1:] {
		at++ // the pipe itself
		words := texts(stage)
		chosen, err := pickPipe(words)
		switch {
		case err != nil || (chosen == "display" || chosen == "compare") && !c.shows:
			return nil, &usageError{at, "syntax error."}
		case chosen == "display":
			if err := inv.show(words[1:]); err != nil {
				return nil, &usageError{at + 1, "syntax error."}
			}
		case chosen == "compare":
			number := 0
			if len(words) == 3 {
				if number, err = strconv.Atoi(words[2]); err != nil {
					return nil, &usageError{at + 2, "syntax error."}
				}
			}
			inv.compare = &number
		default:
			f, ok := filter(chosen, words[1:])
			if !ok {
				return nil, &usageError{at + 1, "syntax error."}
			}
			filters = append(filters, f)
		}
		at += len(stage)
	}
	return filters, nil
}

// pickPipe checks the words of a pipe and returns its keyword in full.
func pickPipe(words []string) (string, error) {
	grammar := []*command{
		{word: "compare"}, {word: "count"}, {word: "display"}, {word: "except"}, {word: "last"}, {word: "match"}, {word: "no-more"},
	}
	if len(words) == 0 {
		return "", errors.New("nothing behind the pipe")
	}
	c, err := pick(grammar, words[0], 0)
	if err != nil {
		return "", err
	}
	valid := false
	switch c.word {
	case "compare":
		valid = len(words) == 1 || len(words) == 3 && strings.HasPrefix("rollback", words[1])
	case "display":
		valid = len(words) > 1
	case "count", "no-more":
		valid = len(words) == 1
	case "last":
		valid = len(words) <= 2
	case "match", "except":
		valid = len(words) == 2
	}
	if !valid {
		return "", fmt.Errorf("syntax error behind the pipe: %s", strings.Join(words, " "))
	}
	return c.word, nil
}
