package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/dial"
	"rhapsode/devices/netconf"
	"rhapsode/diffs/junos"
)

// What the kill matrix works with: the real command as a process that asks before and after each step, a real lab router
// as a process, and a TCP proxy between the two that can cut.

// stepsVariable names the socket that a command of the matrix asks at each step. The command itself does not read it:
// TestMain does, and hands the hook in.
const stepsVariable = "RHAPSODE_TEST_STEPS"

// stepsHook asks the socket at path at each step and waits for its answer.
func stepsHook(path string) func(devices.Step, bool) error {
	if path == "" {
		return nil
	}
	var mu sync.Mutex
	var conn net.Conn
	var answers *bufio.Reader
	return func(step devices.Step, after bool) (err error) {
		mu.Lock()
		defer mu.Unlock()
		if conn == nil {
			if conn, err = net.Dial("unix", path); err != nil {
				return err
			}
			answers = bufio.NewReader(conn)
		}
		if _, err = fmt.Fprintf(conn, "%s %t\n", step, after); err == nil {
			_, err = answers.ReadString('\n')
		}
		return err
	}
}

// steps is the other end: it holds the command up at one point.
type steps struct {
	ln      net.Listener
	at      string // `commit true`; "" holds nothing up
	reached chan struct{}
	resume  chan struct{}
}

func newSteps(path, at string) (*steps, error) {
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	s := &steps{ln: ln, at: at, reached: make(chan struct{}), resume: make(chan struct{})}
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close() //nolint:errcheck // the command is gone
		in := bufio.NewScanner(conn)
		for in.Scan() {
			if s.at == in.Text() {
				close(s.reached)
				<-s.resume
			}
			if _, err := io.WriteString(conn, "\n"); err != nil {
				return
			}
		}
	}()
	return s, nil
}

// proxy passes TCP connections on, and cuts them.
type proxy struct {
	ln    net.Listener
	to    string
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newProxy(to string) (*proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{ln: ln, to: to, conns: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go p.pass(conn)
		}
	}()
	return p, nil
}

func (p *proxy) pass(conn net.Conn) {
	on, err := net.Dial("tcp", p.to)
	if err != nil {
		conn.Close() //nolint:errcheck // the router is down
		return
	}
	p.mu.Lock()
	p.conns[conn], p.conns[on] = true, true
	p.mu.Unlock()
	end := func() {
		conn.Close() //nolint:errcheck // either end may be gone
		on.Close()   //nolint:errcheck // as above
	}
	go func() {
		io.Copy(on, conn) //nolint:errcheck // it ends with the connection
		end()
	}()
	io.Copy(conn, on) //nolint:errcheck // as above
	end()
	p.mu.Lock()
	delete(p.conns, conn)
	delete(p.conns, on)
	p.mu.Unlock()
}

// cut ends every connection; later ones pass.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		if t, ok := c.(*net.TCPConn); ok {
			t.SetLinger(0) //nolint:errcheck // a reset, as of a firewall that forgot
		}
		c.Close() //nolint:errcheck // it was to end
	}
}

// killRouter is a lab router as a process that can be killed hard and started again.
type killRouter struct {
	argv    []string
	control string
	at      string // HOST:PORT
	cmd     *exec.Cmd
}

func (r *killRouter) start() error {
	r.cmd = exec.Command(r.argv[0], r.argv[1:]...)
	r.cmd.Env = append(os.Environ(), "LABROUTER_PASSWORD=secret")
	r.cmd.Stderr = os.Stderr
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "ready" {
		return fmt.Errorf("labrouter printed %q: %w", line, err)
	}
	return nil
}

func (r *killRouter) kill() {
	r.cmd.Process.Kill() //nolint:errcheck // it may be gone
	r.cmd.Wait()         //nolint:errcheck // it was killed
}

// restart is a power cut: the process is killed, and another comes up on what is on the disk.
func (r *killRouter) restart() error {
	r.kill()
	if err := os.Remove(r.control); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return r.start()
}

// ask sends one request to the control socket.
func (r *killRouter) ask(request map[string]any) (answer struct {
	OK     bool
	Error  string
	Faults []struct{ ID, Held int }
}, err error,
) {
	conn, err := net.Dial("unix", r.control)
	if err != nil {
		return answer, err
	}
	defer conn.Close() //nolint:errcheck // all has been read
	if err := json.NewEncoder(conn).Encode(request); err != nil {
		return answer, err
	}
	if err := json.NewDecoder(conn).Decode(&answer); err != nil {
		return answer, err
	}
	if !answer.OK {
		return answer, fmt.Errorf("control: %s", answer.Error)
	}
	return answer, nil
}

// hold arms a fault that holds a request up, and gives its number.
func (r *killRouter) hold(fault map[string]any) (int, error) {
	fault["action"] = "hold"
	a, err := r.ask(map[string]any{"do": "arm", "fault": fault})
	if err != nil {
		return 0, err
	}
	return a.Faults[0].ID, nil
}

