package router

import (
	"errors"
	"fmt"
	"time"

	"rhapsode/diffs/junos"
)

// commitOptions says how to commit.
type commitOptions struct {
	Log     string        // the comment
	Check   bool          // only check; during a confirm window of any session this confirms
	Confirm time.Duration // > 0: roll back after it unless confirmed
	Minutes int           // Confirm in minutes, rounded up, as listings show it
	// Synchronize commits on all engines, and fails when one can't be reached. Force makes that a warning.
	Synchronize, Force bool
}

// defaultConfirmMinutes is Junos's default confirm window.
const defaultConfirmMinutes = 10

// confirmMinutes asks for a confirm window in minutes of the router's own unit.
func (db *database) confirmMinutes(o *commitOptions, minutes int) {
	o.Confirm, o.Minutes = time.Duration(minutes)*db.unit, minutes
}

// confirmSeconds asks for a confirm window in seconds, as the RFC's own commit counts.
func (db *database) confirmSeconds(o *commitOptions, seconds int) {
	o.Confirm, o.Minutes = time.Duration(seconds)*db.unit/60, (seconds+59)/60
}

// errCheck is what database.commit returns, with the faults, when the configuration does not pass the commit check.
var errCheck = errors.New("commit check failed")

// commit checks the candidate and makes it the active configuration. A commit that is not confirmed itself, and a
// commit check too, confirms an open window, whoever opened it. A second confirmed commit in a window moves its end;
// what it goes back to stays the configuration before the first. Nothing to commit is a commit all the same, but not of a
// private candidate: that only confirms.
//
// On a router with two engines only the first one gets the commit, unless it is synchronized.
func (db *database) commit(s *session, o commitOptions) (commitReport, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.mayEdit(s); err != nil {
		return commitReport{}, err
	}
	d, something := db.draftOf(s), true
	if d != &db.shared {
		var err error
		if something, err = db.prepare(s, o); err != nil {
			return commitReport{}, err
		}
	}
	done := commitReport{Check: o.Check, Merged: d != &db.shared && something, Nothing: !something, Minutes: o.Minutes}
	var err error
	if done.Engines, done.Warnings, err = db.engines.spread(o, d.tree); err != nil {
		return commitReport{}, err
	}
	if found := append(checkConfiguration(d.tree), db.checkPlane(d.tree)...); len(found) > 0 {
		return commitReport{}, fmt.Errorf("%w: %w", errCheck, append(found, fault{Message: "configuration check-out failed"}))
	}
	if o.Check || !something {
		return done, db.confirmOpenWindow(s)
	}
	record := commitRecord{User: s.user, Client: s.client, Log: o.Log}
	var open *window
	if o.Confirm > 0 {
		record.Minutes = o.Minutes
		open = &window{Deadline: time.Now().Add(o.Confirm), Minutes: o.Minutes, Revert: db.index.Commits[0].Revision}
		if db.index.Window != nil {
			open.Revert = db.index.Window.Revert
		}
	}
	done.Old = db.index.Commits[0].identifier()
	if err := db.publish(d.tree, record, open, len(done.Engines) > 1); err != nil {
		db.log.Error("configuration not committed", "user", s.user, "client", s.client, "err", err) // the client is told, who runs the router is not
		return commitReport{}, fmt.Errorf("commit: %w", err)
	}
	newest := db.index.Commits[0]
	done.New = newest.identifier()
	db.log.Info("configuration committed", "user", s.user, "client", s.client, "revision", newest.Revision, "confirm", o.Confirm)
	if d != &db.shared {
		d.reset(db.active)
	}
	return done, nil
}

// confirmOpenWindow closes a window that is open, keeping what was committed.
func (db *database) confirmOpenWindow(s *session) error {
	if db.index.Window == nil {
		return nil
	}
	next := db.index.clone()
	next.Window = nil
	if err := db.store.save(next, nil); err != nil {
		return fmt.Errorf("confirm commit: %w", err)
	}
	db.index = next
	db.arm()
	db.log.Info("commit confirmed", "user", s.user, "client", s.client)
	return nil
}

