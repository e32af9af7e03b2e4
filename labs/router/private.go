package router

import (
	"errors"
	"fmt"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// draft is a configuration that is being edited: the shared candidate, or the private one of a session.
type draft struct {
	base   *junos.Tree // what it was made from; of the shared candidate that is always the active configuration
	tree   *junos.Tree
	edited *edit // nil: nobody has changed anything

	judged  [2]*junos.Tree // base and tree of the last answer of modified
	differs bool           // and that
}

// reset makes the draft a configuration that nobody has edited.
func (d *draft) reset(t *junos.Tree) { *d = draft{base: t, tree: t} }

// modified tells whether the draft holds something uncommitted. What was edited back to where it was does not count.
func (d *draft) modified() bool {
	if d.edited == nil || d.tree == d.base {
		return false
	}
	if pair := [2]*junos.Tree{d.base, d.tree}; d.judged != pair { // trees never change, and this takes a while
		d.judged, d.differs = pair, d.tree.Set() != d.base.Set()
	}
	return d.differs
}

// What a private session is told, in Junos's words.
const (
	warnDiscard   = "uncommitted changes will be discarded on exit"
	warnExclusive = "changes cannot be committed while 'configure exclusive' is active"
	msgPrivateUse = "private edits in use. Try 'configure private' or 'configure exclusive'"
	msgShared     = "shared configuration database modified"
	msgIsOpen     = "configuration database is already open"
	msgNoConfirm  = "commit confirmed not supported for private configuration"
)

// draftOf is what the edits of a session go to. A nil session has the shared candidate.
func (db *database) draftOf(s *session) *draft {
	if s != nil && s.private != nil {
		return s.private
	}
	return &db.shared
}

// openPrivate gives a session a candidate of its own, made from the active configuration. It is refused while the
// shared candidate holds uncommitted edits. While another session has the exclusive lock it is given, but can't be
// committed. The warnings are for the user; there is always one.
func (db *database) openPrivate(s *session) (faults, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case s.private != nil || db.holder == s:
		return nil, faultf(msgIsOpen)
	case db.shared.modified():
		return nil, sharedModified(&db.shared)
	}
	var warnings faults
	if db.holder != nil {
		warnings = append(warnings, fault{Warning: true, Message: warnExclusive})
	}
	s.private = &draft{}
	s.private.reset(db.active)
	return append(warnings, fault{Warning: true, Message: warnDiscard}), nil
}

// closePrivate drops the private candidate with its edits. It tells whether there was one.
func (db *database) closePrivate(s *session) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	open := s.private != nil
	s.private = nil
	return open
}

// sharedModified refuses what needs an unmodified shared candidate. The second line, who made the last edit and when,
// is ours.
func sharedModified(d *draft) error {
	return faults{{Message: msgShared + "\n" + lastChange(d.edited)}}
}

// privateInUse refuses edits of the shared candidate while another session has a private one: such edits would keep it
// from being committed. Who has locked the shared candidate may edit it.
func (db *database) privateInUse(s *session) error {
	if db.holder == s {
		return nil
	}
	for _, other := range db.sessions {
		if other != s && other.private != nil {
			return faultf(msgPrivateUse)
		}
	}
	return nil
}

// errConflict is what database.commit and database.update return, with the faults, when the private edits of a session
// do not fit what others have committed meanwhile.
var errConflict = errors.New("private edits conflict with what others have committed")

// update puts the private edits of a session onto what is committed now. Where another commit has changed the very
// statements, the session's own edits win, and the conflicts come as faults with errConflict: the candidate is up to
// date all the same.
func (db *database) update(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if s.private == nil {
		return faultf("update is for a private configuration only")
	}
	return db.rebase(s.private)
}

// rebase is update of a draft.
func (db *database) rebase(d *draft) error {
	if d.base == db.active {
		return nil
	}
	if !d.modified() {
		d.reset(db.active)
		return nil
	}
	next := db.active.Clone()
	if d.base.Set() == db.active.Set() { // it was committed, but not changed
		d.base = db.active
		return nil
	}
	patch := diffs.Compare(d.base, d.tree).String()
	_, err := next.Load("private", []byte(patch), junos.Patch)
	if err == nil {
		d.base, d.tree = db.active, next
		return nil
	}
	conflicts := faultsOf(err)
	if list, ok := errors.AsType[junos.ErrorList](err); ok {
		conflicts = languageFaults(list, patch)
	}
	for i := range conflicts {
		conflicts[i].Pos = junos.Pos{} // a place in a text that the user has never seen
	}
	if err := d.force(db.active); err != nil {
		return fmt.Errorf("%w: %w", errConflict, append(conflicts, faultsOf(err)...))
	}
	return fmt.Errorf("%w: %w", errConflict, conflicts)
}

// force puts the edits of a draft onto another configuration as commands, whose effect does not depend on what they
// find. With an error the draft is as it was.
func (d *draft) force(onto *junos.Tree) error {
	edits := []byte(lines(diffs.Edits(d.base, d.tree)))
	same := d.base.Clone()
	if _, err := same.Load("private", edits, junos.Set); err != nil || same.Set() != d.tree.Set() {
		// Statements that the schema does not know: commands need not say where one ends.
		return faultf("private edits cannot be updated: discard them with rollback, and make them again")
	}
	next := onto.Clone()
	if _, err := next.Load("private", edits, junos.Set); err != nil {
		return faultf("private edits cannot be updated: %s; discard them with rollback, and make them again", err)
	}
	d.base, d.tree = onto, next
	return nil
}

func lines(list []string) string {
	var text string
	for _, l := range list {
		text += l + "\n"
	}
	return text
}

// prepare makes the private candidate of a session ready for a commit: onto what is active now, with nobody in the way.
// It tells whether there is anything to commit.
func (db *database) prepare(s *session, o commitOptions) (something bool, err error) {
	switch {
	case db.holder != nil:
		return false, lockedBy(db.holder)
	case db.shared.modified():
		return false, sharedModified(&db.shared)
	case o.Confirm > 0:
		return false, faultf(msgNoConfirm)
	}
	if err := db.rebase(s.private); err != nil {
		return false, err
	}
	return s.private.modified(), nil
}
