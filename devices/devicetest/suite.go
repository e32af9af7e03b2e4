package devicetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// The change that most cases make.
const (
	addLines  = "set policy-options prefix-list SUITE 198.51.100.0/24\n"
	badPolicy = "set protocols bgp group PyBal import undefined-policy\nset protocols bgp group PyBal type external\n"
)

type suite struct {
	*testing.T
	ctx     context.Context //nolint:containedctx // one test's
	subject Subject
}

func (s *suite) open() devices.Device {
	s.Helper()
	dev, err := s.subject.Open(s.ctx)
	if err != nil {
		s.Fatalf("open: %v", err)
	}
	guarded := Guard(s.T, dev)
	s.Cleanup(func() {
		if err := dev.Close(); err != nil {
			s.Errorf("close: %v", err)
		}
	})
	return guarded
}

func (s *suite) lock(dev devices.Device) devices.Candidate {
	s.Helper()
	c, err := dev.Lock(s.ctx)
	if err != nil {
		s.Fatalf("lock: %v", err)
	}
	return c
}

func (s *suite) check(c devices.Candidate) {
	s.Helper()
	_, err := c.Check(s.ctx)
	s.must("check", err)
}

func (s *suite) commitWith(c devices.Candidate, opts devices.CommitOptions) {
	s.Helper()
	opts.Synchronize = s.subject.Synchronize
	_, err := c.Commit(s.ctx, opts)
	s.must("commit", err)
}

func (s *suite) load(c devices.Candidate, change diffs.Change) []devices.Warning {
	s.Helper()
	w, err := c.Load(s.ctx, change)
	if err != nil {
		s.Fatalf("load: %v", err)
	}
	return w
}

func (s *suite) compare(c devices.Candidate) string {
	s.Helper()
	text, err := c.Compare(s.ctx)
	if err != nil {
		s.Fatalf("compare: %v", err)
	}
	return text
}

