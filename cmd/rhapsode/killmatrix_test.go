package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
)

// The rows of the matrix: where a commit is struck. A row with a fault is struck while the router has the request and has
// not executed it (phase request), or has and has not answered (phase reply); any other between two steps of the command.
type killRow struct {
	name  string
	step  devices.Step
	after bool
	fault map[string]any
	// new: the router has the change for good at this point; window: it has, if it is confirmed.
	new, window bool
}

// killRows are the rows; name and value say what a commit is on the wire, to hold it up there.
func killRows(name, value string) []killRow {
	request := func(phase string, with, without []string) map[string]any {
		return map[string]any{name: value, "phase": phase, "with": with, "without": without}
	}
	confirmed, plain := []string{"confirmed"}, []string{"confirmed", "check"}
	return []killRow{
		{name: "dialled", step: devices.StepHistory},
		{name: "locked", step: devices.StepLock, after: true},
		{name: "loaded", step: devices.StepLoad, after: true},
		{name: "compared", step: devices.StepCompare, after: true},
		{name: "checked", step: devices.StepCheck, after: true},
		{name: "commit sent", fault: request("request", confirmed, nil)},
		{name: "commit done", fault: request("reply", confirmed, nil), window: true},
		{name: "commit answered", step: devices.StepCommit, after: true, window: true},
		{name: "checked after", step: devices.StepChecks, after: true, window: true},
		{name: "confirm sent", fault: request("request", nil, plain), window: true},
		{name: "confirm done", fault: request("reply", nil, plain), new: true},
		{name: "confirm answered", step: devices.StepConfirm, after: true, new: true},
		{name: "unlocked", step: devices.StepOutcome, new: true},
	}
}

// The columns: what happens there.
const (
	strikeKill    = "SIGKILL of the tool"
	strikeCut     = "TCP cut"
	strikeRestart = "router restarted"
)

const (
	killDevice = "cr1.ams.example.net"
	// killMinute is a minute of the router's confirm window: long enough for a loaded machine to go on within three of them.
	killMinute = 2500 * time.Millisecond
	killWidth  = 6
)

// killMatrix is what all cells share.
type killMatrix struct {
	labrouter, inventory string
	config               string // FILE that the routers run at the start
	before, after        string // fingerprints
}

// TestKillMatrix strikes a commit at every step in every way. Whatever happens, the router ends with the old configuration
// or the new one; the command, or the next one, says which; nothing is left locked, nobody else's edits are lost, no
// window stays open, and the next commit brings the change.
func TestKillMatrix(t *testing.T) {
	strikeAll(t, newKillMatrix(t, ""), killRows("operation", "commit-configuration"), strikeKill, strikeCut, strikeRestart)
}

// TestKillMatrixCLI is the same over the routers' command line. What a restart does to
// the router's database is no question of the transport.
func TestKillMatrixCLI(t *testing.T) {
	strikeAll(t, newKillMatrix(t, "transport: cli\n"), killRows("command", "commit"), strikeKill, strikeCut)
}

func strikeAll(t *testing.T, m *killMatrix, rows []killRow, strikes ...string) {
	type result struct {
		cell *killCell
		done chan struct{}
	}
	var results []result
	width := make(chan struct{}, killWidth)
	root := t.TempDir()
	for _, strike := range strikes {
		for _, row := range rows {
			c := &killCell{m: m, row: row, strike: strike, dir: filepath.Join(root, fmt.Sprint(len(results)))}
			r := result{c, make(chan struct{})}
			results = append(results, r)
			go func() {
				defer close(r.done)
				width <- struct{}{}
				defer func() { <-width }()
				c.run()
			}()
		}
	}
	for _, r := range results {
		t.Run(r.cell.strike+"/"+r.cell.row.name, func(t *testing.T) {
			<-r.done
			for _, p := range r.cell.problems {
				t.Error(p)
			}
		})
	}
	var table strings.Builder
	for _, r := range results {
		fmt.Fprintf(&table, "%-20s %-17s %-14s %-36s %s\n", r.cell.strike, r.cell.row.name, r.cell.ended, r.cell.told, r.cell.took.Round(100*time.Millisecond))
	}
	t.Logf("\n%-20s %-17s %-14s %-36s %s\n%s", "STRUCK BY", "AT", "ROUTER HAS", "TOLD", "TOOK", table.String())
}

