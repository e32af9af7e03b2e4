package router

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// asked answers a line of the control protocol, which must be granted.
func asked(t *testing.T, c *Control, line string) ControlAnswer {
	t.Helper()
	a := c.Line([]byte(line))
	if !a.OK {
		t.Fatalf("%s: %s", line, a.Error)
	}
	return a
}

// armed arms a fault and returns its number.
func armFault(t *testing.T, c *Control, fault string) int {
	t.Helper()
	return asked(t, c, `{"do":"arm","fault":`+fault+`}`).Faults[0].ID
}

func struck(t *testing.T, c *Control, id int) ArmedFault {
	t.Helper()
	line, err := json.Marshal(ControlRequest{Do: "wait", ID: id, Timeout: Duration(20 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	return asked(t, c, string(line)).Faults[0]
}

const newHostName = `<load-configuration action="set"><configuration-set>set system host-name r9.example.net</configuration-set></load-configuration>`

// TestFaultPhases cuts the connection of a commit at each phase: what was not executed did not happen, what was did.
func TestFaultPhases(t *testing.T) {
	for _, tt := range []struct {
		fault, request string
		commits        int
		half           bool
	}{
		{`{"operation":"commit-configuration","action":"drop"}`, "<commit-configuration/>", 1, false},
		{`{"operation":"commit-configuration","phase":"reply","action":"drop"}`, "<commit-configuration/>", 2, false},
		{`{"operation":"commit-configuration","phase":"half","action":"drop"}`, "<commit-configuration/>", 2, true},
		{`{"operation":"commit-configuration","phase":"write","step":"index rename","action":"restart"}`, "<commit-configuration/>", 1, false},
		{`{"operation":"commit-configuration","phase":"write","step":"copy create","action":"restart"}`, "<commit-configuration/>", 2, false},
		{`{"operation":"commit-configuration","with":["confirmed"],"phase":"reply","action":"restart","duration":"10ms"}`, "<commit-configuration><confirmed/></commit-configuration>", 2, false},
		{`{"operation":"commit-configuration","nth":2,"action":"drop"}`, "<commit-configuration/>", 2, false},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			r, address := start(t, func(o *Options) { o.StateDir = t.TempDir() })
			c := NewControl(r)
			id := armFault(t, c, tt.fault)
			nc := netconfClient(t, dial(t, r, address), "")
			nc.must("<lock-configuration/>")
			nc.must(newHostName)
			if strings.Contains(tt.fault, "nth") {
				nc.must("<commit-configuration/>")
			}
			nc.write("<rpc message-id=\"1\">" + tt.request + "</rpc>")
			rest, err := io.ReadAll(nc.f.r)
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("read: %v", err)
			}
			if text := string(rest); tt.half != strings.Contains(text, "<rpc-reply") || strings.Contains(text, "</rpc-reply>") {
				t.Errorf("what came of the answer: %q", text)
			}
			if f := struck(t, c, id); f.Hits != 1 {
				t.Errorf("%+v", f)
			}
			again := dialAgain(t, r, address)
			nc = netconfClient(t, again, "")
			nc.must("<lock-configuration/>") // nobody holds it
			if got := len(r.db.history()); got != tt.commits {
				t.Errorf("%d commits, want %d", got, tt.commits)
			}
		})
	}
}

// dialAgain dials until the router is back and the old session's lock is gone.
func dialAgain(t *testing.T, r *Router, address string) *ssh.Client {
	t.Helper()
	r.power.restarting.Lock() // a restart that goes on
	defer r.power.restarting.Unlock()
	deadline := time.Now().Add(20 * time.Second)
	for len(r.db.view().users) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the old session does not end")
		}
		time.Sleep(time.Millisecond)
	}
	return dial(t, r, address)
}

// TestHold holds a commit: it is not done before the release, and for nobody after its client has gone.
func TestHold(t *testing.T) {
	r, address := start(t, nil)
	c := NewControl(r)
	id := armFault(t, c, `{"operation":"commit-configuration","without":["check"],"times":-1,"action":"hold"}`)
	conn := dial(t, r, address)
	nc := netconfClient(t, conn, "")
	nc.must(newHostName)
	nc.must("<commit-configuration><check/></commit-configuration>")
	nc.write("<rpc><commit-configuration/></rpc>")
	if f := struck(t, c, id); f.Hits != 1 || f.Seen != 1 {
		t.Errorf("%+v", f)
	}
	if got := len(r.db.history()); got != 1 {
		t.Errorf("%d commits before the release", got)
	}
	asked(t, c, `{"do":"release"}`)
	if reply := nc.read(); !strings.Contains(reply, "<ok/>") || len(r.db.history()) != 2 {
		t.Errorf("%s, %d commits", reply, len(r.db.history()))
	}
	nc.write("<rpc><commit-configuration/></rpc>")
	asked(t, c, `{"do":"wait","id":1,"hits":2}`)
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	dialAgain(t, r, address)
	if got := len(r.db.history()); got != 2 {
		t.Errorf("%d commits, the last for nobody", got)
	}
}

