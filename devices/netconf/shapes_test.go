package netconf

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// Replies as devices give them, by release, platform and configuration. What they mean must not depend on it.

// nc makes a reply of a device with `system services netconf rfc-compliant`.
func nc(body string) reply {
	return reply{raw: `<nc:rpc-reply xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:junos="http://xml.juniper.net/junos/23.4R1/junos" message-id="{id}">` + body + `</nc:rpc-reply>`}
}

func rpcError(severity, message string) string {
	return "<rpc-error>\n<error-type>application</error-type>\n<error-tag>invalid-value</error-tag>\n<error-severity>" + severity +
		"</error-severity>\n<source-daemon>\ndcd\n</source-daemon>\n<error-path>\n[edit interfaces\n  ge-0/0/8 unit 0]\n</error-path>\n<error-message>\n" + message +
		"\n</error-message>\n<error-info>\n<bad-element>\nfamily\n</bad-element>\n</error-info>\n</rpc-error>"
}

func engine(name, body string) string {
	return `<routing-engine junos:style="normal"><name>` + name + `</name>` + body + `</routing-engine>`
}

// verdict is what is made of a reply.
type verdict string

const (
	success verdict = "success"
	refused verdict = "refused" // a CommitError
	unknown verdict = "unknown" // an error that says nothing about what the device did: the history tells
	lost    verdict = "lost"    // as unknown, and the session is of no use
)

func verdictOf(err error) verdict {
	_, no := errors.AsType[*devices.CommitError](err)
	switch {
	case err == nil:
		return success
	case no:
		return refused
	case errors.Is(err, devices.ErrSessionLost):
		return lost
	}
	return unknown
}

