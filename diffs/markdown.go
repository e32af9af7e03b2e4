package diffs

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the report as GitHub-flavoured Markdown: a table of counts, then a section for each group with
// its diff in a fenced block of kind diff.
func WriteMarkdown(w io.Writer, r *Report, opts ReportOptions) error {
	bw := bufio.NewWriter(w) // keeps the first error, Flush returns it
	title := r.Title
	if title == "" {
		title = "Configuration changes"
	}
	fmt.Fprintf(bw, "# %s\n\n", mdText(title))
	if !r.Created.IsZero() {
		fmt.Fprintf(bw, "%s\n\n", r.Created.UTC().Format(heldTime))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(bw, "- %s\n", mdText(n))
	}
	if len(r.Notes) > 0 {
		bw.WriteByte('\n')
	}
	fmt.Fprintf(bw, "%s\n", r.Counts())
	for _, g := range r.groups(opts) {
		if len(g.Results) == 1 {
			fmt.Fprintf(bw, "\n## %s: %s\n\n", g.Status, mdCode(g.Results[0].Device))
		} else {
			fmt.Fprintf(bw, "\n## %s: %s\n\n", g.Status, devices(len(g.Results)))
			for _, name := range g.Devices() {
				fmt.Fprintf(bw, "- %s\n", mdCode(name))
			}
			bw.WriteByte('\n')
		}
		notes := g.notes()
		for _, n := range notes {
			fmt.Fprintf(bw, "- **%s**", n.kind)
			for _, d := range n.devices {
				fmt.Fprintf(bw, " %s", mdCode(d))
			}
			fmt.Fprintf(bw, ": %s\n", mdCode(printable(n.text)))
		}
		if len(notes) > 0 {
			bw.WriteByte('\n')
		}
		if g.Text == "" {
			fmt.Fprintf(bw, "%s\n", mdNoDiff(g.Status))
		} else {
			mdDiff(bw, g.Text)
		}
		for _, r := range g.Results {
			for _, c := range r.ByHand {
				fmt.Fprintf(bw, "\n**by hand** %s: %s\n", mdCode(r.Device), mdCode(printable(c.String())))
				if c.Diff != "" {
					bw.WriteByte('\n')
					mdDiff(bw, c.Diff)
				}
			}
		}
	}
	if err := bw.Flush(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// mdDiff writes a fenced block of kind diff.
func mdDiff(bw *bufio.Writer, text string) {
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	fmt.Fprintf(bw, "%sdiff\n%s\n%s\n", fence, strings.TrimSuffix(text, "\n"), fence)
}

// mdNoDiff says what it means that there is no diff to show: only a device that answered has none.
func mdNoDiff(s Status) string {
	if s == Unchanged {
		return "No difference."
	}
	return "No diff is known."
}

// mdCode gives a code span that holds s whatever s contains (CommonMark 6.1).
func mdCode(s string) string {
	if s == "" {
		return ""
	}
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// mdText escapes what Markdown would read as markup (CommonMark 2.4).
func mdText(s string) string {
	var b strings.Builder
	for _, r := range printable(s) {
		if strings.ContainsRune("\\`*_{}[]<>()#+-!|&~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// longestRun gives the length of the longest run of c in s.
func longestRun(s string, c byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
