package devices

import (
	"encoding/json"
	"fmt"
	"time"
)

// Result is how a transaction with one device ended.
type Result uint8

// The results. Only Committed is success with a change: it was read back from the device over a second session.
const (
	NotStarted   Result = iota // the run stopped before this device
	Unchanged                  // the device has nothing to change
	Committed                  // committed, confirmed, and read back
	NotCommitted               // refused or failed before the commit; nothing was changed
	RollingBack                // committed, not confirmed: the device rolls back by itself at RollbackAt
	RolledBack                 // as RollingBack, and seen to have happened
	Superseded                 // confirmed by somebody else's commit, unverified
	Unknown                    // the device could not be asked what it did
)

var resultNames = [...]string{"not-started", "unchanged", "committed", "not-committed", "rolling-back", "rolled-back", "superseded", "unknown"}

// String is the result's name in the journal and in JSON.
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return fmt.Sprintf("Result(%d)", r)
}

// MarshalText gives the name.
func (r Result) MarshalText() ([]byte, error) {
	if int(r) >= len(resultNames) {
		return nil, fmt.Errorf("encode result: no result %d", r)
	}
	return []byte(resultNames[r]), nil
}

// UnmarshalText reads a name.
func (r *Result) UnmarshalText(text []byte) error {
	for i, n := range resultNames {
		if n == string(text) {
			*r = Result(i)
			return nil
		}
	}
	return fmt.Errorf("decode result: unknown result %q", text)
}

// Outcome is what became of one device in a run.
type Outcome struct {
	Device  string `json:"device"`
	Run     string `json:"run"`
	Result  Result `json:"result"`
	Step    Step   `json:"step"` // the last step that was begun
	Comment string `json:"comment,omitempty"`
	// Before and After are fingerprints of the running configuration; After is "" if it was not read.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Entry is entry 0 of the history as it was read last.
	Entry      *Commit   `json:"entry,omitempty"`
	RollbackAt time.Time `json:"rollback_at,omitzero"` // on our clock; zero: no window is open
	Warnings   []Warning `json:"warnings,omitempty"`   // the device's, at load, check and commit, but for those that a rule ignores
	Findings   []Finding `json:"findings,omitempty"`   // of the checks after the commit: those that failed, or what else is to be known
	Notes      []string  `json:"notes,omitempty"`      // what happened on the way: an answer lost, what moved, how a killed run ended
	Err        error     `json:"-"`                    // nil for Unchanged and Committed
}

// String says it in a line without the device's name; the error is left to the caller.
func (o Outcome) String() string {
	switch o.Result {
	case NotStarted:
		return "not started"
	case Unchanged:
		return "nothing to change"
	case Committed:
		return fmt.Sprintf("committed and confirmed, %s -> %s", short(o.Before), short(o.After))
	case NotCommitted:
		return fmt.Sprintf("not committed, stopped in step %q", o.Step)
	case RollingBack:
		return fmt.Sprintf("NOT confirmed, rolls back at %s", o.RollbackAt.UTC().Format(time.TimeOnly+" MST"))
	case RolledBack:
		return "rolled back, runs what it ran before"
	case Superseded:
		if o.Entry != nil {
			return fmt.Sprintf("confirmed by %s at %s, unverified", orUnknown(o.Entry.User), o.Entry.Time.UTC().Format(time.TimeOnly+" MST"))
		}
		return "confirmed by somebody else, unverified"
	default:
		if !o.RollbackAt.IsZero() {
			return fmt.Sprintf("UNKNOWN: if it was committed, it rolls back at %s", o.RollbackAt.UTC().Format(time.TimeOnly+" MST"))
		}
		return "UNKNOWN: look at `show system commit` on the device"
	}
}

// MarshalJSON adds the error and its hint as text. Texts of configuration are left out of the error, as in the audit log.
func (o Outcome) MarshalJSON() ([]byte, error) {
	type plain Outcome
	return json.Marshal(struct {
		plain
		Error string `json:"error,omitempty"`
		Hint  string `json:"hint,omitempty"`
	}{plain(o), auditText(o.Err), Hint(o.Err)})
}

// UnmarshalJSON reads what MarshalJSON gives; the error is its text and its hint.
func (o *Outcome) UnmarshalJSON(data []byte) error {
	type plain Outcome
	var j struct {
		plain
		Error string `json:"error"`
		Hint  string `json:"hint"`
	}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*o = Outcome(j.plain)
	o.Err = told(j.Error, j.Hint)
	return nil
}

// toldError is an error as a journal has it.
type toldError struct{ text, hint string }

func (e *toldError) Error() string { return e.text }
func (e *toldError) Hint() string  { return e.hint }

func told(text, hint string) error {
	if text == "" {
		return nil
	}
	return &toldError{text, hint}
}
