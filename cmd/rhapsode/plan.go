package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
)

// newPlanCommand is `rhapsode plan`.
func newPlanCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "look at plan files",
		Long: `A plan file is what "rhapsode diff -o FILE" has shown: per router the change, the text that was reviewed, and the fingerprint of
the configuration that it was made from. "rhapsode apply" commits just that, once and before it expires. It is signed: with a
key of your own ($XDG_STATE_HOME/rhapsode/plan.key), or with the one that $RHAPSODE_PLAN_KEY_FILE names, which those share
who apply each other's plans. No secret stands in it: what refers to one is resolved again when the plan is applied.`,
	}
	cmd.AddCommand(newPlanShow(a))
	return cmd
}

func newPlanShow(a *app) *cobra.Command {
	var format string
	var omit bool
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "print a plan as it was reviewed, who made it, and whether it can be applied",
		Long: `Print a plan as the review did: every router with its difference, what is held, orphans and risks. Above that stand who made
the plan and when, until when it can be applied, what secrets it refers to and whether its signature is good. No
router is asked. A plan that could not be applied now is shown too; the command then ends with 1.`,
		Example: `  rhapsode plan show ams.plan
  rhapsode plan show ams.plan --format html > review.html`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFile,
		RunE:              func(_ *cobra.Command, args []string) error { return a.showPlan(args[0], format, omit) },
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, markdown, html or json")
	cmd.Flags().BoolVarP(&omit, "omit-diff", "O", false, "say that there is a difference, not which")
	completeValues(cmd, "format", "text", "markdown", "html", "json")
	return cmd
}