func TestCommitShapes(t *testing.T) {
	nine := strings.NewReplacer("<rpc-error>", "<nc:rpc-error>", "</rpc-error>", "</nc:rpc-error>", "<error-", "<nc:error-", "</error-", "</nc:error-")
	for name, c := range map[string]struct {
		reply         reply
		check, commit verdict
		warns         int
		says          string
	}{
		"ok":                           {reply: reply{body: "<ok/>"}, check: success, commit: success},
		"ok on lines":                  {reply: reply{body: "\n<ok/>\n"}, check: success, commit: success},
		"ok beside an output":          {reply: reply{body: "<output>commit complete\n</output><ok/>"}, check: success, commit: success},
		"results and ok":               {reply: reply{body: "<commit-results>" + engine("re0", "<commit-success/>") + "</commit-results><ok/>"}, check: success, commit: success},
		"results of a commit":          {reply: reply{body: "<commit-results>" + engine("re0", "<commit-success/>") + "</commit-results>"}, check: success, commit: success},
		"results of a check":           {reply: reply{body: "<commit-results>" + engine("re0", "<commit-check-success/>") + "</commit-results>"}, check: success, commit: unknown},
		"a private copy":               {reply: reply{body: "<commit-results><load-success/>" + engine("re0", "<commit-success/>") + "</commit-results>"}, check: success, commit: success},
		"two engines":                  {reply: reply{body: "<commit-results>" + engine("re0", "<commit-check-success/>") + engine("re1", "<commit-success/>") + engine("re0", "<commit-success/>") + "</commit-results>"}, check: success, commit: success},
		"one of two fails, checked":    {reply: reply{body: "<commit-results>" + engine("re0", "<commit-check-success/>") + engine("re1", rpcError("error", "could not open configuration database")) + "</commit-results>"}, check: refused, commit: refused, says: "could not open configuration database"},
		"one of two fails":             {reply: reply{body: "<commit-results>" + engine("re0", "<commit-success/>") + engine("re1", rpcError("error", "connection lost")) + "</commit-results>"}, check: refused, commit: unknown, says: "connection lost"},
		"a chassis":                    {reply: reply{body: "<commit-results>" + engine("fpc0", "<commit-check-success/>") + engine("fpc1", "<commit-success/>") + engine("fpc0", "<commit-success/>") + "</commit-results>"}, check: success, commit: success},
		"a missing end tag":            {reply: reply{body: `<commit-results><routing-engine junos:style="normal"><name>re0</name><commit-success/><ok/></commit-results>`}, check: success, commit: success},
		"missing end tags of two":      {reply: reply{body: `<commit-results><routing-engine><name>re0</name><commit-success/><ok/><routing-engine><name>re1</name><commit-success/><ok/></commit-results>`}, check: success, commit: success},
		"a missing end tag, an error":  {reply: reply{body: `<commit-results><routing-engine><name>re0</name>` + rpcError("error", "check-out") + `<ok/></commit-results>`}, check: refused, commit: unknown, says: "check-out"},
		"another end tag missing":      {reply: reply{body: `<commit-results><routing-engine><name>re0<commit-success/></routing-engine></commit-results>`}, check: lost, commit: lost},
		"half of it":                   {reply: reply{raw: `<rpc-reply message-id="{id}"><commit-results>`}, check: lost, commit: lost},
		"not a reply":                  {reply: reply{raw: `<ok message-id="{id}"/>`}, check: lost, commit: lost},
		"ok and a warning":             {reply: reply{body: rpcError("warning", "uses IPv4-compatible") + "<ok/>"}, check: success, commit: success, warns: 1},
		"warnings alone":               {reply: reply{body: rpcError("warning", "a") + rpcError("warning", "b")}, check: success, commit: unknown, warns: 2},
		"an error and ok":              {reply: reply{body: rpcError("error", "it did not") + "<ok/>"}, check: refused, commit: unknown, says: "it did not"},
		"an error without a severity":  {reply: reply{body: "<rpc-error><error-message>x</error-message></rpc-error>"}, check: refused, commit: refused, says: "x"},
		"errors on lines":              {reply: reply{body: "\n" + rpcError("error", "interface-range 'axp' is not defined") + "\n" + rpcError("error", "interface-ranges expansion failed") + "\n"}, check: refused, commit: refused, says: "interface-range 'axp' is not defined (family) at [edit interfaces ge-0/0/8 unit 0] (and 1 more: interface-ranges expansion failed)"},
		"nothing":                      {reply: reply{body: " "}, check: unknown, commit: unknown},
		"an output alone":              {reply: reply{body: "<output>error: no</output>"}, check: unknown, commit: unknown},
		"xnm errors":                   {reply: reply{body: `<commit-results>` + engine("re0", `<xnm:error xmlns:xnm="http://xml.juniper.net/xnm/1.1/xnm"><source-daemon>rpd</source-daemon><edit-path>[edit protocols]</edit-path><statement>bgp</statement><message>no</message></xnm:error>`) + "</commit-results>"}, check: refused, commit: refused, says: "no (bgp) at [edit protocols]"},
		"by the RFC":                   {reply: nc("<nc:ok/>"), check: success, commit: success},
		"by the RFC, an error":         {reply: nc(nine.Replace(rpcError("error", "it did not"))), check: refused, commit: refused, says: "it did not (family) at [edit interfaces ge-0/0/8 unit 0]"},
		"by the RFC, warnings":         {reply: nc(nine.Replace(rpcError("warning", "a"))), check: success, commit: success, warns: 1},
		"by the RFC, results":          {reply: nc(`<commit-results xmlns="http://xml.juniper.net/junos/23.4R1/junos">` + engine("re0", "<commit-success/>") + "</commit-results>"), check: success, commit: success},
		"comments":                     {reply: reply{body: "<!-- <rpc-error> --><ok/><!-- done -->"}, check: success, commit: success},
		"the id among others":          {reply: reply{raw: `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" user="a" junos:message-count="1" xmlns:junos="j" message-id="{id}" x="y"><ok/></rpc-reply>`}, check: success, commit: success},
		"the id in single quotes":      {reply: reply{raw: `<?xml version="1.0" encoding="us-ascii"?><rpc-reply message-id='{id}'><ok/></rpc-reply>`}, check: success, commit: success},
		"a database that is not there": {reply: reply{body: rpcError("error", "Configuration database is not open")}, check: refused, commit: refused, says: "not open"},
	} {
		t.Run(name, func(t *testing.T) {
			for phase, want := range map[string]verdict{"check": c.check, "commit": c.commit} {
				cand, _ := locked(t, c.reply)
				var w []devices.Warning
				var err error
				if phase == "check" {
					w, err = cand.Check(background(t))
				} else {
					w, err = cand.Commit(background(t), devices.CommitOptions{Comment: "T1", Confirm: 3 * time.Minute})
				}
				if got := verdictOf(err); got != want || err != nil && !strings.Contains(err.Error(), c.says) || len(w) != c.warns {
					t.Errorf("%s: %s (%v), warnings %v; want %s, %q, %d", phase, got, err, w, want, c.says, c.warns)
				}
			}
		})
	}
}

