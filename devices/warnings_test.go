package devices_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

func TestIgnoreValidate(t *testing.T) {
	for _, c := range []struct {
		rule devices.Ignore
		want string
	}{
		{devices.Ignore{Match: "statement not found", Reason: "T1"}, ""},
		{devices.Ignore{Match: "requires .* license", Reason: "T1", Phase: "check", Errors: true}, ""},
		{devices.Ignore{Reason: "T1"}, "without a match"},
		{devices.Ignore{Match: "x"}, "without a reason"},
		{devices.Ignore{Match: "x", Reason: " "}, "without a reason"},
		{devices.Ignore{Match: "(", Reason: "T1"}, "missing closing"},
		{devices.Ignore{Match: "x*", Reason: "T1"}, "matches the empty text"},
		{devices.Ignore{Match: "x", Reason: "T1", Phase: "lock"}, "not load, check or commit"},
	} {
		err := c.rule.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.rule, err, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	license := map[string]string{"check": "BGP requires a license", "commit": "the other engine is slow"}
	t.Run("shown", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Warns = license
			b.plan = b.review(diffs.Change{Mode: junos.Set, Text: addSuite + "delete system absent\n"})
			if got := strings.Join(b.plan.Warnings, "; "); got != "load: warning: statement not found; check: BGP requires a license" && !strings.Contains(got, "statement not found; check: BGP requires a license") {
				b.Errorf("the review warns %q", got)
			}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if len(out.Warnings) != 4 || out.Warnings[1].Phase != "check" || out.Warnings[2].Phase != "commit" || out.Warnings[1].Device != deviceName {
				b.Errorf("warnings %q", out.Warnings)
			}
			text, err := json.Marshal(out)
			b.must(err)
			var back devices.Outcome
			b.must(json.Unmarshal(text, &back))
			if len(back.Warnings) != 4 || !strings.Contains(string(text), `"check: BGP requires a license"`) {
				b.Errorf("in JSON %s", text)
			}
		})
	})
	t.Run("ignored with a reason", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Warns = license
			b.opts.WarningsFail = true
			b.opts.Ignore = []devices.Ignore{{Match: "REQUIRES A LICENSE", Reason: "T7 ordered"}, {Match: "engine is slow", Reason: "T8", Phase: "commit"}}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if notes := strings.Join(out.Notes, "\n"); len(out.Warnings) != 0 || !strings.Contains(notes, "ignored a warning: check: BGP requires a license (T7 ordered)") {
				b.Errorf("warnings %q, notes %q", out.Warnings, notes)
			}
		})
	})
	for phase, result := range map[string]devices.Result{"check": devices.NotCommitted, "commit": devices.RollingBack} {
		t.Run("stops at "+phase, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.router.Warns = map[string]string{phase: license[phase]}
				b.opts.WarningsFail = true
				b.opts.Ignore = []devices.Ignore{{Match: "license|slow", Reason: "T1", Phase: "load"}}
				out, err := b.apply(b.Context())
				b.want(out, err, result)
				if e, ok := errors.AsType[*devices.WarningError](err); !ok || e.Warnings[0].Message != license[phase] || devices.Hint(e) == "" {
					b.Errorf("the error is %v", err)
				}
				time.Sleep(time.Hour)
				b.untouched()
			})
		})
	}
}

// TestIgnoredErrors: a complaint of severity error is passed over only where a rule says so, and never at a commit.
func TestIgnoredErrors(t *testing.T) {
	refuse := func(phase string) *devicetest.Fault {
		return &devicetest.Fault{Done: true, Err: &devices.CommitError{
			Device: deviceName, Phase: phase, Severity: "error", Message: "license missing",
			Others: []*devices.RPCError{{Severity: "error", Message: "also license missing"}},
		}}
	}
	for _, c := range []struct {
		name  string
		op    devicetest.Operation
		phase string
		rule  devices.Ignore
		want  devices.Result
	}{
		{"a rule for warnings", devicetest.Load, "load", devices.Ignore{Match: "license", Reason: "T1"}, devices.NotCommitted},
		{"a rule for errors", devicetest.Load, "load", devices.Ignore{Match: "license", Reason: "T1", Errors: true}, devices.Committed},
		{"a rule for one of them", devicetest.Load, "load", devices.Ignore{Match: "^license", Reason: "T1", Errors: true}, devices.NotCommitted},
		{"commit check", devicetest.Check, "check", devices.Ignore{Match: "license", Reason: "T1", Errors: true}, devices.Committed},
		{"commit", devicetest.Commit, "commit", devices.Ignore{Match: "license", Reason: "T1", Errors: true}, devices.NotCommitted},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				f := refuse(c.phase)
				f.Done = c.op != devicetest.Commit
				b.router.Fail(c.op, f)
				b.opts.Ignore = []devices.Ignore{c.rule}
				dev, err := b.router.Open(b.Context(), "first") // without the guard, which demands a commit check that passed
				b.must(err)
				out, err := devices.Apply(b.Context(), dev, b.plan, b.opts)
				b.must(dev.Close())
				b.want(out, err, c.want)
				if c.want == devices.Committed && !strings.Contains(strings.Join(out.Notes, "\n"), "ignored an error: "+c.phase+": license missing (T1)") {
					b.Errorf("notes %q", out.Notes)
				}
			})
		})
	}
}

// TestLockoutGuard: refused at review in words, refused at apply in deed, and done where it is forced.
func TestLockoutGuard(t *testing.T) {
	prepare := func(b *bench) {
		b.router.Access = devices.Access{User: "lab"}
		b.must(b.router.CommitAs("bob", "set system login user lab class super-user\nset system services netconf ssh\n", "T9", 0))
		b.before = b.router.Text()
		b.plan = b.review(change("delete system login user lab\nset system authentication-order radius\n"))
	}
	inBubble(t, func(b *bench) {
		prepare(b)
		if got := strings.Join(b.plan.Risks, "\n"); !strings.Contains(got, "could lock us out: our own user lab is removed") || !strings.Contains(got, "look at it, for it decides who gets in: system authentication-order changes") {
			b.Errorf("the review says %q", got)
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.NotCommitted)
		if e, ok := errors.AsType[*devices.LockoutError](err); !ok || len(e.Risks) != 1 || !strings.Contains(devices.Hint(err), "--force") || out.Step != devices.StepCompare {
			b.Errorf("in %s: %v", out.Step, err)
		}
		b.untouched()
	})
	inBubble(t, func(b *bench) {
		prepare(b)
		b.opts.Force = true
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		if !strings.Contains(strings.Join(out.Notes, "\n"), "could lock us out") {
			b.Errorf("notes %q", out.Notes)
		}
	})
}

// TestReviewInWindow: a commit check would confirm what somebody has not confirmed yet.
func TestReviewInWindow(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.must(b.router.CommitAs("bob", "set system domain-name example.net\n", "T9", 10*time.Minute))
		dev := b.open()
		_, err := devices.Review(b.Context(), dev, change(addSuite))
		b.must(dev.Close())
		if e, ok := errors.AsType[*devices.WindowError](err); !ok || e.Commit.User != "bob" || !strings.Contains(devices.Hint(err), "rolls back at") {
			b.Errorf("the review is %v", err)
		}
		time.Sleep(11 * time.Minute)
		b.untouched()
	})
}
