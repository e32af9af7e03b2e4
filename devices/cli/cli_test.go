package cli

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

const showConfig = "show configuration | no-more"

// TestDoubt: what is not understood ends the session, within its time, and says why.
func TestDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		answer answered
		want   string
	}{
		"hangs up":           {answered{text: "version 1;\n{eof}"}, "unexpected EOF"},
		"no more":            {answered{text: "version 1;\n{hang}"}, "no answer within"},
		"a question":         {answered{ask: "Are you sure? [yes,no] (no) "}, "the device asks"},
		"a pager":            {answered{text: "version 1;\n---(more 12%)---{hang}"}, "pager"},
		"a shell":            {answered{text: "bye\n", prompt: "\nroot@cr1:~ # "}, "does not go with"},
		"another shell":      {answered{text: "bye\n", prompt: "\nroot@cr1% "}, "that of a shell"},
		"root's shell":       {answered{text: "bye\n", prompt: "\nroot@cr1# "}, "does not go with"},
		"another mode":       {answered{text: "x\n", config: yes()}, "in another mode"},
		"broadcast":          {answered{text: "a;\nBroadcast Message from root@cr1 (no tty) at 16:36 PDT...\nCommit was not confirmed; automatic rollback complete.\nb;\n"}, "broadcast"},
		"control characters": {answered{text: "a\bb;\n"}, "control character"},
		"too large":          {answered{text: strings.Repeat("0123456789abcde\n", 1<<17)}, "answer too large"},
	} {
		t.Run(name, func(t *testing.T) {
			timeout := 30 * time.Second
			if strings.Contains(c.want, "no answer") {
				timeout = 2 * time.Second
			}
			d := openOn(t, &server{answers: map[string]answered{showConfig: c.answer}}, timeout)
			start := time.Now()
			text, err := d.Running(t.Context())
			if !errors.Is(err, devices.ErrSessionLost) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), device) {
				t.Errorf("Running = %q, %v; want %q", text, err, c.want)
			}
			if d := time.Since(start); d > timeout+10*time.Second {
				t.Errorf("it took %s", d)
			}
			if _, err := d.History(t.Context()); !errors.Is(err, devices.ErrSessionLost) {
				t.Errorf("the session goes on: %v", err)
			}
		})
	}
}

// TestFalsePrompts: lines that look like a prompt, where they stand in an answer, end nothing.
func TestFalsePrompts(t *testing.T) {
	text := "system {\n    login {\n        message \"\nlab@cr1> \nlab@cr1# \nroot@cr1:~ # \n{master}[edit]\nlab@cr1> no\n[yes,no] (no) \n# x\n\";\n    }\n}\n"
	greeting := "Last login: today\nlab@cr1> \nlab@cr1> show\n--- JUNOS 23.4R1\n"
	for _, split := range []string{text, text + text, strings.Repeat(text, 200)} {
		d := openOn(t, &server{greeting: greeting, answers: map[string]answered{showConfig: {text: split}}}, 20*time.Second)
		got, err := d.Running(t.Context())
		if err != nil || got != split {
			t.Fatalf("Running gave %d of %d bytes, %v", len(got), len(split), err)
		}
	}
}

func TestIdleBroadcast(t *testing.T) {
	s := &server{answers: map[string]answered{showConfig: {text: "a;\n"}}}
	d := openOn(t, s, 20*time.Second)
	for range 3 {
		if _, err := s.shell.Write([]byte("\r\nBroadcast Message from root@cr1 (no tty) at 16:36 PDT...\r\n\r\nCommit was not confirmed; automatic rollback complete.\r\n\r\nlab@cr1> ")); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Running(t.Context()); err != nil || got != "a;\n" {
			t.Fatalf("after a broadcast Running = %q, %v", got, err)
		}
	}
}

