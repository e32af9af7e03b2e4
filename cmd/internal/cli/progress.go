package cli

import (
	"fmt"
	"sync"
	"time"
)

// Progress tells what happens on each device while it happens: one plain line per step, which reads the same in a
// terminal, a log file and a pipe.
type Progress struct {
	streams *Streams
	quiet   bool
	mu      sync.Mutex
	started map[string]time.Time
}

// NewProgress starts a progress display on the error stream; quiet says nothing.
func NewProgress(s *Streams, quiet bool) *Progress {
	return &Progress{streams: s, quiet: quiet, started: map[string]time.Time{}}
}

// Step says that a device entered a step; the time since its first step stands beside it.
func (p *Progress) Step(device, format string, args ...any) {
	if p == nil || p.quiet {
		return
	}
	p.mu.Lock()
	start, ok := p.started[device]
	if !ok {
		start = time.Now()
		p.started[device] = start
	}
	p.mu.Unlock()
	p.streams.Notef("%s: %s [%.1fs]", device, fmt.Sprintf(format, args...), time.Since(start).Seconds())
}
