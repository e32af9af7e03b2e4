package devices

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// AuditEntry is one line of audit.jsonl: what one run did to one device. It holds no configuration text.
type AuditEntry struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	User    string    `json:"user"`
	Run     string    `json:"run"`
	Message string    `json:"message"` // the task comment as given
	Comment string    `json:"comment"` // as it stands in the device's history
	Device  string    `json:"device"`
	Result  Result    `json:"result"`
	Before  string    `json:"before,omitempty"` // fingerprints
	After   string    `json:"after,omitempty"`
	// SkippedCheck is why the run passed over errors of `rhapsode check`.
	SkippedCheck string `json:"skipped_check,omitempty"`
	// ForcedFreeze names the freezes that the run was forced through.
	ForcedFreeze string `json:"forced_freeze,omitempty"`
	Error        string `json:"error,omitempty"`
	Hint         string `json:"hint,omitempty"`
}

// appendAudit adds a line to audit.jsonl below the state directory. The file is only ever appended to, with one write a
// line, so that several runs may share it.
func appendAudit(stateDir string, e AuditEntry) (err error) {
	e.Version, e.Time = 1, time.Now().UTC()
	f, err := os.OpenFile(filepath.Join(stateDir, "audit.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := errors.Join(appendLine(f, e), syncDir(stateDir)); err != nil {
		return fmt.Errorf("write audit log: %w", err)
	}
	return nil
}

// auditText is an error in one line for the audit log: a compare inside an error (a dirty candidate, a review that does
// not match) is configuration text, which may hold secrets, and is left out.
func auditText(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*DirtyError](err); ok {
		return fmt.Sprintf("%s: uncommitted edits by %s", e.Device, orUnknown(e.Who))
	}
	if e, ok := errors.AsType[*ReviewError](err); ok {
		return fmt.Sprintf("%s: %v", e.Device, ErrReviewMismatch)
	}
	if e, ok := errors.AsType[*MovedError](err); ok {
		return fmt.Sprintf("%s: %v (%s, now %s)", e.Device, ErrMoved, short(e.Want), short(e.Got))
	}
	return clean(err.Error())
}
