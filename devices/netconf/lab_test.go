package netconf

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/devices/dial"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

const addSuite = "set policy-options prefix-list SUITE 198.51.100.0/24\n"

// labs are lab routers. The driver knows them as processes only.
var labs devicetest.Labs

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		os.Exit(victim())
	}
	code := m.Run()
	if err := labs.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// lab is a lab router at work.
type lab struct {
	*devicetest.Lab
}

// startLab starts a lab router that runs devicetest.Config; unit is how long a minute of a confirm window lasts.
func startLab(t *testing.T, unit time.Duration, args ...string) *lab {
	t.Helper()
	return &lab{labs.Start(t, "", unit, args...)}
}

func (l *lab) open(ctx context.Context) (devices.Device, error) {
	d, err := Dial(ctx, l.Dialer, l.Target(), Options{Timeout: 20 * time.Second})
	if err != nil {
		return nil, err // not a nil *Device in an interface
	}
	return d, nil
}

func (l *lab) mustOpen(t *testing.T) devices.Device {
	t.Helper()
	d, err := l.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (l *lab) edit(t *testing.T, set string) { l.Edit(t, set) }

func (l *lab) fingerprint(t *testing.T) string {
	t.Helper()
	text, err := l.mustOpen(t).Running(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tree, err := junos.Parse("running", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree.Fingerprint()
}

func TestContract(t *testing.T) {
	for name, args := range map[string][]string{
		"base 1.0": nil, "base 1.1": {"--base11"}, "rfc-compliant": {"--rfc-compliant", "--base11"},
		"two engines": {"--routing-engines", "2"}, "virtual chassis": {"--virtual-chassis", "3", "--rfc-compliant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var only []string
			if args != nil && name != "rfc-compliant" {
				only = devicetest.Commits()
			}
			devicetest.Run(t, func(t *testing.T) devicetest.Subject {
				l := startLab(t, time.Second, args...)
				return devicetest.Subject{
					Open: l.open, Edit: l.edit, Minute: time.Second, Synchronize: name == "two engines",
					OpenCut: func(ctx context.Context) (devices.Device, func(), error) {
						behind, cut := l.Through(t)
						dev, err := (&lab{behind}).open(ctx)
						return dev, cut, err
					},
				}
			}, only...)
		})
	}
}

func review(t *testing.T, l *lab, set string) diffs.DevicePlan {
	t.Helper()
	plan, err := devices.Review(t.Context(), l.mustOpen(t), diffs.Change{Mode: junos.Set, Text: set})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestApply(t *testing.T) {
	l := startLab(t, time.Minute)
	state := t.TempDir()
	run, err := devices.NewRun(state, devices.RunInfo{User: "alice", Message: "T123456 why"})
	if err != nil {
		t.Fatal(err)
	}
	before := l.fingerprint(t)
	plan := review(t, l, addSuite)
	if plan.Fingerprint != before || len(plan.Edits) != 1 || plan.Edits[0] != strings.TrimSpace(addSuite) {
		t.Errorf("plan %+v", plan)
	}
	out, err := run.Apply(t.Context(), []devices.Job{{Plan: plan, Dial: l.open}}, devices.ApplyOptions{Confirm: 3 * time.Minute})
	if err != nil || len(out) != 1 || out[0].Result != devices.Committed || out[0].Err != nil {
		t.Fatalf("outcome %+v", out)
	}
	if now := l.fingerprint(t); now != out[0].After || now == before {
		t.Errorf("it runs %s, the outcome says %s", now, out[0].After)
	}
	h, err := l.mustOpen(t).History(t.Context())
	if err != nil || h[0].Comment != "T123456 why (alice, run "+run.ID+")" || h[0].Confirm != 0 || h[0].User != "lab" {
		t.Errorf("history %+v, %v", h[0], err)
	}
	// The same plan again: the configuration has moved by our own commit.
	again, err := devices.NewRun(state, devices.RunInfo{User: "alice", Message: "T123456 why"})
	if err != nil {
		t.Fatal(err)
	}
	out, err = again.Apply(t.Context(), []devices.Job{{Plan: plan, Dial: l.open}}, devices.ApplyOptions{Confirm: 3 * time.Minute})
	if err != nil || out[0].Result != devices.NotCommitted || !errors.Is(out[0].Err, devices.ErrMoved) {
		t.Errorf("the same plan again: %+v", out[0])
	}
}

// TestRefusals: each reason not to commit is one clear error, and nothing is changed.
func TestRefusals(t *testing.T) {
	l := startLab(t, time.Minute)
	before := l.fingerprint(t)
	closedPort := devicetest.FreePort(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // nothing is written to it
	_, silentPort, err := net.SplitHostPort(silent.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(l.SSHConfig)
	if err != nil {
		t.Fatal(err)
	}
	with := func(old, replacement, password string) func(context.Context) (devices.Device, error) {
		name := filepath.Join(t.TempDir(), "ssh_config")
		devicetest.WriteFile(t, name, strings.ReplaceAll(string(text), old, replacement))
		other := &lab{&devicetest.Lab{Dialer: devicetest.NewDialer(t, name, password)}}
		return other.open
	}
	badKnown := filepath.Join(t.TempDir(), "known_hosts")
	devicetest.WriteFile(t, badKnown, "[127.0.0.1]:"+l.Port+" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAlDsVAsXnF7ZqP1l2NBqFvGmGZrDzPyRmDfRJRvNDRB\n")
	knownLine := "UserKnownHostsFile " + filepath.Join(filepath.Dir(l.SSHConfig), "known_hosts")

	plan := review(t, l, addSuite)
	t.Run("connect", func(t *testing.T) {
		for name, c := range map[string]struct {
			dial func(context.Context) (devices.Device, error)
			is   func(error) bool
			want string
		}{
			"closed port":      {with("Port "+l.Port, "Port "+closedPort, devicetest.LabPassword), is[*devices.UnreachableError], "connection refused"},
			"silence":          {with("Port "+l.Port, "ConnectTimeout 1\n  Port "+silentPort, devicetest.LabPassword), is[*devices.UnreachableError], "no answer within 1s"},
			"wrong password":   {with("", "", "wrong"), is[*devices.AuthError], "refused"},
			"changed host key": {with(knownLine, "UserKnownHostsFile "+badKnown, devicetest.LabPassword), is[*devices.HostKeyError], "has changed"},
			"unknown host key": {with(knownLine, "UserKnownHostsFile none", devicetest.LabPassword), is[*devices.HostKeyError], "is unknown"},
		} {
			t.Run(name, func(t *testing.T) { refuses(t, plan, c.dial, c.is, c.want) })
		}
	})
	t.Run("locked", func(t *testing.T) {
		holder := l.mustOpen(t)
		c, err := holder.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, plan, l.open, is[*devices.LockedError], "locked by lab")
		if err := c.Discard(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("failing check", func(t *testing.T) {
		d := l.mustOpen(t)
		_, err := devices.Review(t.Context(), d, diffs.Change{Mode: junos.Set, Text: "set protocols bgp group PyBal type external\nset protocols bgp group PyBal import undefined-policy\n"})
		if !is[*devices.CommitError](err) || !strings.Contains(err.Error(), "undefined-policy") {
			t.Errorf("Review = %v", err)
		}
	})
	t.Run("dirty", func(t *testing.T) {
		l.edit(t, "set system domain-name example.net\n")
		refuses(t, plan, l.open, is[*devices.DirtyError], "domain-name example.net")
	})
	if now := l.fingerprint(t); now != before {
		t.Error("the running configuration has changed")
	}
}

// refuses applies a plan that must be refused.
func refuses(t *testing.T, plan diffs.DevicePlan, open func(context.Context) (devices.Device, error), is func(error) bool, want string) {
	t.Helper()
	run, err := devices.NewRun(t.TempDir(), devices.RunInfo{User: "alice", Message: "T1"})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.Apply(t.Context(), []devices.Job{{Plan: plan, Dial: open}}, devices.ApplyOptions{Confirm: 3 * time.Minute})
	if err != nil || len(out) != 1 || out[0].Result != devices.NotCommitted || !is(out[0].Err) || !strings.Contains(out[0].Err.Error(), want) ||
		!strings.Contains(out[0].Err.Error(), devicetest.LabDevice) {
		t.Errorf("outcome %s: %v; want %q", out[0], out[0].Err, want)
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok && devices.Hint(err) != ""
}

// The environment of a victim: a child that applies a plan and kills itself at a step.
const (
	victimEnv = "RHAPSODE_TEST_VICTIM" // STEP or STEP+ (after it)
	victimDir = "RHAPSODE_TEST_STATE"
	victimSSH = "RHAPSODE_TEST_SSH_CONFIG"
)

// victim reviews, applies, and dies by SIGKILL on the way.
func victim() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dialer, err := dial.New(dial.Config{ConfigFile: os.Getenv(victimSSH), Password: func(string, string) (string, error) { return devicetest.LabPassword, nil }})
	if err != nil {
		return fail(err)
	}
	l := &lab{&devicetest.Lab{Dialer: dialer}}
	ctx := context.Background()
	dev, err := l.open(ctx)
	if err != nil {
		return fail(err)
	}
	plan, err := devices.Review(ctx, dev, diffs.Change{Mode: junos.Set, Text: addSuite})
	if err != nil {
		return fail(err)
	}
	run, err := devices.NewRun(os.Getenv(victimDir), devices.RunInfo{User: "alice", Message: "T123456 why"})
	if err != nil {
		return fail(err)
	}
	run.Apply(ctx, []devices.Job{{Plan: plan, Dial: l.open}}, devices.ApplyOptions{Confirm: 3 * time.Minute, Hook: func(s devices.Step, after bool) error {
		at := string(s)
		if after {
			at += "+"
		}
		if at == os.Getenv(victimEnv) {
			return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGKILL), errors.New("still alive"))
		}
		return nil
	}})
	return fail(errors.New("the victim came to its end"))
}

// TestKilled kills the process that applies. The router frees the lock, takes back what was not confirmed, and the next
// run says how the killed one ended.
func TestKilled(t *testing.T) {
	for at, want := range map[string]devices.Result{
		"load+":    devices.NotCommitted,
		"commit":   devices.NotCommitted,
		"commit+":  devices.RolledBack,
		"confirm":  devices.RolledBack,
		"confirm+": devices.Committed,
		"outcome":  devices.Committed,
	} {
		t.Run(at, func(t *testing.T) {
			l := startLab(t, 500*time.Millisecond)
			before := l.fingerprint(t)
			state := t.TempDir()
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), victimEnv+"="+at, victimDir+"="+state, victimSSH+"="+l.SSHConfig)
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:errcheck,forcetypeassert // Linux
				t.Fatalf("the victim was not killed: %v\n%s", err, out)
			}
			if want == devices.RolledBack {
				waitFor(t, func() bool { return l.fingerprint(t) == before })
			}
			run, err := devices.NewRun(state, devices.RunInfo{User: "bob", Message: "T2"})
			if err != nil {
				t.Fatal(err)
			}
			defer run.Close() //nolint:errcheck // a test's
			left := run.Unfinished()
			if len(left) != 1 || left[0].Device != devicetest.LabDevice || left[0].User != "alice" {
				t.Fatalf("unfinished %v", left)
			}
			end, err := devices.Settle(t.Context(), l.mustOpen(t), left[0])
			if err != nil || end.Result != want {
				t.Errorf("it ended %s, %v; want %s", end.Result, err, want)
			}
			if same := l.fingerprint(t) == before; same != (want != devices.Committed) {
				t.Errorf("the running configuration is the one before: %v", same)
			}
			waitFor(t, func() bool {
				c, err := l.mustOpen(t).Lock(t.Context())
				if err != nil {
					return false
				}
				return c.Discard(t.Context()) == nil
			})
		})
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
