package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

func TestMain(m *testing.M) {
	// testscript.Main exits by itself, also when the binary runs as a command of a script.
	testscript.Main(m, map[string]func(){
		"rhapsode": func() {
			a := &app{streams: cli.System(), getenv: os.Getenv, hook: stepsHook(os.Getenv(stepsVariable))}
			os.Exit(int(a.run(os.Args[1:])))
		},
	})
}

// labrouterKey finds the labrouter binary of a script run.
type labrouterKey struct{}

// TestScripts runs testdata/script/*.txtar: rhapsode in process of the test binary, the lab routers as processes.
func TestScripts(t *testing.T) {
	labrouter := filepath.Join(t.TempDir(), "labrouter")
	build := exec.Command("go", "build", "-o", labrouter, "rhapsode/cmd/labrouter")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build labrouter: %v\n%s", err, out)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[labrouterKey{}] = labrouter
			env.Values[otherKey{}] = new(devices.Device)
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("USER", "alice")
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("RHAPSODE_INVENTORY", filepath.Join(env.WorkDir, "net"))
			env.Setenv("RHAPSODE_SSH_CONFIG", filepath.Join(env.WorkDir, "ssh_config"))
			env.Setenv("RHAPSODE_PASSWORD", "secret")
			return os.CopyFS(filepath.Join(env.WorkDir, "net"), os.DirFS(filepath.Join(root, "inventory", "example")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exitcode": cmdExitCode,
			"router":   cmdRouter,
			"fleet":    cmdFleet,
			"replace":  cmdReplace,
			"closed":   cmdClosed,
			"forgekey": cmdForgeKey,
			"lock":     cmdLock,
			"unlock":   cmdUnlock,
			"dirty":    cmdDirty,
			"cli":      cmdCLI,
			"show":     cmdShow,
			"hand":     cmdHand,
			"lastrun":  cmdLastRun,
			"settled":  cmdSettled,
		},
	})
}

// cmdExitCode is `exitcode N rhapsode ARGS…`: the command must end with exactly that code.
func cmdExitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command args...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		ee, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = ee.ExitCode()
	}
	if want := args[0]; fmt.Sprint(got) != want {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), got, want)
	}
}

// cmdReplace is `replace FILE OLD NEW`: every OLD in the file becomes NEW, and there must be one.
func cmdReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	name := ts.MkAbs(args[0])
	data, err := os.ReadFile(name)
	ts.Check(err)
	if !strings.Contains(string(data), args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, []byte(strings.ReplaceAll(string(data), args[1], args[2])), 0o600))
}

// cmdRouter is `router NAME [FILE]`: it starts a lab router with the password `secret` for the user lab and adds it to
// ssh_config.
func cmdRouter(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: router NAME [CONFIG] [FLAGS...]")
	}
	port := freeRange(ts, 2)
	sshPort := port + 1
	argv := []string{
		"serve", "--hostname", args[0], "--listen", addr(port), "--ssh", addr(sshPort),
		"--user", "lab", "--state", ts.MkAbs("router-" + args[0]),
	}
	if len(args) > 1 {
		argv = append(argv, "--config", ts.MkAbs(args[1]))
	}
	if len(args) > 2 {
		argv = append(argv, args[2:]...)
	}
	start(ts, "ready", argv)
	addHost(ts, args[0], port)
}

// cmdFleet is `fleet DIR`: it starts one lab router for each DIR/NAME.conf and adds them to ssh_config.
func cmdFleet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: fleet DIR [FLAGS...]")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.conf"))
	ts.Check(err)
	base := freeRange(ts, len(files))
	start(ts, fmt.Sprintf("ready %d", len(files)), append([]string{
		"fleet", "--count", fmt.Sprint(len(files)),
		"--listen", addr(base), "--config-dir", ts.MkAbs(args[0]), "--user", "lab", "--state", ts.MkAbs("fleet"),
	}, args[1:]...))
	for i, f := range files {
		addHost(ts, strings.TrimSuffix(filepath.Base(f), ".conf"), base+i)
	}
}

// start runs labrouter and waits for its line; the script's end stops it.
func start(ts *testscript.TestScript, want string, argv []string) {
	cmd := exec.Command(ts.Value(labrouterKey{}).(string), argv...)
	cmd.Env = append(os.Environ(), "LABROUTER_PASSWORD=secret")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may be gone
		cmd.Wait()                       //nolint:errcheck // it was told to stop
	})
	ready := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		ready <- strings.TrimSpace(line)
	}()
	select {
	case line := <-ready:
		if line != want {
			ts.Fatalf("labrouter printed %q, want %q", line, want)
		}
	case <-time.After(30 * time.Second):
		ts.Fatalf("labrouter was not ready within 30 s")
	}
}

// addHost appends a router to ssh_config, as a user of a lab would.
func addHost(ts *testscript.TestScript, name string, port int) {
	f, err := os.OpenFile(ts.MkAbs("ssh_config"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = fmt.Fprintf(f, "Host %s\n  HostName 127.0.0.1\n  Port %d\n  User lab\n  UserKnownHostsFile %s\n  StrictHostKeyChecking accept-new\n\n",
		name, port, ts.MkAbs("known_hosts"))
	ts.Check(err)
	ts.Check(f.Close())
}

func addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// freePort finds a port that nobody uses now.
func freePort(ts *testscript.TestScript) int { return freeRange(ts, 1) }

// freeRange finds n ports in a row that nobody uses now. They lie below those that the kernel gives to connections, one of
// which would else take the port before the router does.
func freeRange(ts *testscript.TestScript, n int) int {
	for range 50 {
		base := 10_000 + rand.IntN(22_000-n)
		l, err := net.Listen("tcp", addr(base))
		if err != nil {
			continue
		}
		held := []net.Listener{l}
		for i := 1; i < n; i++ {
			next, err := net.Listen("tcp", addr(base+i))
			if err != nil {
				break
			}
			held = append(held, next)
		}
		for _, h := range held {
			h.Close() //nolint:errcheck // held only for a moment
		}
		if len(held) == n {
			return base
		}
		runtime.Gosched()
	}
	ts.Fatalf("no %d free ports in a row", n)
	return 0
}
