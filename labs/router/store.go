package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxCommits is how many configurations a router keeps: the active one and rollback 1 to 49.
const maxCommits = 50

// indexVersion is the version of the commit log's form on disk.
const indexVersion = 1

// commitRecord is one entry of the commit history.
type commitRecord struct {
	Revision int       `json:"revision"` // names the text: revisions/REVISION.conf
	User     string    `json:"user"`
	Client   string    `json:"client"` // cli, netconf, other
	Time     time.Time `json:"time"`
	Log      string    `json:"log,omitempty"`
	Minutes  int       `json:"confirm_minutes,omitempty"` // > 0: it was a confirmed commit
}

// identifier is the part of a configuration revision identifier, such as re0-1365168149-1, behind the engine's name.
func (c commitRecord) identifier() string { return fmt.Sprintf("%d-%d", c.Time.Unix(), c.Revision) }

// window is an open confirm window: without a confirmation the router goes back to Revert at Deadline.
type window struct {
	Deadline time.Time `json:"deadline"`
	Minutes  int       `json:"minutes"`
	Revert   int       `json:"revert"` // a revision
}

// commitIndex is the commit log as it lies on disk. Replacing it is the one step that makes a commit: what it names is
// written before, what it no longer names is removed after.
type commitIndex struct {
	Version int            `json:"version"`
	Next    int            `json:"next_revision"`
	Commits []commitRecord `json:"commits"` // newest first
	Window  *window        `json:"confirm_window,omitempty"`
	Backup  int            `json:"backup_revision,omitempty"` // what the other routing engine has; 0: the newest
}

// clone returns a copy that can be changed without touching x.
func (x commitIndex) clone() commitIndex {
	x.Commits = slices.Clone(x.Commits)
	return x
}

// revisions says which texts the index needs.
func (x commitIndex) revisions() map[int]bool {
	need := make(map[int]bool, len(x.Commits)+1)
	for _, c := range x.Commits {
		need[c.Revision] = true
	}
	if x.Window != nil {
		need[x.Window.Revert] = true
	}
	if x.Backup != 0 {
		need[x.Backup] = true
	}
	return need
}

// store keeps the commit log and the texts of a router: in a directory, or in memory when it has none. Below the
// directory:
//
//	commits.json          the commit log; its rename is the moment of a commit
//	revisions/N.conf      one committed text each, never changed once it is there
//	junos.conf            a copy of the active text for people to look at, repaired at start
//	rescue.conf           the rescue configuration, if one was saved
//	ssh_host_ed25519_key  the host key (see hostKey)
//	lock                  held while a process uses the directory
//
// A process may die between any two system calls; open then finds the old or the new state, nothing in between.
type store struct {
	dir  string
	log  *slog.Logger
	held *os.File       // the locked file `lock`
	mem  map[int]string // texts, when dir is empty

	rescue *string // the same for the rescue configuration; nil: none

	// before is called before each risky step: a test dies there by panic, an injected fault makes the step fail.
	before func(step string) error
}

// openStore opens or creates the state directory and takes its lock. An empty dir is a store in memory.
func openStore(dir string, log *slog.Logger) (*store, commitIndex, error) {
	idx := commitIndex{Version: indexVersion, Next: 1}
	s := &store{dir: dir, log: log, mem: map[int]string{}}
	if dir == "" {
		return s, idx, nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "revisions"), 0o700); err != nil {
		return nil, idx, fmt.Errorf("create state directory: %w", err)
	}
	held, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, idx, fmt.Errorf("open lock of state directory: %w", err)
	}
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, idx, errors.Join(fmt.Errorf("lock state directory %s (does another router run on it?): %w", dir, err), held.Close())
	}
	s.held = held
	if idx, err = s.readIndex(); err != nil {
		return nil, idx, errors.Join(err, s.close())
	}
	s.sweep(idx)
	return s, idx, nil
}

// readIndex reads the commit log; none yet is an empty one.
func (s *store) readIndex() (commitIndex, error) {
	idx := commitIndex{Version: indexVersion, Next: 1}
	path := filepath.Join(s.dir, "commits.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return idx, nil
	}
	if err != nil {
		return idx, fmt.Errorf("read commit log: %w", err)
	}
	if err := json.Unmarshal(data, &idx); err != nil {
		return idx, fmt.Errorf("decode commit log %s: %w", path, err)
	}
	if idx.Version != indexVersion {
		return idx, fmt.Errorf("decode commit log %s: version %d is unknown (this router knows %d)", path, idx.Version, indexVersion)
	}
	return idx, nil
}

