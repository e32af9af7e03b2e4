package router

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpChannel serves the file area to clients of the sftp subsystem, which today's scp is.
func (r *Router) sftpChannel(user string, ch ssh.Channel) int {
	h := sftpArea{r.files}
	server := sftp.NewRequestServer(ch, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h}, sftp.WithStartDirectory(r.files.home))
	if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) {
		r.log.Info("sftp session broken", "user", user, "err", err)
		return 1
	}
	return 0
}

// sftpArea answers the requests of sftp; paths come in absolute and clean.
type sftpArea struct{ f *files }

// sftpError is an error as the library wants it: it knows those of package os and the numbers.
func sftpError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return os.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return os.ErrPermission
	}
	return errors.New(fileReason(err))
}

// Fileread opens a file for reading.
func (h sftpArea) Fileread(q *sftp.Request) (io.ReaderAt, error) {
	data, err := h.f.read(q.Filepath)
	if err != nil {
		return nil, sftpError(err)
	}
	return sliceReader(data), nil
}

type sliceReader []byte

// ReadAt reads as io.ReaderAt says.
func (s sliceReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(s)) {
		return 0, io.EOF
	}
	n := copy(p, s[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Filewrite opens a file for writing. It is there when it is closed, as a whole.
func (h sftpArea) Filewrite(q *sftp.Request) (io.WriterAt, error) {
	if _, _, err := h.f.resolve(q.Filepath); err != nil {
		return nil, sftpError(err)
	}
	w := &sftpWriter{f: h.f, name: q.Filepath}
	if flags := q.Pflags(); flags.Append || !flags.Trunc {
		data, err := h.f.read(q.Filepath)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, sftpError(err)
		}
		w.data = data
	}
	return w, nil
}

// sftpWriter collects what a client writes. The library calls it from several goroutines.
type sftpWriter struct {
	f      *files
	name   string
	mu     sync.Mutex
	data   []byte
	failed error
}

// WriteAt writes as io.WriterAt says.
func (w *sftpWriter) WriteAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if off < 0 || off+int64(len(p)) > maxFileBytes {
		w.failed = syscall.ENOSPC
		return 0, sftpError(syscall.ENOSPC)
	}
	if end := int(off) + len(p); end > len(w.data) {
		w.data = append(w.data, make([]byte, end-len(w.data))...)
	}
	return copy(w.data[off:], p), nil
}

// TransferError is called when the session breaks while the file is open: then there is no file.
func (w *sftpWriter) TransferError(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
}

// Close puts the file into the area.
func (w *sftpWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return sftpError(w.failed)
	}
	return sftpError(w.f.write(w.name, w.data))
}

// Filecmd removes and renames; modes, owners and times are taken and not kept.
func (h sftpArea) Filecmd(q *sftp.Request) error {
	switch q.Method {
	case "Setstat":
		return nil
	case "Remove":
		return sftpError(h.f.remove(q.Filepath))
	case "Rename", "PosixRename":
		data, err := h.f.read(q.Filepath)
		if err == nil {
			err = h.f.write(q.Target, data)
		}
		if err == nil && h.f.absolute(q.Target) != h.f.absolute(q.Filepath) {
			err = h.f.remove(q.Filepath)
		}
		return sftpError(err)
	}
	return os.ErrPermission
}

// Filelist lists a directory and looks at files.
func (h sftpArea) Filelist(q *sftp.Request) (sftp.ListerAt, error) {
	switch q.Method {
	case "List":
		list, err := h.f.list(q.Filepath)
		if err != nil {
			return nil, sftpError(err)
		}
		out := make(entryLister, len(list))
		for i, e := range list {
			out[i] = entryInfo{e, false}
		}
		return out, nil
	case "Stat", "Lstat":
		if h.f.isDirectory(q.Filepath) || h.f.above(q.Filepath) {
			return entryLister{entryInfo{fileEntry{name: path.Base(q.Filepath)}, true}}, nil
		}
		e, err := h.f.stat(q.Filepath)
		if err != nil {
			return nil, sftpError(err)
		}
		return entryLister{entryInfo{e, false}}, nil
	}
	return nil, os.ErrPermission
}

// above tells whether a path is a directory on the way to those of the area.
func (f *files) above(name string) bool {
	abs := f.absolute(name)
	for _, dir := range []string{tempDirectory, f.home} {
		for dir != "/" {
			dir = path.Dir(dir)
			if abs == dir {
				return true
			}
		}
	}
	return false
}

type entryLister []os.FileInfo

// ListAt lists as sftp.ListerAt says.
func (l entryLister) ListAt(out []os.FileInfo, off int64) (int, error) {
	if off >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(out, l[off:])
	if n < len(out) {
		return n, io.EOF
	}
	return n, nil
}

// entryInfo is a file of the area as os.FileInfo.
type entryInfo struct {
	e   fileEntry
	dir bool
}

// Name is the file's own name.
func (i entryInfo) Name() string { return i.e.name }

// Size is in bytes.
func (i entryInfo) Size() int64 { return i.e.size }

// Mode lets nobody but the user in.
func (i entryInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

// ModTime is when the file was written.
func (i entryInfo) ModTime() time.Time { return i.e.when }

// IsDir tells a directory from a file.
func (i entryInfo) IsDir() bool { return i.dir }

// Sys has nothing.
func (i entryInfo) Sys() any { return nil }
