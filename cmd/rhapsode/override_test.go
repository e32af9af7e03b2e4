package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
	"rhapsode/inventory"
)

func TestTaskOf(t *testing.T) {
	d := &inventory.Device{FQDN: "cr1.example.net"}
	for _, c := range []struct{ comment, user, message, task, reason string }{
		{"T1 ping1 down (alice, run 01M7YTRENP05QS3EPPH7AYN3G8)", "lab", "", "T1", "ping1 down (made inactive by alice)"},
		{"T1 ping1 down", "lab", "", "T1", "ping1 down (made inactive by lab)"},
		{"T1 ping1 down", "lab", "T2 \"later\"", "T2", "'later' (made inactive by lab: T1 ping1 down)"},
		{"", "", "T2 later", "T2", "later (made inactive)"},
		{"T1", "lab", "", "", ""},
		{"ping1 is down", "lab", "", "", ""},
		{"", "", "", "", ""},
		{"T1 ping1 down", "lab", "T2", "", ""},
	} {
		h := diffs.Held{Path: []string{"system", "ntp"}, User: c.user, Comment: c.comment}
		task, reason, err := taskOf(d, h, c.message)
		if c.task == "" {
			if cli.CodeOf(err) != cli.Usage {
				t.Errorf("%+v gives %q, %q, %v; want an error of usage", c, task, reason, err)
			}
			continue
		}
		if err != nil || task != c.task || reason != c.reason {
			t.Errorf("%+v gives %q, %q, %v", c, task, reason, err)
		}
	}
}

// TestNewOverrides: devices share an override only for the same statements and reason, every held statement of every
// device is in exactly one, and no two have one file.
func TestNewOverrides(t *testing.T) {
	ams, fra := &inventory.Site{Name: "ams"}, &inventory.Site{Name: "fra"}
	cr1, cr2 := &inventory.Device{Name: "cr1.ams", Site: ams}, &inventory.Device{Name: "cr2.ams", Site: ams}
	cr3 := &inventory.Device{Name: "cr1.fra", Site: fra}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	held := func(at time.Time, path ...string) diffs.Held { return diffs.Held{Path: path, Since: at} }
	early := now.Add(-time.Hour)
	list := []adoption{
		{cr1, held(now.Add(time.Hour), "a", "x"), "T1", "why"}, // a router whose clock is ahead
		{cr1, held(early, "b", "x"), "T1", "other"},
		{cr2, held(early, "a", "x"), "T1", "why"},
		{cr2, held(early, "c"), "T1", "why"},
		{cr3, held(time.Time{}, "a", "x"), "T1", "why"},
	}
	got := newOverrides(list, now, now.Add(time.Hour))
	var lines []string
	for _, o := range got {
		var paths []string
		for _, p := range o.Paths {
			paths = append(paths, strings.Join(p, " "))
		}
		lines = append(lines, o.File()+" "+o.Query+": "+strings.Join(paths, ", ")+" since "+o.Since.Format(time.TimeOnly))
		if err := o.Check(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"overrides/T1-ams-x-cr1-ams-1.yaml cr1.ams: a x since 12:00:00",
		"overrides/T1-ams-x-cr1-ams-2.yaml cr1.ams: b x since 11:00:00",
		"overrides/T1-ams-adopted.yaml cr2.ams: a x, c since 11:00:00",
		"overrides/T1-fra-x.yaml cr1.fra: a x since 12:00:00",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	same := newOverrides([]adoption{list[0], {cr2, held(early, "a", "x"), "T1", "why"}}, now, now.Add(time.Hour))
	if len(same) != 1 || same[0].Query != "cr1.ams, cr2.ams" || !same[0].Since.Equal(early) {
		t.Errorf("two routers with the same statement give %+v", same)
	}
}
