package house

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// top is the top of the repository.
func top(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
}

// tracked is the text of every file of the repository by its path: what git has in its index, or, in an unpacked
// archive without git, every file but what make builds.
func tracked(t *testing.T) map[string][]byte {
	t.Helper()
	root := top(t)
	var names []string
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = root
	if out, err := cmd.Output(); err == nil {
		names = strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	} else {
		t.Logf("git ls-files: %v; every file is looked at", err)
		err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() && (path == ".git" || path == "bin" || path == "output") {
				return fs.SkipDir
			}
			if d != nil && d.Type().IsRegular() {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, and not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		files[name] = text
	}
	if files["go.mod"] == nil {
		t.Fatal("go.mod is not among the files: the rules would hold for nothing")
	}
	return files
}

// largestFile is how large a file may be, in bytes. Data beyond it is read from where it is kept, or made by a test.
const largestFile = 300_000

// foreign finds files that nobody can review: programs and other binaries, and those larger than largestFile.
func foreign(files map[string][]byte) []string {
	var found []string
	for path, text := range files {
		switch {
		case len(text) > largestFile:
			found = append(found, path+": "+strconv.Itoa(len(text))+" bytes, at most "+strconv.Itoa(largestFile)+" are allowed")
		case bytes.IndexByte(text, 0) >= 0:
			found = append(found, path+": a binary file: it has a NUL byte")
		}
	}
	slices.Sort(found)
	return found
}

func TestFilesAreText(t *testing.T) {
	for _, line := range foreign(tracked(t)) {
		t.Error(line)
	}
}

func TestFilesAreTextCanFail(t *testing.T) {
	got := foreign(map[string][]byte{
		"a.txt": []byte("text\n"), "none.txt": nil, "prog": []byte("\x7fELF\x02\x01\x01\x00"),
		"big.txt": bytes.Repeat([]byte("x\n"), largestFile/2+1), "full.txt": bytes.Repeat([]byte("x\n"), largestFile/2),
	})
	want := []string{"big.txt: 300002 bytes, at most 300000 are allowed", "prog: a binary file: it has a NUL byte"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// atTop is what may stand at the top level. Anything else needs a decision in docs/decisions that says why.
var atTop = []string{
	".ci", "LICENSE", "Makefile", "README.md", "cmd", "datapath", "devices", "diffs", "docs", "go.mod", "go.sum", "inventory",
	"labs", "policies", "templates",
}

// strangers are the names at the top level that are not in the list.
func strangers(files map[string][]byte) []string {
	found := map[string]bool{}
	for path := range files {
		name, _, _ := strings.Cut(path, "/")
		if !slices.Contains(atTop, name) {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestTopLevel(t *testing.T) {
	for _, name := range strangers(tracked(t)) {
		t.Errorf("%s stands at the top level: %s are what may", name, strings.Join(atTop, " "))
	}
}

func TestTopLevelCanFail(t *testing.T) {
	got := strangers(map[string][]byte{"util/x.go": nil, "util/y.go": nil, ".golangci.yml": nil, "diffs/x.go": nil, "go.mod": nil})
	if want := []string{".golangci.yml", "util"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// unwanted is what no file may say, with the reason. The words are put together here, so that this file may be read too.
var unwanted = []struct {
	re     *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/(work|root|Users)/[A-Za-z0-9._-]`), "a path of one machine"},
	{regexp.MustCompile(`(^|[\s"'=(:` + "`" + `])/home/[a-z]{2,}[0-9]*/`), "a path of one person"},
	{regexp.MustCompile(`(proxy|sum|goproxy)\.(golang\.org|io)\b`), "a registry's host: the machine's settings say where modules come from"},
	{regexp.MustCompile(`registry\.npm` + `js|(deb|security)\.deb` + `ian\.org|p` + `ypi\.org|index\.crates\.` + `io`), "a registry's host"},
	{regexp.MustCompile(`(?i)\b(todo|fixme|xxx)\b(:|\()`), "unfinished work: do it, or say what falls short in plain words"},
}

// said finds unwanted words, as "path:line: reason".
func said(files map[string][]byte) []string {
	var found []string
	for path, text := range files {
		if strings.HasSuffix(path, ".sum") || bytes.IndexByte(text, 0) >= 0 {
			continue // checksums, pictures
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, u := range unwanted {
				if u.re.MatchString(line) {
					found = append(found, path+":"+strconv.Itoa(i+1)+": "+u.reason+": "+strings.TrimSpace(line))
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestWords(t *testing.T) {
	for _, line := range said(tracked(t)) {
		t.Error(line)
	}
}

func TestWordsCanFail(t *testing.T) {
	for _, bad := range []string{
		"cd /" + "work/main", `dir := "/` + `root/x"`, "see /" + "home/alice/notes", "GOPROXY=https://proxy." + "golang.org",
		"// TO" + "DO: later", "https://registry.npm" + "js.org/",
	} {
		if got := said(map[string][]byte{"a/b.go": []byte("fine\n" + bad + "\n")}); len(got) != 1 || !strings.HasPrefix(got[0], "a/b.go:2: ") {
			t.Errorf("%q gives %q", bad, got)
		}
	}
	for _, fine := range []string{"the framework/main part", "https://pkg.go.dev/x", "/var/tmp/x", "~/.ssh/config", "work/main", "set the root/leaf"} {
		if got := said(map[string][]byte{"a/b.go": []byte(fine)}); got != nil {
			t.Errorf("%q gives %q", fine, got)
		}
	}
}

// literal is what looks like an IPv4 address, or an IPv6 address from the global range.
var literal = regexp.MustCompile(`(?i)\b\d{1,3}(\.\d{1,3}){3}\b|\b[23][0-9a-f]{3}:[0-9a-f:]*[0-9a-f:]`)

// nobodys are the ranges that belong to no network on the internet: documentation (RFC 5737, 3849, 9637), private,
// loopback, link-local, benchmarking, shared, multicast, reserved, and the special-purpose blocks of RFC 6890 that a filter names.
var nobodys = func() []netip.Prefix {
	var list []netip.Prefix
	for _, p := range strings.Fields(`192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20
		0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16
		198.18.0.0/15 224.0.0.0/4 240.0.0.0/4 2001::/23 2001:10::/28 2001:20::/28 2002::/16`) {
		list = append(list, netip.MustParsePrefix(p))
	}
	return list
}()

// somebodys finds addresses that may be somebody's.
func somebodys(files map[string][]byte) []string {
	var found []string
	for path, text := range files {
		if strings.HasSuffix(path, ".sum") || strings.HasSuffix(path, ".mod") || bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, word := range literal.FindAllString(line, -1) {
				addr, err := netip.ParseAddr(word)
				if err != nil || slices.ContainsFunc(nobodys, func(p netip.Prefix) bool { return p.Contains(addr) }) {
					continue // no address after all, or nobody's
				}
				found = append(found, path+":"+strconv.Itoa(i+1)+": "+word)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestAddresses(t *testing.T) {
	for _, line := range somebodys(tracked(t)) {
		t.Errorf("%s may be somebody's address: examples are from the documentation ranges", line)
	}
}

func TestAddressesCanFail(t *testing.T) {
	const bad, bad6 = "8.8" + ".8.8", "2a00" + ":1450::1"
	got := somebodys(map[string][]byte{"x": []byte("192.0.2.1/24 2001:db8::1 10.1.2.3 255.255.255.0\nat " + bad + " and [" + bad6 + "]:53\n999.1.1.1")})
	if want := []string{"x:2: " + bad6, "x:2: " + bad}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