func TestLoadShapes(t *testing.T) {
	for name, c := range map[string]struct {
		reply reply
		want  verdict
		warns int
		says  string
	}{
		"ok":             {reply: reply{body: "<load-configuration-results><ok/></load-configuration-results>"}, want: success},
		"ok alone":       {reply: reply{body: "<ok/>"}, want: success},
		"load-success":   {reply: reply{body: "<load-configuration-results><load-success/></load-configuration-results>"}, want: success},
		"by the RFC":     {reply: nc("<load-configuration-results><nc:ok/></load-configuration-results>"), want: success},
		"a warning":      {reply: reply{body: "<load-configuration-results>" + rpcError("warning", "statement not found") + "<ok/></load-configuration-results>"}, want: success, warns: 1},
		"an error, ok":   {reply: reply{body: "<load-configuration-results>" + rpcError("error", "syntax error") + "<ok/></load-configuration-results>"}, want: refused, says: "syntax error"},
		"a line":         {reply: reply{body: "<load-configuration-results><rpc-error><error-severity>error</error-severity><error-message>syntax error</error-message><error-info><bad-element>x</bad-element></error-info><line-number>7</line-number><column>3</column></rpc-error><load-error-count>1</load-error-count></load-configuration-results>"}, want: refused, says: "syntax error (x) in line 7"},
		"xnm":            {reply: reply{body: `<load-configuration-results><xnm:error xmlns="http://xml.juniper.net/xnm/1.1/xnm" xmlns:xnm="http://xml.juniper.net/xnm/1.1/xnm"><line-number>7</line-number><column>3</column><token>x</token><message>syntax error</message></xnm:error></load-configuration-results>`}, want: refused, says: "syntax error in line 7"},
		"a count alone":  {reply: reply{body: "<load-configuration-results><load-error-count>2</load-error-count></load-configuration-results>"}, want: refused, says: "2 errors that are not named"},
		"count zero, ok": {reply: reply{body: "<load-configuration-results><load-error-count>0</load-error-count><ok/></load-configuration-results>"}, want: success},
		"nothing":        {reply: reply{body: "<load-configuration-results/>"}, want: refused, says: "neither success"},
	} {
		t.Run(name, func(t *testing.T) {
			cand, _ := locked(t, c.reply)
			w, err := cand.Load(background(t), diffs.Change{Mode: junos.Merge, Text: "x"})
			if got := verdictOf(err); got != c.want || err != nil && !strings.Contains(err.Error(), c.says) || len(w) != c.warns {
				t.Errorf("%s (%v), warnings %v; want %s, %q, %d", got, err, w, c.want, c.says, c.warns)
			}
		})
	}
}

