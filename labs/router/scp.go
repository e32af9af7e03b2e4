package router

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// scpRequest is a command line `scp -t PATH` (the client sends) or `scp -f PATH` (it fetches), as a client of the old
// scp protocol gives it.
type scpRequest struct {
	sink, source, times, directory bool
	path                           string
}

// parseSCP reads the command line of an exec request; ok is false when it is no scp.
func parseSCP(line string) (q scpRequest, ok bool) {
	words, err := shellWords(line)
	if err != nil || len(words) < 2 || path.Base(words[0]) != "scp" {
		return q, false
	}
	rest := words[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		flags := rest[0][1:]
		rest = rest[1:]
		if flags == "-" {
			break
		}
		for _, f := range flags {
			switch f {
			case 't':
				q.sink = true
			case 'f':
				q.source = true
			case 'p':
				q.times = true
			case 'd':
				q.directory = true
			case 'r', 'v', 'q':
			default:
				return q, false
			}
		}
	}
	if len(rest) == 0 {
		rest = []string{"."}
	}
	q.path = rest[0]
	return q, q.sink != q.source && len(rest) == 1
}

// shellWords splits a command line as a Bourne shell does, without its expansions: quotes and backslashes.
func shellWords(line string) ([]string, error) {
	var words []string
	var b strings.Builder
	quote, word := byte(0), false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == 0 && (c == ' ' || c == '\t'):
			if word {
				words = append(words, b.String())
			}
			b.Reset()
			word = false
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote, word = c, true
			continue
		case quote != 0 && c == quote:
			quote = 0
			continue
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			c = line[i]
		}
		b.WriteByte(c)
		word = true
	}
	if quote != 0 {
		return nil, errors.New("split command line: a quote is open")
	}
	if word {
		words = append(words, b.String())
	}
	return words, nil
}

func (r *Router) scpChannel(user string, ch ssh.Channel, q scpRequest) int {
	serve := r.files.scpSink
	if q.source {
		serve = r.files.scpSource
	}
	if err := serve(ch, q); err != nil {
		r.log.Info("file not copied", "user", user, "path", q.path, "err", err)
		return 1
	}
	r.log.Debug("file copied", "user", user, "path", q.path)
	return 0
}

// scpWire is the protocol's framing: lines, single status bytes, and raw content.
type scpWire struct {
	in  *bufio.Reader
	out io.Writer
}

// maxSCPLine bounds a control line; it holds a name and three numbers.
const maxSCPLine = 4096

// line reads a control line without its end. io.EOF stands for itself: the client is done.
func (w *scpWire) line() (string, error) {
	var b strings.Builder
	for b.Len() < maxSCPLine {
		c, err := w.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && b.Len() == 0:
			return "", io.EOF
		case err != nil:
			return "", fmt.Errorf("read control line: %w", err)
		case c == '\n':
			return b.String(), nil
		}
		b.WriteByte(c)
	}
	return "", errors.New("read control line: it does not end")
}

// status reads what the other side thinks of the last step.
func (w *scpWire) status() error {
	c, err := w.in.ReadByte()
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	if c == 0 {
		return nil
	}
	text, err := w.line()
	if err != nil {
		return err
	}
	return fmt.Errorf("the client refused: %s", text)
}