// cancelCommit goes back at once to what was there before an open confirm window.
func (db *database) cancelCommit(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.holder != nil && db.holder != s {
		return lockedBy(db.holder)
	}
	w := db.index.Window
	if w == nil {
		return faults{{Tag: "operation-failed", Message: "no confirmed commit is open"}}
	}
	if err := db.rollBackWindow(w); err != nil {
		return fmt.Errorf("cancel commit: %w", err)
	}
	db.log.Info("confirmed commit cancelled", "user", s.user, "client", s.client, "revision", db.index.Commits[0].Revision)
	return nil
}

// publish makes tree the active configuration and the newest commit; on an error nothing has changed. An untouched
// candidate follows; edits that are in progress stay as they are. Engines that it is not synchronized with keep what
// they have. What forwards comes first: a process that ends before the rest brings it back when it starts again.
func (db *database) publish(tree *junos.Tree, record commitRecord, open *window, synchronized bool) error {
	next := db.index.clone()
	record.Revision, record.Time = next.Next, time.Now().UTC().Truncate(time.Second)
	next.Next++
	next.Commits = append([]commitRecord{record}, next.Commits...)
	if len(next.Commits) > maxCommits {
		next.Commits = next.Commits[:maxCommits]
	}
	next.Window = open
	switch {
	case synchronized || !db.engines.dual():
		next.Backup = 0
	case next.Backup == 0 && len(db.index.Commits) > 0:
		next.Backup = db.index.Commits[0].Revision
	}
	if err := db.forward(tree, db.active); err != nil {
		return err
	}
	text := tree.Text()
	if err := db.store.save(next, &text); err != nil {
		return errors.Join(err, db.forwardAgain(db.active))
	}
	idle := !db.shared.modified() || db.shared.tree == tree // by what it was made from
	db.index, db.active, db.shared.base = next, tree, tree
	if idle {
		db.shared.reset(tree)
	}
	db.arm()
	return nil
}

// arm sets the clock by the open window; without one it stops it.
func (db *database) arm() {
	if db.timer != nil {
		db.timer.Stop()
		db.timer = nil
	}
	if w := db.index.Window; w != nil && !db.closed {
		db.timer = time.AfterFunc(time.Until(w.Deadline), db.expire)
	}
}

// retryRollback is how long to wait when a rollback could not be written.
const retryRollback = 5 * time.Second

// expire rolls back when the window has run out. A timer that fires late, after a confirmation or an extension, finds
// another deadline and does nothing.
func (db *database) expire() {
	db.mu.Lock()
	defer db.mu.Unlock()
	w := db.index.Window
	if db.closed || w == nil || time.Now().Before(w.Deadline) {
		return
	}
	if err := db.rollBackWindow(w); err != nil {
		db.log.Error("automatic rollback not done, will be tried again", "err", err)
		db.timer = time.AfterFunc(retryRollback, db.expire)
		return
	}
	db.log.Warn("commit was not confirmed, rolled back", "revision", db.index.Commits[0].Revision)
}

func (db *database) rollBackWindow(w *window) error {
	tree, _, err := db.readRevision(w.Revert)
	if err != nil {
		return err
	}
	synchronized := db.index.Backup == 0 && !db.engines.absent || db.index.Backup == w.Revert
	return db.publish(tree, commitRecord{User: "root", Client: "other"}, nil, synchronized)
}

// minutesLeft is what remains of a window, in minutes of the router's unit, rounded up.
func (db *database) minutesLeft(w *window) int {
	left := max(0, time.Until(w.Deadline))
	return int((left + db.unit - 1) / db.unit)
}

// historyEntry is a commit as listings show it.
type historyEntry struct {
	Number int
	commitRecord
	Comment string // `commit confirmed, rollback in 2mins` while that window is open
}

// history lists the commits, newest first.
func (db *database) history() []historyEntry {
	db.mu.Lock()
	defer db.mu.Unlock()
	out := make([]historyEntry, len(db.index.Commits))
	for i, c := range db.index.Commits {
		out[i] = historyEntry{Number: i, commitRecord: c}
	}
	if w := db.index.Window; w != nil {
		out[0].Comment = fmt.Sprintf("commit confirmed, rollback in %dmins", w.Minutes)
	}
	return out
}
