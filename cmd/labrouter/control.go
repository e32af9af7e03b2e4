package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
)

// serveControl answers the control socket until stop. What ends it before goes into failed.
func serveControl(ln net.Listener, routers []*router.Router, failed chan<- error) (stop func()) {
	c := router.NewControl(routers...)
	go func() {
		if err := c.Serve(ln); err != nil {
			select {
			case failed <- err:
			default: // the first one ends the process
			}
		}
	}()
	return c.Close
}

// closeControl closes the socket, which may be closed already, and removes its name.
func closeControl(path string, ln net.Listener) error {
	_ = ln.Close()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove control socket: %w", err)
	}
	return nil
}

// listenControl opens a unix socket that its owner alone may use, from the first moment: it is made in a directory that
// nobody else may enter and renamed to path. One that a dead process left is replaced, a living one is not.
func listenControl(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s: there is something that is no socket", path)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		return nil, errors.Join(fmt.Errorf("%s: another process answers on it", path), conn.Close())
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".c")
	if err != nil {
		return nil, fmt.Errorf("make directory beside it: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // empty by now
	tmp := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, cli.Hint(fmt.Errorf("listen: %w", err), "a socket's path has a hundred characters at most: take a shorter one")
	}
	ln.SetUnlinkOnClose(false) // it has another name then
	if err = os.Chmod(tmp, 0o600); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("put it in place: %w", err), ln.Close())
	}
	return ln, nil
}
