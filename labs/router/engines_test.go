package router

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// openDual opens a database of two engines.
func openDual(t *testing.T, dir string) *database {
	t.Helper()
	db, err := openDatabase(dir, parse(t, hostConfig("r0")), time.Minute, enginesOf(Options{RoutingEngines: 2}), nil, slog.New(slog.DiscardHandler))
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

// backupHost is the name that the other engine would have.
func backupHost(t *testing.T, db *database) string {
	t.Helper()
	tree, err := db.backup()
	if err != nil {
		t.Fatal(err)
	}
	return hostOf(tree)
}

func TestSynchronize(t *testing.T) {
	dir := t.TempDir()
	db := openDual(t, dir)
	a := db.tester("alice")
	if h := backupHost(t, db); h != "r0" {
		t.Errorf("at the start the other engine has %s", h)
	}
	for i, step := range []struct {
		o      commitOptions
		absent bool
		want   string // of the other engine
		says   string
	}{
		{commitOptions{}, false, "r0", "commit complete\n"},
		{commitOptions{Check: true, Synchronize: true}, false, "r0", "re0: \nconfiguration check succeeds\nre1: \nconfiguration check succeeds\n"},
		{commitOptions{Synchronize: true}, false, "r3", "re0: \nconfiguration check succeeds\nre1: \ncommit complete\nre0: \ncommit complete\n"},
		{commitOptions{Synchronize: true}, true, "r3", ""},
		{commitOptions{Synchronize: true, Force: true}, true, "r3", "warning: Cannot connect to other RE, ignoring it\ncommit complete\n"},
		{commitOptions{}, true, "r3", "commit complete\n"},
		{commitOptions{Force: true}, false, "r7", "re0: \nconfiguration check succeeds\nre1: \ncommit complete\nre0: \ncommit complete\n"},
	} {
		if err := db.setAbsent(step.absent); err != nil {
			t.Fatal(err)
		}
		setHost(t, db, a, "r"+string(rune('1'+i)))
		done, err := db.commit(a, step.o)
		if step.says == "" {
			refused(t, err, "", "could not connect to re1 : No route to host")
		} else if err != nil || done.text() != step.says {
			t.Errorf("%+v: %v, says\n%s", step.o, err, done.text())
		}
		if h := backupHost(t, db); h != step.want {
			t.Errorf("%+v, absent %t: the other engine has %s, want %s", step.o, step.absent, h, step.want)
		}
	}
	// It is the old configuration still, also when that has left the history, and after a restart.
	for range maxCommits + 1 {
		setHost(t, db, a, "many")
		commit(t, db, a, commitOptions{})
	}
	if err := db.close(); err != nil {
		t.Fatal(err)
	}
	db = openDual(t, dir)
	if h := backupHost(t, db); h != "r7" || activeHost(db) != "many" {
		t.Errorf("after a restart the other engine has %s", h)
	}
	a = db.tester("alice")
	if err := db.setAbsent(true); err != nil {
		t.Fatal(err)
	}
	set(t, db, a, "set system commit synchronize")
	done, err := db.commit(a, commitOptions{})
	if err != nil || !strings.Contains(done.text(), "ignoring it") || backupHost(t, db) != "r7" {
		t.Errorf("configured, and nobody there: %v, %s", err, done.text())
	}
	if err := db.setAbsent(false); err != nil || backupHost(t, db) != "many" {
		t.Errorf("back again, the other engine has %s (%v)", backupHost(t, db), err)
	}
}

// A commit that nobody confirmed goes back on both engines, if both have it.
func TestSynchronizedRollback(t *testing.T) {
	for _, both := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			db := openDual(t, "")
			a := db.tester("alice")
			setHost(t, db, a, "r1")
			o := commitOptions{Synchronize: both}
			db.confirmMinutes(&o, 1)
			commit(t, db, a, o)
			if h := backupHost(t, db); (h == "r1") != both {
				t.Errorf("both %t: the other engine has %s", both, h)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if h := backupHost(t, db); h != "r0" || activeHost(db) != "r0" {
				t.Errorf("both %t: the other engine has %s, the first %s", both, h, activeHost(db))
			}
		})
	}
}

