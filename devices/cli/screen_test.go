package cli

import (
	"strings"
	"testing"

	"rhapsode/devices"
)

const testMark = "# MARKMARKMARK"

func TestReadScreen(t *testing.T) {
	const op, cf = "lab@cr1> ", "lab@cr1# "
	for name, c := range map[string]struct {
		seen   string
		answer string
		config bool
		doubt  string
	}{
		"text":               {seen: "show a\nx {\n}\n\n" + op + testMark + "\n\n" + op, answer: "x {\n}\n"},
		"nothing":            {seen: "show a\n\n" + op + testMark + "\n\n" + op},
		"nothing at all":     {seen: "show a\n" + op + testMark + "\n" + op},
		"no line feed":       {seen: "show a\nx\n" + op + testMark + "\n" + op, answer: "x\n"},
		"blanks at the ends": {seen: "show a\nx  \n y \n\n\n" + op + testMark + "\n" + op, answer: "x  \n y \n"},
		"two engines":        {seen: "show a\nx\n\n{master}\n" + op + testMark + "\n\n{master}\n" + op, answer: "x\n"},
		"a chassis":          {seen: "show a\nx\n\n{master:0}\n" + op + testMark + "\n\n{master:0}\n" + op, answer: "x\n"},
		"configuration":      {seen: "show a\nx\n\n[edit]\n" + cf + testMark + "\n\n[edit]\n" + cf, answer: "x\n", config: true},
		"a place":            {seen: "show a\nx\n\n{master:0}[edit system services]\n" + cf + testMark + "\n\n[edit]\n" + cf, answer: "x\n", config: true},
		"a window":           {seen: "show a\nx\n\n# commit confirmed will be rolled back in 3 minutes\n[edit]\n" + cf + testMark + "\n\n[edit]\n" + cf, answer: "x\n", config: true},
		"an edit of its own": {seen: "show a\n[edit]\n[edit]\n\n[edit]\n" + cf + testMark + "\n\n[edit]\n" + cf, answer: "[edit]\n[edit]\n", config: true},
		"idle words":         {seen: "\nBroadcast Message from root@cr1\n\n" + op + "show a\nx\n" + op + testMark + "\n" + op, answer: "x\n"},
		"a prompt within":    {seen: "show a\n" + op + "\n" + cf + "\nx\n" + op + testMark + "\n" + op, answer: op + "\n" + cf + "\nx\n"},
		"mark not known":     {seen: "show a\nx\n" + op + testMark + "\n         ^\nunknown command.\n\n" + op, answer: "x\n"},
		"no mark":            {seen: "show a\nx\n" + op, doubt: "echoed 0 times"},
		"mark twice":         {seen: "show a\nx\n" + testMark + "\n" + op + testMark + "\n" + op, doubt: "echoed 2 times"},
		"mark in the answer": {seen: "show a\nx " + testMark + "\n" + op, doubt: "no prompt behind the answer"},
		"no echo":            {seen: "show b\nx\n" + op + testMark + "\n" + op, doubt: "not echoed"},
		"half an echo":       {seen: "show a | no\nx\n" + op + testMark + "\n" + op, doubt: "not echoed"},
		"no last prompt":     {seen: "show a\nx\n" + op + testMark + "\n", doubt: "no prompt behind the mark"},
		"another mode":       {seen: "show a\nx\n" + op + testMark + "\n[edit]\n" + cf, doubt: "no prompt behind the mark"},
		"no place":           {seen: "show a\nx\n" + cf + testMark + "\n" + cf, doubt: "does not go with"},
		"a shell":            {seen: "show a\nx\n% " + testMark + "\n% ", doubt: "no prompt behind the answer"},
		"root's shell":       {seen: "show a\nx\nroot@cr1% " + testMark + "\nroot@cr1% ", doubt: "a shell"},
		"bell":               {seen: "show a\nx\a\n" + op + testMark + "\n" + op, doubt: "control character"},
		"broadcast":          {seen: "show a\nx\n\nBroadcast Message from root@cr1\n\ny\n" + op + testMark + "\n" + op, doubt: "broadcast"},
		"pager":              {seen: "show a\nx\n---(more)---\n" + op + testMark + "\n" + op, doubt: "pager"},
	} {
		s, err := readScreen(c.seen, "show a", testMark)
		switch {
		case c.doubt != "":
			if err == nil || !strings.Contains(err.Error(), c.doubt) || !strings.Contains(err.Error(), errDoubt.Error()) {
				t.Errorf("%s: %+v, %v; want %q", name, s, err, c.doubt)
			}
		case err != nil || s.answer != c.answer || s.config != c.config:
			t.Errorf("%s: %+v, %v; want %q", name, s, err, c.answer)
		}
	}
}

