package router

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// A recording is what a client of somebody else's making sent to a router, in testdata/recorded/CLIENT.txtar: one file for
// each message, `SESSION> NN operation`, byte for byte with its frame and one line feed behind it, followed by the
// essence of the reply in `SESSION< NN operation`. Only message ids are not those that were sent: they differ from run to
// run, so each is replaced by one of the same length. The recordings are replayed where the clients are not installed.

// recorder makes a recording of the sessions of a router.
type recorder struct {
	mu       sync.Mutex
	names    map[int]string // of sessions, in the order in which they came: a, b …
	messages []*recorded
	ids      map[string]string
}

type recorded struct {
	session, what string
	raw, reply    []byte
	framed        bool // the reply is in chunks
}

// record makes a router record. It must be called before the first session.
func record(r *Router) *recorder {
	rec := &recorder{names: map[int]string{}, ids: map[string]string{}}
	r.wire = func(id int, rw io.ReadWriter) io.ReadWriter {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.names[id] = string(rune('a' + len(rec.names)))
		killed := func() bool {
			return !slices.ContainsFunc(r.db.view().users, func(u session) bool { return u.id == id })
		}
		return &recordedWire{ReadWriter: rw, rec: rec, name: rec.names[id], killed: killed}
	}
	return rec
}

// recordedWire is one session: all that a client sends between two replies is one message, since clients wait.
type recordedWire struct {
	io.ReadWriter
	rec     *recorder
	name    string
	killed  func() bool // the router ended it, at the request of another session
	pending []byte
	greeted bool // the router's hello was sent
	hello   bool // the client's hello came
	last    *recorded
}

func (w *recordedWire) Read(p []byte) (int, error) {
	n, err := w.ReadWriter.Read(p)
	killed := err != nil && w.killed()
	w.rec.mu.Lock()
	defer w.rec.mu.Unlock()
	w.pending = append(w.pending, p[:n]...)
	if end := bytes.Index(w.pending, endOfMessage); !w.hello && end >= 0 {
		w.hello = true
		w.add("hello", w.pending[:end+len(endOfMessage)])
		w.pending = w.pending[end+len(endOfMessage):]
	}
	if err != nil {
		w.strays(len(w.pending))
		w.pending = nil
		if w.last != nil && w.last.what != "close-session" && w.last.what != "close" && !killed {
			w.add("close", nil)
		}
	}
	return n, err
}

// strays gives line feeds that came late to the message before. At most n bytes are looked at.
func (w *recordedWire) strays(n int) {
	for ; n > 0 && w.last != nil && len(w.pending) > 0 && w.pending[0] == '\n' && !bytes.HasPrefix(w.pending, []byte("\n#")); n-- {
		w.last.raw = append(w.last.raw, '\n')
		w.pending = w.pending[1:]
	}
}

func (w *recordedWire) add(what string, raw []byte) {
	w.last = &recorded{session: w.name, what: what, raw: slices.Clone(raw)}
	w.rec.messages = append(w.rec.messages, w.last)
}

func (w *recordedWire) Write(p []byte) (int, error) {
	w.rec.mu.Lock()
	if !w.greeted {
		w.greeted = true
		w.rec.mu.Unlock()
		return w.ReadWriter.Write(p)
	}
	w.strays(len(w.pending))
	w.add(operationOf(w.pending), w.pending)
	w.pending = nil
	w.last.reply, w.last.framed = slices.Clone(p), bytes.HasPrefix(p, []byte("\n#"))
	w.rec.mu.Unlock()
	return w.ReadWriter.Write(p)
}

var operationName = regexp.MustCompile(`<(?:\w+:)?rpc\b[^>]*>\s*<(?:\w+:)?([\w-]+)`)

func operationOf(raw []byte) string {
	if m := operationName.FindSubmatch(raw); m != nil {
		return string(m[1])
	}
	return "message"
}

var messageID = regexp.MustCompile(`message-id="(urn:uuid:)?([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"`)

// archive writes the recording down.
func (rec *recorder) archive(t *testing.T, comment string) []byte {
	t.Helper()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	a := &txtar.Archive{Comment: []byte(comment)}
	for i, m := range rec.messages {
		if m.what == "close" {
			a.Files = append(a.Files, txtar.File{Name: m.session + " close"})
			continue
		}
		raw := messageID.ReplaceAllFunc(m.raw, func(found []byte) []byte {
			parts := messageID.FindSubmatch(found)
			return fmt.Appendf(nil, `message-id="%s00000000-0000-4000-8000-%012d"`, parts[1], i)
		})
		name := fmt.Sprintf("%02d %s", i, m.what)
		a.Files = append(a.Files, txtar.File{Name: m.session + "> " + name, Data: append(raw, '\n')})
		if m.what != "hello" {
			a.Files = append(a.Files, txtar.File{Name: m.session + "< " + name, Data: []byte(essenceOf(t, m.reply))})
		}
	}
	return txtar.Format(a)
}

