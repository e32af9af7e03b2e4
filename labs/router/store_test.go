package router

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// errStep is what a step of the store fails with in tests.
var errStep = errors.New("no space left on device")

// commitDying commits with the store stopping at step number at, by panic (as a killed process would) or with an
// error. It tells which step that was, "" when the commit came to its end, and what the commit returned.
func commitDying(db *database, s *session, at int, kill bool) (step string, err error) {
	return dying(db, at, kill, func() error { return tryCommit(db, s, commitOptions{Log: "T1 risky"}) })
}

// dying is commitDying of anything that writes.
func dying(db *database, at int, kill bool, f func() error) (step string, err error) {
	n := 0
	db.store.before = func(name string) error {
		if n++; n-1 != at {
			return nil
		}
		step = name
		if kill {
			panic(errStep)
		}
		return errStep
	}
	defer func() {
		db.store.before = nil
		if p := recover(); p != nil && p != any(errStep) {
			panic(p)
		}
	}()
	err = f()
	return step, err
}

// TestKilledAtEveryStep kills the process, as far as the state directory can tell, before each step of a commit. What
// is there afterwards is the old or the new configuration, with the history that belongs to it.
func TestKilledAtEveryStep(t *testing.T) {
	seen := map[string]string{}
	for at, step := 0, "?"; step != ""; at++ {
		dir := t.TempDir()
		db := open(t, dir)
		a := db.tester("alice")
		setHost(t, db, a, "r1")
		var err error
		if step, err = commitDying(db, a, at, true); err != nil {
			t.Fatal(err)
		}
		if err := db.close(); err != nil {
			t.Fatal(err)
		}
		again := open(t, dir)
		host, log := activeHost(again), again.history()[0].Log
		if old, made := host == "r0" && log == "", host == "r1" && log == "T1 risky"; !old && !made {
			t.Errorf("killed before %q: host %s, newest commit %q", step, host, log)
		}
		checkState(t, again, dir)
		b := again.tester("bob")
		setHost(t, again, b, "r2")
		commit(t, again, b, commitOptions{Log: "T2 after"})
		if activeHost(again) != "r2" {
			t.Errorf("killed before %q: the next commit is not in force", step)
		}
		seen[step] = host
	}
	for _, step := range []string{"revision create", "revision write", "revision rename", "revision sync", "index create", "index write", "index rename"} {
		if seen[step] != "r0" {
			t.Errorf("killed before %q: host %q, want the old one", step, seen[step])
		}
	}
	for _, step := range []string{"index sync", "copy create", "copy write", "copy rename", "copy sync", "sweep"} {
		if seen[step] != "r1" {
			t.Errorf("killed before %q: host %q, want the new one", step, seen[step])
		}
	}
}

// checkState makes sure that the directory holds what the history needs and nothing else.
func checkState(t *testing.T, db *database, dir string) {
	t.Helper()
	for n := range db.history() {
		if _, err := db.at(n); err != nil {
			t.Errorf("configuration %d: %v", n, err)
		}
	}
	if data, err := os.ReadFile(filepath.Join(dir, "junos.conf")); err != nil || string(data) != db.view().active.Text() {
		t.Errorf("copy of the active configuration: %q, %v", data, err)
	}
	var files []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if want := 3 + len(db.history()); len(files) != want {
		t.Errorf("%d files, want %d: %q", len(files), want, files)
	}
}

// TestFailingWrites lets each step of a commit fail. Before the commit log is replaced nothing has changed; after it
// the commit is made.
func TestFailingWrites(t *testing.T) {
	for at := range 30 {
		dir := t.TempDir()
		db := open(t, dir)
		a := db.tester("alice")
		setHost(t, db, a, "r1")
		step, err := commitDying(db, a, at, false)
		want := "r1"
		if err != nil {
			want = "r0"
			if !errors.Is(err, errStep) {
				t.Errorf("%q fails: %v", step, err)
			}
			if db.view().edited == nil {
				t.Errorf("%q fails: the edits are gone", step)
			}
		}
		if h := activeHost(db); h != want {
			t.Errorf("%q fails: host %s, want %s", step, h, want)
		}
		commit(t, db, a, commitOptions{})
		if h := activeHost(db); h != "r1" {
			t.Errorf("%q failed once: the next commit gave %s", step, h)
		}
		if err := db.close(); err != nil {
			t.Fatal(err)
		}
		checkState(t, open(t, dir), dir)
		if step == "" {
			return
		}
	}
	t.Error("a commit has more than thirty steps")
}

func TestUnknownCommitLog(t *testing.T) {
	for content, want := range map[string]string{`{"version": 9}`: "version 9 is unknown", `{`: "decode commit log"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "commits.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openDatabase(dir, nil, time.Minute, engines{names: []string{"re0"}}, nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("commit log %s: %v, want %q", content, err, want)
		}
	}
}

// TestRescueKilled kills the process, as far as the state directory can tell, before each step of saving and of deleting
// the rescue configuration: what is there afterwards is the old or the new one, whole.
func TestRescueKilled(t *testing.T) {
	for name, change := range map[string]func(*database) error{"save": (*database).saveRescue, "delete": (*database).deleteRescue} {
		steps := 0
		for step := "?"; step != ""; steps++ {
			dir := t.TempDir()
			db := open(t, dir)
			if err := db.saveRescue(); err != nil {
				t.Fatal(err)
			}
			a := db.tester("alice")
			setHost(t, db, a, "r1")
			commit(t, db, a, commitOptions{})
			var err error
			step, err = dying(db, steps, true, func() error { return change(db) })
			if err != nil {
				t.Fatal(err)
			}
			if err := db.close(); err != nil {
				t.Fatal(err)
			}
			again := open(t, dir)
			tree, err := again.rescue()
			if name == "save" && (err != nil || hostOf(tree) != "r0" && hostOf(tree) != "r1") {
				t.Errorf("save killed before %q: %v", step, err)
			}
			if err == nil && name == "delete" && hostOf(tree) != "r0" {
				t.Errorf("delete killed before %q left host %s", step, hostOf(tree))
			}
			done := step == "" || step == "rescue sync" || step == "rescue removed"
			if name == "delete" && (err == nil) == done || name == "save" && (hostOf(tree) == "r1") != done {
				t.Errorf("%s killed before %q: %v, %s", name, step, err, hostOf(tree))
			}
		}
		if want := map[string]int{"save": 5, "delete": 3}[name]; steps != want {
			t.Errorf("%s has %d steps, want %d", name, steps, want)
		}
	}
}
