package devices

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Warning is something that a device said about a change and that did not stop it.
type Warning struct {
	Device  string
	Phase   string // load, check or commit
	Path    string // [edit …], may be empty
	Message string // on one line, with its bad element
}

// NewWarning makes a Warning of an <rpc-error> of severity warning.
func NewWarning(device, phase string, e *RPCError) Warning {
	w := Warning{Device: device, Phase: phase, Path: e.Path, Message: e.Message}
	if w.Message == "" {
		w.Message = orUnknown(e.Tag)
	}
	if e.BadElement != "" {
		w.Message += " (" + e.BadElement + ")"
	}
	return w
}

// String says it without the device's name: `load: statement not found at [edit system]`.
func (w Warning) String() string {
	s := w.Message
	if w.Phase != "" {
		s = w.Phase + ": " + s
	}
	if w.Path != "" {
		s += " at " + w.Path
	}
	return s
}

// MarshalText gives String, which is how a warning stands in JSON.
func (w Warning) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText reads what MarshalText gave; all of it becomes the message.
func (w *Warning) UnmarshalText(text []byte) error {
	*w = Warning{Message: string(text)}
	return nil
}

// Ignore is a rule for what a device says and what a person has looked at and found harmless. A rule without a reason is
// refused: nobody could tell later whether it still holds.
type Ignore struct {
	// Match is a regular expression (RE2), looked for anywhere in the message, whatever its case.
	Match string
	// Reason is why it is harmless; it is shown with what was ignored.
	Reason string
	// Phase is load, check or commit; empty: any.
	Phase string
	// Errors makes the rule hold for messages of severity error as well, at load and commit check: a device that
	// complains and still does it. What is committed must be what was reviewed all the same. A commit that the device
	// answered with an error was not done, and no rule makes it so.
	Errors bool
}

// Validate says what is wrong with a rule.
func (r Ignore) Validate() error {
	if strings.TrimSpace(r.Match) == "" {
		return errors.New("ignore rule without a match: it would ignore everything")
	}
	if strings.TrimSpace(r.Reason) == "" {
		return fmt.Errorf("ignore rule %q without a reason", r.Match)
	}
	switch r.Phase {
	case "", "load", "check", "commit":
	default:
		return fmt.Errorf("ignore rule %q: phase %q is not load, check or commit", r.Match, r.Phase)
	}
	re, err := r.compile()
	if err != nil {
		return fmt.Errorf("ignore rule %q: %w", r.Match, err)
	}
	if re.MatchString("") {
		return fmt.Errorf("ignore rule %q matches the empty text: it would ignore everything", r.Match)
	}
	return nil
}

func (r Ignore) compile() (*regexp.Regexp, error) { return regexp.Compile("(?i)" + r.Match) }

// ignoring is a list of rules, ready for use.
type ignoring []struct {
	Ignore
	re *regexp.Regexp
}

func newIgnoring(rules []Ignore) (ignoring, error) {
	out := make(ignoring, len(rules))
	for i, r := range rules {
		if err := r.Validate(); err != nil {
			return nil, err
		}
		re, err := r.compile()
		if err != nil {
			return nil, err
		}
		out[i].Ignore, out[i].re = r, re
	}
	return out, nil
}

// find gives the rule for a message.
func (list ignoring) find(phase, message string, severe bool) (Ignore, bool) {
	for _, r := range list {
		if (r.Phase == "" || r.Phase == phase) && (r.Errors || !severe) && r.re.MatchString(message) {
			return r.Ignore, true
		}
	}
	return Ignore{}, false
}

// split parts warnings into those that nobody has looked at yet and those that a rule ignores, as notes.
func (list ignoring) split(warnings []Warning) (unknown []Warning, notes []string) {
	for _, w := range warnings {
		if r, ok := list.find(w.Phase, w.Message, false); ok {
			notes = append(notes, fmt.Sprintf("ignored a warning: %s (%s)", w, r.Reason))
			continue
		}
		unknown = append(unknown, w)
	}
	return unknown, notes
}

// excuse tells whether rules excuse every complaint of a refused load or commit check.
func (list ignoring) excuse(err error) (notes []string, ok bool) {
	e, is := errors.AsType[*CommitError](err)
	if !is || e.Phase == "commit" {
		return nil, false
	}
	messages := []string{e.Message}
	for _, other := range e.Others {
		messages = append(messages, other.Error())
	}
	for _, m := range messages {
		r, found := list.find(e.Phase, m, true)
		if !found {
			return nil, false
		}
		notes = append(notes, fmt.Sprintf("ignored an error: %s: %s (%s)", e.Phase, m, r.Reason))
	}
	return notes, true
}

// WarningError says that a device warned of something that no rule ignores, where that is to stop a change.
type WarningError struct {
	Device   string
	Warnings []Warning
}

func (e *WarningError) Error() string {
	s := fmt.Sprintf("%s: the device warns: %s", e.Device, e.Warnings[0])
	if n := len(e.Warnings) - 1; n > 0 {
		s += fmt.Sprintf(" (and %d more)", n)
	}
	return s
}

// Hint says how to go on.
func (e *WarningError) Hint() string {
	return "mend what it warns of, or ignore it by a rule that says why it is harmless"
}
