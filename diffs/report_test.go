package diffs

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

var reportTime = time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC)

func TestReportGolden(t *testing.T) {
	goldens(t, "report", func(t *testing.T, g *golden) {
		var in []deviceJSON
		if err := json.Unmarshal([]byte(g.part(t, "devices.json")), &in); err != nil {
			t.Fatal(err)
		}
		r := &Report{Title: "rhapsode diff *", Created: reportTime}
		if g.has("notes.txt") {
			r.Notes = strings.Split(strings.TrimSpace(g.part(t, "notes.txt")), "\n")
		}
		for _, d := range in {
			r.Devices = append(r.Devices, DeviceResult{
				d.Device, d.Status, d.Diff, d.Error, d.Hint, d.Warnings, d.Held, d.Orphans, d.Risks, d.Unmanaged, d.ByHand, d.Drift,
			})
		}
		for _, form := range []struct{ part, writer string }{
			{"want.txt", "text"}, {"want.md", "markdown"}, {"want.json", "json"}, {"want.html", "html"},
		} {
			var b strings.Builder
			if err := writers[form.writer](&b, r, ReportOptions{}); err != nil {
				t.Fatal(err)
			}
			g.want(t, form.part, b.String())
		}
	})
}

func TestWriteTextColor(t *testing.T) {
	r := &Report{Devices: []DeviceResult{{Device: "a.example.net", Status: Changed, Text: "[edit system]\n-  x;\n+  y;\n!  inactive: z { ... }\n   c { ... }\n"}}}
	var plain, color strings.Builder
	if err := errors.Join(WriteText(&plain, r, ReportOptions{}), WriteText(&color, r, ReportOptions{Color: true})); err != nil {
		t.Fatal(err)
	}
	want := "[edit system]\n\x1b[31m-  x;\x1b[0m\n\x1b[32m+  y;\x1b[0m\n\x1b[33m!  inactive: z { ... }\x1b[0m\n   c { ... }\n"
	if !strings.Contains(color.String(), want) {
		t.Errorf("colour: got %q, want it to contain %q", color.String(), want)
	}
	if strings.Contains(plain.String(), "\x1b") {
		t.Errorf("an escape without Color: %q", plain.String())
	}
	uncolored := strings.NewReplacer(sgrRed, "", sgrGreen, "", sgrYellow, "", sgrBold, "", sgrReset, "").Replace(color.String())
	if uncolored != plain.String() {
		t.Errorf("colour changes the text: %q, %q", uncolored, plain.String())
	}
}

// Nothing that a device sends reaches the terminal as a command.
func TestWriteTextControl(t *testing.T) {
	var b strings.Builder
	r := &Report{Devices: []DeviceResult{{
		Device: "a.example.net", Status: Changed, Text: "[edit]\n+ banner \"\x1b[2J\u009b\";\n", Err: "\x1b[1A", Warnings: []string{"a\rb\nc"},
	}}}
	if err := WriteText(&b, r, ReportOptions{Color: false}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(b.String(), isControl) {
		t.Errorf("got %q", b.String())
	}
	if want := `banner "\x1b[2J\x9b";`; !strings.Contains(b.String(), want) {
		t.Errorf("got %q, want it to contain %s", b.String(), want)
	}
}

func TestOmitDiff(t *testing.T) {
	r := &Report{Devices: []DeviceResult{
		{Device: "a.example.net", Status: Changed, Text: "[edit]\n- a;\n"},
		{Device: "b.example.net", Status: Changed, Text: "[edit]\n- b;\n"},
		{Device: "c.example.net", Status: Unchanged},
	}}
	for name, write := range writers {
		var b strings.Builder
		if err := write(&b, r, ReportOptions{OmitDiff: true}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "[edit]") || strings.Count(b.String(), omitted) != 2 {
			t.Errorf("%s: the diffs are not left out, or not told apart:\n%s", name, b.String())
		}
	}
	if r.Devices[0].Text != "[edit]\n- a;\n" {
		t.Error("the report itself was changed")
	}
}

var writers = map[string]func(*strings.Builder, *Report, ReportOptions) error{
	"text":     func(b *strings.Builder, r *Report, o ReportOptions) error { return WriteText(b, r, o) },
	"markdown": func(b *strings.Builder, r *Report, o ReportOptions) error { return WriteMarkdown(b, r, o) },
	"json":     func(b *strings.Builder, r *Report, o ReportOptions) error { return WriteJSON(b, r, o) },
	"html":     func(b *strings.Builder, r *Report, o ReportOptions) error { return WriteHTML(b, r, o) },
}

type brokenWriter struct{}

var errBroken = errors.New("broken pipe")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	r := &Report{Devices: []DeviceResult{{Device: "a.example.net", Status: Changed, Text: "[edit]\n- a;\n"}}}
	for name, err := range map[string]error{
		"text":     WriteText(brokenWriter{}, r, ReportOptions{}),
		"markdown": WriteMarkdown(brokenWriter{}, r, ReportOptions{}),
		"json":     WriteJSON(brokenWriter{}, r, ReportOptions{}),
		"html":     WriteHTML(brokenWriter{}, r, ReportOptions{}),
	} {
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: got %v, want the writer's error", name, err)
		}
	}
}