func (w *scpWire) ok() error {
	if _, err := w.out.Write([]byte{0}); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// refuse tells the client that one file was not taken, and returns why.
func (w *scpWire) refuse(name string, err error) error {
	_, writeErr := fmt.Fprintf(w.out, "\x01scp: %s: %s\n", name, fileReason(err))
	return errors.Join(fmt.Errorf("copy %s: %w", name, err), writeErr)
}

// scpSink takes files. What it refused is its error in the end; files before and after it are there.
func (f *files) scpSink(ch io.ReadWriter, q scpRequest) error {
	w := &scpWire{in: bufio.NewReader(ch), out: ch}
	if q.directory && !f.isDirectory(q.path) {
		return w.refuse(q.path, syscall.ENOTDIR)
	}
	if err := w.ok(); err != nil {
		return err
	}
	var failed error
	for {
		line, err := w.line()
		if errors.Is(err, io.EOF) {
			return failed
		}
		if err != nil {
			return errors.Join(failed, err)
		}
		switch {
		case strings.HasPrefix(line, "C"):
			refused, broken := f.scpFile(w, q, line)
			if broken != nil {
				return errors.Join(failed, refused, broken)
			}
			failed = errors.Join(failed, refused)
		case strings.HasPrefix(line, "T"): // times, which the area does not keep
			if err := w.ok(); err != nil {
				return err
			}
		case strings.HasPrefix(line, "\x01"):
			failed = errors.Join(failed, fmt.Errorf("the client failed: %s", line[1:]))
		default: // a directory, a fatal error, or no scp
			_, err := io.WriteString(w.out, "\x02scp: only plain files are taken\n")
			return errors.Join(failed, fmt.Errorf("unexpected control line %q", line), err)
		}
	}
}

// scpFile takes one file, announced by line `C0644 SIZE NAME`. refused is told to the client and the copy goes on;
// broken ends it.
func (f *files) scpFile(w *scpWire, q scpRequest, line string) (refused, broken error) {
	mode, rest, _ := strings.Cut(line[1:], " ")
	length, name, found := strings.Cut(rest, " ")
	size, err := strconv.ParseInt(length, 10, 64)
	if _, modeErr := strconv.ParseUint(mode, 8, 32); err != nil || modeErr != nil || !found || size < 0 || !validFileName(name) {
		_, err := io.WriteString(w.out, "\x02scp: protocol error\n")
		return nil, errors.Join(fmt.Errorf("bad control line %q", line), err)
	}
	target := q.path
	if f.isDirectory(target) {
		target = path.Join(f.absolute(target), name)
	}
	if _, _, err := f.resolve(target); err != nil {
		return w.refuse(target, err), nil
	}
	if size > maxFileBytes {
		return w.refuse(target, syscall.ENOSPC), nil
	}
	if err := w.ok(); err != nil {
		return nil, err
	}
	data := make([]byte, 0, min(size, 1<<20)) // grows as the content comes, not by what was announced
	buf := &appender{data}
	if _, err := io.CopyN(buf, w.in, size); err != nil {
		return nil, fmt.Errorf("read content of %s: %w", target, err)
	}
	if err := w.status(); err != nil {
		return nil, err
	}
	if err := f.write(target, buf.data); err != nil {
		return w.refuse(target, err), nil
	}
	return nil, w.ok()
}

type appender struct{ data []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.data = append(a.data, p...)
	return len(p), nil
}

// scpSource sends one file.
func (f *files) scpSource(ch io.ReadWriter, q scpRequest) error {
	w := &scpWire{in: bufio.NewReader(ch), out: ch}
	if err := w.status(); err != nil {
		return err
	}
	data, err := f.read(q.path)
	if err != nil {
		return w.refuse(q.path, err)
	}
	if q.times {
		e, err := f.stat(q.path)
		if err != nil {
			return w.refuse(q.path, err)
		}
		if _, err := fmt.Fprintf(w.out, "T%d 0 %d 0\n", e.when.Unix(), e.when.Unix()); err != nil {
			return fmt.Errorf("write times: %w", err)
		}
		if err := w.status(); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w.out, "C0600 %d %s\n", len(data), path.Base(f.absolute(q.path))); err != nil {
		return fmt.Errorf("write control line: %w", err)
	}
	if err := w.status(); err != nil {
		return err
	}
	if _, err := w.out.Write(data); err != nil {
		return fmt.Errorf("write content: %w", err)
	}
	if err := w.ok(); err != nil {
		return err
	}
	return w.status()
}
