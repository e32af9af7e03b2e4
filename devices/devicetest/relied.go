package devicetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// reliedCases are what Apply relies on at the edges: positions, sizes, odd words, and the loss of a connection.
func reliedCases() []suiteCase {
	return []suiteCase{
		{"an error has its line", (*suite).errorLine},
		{"comments come back as they were", (*suite).comments},
		{"comments that are more than a line", (*suite).badComments},
		{"a configuration of megabytes", (*suite).large},
		{"a query in XML", (*suite).queryXML},
		{"sessions at once", (*suite).atOnce},
		{"a lost connection frees lock and edits", (*suite).lostFrees},
		{"a lost connection leaves the window", (*suite).lostInWindow},
	}
}

func (s *suite) errorLine() {
	dev := s.open()
	for text, mode := range map[string]junos.Mode{
		"system {\n    host-name cr2;\n    }\n}\n": junos.Merge,
		"\n\n\nset nonsense { }\n":                 junos.Set,
	} {
		c := s.lock(dev)
		_, err := c.Load(s.ctx, diffs.Change{Mode: mode, Text: text})
		if e, ok := errors.AsType[*devices.CommitError](err); !ok || e.Line != 4 {
			s.Errorf("load of a text with a mistake in line 4 is %v", err)
		}
		s.must("discard", c.Discard(s.ctx))
	}
}