// newKillMatrix prepares the inventory, with more at the end of common.yaml.
func newKillMatrix(t *testing.T, more string) *killMatrix {
	t.Helper()
	dir := t.TempDir()
	m := &killMatrix{labrouter: filepath.Join(dir, "labrouter"), inventory: filepath.Join(dir, "net"), config: filepath.Join(dir, "old.conf")}
	if out, err := exec.Command("go", "build", "-o", m.labrouter, "rhapsode/cmd/labrouter").CombinedOutput(); err != nil {
		t.Fatalf("build labrouter: %v\n%s", err, out)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.CopyFS(m.inventory, os.DirFS(filepath.Join("..", "..", "inventory", "example"))))
	generate := func() (text, fingerprint string) {
		k, err := m.run(dir, "", "generate", killDevice)
		must(err)
		must(k.wait(time.Minute))
		if k.code() != 0 {
			t.Fatalf("generate: %s", k.said())
		}
		data, err := os.ReadFile(filepath.Join(dir, "output", killDevice+".conf"))
		must(err)
		fingerprint, err = fingerprintOf(string(data))
		must(err)
		return string(data), fingerprint
	}
	var text string
	text, m.before = generate()
	must(os.WriteFile(m.config, []byte(text), 0o600))
	common := filepath.Join(m.inventory, "common.yaml")
	data, err := os.ReadFile(common)
	must(err)
	changed := strings.Replace(string(data), "hold_time: 30s", "hold_time: 45s", 1) + more
	must(os.WriteFile(common, []byte(changed), 0o600))
	if _, m.after = generate(); m.after == m.before {
		t.Fatal("the change changes nothing")
	}
	return m
}

// killCell is one cell: one router, one struck commit, and what came of it.
type killCell struct {
	m      *killMatrix
	row    killRow
	strike string
	args   []string // more flags of the router
	dir    string

	router *killRouter
	proxy  *proxy
	way    *dialing
	bob    *colleague // has private edits open all the time

	problems    []string
	ended, told string
	took        time.Duration
}

func (c *killCell) errorf(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *killCell) run() {
	start := time.Now()
	defer func() { c.took = time.Since(start) }()
	if err := c.setUp(); err != nil {
		c.errorf("set up: %v", err)
		return
	}
	defer c.router.kill()
	defer c.bob.close()
	struck, err := c.struck()
	if err != nil {
		c.errorf("%v", err)
		return
	}
	early := ""
	if c.strike == strikeKill && c.row.window {
		early = c.inWindow()
	}
	history, has := c.settled()
	if has == "" {
		return
	}
	c.ended = has
	c.judge(struck, history, has, early)
}

// inWindow commits while the window of the killed run is open. That must be refused, and leave the window alone: a commit,
// and a commit check as well, would confirm what nobody has looked at.
func (c *killCell) inWindow() string {
	k, err := c.m.run(c.dir, "", "commit", killDevice, "-m", "T102 early", "--yes", "--json", "--confirm", "3m")
	if err == nil {
		err = k.wait(time.Minute)
	}
	if err != nil {
		c.errorf("early: %v", err)
		return ""
	}
	if k.code() == 0 || !strings.Contains(k.said(), "unconfirmed commit open") {
		c.errorf("a commit in the window of a killed run ends with %d:\n%s", k.code(), k.said())
	}
	return k.said()
}

