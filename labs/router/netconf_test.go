package router

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzRequest sends one message to a session. Whatever it is, the answer is one well-formed reply, and the candidate
// is a configuration that reads back.
func FuzzRequest(f *testing.F) {
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
	f.Add(`<rpc xmlns:a="&quot;" a:b="]]>"><load-configuration format="text"><configuration-text>a { b [ c d ]; }</configuration-text></load-configuration></rpc>`)
	r, err := New(Options{Hostname: "lab", User: "lab", Password: "secret", Config: startConfig})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := r.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, request string) {
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
		candidate := r.db.view().candidate
		if again := parse(t, candidate.Text()); again.Set() != candidate.Set() {
			t.Errorf("the candidate reads back as\n%s\nit was\n%s", again.Set(), candidate.Set())
		}
		if err := r.db.rollback(s, 0); err != nil {
			t.Fatal(err)
		}
	})
}
