package router

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	stock "github.com/Juniper/go-netconf/netconf"
	scrapli "github.com/scrapli/scrapligo/driver/netconf"
	"github.com/scrapli/scrapligo/driver/opoptions"
	"github.com/scrapli/scrapligo/driver/options"
	"github.com/scrapli/scrapligo/response"
	"golang.org/x/crypto/ssh"
)

// goClient is a NETCONF client library of somebody else's making. Its methods return the reply, and what it says of it.
type goClient interface {
	rpc(body string) (string, error)
	// native calls what the library has a function of its own for.
	native(t *testing.T)
	close() error
}

// interopRows is what programs do with a router, one call after the other: each row of what the clients of Python have
// functions for, as its body.
var interopRows = []struct {
	name, body string
	want       []string // stand in the reply
	fails      string   // in the client's error
}{
	{name: "lock", body: `<lock-configuration/>`, want: []string{"<ok/>"}},
	{
		name: "load text", body: `<load-configuration format="text" action="replace"><configuration-text>system { domain-name example.net; }</configuration-text></load-configuration>`,
		want: []string{"<load-configuration-results>", "<ok/>"},
	},
	{
		name: "load set", body: `<load-configuration format="text" action="set"><configuration-set>set system services ftp</configuration-set></load-configuration>`,
		want: []string{"<ok/>"},
	},
	{
		name: "load xml", body: `<load-configuration format="xml"><configuration><system><services><telnet/></services></system></configuration></load-configuration>`,
		want: []string{"<ok/>"},
	},
	{
		name: "load json", body: `<load-configuration format="json"><configuration-json>{"configuration": {"system": {"location": {"building": "b1"}}}}</configuration-json></load-configuration>`,
		want: []string{"<ok/>"},
	},
	{
		name: "load patch", body: "<load-configuration format=\"text\" action=\"patch\"><configuration-patch>[edit system services]\n-    telnet;\n</configuration-patch></load-configuration>",
		want: []string{"<ok/>"},
	},
	{
		name: "diff", body: `<get-configuration compare="rollback" rollback="0" format="text"/>`,
		want: []string{"<configuration-output>\n[edit system services]\n+    ftp;\n[edit system]\n+  domain-name example.net;"},
	},
	{name: "commit check", body: `<commit-configuration><check/></commit-configuration>`, want: []string{"<ok/>"}},
	{
		name: "commit confirmed", body: `<commit-configuration><log>T1 try</log><confirmed/><confirm-timeout>2</confirm-timeout></commit-configuration>`,
		want: []string{"<ok/>"},
	},
	{name: "history", body: `<get-commit-information/>`, want: []string{"<log>T1 try</log>", "<comment>commit confirmed, rollback in 2mins</comment>"}},
	{name: "commit synchronize full", body: `<commit-configuration><synchronize/><full/></commit-configuration>`, want: []string{"<ok/>"}},
	{name: "commit detail", body: `<commit-configuration detail="detail"><log>T2</log></commit-configuration>`, want: []string{"<progress-indicator>", "<commit-success/>", "<ok/>"}},
	{name: "rollback", body: `<load-configuration compare="rollback" rollback="3"/>`, want: []string{"<ok/>"}},
	{name: "rollback information", body: `<get-rollback-information><rollback>3</rollback><compare>0</compare><format>text</format></get-rollback-information>`, want: []string{"+    ftp;"}},
	{name: "rescue save", body: `<request-save-rescue-configuration/>`, want: []string{"<success/>"}},
	{name: "rescue get", body: `<get-rescue-information><format>text</format></get-rescue-information>`, want: []string{"domain-name example.net;"}},
	{name: "rescue reload", body: `<load-configuration rescue="rescue"/>`, want: []string{"<ok/>"}},
	{name: "rescue delete", body: `<request-delete-rescue-configuration/>`, want: []string{"<success/>"}},
	{name: "override", body: `<load-configuration format="text" action="override"><configuration-text>system { host-name o; }</configuration-text></load-configuration>`, want: []string{"<ok/>"}},
	{name: "update", body: `<load-configuration format="text" action="update"><configuration-text>system { host-name u; }</configuration-text></load-configuration>`, want: []string{"<ok/>"}},
	{
		name: "syntax error", body: `<load-configuration format="text" action="set"><configuration-set>set system host-name a b</configuration-set></load-configuration>`,
		want: []string{"<load-error-count>1</load-error-count>"}, fails: "syntax error",
	},
	{
		name: "statement not found", body: `<load-configuration format="text" action="set"><configuration-set>delete snmp</configuration-set></load-configuration>`,
		want: []string{"error-severity>warning<", "statement not found", "<ok/>"},
	},
	{name: "rollback 0", body: `<load-configuration rollback="0"/>`, want: []string{"<ok/>"}},
	{name: "unlock", body: `<unlock-configuration/>`, want: []string{"<ok/>"}},
	{name: "unlock again", body: `<unlock-configuration/>`, fails: "Configuration database is not open"},
	{name: "private", body: `<open-configuration><private/></open-configuration>`, want: []string{"uncommitted changes will be discarded on exit"}},
	{name: "private load", body: `<load-configuration format="text" action="set"><configuration-set>set system location building b2</configuration-set></load-configuration>`, want: []string{"<ok/>"}},
	{name: "private commit", body: `<commit-configuration/>`, want: []string{"<ok/>"}},
	{name: "private confirmed", body: `<commit-configuration><confirmed/></commit-configuration>`, fails: "not supported for private configuration"},
	{name: "private close", body: `<close-configuration/>`, want: []string{"<ok/>"}},
	{name: "ephemeral", body: `<open-configuration><ephemeral/></open-configuration>`, fails: "ephemeral"},
	{name: "batch", body: `<open-configuration><batch/></open-configuration>`, fails: "syntax error"},
	{name: "configuration text", body: `<get-configuration database="committed" format="text"/>`, want: []string{"<configuration-text", "building b2;"}},
	{name: "configuration set", body: `<get-configuration database="committed" format="set"/>`, want: []string{"set system location building b2"}},
	{name: "configuration json", body: `<get-configuration database="committed" format="json"/>`, want: []string{`"building" : "b2"`}},
	{
		name: "configuration filter", body: `<get-configuration><configuration><system><services/></system></configuration></get-configuration>`,
		want: []string{"<services>", "<ftp/>"},
	},
	{name: "command text", body: `<command format="text">show system commit</command>`, want: []string{"<output>", "T1 try"}},
	{name: "command xml", body: `<command>show version</command>`, want: []string{"<software-information>"}},
	{name: "unknown command", body: `<command format="text">shew version</command>`, fails: "syntax error, expecting <command>"},
	{name: "unknown operation", body: `<get-nothing/>`, fails: "syntax error"},
	{name: "facts", body: `<command>show version invoke-on all-routing-engines</command>`, want: []string{"<junos-version>23.4R1</junos-version>"}},
	{name: "software", body: `<get-software-information/>`, want: []string{"<product-model>labrouter</product-model>"}},
	{name: "system", body: `<get-system-information/>`, want: []string{"<host-name>r1.example.net</host-name>"}},
	{name: "revision", body: `<get-commit-revision-information><level>detail</level></get-commit-revision-information>`, want: []string{"<revision>re0-"}},
}

