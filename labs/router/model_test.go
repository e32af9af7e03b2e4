package router

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rhapsode/diffs/junos"
)

// settings is a configuration as the model has it: the values of three leaves, beside one that never changes.
type settings map[string]string

// modelLeaves are the leaves that the model's sessions edit.
var modelLeaves = []string{"host-name", "domain-name", "time-zone"}

// settingsOf reads them off a configuration.
func settingsOf(t *junos.Tree) settings {
	out := settings{}
	for name, path := range map[string][]string{"host-name": {"system", "host-name"}, "domain-name": {"system", "domain-name"}, "time-zone": {"system", "time-zone"}} {
		if n := t.Lookup(path...); n != nil {
			out[name] = n.Values[0]
		}
	}
	return out
}

// modelDraft is a candidate: what it was made from, and what it is.
type modelDraft struct{ base, mine settings }

func (d modelDraft) modified() bool { return !maps.Equal(d.base, d.mine) }

// model is the configuration database as it should behave, without files, trees, clocks or messages. Sessions are
// numbers; commands answer whether they are refused.
type model struct {
	history []settings // newest first; the first is active
	shared  modelDraft
	private map[int]*modelDraft
	holder  int      // -1: nobody
	revert  settings // nil: no window
	rescue  settings // nil: none
}

func newModel(initial settings) *model {
	return &model{history: []settings{initial}, shared: modelDraft{initial, initial}, private: map[int]*modelDraft{}, holder: -1}
}

func (m *model) active() settings { return m.history[0] }

func (m *model) draft(s int) *modelDraft {
	if d := m.private[s]; d != nil {
		return d
	}
	return &m.shared
}

// lockedOut tells whether another session has the shared candidate that s edits.
func (m *model) lockedOut(s int) bool {
	return m.private[s] == nil && m.holder >= 0 && m.holder != s
}

func (m *model) mayChange(s int) bool {
	if m.lockedOut(s) {
		return false
	}
	return m.private[s] != nil || m.holder == s || len(m.private) == 0
}

func (m *model) lock(s int) bool {
	if m.holder >= 0 || m.private[s] != nil || m.shared.modified() {
		return false
	}
	m.holder, m.shared = s, modelDraft{m.active(), m.active()}
	return true
}

func (m *model) unlock(s int) bool {
	if m.holder != s {
		return false
	}
	m.holder, m.shared = -1, modelDraft{m.active(), m.active()}
	return true
}

func (m *model) openPrivate(s int) bool {
	if m.private[s] != nil || m.holder == s || m.shared.modified() {
		return false
	}
	m.private[s] = &modelDraft{m.active(), m.active()}
	return true
}

func (m *model) set(s int, leaf, value string) bool {
	if !m.mayChange(s) {
		return false
	}
	d := m.draft(s)
	d.mine = maps.Clone(d.mine)
	if value == "" {
		delete(d.mine, leaf)
	} else {
		d.mine[leaf] = value
	}
	return true
}

// take makes a configuration the candidate, as rollback does.
func (m *model) take(s int, c settings) bool {
	if c == nil || !m.mayChange(s) {
		return false
	}
	*m.draft(s) = modelDraft{m.active(), c}
	return true
}

func (m *model) discard(s int) bool {
	if m.lockedOut(s) {
		return false
	}
	*m.draft(s) = modelDraft{m.active(), m.active()}
	return true
}

// rebase puts private edits onto what is active. Own edits win; it tells whether none of them met another's.
func (m *model) rebase(d *modelDraft) bool {
	clean, next := true, maps.Clone(m.active())
	for _, leaf := range modelLeaves {
		was, is := d.base[leaf], d.mine[leaf]
		if was == is {
			continue
		}
		clean = clean && next[leaf] == was
		if next[leaf] = is; is == "" {
			delete(next, leaf)
		}
	}
	*d = modelDraft{m.active(), next}
	return clean
}

func (m *model) publish(c settings) {
	idle := !m.shared.modified()
	m.history = slices.Insert(m.history, 0, c)
	m.history = m.history[:min(len(m.history), maxCommits)]
	if m.shared.base = c; idle {
		m.shared.mine = c
	}
}

// commit is a commit, a check or a confirmed commit.
func (m *model) commit(s int, check, confirmed bool) bool {
	if m.lockedOut(s) {
		return false
	}
	d := m.draft(s)
	if d != &m.shared {
		if m.holder >= 0 || m.shared.modified() || confirmed || !m.rebase(d) {
			return false
		}
		check = check || !d.modified()
	}
	if check {
		m.revert = nil
		return true
	}
	old := m.active()
	m.publish(d.mine)
	if *d = (modelDraft{m.active(), m.active()}); !confirmed {
		m.revert = nil
	} else if m.revert == nil {
		m.revert = old
	}
	return true
}

