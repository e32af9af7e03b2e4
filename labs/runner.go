package labs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultDir is where labs keep their state: it does not survive a reboot, and neither does a lab.
const DefaultDir = "/run/rhapsode/labs"

// The errors that Runner's methods return; test with errors.Is.
var (
	ErrNotRoot = errors.New("labs need root: the capabilities SYS_ADMIN and NET_ADMIN")
	ErrUp      = errors.New("it is up already")
	ErrNotUp   = errors.New("it is not up")
	ErrBusy    = errors.New("another process is starting or ending it")
)

// A ProgramError names a program that a topology needs and that is not there.
type ProgramError struct {
	Node, Program string
}

func (e *ProgramError) Error() string {
	return fmt.Sprintf("node %s: there is no program %s", e.Node, e.Program)
}

// Hint says where the program comes from, where that is known.
func (e *ProgramError) Hint() string {
	switch e.Program {
	case "labrouter":
		return "`make build` makes bin/labrouter: put it on PATH or beside rhapsode"
	case "ip":
		return "on Debian: apt-get install iproute2"
	case "ping":
		return "on Debian: apt-get install iputils-ping"
	}
	return ""
}

// A Runner runs labs. The zero value works.
type Runner struct {
	// Dir is where state is kept; "" is DefaultDir.
	Dir string
	// Path finds a program by its name; nil looks on PATH.
	Path func(name string) (string, error)
	// Environ is what programs get, behind it the env of their node; nil is this process's.
	Environ []string
	// Progress is told of each step before it is taken; nil is not.
	Progress func(Step)
	// ReadyTimeout is how long a process may take until it is ready; 0 is 30 seconds.
	ReadyTimeout time.Duration

	// hook is called around each step, for tests: once it is recorded, and once it is done; with -1-step before one is
	// taken back.
	hook func(step int, done bool)
}

// A room is where a program of a node runs: the network namespace, and mounts.
type room struct {
	namespace string
	binds     []Bind
	keep      string // the lab's directory, which stays where it is in a /run that is else empty
	pid       int    // of the node's process, whose mounts it shares; 0: there is none
	started   uint64
}

func (r *Runner) dir() string {
	if r.Dir != "" {
		return r.Dir
	}
	return DefaultDir
}

func (r *Runner) environ() []string {
	if r.Environ != nil {
		return r.Environ
	}
	return os.Environ()
}

// find finds a program. A name with a slash is taken as it is.
func (r *Runner) find(node, name string) (string, error) {
	look := r.Path
	if look == nil {
		look = exec.LookPath
	}
	program, err := look(name)
	if err != nil {
		return "", &ProgramError{node, name}
	}
	return filepath.Abs(program)
}

// Load gives the state of a lab that is up, or of what is left of one.
func (r *Runner) Load(name string) (*State, error) {
	if !labName.MatchString(name) {
		return nil, fmt.Errorf("lab %s: %w", name, ErrNotUp)
	}
	return readState(r.dir(), name)
}

// List gives the labs of this machine.
func (r *Runner) List() ([]Info, error) { return list(r.dir()) }

// Up runs a topology; files has what it names beside it. It comes back once all is there and each process is ready; then
// the lab runs on by itself. Where it fails, or ctx ends, it takes back all that it did.
func (r *Runner) Up(ctx context.Context, t *Topology, files fs.FS) (*State, error) {
	if err := allowed(); err != nil {
		return nil, err
	}
	steps := Plan(t, filepath.Join(r.dir(), t.Name))
	if err := r.lookAhead(steps); err != nil {
		return nil, fmt.Errorf("lab %s: %w", t.Name, err)
	}
	lock, err := hold(r.dir(), t.Name, work, true)
	if err != nil {
		return nil, err
	}
	defer lock.Close() //nolint:errcheck // it was read from only
	if _, err := readState(r.dir(), t.Name); !errors.Is(err, ErrNotUp) {
		if err == nil {
			err = fmt.Errorf("lab %s: %w", t.Name, ErrUp)
		}
		return nil, err
	}
	s := newState(t, filepath.Join(r.dir(), t.Name))
	if err := r.vacant(t, steps); err != nil {
		return nil, errors.Join(fmt.Errorf("lab %s: %w", t.Name, err), r.remove(s.dir))
	}
	err = r.take(ctx, t, s, steps, files)
	if err == nil {
		s.Ready = true
		err = s.save()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab %s: %w", t.Name, err), r.undo(context.WithoutCancel(ctx), s))
	}
	return s, nil
}

