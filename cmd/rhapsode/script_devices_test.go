package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"rhapsode/devices"
	"rhapsode/devices/dial"
	"rhapsode/devices/netconf"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// Another operator, for scripts: somebody who holds the lock, or leaves edits in the shared candidate.

type otherKey struct{}

// cmdClosed is `closed NAME`: ssh_config leads NAME to a port where nobody listens.
func cmdClosed(ts *testscript.TestScript, _ bool, args []string) {
	addHost(ts, args[0], freePort(ts))
}

// cmdForgeKey is `forgekey`: every key in known_hosts becomes another, valid one.
func cmdForgeKey(ts *testscript.TestScript, _ bool, _ []string) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	var wire []byte
	for _, part := range [][]byte{[]byte("ssh-ed25519"), public} {
		wire = binary.BigEndian.AppendUint32(wire, uint32(len(part)))
		wire = append(wire, part...)
	}
	name := ts.MkAbs("known_hosts")
	data, err := os.ReadFile(name)
	ts.Check(err)
	key := regexp.MustCompile(`ssh-ed25519 \S+`)
	if !key.Match(data) {
		ts.Fatalf("known_hosts has no key to forge: %q", data)
	}
	forged := key.ReplaceAll(data, []byte("ssh-ed25519 "+base64.StdEncoding.EncodeToString(wire)))
	ts.Check(os.WriteFile(name, forged, 0o600))
}

// operator dials a router of the script as somebody else would.
func operator(ts *testscript.TestScript) *dial.Dialer {
	d, err := dial.New(dial.Config{
		ConfigFile: ts.MkAbs("ssh_config"),
		Home:       ts.MkAbs("."),
		User:       "lab",
		Password:   func(string, string) (string, error) { return "secret", nil },
	})
	ts.Check(err)
	return d
}

// cmdLock is `lock NAME`: another session takes the router's configuration lock and keeps it until `unlock`.
func cmdLock(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dev, err := netconf.Dial(ctx, operator(ts), dial.Target{Device: args[0], Host: args[0]}, netconf.Options{})
	ts.Check(err)
	_, err = dev.Lock(ctx)
	ts.Check(err)
	*ts.Value(otherKey{}).(*devices.Device) = dev
	ts.Defer(func() { dev.Close() }) //nolint:errcheck // it may be closed by unlock
}

// cmdUnlock is `unlock`.
func cmdUnlock(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check((*ts.Value(otherKey{}).(*devices.Device)).Close())
}

// cmdDirty is `dirty NAME LINES`: set lines are left uncommitted in the shared candidate, by a session that stays.
func cmdDirty(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := operator(ts).Dial(ctx, dial.Target{Device: args[0], Host: args[0]})
	ts.Check(err)
	ts.Defer(func() { conn.Close() }) //nolint:errcheck // the router may be gone
	stream, err := conn.Subsystem(ctx, "netconf", "xml-mode netconf need-trailer")
	ts.Check(err)
	const end = "]]>]]>"
	_, err = fmt.Fprintf(stream, `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>%s`+
		`<rpc message-id="1"><load-configuration action="set" format="text"><configuration-set>%s</configuration-set></load-configuration></rpc>%s`, end, args[1], end)
	ts.Check(err)
	var got strings.Builder
	buf := make([]byte, 4096)
	for strings.Count(got.String(), end) < 2 {
		n, err := stream.Read(buf)
		got.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
	}
	if !strings.Contains(got.String(), "<ok/>") {
		ts.Fatalf("the edit was not taken: %s", got.String())
	}
}

// cmdCLI is `cli NAME COMMANDS`: somebody types commands, separated by `;`, into the router's own CLI.
func cmdCLI(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := operator(ts).Dial(ctx, dial.Target{Device: args[0], Host: args[0]})
	ts.Check(err)
	defer conn.Close() //nolint:errcheck // all has been read
	// There is no such subsystem; the commands are run in its place, as `ssh NAME COMMANDS` does.
	stream, err := conn.Subsystem(ctx, "none", args[1])
	ts.Check(err)
	out, err := io.ReadAll(stream)
	ts.Check(err)
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
	if strings.HasPrefix(args[1], "configure") && !strings.Contains(string(out), "commit complete") {
		ts.Fatalf("nothing was committed by hand")
	}
}

// cmdHand is `hand NAME LINES COMMENT`: somebody commits set lines, separated by `;`, by another NETCONF client.
func cmdHand(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dev, err := netconf.Dial(ctx, operator(ts), dial.Target{Device: args[0], Host: args[0]}, netconf.Options{})
	ts.Check(err)
	defer dev.Close() //nolint:errcheck // the commit was answered
	candidate, err := dev.Lock(ctx)
	ts.Check(err)
	_, err = candidate.Load(ctx, diffs.Change{Mode: junos.Set, Text: strings.ReplaceAll(args[1], "; ", "\n")})
	ts.Check(err)
	_, err = candidate.Commit(ctx, devices.CommitOptions{Comment: args[2]})
	ts.Check(err)
	ts.Check(candidate.Discard(ctx))
}

// cmdShow is `show NAME`: the router's committed configuration becomes stdout.
func cmdShow(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dev, err := netconf.Dial(ctx, operator(ts), dial.Target{Device: args[0], Host: args[0]}, netconf.Options{})
	ts.Check(err)
	defer dev.Close() //nolint:errcheck // all has been read
	text, err := dev.Running(ctx)
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(text))
	ts.Check(err)
}

// cmdLastRun is `lastrun VARIABLE`: the id of the newest run of the script's state becomes a variable.
func cmdLastRun(ts *testscript.TestScript, _ bool, args []string) {
	runs, err := devices.ListRuns(filepath.Join(ts.Getenv("XDG_STATE_HOME"), "rhapsode"))
	ts.Check(err)
	if len(runs) == 0 {
		ts.Fatalf("there is no run")
	}
	ts.Setenv(args[0], runs[len(runs)-1])
}

// cmdSettled is `settled NAME`: it waits until no confirm window is open on a router.
func cmdSettled(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	dev, err := netconf.Dial(ctx, operator(ts), dial.Target{Device: args[0], Host: args[0]}, netconf.Options{})
	ts.Check(err)
	defer dev.Close() //nolint:errcheck // all has been read
	for {
		h, err := dev.History(ctx)
		ts.Check(err)
		if h[0].Confirm == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
