package devices

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// crockford is the alphabet of a ULID: base 32 without I, L, O and U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newRunID makes a run id: a ULID, 26 characters that sort by time (48 bits of milliseconds since 1970, then 80
// random bits). Two ids of one millisecond are in no particular order.
func newRunID(now time.Time) (string, error) {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16)
	if _, err := rand.Read(b[6:]); err != nil {
		return "", fmt.Errorf("make run id: %w", err)
	}
	return encodeULID(b), nil
}

// encodeULID writes 128 bits as 26 characters of five bits; the first carries three.
func encodeULID(b [16]byte) string {
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// isRunID tells whether s is the shape of a run id; file names are checked with it.
func isRunID(s string) bool {
	return len(s) == 26 && s[0] <= '7' && strings.Trim(s, crockford) == ""
}

// maxCommentBytes keeps a commit comment on one line of `show system commit` and far from what any driver cuts.
const maxCommentBytes = 200

// Comment is the commit comment of a run: `T123456 why (USER, run 01H…)`. The message and the user are brought to one
// line of printable text without quotes, and the message is cut so that the whole stays within 200 bytes: the run id
// is never cut, for a lost answer is settled by it.
func Comment(message, user, run string) string {
	tail := fmt.Sprintf(" (%s, run %s)", cut(clean(user), 40), run)
	return cut(clean(message), maxCommentBytes-len(tail)) + tail
}

// hasRun tells whether a commit's comment is of the run. Only the id is looked for: a device may cut or re-quote the rest.
func hasRun(comment, run string) bool {
	return run != "" && strings.Contains(comment, "run "+run)
}

// clean brings s to one line: blanks for control characters, ' for ", nothing for what is not text.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r), !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens s to at most n bytes at the edge of a rune.
func cut(s string, n int) string {
	const more = "..."
	if len(s) <= n {
		return s
	}
	n = max(n-len(more), 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + more
}
