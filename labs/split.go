package labs

import (
	"errors"
	"strings"
)

// errQuote is what split says of an open quotation.
var errQuote = errors.New("a quotation is not closed")

// split takes a command line apart the way containerlab does: at blanks, with quotes and backslashes as a shell has them,
// and nothing else of a shell. `sh -c '…'` has the rest.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	open, escaped := false, false
	for i := range len(line) {
		c := line[i]
		switch {
		case escaped:
			if quote == '"' && c != '"' && c != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, open = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
			}
			open = false
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, errQuote
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// quote writes words so that a shell, and split, take them apart again.
func quote(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@,+-") == "" {
			out[i] = w
			continue
		}
		out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(out, " ")
}

// or gives the first text, or the other where it is empty.
func or(text, other string) string {
	if text != "" {
		return text
	}
	return other
}
