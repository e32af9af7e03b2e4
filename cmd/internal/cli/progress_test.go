package cli

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// liveStreams are streams whose stdout and stderr are one terminal.
func liveStreams(s *screen) *Streams {
	return &Streams{Out: s, Err: s, OutTerminal: true, ErrTerminal: true, ErrLive: true, ErrSize: s.size}
}

// still is a Progress that draws only when the test says so.
func still(s *Streams, now *time.Time) *Progress {
	p := NewProgress(s, false)
	p.now, p.every = func() time.Time { return *now }, 0
	return p
}

func TestProgressOnATerminal(t *testing.T) {
	s := newScreen(t, 74, 12)
	streams := liveStreams(s)
	now := time.Date(2026, 11, 25, 16, 0, 0, 0, time.UTC)
	p := still(streams, &now)
	streams.Notef("before")
	p.Begin("commit", 40, 16)
	for i := range 16 {
		p.Step(fmt.Sprintf("cr%02d.ams", i), "locking")
		now = now.Add(time.Second)
	}
	p.Step("cr03.ams", "committing; rolls back by itself unless confirmed within 3 minutes")
	p.Done("cr15.ams", "committed", false, "")
	streams.Printf("cr15.ams: committed\n")
	p.Done("cr14.ams", "failed", true, "not reached")
	p.redraw()
	want := `before
cr15.ams: committed
cr14.ams: not reached [2.0s]
commit: 2 of 40 done, 1 failed, 1 committed, 14 running, 24 queued (16s)
  cr00.ams    16s  locking
  cr01.ams    15s  locking
  cr02.ams    14s  locking
  cr03.ams    13s  committing; rolls back by itself unless confirmed wit…
  cr04.ams    12s  locking
  cr05.ams    11s  locking
  cr06.ams    10s  locking
  cr07.ams     9s  locking
  … and 6 more
`
	if got := s.text(); got != want {
		t.Errorf("on the screen is\n%s\nwant\n%s", got, want)
	}
	p.End()
	p.End()
	if got, want := s.text(), "before\ncr15.ams: committed\ncr14.ams: not reached [2.0s]\n"; got != want {
		t.Errorf("left on the screen is\n%s\nwant\n%s", got, want)
	}
}

func TestProgressElsewhere(t *testing.T) {
	var out, errs bytes.Buffer
	streams := &Streams{Out: &out, Err: &errs}
	now := time.Now()
	p := still(streams, &now)
	p.Begin("commit", 2, 1)
	p.Start("a")
	now = now.Add(1500 * time.Millisecond)
	p.Step("a", "locking")
	p.Say("stopping")
	p.Done("a", "committed", false, "")
	p.Done("b", "failed", true, "no\x1b[2J way")
	p.End()
	if got, want := errs.String(), "a: locking [1.5s]\nb: no[2J way [0.0s]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	errs.Reset()
	quiet := NewProgress(&Streams{Out: &out, Err: &errs, ErrLive: true}, true)
	for _, p := range []*Progress{quiet, nil} {
		p.Begin("commit", 2, 1)
		p.Start("a")
		p.Step("a", "locking")
		p.Done("a", "failed", true, "no")
		p.Say("x")
		p.Width(3)
		p.End()
	}
	if errs.Len()+out.Len() > 0 {
		t.Errorf("quiet said %q", errs.String())
	}
}

