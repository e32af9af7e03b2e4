package router

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

func (n *netconf) closeSession(*element) (string, error) {
	n.closing = true
	return ok, nil
}

func (n *netconf) killSession(op *element) (string, error) {
	id, err := strconv.Atoi(op.value("session-id"))
	if err != nil {
		return "", faults{{Tag: "invalid-value", Bad: "session-id", Message: "session-id is a number"}}
	}
	if err := n.r.db.killSession(n.s, id); err != nil {
		return "", err
	}
	return ok, nil
}

func (n *netconf) commitInformation(*element) (string, error) {
	var b strings.Builder
	b.WriteString("<commit-information>\n")
	for _, e := range n.r.db.history() {
		fmt.Fprintf(&b, "<commit-history>\n<sequence-number>%d</sequence-number>\n", e.Number)
		b.WriteString(tag("user", e.User) + tag("client", e.Client))
		fmt.Fprintf(&b, "<date-time junos:seconds=\"%d\">%s</date-time>\n", e.Time.Unix(), e.Time.UTC().Format(stamp))
		b.WriteString(tag("comment", e.Comment) + tag("log", e.Log) + "</commit-history>\n")
	}
	b.WriteString("</commit-information>\n")
	return b.String(), nil
}

// historyTree is the configuration of a number in a request.
func (n *netconf) historyTree(number string) (*junos.Tree, error) {
	at, err := strconv.Atoi(number)
	if err != nil {
		return nil, faults{{Tag: "invalid-value", Bad: "rollback", Message: "invalid numeric value: '" + number + "'"}}
	}
	return n.r.db.at(at)
}

// rollbackInformation sends a configuration of the history, or the difference from <compare> to it.
func (n *netconf) rollbackInformation(op *element) (string, error) {
	tree, err := n.historyTree(op.value("rollback"))
	if err != nil {
		return "", err
	}
	text := tree.Text()
	if v := op.value("compare"); v != "" {
		other, err := n.historyTree(v)
		if err != nil {
			return "", err
		}
		text = diffs.Compare(tree, other).String()
	}
	return "<rollback-information>\n<configuration-information>\n<configuration-output>\n" + junos.EscapeText(text) +
		"</configuration-output>\n</configuration-information>\n</rollback-information>\n", nil
}

func (n *netconf) systemInformation(*element) (string, error) {
	return "<system-information>\n" + tag("hardware-model", modelName) + tag("os-name", "junos") + tag("os-version", releaseName) +
		tag("serial-number", "LAB0000000") + tag("host-name", n.r.hostname()) + "</system-information>\n", nil
}

// softwareInformation names the release. Of a virtual chassis all members answer, in a form of their own.
func (n *netconf) softwareInformation(*element) (string, error) {
	if n.r.db.engines.chassis {
		return n.softwareEverywhere(nil)
	}
	return n.software(), nil
}

func (n *netconf) software() string {
	return "<software-information>\n" + tag("host-name", n.r.hostname()) + tag("product-model", modelName) + tag("product-name", modelName) +
		tag("junos-version", releaseName) + "</software-information>\n"
}

// softwareEverywhere is `show version invoke-on all-routing-engines`, which PyEZ asks first.
func (n *netconf) softwareEverywhere(*element) (string, error) {
	if !n.r.db.engines.dual() && !n.r.db.engines.chassis {
		return n.software(), nil
	}
	var b strings.Builder
	b.WriteString("<multi-routing-engine-results>\n")
	for _, name := range n.r.Engines() {
		b.WriteString("<multi-routing-engine-item>\n" + tag("re-name", name) + n.software() + "</multi-routing-engine-item>\n")
	}
	b.WriteString("</multi-routing-engine-results>\n")
	return b.String(), nil
}

func (n *netconf) systemUsers(*element) (string, error) {
	var b strings.Builder
	b.WriteString("<system-users-information>\n<uptime-information>\n")
	for _, u := range n.r.db.view().users {
		b.WriteString("<user-entry>\n" + tag("user", u.user) + tag("tty", u.tty) + tag("login-time", u.since.UTC().Format(stamp)) +
			tag("command", u.client) + "</user-entry>\n")
	}
	b.WriteString("</uptime-information>\n</system-users-information>\n")
	return b.String(), nil
}

// structured are the commands that have an answer of their own in XML; the others answer with text in either form.
var structured = map[string]operation{
	"show version": (*netconf).softwareInformation,
	"show version invoke-on all-routing-engines": (*netconf).softwareEverywhere,
	"show system information":                    (*netconf).systemInformation,
	"show system commit":                         (*netconf).commitInformation,
	"show system users":                          (*netconf).systemUsers,
	"show configuration": func(n *netconf, _ *element) (string, error) {
		v := n.r.db.view()
		return configurationXML(v.active, v, true), nil
	},
}

// command runs an operational command of the CLI.
func (n *netconf) command(op *element) (string, error) {
	line := strings.TrimSpace(op.text)
	if op.attr("format") != "text" {
		if run := structured[oneLine(line)]; run != nil {
			return run(n, op)
		}
	}
	var out bytes.Buffer
	sh := &shell{r: n.r, s: n.s, out: &out}
	words, err := tokens(line)
	if err == nil {
		err = sh.dispatch(n.r.operational, line, words)
	}
	if usage, isUsage := errors.AsType[*usageError](err); isUsage {
		bad := line
		if usage.word < len(words) {
			bad = words[usage.word].text
		}
		return "", faults{{Tag: "operation-failed", Bad: bad, Message: "syntax error, expecting <command>"}}
	}
	if err != nil {
		return "", err
	}
	return "<output>\n" + junos.EscapeText(out.String()) + "</output>\n", nil
}
