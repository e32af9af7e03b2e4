package main

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// filter picks entries of a history or an audit log.
type filter struct {
	user  string
	task  string
	since string
	limit int

	after time.Time // of since
}

func (f *filter) flags(cmd *cobra.Command, what string, limit int) {
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "", "only "+what+" by `USER`")
	flags.StringVar(&f.task, "task", "", "only "+what+" of this `TASK`")
	flags.StringVar(&f.since, "since", "", "only "+what+" since `WHEN`: 2h, 7d, 2026-03-01 or 2026-03-01T14:00 (UTC)")
	flags.IntVarP(&f.limit, "limit", "n", limit, "the newest `N` only; 0 is all")
}

// check reads what was given.
func (f *filter) check(now time.Time) error {
	if f.limit < 0 {
		return cli.Usagef("--limit %d: expected a number from 0", f.limit)
	}
	if f.since == "" {
		return nil
	}
	at, err := parseSince(f.since, now)
	f.after = at
	return err
}

// parseSince reads how long ago, or when.
func parseSince(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, cli.Usagef("--since %q: expected how long ago (2h, 7d) or when (2026-03-01, 2026-03-01T14:00)", s)
}

// has says whether an entry is one that is asked for. A task is the first word of a comment, whatever its case.
func (f *filter) has(at time.Time, user, comment string) bool {
	return (f.user == "" || strings.EqualFold(user, f.user)) &&
		(f.task == "" || strings.EqualFold(taskForm.FindString(comment), f.task) || strings.EqualFold(firstWord(comment), f.task)) &&
		!at.Before(f.after)
}

func firstWord(s string) string {
	if words := strings.Fields(s); len(words) > 0 {
		return words[0]
	}
	return ""
}

// commits picks those of a device's history. By is whoever the comment of a run names, or else the router's own user.
func (f *filter) commits(all []devices.Commit) []devices.Commit {
	all = slices.DeleteFunc(slices.Clone(all), func(c devices.Commit) bool {
		return !f.has(c.Time, c.User, c.Comment) && !f.has(c.Time, personOf(c.Comment), c.Comment)
	})
	if f.limit > 0 {
		all = all[:min(f.limit, len(all))]
	}
	return all
}

// personOf is whom a run's comment names: `T1 why (alice, run 01…)`. The account on the router is often one for all.
func personOf(comment string) string {
	at := runForm.FindStringIndex(comment)
	if at == nil {
		return ""
	}
	before := strings.TrimSuffix(comment[:at[0]], ", ")
	return before[strings.LastIndexByte(before, '(')+1:]
}
