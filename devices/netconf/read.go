package netconf

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"rhapsode/devices"
)

// Running is the committed configuration.
func (d *Device) Running(ctx context.Context) (string, error) {
	return d.configuration(ctx, "get running configuration", "committed")
}

func (d *Device) configuration(ctx context.Context, what, database string) (string, error) {
	reply, err := d.call(ctx, what, fmt.Sprintf(`<get-configuration database="%s" format="text"/>`, database))
	if err != nil {
		return "", err
	}
	text := reply.find("configuration-text")
	if text == nil {
		return "", fmt.Errorf("%s: %s: no configuration-text in the reply", d.Name(), what)
	}
	return strings.TrimPrefix(text.text, "\n"), nil
}

// compare is `show | compare` of the candidate with the running configuration. It needs no lock.
func (d *Device) compare(ctx context.Context) (string, error) {
	reply, err := d.call(ctx, "compare", `<get-configuration compare="rollback" rollback="0" format="text"/>`)
	if err != nil {
		return "", err
	}
	out := reply.find("configuration-output")
	if out == nil {
		return "", fmt.Errorf("%s: compare: no configuration-output in the reply", d.Name())
	}
	return outputText(out.text), nil
}

// outputText takes away the line feeds that Junos puts around an output, and ends it in one. Nothing but line feeds is "".
func outputText(s string) string {
	s = strings.Trim(s, "\n")
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return s + "\n"
}

// Query runs an operational command.
func (d *Device) Query(ctx context.Context, op devices.Op) (string, error) {
	what, asXML := op.XML()
	command, err := escape(what)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), what, err)
	}
	if asXML {
		reply, err := d.call(ctx, what, `<command format="xml">`+command+`</command>`)
		if err != nil {
			return "", err
		}
		text, err := devices.Payload(reply.raw)
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w", d.Name(), what, err)
		}
		return text, nil
	}
	reply, err := d.call(ctx, what, `<command format="text">`+command+`</command>`)
	if err != nil {
		return "", err
	}
	// Where the output stands depends on the command.
	for _, name := range []string{"output", "configuration-output", "configuration-text"} {
		if e := reply.find(name); e != nil {
			return outputText(e.text), nil
		}
	}
	var b strings.Builder
	reply.walk(func(e *element) { b.WriteString(e.text) })
	return outputText(b.String()), nil
}

// confirmNote is what Junos adds to the entry of a commit that waits to be confirmed.
var confirmNote = regexp.MustCompile(`commit confirmed, rollback in (\d+) ?min`)

// History is the commit history.
func (d *Device) History(ctx context.Context) ([]devices.Commit, error) {
	reply, err := d.call(ctx, "get commit history", "<get-commit-information/>")
	if err != nil {
		return nil, err
	}
	if reply.find("commit-information") == nil {
		return nil, fmt.Errorf("%s: get commit history: no commit-information in the reply", d.Name())
	}
	var out []devices.Commit
	var errs []error
	reply.walk(func(e *element) {
		if e.name != "commit-history" {
			return
		}
		c, err := historyEntry(e)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: get commit history: %w", d.Name(), err))
		}
		if len(out) > 0 {
			c.Confirm = 0 // only the newest commit can be waiting
		}
		out = append(out, c)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(out) > 0 && out[0].Confirm > 0 && d.windowOver(ctx, out[0]) {
		out[0].Confirm = 0
	}
	return out, nil
}

// historyEntry reads one entry. The comment of a person and the note of an open window stand in <log> and <comment>, in
// one or the other by release.
func historyEntry(e *element) (devices.Commit, error) {
	c := devices.Commit{User: e.content("user"), Client: e.content("client")}
	var err error
	if c.Number, err = strconv.Atoi(e.content("sequence-number")); err != nil {
		return c, fmt.Errorf("sequence-number %q is no number", e.content("sequence-number"))
	}
	if c.Time, err = deviceTime(e.find("date-time")); err != nil {
		return c, err
	}
	var comments []string
	for _, child := range e.children {
		if child.name != "log" && child.name != "comment" {
			continue
		}
		text := oneLine(child.text)
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

// deviceTime reads a <date-time>: its junos:seconds count from 1970, its text is for people, in the device's zone.
func deviceTime(e *element) (time.Time, error) {
	if e == nil {
		return time.Time{}, errors.New("no date-time")
	}
	if s := e.attr("seconds"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("date-time: seconds %q: %w", s, err)
		}
		return time.Unix(n, 0).UTC(), nil
	}
	t, err := time.Parse(time.DateTime+" MST", strings.TrimSpace(e.text))
	if err != nil {
		return time.Time{}, fmt.Errorf("date-time: %w", err)
	}
	return t, nil
}

// windowGrace is how long a rollback may take until the history shows it.
const windowGrace = 5 * time.Minute

// windowOver tells whether the window of entry 0 has ended by the device's own clock. If so it was confirmed, by a
// commit check for example, which leaves no entry: a rollback would stand in its place. A device that does not tell its
// time leaves the window open, which is the safe side.
func (d *Device) windowOver(ctx context.Context, c devices.Commit) bool {
	reply, err := d.call(ctx, "get time", "<get-system-uptime-information/>")
	if err != nil {
		return false
	}
	now, err := deviceTime(reply.find("current-time").find("date-time"))
	return err == nil && now.After(c.Time.Add(c.Confirm+windowGrace))
}