// TestInteropGo lets the NETCONF clients of two Go libraries work with the router, each by its own SSH. go-netconf has
// chunked framing only when the router offers it, and then no way back; scrapligo has both.
func TestInteropGo(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options string
		dial    func(t *testing.T, r *Router, address string) goClient
	}{
		{"scrapligo-1.0", "", func(t *testing.T, _ *Router, address string) goClient { return dialScrapli(t, address, scrapli.V1Dot0) }},
		{"scrapligo-1.1", "base11", func(t *testing.T, _ *Router, address string) goClient { return dialScrapli(t, address, scrapli.V1Dot1) }},
		{"scrapligo-rfc", "base11 rfc-compliant", func(t *testing.T, _ *Router, address string) goClient { return dialScrapli(t, address, scrapli.V1Dot1) }},
		{"go-netconf-1.0", "", dialStock},
		{"go-netconf-1.1", "base11", dialStock},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			comment := strings.TrimSuffix("scrapligo 1.4.3, go-netconf 0.3.1\noptions: "+tt.options, "options: ")
			r, address := start(t, func(o *Options) { choose(t, o, comment) })
			rec := record(r)
			c := tt.dial(t, r, address)
			for _, row := range interopRows {
				reply, err := c.rpc(row.body)
				if err == nil != (row.fails == "") || err != nil && !strings.Contains(err.Error(), row.fails) {
					t.Errorf("%s: %v, want %q", row.name, err, row.fails)
				}
				for _, w := range row.want {
					if r.opts.RFCCompliant {
						w = prefixed(w)
					}
					if row.fails == "" && !strings.Contains(reply, w) {
						t.Errorf("%s: %q is not in\n%s", row.name, w, reply)
					}
				}
			}
			c.native(t)
			if err := c.close(); err != nil {
				t.Error(err)
			}
			eventually(t, "session to be gone", func() bool { return len(r.db.view().users) == 0 })
			rec.checkRecording(t, tt.name, strings.TrimSpace(comment)+"\n")
		})
	}
}

