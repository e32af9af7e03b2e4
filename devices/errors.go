package devices

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors that drivers and Apply return, for errors.Is. Most come inside a struct that names the device.
var (
	ErrSessionLost    = errors.New("session lost")                            // every driver call on a dead session
	ErrMoved          = errors.New("running configuration moved")             // Apply: *MovedError
	ErrReviewMismatch = errors.New("the change differs from the review")      // Apply: *ReviewError
	ErrNotCommitted   = errors.New("not committed")                           // Apply: read from the device after an error
	ErrRolledBack     = errors.New("rolled back")                             // Apply: the confirm window ended without us
	ErrUnknown        = errors.New("outcome unknown")                         // Apply: the device could not be asked
	ErrSuperseded     = errors.New("committed over by somebody else")         // Apply: *SupersededError
	ErrConfirmTime    = errors.New("confirm time is not usable")              // CheckConfirm, Apply
	ErrNotStarted     = errors.New("not started")                             // Each: the run stopped before this device
	ErrPlan           = errors.New("the plan cannot be applied as it stands") // Apply
	ErrRun            = errors.New("the run cannot be made as asked")         // Run.Apply, PlanBatches: *RunError
	ErrOther          = errors.New("a device that goes with it failed")       // Run.Apply: of a pair together, or all or nothing
)

// Hint gives the next step that an error knows of, or "". It goes on a line of its own, below the error.
func Hint(err error) string {
	for err != nil {
		if h, ok := err.(interface{ Hint() string }); ok { // the chain is walked by hand, the outermost hint first
			return h.Hint()
		}
		switch u := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, e := range u.Unwrap() {
				if h := Hint(e); h != "" {
					return h
				}
			}
			return ""
		default:
			return ""
		}
	}
	return ""
}

// UnreachableError says that no session came about: no TCP connection, or no answer on it.
type UnreachableError struct {
	Device, Addr string
	Err          error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: connect %s: %v", e.Device, e.Addr, e.Err)
}
func (e *UnreachableError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *UnreachableError) Hint() string {
	return "check the route, the port and `system services netconf ssh` on the device (`system services ssh` where the transport is cli); HostName, Port and ProxyJump of ssh_config are honoured"
}

// AuthError says that the device refused every way to log in.
type AuthError struct {
	Device, Addr, User string
	Notes              []string // what was wrong with keys on our side: encrypted, missing, unreadable
	Err                error
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("%s: log in as %s at %s: %v", e.Device, e.User, e.Addr, e.Err)
}
func (e *AuthError) Unwrap() error { return e.Err }

// Hint names the user and what was wrong with the keys that were found.
func (e *AuthError) Hint() string {
	h := fmt.Sprintf("check the user name (%s), the key in ssh-agent or IdentityFile, and the password", e.User)
	if len(e.Notes) > 0 {
		h += "; " + strings.Join(e.Notes, "; ")
	}
	return h
}

// HostKeyError says that the device's host key is unknown, or is not the one in known_hosts.
type HostKeyError struct {
	Device, Addr string
	KeyType      string   // ssh-ed25519
	Fingerprint  string   // SHA256:… of the key that the device showed
	Changed      bool     // known_hosts has another key for it
	Known        []string // file:line of the keys that known_hosts has
	Advice       string   // the commands that trust the new key
}

func (e *HostKeyError) Error() string {
	if e.Changed {
		return fmt.Sprintf("%s: host key of %s has changed: %s %s does not match %s",
			e.Device, e.Addr, e.KeyType, e.Fingerprint, strings.Join(e.Known, ", "))
	}
	return fmt.Sprintf("%s: host key of %s is unknown: %s %s", e.Device, e.Addr, e.KeyType, e.Fingerprint)
}

// Hint is the way to trust the key, after a look at the device's console.
func (e *HostKeyError) Hint() string {
	if e.Changed {
		return "somebody may be listening in, or the device was replaced: compare the fingerprint on its console, then " + e.Advice
	}
	return "compare the fingerprint on the device's console, then " + e.Advice
}

// LockedError says that somebody else holds the configuration lock.
type LockedError struct {
	Device string
	Holder string // as the device puts it: `regress terminal (pid 7527) on since 2018-08-27 01:35:08 PDT, idle 00:25:52 exclusive`
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s: lock candidate: configuration database locked by %s", e.Device, orUnknown(e.Holder))
}

