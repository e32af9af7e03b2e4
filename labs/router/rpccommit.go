package router

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// commitConfiguration is Junos's own commit, whose confirm-timeout counts minutes.
func (n *netconf) commitConfiguration(op *element) (string, error) {
	o := commitOptions{
		Log: op.value("log"), Check: op.has("check"),
		Synchronize: op.has("synchronize"), Force: op.has("force-synchronize"),
	}
	if op.has("at-time") {
		return "", faults{{Tag: "operation-not-supported", Bad: "at-time", Message: "the lab router commits at once only"}}
	}
	if op.has("confirmed") && !o.Check {
		minutes := defaultConfirmMinutes
		if v := op.value("confirm-timeout"); v != "" {
			var err error
			if minutes, err = strconv.Atoi(v); err != nil || minutes < 1 || minutes > maxConfirmMinutes {
				return "", faults{{
					Tag: "invalid-value", Bad: "confirm-timeout",
					Message: fmt.Sprintf("Value %s is not within range (1..%d)", v, maxConfirmMinutes),
				}}
			}
		}
		n.r.db.confirmMinutes(&o, minutes)
	}
	return n.commit(o, op.attr("detail") == "detail")
}

// commitRFC is the RFC's own commit, whose confirm-timeout counts seconds. A <persist> is not needed, since every
// confirmed commit here outlives its session, and any session may confirm it.
func (n *netconf) commitRFC(op *element) (string, error) {
	var o commitOptions
	if op.has("confirmed") {
		seconds := defaultConfirmMinutes * 60
		if v := op.value("confirm-timeout"); v != "" {
			var err error
			if seconds, err = strconv.Atoi(v); err != nil || seconds < 1 || seconds > maxConfirmMinutes*60 {
				return "", faults{{
					Tag: "invalid-value", Bad: "confirm-timeout",
					Message: fmt.Sprintf("Value %s is not within range (1..%d)", v, maxConfirmMinutes*60),
				}}
			}
		}
		n.r.db.confirmSeconds(&o, seconds)
	}
	return n.commit(o, false)
}

func (n *netconf) validate(op *element) (string, error) {
	if source := op.child("source"); source != nil && !source.has("candidate") {
		return "", faults{{Tag: "operation-not-supported", Bad: "source", Message: "only the candidate configuration can be validated"}}
	}
	return n.commit(commitOptions{Check: true}, false)
}

// cancelCommit ends an open confirm window by going back at once.
func (n *netconf) cancelCommit(*element) (string, error) {
	if err := n.r.db.cancelCommit(n.s); err != nil {
		return "", err
	}
	return ok, nil
}

// commit answers <ok/>, with several engines what each of them did, or what was found inside <commit-results>, as a
// device in its default mode does.
func (n *netconf) commit(o commitOptions, detail bool) (string, error) {
	done, err := n.r.db.commit(n.s, o)
	switch {
	case err == nil:
		return n.commitReply(done, detail), nil
	case errors.Is(err, errConflict):
		found := faultsOf(err)
		return fmt.Sprintf("<commit-results>\n%s<load-error-count>%d</load-error-count>\n</commit-results>\n", found.xml(), len(found)), nil
	case errors.Is(err, errCheck):
		return "<commit-results>\n" + faultsOf(err).xml() + "</commit-results>\n", nil
	}
	return "", err
}

// progress is what a device says that it does during a commit, when asked for detail: the parts that a lab router has.
var progress = []string{
	"Obtaining lock for commit", "updating commit revision", "start loading commit script changes", "no commit script changes",
	"finished loading commit script changes", "copying juniper.db to juniper.data+", "finished copying juniper.db to juniper.data+",
	"exporting juniper.conf", "expanding interface-ranges", "finished expanding interface-ranges", "validating configuration",
	"notifying daemons of new configuration", "Rotating backup configs", "commit complete",
}

// commitReply writes a report. With one engine and nothing to say of it, it is <ok/>.
func (n *netconf) commitReply(done commitReport, detail bool) string {
	end := done.Warnings.xml()
	if end == "" || !n.r.opts.RFCCompliant {
		end += ok
	}
	if len(done.Engines) == 1 && !detail && !n.r.db.engines.dual() {
		return end
	}
	if done.Nothing && !done.Check {
		return "<commit-results>\n</commit-results>\n" + end
	}
	var b strings.Builder
	b.WriteString("<commit-results>\n")
	if done.Merged {
		b.WriteString("<load-success/>\n")
	}
	for _, step := range done.steps() {
		b.WriteString("<routing-engine junos:style=\"normal\">\n" + tag("name", step.engine))
		if detail && step.engine == done.Engines[0] {
			for _, message := range progress {
				b.WriteString("<progress-indicator>\n" + tag("message", message) + "</progress-indicator>\n")
			}
			detail = false // told once
		}
		switch {
		case step.check:
			b.WriteString("<commit-check-success/>\n")
		default:
			b.WriteString("<commit-success/>\n<commit-revision-information>\n" + tag("new-db-revision", step.engine+"-"+done.New) +
				tag("old-db-revision", step.engine+"-"+done.Old) + "</commit-revision-information>\n")
		}
		b.WriteString("</routing-engine>\n")
	}
	b.WriteString("</commit-results>\n")
	return b.String() + end
}
