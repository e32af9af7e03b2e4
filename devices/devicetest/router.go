// Package devicetest tests devices: a contract suite that every driver passes, a router in memory that passes it too and
// can be made to fail at any point, and a guard that fails a test when a device is used in a forbidden order.
//
// It is not the lab router: Router has no protocol, no disk and only as much of a commit check as the suite needs.
//
// It may import devices, devices/dial, diffs and diffs/junos; only tests import it.
package devicetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// Config is the configuration that the contract suite expects a router to run at the start.
const Config = `system {
    host-name cr1;
}
policy-options {
    prefix-list LVS-service-ips {
        192.0.2.0/24;
    }
}
`

// Operation names a call of a session, to fail it.
type Operation string

// The operations that can be failed. A commit that ends a window is a Confirm.
const (
	Open    Operation = "open"
	Running Operation = "running"
	History Operation = "history"
	Query   Operation = "query"
	Lock    Operation = "lock"
	Load    Operation = "load"
	Compare Operation = "compare"
	Check   Operation = "check"
	Commit  Operation = "commit"
	Confirm Operation = "confirm"
	Discard Operation = "discard"
)

// Fault is what goes wrong with one call.
type Fault struct {
	// Err is returned. Nil with Lose: a plain ErrSessionLost.
	Err error
	// Done performs the call first: the answer is lost, or is an error in spite of it.
	Done bool
	// Lose ends the session, as a dropped connection does.
	Lose bool
	// Delay passes before the call is performed.
	Delay time.Duration
	// Do runs before the call, with the router unlocked.
	Do func()
}

type entry struct {
	devices.Commit
	tree *junos.Tree
}

type window struct {
	timer  *time.Timer
	revert *junos.Tree
}

// Router is a router in memory. Its confirm window runs on time.AfterFunc, so it is tested under testing/synctest. It is
// safe for concurrent use.
type Router struct {
	// Minute is how long a minute of a confirm window lasts; 0 is a minute.
	Minute time.Duration
	// Warns holds what commit checks and commits warn of, by phase (check, commit).
	Warns map[string]string
	// Access is the way in that sessions tell.
	Access devices.Access
	// NoSecond is what the router says to a commit that is to be synchronized, and refuses; empty: it does it.
	NoSecond string

	mu        sync.Mutex
	name      string
	history   []entry // newest first
	candidate *junos.Tree
	editor    string // who left edits in the shared candidate without a lock
	holder    *session
	window    *window
	answers   map[devices.Op]func(running string) (string, error)
	faults    map[Operation][]*Fault
	calls     []string

	synchronized []bool
}

// NewRouter makes a router that runs config.
func NewRouter(name, config string) (*Router, error) {
	tree, err := junos.Parse(name, []byte(config), nil)
	if err != nil {
		return nil, err
	}
	r := &Router{name: name, candidate: tree, faults: map[Operation][]*Fault{}}
	r.history = []entry{{devices.Commit{User: "root", Client: "other", Time: time.Now()}, tree}}
	r.answers = map[devices.Op]func(string) (string, error){}
	for op, text := range map[devices.Op]string{
		"show bgp summary | display xml":            "<output>BGP is not running</output>",
		"show chassis alarms | display xml":         noAlarms,
		"show system alarms | display xml":          noAlarms,
		"show configuration | display xml":          "<configuration><system><host-name>cr1</host-name></system></configuration>\n",
		"show chassis routing-engine | display xml": "<route-engine-information><route-engine><status>OK</status></route-engine></route-engine-information>",
	} {
		r.Answer(op, func(string) (string, error) { return text, nil })
	}
	return r, nil
}

// Fail makes the next call of the operation that has no fault yet go wrong. Nil lets that call pass.
func (r *Router) Fail(op Operation, f *Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[op] = append(r.faults[op], f)
}

// Calls lists what was called, as `USER OPERATION`, and forgets it.
func (r *Router) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.calls
	r.calls = nil
	return out
}

// Text is what the router runs.
func (r *Router) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history[0].tree.Text()
}

// Locked tells whether somebody holds the lock.
func (r *Router) Locked() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.holder != nil
}

// Pending is the compare of the candidate with what runs.
func (r *Router) Pending() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.compare()
}

// Commits lists the history.
func (r *Router) Commits() []devices.Commit {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.commits()
}

// Keep drops all but the newest n commits from the history, as time does.
func (r *Router) Keep(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = r.history[:min(n, len(r.history))]
}

// Edit leaves uncommitted edits (set lines) in the shared candidate.
func (r *Router) Edit(user, set string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.candidate.Clone()
	if _, err := next.Load("edit", []byte(set), junos.Set); err != nil {
		return err
	}
	r.candidate, r.editor = next, user
	return nil
}

// CommitAs has somebody else change (set lines) and commit, without a lock, with a confirm window if confirm > 0.
func (r *Router) CommitAs(user, set, comment string, confirm time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := r.history[0].tree.Clone()
	if _, err := next.Load("commit", []byte(set), junos.Set); err != nil {
		return err
	}
	r.publish(next, devices.Commit{User: user, Client: "cli", Comment: comment, Confirm: confirm})
	return nil
}

