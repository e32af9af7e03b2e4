package router

import (
	"errors"
	"fmt"
	"time"

	"rhapsode/diffs/junos"
)

// edit remembers who last changed a candidate.
type edit struct {
	by   session
	when time.Time
}

// release drops the exclusive lock and the edits made under it.
func (db *database) release() {
	db.holder = nil
	db.shared.reset(db.active)
}

// lock takes the candidate for one session. It is refused while another session has it, and while the shared candidate
// holds edits that nobody committed.
func (db *database) lock(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.holder != nil {
		return lockedBy(db.holder)
	}
	if s.private != nil {
		return faultf(msgIsOpen)
	}
	if e := db.shared.edited; db.shared.modified() {
		return faults{{Tag: "lock-denied", Message: modifiedMessage(e), Holder: e.by.id}}
	}
	db.shared.reset(db.active)
	db.holder = s
	return nil
}

// unlock gives the candidate back and drops what was not committed.
func (db *database) unlock(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.holder != s {
		return faultf("Configuration database is not open")
	}
	db.release()
	return nil
}

// holds tells whether s has the exclusive lock.
func (db *database) holds(s *session) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.holder == s
}

// lockedBy is the refusal that names who has the database.
func lockedBy(h *session) error {
	return faults{{Tag: "lock-denied", Message: lockMessage(h), Holder: h.id}}
}

// lockMessage says who has the database, in Junos's form.
func lockMessage(h *session) string {
	idle := max(0, time.Since(h.active))
	return fmt.Sprintf("configuration database locked by:\n  %s terminal %s (pid %d) on since %s, idle %02d:%02d:%02d\n      exclusive",
		h.user, h.tty, h.id, h.since.UTC().Format(stamp), int(idle.Hours()), int(idle.Minutes())%60, int(idle.Seconds())%60)
}

// modifiedMessage says that the shared candidate holds uncommitted edits. The first line is Junos's; the second, who
// made the last of them and when, is ours: without it nobody knows whom to ask.
func modifiedMessage(e *edit) string {
	return "configuration database modified\n" + lastChange(e)
}

func lastChange(e *edit) string {
	return fmt.Sprintf("  %s terminal %s (pid %d), last changed %s", e.by.user, e.by.tty, e.by.id, e.when.UTC().Format(stamp))
}

// mayEdit refuses a change by s of the shared candidate while another session has the lock. A private candidate is
// always its session's to edit.
func (db *database) mayEdit(s *session) error {
	if s.private == nil && db.holder != nil && db.holder != s {
		return lockedBy(db.holder)
	}
	return nil
}

// openShared tells whether a session may use the shared candidate: it may not while another session edits privately.
func (db *database) openShared(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if s.private != nil {
		return faultf(msgIsOpen)
	}
	return db.privateInUse(s)
}

// load applies a text to the session's candidate, all of it or nothing. The warnings are what did not stop it.
func (db *database) load(s *session, file string, text []byte, mode junos.Mode) (faults, error) {
	return db.change(s, func(t *junos.Tree) (faults, error) { return loadInto(t, file, text, mode) })
}

func loadInto(t *junos.Tree, file string, text []byte, mode junos.Mode) (faults, error) {
	warnings, err := t.Load(file, text, mode)
	found := languageFaults(warnings, string(text))
	if list, ok := errors.AsType[junos.ErrorList](err); ok {
		return found, languageFaults(list, string(text))
	}
	return found, err
}

// change lets f work on a clone of the session's candidate, which then becomes the candidate.
func (db *database) change(s *session, f func(*junos.Tree) (faults, error)) (faults, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.mayEdit(s); err != nil {
		return nil, err
	}
	d := db.draftOf(s)
	if d == &db.shared {
		if err := db.privateInUse(s); err != nil {
			return nil, err
		}
	}
	next := d.tree.Clone()
	warnings, err := f(next)
	if err != nil {
		return warnings, err
	}
	d.tree, d.edited = next, &edit{by: *s, when: time.Now()}
	return warnings, nil
}

// rollback loads configuration n of the history into the session's candidate; 0 discards what is uncommitted.
func (db *database) rollback(s *session, n int) error {
	if n == 0 {
		return db.discard(s)
	}
	return db.replace(s, func() (*junos.Tree, error) { return db.configurationAt(n) })
}

// replace makes a configuration that is kept somewhere the session's candidate. what is called with the database locked.
func (db *database) replace(s *session, what func() (*junos.Tree, error)) error {
	_, err := db.change(s, func(t *junos.Tree) (faults, error) {
		old, err := what()
		if err != nil {
			return nil, err
		}
		*t = *old.Clone()
		db.draftOf(s).base = db.active // what others have committed since is not to survive it
		return nil, nil
	})
	return err
}

// discard makes the session's candidate the active configuration again.
func (db *database) discard(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.mayEdit(s); err != nil {
		return err
	}
	db.draftOf(s).reset(db.active)
	return nil
}
