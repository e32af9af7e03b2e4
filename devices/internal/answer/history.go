package answer

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rhapsode/devices"
)

// confirmNote is what Junos adds to the entry of a commit that waits to be confirmed.
var confirmNote = regexp.MustCompile(`commit confirmed, rollback in (\d+) ?min`)

// History reads a <commit-information>: the commits, the newest first. Only that one can be waiting to be confirmed.
func History(e *Element) ([]devices.Commit, error) {
	if e.Find("commit-information") == nil {
		return nil, errors.New("no commit-information in the reply")
	}
	var out []devices.Commit
	var errs []error
	e.Walk(func(e *Element) {
		if e.Name != "commit-history" {
			return
		}
		c, err := entry(e)
		if err != nil {
			errs = append(errs, err)
		}
		if len(out) > 0 {
			c.Confirm = 0
		}
		out = append(out, c)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

// entry reads one entry. The comment of a person and the note of an open window stand in <log> and <comment>, in
// one or the other by release.
func entry(e *Element) (devices.Commit, error) {
	c := devices.Commit{User: e.Content("user"), Client: e.Content("client")}
	var err error
	if c.Number, err = strconv.Atoi(e.Content("sequence-number")); err != nil {
		return c, fmt.Errorf("sequence-number %q is no number", e.Content("sequence-number"))
	}
	if c.Time, err = Time(e.Find("date-time")); err != nil {
		return c, err
	}
	var comments []string
	for _, child := range e.Children {
		if child.Name != "log" && child.Name != "comment" {
			continue
		}
		text := OneLine(child.Text)
		if m := confirmNote.FindStringSubmatch(text); m != nil {
			minutes, err := strconv.Atoi(m[1])
			if err != nil {
				return c, fmt.Errorf("confirm window %q: %w", text, err)
			}
			c.Confirm = time.Duration(minutes) * time.Minute
			continue
		}
		if text != "" {
			comments = append(comments, text)
		}
	}
	c.Comment = strings.Join(comments, " ")
	return c, nil
}

// Time reads a <date-time>: its junos:seconds count from 1970, its text is for people, in the device's zone.
func Time(e *Element) (time.Time, error) {
	if e == nil {
		return time.Time{}, errors.New("no date-time")
	}
	if s := e.Attr("seconds"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("date-time: seconds %q: %w", s, err)
		}
		return time.Unix(n, 0).UTC(), nil
	}
	t, err := time.Parse(time.DateTime+" MST", strings.TrimSpace(e.Text))
	if err != nil {
		return time.Time{}, fmt.Errorf("date-time: %w", err)
	}
	return t, nil
}

// windowGrace is how long a rollback may take until the history shows it.
const windowGrace = 5 * time.Minute

// WindowOver tells whether the window of a commit has ended by the device's own clock. If so it was confirmed, by a
// commit check for example, which leaves no entry: a rollback would stand in its place.
func WindowOver(c devices.Commit, now time.Time) bool {
	return now.After(c.Time.Add(c.Confirm + windowGrace))
}

// Text takes away the line feeds that Junos puts around an output, and ends it in one. Nothing but line feeds is "".
func Text(s string) string {
	s = strings.Trim(s, "\n")
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return s + "\n"
}
