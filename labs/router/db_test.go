package router

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rhapsode/diffs/junos"
)

func parse(t *testing.T, text string) *junos.Tree {
	t.Helper()
	tree, err := junos.Parse("", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func hostConfig(name string) string { return "system {\n    host-name " + name + ";\n}\n" }

// open opens a database of host r0 and closes it at the end of the test.
func open(t *testing.T, dir string) *database {
	t.Helper()
	db, err := openDatabase(dir, parse(t, hostConfig("r0")), time.Minute, engines{names: []string{"re0"}}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.close(); err != nil {
			t.Errorf("close database: %v", err)
		}
	})
	return db
}

func (db *database) tester(name string) *session { return db.join(name, "netconf", func() {}) }

// setHost edits the candidate.
func setHost(t *testing.T, db *database, s *session, name string) {
	t.Helper()
	if _, err := db.load(s, "", []byte("set system host-name "+name+"\n"), junos.Set); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, db *database, s *session, o commitOptions) {
	t.Helper()
	if _, err := db.commit(s, o); err != nil {
		t.Fatal(err)
	}
}

func tryCommit(db *database, s *session, o commitOptions) error {
	_, err := db.commit(s, o)
	return err
}

func activeHost(db *database) string { return hostOf(db.view().active) }

func hostOf(t *junos.Tree) string {
	if t == nil {
		return ""
	}
	if n := t.Lookup("system", "host-name"); n != nil {
		return n.Values[0]
	}
	return ""
}

// refused checks for a fault with a tag and a text.
func refused(t *testing.T, err error, tag, text string) {
	t.Helper()
	f, ok := errors.AsType[faults](err)
	if !ok || len(f) == 0 || f[0].Tag != tag || !strings.Contains(f[0].Message, text) {
		t.Errorf("error %v (%#v), want %s %q", err, f, tag, text)
	}
}

func TestLock(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	if err := db.lock(a); err != nil {
		t.Fatal(err)
	}
	refused(t, db.lock(a), "lock-denied", "locked by:\n  alice terminal  (pid 4711)")
	refused(t, db.lock(b), "lock-denied", "locked by:\n  alice")
	refused(t, db.unlock(b), "", "Configuration database is not open")
	_, err := db.load(b, "", []byte("set system host-name x"), junos.Set)
	refused(t, err, "lock-denied", "locked by")
	refused(t, db.rollback(b, 0), "lock-denied", "locked by")
	refused(t, tryCommit(db, b, commitOptions{}), "lock-denied", "locked by")
	refused(t, tryCommit(db, b, commitOptions{Check: true}), "lock-denied", "locked by")

	setHost(t, db, a, "x")
	if err := db.unlock(a); err != nil {
		t.Fatal(err)
	}
	if v := db.view(); v.edited != nil || v.holder != nil || hostOf(v.candidate) != "r0" {
		t.Errorf("unlock kept edits: %+v", v)
	}
}

func TestLeavingDropsLockAndItsEdits(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	if err := db.lock(a); err != nil {
		t.Fatal(err)
	}
	setHost(t, db, a, "x")
	db.leave(a)
	if err := db.lock(b); err != nil {
		t.Errorf("lock after the holder left: %v", err)
	}
	if h := hostOf(db.view().candidate); h != "r0" {
		t.Errorf("the holder's edits are still there: %s", h)
	}
}

func TestSharedEditsStay(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	setHost(t, db, a, "x")
	refused(t, db.lock(b), "lock-denied", "configuration database modified")
	db.leave(a)
	refused(t, db.lock(b), "lock-denied", "configuration database modified")
	if v := db.view(); v.edited == nil || v.edited.by.user != "alice" || hostOf(v.candidate) != "x" {
		t.Errorf("edits of a session without the lock: %+v", v)
	}
	setHost(t, db, b, "r0") // back to what is committed: nothing is lost by a lock
	if err := db.lock(b); err != nil {
		t.Errorf("lock of a candidate that is edited back: %v", err)
	}
}

func TestKillSession(t *testing.T) {
	db := open(t, "")
	killed := false
	a, b := db.join("alice", "netconf", func() { killed = true }), db.tester("bob")
	if err := db.lock(a); err != nil {
		t.Fatal(err)
	}
	refused(t, db.killSession(b, b.id), "invalid-value", "no other session")
	refused(t, db.killSession(b, 1), "invalid-value", "no other session")
	if err := db.killSession(b, a.id); err != nil || !killed {
		t.Errorf("kill: %v, killed %t", err, killed)
	}
	if err := db.lock(b); err != nil {
		t.Errorf("lock after kill: %v", err)
	}
}

func TestLoadIsAllOrNothing(t *testing.T) {
	db := open(t, "")
	a := db.tester("alice")
	_, err := db.load(a, "", []byte("system {\n    host-name x;\n    services {\n"), junos.Merge)
	if err == nil {
		t.Fatal("an unclosed brace was loaded")
	}
	if v := db.view(); v.edited != nil || hostOf(v.candidate) != "r0" {
		t.Errorf("a failed load left %+v", v)
	}
	warnings, err := db.load(a, "", []byte("delete system domain-name\nset system host-name y\n"), junos.Set)
	if err != nil || len(warnings) != 1 || !warnings[0].Warning || warnings[0].Message != "statement not found" {
		t.Errorf("delete of what is not there: %v, %v", warnings, err)
	}
	if h := hostOf(db.view().candidate); h != "y" {
		t.Errorf("a load with warnings gave host %s", h)
	}
}

func TestRollbackNumbers(t *testing.T) {
	db := open(t, "")
	a := db.tester("alice")
	for i := range 60 {
		setHost(t, db, a, fmt.Sprintf("r%d", i+1))
		commit(t, db, a, commitOptions{Log: fmt.Sprintf("change %d", i+1)})
	}
	if h := db.history(); len(h) != maxCommits || h[0].Log != "change 60" || h[49].Log != "change 11" || h[49].Number != 49 {
		t.Errorf("history %+v", h)
	}
	if len(db.store.mem) != maxCommits {
		t.Errorf("%d texts are kept", len(db.store.mem))
	}
	for n, want := range map[int]string{0: "r60", 1: "r59", 49: "r11"} {
		if tree, err := db.at(n); err != nil || hostOf(tree) != want {
			t.Errorf("rollback %d: %v, want %s", n, err, want)
		}
	}
	for _, n := range []int{-1, 50} {
		_, err := db.at(n)
		refused(t, err, "invalid-value", "not within range (0..49)")
	}
	if err := db.rollback(a, 3); err != nil || hostOf(db.view().candidate) != "r57" {
		t.Errorf("rollback 3: %v", err)
	}
	_, err := open(t, "").at(1)
	refused(t, err, "", "could not open configuration rollback file 1")
}

func TestConfirmedCommitRollsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, t.TempDir())
		a := db.tester("alice")
		setHost(t, db, a, "r1")
		o := commitOptions{Log: "T1 try"}
		db.confirmMinutes(&o, 2)
		commit(t, db, a, o)
		if h := db.history()[0]; h.Comment != "commit confirmed, rollback in 2mins" || h.User != "alice" || h.Log != "T1 try" {
			t.Errorf("history of an open window: %+v", h)
		}
		if left := db.minutesLeft(db.view().window); left != 2 {
			t.Errorf("%d minutes are left", left)
		}
		time.Sleep(2*time.Minute - time.Second)
		synctest.Wait()
		if h := activeHost(db); h != "r1" {
			t.Fatalf("rolled back early: %s", h)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		h := db.history()
		if activeHost(db) != "r0" || hostOf(db.view().candidate) != "r0" || db.view().window != nil {
			t.Errorf("not rolled back: %+v", db.view())
		}
		if len(h) != 3 || h[0].User != "root" || h[0].Client != "other" || h[0].Comment != "" || h[1].Comment != "" || h[1].Log != "T1 try" {
			t.Errorf("history after the rollback: %+v", h)
		}
	})
}

