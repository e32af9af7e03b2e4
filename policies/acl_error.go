package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// File is a file of data, as it was read: definitions/static.net, policies/border-extra.yaml.
type File struct {
	Name string // slash-separated, for messages
	Data []byte
}

// DataError is a mistake in a file of data.
type DataError struct {
	File         string
	Line, Column int    // from 1; Line 0: the file as a whole, or not a file at all
	Message      string // what is wrong and what was expected
	Hint         string // what to do; may be empty
}

// Error gives FILE:LINE:COLUMN: MESSAGE (HINT), the form that editors make a link of.
func (e *DataError) Error() string {
	s := e.where() + ": " + e.Message
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *DataError) where() string {
	return place{e.File, e.Line, e.Column}.String()
}

// DataErrors is all that is wrong in files of data, sorted by file and line.
type DataErrors []*DataError

// Error is the mistake if there is one, and a list with their number on the first line if there are several.
func (l DataErrors) Error() string {
	if len(l) == 1 {
		return l[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems:", len(l))
	for _, e := range l {
		b.WriteString("\n  " + e.Error())
	}
	return b.String()
}

// Unwrap gives the mistakes one by one.
func (l DataErrors) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

func (l *DataErrors) add(at place, hint, format string, args ...any) {
	*l = append(*l, &DataError{File: at.file, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// err is the list as an error, sorted, each mistake once; nil when there is none.
func (l DataErrors) err() error {
	if len(l) == 0 {
		return nil
	}
	slices.SortStableFunc(l, func(a, b *DataError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(l, func(a, b *DataError) bool { return *a == *b })
}

// place is where something stands in a file of data.
type place struct {
	file         string
	line, column int
}

func (p place) String() string {
	if p.line == 0 {
		return p.file
	}
	return fmt.Sprintf("%s:%d:%d", p.file, p.line, p.column)
}

// word is a word of a file.
type word struct {
	text string
	at   place
}

// meant is the hint for a name that is not known: the nearest one, or else what there is.
func meant[V any](name, what string, known map[string]V) string {
	if near := nearest(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	list := make([]string, 0, len(known))
	for k := range known {
		list = append(list, k)
	}
	slices.Sort(list)
	const most = 30
	switch {
	case len(list) == 0:
		return "there are no " + what
	case len(list) > most:
		return fmt.Sprintf("%s: %s and %d more", what, strings.Join(list[:most], ", "), len(list)-most)
	}
	return what + ": " + strings.Join(list, ", ")
}

// setOf makes a set of names, for nearest and meant.
func setOf(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}