func (s *suite) comments() {
	dev := s.open()
	for i, comment := range []string{
		`T1 "twice" "quoted"`, `T2 a\b \" c\`, "T3 | display xml | no-more? # no { comment; }", "T4 größer als € 5", "T5 %s $(x) `y` <z> &amp;", "T6 " + strings.Repeat("long ", 40) + "end",
	} {
		c := s.lock(dev)
		s.load(c, diffs.Change{Mode: junos.Set, Text: fmt.Sprintf("set policy-options prefix-list SUITE 198.51.100.%d/32\n", i)})
		s.check(c)
		s.commitWith(c, devices.CommitOptions{Comment: comment})
		s.must("discard", c.Discard(s.ctx))
		if h := s.history(dev); h[0].Comment != comment {
			s.Errorf("the comment %q came back as %q", comment, h[0].Comment)
		}
	}
}

func (s *suite) badComments() {
	dev := s.open()
	before := s.fingerprint(dev)
	c := s.lock(dev)
	s.load(c, addChange)
	s.check(c)
	_, err := c.Commit(s.ctx, devices.CommitOptions{Comment: "T1 \x03 x"})
	if err == nil || errors.Is(err, devices.ErrSessionLost) {
		s.Errorf("a comment with a control character is %v", err)
	}
	s.complains(dev, err, false)
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(before)
}

// largeBytes is more than any buffer on the way holds.
const largeBytes = 2 << 20

func (s *suite) large() {
	dev := s.open()
	text := LargeText(largeBytes)
	entries := strings.Count(text, "/64;\n")
	c := s.lock(dev)
	s.load(c, diffs.Change{Mode: junos.Merge, Text: text})
	got := s.compare(c)
	if n := strings.Count(got, "/64;\n"); n != entries {
		s.Errorf("of %d entries the compare has %d", entries, n)
	}
	if texter, ok := c.(devices.Texter); ok {
		text, err := texter.Text(s.ctx)
		s.must("text", err)
		if n := strings.Count(text, "/64;\n"); n != entries {
			s.Errorf("of %d entries the candidate's text has %d", entries, n)
		}
	}
	s.must("discard", c.Discard(s.ctx))
	s.unchanged(s.parse(Config))
}

func (s *suite) queryXML() {
	dev := s.open()
	text, err := dev.Query(s.ctx, "show configuration | display xml")
	s.must("query", err)
	if !strings.Contains(text, "<host-name>cr1</host-name>") || strings.Contains(text, "xmlns") || strings.Contains(text, "rpc-reply") || !strings.HasPrefix(text, "<") || !strings.HasSuffix(text, ">\n") {
		s.Errorf("show configuration in XML is %q", text)
	}
	_, err = dev.Query(s.ctx, "show no-such-thing | display xml")
	if _, ok := errors.AsType[*devices.RPCError](err); !ok {
		s.Errorf("an unknown command is %v, want an RPCError", err)
	}
	s.complains(dev, err, false)
}

// atOnce has sessions read while another one commits.
func (s *suite) atOnce() {
	const readers = 4
	dev := s.open()
	before := s.parse(Config)
	var wg sync.WaitGroup
	for range readers {
		other := s.open()
		wg.Go(func() {
			for range 3 {
				text, err := other.Running(s.ctx)
				if err != nil {
					s.Errorf("running beside a commit: %v", err)
					return
				}
				if _, err := junos.Parse("running", []byte(text), nil); err != nil {
					s.Errorf("running beside a commit: %v", err)
				}
				if h, err := other.History(s.ctx); err != nil || len(h) == 0 {
					s.Errorf("history beside a commit: %v, %v", h, err)
				}
			}
		})
	}
	c := s.commitAdded(dev, devices.CommitOptions{Comment: "T1"})
	s.must("discard", c.Discard(s.ctx))
	wg.Wait()
	if s.fingerprint(dev) == before {
		s.Error("the commit is not in the running configuration")
	}
}

// cutting opens a session that can be cut off.
func (s *suite) cutting() (devices.Device, func()) {
	s.Helper()
	if s.subject.OpenCut == nil {
		s.Skip("this router has no connections to cut")
	}
	dev, cut, err := s.subject.OpenCut(s.ctx)
	s.must("open", err)
	s.Cleanup(func() { dev.Close() }) //nolint:errcheck // it was cut off
	return dev, cut
}

func (s *suite) lostFrees() {
	dev, cut := s.cutting()
	c := s.lock(dev)
	s.load(c, addChange)
	cut()
	_, err := c.Compare(s.ctx)
	if !errors.Is(err, devices.ErrSessionLost) {
		s.Errorf("compare on a cut connection is %v, want ErrSessionLost", err)
	}
	s.complains(dev, err, false)
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if err := c.Discard(ctx); !errors.Is(err, devices.ErrSessionLost) {
		s.Errorf("discard on a cut connection is %v, want ErrSessionLost", err)
	}
	s.freed()
	s.unchanged(s.parse(Config))
}

// freed waits until the lock is to be had.
func (s *suite) freed() {
	s.Helper()
	other := s.open()
	s.eventually("the lock of a cut connection stays", func() bool {
		c, err := other.Lock(s.ctx)
		if err != nil {
			return false
		}
		s.must("discard", c.Discard(s.ctx))
		return true
	})
}

func (s *suite) lostInWindow() {
	dev, cut := s.cutting()
	c := s.commitAdded(dev, devices.CommitOptions{Comment: "T1", Confirm: 10 * time.Minute})
	cut()
	if _, err := c.Commit(s.ctx, devices.CommitOptions{Comment: "T1"}); err == nil {
		s.Error("confirm on a cut connection is a success")
	} else if _, ok := errors.AsType[*devices.CommitError](err); ok {
		s.Errorf("confirm on a cut connection is a refusal: %v", err)
	}
	s.freed()
	other := s.open()
	if h := s.history(other); h[0].Comment != "T1" || h[0].Confirm != 10*time.Minute {
		s.Errorf("the history begins %+v, want the window open", h[0])
	}
	// The way that Apply goes: another session confirms.
	c = s.lock(other)
	if text := s.compare(c); text != "" {
		s.Errorf("the candidate holds edits:\n%s", text)
	}
	s.commitWith(c, devices.CommitOptions{Comment: "T1"})
	s.must("discard", c.Discard(s.ctx))
	if h := s.history(other); h[0].Confirm != 0 {
		s.Errorf("after the confirm the history begins %+v", h[0])
	}
}
