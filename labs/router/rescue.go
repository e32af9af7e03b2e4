package router

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rhapsode/diffs/junos"
)

// The rescue configuration is one that the operator trusts: a copy of the active one, kept until it is replaced or
// deleted, whatever becomes of the history.

// saveRescue makes the active configuration the rescue configuration. With an error the old one is still there.
func (db *database) saveRescue() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.store.writeRescue(db.active.Text()); err != nil {
		return fmt.Errorf("save rescue configuration: %w", err)
	}
	return nil
}

// deleteRescue removes the rescue configuration. None is fine, as on a device.
func (db *database) deleteRescue() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.store.removeRescue(); err != nil {
		return fmt.Errorf("delete rescue configuration: %w", err)
	}
	return nil
}

// rescue is the rescue configuration; it is a fault if there is none.
func (db *database) rescue() (*junos.Tree, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.rescueTree()
}

func (db *database) rescueTree() (*junos.Tree, error) {
	text, err := db.store.readRescue()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, faultf("could not open rescue configuration file: No such file or directory")
	}
	if err != nil {
		return nil, fmt.Errorf("read rescue configuration: %w", err)
	}
	tree, err := junos.Parse("rescue.conf", []byte(text), nil)
	if err != nil {
		return nil, fmt.Errorf("parse rescue configuration: %w", err)
	}
	return tree, nil
}

// rollbackRescue loads the rescue configuration into the session's candidate.
func (db *database) rollbackRescue(s *session) error { return db.replace(s, db.rescueTree) }

func (s *store) rescuePath() string { return filepath.Join(s.dir, "rescue.conf") }

func (s *store) writeRescue(text string) error {
	if s.dir == "" {
		s.rescue = &text
		return nil
	}
	return s.replace(s.rescuePath(), []byte(text), "rescue")
}

func (s *store) readRescue() (string, error) {
	if s.dir == "" {
		if s.rescue == nil {
			return "", fs.ErrNotExist
		}
		return *s.rescue, nil
	}
	data, err := os.ReadFile(s.rescuePath())
	return string(data), err
}

func (s *store) removeRescue() error {
	s.rescue = nil
	if s.dir == "" {
		return nil
	}
	if err := s.risk("rescue remove"); err != nil {
		return err
	}
	if err := os.Remove(s.rescuePath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := errors.Join(s.risk("rescue removed"), syncDir(s.dir)); err != nil {
		s.log.Warn("state directory not synced", "err", err)
	}
	return nil
}
