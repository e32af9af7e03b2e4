package router

import (
	"errors"
	"fmt"
	"strings"

	"rhapsode/diffs/junos"
)

// fault is one complaint of the management plane. NETCONF sends it as an <rpc-error>, the CLI prints it.
type fault struct {
	Tag     string // error-tag of RFC 6241, appendix A; empty: operation-failed
	Warning bool   // severity: a warning does not stop what was asked for
	Path    string // `[edit protocols bgp]`, or empty
	Bad     string // bad-element: the statement that is wrong, or empty
	Message string // in Junos's words, without a newline at its end
	Holder  int    // lock-denied: the session that holds the lock
	Pos     junos.Pos
}

// faults is the error type of everything that a client may be told. Any other error is the router's own trouble.
type faults []fault

// Error is the first message, and how many follow.
func (f faults) Error() string {
	switch len(f) {
	case 0:
		return "no fault"
	case 1:
		return f[0].Message
	}
	return fmt.Sprintf("%s (and %d more)", f[0].Message, len(f)-1)
}

// faultf makes a single fault of the default kind.
func faultf(format string, args ...any) faults {
	return faults{{Message: fmt.Sprintf(format, args...)}}
}

// faultsOf makes any error presentable.
func faultsOf(err error) faults {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[faults](err); ok {
		return f
	}
	return faults{{Message: err.Error()}}
}

// languageFaults turns the complaints about a text into faults. The bad element is the word at the place of the
// complaint, or for what is missing in the configuration the statement itself.
func languageFaults(list []*junos.Error, text string) faults {
	var out faults
	for _, e := range list {
		f := fault{Message: e.Message, Warning: e.Severity == junos.SeverityWarning, Pos: e.Pos}
		where := e.Path
		if f.Warning && len(where) > 0 {
			f.Bad, where = where[len(where)-1], where[:len(where)-1]
		} else if !f.Warning {
			f.Bad = wordAt(text, e.Pos)
		}
		if len(e.Path) > 0 {
			f.Path = editPath(where)
		}
		out = append(out, f)
	}
	return out
}

// wordAt is the word of a text at a place, empty at its end.
func wordAt(text string, at junos.Pos) string {
	for range at.Line - 1 {
		_, text, _ = strings.Cut(text, "\n")
	}
	if at.Line < 1 || at.Col < 1 || int(at.Col) > len(text) {
		return ""
	}
	text = text[at.Col-1:]
	if name, ok := strings.CutPrefix(text, "<"); ok { // an element of XML
		text = name[:max(0, strings.IndexAny(name+">", " \t\r\n/>"))]
		if _, local, ok := strings.Cut(text, ":"); ok {
			return local
		}
		return text
	}
	if end := strings.IndexAny(text, " \t\r\n;{}[]"); end > 0 {
		return text[:end]
	} else if end == 0 {
		return strings.TrimSpace(text[:1])
	}
	return text
}

// editPath is the banner of a place in the configuration.
func editPath(words []string) string {
	if len(words) == 0 {
		return "[edit]"
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = junos.Quote(w)
	}
	return "[edit " + strings.Join(quoted, " ") + "]"
}

// text is how the CLI prints faults: the place, the statement, the message, each indented below the other; a fault
// without a place is one `error:` line.
func (f faults) text() string {
	var b strings.Builder
	for _, x := range f {
		severity := "error: "
		if x.Warning {
			severity = "warning: "
		}
		if x.Path == "" {
			b.WriteString(severity + x.Message + "\n")
			continue
		}
		b.WriteString(x.Path + "\n")
		indent := "  "
		if x.Bad != "" {
			b.WriteString("  '" + x.Bad + "'\n")
			indent = "    "
		}
		if x.Warning {
			b.WriteString(indent + severity + x.Message + "\n")
			continue
		}
		b.WriteString(indent + x.Message + "\n")
	}
	return b.String()
}
