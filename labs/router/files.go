package router

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of a router's file area. They keep a client from filling the machine that the lab runs on.
const (
	maxFileBytes = 32 << 20
	maxAreaBytes = 128 << 20
	maxFiles     = 1000
	maxFileName  = 200 // bytes
)

// tempDirectory is where everybody may put files; the other directory is the user's home.
const tempDirectory = "/var/tmp"

// files is the router's file area: two flat directories, /var/tmp and the user's home. Nothing outside of them can be
// named. It lies in the state directory (below `files`), or in memory when there is none. All methods may be called
// from any goroutine.
type files struct {
	home string // /var/home/USER

	mu   sync.Mutex
	disk *os.Root // nil: in memory
	mem  map[string]storedFile
}

type storedFile struct {
	data []byte
	when time.Time
}

// fileEntry is a file as listings show it.
type fileEntry struct {
	name string
	size int64
	when time.Time
}

// openFiles opens the file area below a state directory; an empty dir keeps it in memory.
func openFiles(dir, user string) (*files, error) {
	f := &files{home: path.Join("/var/home", path.Base("/"+user)), mem: map[string]storedFile{}}
	if dir == "" {
		return f, nil
	}
	base := filepath.Join(dir, "files")
	for _, d := range []string{base, filepath.Join(base, "tmp"), filepath.Join(base, "home")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("create file area: %w", err)
		}
	}
	disk, err := os.OpenRoot(base)
	if err != nil {
		return nil, fmt.Errorf("open file area: %w", err)
	}
	f.disk = disk
	f.sweep()
	return f, nil
}

// sweep removes what a process that died while it wrote has left.
func (f *files) sweep() {
	left, err := fs.Glob(f.disk.FS(), "*/.new-*")
	if err != nil {
		return // the pattern is a good one
	}
	for _, name := range left {
		_ = f.disk.Remove(name) // what stays is overwritten by the next file of that name
	}
}

func (f *files) close() error {
	if f.disk == nil {
		return nil
	}
	if err := f.disk.Close(); err != nil {
		return fmt.Errorf("close file area: %w", err)
	}
	return nil
}

// absolute is a path as the router's file system has it: relative ones begin in the home.
func (f *files) absolute(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok || name == "~" {
		name = f.home + "/" + strings.TrimPrefix(rest, "~")
	}
	if !path.IsAbs(name) {
		name = f.home + "/" + name
	}
	return path.Clean(name)
}

// isDirectory tells whether a path names one of the two directories.
func (f *files) isDirectory(name string) bool {
	abs := f.absolute(name)
	return abs == tempDirectory || abs == f.home
}

// resolve makes a path absolute and says where the file lies below the area; an error if it can be no file of it.
func (f *files) resolve(name string) (abs, rel string, err error) {
	abs = f.absolute(name)
	dir, base := path.Split(abs)
	switch {
	case f.isDirectory(abs):
		return abs, "", syscall.EISDIR
	case !validFileName(base):
		return abs, "", syscall.EINVAL
	case path.Clean(dir) == tempDirectory:
		return abs, "tmp/" + base, nil
	case path.Clean(dir) == f.home:
		return abs, "home/" + base, nil
	}
	return abs, "", fs.ErrNotExist
}

// validFileName takes names that can stand in a listing and in a message.
func validFileName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxFileName && !strings.HasPrefix(name, ".new-") &&
		utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || r == '/' })
}

// read returns the content of a file.
func (f *files) read(name string) ([]byte, error) {
	_, rel, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk == nil {
		x, ok := f.mem[rel]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return slices.Clone(x.data), nil
	}
	return f.disk.ReadFile(filepath.FromSlash(rel))
}

// write makes a file or takes the place of one. It is there whole or not at all.
func (f *files) write(name string, data []byte) error {
	_, rel, err := f.resolve(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.room(rel, len(data)); err != nil {
		return err
	}
	if f.disk == nil {
		f.mem[rel] = storedFile{data: slices.Clone(data), when: time.Now()}
		return nil
	}
	temp := path.Dir(rel) + "/.new-" + path.Base(rel)
	err = f.disk.WriteFile(temp, data, 0o600)
	if err == nil {
		err = f.disk.Rename(temp, rel)
	}
	if err != nil {
		return errors.Join(err, ignoreAbsent(f.disk.Remove(temp)))
	}
	return nil
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// room refuses what the area does not hold. The file of the same name makes place for the new one.
func (f *files) room(rel string, size int) error {
	total, count := int64(size), 1
	for _, dir := range []string{"tmp", "home"} {
		list, err := f.entries(dir)
		if err != nil {
			return err
		}
		for _, e := range list {
			if dir+"/"+e.name != rel {
				total, count = total+e.size, count+1
			}
		}
	}
	if size > maxFileBytes || total > maxAreaBytes || count > maxFiles {
		return syscall.ENOSPC
	}
	return nil
}

// remove deletes a file.
func (f *files) remove(name string) error {
	_, rel, err := f.resolve(name)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.disk != nil {
		return f.disk.Remove(filepath.FromSlash(rel))
	}
	if _, ok := f.mem[rel]; !ok {
		return fs.ErrNotExist
	}
	delete(f.mem, rel)
	return nil
}

// stat looks at one file.
func (f *files) stat(name string) (fileEntry, error) {
	abs, _, err := f.resolve(name)
	if err != nil {
		return fileEntry{}, err
	}
	list, err := f.list(path.Dir(abs))
	if err != nil {
		return fileEntry{}, err
	}
	for _, e := range list {
		if e.name == path.Base(abs) {
			return e, nil
		}
	}
	return fileEntry{}, fs.ErrNotExist
}

// list returns the files of a directory, by name.
func (f *files) list(dir string) ([]fileEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch f.absolute(dir) {
	case tempDirectory:
		return f.entries("tmp")
	case f.home:
		return f.entries("home")
	}
	return nil, fs.ErrNotExist
}

func (f *files) entries(rel string) ([]fileEntry, error) {
	var out []fileEntry
	if f.disk == nil {
		for _, key := range slices.Sorted(maps.Keys(f.mem)) {
			if dir, name := path.Split(key); dir == rel+"/" {
				out = append(out, fileEntry{name, int64(len(f.mem[key].data)), f.mem[key].when})
			}
		}
		return out, nil
	}
	list, err := fs.ReadDir(f.disk.FS(), rel)
	if err != nil {
		return nil, fmt.Errorf("list file area: %w", err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && validFileName(e.Name()) {
			out = append(out, fileEntry{e.Name(), info.Size(), info.ModTime()})
		}
	}
	return out, nil
}

// fileReason says why a file operation failed, in the words of the router's file system.
func fileReason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, syscall.ENOSPC):
		return "No space left on device"
	case errors.Is(err, syscall.ENOTDIR):
		return "Not a directory"
	case errors.Is(err, syscall.EISDIR):
		return "Is a directory"
	case errors.Is(err, syscall.EINVAL):
		return "Invalid argument"
	case errors.Is(err, fs.ErrPermission):
		return "Permission denied"
	}
	return "Input/output error"
}

// fileFault is a failed file operation as the CLI tells it.
func fileFault(name string, err error) error {
	return faultf("%s: %s", name, fileReason(err))
}