func TestDone(t *testing.T) {
	d := openOn(t, &server{answers: map[string]answered{showConfig: {text: "{hang}"}}}, 20*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := d.Running(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, devices.ErrSessionLost) {
		t.Errorf("Running = %v", err)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestNotTyped(t *testing.T) {
	s := &server{}
	d := openOn(t, s, 20*time.Second)
	for _, op := range []devices.Op{"show version\nrequest system halt", "show \x03", "show\tversion", "show \u0085x", "", "# show", "show \xff", devices.Op("show " + strings.Repeat("x", maxCommandBytes))} {
		if _, err := d.Query(t.Context(), op); err == nil || errors.Is(err, devices.ErrSessionLost) || !strings.Contains(err.Error(), device) {
			t.Errorf("Query(%q) = %v", op, err)
		}
	}
	if got := s.lastTyped(); got != "" {
		t.Errorf("%q was typed", got)
	}
	c := locked(t, s, nil)
	for _, comment := range []string{"T1\ncommit", "T1\x03", "T1 " + strings.Repeat("x", maxCommandBytes)} {
		if _, err := c.Commit(t.Context(), devices.CommitOptions{Comment: comment}); err == nil || !strings.Contains(err.Error(), "comment") {
			t.Errorf("commit with the comment %q = %v", comment, err)
		}
	}
	if got := s.lastTyped(); strings.HasPrefix(got, "commit") {
		t.Errorf("%q was typed", got)
	}
}

func TestCommands(t *testing.T) {
	s := &server{}
	done := answered{text: "configuration check succeeds\n"}
	complete := answered{text: "re0: \nconfiguration check succeeds\nre1: \ncommit complete\nre0: \ncommit confirmed will be automatically rolled back in 3 minutes unless confirmed\ncommit complete\n\n# commit confirmed will be rolled back in 3 minutes\n"}
	full := `commit synchronize confirmed 3 comment "T1 \"why\" \\ | no? (u, run 01H)"`
	c := locked(t, s, map[string]answered{
		"commit check": done, full: complete, "rollback 2": {text: "load complete\n"}, `commit comment "T1"`: {text: "commit complete\n"},
		"show | no-more": {text: "## Last changed: 2026-11-25 16:00:00 UTC\nsystem {\n}\n"},
	})
	ctx := t.Context()
	two := 2
	if w, err := c.Load(ctx, diffs.Change{Rollback: &two}); err != nil || len(w) != 0 {
		t.Errorf("rollback: %v, %v", w, err)
	}
	if text, err := c.(devices.Texter).Text(ctx); err != nil || !strings.HasSuffix(text, "system {\n}\n") {
		t.Errorf("text: %q, %v", text, err)
	}
	if w, err := c.Check(ctx); err != nil || len(w) != 0 {
		t.Errorf("check: %v, %v", w, err)
	}
	if w, err := c.Commit(ctx, devices.CommitOptions{Comment: `T1 "why" \ | no? (u, run 01H)`, Confirm: 3 * time.Minute, Synchronize: true}); err != nil || len(w) != 0 {
		t.Errorf("commit: %v, %v", w, err)
	}
	if _, err := c.Commit(ctx, devices.CommitOptions{Comment: "T1"}); err != nil {
		t.Errorf("confirm: %v", err)
	}
	if err := c.Discard(ctx); err != nil {
		t.Error(err)
	}
	if got := s.lastTyped(); got != leaveConfig {
		t.Errorf("last it types %q", got)
	}
}

// TestAnswers: what a load, a check and a commit come to.
func TestAnswers(t *testing.T) {
	const checkOut = "[edit protocols bgp group PyBal]\n  'import'\n    Policy error: Policy none referenced but not defined\nerror: configuration check-out failed\n"
	for name, c := range map[string]struct {
		phase, text string
		refused     string // of a CommitError
		other       string // of any other error
		warns       int
	}{
		"load":                   {phase: "load", text: "load complete\n"},
		"load, a warning":        {phase: "load", text: "warning: statement not found\nload complete\n", warns: 1},
		"load, a place":          {phase: "load", text: "/var/tmp/x:3:(12) syntax error: foo\n  [edit system]\n    'foo;'\n      syntax error\nload complete (1 errors)\n", refused: "syntax error: foo (foo;) in line 3 at [edit system]"},
		"load, noise first":      {phase: "load", text: "x:1:(1) error recovery ignores input until this point: }\n  [edit]\n    '}'\n      error recovery ignores input until this point\nx:2:(1) missing argument: y\nload complete (2 errors)\n", refused: "missing argument: y in line 2"},
		"load, set":              {phase: "load", text: "x:7:(4) syntax error: z\nload complete\n", refused: "syntax error: z in line 7"},
		"load, a count":          {phase: "load", text: "load complete (3 errors)\n", refused: "3 errors that are not named"},
		"load, nothing":          {phase: "load", text: "", refused: "neither success nor an error"},
		"load, strange":          {phase: "load", text: "something else went wrong\nload complete\n", refused: "something else went wrong"},
		"load, no file":          {phase: "load", text: "error: could not open file: /var/tmp/x\n", refused: "could not open file"},
		"load, full":             {phase: "load", text: "error: could not write configuration: No space left on device\nload complete\n", refused: "No space left"},
		"check":                  {phase: "check", text: "configuration check succeeds\n"},
		"check, a warning":       {phase: "check", text: "[edit interfaces]\n  'ge-0/0/0'\n    warning: not there\nconfiguration check succeeds\n", warns: 1},
		"check, a policy":        {phase: "check", text: checkOut, refused: "Policy error: Policy none referenced but not defined (import) at [edit protocols bgp group PyBal]"},
		"check, a commit":        {phase: "check", text: "commit complete\n", other: "neither success"},
		"commit":                 {phase: "commit", text: "commit complete\n"},
		"commit, two engines":    {phase: "commit", text: "re0: \nconfiguration check succeeds\nre1: \ncommit complete\nre0: \ncommit complete\n"},
		"commit, a chassis":      {phase: "commit", text: "fpc0: \nconfiguration check succeeds\nfpc1: \ncommit complete\nfpc0: \ncommit complete\n"},
		"commit, members":        {phase: "commit", text: "member0-re0: \nconfiguration check succeeds\nmember1-re0: \ncommit complete\nmember0-re0: \ncommit complete\n"},
		"commit, one engine":     {phase: "commit", text: "re0: \nconfiguration check succeeds\nre1: \nerror: could not open configuration database\nre0: \nerror: commit failed\n", refused: "could not open configuration database"},
		"commit, one of two":     {phase: "commit", text: "re1: \nerror: could not open configuration database\nre0: \ncommit complete\n", other: "success, and an error"},
		"commit, strange":        {phase: "commit", text: "all is well\ncommit complete\n", other: "not understood"},
		"commit, nothing":        {phase: "commit", text: "", other: "neither success"},
		"commit, check only":     {phase: "commit", text: "configuration check succeeds\n", other: "neither success"},
		"commit, locked":         {phase: "commit", text: "error: configuration database locked by:\n  regress terminal p0 (pid 7527) on since 2018-08-27 01:35:08 PDT, idle 00:25:52\n      exclusive\n", refused: "configuration database locked by: regress terminal p0 (pid 7527)"},
		"commit, not a command":  {phase: "commit", text: "                    ^\nsyntax error.\n", refused: "syntax error"},
		"commit, not authorized": {phase: "commit", text: "error: permission denied: commit\n", refused: "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			command := map[string]string{"load": "load merge FILE", "check": "commit check", "commit": `commit comment "T1"`}[c.phase]
			s := &server{}
			cand := locked(t, s, map[string]answered{command: {text: c.text}})
			var w []devices.Warning
			var err error
			switch c.phase {
			case "load":
				w, err = cand.Load(t.Context(), diffs.Change{Mode: junos.Merge, Text: "x"})
			case "check":
				w, err = cand.Check(t.Context())
			case "commit":
				w, err = cand.Commit(t.Context(), devices.CommitOptions{Comment: "T1"})
			}
			e, refused := errors.AsType[*devices.CommitError](err)
			switch {
			case c.refused != "" && (!refused || !strings.Contains(err.Error(), c.refused) || e.Phase != c.phase || e.Severity != "error" || e.Device != device):
				t.Errorf("%v, want a CommitError with %q", err, c.refused)
			case c.other != "" && (refused || err == nil || !strings.Contains(err.Error(), c.other)):
				t.Errorf("%v, want an error of no kind with %q", err, c.other)
			case c.refused == "" && c.other == "" && err != nil:
				t.Errorf("%v, want success", err)
			}
			if len(w) != c.warns {
				t.Errorf("warnings %v, want %d", w, c.warns)
			}
			if s.left() != 0 {
				t.Error("a file is left on the device")
			}
			if err := cand.Discard(t.Context()); err != nil {
				t.Errorf("discard: %v", err)
			}
		})
	}
}

// TestFileGoes: the text leaves the device again, whatever happens.
func TestFileGoes(t *testing.T) {
	secret := diffs.Change{Mode: junos.Merge, Text: "secret"}
	t.Run("copy fails", func(t *testing.T) {
		s := &server{}
		c := locked(t, s, nil)
		s.copyErr = errors.New("no space")
		if _, err := c.Load(t.Context(), secret); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("Load = %v", err)
		}
		if s.left() != 0 {
			t.Error("a file is left")
		}
	})
	t.Run("the session dies", func(t *testing.T) {
		s := &server{}
		c := locked(t, s, map[string]answered{"load merge FILE": {text: "{eof}"}})
		if _, err := c.Load(t.Context(), secret); !errors.Is(err, devices.ErrSessionLost) {
			t.Errorf("Load = %v", err)
		}
		if s.left() != 0 || len(s.ran) != 1 {
			t.Errorf("a file is left; beside the session ran %q", s.ran)
		}
	})
	t.Run("the mode", func(t *testing.T) {
		c := locked(t, &server{}, nil)
		if _, err := c.Load(t.Context(), diffs.Change{Mode: junos.Patch, Text: "x"}); err == nil || !strings.Contains(err.Error(), "patch") {
			t.Errorf("Load = %v", err)
		}
	})
}

func TestLockRefused(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string]answered
		check   func(error) bool
	}{
		"locked": {
			map[string]answered{"configure exclusive": {text: "error: configuration database locked by:\n  root terminal p3 (pid 1088) on since 2002-06-05 15:46:21 PDT, idle 00:03:22\n      exclusive [edit]\n"}},
			func(err error) bool {
				e, ok := errors.AsType[*devices.LockedError](err)
				return ok && e.Holder == "root terminal p3 (pid 1088) on since 2002-06-05 15:46:21 PDT, idle 00:03:22 exclusive [edit]"
			},
		},
		"modified": {
			map[string]answered{
				"configure exclusive":      {text: "error: configuration database modified\n"},
				"configure":                {text: "Entering configuration mode\nUsers currently editing the configuration:\n  bob terminal p1 (pid 17) on since 2026-11-25 14:00:00 UTC, idle 00:10:00\n      [edit system]\nThe configuration has been changed but not committed\n", config: yes()},
				"show | compare | no-more": {text: "[edit system]\n+  domain-name example.net;\n"},
				"exit configuration-mode":  {ask: "The configuration has been changed but not committed\nExit with uncommitted changes? [yes,no] (yes) ", text: "Exiting configuration mode\n", config: no()},
			},
			func(err error) bool {
				e, ok := errors.AsType[*devices.DirtyError](err)
				return ok && strings.HasPrefix(e.Who, "bob terminal p1 (pid 17)") && e.Compare == "[edit system]\n+  domain-name example.net;\n"
			},
		},
		"granted over edits": {
			map[string]answered{"show | compare | no-more": {text: "[edit system]\n+  domain-name example.net;\n"}},
			func(err error) bool {
				e, ok := errors.AsType[*devices.DirtyError](err)
				return ok && e.Compare != ""
			},
		},
		"not allowed": {
			map[string]answered{"configure exclusive": {text: "         ^\nunknown command.\n"}},
			func(err error) bool {
				e, ok := errors.AsType[*devices.RPCError](err)
				return ok && e.Message == "unknown command"
			},
		},
		"strange": {
			map[string]answered{"configure exclusive": {text: "come back later\n"}},
			func(err error) bool { return err != nil && strings.Contains(err.Error(), "come back later") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: map[string]answered{
				"configure exclusive":      {text: "Entering configuration mode\n", config: yes()},
				"show | compare | no-more": {},
				"exit configuration-mode":  {text: "Exiting configuration mode\n", config: no()},
				"show version | no-more":   {text: "Hostname: cr1\n"},
			}}
			for k, v := range c.answers {
				s.answers[k] = v
			}
			d := openOn(t, s, 20*time.Second)
			if _, err := d.Lock(t.Context()); !c.check(err) || !strings.Contains(err.Error(), device) {
				t.Errorf("Lock = %v", err)
			}
			if text, err := d.Query(t.Context(), "show version"); err != nil || text != "Hostname: cr1\n" {
				t.Errorf("afterwards Query = %q, %v", text, err)
			}
			for _, typed := range s.typed {
				if strings.HasPrefix(typed, "rollback") {
					t.Errorf("it typed %q over edits of others", typed)
				}
			}
		})
	}
}

