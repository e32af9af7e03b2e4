package router

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// What the lab router says it is.
const (
	modelName    = "labrouter"
	releaseName  = "23.4R1"
	serialNumber = "LAB0000000"
)

// operationalCommands is the grammar of operational mode.
func operationalCommands() []*command {
	return []*command{
		{word: "configure", help: "Manipulate software configuration information", run: (*shell).configure, interactive: true, sub: []*command{
			{word: "exclusive", help: "Obtain exclusive lock (no one else can make changes)", run: (*shell).configureExclusive, interactive: true},
			{word: "private", help: "Work in private database (private changes)", run: (*shell).configurePrivate, interactive: true},
		}},
		{word: "exit", help: "Exit the management session", run: (*shell).exit, interactive: true},
		{word: "file", help: "Perform file operations", sub: fileCommands()},
		{word: "quit", help: "Exit the management session", run: (*shell).exit, interactive: true},
		{word: "request", help: "Make system-level requests", sub: requestCommands()},
		{word: "set", help: "Set CLI properties, date/time, craft interface message", sub: []*command{
			{word: "cli", help: "Set CLI properties", sub: cliCommands()},
		}},
		{word: "ping", help: "Ping remote target", run: refuseToSend},
		{word: "show", help: "Show system information", sub: sorted(append(stateCommands(), []*command{
			{word: "cli", help: "Show command-line interface settings", run: (*shell).showCLI, interactive: true},
			{word: "configuration", help: "Show current configuration", run: (*shell).showActive, shows: true, args: argsActive},
			{word: "system", help: "Show system information", sub: []*command{
				inquireSystemAlarms().command(),
				{word: "commit", help: "Show pending commit requests (if any) and commit history", run: (*shell).showCommits},
				{word: "configuration", help: "Show configuration information", sub: []*command{
					{word: "rescue", help: "Show rescue configuration", run: (*shell).showRescue},
				}},
				{word: "information", help: "Show general system information", run: (*shell).showInformation},
				{word: "rollback", help: "Show rolled back configuration", run: (*shell).showRollback, args: argsOldConfiguration, sub: []*command{
					{word: "compare", help: "Compare two rollback configurations", run: (*shell).showRollbackCompare, args: argsHistory(2)},
				}},
				{word: "uptime", help: "Show time since system and processes started", run: (*shell).showUptime},
				{word: "users", help: "Show users who are currently logged in", run: (*shell).showUsers},
			}},
			{word: "version", help: "Show software process revision levels", run: (*shell).showVersion},
		}...))},
		{word: "traceroute", help: "Trace route to remote host", run: refuseToSend},
	}
}

// sorted puts commands in the order of their words, in which they are offered.
func sorted(list []*command) []*command {
	slices.SortFunc(list, func(a, b *command) int { return strings.Compare(a.word, b.word) })
	return list
}

func noArguments(inv invocation) error {
	if len(inv.args) > 0 {
		return faultf("syntax error: %s", strings.Join(inv.args, " "))
	}
	return nil
}

func (sh *shell) exit(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	return errLeave
}

func (sh *shell) showVersion(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	sh.printf("Hostname: %s\nModel: %s\nJunos: %s\n", sh.r.hostname(), modelName, releaseName)
	return nil
}

func (sh *shell) showInformation(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	sh.printf("Model: %s\nFamily: junos\nJunos: %s\nHostname: %s\n", modelName, releaseName, sh.r.hostname())
	return nil
}

func (sh *shell) showUptime(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	now := time.Now()
	commit := sh.r.db.view().commit
	sh.printf("Current time: %s\nSystem booted: %s\nLast configured: %s by %s\n",
		now.UTC().Format(stamp), ago(now, *sh.r.booted.Load()), ago(now, commit.Time), commit.User)
	return nil
}

