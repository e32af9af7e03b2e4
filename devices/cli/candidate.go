package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/internal/answer"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// candidate is the locked candidate.
type candidate struct {
	d    *Device
	held bool // the lock is ours
}

// What Junos says on the way into configuration mode and out of it.
const (
	unsaved = "The configuration has been changed but not committed"
	editors = "Users currently editing the configuration:"
)

const (
	lockCandidate = "lock candidate"
	leaveConfig   = "exit configuration-mode"
)

// Lock enters configuration mode with the exclusive lock. A candidate that holds edits is left as it is.
func (d *Device) Lock(ctx context.Context) (devices.Candidate, error) {
	scr, err := d.session.exchange(ctx, d.opts.Timeout, lockCandidate, "configure exclusive")
	if err != nil {
		return nil, err
	}
	said := readComplaints(d.Name(), scr.answer)
	if !scr.config {
		if len(said.errs) == 0 {
			return nil, fmt.Errorf("%s: %s: the device says %q", d.Name(), lockCandidate, answer.OneLine(scr.answer))
		}
		err := answer.Denied(d.Name(), said.errs)
		if dirty, ok := errors.AsType[*devices.DirtyError](err); ok {
			return nil, d.look(ctx, dirty)
		}
		return nil, err
	}
	d.session.config = true
	c := &candidate{d: d, held: true}
	// Junos refuses the lock over uncommitted edits. Where it does not, they are somebody's all the same.
	edits, err := d.compare(ctx)
	if err == nil && edits == "" && !slices.Contains(said.lines, unsaved) {
		return c, nil
	}
	if err == nil {
		err = &devices.DirtyError{Device: d.Name(), Who: editorsOf(scr.answer), Compare: edits}
	}
	return nil, errors.Join(err, c.leave(ctx))
}

// look enters configuration mode without a lock, which edits nothing, to read what somebody has not committed.
func (d *Device) look(ctx context.Context, dirty *devices.DirtyError) error {
	scr, err := d.session.exchange(ctx, d.opts.Timeout, lockCandidate, "configure")
	if err != nil {
		return errors.Join(dirty, err)
	}
	if !scr.config { // locked by now
		return dirty
	}
	d.session.config = true
	if dirty.Who == "" {
		dirty.Who = editorsOf(scr.answer)
	}
	dirty.Compare, err = d.compare(ctx)
	if err = errors.Join(err, (&candidate{d: d, held: true}).leave(ctx)); err != nil {
		return errors.Join(dirty, err)
	}
	return dirty
}

// editorsOf are the users that Junos names on the way into configuration mode.
func editorsOf(text string) string {
	_, list, ok := strings.Cut(text, editors+"\n")
	if !ok {
		return ""
	}
	var who []string
	for line := range strings.Lines(list) {
		if !indented(line) {
			break
		}
		who = append(who, line)
	}
	return answer.OneLine(strings.Join(who, " "))
}