// setUp starts the router and the proxy, and has a colleague begin private edits.
func (c *killCell) setUp() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	port, err := killPort()
	if err != nil {
		return err
	}
	c.router = &killRouter{at: port, control: filepath.Join(c.dir, "ctl")}
	c.router.argv = []string{
		c.m.labrouter, "serve", "--hostname", killDevice, "--listen", port, "--user", "lab", "--config", c.m.config,
		"--state", filepath.Join(c.dir, "router"), "--control", c.router.control, "--confirm-unit", killMinute.String(),
	}
	c.router.argv = append(c.router.argv, c.args...)
	if err := c.router.start(); err != nil {
		return err
	}
	if c.proxy, err = newProxy(port); err != nil {
		return err
	}
	host := func(name, at string) error {
		addr, port, _ := strings.Cut(at, ":")
		return os.WriteFile(filepath.Join(c.dir, name), fmt.Appendf(nil,
			"Host *\n  HostName %s\n  Port %s\n  User lab\n  UserKnownHostsFile %s\n  StrictHostKeyChecking accept-new\n",
			addr, port, filepath.Join(c.dir, name+".known")), 0o600)
	}
	if err := errors.Join(host("ssh_config", c.proxy.ln.Addr().String()), host("direct", port)); err != nil {
		return err
	}
	dialer, err := dial.New(dial.Config{
		ConfigFile: filepath.Join(c.dir, "direct"), Home: c.dir, User: "lab",
		Password: func(string, string) (string, error) { return "secret", nil },
	})
	if err != nil {
		return err
	}
	c.way = &dialing{dialer, dial.Target{Device: killDevice, Host: killDevice}}
	if c.strike == strikeRestart {
		return nil // a session dies with its router, and private edits with it
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if c.bob, err = newColleague(ctx, c.way); err != nil {
		return err
	}
	if _, err := c.bob.rpc("<open-configuration><private/></open-configuration>"); err != nil {
		return err
	}
	return c.bob.set("set snmp location bobs-desk")
}

func killPort() (string, error) {
	ln, err := newProxy("") // any free port, below those of the kernel's own choice it is not
	if err != nil {
		return "", err
	}
	defer ln.ln.Close() //nolint:errcheck // it was held for a moment
	return ln.ln.Addr().String(), nil
}

// struck runs a commit and strikes it.
func (c *killCell) struck() (*killTool, error) {
	at := ""
	if c.row.fault == nil {
		at = fmt.Sprintf("%s %t", c.row.step, c.row.after)
	}
	socket := filepath.Join(c.dir, "steps")
	s, err := newSteps(socket, at)
	if err != nil {
		return nil, err
	}
	defer s.ln.Close() //nolint:errcheck // nobody asks any more
	id := 0
	if c.row.fault != nil {
		if id, err = c.router.hold(c.row.fault); err != nil {
			return nil, fmt.Errorf("arm fault: %w", err)
		}
	}
	k, err := c.m.run(c.dir, socket, "commit", killDevice, "-m", "T100 struck", "--yes", "--json", "--no-wait", "--confirm", "3m")
	if err != nil {
		return nil, err
	}
	reached := s.reached
	if id != 0 {
		reached = make(chan struct{})
		go func() {
			if _, err := c.router.ask(map[string]any{"do": "wait", "id": id, "timeout": "60s"}); err == nil {
				close(reached)
			}
		}()
	}
	select {
	case <-reached:
	case <-k.done:
		return k, fmt.Errorf("the commit ended before it was struck:\n%s", k.said())
	case <-time.After(time.Minute):
		k.cmd.Process.Kill() //nolint:errcheck // it hangs
		return k, errors.New("the commit did not get as far as this")
	}
	switch c.strike {
	case strikeKill:
		err = k.cmd.Process.Kill()
	case strikeCut:
		c.proxy.cut()
	case strikeRestart:
		err = c.router.restart()
	}
	close(s.resume)
	if id != 0 && c.strike != strikeRestart {
		err = errors.Join(err, c.router.release(id))
	}
	return k, errors.Join(err, k.wait(90*time.Second))
}

