package router

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
)

// morePrompt stands below a full screen.
const morePrompt = "---(more)---"

// pager shows what is written to it a screen at a time. It is used by one goroutine.
type pager struct {
	out    io.Writer
	raw    io.Writer // for its own prompt
	key    func() (byte, error)
	length atomic.Int64 // lines of a screen; 0: no end. The client's window may change at any time

	lines int            // that have been shown since the last pause
	quit  bool           // the user has seen enough
	free  bool           // the user wants the rest at once
	skip  *regexp.Regexp // nothing is shown up to a line that matches
	part  []byte         // of a line whose end has not come
}

// begin starts anew: the user has seen the screen.
func (p *pager) begin() {
	p.flush()
	p.lines, p.quit, p.free, p.skip = 0, false, false, nil
}

// end is called when a command is through: what comes after it is seen whatever the user has said.
func (p *pager) end() {
	p.flush()
	p.lines, p.quit, p.free, p.skip = 0, false, false, nil
}

// flush writes a line without an end.
func (p *pager) flush() {
	if len(p.part) > 0 && !p.quit && p.skip == nil {
		_, _ = p.out.Write(p.part) // a broken channel shows at the next read
	}
	p.part = nil
}

// Write shows whole lines; what follows the last one waits for the end of its line, or for begin.
func (p *pager) Write(b []byte) (int, error) {
	if (p.length.Load() == 0 || p.free) && p.skip == nil && !p.quit {
		p.flush()
		return p.out.Write(b)
	}
	if p.quit {
		return len(b), nil
	}
	p.part = append(p.part, b...)
	for {
		end := bytes.IndexByte(p.part, '\n')
		if end < 0 {
			return len(b), nil
		}
		line := p.part[:end+1]
		p.part = p.part[end+1:]
		if err := p.line(line); err != nil {
			return 0, err
		}
		if p.quit {
			p.part = nil
			return len(b), nil
		}
	}
}

func (p *pager) line(line []byte) error {
	if p.skip != nil {
		if !p.skip.Match(bytes.TrimSuffix(line, []byte("\n"))) {
			return nil
		}
		p.skip = nil
	}
	if length := int(p.length.Load()); p.lines >= length-1 && !p.free && length > 0 {
		if err := p.pause(); err != nil || p.quit {
			return err
		}
		if p.skip != nil {
			return p.line(line)
		}
	}
	p.lines++
	_, err := p.out.Write(line)
	return err //nolint:wrapcheck // a writer passes its writer's errors on
}

// pause waits for the user: a page, a line, the rest, no more, or the next line with a word.
func (p *pager) pause() error {
	for {
		p.print(morePrompt)
		c, err := p.key()
		p.print("\r" + strings.Repeat(" ", len(morePrompt)) + "\r")
		if err != nil {
			return fmt.Errorf("read key: %w", err)
		}
		switch c {
		case ' ', 'f', 0x06:
			p.lines = 0
			return nil
		case '\r', '\n', 'j':
			p.lines = int(p.length.Load()) - 2
			return nil
		case 'd', 0x04:
			p.lines = int(p.length.Load()) / 2
			return nil
		case 'q', 'Q', 0x03:
			p.quit = true
			return nil
		case 'G':
			p.free = true
			return nil
		case '/':
			if p.search() {
				p.lines = 0
				return nil
			}
		case 'h':
			p.print("space: next page  Enter: next line  d: half a page  /WORD: search  G: to the end  q: stop\r\n")
		}
	}
}

// search reads a pattern; ok is false when there is none.
func (p *pager) search() bool {
	var b []byte
	p.print("/")
	defer func() { p.print("\r" + strings.Repeat(" ", len(b)+1) + "\r") }()
	for {
		c, err := p.key()
		switch {
		case err != nil || c == 0x03 || c == 0x1b:
			return false
		case c == '\r' || c == '\n':
			pattern, err := regexp.Compile("(?i)" + string(b))
			if err != nil || len(b) == 0 {
				return false
			}
			p.skip = pattern
			return true
		case c == 0x7f || c == '\b':
			if len(b) > 0 {
				b = b[:len(b)-1]
				p.print("\b \b")
			}
		case c >= ' ' && c < 0x7f && len(b) < 200:
			b = append(b, c)
			p.print(string(c))
		}
	}
}

func (p *pager) print(s string) {
	_, _ = io.WriteString(p.raw, s) // a broken channel shows at the next key
}

// crlfWriter writes to a terminal that is raw.
type crlfWriter struct{ w io.Writer }

// Write sends a carriage return before each line feed.
func (c crlfWriter) Write(b []byte) (int, error) {
	if _, err := c.w.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err //nolint:wrapcheck // as above
	}
	return len(b), nil
}
