package cli

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// screen is a small terminal: it wraps, scrolls, moves its cursor, erases and reflows, and keeps what scrolled off. It
// fails the test on bytes that it does not know.
type screen struct {
	t             testing.TB
	columns, rows int
	lines         []screenLine // of the whole scrollback; the last rows of them are seen
	top           int          // the first line that is seen
	row, column   int          // the cursor, row counted from the top of the scrollback
	pending       string
}

// screenLine is one row; wrapped says that it goes on in the next.
type screenLine struct {
	cells   []rune
	wrapped bool
}

func newScreen(t testing.TB, columns, rows int) *screen {
	return &screen{t: t, columns: columns, rows: rows, lines: make([]screenLine, 1)}
}

func (s *screen) size() (columns, rows int) { return s.columns, s.rows }

func (s *screen) Write(b []byte) (int, error) {
	text := s.pending + string(b)
	s.pending = ""
	for text != "" {
		if strings.HasPrefix(text, "\x1b") {
			end := strings.IndexAny(text, "ABCDHJKmhl")
			if end < 0 {
				s.pending = text
				return len(b), nil
			}
			s.escape(text[:end+1])
			text = text[end+1:]
			continue
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		s.put(r)
	}
	return len(b), nil
}

func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.column = 0
	case '\n': // the terminal's driver adds the return
		s.column = 0
		s.lines[s.row].wrapped = false
		s.down()
	default:
		if r < ' ' || r == 0x7f {
			s.t.Fatalf("a control character %q reached the terminal", r)
		}
		n := columnsOf(r)
		if n == 0 {
			return
		}
		if s.column+n > s.columns {
			s.lines[s.row].wrapped = true
			s.column = 0
			s.down()
		}
		line := &s.lines[s.row]
		for len(line.cells) < s.column {
			line.cells = append(line.cells, ' ')
		}
		line.cells = append(line.cells[:s.column], r)
		if n == 2 {
			line.cells = append(line.cells, 0)
		}
		s.column += n
	}
}

func (s *screen) down() {
	s.row++
	if s.row == len(s.lines) {
		s.lines = append(s.lines, screenLine{})
	}
	s.top = max(s.top, s.row-s.rows+1)
}

func (s *screen) escape(seq string) {
	n := 1
	fmt.Sscanf(seq, "\x1b[%d", &n) //nolint:errcheck // without a number it is 1
	switch seq[len(seq)-1] {
	case 'A':
		s.row = max(s.row-n, s.top)
	case 'J':
		s.lines = s.lines[:s.row+1]
		s.lines[s.row].cells = s.lines[s.row].cells[:min(s.column, len(s.lines[s.row].cells))]
		s.lines[s.row].wrapped = false
	default:
		s.t.Fatalf("the terminal does not know %q", seq)
	}
}

// resize makes the terminal another size and reflows what is on it, as most do.
func (s *screen) resize(columns, rows int) {
	text := s.text()
	below := len(s.lines) - 1 - s.row
	if below != 0 || s.column != 0 {
		s.t.Fatalf("the cursor is at %d of %d, column %d: expected behind all lines", s.row, len(s.lines), s.column)
	}
	s.columns, s.rows = columns, rows
	s.lines, s.row, s.column, s.top = make([]screenLine, 1), 0, 0, 0
	for _, r := range text {
		s.put(r)
	}
}

// text is all that was written and not erased, line by line as the programs meant them.
func (s *screen) text() string {
	var b strings.Builder
	for i, l := range s.lines {
		for _, r := range l.cells {
			if r != 0 {
				b.WriteRune(r)
			}
		}
		if !l.wrapped && i < len(s.lines)-1 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
