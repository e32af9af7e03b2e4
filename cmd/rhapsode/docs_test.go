package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// testedPages are the pages whose examples are run.
var testedPages = []string{"compare.md", "schema.md"}

// fence is a fenced block of a page: what it holds says the word behind the backquotes.
var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// TestDocs runs the examples of the pages. A block of `txtar` is files, which stay until another block has one of the
// same name. A block of `console` is commands behind `$ `, each with all that it prints, in one shell: the exit code of
// the last is in $?. A block of neither is text.
func TestDocs(t *testing.T) {
	for _, page := range testedPages {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
			if err != nil {
				t.Fatal(err)
			}
			dir, ran := t.TempDir(), 0
			for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
				switch block[1] {
				case "txtar":
					writeFiles(t, dir, block[2])
				case "console":
					runConsole(t, dir, block[2])
					ran++
				}
			}
			if ran == 0 {
				t.Error("the page has no examples")
			}
		})
	}
}

func writeFiles(t *testing.T, dir, text string) {
	t.Helper()
	archive := txtar.Parse([]byte(text))
	if len(archive.Files) == 0 || len(archive.Comment) > 0 {
		t.Errorf("no files, or text before them:\n%s", text)
	}
	for _, f := range archive.Files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// runConsole runs the commands of a block and compares all that is printed with the block.
func runConsole(t *testing.T, dir, block string) {
	t.Helper()
	var script strings.Builder
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			script.WriteString("code=$?; cat <<'COMMAND'\n$ " + command + "COMMAND\n(exit $code)\n" + command)
		}
	}
	cmd := exec.Command("sh")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(script.String())
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // a difference ends with 99
		t.Fatal(err)
	}
	if string(out) != block {
		t.Errorf("got\n%s\nwant\n%s", out, block)
	}
}
