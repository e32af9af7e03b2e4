package router

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// duplex is a stream whose reads and writes do not meet.
type duplex struct {
	io.Reader
	io.Writer
}

func readAll(f *framer) (msgs []string, err error) {
	for {
		msg, err := f.read()
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, string(msg))
	}
}

func TestFramerRead(t *testing.T) {
	tests := []struct {
		name    string
		chunked bool
		input   string
		want    []string
		err     error
	}{
		{"delimited", false, "<a/>]]>]]>\n<b/>\n]]>]]>", []string{"<a/>", "<b/>"}, io.EOF},
		{"line feeds before a message", false, "\n\n<a/>]]>]]>", []string{"<a/>"}, io.EOF},
		{"marker in pieces", false, "<a>]]></a>]]>]]>", []string{"<a>]]></a>"}, io.EOF},
		{"end inside a message", false, "<a/>]]>]]><b", []string{"<a/>"}, io.ErrUnexpectedEOF},
		{"too long", false, strings.Repeat("x", 200), nil, errTooLong},
		{"too long with brackets", false, strings.Repeat(">", 200), nil, errTooLong},
		{"chunks", true, "\n#4\n<a>1\n#5\n2</a>\n##\n", []string{"<a>12</a>"}, io.EOF},
		{"one byte a chunk", true, "\n#1\n<\n#1\na\n#1\n/\n#1\n>\n##\n", []string{"<a/>"}, io.EOF},
		{"marker inside a chunk", true, "\n#6\n\n##\n]>\n##\n", []string{"\n##\n]>"}, io.EOF},
		{"line feeds between messages", true, "\n#4\n<a/>\n##\n\n\n\n#4\n<b/>\n##\n", []string{"<a/>", "<b/>"}, io.EOF},
		{"no chunk", true, "\n##\n", nil, errChunk},
		{"size nought", true, "\n#0\n\n##\n", nil, errChunk},
		{"size with a sign", true, "\n#+4\n<a/>\n##\n", nil, errChunk},
		{"size with a nought", true, "\n#04\n<a/>\n##\n", nil, errChunk},
		{"no size", true, "\n#\n", nil, errChunk},
		{"endless size", true, "\n#" + strings.Repeat("1", 30), nil, errChunk},
		{"no hash", true, "\n<a/>", nil, errChunk},
		{"chunk too long", true, "\n#4294967295\n", nil, errTooLong},
		{"end inside a chunk", true, "\n#9\n<a", nil, io.ErrUnexpectedEOF},
		{"end after a chunk", true, "\n#4\n<a/>", nil, io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		for _, way := range []string{"whole", "byte by byte"} {
			t.Run(tt.name+", "+way, func(t *testing.T) {
				var r io.Reader = strings.NewReader(tt.input)
				if way != "whole" {
					r = iotest.OneByteReader(r)
				}
				f := newFramer(duplex{r, io.Discard})
				f.limit, f.chunked = 100, tt.chunked
				got, err := readAll(f)
				if !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				if strings.Join(got, "|") != strings.Join(tt.want, "|") {
					t.Errorf("messages %q, want %q", got, tt.want)
				}
			})
		}
	}
}

func TestFramerRoundTrip(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		var buf bytes.Buffer
		f := newFramer(&buf)
		f.chunked = chunked
		for _, msg := range []string{"<a/>", "<b>ü\n#4\n</b>"} {
			if err := f.write(msg); err != nil {
				t.Fatal(err)
			}
			got, err := f.read()
			if err != nil || string(got) != msg {
				t.Errorf("chunked %t: read %q, %v, want %q", chunked, got, err, msg)
			}
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(false, []byte("<a/>]]>]]>\n<b/>]]>]]>"))
	f.Add(true, []byte("\n#4\n<a/>\n##\n\n#1\n<\n#3\nb/>\n##\n"))
	f.Add(true, []byte("\n#4294967295\n"))
	f.Fuzz(func(t *testing.T, chunked bool, input []byte) {
		fr := newFramer(duplex{bytes.NewReader(input), io.Discard})
		fr.limit, fr.chunked = 1000, chunked
		msgs, err := readAll(fr)
		if err == nil {
			t.Fatal("a stream that ends must give an error")
		}
		for _, m := range msgs {
			if len(m) > 1000+len(endOfMessage)+32<<10 {
				t.Errorf("message of %d bytes passed a limit of 1000", len(m))
			}
		}
	})
}
