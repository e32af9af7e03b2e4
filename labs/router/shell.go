package router

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"rhapsode/diffs/junos"
)

// lineReader is where a shell reads from: a terminal with line editing, or a stream.
type lineReader interface {
	// next returns a command line without its end. eot means that ^D ended the line; io.EOF ends the shell.
	next(prompt string) (line string, eot bool, err error)
	// ask returns the answer to a question.
	ask(question string) (string, error)
	// text returns a line of a text that is not a command.
	text() (line string, eot bool, err error)
}

// shell is one CLI. One goroutine uses it.
type shell struct {
	r    *Router
	s    *session
	link *link      // what it came in by; nil in a NETCONF <command>
	in   lineReader // nil: nothing can be asked, as in a NETCONF <command>
	out  io.Writer
	pty  bool // a person, or what acts as one: prompts, carets under errors, questions
	from int  // columns before the command on the screen

	config bool       // in configuration mode
	path   []string   // and where
	before [][]string // where the user was before each edit

	term *terminalLines // on a terminal
	size *terminalSize
	cli  cliProperties
}

func (sh *shell) printf(format string, args ...any) {
	// A client that is gone ends the shell at the next read; there is nobody to tell about a lost line.
	_, _ = fmt.Fprintf(sh.out, format, args...)
}

// run reads and executes commands until the user leaves.
func (sh *shell) run() error {
	for {
		prompt := sh.prompt()
		awake := sh.watchIdle()
		line, eot, err := sh.in.next(prompt)
		awake()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errLineTooLong) {
			sh.printf("error: %s\n", err)
			continue
		}
		if err != nil {
			return fmt.Errorf("read command: %w", err)
		}
		if sh.link.hungUp() {
			return nil
		}
		sh.r.db.touch(sh.s)
		if eot && strings.TrimSpace(line) == "" {
			line = "exit"
		}
		sh.from = utf8.RuneCountInString(prompt)
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
	if sh.cli.prompt != "" {
		name = sh.cli.prompt
	}
	if !sh.config {
		sh.printf("\n%s", sh.banner("", "\n"))
		return name + "> "
	}
	if w := sh.r.db.openWindow(); w != nil {
		sh.printf("# commit confirmed will be rolled back in %d minutes\n", sh.r.db.minutesLeft(w))
	}
	sh.r.editors.move(sh.s.id, editPath(sh.path))
	sh.printf("\n%s%s\n", sh.banner("", ""), editPath(sh.path))
	return name + "# "
}

// banner says which routing engine this is, where there are several.
func (sh *shell) banner(before, after string) string {
	switch e := sh.r.db.engines; {
	case e.chassis:
		return before + "{master:0}" + after
	case e.dual():
		return before + "{master}" + after
	}
	return ""
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
	run := func() error {
		if err == nil {
			if len(words) > 0 {
				sh.stampLine()
			}
			err = sh.dispatch(grammar, line, words)
		}
		sh.endPage()
		if usage, isUsage := errors.AsType[*usageError](err); isUsage {
			sh.complain(usage, line, words)
		} else if err != nil && !errors.Is(err, errLeave) && !errors.Is(err, errShown) {
			sh.printf("%s", faultsOf(err).text())
		}
		return err
	}
	if sh.link == nil {
		return run()
	}
	return sh.strike(texts(words), run)
}

// complain shows where a command line is wrong: a caret under the word, when the line stands on the screen above.
func (sh *shell) complain(usage *usageError, line string, words []token) {
	if sh.pty {
		at := len(line)
		if usage.word < len(words) {
			at = words[usage.word].at
		}
		sh.printf("%s^\n", strings.Repeat(" ", sh.from+utf8.RuneCountInString(line[:at])))
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
	run := func() error { return c.run(sh, inv) }
	if !c.shows && inv.display.Format != junos.FormatText {
		run = func() error { return sh.showAnswer(c, canonical(grammar, stages[0][:n]), inv) }
	}
	if inv.noMore && sh.term != nil {
		sh.term.pager.free = true
	}
	if len(filters) == 0 {
		return run()
	}
	text, err := sh.capture(run)
	for _, f := range filters {
		text = f(sh, text)
	}
	sh.printf("%s", text)
	return err
}

// capture runs a command and returns what it shows.
func (sh *shell) capture(run func() error) (string, error) {
	var out bytes.Buffer
	screen := sh.out
	sh.out = &out
	defer func() { sh.out = screen }()
	err := run()
	return out.String(), err
}

// pipes reads what stands behind each `|`: what chooses the form of a configuration goes into inv, the rest filters
// the output in its order.
func (inv *invocation) pipes(c *command, stages [][]token) ([]outputFilter, error) {
	var filters []outputFilter
	at := len(stages[0])
	for _, stage := range stages[1:] {
		at++ // the pipe itself
		words := texts(stage)
		if len(words) == 0 {
			return nil, &usageError{at, "syntax error."}
		}
		p, err := pick(pipeCommands(c), words[0], 1)
		if err != nil {
			return nil, &usageError{at, usageOf(err, at).message}
		}
		f, err := p.filter(inv, words[1:])
		if err != nil {
			return nil, &usageError{at + min(1, len(words)-1), "syntax error."}
		}
		if f != nil {
			filters = append(filters, f)
		}
		at += len(stage)
	}
	if !c.shows && inv.display.Format == junos.FormatSet {
		return nil, &usageError{at, "syntax error."}
	}
	return filters, nil
}
