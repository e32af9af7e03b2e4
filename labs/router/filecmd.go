package router

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// fileCommands is `file …` of operational mode: what is in the router's file area.
func fileCommands() []*command {
	return []*command{
		{word: "checksum", help: "Calculate file checksum", sub: []*command{
			{word: "sha-256", help: "Calculate SHA-256 checksum", run: (*shell).fileChecksum, args: argsFile},
		}},
		{word: "delete", help: "Delete file", run: (*shell).fileDelete, args: argsFile},
		{word: "list", help: "List file information", run: (*shell).fileList, args: argsList},
		{word: "show", help: "Show file contents", run: (*shell).fileShow, args: argsFile},
	}
}

// oneFile is the argument of a command that takes one file name.
func oneFile(inv invocation) (string, error) {
	switch len(inv.args) {
	case 0:
		return "", faultf("missing argument: file name")
	case 1:
		return inv.args[0], nil
	}
	return "", noArguments(invocation{args: inv.args[1:]})
}

func (sh *shell) fileChecksum(inv invocation) error {
	name, err := oneFile(inv)
	if err != nil {
		return err
	}
	data, err := sh.r.files.read(name)
	if err != nil {
		return fileFault(name, err)
	}
	sum := sha256.Sum256(data)
	sh.printf("SHA256 (%s) = %s\n", sh.r.files.absolute(name), hex.EncodeToString(sum[:]))
	return nil
}

func (sh *shell) fileDelete(inv invocation) error {
	name, err := oneFile(inv)
	if err != nil {
		return err
	}
	if err := sh.r.files.remove(name); err != nil {
		return fileFault(name, err)
	}
	return nil
}

// fileList lists a directory, the home when none is named, or one file.
func (sh *shell) fileList(inv invocation) error {
	name := "."
	if len(inv.args) > 0 {
		var err error
		if name, err = oneFile(inv); err != nil {
			return err
		}
	}
	abs := sh.r.files.absolute(name)
	if _, err := sh.r.files.stat(name); err == nil {
		sh.printf("%s\n", abs)
		return nil
	}
	list, err := sh.r.files.list(name)
	if err != nil {
		return fileFault(name, err)
	}
	sh.printf("\n%s:\n", abs)
	for _, e := range list {
		sh.printf("%s\n", e.name)
	}
	return nil
}

func (sh *shell) fileShow(inv invocation) error {
	name, err := oneFile(inv)
	if err != nil {
		return err
	}
	data, err := sh.r.files.read(name)
	if err != nil {
		return fileFault(name, err)
	}
	sh.printf("%s", data)
	if len(data) > 0 && data[len(data)-1] != '\n' {
		sh.printf("\n")
	}
	return nil
}

// save writes the candidate from here on down into a file, or onto the terminal.
func (sh *shell) save(inv invocation) error {
	name, err := oneFile(inv)
	if err != nil {
		return err
	}
	v := sh.view()
	text, err := v.candidate.Display(junos.Display{Path: sh.path})
	if err != nil && !errors.Is(err, junos.ErrNotFound) {
		return err
	}
	text = headerOf(v, false) + text
	if name == terminalName {
		sh.printf("%s", text)
		return nil
	}
	if err := sh.r.files.write(name, []byte(text)); err != nil {
		return fileFault(name, err)
	}
	sh.printf("%s", savedLine(name, text))
	return nil
}

// savedLine says that a file was written.
func savedLine(name, text string) string {
	return fmt.Sprintf("Wrote %d lines of output to '%s'\n", strings.Count(text, "\n"), name)
}
