// Package devices changes live routers: the contracts Device and Candidate, the transaction Apply with its journal and
// audit log, Review, and the bounded executor over many devices. A plan is pure data (package diffs); a device is live.
//
// It is not a protocol: the drivers are netconf below this directory and, later, others beside it; all of them dial
// through devices/dial, and all of them pass the contract suite of devices/devicetest. It does not decide what is to
// be changed: that is a diffs.DevicePlan.
//
// It may import diffs and diffs/junos, nothing else of ours. SSH is spoken in devices/dial only. The environment is
// read at the edge: every path, socket and name comes in as a field.
package devices

import (
	"context"
	"time"

	"rhapsode/diffs"
)

// Device is one router, reached by one session. It has six methods, one over the house's limit: Name is for messages,
// the other five are what a router does for us.
//
// A Device may be used by one goroutine at a time. A call whose context ends, or whose answer cannot be trusted, ends
// the session: every later call answers an error that is ErrSessionLost. The device's own rule then applies: what
// was not committed is dropped and the lock is free.
type Device interface {
	// Name is the device's name in the inventory. It needs no network.
	Name() string
	// Running is the committed configuration in curly text, as the device prints it (header comments included).
	// It takes no lock and looks at no candidate.
	Running(ctx context.Context) (string, error)
	// Lock takes the exclusive lock on the shared candidate. *LockedError: someone holds it. *DirtyError: there
	// are uncommitted edits of someone; they are left as they are.
	Lock(ctx context.Context) (Candidate, error)
	// History is the list of commits, the newest first and numbered 0.
	History(ctx context.Context) ([]Commit, error)
	// Query gives the text of an operational command's answer, without the blank line that Junos puts around it; of an
	// Op that ends in ` | display xml` the Payload. *RPCError inside the error: the device does not know the command, or
	// would not do it.
	Query(ctx context.Context, op Op) (string, error)
	// Close ends the session and drops what it holds. It may be called more than once.
	Close() error
}

// Candidate is the locked candidate of a Device. It is valid until Discard.
type Candidate interface {
	// Load edits the candidate; it succeeded in spite of the warnings. After an error (*CommitError with Phase load) the
	// candidate may hold a part of the change: Discard it.
	Load(ctx context.Context, change diffs.Change) ([]Warning, error)
	// Compare is the device's own `show | compare`, ending in a newline; "" if there is no difference.
	Compare(ctx context.Context) (string, error)
	// Check is `commit check`. Junos takes a commit check during a confirm window for the confirmation: never call
	// it after Commit.
	Check(ctx context.Context) ([]Warning, error)
	// Commit commits. *CommitError: the device said no. Any other error says nothing about what the device did:
	// read History.
	Commit(ctx context.Context, opts CommitOptions) ([]Warning, error)
	// Discard drops the uncommitted edits and gives the lock back. Defer it right after Lock; it does no harm after
	// Commit (an open confirm window stays open) and may be called again.
	Discard(ctx context.Context) error
}

// Texter is a Candidate that can print itself. Drivers that have it make offline plans applicable: their plan is
// compared with the device's candidate in substance.
type Texter interface {
	// Text is the candidate in curly text with the edits in place.
	Text(ctx context.Context) (string, error)
}

// CommitOptions say how to commit. The zero value is a plain commit without a comment.
type CommitOptions struct {
	Comment string
	// Confirm > 0 opens a confirm window of that length, in whole minutes: without a further commit the device rolls
	// back. 0 is a plain commit, which also confirms an open window.
	Confirm time.Duration
	// Synchronize commits on both routing engines.
	Synchronize bool
}

// Commit is one entry of a device's commit history.
type Commit struct {
	Number  int       `json:"number"` // as in `rollback N`; 0 is the newest
	User    string    `json:"user"`
	Client  string    `json:"client"` // cli, netconf, other
	Time    time.Time `json:"time"`   // on the device's clock
	Comment string    `json:"comment,omitempty"`
	// Confirm > 0: the commit opened a confirm window of that length which is still open. Only entry 0 can have it.
	Confirm time.Duration `json:"confirm,omitempty"`
}