func (r *Router) compare() string { return diffs.Compare(r.history[0].tree, r.candidate).String() }

func (r *Router) commits() []devices.Commit {
	out := make([]devices.Commit, len(r.history))
	for i, e := range r.history {
		out[i] = e.Commit
		out[i].Number = i
		if i > 0 || r.window == nil {
			out[i].Confirm = 0
		}
	}
	return out
}

// publish commits a tree; r.mu is held. Without a window of its own it ends one that is open.
func (r *Router) publish(tree *junos.Tree, c devices.Commit) {
	revert := r.history[0].tree
	if r.window != nil {
		r.window.timer.Stop()
		revert = r.window.revert
		r.window = nil
	}
	c.Time = time.Now()
	r.history = append([]entry{{c, tree}}, r.history...)
	if r.editor == "" {
		r.candidate = tree
	}
	if c.Confirm == 0 {
		return
	}
	minute := r.Minute
	if minute == 0 {
		minute = time.Minute
	}
	w := &window{revert: revert}
	w.timer = time.AfterFunc(minute*time.Duration(c.Confirm/time.Minute), func() { r.rollBack(w) })
	r.window = w
}

func (r *Router) rollBack(w *window) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.window != w {
		return
	}
	r.window = nil
	r.publish(w.revert, devices.Commit{User: "root", Client: "other"})
}

// Open opens a session of a user.
func (r *Router) Open(ctx context.Context, user string) (devices.Device, error) {
	s := &session{r: r, user: user}
	err := s.call(ctx, Open, func() error { return nil })
	if err != nil {
		return nil, &devices.UnreachableError{Device: r.name, Addr: "192.0.2.1:830", Err: err}
	}
	return s, nil
}

// session is one session with the router, and its candidate while it holds the lock.
type session struct {
	r    *Router
	user string
	lost bool
}

var _ devices.Device = (*session)(nil)

// call performs one operation, with the fault that waits for it.
func (s *session) call(ctx context.Context, op Operation, do func() error) error {
	f := s.fault(op)
	if f.Do != nil {
		f.Do()
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			s.drop()
			return fmt.Errorf("%s: %s: %w: %w", s.r.name, op, devices.ErrSessionLost, context.Cause(ctx))
		}
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.lost {
		return fmt.Errorf("%s: %s: %w", s.r.name, op, devices.ErrSessionLost)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %s: %w", s.r.name, op, context.Cause(ctx))
	}
	if f.Err == nil && !f.Lose {
		return do()
	}
	var err error
	if f.Done {
		err = do()
	}
	if f.Lose {
		s.dropLocked()
		err = errors.Join(err, fmt.Errorf("%s: %s: %w", s.r.name, op, devices.ErrSessionLost))
	}
	return errors.Join(f.Err, err)
}

func (s *session) fault(op Operation) Fault {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.r.calls = append(s.r.calls, s.user+" "+string(op))
	list := s.r.faults[op]
	if len(list) == 0 {
		return Fault{}
	}
	s.r.faults[op] = list[1:]
	if list[0] == nil {
		return Fault{}
	}
	return *list[0]
}

func (s *session) drop() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.dropLocked()
}

// dropLocked ends the session: its lock goes, and with it its edits.
func (s *session) dropLocked() {
	s.lost = true
	if s.r.holder == s {
		s.r.holder = nil
		s.r.candidate = s.r.history[0].tree
	}
}

// Access is the way in.
func (s *session) Access() devices.Access { return s.r.Access }

// Name is the router's name.
func (s *session) Name() string { return s.r.name }

// Running is the committed configuration.
func (s *session) Running(ctx context.Context) (text string, err error) {
	err = s.call(ctx, Running, func() error {
		text = s.r.history[0].tree.Text()
		return nil
	})
	return text, err
}

// History is the list of commits.
func (s *session) History(ctx context.Context) (list []devices.Commit, err error) {
	err = s.call(ctx, History, func() error {
		list = s.r.commits()
		return nil
	})
	return list, err
}

var rollbackCommand = regexp.MustCompile(`^show system rollback (\d+)$`)

// Query knows `show system rollback N`, and what Answer has set.
func (s *session) Query(ctx context.Context, op devices.Op) (text string, err error) {
	err = s.call(ctx, Query, func() error {
		if f := s.r.answers[op]; f != nil {
			text, err = f(s.r.history[0].tree.Text())
			if err != nil {
				err = fmt.Errorf("%s: %s: %w", s.r.name, op, err)
			}
			return err
		}
		m := rollbackCommand.FindStringSubmatch(string(op))
		if m == nil {
			return fmt.Errorf("%s: %s: %w", s.r.name, op, &devices.RPCError{Severity: "error", Message: "syntax error, expecting <command>"})
		}
		n, err := strconv.Atoi(m[1])
		if err != nil || n >= len(s.r.history) {
			return fmt.Errorf("%s: %s: %w", s.r.name, op, &devices.RPCError{Severity: "error", Message: "rollback " + m[1] + " does not exist"})
		}
		text = s.r.history[n].tree.Text()
		return nil
	})
	return text, err
}

