package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// area is the live lines below all that scrolls: it is erased before a line is written and drawn again behind it. It is
// used under the lock of its streams. Every line is shorter than the terminal is wide, so that none wraps; one that does
// because the terminal has become narrower since is counted as the rows it now takes.
type area struct {
	err   io.Writer
	size  func() (columns, rows int)
	lines func(columns, rows int) []string
	drawn []int // columns of each line that stands on the screen
}

// The size of a terminal that does not say.
const (
	defaultColumns = 80
	defaultRows    = 24
)

func (a *area) measure() (columns, rows int) {
	if a.size != nil {
		columns, rows = a.size()
	}
	if columns <= 0 || rows <= 0 {
		return defaultColumns, defaultRows
	}
	return columns, rows
}

// erasing gives the bytes that take the area away; the cursor is then where its first line was.
func (a *area) erasing() string {
	if len(a.drawn) == 0 {
		return ""
	}
	columns, rows := a.measure()
	up := 0
	for _, n := range a.drawn {
		up += max(1, (n+columns-1)/columns)
	}
	a.drawn = nil
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", min(up, rows-1))
}

// drawing gives the bytes of the area as it is now.
func (a *area) drawing() string {
	columns, rows := a.measure()
	if columns < 10 || rows < 3 {
		return ""
	}
	var b strings.Builder
	for _, line := range a.lines(columns-1, rows-1) {
		line = cut(clean(line), columns-1)
		a.drawn = append(a.drawn, width(line))
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (a *area) write(text string) {
	if text != "" {
		io.WriteString(a.err, text) //nolint:errcheck // there is nowhere left to say it
	}
}

func (a *area) erase() { a.write(a.erasing()) }
func (a *area) draw()  { a.write(a.drawing()) }

// redraw and above write once, so that nothing flickers.
func (a *area) redraw()           { a.write(a.erasing() + a.drawing()) }
func (a *area) above(text string) { a.write(a.erasing() + text + a.drawing()) }

// clean takes out what would move the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
}

// columnsOf is how many columns a character takes: two for the wide ones of East Asia and emoji, none for marks that
// combine.
func columnsOf(r rune) int {
	switch {
	case r >= 0x300 && r < 0x370 || r >= 0x200b && r <= 0x200f || r >= 0xfe00 && r <= 0xfe0f:
		return 0
	case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f, r >= 0xff00 && r <= 0xff60, r >= 0xffe0 && r <= 0xffe6, r >= 0x1f300 && r <= 0x1faff, r >= 0x20000:
		return 2
	}
	return 1
}

func width(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// cut shortens a line to some columns, with an ellipsis where something is missing.
func cut(s string, columns int) string {
	if width(s) <= columns {
		return s
	}
	n := 0
	for i, r := range s {
		if n += columnsOf(r); n > columns-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// pad fills a text up to some columns.
func pad(s string, columns int) string {
	return s + strings.Repeat(" ", max(0, columns-width(s)))
}
