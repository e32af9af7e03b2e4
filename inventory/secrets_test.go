package inventory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lookup is an environment of a test.
func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("$9$abcDEF\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := NewResolver(dir, lookup(map[string]string{
		"ROOT": "$6$salt$hash", "EMPTY": "", "PLAIN": "open sesame", "TWO": "a\nb", "QUOTE": `a"; evil "`, "LONG": strings.Repeat("x", 5000),
	}))
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho run >>runs\nif [ $# = 0 ]; then echo hidden; echo no such entry >&2; echo more >&2; exit 3; fi\necho $1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s         Secret
		want, err string
	}{
		{s: Secret{Form: FormCrypt, Env: "ROOT"}, want: "$6$salt$hash"},
		{s: Secret{Form: FormJunos9, File: "key"}, want: "$9$abcDEF"},
		{s: Secret{Form: FormJunos9, File: filepath.Join(dir, "key")}, want: "$9$abcDEF"},
		{s: Secret{Form: FormPlain, Env: "PLAIN"}, want: "open sesame"},
		{s: Secret{Form: FormPlain, Command: []string{script, "$HOME;x"}}, want: "$HOME;x"},
		{s: Secret{Form: FormPlain, Env: "ABSENT"}, err: "resolve secret ($ABSENT): the variable is not set"},
		{s: Secret{Form: FormPlain, Env: "EMPTY"}, err: "resolve secret ($EMPTY): the value is empty"},
		{s: Secret{Form: FormPlain, Env: "TWO"}, err: "resolve secret ($TWO): the value is not of the form plain, expected one line of printable ASCII without quotes and backslashes"},
		{s: Secret{Form: FormPlain, Env: "QUOTE"}, err: "resolve secret ($QUOTE): the value is not of the form plain, expected one line of printable ASCII without quotes and backslashes"},
		{s: Secret{Form: FormPlain, Env: "LONG"}, err: "resolve secret ($LONG): the value has 5000 bytes, expected at most 4096"},
		{s: Secret{Form: FormPlain, Env: "ROOT"}, err: "resolve secret ($ROOT): the value looks hashed or scrambled, expected the plain one: correct the value or its form"},
		{s: Secret{Form: FormCrypt, Env: "PLAIN"}, err: "resolve secret ($PLAIN): the value is not of the form crypt, expected a hash for crypt(3) without quotes and backslashes"},
		{s: Secret{Form: FormJunos9, Env: "ROOT"}, err: "resolve secret ($ROOT): the value is not of the form junos-9, expected a key as Junos scrambles it without quotes and backslashes"},
		{s: Secret{Form: FormPlain, Command: []string{script}}, err: "resolve secret (command " + script + "): exit status 3: no such entry"},
		{s: Secret{}, err: "resolve secret (nowhere): it refers to nothing"},
	} {
		for range 2 { // the second time from memory
			got, err := r.Resolve(t.Context(), c.s)
			if fmt.Sprint(err) != c.err && (err != nil || c.err != "") {
				t.Errorf("%s gives %v, want %s", c.s.Reference(), err, c.err)
			}
			equal(t, c.s.Reference(), got, c.want)
		}
	}
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil || strings.Count(string(runs), "run") != 2 {
		t.Errorf("two secrets ran their commands: %q, %v", runs, err)
	}
	_, err = r.Resolve(t.Context(), Secret{Form: FormPlain, File: "absent"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file gives %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ctx, Secret{Form: FormPlain, Command: []string{"sleep", "60"}}); err == nil {
		t.Error("an interrupted command gives a value")
	}
}

// No way of printing a secret says anything.
func TestSecretIsRedacted(t *testing.T) {
	s := Secret{Form: FormPlain, Env: "REFERENCE", Command: []string{"REFERENCE"}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "a", s)
	data, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	u := User{Password: s}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %q %s", s, s, s, &s), fmt.Sprintf("%v %+v", u, &u), log.String(), string(data)} {
		if strings.Contains(text, "REFERENCE") || !strings.Contains(text, "redacted") {
			t.Errorf("a secret prints as %s", text)
		}
	}
}

// FuzzSecretForm: what passes is one printable line that can't leave its quotes in a configuration.
func FuzzSecretForm(f *testing.F) {
	f.Add("plain", "open sesame")
	f.Add("crypt", "$6$a$b")
	f.Add("junos-9", "$9$\"; }")
	f.Fuzz(func(t *testing.T, form, value string) {
		r := NewResolver("", lookup(map[string]string{"V": value}))
		got, err := r.Resolve(t.Context(), Secret{Form: SecretForm(form), Env: "V"})
		if (got == "") != (err != nil) {
			t.Fatalf("%q and %v", got, err)
		}
		if err == nil && strings.ContainsFunc(got, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			t.Errorf("%q passes", got)
		}
	})
}