// Whatever happens, and however the terminal is resized: what was printed stands there once and in order, the live lines
// below it, and nothing of them when it is over.
func TestProgressProperty(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newScreen(t, 20+r.IntN(100), 5+r.IntN(40))
		streams := liveStreams(s)
		now := time.Date(2026, 11, 25, 16, 0, 0, 0, time.UTC)
		p := still(streams, &now)
		var printed strings.Builder
		total := 1 + r.IntN(500)
		p.Begin("commit", total, 1+r.IntN(40))
		next := 0
		var running []string
		for range 120 {
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			switch r.IntN(8) {
			case 0, 1, 2:
				if next < total {
					running = append(running, fmt.Sprintf("cr%d.site%d.example.net", next, r.IntN(9)))
					p.Start(running[len(running)-1])
					next++
				}
			case 3:
				if len(running) > 0 {
					p.Step(running[r.IntN(len(running))], "%s", []string{"locking", "wide 語語語", "esc \x1b[31mred\x1b[0m", strings.Repeat("long ", 50)}[r.IntN(4)])
				}
			case 4:
				if len(running) > 0 {
					i := r.IntN(len(running))
					p.Done(running[i], "committed", false, "")
					line := fmt.Sprintf("%s: committed and confirmed %s", running[i], strings.Repeat("x", r.IntN(150)))
					streams.Printf("%s\n", line)
					printed.WriteString(line + "\n")
					running = append(running[:i], running[i+1:]...)
				}
			case 5:
				line := fmt.Sprintf("note %d %s", r.IntN(100), strings.Repeat("語", r.IntN(60)))
				streams.Notef("%s", line)
				printed.WriteString(line + "\n")
			case 6:
				// What a smaller screen pushes into the scrollback nobody can erase any more: it stays large enough.
				columns, stands := 12+r.IntN(120), 0
				for _, n := range streams.live.drawn {
					stands += max(1, (n+columns-1)/columns)
				}
				s.resize(columns, max(4+r.IntN(40), stands+1))
			case 7:
				p.redraw()
			}
			check(t, seed, s, p, streams, printed.String())
			if t.Failed() {
				return
			}
		}
		p.End()
		if got := s.text(); got != printed.String() {
			t.Fatalf("seed %d: left on the screen is\n%s\nwant\n%s", seed, got, printed.String())
		}
	}
}

// check redraws and looks at the screen.
func check(t *testing.T, seed uint64, s *screen, p *Progress, streams *Streams, printed string) {
	t.Helper()
	p.redraw()
	got := s.text()
	live, ok := strings.CutPrefix(got, printed)
	if !ok {
		t.Errorf("seed %d: on the screen is\n%s\nwant it to begin with\n%s", seed, got, printed)
		return
	}
	lines := strings.Split(strings.TrimSuffix(live, "\n"), "\n")
	if len(lines) > s.rows-1 {
		t.Errorf("seed %d: %d live lines on %d rows", seed, len(lines), s.rows)
	}
	for _, l := range lines {
		if width(l) >= s.columns {
			t.Errorf("seed %d: a live line of %d on %d columns: %q", seed, width(l), s.columns, l)
		}
	}
	if !strings.Contains(lines[0], " of ") {
		t.Errorf("seed %d: the head is %q", seed, lines[0])
	}
	streams.mu.Lock()
	defer streams.mu.Unlock()
	if n := len(streams.live.drawn); n != len(lines) {
		t.Errorf("seed %d: %d lines are drawn and %d are seen on %dx%d:\n%s", seed, n, len(lines), s.columns, s.rows, live)
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 1400 * time.Millisecond: "1s", 59400 * time.Millisecond: "59s", 59600 * time.Millisecond: "1m00s",
		time.Minute + 5*time.Second: "1m05s", 3*time.Hour + 62*time.Second: "3h01m",
	} {
		if got := brief(d); got != want {
			t.Errorf("brief(%s) = %s, want %s", d, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	now := time.Now()
	p := still(&Streams{Err: &bytes.Buffer{}}, &now)
	p.Begin("commit", 10, 2)
	p.Start("a")
	p.Start("b")
	if _, ok := p.left(2); ok {
		t.Error("nothing is done, and it knows how long the rest takes")
	}
	now = now.Add(10 * time.Second)
	p.Done("a", "committed", false, "")
	p.Start("c")
	if left, ok := p.left(2); !ok || left != 40*time.Second { // 7 queued, 2 at a time, 10 s each; and half of what runs
		t.Errorf("left %s, %t; want 40s", left, ok)
	}
}
