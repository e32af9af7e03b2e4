package devices_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
)

const summary = "show bgp summary | display xml"

// sessions makes the router answer with the state of its sessions; state is asked at each look, with whether the change
// is in place and since when.
func (b *bench) sessions(state func(changed bool, since time.Duration) string) {
	var at time.Time
	b.router.Answer(summary, func(running string) (string, error) {
		changed := strings.Contains(running, "SUITE")
		if changed && at.IsZero() {
			at = time.Now()
		}
		var since time.Duration
		if changed {
			since = time.Since(at)
		}
		return "<bgp-information><bgp-peer><peer-address>192.0.2.1</peer-address><peer-state>" + state(changed, since) + "</peer-state></bgp-peer></bgp-information>", nil
	})
}

func TestChecksAfter(t *testing.T) {
	up := func(bool, time.Duration) string { return "Established" }
	t.Run("a session that stays", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.sessions(up)
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
		})
	})
	t.Run("a session that comes back in time", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.sessions(func(changed bool, since time.Duration) string {
				if changed && since < 40*time.Second {
					return "Active"
				}
				return "Established"
			})
			start := time.Now()
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if took := time.Since(start); took < 40*time.Second || took > 45*time.Second {
				b.Errorf("it took %s", took)
			}
		})
	})
	t.Run("a session that does not", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.sessions(func(changed bool, _ time.Duration) string {
				return map[bool]string{false: "Established", true: "Connect"}[changed]
			})
			b.opts.Wait = true
			start := time.Now()
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RolledBack)
			e, ok := errors.AsType[*devices.CheckError](err)
			if !ok || len(e.Findings) != 1 || len(out.Findings) != 1 || e.After < 45*time.Second || e.After > 50*time.Second {
				b.Fatalf("the error is %v, the findings %v", err, out.Findings)
			}
			if want := "bgp 192.0.2.1: the session is down (before: Established; after: Connect)"; !strings.Contains(err.Error(), want) {
				b.Errorf("the error is %v, want %s", err, want)
			}
			if took := time.Since(start); took < 3*time.Minute {
				b.Errorf("it has rolled back after %s", took)
			}
			b.untouched()
		})
	})
	t.Run("a shorter time to settle", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.sessions(func(changed bool, _ time.Duration) string {
				return map[bool]string{false: "Established", true: "Connect"}[changed]
			})
			b.opts.Rules.Settle = 10 * time.Second
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			if e, ok := errors.AsType[*devices.CheckError](err); !ok || e.After > 12*time.Second {
				b.Errorf("the error is %v", err)
			}
		})
	})
	t.Run("good for a while", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.sessions(func(changed bool, since time.Duration) string { // it flaps later
				if changed && since > 5*time.Second && since < 20*time.Second {
					return "Idle"
				}
				return "Established"
			})
			b.opts.Rules.Hold = 8 * time.Second
			start := time.Now()
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if took := time.Since(start); took < 28*time.Second {
				b.Errorf("it took %s", took)
			}
		})
	})
	t.Run("what the change takes away", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.must(b.router.CommitAs("bob", "set protocols bgp group A neighbor 192.0.2.1\nset policy-options prefix-list SUITE 192.0.2.0/24\n", "T9", 0))
			b.router.Answer(summary, func(running string) (string, error) {
				if strings.Contains(running, "neighbor") {
					return "<bgp-information><bgp-peer><peer-address>192.0.2.1</peer-address><peer-state>Established</peer-state></bgp-peer></bgp-information>", nil
				}
				return "<output>BGP is not running</output>", nil
			})
			b.plan = b.review(change("delete protocols bgp\n"))
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if len(out.Findings) != 1 || out.Findings[0].Failed || !strings.Contains(out.Findings[0].String(), "expected: the change removes or deactivates it in group A") {
				b.Errorf("findings %v", out.Findings)
			}
		})
	})
}

func TestChecksCannotAsk(t *testing.T) {
	t.Run("it never could", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Answer(summary, nil)
			b.router.Answer("show chassis alarms | display xml", func(string) (string, error) { return "<output>none</output>", nil })
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			notes := strings.Join(out.Notes, "\n")
			if !strings.Contains(notes, "not checked: BGP sessions (the device says: syntax error") || !strings.Contains(notes, "not checked: chassis alarms") {
				b.Errorf("notes %q", notes)
			}
		})
	})
	t.Run("it could before", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Answer(summary, func(running string) (string, error) {
				if strings.Contains(running, "SUITE") {
					return "", &devices.RPCError{Severity: "error", Message: "permission denied"}
				}
				return "<output>BGP is not running</output>", nil
			})
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			if !strings.Contains(err.Error(), "reachable BGP sessions: it cannot be asked any more (before: answered; after: permission denied)") {
				b.Errorf("the error is %v", err)
			}
		})
	})
	t.Run("the session breaks at the snapshot before", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Fail(devicetest.Query, &devicetest.Fault{Lose: true})
			out, err := b.apply(b.Context())
			b.want(out, err, devices.NotCommitted)
			if !errors.Is(err, devices.ErrSessionLost) || out.Step != devices.StepSnapshot {
				b.Errorf("in %s: %v", out.Step, err)
			}
			b.untouched()
		})
	})
	t.Run("the second session breaks at the checks", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			for range 4 {
				b.router.Fail(devicetest.Query, nil)
			}
			b.router.Fail(devicetest.Query, &devicetest.Fault{Lose: true})
			b.router.Fail(devicetest.Query, &devicetest.Fault{Lose: true})
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
		})
	})
}