// Close ends the session.
func (s *session) Close() error {
	s.drop()
	return nil
}

// Lock takes the lock.
func (s *session) Lock(ctx context.Context) (c devices.Candidate, err error) {
	err = s.call(ctx, Lock, func() error {
		switch {
		case s.r.holder != nil:
			return &devices.LockedError{Device: s.r.name, Holder: s.r.holder.user + " netconf exclusive"}
		case s.r.editor != "" && s.r.compare() != "":
			return &devices.DirtyError{Device: s.r.name, Who: s.r.editor, Compare: s.r.compare()}
		}
		s.r.holder = s
		c = &candidate{s: s, held: true}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// candidate is the locked candidate.
type candidate struct {
	s    *session
	held bool
}

var _ devices.Texter = (*candidate)(nil)

// Load edits the candidate.
func (c *candidate) Load(ctx context.Context, change diffs.Change) (warnings []devices.Warning, err error) {
	r := c.s.r
	err = c.s.call(ctx, Load, func() error {
		if change.Rollback != nil {
			if *change.Rollback >= len(r.history) {
				return &devices.CommitError{Device: r.name, Phase: "load", Severity: "error", Message: "rollback does not exist"}
			}
			r.candidate = r.history[*change.Rollback].tree
			return nil
		}
		next := r.candidate.Clone()
		warns, err := next.Load("load", []byte(change.Text), change.Mode)
		if err != nil {
			out := &devices.CommitError{Device: r.name, Phase: "load", Severity: "error", Message: err.Error()}
			if list, ok := errors.AsType[junos.ErrorList](err); ok && len(list) > 0 {
				out.Line = int(list[0].Pos.Line)
			}
			return out
		}
		for _, w := range warns {
			warnings = append(warnings, devices.Warning{Device: r.name, Phase: "load", Message: w.Error()})
		}
		r.candidate = next
		return nil
	})
	return warnings, err
}

// Compare is the engine's compare.
func (c *candidate) Compare(ctx context.Context) (text string, err error) {
	err = c.s.call(ctx, Compare, func() error {
		text = c.s.r.compare()
		return nil
	})
	return text, err
}

// Text is the candidate.
func (c *candidate) Text(ctx context.Context) (text string, err error) {
	err = c.s.call(ctx, Running, func() error {
		text = c.s.r.candidate.Text()
		return nil
	})
	return text, err
}

var importLine = regexp.MustCompile(`(?m)^set (protocols bgp group \S+) import (\S+)$`)

// checkLocked refuses a BGP import policy that is not defined.
func (r *Router) checkLocked(phase string) error {
	set := r.candidate.Set()
	for _, m := range importLine.FindAllStringSubmatch(set, -1) {
		if !strings.Contains(set, "set policy-options policy-statement "+m[2]+" ") {
			return &devices.CommitError{
				Device: r.name, Phase: phase, Severity: "error", Path: "[edit " + m[1] + "]",
				Message: fmt.Sprintf("Policy error: Policy %s referenced but not defined", m[2]),
			}
		}
	}
	return nil
}

// Check looks for undefined policies, and like Junos ends an open window.
func (c *candidate) Check(ctx context.Context) ([]devices.Warning, error) {
	return c.s.r.warning("check"), c.s.call(ctx, Check, func() error {
		if err := c.s.r.checkLocked("check"); err != nil {
			return err
		}
		if w := c.s.r.window; w != nil {
			w.timer.Stop()
			c.s.r.window = nil
		}
		return nil
	})
}

// Commit commits.
func (c *candidate) Commit(ctx context.Context, opts devices.CommitOptions) ([]devices.Warning, error) {
	r := c.s.r
	op := Commit
	r.mu.Lock()
	if r.window != nil && opts.Confirm == 0 {
		op = Confirm
	}
	r.mu.Unlock()
	return r.warning("commit"), c.s.call(ctx, op, func() error {
		if err := devices.CheckConfirm(opts.Confirm); err != nil {
			return err
		}
		if strings.ContainsFunc(opts.Comment, unicode.IsControl) {
			return fmt.Errorf("%s: commit: comment: it has a control character", r.name)
		}
		if err := r.checkLocked("commit"); err != nil {
			return err
		}
		if opts.Synchronize && r.NoSecond != "" {
			return &devices.CommitError{Device: r.name, Phase: "commit", Severity: "error", Message: r.NoSecond}
		}
		r.synchronized = append(r.synchronized, opts.Synchronize)
		r.publish(r.candidate, devices.Commit{User: c.s.user, Client: "netconf", Comment: opts.Comment, Confirm: opts.Confirm})
		return nil
	})
}

// Discard drops the edits and the lock.
func (c *candidate) Discard(ctx context.Context) error {
	if !c.held {
		return nil
	}
	err := c.s.call(ctx, Discard, func() error {
		c.s.r.candidate = c.s.r.history[0].tree
		c.s.r.holder = nil
		return nil
	})
	if err == nil {
		c.held = false
	}
	return err
}
