package router

import (
	"fmt"
	"time"
)

// session is one user's connection to the database: a NETCONF session or a CLI.
type session struct {
	id     int // sent as <session-id>; on a device it is the process id of the server
	user   string
	client string // cli or netconf
	tty    string // of a CLI: p0, p1 …
	since  time.Time
	active time.Time // the last request
	kill   func()    // ends the connection from outside

	private *draft // its own candidate, nil: it edits the shared one. Guarded by the database
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

// leave ends a session. Its exclusive lock goes, and with the lock its uncommitted edits, and its private candidate;
// edits that a session made in the shared candidate without the lock stay there, as on a device.
func (db *database) leave(s *session) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.sessions, s.id)
	s.private = nil
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
