package router

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"rhapsode/diffs/junos"
)

// configurationCommands is the grammar of configuration mode.
func configurationCommands() []*command {
	edits := func(verb, help string, args func(*query, []token)) *command {
		word := verb[strings.LastIndex(verb, " ")+1:]
		return &command{word: word, help: help, literal: true, args: args, run: func(sh *shell, inv invocation) error { return sh.edit(verb, inv) }}
	}
	to := candidate{word: "to", help: "What it becomes"}
	return []*command{
		edits("activate", "Remove the inactive tag from a statement", argsThere),
		edits("annotate", "Annotate the statement with a comment", argsAnnotate),
		{word: "commit", help: "Commit current set of changes", run: (*shell).commit, args: argsCommit},
		edits("copy", "Copy a statement", argsMove(to)),
		edits("deactivate", "Add the inactive tag to a statement", argsThere),
		edits("delete", "Delete a data element", argsDelete),
		{word: "edit", help: "Edit a sub-element", run: (*shell).goTo, args: argsEdit},
		{word: "exit", help: "Exit from this level", run: (*shell).back, args: argsExit},
		edits("insert", "Insert a new ordered data element", argsMove(
			candidate{word: "after", help: "Insert after the data element"}, candidate{word: "before", help: "Insert before the data element"})),
		{word: "load", help: "Load configuration from ASCII file", sub: loadCommands()},
		edits("protect", "Protect the statement", argsThere),
		{word: "quit", help: "Quit from this level", run: (*shell).back, args: argsExit},
		edits("rename", "Rename a statement", argsMove(to)),
		{word: "rollback", help: "Roll back to previous committed configuration", run: (*shell).rollback, args: argsRollback},
		{word: "run", help: "Run an operational-mode command", literal: true, run: (*shell).runOperational, args: argsRun},
		{word: "save", help: "Save configuration to ASCII file", run: (*shell).save, args: argsFile},
		edits("set", "Set a parameter", argsCandidate),
		{word: "show", help: "Show a parameter", run: (*shell).showCandidate, shows: true, args: argsShow},
		{word: "status", help: "Show users currently editing configuration", run: (*shell).status},
		{word: "top", help: "Exit to top level of configuration", literal: true, run: (*shell).top, args: argsTop},
		edits("unprotect", "Unprotect the statement", argsThere),
		{word: "up", help: "Exit one level of configuration", run: (*shell).up, args: argsUp},
		{word: "update", help: "Update private database", run: (*shell).update},
		{word: "wildcard", help: "Wildcard operations", sub: []*command{edits("wildcard delete", "Delete a data element by pattern", argsThere)}},
	}
}

// view is the state of the database as this session has it.
func (sh *shell) view() view { return sh.r.db.viewOf(sh.s) }

// mayConfigure refuses who may only look.
func (sh *shell) mayConfigure(inv invocation) error {
	if sh.r.readOnly(sh.s.user) {
		return &usageError{0, "unknown command."}
	}
	return noArguments(inv)
}

// mayEnter refuses configuration mode to who may only look, and to who is in it.
func (sh *shell) mayEnter(inv invocation) error {
	if sh.config {
		return &usageError{0, "unknown command."}
	}
	return sh.mayConfigure(inv)
}

// enter goes to configuration mode and says who is there, and what is uncommitted.
func (sh *shell) enter() {
	sh.config, sh.path, sh.before = true, nil, nil
	sh.printf("Entering configuration mode\n%s", sh.listEditors(sh.s.id))
	sh.r.editors.move(sh.s.id, editPath(nil))
	if sh.view().edited != nil {
		sh.printf("The configuration has been changed but not committed\n")
	}
}

func (sh *shell) configure(inv invocation) error {
	if err := sh.mayEnter(inv); err != nil {
		return err
	}
	if err := sh.r.db.openShared(sh.s); err != nil {
		return err
	}
	sh.enter()
	return nil
}

func (sh *shell) configureExclusive(inv invocation) error {
	if err := sh.mayEnter(inv); err != nil {
		return err
	}
	if err := sh.r.db.lock(sh.s); err != nil {
		if sh.view().holder == nil {
			sh.printf("%s", sh.listEditors(sh.s.id))
		}
		return err
	}
	sh.printf("warning: %s\n", warnDiscard)
	sh.enter()
	return nil
}