// Hint says whom to ask.
func (e *LockedError) Hint() string {
	return "ask them to finish, or end their session on the device: `request system logout`"
}

// DirtyError says that the shared candidate holds uncommitted edits of somebody. They were left as they are.
type DirtyError struct {
	Device  string
	Who     string // who is editing and since when, as the device puts it; may be empty
	Compare string // their edits as the device's compare; may be empty if it could not be read
}

func (e *DirtyError) Error() string {
	s := fmt.Sprintf("%s: lock candidate: uncommitted edits by %s", e.Device, orUnknown(e.Who))
	if e.Compare != "" {
		s += ":\n" + strings.TrimRight(e.Compare, "\n")
	}
	return s
}

// Hint says what the owner of the edits can do.
func (e *DirtyError) Hint() string {
	return "nothing was discarded: ask them to commit, or to drop their edits with `rollback 0` in configuration mode"
}

// WindowError says that a commit which somebody has not confirmed yet is in place: our commit would confirm it.
type WindowError struct {
	Device string
	Commit Commit
}

func (e *WindowError) Error() string {
	return fmt.Sprintf("%s: %s has an unconfirmed commit open for %s since %s%s", e.Device, orUnknown(e.Commit.User),
		e.Commit.Confirm, e.Commit.Time.UTC().Format(time.DateTime+" MST"), quoted(e.Commit.Comment))
}

// Hint says when to come back.
func (e *WindowError) Hint() string {
	return fmt.Sprintf("wait until they confirm it or it rolls back at %s", e.Commit.Time.Add(e.Commit.Confirm).UTC().Format(time.TimeOnly+" MST"))
}

// RPCError is one <rpc-error> (RFC 6241 section 4.3), wherever in a reply it stood. Its text does not name the device:
// what wraps it does.
type RPCError struct {
	Device      string
	Type, Tag   string
	Severity    string // error or warning
	Path        string // [edit interfaces ge-0/0/8 unit 0]
	Line        int    // of the text that was loaded, from 1; 0 where the device does not say
	Message     string // on one line
	BadElement  string
	SessionID   string // holder of a lock
	FullMessage string // as sent, trimmed; may have several lines
}

func (e *RPCError) Error() string {
	s := e.Message
	if s == "" {
		s = orUnknown(e.Tag)
	}
	if e.Path != "" {
		s += " at " + e.Path
	}
	if e.BadElement != "" {
		s += " (" + e.BadElement + ")"
	}
	return s
}

// CommitError says that the device refused a load, a commit check or a commit.
type CommitError struct {
	Device   string
	Phase    string // load, check or commit
	Severity string // error, or warning where a warning stopped it
	Path     string // [edit …], may be empty
	Line     int    // of the text that was loaded, from 1; 0 where the device does not say
	Message  string // the first complaint, with its bad element
	Others   []*RPCError
}

func (e *CommitError) Error() string {
	phase := e.Phase
	if phase == "check" {
		phase = "commit check"
	}
	s := fmt.Sprintf("%s: %s: %s", e.Device, phase, e.Message)
	if e.Line > 0 {
		s += fmt.Sprintf(" in line %d", e.Line)
	}
	if e.Path != "" {
		s += " at " + e.Path
	}
	if n := len(e.Others); n > 0 {
		s += fmt.Sprintf(" (and %d more: %s)", n, e.Others[0].Message)
	}
	return s
}

// Hint says where the fault lies.
func (e *CommitError) Hint() string {
	return "nothing was committed: correct the inventory or the template that renders this part"
}

// MovedError says that the running configuration is not the one that was reviewed.
type MovedError struct {
	Device    string
	Want, Got string   // fingerprints
	By        []Commit // commits newer than the review, if the device still has the reviewed configuration
	Edits     []string // what moved, as set lines; nil if it cannot be told
}

func (e *MovedError) Error() string {
	s := fmt.Sprintf("%s: %v since the review (%s, now %s)", e.Device, ErrMoved, short(e.Want), short(e.Got))
	if len(e.By) > 0 {
		s += fmt.Sprintf(", last by %s%s", e.By[0].User, quoted(e.By[0].Comment))
	}
	if n := len(e.Edits); n > 0 {
		s += fmt.Sprintf(": %d edits, the first: %s", n, e.Edits[0])
	}
	return s
}