func TestReadShapes(t *testing.T) {
	const text = "system {\n    host-name \"a  <b> & c\";\n}\n"
	const escaped = "system {\n    host-name \"a  &lt;b&gt; &amp; c\";\n}\n"
	huge := strings.Repeat("        2001:db8::/64;\n", 200_000)
	d, _ := open(t,
		reply{body: `<configuration-text xmlns="http://xml.juniper.net/xnm/1.1/xnm">` + "\n" + escaped + `</configuration-text>`},
		nc(`<configuration-text xmlns="http://xml.juniper.net/xnm/1.1/xnm">`+escaped+`</configuration-text>`),
		reply{body: `<configuration-text><![CDATA[` + text + `]]></configuration-text>`},
		reply{body: `<configuration-text>` + huge + `</configuration-text>`},
	)
	for i, want := range []string{text, text, text, huge} {
		if got, err := d.Running(background(t)); err != nil || got != want {
			t.Errorf("%d: Running = %.200q, %v", i, got, err)
		}
	}

	member := func(name, body string) string {
		return "<multi-routing-engine-item>\n<re-name>" + name + "</re-name>\n" + body + "\n</multi-routing-engine-item>\n"
	}
	line := strings.Repeat("-", 74)
	d, _ = open(t,
		reply{body: "<output>\nHostname: cr1\n</output>"},
		reply{body: "<multi-routing-engine-results>\n" + member("fpc0", "<output>\nHostname: cr1\nModel: x\n</output>") + member("fpc1", "<output>Hostname: cr1\n</output>") + "</multi-routing-engine-results>"},
		reply{body: "<multi-routing-engine-results>" + member("fpc0", "<output>will become active at next reboot</output><package-result>0</package-result>") + member("member1", "<a><b>x</b></a>") + "</multi-routing-engine-results>"},
		reply{body: "<software-information><host-name>cr1</host-name></software-information>"},
		reply{body: rpcError("error", "command is not valid on the mx204")},
	)
	for i, want := range []string{
		"Hostname: cr1\n",
		"fpc0:\n" + line + "\nHostname: cr1\nModel: x\n\nfpc1:\n" + line + "\nHostname: cr1\n",
		"fpc0:\n" + line + "\nwill become active at next reboot\n\nmember1:\n" + line + "\nx\n",
		"cr1\n",
	} {
		if got, err := d.Query(background(t), "show version"); err != nil || got != want {
			t.Errorf("%d: Query = %q, %v; want %q", i, got, err, want)
		}
	}
	if _, err := d.Query(background(t), "show x"); err == nil || !strings.Contains(err.Error(), "not valid on the mx204") {
		t.Errorf("Query = %v", err)
	}
}

// TestHistoryShapes: a chassis answers for each of its members, a window stands in <log> or <comment>.
func TestHistoryShapes(t *testing.T) {
	entry := func(n int, body string) string {
		return fmt.Sprintf(`<commit-history><sequence-number>%d</sequence-number><user>lab</user><client>netconf</client><date-time junos:seconds="1700000000">2023-11-14 22:13:20 UTC</date-time>%s</commit-history>`, n, body)
	}
	uptime := reply{body: `<multi-routing-engine-results><multi-routing-engine-item><re-name>fpc0</re-name><system-uptime-information><current-time><date-time junos:seconds="1700000060">2023-11-14 22:14:20 UTC</date-time></current-time></system-uptime-information></multi-routing-engine-item></multi-routing-engine-results>`}
	for name, c := range map[string]struct {
		body    string
		comment string
		confirm time.Duration
	}{
		"log":             {"<log>\nT1 why\n</log>", "T1 why", 0},
		"comment":         {"<comment>T1</comment>", "T1", 0},
		"window, comment": {"<log>T1</log><comment>commit confirmed, rollback in 3mins</comment>", "T1", 3 * time.Minute},
		"window, log":     {"<comment>T1</comment><log>commit confirmed, rollback in 3mins</log>", "T1", 3 * time.Minute},
		"nothing":         {"", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []reply{nc("<commit-information>" + entry(0, c.body) + entry(1, c.body) + "</commit-information>")}
			if c.confirm > 0 {
				answers = append(answers, uptime)
			}
			d, _ := open(t, answers...)
			h, err := d.History(background(t))
			if err != nil || len(h) != 2 || h[0].Comment != c.comment || h[0].Confirm != c.confirm || h[1].Confirm != 0 || h[0].Time.Unix() != 1700000000 {
				t.Errorf("History = %+v, %v", h, err)
			}
		})
	}
}
