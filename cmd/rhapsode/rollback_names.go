package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/diffs"
)

var (
	taskForm = regexp.MustCompile(`^[A-Za-z]+-?[0-9]+\b`)
	runForm  = regexp.MustCompile(`\brun ([0-7][0-9A-HJKMNP-TV-Z]{25})\b`)
)

// commitNames are the names by which a person can mean a commit, the first of which is shown: its task, its run, its number.
func commitNames(c devices.Commit) []string {
	var out []string
	if t := taskForm.FindString(c.Comment); t != "" {
		out = append(out, t)
	}
	if m := runForm.FindStringSubmatch(c.Comment); m != nil {
		out = append(out, m[1])
	}
	return append(out, strconv.Itoa(c.Number))
}

// describe says what a commit was, in a line.
func describe(c devices.Commit) string {
	return diffs.HandCommit{Number: c.Number, Time: c.Time, User: c.User, Client: c.Client, Comment: c.Comment}.String()
}

// namesOf lists the names of commits, each once.
func namesOf(commits []devices.Commit) []string {
	var out []string
	for _, c := range commits {
		if n := commitNames(c)[0]; !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// checkNames demands that names mean all of the commits and nothing else.
func checkNames(commits []devices.Commit, names []string) error {
	means := func(c devices.Commit, name string) bool {
		return slices.ContainsFunc(commitNames(c), func(n string) bool { return strings.EqualFold(n, name) })
	}
	var missing []devices.Commit
	var extra []string
	for _, c := range commits {
		if !slices.ContainsFunc(names, func(n string) bool { return means(c, n) }) {
			missing = append(missing, c)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(commits, func(c devices.Commit) bool { return means(c, n) }) {
			extra = append(extra, n)
		}
	}
	var errs []error
	if len(missing) > 0 {
		errs = append(errs, fmt.Errorf("it takes back %s as well, which you did not name", strings.Join(namesOf(missing), ", ")))
	}
	if len(extra) > 0 {
		errs = append(errs, fmt.Errorf("it does not take back %s", strings.Join(extra, ", ")))
	}
	return errors.Join(errs...)
}

// splitNames splits what was typed.
func splitNames(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// askForCommits has the person name the commits that a rollback takes back. What was typed on the terminal approves it.
func (a *app) askForCommits(commits []devices.Commit, o *rollbackOptions) error {
	want := strings.Join(namesOf(commits), ",")
	if len(o.undo) > 0 {
		if err := checkNames(commits, o.undo); err != nil {
			return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: %w", err)), "if you mean all of them: --undo "+want)
		}
		return nil
	}
	answer, err := "", cli.ErrNoTerminal
	if !o.yes {
		answer, err = a.streams.Ask(fmt.Sprintf("This takes back every commit above. Type their names to go on (%s): ", want))
	}
	if errors.Is(err, cli.ErrNoTerminal) {
		return cli.Hint(cli.WithCode(cli.Failed, fmt.Errorf("nothing was changed: it takes back %s, which have to be asked for by name", strings.Join(namesOf(commits), ", "))),
			"look at what they are, then repeat it with --undo "+want)
	}
	if err != nil {
		return err
	}
	if err := checkNames(commits, splitNames(answer)); err != nil {
		return fmt.Errorf("%w: %w", cli.ErrNotApproved, err)
	}
	o.yes = true
	return nil
}
