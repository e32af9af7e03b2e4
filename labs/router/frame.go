package router

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxMessageBytes is the size of the largest request that is read: some forty times a big router's configuration.
const maxMessageBytes = 64 << 20

// endOfMessage ends each message of base:1.0 (RFC 6242, section 4.3).
var endOfMessage = []byte("]]>]]>")

// Errors of framer.read beside those of the connection.
var (
	errTooLong = errors.New("message is too long")
	errChunk   = errors.New("malformed chunk")
)

// framer cuts a byte stream into NETCONF messages (RFC 6242). It speaks base:1.0 until chunked is set.
type framer struct {
	r       *bufio.Reader
	w       io.Writer
	limit   int
	chunked bool
}

func newFramer(rw io.ReadWriter) *framer {
	return &framer{r: bufio.NewReaderSize(rw, 32<<10), w: rw, limit: maxMessageBytes}
}

// read returns the next message without its frame. io.EOF means that the peer closed the stream between two messages.
func (f *framer) read() ([]byte, error) {
	if f.chunked {
		return f.readChunked()
	}
	return f.readDelimited()
}

func (f *framer) readDelimited() ([]byte, error) {
	var msg []byte
	for {
		part, err := f.r.ReadSlice('>')
		msg = append(msg, part...)
		if bytes.HasSuffix(msg, endOfMessage) {
			return bytes.TrimSpace(msg[:len(msg)-len(endOfMessage)]), nil
		}
		switch {
		case len(msg) > f.limit:
			return nil, errTooLong
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(msg)) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// readChunked reads `\n#SIZE\n` and SIZE bytes again and again up to `\n##\n`. Line feeds between messages are
// skipped: some clients send the last one of a message late.
func (f *framer) readChunked() ([]byte, error) {
	var msg []byte
	for {
		header, err := f.chunkHeader()
		if errors.Is(err, io.EOF) && msg != nil {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		if header == "#" {
			if msg == nil {
				return nil, fmt.Errorf("%w: a message has one chunk at least", errChunk)
			}
			return msg, nil
		}
		size, err := strconv.Atoi(header)
		if err != nil || size <= 0 || header[0] < '1' || header[0] > '9' {
			return nil, fmt.Errorf("%w: size %q", errChunk, header)
		}
		if size > f.limit-len(msg) {
			return nil, errTooLong
		}
		at := len(msg)
		msg = append(msg, make([]byte, size)...)
		if _, err := io.ReadFull(f.r, msg[at:]); err != nil {
			return nil, fmt.Errorf("read chunk: %w", noEOF(err))
		}
	}
}

// chunkHeader reads the line feeds and the `#` before a size, and returns what follows up to the next line feed.
func (f *framer) chunkHeader() (string, error) {
	c := byte('\n')
	var err error
	for c == '\n' {
		if c, err = f.r.ReadByte(); err != nil {
			return "", err
		}
	}
	if c != '#' {
		return "", fmt.Errorf("%w: %q where # was expected", errChunk, c)
	}
	var header []byte
	for len(header) <= 10 {
		if c, err = f.r.ReadByte(); err != nil {
			return "", noEOF(err)
		}
		if c == '\n' {
			return string(header), nil
		}
		header = append(header, c)
	}
	return "", fmt.Errorf("%w: size has more than ten digits", errChunk)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// write sends one message.
func (f *framer) write(msg string) error { return f.send(f.frame(msg)) }

// frame puts a message into its frame, as one chunk if chunks are in use: there are clients that cannot join several.
func (f *framer) frame(msg string) string {
	if f.chunked {
		return "\n#" + strconv.Itoa(len(msg)) + "\n" + msg + "\n##\n"
	}
	return msg + "\n]]>]]>\n"
}

// send writes bytes of a frame.
func (f *framer) send(part string) error {
	if _, err := io.WriteString(f.w, part); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}