func (m *model) cancel(s int) bool {
	if m.revert == nil || m.holder >= 0 && m.holder != s {
		return false
	}
	m.publish(m.revert)
	m.revert = nil
	return true
}

func (m *model) leave(s int) {
	delete(m.private, s)
	if m.holder == s {
		m.unlock(s)
	}
}

// restart ends all sessions and what was only in memory.
func (m *model) restart() {
	m.private, m.holder, m.shared = map[int]*modelDraft{}, -1, modelDraft{m.active(), m.active()}
}

// modelled runs the database and its model side by side.
type modelled struct {
	t        *testing.T
	dir      string
	db       *database
	m        *model
	sessions [3]*session
}

func (x *modelled) open() {
	var err error
	initial := parse(x.t, "system { host-name v0; services { ssh; } }")
	x.db, err = openDatabase(x.dir, initial, time.Hour, engines{names: []string{"re0"}}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		x.t.Fatal(err)
	}
	for i := range x.sessions {
		x.sessions[i] = x.db.tester(fmt.Sprintf("user%d", i))
	}
}

// historyAt is configuration n of the model's history, nil if there is none.
func (x *modelled) historyAt(n int) settings {
	if n < len(x.m.history) {
		return x.m.history[n]
	}
	return nil
}

// do runs one command on both, and says which. They must agree on whether it is refused.
func (x *modelled) do(op, who, arg byte) {
	s := int(who) % len(x.sessions)
	db, m, session := x.db, x.m, x.sessions[s]
	leaf, value := modelLeaves[int(arg)%len(modelLeaves)], fmt.Sprintf("v%d", arg/3%4)
	n := int(arg)%6 + 1
	var name string
	var err error
	var may bool
	switch op % 16 {
	case 0:
		name, may, err = "lock", m.lock(s), db.lock(session)
	case 1:
		name, may, err = "unlock", m.unlock(s), db.unlock(session)
	case 2:
		name, may = "open private", m.openPrivate(s)
		_, err = db.openPrivate(session)
	case 3:
		name, may = "close private", m.private[s] != nil
		delete(m.private, s)
		if !db.closePrivate(session) {
			err = errors.New("none")
		}
	case 4, 5, 6:
		name, may = "set "+leaf+" "+value, m.set(s, leaf, value)
		_, err = db.load(session, "", []byte("set system "+leaf+" "+value+"\n"), junos.Set)
	case 7:
		name, may = "delete "+leaf, m.set(s, leaf, "")
		_, err = db.load(session, "", []byte("delete system "+leaf+"\n"), junos.Set)
	case 8:
		name, may, err = fmt.Sprint("rollback ", n), m.take(s, x.historyAt(n)), db.rollback(session, n)
	case 9:
		name, may, err = "rollback 0", m.discard(s), db.rollback(session, 0)
	case 10:
		name, may, err = "commit", m.commit(s, false, false), tryCommit(db, session, commitOptions{})
	case 11:
		name, may, err = "commit check", m.commit(s, true, false), tryCommit(db, session, commitOptions{Check: true})
	case 12:
		var o commitOptions
		db.confirmMinutes(&o, 600)
		name, may, err = "commit confirmed", m.commit(s, false, true), tryCommit(db, session, o)
	case 13:
		name, may, err = "cancel-commit", m.cancel(s), db.cancelCommit(session)
	case 14:
		name, may, err = x.rare(s, arg)
	case 15:
		name, may, err = "update", false, db.update(session)
		if d := m.private[s]; d != nil {
			may = m.rebase(d)
		}
	}
	if may != (err == nil) {
		x.t.Fatalf("user%d: %s: %v, but the model says %t", s, name, err, may)
	}
	x.compare(fmt.Sprintf("user%d: %s", s, name))
}

// rare is what sessions do now and then: leaving, killing another, the rescue configuration, a restart.
func (x *modelled) rare(s int, arg byte) (name string, may bool, err error) {
	other := (s + 1) % len(x.sessions)
	switch arg % 6 {
	case 0:
		x.m.leave(s)
		x.db.leave(x.sessions[s])
		x.sessions[s] = x.db.tester(fmt.Sprintf("user%d", s))
		return "leave", true, nil
	case 1:
		x.m.leave(other)
		err = x.db.killSession(x.sessions[s], x.sessions[other].id)
		x.sessions[other] = x.db.tester(fmt.Sprintf("user%d", other))
		return "kill another", true, err
	case 2:
		x.m.rescue = x.m.active()
		return "save rescue", true, x.db.saveRescue()
	case 3:
		x.m.rescue = nil
		return "delete rescue", true, x.db.deleteRescue()
	case 4:
		return "rollback rescue", x.m.take(s, x.m.rescue), x.db.rollbackRescue(x.sessions[s])
	}
	x.m.restart()
	err = x.db.close()
	x.open()
	return "restart", true, err
}

