package router

import (
	"fmt"
	"strings"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

const ok = "<ok/>\n"

// operation answers one request of a session; what it returns beside an error is sent before the <rpc-error>s.
type operation func(n *netconf, op *element) (string, error)

// operations is every operation that the router serves, by the local name of its element.
var operations = map[string]operation{
	"cancel-commit":                       (*netconf).cancelCommit,
	"get-alarm-information":               stateOperation(inquireChassisAlarms),
	"get-bgp-neighbor-information":        stateOperation(inquireBGPNeighbor),
	"get-bgp-summary-information":         stateOperation(inquireBGPSummary),
	"get-chassis-inventory":               stateOperation(inquireHardware),
	"get-route-engine-information":        stateOperation(inquireEngines),
	"get-route-information":               stateOperation(inquireRoute),
	"get-system-alarm-information":        stateOperation(inquireSystemAlarms),
	"get-firewall-counter-information":    renamed(inquireFirewall, map[string]string{"countername": "counter"}),
	"get-firewall-filter-information":     renamed(inquireFirewall, map[string]string{"filtername": "filter"}),
	"get-firewall-information":            stateOperation(inquireFirewall),
	"get-interface-information":           stateOperation(inquireInterfaces),
	"get-lldp-neighbors-information":      stateOperation(inquireLLDP),
	"close-configuration":                 (*netconf).closeConfiguration,
	"close-session":                       (*netconf).closeSession,
	"command":                             (*netconf).command,
	"commit":                              (*netconf).commitRFC,
	"commit-configuration":                (*netconf).commitConfiguration,
	"discard-changes":                     (*netconf).discardChanges,
	"edit-config":                         (*netconf).editConfig,
	"get":                                 (*netconf).get,
	"get-commit-information":              (*netconf).commitInformation,
	"get-config":                          (*netconf).getConfig,
	"get-commit-revision-information":     (*netconf).commitRevision,
	"get-configuration":                   (*netconf).getConfiguration,
	"get-rescue-information":              (*netconf).rescueInformation,
	"get-rollback-information":            (*netconf).rollbackInformation,
	"get-software-information":            (*netconf).softwareInformation,
	"get-system-information":              (*netconf).systemInformation,
	"get-system-uptime-information":       (*netconf).uptime,
	"get-system-users-information":        (*netconf).systemUsers,
	"kill-session":                        (*netconf).killSession,
	"load-configuration":                  (*netconf).loadConfiguration,
	"lock":                                (*netconf).lockTarget,
	"lock-configuration":                  (*netconf).lockConfiguration,
	"open-configuration":                  (*netconf).openConfiguration,
	"request-delete-rescue-configuration": (*netconf).deleteRescue,
	"request-save-rescue-configuration":   (*netconf).saveRescue,
	"unlock":                              (*netconf).unlockTarget,
	"unlock-configuration":                (*netconf).unlockConfiguration,
	"validate":                            (*netconf).validate,
}

// changing are the operations that a user of class read-only may not have.
var changing = map[string]bool{
	"cancel-commit": true, "commit": true, "commit-configuration": true, "discard-changes": true, "edit-config": true,
	"kill-session": true, "load-configuration": true, "lock": true, "lock-configuration": true, "open-configuration": true,
	"request-delete-rescue-configuration": true, "request-save-rescue-configuration": true, "validate": true,
}

func (n *netconf) lockConfiguration(*element) (string, error) {
	if err := n.r.db.lock(n.s); err != nil {
		return "", err
	}
	return ok, nil
}

func (n *netconf) unlockConfiguration(*element) (string, error) {
	if err := n.r.db.unlock(n.s); err != nil {
		return "", err
	}
	return ok, nil
}

// lockTarget is the RFC's own form; only the candidate can be locked, as on a device.
func (n *netconf) lockTarget(op *element) (string, error) {
	if !op.child("target").has("candidate") {
		return "", faults{{Tag: "operation-not-supported", Bad: "target", Message: "only the candidate configuration can be locked"}}
	}
	return n.lockConfiguration(op)
}

func (n *netconf) unlockTarget(op *element) (string, error) {
	if !op.child("target").has("candidate") {
		return "", faults{{Tag: "operation-not-supported", Bad: "target", Message: "only the candidate configuration can be unlocked"}}
	}
	return n.unlockConfiguration(op)
}

// openConfiguration opens the shared database, which is always open unless somebody edits privately, takes it
// exclusively, or gives the session a private copy. A warning stands in the reply without an <ok/>, as on a device.
func (n *netconf) openConfiguration(op *element) (string, error) {
	if word := strings.TrimSpace(op.text); word != "" {
		return "", faults{{Message: "syntax error, expecting <invoke-on>", Bad: word}}
	}
	if len(op.children) == 0 {
		if err := n.r.db.openShared(n.s); err != nil {
			return "", err
		}
		return ok, nil
	}
	switch mode := op.children[0]; mode.name {
	case "exclusive":
		return n.lockConfiguration(op)
	case "private":
		warnings, err := n.r.db.openPrivate(n.s)
		if err != nil {
			return "", err
		}
		return warnings.xml(), nil
	case "ephemeral", "ephemeral-instance":
		return "", faults{{Message: "ephemeral configuration database is not available", Bad: mode.name}}
	default: // dynamic and batch too, as on a device that has no such database
		return "", faults{{Message: "syntax error", Bad: mode.name}}
	}
}

func (n *netconf) closeConfiguration(*element) (string, error) {
	if !n.r.db.closePrivate(n.s) && n.r.db.holds(n.s) {
		return n.unlockConfiguration(nil)
	}
	return ok, nil
}

// loadConfiguration takes text, set lines, XML or JSON, or a configuration of the history. Its answer always says in a
// <load-configuration-results> how it went; an error stands inside it, where a client has to look for it.
func (n *netconf) loadConfiguration(op *element) (string, error) {
	warnings, err := n.load(op)
	body := "<load-configuration-results>\n" + warnings.xml()
	if err == nil {
		return body + ok + "</load-configuration-results>\n", nil
	}
	found := faultsOf(err)
	count := 0
	for _, f := range found {
		if !f.Warning {
			count++
		}
	}
	return body + found.xml() + fmt.Sprintf("<load-error-count>%d</load-error-count>\n</load-configuration-results>\n", count), nil
}

func (n *netconf) load(op *element) (faults, error) {
	if v := op.attr("rollback"); v != "" {
		number, err := rollbackNumber(v)
		if err != nil {
			return nil, err
		}
		return nil, n.r.db.rollback(n.s, number)
	}
	if v := op.attr("rescue"); v != "" {
		if v != "rescue" {
			return nil, faults{{Tag: "invalid-value", Bad: "rescue", Message: "syntax error, expecting rescue=\"rescue\""}}
		}
		return nil, n.r.db.rollbackRescue(n.s)
	}
	if v := op.attr("configuration-revision"); v != "" {
		tree, err := n.r.db.atRevision(v)
		if err != nil {
			return nil, err
		}
		return nil, n.r.db.replace(n.s, func() (*junos.Tree, error) { return tree, nil })
	}
	mode := junos.Merge
	action := op.attr("action")
	if action != "" {
		if err := mode.UnmarshalText([]byte(action)); err != nil {
			return nil, faults{{Tag: "invalid-value", Bad: "action", Message: "load action '" + action + "' is not supported"}}
		}
	}
	switch {
	case op.has("configuration-set"):
		return n.r.db.load(n.s, "", []byte(op.child("configuration-set").text), junos.Set)
	case op.has("configuration-text"):
		return n.r.db.load(n.s, "", []byte(op.child("configuration-text").text), mode)
	case op.has("configuration-patch"):
		return n.r.db.load(n.s, "", []byte(op.child("configuration-patch").text), junos.Patch)
	case op.has("configuration-json"):
		return n.r.db.load(n.s, "", []byte(op.child("configuration-json").text), byOperation(mode))
	case op.has("configuration"):
		return n.r.db.load(n.s, "", op.child("configuration").raw, byOperation(mode))
	}
	return nil, faults{{Tag: "missing-element", Bad: "load-configuration", Message: "no configuration-text, -set, -patch, -json or configuration to load"}}
}

// byOperation is the mode for a text whose statements say by attributes which of them replace what is there.
func byOperation(mode junos.Mode) junos.Mode {
	if mode == junos.Merge {
		return junos.Replace
	}
	return mode
}

func (n *netconf) discardChanges(*element) (string, error) {
	if err := n.r.db.rollback(n.s, 0); err != nil {
		return "", err
	}
	return ok, nil
}

// getConfiguration sends the candidate or the committed configuration, the whole or what a filter names, in one of
// four forms; or the difference to a configuration of the history.
func (n *netconf) getConfiguration(op *element) (string, error) {
	v := n.r.db.viewOf(n.s)
	committed := op.attr("database") == "committed"
	tree := v.candidate
	if committed {
		tree = v.active
	}
	if op.attr("compare") != "" {
		return n.compare(op, tree)
	}
	d := junos.Display{Format: junos.FormatXML, Inherited: op.attr("inherit") == "inherit", Groups: op.attr("groups") == "groups"}
	if name := op.attr("format"); name != "" {
		if err := d.Format.UnmarshalText([]byte(name)); err != nil {
			return "", faults{{Tag: "invalid-value", Bad: "format", Message: "format '" + name + "' is not supported"}}
		}
	}
	if op.attr("changed") == "changed" {
		var err error
		if d.Changed, err = n.r.db.before(committed); err != nil {
			return "", err
		}
	}
	return configurationReply(tree, op.child("configuration"), d, v, committed)
}

// configurationReply is the configuration in the element that NETCONF has for its form. JSON is the text of the reply
// itself, as clients expect.
func configurationReply(tree *junos.Tree, filter *element, d junos.Display, v view, committed bool) (string, error) {
	var err error
	inherited := d.Inherited
	if filter != nil {
		if d.Inherited { // before a filter takes the groups away
			if tree, err = tree.Inherited(); err != nil {
				return "", err
			}
			d.Inherited = false
		}
		if tree, err = filterTree(tree, filter); err != nil {
			return "", err
		}
	}
	switch d.Format {
	case junos.FormatXML:
		d.Attributes = netconfAttributes(v, committed)
	case junos.FormatJSON:
		d.Attributes = attributesOf(v, committed)
	}
	text, err := tree.Display(d)
	if err != nil {
		return "", err
	}
	switch d.Format {
	case junos.FormatText:
		if filter != nil && inherited {
			text = tree.InheritanceText()
		}
		return "<configuration-text xmlns=\"" + configNS + "\">\n" + junos.EscapeText(headerOf(v, committed)+text) + "</configuration-text>\n", nil
	case junos.FormatSet:
		return "<configuration-set>\n" + junos.EscapeText(text) + "</configuration-set>\n", nil
	case junos.FormatJSON:
		return junos.EscapeText(text), nil
	}
	return text, nil
}

// compare is `show | compare rollback N`, or with a revision in the place of the number. The text begins with a line
// feed, and is one when nothing differs.
func (n *netconf) compare(op *element, tree *junos.Tree) (string, error) {
	var before *junos.Tree
	var err error
	switch how := op.attr("compare"); how {
	case "rollback":
		number := op.attr("rollback")
		if number == "" {
			number = "0"
		}
		before, err = n.historyTree(number)
	case "configuration-revision":
		before, err = n.r.db.atRevision(op.attr("configuration-revision"))
	default:
		err = faults{{Tag: "invalid-value", Bad: how, Message: "syntax error, expecting compare=\"rollback\" or \"configuration-revision\""}}
	}
	if err != nil {
		return "", err
	}
	if format := op.attr("format"); format != "" && format != "text" {
		return "", faults{{Tag: "operation-not-supported", Bad: format, Message: "the lab router compares in format text only"}}
	}
	return outputOf(diffs.Compare(before, tree).String()), nil
}

// getConfig is the RFC's own form: XML, from the running or the candidate configuration.
func (n *netconf) getConfig(op *element) (string, error) {
	v := n.r.db.viewOf(n.s)
	source := op.child("source")
	committed := source.has("running")
	tree := v.candidate
	switch {
	case committed:
		tree = v.active
	case !source.has("candidate"):
		return "", faults{{Tag: "missing-element", Bad: "source", Message: "source is the running or the candidate configuration"}}
	}
	tree, err := filterTree(tree, op.child("filter").child("configuration"))
	if err != nil {
		return "", err
	}
	return "<data>\n" + configurationXML(tree, v, committed) + "</data>\n", nil
}

// get is the RFC's read of configuration and state; the lab router has no state to filter, so it sends the
// configuration.
func (n *netconf) get(op *element) (string, error) {
	v := n.r.db.view()
	tree, err := filterTree(v.active, op.child("filter").child("configuration"))
	if err != nil {
		return "", err
	}
	return "<data>\n" + configurationXML(tree, v, true) + "</data>\n", nil
}
