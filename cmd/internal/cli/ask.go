package cli

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// ErrNoTerminal is returned by Ask where there is nobody to ask.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Ask asks for a line. An end of the input is no answer: the error is ErrNotApproved.
func (s *Streams) Ask(question string) (string, error) {
	if !s.InTerminal {
		return "", ErrNoTerminal
	}
	if s.lines == nil {
		s.lines = bufio.NewReader(s.In)
	}
	fmt.Fprint(s.Err, question) //nolint:errcheck // see Notef
	line, err := s.lines.ReadString('\n')
	if err != nil {
		return "", ErrNotApproved
	}
	return strings.TrimSpace(line), nil
}
