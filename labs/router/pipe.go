package router

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// defaultLast is how many lines `| last` shows.
const defaultLast = 24

// filter makes the function of an output pipe. Its errors are what the CLI prints.
func filter(name string, args []string) (func(string) string, error) {
	switch name {
	case "no-more":
		return func(s string) string { return s }, nil
	case "count":
		return func(s string) string { return fmt.Sprintf("Count: %d lines\n", strings.Count(s, "\n")) }, nil
	case "last":
		n := defaultLast
		if len(args) == 1 {
			var err error
			if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
				return nil, errors.New("syntax error.")
			}
		}
		return func(s string) string {
			all := strings.SplitAfter(s, "\n")
			return strings.Join(all[max(0, len(all)-1-n):], "")
		}, nil
	case "match", "except":
		pattern, err := regexp.Compile("(?i)" + args[0])
		if err != nil {
			return nil, errors.New("syntax error, invalid regular expression.")
		}
		return func(s string) string {
			var b strings.Builder
			for line := range strings.Lines(s) {
				if pattern.MatchString(strings.TrimSuffix(line, "\n")) == (name == "match") {
					b.WriteString(line)
				}
			}
			return b.String()
		}, nil
	}
	return nil, errors.New("syntax error.")
}
