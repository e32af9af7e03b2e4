package inventory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// SecretForm is what the value of a secret looks like; it decides how two values are compared (SAFETY.md 14).
type SecretForm string

// The forms of a secret.
const (
	FormCrypt  SecretForm = "crypt"   // a hash for crypt(3), compared as text: $6$…
	FormJunos9 SecretForm = "junos-9" // scrambled by Junos with a salt, compared decoded: $9$…
	FormPlain  SecretForm = "plain"   // the secret itself
)

const redacted = "[redacted]"

// Secret is a reference to a secret. The inventory never holds the value: a Resolver gets it when a command needs it.
// The zero Secret is none.
type Secret struct {
	Form SecretForm

	// One of these is set.
	Env     string   // a variable of the environment
	File    string   // a file, relative to the tree
	Command []string // a program and its arguments, run without a shell in the tree's directory
}

// IsZero says whether there is no secret.
func (s Secret) IsZero() bool {
	return s.Form == "" && s.Env == "" && s.File == "" && len(s.Command) == 0
}

// Reference says where the value comes from, for messages: `$NAME`, `file PATH`, `command PROGRAM`. Arguments of a
// command are left out.
func (s Secret) Reference() string {
	switch {
	case s.Env != "":
		return "$" + s.Env
	case s.File != "":
		return "file " + s.File
	case len(s.Command) > 0:
		return "command " + s.Command[0]
	}
	return "nowhere"
}

// String is the same for every secret.
func (s Secret) String() string { return redacted }

// GoString is String, so that %#v shows no more.
func (s Secret) GoString() string { return redacted }

// LogValue is String, for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is String, for JSON.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Secrets are the secrets of a device's configuration.
func (d *Device) Secrets() []Secret {
	all := []Secret{d.RootPassword}
	for _, u := range d.Users {
		all = append(all, u.Password)
	}
	auths := []*Auth{d.LVS.Auth, d.IBGP.Auth}
	for _, p := range d.Transits {
		auths = append(auths, p.Auth)
	}
	for _, a := range auths {
		if a != nil {
			all = append(all, a.Key)
		}
	}
	if d.SNMP != nil {
		for _, c := range d.SNMP.Communities {
			all = append(all, c.Community)
		}
	}
	var out []Secret
	for _, s := range all {
		if !s.IsZero() {
			out = append(out, s)
		}
	}
	return out
}

// commandTimeout bounds a program that prints a secret; one that asks a person has to be done by then.
const commandTimeout = 30 * time.Second

// maxSecret is the longest value in bytes: a reference to a device or a log would otherwise fill the memory.
const maxSecret = 4096

// Resolver gets the values of secrets, each once.
type Resolver struct {
	dir       string
	lookupEnv func(string) (string, bool)

	mu     sync.Mutex
	values map[string]resolved // by form and reference
}

type resolved struct {
	value string
	err   error
}

// NewResolver makes a resolver for the tree in dir. lookupEnv is os.LookupEnv, or a test's own.
func NewResolver(dir string, lookupEnv func(string) (string, bool)) *Resolver {
	return &Resolver{dir: dir, lookupEnv: lookupEnv, values: map[string]resolved{}}
}

// Resolve gets the value of a secret and checks that it is of the secret's form. Errors name the reference and never the
// value. A failure is remembered like a value: a command is not run again for every device.
func (r *Resolver) Resolve(ctx context.Context, s Secret) (string, error) {
	key := fmt.Sprintf("%q %q %q %q", s.Form, s.Env, s.File, s.Command)
	r.mu.Lock()
	defer r.mu.Unlock()
	got, ok := r.values[key]
	if !ok {
		got.value, got.err = r.read(ctx, s)
		if got.err == nil {
			got.err = s.checkForm(got.value)
		}
		if got.err != nil {
			got = resolved{err: fmt.Errorf("resolve secret (%s): %w", s.Reference(), got.err)}
		}
		if ctx.Err() == nil { // an interrupt says nothing of the secret
			r.values[key] = got
		}
	}
	return got.value, got.err
}