func (sh *shell) configurePrivate(inv invocation) error {
	if err := sh.mayEnter(inv); err != nil {
		return err
	}
	warnings, err := sh.r.db.openPrivate(sh.s)
	if err != nil {
		return err
	}
	sh.printf("%s", warnings.text())
	sh.enter()
	return nil
}

// leave ends configuration mode. With uncommitted edits a person is asked; a script is told.
func (sh *shell) leave() error {
	v := sh.view()
	own := v.private || v.holder != nil && v.holder.id == sh.s.id // and then uncommitted edits are lost
	if v.edited != nil {
		sh.printf("The configuration has been changed but not committed\n")
		question := "Exit with uncommitted changes? [yes,no] (yes) "
		if own {
			sh.printf("warning: Auto-discarding uncommitted changes\n")
		}
		if v.private {
			question = "Discard uncommitted changes? [yes,no] (yes) "
		}
		if sh.pty {
			answer, err := sh.in.ask(question)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if answer = strings.TrimSpace(answer); answer != "" && strings.HasPrefix("no", answer) {
				return nil
			}
		}
	}
	if sh.r.db.holds(sh.s) {
		if err := sh.r.db.unlock(sh.s); err != nil {
			return err
		}
	}
	sh.r.db.closePrivate(sh.s)
	sh.r.editors.leave(sh.s.id)
	sh.config, sh.path, sh.before = false, nil, nil
	sh.printf("Exiting configuration mode\n")
	return nil
}

// back is exit: to where the user was before the last edit, or to the top; from the top out of configuration mode.
func (sh *shell) back(inv invocation) error {
	switch {
	case len(inv.args) == 1 && inv.args[0] != "" && strings.HasPrefix("configuration-mode", inv.args[0]):
		return sh.leave()
	case len(inv.args) > 0:
		return &usageError{1, "syntax error."}
	case len(sh.path) == 0:
		return sh.leave()
	}
	for len(sh.before) > 0 {
		last := sh.before[len(sh.before)-1]
		sh.before = sh.before[:len(sh.before)-1]
		if len(last) < len(sh.path) && slices.Equal(last, sh.path[:len(last)]) {
			sh.path = last
			return nil
		}
	}
	sh.path = nil
	return nil
}

// place is the words of a command that name a statement, in full.
func (sh *shell) place(s *statement, args []string) ([]string, error) {
	n := len(s.words)
	for i, w := range args {
		if err := s.step(w, true); err != nil {
			return nil, &usageError{i + 1, err.message}
		}
	}
	return s.words[n:], nil
}

func (sh *shell) goTo(inv invocation) error {
	if len(inv.args) == 0 {
		return &usageError{1, "missing argument."}
	}
	s := sh.statements(sh.path, false)
	words, err := sh.place(s, inv.args)
	if err != nil {
		return err
	}
	if s.schema != nil {
		switch {
		case s.done, s.schema.Kind == junos.Leaf, s.schema.Kind == junos.LeafList:
			return &usageError{len(inv.args), "syntax error."} // no hierarchy
		case s.schema.Kind == junos.Entry && s.key < len(s.schema.Keys), s.schema.Is(junos.Inline):
			return &usageError{len(inv.args) + 1, "missing argument."}
		}
	}
	sh.before = append(sh.before, sh.path)
	sh.path = slices.Concat(sh.path, words)
	return nil
}

// up leaves N statements; a statement with its key, such as `unit 0`, is one.
func (sh *shell) up(inv invocation) error {
	n := 1
	if len(inv.args) > 0 {
		var err error
		if n, err = strconv.Atoi(inv.args[0]); err != nil || n < 1 || len(inv.args) > 1 {
			return &usageError{1, "syntax error."}
		}
	}
	for range min(n, len(sh.path)) {
		sh.path = sh.path[:sh.parentLength()]
	}
	return nil
}

// top goes to the top, or runs one command there; only `top edit` stays where it went.
func (sh *shell) top(inv invocation) error {
	here, before := sh.path, sh.before
	sh.path, sh.before = nil, nil
	if len(inv.args) == 0 {
		return nil
	}
	err := sh.within(sh.r.configuration, inv)
	if c, _, findErr := find(sh.r.configuration, inv.args); findErr != nil || c.word != "edit" || err != nil {
		sh.path, sh.before = here, before
	}
	return err
}

