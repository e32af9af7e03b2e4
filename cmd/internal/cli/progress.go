package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Progress tells what happens on each of many devices while it happens. On a terminal it keeps a few live lines below
// what scrolls: how many are queued, running and done, how long it takes, and the devices that are at work, the slowest
// first. Elsewhere it is one plain line per step, which reads the same in a log file and a pipe. Its methods may be called
// from any goroutine; those of a nil Progress do nothing.
type Progress struct {
	streams *Streams
	quiet   bool
	now     func() time.Time
	every   time.Duration // how often the live lines follow what happens; 0: when asked

	mu      sync.Mutex // taken after that of the streams, never before
	what    string
	total   int // 0: no number of devices was told
	width   int // how many are at work at once
	began   time.Time
	said    string // stands below the head: what a person must know now
	devices map[string]*deviceProgress
	results []resultCount // in the order in which they first came
	done    int
	spent   time.Duration // of all that are done
	timed   int           // how many those are; what had nothing to do does not count
	stop    chan struct{}
}

type deviceProgress struct {
	name  string
	since time.Time
	text  string
}

// resultCount is how many devices ended in one way.
type resultCount struct {
	name   string
	count  int
	failed bool
}

// NewProgress starts a progress display on the error stream; quiet says nothing.
func NewProgress(s *Streams, quiet bool) *Progress {
	return &Progress{streams: s, quiet: quiet, now: time.Now, every: redrawEvery, devices: map[string]*deviceProgress{}}
}

// redrawEvery is how often the live lines follow what happens.
const redrawEvery = 200 * time.Millisecond

// Begin says what is about to be done with how many devices, width of them at once. On a terminal the live lines stand
// from here to End.
func (p *Progress) Begin(what string, devices, width int) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	p.what, p.total, p.width, p.began, p.said = what, devices, max(width, 1), p.now(), ""
	p.done, p.spent, p.timed, p.results = 0, 0, 0, nil
	clear(p.devices)
	p.mu.Unlock()
	if !p.streams.ErrLive {
		return
	}
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	if p.streams.live != nil {
		return // another one stands there
	}
	p.streams.live = &area{err: p.streams.Err, size: p.streams.ErrSize, lines: p.lines}
	p.stop = make(chan struct{})
	if p.every > 0 {
		go p.follow(p.stop)
	}
	p.streams.live.draw()
}

// follow redraws until it is told to stop.
func (p *Progress) follow(stop chan struct{}) {
	ticker := time.NewTicker(p.every)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticker.C:
			p.redraw()
		}
	}
}

func (p *Progress) redraw() {
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	if p.streams.live != nil {
		p.streams.live.redraw()
	}
}

// End takes the live lines away. It may be called again.
func (p *Progress) End() {
	if p == nil || p.quiet {
		return
	}
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	if p.stop == nil {
		return
	}
	close(p.stop)
	p.stop = nil
	p.streams.live.erase()
	p.streams.live = nil
}

// Leave takes whatever live lines there are away for good: the program is about to end.
func (s *Streams) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != nil {
		s.live.erase()
		s.live.lines = func(int, int) []string { return nil }
	}
}

// Width says how many devices are at work at once from here on.
func (p *Progress) Width(n int) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.width = max(n, 1)
}

// Say puts a line of its own among the live lines, where it stays; "" takes it away. Elsewhere it is not shown: write
// a note as well.
func (p *Progress) Say(text string) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = text
}

// device finds a device, and begins its time; p.mu is held.
func (p *Progress) device(name string) *deviceProgress {
	d := p.devices[name]
	if d == nil {
		d = &deviceProgress{name: name, since: p.now()}
		p.devices[name] = d
	}
	return d
}

// Start says that a device is begun. It is not a line.
func (p *Progress) Start(device string) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.device(device)
}