// essenceOf reads a reply off its frame and says what matters of it.
func essenceOf(t *testing.T, framed []byte) string {
	t.Helper()
	f := newFramer(duplex{bytes.NewReader(framed), nil})
	f.chunked = bytes.HasPrefix(framed, []byte("\n#"))
	msg, err := f.read()
	if err != nil {
		t.Fatalf("reply %q: %v", framed, err)
	}
	e, err := parseXML(msg)
	if err != nil {
		t.Fatalf("reply %q: %v", msg, err)
	}
	return scrub(essence(e, ""))
}

// essence is the outline of a reply: its elements, with their texts where they are short, differences and errors whole.
// The contents of a configuration are left out: other tests look at them.
func essence(e *element, indent string) string {
	var b strings.Builder
	for _, c := range e.children {
		text := strings.TrimSpace(c.text)
		switch {
		case c.name == "configuration":
			text = ""
		case c.name == "configuration-output" && strings.HasPrefix(text, "[edit"), c.name == "error-message", c.name == "error-path":
		case c.name == "time-length", len(text) > 60 || strings.Contains(text, "\n"):
			text = "…"
		}
		b.WriteString(indent + c.name)
		if text != "" {
			b.WriteString(": " + strings.ReplaceAll(text, "\n", "\n"+indent+"  "))
		}
		b.WriteString("\n")
		if c.name != "configuration" {
			b.WriteString(essence(c, indent+"  "))
		}
	}
	return b.String()
}

// checkRecording compares what a client sent with its recording, or with -update makes that.
func (rec *recorder) checkRecording(t *testing.T, client, comment string) {
	t.Helper()
	path := filepath.Join("testdata", "recorded", client+".txtar")
	got := rec.archive(t, comment)
	if old, err := os.ReadFile(path); err == nil && !*update {
		if first, _, _ := strings.Cut(string(old), "\n"); first != strings.Split(comment, "\n")[0] {
			t.Logf("the recording is of another version: %s", first)
			return
		}
	}
	golden(t, path, string(got))
}

// TestRecorded replays the recordings: the requests of others, byte for byte, to a router of its own each. The replies
// must be in essence those that the clients got, and must carry the ids of their requests.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			replay(t, txtar.Parse(data))
		})
	}
}

// replayed is one session of a replay.
type replayed struct {
	conn net.Conn
	f    *framer
	id   int
}

func replay(t *testing.T, a *txtar.Archive) {
	r, _ := start(t, func(o *Options) { choose(t, o, string(a.Comment)) })
	sessions := map[string]*replayed{}
	var reply []byte
	for _, f := range a.Files {
		name, what, _ := strings.Cut(f.Name, " ")
		if what == "close" {
			sessions[name].end(t, r)
			delete(sessions, name)
			continue
		}
		id := name[:1]
		if name[1] == '<' {
			if got := essenceOf(t, reply); got != string(f.Data) {
				t.Fatalf("reply to %s is in essence\n%swant\n%s", f.Name, got, f.Data)
			}
			if strings.HasSuffix(what, " close-session") {
				sessions[id].end(t, r)
				delete(sessions, id)
			}
			continue
		}
		if sessions[id] == nil {
			sessions[id] = openReplayed(t, r)
		}
		reply = sessions[id].say(t, bytes.TrimSuffix(f.Data, []byte("\n")), what)
	}
	for _, s := range sessions {
		s.end(t, r)
	}
}

func openReplayed(t *testing.T, r *Router) *replayed {
	t.Helper()
	ours, theirs := net.Pipe()
	go r.serveNETCONF(theirs, "lab", func() { _ = theirs.Close() })
	s := &replayed{conn: ours, f: newFramer(ours)}
	msg, err := s.f.read()
	if err != nil {
		t.Fatal(err)
	}
	hello, err := parseXML(msg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(hello.value("session-id"), &s.id); err != nil {
		t.Fatal(err)
	}
	return s
}

// say sends a message as it was recorded and returns the reply, in a frame.
func (s *replayed) say(t *testing.T, raw []byte, what string) []byte {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := s.conn.Write(raw)
		sent <- err
	}()
	var reply []byte
	if !strings.HasSuffix(what, " hello") {
		s.f.chunked = bytes.HasPrefix(raw, []byte("\n#"))
		msg, err := s.f.read()
		if err != nil {
			t.Fatalf("reply to %s: %v", what, err)
		}
		if id := regexp.MustCompile(`message-id="[^"]*"`).Find(raw); id != nil && !bytes.Contains(msg[:bytes.IndexByte(msg, '>')], id) {
			t.Errorf("reply to %s has not its %s", what, id)
		}
		reply = append(msg, "\n]]>]]>\n"...)
	}
	// What follows a close-session is not read any more.
	if err := <-sent; err != nil && !errors.Is(err, io.ErrClosedPipe) {
		t.Fatalf("send %s: %v", what, err)
	}
	return reply
}

// end closes a session and waits until the router knows.
func (s *replayed) end(t *testing.T, r *Router) {
	t.Helper()
	_ = s.conn.Close()
	eventually(t, "session to be gone", func() bool {
		return !slices.ContainsFunc(r.db.view().users, func(u session) bool { return u.id == s.id })
	})
}