// compare holds everything that can be seen of the database against the model.
func (x *modelled) compare(after string) {
	x.t.Helper()
	v := x.db.view()
	holder := -1
	for i, s := range x.sessions {
		mine := x.db.viewOf(s)
		d := x.m.draft(i)
		if got := settingsOf(mine.candidate); !maps.Equal(got, d.mine) {
			x.t.Fatalf("%s: user%d has %v, the model %v", after, i, got, d.mine)
		}
		if mine.private != (x.m.private[i] != nil) || (mine.edited != nil) != d.modified() {
			x.t.Fatalf("%s: user%d is private %t, edited %t; the model %t, %t", after, i, mine.private, mine.edited != nil, x.m.private[i] != nil, d.modified())
		}
		if v.holder != nil && v.holder.id == s.id {
			holder = i
		}
	}
	if holder != x.m.holder || (v.holder == nil) != (holder < 0) {
		x.t.Fatalf("%s: user%d has the lock, in the model user%d", after, holder, x.m.holder)
	}
	if (v.window != nil) != (x.m.revert != nil) {
		x.t.Fatalf("%s: window %v, in the model %v", after, v.window, x.m.revert)
	}
	if got := len(x.db.history()); got != len(x.m.history) {
		x.t.Fatalf("%s: %d commits, in the model %d", after, got, len(x.m.history))
	}
	for n, want := range x.m.history {
		tree, err := x.db.at(n)
		if err != nil || !maps.Equal(settingsOf(tree), want) || tree.Lookup("system", "services", "ssh") == nil {
			x.t.Fatalf("%s: configuration %d is %v (%v), in the model %v", after, n, settingsOf(tree), err, want)
		}
	}
	tree, err := x.db.rescue()
	if (err == nil) != (x.m.rescue != nil) || err == nil && !maps.Equal(settingsOf(tree), x.m.rescue) {
		x.t.Fatalf("%s: rescue configuration %v, in the model %v", after, err, x.m.rescue)
	}
}

// FuzzDatabase lets three sessions do what they like, and holds the database against a model of it after each command:
// never two holders, no edit lost or seen where it should not be, one history, the same after a restart.
func FuzzDatabase(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 0, 3, 10, 0, 0, 1, 0, 0, 4, 1, 1, 0, 2, 0, 14, 0, 5})
	f.Add([]byte{2, 0, 0, 2, 1, 0, 4, 0, 3, 4, 1, 6, 10, 0, 0, 10, 1, 0, 10, 1, 0, 15, 0, 0})
	f.Add([]byte{4, 0, 3, 12, 0, 0, 4, 1, 4, 13, 2, 0, 9, 1, 0, 14, 0, 2, 4, 0, 6, 10, 0, 0, 14, 1, 4})
	f.Add([]byte{4, 0, 3, 4, 0, 0, 2, 1, 0, 4, 1, 7, 10, 1, 0, 10, 0, 0, 8, 0, 1, 14, 0, 1})
	f.Add([]byte{2, 0, 0, 4, 0, 5, 0, 1, 0, 4, 1, 8, 10, 1, 0, 14, 0, 1, 10, 0, 0, 15, 0, 0, 14, 2, 5})
	f.Fuzz(func(t *testing.T, script []byte) { runModel(t, script[:min(len(script), 90)]) })
}

// TestDatabaseModel is FuzzDatabase over scripts of chance, the same each time.
func TestDatabaseModel(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 120 {
		script := make([]byte, 3*(10+chance.IntN(60)))
		for i := range script {
			script[i] = byte(chance.Uint32())
		}
		if chance.IntN(30) > 0 { // most without a restart: the disk is slow
			for i := 0; i < len(script); i += 3 {
				if restarts(script[i], script[i+2]) {
					script[i+2]--
				}
			}
		}
		runModel(t, script)
	}
}

// restarts tells whether a command of a script is a restart.
func restarts(op, arg byte) bool { return op%16 == 14 && arg%6 == 5 }

// runModel plays a script, three bytes a command. Only if it has a restart the database is on disk.
func runModel(t *testing.T, script []byte) {
	x := &modelled{t: t, m: newModel(settings{"host-name": "v0"})}
	for i := 0; i+2 < len(script); i += 3 {
		if restarts(script[i], script[i+2]) {
			x.dir = t.TempDir()
			break
		}
	}
	x.open()
	defer func() {
		if err := x.db.close(); err != nil {
			t.Error(err)
		}
	}()
	for i := 0; i+2 < len(script); i += 3 {
		x.do(script[i], script[i+1], script[i+2])
	}
	if x.dir != "" {
		x.do(14, 0, 5)
	}
}
