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
