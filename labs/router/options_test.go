package router

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestNewRefuses(t *testing.T) {
	good := Options{Hostname: "r1", User: "lab", Password: "secret"}
	for want, change := range map[string]func(*Options){
		"a host name is needed":                   func(o *Options) { o.Hostname = "" },
		"a user is needed":                        func(o *Options) { o.User = "" },
		"a password or an authorized key":         func(o *Options) { o.Password = "" },
		"confirm unit -1ns is negative":           func(o *Options) { o.ConfirmUnit = -1 },
		"parse configuration: r1.conf:1:8":        func(o *Options) { o.Config, o.ConfigName = "system }", "r1.conf" },
		"create state directory: mkdir /dev/null": func(o *Options) { o.StateDir = "/dev/null/state" },
	} {
		o := good
		change(&o)
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "open router") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestHostKeyStays(t *testing.T) {
	dir := t.TempDir()
	first, err := hostKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := hostKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.PublicKey().Marshal()) != string(again.PublicKey().Marshal()) {
		t.Error("a second start made another key")
	}
	if err := os.WriteFile(filepath.Join(dir, "ssh_host_ed25519_key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := hostKey(dir); err == nil || !strings.Contains(err.Error(), "parse host key") {
		t.Errorf("a broken key: %v", err)
	}
}

func TestReadAuthorizedKeys(t *testing.T) {
	a, b := testKey(t).PublicKey(), testKey(t).PublicKey()
	path := filepath.Join(t.TempDir(), "keys")
	for content, want := range map[string][]ssh.PublicKey{
		"# mine\n\n" + string(ssh.MarshalAuthorizedKey(a)) + "# yours\n" + string(ssh.MarshalAuthorizedKey(b)) + "# no more\n": {a, b},
		"# none\n": nil,
		"":         nil,
		"rubbish":  nil,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := ReadAuthorizedKeys(path)
		if (err == nil) != (want != nil) || len(keys) != len(want) {
			t.Fatalf("%q: %d keys, %v", content, len(keys), err)
		}
		for i, k := range keys {
			if string(k.Marshal()) != string(want[i].Marshal()) {
				t.Errorf("%q: key %d is another", content, i)
			}
		}
	}
}
