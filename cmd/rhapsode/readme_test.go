package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// varies is what two runs of the demo print differently.
var varies = regexp.MustCompile(`\b01[0-9A-Z]{24}\b|sha256:[0-9a-f]{12}|\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC|\[\d+\.\ds\]`)

// example is a command as it is typed, and lines that it prints.
type example struct {
	command string
	lines   []string
}

// examples finds the commands behind `$ ` in a text, each with the lines up to the next.
func examples(text string) []example {
	var out []example
	for line := range strings.Lines(varies.ReplaceAllString(text, "VARIES")) {
		line = strings.TrimRight(line, "\n")
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			out = append(out, example{command: command})
		} else if n := len(out); n > 0 && line != "" && line != "…" {
			out[n-1].lines = append(out[n-1].lines, line)
		}
	}
	return out
}

// TestReadme runs labs/demo.sh and holds the examples of README.md against it: each command of rhapsode is one of the demo,
// or else is run here, and prints the lines that the README has, in their order. The README may leave lines out.
func TestReadme(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	printed := map[string][]string{}
	for _, e := range examples(demo(t, root)) {
		printed[e.command] = append(printed[e.command], e.lines...)
	}
	blocks := regexp.MustCompile("(?ms)^```$(.*?)^```$").FindAllStringSubmatch(string(readme), -1)
	dir, checked := t.TempDir(), 0
	for _, block := range blocks {
		for _, e := range examples(block[1]) {
			if !strings.HasPrefix(e.command, "rhapsode ") {
				continue
			}
			if printed[e.command] == nil {
				printed[e.command] = shell(t, dir, e.command)
			}
			checked++
			rest := printed[e.command]
			for _, want := range e.lines {
				for len(rest) > 0 && rest[0] != want {
					rest = rest[1:]
				}
				if len(rest) == 0 {
					t.Errorf("$ %s\ndoes not print, or not in this place: %s\nit prints:\n%s", e.command, want, strings.Join(printed[e.command], "\n"))
					break
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("%d commands of the README were looked at: this test does not see them", checked)
	}
}

// demo runs labs/demo.sh with the programs of this source and gives all that it prints.
func demo(t *testing.T, root string) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "rhapsode/cmd/labrouter") // rhapsode is the test binary, on the PATH
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build labrouter: %v\n%s", err, out)
	}
	cmd := exec.Command("sh", filepath.Join(root, "labs", "demo.sh"))
	cmd.Env = append(os.Environ(), "NO_COLOR=1", "USER=demo", "SUDO_USER=", "RHAPSODE_BIN="+bin, "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("labs/demo.sh: %v\n%s", err, out)
	}
	return string(out)
}

// shell runs a command and gives the lines that it prints.
func shell(t *testing.T, dir, command string) []string {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NO_COLOR=1", "HOME="+dir, "RHAPSODE_INVENTORY=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
