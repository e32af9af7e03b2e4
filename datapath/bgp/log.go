package bgp

import (
	"context"
	"log/slog"
	"strings"
)

// adapted gives GoBGP's log in the house's form: lower case, its `Key` as our `peer`, its `Error` as our `err`, and
// nothing else, since it has spellings of its own for the rest. What it calls an error is a warning here: a session that
// failed is tried again. Its debug log writes out every route and is left off.
type adapted struct {
	to    slog.Handler
	attrs []slog.Attr
}

func adapt(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(adapted{to: log.Handler()})
}

// Enabled implements slog.Handler.
func (h adapted) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo && h.to.Enabled(ctx, min(level, slog.LevelWarn))
}

// Handle implements slog.Handler.
func (h adapted) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, min(r.Level, slog.LevelWarn), "bgp: "+strings.ToLower(r.Message), 0)
	out.AddAttrs(h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		if b, ok := ours(a); ok {
			out.AddAttrs(b)
		}
		return true
	})
	return h.to.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h adapted) WithAttrs(attrs []slog.Attr) slog.Handler {
	kept := append([]slog.Attr(nil), h.attrs...)
	for _, a := range attrs {
		if b, ok := ours(a); ok {
			kept = append(kept, b)
		}
	}
	return adapted{to: h.to, attrs: kept}
}

// WithGroup implements slog.Handler; a group is not opened, since the attributes are renamed.
func (h adapted) WithGroup(string) slog.Handler { return h }

func ours(a slog.Attr) (slog.Attr, bool) {
	switch a.Key {
	case "Key":
		return slog.Attr{Key: "peer", Value: a.Value}, true
	case "Err", "Error":
		return slog.Attr{Key: "err", Value: a.Value}, true
	default:
		return slog.Attr{}, false
	}
}