func (sh *shell) runOperational(inv invocation) error {
	if len(inv.args) == 0 {
		return &usageError{1, "missing argument."}
	}
	return sh.within(sh.r.operational, inv)
}

// within runs what follows a command of one word as a command itself.
func (sh *shell) within(grammar []*command, inv invocation) error {
	words, err := tokens(inv.rest)
	if err == nil {
		err = sh.dispatch(grammar, inv.rest, words)
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		return &usageError{usage.word + 1, usage.message}
	}
	return err
}

// edit hands a set, delete, deactivate … line to the configuration language, with the place in front and its keywords in
// full. A mistake is shown under the word that it is in.
func (sh *shell) edit(verb string, inv invocation) error {
	if inv.rest == "" && verb != "delete" {
		return &usageError{1, "missing argument."}
	}
	args, err := tokens(inv.rest)
	if err != nil {
		return shifted(err, strings.Count(verb, " ")+1)
	}
	if inv.rest == "" {
		if agreed, err := sh.agree("Delete everything under this level? [yes,no] (no) "); err != nil || !agreed {
			return err
		}
	}
	rest, known := inv.rest, true
	if verb != "wildcard delete" && verb != "annotate" {
		var usage *usageError
		if rest, known, usage = sh.statements(sh.path, verb != "set").expand(inv.rest, args); usage != nil {
			return &usageError{usage.word + 1, usage.message}
		}
	}
	line := verb
	for _, p := range sh.path {
		line += " " + junos.Quote(p)
	}
	line += " "
	warnings, err := sh.r.db.load(sh.s, "", []byte(line+rest+"\n"), junos.Set)
	for _, w := range warnings {
		sh.printf("warning: %s\n", w.Message)
	}
	if f, ok := errors.AsType[faults](err); ok && f[0].Pos.Col > 0 {
		bad := 1 // the word after the verb, when it is the place that is wrong
		if at := int(f[0].Pos.Col) - 1 - len(line); at > 0 {
			before, tokenErr := tokens(rest[:min(at, len(rest))])
			if tokenErr == nil {
				bad += len(before)
			}
		}
		return &usageError{bad, f[0].Message + "."}
	}
	if err == nil && !known && verb == "set" && sh.pty {
		sh.printf("warning: the lab router does not know this statement: kept as it is written\n")
	}
	return err
}

// shifted moves the word that an error of a part of a line is at.
func shifted(err error, by int) error {
	if u, ok := errors.AsType[*usageError](err); ok {
		return &usageError{u.word + by, u.message}
	}
	return err
}

// agree asks a person whether to do it; a script has said so already.
func (sh *shell) agree(question string) (bool, error) {
	if !sh.pty {
		return true, nil
	}
	answer, err := sh.in.ask(question)
	answer = strings.TrimSpace(answer)
	return answer != "" && strings.HasPrefix("yes", answer), err
}

// update puts the private candidate onto what is committed now.
func (sh *shell) update(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	return sh.r.db.update(sh.s)
}

func (sh *shell) rollback(inv invocation) error {
	n := 0
	switch {
	case len(inv.args) > 1:
		return &usageError{2, "syntax error."}
	case len(inv.args) == 1 && inv.args[0] != "" && strings.HasPrefix("rescue", inv.args[0]):
		if err := sh.r.db.rollbackRescue(sh.s); err != nil {
			return err
		}
		sh.printf("load complete\n")
		return nil
	case len(inv.args) == 1:
		var err error
		if n, err = strconv.Atoi(inv.args[0]); err != nil {
			return &usageError{1, "syntax error."}
		}
	}
	if err := sh.r.db.rollback(sh.s, n); err != nil {
		return err
	}
	sh.printf("load complete\n")
	return nil
}

func (sh *shell) showCandidate(inv invocation) error {
	path, err := sh.place(sh.statements(sh.path, true), inv.args)
	if err != nil {
		return err
	}
	return sh.showTree(slices.Concat(sh.path, path), inv, false)
}

// status shows who is editing.
func (sh *shell) status(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	sh.r.editors.move(sh.s.id, editPath(sh.path))
	sh.printf("%s", sh.listEditors(0))
	if sh.view().edited != nil {
		sh.printf("The configuration has been changed but not committed\n")
	}
	return nil
}
