package junostest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// CorpusVariable names the environment variable with the folder of a corpus: real configurations that the tests read
// and that are kept elsewhere.
const CorpusVariable = "JUNOS_CORPUS"

// File is a file of a corpus.
type File struct {
	Name string // its path below the folder
	Text []byte
	Skip string // why it is no Junos configuration, "" if it may be one
}

// Corpus reads the regular files below the folder that JUNOS_CORPUS names, in the order of their names. It skips the
// test if the variable is unset. Hidden files and folders are no part of a corpus.
func Corpus(tb testing.TB) []File {
	tb.Helper()
	root := os.Getenv(CorpusVariable)
	if root == "" {
		tb.Skipf("no corpus: set %s to a folder of Junos configurations", CorpusVariable)
	}
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		tb.Fatalf("%s: %v", CorpusVariable, err)
	}
	var files []File
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(d.Name(), ".") && path != root {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files = append(files, File{Name: filepath.ToSlash(name), Text: text, Skip: skip(d.Name(), text)})
		return nil
	})
	if err != nil {
		tb.Fatalf("%s: %v", CorpusVariable, err)
	}
	if len(files) == 0 {
		tb.Fatalf("%s: no files in %s", CorpusVariable, root)
	}
	return files
}

// otherNames are names of files that are about configurations, programs or data beside them.
var otherNames = regexp.MustCompile(`(?i)^((readme|licen[cs]e|copying|notice|authors|changelog|contributing|makefile|build|workspace|dockerfile)(\..*)?` +
	`|.*\.(md|rst|adoc|html?|css|py|pyc|rb|go|java|js|ts|sh|c|h|pl|yml|yaml|toml|ini|csv|tsv|j2|jinja2?|erb|tmpl|tpl|textfsm|template|bazel|patch|diff|yang|xsd|xslt?|slax|schema|pdf|svg))$`)

// statement is a line that may be of a configuration: it opens or closes a block or ends a statement, or it is a command.
var statement = regexp.MustCompile(`(?m)^[ \t]*(set|delete|activate|deactivate|protect|unprotect|annotate|rename|copy|insert|wildcard|edit)[ \t]+\S|[{;][ \t\r]*(##.*|/\*.*)?$`)

// skip says why a file is no Junos configuration: its name says what it is, or nothing in it looks like one.
func skip(name string, text []byte) string {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	switch {
	case otherNames.MatchString(name):
		return "the name says that it is something else"
	case bytes.IndexByte(text, 0) >= 0:
		return "not a text"
	case len(trimmed) == 0:
		return "empty"
	case bytes.HasPrefix(trimmed, []byte("version https://git-lfs")):
		return "a pointer to a file that is not here"
	case bytes.Contains(text, []byte("{{")) || bytes.Contains(text, []byte("{%")):
		return "a template"
	}
	first := string(trimmed[:min(len(trimmed), 4096)])
	switch first[0] {
	case '<':
		if !strings.HasPrefix(first, "<?xml") && !regexp.MustCompile(`^<([a-z]+:)?(configuration|rpc-reply|data|config)\b`).MatchString(first) && !statement.Match(text) {
			return "XML that is no configuration"
		}
		if strings.HasPrefix(first, "<?xml") && !bytes.Contains(text, []byte("configuration")) {
			return "XML that is no configuration"
		}
	case '{':
		if strings.HasPrefix(strings.TrimSpace(first[1:]), `"`) && !bytes.Contains(text, []byte(`"configuration"`)) {
			return "JSON that is no configuration"
		}
	default:
		if !statement.Match(text) {
			return "no statement and no command in it"
		}
		if n := bytes.Count(text, []byte("\n[edit")); n > 0 && regexp.MustCompile(`(?m)^[-+!] `).Match(text) {
			return fmt.Sprintf("a comparison of %d hierarchies", n)
		}
	}
	return ""
}