// read gets the value without its last line break.
func (r *Resolver) read(ctx context.Context, s Secret) (string, error) {
	var value string
	switch {
	case s.Env != "":
		v, ok := r.lookupEnv(s.Env)
		if !ok {
			return "", errors.New("the variable is not set")
		}
		value = v
	case s.File != "":
		name := s.File
		if !filepath.IsAbs(name) {
			name = filepath.Join(r.dir, filepath.FromSlash(name))
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		value = string(data)
	case len(s.Command) > 0:
		out, err := r.run(ctx, s.Command)
		if err != nil {
			return "", err
		}
		value = out
	default:
		return "", errors.New("it refers to nothing")
	}
	return strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r"), nil
}

// run gives what a program prints. What it says on stderr is part of the error, its output never.
func (r *Resolver) run(ctx context.Context, argv []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = r.dir
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = cmp.Or(context.Cause(ctx), err)
		}
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if said != "" {
			return "", fmt.Errorf("%w: %s", err, said)
		}
		return "", err
	}
	return stdout.String(), nil
}

var (
	cryptForm  = regexp.MustCompile(`^\$(1|5|6|sha1)\$[!-~]+$`)
	junos9Form = regexp.MustCompile(`^\$9\$[!-~]+$`)
	plainForm  = regexp.MustCompile(`^[!-~]([ -~]*[!-~])?$`)
)

// checkForm wants the value to be of the secret's form. The error does not show it.
func (s Secret) checkForm(value string) error {
	form, want := plainForm, "one line of printable ASCII"
	switch s.Form {
	case FormCrypt:
		form, want = cryptForm, "a hash for crypt(3)"
	case FormJunos9:
		form, want = junos9Form, "a key as Junos scrambles it"
	case FormPlain:
		if cryptForm.MatchString(value) || junos9Form.MatchString(value) {
			return errors.New("the value looks hashed or scrambled, expected the plain one: correct the value or its form")
		}
	}
	switch {
	case value == "":
		return errors.New("the value is empty")
	case len(value) > maxSecret:
		return fmt.Errorf("the value has %d bytes, expected at most %d", len(value), maxSecret)
	case !form.MatchString(value) || strings.ContainsAny(value, "\"\\"):
		return fmt.Errorf("the value is not of the form %s, expected %s without quotes and backslashes", s.Form, want)
	}
	return nil
}

// secret reads a reference of the merged values of a device.
func (l *loader) secret(d *Device, where string, n *node) Secret {
	if n == nil || l.isBroken(l.files(d)...) {
		return Secret{}
	}
	return l.secretOf(where, n)
}

// secretOf is secret for a node of a file that is whole.
func (l *loader) secretOf(where string, n *node) Secret {
	s := Secret{Form: SecretForm(n.get("form").string()), Env: n.get("env").string(), File: n.get("file").string()}
	for _, e := range n.get("command").elements() {
		s.Command = append(s.Command, e.string())
	}
	const hint = "{form: FORM, env: NAME}, or file: PATH, or command: [PROGRAM, ARGUMENT]"
	var refs []string
	for _, key := range []string{"env", "file", "command"} {
		if n.get(key) != nil {
			refs = append(refs, "`"+key+"`")
		}
	}
	switch {
	case s.Form == "":
		l.problems.add(n.key, hint, "%s: missing key `form`", where)
	case len(refs) == 0:
		l.problems.add(n.key, hint, "%s: the secret refers to nothing, expected one of `env`, `file`, `command`", where)
	case len(refs) > 1:
		l.problems.add(n.key, "keep one; `KEY: null` takes back what an earlier layer set", "%s: the secret has %s, expected one of them", where, strings.Join(refs, " and "))
	}
	return s
}