// TestDeclaredChecks: each with its own time, and the window holds three times the longest.
func TestDeclaredChecks(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.router.Answer("show vip", func(running string) (string, error) {
			if strings.Contains(running, "SUITE") {
				return "vip down\n", nil
			}
			return "vip up\n", nil
		})
		b.opts.Rules = devices.Rules{
			Routes: []netip.Prefix{netip.MustParsePrefix("203.0.113.1/32")},
			Checks: []devices.DeclaredCheck{{Name: "vip", Command: "show vip", Match: "up", Timeout: 6 * time.Second}},
		}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.RollingBack)
		e, ok := errors.AsType[*devices.CheckError](err)
		if !ok || e.After > 10*time.Second || !strings.Contains(err.Error(), "vip: `show vip` does not show \"up\" (before: vip up; after: vip down)") {
			b.Errorf("the error is %v", err)
		}
		if !strings.Contains(strings.Join(out.Notes, "\n"), "not checked: route to 203.0.113.1/32") {
			b.Errorf("notes %q", out.Notes)
		}
	})
	for _, c := range []struct {
		timeout, confirm time.Duration
		fits             bool
	}{{50 * time.Second, 3 * time.Minute, true}, {54 * time.Second, 3 * time.Minute, false}, {54 * time.Second, 4 * time.Minute, true}, {0, time.Minute, true}} {
		inBubble(t, func(b *bench) {
			b.router.Answer("show vip", func(string) (string, error) { return "up", nil })
			b.opts.Confirm = c.confirm
			b.opts.Rules.Checks = []devices.DeclaredCheck{{Name: "vip", Command: "show vip", Match: "up", Timeout: c.timeout}}
			out, err := b.apply(b.Context())
			if fits := !errors.Is(err, devices.ErrConfirmTime); fits != c.fits || fits != (out.Result == devices.Committed) {
				b.Errorf("%v: %s, %v", c, out, err)
			}
		})
	}
	inBubble(t, func(b *bench) {
		b.opts.Rules.Checks = []devices.DeclaredCheck{{Name: "vip", Command: "request system reboot", Match: "x"}}
		out, err := b.apply(b.Context())
		b.want(out, err, devices.NotCommitted)
		if !errors.Is(err, devices.ErrPlan) || !strings.Contains(fmt.Sprint(err), "only looks") {
			b.Errorf("the error is %v", err)
		}
	})
}

// TestRouteAreas: what lies in one area is asked for by one command, and what lies in none by its own.
func TestRouteAreas(t *testing.T) {
	table := func(prefixes ...string) string {
		var b strings.Builder
		b.WriteString("<route-information><route-table><table-name>inet.0</table-name>")
		for _, p := range prefixes {
			b.WriteString("<rt><rt-destination>" + p + "</rt-destination><rt-entry><active-tag>*</active-tag><current-active/>" +
				"<protocol-name>BGP</protocol-name><nh><to>192.0.2.1</to></nh></rt-entry></rt>")
		}
		return b.String() + "</route-table></route-information>"
	}
	prepare := func(b *bench) {
		b.router.Answer("show route 203.0.113.0/27 | display xml", func(running string) (string, error) {
			if strings.Contains(running, "SUITE") {
				return table("203.0.113.0/27", "203.0.113.1/32"), nil
			}
			return table("203.0.113.0/27", "203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"), nil
		})
		b.router.Answer("show route 203.0.113.100/32 exact | display xml", func(string) (string, error) { return table("203.0.113.100/32"), nil })
		b.opts.Rules.Areas = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/27"), netip.MustParsePrefix("203.0.113.96/27")}
		for _, p := range []string{"203.0.113.1/32", "203.0.113.100/32", "203.0.113.2/32"} {
			b.opts.Rules.Routes = append(b.opts.Rules.Routes, netip.MustParsePrefix(p))
		}
	}
	inBubble(t, func(b *bench) {
		prepare(b)
		out, err := b.apply(b.Context())
		b.want(out, err, devices.RollingBack)
		if e, ok := errors.AsType[*devices.CheckError](err); !ok || !strings.Contains(err.Error(), "203.0.113.2/32 in inet.0") || strings.Contains(err.Error(), "203.0.113.3") {
			b.Errorf("%v: the error is %v", e, err)
		}
		if got := strings.Join(out.Notes, "\n"); strings.Contains(got, "not checked") {
			b.Errorf("notes %q", got)
		}
	})
	inBubble(t, func(b *bench) {
		prepare(b)
		b.router.Answer("show route 203.0.113.0/27 | display xml", nil)
		out, err := b.apply(b.Context())
		b.want(out, err, devices.Committed)
		if got := strings.Join(out.Notes, "\n"); !strings.Contains(got, "not checked: route to 203.0.113.1/32, route to 203.0.113.2/32 (") {
			b.Errorf("notes %q", got)
		}
	})
}