func newState(t *Topology, dir string) *State {
	s := &State{Version: stateVersion, Name: t.Name, File: t.File, Began: time.Now().UTC().Truncate(time.Second), dir: dir}
	for _, n := range t.Nodes {
		node := NodeState{Name: n.Name, Kind: n.Kind, Namespace: namespace(t.Name, n.Name), Mgmt: n.mgmt(), Env: n.Env}
		for _, b := range n.Binds {
			if base := filepath.Dir(t.File); !filepath.IsAbs(base) { // it comes with the program
				b.From = filepath.Join(dir, "topology", b.From)
			} else if !filepath.IsAbs(b.From) {
				b.From = filepath.Join(base, b.From)
			}
			node.Binds = append(node.Binds, b)
		}
		if n.Kind == LabRouter {
			node.Device = n.Device()
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s
}

// lookAhead finds what is missing before anything is made.
func (r *Runner) lookAhead(steps []Step) error {
	var errs []error
	seen := map[string]bool{}
	for _, s := range steps {
		if len(s.Args) == 0 || seen[s.Args[0]] {
			continue
		}
		seen[s.Args[0]] = true
		if _, err := r.find(s.Node, s.Args[0]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// vacant finds what stands where the lab would.
func (r *Runner) vacant(t *Topology, steps []Step) error {
	for _, s := range steps {
		if s.Verb == MakeNamespace && namespaceExists(s.Name) {
			return fmt.Errorf("there is a network namespace %s already, which no lab of %s made; remove it with `ip netns delete %s`", s.Name, r.dir(), s.Name)
		}
	}
	var subnets []netip.Prefix
	if slices.ContainsFunc(steps, func(s Step) bool { return s.Verb == MakeUplink }) {
		for _, p := range []netip.Prefix{t.Mgmt.IPv4, t.Mgmt.IPv6} {
			if p.IsValid() {
				subnets = append(subnets, p)
			}
		}
	}
	taken, err := overlap(subnets)
	if err == nil && taken != "" {
		err = fmt.Errorf("the management network %v overlaps with %s of this machine: end the lab that has it, or change mgmt in %s", subnets, taken, t.File)
	}
	return err
}

// take takes the steps.
func (r *Runner) take(ctx context.Context, t *Topology, s *State, steps []Step, files fs.FS) error {
	if err := s.save(); err != nil { // from here on Down finds the lab
		return err
	}
	if err := s.writeFiles(t, files); err != nil {
		return err
	}
	for i, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(step)
		}
		s.Steps = append(s.Steps, step)
		if err := s.save(); err != nil {
			return err
		}
		if r.hook != nil {
			r.hook(i, false)
		}
		if err := r.do(ctx, t, s, &s.Steps[i]); err != nil {
			return err
		}
		if r.hook != nil {
			r.hook(i, true)
		}
	}
	return s.writeAccess(t)
}

func (r *Runner) do(ctx context.Context, t *Topology, s *State, step *Step) error {
	switch step.Verb {
	case MakeNamespace:
		return makeNamespace(step.Name)
	case MakeBridge:
		return makeBridge(step.A.Namespace, step.Name)
	case MakeUplink, MakeLink:
		return makePair(step.A, step.B, step.MTU)
	case StartProcess:
		return r.start(ctx, s, step)
	case RunCommand:
		if out, err := r.output(ctx, s, step); ctx.Err() != nil {
			return ctx.Err()
		} else if err != nil {
			return &FileError{t.File, step.Line, fmt.Sprintf("node %s: %s: %v%s", step.Node, quote(step.Args), err, indent(out))}
		}
		return nil
	case AwaitHealth:
		return r.awaitHealth(ctx, t, s, step)
	}
	return fmt.Errorf("step %s is not understood", step.Verb)
}

// indent puts what a program printed behind an error.
func indent(out []byte) string {
	text := strings.TrimSpace(string(out))
	if text == "" {
		return ""
	}
	return "\n  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// Down ends a lab, or what is left of one, by what is recorded: its processes, interfaces, namespaces and files. What is
// gone already is no error.
func (r *Runner) Down(ctx context.Context, name string) error {
	if err := allowed(); err != nil {
		return err
	}
	if !labName.MatchString(name) {
		return fmt.Errorf("lab %s: %w", name, ErrNotUp)
	}
	lock, err := hold(r.dir(), name, work, false)
	if err != nil {
		return err
	}
	defer lock.Close() //nolint:errcheck // it was read from only
	s, err := readState(r.dir(), name)
	if errors.Is(err, ErrNotUp) { // nothing was begun but the directory
		return r.remove(filepath.Join(r.dir(), name))
	}
	if err != nil {
		return err
	}
	return r.undo(ctx, s)
}

// undo takes back what is recorded, the record last.
func (r *Runner) undo(ctx context.Context, s *State) error {
	var names []string
	for _, step := range s.Steps {
		if step.Verb == MakeNamespace {
			names = append(names, step.Name)
		}
	}
	if err := evict(ctx, names); err != nil {
		return fmt.Errorf("end lab %s: %w", s.Name, err)
	}
	var errs []error
	for i, step := range slices.Backward(s.Steps) {
		if r.hook != nil {
			r.hook(-1-i, false)
		}
		switch step.Verb {
		case MakeUplink:
			errs = append(errs, dropInterface(step.A.Interface))
		case MakeNamespace:
			errs = append(errs, dropNamespace(step.Name))
		}
	}
	if err := errors.Join(errs...); err != nil { // the record stays: Down can be repeated
		return fmt.Errorf("end lab %s: %w", s.Name, err)
	}
	return r.remove(s.dir)
}

// remove takes a lab's directory away, and those above that were made for labs, if they are empty.
func (r *Runner) remove(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove directory of a lab: %w", err)
	}
	for _, e := range entries { // the record goes last
		if e.Name() != "state.json" {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove directory of a lab: %w", err)
			}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove directory of a lab: %w", err)
	}
	os.Remove(r.dir()) //nolint:errcheck // it stays where there are other labs
	if r.Dir == "" {
		os.Remove(filepath.Dir(DefaultDir)) //nolint:errcheck // likewise
	}
	return nil
}

// Plan says what Up would do.
func (r *Runner) Plan(t *Topology) []Step { return Plan(t, filepath.Join(r.dir(), t.Name)) }
