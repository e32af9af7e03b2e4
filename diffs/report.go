package diffs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"rhapsode/diffs/junos"
)

// ReportVersion is the version of the JSON report. Within a version fields are added, never changed or taken away.
const ReportVersion = 1

// Report is the outcome of a run over devices, ready to be written in one of four forms.
type Report struct {
	Title   string    // a line for the head of Markdown and HTML: "rhapsode diff site:ams"; may be empty
	Created time.Time // zero: not shown
	Notes   []string  // lines below the head, about the whole
	Devices []DeviceResult
}

// ReportOptions says how a report is written. The zero value writes everything, without colour, with secrets as they are.
type ReportOptions struct {
	Color    bool      // terminal colours, for WriteText only; what they say is said by the marks as well
	OmitDiff bool      // say that there is a difference and leave it out
	Redact   *Redactor // nil: secrets are shown as they are
}

// omitted stands for a diff that is left out.
const omitted = "# non-empty diff omitted"

// Counts is how many devices have which status; statuses that no device has are not in it.
type Counts map[Status]int

// Counts counts the devices by status.
func (r *Report) Counts() Counts {
	c := make(Counts)
	for _, d := range r.Devices {
		c[d.Status]++
	}
	return c
}

// countOrder is the order in which counts are told: what changes first, then what went wrong, then the quiet rest.
var countOrder = [...]Status{Changed, Committed, RolledBack, Failed, Unreachable, Unknown, Skipped, Unchanged}

// String gives "3 devices: 2 changed, 1 unreachable".
func (c Counts) String() string {
	total := 0
	var parts []string
	for _, s := range countOrder {
		if n := c[s]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if total == 0 {
		return "0 devices"
	}
	return fmt.Sprintf("%s: %s", devices(total), strings.Join(parts, ", "))
}

func devices(n int) string {
	if n == 1 {
		return "1 device"
	}
	return fmt.Sprintf("%d devices", n)
}

// groups gives the report's groups as they are to be shown: redacted, diffs left out if asked.
func (r *Report) groups(opts ReportOptions) []Group {
	results := r.Devices
	if opts.Redact != nil {
		results = opts.Redact.results(results)
	}
	// Grouping comes before the omission: two different diffs stay two groups when they are left out.
	groups := GroupByText(results)
	if opts.OmitDiff {
		for i := range groups {
			if groups[i].Text != "" {
				groups[i].Text = omitted + "\n"
			}
			groups[i].Results = each(groups[i].Results, DeviceResult.omit)
		}
	}
	return groups
}

// omit leaves the diffs out, and that there are some in.
func (d DeviceResult) omit() DeviceResult {
	if d.Text != "" {
		d.Text = omitted + "\n"
	}
	d.ByHand = each(d.ByHand, func(c HandCommit) HandCommit {
		c.Diff = ""
		return c
	})
	return d
}

// joinPath writes a path as it would be typed.
func joinPath(path []string) string {
	quoted := make([]string, len(path))
	for i, w := range path {
		quoted[i] = junos.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// SGR sequences of the terminal (ECMA-48 8.3.117).
const (
	sgrRed    = "\x1b[31m"
	sgrGreen  = "\x1b[32m"
	sgrYellow = "\x1b[33m"
	sgrBold   = "\x1b[1m"
	sgrReset  = "\x1b[0m"
)

// markColor gives the colour of a diff line, "" for none.
func markColor(line string) string {
	if line == "" {
		return ""
	}
	switch line[0] {
	case '+':
		return sgrGreen
	case '-':
		return sgrRed
	case '!':
		return sgrYellow
	}
	return ""
}

// Colorize gives a compare text with terminal colours: + green, - red, ! yellow.
func Colorize(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimSuffix(line, "\n")
		if c := markColor(body); c != "" {
			b.WriteString(c + body + sgrReset + line[len(body):])
		} else {
			b.WriteString(line)
		}
	}
	return b.String()
}

// printable makes a message from elsewhere safe for a terminal and one line: control characters become spaces, so that
// what a device sends can neither move the cursor nor forge a line of the report.
func printable(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)), " ")
}

// visible makes control characters in a diff visible, \x1b for the one that begins a terminal's sequences: what stands in
// a configuration must neither hide a line nor change another. Newlines and tabs stay.
func visible(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0
}

