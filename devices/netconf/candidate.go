package netconf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// Lock takes the exclusive lock. A candidate that turns out to hold edits is given back as it was.
func (d *Device) Lock(ctx context.Context) (devices.Candidate, error) {
	reply, err := d.session.call(ctx, d.opts.Timeout, "lock candidate", "<lock-configuration/>")
	if err != nil {
		return nil, err
	}
	if errs, _ := answer.Errors(d.Name(), reply); len(errs) > 0 {
		return nil, d.lockDenied(ctx, errs)
	}
	c := &candidate{d: d, held: true}
	// Junos refuses the lock over uncommitted edits. Where it does not, they are somebody's all the same.
	edits, err := d.compare(ctx)
	if err == nil && edits == "" {
		return c, nil
	}
	if err == nil {
		err = &devices.DirtyError{Device: d.Name(), Compare: edits}
	}
	return nil, errors.Join(err, c.unlock(ctx))
}

func (d *Device) lockDenied(ctx context.Context, errs []*devices.RPCError) error {
	err := answer.Denied(d.Name(), errs)
	if dirty, ok := errors.AsType[*devices.DirtyError](err); ok {
		var cerr error
		if dirty.Compare, cerr = d.compare(ctx); cerr != nil {
			return errors.Join(dirty, cerr)
		}
	}
	return err
}

// Load edits the candidate.
func (c *candidate) Load(ctx context.Context, change diffs.Change) ([]devices.Warning, error) {
	operation, err := loadOperation(change)
	if err != nil {
		return nil, fmt.Errorf("%s: load: %w", c.d.Name(), err)
	}
	return c.load(ctx, operation)
}

func loadOperation(change diffs.Change) (string, error) {
	if err := change.Validate(); err != nil {
		return "", err
	}
	if change.Rollback != nil {
		return fmt.Sprintf(`<load-configuration compare="rollback" rollback="%d"/>`, *change.Rollback), nil
	}
	text, err := answer.Escape(change.Text)
	if err != nil {
		return "", err
	}
	switch change.Mode {
	case junos.Set:
		return `<load-configuration format="text" action="set"><configuration-set>` + text + `</configuration-set></load-configuration>`, nil
	case junos.Merge, junos.Replace, junos.Override, junos.Update:
		return fmt.Sprintf(`<load-configuration format="text" action="%s"><configuration-text>%s</configuration-text></load-configuration>`,
			change.Mode, text), nil
	}
	return "", fmt.Errorf("mode %s is not one that can be loaded", change.Mode)
}

func (c *candidate) load(ctx context.Context, operation string) ([]devices.Warning, error) {
	reply, err := c.d.session.call(ctx, c.d.opts.Timeout, "load", operation)
	if err != nil {
		return nil, err
	}
	errs, warns := answer.Errors(c.d.Name(), reply)
	warnings := answer.Warnings(c.d.Name(), "load", warns)
	if len(errs) > 0 {
		return warnings, answer.Refused(c.d.Name(), "load", errs)
	}
	// load-error-count closes the results of a load that had errors, also where those are of a form not known here.
	if n := reply.Content("load-error-count"); n != "" && n != "0" {
		return warnings, &devices.CommitError{Device: c.d.Name(), Phase: "load", Severity: "error", Message: n + " errors that are not named"}
	}
	if reply.Find("ok") == nil && reply.Find("load-success") == nil && len(warns) == 0 {
		return warnings, &devices.CommitError{Device: c.d.Name(), Phase: "load", Severity: "error", Message: "neither success nor an error in the reply"}
	}
	return warnings, nil
}

// Compare is the device's own compare.
func (c *candidate) Compare(ctx context.Context) (string, error) { return c.d.compare(ctx) }

// Text is the candidate's text.
func (c *candidate) Text(ctx context.Context) (string, error) {
	return c.d.configuration(ctx, "get candidate configuration", "candidate")
}

// Check is commit check.
func (c *candidate) Check(ctx context.Context) ([]devices.Warning, error) {
	return c.commit(ctx, "check", "<commit-configuration><check/></commit-configuration>")
}

// Commit commits. Junos's own operation counts the window in minutes (the RFC's <commit> counts seconds).
func (c *candidate) Commit(ctx context.Context, opts devices.CommitOptions) ([]devices.Warning, error) {
	if err := devices.CheckConfirm(opts.Confirm); err != nil {
		return nil, fmt.Errorf("%s: commit: %w", c.d.Name(), err)
	}
	var b strings.Builder
	b.WriteString("<commit-configuration>")
	if opts.Comment != "" {
		comment, err := answer.Escape(opts.Comment)
		if err != nil {
			return nil, fmt.Errorf("%s: commit: comment: %w", c.d.Name(), err)
		}
		b.WriteString("<log>" + comment + "</log>")
	}
	if opts.Synchronize {
		b.WriteString("<synchronize/>")
	}
	if opts.Confirm > 0 {
		fmt.Fprintf(&b, "<confirmed/><confirm-timeout>%d</confirm-timeout>", opts.Confirm/time.Minute)
	}
	b.WriteString("</commit-configuration>")
	return c.commit(ctx, "commit", b.String())
}

func (c *candidate) commit(ctx context.Context, phase, operation string) ([]devices.Warning, error) {
	what := "commit"
	if phase == "check" {
		what = "commit check"
	}
	reply, err := c.d.session.call(ctx, c.d.opts.CommitTimeout, what, operation)
	if err != nil {
		return nil, err
	}
	errs, warns := answer.Errors(c.d.Name(), reply)
	warnings := answer.Warnings(c.d.Name(), phase, warns)
	done := false
	for _, success := range []string{"ok", "commit-success", "commit-check-success"} {
		// A check that succeeded on one engine says nothing about the commit.
		done = done || reply.Find(success) != nil && (success != "commit-check-success" || phase == "check")
	}
	switch {
	case len(errs) > 0 && done && phase == "commit": // one engine did, another did not: the history tells
		return warnings, fmt.Errorf("%s: %s: success, and an error: %w", c.d.Name(), what, answer.Join(errs))
	case len(errs) > 0:
		return warnings, answer.Refused(c.d.Name(), phase, errs)
	case done:
		return warnings, nil
	case len(warns) > 0 && (phase == "check" || byTheRFC(reply)):
		return warnings, nil
	}
	return warnings, fmt.Errorf("%s: %s: neither success nor an error in the reply", c.d.Name(), what)
}

// byTheRFC tells a reply of a device with `system services netconf rfc-compliant`: its own elements have a prefix. Such a
// device answers a commit with warnings or with <ok/>, never with both.
func byTheRFC(reply *answer.Element) bool {
	return bytes.Contains(reply.Raw[:min(len(reply.Raw), 1000)], []byte("<nc:rpc-reply"))
}

// Discard drops uncommitted edits and unlocks.
func (c *candidate) Discard(ctx context.Context) error {
	if !c.held {
		return nil
	}
	_, err := c.load(ctx, `<load-configuration compare="rollback" rollback="0"/>`)
	return errors.Join(err, c.unlock(ctx))
}

// unlock gives the lock back and nothing else.
func (c *candidate) unlock(ctx context.Context) error {
	if !c.held {
		return nil
	}
	_, err := c.d.call(ctx, "unlock candidate", "<unlock-configuration/>")
	if err == nil || errors.Is(err, devices.ErrSessionLost) {
		c.held = false // a lost session's lock is dropped by the device
	}
	return err
}
