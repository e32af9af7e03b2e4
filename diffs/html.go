package diffs

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var reportHTML string

// htmlReport is parsed once; it is never changed after.
var htmlReport = template.Must(template.New("report").Parse(reportHTML))

type htmlPage struct {
	Title, Created, Counts string
	Notes                  []string
	Statuses               []htmlCount
	Groups                 []htmlGroup
}

type htmlCount struct {
	Status string
	Count  int
}

type htmlGroup struct {
	ID      string
	Status  string
	Head    string
	Open    bool
	Devices []string
	Notes   []htmlNote
	Added   int // lines marked +, - and !
	Removed int
	Marked  int
	Lines   []htmlLine
	NoDiff  string
	ByHand  []htmlHand
}

type htmlHand struct {
	Device, Text string
	Lines        []htmlLine
}

type htmlNote struct {
	Kind, Text string
	Devices    []string
}

type htmlLine struct {
	Class string // add, del, mark, banner or ctx
	Text  string // with its newline
}

// WriteHTML writes the report as one page that needs nothing beside it: no scripts, no fonts, no requests. It follows the
// reader's choice of light or dark and prints well.
func WriteHTML(w io.Writer, r *Report, opts ReportOptions) error {
	page := htmlPage{Title: r.Title, Counts: r.Counts().String(), Notes: each(r.Notes, printable)}
	if page.Title == "" {
		page.Title = "Configuration changes"
	}
	if !r.Created.IsZero() {
		page.Created = r.Created.UTC().Format(heldTime)
	}
	counts := r.Counts()
	for _, s := range countOrder {
		if counts[s] > 0 {
			page.Statuses = append(page.Statuses, htmlCount{s.String(), counts[s]})
		}
	}
	for i, g := range r.groups(opts) {
		page.Groups = append(page.Groups, newHTMLGroup(i, g))
	}
	if err := htmlReport.Execute(w, page); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newHTMLGroup(i int, g Group) htmlGroup {
	h := htmlGroup{
		ID:      fmt.Sprintf("group-%d", i+1),
		Status:  g.Status.String(),
		Head:    g.Results[0].Device,
		Open:    g.Status != Unchanged && g.Status != Skipped,
		Devices: g.Devices(),
	}
	if len(g.Results) > 1 {
		h.Head = devices(len(g.Results))
	}
	for _, n := range g.notes() {
		h.Notes = append(h.Notes, htmlNote{n.kind, printable(n.text), n.devices})
	}
	for _, r := range g.Results {
		for _, c := range r.ByHand {
			h.ByHand = append(h.ByHand, htmlHand{r.Device, printable(c.String()), htmlLines(c.Diff)})
		}
	}
	if g.Text == "" {
		h.NoDiff = mdNoDiff(g.Status)
		return h
	}
	h.Lines = htmlLines(g.Text)
	for _, l := range h.Lines {
		switch l.Class {
		case "add":
			h.Added++
		case "del":
			h.Removed++
		case "mark":
			h.Marked++
		}
	}
	return h
}

// htmlLines gives the lines of a diff with what they are.
func htmlLines(text string) []htmlLine {
	var out []htmlLine
	for line := range strings.Lines(text) {
		class := "ctx"
		switch line[0] {
		case '+':
			class = "add"
		case '-':
			class = "del"
		case '!':
			class = "mark"
		case '[', '#':
			class = "banner"
		}
		out = append(out, htmlLine{class, line})
	}
	return out
}
