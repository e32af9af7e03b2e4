package netconf

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

func TestHello(t *testing.T) {
	base := `<capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities>`
	for _, c := range []struct{ name, hello, want string }{
		{"not XML", "ssh: unknown subsystem", "text outside of an element"},
		{"empty", "", "no element"},
		{"another element", "<rpc-reply/>", "<rpc-reply> in its place"},
		{"no session id", "<hello>" + base + "</hello>", "session-id"},
		{"no base", "<hello><capabilities><capability>urn:x</capability></capabilities><session-id>1</session-id></hello>", "neither base:1.0 nor base:1.1"},
		{"broken", "<hello><capabilities>", "read hello"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// go-netconf's NewSession would drop this error, and dereference the nil hello of a transport that gives none.
			conn, _ := serve(t, c.hello)
			d, err := Open(background(t), conn, Options{Device: "cr1"})
			if err == nil || d != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "cr1: open netconf session") {
				t.Errorf("Open gave %v, %v; want an error with %q", d, err, c.want)
			}
		})
	}
	t.Run("hang up", func(t *testing.T) {
		client, server := net.Pipe()
		server.Close() //nolint:errcheck // a pipe
		if _, err := Open(background(t), client, Options{Device: "cr1"}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Open gave %v", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close() //nolint:errcheck // a pipe
		_, err := Open(t.Context(), client, Options{Device: "cr1", Timeout: 50 * time.Millisecond})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer within 50ms") {
			t.Errorf("Open gave %v", err)
		}
	})
	t.Run("sending fails", func(t *testing.T) {
		_, err := Open(background(t), &deafStream{Reader: strings.NewReader(serverHello + endOfMessage)}, Options{Device: "cr1"})
		if !errors.Is(err, errDeaf) {
			t.Errorf("Open gave %v, want the error of the write", err)
		}
	})
}

var errDeaf = errors.New("deaf")

type deafStream struct{ io.Reader }

func (*deafStream) Write([]byte) (int, error) { return 0, errDeaf }
func (*deafStream) Close() error              { return nil }

func TestChunks(t *testing.T) {
	hello := strings.Replace(serverHello, "base:1.0</capability>", "base:1.0</capability><capability>urn:ietf:params:netconf:base:1.1</capability>", 1)
	text := "system {\n    host-name cr1;\n}\n"
	for _, size := range []int{0, 1, 2, 7, 64} {
		conn, requests := serveFramed(t, &server{v11: true, size: size}, hello,
			reply{body: "<configuration-text>\n" + text + "</configuration-text>"},
			reply{body: "<configuration-text>\n" + text + "</configuration-text>"})
		d := openOn(t, conn)
		for range 2 {
			got, err := d.Running(background(t))
			if err != nil || got != text {
				t.Errorf("chunks of %d: Running = %q, %v", size, got, err)
			}
		}
		if r := requests(); len(r) < 2 || !strings.Contains(r[1], `<get-configuration database="committed" format="text"/>`) {
			t.Errorf("chunks of %d: requests %q", size, r)
		}
	}
}