// settled waits until no window is open and says what the router has: old or new. The lock must be free, and the
// candidate clean.
func (c *killCell) settled() (history []devices.Commit, has string) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dev, err := c.way.open(ctx)
	if err != nil {
		c.errorf("the router cannot be asked: %v", err)
		return nil, ""
	}
	defer dev.Close() //nolint:errcheck // all has been read
	end := time.Now().Add(3*killMinute + 15*time.Second)
	for {
		if history, err = dev.History(ctx); err != nil {
			c.errorf("history: %v", err)
			return nil, ""
		}
		if history[0].Confirm == 0 {
			break
		}
		if time.Now().After(end) {
			c.errorf("a confirm window stays open: %+v", history[0])
			return history, ""
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, err := dev.Running(ctx)
	if err != nil {
		c.errorf("running: %v", err)
		return history, ""
	}
	switch got, err := fingerprintOf(text); {
	case err != nil:
		c.errorf("running: %v", err)
	case got == c.m.before:
		has = "old"
	case got == c.m.after:
		has = "new"
	default:
		c.errorf("the router runs neither the old configuration nor the new one:\n%s", text)
	}
	lock, err := dev.Lock(ctx)
	if err != nil {
		c.errorf("the lock is not free: %v", err)
		return history, has
	}
	if err := lock.Discard(ctx); err != nil {
		c.errorf("discard: %v", err)
	}
	return history, has
}

// judge holds what the command said, and what later ones say, against what the router has.
func (c *killCell) judge(struck *killTool, history []devices.Commit, has, early string) {
	result := ""
	if c.strike == strikeKill {
		if code := struck.code(); code != -1 {
			c.errorf("the tool was to be killed and ended with %d", code)
		}
		c.want(has, map[bool]string{true: "new", false: "old"}[c.row.new])
	} else {
		result = c.outcome(struck, has)
	}
	count := 0
	for _, h := range history {
		if strings.Contains(h.Comment, "T100 struck") {
			count++
		}
	}
	if count > 2 {
		c.errorf("the history has %d commits of one run: %+v", count, history)
	}
	said := c.again(has)
	if early != "" && !strings.Contains(early, "the device's history says: NOT confirmed, rolls back at") {
		c.errorf("a run in the window of a killed one does not say that it is open:\n%s", early)
	}
	if c.strike == strikeKill {
		c.told = c.next(said, has)
	} else {
		c.told = result
	}
	c.log()
	c.bobKeeps()
}

func (c *killCell) want(has, want string) {
	if has != want {
		c.errorf("the router has the %s configuration, want the %s one", has, want)
	}
}

// outcome reads what a command that survived says, and demands that it is so.
func (c *killCell) outcome(k *killTool, has string) string {
	var o struct {
		Result, Error string
		Notes         []string
	}
	for line := range strings.Lines(k.out.String()) {
		var v struct{ Result string }
		if json.Unmarshal([]byte(line), &v) == nil && v.Result != "" {
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				c.errorf("outcome %s: %v", line, err)
			}
		}
	}
	truth := map[string]string{"committed": "new", "not-committed": "old", "rolling-back": "old", "rolled-back": "old"}[o.Result]
	if truth != has {
		c.errorf("the router has the %s configuration, and the tool says %q (code %d):\n%s", has, o.Result, k.code(), k.said())
	}
	if fine := k.code() == 0; fine != (o.Result == "committed") {
		c.errorf("%s, and the exit code is %d", o.Result, k.code())
	}
	switch { // a session that breaks costs nothing before the lock and after the commit, and the run in between
	case c.row.new, c.row.window, c.row.step == devices.StepHistory:
		c.want(has, "new")
	default:
		c.want(has, "old")
	}
	return o.Result
}

