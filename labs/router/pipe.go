package router

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// defaultLast is how many lines `| last` shows.
const defaultLast = 24

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
