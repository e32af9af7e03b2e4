package router

import (
	"strconv"
	"time"
)

// commitWords is what may follow `commit`, in any order.
func commitWords() []*command {
	return []*command{
		{word: "and-quit", help: "Quit configuration mode if commit succeeds"},
		{word: "check", help: "Check correctness of syntax; do not apply changes"},
		{word: "comment", help: "Add comment to log"},
		{word: "confirmed", help: "Automatically rollback if not confirmed"},
		{word: "force", help: "Force commit synchronize, ignoring the other Routing Engine if need be"},
		{word: "full", help: "Check all of the configuration"},
		{word: "synchronize", help: "Synchronize commit on both Routing Engines"},
	}
}

// The most minutes of a confirm window.
const maxConfirmMinutes = 65535

// commitRequest is a `commit` as it was typed.
type commitRequest struct {
	commitOptions
	quit bool
}

// parseCommit reads `commit [check] [confirmed [N]] [comment TEXT] [and-quit] [synchronize [force]] [full]`, in any order.
func (sh *shell) parseCommit(args []string) (commitRequest, error) {
	var q commitRequest
	for i := 0; i < len(args); i++ {
		c, err := pick(commitWords(), args[i], i+1)
		if err != nil {
			return q, err
		}
		switch c.word {
		case "check":
			q.Check = true
		case "and-quit":
			q.quit = true
		case "synchronize":
			q.Synchronize = true
		case "force":
			q.Force = true
		case "confirmed":
			minutes := defaultConfirmMinutes
			if i+1 < len(args) {
				if n, err := strconv.Atoi(args[i+1]); err == nil {
					minutes, i = n, i+1
				}
			}
			if minutes < 1 || minutes > maxConfirmMinutes {
				return q, faultf("Value %d is not within range (1..%d)", minutes, maxConfirmMinutes)
			}
			sh.r.db.confirmMinutes(&q.commitOptions, minutes)
		case "comment":
			if i++; i >= len(args) {
				return q, &usageError{i + 1, "missing argument."}
			}
			q.Log = args[i]
		}
	}
	if q.Check && (q.Confirm > time.Duration(0) || q.Log != "") {
		return q, faultf("commit check takes no other action: nothing is committed")
	}
	return q, nil
}

// commit commits the candidate and says so. With and-quit the user is in operational mode when it succeeded.
func (sh *shell) commit(inv invocation) error {
	q, err := sh.parseCommit(inv.args)
	if err != nil {
		return err
	}
	done, err := sh.r.db.commit(sh.s, q.commitOptions)
	if err != nil {
		return err
	}
	sh.printf("%s", done.text())
	if q.quit {
		return sh.leave()
	}
	return nil
}
