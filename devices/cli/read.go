package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/internal/answer"
)

// noMore keeps an answer from stopping at each full screen, whatever the screen's length is.
const noMore = " | no-more"

// Running is the committed configuration.
func (d *Device) Running(ctx context.Context) (string, error) {
	return d.text(ctx, "get running configuration", "show configuration")
}

// text runs a command of operational mode whose answer is text of its own.
func (d *Device) text(ctx context.Context, what, command string) (string, error) {
	out, err := d.session.operational(ctx, d.opts.Timeout, what, command+noMore)
	if err != nil {
		return "", err
	}
	if e := refusal(d.Name(), out); e != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), what, e)
	}
	return out, nil
}

// Query runs an operational command.
func (d *Device) Query(ctx context.Context, op devices.Op) (string, error) {
	command, asXML := op.XML()
	if !asXML {
		out, err := d.text(ctx, command, command)
		return answer.Text(out), err
	}
	out, err := d.text(ctx, command, command+" | display xml")
	if err != nil {
		return "", err
	}
	e, err := answer.Parse([]byte(out))
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), command, err)
	}
	if errs, _ := answer.Errors(d.Name(), e); len(errs) > 0 {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), command, answer.Join(errs))
	}
	text, err := devices.Payload([]byte(out))
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), command, err)
	}
	return text, nil
}

// History is the commit history, in XML where the device gives it so: there a time needs no time zone, and a comment no
// guess.
func (d *Device) History(ctx context.Context) ([]devices.Commit, error) {
	list, err := d.history(ctx)
	if err != nil {
		return nil, err
	}
	if len(list) > 0 && list[0].Confirm > 0 && d.windowOver(ctx, list[0]) {
		list[0].Confirm = 0
	}
	return list, nil
}

func (d *Device) history(ctx context.Context) ([]devices.Commit, error) {
	const what, command = "get commit history", "show system commit"
	if !d.textOnly {
		out, err := d.text(ctx, what, command+" | display xml")
		if err == nil && strings.HasPrefix(strings.TrimSpace(out), "<") {
			e, err := answer.Parse([]byte(out))
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", d.Name(), what, err)
			}
			list, err := answer.History(e)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", d.Name(), what, err)
			}
			return list, nil
		}
		if _, refused := errors.AsType[*devices.RPCError](err); err != nil && !refused {
			return nil, err
		}
	}
	out, err := d.text(ctx, what, command)
	if err != nil {
		return nil, err
	}
	list, err := readHistory(out)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", d.Name(), what, err)
	}
	d.textOnly = true
	return list, nil
}

var (
	historyLine = regexp.MustCompile(`^(\d+) +(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+) by (\S+) via (\S+)(?: (.*))?$`)
	confirmNote = regexp.MustCompile(`^commit confirmed, rollback in (\d+) ?min(?:ute)?s?$`)
	nowLine     = regexp.MustCompile(`(?m)^\s*Current time: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+)$`)
)

// readHistory reads `show system commit`: a line for each commit, and the comment of a person below it, indented.
func readHistory(text string) ([]devices.Commit, error) {
	var out []devices.Commit
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\n")
		if line == "" {
			continue
		}
		if indented(line) && len(out) > 0 {
			last := &out[len(out)-1]
			last.Comment = strings.TrimSpace(last.Comment + " " + answer.OneLine(line))
			continue
		}
		m := historyLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("the line %q is no entry", line)
		}
		c, err := historyEntry(m)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 {
			c.Confirm = 0 // only the newest commit can be waiting
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("the history is empty")
	}
	return out, nil
}

func historyEntry(m []string) (devices.Commit, error) {
	c := devices.Commit{User: m[3], Client: m[4]}
	var err error
	if c.Number, err = strconv.Atoi(m[1]); err != nil {
		return c, fmt.Errorf("number of the entry %q: %w", m[0], err)
	}
	if c.Time, err = clock(m[2]); err != nil {
		return c, err
	}
	note := strings.TrimSpace(m[5])
	if n := confirmNote.FindStringSubmatch(note); n != nil {
		minutes, err := strconv.Atoi(n[1])
		if err != nil || minutes > maxConfirmMinutes {
			return c, fmt.Errorf("confirm window of the entry %q: not a number of minutes", m[0])
		}
		c.Confirm = time.Duration(minutes) * time.Minute
	}
	return c, nil
}

// maxConfirmMinutes is Junos's own limit.
const maxConfirmMinutes = 65535

// clock reads a time of the device. Its zone is a name that need not be known here: then the time is as in UTC, which is
// right beside other times of the same device.
func clock(s string) (time.Time, error) {
	t, err := time.Parse(time.DateTime+" MST", s)
	if err != nil {
		return t, fmt.Errorf("read time: %w", err)
	}
	return t.UTC(), nil
}

// windowOver asks the device's clock whether the window of entry 0 has ended. A device that does not tell its time leaves
// the window open, which is the safe side.
func (d *Device) windowOver(ctx context.Context, c devices.Commit) bool {
	const what, command = "get time", "show system uptime"
	if !d.textOnly {
		// The entry's time came as seconds: only such a time, or one in UTC, goes with it.
		out, err := d.text(ctx, what, command+" | display xml")
		if err != nil {
			return false
		}
		e, err := answer.Parse([]byte(out))
		if err != nil {
			return false
		}
		if now, err := answer.Time(e.Find("current-time").Find("date-time")); err == nil {
			return answer.WindowOver(c, now)
		}
		m := nowLine.FindStringSubmatch(out)
		return m != nil && strings.HasSuffix(m[1], " UTC") && over(c, m[1])
	}
	out, err := d.text(ctx, what, command)
	if err != nil {
		return false
	}
	m := nowLine.FindStringSubmatch(out)
	return m != nil && over(c, m[1])
}

func over(c devices.Commit, clockText string) bool {
	now, err := clock(clockText)
	return err == nil && answer.WindowOver(c, now)
}
