package router

import (
	"bytes"
	"strings"
	"testing"
)

// operator is a CLI without a terminal whose commands a test gives one by one.
type operator struct {
	sh  *shell
	out bytes.Buffer
}

func newOperator(r *Router, user string) *operator {
	o := &operator{}
	o.sh = &shell{r: r, s: r.db.join(user, "cli", func() {}), in: nil, out: &o.out}
	o.sh.in = &streamLines{}
	return o
}

func (o *operator) do(line string) string {
	o.out.Reset()
	_ = o.sh.execute(line) // shown
	return scrub(o.out.String())
}

// TestTwoOperators is two people at one router: what each is told about the other.
func TestTwoOperators(t *testing.T) {
	r := unserved(t)
	alice, bob := newOperator(r, "alice"), newOperator(r, "bob")
	const aliceThere = "Users currently editing the configuration:\n  alice terminal p0 (pid 4711) on since DATE\n      "
	for _, step := range []struct {
		who        *operator
		line, want string
	}{
		{alice, "configure exclusive", "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n"},
		{alice, "set system services ftp", ""},
		{bob, "configure exclusive", "error: configuration database locked by:\n  alice terminal p0 (pid 4711) on since DATE, idle IDLE\n      exclusive\n"},
		{bob, "configure", "Entering configuration mode\n" + aliceThere + "exclusive [edit]\nThe configuration has been changed but not committed\n"},
		{bob, "set system services telnet", "error: configuration database locked by:\n  alice terminal p0 (pid 4711) on since DATE, idle IDLE\n      exclusive\n"},
		{bob, "exit", "The configuration has been changed but not committed\nExiting configuration mode\n"},
		{alice, "exit", "The configuration has been changed but not committed\nwarning: Auto-discarding uncommitted changes\nExiting configuration mode\n"},
		{alice, "configure", "Entering configuration mode\n"},
		{alice, "set system services ftp", ""},
		{bob, "configure exclusive", aliceThere + "[edit]\nerror: configuration database modified\n  alice terminal p0 (pid 4711), last changed DATE\n"},
		{bob, "configure private", "error: shared configuration database modified\n  alice terminal p0 (pid 4711), last changed DATE\n"},
		{alice, "commit", "commit complete\n"},
		{bob, "configure private", "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n" + aliceThere + "[edit]\n"},
		{alice, "set system services telnet", "error: private edits in use. Try 'configure private' or 'configure exclusive'\n"},
		{alice, "exit", "Exiting configuration mode\n"},
		{alice, "configure private", "warning: uncommitted changes will be discarded on exit\nEntering configuration mode\n" +
			strings.NewReplacer("alice", "bob", "p0", "p1", "4711", "4712").Replace(aliceThere) + "private [edit]\n"},
		{alice, "set system domain-name example.net", ""},
		{bob, "set system domain-name example.com", ""},
		{alice, "commit comment \"T1\"", "commit complete\n"},
		{bob, "show | compare", "[edit system]\n-  domain-name example.net;\n+  domain-name example.com;\n"},
		{bob, "rollback 0", "load complete\n"},
		{bob, "update", ""},
		{bob, "show | compare rollback 1", "[edit system]\n+  domain-name example.net;\n"},
	} {
		if got := step.who.do(step.line); got != step.want {
			t.Fatalf("%s: %s\n%s\nwant\n%s", step.who.sh.s.user, step.line, got, step.want)
		}
	}
}

// TestReadOnly is a user who may look.
func TestReadOnly(t *testing.T) {
	r := unserved(t)
	admin, guest := newOperator(r, "admin"), newOperator(r, "guest")
	for _, line := range []string{"configure", "set system login user guest class read-only", "commit and-quit"} {
		admin.do(line)
	}
	for _, line := range []string{"configure", "configure private", "conf ex", "request system configuration rescue save", "request system logout pid 4711"} {
		if got := guest.do(line); got != "unknown command.\n" {
			t.Errorf("%s: %s", line, got)
		}
	}
	if got := guest.do("show configuration system login | display set"); got != "set system login user guest class read-only\n" {
		t.Errorf("may not look: %s", got)
	}
}
