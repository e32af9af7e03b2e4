package router

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestInterop lets clients that others wrote work with the router: scripts in testdata/interop, run by the system's Python,
// print what they saw, which is compared with a golden file. Debian has the libraries as python3-junos-eznc and
// python3-ncclient.
func TestInterop(t *testing.T) {
	for script, module := range map[string]string{"pyez": "jnpr.junos", "ncclient": "ncclient"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			const python = "/usr/bin/python3" // another one may come first on PATH, without the libraries
			if err := exec.Command(python, "-c", "import "+module).Run(); err != nil {
				if os.Getenv("RHAPSODE_REQUIRE_INTEROP") != "" {
					t.Fatalf("%s of %s is required here: %v", module, python, err)
				}
				t.Skipf("%s has no module %s: %v", python, module, err)
			}
			_, address := start(t, nil)
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			var out, problems bytes.Buffer
			cmd := exec.Command(python, filepath.Join("testdata", "interop", "use_"+script+".py"), host, port, "lab", "secret")
			cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "SSH_AUTH_SOCK=", "PYTHONDONTWRITEBYTECODE=1")
			cmd.Stdout, cmd.Stderr = &out, &problems
			if err := cmd.Run(); err != nil {
				t.Fatalf("%s: %v\n%s", script, err, problems.String())
			}
			var seen any
			if err := json.Unmarshal(out.Bytes(), &seen); err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			var pretty bytes.Buffer
			enc := json.NewEncoder(&pretty)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			if err := enc.Encode(seen); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "interop", script+".json"), scrub(pretty.String()))
		})
	}
}