func TestQuery(t *testing.T) {
	const xmlReply = "<rpc-reply xmlns:junos=\"http://xml.juniper.net/junos/23.4R1/junos\">\n    <a junos:style=\"terse\">1</a>\n    <cli>\n        <banner>{master}</banner>\n    </cli>\n</rpc-reply>\n"
	d := openOn(t, &server{answers: map[string]answered{
		"show a | display xml | no-more": {text: xmlReply},
		"show b | display xml | no-more": {text: "<rpc-reply><rpc-error><error-severity>error</error-severity><error-message>no</error-message></rpc-error></rpc-reply>\n"},
		"show c | display xml | no-more": {text: "<rpc-reply>\n"},
		"show d | no-more":               {text: "\nx\n\n"},
		"show e | no-more":               {text: "fine so far\nerror: timeout communicating with routing daemon\n"},
		"show f | no-more":               {text: "error: no such thing is a word of this log\n  ok\n"},
	}}, 20*time.Second)
	if text, err := d.Query(t.Context(), "show a | display xml"); err != nil || text != "<a style=\"terse\">1</a>\n" {
		t.Errorf("in XML: %q, %v", text, err)
	}
	if text, err := d.Query(t.Context(), "show d"); err != nil || text != "x\n" {
		t.Errorf("text: %q, %v", text, err)
	}
	for _, op := range []devices.Op{"show b | display xml", "show e", "show f", "show nothing"} {
		_, err := d.Query(t.Context(), op)
		if _, ok := errors.AsType[*devices.RPCError](err); !ok || !strings.Contains(err.Error(), device) {
			t.Errorf("%s: %v, want an RPCError", op, err)
		}
	}
	if text, err := d.Query(t.Context(), "show c | display xml"); err == nil {
		t.Errorf("half of a reply is %q", text)
	}
}

