package junos

import (
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokWord
	tokOpen       // {
	tokClose      // }
	tokBracket    // [
	tokBracketEnd // ]
	tokSemicolon
	tokNewline // set lines only
	tokComment // # to the end of the line
	tokNote    // /* … */
	tokBad     // text holds the complaint
)

// token is a piece of the text. text is the decoded word; no copy is made unless quotes held an escape.
type token struct {
	kind   tokenKind
	quoted bool
	text   string
	off    int
	pos    Pos
}

// lexer cuts a configuration text into tokens, in one pass.
type lexer struct {
	src       string
	off       int
	line      int32
	lineStart int
	newlines  bool // report ends of lines
	screen    bool // a whole configuration: pass over what only a screen has (see offScreen), take a lone quote as it is
}

// next returns the next token.
func (l *lexer) next() token {
	for l.off < len(l.src) {
		if l.screen && l.off == l.lineStart {
			if l.off += offScreen(l.src[l.off:], l.newlines); l.off == len(l.src) {
				break
			}
		}
		switch c := l.src[l.off]; c {
		case ' ', '\t', '\r', '\f', '\v':
			l.off++
		case '\n':
			t := token{kind: tokNewline, off: l.off, pos: l.pos(l.off)}
			l.newline()
			if l.newlines {
				return t
			}
		case '{':
			return l.token(tokOpen, l.off+1)
		case '}':
			return l.token(tokClose, l.off+1)
		case '[':
			return l.token(tokBracket, l.off+1)
		case ']':
			return l.token(tokBracketEnd, l.off+1)
		case ';':
			return l.token(tokSemicolon, l.off+1)
		case '"':
			return l.quoted()
		case '#':
			end := strings.IndexByte(l.src[l.off:], '\n')
			if end < 0 {
				end = len(l.src) - l.off
			}
			return l.token(tokComment, l.off+end)
		case '(':
			if end := l.expression(); end > 0 {
				return l.expressionToken(end)
			}
			return l.word()
		case '/':
			if strings.HasPrefix(l.src[l.off:], "/*") {
				return l.note()
			}
			return l.word()
		default:
			return l.word()
		}
	}
	return token{kind: tokEOF, off: l.off, pos: l.pos(l.off)}
}

func (l *lexer) pos(off int) Pos { return Pos{Line: l.line, Col: int32(off-l.lineStart) + 1} }

func (l *lexer) newline() {
	l.off++
	l.line++
	l.lineStart = l.off
}

// token ends a token that holds no newline at end.
func (l *lexer) token(k tokenKind, end int) token {
	t := token{kind: k, text: l.src[l.off:end], off: l.off, pos: l.pos(l.off)}
	l.off = end
	return t
}

// wordEnd marks the bytes that end a word. `#`, `(` and `"` end one only where a new token may begin, so they are
// part of a word that has begun.
var wordEnd = [256]bool{
	' ': true, '\t': true, '\r': true, '\n': true, '\f': true, '\v': true,
	'{': true, '}': true, '[': true, ']': true, ';': true, '"': true,
}

func (l *lexer) word() token {
	end := l.off + 1
	for end < len(l.src) && (!wordEnd[l.src[end]] || l.loneQuote(end)) {
		end++
	}
	return l.token(tokWord, end)
}

// loneQuote reports whether a quote within the word at hand begins no string, but is a character of the word: no other
// stands on its line. A quote that a word begins with always opens a string, and so does one right behind another string.
func (l *lexer) loneQuote(at int) bool {
	if !l.screen || l.src[at] != '"' || l.src[at-1] == '\\' || l.off > 0 && l.src[l.off-1] == '"' {
		return false
	}
	rest, _, _ := strings.Cut(l.src[at+1:], "\n")
	return strings.IndexByte(rest, '"') < 0
}

// quoted reads "…". A backslash keeps the next character from ending the string; only \" loses its backslash, for
// other escapes (\n, \., \\) mean something to whoever reads the value. A line break becomes \n. A quoted command may
// hold quotes as \\" (a device that escapes quotes but no backslashes): one right before a word, and its partner.
func (l *lexer) quoted() token {
	start, pos := l.off, l.pos(l.off)
	plain, inner := true, false
	i := l.off + 1
	for ; i < len(l.src) && l.src[i] != '"'; i++ {
		switch l.src[i] {
		case '\\':
			if i+1 < len(l.src) && l.src[i+1] == '"' {
				plain = false
			}
			if i+1 < len(l.src) && l.src[i+1] != '\n' {
				i++
			}
			if innerQuote(l.src[i:], inner) {
				inner = !inner
				i++
			}
		case '\n', '\r':
			plain = false
		}
	}
	if i >= len(l.src) {
		l.skipTo(len(l.src))
		return token{kind: tokBad, text: `closing quote (")`, off: start, pos: pos}
	}
	text := l.src[start+1 : i]
	if plain {
		l.off = i + 1
	} else {
		l.skipTo(i + 1)
		text = decodeQuoted(text)
	}
	return token{kind: tokWord, quoted: true, text: text, off: start, pos: pos}
}

