package router

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"
)

// editors is who is in configuration mode, and where: what `status` shows, and `configure` to who comes later.
type editors struct {
	mu sync.Mutex
	at map[int]string // the banner of the place, by session
}

// move notes where a session is.
func (e *editors) move(id int, place string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at == nil {
		e.at = map[int]string{}
	}
	e.at[id] = place
}

// leave notes that a session is in configuration mode no more.
func (e *editors) leave(id int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.at, id)
}

func (e *editors) places() map[int]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.at)
}

// listEditors shows who edits the configuration, but for one session; nothing when that is nobody. NETCONF sessions are
// among them while they have the lock or a private candidate.
func (sh *shell) listEditors(except int) string {
	v := sh.view()
	places := sh.r.editors.places()
	var b strings.Builder
	for _, u := range v.users {
		place, editing := places[u.id]
		switch {
		case v.holder != nil && v.holder.id == u.id:
			place, editing = strings.TrimSpace("exclusive "+place), true
		case u.private != nil:
			place, editing = strings.TrimSpace("private "+place), true
		}
		if !editing || u.id == except {
			continue
		}
		terminal := ""
		if u.tty != "" {
			terminal = " terminal " + u.tty
		}
		fmt.Fprintf(&b, "  %s%s (pid %d) on since %s%s\n      %s\n", u.user, terminal, u.id, u.since.UTC().Format(stamp), idleFor(u.active), place)
	}
	if b.Len() == 0 {
		return ""
	}
	return "Users currently editing the configuration:\n" + b.String()
}

// idleFor says how long a session has been silent; nothing for less than a minute.
func idleFor(active time.Time) string {
	idle := time.Since(active)
	if idle < time.Minute {
		return ""
	}
	return fmt.Sprintf(", idle %02d:%02d:%02d", int(idle.Hours()), int(idle.Minutes())%60, int(idle.Seconds())%60)
}