func ago(now, then time.Time) string {
	d := max(0, now.Sub(then).Truncate(time.Second))
	return fmt.Sprintf("%s (%02d:%02d:%02d ago)", then.UTC().Format(stamp), int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

func (sh *shell) showUsers(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	sh.printf("USER     CLIENT   TTY  PID    LOGIN@\n")
	for _, u := range sh.r.db.view().users {
		tty := u.tty
		if tty == "" {
			tty = "-"
		}
		sh.printf("%-8s %-8s %-4s %-6d %s\n", u.user, u.client, tty, u.id, u.since.UTC().Format(stamp))
	}
	return nil
}

func (sh *shell) showCommits(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	for _, e := range sh.r.db.history() {
		line := fmt.Sprintf("%-3d %s by %s via %s", e.Number, e.Time.UTC().Format(stamp), e.User, e.Client)
		if e.Comment != "" {
			line += " " + e.Comment + "\n    rollback pending"
		}
		sh.printf("%s\n", line)
		if e.Log != "" {
			sh.printf("    %s\n", oneLine(e.Log))
		}
	}
	return nil
}

func (sh *shell) showRollback(inv invocation) error {
	if len(inv.args) != 1 {
		return faultf("syntax error, expecting <number>")
	}
	tree, err := sh.configurationNumber(inv.args[0])
	if err != nil {
		return err
	}
	sh.printf("%s", tree.Text())
	return nil
}

func (sh *shell) showRollbackCompare(inv invocation) error {
	if len(inv.args) != 2 {
		return faultf("syntax error, expecting two numbers")
	}
	before, err := sh.configurationNumber(inv.args[0])
	if err != nil {
		return err
	}
	after, err := sh.configurationNumber(inv.args[1])
	if err != nil {
		return err
	}
	sh.printf("%s", diffs.Compare(before, after))
	return nil
}

func (sh *shell) configurationNumber(word string) (*junos.Tree, error) {
	n, err := strconv.Atoi(word)
	if err != nil {
		return nil, faultf("invalid numeric value: '%s'", word)
	}
	return sh.r.db.at(n)
}

// showActive is `show configuration`: the committed configuration, or a part of it.
func (sh *shell) showActive(inv invocation) error {
	path, err := sh.place(statementsOf(sh.r.db.running(), nil, true), inv.args)
	if err != nil {
		return shifted(err, 1)
	}
	return sh.showTree(path, inv, true)
}

// showTree prints the part of the committed or the candidate configuration at a path: in a form, or compared with the
// history. The whole text has a header.
func (sh *shell) showTree(path []string, inv invocation, committed bool) error {
	v := sh.view()
	tree := v.candidate
	if committed {
		tree = v.active
	}
	if inv.compare != nil || inv.against != "" {
		before, err := sh.comparedWith(inv)
		if err != nil {
			return err
		}
		sh.printf("%s", compareBelow(before, tree, path))
		return nil
	}
	d := inv.display
	d.Path, d.Attributes, d.Reply = path, attributesOf(v, committed), junosNS
	if sh.config {
		d.Banner = editPath(sh.path)
	}
	if inv.changed {
		var err error
		if d.Changed, err = sh.r.db.before(committed); err != nil {
			return err
		}
	}
	text, err := tree.Display(d)
	switch {
	case errors.Is(err, junos.ErrNotFound):
		return nil // nothing configured there: nothing to show, as on a device
	case err != nil:
		return err
	}
	if len(path) == 0 && d.Format == junos.FormatText {
		text = headerOf(v, committed) + text
	}
	sh.printf("%s", text)
	return nil
}

// comparedWith is what a configuration is compared with: one of the history, or a file.
func (sh *shell) comparedWith(inv invocation) (*junos.Tree, error) {
	if inv.against == "" {
		return sh.r.db.at(*inv.compare)
	}
	data, err := sh.r.files.read(inv.against)
	if err != nil {
		return nil, fileFault(sh.r.files.absolute(inv.against), err)
	}
	tree, err := junos.Parse(inv.against, data, nil)
	if err != nil {
		return nil, faultf("%s", err)
	}
	return tree, nil
}
