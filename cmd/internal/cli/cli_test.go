package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, OK},
		{errors.New("x"), Failed},
		{Usagef("bad flag"), Usage},
		{fmt.Errorf("wrapped: %w", WithCode(Partial, errors.New("two of three"))), Partial},
		{WithCode(Diff, nil), Diff},
		{fmt.Errorf("dial: %w", context.Canceled), Interrupted},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("CodeOf(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestWorse(t *testing.T) {
	order := []Code{OK, Diff, Partial, Failed, Usage, Interrupted}
	for i, a := range order {
		for j, b := range order {
			if got, want := Worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("Worse(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestConfirm(t *testing.T) {
	for _, c := range []struct {
		name, in string
		terminal bool
		ok       bool
	}{
		{"yes", "yes\n", true, true},
		{"only the word", "y\nYES\n", true, false},
		{"second answer", "what\nyes\n", true, true},
		{"no", "no\nyes\n", true, false},
		{"end of input", "", true, false},
		{"no terminal", "yes\n", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs strings.Builder
			s := &Streams{In: strings.NewReader(c.in), Out: &out, Err: &errs, InTerminal: c.terminal}
			if err := s.Confirm("commit?"); (err == nil) != c.ok {
				t.Errorf("Confirm = %v, want approval %t", err, c.ok)
			}
			if out.Len() > 0 {
				t.Errorf("a question was written to the result stream: %q", out.String())
			}
		})
	}
}

func TestReport(t *testing.T) {
	var errs strings.Builder
	s := &Streams{Err: &errs}
	s.Report(WithCode(Diff, nil))
	if errs.Len() != 0 {
		t.Errorf("a bare exit code printed %q", errs.String())
	}
	s.Report(errors.Join(Hint(errors.New("a: refused"), "do this"), Hint(errors.New("b: refused"), "do this")))
	if got, want := errs.String(), "error: a: refused\nb: refused\nhint: do this\n"; got != want {
		t.Errorf("Report printed %q, want %q", got, want)
	}
}

func TestColour(t *testing.T) {
	s := &Streams{OutTerminal: true}
	if on, _ := s.Colour(ColourAuto, ""); !on {
		t.Error("a terminal is not coloured")
	}
	if on, _ := s.Colour(ColourAuto, "1"); on {
		t.Error("NO_COLOR is not honoured")
	}
	if on, _ := (&Streams{}).Colour(ColourAuto, ""); on {
		t.Error("a pipe is coloured")
	}
	if _, err := s.Colour("sometimes", ""); CodeOf(err) != Usage {
		t.Errorf("an unknown mode is %v, want a usage error", err)
	}
}
