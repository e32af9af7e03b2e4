package router

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/term"
)

// junoscript is the command that starts NETCONF where the subsystem is not to be had.
const junoscript = "xml-mode netconf need-trailer"

// link is an open channel: what a fault needs of it beside.
type link struct {
	ssh.Channel
	gone chan struct{} // closed when the client has closed it
	cut  func()        // ends the whole connection
}

// hungUp tells whether the client has left. What it had sent before, and nobody has begun with, is not done then.
func (l *link) hungUp() bool {
	if l == nil {
		return false
	}
	select {
	case <-l.gone:
		return true
	default:
		return false
	}
}

// serveChannel waits for what the client wants of a session channel, does it and closes the channel.
func (r *Router) serveChannel(user string, ch *link, requests <-chan *ssh.Request) {
	var size terminalSize
	pty := false
	for req := range requests {
		var start func() int
		switch req.Type {
		case "env":
			answer(req, true)
			continue
		case "pty-req":
			var p struct {
				Term                 string
				Cols, Rows, Wpx, Hpx uint32
				Modes                string
			}
			ok := ssh.Unmarshal(req.Payload, &p) == nil
			pty = pty || ok
			size.set(p.Cols, p.Rows)
			answer(req, ok)
			continue
		case "subsystem":
			switch payloadString(req) {
			case "netconf":
				start = func() int { return r.netconfChannel(user, ch) }
			case "sftp":
				start = func() int { return r.sftpChannel(user, ch) }
			}
		case "exec":
			line := payloadString(req)
			start = func() int { return r.execChannel(user, ch, line) }
			if strings.Join(strings.Fields(line), " ") == junoscript || strings.TrimSpace(line) == "netconf" {
				start = func() int { return r.netconfChannel(user, ch) }
			} else if q, ok := parseSCP(line); ok {
				start = func() int { return r.scpChannel(user, ch, q) }
			}
		case "shell":
			start = func() int { return r.shellChannel(user, ch, pty, &size) }
		}
		answer(req, start != nil)
		if start == nil {
			continue
		}
		go func() {
			defer close(ch.gone)
			laterRequests(requests, &size)
		}()
		status := start()
		// The client may be gone already: then there is nobody to send the status to.
		_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		break
	}
	_ = ch.Close() // as above
}

func answer(req *ssh.Request, ok bool) {
	if req.WantReply {
		_ = req.Reply(ok, nil) // fails when the connection is gone, which the channel notices too
	}
}

// laterRequests answers what comes while the channel is in use: the terminal's size, and signals, which are refused.
func laterRequests(requests <-chan *ssh.Request, size *terminalSize) {
	for req := range requests {
		var p struct{ Cols, Rows, Wpx, Hpx uint32 }
		ok := req.Type == "window-change" && ssh.Unmarshal(req.Payload, &p) == nil
		if ok {
			size.set(p.Cols, p.Rows)
		}
		answer(req, ok)
	}
}

func payloadString(req *ssh.Request) string {
	var p struct{ Value string }
	if ssh.Unmarshal(req.Payload, &p) != nil {
		return ""
	}
	return p.Value
}

func (r *Router) netconfChannel(user string, ch *link) int {
	r.serveNETCONF(ch, user, closer(ch))
	return 0
}

// closer ends a channel from outside: the read that its server waits in returns.
func closer(ch ssh.Channel) func() {
	return func() { _ = ch.Close() }
}

// execChannel runs the commands of one line, separated by `;`. The status is 1 when one failed; the rest is not run.
func (r *Router) execChannel(user string, ch *link, line string) int {
	s := r.db.join(user, "cli", closer(ch))
	defer r.db.leave(s)
	sh := &shell{r: r, s: s, link: ch, in: &streamLines{r: bufio.NewReader(ch)}, out: ch}
	for _, command := range splitCommands(line) {
		if ch.hungUp() {
			return 1
		}
		err := sh.execute(command)
		if errors.Is(err, errLeave) {
			return 0
		}
		if err != nil {
			return 1
		}
	}
	return 0
}

// splitCommands cuts at `;` outside quotes.
func splitCommands(line string) []string {
	var out []string
	inside, from := false, 0
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == '"':
			inside = !inside
		case line[i] == ';' && !inside:
			out = append(out, line[from:i])
			from = i + 1
		}
	}
	return append(out, line[from:])
}

// shellChannel is a CLI: with line editing on a terminal, else reading lines.
func (r *Router) shellChannel(user string, ch *link, pty bool, size *terminalSize) int {
	s := r.db.join(user, "cli", closer(ch))
	defer r.db.leave(s)
	sh := &shell{r: r, s: s, link: ch, in: &streamLines{r: bufio.NewReader(ch)}, out: ch}
	if pty {
		t := newTerminalLines(ch)
		t.complete = sh.complete
		sh.pty, sh.in, sh.out, sh.term, sh.size = true, t, t.pager, t, size
		size.attach(t.t, t.pager)
		sh.printf("--- JUNOS %s Kernel 64-bit lab router\n", releaseName)
	}
	if err := sh.run(); err != nil {
		r.log.Info("cli session broken", "session", s.id, "user", user, "err", err)
		return 1
	}
	return 0
}

// streamLines reads lines from a pipe. ^D in the stream ends a load as it does on a terminal.
type streamLines struct{ r *bufio.Reader }

func (l *streamLines) next(string) (string, bool, error) { return l.text() }

func (l *streamLines) ask(string) (string, error) {
	line, _, err := l.text()
	return line, err
}

func (l *streamLines) text() (string, bool, error) {
	line, err := l.r.ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	line, _, eot := strings.Cut(strings.TrimRight(line, "\r\n"), "\x04")
	return line, eot, err
}

// terminalSize passes the client's window on to the line editor and the pager, which may come later. What the user has
// set goes before it.
type terminalSize struct {
	mu            sync.Mutex
	cols, rows    int
	width, length *int // set by the user; 0: no end
	t             *term.Terminal
	pager         *pager
}

// noWrap is a width that no line of the editor reaches.
const noWrap = 1 << 16

func (z *terminalSize) set(cols, rows uint32) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.cols, z.rows = int(min(cols, 4096)), int(min(rows, 4096))
	z.apply()
}

func (z *terminalSize) attach(t *term.Terminal, p *pager) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.t, z.pager = t, p
	z.apply()
}

// override takes what the user wants instead of the client's window.
func (z *terminalSize) override(width, length *int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if width != nil {
		z.width = width
	}
	if length != nil {
		z.length = length
	}
	z.apply()
}

// now is the size of the screen; 0 is no end.
func (z *terminalSize) now() (width, length int) {
	z.mu.Lock()
	defer z.mu.Unlock()
	width, length = z.cols, z.rows
	if z.width != nil {
		width = *z.width
	}
	if z.length != nil {
		length = *z.length
	}
	return width, length
}

func (z *terminalSize) apply() {
	if z.t == nil {
		return
	}
	width, length := z.cols, z.rows
	if z.width != nil {
		width = *z.width
	}
	if z.length != nil {
		length = *z.length
	}
	if width == 0 || width > 500 { // who asks for that much wants no line to be broken
		width = noWrap
	}
	_ = z.t.SetSize(width, max(length, 24)) // it draws the line anew; a broken channel shows at the next read
	z.pager.length.Store(int64(length))
}