func TestConfirmation(t *testing.T) {
	for name, confirm := range map[string]commitOptions{"commit": {Log: "T1 ok"}, "commit check": {Check: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := open(t, t.TempDir())
				a, b := db.tester("alice"), db.tester("bob")
				setHost(t, db, a, "r1")
				o := commitOptions{}
				db.confirmMinutes(&o, 2)
				commit(t, db, a, o)
				time.Sleep(time.Minute)
				commit(t, db, b, confirm)
				time.Sleep(time.Hour)
				synctest.Wait()
				if activeHost(db) != "r1" || db.view().window != nil {
					t.Errorf("a confirmed commit was rolled back: %s", activeHost(db))
				}
				if h := db.history(); h[0].Comment != "" || h[0].Log != confirm.Log {
					t.Errorf("history %+v", h)
				}
			})
		})
	}
}

// A second confirmed commit moves the end of the window; what it goes back to is what was there before the first.
func TestConfirmedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, "")
		a := db.tester("alice")
		for i := range 2 {
			setHost(t, db, a, fmt.Sprintf("r%d", i+1))
			o := commitOptions{}
			db.confirmMinutes(&o, 2)
			commit(t, db, a, o)
			time.Sleep(time.Minute)
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if h := activeHost(db); h != "r2" {
			t.Errorf("the first window's clock still runs: %s", h)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if h := activeHost(db); h != "r0" {
			t.Errorf("went back to %s", h)
		}
	})
}

func TestRollbackKeepsEditsInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, "")
		a, b := db.tester("alice"), db.tester("bob")
		setHost(t, db, a, "r1")
		o := commitOptions{}
		db.confirmMinutes(&o, 1)
		commit(t, db, a, o)
		setHost(t, db, b, "mine")
		time.Sleep(time.Minute)
		synctest.Wait()
		if v := db.view(); hostOf(v.active) != "r0" || v.edited == nil || hostOf(v.candidate) != "mine" {
			t.Errorf("active %s, candidate %s", hostOf(v.active), hostOf(v.candidate))
		}
	})
}

func TestConfirmSeconds(t *testing.T) {
	db := open(t, "")
	var o commitOptions
	db.confirmSeconds(&o, 90)
	if o.Confirm != 90*time.Second || o.Minutes != 2 {
		t.Errorf("90 seconds are %s, %d minutes", o.Confirm, o.Minutes)
	}
	db.unit = time.Second
	db.confirmSeconds(&o, 120)
	if o.Confirm != 2*time.Second || o.Minutes != 2 {
		t.Errorf("120 seconds of a second's minute are %s", o.Confirm)
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir)
	a := db.tester("alice")
	for i := range 3 {
		setHost(t, db, a, fmt.Sprintf("r%d", i+1))
		commit(t, db, a, commitOptions{Log: fmt.Sprintf("change %d", i+1)})
	}
	setHost(t, db, a, "uncommitted")
	before := db.history()
	if _, _, err := openStore(dir, db.log); err == nil || !strings.Contains(err.Error(), "another router") {
		t.Errorf("a second router on the same directory: %v", err)
	}
	if err := db.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "junos.conf"), []byte("stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir)
	if got := again.history(); !slices.Equal(got, before) {
		t.Errorf("history %+v, want %+v", got, before)
	}
	for n, want := range []string{"r3", "r2", "r1", "r0"} {
		if tree, err := again.at(n); err != nil || hostOf(tree) != want {
			t.Errorf("configuration %d: %v, want %s", n, err, want)
		}
	}
	if v := again.view(); v.edited != nil || hostOf(v.candidate) != "r3" {
		t.Errorf("candidate after a restart: %s", hostOf(v.candidate))
	}
	if data, err := os.ReadFile(filepath.Join(dir, "junos.conf")); err != nil || string(data) != hostConfig("r3") {
		t.Errorf("copy of the active configuration: %q, %v", data, err)
	}
}

func TestRestartWithOpenWindow(t *testing.T) {
	for _, down := range []time.Duration{30 * time.Second, time.Hour} {
		t.Run(down.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				db := open(t, dir)
				a := db.tester("alice")
				setHost(t, db, a, "r1")
				var o commitOptions
				db.confirmMinutes(&o, 2)
				commit(t, db, a, o)
				if err := db.close(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(down)
				db = open(t, dir)
				want := "r1"
				if down > 2*time.Minute {
					want = "r0"
				}
				if h := activeHost(db); h != want {
					t.Errorf("after %s down: %s, want %s", down, h, want)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if h := activeHost(db); h != "r0" || len(db.history()) != 3 {
					t.Errorf("the window did not end: %s, %+v", h, db.history())
				}
			})
		})
	}
}

// A rollback that cannot be written is tried again until it can.
func TestRollbackIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t, t.TempDir())
		a := db.tester("alice")
		setHost(t, db, a, "r1")
		var o commitOptions
		db.confirmMinutes(&o, 1)
		commit(t, db, a, o)
		db.mu.Lock()
		db.store.before = func(string) error { return errStep }
		db.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if h := activeHost(db); h != "r1" {
			t.Fatalf("rolled back although nothing could be written: %s", h)
		}
		db.mu.Lock()
		db.store.before = nil
		db.mu.Unlock()
		time.Sleep(retryRollback)
		synctest.Wait()
		if h := activeHost(db); h != "r0" {
			t.Errorf("not rolled back in the end: %s", h)
		}
	})
}
