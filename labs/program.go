package labs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// env is the environment of a program in a node. A lab router reads its password from it.
func (r *Runner) env(n NodeState) []string {
	env := slices.Clone(r.environ())
	if n.Kind == LabRouter {
		env = append(env, EnvPassword+"="+RouterPassword)
	}
	for _, key := range slices.Sorted(maps.Keys(n.Env)) {
		env = append(env, key+"="+n.Env[key])
	}
	return env
}

// start starts a process that stays. A lab router is waited for until it says that it serves.
func (r *Runner) start(ctx context.Context, s *State, step *Step) error {
	node, err := s.Node(step.Node)
	if err != nil {
		return err
	}
	program, err := r.find(step.Node, step.Args[0])
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.Log(step.Node), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("node %s: open log: %w", step.Node, err)
	}
	defer log.Close() //nolint:errcheck // the process has its own descriptor
	cmd := exec.Command(program, step.Args[1:]...)
	cmd.Args[0] = step.Args[0]
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env(node), log, log
	cmd.Dir = filepath.Dir(s.Log(step.Node))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it lives on when the terminal goes
	if err := inNode(s.room(node), cmd.Start); err != nil {
		return fmt.Errorf("node %s: start %s: %w", step.Node, step.Args[0], err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	step.PID = cmd.Process.Pid
	if step.Started, err = startTime(step.PID); err == nil {
		err = s.save()
	}
	if err != nil {
		return fmt.Errorf("node %s: %w", step.Node, err)
	}
	if node.Kind != LabRouter {
		return nil
	}
	if err := r.awaitReady(ctx, s.Log(step.Node), ended); err != nil {
		out, _ := os.ReadFile(s.Log(step.Node)) // the error is said already
		return fmt.Errorf("node %s: %s: %w%s", step.Node, step.Args[0], err, indent(out))
	}
	return nil
}

// awaitReady waits for the line "ready" in a log.
func (r *Runner) awaitReady(ctx context.Context, log string, ended <-chan error) error {
	limit := r.ReadyTimeout
	if limit == 0 {
		limit = 30 * time.Second
	}
	over := time.After(limit)
	for {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		if slices.Contains(strings.Split(string(text), "\n"), "ready") {
			return nil
		}
		select {
		case err := <-ended:
			if err == nil {
				err = errors.New("it ended")
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return fmt.Errorf("it is not ready after %s", limit)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// output runs a program to its end.
func (r *Runner) output(ctx context.Context, s *State, step *Step) ([]byte, error) {
	node, err := s.Node(step.Node)
	if err != nil {
		return nil, err
	}
	program, err := r.find(step.Node, step.Args[0])
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, step.Args[1:]...)
	cmd.Args[0] = step.Args[0]
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env(node), &out, &out
	cmd.Dir = filepath.Dir(s.Log(step.Node))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt is for us: we end it
	cmd.WaitDelay = time.Second                          // a child of it that stays keeps the pipe open
	err = inNode(s.room(node), cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	return out.Bytes(), err
}

// How often a health check is tried where the file says nothing, and what lies between.
const (
	defaultRetries = 300
	healthInterval = 100 * time.Millisecond
)

func (r *Runner) awaitHealth(ctx context.Context, t *Topology, s *State, step *Step) error {
	tries := t.Node(step.Node).HealthRetries
	if tries == 0 {
		tries = defaultRetries
	}
	for try := 1; ; try++ {
		out, err := r.output(ctx, s, step)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case try >= tries:
			log, _ := os.ReadFile(s.Log(step.Node)) // there need not be one
			return &FileError{t.File, step.Line, fmt.Sprintf("node %s is not healthy after %d tries of %s: %v%s%s",
				step.Node, try, quote(step.Args), err, indent(out), indent(log))}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(healthInterval):
		}
	}
}

// writeFiles makes the directories of the nodes, with the first configurations.
func (s *State) writeFiles(t *Topology, files fs.FS) error {
	if !filepath.IsAbs(t.File) { // it comes with the program: what it names becomes files
		if err := os.CopyFS(filepath.Join(s.dir, "topology"), files); err != nil {
			return fmt.Errorf("write files of %s: %w", t.File, err)
		}
	}
	for _, n := range t.Nodes {
		dir := filepath.Dir(s.Log(n.Name))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		if n.StartupConfig == "" {
			continue
		}
		text, err := fs.ReadFile(files, path.Clean(n.StartupConfig))
		if err == nil {
			err = writeFile(filepath.Join(dir, "startup.conf"), text, 0o600)
		}
		if err != nil {
			return &FileError{t.File, n.Line, fmt.Sprintf("node %s: startup-config: %v", n.Name, err)}
		}
	}
	return nil
}

// writeAccess writes what leads ssh and rhapsode to the lab's routers: an ssh_config and the host keys.
func (s *State) writeAccess(t *Topology) error {
	var config, known strings.Builder
	for _, n := range t.Nodes {
		if n.Kind != LabRouter {
			continue
		}
		keys, err := os.ReadFile(filepath.Join(filepath.Dir(s.Log(n.Name)), "known_hosts"))
		if err != nil {
			return fmt.Errorf("node %s: read host key: %w", n.Name, err)
		}
		known.Write(keys)
		names := n.Device()
		if names != n.Name {
			names += " " + n.Name
		}
		fmt.Fprintf(&config, "Host %s\n    HostName %s\n    Port %d\n    User %s\n    UserKnownHostsFile %s\n    StrictHostKeyChecking yes\n\n",
			names, n.mgmt(), netconfPort, or(n.Env[EnvUser], RouterUser), filepath.Join(s.dir, "known_hosts"))
	}
	// Who may not start a lab may still work with it.
	return errors.Join(writeFile(s.SSHConfig(), []byte(config.String()), 0o644), writeFile(filepath.Join(s.dir, "known_hosts"), []byte(known.String()), 0o644))
}

// Exec replaces this process by a program in a node, with its terminal and all: it returns only if that cannot be done.
func (r *Runner) Exec(lab, node string, args []string) error {
	if err := allowed(); err != nil {
		return err
	}
	s, err := r.Load(lab)
	if err != nil {
		return err
	}
	n, err := s.Node(node)
	if err != nil {
		return err
	}
	program, err := r.find(node, args[0])
	if err != nil {
		return fmt.Errorf("lab %s: %w", lab, err)
	}
	return become(s.room(n), program, args, r.env(n))
}
