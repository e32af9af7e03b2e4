package router

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// screenOf plays what was sent to a terminal, as far as a line editor uses it, and returns what stands on it in the end:
// a terminal that is as wide and as long as it needs to be.
func screenOf(stream string) string {
	lines, row, col := [][]rune{nil}, 0, 0
	put := func(r rune) {
		for len(lines[row]) <= col {
			lines[row] = append(lines[row], ' ')
		}
		lines[row][col] = r
		col++
	}
	for len(stream) > 0 {
		if rest, ok := strings.CutPrefix(stream, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' })
			if end < 0 {
				break
			}
			n, err := strconv.Atoi(rest[:end])
			if err != nil {
				n = 1
			}
			switch rest[end] {
			case 'A':
				row = max(0, row-n)
			case 'B':
				row += n
			case 'C':
				col += n
			case 'D':
				col = max(0, col-n)
			case 'K':
				lines[row] = lines[row][:min(col, len(lines[row]))]
			}
			stream = rest[end+1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(stream)
		stream = stream[size:]
		switch r {
		case '\r':
			col = 0
		case '\b':
			col = max(0, col-1)
		case '\n':
			row++
		default:
			if r >= ' ' || r == '\t' {
				put(r)
			}
		}
		for len(lines) <= row {
			lines = append(lines, nil)
		}
	}
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(l))
	}
	return b.String()
}

func TestScreenOf(t *testing.T) {
	for stream, want := range map[string]string{
		"a\r\nb":                   "a\nb",
		"abc\b\bX":                 "aXc",
		"abc\x1b[2DX\x1b[K":        "aX",
		"more\r    \rx":            "x   ",
		"one\r\ntwo\x1b[1A\x1b[CX": "one X\ntwo",
	} {
		if got := screenOf(stream); got != want {
			t.Errorf("%q: %q, want %q", stream, got, want)
		}
	}
}