// Step says that a device entered a step; the time since its beginning stands beside it.
func (p *Progress) Step(device, format string, args ...any) {
	if p == nil || p.quiet {
		return
	}
	text := fmt.Sprintf(format, args...)
	p.mu.Lock()
	d := p.device(device)
	d.text = text
	took := p.now().Sub(d.since)
	p.mu.Unlock()
	if !p.streams.ErrLive {
		p.streams.Notef("%s: %s [%.1fs]", device, text, took.Seconds())
	}
}

// State is Step on the live lines alone: what lasts a moment is not worth a line elsewhere.
func (p *Progress) State(device, text string) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.device(device).text = text
}

// Done says how a device ended: result is what is counted, as in `3 committed`; line, if there is one, is said of it.
func (p *Progress) Done(device, result string, failed bool, line string) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	d, began := p.devices[device]
	took := time.Duration(0)
	if began {
		took = p.now().Sub(d.since)
		p.spent += took
		p.timed++
	}
	delete(p.devices, device)
	p.done++
	i := slices.IndexFunc(p.results, func(r resultCount) bool { return r.name == result })
	if i < 0 {
		i = len(p.results)
		p.results = append(p.results, resultCount{name: result, failed: failed})
	}
	p.results[i].count++
	p.mu.Unlock()
	if line != "" {
		p.streams.Notef("%s: %s [%.1fs]", device, clean(line), took.Seconds())
	}
}

// lines are the live lines for a terminal of that size, without its last row.
func (p *Progress) lines(columns, rows int) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []string{p.head(columns)}
	if p.said != "" {
		out = append(out, p.said)
	}
	list := make([]*deviceProgress, 0, len(p.devices))
	names := 0
	for _, d := range p.devices {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *deviceProgress) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name))
	})
	const most = 16 // more is not read, and what has been printed is to be seen
	room := min(most, rows-len(out)-1)
	more := 0
	if len(list) > room {
		more = len(list) - max(room-1, 0)
		list = list[:max(room-1, 0)]
	}
	for _, d := range list {
		names = max(names, width(d.name))
	}
	names = min(names, columns/2)
	for _, d := range list {
		out = append(out, fmt.Sprintf("  %s %6s  %s", pad(cut(clean(d.name), names), names), brief(p.now().Sub(d.since)), d.text))
	}
	if more > 0 && room > 0 {
		out = append(out, fmt.Sprintf("  … and %d more", more))
	}
	return out
}

// head is the first live line; on a narrow terminal the less important parts go.
func (p *Progress) head(columns int) string {
	running := len(p.devices)
	counts := []string{fmt.Sprintf("%d of %d done", p.done, p.total)}
	slices.SortStableFunc(p.results, func(a, b resultCount) int {
		return cmp.Compare(b2i(b.failed), b2i(a.failed)) // what failed is seen first
	})
	for _, r := range p.results {
		counts = append(counts, fmt.Sprintf("%d %s", r.count, r.name))
	}
	counts = append(counts, fmt.Sprintf("%d running", running))
	if queued := p.total - p.done - running; queued > 0 {
		counts = append(counts, fmt.Sprintf("%d queued", queued))
	}
	elapsed := p.now().Sub(p.began)
	times := brief(elapsed)
	if left, ok := p.left(running); ok && left >= time.Second {
		times += ", about " + brief(left) + " left"
	}
	said := strings.Join(counts, ", ")
	for _, text := range []string{p.what + ": " + said + " (" + times + ")", p.what + ": " + said + " (" + brief(elapsed) + ")"} {
		if width(text) <= columns {
			return text
		}
	}
	return said
}

// left is how long the rest takes if it takes as long as what is done: the mean of a device, the width at a time.
func (p *Progress) left(running int) (time.Duration, bool) {
	if p.timed == 0 || p.total <= p.done {
		return 0, false
	}
	mean := p.spent / time.Duration(p.timed)
	rest := mean * time.Duration(p.total-p.done-running) / time.Duration(p.width)
	// What is running has run a while already: half of it is a fair guess.
	if running > 0 {
		rest += mean / 2
	}
	return rest, true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// brief is a duration as a person says it: 12s, 3m05s, 1h02m.
func brief(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
