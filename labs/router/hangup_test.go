package router

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestHangUp leaves with commands on the way: those that have not begun are not done, and the router closes at once.
func TestHangUp(t *testing.T) {
	r, address := start(t, nil)
	c := dial(t, r, address)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	// The first commands hold the shell up until their output is read, which nobody does.
	go func() {
		var b strings.Builder
		b.WriteString("configure\n")
		for i := range 20000 {
			fmt.Fprintf(&b, "show\nset system host-name h%d\n", i)
		}
		b.WriteString("commit\n")
		_, _ = io.WriteString(in, b.String()) // ends when the connection does
	}()
	if _, err := io.ReadFull(out, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "session to be gone", func() bool { return len(r.db.view().users) == 0 })
	if n := len(r.db.history()); n != 1 {
		t.Errorf("%d commits: what the client had sent was done without it", n)
	}
}
