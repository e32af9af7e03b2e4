package dial

import (
	"path/filepath"
	"testing"
)

// What known_hosts says is kept between two dials, and read again once the file has changed.
func TestKnownHostsAreReadAgain(t *testing.T) {
	home := t.TempDir()
	d, err := New(Config{Home: home, User: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, &sshServer{password: "secret"})
	name := filepath.Join(home, "known")
	h := &host{addr: "127.0.0.1:" + s.port(), keyName: "127.0.0.1:" + s.port(), knownHosts: []string{name}}
	known := func() bool {
		t.Helper()
		keys, err := d.hostKeys(Target{Device: "r1"}, h)
		if err != nil {
			t.Fatal(err)
		}
		return len(keys.db.HostKeyAlgorithms(h.keyName)) > 0
	}
	if known() {
		t.Error("known without a file")
	}
	write(t, name, knownLine(s))
	for range 2 {
		if !known() {
			t.Error("not known, and the file has it")
		}
	}
	write(t, name, "# nothing\n")
	if known() {
		t.Error("known, and the file has it no more")
	}
}
