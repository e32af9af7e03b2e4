package devices_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"rhapsode/devices"
)

const enginesCommand = "show chassis routing-engine | display xml"

// TestEngines: what the device has for routing engines, and how it is committed then.
func TestEngines(t *testing.T) {
	engine := func(slot, state string) string {
		return "<route-engine><slot>" + slot + "</slot><mastership-state>" + state + "</mastership-state><status>OK</status></route-engine>"
	}
	two := func(state string) string {
		return "<route-engine-information>" + engine("0", "master") + engine("1", state) + "</route-engine-information>"
	}
	const unknown = "unknown command"
	for _, c := range []struct {
		name, answer, config string
		force                bool
		noSecond             string
		want                 devices.Result
		synchronized         []bool
		is                   func(error) bool
	}{
		{name: "one", answer: "<route-engine-information>" + engine("0", "master") + "</route-engine-information>", want: devices.Committed, synchronized: []bool{false, false}},
		{name: "two", answer: two("backup"), want: devices.Committed, synchronized: []bool{true, true}},
		{name: "two, one present", answer: two("Present"), want: devices.Committed, synchronized: []bool{true, true}},
		{name: "two, one disabled", answer: two("disabled"), want: devices.NotCommitted, is: is[*devices.EngineError]},
		{name: "two, one disabled, forced", answer: two("disabled"), force: true, want: devices.Committed, synchronized: []bool{false, false}},
		{name: "two, one empty", answer: two(""), want: devices.NotCommitted, is: is[*devices.EngineError]},
		{name: "two, and synchronize is refused", answer: two("backup"), noSecond: "could not connect to re1", want: devices.NotCommitted, is: is[*devices.CommitError]},
		{name: "not told", answer: unknown, want: devices.Committed, synchronized: []bool{false, false}},
		{name: "not told, but configured", answer: unknown, config: "set system commit synchronize\n", want: devices.Committed, synchronized: []bool{true, true}},
		{name: "not told, and not configured any more", answer: unknown, config: "set system commit synchronize\ndeactivate system commit\n", want: devices.Committed, synchronized: []bool{false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				if c.config != "" {
					b.must(b.router.CommitAs("bob", c.config, "T9", 0))
					b.before = b.router.Text()
					b.plan = b.review(change(addSuite))
				}
				b.router.Answer(enginesCommand, func(string) (string, error) {
					if c.answer == unknown {
						return "", &devices.RPCError{Severity: "error", Message: unknown}
					}
					return c.answer, nil
				})
				b.router.NoSecond = c.noSecond
				b.opts.Force = c.force
				out, err := b.apply(b.Context())
				b.want(out, err, c.want)
				if c.is != nil && !c.is(err) {
					b.Errorf("the error is %v", err)
				}
				if got := b.router.Synchronized(); !slices.Equal(got, c.synchronized) {
					b.Errorf("synchronized: %v, want %v", got, c.synchronized)
				}
				notes := strings.Join(out.Notes, "\n")
				if said := strings.Contains(notes, "not checked: routing engines"); said != (c.answer == unknown) {
					b.Errorf("notes %q", notes)
				}
				if c.want == devices.NotCommitted {
					b.untouched()
				}
			})
		})
	}
}

// TestEnginesLost: a session that breaks at the question ends it.
func TestEnginesLost(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.router.Answer(enginesCommand, func(string) (string, error) { return "", devices.ErrSessionLost })
		out, err := b.apply(b.Context())
		b.want(out, err, devices.NotCommitted)
		if !errors.Is(err, devices.ErrSessionLost) {
			b.Errorf("the error is %v", err)
		}
		b.untouched()
	})
}
