package main

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
)

// TestHelp reads the help of every command: what it does, how it is called, examples that parse, its flags, and the exit
// codes last.
func TestHelp(t *testing.T) {
	commands := everyCommand(newRoot(&app{streams: &cli.Streams{Out: io.Discard, Err: io.Discard}}))
	if len(commands) < 20 {
		t.Fatalf("%d commands: this test does not see them", len(commands))
	}
	for _, c := range commands {
		t.Run(c.CommandPath(), func(t *testing.T) {
			args := append(strings.Fields(c.CommandPath())[1:], "--help")
			var stdout, stderr bytes.Buffer
			code := run(&cli.Streams{Out: &stdout, Err: &stderr}, func(string) string { return "" }, args)
			if code != cli.OK || stderr.Len() > 0 {
				t.Fatalf("exit code %d, stderr %q", code, stderr.String())
			}
			help := stdout.String()
			last := 0
			for _, section := range []string{"Usage:\n", "Examples:\n", "Flags:\n", cli.ExitHelp} {
				at := strings.Index(help, section)
				if at <= last {
					t.Errorf("the help lacks %q, or has it out of order", section)
				}
				last = at
			}
			if !strings.HasSuffix(help, cli.ExitHelp+"\n") {
				t.Error("the help does not end with the exit codes")
			}
			for line := range strings.Lines(help) {
				if n := len([]rune(line)); n > 181 {
					t.Errorf("a line of %d characters: %s", n, line)
				}
			}
			testExamples(t, c)
		})
	}
}

// exampleWord is a word of an example's line: quoted, or without a blank.
var exampleWord = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)

// testExamples parses the lines of a command's example that run rhapsode: the command is the one of the help or one below
// it, and its flags and arguments are good.
func testExamples(t *testing.T, c *cobra.Command) {
	t.Helper()
	for line := range strings.Lines(c.Example) {
		_, line, found := strings.Cut(line, "rhapsode ")
		if !found {
			t.Errorf("an example without rhapsode: %q", line)
			continue
		}
		var words []string
		for _, word := range exampleWord.FindAllString(line, -1) {
			if strings.ContainsAny(word[:1], "#>|") {
				break
			}
			words = append(words, strings.Trim(strings.TrimSuffix(word, ")"), `'"`))
		}
		fresh := newRoot(&app{streams: &cli.Streams{Out: io.Discard, Err: io.Discard}})
		got, rest, err := fresh.Find(words)
		if err != nil || !strings.HasPrefix(got.CommandPath(), c.CommandPath()) && c.Name() != "help" {
			t.Errorf("%s: runs %q: %v", line, got.CommandPath(), err)
			continue
		}
		if err := got.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if err := got.ValidateArgs(got.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