func (s *suite) must(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

// complains demands an error that names the device; those that a person can do something about have a hint.
func (s *suite) complains(dev devices.Device, err error, hint bool) {
	s.Helper()
	if err == nil || !strings.Contains(err.Error(), dev.Name()) {
		s.Errorf("the error does not name %s: %v", dev.Name(), err)
	}
	if hint && devices.Hint(err) == "" {
		s.Errorf("no hint goes with %v", err)
	}
}

func (s *suite) fingerprint(dev devices.Device) string {
	s.Helper()
	text, err := dev.Running(s.ctx)
	s.must("running", err)
	return s.parse(text)
}

func (s *suite) parse(text string) string {
	s.Helper()
	tree, err := junos.Parse("running", []byte(text), nil)
	s.must("parse", err)
	return tree.Fingerprint()
}

func (s *suite) history(dev devices.Device) []devices.Commit {
	s.Helper()
	h, err := dev.History(s.ctx)
	s.must("history", err)
	if len(h) == 0 {
		s.Fatal("the history is empty")
	}
	for i, c := range h {
		if c.Number != i {
			s.Fatalf("entry %d of the history has number %d", i, c.Number)
		}
	}
	return h
}

// unchanged opens a new session and demands that nothing is left of what a case did.
func (s *suite) unchanged(fingerprint string) {
	s.Helper()
	dev := s.open()
	if got := s.fingerprint(dev); got != fingerprint {
		s.Errorf("the running configuration has changed: %s, want %s", got, fingerprint)
	}
	c := s.lock(dev)
	if text := s.compare(c); text != "" {
		s.Errorf("the candidate holds edits:\n%s", text)
	}
	s.must("discard", c.Discard(s.ctx))
}

var addChange = diffs.Change{Mode: junos.Set, Text: addLines}

// hasLine tells whether a compare has a line, whatever its indent.
func hasLine(compare, want string) bool {
	for line := range strings.Lines(compare) {
		if strings.Join(strings.Fields(line), " ") == want {
			return true
		}
	}
	return false
}

// adds demands a compare of the change that most cases make.
func (s *suite) adds(compare string) {
	s.Helper()
	if !strings.HasPrefix(compare, "[edit policy-options]\n+ ") || !hasLine(compare, "+ 198.51.100.0/24;") ||
		!strings.HasSuffix(compare, "\n") || strings.HasSuffix(compare, "\n\n") {
		s.Errorf("the compare does not show what was added:\n%s", compare)
	}
}

func (s *suite) running() {
	dev := s.open()
	if dev.Name() == "" {
		s.Error("the device has no name")
	}
	if got, want := s.fingerprint(dev), s.parse(Config); got != want {
		text, _ := dev.Running(s.ctx) //nolint:errcheck // for the message
		s.Errorf("the router does not run Config but:\n%s", text)
	}
	c := s.lock(dev)
	s.load(c, addChange)
	if got, want := s.fingerprint(dev), s.parse(Config); got != want {
		s.Error("Running shows uncommitted edits")
	}
	s.must("discard", c.Discard(s.ctx))
}

func (s *suite) loadCompareDiscard() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	if text := s.compare(c); text != "" {
		s.Errorf("compare of a clean candidate is %q", text)
	}
	s.load(c, addChange)
	s.adds(s.compare(c))
	if texter, ok := c.(devices.Texter); ok {
		text, err := texter.Text(s.ctx)
		s.must("text", err)
		if !strings.Contains(text, "SUITE") {
			s.Errorf("the candidate's text lacks the edit:\n%s", text)
		}
	}
	s.check(c)
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

func (s *suite) modes() {
	dev := s.open()
	for _, x := range []struct {
		mode       junos.Mode
		text, want string
	}{
		{junos.Merge, "policy-options { prefix-list LVS-service-ips { 198.51.100.0/24; } }", "+ 198.51.100.0/24;"},
		{junos.Replace, "policy-options { replace: prefix-list LVS-service-ips { 198.51.100.0/24; } }", "- 192.0.2.0/24;"},
		{junos.Override, "system { host-name cr1; }", "- policy-options {"},
		{junos.Update, "system { host-name cr1; }", "- policy-options {"},
		{junos.Set, "delete policy-options prefix-list LVS-service-ips\n", "- prefix-list LVS-service-ips {"},
	} {
		c := s.lock(dev)
		s.load(c, diffs.Change{Mode: x.mode, Text: x.text})
		if got := s.compare(c); !hasLine(got, x.want) {
			s.Errorf("mode %s: the compare lacks %q:\n%s", x.mode, x.want, got)
		}
		s.must("discard", c.Discard(s.ctx))
	}
}

func (s *suite) lockExclusive() {
	one, two := s.open(), s.open()
	c := s.lock(one)
	_, err := two.Lock(s.ctx)
	locked, ok := errors.AsType[*devices.LockedError](err)
	if !ok {
		s.Fatalf("the second lock is %v, want a LockedError", err)
	}
	if locked.Holder == "" {
		s.Errorf("%+v names no holder", locked)
	}
	s.complains(two, err, true)
	s.must("discard", c.Discard(s.ctx))
	c = s.lock(two)
	s.must("discard", c.Discard(s.ctx))
}

func (s *suite) closeFrees() {
	before := s.parse(Config)
	dev, err := s.subject.Open(s.ctx) // without the guard, which forbids this
	s.must("open", err)
	c := s.lock(dev)
	s.load(c, addChange)
	s.must("close", dev.Close())
	s.eventually("the lock of a closed session stays", func() bool {
		other := s.open()
		c, err := other.Lock(s.ctx)
		if err != nil {
			return false
		}
		s.must("discard", c.Discard(s.ctx))
		return true
	})
	s.unchanged(before)
}

func (s *suite) dirty() {
	s.subject.Edit(s.T, addLines)
	dev := s.open()
	for range 2 { // the second time proves that the first left it alone
		_, err := dev.Lock(s.ctx)
		d, ok := errors.AsType[*devices.DirtyError](err)
		if !ok {
			s.Fatalf("lock over somebody's edits is %v, want a DirtyError", err)
		}
		s.adds(d.Compare)
		s.complains(dev, err, true)
	}
}

func (s *suite) loadFails() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	_, err := c.Load(s.ctx, diffs.Change{Mode: junos.Merge, Text: "system {\n    host-name cr2;\n    }\n}\n"})
	e, ok := errors.AsType[*devices.CommitError](err)
	if !ok || e.Phase != "load" || e.Message == "" {
		s.Fatalf("load of bad text is %v, want a CommitError of phase load", err)
	}
	s.complains(dev, err, true)
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

func (s *suite) loadWarns() {
	dev := s.open()
	c := s.lock(dev)
	w := s.load(c, diffs.Change{Mode: junos.Set, Text: "delete policy-options prefix-list absent\n"})
	if len(w) == 0 || !strings.Contains(w[0].Message, "statement not found") || w[0].Phase != "load" || w[0].Device != dev.Name() {
		s.Errorf("delete of what is absent warns %q", w)
	}
	s.must("discard", c.Discard(s.ctx))
}

func (s *suite) checkFails() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	s.load(c, diffs.Change{Mode: junos.Set, Text: badPolicy})
	_, err := c.Check(s.ctx)
	e, ok := errors.AsType[*devices.CommitError](err)
	if !ok || e.Phase != "check" || !strings.Contains(e.Error(), "undefined-policy") {
		s.Fatalf("check of an undefined policy is %v, want a CommitError of phase check that names it", err)
	}
	s.complains(dev, err, true)
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

// commitAdded commits the change of most cases.
func (s *suite) commitAdded(dev devices.Device, opts devices.CommitOptions) devices.Candidate {
	s.Helper()
	c := s.lock(dev)
	s.load(c, addChange)
	s.check(c)
	s.commitWith(c, opts)
	return c
}

func (s *suite) commit() {
	const comment = "T1 <why> & 'how' (u, run 01H)"
	dev := s.open()
	before := len(s.history(dev))
	start := time.Now().Add(-2 * time.Minute) // the device's clock may be another
	c := s.commitAdded(dev, devices.CommitOptions{Comment: comment})
	s.must("discard", c.Discard(s.ctx))
	other := s.open()
	h := s.history(other)
	if len(h) != before+1 || h[0].Comment != comment || h[0].User == "" || h[0].Confirm != 0 || h[0].Time.Before(start) {
		s.Errorf("the history begins %+v", h[0])
	}
	text, err := other.Running(s.ctx)
	s.must("running", err)
	if !strings.Contains(text, "SUITE") {
		s.Error("the change is not in the running configuration")
	}
}

func (s *suite) rollback() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	s.load(c, addChange)
	added := s.compare(c)
	s.check(c)
	s.commitWith(c, devices.CommitOptions{Comment: "T1"})
	s.must("discard", c.Discard(s.ctx))
	c = s.lock(dev)
	one := 1
	s.load(c, diffs.Change{Rollback: &one})
	if got, want := s.compare(c), strings.ReplaceAll(added, "+ ", "- "); got != want {
		s.Errorf("compare of a rollback:\n%s\nwant:\n%s", got, want)
	}
	s.check(c)
	s.commitWith(c, devices.CommitOptions{Comment: "T2"})
	s.must("discard", c.Discard(s.ctx))
	if got := s.fingerprint(dev); got != before {
		s.Errorf("after the rollback it runs %s, want %s", got, before)
	}
}

