package netconf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// The marks of RFC 6242: section 4.3 for base:1.0, section 4.2 for the chunks of base:1.1.
const (
	endOfMessage = "]]>]]>"
	endOfChunks  = "\n##\n"
)

// errFraming is a stream that does not keep to the framing: nothing on it can be trusted any more.
var errFraming = errors.New("bad framing")

// errTooLarge is a message over the limit.
var errTooLarge = errors.New("message too large")

// framer reads and writes whole messages. It begins with the framing of base:1.0, which the hellos always have.
type framer struct {
	in       *bufio.Reader
	out      io.Writer
	chunked  bool
	maxBytes int
}

func newFramer(rw io.ReadWriter, maxBytes int) *framer {
	return &framer{in: bufio.NewReaderSize(rw, 32<<10), out: rw, maxBytes: maxBytes}
}

// write sends one message with one Write.
func (f *framer) write(msg []byte) error {
	var b bytes.Buffer
	if f.chunked {
		fmt.Fprintf(&b, "\n#%d\n", len(msg))
		b.Write(msg)
		b.WriteString(endOfChunks)
	} else {
		b.Write(msg)
		b.WriteString(endOfMessage)
	}
	_, err := f.out.Write(b.Bytes())
	return err
}

// read gives the next message without its framing. io.EOF is given only between messages; within one it is
// io.ErrUnexpectedEOF.
func (f *framer) read() ([]byte, error) {
	if f.chunked {
		return f.readChunks()
	}
	return f.readMarked()
}

func (f *framer) readMarked() ([]byte, error) {
	var msg []byte
	for {
		part, err := f.in.ReadSlice('>')
		msg = append(msg, part...)
		if len(msg) > f.maxBytes {
			return nil, fmt.Errorf("%w: over %d bytes", errTooLarge, f.maxBytes)
		}
		if bytes.HasSuffix(msg, []byte(endOfMessage)) {
			return msg[:len(msg)-len(endOfMessage)], nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(msg)) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

// readChunks decodes chunks of any size. Line feeds before a message are passed over: some peers send the last one of a
// message on its own.
func (f *framer) readChunks() ([]byte, error) {
	var msg []byte
	for began := false; ; {
		size, err := f.readHeader(began)
		if err != nil {
			return nil, err
		}
		if size == 0 {
			return msg, nil
		}
		if size > f.maxBytes-len(msg) {
			return nil, fmt.Errorf("%w: over %d bytes", errTooLarge, f.maxBytes)
		}
		began = true
		// Read in parts: a header alone must not make us allocate what it claims.
		for size > 0 {
			n := min(size, 64<<10)
			at := len(msg)
			msg = append(msg, make([]byte, n)...)
			if _, err := io.ReadFull(f.in, msg[at:]); err != nil {
				return nil, unexpected(err)
			}
			size -= n
		}
	}
}

// readHeader reads `\n#SIZE\n`, or `\n##\n`, for which it gives 0.
func (f *framer) readHeader(began bool) (int, error) {
	b, err := f.in.ReadByte()
	if err != nil {
		if !began {
			return 0, err
		}
		return 0, unexpected(err)
	}
	if b != '\n' {
		return 0, fmt.Errorf("%w: %q where a chunk begins", errFraming, b)
	}
	for {
		if b, err = f.in.ReadByte(); err != nil {
			if !began && errors.Is(err, io.EOF) {
				return 0, io.EOF
			}
			return 0, unexpected(err)
		}
		if b != '\n' || began {
			break
		}
	}
	if b != '#' {
		return 0, fmt.Errorf("%w: %q where a chunk begins", errFraming, b)
	}
	size := 0
	for digits := 0; ; digits++ {
		if b, err = f.in.ReadByte(); err != nil {
			return 0, unexpected(err)
		}
		switch {
		case b == '#' && digits == 0 && began:
			if b, err = f.in.ReadByte(); err != nil {
				return 0, unexpected(err)
			}
			if b != '\n' {
				return 0, fmt.Errorf("%w: %q after the last chunk", errFraming, b)
			}
			return 0, nil
		case b == '\n' && digits > 0:
			return size, nil
		case b < '0' || b > '9' || b == '0' && digits == 0 || digits == 10:
			return 0, fmt.Errorf("%w: %q in the size of a chunk", errFraming, b)
		}
		size = size*10 + int(b-'0')
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