// WriteText writes the report for a terminal or a file: a head for each group with its devices, what is held and what
// went wrong, the diff; the counts last.
func WriteText(w io.Writer, r *Report, opts ReportOptions) error {
	bw := bufio.NewWriter(w) // keeps the first error, Flush returns it
	paint := func(sgr, s string) string {
		if !opts.Color || sgr == "" {
			return s
		}
		return sgr + s + sgrReset
	}
	for _, n := range r.Notes {
		fmt.Fprintln(bw, printable(n))
	}
	if len(r.Notes) > 0 {
		bw.WriteByte('\n')
	}
	for _, g := range r.groups(opts) {
		fmt.Fprintln(bw, paint(sgrBold, groupHead(g)))
		for _, n := range g.notes() {
			sgr := sgrYellow
			if n.kind == "error" || n.kind == "risk" {
				sgr = sgrRed
			}
			fmt.Fprintln(bw, paint(sgr, n.String()))
		}
		text := visible(g.Text)
		if opts.Color {
			text = Colorize(text)
		}
		bw.WriteString(text)
		if text != "" && !strings.HasSuffix(text, "\n") {
			bw.WriteByte('\n')
		}
		writeByHand(bw, g, opts.Color)
		bw.WriteByte('\n')
	}
	fmt.Fprintln(bw, r.Counts())
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// writeByHand writes what people have committed on the devices of a group, set off from what would be changed.
func writeByHand(bw *bufio.Writer, g Group, color bool) {
	for _, r := range g.Results {
		for _, c := range r.ByHand {
			fmt.Fprintf(bw, "by hand (%s): %s\n", r.Device, printable(c.String()))
			for line := range strings.Lines(visible(c.Diff)) {
				if color {
					line = Colorize(line)
				}
				bw.WriteString("    " + line)
			}
		}
	}
}

// groupHead gives "changed (2 devices): a b".
func groupHead(g Group) string {
	if len(g.Results) == 1 {
		return fmt.Sprintf("%s: %s", g.Status, g.Results[0].Device)
	}
	return fmt.Sprintf("%s (%s): %s", g.Status, devices(len(g.Results)), strings.Join(g.Devices(), " "))
}

// String gives "held: …", or "held (a b): …" when it is true of some devices of the group only.
func (n note) String() string {
	if n.devices == nil {
		return n.kind + ": " + printable(n.text)
	}
	return fmt.Sprintf("%s (%s): %s", n.kind, strings.Join(n.devices, " "), printable(n.text))
}

type reportJSON struct {
	Version int            `json:"version"`
	Title   string         `json:"title,omitempty"`
	Created time.Time      `json:"created,omitzero"`
	Notes   []string       `json:"notes,omitempty"`
	Counts  map[string]int `json:"counts"`
	Devices []deviceJSON   `json:"devices"`
	Groups  []groupJSON    `json:"groups"`
}

type deviceJSON struct {
	Device   string     `json:"device"`
	Status   Status     `json:"status"`
	Diff     string     `json:"diff,omitempty"`
	Error    string     `json:"error,omitempty"`
	Hint     string     `json:"hint,omitempty"`
	Warnings []string   `json:"warnings,omitempty"`
	Held     []Held     `json:"held,omitempty"`
	Orphans  [][]string `json:"orphans,omitempty"`
	Risks    []string   `json:"risks,omitempty"`

	Unmanaged []string     `json:"unmanaged,omitempty"`
	ByHand    []HandCommit `json:"by_hand,omitempty"`
	Drift     []string     `json:"drift,omitempty"`
}

type groupJSON struct {
	Status  Status   `json:"status"`
	Devices []string `json:"devices"`
}

// WriteJSON writes the report as one JSON object: version, counts by status, devices in the order of the input, and
// which of them the other forms show as one group.
func WriteJSON(w io.Writer, r *Report, opts ReportOptions) error {
	out := reportJSON{
		Version: ReportVersion, Title: r.Title, Created: r.Created, Notes: r.Notes,
		Counts: map[string]int{}, Devices: []deviceJSON{}, Groups: []groupJSON{},
	}
	for s, n := range r.Counts() {
		out.Counts[s.String()] = n
	}
	results := r.Devices
	if opts.Redact != nil {
		results = opts.Redact.results(results)
	}
	for _, d := range results {
		if opts.OmitDiff {
			d = d.omit()
		}
		out.Devices = append(out.Devices, deviceJSON{
			d.Device, d.Status, d.Text, d.Err, d.Hint, d.Warnings, d.Held, d.Orphans, d.Risks, d.Unmanaged, d.ByHand, d.Drift,
		})
	}
	for _, g := range r.groups(opts) {
		out.Groups = append(out.Groups, groupJSON{g.Status, g.Devices()})
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