func TestFullDisk(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		r, address := start(t, func(o *Options) { o.StateDir = dir })
		c := NewControl(r)
		armFault(t, c, `{"operation":"commit-configuration","action":"disk-full"}`)
		nc := netconfClient(t, dial(t, r, address), "")
		nc.must(newHostName)
		before := r.status()
		if reply := nc.rpc("<commit-configuration/>"); !strings.Contains(reply, "no space left on device") {
			t.Errorf("state directory %q: %s", dir, reply)
		}
		if after := r.status(); after.Fingerprint != before.Fingerprint || after.History != 1 || !after.Modified {
			t.Errorf("state directory %q: before %+v, after %+v", dir, before, after)
		}
		nc.must("<commit-configuration/>")
		if after := r.status(); after.History != 2 || after.Modified {
			t.Errorf("state directory %q: %+v", dir, after)
		}
	}
}

// TestFaultsOfCommands lets commands of the CLI go wrong in the same ways.
func TestFaultsOfCommands(t *testing.T) {
	for _, tt := range []struct {
		fault, want string
		commits     int
	}{
		{`{"command":"commit","without":["check"],"action":"drop"}`, "Entering configuration mode\n", 1},
		{`{"command":"commit","phase":"reply","action":"drop"}`, "Entering configuration mode\n", 2},
		{`{"command":"commit","phase":"half","action":"drop"}`, "Entering configuration mode\ncommit c", 2},
		{`{"command":"commit","action":"error","text":"no route to backup"}`, "Entering configuration mode\nerror: no route to backup\n", 1},
		{`{"command":"commit check","action":"drop"}`, "Entering configuration mode\ncommit complete\nExiting configuration mode\n", 2},
		{`{"operation":"commit","action":"drop"}`, "Entering configuration mode\ncommit complete\nExiting configuration mode\n", 2},
	} {
		r, address := start(t, nil)
		c := NewControl(r)
		armFault(t, c, tt.fault)
		s, err := dial(t, r, address).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		out, _ := s.Output("configure; set system host-name r9.example.net; commit; exit") // it may be cut off
		if string(out) != tt.want {
			t.Errorf("%s: %q, want %q", tt.fault, out, tt.want)
		}
		if got := len(r.db.history()); got != tt.commits {
			t.Errorf("%s: %d commits, want %d", tt.fault, got, tt.commits)
		}
	}
}

// TestPowerCut cuts the power with edits, a lock and an open window.
func TestPowerCut(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		r, address := start(t, func(o *Options) { o.StateDir, o.ConfirmUnit = dir, time.Hour })
		c := NewControl(r)
		nc := netconfClient(t, dial(t, r, address), "")
		nc.must("<lock-configuration/>")
		nc.must(newHostName)
		nc.must("<commit-configuration><confirmed/></commit-configuration>")
		nc.must(`<load-configuration action="set"><configuration-set>delete firewall</configuration-set></load-configuration>`)
		if s := r.status(); s.Holder == nil || !s.Modified || s.Window == nil {
			t.Errorf("before: %+v", s)
		}
		asked(t, c, `{"do":"restart","down":"1ms"}`)
		if s := r.status(); s.Holder != nil || s.Modified || s.Window == nil || s.Sessions != 0 || s.History != 2 {
			t.Errorf("after: %+v", s)
		}
		if _, err := nc.f.read(); err == nil {
			t.Error("the old session lives")
		}
		nc = netconfClient(t, dial(t, r, address), "") // same port, same key
		nc.must("<commit-configuration/>")
		if s := r.status(); s.Window != nil {
			t.Errorf("after a commit: %+v", s)
		}
	}
}

// TestPowerIsOff: nothing listens, and Close ends it.
func TestPowerIsOff(t *testing.T) {
	r, address := start(t, nil)
	done := make(chan error, 1)
	go func() { done <- r.Restart(time.Hour) }()
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			break
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it listens")
		}
		time.Sleep(time.Millisecond)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := r.Restart(0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("restart of a closed router: %v", err)
	}
}

func TestFaultsOfConnections(t *testing.T) {
	r, address := start(t, nil)
	c := NewControl(r)
	armFault(t, c, `{"action":"refuse"}`)
	slow := armFault(t, c, `{"action":"slow-accept","duration":"10ms","times":-1}`)
	if _, err := ssh.Dial("tcp", address, clientConfig(r, ssh.Password("secret"))); err == nil {
		t.Error("not refused")
	}
	dial(t, r, address)
	if f := struck(t, c, slow); f.Hits < 1 {
		t.Errorf("%+v", f)
	}
	old := clientConfig(r, ssh.Password("secret"))
	asked(t, c, `{"do":"new-host-key"}`)
	if _, err := ssh.Dial("tcp", address, old); err == nil || !strings.Contains(err.Error(), "host key mismatch") {
		t.Errorf("the old host key: %v", err)
	}
	dial(t, r, address)
}

