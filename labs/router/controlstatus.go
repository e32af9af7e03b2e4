package router

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// RouterStatus is a router's configuration database at a glance.
type RouterStatus struct {
	Router string `json:"router"`
	// Holder has the exclusive lock; nil: nobody.
	Holder *SessionStatus `json:"holder,omitempty"`
	// Modified: the shared candidate has uncommitted edits; Editor made the last of them.
	Modified bool           `json:"modified,omitempty"`
	Editor   *SessionStatus `json:"editor,omitempty"`
	// Window is the open confirm window.
	Window *WindowStatus `json:"window,omitempty"`
	// History is how many commits are kept; Revision counts all that there were.
	History  int `json:"history"`
	Revision int `json:"revision"`
	// LastLog is the comment of the newest commit, LastUser who made it.
	LastLog  string `json:"last_log,omitempty"`
	LastUser string `json:"last_user"`
	// Fingerprint is that of the active configuration, `sha256:…` over its set lines.
	Fingerprint string `json:"fingerprint"`
	// Sessions is how many there are.
	Sessions int `json:"sessions"`
	// Engines are the routing engines that answer, or the members of a virtual chassis.
	Engines []string `json:"engines"`
}

// WindowStatus is an open confirm window.
type WindowStatus struct {
	Deadline time.Time `json:"deadline"`
	Minutes  int       `json:"minutes"`
}

// SessionStatus is who is logged in, and what they hold.
type SessionStatus struct {
	Router string    `json:"router"`
	ID     int       `json:"id"`
	User   string    `json:"user"`
	Client string    `json:"client"`
	TTY    string    `json:"tty,omitempty"`
	Since  time.Time `json:"since"`
	// Mode is exclusive, private, or empty for shared.
	Mode string `json:"mode,omitempty"`
}

func (c *Control) status(targets []*Router, _ ControlRequest, a *ControlAnswer) error {
	for _, r := range targets {
		a.Routers = append(a.Routers, r.status())
	}
	return nil
}

func (r *Router) status() RouterStatus {
	name, v := r.opts.Hostname, r.db.view()
	out := RouterStatus{
		Router: name, Modified: v.edited != nil, History: len(r.db.history()), Revision: v.commit.Revision,
		LastLog: v.commit.Log, LastUser: v.commit.User, Fingerprint: v.active.Fingerprint(),
		Sessions: len(v.users), Engines: r.Engines(),
	}
	if v.holder != nil {
		s := sessionStatus(name, *v.holder, "exclusive")
		out.Holder = &s
	}
	if v.edited != nil {
		s := sessionStatus(name, v.edited.by, "")
		out.Editor = &s
	}
	if v.window != nil {
		out.Window = &WindowStatus{Deadline: v.window.Deadline, Minutes: v.window.Minutes}
	}
	return out
}

func sessionStatus(name string, s session, mode string) SessionStatus {
	return SessionStatus{Router: name, ID: s.id, User: s.user, Client: s.client, TTY: s.tty, Since: s.since.UTC(), Mode: mode}
}

func (c *Control) sessions(targets []*Router, _ ControlRequest, a *ControlAnswer) error {
	for _, r := range targets {
		v := r.db.view()
		for _, u := range v.users {
			mode := ""
			switch {
			case v.holder != nil && v.holder.id == u.id:
				mode = "exclusive"
			case u.private != nil:
				mode = "private"
			}
			a.Sessions = append(a.Sessions, sessionStatus(r.opts.Hostname, u, mode))
		}
	}
	return nil
}

// restart restarts its routers side by side and returns when all are back.
func (c *Control) restart(targets []*Router, q ControlRequest, _ *ControlAnswer) error {
	failed := make([]error, len(targets))
	var wg sync.WaitGroup
	for i, r := range targets {
		wg.Go(func() { failed[i] = r.Restart(time.Duration(q.Down)) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// drop cuts one session, or all connections.
func (c *Control) drop(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	for _, r := range targets {
		if q.Session == 0 {
			a.Count += r.conns.closeConnections()
			continue
		}
		r.db.mu.Lock()
		s := r.db.sessions[q.Session]
		r.db.mu.Unlock()
		if s != nil {
			s.kill()
			a.Count++
		}
	}
	if q.Session != 0 && a.Count == 0 {
		return fmt.Errorf("no session %d", q.Session)
	}
	return nil
}

func (c *Control) kill(targets []*Router, _ ControlRequest, _ *ControlAnswer) error {
	targets[0].faults.kill() // the whole process, whichever router was named
	return nil
}

func (c *Control) newHostKey(targets []*Router, _ ControlRequest, _ *ControlAnswer) error {
	for _, r := range targets {
		if err := r.NewHostKey(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Control) backup(targets []*Router, q ControlRequest, _ *ControlAnswer) error {
	for _, r := range targets {
		if err := r.SetBackupPresent(!q.Absent); err != nil {
			return err
		}
	}
	return nil
}

// state feeds the routers, or shows what they were fed.
func (c *Control) state(targets []*Router, q ControlRequest, a *ControlAnswer) error {
	a.State = map[string]Operational{}
	for _, r := range targets {
		feed, is := r.state.(*Feed)
		if !is {
			return fmt.Errorf("%s has a state of its own and can't be fed", r.opts.Hostname)
		}
		if q.State == nil && !q.Replace {
			a.State[r.opts.Hostname] = feed.Fed()
			continue
		}
		var s Operational
		if q.State != nil {
			s = *q.State
		}
		if err := feed.Load(s, q.Replace); err != nil {
			return err
		}
	}
	return nil
}