// read returns the text of a revision.
func (s *store) read(revision int) (string, error) {
	if s.dir == "" {
		text, ok := s.mem[revision]
		if !ok {
			return "", fmt.Errorf("read revision %d: %w", revision, fs.ErrNotExist)
		}
		return text, nil
	}
	data, err := os.ReadFile(s.revisionPath(revision))
	if err != nil {
		return "", fmt.Errorf("read revision %d: %w", revision, err)
	}
	return string(data), nil
}

func (s *store) revisionPath(revision int) string {
	return filepath.Join(s.dir, "revisions", strconv.Itoa(revision)+".conf")
}

// save makes idx the commit log. A non-nil text is the configuration of idx.Commits[0], whose revision must be new.
// An error means that the old state is still in force; what goes wrong after the commit log was replaced is logged.
func (s *store) save(idx commitIndex, text *string) error {
	if s.dir == "" {
		if err := s.risk("memory write"); err != nil {
			return err
		}
		if text != nil {
			s.mem[idx.Commits[0].Revision] = *text
		}
		need := idx.revisions()
		maps.DeleteFunc(s.mem, func(rev int, _ string) bool { return !need[rev] })
		return nil
	}
	if text != nil {
		if err := s.replace(s.revisionPath(idx.Commits[0].Revision), []byte(*text), "revision"); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
	}
	data, err := json.MarshalIndent(idx, "", "  ")
	if err != nil {
		return fmt.Errorf("encode commit log: %w", err)
	}
	if err := s.replace(filepath.Join(s.dir, "commits.json"), append(data, '\n'), "index"); err != nil {
		return fmt.Errorf("write commit log: %w", err)
	}
	if text != nil {
		if err := s.replace(s.copyPath(), []byte(*text), "copy"); err != nil {
			s.log.Warn("copy of the active configuration not written", "err", err)
		}
	}
	s.sweep(idx)
	return nil
}

// replace publishes data at path: written and synced beside it, renamed over it, the directory synced. An error means
// that path is as it was; the last sync failing is only logged, since the new content is there by then.
func (s *store) replace(path string, data []byte, what string) error {
	if err := s.risk(what + " create"); err != nil {
		return err
	}
	tmp, err := s.writeTemp(filepath.Dir(path), data, what)
	if err != nil {
		return err
	}
	if err := s.risk(what + " rename"); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("publish file: %w", err), os.Remove(tmp))
	}
	if err := errors.Join(s.risk(what+" sync"), syncDir(filepath.Dir(path))); err != nil {
		s.log.Warn("state directory not synced", "err", err)
	}
	return nil
}

// writeTemp writes data to a new file in dir, synced and closed, and returns its path. It leaves nothing on an error.
func (s *store) writeTemp(dir string, data []byte, what string) (string, error) {
	tmp, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	err = s.risk(what + " write")
	if err == nil {
		_, err = tmp.Write(data)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write temporary file: %w", err), os.Remove(tmp.Name()))
	}
	return tmp.Name(), nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *store) copyPath() string { return filepath.Join(s.dir, "junos.conf") }

// sweep removes what no commit needs: texts that fell out of the history, temporary files of a process that died.
// It never fails a commit: what stays is removed next time.
func (s *store) sweep(idx commitIndex) {
	if err := s.risk("sweep"); err != nil {
		s.log.Warn("state directory not swept", "err", err)
		return
	}
	need := idx.revisions()
	for _, dir := range []string{s.dir, filepath.Join(s.dir, "revisions")} {
		files, err := os.ReadDir(dir)
		if err != nil {
			s.log.Warn("state directory not swept", "err", err)
			continue
		}
		for _, f := range files {
			name := f.Name()
			rev, err := strconv.Atoi(strings.TrimSuffix(name, ".conf"))
			stale := err == nil && dir != s.dir && !need[rev]
			if !stale && !strings.HasPrefix(name, ".new-") {
				continue
			}
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				s.log.Warn("state file not removed", "err", err)
			}
		}
	}
}

func (s *store) risk(step string) error {
	if s.before == nil {
		return nil
	}
	return s.before(step)
}

// close gives the directory back.
func (s *store) close() error {
	if s.held == nil {
		return nil
	}
	err := s.held.Close()
	s.held = nil
	if err != nil {
		return fmt.Errorf("unlock state directory: %w", err)
	}
	return nil
}