// innerQuote reports whether s, from the second backslash of \\ on, goes on with a quote that ends no string: it stands
// before a word, or inner says that it is the partner of such a one.
func innerQuote(s string, inner bool) bool {
	return len(s) > 2 && s[0] == '\\' && s[1] == '"' && (inner || !wordEnd[s[2]])
}

func decodeQuoted(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '"':
			i++
			b.WriteByte('"')
		case s[i] == '\\' && i+1 < len(s) && s[i+1] != '\n' && s[i+1] != '\r':
			b.WriteString(s[i : i+2])
			i++
		case s[i] == '\\': // before a line break, or last
			b.WriteString(`\\`)
		case s[i] == '\n':
			b.WriteString(`\n`)
		case s[i] == '\r':
			b.WriteString(`\r`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// skipTo moves on to off, counting lines.
func (l *lexer) skipTo(off int) {
	for {
		i := strings.IndexByte(l.src[l.off:off], '\n')
		if i < 0 {
			break
		}
		l.off += i
		l.newline()
	}
	l.off = off
}

func (l *lexer) note() token {
	start, pos := l.off, l.pos(l.off)
	end := strings.Index(l.src[start+2:], "*/")
	if end < 0 {
		l.skipTo(len(l.src))
		return token{kind: tokBad, text: "*/ that ends the comment", off: start, pos: pos}
	}
	l.skipTo(start + end + 4)
	return token{kind: tokNote, text: strings.TrimSpace(l.src[start+2 : start+2+end]), off: start, pos: pos}
}

// expression finds the end of a parenthesised policy expression, `( A && ! B )`, which is one word. It returns 0 if
// the parenthesis is not closed within the statement.
func (l *lexer) expression() int {
	depth := 0
	for i := l.off; i < len(l.src); i++ {
		switch l.src[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				if i+1 < len(l.src) && !wordEnd[l.src[i+1]] {
					return 0 // (a|b)c is a word
				}
				return i + 1
			}
		case ';', '{', '}', '"', '[', ']', '#':
			return 0
		case '\n':
			if l.newlines {
				return 0
			}
		}
	}
	return 0
}

func (l *lexer) expressionToken(end int) token {
	t := token{kind: tokWord, off: l.off, pos: l.pos(l.off)}
	t.text = l.src[l.off:end]
	if strings.ContainsAny(t.text, "\t\r\n\f\v") || strings.Contains(t.text, "  ") {
		t.text = strings.Join(strings.Fields(t.text), " ")
	}
	l.skipTo(end)
	return t
}

// Quote returns a word as a text has it: as it is where that reads back as one word, else in double quotes.
func Quote(word string) string {
	if !needsQuotes(word) {
		return word
	}
	var b strings.Builder
	b.Grow(len(word) + 2)
	b.WriteByte('"')
	for i := 0; i < len(word); i++ {
		switch c := word[i]; c {
		case '"':
			b.WriteString(`\"`)
		case '\\':
			if i+1 < len(word) && word[i+1] != '"' && word[i+1] != '\n' && word[i+1] != '\r' {
				b.WriteString(word[i : i+2])
				i++
			} else {
				b.WriteString(`\\`)
			}
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plainByte marks the bytes that need no quotes.
var plainByte = func() (t [256]bool) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for _, c := range "_-./:@*<>+%,=~" {
		t[c] = true
	}
	return t
}()

func needsQuotes(w string) bool {
	if w == "" || strings.HasPrefix(w, "/*") || promptEnd(w) == len(w) {
		return true
	}
	for i := 0; i < len(w); i++ {
		if !plainByte[w[i]] {
			return !isExpression(w)
		}
	}
	return isTag(w)
}

// isExpression reports whether w is a policy expression such as `( A && ! B )`: parentheses around words and
// operators, or around one word as `( A )`. A regular expression in parentheses is not; it is quoted.
func isExpression(w string) bool {
	if w[0] != '(' || w[len(w)-1] != ')' || !utf8.ValidString(w) {
		return false
	}
	depth, operator := 0, false
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 || depth == 0 && i < len(w)-1 {
				return false
			}
		case c == '!':
			operator = true
		case (c == '&' || c == '|') && i+1 < len(w) && w[i+1] == c:
			operator = true
			i++
		case c == ' ':
			if w[i-1] == ' ' {
				return false
			}
		case !plainByte[c]:
			return false
		}
	}
	single := strings.HasPrefix(w, "( ") && strings.HasSuffix(w, " )") && strings.Count(w, " ") == 2
	return depth == 0 && (operator || single)
}

func joinWords(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(Quote(w))
	}
	return b.String()
}