func (s *suite) confirm() {
	dev, other := s.open(), s.open()
	c := s.commitAdded(dev, devices.CommitOptions{Comment: "T1", Confirm: 10 * time.Minute})
	if h := s.history(other); h[0].Confirm != 10*time.Minute || h[0].Comment != "T1" {
		s.Errorf("with the window open the history begins %+v", h[0])
	}
	after := s.fingerprint(other)
	s.commitWith(c, devices.CommitOptions{Comment: "T1"})
	h := s.history(other)
	if h[0].Confirm != 0 || h[0].Comment != "T1" {
		s.Errorf("after the confirm the history begins %+v", h[0])
	}
	if h[1].Confirm != 0 {
		s.Errorf("after the confirm the entry before is %+v", h[1])
	}
	s.must("discard", c.Discard(s.ctx))
	if got := s.fingerprint(other); got != after {
		s.Error("the confirm changed the running configuration")
	}
}

func (s *suite) rollsBack() {
	if s.subject.Minute <= 0 || s.subject.Minute >= time.Minute {
		s.Skip("a minute of this router's confirm window lasts a minute: too long to wait for here")
	}
	dev, other := s.open(), s.open()
	before := s.fingerprint(dev)
	c := s.commitAdded(dev, devices.CommitOptions{Comment: "T1", Confirm: time.Minute})
	s.eventually("the device has not rolled back", func() bool { return s.fingerprint(other) == before })
	if h := s.history(other); h[0].Comment == "T1" || h[1].Comment != "T1" || h[0].Confirm != 0 {
		s.Errorf("after a rollback the history begins %+v, %+v", h[0], h[1])
	}
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

func (s *suite) seconds() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	s.load(c, addChange)
	s.check(c)
	if _, err := c.Commit(s.ctx, devices.CommitOptions{Comment: "T1", Confirm: 90 * time.Second}); !errors.Is(err, devices.ErrConfirmTime) {
		s.Errorf("a window of 90s is %v, want ErrConfirmTime", err)
	}
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

func (s *suite) queries() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.commitAdded(dev, devices.CommitOptions{Comment: "T1"})
	s.must("discard", c.Discard(s.ctx))
	text, err := dev.Query(s.ctx, "show system rollback 1")
	s.must("query", err)
	if s.parse(text) != before {
		s.Errorf("rollback 1 is not what ran before:\n%s", text)
	}
	_, err = dev.Query(s.ctx, "show no-such-thing")
	if _, ok := errors.AsType[*devices.RPCError](err); !ok {
		s.Errorf("an unknown command is %v, want an RPCError", err)
	}
	s.complains(dev, err, false)
	if s.fingerprint(dev) == before {
		s.Error("the session is of no use after a refused command")
	}
}