func TestHTMLIsSelfContained(t *testing.T) {
	var b strings.Builder
	r := &Report{Devices: []DeviceResult{{Device: `"><script>alert(1)</script>`, Status: Failed, Err: "<img src=x>", Text: "+ </code><b>x\n"}}}
	if err := WriteHTML(&b, r, ReportOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "<b>", "src=\"", "http:", "https:", "url(", "@import", "<link"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
}

func TestMarkdownFence(t *testing.T) {
	var b strings.Builder
	r := &Report{Devices: []DeviceResult{{Device: "a`b", Status: Changed, Text: "[edit system]\n+  message \"```\";\n"}}}
	if err := WriteMarkdown(&b, r, ReportOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"````diff\n[edit", ";\n````\n", "## changed: ``a`b``\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestGroupByText(t *testing.T) {
	groups := GroupByText([]DeviceResult{
		{Device: "a", Status: Changed, Text: "x"},
		{Device: "b", Status: Unreachable},
		{Device: "c", Status: Changed, Text: "x "},
		{Device: "d", Status: Unchanged},
		{Device: "e", Status: Changed, Text: "x"},
		{Device: "f", Status: Unreachable},
		{Device: "g", Status: Failed, Text: "x"},
		{Device: "h", Status: Failed, Text: "x"},
		{Device: "i", Status: Unchanged},
		{Device: "j"},
		{Device: "k"},
	})
	var got []string
	for _, g := range groups {
		got = append(got, g.Status.String()+" "+strings.Join(g.Devices(), "+"))
	}
	want := "changed a+e|unreachable b|changed c|unchanged d+i|unreachable f|failed g|failed h|unknown j|unknown k"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got %s\nwant %s", s, want)
	}
}

func TestStatusText(t *testing.T) {
	for s := Unknown; s <= Skipped; s++ {
		text, err := s.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Status
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%s: got %v, %v", s, back, err)
		}
		found := false
		for _, o := range countOrder {
			found = found || o == s
		}
		if !found {
			t.Errorf("%s is never counted", s)
		}
	}
	var s Status
	if err := s.UnmarshalText([]byte("fine")); err == nil {
		t.Error("an unknown status was accepted")
	}
	if got := Status(200).String(); got != "status 200" {
		t.Errorf("got %q", got)
	}
}

func TestCounts(t *testing.T) {
	for want, r := range map[string]*Report{
		"0 devices":           {},
		"1 device: 1 unknown": {Devices: []DeviceResult{{}}},
		"3 devices: 1 changed, 1 unreachable, 1 unchanged": {Devices: []DeviceResult{
			{Status: Unchanged}, {Status: Unreachable}, {Status: Changed},
		}},
	} {
		if got := r.Counts().String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestHeldString(t *testing.T) {
	path := []string{"firewall", "filter", "a b"}
	zone := time.FixedZone("", 3600)
	for want, h := range map[string]Held{
		`firewall filter "a b" inactive`:                                           {Path: path},
		`firewall filter "a b" inactive since 2026-03-01 14:02 UTC by jane "T123"`: {path, time.Date(2026, 3, 1, 15, 2, 0, 0, zone), "jane", "T123"},
	} {
		if got := h.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
