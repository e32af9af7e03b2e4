package router

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// areas are a file area in memory and one on disk: they have to behave the same.
func areas(t *testing.T) map[string]*files {
	t.Helper()
	out := map[string]*files{}
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		f, err := openFiles(dir, "lab")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.close() })
		out[name] = f
	}
	return out
}

func TestFileArea(t *testing.T) {
	for name, f := range areas(t) {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/var/tmp/a.conf", "/var/home/lab/b", "c d", "~/e", "/var/home/lab/../lab/f", "./ünï.txt"} {
				if err := f.write(path, []byte(path)); err != nil {
					t.Errorf("write %q: %v", path, err)
				}
				data, err := f.read(f.absolute(path))
				if err != nil || string(data) != path {
					t.Errorf("read %q: %q, %v", path, data, err)
				}
			}
			for path, want := range map[string]error{
				"/etc/passwd": fs.ErrNotExist, "../../../etc/passwd": fs.ErrNotExist, "/var/tmp/../../etc/passwd": fs.ErrNotExist,
				"/var/home/other/x": fs.ErrNotExist, "/var/tmp/sub/x": fs.ErrNotExist, "sub/x": fs.ErrNotExist, "/": syscall.EINVAL,
				"/var/tmp": syscall.EISDIR, "/var/tmp/": syscall.EISDIR, "~": syscall.EISDIR, "": syscall.EISDIR, ".": syscall.EISDIR,
				"/var/tmp/a\nb": syscall.EINVAL, "/var/tmp/\xff": syscall.EINVAL, "/var/tmp/.new-x": syscall.EINVAL,
				"/var/tmp/" + strings.Repeat("x", maxFileName+1): syscall.EINVAL,
			} {
				if err := f.write(path, nil); !errors.Is(err, want) {
					t.Errorf("write %q: %v, want %v", path, err, want)
				}
				if _, err := f.read(path); !errors.Is(err, want) {
					t.Errorf("read %q: %v, want %v", path, err, want)
				}
				if err := f.remove(path); !errors.Is(err, want) {
					t.Errorf("remove %q: %v, want %v", path, err, want)
				}
			}
			list, err := f.list("/var/tmp/")
			if err != nil || len(list) != 1 || list[0].name != "a.conf" || list[0].size != int64(len("/var/tmp/a.conf")) {
				t.Errorf("list: %v, %v", list, err)
			}
			if err := f.remove("/var/tmp/a.conf"); err != nil {
				t.Error(err)
			}
			if _, err := f.stat("/var/tmp/a.conf"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a removed file is there: %v", err)
			}
		})
	}
}

func TestFileAreaLimits(t *testing.T) {
	for name, f := range areas(t) {
		t.Run(name, func(t *testing.T) {
			big := make([]byte, maxFileBytes)
			for i := range maxAreaBytes / maxFileBytes {
				if err := f.write("big"+string(rune('a'+i)), big); err != nil {
					t.Fatalf("file %d: %v", i, err)
				}
			}
			if err := f.write("/var/tmp/one-more", []byte("x")); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("the area grows beyond its limit: %v", err)
			}
			if err := f.write("biga", append(big[:0:0], 'x')); err != nil {
				t.Errorf("a smaller file in place of a big one: %v", err)
			}
			if err := f.write("/var/tmp/one-more", append(big, 'x')); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a file beyond the limit: %v", err)
			}
		})
	}
}