func (s *suite) again() {
	dev := s.open()
	c := s.lock(dev)
	s.must("discard", c.Discard(s.ctx))
	s.must("second discard", c.Discard(s.ctx))
	c = s.commitAdded(dev, devices.CommitOptions{Comment: "T1"})
	after := s.fingerprint(dev)
	s.must("discard after commit", c.Discard(s.ctx))
	s.must("close", dev.Close())
	s.must("second close", dev.Close())
	_, err := dev.Running(s.ctx)
	if !errors.Is(err, devices.ErrSessionLost) {
		s.Errorf("Running on a closed session is %v, want ErrSessionLost", err)
	}
	s.complains(dev, err, false)
	s.unchanged(after)
}

func (s *suite) doneContext() {
	dev := s.open()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := dev.Running(ctx); !errors.Is(err, context.Canceled) {
		s.Errorf("Running with a done context is %v", err)
	}
	if _, err := dev.Lock(ctx); !errors.Is(err, context.Canceled) {
		s.Errorf("Lock with a done context is %v", err)
	}
	s.unchanged(s.parse(Config))
}

// eventually waits for something that the device does by itself.
func (s *suite) eventually(complaint string, done func() bool) {
	s.Helper()
	for !done() {
		select {
		case <-s.ctx.Done():
			s.Fatal(complaint)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
