package router

import (
	"slices"
	"strings"
	"testing"
)

// TestErrorTexts holds the router to what clients of real routers have seen, word for word: they look for these texts.
func TestErrorTexts(t *testing.T) {
	const load = `<load-configuration format="text" action="set"><configuration-set>`
	const loaded = `</configuration-set></load-configuration>`
	type wire struct {
		severity, tag, path, message, bad string
	}
	for _, tt := range []struct {
		name   string
		before string // what another session has done
		own    string // what this one has
		config string // what the router begins with, beside the common
		send   string
		want   []wire
		inside string // the element that the errors stand in
		has    string // stands in the reply, too
	}{
		{
			name: "locked", before: "<lock-configuration/>", send: "<lock-configuration/>",
			want: []wire{{"error", "lock-denied", "", "configuration database locked by:\n  lab terminal  (pid 4711) on since DATE, idle IDLE\n      exclusive", ""}},
			has:  "<error-info>\n<session-id>4711</session-id>\n</error-info>",
		},
		{
			name: "load while locked", before: "<lock-configuration/>", send: load + "set system services ftp" + loaded, inside: "load-configuration-results",
			want: []wire{{"error", "lock-denied", "", "configuration database locked by:\n  lab terminal  (pid 4711) on since DATE, idle IDLE\n      exclusive", ""}},
			has:  "<load-error-count>1</load-error-count>",
		},
		{
			name: "modified", before: load + "set system services ftp" + loaded, send: "<lock-configuration/>",
			want: []wire{{"error", "lock-denied", "", "configuration database modified\n  lab terminal  (pid 4711), last changed DATE", ""}},
		},
		{
			name: "not open", send: "<unlock-configuration/>",
			want: []wire{{"error", "operation-failed", "", "Configuration database is not open", ""}},
		},
		{
			name: "not open by the RFC", send: "<unlock><target><candidate/></target></unlock>",
			want: []wire{{"error", "operation-failed", "", "Configuration database is not open", ""}},
		},
		{
			name: "lock the running configuration", send: "<lock><target><running/></target></lock>",
			want: []wire{{"error", "operation-not-supported", "", "only the candidate configuration can be locked", "target"}},
		},
		{
			name: "private", send: "<open-configuration><private/></open-configuration>",
			want: []wire{{"warning", "operation-failed", "", "uncommitted changes will be discarded on exit", ""}},
		},
		{
			name: "private while modified", before: load + "set system services ftp" + loaded, send: "<open-configuration><private/></open-configuration>",
			want: []wire{{"error", "operation-failed", "", "shared configuration database modified\n  lab terminal  (pid 4711), last changed DATE", ""}},
		},
		{
			name: "private while locked", before: "<lock-configuration/>", send: "<open-configuration><private/></open-configuration>",
			want: []wire{
				{"warning", "operation-failed", "", "changes cannot be committed while 'configure exclusive' is active", ""},
				{"warning", "operation-failed", "", "uncommitted changes will be discarded on exit", ""},
			},
		},
		{
			name: "shared while private", before: "<open-configuration><private/></open-configuration>", send: load + "set system services ftp" + loaded,
			inside: "load-configuration-results",
			want:   []wire{{"error", "operation-failed", "", "private edits in use. Try 'configure private' or 'configure exclusive'", ""}},
		},
		{
			name: "confirmed while private", own: "<open-configuration><private/></open-configuration>", send: "<commit-configuration><confirmed/></commit-configuration>",
			want: []wire{{"error", "operation-failed", "", "commit confirmed not supported for private configuration", ""}},
		},
		{
			name: "statement not found", send: load + "delete system domain-name" + loaded, inside: "load-configuration-results",
			want: []wire{{"warning", "operation-failed", "[edit system]", "statement not found", "domain-name"}}, has: "<ok/>",
		},
		{
			name: "no contents", send: `<load-configuration format="text"><configuration-text>interfaces { }</configuration-text></load-configuration>`,
			inside: "load-configuration-results",
			want:   []wire{{"warning", "operation-failed", "", "mgd: statement has no contents; ignored", ""}}, has: "<ok/>",
		},
		{
			name: "syntax error", send: load + "set system host-name a b\nset nonsense" + loaded, inside: "load-configuration-results",
			want: []wire{{"error", "operation-failed", "[edit system]", "syntax error", "b"}}, has: "<load-error-count>1</load-error-count>",
		},
		{
			name: "unknown operation", send: "<get-nothing-information/>",
			want: []wire{{"error", "operation-failed", "", "syntax error", "get-nothing-information"}},
		},
		{
			name: "unknown command", send: `<command format="text">shew version</command>`,
			want: []wire{{"error", "operation-failed", "", "syntax error, expecting <command>", "shew"}},
		},
		{
			name: "open in no mode", send: "<open-configuration>private</open-configuration>",
			want: []wire{{"error", "operation-failed", "", "syntax error, expecting <invoke-on>", "private"}},
		},
		{
			name: "permission", config: "system { login { user lab { class read-only; } } }", send: "<lock-configuration/>",
			want: []wire{{"error", "operation-failed", "", "permission denied", "lock-configuration"}},
		},
		{
			name: "rollback range", send: `<load-configuration rollback="50"/>`, inside: "load-configuration-results",
			want: []wire{{"error", "invalid-value", "", "Value 50 is not within range (0..49)", "50"}},
		},
		{
			name: "several errors", own: load + "set protocols bgp group a import IN\nset protocols bgp group a neighbor 192.0.2.9 export OUT" + loaded,
			send: "<commit-configuration/>", inside: "commit-results",
			want: []wire{
				{"error", "operation-failed", "[edit protocols bgp group a]", "Policy error: Policy IN referenced but not defined", "import"},
				{"error", "operation-failed", "[edit protocols bgp group a neighbor 192.0.2.9]", "Policy error: Policy OUT referenced but not defined", "export"},
				{"error", "operation-failed", "", "configuration check-out failed", ""},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, address := start(t, func(o *Options) { o.Config += tt.config })
			c := dial(t, r, address)
			first := netconfClient(t, c, "")
			if tt.before != "" {
				first.must(tt.before)
			}
			nc := netconfClient(t, c, "")
			if tt.own != "" {
				nc.must(tt.own)
			}
			reply := scrub(nc.rpc(tt.send))
			e, err := parseXML([]byte("<reply>" + reply + "</reply>"))
			if err != nil {
				t.Fatalf("reply %s: %v", reply, err)
			}
			if tt.inside != "" {
				e = e.child(tt.inside)
			}
			if e == nil {
				t.Fatalf("reply without <%s>: %s", tt.inside, reply)
			}
			var got []wire
			for _, x := range e.children {
				if x.name == "rpc-error" {
					got = append(got, wire{x.value("error-severity"), x.value("error-tag"), x.value("error-path"), x.value("error-message"), x.child("error-info").value("bad-element")})
				}
			}
			if !slices.Equal(got, tt.want) || !strings.Contains(reply, tt.has) {
				t.Errorf("got  %q\nwant %q %s\nin %s", got, tt.want, tt.has, reply)
			}
		})
	}
}
