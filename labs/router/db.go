package router

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"rhapsode/diffs/junos"
)

// stamp is how Junos writes a time; the lab router's clock is UTC.
const stamp = "2006-01-02 15:04:05 MST"

// database is the configuration database. All methods may be called from any goroutine.
//
// Trees are never changed in place: a load works on a clone that then becomes the candidate, so a tree that was handed
// out stays what it was.
type database struct {
	mu   sync.Mutex
	log  *slog.Logger
	unit time.Duration // what one minute of a confirm window lasts

	engines engines
	plane   Plane // nil: nothing is forwarded

	store    *store
	index    commitIndex
	active   *junos.Tree
	shared   draft       // the candidate of all who have no private one
	holder   *session    // has the shared candidate for itself
	timer    *time.Timer // rolls back when the open window ends
	sessions map[int]*session
	nextID   int
	closed   bool
}

// openDatabase opens the database in dir (empty: in memory). A router that has no configuration yet takes initial as
// its first commit. A confirm window that ran out while nobody was there is rolled back before it returns.
func openDatabase(dir string, initial *junos.Tree, unit time.Duration, e engines, plane Plane, log *slog.Logger) (*database, error) {
	st, idx, err := openStore(dir, log)
	if err != nil {
		return nil, err
	}
	db := &database{log: log, unit: unit, engines: e, plane: plane, store: st, index: idx, sessions: map[int]*session{}, nextID: 4711}
	if err := db.start(initial); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return db, nil
}

func (db *database) start(initial *junos.Tree) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if len(db.index.Commits) == 0 {
		if initial == nil {
			initial = junos.New(nil)
		}
		return db.publish(initial, commitRecord{User: "root", Client: "other"}, nil, true)
	}
	tree, text, err := db.readRevision(db.index.Commits[0].Revision)
	if err != nil {
		return fmt.Errorf("open configuration database: %w", err)
	}
	if err := db.forward(tree, nil); err != nil {
		return err
	}
	db.active = tree
	db.shared.reset(tree)
	if db.store.dir != "" {
		if err := db.store.repairCopy(text); err != nil {
			return err
		}
	}
	if w := db.index.Window; w != nil && !time.Now().Before(w.Deadline) {
		if err := db.rollBackWindow(w); err != nil {
			return fmt.Errorf("roll back unconfirmed commit: %w", err)
		}
		db.log.Warn("commit was not confirmed, rolled back", "revision", db.index.Commits[0].Revision)
	}
	db.arm()
	return nil
}

func (db *database) readRevision(revision int) (*junos.Tree, string, error) {
	text, err := db.store.read(revision)
	if err != nil {
		return nil, "", err
	}
	tree, err := junos.Parse(fmt.Sprintf("revision %d", revision), []byte(text), nil)
	if err != nil {
		return nil, "", fmt.Errorf("parse revision %d: %w", revision, err)
	}
	return tree, text, nil
}

// close stops the clock and gives the state directory back. An open confirm window stays on disk and goes on counting.
func (db *database) close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.closed = true
	if db.timer != nil {
		db.timer.Stop()
	}
	return db.store.close()
}

// reopen opens a closed database again as after a power cut: from what is on disk, with nobody logged in. What has no
// directory keeps its commits.
func (db *database) reopen() error {
	db.mu.Lock()
	st, idx, err := openStore(db.store.dir, db.log)
	if err != nil {
		db.mu.Unlock()
		return err
	}
	if st.dir == "" {
		st.mem, st.rescue, idx = db.store.mem, db.store.rescue, db.index
	}
	st.before = db.store.before
	db.store, db.index, db.holder, db.closed = st, idx, nil, false
	clear(db.sessions)
	db.mu.Unlock()
	return db.start(nil)
}

// at returns configuration n of the history; 0 is the active one.
func (db *database) at(n int) (*junos.Tree, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.configurationAt(n)
}

func (db *database) configurationAt(n int) (*junos.Tree, error) {
	if n == 0 {
		return db.active, nil
	}
	if n < 0 || n >= maxCommits {
		return nil, faults{{Tag: "invalid-value", Bad: fmt.Sprint(n), Message: fmt.Sprintf("Value %d is not within range (0..%d)", n, maxCommits-1)}}
	}
	if n >= len(db.index.Commits) {
		return nil, faultf("could not open configuration rollback file %d: No such file or directory", n)
	}
	tree, _, err := db.readRevision(db.index.Commits[n].Revision)
	return tree, err
}

// atRevision returns the configuration with an identifier such as re0-1365168149-1. The engine's name does not matter,
// since all of them number a commit alike here.
func (db *database) atRevision(identifier string) (*junos.Tree, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	_, bare, _ := strings.Cut(identifier, "-")
	for i, c := range db.index.Commits {
		if c.identifier() == bare {
			return db.configurationAt(i)
		}
	}
	return nil, faults{{Tag: "invalid-value", Bad: identifier, Message: "configuration revision " + identifier + " not found"}}
}

// view is the state of the database at one moment.
type view struct {
	active, candidate *junos.Tree
	commit            commitRecord // the newest
	edited            *edit        // nil: nothing uncommitted in the candidate
	private           bool         // the candidate is the session's own
	holder            *session     // a copy, nil: nobody
	window            *window      // nil: none open
	users             []session
}

// running is the active configuration.
func (db *database) running() *junos.Tree {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.active
}

// candidateOf is the configuration that a session edits.
func (db *database) candidateOf(s *session) *junos.Tree {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.draftOf(s).tree
}

// openWindow is the open confirm window, nil if there is none.
func (db *database) openWindow() *window {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.index.Window == nil {
		return nil
	}
	w := *db.index.Window
	return &w
}

// view takes a consistent look at the database and its shared candidate.
func (db *database) view() view { return db.viewOf(nil) }

// viewOf is view as a session has it: the candidate is what its edits go to.
func (db *database) viewOf(s *session) view {
	db.mu.Lock()
	defer db.mu.Unlock()
	d := db.draftOf(s)
	v := view{active: db.active, candidate: d.tree, commit: db.index.Commits[0], private: d != &db.shared}
	if d.modified() {
		e := *d.edited
		v.edited = &e
	}
	if db.holder != nil {
		h := *db.holder
		v.holder = &h
	}
	if db.index.Window != nil {
		w := *db.index.Window
		v.window = &w
	}
	for id := range db.nextID {
		if u := db.sessions[id]; u != nil {
			v.users = append(v.users, *u)
		}
	}
	return v
}

// repairCopy rewrites junos.conf when it is not the active text: the process may have died between the two.
func (s *store) repairCopy(text string) error {
	path := s.copyPath()
	if data, err := os.ReadFile(path); err == nil && string(data) == text {
		return nil
	}
	if err := s.replace(path, []byte(text), "copy"); err != nil {
		return fmt.Errorf("write copy of the active configuration: %w", err)
	}
	return nil
}

// headerOf is the comment that `show configuration` begins with.
func headerOf(v view, committed bool) string {
	if !committed && v.edited != nil {
		return "## Last changed: " + v.edited.when.UTC().Format(stamp) + "\n"
	}
	return "## Last commit: " + v.commit.Time.UTC().Format(stamp) + " by " + v.commit.User + "\n"
}

// oneLine makes a commit comment fit for a listing.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
