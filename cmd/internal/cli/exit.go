package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code is an exit code of our commands. They are the same for every command; see ExitHelp.
type Code int

// The exit codes. When several apply, the order of precedence is Interrupted, Usage, Failed, Partial, Diff, OK.
const (
	OK          Code = 0
	Failed      Code = 1
	Usage       Code = 2
	Partial     Code = 3
	Diff        Code = 99
	Interrupted Code = 130
)

// ExitHelp is the text on exit codes that every command's help ends with.
const ExitHelp = `Exit codes:
  0    fine, nothing to change
  99   there is a difference (diff, drift, compare)
  1    failed, or not approved
  2    wrong usage
  3    some devices failed, or devices of a pair differ now
  130  interrupted
  Treat any other code as a failure.`

// exitError carries an exit code along an error.
type exitError struct {
	code Code
	err  error // nil: the code says it all (a diff was printed)
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// WithCode gives err an exit code; a nil err exits with that code and prints nothing.
func WithCode(code Code, err error) error { return &exitError{code: code, err: err} }

// Usagef is an error of usage: exit code 2.
func Usagef(format string, args ...any) error {
	return WithCode(Usage, fmt.Errorf(format, args...))
}

// CodeOf maps an error to the process's exit code, in one place.
func CodeOf(err error) Code {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	return Failed
}

// Worse returns the code that takes precedence of the two.
func Worse(a, b Code) Code {
	rank := map[Code]int{OK: 0, Diff: 1, Partial: 2, Failed: 3, Usage: 4, Interrupted: 5}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// hinted is an error with advice: what to do next.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint returns the advice.
func (h *hinted) Hint() string { return h.hint }

// Hint adds a next step to an error. It is printed on a line of its own.
func Hint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}

// Report writes an error for the person: the fact, then the advice (from any error in the chain that has a method
// Hint) on a line of its own. An error that only carries an exit code prints nothing.
func (s *Streams) Report(err error) {
	if e, ok := errors.AsType[*exitError](err); err == nil || ok && e.err == nil {
		return
	}
	redact := s.Redact
	if redact == nil {
		redact = func(text string) string { return text }
	}
	s.Notef("error: %s", redact(strings.TrimRight(err.Error(), "\n")))
	for _, h := range Hints(err) {
		s.Notef("hint: %s", redact(h))
	}
}

// Hints collects the advice of every error in the tree, each once.
func Hints(err error) []string {
	var out []string
	seen := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		if h, ok := err.(interface{ Hint() string }); ok {
			if text := h.Hint(); text != "" && !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
		switch u := err.(type) { //nolint:errorlint // each level is looked at in turn
		case interface{ Unwrap() error }:
			walk(u.Unwrap())
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				walk(e)
			}
		}
	}
	walk(err)
	return out
}
