package answer

import (
	"errors"
	"fmt"
	"strings"

	"rhapsode/devices"
)

// noise are errors that Junos adds to the one that matters.
var noise = []string{"error recovery ignores input until this point", "configuration check-out failed", "commit failed"}

// Refused makes a CommitError of the errors in a reply: the first that is not noise leads.
func Refused(device, phase string, errs []*devices.RPCError) *devices.CommitError {
	lead := 0
	for i, e := range errs {
		if !isNoise(e.Message) {
			lead = i
			break
		}
	}
	e := errs[lead]
	out := &devices.CommitError{Device: device, Phase: phase, Severity: e.Severity, Path: e.Path, Line: e.Line, Message: e.Message}
	if e.BadElement != "" {
		out.Message = strings.TrimSpace(fmt.Sprintf("%s (%s)", out.Message, e.BadElement))
	}
	for i, other := range errs {
		if i != lead && !isNoise(other.Message) {
			out.Others = append(out.Others, other)
		}
	}
	return out
}

func isNoise(message string) bool {
	for _, n := range noise {
		if strings.Contains(message, n) {
			return true
		}
	}
	return false
}

// What Junos says where a lock is denied.
const (
	lockedBy = "configuration database locked by"
	modified = "configuration database modified"
)

// Denied makes of a denied lock what it means: *LockedError, *DirtyError (without the compare, which is another question),
// or the errors as they are.
func Denied(device string, errs []*devices.RPCError) error {
	for _, e := range errs {
		if i := strings.Index(e.FullMessage, modified); i >= 0 {
			who := OneLine(strings.TrimLeft(e.FullMessage[i+len(modified):], " :by\n"))
			if who == "" && e.SessionID != "" {
				who = "session " + e.SessionID
			}
			return &devices.DirtyError{Device: device, Who: who}
		}
		if i := strings.Index(e.FullMessage, lockedBy); i >= 0 {
			return &devices.LockedError{Device: device, Holder: OneLine(strings.TrimLeft(e.FullMessage[i+len(lockedBy):], ":"))}
		}
		if e.Tag == "lock-denied" {
			holder := e.Message
			if e.SessionID != "" {
				holder = strings.TrimSpace(holder + " session " + e.SessionID)
			}
			return &devices.LockedError{Device: device, Holder: holder}
		}
	}
	return fmt.Errorf("%s: lock candidate: %w", device, Join(errs))
}

// Join makes one error of several; the first leads.
func Join(errs []*devices.RPCError) error {
	out := make([]error, len(errs))
	for i, e := range errs {
		out[i] = e
	}
	if len(out) == 1 {
		return out[0]
	}
	return errors.Join(out...)
}

// Warnings types the warnings of a reply.
func Warnings(device, phase string, warns []*devices.RPCError) []devices.Warning {
	var out []devices.Warning
	for _, w := range warns {
		out = append(out, devices.NewWarning(device, phase, w))
	}
	return out
}