// FuzzScreen: whatever a device answers comes back to the byte, but for blank lines at the end and what looks like a
// banner there; or is a doubt. Never is it something else.
func FuzzScreen(f *testing.F) {
	f.Add("system {\n    host-name cr1;\n}\n", true)
	f.Add("lab@cr1> \nlab@cr1# \n[edit]\n{master}\n", false)
	f.Add("show a\n", false)
	f.Add("---(more)---\n\nBroadcast Message from x\n", true)
	f.Fuzz(func(t *testing.T, text string, config bool) {
		if strings.Contains(text, testMark) {
			return
		}
		prompt := "\nlab@cr1> "
		if config {
			prompt = "\n[edit]\nlab@cr1# "
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		s, err := readScreen("show a\n"+text+prompt+testMark+"\n"+prompt, "show a", testMark)
		if err != nil {
			if s.answer != "" {
				t.Errorf("%v and %q", err, s.answer)
			}
			return
		}
		if s.config != config {
			t.Errorf("configuration mode: %v, want %v", s.config, config)
		}
		rest, ok := strings.CutPrefix(text, strings.TrimSuffix(s.answer, "\n"))
		if !ok {
			t.Fatalf("%q came back as %q", text, s.answer)
		}
		for line := range strings.Lines(rest) {
			line = strings.TrimRight(line, "\n")
			if strings.TrimSpace(line) != "" && !editLine.MatchString(line) && !bannerLine.MatchString(line) && !windowLine.MatchString(line) {
				t.Errorf("%q came back as %q: the line %q is lost", text, s.answer, line)
			}
		}
	})
}

// FuzzStrip: however reads cut it, the text is the same, and no escape is left.
func FuzzStrip(f *testing.F) {
	f.Add([]byte("\x1b[2K\rlab@cr1> \x1b]0;title\x07x\x1b(B"), 3)
	f.Add([]byte("\x1b"), 1)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		whole := string((&stripper{}).strip(in))
		if strings.ContainsAny(whole, "\x1b\r\x00") {
			t.Errorf("%q is left of %q", whole, in)
		}
		if cut < 0 || cut > len(in) {
			return
		}
		var s stripper
		if parts := string(s.strip(in[:cut])) + string(s.strip(in[cut:])); parts != whole {
			t.Errorf("cut at %d it is %q, whole it is %q", cut, parts, whole)
		}
	})
}

// FuzzComplaints: every line that says error is told as one, and every complaint has words.
func FuzzComplaints(f *testing.F) {
	for _, text := range []string{
		"/var/tmp/x:3:(12) syntax error: foo\n  [edit system]\n    'foo;'\n      syntax error\nload complete (1 errors)\n",
		"[edit protocols bgp group PyBal]\n  'import'\n    Policy error: Policy none referenced but not defined\nerror: configuration check-out failed\n",
		"error: configuration database locked by:\n  regress terminal p0 (pid 7527)\n      exclusive\n",
		"warning: statement not found\nload complete\n", "      ^\nunknown command.\n", "      ^", "[edit]\n", "re0: \ncommit complete\n",
		"[edit a]\n  'b'\n    warning: c\n    d\n  'e'\n    f\n", "error: \n", "warning:\n  x\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := readComplaints("cr1", text)
		for _, e := range append(append([]*devices.RPCError(nil), c.errs...), c.warnings...) {
			if e.Device != "cr1" || e.Severity != "error" && e.Severity != "warning" || strings.ContainsAny(e.Message, "\n") {
				t.Errorf("%q gives %+v", text, e)
			}
		}
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			if strings.HasPrefix(line, "error: ") && len(c.errs) == 0 {
				t.Errorf("%q has no error", text)
			}
		}
		total := len(c.errs) + len(c.warnings) + len(c.lines)
		if strings.TrimSpace(text) != "" && total == 0 && !caretLine.MatchString(strings.TrimSpace(text)) {
			t.Errorf("nothing is said of %q", text)
		}
		refusal("cr1", text)
	})
}

func TestHistoryText(t *testing.T) {
	h, err := readHistory("0   2026-11-25 16:00:00 UTC by lab via cli commit confirmed, rollback in 10mins\n    T1 \"why\" (u, run 01H)\n1   2026-11-25 15:00:00 CET by root via other\n2   2008-05-21 10:00:00 PDT by a via netconf commit confirmed, rollback in 2mins\n")
	if err != nil || len(h) != 3 {
		t.Fatalf("%v, %v", h, err)
	}
	if h[0].Comment != `T1 "why" (u, run 01H)` || h[0].Confirm.Minutes() != 10 || h[0].User != "lab" || h[0].Client != "cli" || h[0].Time.Hour() != 16 {
		t.Errorf("%+v", h[0])
	}
	if h[1].Confirm != 0 || h[2].Confirm != 0 || h[2].Client != "netconf" || h[2].Number != 2 {
		t.Errorf("%+v, %+v", h[1], h[2])
	}
	for _, bad := range []string{"", "\n", "x\n", "    comment first\n", "0 2026-11-25 by lab via cli\n", "0   2026-13-25 16:00:00 UTC by lab via cli\n", "0   2026-11-25 16:00:00 UTC by lab via cli commit confirmed, rollback in 99999999mins\n"} {
		if h, err := readHistory(bad); err == nil {
			t.Errorf("%q is the history %+v", bad, h)
		}
	}
}

// FuzzHistory: a history has an entry and reads the same again, or is an error.
func FuzzHistory(f *testing.F) {
	f.Add("0   2026-11-25 16:00:00 UTC by lab via cli commit confirmed, rollback in 10mins\n    T1\n1   2026-11-25 15:00:00 CET by root via other\n")
	f.Add("0   2026-11-25 16:00:00 UTC by lab via cli\n\n\tx\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := readHistory(text)
		if (err == nil) != (len(h) > 0) {
			t.Fatalf("%q: %v, %v", text, h, err)
		}
		for i, c := range h {
			if c.User == "" || c.Client == "" || c.Time.IsZero() && c.Number < 0 || i > 0 && c.Confirm != 0 || strings.Contains(c.Comment, "\n") {
				t.Errorf("%q: entry %+v", text, c)
			}
		}
	})
}
