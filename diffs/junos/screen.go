package junos

import "strings"

// offScreen returns how many bytes at the beginning of a line are no part of a configuration, but of the screen or the
// collector that it was copied from: 0 for a line of a configuration, else all of the line but its end. Those lines are
//
//	!RANCID-CONTENT-TYPE: juniper      a collector's comment
//	{master:0}                         which routing engine or node this is, also with the level behind it
//	[edit protocols bgp]               the level of configuration mode
//	user@router> show configuration    a prompt with a command
//	---(more 42%)---                   a pager's
//
// In set lines a set command behind a prompt is one of the text, and a banner says at which level: the prompt alone and
// what stands before `[edit` are passed over.
func offScreen(src string, set bool) int {
	switch src[0] {
	case '!', '{', '[', '-':
	default:
		if c := src[0]; c|0x20 < 'a' || c|0x20 > 'z' {
			return 0
		}
	}
	line, _, _ := strings.Cut(src, "\n")
	switch text := strings.TrimRight(line, " \t\r"); {
	case isScreenBanner(text):
		if at := strings.IndexByte(text, '['); set && at >= 0 {
			return at
		}
		return len(line)
	case src[0] == '!', strings.HasPrefix(text, "---(more"):
		return len(line)
	default:
		end := promptEnd(text)
		if end == 0 {
			return 0
		}
		if set && text[end-1] == '#' && isCommand(strings.TrimSpace(text[end:])) {
			return end
		}
		return len(line)
	}
}

// isScreenBanner reports whether a line is one that the CLI prints above its prompt: `{master:0}`, `[edit system]`,
// `{primary:node1}[edit]`.
func isScreenBanner(line string) bool {
	if strings.HasPrefix(line, "{") {
		role, rest, ok := strings.Cut(line[1:], "}")
		if !ok || !isRole(role) {
			return false
		}
		line = rest
		if line == "" {
			return true
		}
	}
	return isBanner(line)
}

// isRole reports whether s is what stands in the braces of a banner: `master`, `backup:1`, `secondary:node0`.
func isRole(s string) bool {
	name, _, _ := strings.Cut(s, ":")
	switch strings.TrimPrefix(name, "line") {
	case "master", "backup", "primary", "secondary", "linecard", "card", "hold", "disabled", "lost":
		return !strings.ContainsAny(s, " \t;")
	}
	return false
}

// promptEnd returns where the prompt that a line begins with ends: behind the `>`, `#` or `%` of `user@router>`. It is 0
// if there is none.
func promptEnd(line string) int {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		end = len(line)
	}
	if at := strings.IndexByte(line[:end], '@'); at < 1 || at > end-3 || strings.ContainsAny(line[:end], `"{}[];`) {
		return 0
	}
	switch line[end-1] {
	case '>', '#', '%':
		return end
	}
	return 0
}

// isSet reports whether a text is made of set lines: its first line that is neither a comment nor of the session begins
// with a command and does not end as a statement does.
func isSet(src string) bool {
	lex := lexer{src: strings.TrimPrefix(src, byteOrderMark), line: 1, newlines: true, screen: true}
	for t := lex.next(); ; t = lex.next() {
		switch t.kind {
		case tokNewline, tokComment, tokNote:
		case tokWord:
			line, _, _ := strings.Cut(lex.src[t.off:], "\n")
			if text := strings.TrimSpace(line); !isSessionWord(t.text) || endsStatement(text) {
				return isCommand(text)
			}
			lex.off = t.off + len(line)
		case tokBracket:
			line, _, _ := strings.Cut(lex.src[t.off:], "\n")
			if !isBanner(strings.TrimSpace(line)) {
				return false
			}
			lex.off += len(line) - 1
		default:
			return false
		}
	}
}

// isSessionWord reports whether a line that begins with w is for the session alone. It begins no statement.
func isSessionWord(w string) bool {
	switch w {
	case "configure", "rollback", "commit", "show", "run":
		return true
	}
	return false
}

// passedOver reports whether a line of a session changes no candidate. A rollback changes none that is empty.
func (c *commander) passedOver(ws []word) bool {
	switch ws[0].text {
	case "set":
		return len(ws) == 1
	case "rollback":
		return len(c.tree.Root.Children) == 0
	}
	return isSessionWord(ws[0].text)
}

// isStatement reports whether a line is a statement whose `set` somebody left out: at the top, of a known hierarchy.
func (c *commander) isStatement(ws []word) bool {
	return len(c.at) == 0 && len(ws) > 1 && c.tree.Schema.Child(ws[0].text) != nil
}

// endsStatement reports whether a line ends as one of a curly text does.
func endsStatement(line string) bool {
	return strings.HasSuffix(line, ";") || strings.HasSuffix(line, "{") || strings.HasSuffix(line, "}")
}