// TestWindowOver: a window is open until the device's own clock is past it, in the form that both times come in.
func TestWindowOver(t *testing.T) {
	const entry = `<rpc-reply><commit-information><commit-history><sequence-number>0</sequence-number><user>lab</user><client>cli</client>` +
		`<date-time junos:seconds="1700000000">2023-11-14 23:13:20 CET</date-time><comment>commit confirmed, rollback in 3mins</comment><log>T1</log></commit-history></commit-information></rpc-reply>`
	const text = "0   2023-11-14 23:13:20 CET by lab via cli commit confirmed, rollback in 3mins\n    T1\n"
	const unknown = "             ^\nunknown command.\n"
	for name, c := range map[string]struct {
		xml, text, uptimeXML, uptime string
		over                         bool
	}{
		"within":               {xml: entry, uptimeXML: `<rpc-reply><current-time><date-time junos:seconds="1700000100"/></current-time></rpc-reply>`},
		"over":                 {xml: entry, uptimeXML: `<rpc-reply><current-time><date-time junos:seconds="1700001000"/></current-time></rpc-reply>`, over: true},
		"in words, UTC":        {xml: entry, uptimeXML: "<rpc-reply><output>\nCurrent time: 2023-11-14 22:33:20 UTC\n</output></rpc-reply>", over: true},
		"in words, UTC within": {xml: entry, uptimeXML: "<rpc-reply><output>\nCurrent time: 2023-11-14 22:14:20 UTC\n</output></rpc-reply>"},
		"in words, CET":        {xml: entry, uptimeXML: "<rpc-reply><output>\nCurrent time: 2023-11-14 23:14:20 CET\n</output></rpc-reply>"},
		"no clock":             {xml: entry, uptimeXML: unknown},
		"text, within":         {xml: unknown, text: text, uptime: "Current time: 2023-11-14 23:14:20 CET\n"},
		"text, over":           {xml: unknown, text: text, uptime: "Current time: 2023-11-14 23:33:20 CET\nSystem booted: then\n", over: true},
		"text, no clock":       {xml: unknown, text: text, uptime: unknown},
	} {
		t.Run(name, func(t *testing.T) {
			d := openOn(t, &server{answers: map[string]answered{
				"show system commit | display xml | no-more": {text: c.xml + "\n"}, "show system commit | no-more": {text: c.text},
				"show system uptime | display xml | no-more": {text: c.uptimeXML + "\n"}, "show system uptime | no-more": {text: c.uptime},
			}}, 20*time.Second)
			h, err := d.History(t.Context())
			if err != nil || len(h) != 1 || h[0].Comment != "T1" || (h[0].Confirm == 0) != c.over {
				t.Errorf("History = %+v, %v; over: %v", h, err, c.over)
			}
		})
	}
}