// TestFilesOnDisk looks at what lies in the state directory.
func TestFilesOnDisk(t *testing.T) {
	dir := t.TempDir()
	f, err := openFiles(dir, "lab")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.write("/var/tmp/x", []byte("1")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "files/tmp/x"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, path := range []string{"files/tmp/.new-y", "files/home/.new-z"} {
		if err := os.WriteFile(filepath.Join(dir, path), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "files/home/link")); err != nil {
		t.Fatal(err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	if f, err = openFiles(dir, "lab"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.close() }()
	if data, err := f.read("/var/tmp/x"); err != nil || string(data) != "1" {
		t.Errorf("after a restart: %q, %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "files/*/.new-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if data, err := f.read("link"); err == nil {
		t.Errorf("a link leads out of the area: %q", data)
	}
}

// scpSession starts scp on the router and gives both ends of it.
func scpSession(t *testing.T, c *ssh.Client, command string) (*ssh.Session, io.WriteCloser, io.Reader) {
	t.Helper()
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
	if err := s.Start(command); err != nil {
		t.Fatal(err)
	}
	return s, in, out
}

// scpTalk sends what a client of scp does, all of it at once, and returns the answer.
func scpTalk(t *testing.T, c *ssh.Client, command, send string) (answer string, status error) {
	t.Helper()
	s, in, out := scpSession(t, c, command)
	// The router may be through before it has read everything, and then there is nothing to write to.
	if _, err := io.WriteString(in, send); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(got), s.Wait()
}

func TestSCP(t *testing.T) {
	r, address := start(t, nil)
	c := dial(t, r, address)
	for _, tt := range []struct {
		name, command, send, want string
		fails                     bool
	}{
		{name: "to a file", command: "scp -t /var/tmp/a.conf", send: "C0644 5 x\nhello\x00", want: "\x00\x00\x00"},
		{name: "to a directory", command: "scp -p -t /var/tmp/", send: "T1 0 1 0\nC0600 2 b.conf\nhi\x00", want: "\x00\x00\x00\x00"},
		{name: "two files", command: "scp -d -t ~", send: "C0600 1 c\n1\x00C0600 1 d\n2\x00", want: "\x00\x00\x00\x00\x00"},
		{name: "quoted", command: `/usr/bin/scp -t -- '/var/tmp/q u o'`, send: "C0600 1 x\n1\x00", want: "\x00\x00\x00"},
		{name: "back", command: "scp -f /var/tmp/a.conf", send: "\x00\x00\x00", want: "C0600 5 a.conf\nhello\x00"},
		{name: "absent", command: "scp -f /var/tmp/no", send: "\x00", want: "\x01scp: /var/tmp/no: No such file or directory\n", fails: true},
		{name: "outside", command: "scp -t /etc/x", send: "C0600 1 x\n", want: "\x00\x01scp: /etc/x: No such file or directory\n", fails: true},
		{name: "too large", command: "scp -t /var/tmp/x", send: "C0600 99999999999 x\n", want: "\x00\x01scp: /var/tmp/x: No space left on device\n", fails: true},
		{name: "way out", command: "scp -t /var/tmp", send: "C0600 1 ../x\n", want: "\x00\x02scp: protocol error\n", fails: true},
		{name: "negative", command: "scp -t /var/tmp", send: "C0600 -1 x\n", want: "\x00\x02scp: protocol error\n", fails: true},
		{name: "directory", command: "scp -r -t /var/tmp", send: "D0755 0 dir\n", want: "\x00\x02scp: only plain files are taken\n", fails: true},
		{name: "cut", command: "scp -t /var/tmp/cut", send: "C0600 5 x\nhel", want: "\x00\x00", fails: true},
		{name: "client failed", command: "scp -t /var/tmp/cut", send: "C0600 3 x\nhel\x01read error\n", want: "\x00\x00", fails: true},
		{name: "no directory", command: "scp -d -t /var/tmp/a.conf", want: "\x01scp: /var/tmp/a.conf: Not a directory\n", fails: true},
	} {
		got, err := scpTalk(t, c, tt.command, tt.send)
		if got != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s: answer %q, status %v, want %q and failure %t", tt.name, got, err, tt.want, tt.fails)
		}
	}
	if _, err := r.files.stat("/var/tmp/cut"); err == nil {
		t.Error("half a file is there")
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	const sum = "SHA256 (/var/tmp/a.conf) = 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n"
	if out, err := s.Output("file checksum sha-256 /var/tmp/a.conf"); err != nil || string(out) != sum {
		t.Errorf("checksum: %q, %v", out, err)
	}
	for path, want := range map[string]string{"/var/tmp/a.conf": "hello", "/var/tmp/b.conf": "hi", "c": "1", "/var/home/lab/d": "2", "/var/tmp/q u o": "1"} {
		if data, err := r.files.read(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
}

func TestSFTP(t *testing.T) {
	r, address := start(t, nil)
	c, err := sftp.NewClient(dial(t, r, address))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if dir, err := c.Getwd(); err != nil || dir != "/var/home/lab" {
		t.Errorf("working directory %q, %v", dir, err)
	}
	text := bytes.Repeat([]byte("0123456789"), 20000)
	w, err := c.Create("/var/tmp/big")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := r.files.read("/var/tmp/big"); err != nil || !bytes.Equal(data, text) {
		t.Errorf("%d bytes came, %v", len(data), err)
	}
	f, err := c.Open("/var/tmp/big")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(f); err != nil || !bytes.Equal(data, text) {
		t.Errorf("%d bytes went, %v", len(data), err)
	}
	if err := c.Rename("/var/tmp/big", "/var/home/lab/big2"); err != nil {
		t.Error(err)
	}
	list, err := c.ReadDir("/var/home/lab")
	if err != nil || len(list) != 1 || list[0].Name() != "big2" || list[0].Size() != int64(len(text)) || list[0].Mode() != 0o600 {
		t.Errorf("list %v, %v", list, err)
	}
	if list, err := c.ReadDir("/var/tmp"); err != nil || len(list) != 0 {
		t.Errorf("after the rename: %v, %v", list, err)
	}
	for what, err := range map[string]error{
		"open outside":   second(c.Open("/etc/passwd")),
		"create outside": second(c.Create("/etc/passwd")),
		"mkdir":          c.Mkdir("/var/tmp/sub"),
		"link":           c.Symlink("/etc/passwd", "/var/tmp/l"),
		"list outside":   second(c.ReadDir("/etc")),
		"no such file":   c.Remove("/var/tmp/none"),
		"no new name":    c.Rename("/var/home/lab/big2", "/etc/x"),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

type duplexBuffer struct {
	io.Reader
	io.Writer
}

// FuzzSCP holds that no client gets out of the area, and that nothing panics.
func FuzzSCP(f *testing.F) {
	f.Add("scp -t /var/tmp/x", "C0644 5 x\nhello\x00")
	f.Add("scp -t -d ~", "T1 0 1 0\nC0600 1 ..\nx\x00D0755 0 d\n")
	f.Add("scp -p -f /var/tmp/y", "\x00\x00\x00\x00")
	f.Add("scp -f '../../../etc/passwd'", "\x00\x01no\n")
	f.Fuzz(func(t *testing.T, line, send string) {
		q, ok := parseSCP(line)
		if !ok {
			return
		}
		area, err := openFiles("", "lab")
		if err != nil {
			t.Fatal(err)
		}
		if err := area.write("/var/tmp/y", []byte("1")); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		serve := area.scpSink
		if q.source {
			serve = area.scpSource
		}
		_ = serve(duplexBuffer{strings.NewReader(send), &out}, q) // any error will do
		for rel := range area.mem {
			dir, name, _ := strings.Cut(rel, "/")
			if dir != "tmp" && dir != "home" || !validFileName(name) {
				t.Fatalf("file %q", rel)
			}
		}
	})
}
