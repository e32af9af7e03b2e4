package router

import (
	"errors"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// private opens a private candidate.
func private(t *testing.T, db *database, s *session) {
	t.Helper()
	warnings, err := db.openPrivate(s)
	if err != nil || len(warnings) != 1 || !warnings[0].Warning || warnings[0].Message != warnDiscard {
		t.Fatalf("open private: %v, %v", warnings, err)
	}
}

// set enters set lines into the candidate of a session.
func set(t *testing.T, db *database, s *session, lines ...string) {
	t.Helper()
	if _, err := db.load(s, "", []byte(strings.Join(lines, "\n")+"\n"), junos.Set); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateEditsMerge(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	private(t, db, a)
	private(t, db, b)
	set(t, db, a, "set system host-name a")
	set(t, db, b, "set system domain-name b.example.net", "set system services ftp")
	if v := db.viewOf(b); !v.private || hostOf(v.candidate) != "r0" || v.edited == nil || v.edited.by.user != "bob" {
		t.Errorf("bob sees %+v", v)
	}
	if v := db.view(); v.private || v.edited != nil || hostOf(v.candidate) != "r0" {
		t.Errorf("private edits are in the shared candidate: %+v", v)
	}
	commit(t, db, a, commitOptions{Log: "a"})
	commit(t, db, b, commitOptions{Log: "b"})
	want := parse(t, "system { host-name a; services { ftp; } domain-name b.example.net; }").Set()
	if v := db.view(); v.active.Set() != want || v.candidate != v.active {
		t.Errorf("active\n%swant\n%s", v.active.Set(), want)
	}
	if v := db.viewOf(b); v.edited != nil || v.candidate != v.active {
		t.Errorf("bob still has edits: %+v", v.edited)
	}
	commit(t, db, b, commitOptions{Log: "nothing"})
	if h := db.history(); len(h) != 3 || h[0].Log != "b" || h[1].Log != "a" {
		t.Errorf("history %+v", h)
	}
}

func TestPrivateConflict(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	private(t, db, a)
	private(t, db, b)
	set(t, db, a, "set system host-name apples")
	set(t, db, b, "set system host-name oranges", "set system services ftp")
	commit(t, db, a, commitOptions{})
	_, err := db.commit(b, commitOptions{})
	if f := faultsOf(err); !errors.Is(err, errConflict) || len(f) == 0 || f[0].Path != "[edit system]" {
		t.Fatalf("conflicting commit: %v", err)
	}
	if v := db.view(); hostOf(v.active) != "apples" || v.active.Lookup("system", "services") != nil {
		t.Errorf("a failed commit changed\n%s", v.active.Set())
	}
	// As on a device, who commits again insists.
	commit(t, db, b, commitOptions{})
	if v := db.view(); hostOf(v.active) != "oranges" || v.active.Lookup("system", "services", "ftp") == nil {
		t.Errorf("after the second commit\n%s", v.active.Set())
	}
}

func TestPrivateUpdate(t *testing.T) {
	db := open(t, "")
	a, b, c := db.tester("alice"), db.tester("bob"), db.tester("carol")
	for _, s := range []*session{a, b, c} {
		private(t, db, s)
	}
	set(t, db, a, "set system host-name a")
	set(t, db, b, "set system services ftp")
	commit(t, db, a, commitOptions{})
	if err := db.update(b); err != nil {
		t.Fatal(err)
	}
	if v := db.viewOf(b); v.candidate.Set() != "set system host-name a\nset system services ftp\n" || v.edited == nil {
		t.Errorf("updated\n%s", v.candidate.Set())
	}
	if err := db.update(c); err != nil || hostOf(db.viewOf(c).candidate) != "a" || db.viewOf(c).edited != nil {
		t.Errorf("update without edits: %v", err)
	}
	refused(t, db.update(db.tester("dave")), "", "private configuration only")

	set(t, db, c, "set system host-name c")
	set(t, db, b, "set system host-name b")
	commit(t, db, c, commitOptions{})
	if err := db.update(b); !errors.Is(err, errConflict) || hostOf(db.viewOf(b).candidate) != "b" {
		t.Errorf("update with a conflict: %v", err)
	}
	if err := db.rollback(b, 0); err != nil || hostOf(db.viewOf(b).candidate) != "c" || db.viewOf(b).edited != nil {
		t.Errorf("rollback 0: %v", err)
	}
	if err := db.rollback(b, 2); err != nil {
		t.Fatal(err)
	}
	commit(t, db, b, commitOptions{})
	if h := activeHost(db); h != "r0" {
		t.Errorf("rollback 2 gave %s", h)
	}
}

// Statements that the schema does not know have no commands that surely mean the same again: then nobody's edits are
// forced onto anything.
func TestPrivateUpdateOfUnknownStatements(t *testing.T) {
	db := open(t, "")
	a, b := db.tester("alice"), db.tester("bob")
	private(t, db, a)
	private(t, db, b)
	for s, v := range map[*session]string{a: "1", b: "2"} {
		if _, err := db.load(s, "", []byte("nobody { knows "+v+" { this; and that; } }"), junos.Merge); err != nil {
			t.Fatal(err)
		}
	}
	set(t, db, a, "set system host-name a")
	set(t, db, b, "set system host-name b")
	commit(t, db, a, commitOptions{})
	before := db.viewOf(b).candidate.Set()
	_, err := db.commit(b, commitOptions{})
	if !errors.Is(err, errConflict) {
		t.Fatalf("conflicting commit: %v", err)
	}
	if after := db.viewOf(b).candidate.Set(); strings.Contains(faultsOf(err).text(), "cannot be updated") && after != before {
		t.Errorf("the edits were lost:\n%s", after)
	} else if !strings.Contains(after, "host-name b") || !strings.Contains(after, "knows 2") {
		t.Errorf("updated to\n%s", after)
	}
}

func TestPrivateRefusals(t *testing.T) {
	db := open(t, "")
	a, b, c := db.tester("alice"), db.tester("bob"), db.tester("carol")
	setHost(t, db, b, "dirty")
	_, err := db.openPrivate(a)
	refused(t, err, "", "shared configuration database modified\n  bob")
	if err := db.rollback(b, 0); err != nil {
		t.Fatal(err)
	}
	private(t, db, a)
	_, err = db.openPrivate(a)
	refused(t, err, "", "already open")
	refused(t, db.lock(a), "", "already open")
	refused(t, db.openShared(a), "", "already open")
	refused(t, db.openShared(b), "", "private edits in use. Try 'configure private' or 'configure exclusive'")
	_, err = db.load(b, "", []byte("set system host-name b"), junos.Set)
	refused(t, err, "", "private edits in use")
	if err := db.rollback(b, 0); err != nil {
		t.Errorf("discarding nothing: %v", err)
	}

	set(t, db, a, "set system host-name a")
	var o commitOptions
	db.confirmMinutes(&o, 2)
	refused(t, tryCommit(db, a, o), "", "commit confirmed not supported for private configuration")

	if err := db.lock(b); err != nil {
		t.Fatalf("exclusive beside private: %v", err)
	}
	refused(t, tryCommit(db, a, commitOptions{}), "lock-denied", "locked by:\n  bob")
	refused(t, tryCommit(db, a, commitOptions{Check: true}), "lock-denied", "locked by:\n  bob")
	warnings, err := db.openPrivate(c)
	if err != nil || len(warnings) != 2 || warnings[0].Message != warnExclusive || warnings[1].Message != warnDiscard {
		t.Errorf("private beside exclusive: %v, %v", warnings, err)
	}
	_, err = db.openPrivate(b)
	refused(t, err, "", "already open")
	setHost(t, db, b, "b")
	commit(t, db, b, commitOptions{})
	if err := db.unlock(b); err != nil {
		t.Fatal(err)
	}
	if _, err := db.commit(a, commitOptions{}); !errors.Is(err, errConflict) {
		t.Errorf("commit on top of the exclusive one: %v", err)
	}
	if !db.closePrivate(a) || db.closePrivate(a) {
		t.Error("close twice")
	}
	private(t, db, a)
	set(t, db, a, "set system host-name lost")
	db.leave(a)
	if v := db.viewOf(a); v.private || hostOf(v.candidate) != "b" {
		t.Errorf("edits outlived their session: %+v", v)
	}
	if !db.closePrivate(c) {
		t.Error("carol has no private candidate")
	}
	setHost(t, db, b, "free")
}
