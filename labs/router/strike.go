package router

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"syscall"
)

// killProcess ends the process at once and without a trace of cleaning up.
func killProcess() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Signal(syscall.SIGKILL) // where it can't be sent, the next line does nearly the same
	}
	os.Exit(137)
}

// known tells whether NETCONF has an operation of that name.
func known(operation string) bool { return operations[operation] != nil }

// passage is the way of an <rpc>.
func (n *netconf) passage(req *element) *passage {
	if len(req.children) != 1 || n.link == nil {
		return nil
	}
	op := req.children[0]
	q := request{operation: op.name, has: func(name string) bool { return op.has(name) || op.attr(name) != "" }}
	if op.name == "command" {
		q.words = strings.Fields(op.text)
		words := hasWord(q.words)
		q.has = func(name string) bool { return words(name) || op.attr(name) != "" }
	}
	return n.r.faults.pass(q, n.link.gone, n.link.cut)
}

func hasWord(words []string) func(string) bool {
	return func(name string) bool {
		for _, w := range words {
			if w == name {
				return true
			}
		}
		return false
	}
}

// greet sends the hello.
func (n *netconf) greet() error {
	var p *passage
	if n.link != nil {
		p = n.r.faults.pass(request{operation: "hello", has: func(string) bool { return false }}, n.link.gone, n.link.cut)
	}
	defer p.end()
	if err := p.at(phaseRequest); err != nil {
		return err
	}
	return n.send(p, n.hello())
}

// strike answers a request unless a fault has it otherwise.
func (n *netconf) strike(p *passage, req *element) (string, error) {
	if err := p.at(phaseRequest); err != nil {
		return "", err
	}
	body, err := n.answer(req)
	if cut := p.at(phaseReply); cut != nil {
		return "", cut
	}
	return body, err
}

// send sends a message, and strikes in the middle of it.
func (n *netconf) send(p *passage, msg string) error {
	frame := n.f.frame(msg)
	if !p.strikes(phaseHalf) {
		return n.f.send(frame)
	}
	if err := n.f.send(frame[:len(frame)/2]); err != nil {
		return err
	}
	if err := p.at(phaseHalf); errors.Is(err, errCut) {
		return err
	}
	return n.f.send(frame[len(frame)/2:])
}

// strike runs a command of a CLI unless a fault has it otherwise. An answer that is to be late is kept back from the last
// question on that the command asks.
func (sh *shell) strike(words []string, run func() error) error {
	p := sh.r.faults.pass(request{words: words, has: hasWord(words)}, sh.link.gone, sh.link.cut)
	defer p.end()
	shown := func(err error) error {
		if !errors.Is(err, errCut) {
			sh.printf("%s", faultsOf(err).text())
		}
		return err
	}
	if err := p.at(phaseRequest); err != nil {
		return shown(err)
	}
	if !p.strikes(phaseWrite, phaseReply, phaseHalf) {
		return run()
	}
	var late bytes.Buffer
	in, out := sh.in, sh.out
	show := func(text []byte) { _, _ = out.Write(text) } // as in printf
	sh.in, sh.out = &flushing{lineReader: in, flush: func() { show(late.Next(late.Len())) }}, &late
	err := run()
	sh.in, sh.out = in, out
	if cut := p.at(phaseReply); cut != nil {
		return shown(cut)
	}
	text := late.Bytes()
	half := len(text) / 2
	show(text[:half])
	if cut := p.at(phaseHalf); errors.Is(cut, errCut) {
		return cut
	}
	show(text[half:])
	return err
}

// flushing is a lineReader that shows what was kept back before it reads.
type flushing struct {
	lineReader
	flush func()
}

func (f *flushing) next(prompt string) (string, bool, error) {
	f.flush()
	return f.lineReader.next(prompt)
}

func (f *flushing) ask(question string) (string, error) {
	f.flush()
	return f.lineReader.ask(question)
}

func (f *flushing) text() (string, bool, error) {
	f.flush()
	return f.lineReader.text()
}
