package router

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// seedRequests are the requests of the transcripts, and those that the clients of the recordings sent.
func seedRequests(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/netconf/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if name, _, _ := strings.Cut(file.Name, " "); strings.HasSuffix(name, ">") {
				f.Add("<rpc message-id=\"1\">" + string(file.Data) + "</rpc>")
			}
		}
	}
	recordings, err := filepath.Glob("testdata/recorded/*-1.0.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(recordings, "testdata/recorded/pyez.txtar", "testdata/recorded/ncclient.txtar") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(data).Files {
			if name, what, _ := strings.Cut(file.Name, " "); strings.HasSuffix(name, ">") && !strings.HasSuffix(what, " hello") {
				request, _, _ := strings.Cut(string(file.Data), "]]>]]>")
				f.Add(request)
			}
		}
	}
}

// FuzzRequest sends one message to a session of an ordinary router, and to one of a router with two engines that keeps
// strictly to the RFC. Whatever it is, the answer is one well-formed reply, and the candidate is a configuration that
// reads back.
func FuzzRequest(f *testing.F) {
	seedRequests(f)
	f.Add(`<rpc xmlns:a="&quot;" a:b="]]>"><load-configuration format="text"><configuration-text>a { b [ c d ]; }</configuration-text></load-configuration></rpc>`)
	var routers []*Router
	for _, o := range []Options{{}, {RFCCompliant: true, RoutingEngines: 2}} {
		o.Hostname, o.User, o.Password, o.Config = "lab", "lab", "secret", startConfig
		r, err := New(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() {
			if err := r.Close(); err != nil {
				f.Error(err)
			}
		})
		routers = append(routers, r)
	}
	f.Fuzz(func(t *testing.T, request string) {
		for _, r := range routers {
			tryRequest(t, r, request)
		}
	})
}

func tryRequest(t *testing.T, r *Router, request string) {
	s := r.db.join("fuzz", "netconf", func() {})
	defer r.db.leave(s)
	var out bytes.Buffer
	n := &netconf{r: r, s: s, f: newFramer(&out), log: r.log}
	if err := n.message([]byte(request)); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		text, ok := strings.CutSuffix(out.String(), "\n]]>]]>\n")
		reply, err := parseXML([]byte(text))
		if !ok || err != nil || reply.name != "rpc-reply" {
			t.Fatalf("reply %q: %v", out.String(), err)
		}
	}
	candidate := r.db.viewOf(s).candidate
	if again := parse(t, candidate.Text()); again.Set() != candidate.Set() {
		t.Errorf("the candidate reads back as\n%s\nit was\n%s", again.Set(), candidate.Set())
	}
	if err := r.db.rollback(s, 0); err != nil {
		t.Fatal(err)
	}
}