func TestHelloFault(t *testing.T) {
	r, address := start(t, nil)
	armFault(t, NewControl(r), `{"operation":"hello","phase":"half","action":"drop"}`)
	s, err := dial(t, r, address).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestSubsystem("netconf"); err != nil {
		t.Fatal(err)
	}
	hello, _ := io.ReadAll(out) // the end is what is tested
	if !strings.Contains(string(hello), "<hello") || strings.Contains(string(hello), "</hello>") {
		t.Errorf("half a hello: %s", hello)
	}
}

// TestControlRefuses: what can't be meant is said, and arms nothing.
func TestControlRefuses(t *testing.T) {
	r, err := New(Options{Hostname: "lab", User: "lab", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	c := NewControl(r)
	for line, want := range map[string]string{
		`{`:                                         "read request",
		`{"do":"arm"} {"do":"list"}`:                "more than one request",
		`{"do":"frobnicate"}`:                       `do "frobnicate": expected one of arm, `,
		`{"do":"arm","fautl":{}}`:                   `unknown field "fautl"`,
		`{"v":2,"do":"list"}`:                       "version 2: this router speaks 1",
		`{"do":"arm"}`:                              "a fault is needed",
		`{"do":"list","router":"x"}`:                `router "x" is not here; there are: lab`,
		`{"do":"wait"}`:                             "the id of one fault",
		`{"do":"wait","id":7}`:                      "no fault 7",
		`{"do":"clear","id":7}`:                     "no fault 7",
		`{"do":"drop","session":7}`:                 "no session 7",
		`{"do":"backup"}`:                           "",
		`{"do":"arm","fault":{"action":"explode"}}`: `action "explode"`,
		`{"do":"arm","fault":{"action":"drop","phase":"later"}}`:                  `phase "later"`,
		`{"do":"arm","fault":{"action":"delay"}}`:                                 "needs a duration",
		`{"do":"arm","fault":{"action":"delay","duration":"-1s"}}`:                "negative",
		`{"do":"arm","fault":{"action":"error"}}`:                                 "needs a text",
		`{"do":"arm","fault":{"action":"refuse","phase":"reply"}}`:                "does not go with phase reply",
		`{"do":"arm","fault":{"action":"disk-full","phase":"reply"}}`:             "does not go with phase reply",
		`{"do":"arm","fault":{"action":"refuse","operation":"get"}}`:              "knows no operation",
		`{"do":"arm","fault":{"action":"drop","step":"index rename"}}`:            "a step is of phase write",
		`{"do":"arm","fault":{"action":"drop","operation":"commit-confguratio"}}`: "does not know it",
	} {
		a := c.Line([]byte(line))
		if want == "" {
			continue // answered one way or the other
		}
		if a.OK || !strings.Contains(a.Error, want) {
			t.Errorf("%s: %+v, want %q", line, a, want)
		}
	}
	if f := asked(t, c, `{"do":"list"}`).Faults; len(f) > 0 {
		t.Errorf("armed: %+v", f)
	}
}

// FuzzControl sends lines to the control socket: each has one answer, which is either granted or says why not.
func FuzzControl(f *testing.F) {
	f.Add(`{"v":1,"do":"arm","router":"*","fault":{"operation":"commit-configuration","without":["check"],"nth":2,"phase":"half","action":"hold"}}`)
	f.Add(`{"do":"arm","fault":{"command":"commit and-quit","with":["comment"],"phase":"write","step":"index rename","action":"disk-full"}}`)
	f.Add(`{"do":"status"}`)
	f.Add(`{"do":"sessions","router":"lab"}`)
	f.Add(`{"do":"clear","id":1}`)
	f.Add(`{"do":"wait","id":1,"timeout":"1ms"}`)
	r, err := New(Options{Hostname: "lab", User: "lab", Password: "secret", Config: startConfig})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	c := NewControl(r)
	f.Fuzz(func(t *testing.T, line string) {
		var q ControlRequest
		if json.Unmarshal([]byte(line), &q) == nil && (q.Do == "kill" || q.Do == "restart" || q.Do == "wait" || q.Do == "new-host-key") {
			return // they take time or the process
		}
		a := c.Line([]byte(line))
		if a.V != ControlVersion || a.OK == (a.Error != "") {
			t.Errorf("%s: %+v", line, a)
		}
		for _, x := range r.faults.list("lab", 0) {
			if again := x.Fault; again.complete() != nil {
				t.Errorf("%s armed %+v, which can't be", line, x)
			}
		}
		r.faults.release(0, true)
	})
}
