package main

import (
	"testing"
	"time"

	"rhapsode/devices"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2h":                   now.Add(-2 * time.Hour),
		"1h30m":                now.Add(-90 * time.Minute),
		"7d":                   now.AddDate(0, 0, -7),
		"0d":                   now,
		"2026-03-01":           time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"2026-03-01T14:00":     time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC),
		"2026-03-01 14:00:05":  time.Date(2026, 3, 1, 14, 0, 5, 0, time.UTC),
		"2026-03-01T14:00:00Z": time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-2h", "-1d", "yesterday", "1.5d", "2026-13-01", "d", "7", "99999999d"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}

func TestFilterCommits(t *testing.T) {
	at := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	all := []devices.Commit{
		{Number: 0, User: "lab", Time: at, Comment: "T2 why (alice, run 01KAJ3T8V9V5C8W6N0Q2R4S6T8)"},
		{Number: 1, User: "bob", Time: at.Add(-time.Hour), Comment: "t2 by hand"},
		{Number: 2, User: "lab", Time: at.Add(-2 * time.Hour), Comment: "T22 other (it is (odd), run 01KAJ3T8V9V5C8W6N0Q2R4S6T8)"},
		{Number: 3, User: "root", Time: at.Add(-3 * time.Hour)},
	}
	for name, c := range map[string]struct {
		f    filter
		want []int
	}{
		"all":                 {filter{}, []int{0, 1, 2, 3}},
		"limit":               {filter{limit: 2}, []int{0, 1}},
		"a task, in any case": {filter{task: "T2"}, []int{0, 1}},
		"the person of a run": {filter{user: "Alice"}, []int{0}},
		"the account":         {filter{user: "lab"}, []int{0, 2}},
		"since":               {filter{after: at.Add(-time.Hour)}, []int{0, 1}},
		"the limit is last":   {filter{user: "lab", task: "t22", limit: 1}, []int{2}},
		"none":                {filter{task: "T3"}, nil},
	} {
		got := c.f.commits(all)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
			continue
		}
		for i, w := range c.want {
			if got[i].Number != w {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
}

func TestCheckNames(t *testing.T) {
	commits := []devices.Commit{
		{Number: 0, Comment: "T5 flaps"},
		{Number: 1, Comment: "T2 why (alice, run 01KAJ3T8V9V5C8W6N0Q2R4S6T8)"},
		{Number: 2},
	}
	for _, good := range [][]string{{"T5", "T2", "2"}, {"0", "1", "2"}, {"t5", "01kaj3t8v9v5c8w6n0q2r4s6t8", "2"}, {"2", "T2", "T5", "T5"}} {
		if err := checkNames(commits, good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range [][]string{nil, {"T5", "T2"}, {"T5", "T2", "2", "3"}, {"T", "T2", "2"}, {"yes"}, {"T5", "T2", ""}} {
		if err := checkNames(commits, bad); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}
