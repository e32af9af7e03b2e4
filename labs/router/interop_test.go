package router

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// python is the system's: another one may come first on PATH, without the libraries.
const python = "/usr/bin/python3"

// TestInterop lets clients that others wrote work with the router: scripts in testdata/interop, run by the system's Python,
// check and print what they saw, which is compared with a golden file. What they sent is compared with its recording.
// Debian has the libraries as python3-junos-eznc and python3-ncclient.
func TestInterop(t *testing.T) {
	for _, tt := range []struct{ name, script, options string }{
		{"pyez", "pyez", ""},
		{"pyez-dual", "pyez", "routing-engines=2"},
		{"ncclient", "ncclient", ""},
		{"ncclient-rfc", "ncclient", "base11 rfc-compliant"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, address := start(t, func(o *Options) { choose(t, o, "options: "+tt.options) })
			rec := record(r)
			seen, version := runPython(t, tt.script, address, strings.Fields(tt.options))
			golden(t, filepath.Join("testdata", "interop", tt.name+".json"), seen)
			eventually(t, "sessions to be gone", func() bool { return len(r.db.view().users) == 0 })
			comment := version + "\n"
			if tt.options != "" {
				comment += "options: " + tt.options + "\n"
			}
			rec.checkRecording(t, tt.name, comment)
		})
	}
}

// runPython runs a script and returns what it saw, without what differs from run to run, and the version of what it used.
func runPython(t *testing.T, script, address string, args []string) (seen, version string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	var out, problems bytes.Buffer
	cmd := exec.Command(python, append([]string{filepath.Join("testdata", "interop", "use_"+script+".py"), host, port, "lab", "secret"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "SSH_AUTH_SOCK=", "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		missing := errors.Is(err, fs.ErrNotExist) || strings.Contains(problems.String(), "ModuleNotFoundError")
		if missing && os.Getenv("RHAPSODE_REQUIRE_INTEROP") == "" {
			t.Skipf("%s has no module for %s: %v", python, script, err)
		}
		t.Fatalf("%s: %v\n%s", script, err, problems.String())
	}
	var result map[string]any
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	version, _ = result["client"].(string)
	delete(result, "client")
	var pretty bytes.Buffer
	enc := json.NewEncoder(&pretty)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(result); err != nil {
		t.Fatal(err)
	}
	return scrub(pretty.String()), version
}

// TestTables reads what was fed with the tables that PyEZ ships.
func TestTables(t *testing.T) {
	r, address := start(t, func(o *Options) {
		o.Config += `protocols {
    bgp { group g { type external; local-address 192.0.2.1; neighbor 192.0.2.2 { peer-as 64501; } neighbor 192.0.2.3 { peer-as 64502; } } }
    lldp { interface all; }
}
interfaces { ge-0/0/0 { description transit; unit 0 { family inet { address 192.0.2.6/31; } } } }
routing-options { autonomous-system 64500; }
`
	})
	asked(t, NewControl(r), `{"do":"state","state":{
"bgp":[{"peer":"192.0.2.2","state":"established","ribs":[{"received":12,"accepted":11,"active":10}]}],
"routes":[{"prefix":"0.0.0.0/0","protocol":"static","next_hops":[{"to":"192.0.2.7","via":"ge-0/0/0.0"}]},
 {"prefix":"198.51.100.10/32","protocol":"bgp","next_hops":[{"to":"192.0.2.2","via":"ge-0/0/0.0"}]},
 {"prefix":"192.0.2.1/32","protocol":"local","next_hops":[{"via":"lo0.0"}]}],
"interfaces":[{"name":"ge-0/0/0","up":true,"speed":"1000mbps"}],
"alarms":[{"class":"major","description":"PEM 1 Not Powered"}],
"counters":[{"filter":"offload-ping4","name":"web","packets":7,"bytes":588}],
"lldp":[{"local":"ge-0/0/0","system":"transit1.example.net","port":"ge-0/0/9","chassis":"00:00:5e:00:53:01"}]}}`)
	seen, _ := runPython(t, "tables", address, nil)
	golden(t, filepath.Join("testdata", "interop", "tables.json"), seen)
}
