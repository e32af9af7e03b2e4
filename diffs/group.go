package diffs

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status says how one device came out of a run. The zero value is Unknown, so that a result that nobody filled in never
// reads as "no difference".
type Status uint8

// The statuses of a device.
const (
	Unknown     Status = iota // not filled in: a fault of the program, counted as a failure
	Changed                   // there is a difference
	Unchanged                 // the device answered and there is none
	Committed                 // the difference was committed and read back
	RolledBack                // it was committed and the device went back
	Failed                    // the device answered, something went wrong
	Unreachable               // the device did not answer: nothing is known of it
	Skipped                   // not tried, since the run ended before its turn
)

var statusNames = [...]string{"unknown", "changed", "unchanged", "committed", "rolled-back", "failed", "unreachable", "skipped"}

// String gives the status in lower case, as it stands in JSON.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// MarshalText gives String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what String gives.
func (s *Status) UnmarshalText(text []byte) error {
	i := slices.Index(statusNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown status %q (one of %s)", text, strings.Join(statusNames[:], ", "))
	}
	*s = Status(i)
	return nil
}

// alone says that devices of this status are never grouped: what went wrong is each device's own.
func (s Status) alone() bool {
	switch s {
	case Changed, Unchanged, Committed, Skipped:
		return false
	}
	return true
}

// DeviceResult is what one device contributes to a report.
type DeviceResult struct {
	Device   string     // FQDN
	Status   Status     // see Status
	Text     string     // the diff, "" when there is none or none is known
	Err      string     // what went wrong; empty unless something did
	Hint     string     // what to do about Err; may be empty
	Warnings []string   // what the device or the tool warned of
	Held     []Held     // what stays inactive
	Orphans  [][]string // what an earlier run rendered and this one does not, as paths
	Risks    []string   // how the change could lock us out, or what of it to look at for that

	// For a report of what a device has that is not rendered:
	Unmanaged []string     // the topmost statements that no template renders, as they are typed
	ByHand    []HandCommit // what people have committed since our last run, the newest first
	Drift     []string     // in which ways it has drifted: diff, held, orphan, by hand; for programs
}

// HandCommit is a commit on a device that none of our runs has made.
type HandCommit struct {
	Number  int       `json:"number"` // in the device's history
	Time    time.Time `json:"time"`
	User    string    `json:"user"`
	Client  string    `json:"client,omitempty"`
	Comment string    `json:"comment,omitempty"`
	Diff    string    `json:"diff,omitempty"` // what it changed; "" if the device does not tell any more
}

// String says who committed it, when and why.
func (c HandCommit) String() string {
	s := fmt.Sprintf("commit %d at %s by %s", c.Number, c.Time.UTC().Format(heldTime), c.User)
	if c.Client != "" {
		s += " via " + c.Client
	}
	if c.Comment != "" {
		s += fmt.Sprintf(" %q", c.Comment)
	}
	return s
}

// Group is the devices that a report shows once: same status and the very same diff.
type Group struct {
	Status  Status
	Text    string
	Results []DeviceResult // at least one, in the order of the input
}

// Devices gives the names of the group's devices, in the order of the input.
func (g Group) Devices() []string {
	names := make([]string, len(g.Results))
	for i, r := range g.Results {
		names[i] = r.Device
	}
	return names
}

// GroupByText groups the results whose status and whole text are equal; groups come in the order of their first device.
// A device that failed, could not be reached or was rolled back is a group of its own.
func GroupByText(results []DeviceResult) []Group {
	type key struct {
		status Status
		text   string
	}
	var groups []Group
	index := make(map[key]int)
	for _, r := range results {
		k := key{r.Status, r.Text}
		i, ok := index[k]
		if ok && !r.Status.alone() {
			groups[i].Results = append(groups[i].Results, r)
			continue
		}
		index[k] = len(groups)
		groups = append(groups, Group{Status: r.Status, Text: r.Text, Results: []DeviceResult{r}})
	}
	return groups
}

// note is a line that stands above a diff, with the devices it is true of.
type note struct {
	kind    string   // one of the order in Group.notes
	text    string   // without the kind
	devices []string // nil: all devices of the group
}

// notes gathers what is to be said of a group besides its diff: each line once, with the devices it is about unless
// those are all of them.
func (g Group) notes() []note {
	var out []note
	add := func(device, kind, text string) {
		for i := range out {
			if out[i].kind == kind && out[i].text == text {
				if !slices.Contains(out[i].devices, device) {
					out[i].devices = append(out[i].devices, device)
				}
				return
			}
		}
		out = append(out, note{kind, text, []string{device}})
	}
	for _, r := range g.Results {
		if r.Err != "" {
			add(r.Device, "error", r.Err)
		}
		if r.Hint != "" {
			add(r.Device, "hint", r.Hint)
		}
		for _, w := range r.Warnings {
			add(r.Device, "warning", w)
		}
		for _, h := range r.Held {
			add(r.Device, "held", h.String())
		}
		for _, o := range r.Orphans {
			add(r.Device, "orphan", joinPath(o))
		}
		for _, k := range r.Risks {
			add(r.Device, "risk", k)
		}
		for _, u := range r.Unmanaged {
			add(r.Device, "unmanaged", u)
		}
	}
	for i := range out {
		if len(out[i].devices) == len(g.Results) {
			out[i].devices = nil
		}
	}
	// Errors first, what a person did next, what is merely noteworthy last.
	order := []string{"error", "hint", "risk", "held", "warning", "orphan", "unmanaged"}
	slices.SortStableFunc(out, func(a, b note) int { return slices.Index(order, a.kind) - slices.Index(order, b.kind) })
	return out
}

// heldTime is how Held.String writes Since. The time is given in UTC, since the reader and the router rarely share a zone.
const heldTime = "2006-01-02 15:04 MST"

// String says PATH inactive since TIME by USER "COMMENT", leaving out what is not known.
func (h Held) String() string {
	var b strings.Builder
	b.WriteString(joinPath(h.Path))
	b.WriteString(" inactive")
	if !h.Since.IsZero() {
		b.WriteString(" since " + h.Since.In(time.UTC).Format(heldTime))
	}
	if h.User != "" {
		b.WriteString(" by " + h.User)
	}
	if h.Comment != "" {
		fmt.Fprintf(&b, " %q", h.Comment)
	}
	return b.String()
}