// release disarms a fault once the router has noticed that its peer is gone: a request that was not executed by then is
// never executed.
func (r *killRouter) release(id int) error {
	for range 300 {
		a, err := r.ask(map[string]any{"do": "list", "id": id})
		if err != nil {
			return err
		}
		if len(a.Faults) == 1 && a.Faults[0].Held == 0 {
			_, err := r.ask(map[string]any{"do": "clear", "id": id})
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("fault %d still holds a request whose peer is gone", id)
}

// colleague is somebody else's NETCONF session, which speaks plain XML: edits without a lock, and private ones.
type colleague struct {
	conn   *dial.Conn
	stream io.ReadWriteCloser
	in     *bufio.Reader
}

const endOfMessage = "]]>]]>"

func newColleague(ctx context.Context, d *dialing) (*colleague, error) {
	conn, err := d.dialer.Dial(ctx, d.target)
	if err != nil {
		return nil, err
	}
	stream, err := conn.Subsystem(ctx, "netconf", "xml-mode netconf need-trailer")
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	c := &colleague{conn: conn, stream: stream, in: bufio.NewReader(stream)}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	_, err = io.WriteString(stream, `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>`+endOfMessage)
	return c, err
}

func (c *colleague) read() (string, error) {
	var b strings.Builder
	for !strings.HasSuffix(b.String(), endOfMessage) {
		ch, err := c.in.ReadByte()
		if err != nil {
			return b.String(), err
		}
		b.WriteByte(ch)
	}
	return b.String(), nil
}

func (c *colleague) rpc(body string) (string, error) {
	if _, err := io.WriteString(c.stream, `<rpc message-id="1">`+body+`</rpc>`+endOfMessage); err != nil {
		return "", err
	}
	reply, err := c.read()
	if err == nil && strings.Contains(reply, "<error-severity>error") {
		err = fmt.Errorf("%s: %s", body, reply)
	}
	return reply, err
}

func (c *colleague) set(line string) error {
	_, err := c.rpc(`<load-configuration action="set" format="text"><configuration-set>` + line + `</configuration-set></load-configuration>`)
	return err
}

// pending is the colleague's own compare.
func (c *colleague) pending() (string, error) {
	return c.rpc(`<get-configuration compare="rollback" rollback="0" format="text"/>`)
}

func (c *colleague) close() {
	if c != nil {
		c.conn.Close() //nolint:errcheck // the router may be gone
	}
}

// dialing is the way to the router that the test itself takes.
type dialing struct {
	dialer *dial.Dialer
	target dial.Target
}

func (d *dialing) open(ctx context.Context) (devices.Device, error) {
	return netconf.Dial(ctx, d.dialer, d.target, netconf.Options{Timeout: 10 * time.Second})
}

// killTool is one run of the command.
type killTool struct {
	cmd  *exec.Cmd
	out  bytes.Buffer // stdout
	err  bytes.Buffer
	done chan struct{}
}

// code is the exit code; -1 of one that was killed.
func (k *killTool) code() int { return k.cmd.ProcessState.ExitCode() }

func (k *killTool) said() string { return k.out.String() + k.err.String() }

// run starts the command in the directory of a cell.
func (m *killMatrix) run(dir, stepsPath string, args ...string) (*killTool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &killTool{cmd: &exec.Cmd{Path: self, Args: append([]string{"rhapsode"}, args...), Dir: dir}, done: make(chan struct{})}
	k.cmd.Env = []string{
		"HOME=" + dir, "USER=alice", "XDG_STATE_HOME=" + filepath.Join(dir, "state"), "RHAPSODE_INVENTORY=" + m.inventory,
		"RHAPSODE_SSH_CONFIG=" + filepath.Join(dir, "ssh_config"), "RHAPSODE_PASSWORD=secret", stepsVariable + "=" + stepsPath,
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
	}
	k.cmd.Stdout, k.cmd.Stderr = &k.out, &k.err
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		k.cmd.Wait() //nolint:errcheck // the code is read from its state
		close(k.done)
	}()
	return k, nil
}

// wait waits for the end of the command.
func (k *killTool) wait(limit time.Duration) error {
	select {
	case <-k.done:
		return nil
	case <-time.After(limit):
		k.cmd.Process.Kill() //nolint:errcheck // it may have ended
		<-k.done
		return fmt.Errorf("%v did not end within %s; it said:\n%s", k.cmd.Args, limit, k.said())
	}
}

// fingerprintOf reads a configuration and gives its fingerprint, as a router that was loaded with it has it.
func fingerprintOf(text string) (string, error) {
	tree, err := junos.Parse("configuration", []byte(text), nil)
	if err != nil {
		return "", err
	}
	tree.Untag()
	return tree.Fingerprint(), nil
}