// next reads what the next command says of one that was killed.
func (c *killCell) next(said, has string) string {
	const says = "the device's history says: "
	_, text, ok := strings.Cut(said, says)
	if !ok {
		c.errorf("the next run does not say how the killed one ended:\n%s", said)
		return ""
	}
	text, _, _ = strings.Cut(text, "\n")
	text = strings.Trim(text, `"`)
	truth := "old"
	if strings.HasPrefix(text, "committed and confirmed") {
		truth = "new"
	} else if !strings.HasPrefix(text, "not committed") && !strings.HasPrefix(text, "rolled back") {
		truth = "?"
	}
	if truth != has {
		c.errorf("the router has the %s configuration, and the next run says %q", has, text)
	}
	word, _, _ := strings.Cut(text, ",")
	return "next run: " + word
}

// again commits once more. After a kill somebody's edits in the shared candidate come first: they are left alone.
func (c *killCell) again(has string) (said string) {
	commit := func() *killTool {
		k, err := c.m.run(c.dir, "", "commit", killDevice, "-m", "T101 again", "--yes", "--json", "--confirm", "3m")
		if err == nil {
			err = k.wait(90 * time.Second)
		}
		if err != nil {
			c.errorf("again: %v", err)
			return nil
		}
		said += k.said()
		return k
	}
	if c.strike == strikeKill {
		c.bobKeeps() // a device has no shared edits while there are private ones
		c.bob.close()
		c.bob = nil
		c.others(commit)
	}
	k := commit()
	if k == nil {
		return said
	}
	if k.code() != 0 || has == "new" && !strings.Contains(k.said(), "nothing to change") {
		c.errorf("the next commit ends with %d on a router that has the %s configuration:\n%s", k.code(), has, k.said())
	}
	if _, now := c.settled(); now != "new" {
		c.errorf("after the next commit the router has the %s configuration", now)
	}
	return said
}

// others has somebody edit the shared candidate while a commit comes along.
func (c *killCell) others(commit func() *killTool) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	carol, err := newColleague(ctx, c.way)
	if err != nil {
		c.errorf("carol: %v", err)
		return
	}
	defer carol.close()
	err = carol.set("set snmp contact carol")
	for err != nil && strings.Contains(err.Error(), "private edits in use") && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond) // the router has yet to notice that bob has left
		err = carol.set("set snmp contact carol")
	}
	if err != nil {
		c.errorf("carol: %v", err)
		return
	}
	if k := commit(); k == nil || k.code() == 0 || !strings.Contains(k.said(), "uncommitted edits") || !strings.Contains(k.said(), "contact carol") {
		c.errorf("a commit over somebody's edits did not refuse and show them")
		if k != nil {
			c.errorf("it ended with %d:\n%s", k.code(), k.said())
		}
	}
	if text, err := carol.pending(); err != nil || !strings.Contains(text, "carol") {
		c.errorf("somebody's edits in the shared candidate are gone: %s (%v)", text, err)
	}
	if _, err := carol.rpc(`<load-configuration rollback="0"/>`); err != nil {
		c.errorf("carol: %v", err)
	}
}

// log demands that every run of this cell has an end in the audit log.
func (c *killCell) log() {
	entries, err := devices.ReadAudit(filepath.Join(c.dir, "state", "rhapsode"))
	if err != nil {
		c.errorf("audit log: %v", err)
	}
	left, err := devices.ReadUnfinished(filepath.Join(c.dir, "state", "rhapsode"))
	if err != nil || len(left) > 0 {
		c.errorf("runs without an end: %v (%v)", left, err)
	}
	found := false
	for _, e := range entries {
		found = found || e.Message == "T100 struck"
	}
	if !found {
		c.errorf("the audit log does not have the run: %+v", entries)
	}
}

// bobKeeps demands that private edits of somebody else are what they were.
func (c *killCell) bobKeeps() {
	if c.bob == nil {
		return
	}
	if text, err := c.bob.pending(); err != nil || !strings.Contains(text, "bobs-desk") {
		c.errorf("somebody's private edits are gone: %s (%v)", text, err)
	}
}
