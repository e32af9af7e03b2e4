package forward

import (
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// CheckError is a statement that a commit is refused for, as Junos tells it.
type CheckError struct {
	Path      []string // of what the statement stands in
	Statement string   // empty: the whole of it
	Message   string
}

// Error gives it in one line.
func (e *CheckError) Error() string {
	s := e.Edit() + " "
	if e.Statement != "" {
		s += "'" + e.Statement + "' "
	}
	return s + e.Message
}

// Edit gives the place as `[edit firewall family inet filter F]`.
func (e *CheckError) Edit() string {
	words := make([]string, len(e.Path))
	for i, w := range e.Path {
		words[i] = junos.Quote(w)
	}
	return "[edit " + strings.Join(words, " ") + "]"
}

// CheckErrors are all that a commit is refused for.
type CheckErrors []*CheckError

// Error gives one line each.
func (e CheckErrors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// refusal is what keeps a term from being translated: the statement, below the term, and why.
type refusal struct {
	below     string // from or then; empty: the term itself
	statement string
	message   string
}

func (r *refusal) Error() string { return r.message }

func refuseFrom(statement, format string, args ...any) *refusal {
	return &refusal{"from", statement, fmt.Sprintf(format, args...)}
}

func refuseThen(statement, format string, args ...any) *refusal {
	return &refusal{"then", statement, fmt.Sprintf(format, args...)}
}
