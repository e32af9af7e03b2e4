package router

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// commitInformation is `show system commit`, with <include-configuration-revision/> the identifier of each commit, too.
func (n *netconf) commitInformation(op *element) (string, error) {
	revisions := op.has("include-configuration-revision")
	var b strings.Builder
	b.WriteString("<commit-information>\n")
	for _, e := range n.r.db.history() {
		fmt.Fprintf(&b, "<commit-history>\n<sequence-number>%d</sequence-number>\n", e.Number)
		b.WriteString(tag("user", e.User) + tag("client", e.Client) + dateTime(e.Time))
		if revisions {
			b.WriteString(tag("configuration-revision", n.r.Engines()[0]+"-"+e.identifier()))
		}
		b.WriteString(tag("comment", e.Comment) + tag("log", e.Log) + "</commit-history>\n")
	}
	b.WriteString("</commit-information>\n")
	return b.String(), nil
}

// commitRevision is `show system commit revision`: the identifier of the active configuration, in detail with who
// committed it and when.
func (n *netconf) commitRevision(op *element) (string, error) {
	newest := n.r.db.history()[0]
	body := tag("revision", n.r.Engines()[0]+"-"+newest.identifier())
	switch level := op.value("level"); level {
	case "detail":
		body += tag("user", newest.User) + tag("client", newest.Client) + dateTime(newest.Time) + tag("comment", newest.Comment) + tag("log", newest.Log)
	case "", "brief":
	default:
		return "", faults{{Bad: level, Message: "syntax error, expecting brief or detail"}}
	}
	return "<commit-revision-information>\n" + body + "</commit-revision-information>\n", nil
}

// dateTime is a moment as Junos writes it: for people, and in seconds for programs.
func dateTime(t time.Time) string {
	return fmt.Sprintf("<date-time junos:seconds=\"%d\">%s</date-time>\n", t.Unix(), t.UTC().Format(stamp))
}

// historyTree is the configuration of a number in a request.
func (n *netconf) historyTree(number string) (*junos.Tree, error) {
	at, err := rollbackNumber(number)
	if err != nil {
		return nil, err
	}
	return n.r.db.at(at)
}

// rollbackNumber reads the number of a configuration of the history; what it may be is checked by the database.
func rollbackNumber(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil {
		return 0, faults{{Tag: "invalid-value", Bad: word, Message: "invalid numeric value: '" + word + "'"}}
	}
	return n, nil
}

// rollbackInformation sends a configuration of the history, or the difference from it to the one in <compare>.
func (n *netconf) rollbackInformation(op *element) (string, error) {
	number := op.value("rollback")
	if number == "" {
		return "", faults{{Tag: "missing-element", Bad: "rollback", Message: "missing mandatory argument: rollback"}}
	}
	tree, err := n.historyTree(number)
	if err != nil {
		return "", err
	}
	if v := op.value("compare"); v != "" {
		other, err := n.historyTree(v)
		if err != nil {
			return "", err
		}
		return "<rollback-information>\n" + outputOf(diffs.Compare(tree, other).String()) + "</rollback-information>\n", nil
	}
	body, err := stored(tree, op.value("format"))
	if err != nil {
		return "", err
	}
	return "<rollback-information>\n" + body + "</rollback-information>\n", nil
}

// stored is a configuration that is kept, in the form that was asked for; XML is the default.
func stored(tree *junos.Tree, format string) (string, error) {
	d := junos.Display{Format: junos.FormatXML, Attributes: []junos.Attribute{{Name: "xmlns", Value: configNS}}}
	if format != "" {
		if err := d.Format.UnmarshalText([]byte(format)); err != nil {
			return "", faults{{Tag: "invalid-value", Bad: format, Message: "format '" + format + "' is not supported"}}
		}
	}
	if d.Format != junos.FormatXML {
		d.Attributes = nil
	}
	text, err := tree.Display(d)
	if err != nil {
		return "", err
	}
	switch d.Format {
	case junos.FormatXML:
		return ok + text, nil
	case junos.FormatJSON:
		return junos.EscapeText(text), nil
	}
	return outputOf(text), nil
}

// outputOf wraps a text as the output of a command about the configuration. It begins with a line feed.
func outputOf(text string) string {
	return "<configuration-information>\n<configuration-output>\n" + junos.EscapeText(text) +
		"</configuration-output>\n</configuration-information>\n"
}

// rescueInformation is `show system configuration rescue`.
func (n *netconf) rescueInformation(op *element) (string, error) {
	tree, err := n.r.db.rescue()
	if err != nil {
		return "", err
	}
	body, err := stored(tree, op.value("format"))
	if err != nil {
		return "", err
	}
	return "<rescue-information>\n" + body + "</rescue-information>\n", nil
}

func (n *netconf) saveRescue(*element) (string, error) { return n.rescueResult(n.r.db.saveRescue()) }

func (n *netconf) deleteRescue(*element) (string, error) {
	return n.rescueResult(n.r.db.deleteRescue())
}

func (n *netconf) rescueResult(err error) (string, error) {
	if err != nil {
		return "", err
	}
	return "<rescue-management-results>\n<routing-engine junos:style=\"normal\">\n" + tag("name", n.r.Engines()[0]) +
		"<success/>\n</routing-engine>\n</rescue-management-results>\n", nil
}

// uptime is `show system uptime`. Clients read the router's clock from it.
func (n *netconf) uptime(*element) (string, error) {
	now := time.Now()
	commit := n.r.db.view().commit
	ago := func(then time.Time) string {
		d := max(0, now.Sub(then).Truncate(time.Second))
		return fmt.Sprintf("<time-length junos:seconds=\"%d\">%02d:%02d:%02d</time-length>\n",
			int(d.Seconds()), int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	}
	return "<system-uptime-information>\n<current-time>\n" + dateTime(now) + "</current-time>\n" +
		"<system-booted-time>\n" + dateTime(*n.r.booted.Load()) + ago(*n.r.booted.Load()) + "</system-booted-time>\n" +
		"<last-configured-time>\n" + dateTime(commit.Time) + ago(commit.Time) + tag("user", commit.User) + "</last-configured-time>\n" +
		"</system-uptime-information>\n", nil
}