// Is makes it ErrMoved.
func (e *MovedError) Is(target error) bool { return target == ErrMoved }

// Hint says how to go on.
func (e *MovedError) Hint() string { return "make a new plan and review it" }

// ReviewError says that the device would change something else than what was reviewed.
type ReviewError struct {
	Device        string
	Reviewed, Now string // compare texts, or set lines where the plan was made offline
}

func (e *ReviewError) Error() string {
	return fmt.Sprintf("%s: %v\nreviewed:\n%s\nnow:\n%s", e.Device, ErrReviewMismatch,
		strings.TrimRight(e.Reviewed, "\n"), strings.TrimRight(e.Now, "\n"))
}

// Is makes it ErrReviewMismatch.
func (e *ReviewError) Is(target error) bool { return target == ErrReviewMismatch }

// Hint says how to go on.
func (e *ReviewError) Hint() string { return "nothing was committed: make a new plan and review it" }

// SupersededError says that somebody else committed within our confirm window: their commit confirmed ours.
type SupersededError struct {
	Device string
	By     Commit
}

func (e *SupersededError) Error() string {
	return fmt.Sprintf("%s: confirmed by %s at %s, unverified: %v%s", e.Device, orUnknown(e.By.User),
		e.By.Time.UTC().Format(time.DateTime+" MST"), ErrSuperseded, quoted(e.By.Comment))
}

// Is makes it ErrSuperseded.
func (e *SupersededError) Is(target error) bool { return target == ErrSuperseded }

// Hint says what to look at.
func (e *SupersededError) Hint() string {
	return "the change is in force and was not checked by us: look at `show system commit` and `show configuration | compare rollback 1`"
}

// RollbackError says that a commit was made and not confirmed: the device takes it back by itself.
type RollbackError struct {
	Device string
	At     time.Time // when the device rolls back, on our clock
	Done   bool      // seen to have happened
	Err    error     // why it was not confirmed
}

func (e *RollbackError) Error() string {
	if e.Done {
		return fmt.Sprintf("%s: %v: %v", e.Device, ErrRolledBack, e.Err)
	}
	return fmt.Sprintf("%s: not confirmed, rolls back at %s: %v", e.Device, e.At.UTC().Format(time.TimeOnly+" MST"), e.Err)
}

// Is makes it ErrRolledBack once that was seen.
func (e *RollbackError) Is(target error) bool { return e.Done && target == ErrRolledBack }
func (e *RollbackError) Unwrap() error        { return e.Err }

// Hint says what not to do meanwhile.
func (e *RollbackError) Hint() string {
	if e.Done {
		return "the device runs what it ran before"
	}
	return "do not commit on the device before that time: any commit there, even a commit check, confirms the change"
}

// RunError says why a run is refused before any device is touched.
type RunError struct {
	Reason, Advice string
}

func (e *RunError) Error() string { return fmt.Sprintf("%v: %s", ErrRun, e.Reason) }

// Is makes it ErrRun.
func (e *RunError) Is(target error) bool { return target == ErrRun }

// Hint says how to ask for it.
func (e *RunError) Hint() string { return e.Advice }

// BusyError says that a run of this machine's journal is at work on the device: it holds the lock, or is about to.
type BusyError struct {
	Device, Run, User, Message string
	Since                      time.Time
	Err                        error // the *LockedError
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s: run %s by %s%s is at work on it since %s: %v", e.Device, e.Run, orUnknown(e.User), quoted(e.Message),
		e.Since.UTC().Format(time.DateTime+" MST"), e.Err)
}
func (e *BusyError) Unwrap() error { return e.Err }

// Hint says how to see how it ends.
func (e *BusyError) Hint() string { return "wait for it to end: `rhapsode runs show " + e.Run + "`" }

// short cuts a fingerprint to what a person compares.
func short(fingerprint string) string {
	if i := strings.IndexByte(fingerprint, ':'); i >= 0 && len(fingerprint) > i+13 {
		return fingerprint[:i+13]
	}
	return fingerprint
}

func orUnknown(s string) string {
	if s == "" {
		return "someone whom the device does not name"
	}
	return s
}

func quoted(comment string) string {
	if comment == "" {
		return ""
	}
	return fmt.Sprintf(" %q", comment)
}