func TestCancelCommit(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	refused(t, db.cancelCommit(a), "operation-failed", "no confirmed commit is open")
	setHost(t, db, a, "r1")
	var o commitOptions
	db.confirmMinutes(&o, 10)
	commit(t, db, a, o)
	if err := db.lock(a); err != nil {
		t.Fatal(err)
	}
	refused(t, db.cancelCommit(b), "lock-denied", "locked by")
	if err := db.cancelCommit(a); err != nil {
		t.Fatal(err)
	}
	if h := db.history(); activeHost(db) != "r0" || len(h) != 3 || h[0].User != "root" || db.view().window != nil {
		t.Errorf("after cancel-commit %s, %+v", activeHost(db), h)
	}
}

func TestEngineOptions(t *testing.T) {
	for _, tt := range []struct {
		o    Options
		want []string
		bad  string
	}{
		{Options{}, []string{"re0"}, ""},
		{Options{RoutingEngines: 1}, []string{"re0"}, ""},
		{Options{RoutingEngines: 2}, []string{"re0", "re1"}, ""},
		{Options{VirtualChassis: 3}, []string{"fpc0", "fpc1", "fpc2"}, ""},
		{Options{RoutingEngines: 3}, nil, "one or two"},
		{Options{RoutingEngines: -1}, nil, "one or two"},
		{Options{VirtualChassis: 11}, nil, "up to 10"},
		{Options{VirtualChassis: 2, RoutingEngines: 2}, nil, "one routing engine in each member"},
	} {
		tt.o.Hostname, tt.o.User, tt.o.Password = "lab", "lab", "secret"
		r, err := New(tt.o)
		if tt.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%d engines, %d members: %v", tt.o.RoutingEngines, tt.o.VirtualChassis, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Engines(); !slices.Equal(got, tt.want) {
			t.Errorf("engines %q, want %q", got, tt.want)
		}
		if err := r.SetBackupPresent(false); err != nil || len(r.Engines()) != 1 {
			t.Errorf("without the others: %v, %q", err, r.Engines())
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSynchronizeKilled kills the process before each step of a synchronized commit, and of the synchronization of an
// engine that comes back. Afterwards the other engine has the old or the new configuration, never one that the commit
// log does not know.
func TestSynchronizeKilled(t *testing.T) {
	for name, change := range map[string]func(*database, *session) error{
		"commit": func(db *database, s *session) error {
			setHost(t, db, s, "r2")
			return tryCommit(db, s, commitOptions{Synchronize: true})
		},
		"present": func(db *database, _ *session) error { return db.setAbsent(false) },
	} {
		for at, step := 0, "?"; step != ""; at++ {
			dir := t.TempDir()
			db := openDual(t, dir)
			a := db.tester("alice")
			set(t, db, a, "set system commit synchronize", "set system host-name r1")
			if name == "present" {
				if err := db.setAbsent(true); err != nil {
					t.Fatal(err)
				}
			}
			commit(t, db, a, commitOptions{})
			var err error
			if step, err = dying(db, at, true, func() error { return change(db, a) }); err != nil {
				t.Fatal(err)
			}
			if err := db.close(); err != nil {
				t.Fatal(err)
			}
			again := openDual(t, dir)
			active, other := activeHost(again), backupHost(t, again)
			if name == "commit" && (other != active || active != "r1" && active != "r2") {
				t.Errorf("commit killed before %q: active %s, the other engine %s", step, active, other)
			}
			if name == "present" && (active != "r1" || other != "r0" && other != "r1" || step == "" && other != "r1") {
				t.Errorf("present killed before %q: active %s, the other engine %s", step, active, other)
			}
			if err := again.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
