package junos

import "errors"

// SplitWords splits the words of one set line, or of a statement named by its path, as Load does: quotes are taken off,
// a bracket list is not allowed. The error is an ErrorList.
func SplitWords(line string) ([]string, error) {
	c := &commander{}
	lex := lexer{src: line, line: 1, newlines: true}
	ws, more := c.line(&lex)
	if more {
		return nil, errors.New("more than one line")
	}
	for _, w := range ws {
		if w.list {
			c.fail(w.pos, msgSyntax, "words, without a bracket list")
			break
		}
	}
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return texts(ws), nil
}
