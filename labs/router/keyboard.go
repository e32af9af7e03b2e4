package router

import (
	"bytes"
	"io"
)

// keyboard is what a terminal sends, for the line editor, the pager and texts in turn: whoever reads takes no more than
// it needs.
type keyboard struct {
	r       io.Reader
	buf     []byte
	afterCR bool // the last line ended with CR: an LF right behind it belongs to it
}

// fill reads when there is nothing left.
func (k *keyboard) fill() error {
	for len(k.buf) == 0 {
		buf := make([]byte, 4096)
		n, err := k.r.Read(buf)
		k.buf = buf[:n]
		if n == 0 && err != nil {
			return err //nolint:wrapcheck // a reader passes its reader's errors on
		}
	}
	return nil
}

// next returns one byte.
func (k *keyboard) next() (byte, error) {
	if err := k.fill(); err != nil {
		return 0, err
	}
	c := k.buf[0]
	k.buf = k.buf[1:]
	return c, nil
}

// dropSequence takes the rest of an escape sequence that has come: a key that means nothing.
func (k *keyboard) dropSequence() {
	if len(k.buf) < 2 || k.buf[0] != '[' && k.buf[0] != 'O' {
		return
	}
	if end := bytes.IndexFunc(k.buf[1:], endsSequence); end >= 0 {
		k.buf = k.buf[end+2:]
	}
}

// endsSequence tells the last character of an escape sequence.
func endsSequence(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '~' }

// pending is how many bytes have come and wait.
func (k *keyboard) pending() int { return len(k.buf) }

// editorKeys hands the keyboard to the line editor, a key at a time: what comes after a key that shows something, or
// after Enter, may be for somebody else. Letters that only stand there go in one piece. ^C and ^D become a key for the
// callback and Enter: the editor itself would end the input for good.
type editorKeys struct{ k *keyboard }

// Read hands out what belongs together.
func (e editorKeys) Read(p []byte) (int, error) {
	if err := e.k.fill(); err != nil {
		return 0, err
	}
	b := e.k.buf
	if e.k.afterCR && b[0] == '\n' {
		e.k.afterCR = false
		e.k.buf = b[1:]
		return e.Read(p)
	}
	e.k.afterCR = b[0] == '\r'
	switch {
	case b[0] == 0x03 || b[0] == 0x04:
		e.k.buf = b[1:]
		return copy(p, []byte{map[byte]byte{0x03: keyAbort, 0x04: keyEnd}[b[0]], '\r'}), nil
	case b[0] == 0x1b:
		n := bytes.IndexFunc(b[1:], endsSequence) + 2
		if n == 1 {
			n = len(b) // the rest is still to come
		}
		n = copy(p, b[:n])
		e.k.buf = b[n:]
		return n, nil
	}
	n := 1
	for plain(b[0]) && n < len(b) && plain(b[n]) {
		n++
	}
	for b[0] >= 0x80 && n < len(b) && b[n] >= 0x80 {
		n++
	}
	n = copy(p, b[:n])
	e.k.buf = b[n:]
	return n, nil
}

// plain tells whether a key does nothing but stand there.
func plain(c byte) bool { return c > ' ' && c < 0x7f && c != '?' }
