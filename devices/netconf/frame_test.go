package netconf

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"rhapsode/devices/internal/answer"
)

type readWriter struct {
	io.Reader
	io.Writer
}

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		name    string
		chunked bool
		in      string
		want    []string
		err     error
	}{
		{"two", false, "<a/>]]>]]><b/>]]>]]>", []string{"<a/>", "<b/>"}, io.EOF},
		{"line feeds at the end", false, "<a/>]]>]]>\n", []string{"<a/>"}, io.EOF},
		{"cut", false, "<a/>]]>]", nil, io.ErrUnexpectedEOF},
		{"marks inside", false, "a]]>]]b>]]]>]]>", []string{"a]]>]]b>]"}, io.EOF},
		{"large", false, strings.Repeat("x", 100<<10) + endOfMessage, nil, errTooLarge},
		{"chunks", true, "\n#2\nab\n#1\nc\n##\n\n#1\nd\n##\n", []string{"abc", "d"}, io.EOF},
		{"stray line feeds", true, "\n\n\n#1\na\n##\n\n\n#1\nb\n##\n\n", []string{"a", "b"}, io.EOF},
		{"the mark in a chunk", true, "\n#4\n\n##\n\n##\n", []string{"\n##\n"}, io.EOF},
		{"no size", true, "\n#\nab", nil, errFraming},
		{"no chunk", true, "\n##\n", nil, errFraming},
		{"zero", true, "\n#0\n\n##\n", nil, errFraming},
		{"leading zero", true, "\n#01\na\n##\n", nil, errFraming},
		{"long size", true, "\n#12345678901\n", nil, errFraming},
		{"large size", true, "\n#4294967295\nab", nil, errTooLarge},
		{"sum too large", true, "\n#40000\n" + strings.Repeat("x", 40000) + "\n#40000\n", nil, errTooLarge},
		{"no line feed", true, "#1\na\n##\n", nil, errFraming},
		{"text after a chunk", true, "\n#1\nab\n##\n", nil, errFraming},
		{"bad end", true, "\n#1\na\n##x", nil, errFraming},
		{"cut chunk", true, "\n#5\nab", nil, io.ErrUnexpectedEOF},
		{"cut between chunks", true, "\n#1\na", nil, io.ErrUnexpectedEOF},
		{"1.0 on a 1.1 stream", true, "<a/>]]>]]>", nil, errFraming},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFramer(readWriter{strings.NewReader(c.in), nil}, 64<<10)
			f.chunked = c.chunked
			var got []string
			for {
				msg, err := f.read()
				if err != nil {
					if !errors.Is(err, c.err) {
						t.Errorf("read = %v, want %v", err, c.err)
					}
					break
				}
				got = append(got, string(msg))
			}
			if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
				t.Errorf("messages %q, want %q", got, c.want)
			}
		})
	}
}

// FuzzFrames: what is written is read back, whatever the size of the reads; and no input makes the reader misbehave.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("<rpc/>"), []byte("\n#2\nab\n##\n"))
	f.Add([]byte("a]]>]]"), []byte("<a/>]]>]]>"))
	f.Add([]byte("\n##\n"), []byte("\n#1\na"))
	f.Fuzz(func(t *testing.T, msg, raw []byte) {
		for _, chunked := range []bool{false, true} {
			in := newFramer(readWriter{bytes.NewReader(raw), nil}, 1<<16)
			in.chunked = chunked
			for range 10 {
				got, err := in.read()
				if err != nil {
					break
				}
				if len(got) > 1<<16 {
					t.Fatalf("a message of %d bytes", len(got))
				}
			}
			if len(msg) == 0 || !chunked && bytes.Contains(append(msg, "]]>]]"...), []byte(endOfMessage)) {
				continue
			}
			var wire bytes.Buffer
			out := newFramer(readWriter{nil, &wire}, 1<<16)
			out.chunked = chunked
			if err := out.write(msg); err != nil {
				t.Fatal(err)
			}
			back := newFramer(readWriter{&wire, nil}, 1<<16)
			back.chunked = chunked
			if got, err := back.read(); len(msg) <= 1<<15 && (err != nil || !bytes.Equal(got, msg)) {
				t.Fatalf("%q came back as %q, %v", msg, got, err)
			}
		}
	})
}

// FuzzReply: a message is a reply or an error, never both and never a panic; what escape makes is read back as it was.
func FuzzReply(f *testing.F) {
	f.Add([]byte(serverHello))
	f.Add([]byte(`<rpc-reply message-id="1"><load-configuration-results>` + syntaxError + `</load-configuration-results></rpc-reply>`))
	f.Add([]byte(`<rpc-reply><commit-results><routing-engine><name>re0</name><ok/></commit-results></rpc-reply>`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := parseReply(msg)
		if (e == nil) == (err == nil) {
			t.Fatalf("parseReply = %v, %v", e, err)
		}
		if e != nil {
			answer.Errors("cr1", e)
		}
		text, err := answer.Escape(string(msg))
		if err != nil {
			return
		}
		e, err = answer.Parse([]byte("<a>" + text + "</a>"))
		if err != nil || e.Text != string(msg) {
			t.Fatalf("%q was escaped as %q and read as %v, %v", msg, text, e, err)
		}
	})
}
