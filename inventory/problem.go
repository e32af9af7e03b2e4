package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong (in the error of Load) or doubtful (in Network.Warnings), and where.
type Problem struct {
	File    string `json:"file"`             // slash-separated path below the tree's root
	Line    int    `json:"line,omitempty"`   // from 1; 0: the file as a whole
	Column  int    `json:"column,omitempty"` // from 1
	Message string `json:"message"`          // what is wrong and what was expected
	Hint    string `json:"hint,omitempty"`   // what to do, where that is known
}

// String is `FILE:LINE:COLUMN: message (hint)`, the form that editors and terminals make a link of.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Problems is the error of Load when the tree itself is at fault: all that was found, sorted by file and line.
type Problems []Problem

// Error is the problem if there is one, and a list with their number on the first line if there are several.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems:", len(p))
	for _, one := range p {
		b.WriteString("\n  " + one.String())
	}
	return b.String()
}

// add appends a problem at a position.
func (p *Problems) add(at position, hint, format string, args ...any) {
	*p = append(*p, Problem{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// sorted orders by file, line and column and drops what was found twice: a value that several devices inherit is
// checked for each of them.
func (p Problems) sorted() Problems {
	p = slices.Clone(p)
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(p, func(a, b Problem) bool {
		return a.File == b.File && a.Line == b.Line && a.Column == b.Column && a.Message == b.Message
	})
}

// withoutConsequences drops what was said of a value after one of the first n problems had said that the value itself is
// ill-formed: that no role has the name "" is no second mistake.
func (p Problems) withoutConsequences(n int) Problems {
	type place struct {
		file         string
		line, column int
	}
	ill := map[place]bool{}
	for _, x := range p[:n] {
		ill[place{x.File, x.Line, x.Column}] = true
	}
	rest := slices.DeleteFunc(slices.Clone(p[n:]), func(x Problem) bool { return ill[place{x.File, x.Line, x.Column}] })
	return append(slices.Clone(p[:n]), rest...)
}

// position is a place in a file of the tree.
type position struct {
	file         string
	line, column int // from 1; 0: the file as a whole
}

func (p position) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }
