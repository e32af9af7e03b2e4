package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// enter puts the thread into the room.
func (r room) enter() error {
	if err := enter(r.namespace); err != nil {
		return err
	}
	if r.pid != 0 {
		if joined, err := r.join(); joined || err != nil {
			return err
		}
	}
	return r.furnish()
}

// join shares the mounts of the node's process, and says whether that was there.
func (r room) join() (bool, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", r.pid))
	if err != nil || !running(r.pid, r.started) { // looked at once it is open: it is that process's
		return false, nil //nolint:nilerr // the process has ended
	}
	defer file.Close()                                  //nolint:errcheck // it was read from only
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // the other threads stay where they are
		return false, fmt.Errorf("take the thread apart: %w", err)
	}
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNS); err != nil {
		return false, fmt.Errorf("enter mounts of process %d: %w", r.pid, err)
	}
	return true, nil
}

// furnish makes mounts of the node's own: a /sys that shows its interfaces, a /run that is empty, so that daemons of two
// nodes are not in each other's way, and the binds. They end with the last process that has them.
func (r room) furnish() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("mount /sys: %w", err)
	}
	if err := r.emptyRun(); err != nil {
		return err
	}
	for _, b := range r.binds {
		if err := makeTarget(b); err != nil {
			return fmt.Errorf("bind %s to %s: %w", b.From, b.To, err)
		}
		if err := unix.Mount(b.From, b.To, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w (both must be there)", b.From, b.To, err)
		}
		if b.ReadOnly {
			if err := unix.Mount("", b.To, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				return fmt.Errorf("bind %s read-only: %w", b.To, err)
			}
		}
	}
	return nil
}

// emptyRun mounts an empty /run, in which the lab's directory stays where it is.
func (r room) emptyRun() error {
	kept, err := unix.Open(r.keep, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", r.keep, err)
	}
	defer unix.Close(kept) //nolint:errcheck // nothing was written
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if !strings.HasPrefix(r.keep, "/run/") {
		return nil
	}
	err = os.MkdirAll(r.keep, 0o755)
	if err == nil {
		err = unix.Mount(fmt.Sprintf("/proc/self/fd/%d", kept), r.keep, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", r.keep, err)
	}
	return nil
}

// makeTarget makes what a bind is put over, if that is in the node's own /run; elsewhere it would be the machine's.
func makeTarget(b Bind) error {
	if !strings.HasPrefix(filepath.Clean(b.To), "/run/") {
		return nil
	}
	info, err := os.Stat(b.From)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(b.To, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(b.To), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(b.To, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// inNode runs f in a room.
func inNode(r room, f func() error) error {
	return apart(func() error {
		if err := r.enter(); err != nil {
			return err
		}
		return f()
	})
}

// become replaces this process by a program in a room. It returns only if that cannot be done.
func become(r room, program string, args, env []string) error {
	return inNode(r, func() error {
		if err := unix.Chdir("/"); err != nil {
			return fmt.Errorf("run %s: %w", program, err)
		}
		return fmt.Errorf("run %s: %w", program, syscall.Exec(program, args, env))
	})
}

// startTime is when a process began, in ticks since the machine did (proc_pid_stat(5), field 22).
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("read process %d: %w", pid, err)
	}
	_, rest, ok := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0, fmt.Errorf("read process %d: %q is not understood", pid, text)
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// running says whether a process is the one that was started then.
func running(pid int, started uint64) bool {
	at, err := startTime(pid)
	return err == nil && at == started
}

// inhabitants are the processes in a namespace. A process that runs there cannot be a stranger that got a number again:
// the namespace is known by what it is, not by a number.
func inhabitants(namespace string) ([]int, error) {
	var home, of unix.Stat_t
	if err := unix.Stat(filepath.Join(namespaces, namespace), &home); err != nil {
		if errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		return nil, fmt.Errorf("look at namespace %s: %w", namespace, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if unix.Stat(filepath.Join("/proc", e.Name(), "ns/net"), &of) == nil && of.Dev == home.Dev && of.Ino == home.Ino {
			out = append(out, pid)
		}
	}
	return out, nil
}

// The patience of evict: how long a process may take to end by itself, and then the kernel to end it.
const (
	gracePeriod = 3 * time.Second
	killPeriod  = 5 * time.Second
)

// evict ends all processes in namespaces: asks them, then kills them. Each is held by a descriptor while it is looked at,
// so that its number cannot become another's in between.
func evict(ctx context.Context, names []string) error {
	begin := time.Now()
	asked := map[int]bool{}
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		left := 0
		for _, name := range names {
			pids, err := inhabitants(name)
			if err != nil {
				return err
			}
			left += len(pids)
			for _, pid := range pids {
				signal := unix.SIGTERM
				switch {
				case time.Since(begin) > gracePeriod:
					signal = unix.SIGKILL
				case asked[pid]:
					continue
				}
				asked[pid] = true
				if err := signalIn(name, pid, signal); err != nil {
					return err
				}
			}
		}
		switch {
		case left == 0:
			return nil
		case time.Since(begin) > gracePeriod+killPeriod:
			return fmt.Errorf("end processes in %s: %d do not end", strings.Join(names, ", "), left)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// signalIn sends a signal to a process if it is in the namespace still.
func signalIn(namespace string, pid int, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	var home, of unix.Stat_t
	if unix.Stat(filepath.Join(namespaces, namespace), &home) != nil || unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &of) != nil ||
		home.Dev != of.Dev || home.Ino != of.Ino {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