// scrapliClient is scrapligo's NETCONF driver.
type scrapliClient struct{ d *scrapli.Driver }

func dialScrapli(t *testing.T, address, version string) goClient {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	d, err := scrapli.NewDriver(host, options.WithPort(number), options.WithTransportType("standard"),
		options.WithAuthUsername("lab"), options.WithAuthPassword("secret"), options.WithAuthNoStrictKey(),
		options.WithNetconfPreferredVersion(version), options.WithTimeoutOps(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Open(); err != nil {
		t.Fatal(err)
	}
	return scrapliClient{d}
}

func (c scrapliClient) rpc(body string) (string, error) {
	return scrapliResult(c.d.RPC(opoptions.WithFilter(body)))
}

func scrapliResult(res *response.NetconfResponse, err error) (string, error) {
	if err != nil {
		return "", fmt.Errorf("scrapligo: %w", err)
	}
	if res.Failed != nil && strings.Contains(res.Result, "severity>error<") {
		return res.Result, errors.New(strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(res.Result))
	}
	return res.Result, nil
}

func (c scrapliClient) native(t *testing.T) {
	for _, step := range []struct {
		name string
		f    func() (*response.NetconfResponse, error)
		want string
	}{
		{"lock", func() (*response.NetconfResponse, error) { return c.d.Lock("candidate") }, "ok/>"},
		{"edit-config", func() (*response.NetconfResponse, error) {
			return c.d.EditConfig("candidate", "<config><configuration><system><domain-name>example.org</domain-name></system></configuration></config>")
		}, "ok/>"},
		{"validate", func() (*response.NetconfResponse, error) { return c.d.Validate("candidate") }, "ok/>"},
		{"get-config", func() (*response.NetconfResponse, error) { return c.d.GetConfig("candidate") }, "<domain-name>example.org</domain-name>"},
		{"commit", func() (*response.NetconfResponse, error) { return c.d.Commit() }, "ok/>"},
		{"discard", func() (*response.NetconfResponse, error) { return c.d.Discard() }, "ok/>"},
		{"get", func() (*response.NetconfResponse, error) { return c.d.Get("<configuration><system/></configuration>") }, "<domain-name>example.org</domain-name>"},
		{"unlock", func() (*response.NetconfResponse, error) { return c.d.Unlock("candidate") }, "ok/>"},
	} {
		if reply, err := scrapliResult(step.f()); err != nil || !strings.Contains(reply, step.want) {
			t.Errorf("%s: %v: %s", step.name, err, reply)
		}
	}
}

func (c scrapliClient) close() error { return c.d.Close() }

// stockClient is go-netconf with its own transport.
type stockClient struct{ s *stock.Session }

func dialStock(t *testing.T, r *Router, address string) goClient {
	t.Helper()
	s, err := stock.DialSSH(address, clientConfig(r, ssh.Password("secret")))
	if err != nil {
		t.Fatal(err)
	}
	return stockClient{s}
}

func (c stockClient) rpc(body string) (string, error) {
	reply, err := c.s.Exec(stock.RawMethod(body))
	if err != nil {
		return "", fmt.Errorf("go-netconf: %w", err)
	}
	// It looks for errors right below <rpc-reply> only, not in the results of a load.
	if strings.Contains(reply.RawReply, "<error-severity>error<") {
		return reply.RawReply, errors.New(reply.RawReply)
	}
	return reply.RawReply, nil
}

func (c stockClient) native(t *testing.T) {
	for _, m := range []struct {
		method stock.RPCMethod
		want   string
	}{
		{stock.MethodLock("candidate"), "<ok/>"},
		{stock.MethodEditConfig("candidate", "<configuration><system><domain-name>example.org</domain-name></system></configuration>"), "<ok/>"},
		{stock.MethodGetConfig("candidate"), "<domain-name>example.org</domain-name>"},
		{stock.RawMethod("<commit/>"), "<ok/>"},
		{stock.MethodGet("subtree", "<configuration><system/></configuration>"), "<domain-name>example.org</domain-name>"},
		{stock.MethodUnlock("candidate"), "<ok/>"},
	} {
		reply, err := c.s.Exec(m.method)
		if err != nil || !strings.Contains(reply.RawReply, m.want) {
			t.Errorf("%s: %v: %v", m.method.MarshalMethod(), err, reply)
		}
	}
}

func (c stockClient) close() error { return c.s.Close() }
