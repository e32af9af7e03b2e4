package labs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stateVersion is that of the state file. Another is refused: what it recorded could not be taken back for certain.
const stateVersion = 1

// State is what is known of a lab that was started. It is on disk before each step is taken.
type State struct {
	Version int         `json:"version"`
	Name    string      `json:"name"`
	File    string      `json:"file"`
	Began   time.Time   `json:"began"`
	Ready   bool        `json:"ready"` // Up came to its end
	Nodes   []NodeState `json:"nodes"`
	Steps   []Step      `json:"steps"` // that were taken, or were about to be

	dir string
}

// NodeState is what a program needs to run in a node.
type NodeState struct {
	Name      string            `json:"name"`
	Kind      Kind              `json:"kind"`
	Namespace string            `json:"namespace"`
	Mgmt      netip.Addr        `json:"mgmt,omitzero"`
	Device    string            `json:"device,omitempty"` // of a lab router
	Env       map[string]string `json:"env,omitempty"`
	Binds     []Bind            `json:"binds,omitempty"`
}

// Node finds a node.
func (s *State) Node(name string) (NodeState, error) {
	var names []string
	for _, n := range s.Nodes {
		if n.Name == name || n.Device != "" && n.Device == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return NodeState{}, fmt.Errorf("lab %s has no node %s: there are %s", s.Name, name, strings.Join(names, ", "))
}

// room is where programs of a node run: with the node's process, if that is there, and else in a room of their own.
func (s *State) room(n NodeState) room {
	r := room{namespace: n.Namespace, binds: n.Binds, keep: s.dir}
	for _, step := range s.Steps {
		if step.Verb == StartProcess && step.Node == n.Name && step.PID != 0 {
			r.pid, r.started = step.PID, step.Started
		}
	}
	return r
}

// Dir is the directory of the lab.
func (s *State) Dir() string { return s.dir }

// SSHConfig is the file that leads ssh and rhapsode to the lab's routers.
func (s *State) SSHConfig() string { return filepath.Join(s.dir, "ssh_config") }

// Log is the file with what a node's process printed.
func (s *State) Log(node string) string { return filepath.Join(s.dir, "nodes", node, "log") }

// processes counts the lab's processes and those of them that run.
func (s *State) processes() (alive, all int) {
	for _, step := range s.Steps {
		if step.Verb != StartProcess {
			continue
		}
		all++
		if step.PID != 0 && running(step.PID, step.Started) {
			alive++
		}
	}
	return alive, all
}

// save puts the state on disk.
func (s *State) save() error {
	text, err := json.MarshalIndent(s, "", " ")
	if err == nil {
		err = writeFile(filepath.Join(s.dir, "state.json"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("record state of lab %s: %w", s.Name, err)
	}
	return nil
}

// writeFile replaces a file at once and for good.
func writeFile(name string, text []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(name+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil { // whatever the umask is
		return err
	}
	return os.Rename(name+".new", name)
}

// readState reads the state of a lab; ErrNotUp if there is none.
func readState(dir, name string) (*State, error) {
	dir = filepath.Join(dir, name)
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("lab %s: %w", name, ErrNotUp)
	}
	if errors.Is(err, fs.ErrPermission) {
		err = ErrNotRoot
	}
	if err != nil {
		return nil, fmt.Errorf("read state of lab %s: %w", name, err)
	}
	s := &State{dir: dir}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read state of lab %s: %w", name, err)
	}
	if s.Version != stateVersion || s.Name != name {
		return nil, fmt.Errorf("read state of lab %s: it is version %d of lab %s, expected version %d: end it with the program that started it", name, s.Version, s.Name, stateVersion)
	}
	return s, nil
}

// How hold locks.
const (
	glance = syscall.LOCK_SH | syscall.LOCK_NB // to see whether somebody is at work
	work   = syscall.LOCK_EX | syscall.LOCK_NB
)

// hold locks the directory of a lab, which it makes if need be, until the file is closed. A lab that another process is
// starting or ending is ErrBusy. Work waits for those who glance.
func hold(dir, name string, how int, create bool) (*os.File, error) {
	path := filepath.Join(dir, name)
	tries := 1
	if how == work {
		tries = 20
	}
	for range tries {
		if create {
			if err := os.MkdirAll(path, 0o755); errors.Is(err, fs.ErrNotExist) {
				continue // another process has just removed what is above it
			} else if err != nil {
				return nil, fmt.Errorf("make directory of lab %s: %w", name, err)
			}
		}
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			if create {
				continue // another process has just removed it
			}
			return nil, fmt.Errorf("lab %s: %w", name, ErrNotUp)
		}
		if err != nil {
			return nil, fmt.Errorf("open directory of lab %s: %w", name, err)
		}
		if err := syscall.Flock(int(file.Fd()), how); err != nil {
			file.Close() //nolint:errcheck // it was read from only
			time.Sleep(20 * time.Millisecond)
			continue
		}
		held, err := file.Stat()
		now, nowErr := os.Stat(path)
		if err == nil && nowErr == nil && os.SameFile(held, now) {
			return file, nil
		}
		file.Close() //nolint:errcheck // it is no longer the directory of that name
	}
	return nil, fmt.Errorf("lab %s: %w", name, ErrBusy)
}

// Info is a line of List.
type Info struct {
	Name      string    `json:"name"`
	State     string    `json:"state"` // up; busy: being started or ended; broken: not all came up, or a process has ended
	Nodes     int       `json:"nodes"`
	Processes int       `json:"processes"` // that should run
	Running   int       `json:"running"`
	Began     time.Time `json:"began,omitzero"`
	File      string    `json:"file"`
}

// list reads what labs there are.
func list(dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list labs: %w", err)
	}
	var out []Info
	for _, e := range entries {
		if !labName.MatchString(e.Name()) || !e.IsDir() {
			continue
		}
		info := Info{Name: e.Name(), State: "broken"}
		lock, err := hold(dir, e.Name(), glance, false)
		if errors.Is(err, ErrNotUp) {
			continue
		}
		busy := errors.Is(err, ErrBusy)
		if err == nil {
			lock.Close() //nolint:errcheck // it was read from only
		}
		s, err := readState(dir, e.Name())
		if err == nil {
			info.Nodes, info.Began, info.File = len(s.Nodes), s.Began, s.File
			if info.Running, info.Processes = s.processes(); s.Ready && info.Running == info.Processes {
				info.State = "up"
			}
		} else if !errors.Is(err, ErrNotUp) {
			return nil, err
		}
		if busy {
			info.State = "busy"
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
