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

// session is one user's connection to the database: a NETCONF session or a CLI.
type session struct {
	id     int // sent as <session-id>; on a device it is the process id of the server
	user   string
	client string // cli or netconf
	tty    string // of a CLI: p0, p1 …
	since  time.Time
	active time.Time // the last request
	kill   func()    // ends the connection from outside
}

// edit remembers who last changed the shared candidate.
type edit struct {
	by   session
	when time.Time
}

// database is the configuration database. All methods may be called from any goroutine.
//
// Trees are never changed in place: a load works on a clone that then becomes the candidate, so a tree that was handed
// out stays what it was.
type database struct {
	mu   sync.Mutex
	log  *slog.Logger
	unit time.Duration // what one minute of a confirm window lasts

	store     *store
	index     commitIndex
	active    *junos.Tree
	candidate *junos.Tree
	edited    *edit // nil: the candidate is the active configuration
	holder    *session
	timer     *time.Timer // rolls back when the open window ends
	sessions  map[int]*session
	nextID    int
	closed    bool
}

// openDatabase opens the database in dir (empty: in memory). A router that has no configuration yet takes initial as
// its first commit. A confirm window that ran out while nobody was there is rolled back before it returns.
func openDatabase(dir string, initial *junos.Tree, unit time.Duration, log *slog.Logger) (*database, error) {
	st, idx, err := openStore(dir, log)
	if err != nil {
		return nil, err
	}
	db := &database{log: log, unit: unit, store: st, index: idx, sessions: map[int]*session{}, nextID: 4711}
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
		return db.publish(initial, commitRecord{User: "root", Client: "other"}, nil)
	}
	tree, text, err := db.readRevision(db.index.Commits[0].Revision)
	if err != nil {
		return fmt.Errorf("open configuration database: %w", err)
	}
	db.active, db.candidate = tree, tree
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

// join registers a session. kill is called, without the database's lock, when another session kills it.
func (db *database) join(user, client string, kill func()) *session {
	db.mu.Lock()
	defer db.mu.Unlock()
	now := time.Now()
	s := &session{id: db.nextID, user: user, client: client, since: now, active: now, kill: kill}
	db.nextID++
	if client == "cli" {
		s.tty = db.freeTTY()
	}
	db.sessions[s.id] = s
	return s
}

func (db *database) freeTTY() string {
	used := map[string]bool{}
	for _, s := range db.sessions {
		used[s.tty] = true
	}
	for i := 0; ; i++ {
		if tty := fmt.Sprintf("p%d", i); !used[tty] {
			return tty
		}
	}
}

// leave ends a session. Its exclusive lock goes, and with the lock its uncommitted edits; edits that a session made
// without the lock stay in the shared candidate, as on a device.
func (db *database) leave(s *session) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.sessions, s.id)
	if db.holder == s {
		db.release()
	}
}

// touch notes that a session asked for something.
func (db *database) touch(s *session) {
	db.mu.Lock()
	defer db.mu.Unlock()
	s.active = time.Now()
}

// release drops the exclusive lock and the edits made under it.
func (db *database) release() {
	db.holder = nil
	db.reset()
}

// reset makes the candidate the active configuration again.
func (db *database) reset() {
	db.candidate, db.edited = db.active, nil
}

// lock takes the candidate for one session. It is refused while another session has it, and while the shared candidate
// holds edits that nobody committed.
func (db *database) lock(s *session) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.holder != nil {
		return lockedBy(db.holder)
	}
	if db.modified() {
		return faults{{Tag: "lock-denied", Message: modifiedMessage(db.edited), Holder: db.edited.by.id}}
	}
	db.reset()
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
	return fmt.Sprintf("configuration database modified\n  %s terminal %s (pid %d), last changed %s",
		e.by.user, e.by.tty, e.by.id, e.when.UTC().Format(stamp))
}

// mayEdit refuses a change by s while another session has the lock.
func (db *database) mayEdit(s *session) error {
	if db.holder != nil && db.holder != s {
		return lockedBy(db.holder)
	}
	return nil
}

// modified tells whether the candidate holds something uncommitted. What was edited back to where it was does not count.
func (db *database) modified() bool {
	return db.edited != nil && db.candidate != db.active && db.candidate.Set() != db.active.Set()
}

// load applies a text to the candidate, all of it or nothing. The warnings are what did not stop it.
func (db *database) load(s *session, file string, text []byte, mode junos.Mode) (faults, error) {
	return db.change(s, func(t *junos.Tree) (faults, error) {
		warnings, err := t.Load(file, text, mode)
		found := languageFaults(warnings, string(text))
		if list, ok := errors.AsType[junos.ErrorList](err); ok {
			return found, languageFaults(list, string(text))
		}
		return found, err
	})
}

// change lets f work on a clone of the candidate, which then becomes the candidate.
func (db *database) change(s *session, f func(*junos.Tree) (faults, error)) (faults, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.mayEdit(s); err != nil {
		return nil, err
	}
	next := db.candidate.Clone()
	warnings, err := f(next)
	if err != nil {
		return warnings, err
	}
	db.candidate = next
	db.edited = &edit{by: *s, when: time.Now()}
	return warnings, nil
}

// rollback loads configuration n of the history into the candidate; 0 discards what is uncommitted.
func (db *database) rollback(s *session, n int) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.mayEdit(s); err != nil {
		return err
	}
	if n == 0 {
		db.reset()
		return nil
	}
	tree, err := db.configurationAt(n)
	if err != nil {
		return err
	}
	db.candidate, db.edited = tree, &edit{by: *s, when: time.Now()}
	return nil
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

// view is the state of the database at one moment.
type view struct {
	active, candidate *junos.Tree
	commit            commitRecord // the newest
	edited            *edit        // nil: nothing uncommitted
	holder            *session     // a copy, nil: nobody
	window            *window      // nil: none open
	users             []session
}

// view takes a consistent look at the database.
func (db *database) view() view {
	db.mu.Lock()
	defer db.mu.Unlock()
	v := view{active: db.active, candidate: db.candidate, commit: db.index.Commits[0]}
	if db.modified() {
		e := *db.edited
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
		if s := db.sessions[id]; s != nil {
			v.users = append(v.users, *s)
		}
	}
	return v
}

// killSession ends another session; its lock and its edits under the lock go with it.
func (db *database) killSession(s *session, id int) error {
	db.mu.Lock()
	victim := db.sessions[id]
	db.mu.Unlock()
	if victim == nil || victim == s {
		return faults{{Tag: "invalid-value", Bad: "session-id", Message: fmt.Sprintf("no other session has id %d", id)}}
	}
	db.leave(victim)
	victim.kill()
	return nil
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
