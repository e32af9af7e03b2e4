package router

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// defaultLast is how many lines `| last` shows.
const defaultLast = 24

// show takes the words after `| display`. Several of them may follow each other: `| display changed | display xml`.
func (inv *invocation) show(words []string) error {
	forms := []*command{{word: "changed"}, {word: "inheritance"}, {word: "json"}, {word: "set"}, {word: "xml"}}
	c, err := pick(forms, words[0], 0)
	if err != nil {
		return err
	}
	switch more := words[1:]; {
	case c.word == "changed" && len(more) == 0:
		inv.changed = true
		return nil
	case c.word == "inheritance" && len(more) < 2:
		inv.display.Inherited = true
		if len(more) == 1 {
			_, err = pick([]*command{{word: "no-comments"}}, more[0], 0)
			inv.display.NoComments = true
		}
		return err
	case c.word == "set" && len(more) == 1:
		_, err = pick([]*command{{word: "relative"}}, more[0], 0)
		inv.display.Relative = true
	case c.word == "xml" && len(more) == 1:
		_, err = pick([]*command{{word: "groups"}}, more[0], 0)
		inv.display.Groups = true
	case len(more) > 0:
		return fmt.Errorf("syntax error behind display: %s", strings.Join(words, " "))
	}
	if err != nil {
		return err
	}
	return inv.display.Format.UnmarshalText([]byte(c.word))
}

// filter makes the function of an output pipe; ok is false when its words are wrong.
func filter(name string, args []string) (f func(string) string, ok bool) {
	switch name {
	case "no-more":
		return func(s string) string { return s }, true
	case "count":
		return func(s string) string { return fmt.Sprintf("Count: %d lines\n", strings.Count(s, "\n")) }, true
	case "last":
		n := defaultLast
		if len(args) == 1 {
			var err error
			if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
				return nil, false
			}
		}
		return func(s string) string {
			all := strings.SplitAfter(s, "\n")
			return strings.Join(all[max(0, len(all)-1-n):], "")
		}, true
	case "match", "except":
		pattern, err := regexp.Compile("(?i)" + args[0])
		if err != nil {
			return nil, false
		}
		return func(s string) string {
			var b strings.Builder
			for line := range strings.Lines(s) {
				if pattern.MatchString(strings.TrimSuffix(line, "\n")) == (name == "match") {
					b.WriteString(line)
				}
			}
			return b.String()
		}, true
	}
	return nil, false
}