// compare is `show | compare` of the candidate.
func (d *Device) compare(ctx context.Context) (string, error) {
	out, err := d.session.run(ctx, d.opts.Timeout, "compare", "show | compare"+noMore)
	if err != nil {
		return "", err
	}
	out = answer.Text(out)
	if out != "" && !strings.HasPrefix(out, "[edit") {
		if e := refusal(d.Name(), out); e != nil {
			return "", fmt.Errorf("%s: compare: %w", d.Name(), e)
		}
		return "", fmt.Errorf("%s: compare: the device says %q", d.Name(), firstLine(out))
	}
	return out, nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Load edits the candidate.
func (c *candidate) Load(ctx context.Context, change diffs.Change) ([]devices.Warning, error) {
	if change.Rollback != nil {
		if n := *change.Rollback; n < 0 {
			return nil, fmt.Errorf("%s: load: rollback %d is not one", c.d.Name(), n)
		}
		return c.load(ctx, fmt.Sprintf("rollback %d", *change.Rollback))
	}
	switch change.Mode {
	case junos.Merge, junos.Replace, junos.Override, junos.Update, junos.Set:
	default:
		return nil, fmt.Errorf("%s: load: mode %s is not one that can be loaded", c.d.Name(), change.Mode)
	}
	return c.loadFile(ctx, change.Mode.String(), change.Text)
}

// filePrefix is where a text is put on its way into the candidate.
const filePrefix = "/var/tmp/rhapsode-"

// loadFile puts the text into a file on the device, loads that and takes it away again, whatever came of it: a
// configuration has secrets.
func (c *candidate) loadFile(ctx context.Context, mode, text string) (warnings []devices.Warning, err error) {
	if c.d.session.lost() {
		return c.load(ctx, "load "+mode+" "+filePrefix) // the same error as every other call
	}
	c.d.sweep(ctx)
	name := filePrefix + strings.ToLower(rand.Text()[:16])
	cctx, cancel := context.WithTimeoutCause(ctx, c.d.opts.Timeout, fmt.Errorf("no answer within %s: %w", c.d.opts.Timeout, context.DeadlineExceeded))
	err = c.d.conn.Copy(cctx, name, []byte(text))
	cancel()
	if err == nil {
		warnings, err = c.load(ctx, "load "+mode+" "+name)
	} else {
		err = fmt.Errorf("load: %w", err)
	}
	if rerr := c.d.remove(ctx, name); rerr != nil && err == nil {
		warnings = append(warnings, devices.Warning{
			Device: c.d.Name(), Phase: "load",
			Message: answer.OneLine(fmt.Sprintf("the file %s stays on the device: %v", name, rerr)),
		})
	} else if rerr != nil {
		err = fmt.Errorf("%w (the file %s may be left on the device: %w)", err, name, rerr)
	}
	return warnings, err
}

var leftFile = regexp.MustCompile(`(?m)(?:^|[\s/])rhapsode-([a-z0-9]{16})(?:\s|$)`)

// sweep takes away the files of runs that were killed between the copy and the delete. Whoever has the exclusive lock is the
// only one that loads, so none of them is of use. It is no reason to stop if it does not succeed.
func (d *Device) sweep(ctx context.Context) {
	out, err := d.session.operational(ctx, d.opts.Timeout, "list files", "file list "+path.Dir(filePrefix)+"/"+noMore)
	if err != nil {
		return // the session is lost, which the next call says
	}
	for _, m := range leftFile.FindAllStringSubmatch(out, -1) {
		if d.remove(ctx, filePrefix+m[1]) != nil {
			return
		}
	}
}

// removeTimeout bounds the way of a file out of a device whose session is lost.
const removeTimeout = 5 * time.Second

// remove takes a file away: in the session, or beside it where that is lost.
func (d *Device) remove(ctx context.Context, name string) error {
	const what = "delete file"
	command := "file delete " + name
	if ctx.Err() == nil && !d.session.lost() {
		out, err := d.session.operational(ctx, d.opts.Timeout, what, command)
		if err == nil {
			if said := readComplaints(d.Name(), out); len(said.errs) > 0 {
				return fmt.Errorf("%s: %s: %w", d.Name(), what, said.errs[0])
			}
			return nil
		}
	}
	rctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	_, err := d.conn.Run(rctx, command)
	return err
}

// completeLine is what ends a load. With a number of errors it is none.
var completeLine = regexp.MustCompile(`^load complete(?: \((\d+) errors?\))?$`)

func (c *candidate) load(ctx context.Context, command string) ([]devices.Warning, error) {
	out, err := c.d.session.run(ctx, c.d.opts.Timeout, "load", command)
	if err != nil {
		return nil, err
	}
	said := readComplaints(c.d.Name(), out)
	warnings := answer.Warnings(c.d.Name(), "load", said.warnings)
	if len(said.errs) > 0 {
		return warnings, answer.Refused(c.d.Name(), "load", said.errs)
	}
	complete := false
	complaint := "neither success nor an error in the answer"
	for _, line := range said.lines {
		switch m := completeLine.FindStringSubmatch(line); {
		case m == nil:
			complaint = line
		case m[1] == "":
			complete = true
			continue
		default:
			complaint = m[1] + " errors that are not named"
		}
		complete = false
		break
	}
	if !complete {
		return warnings, &devices.CommitError{Device: c.d.Name(), Phase: "load", Severity: "error", Message: complaint}
	}
	return warnings, nil
}

// Compare is the device's own compare.
func (c *candidate) Compare(ctx context.Context) (string, error) { return c.d.compare(ctx) }

// Text is the candidate's text.
func (c *candidate) Text(ctx context.Context) (string, error) {
	const what = "get candidate configuration"
	out, err := c.d.session.run(ctx, c.d.opts.Timeout, what, "show"+noMore)
	if err != nil {
		return "", err
	}
	if e := refusal(c.d.Name(), out); e != nil {
		return "", fmt.Errorf("%s: %s: %w", c.d.Name(), what, e)
	}
	return out, nil
}

// Check is commit check.
func (c *candidate) Check(ctx context.Context) ([]devices.Warning, error) {
	return c.commit(ctx, "check", "commit check")
}

// Commit commits.
func (c *candidate) Commit(ctx context.Context, opts devices.CommitOptions) ([]devices.Warning, error) {
	if err := devices.CheckConfirm(opts.Confirm); err != nil {
		return nil, fmt.Errorf("%s: commit: %w", c.d.Name(), err)
	}
	command := "commit"
	if opts.Synchronize {
		command += " synchronize"
	}
	if opts.Confirm > 0 {
		command += fmt.Sprintf(" confirmed %d", opts.Confirm/time.Minute)
	}
	if opts.Comment != "" {
		if err := plain("commit comment " + opts.Comment); err != nil {
			return nil, fmt.Errorf("%s: commit: comment: %w", c.d.Name(), err)
		}
		command += " comment " + quote(opts.Comment)
	}
	return c.commit(ctx, "commit", command)
}

// quote makes one word of a text.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// commitLines is what a commit says on its way. The engines of a router, and the members of a chassis, speak one after
// the other, each below its name.
var commitLines = regexp.MustCompile(`^(?:[a-z]+\d*(?:-re\d+)?: ?|configuration check succeeds|commit check succeeds|` +
	`commit confirmed will be automatically rolled back in \d+ minutes? unless confirmed|commit complete)$`)

func (c *candidate) commit(ctx context.Context, phase, command string) ([]devices.Warning, error) {
	what, success := "commit", "commit complete"
	if phase == "check" {
		what, success = "commit check", "configuration check succeeds"
	}
	out, err := c.d.session.run(ctx, c.d.opts.CommitTimeout, what, command)
	if err != nil {
		return nil, err
	}
	said := readComplaints(c.d.Name(), out)
	warnings := answer.Warnings(c.d.Name(), phase, said.warnings)
	done, strange := false, ""
	for _, line := range said.lines {
		done = done || line == success
		if strange == "" && !commitLines.MatchString(line+" ") && !commitLines.MatchString(line) {
			strange = line
		}
	}
	switch {
	case len(said.errs) > 0 && !done:
		return warnings, answer.Refused(c.d.Name(), phase, said.errs)
	case len(said.errs) > 0: // one engine did, another did not
		return warnings, fmt.Errorf("%s: %s: success, and an error: %w", c.d.Name(), what, answer.Join(said.errs))
	case strange != "":
		return warnings, fmt.Errorf("%s: %s: the device says %q, which is not understood", c.d.Name(), what, strange)
	case !done:
		return warnings, fmt.Errorf("%s: %s: neither success nor an error in the answer", c.d.Name(), what)
	}
	return warnings, nil
}

// Discard drops uncommitted edits and leaves configuration mode, which gives the lock back.
func (c *candidate) Discard(ctx context.Context) error {
	if !c.held {
		return nil
	}
	_, err := c.load(ctx, "rollback 0")
	return errors.Join(err, c.leave(ctx))
}

// leave leaves configuration mode. Asked whether to leave uncommitted edits, it does: they are dropped with an exclusive
// lock, and stay without one.
func (c *candidate) leave(ctx context.Context) error {
	if !c.held {
		return nil
	}
	const what = "unlock candidate"
	scr, err := c.d.session.exchange(ctx, c.d.opts.Timeout, what, leaveConfig, "yes")
	if err == nil && scr.config {
		err = fmt.Errorf("%s: %s: the device says %q", c.d.Name(), what, answer.OneLine(scr.answer))
		c.d.session.abandon(err) // or the lock would stay
	}
	if err == nil {
		c.d.session.config = false
	}
	if err == nil || errors.Is(err, devices.ErrSessionLost) || c.d.session.lost() {
		c.held = false // a lost session's lock is dropped by the device
	}
	return err
}
