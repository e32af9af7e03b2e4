package router

import (
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		line string
		want string // the command's last word and how many words are left, or the error
	}{
		{"show version", "version 0"},
		{"sh ver", "version 0"},
		{"show conf system services", "configuration 2"},
		{"show system rollback 3", "rollback 1"},
		{"show system rollback compare 3 1", "compare 2"},
		{"show system", "syntax error, expecting <command>."},
		{"show system u", "'u' is ambiguous."},
		{"configure exclusive", "exclusive 0"},
		{"conf ex", "exclusive 0"},
		{"configure something", "configure 1"},
		{"reboot", "unknown command."},
		{"show nothing", "syntax error."},
	} {
		words := strings.Fields(tt.line)
		c, n, err := find(operationalCommands(), words)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = c.word + " " + string(rune('0'+len(words)-n))
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.line, got, tt.want)
		}
	}
}

func TestTokens(t *testing.T) {
	for line, want := range map[string][]string{
		``:                                nil,
		`  show   version `:               {"show", "version"},
		`commit comment "T1 \"why\" | x"`: {"commit", "comment", `T1 "why" | x`},
		`show|compare`:                    {"show", "|", "compare"},
		`a"b"c`:                           {"a", "b", "c"},
		`set x ""`:                        {"set", "x", ""},
	} {
		got, err := tokens(line)
		if err != nil || !slices.Equal(texts(got), want) {
			t.Errorf("tokens of %q: %q, %v, want %q", line, texts(got), err, want)
		}
	}
	if _, err := tokens(`commit comment "open`); err == nil {
		t.Error("an open quote must be an error")
	}
}

func TestSplitCommands(t *testing.T) {
	got := splitCommands(`configure; set system login message "a;b"; commit comment "c\";d"`)
	want := []string{"configure", ` set system login message "a;b"`, ` commit comment "c\";d"`}
	if !slices.Equal(got, want) {
		t.Errorf("split into %q, want %q", got, want)
	}
}

func FuzzTokens(f *testing.F) {
	f.Add(`show configuration "a b" | match "x|y"`)
	f.Add("\"\\")
	f.Fuzz(func(t *testing.T, line string) {
		list, err := tokens(line)
		if err != nil && list != nil {
			t.Fatal("both words and an error")
		}
		for i, w := range list {
			if w.at < 0 || w.at >= len(line) || i > 0 && w.at <= list[i-1].at {
				t.Fatalf("word %d of %q is at %d", i, line, w.at)
			}
		}
	})
}

func TestFilters(t *testing.T) {
	const text = "alpha\nbeta\ngamma\n"
	run := func(pipe string) (string, error) {
		stages := splitPipes(must(tokens("x | " + pipe)))
		var inv invocation
		filters, err := inv.pipes(&command{}, stages)
		out := text
		for _, f := range filters {
			out = f(nil, out)
		}
		return out, err
	}
	for pipe, want := range map[string]string{
		"match ^[AB]":       "alpha\nbeta\n",
		"except et":         "alpha\ngamma\n",
		"last 1":            "gamma\n",
		"last 9":            text,
		"last":              text,
		"find BETA":         "beta\ngamma\n",
		"find delta":        "\nPattern not found\n",
		"trim 2":            "pha\nta\nmma\n",
		"trim 9":            "\n\n\n",
		"count":             "Count: 3 lines\n",
		"no-more":           text,
		"mat a | cou":       "Count: 3 lines\n",
		"match a | match b": "beta\n",
	} {
		if got, err := run(pipe); err != nil || got != want {
			t.Errorf("| %s: %q, %v, want %q", pipe, got, err, want)
		}
	}
	for _, pipe := range []string{"", "match (", "match", "last 0", "last x", "last 1 2", "sort", "count 1", "compare", "display set", "trim", "trim -1", "save", "|"} {
		if got, err := run(pipe); err == nil {
			t.Errorf("| %s is taken: %q", pipe, got)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestCommandAnswers holds that a command answers the same over NETCONF and behind `| display xml`, shortened or not.
func TestCommandAnswers(t *testing.T) {
	r, address := start(t, nil)
	nc := netconfClient(t, dial(t, r, address), "")
	want := nc.must("<get-system-information/>")
	for _, line := range []string{"show system information", "sh sys inf"} {
		if got := nc.must("<command>" + line + "</command>"); got != want {
			t.Errorf("<command> %s:\n%s\nwant\n%s", line, got, want)
		}
	}
	o := newOperator(r, "lab")
	flat := strings.Join(strings.Fields(want), "")
	if got := strings.Join(strings.Fields(o.do("sh sys inf | disp xml")), ""); !strings.Contains(got, flat) {
		t.Errorf("| display xml:\n%s\nwant in it\n%s", got, flat)
	}
	if got := o.do("sh sys inf | display json | match host-name"); !strings.Contains(got, `"host-name": [`) {
		t.Errorf("| display json: %s", got)
	}
	for _, line := range []string{"show version nonsense | display xml", "sh frob | display xml", "show version | display set"} {
		if got := o.do(line); !strings.Contains(got, "syntax error") {
			t.Errorf("%s: %s", line, got)
		}
	}
}
