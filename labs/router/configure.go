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
	edits := func(word, help string) *command {
		return &command{word: word, help: help, literal: true, run: func(sh *shell, inv invocation) error { return sh.edit(word, inv) }}
	}
	return []*command{
		edits("activate", "Remove the inactive tag"),
		edits("annotate", "Write a comment on a statement"),
		{word: "commit", help: "Commit", run: (*shell).commit},
		edits("copy", "Copy an entry of a list"),
		edits("deactivate", "Add the inactive tag"),
		edits("delete", "Delete a statement"),
		{word: "edit", help: "Go to a place", run: (*shell).goTo},
		{word: "exit", help: "Go back, or leave", run: (*shell).back},
		edits("insert", "Move an entry of a list next to another"),
		{word: "load", help: "Load configuration from ASCII file", sub: loadCommands()},
		edits("protect", "Keep a statement from being changed"),
		{word: "quit", help: "Go back, or leave", run: (*shell).back},
		edits("rename", "Give an entry of a list another name"),
		{word: "rollback", help: "Take a configuration of the history", run: (*shell).rollback},
		{word: "save", help: "Save configuration to ASCII file", run: (*shell).save, expects: expectFile},
		{word: "run", help: "Run an operational command", literal: true, run: (*shell).runOperational},
		edits("set", "Set a statement"),
		{word: "show", help: "Show the candidate", run: (*shell).showCandidate, shows: true},
		{word: "status", help: "Who is editing", run: (*shell).status},
		{word: "top", help: "Go to the top, or run a command there", literal: true, run: (*shell).top},
		edits("unprotect", "Allow changes again"),
		{word: "up", help: "Go up", run: (*shell).up},
	}
}

func (sh *shell) configure(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	sh.config, sh.path = true, nil
	sh.printf("Entering configuration mode\n")
	if v := sh.r.db.view(); v.edited != nil {
		sh.printf("The configuration has been changed but not committed\n")
	}
	return nil
}

func (sh *shell) configureExclusive(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	if err := sh.r.db.lock(sh.s); err != nil {
		return err
	}
	sh.config, sh.path = true, nil
	sh.printf("warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n")
	return nil
}

func (sh *shell) configurePrivate(invocation) error {
	return faultf("the lab router has no private configuration database, only the shared one")
}

// leave ends configuration mode. With uncommitted edits a person is asked; a script is told.
func (sh *shell) leave() error {
	v := sh.r.db.view()
	if v.edited != nil {
		question := "The configuration has been changed but not committed\n"
		if v.holder != nil && v.holder.id == sh.s.id {
			question = "The configuration has been changed but not committed\nwarning: Auto-discarding uncommitted changes\n"
		}
		sh.printf("%s", question)
		if sh.pty {
			answer, _, err := sh.in.next("Exit with uncommitted changes? [yes,no] (yes) ")
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
	sh.config, sh.path = false, nil
	sh.printf("Exiting configuration mode\n")
	return nil
}

// back is exit: to the top first, from the top out of configuration mode.
func (sh *shell) back(inv invocation) error {
	switch {
	case len(inv.args) == 1 && strings.HasPrefix("configuration-mode", inv.args[0]):
		return sh.leave()
	case len(inv.args) > 0:
		return noArguments(inv)
	case len(sh.path) > 0:
		sh.path = nil
		return nil
	}
	return sh.leave()
}

func (sh *shell) goTo(inv invocation) error {
	if len(inv.args) == 0 {
		return &usageError{1, "missing argument."}
	}
	sh.path = slices.Concat(sh.path, inv.args)
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
	for range n {
		sh.path = sh.path[:sh.parentLength()]
	}
	return nil
}

// top goes to the top, or runs one command there; only `top edit` stays where it went.
func (sh *shell) top(inv invocation) error {
	here := sh.path
	sh.path = nil
	if len(inv.args) == 0 {
		return nil
	}
	err := sh.within(sh.r.configuration, inv)
	if c, _, findErr := find(sh.r.configuration, inv.args); findErr != nil || c.word != "edit" {
		sh.path = here
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

// edit hands a set, delete, deactivate … line to the configuration language, with the place in front. A mistake is
// shown under the word that it is in.
func (sh *shell) edit(word string, inv invocation) error {
	if inv.rest == "" {
		return &usageError{1, "missing argument."}
	}
	line := word
	for _, p := range sh.path {
		line += " " + junos.Quote(p)
	}
	line += " "
	warnings, err := sh.r.db.load(sh.s, "", []byte(line+inv.rest+"\n"), junos.Set)
	for _, w := range warnings {
		sh.printf("warning: %s\n", w.Message)
	}
	if f, ok := errors.AsType[faults](err); ok && f[0].Pos.Col > 0 {
		bad := 1 // the word after the verb, when it is the place that is wrong
		if at := int(f[0].Pos.Col) - 1 - len(line); at > 0 {
			before, tokenErr := tokens(inv.rest[:min(at, len(inv.rest))])
			if tokenErr == nil {
				bad += len(before)
			}
		}
		return &usageError{bad, f[0].Message + "."}
	}
	return err
}

func (sh *shell) rollback(inv invocation) error {
	n := 0
	if len(inv.args) > 0 {
		var err error
		if n, err = strconv.Atoi(inv.args[0]); err != nil || len(inv.args) > 1 {
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
	return sh.showTree(slices.Concat(sh.path, inv.args), inv, false)
}

func (sh *shell) status(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	v := sh.r.db.view()
	switch {
	case v.holder != nil:
		sh.printf("%s\n", lockMessage(v.holder))
	case v.edited != nil:
		sh.printf("%s\n", modifiedMessage(v.edited))
	default:
		sh.printf("no uncommitted changes\n")
	}
	return nil
}
