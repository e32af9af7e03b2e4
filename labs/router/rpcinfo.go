package router

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

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

func (n *netconf) systemInformation(*element) (string, error) {
	return "<system-information>\n" + tag("hardware-model", modelName) + tag("os-name", "junos") + tag("os-version", releaseName) +
		tag("serial-number", serialNumber) + tag("host-name", n.r.hostname()) + "</system-information>\n", nil
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
		tag("junos-version", releaseName) + "<package-information>\n" + tag("name", "junos") +
		tag("comment", "JUNOS Software Release ["+releaseName+"]") + "</package-information>\n</software-information>\n"
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
		if answer, err := (&shell{r: n.r, s: n.s}).answerLine(line); !errors.Is(err, errNoAnswer) {
			return answer, err
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