// completeFile completes the first argument with files.
func completeFile(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// planTime is how times of a plan are written.
const planTime = "2006-01-02 15:04 MST"

// planView is a plan with what is to be said of it.
type planView struct {
	*diffs.Plan
	file      string
	signature string // in a word: good, or what is wrong with it
	problem   error  // why it can't be applied now
}

// readPlan reads a plan file and looks whether it can be applied.
func (a *app) readPlan(name string, now time.Time) (*planView, *diffs.PlanKey, error) {
	p, err := diffs.ReadPlan(name)
	if err != nil {
		return nil, nil, planHint(err)
	}
	key, err := a.planKey()
	if err != nil {
		return nil, nil, err
	}
	v := &planView{Plan: p, file: name, signature: "good"}
	if err := key.Verify(p); err != nil {
		v.problem, v.signature = err, "BAD: "+err.Error()
	} else {
		v.problem = p.Usable(tool(), now)
	}
	if v.problem != nil {
		v.problem = planHint(fmt.Errorf("plan %s: %w", name, v.problem))
	}
	return v, key, nil
}

// planHint says what to do about a plan that can't be applied.
func planHint(err error) error {
	hint := ""
	switch {
	case errors.Is(err, diffs.ErrPlanKey):
		hint = "apply it where it was made, or have $" + planKeyVariable + " name a key that you share with whoever made it"
	case errors.Is(err, diffs.ErrPlanEdited), errors.Is(err, diffs.ErrPlanUnsigned):
		hint = "a plan is what was reviewed: make it again with `rhapsode diff -o`, and review that"
	case errors.Is(err, diffs.ErrPlanTool):
		hint = "use the program that made it, or make it again with `rhapsode diff -o`"
	case errors.Is(err, diffs.ErrPlanExpired):
		hint = "make it again with `rhapsode diff -o` (--valid says for how long), and review that"
	case errors.Is(err, diffs.ErrPlanSecret):
		hint = "what would be loaded is not what was reviewed: make the plan again with `rhapsode diff -o`"
	case errors.Is(err, diffs.ErrPlanInvalid):
		hint = "it must be a file that `rhapsode diff -o` of this version has written, as it is"
	}
	if hint == "" {
		return err
	}
	return cli.Hint(err, hint)
}

func (a *app) showPlan(name, format string, omit bool) error {
	if err := checkFormat(format); err != nil {
		return err
	}
	v, key, err := a.readPlan(name, time.Now())
	if err != nil {
		return err
	}
	a.redactor = key.Redactor()
	if format == "json" {
		err = a.printPlanJSON(v, omit)
	} else {
		err = a.printPlan(v, format, omit)
	}
	if err != nil {
		return err
	}
	if v.problem != nil {
		return cli.WithCode(cli.Failed, v.problem)
	}
	return nil
}

// printPlan writes a plan as a report.
func (a *app) printPlan(v *planView, format string, omit bool) error {
	colour, err := a.colourOn()
	if err != nil {
		return err
	}
	return writers[format](a, v.report(time.Now()), diffs.ReportOptions{Color: colour && format == "text", OmitDiff: omit, Redact: a.redactorOnce()})
}

// report is the plan as the review showed it.
func (v *planView) report(now time.Time) *diffs.Report {
	r := &diffs.Report{Title: v.Title, Created: v.Created, Notes: v.notes(now)}
	for _, d := range v.Devices {
		r.Devices = append(r.Devices, reviewed{plan: d, orphans: d.Orphans}.resultOf(d.Device))
	}
	return r
}

// notes are the lines at the head of a plan.
func (v *planView) notes(now time.Time) []string {
	out := []string{
		fmt.Sprintf("plan %s: %s for %s", v.file, orDash(v.Title), plural(len(v.Devices), "device")),
		fmt.Sprintf("made at %s (%s ago) by %s with %s", v.Created.UTC().Format(planTime), age(now.Sub(v.Created)), orDash(v.User), orDash(v.Tool)),
		fmt.Sprintf("signature: %s (key %s)", v.signature, orDash(v.Key)),
	}
	expires := "expires at " + v.Expires.UTC().Format(planTime)
	if left := v.Expires.Sub(now); left > 0 {
		expires += " (in " + age(left) + ")"
	} else {
		expires = "EXPIRED at " + v.Expires.UTC().Format(planTime) + " (" + age(-left) + " ago)"
	}
	out = append(out, expires)
	if offline := slices.DeleteFunc(slices.Clone(v.Devices), func(d diffs.DevicePlan) bool { return d.Online }); len(offline) > 0 {
		out = append(out, fmt.Sprintf("compared here and not by the router for %s: binding in substance", plural(len(offline), "device")))
	}
	if refs := v.references(); len(refs) > 0 {
		out = append(out, "refers to secrets, which are resolved when it is applied and must be the same: "+strings.Join(refs, ", "))
	}
	if v.SkippedCheck != "" {
		out = append(out, "in spite of errors that check found: "+v.SkippedCheck)
	}
	return out
}

// references names the places that the secrets of a plan come from.
func (v *planView) references() []string {
	var out []string
	for _, s := range v.Secrets {
		if s.Sealed == "" && !slices.Contains(out, s.Reference()) {
			out = append(out, s.Reference())
		}
	}
	slices.Sort(out)
	return out
}

// printPlanJSON writes what is said of a plan, and its report, as one object. It grows only.
func (a *app) printPlanJSON(v *planView, omit bool) error {
	var report bytes.Buffer
	if err := diffs.WriteJSON(&report, v.report(time.Now()), diffs.ReportOptions{OmitDiff: omit, Redact: a.redactorOnce()}); err != nil {
		return err
	}
	problem, hint := "", ""
	if v.problem != nil {
		problem, hint = v.problem.Error(), hintOf(v.problem)
	}
	return a.printJSON(struct {
		Version      int             `json:"version"`
		File         string          `json:"file"`
		Title        string          `json:"title,omitempty"`
		Run          string          `json:"run,omitempty"`
		User         string          `json:"user,omitempty"`
		Tool         string          `json:"tool"`
		Created      time.Time       `json:"created"`
		Expires      time.Time       `json:"expires"`
		Key          string          `json:"key"`
		Signature    string          `json:"signature"`
		Applicable   bool            `json:"applicable"`
		Problem      string          `json:"problem,omitempty"`
		Hint         string          `json:"hint,omitempty"`
		SkippedCheck string          `json:"skipped_check,omitempty"`
		Secrets      []string        `json:"secrets"`
		Devices      []planDevice    `json:"devices"`
		Report       json.RawMessage `json:"report"`
	}{
		1, v.file, v.Title, v.Run, v.User, v.Tool, v.Created, v.Expires, v.Key, v.signature, v.problem == nil, problem, hint,
		v.SkippedCheck, append([]string{}, v.references()...), v.planDevices(), report.Bytes(),
	})
}

// planDevice is what of a device's plan a program asks for.
type planDevice struct {
	Device      string `json:"device"`
	Online      bool   `json:"online"` // compared by the router itself
	Fingerprint string `json:"fingerprint"`
	Edits       int    `json:"edits"`
}

func (v *planView) planDevices() []planDevice {
	out := []planDevice{}
	for _, d := range v.Devices {
		out = append(out, planDevice{d.Device, d.Online, d.Fingerprint, len(d.Edits)})
	}
	return out
}

// hintOf gives the hint of an error, or "".
func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
