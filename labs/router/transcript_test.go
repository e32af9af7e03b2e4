package router

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestTranscripts plays the sessions of testdata/netconf. A file `NAME> what` is the content of an <rpc> that session
// NAME sends; the file `NAME< what` behind it is the reply. `NAME close` ends a session. A session begins when it is
// first named. `backup absent` and `backup present` pull the second routing engine; `control` sends lines to
// the control socket. A line `options: …` before the first
// file chooses the router.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/netconf/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, path, string(txtar.Format(play(t, txtar.Parse(data)))))
		})
	}
}

// play runs a transcript and returns it with the replies that came.
func play(t *testing.T, script *txtar.Archive) *txtar.Archive {
	r, address := start(t, func(o *Options) {
		o.Hostname = "r1.example.net"
		choose(t, o, string(script.Comment))
	})
	c := dial(t, r, address)
	sessions := map[string]*client{}
	out := &txtar.Archive{Comment: script.Comment}
	for _, f := range script.Files {
		name, what, _ := strings.Cut(f.Name, " ")
		if name == "backup" {
			if err := r.SetBackupPresent(what == "present"); err != nil {
				t.Fatal(err)
			}
			out.Files = append(out.Files, f)
			continue
		}
		if name == "control" {
			for line := range strings.Lines(string(f.Data)) {
				asked(t, NewControl(r), line)
			}
			out.Files = append(out.Files, f)
			continue
		}
		session, direction := name[:len(name)-1], name[len(name)-1]
		if what == "close" {
			session, direction = name, 'x'
		}
		if sessions[session] == nil {
			sessions[session] = netconfClient(t, c, "")
		}
		nc := sessions[session]
		switch direction {
		case '>':
			reply := scrub(nc.rpc(strings.TrimSpace(string(f.Data))))
			out.Files = append(out.Files, f, txtar.File{Name: session + "< " + what, Data: []byte(reply)})
		case 'x':
			if err := nc.s.Close(); err != nil {
				t.Fatal(err)
			}
			delete(sessions, session)
			eventually(t, "session to be gone", func() bool { return len(r.db.view().users) == len(sessions) })
			out.Files = append(out.Files, f)
		}
	}
	return out
}

// choose sets the options that a transcript asks for.
func choose(t *testing.T, o *Options, comment string) {
	for line := range strings.Lines(comment) {
		words, ok := strings.CutPrefix(line, "options: ")
		if !ok {
			continue
		}
		for _, w := range strings.Fields(words) {
			switch w {
			case "base11":
				o.Base11 = true
			case "rfc-compliant":
				o.RFCCompliant = true
			case "routing-engines=2":
				o.RoutingEngines = 2
			case "virtual-chassis=2":
				o.VirtualChassis = 2
			default:
				t.Fatalf("option %q", w)
			}
		}
	}
}

// eventually waits for a state that another goroutine brings about.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}

func TestHello(t *testing.T) {
	r, address := start(t, nil)
	c := dial(t, r, address)
	for _, way := range []string{"", "xml-mode netconf need-trailer", "netconf"} {
		nc := netconfClient(t, c, way)
		e, err := parseXML([]byte(nc.hello))
		if err != nil || e.name != "hello" || e.value("session-id") == "" {
			t.Fatalf("hello by %q: %v: %s", way, err, nc.hello)
		}
		if n := len(e.child("capabilities").children); n != len(capabilities) || offers(e, base11) {
			t.Errorf("hello by %q offers %d capabilities, base:1.1 %t", way, n, offers(e, base11))
		}
		nc.must("<close-session/>")
		if _, err := nc.f.read(); err == nil {
			t.Error("the session goes on after close-session")
		}
	}
}

func TestEnvelope(t *testing.T) {
	r, address := start(t, nil)
	nc := netconfClient(t, dial(t, r, address), "")
	const base = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/23.4R1/junos"`
	for _, tt := range []struct{ request, want string }{
		{`<rpc message-id="urn:uuid:1"><get-system-information/></rpc>`, base + ` message-id="urn:uuid:1">`},
		{`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="101" a="&lt;&quot;"><get-system-information/></rpc>`, base + ` message-id="101" a="&lt;&quot;">`},
		{
			`<nc:rpc xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="2"><nc:get-system-information/></nc:rpc>`,
			base + ` xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="2">`,
		},
		{`<?xml version="1.0"?><rpc><get-system-information/></rpc>`, base + `>`},
	} {
		nc.write(tt.request)
		if got := nc.read(); !strings.HasPrefix(got, tt.want+"\n<system-information>") {
			t.Errorf("%s:\n%s\nwant %s", tt.request, got, tt.want)
		}
	}
	for request, want := range map[string]string{
		"<rpc>":            "malformed-message",
		"<hi/>":            "unknown-element",
		"<rpc/>":           "missing-element",
		"<rpc><no/></rpc>": "operation-failed",
	} {
		nc.write(request)
		if got := nc.read(); !strings.Contains(got, "<error-tag>"+want+"</error-tag>") {
			t.Errorf("%s: %s, want %s", request, got, want)
		}
	}
}

func TestBase11(t *testing.T) {
	r, address := start(t, func(o *Options) { o.Base11 = true })
	c := dial(t, r, address)
	old := netconfClient(t, c, "") // does not offer base:1.1, so nothing changes
	old.must("<get-system-information/>")

	s := netconfClient(t, c, "")
	e, err := parseXML([]byte(s.hello))
	if err != nil || !offers(e, base11) {
		t.Fatalf("hello: %v: %s", err, s.hello)
	}
	s.write(`<hello><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>`)
	s.f.chunked = true
	if got := s.must("<get-system-information/>"); !strings.Contains(got, "<host-name>r1.example.net</host-name>") {
		t.Errorf("reply %s", got)
	}
}