func TestMessageID(t *testing.T) {
	for name, raw := range map[string]string{
		"another":     `<rpc-reply message-id="other"><ok/></rpc-reply>`,
		"none":        `<rpc-reply><ok/></rpc-reply>`,
		"an error":    `<rpc-reply><rpc-error><error-severity>error</error-severity><error-message>missing attribute</error-message></rpc-error></rpc-reply>`,
		"not a reply": `<notification message-id="{id}"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := open(t, reply{raw: raw}, reply{body: "<configuration-text/>"})
			_, err := d.Running(background(t))
			if !errors.Is(err, devices.ErrSessionLost) {
				t.Fatalf("Running = %v, want ErrSessionLost", err)
			}
			if name != "not a reply" && !errors.Is(err, errMessageID) {
				t.Errorf("Running = %v, want errMessageID", err)
			}
			if name == "an error" && !strings.Contains(err.Error(), "missing attribute") {
				t.Errorf("%v does not say what the device said", err)
			}
			if _, err := d.Running(background(t)); !errors.Is(err, devices.ErrSessionLost) {
				t.Errorf("the session goes on after a reply that is out of step: %v", err)
			}
		})
	}
}

func TestLost(t *testing.T) {
	t.Run("half a reply", func(t *testing.T) {
		d, _ := open(t, reply{raw: `<rpc-reply message-id="{id}"><configuration-text>system {`, drop: true})
		if _, err := d.Running(background(t)); !errors.Is(err, devices.ErrSessionLost) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Running = %v", err)
		}
	})
	t.Run("half a document", func(t *testing.T) {
		d, _ := open(t, reply{raw: `<rpc-reply message-id="{id}"><configuration-text>system {`})
		if _, err := d.Running(background(t)); !errors.Is(err, devices.ErrSessionLost) {
			t.Errorf("Running = %v", err)
		}
	})
	t.Run("deadline", func(t *testing.T) {
		conn, _ := serve(t, serverHello, reply{hang: true})
		d, err := Open(t.Context(), conn, Options{Device: "cr1", Timeout: 50 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Running(t.Context())
		if !errors.Is(err, devices.ErrSessionLost) || !strings.Contains(err.Error(), "no answer within 50ms") {
			t.Errorf("Running = %v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		d, _ := open(t, reply{hang: true})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := d.Running(ctx); !errors.Is(err, devices.ErrSessionLost) || !errors.Is(err, context.Canceled) {
			t.Errorf("Running = %v", err)
		}
	})
	t.Run("too large", func(t *testing.T) {
		conn, _ := serve(t, serverHello, reply{body: strings.Repeat("x", 2000)})
		d, err := Open(t.Context(), conn, Options{Device: "cr1", MaxMessageBytes: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Running(background(t)); !errors.Is(err, errTooLarge) {
			t.Errorf("Running = %v", err)
		}
	})
}

const syntaxError = `<rpc-error><error-type>protocol</error-type><error-tag>operation-failed</error-tag><error-severity>error</error-severity>
<error-path>
[edit system]
</error-path><error-message>
syntax error
</error-message><error-info><bad-element>host-nam</bad-element></error-info></rpc-error>`

// TestNestedErrors: go-netconf's Exec returns success on each of these, since it looks for an rpc-error at the top only.
func TestNestedErrors(t *testing.T) {
	t.Run("load", func(t *testing.T) {
		c, _ := locked(t, reply{body: `<load-configuration-results>` + syntaxError +
			strings.Replace(syntaxError, "syntax error", "error recovery ignores input until this point", 1) +
			`<load-error-count>2</load-error-count></load-configuration-results>`})
		_, err := c.Load(background(t), diffs.Change{Mode: junos.Merge, Text: "x"})
		want := &devices.CommitError{Device: "cr1.ams.example.net", Phase: "load", Severity: "error", Path: "[edit system]", Message: "syntax error (host-nam)"}
		e, ok := errors.AsType[*devices.CommitError](err)
		if !ok || e.Error() != want.Error() || len(e.Others) != 0 {
			t.Errorf("Load = %v, want %v", err, want)
		}
	})
	t.Run("commit", func(t *testing.T) {
		c, _ := locked(t, reply{body: `<commit-results><routing-engine><name>re0</name>` + syntaxError + `</routing-engine></commit-results>`})
		_, err := c.Commit(background(t), devices.CommitOptions{Comment: "T1"})
		if e, ok := errors.AsType[*devices.CommitError](err); !ok || e.Phase != "commit" {
			t.Errorf("Commit = %v, want a CommitError", err)
		}
	})
	t.Run("error count alone", func(t *testing.T) {
		c, _ := locked(t, reply{body: `<load-configuration-results><load-error-count>1</load-error-count></load-configuration-results>`})
		if _, err := c.Load(background(t), diffs.Change{Mode: junos.Merge, Text: "x"}); err == nil {
			t.Error("Load of what had an error is a success")
		}
	})
	t.Run("no verdict", func(t *testing.T) {
		c, _ := locked(t, reply{}, reply{body: "<load-configuration-results/>"})
		if _, err := c.Commit(background(t), devices.CommitOptions{Comment: "T1"}); err == nil {
			t.Error("Commit without a verdict is a success")
		}
		if _, err := c.Load(background(t), diffs.Change{Mode: junos.Merge, Text: "x"}); err == nil {
			t.Error("Load without a verdict is a success")
		}
	})
	t.Run("several, noise last", func(t *testing.T) {
		one := func(m string) string {
			return `<rpc-error><error-severity>error</error-severity><error-message>` + m + `</error-message></rpc-error>`
		}
		c, _ := locked(t, reply{body: one("interface-range 'axp' is not defined") + one("interface-ranges expansion failed") + one("configuration check-out failed")})
		_, err := c.Check(background(t))
		if got, want := err.Error(), "cr1.ams.example.net: commit check: interface-range 'axp' is not defined (and 1 more: interface-ranges expansion failed)"; got != want {
			t.Errorf("Check = %q, want %q", got, want)
		}
	})
	t.Run("missing end tag", func(t *testing.T) {
		c, _ := locked(t, reply{body: `<commit-results><routing-engine junos:style="normal"><name>re0</name><commit-check-success/><ok/></commit-results>`})
		if _, err := c.Check(background(t)); err != nil {
			t.Errorf("Check = %v", err)
		}
	})
	t.Run("warning", func(t *testing.T) {
		c, _ := locked(t, reply{body: `<load-configuration-results><rpc-error><error-severity>warning</error-severity><error-message>
statement not found
</error-message></rpc-error><ok/></load-configuration-results>`})
		w, err := c.Load(background(t), diffs.Change{Mode: junos.Set, Text: "delete x"})
		if err != nil || len(w) != 1 || w[0].String() != "load: statement not found" {
			t.Errorf("Load = %q, %v", w, err)
		}
	})
}

func TestLockDenied(t *testing.T) {
	denied := func(message string) string {
		return `<rpc-error><error-type>protocol</error-type><error-tag>lock-denied</error-tag><error-severity>error</error-severity><error-message>` +
			message + `</error-message><error-info><session-id>7527</session-id></error-info></rpc-error>`
	}
	t.Run("locked", func(t *testing.T) {
		d, _ := open(t, reply{body: denied("\nconfiguration database locked by:\n  regress terminal  (pid 7527) on since 2018-08-27 01:35:08 PDT, idle 00:25:52\n      exclusive\n")})
		_, err := d.Lock(background(t))
		e, ok := errors.AsType[*devices.LockedError](err)
		if want := "regress terminal (pid 7527) on since 2018-08-27 01:35:08 PDT, idle 00:25:52 exclusive"; !ok || e.Holder != want {
			t.Errorf("Lock = %v", err)
		}
	})
	t.Run("dirty", func(t *testing.T) {
		d, requests := open(t, reply{body: denied("configuration database modified")},
			reply{body: "<configuration-information><configuration-output>\n[edit system]\n-  host-name a;\n+  host-name b;\n</configuration-output></configuration-information>"})
		_, err := d.Lock(background(t))
		e, ok := errors.AsType[*devices.DirtyError](err)
		if !ok || e.Compare != "[edit system]\n-  host-name a;\n+  host-name b;\n" || e.Who != "session 7527" {
			t.Errorf("Lock = %#v", err)
		}
		for _, r := range requests() {
			if strings.Contains(r, "load-configuration") || strings.Contains(r, "unlock") {
				t.Errorf("it touched what is not ours: %s", r)
			}
		}
	})
	t.Run("dirty under the lock", func(t *testing.T) {
		d, requests := open(t, reply{body: "<ok/>"},
			reply{body: "<configuration-information><configuration-output>\n[edit system]\n+  host-name b;\n</configuration-output></configuration-information>"},
			reply{body: "<ok/>"})
		_, err := d.Lock(background(t))
		if _, ok := errors.AsType[*devices.DirtyError](err); !ok {
			t.Errorf("Lock = %v", err)
		}
		r := requests()
		if len(r) < 3 || !strings.Contains(r[2], "<unlock-configuration/>") || strings.Contains(strings.Join(r, ""), "load-configuration") {
			t.Errorf("requests %q", r)
		}
	})
	t.Run("permission", func(t *testing.T) {
		d, _ := open(t, reply{body: `<rpc-error><error-severity>error</error-severity><error-message>permission denied</error-message><error-info><bad-element>lock-configuration</bad-element></error-info></rpc-error>`})
		_, err := d.Lock(background(t))
		if e, ok := errors.AsType[*devices.RPCError](err); !ok || e.Message != "permission denied" || e.BadElement != "lock-configuration" {
			t.Errorf("Lock = %v", err)
		}
	})
}

// TestRequests holds what is sent against what a Junos device is known to take.
func TestRequests(t *testing.T) {
	ok := reply{body: "<ok/>"}
	loaded := reply{body: "<load-configuration-results><ok/></load-configuration-results>"}
	c, requests := locked(t, loaded, loaded, loaded, ok, ok, ok, loaded, ok)
	ctx := background(t)
	two := 2
	must := func(_ []devices.Warning, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.Load(ctx, diffs.Change{Mode: junos.Replace, Text: "system {\n    host-name \"a<&>b\";\n}\n"}))
	must(c.Load(ctx, diffs.Change{Mode: junos.Set, Text: "set system host-name a\n"}))
	must(c.Load(ctx, diffs.Change{Rollback: &two}))
	must(c.Check(ctx))
	must(c.Commit(ctx, devices.CommitOptions{Comment: "T1 <why>", Confirm: 3 * time.Minute, Synchronize: true}))
	must(c.Commit(ctx, devices.CommitOptions{Comment: "T1 <why>"}))
	must(nil, c.Discard(ctx))
	must(nil, c.Discard(ctx)) // sends nothing
	want := []string{
		"<lock-configuration/>",
		`<get-configuration compare="rollback" rollback="0" format="text"/>`,
		"<load-configuration format=\"text\" action=\"replace\"><configuration-text>system {\n    host-name \"a&lt;&amp;&gt;b\";\n}\n</configuration-text></load-configuration>",
		"<load-configuration format=\"text\" action=\"set\"><configuration-set>set system host-name a\n</configuration-set></load-configuration>",
		`<load-configuration compare="rollback" rollback="2"/>`,
		"<commit-configuration><check/></commit-configuration>",
		"<commit-configuration><log>T1 &lt;why&gt;</log><synchronize/><confirmed/><confirm-timeout>3</confirm-timeout></commit-configuration>",
		"<commit-configuration><log>T1 &lt;why&gt;</log></commit-configuration>",
		`<load-configuration compare="rollback" rollback="0"/>`,
		"<unlock-configuration/>",
	}
	got := requests()
	if len(got) != len(want) {
		t.Fatalf("%d requests, want %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if !strings.Contains(got[i], ">"+want[i]+"</rpc>") {
			t.Errorf("request %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
}

func TestRefusesBeforeSending(t *testing.T) {
	c, requests := locked(t)
	ctx := background(t)
	for _, change := range []diffs.Change{
		{Mode: junos.Merge, Text: "system { host-name \"\x00\"; }"},
		{Mode: junos.Merge, Text: "system { host-name \"\xff\"; }"},
		{},
	} {
		if _, err := c.Load(ctx, change); err == nil {
			t.Errorf("Load(%q) is a success", change.Text)
		}
	}
	if _, err := c.Commit(ctx, devices.CommitOptions{Confirm: 90 * time.Second}); !errors.Is(err, devices.ErrConfirmTime) {
		t.Errorf("Commit with 90s = %v", err)
	}
	if r := requests(); len(r) != 2 {
		t.Errorf("something was sent: %q", r[2:])
	}
}

func TestHistory(t *testing.T) {
	entry := func(n, seconds, user, note, log string) string {
		return `<commit-history><sequence-number>` + n + `</sequence-number><user>` + user + `</user><client>netconf</client><date-time junos:seconds="` +
			seconds + `">2026-01-01 00:00:00 UTC</date-time>` + note + `<log>` + log + `</log></commit-history>`
	}
	note := "<comment>commit confirmed, rollback in 10mins</comment>"
	uptime := func(seconds string) reply {
		return reply{body: `<system-uptime-information><current-time><date-time junos:seconds="` + seconds + `">now</date-time></current-time></system-uptime-information>`}
	}
	open10 := reply{body: "<commit-information>" + entry("0", "1000", "lab", note, "T1 why") + entry("1", "900", "root", note, "") + "</commit-information>"}
	unknown := reply{body: `<rpc-error><error-severity>error</error-severity><error-message>syntax error</error-message></rpc-error>`}
	for _, c := range []struct {
		name   string
		uptime reply
		want   time.Duration
	}{
		{"open", uptime("1300"), 10 * time.Minute},
		{"over", uptime("2000"), 0},
		{"no clock", unknown, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, _ := open(t, open10, c.uptime)
			h, err := d.History(background(t))
			if err != nil || len(h) != 2 {
				t.Fatalf("History = %v, %v", h, err)
			}
			if h[0].Confirm != c.want || h[0].Comment != "T1 why" || h[0].User != "lab" || h[0].Time.Unix() != 1000 {
				t.Errorf("entry 0 is %+v, want a window of %s", h[0], c.want)
			}
			if h[1].Confirm != 0 {
				t.Errorf("entry 1 has a window: %+v", h[1])
			}
		})
	}
	for name, body := range map[string]string{
		"no information": "<ok/>",
		"bad number":     "<commit-information>" + entry("x", "1", "u", "", "") + "</commit-information>",
		"bad time":       "<commit-information>" + entry("0", "x", "u", "", "") + "</commit-information>",
	} {
		d, _ := open(t, reply{body: body})
		if h, err := d.History(background(t)); err == nil {
			t.Errorf("%s: History = %v", name, h)
		}
	}
}

func TestQueryXML(t *testing.T) {
	d, requests := open(t,
		reply{body: `<alarm-information xmlns="http://xml.juniper.net/junos/23.4R1/junos-alarm"><alarm-summary><no-active-alarms/></alarm-summary></alarm-information>`},
		reply{body: "<output>\nNo alarms currently active\n</output>"},
		reply{body: `<rpc-error><error-severity>error</error-severity><error-message>syntax error, expecting &lt;command&gt;</error-message></rpc-error>`},
	)
	ctx := background(t)
	text, err := d.Query(ctx, "show system alarms | display xml")
	if want := "<alarm-information><alarm-summary><no-active-alarms></no-active-alarms></alarm-summary></alarm-information>\n"; err != nil || text != want {
		t.Errorf("in XML it is %q (%v)", text, err)
	}
	text, err = d.Query(ctx, "show system alarms")
	if err != nil || text != "No alarms currently active\n" {
		t.Errorf("as text it is %q (%v)", text, err)
	}
	_, err = d.Query(ctx, "show nothing | display xml")
	if e, ok := errors.AsType[*devices.RPCError](err); !ok || !strings.Contains(e.Message, "syntax error") || !strings.Contains(err.Error(), "show nothing") {
		t.Errorf("an unknown command is %v", err)
	}
	got := requests()
	for i, want := range []string{`<command format="xml">show system alarms</command>`, `<command format="text">show system alarms</command>`, `<command format="xml">show nothing</command>`} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("request %d is %q, want %s", i, got, want)
		}
	}
}
