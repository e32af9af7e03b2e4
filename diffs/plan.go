package diffs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"rhapsode/diffs/junos"
)

// PlanVersion is the version of the plan's JSON form that this code writes and the only one that it reads. It counts
// up when a plan of the old form could be misread; a field that is added stays within a version, and an older tool
// refuses a plan with a field it doesn't know, since the field may restrict what it is about to do.
const PlanVersion = 1

// Errors of a plan that can't be used, from DecodePlan, ReadPlan, Plan.Validate, Plan.Usable and the methods of PlanKey.
var (
	ErrPlanVersion  = errors.New("unknown plan version")
	ErrPlanInvalid  = errors.New("invalid plan")
	ErrPlanUnsigned = errors.New("the plan is not signed")
	ErrPlanKey      = errors.New("the plan is signed with another key")
	ErrPlanEdited   = errors.New("the plan was edited after it was signed")
	ErrPlanTool     = errors.New("the plan was made by another version of the tool")
	ErrPlanExpired  = errors.New("the plan has expired")
	ErrPlanSecret   = errors.New("a secret has changed since the review")
)

// Change is one thing to load into a candidate: a text with the mode it is loaded in, or a rollback. Exactly one of Text
// and Rollback is given.
type Change struct {
	// Mode says how Text is loaded; Merge (the zero value) beside a Rollback.
	Mode junos.Mode
	// Text is curly text, or set lines where Mode is junos.Set.
	Text string
	// Rollback is the number of the committed configuration to load, 0 to 49 (0 is the running one); nil for a text.
	Rollback *int
}

// maxRollback is the oldest configuration that a Junos device keeps.
const maxRollback = 49

type changeJSON struct {
	Mode     string `json:"mode,omitempty"`
	Text     string `json:"text,omitempty"`
	Rollback *int   `json:"rollback,omitempty"`
}

// MarshalJSON gives {"mode":"replace","text":"…"} or {"rollback":1}.
func (c Change) MarshalJSON() ([]byte, error) {
	if c.Rollback != nil {
		return json.Marshal(changeJSON{Rollback: c.Rollback})
	}
	return json.Marshal(changeJSON{Mode: c.Mode.String(), Text: c.Text})
}

// UnmarshalJSON reads what MarshalJSON gives, and refuses an unknown mode and a change that is both a text and a rollback.
func (c *Change) UnmarshalJSON(data []byte) error {
	var j changeJSON
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return err
	}
	*c = Change{Text: j.Text, Rollback: j.Rollback}
	if j.Rollback != nil {
		if j.Mode != "" || j.Text != "" {
			return fmt.Errorf("%w: a change is a text or a rollback, not both", ErrPlanInvalid)
		}
		return nil
	}
	if j.Mode == "" {
		return fmt.Errorf("%w: a change needs a mode or a rollback", ErrPlanInvalid)
	}
	if err := c.Mode.UnmarshalText([]byte(j.Mode)); err != nil {
		return fmt.Errorf("%w: %w", ErrPlanInvalid, err)
	}
	return nil
}

// Validate says whether the change is one that can be loaded.
func (c Change) Validate() error {
	switch {
	case c.Rollback != nil && (c.Text != "" || c.Mode != junos.Merge):
		return fmt.Errorf("%w: a change is a text or a rollback, not both", ErrPlanInvalid)
	case c.Rollback != nil && (*c.Rollback < 0 || *c.Rollback > maxRollback):
		return fmt.Errorf("%w: rollback %d is not in 0 to %d", ErrPlanInvalid, *c.Rollback, maxRollback)
	case c.Rollback == nil && c.Text == "":
		return fmt.Errorf("%w: a change has neither text nor rollback", ErrPlanInvalid)
	}
	return nil
}

// Held is a node that is inactive on the device and active in the render: it stays inactive until a person activates it.
type Held struct {
	// Path is the node's, in CLI words: firewall family inet filter border-in4 term offload-ping4.
	Path []string `json:"path"`
	// Since, User and Comment are those of the commit that made it inactive, from the device's history; zero where the
	// history doesn't tell.
	Since   time.Time `json:"since,omitzero"`
	User    string    `json:"user,omitempty"`
	Comment string    `json:"comment,omitempty"`
}

// DevicePlan is the reviewed change of one device.
type DevicePlan struct {
	Device string `json:"device"` // FQDN
	// Online says that Compare is the device's own compare; else it is ours, and only Edits bind.
	Online bool `json:"online"`
	// Fingerprint is junos.Tree.Fingerprint of the running configuration that the plan was made from.
	Fingerprint string   `json:"fingerprint"`
	Changes     []Change `json:"changes"`
	Compare     string   `json:"compare"` // the reviewed text, "" when nothing changes
	Edits       []string `json:"edits"`   // the same in substance, see Edits
	Held        []Held   `json:"held,omitempty"`
	// Risks says how the change could lock us out of the device, or what of it a person should look at for that.
	Risks []string `json:"risks,omitempty"`
	// Warnings is what the device said at load and commit check, but for what is known to be harmless.
	Warnings []string `json:"warnings,omitempty"`
	// Orphans were shown beside the compare text and stay; they bind nothing.
	Orphans [][]string `json:"orphans,omitempty"`
	// Render says that the first change is the whole of what templates render: once committed it is what they have put onto
	// the device, with Left, the set lines of earlier renders that stay.
	Render bool     `json:"render,omitempty"`
	Left   []string `json:"left,omitempty"`
	// ChangesMAC is of Changes with their secrets, in a plan that PlanKey.Seal made.
	ChangesMAC string `json:"changes_mac,omitempty"`

	// Redactor has hidden the secrets of Compare and Edits, by Bind; nil: they are as the device gives them.
	Redactor *Redactor `json:"-"`
}

// SameCompare says whether a compare text of the device says what was reviewed. A key that the device has scrambled with
// another salt is the same key.
func (d *DevicePlan) SameCompare(now string) bool {
	return now == d.Compare || d.same([]string{d.Compare}, []string{now})
}

// SameEdits is SameCompare of edits.
func (d *DevicePlan) SameEdits(now []string) bool {
	return slices.Equal(now, d.Edits) || d.same(d.Edits, now)
}

// Hidden gives edits with their secrets hidden as in Edits, if they are.
func (d *DevicePlan) Hidden(edits []string) []string {
	if d.Redactor == nil {
		return edits
	}
	return each(edits, d.Redactor.Bind)
}

func (d *DevicePlan) same(reviewed, now []string) bool {
	r := d.Redactor
	if r == nil {
		r = NewRedactor()
		reviewed = each(reviewed, r.Bind)
	}
	return slices.Equal(reviewed, each(now, r.Bind))
}

// Plan is what was reviewed and is to be done, device by device, in the order in which it is done. It is pure data. Its
// texts can hold secrets, until PlanKey.Seal makes a plan of it that can be kept in a file.
type Plan struct {
	Version int       `json:"version"`
	Tool    string    `json:"tool"`            // program and version that made it
	Run     string    `json:"run,omitempty"`   // the run that made it, if it was made by one
	User    string    `json:"user,omitempty"`  // who made it
	Title   string    `json:"title,omitempty"` // the command that made it
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"`
	// SkippedCheck is why errors that `rhapsode check` found were passed over; empty: there were none.
	SkippedCheck string       `json:"skipped_check,omitempty"`
	Secrets      []PlanSecret `json:"secrets,omitempty"` // what stands in the place of secrets
	Devices      []DevicePlan `json:"devices"`
	Key          string       `json:"key,omitempty"` // id of the key that signed it
	MAC          string       `json:"mac,omitempty"` // of all else
}

// Usable says whether a plan may be carried out by this program at this time: it is of the same tool and version, and
// has not expired.
func (p *Plan) Usable(tool string, now time.Time) error {
	switch {
	case p.Tool != tool:
		return fmt.Errorf("%w: %s made it, this is %s", ErrPlanTool, orNobody(p.Tool), tool)
	case p.Expires.IsZero() || !now.Before(p.Expires):
		return fmt.Errorf("%w: it was made at %s and was good until %s", ErrPlanExpired, p.Created.UTC().Format(heldTime), p.Expires.UTC().Format(heldTime))
	case p.Created.After(now.Add(clockSlack)):
		return fmt.Errorf("%w: it was made at %s, which is still to come: a clock is wrong", ErrPlanInvalid, p.Created.UTC().Format(heldTime))
	}
	return nil
}

// clockSlack is how far the clocks of two people's machines may be apart.
const clockSlack = 5 * time.Minute

func orNobody(tool string) string {
	if tool == "" {
		return "a program without a name"
	}
	return tool
}

var fingerprintForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Validate says whether the plan is whole: known version, each device once with its fingerprint, changes that can be
// loaded, a compare text and edits that agree on whether anything changes. The error names the device.
func (p *Plan) Validate() error {
	if p.Version != PlanVersion {
		return versionError(p.Version)
	}
	if p.Created.IsZero() {
		return fmt.Errorf("%w: created is missing", ErrPlanInvalid)
	}
	seen := make(map[string]bool, len(p.Devices))
	if !p.Expires.IsZero() && !p.Expires.After(p.Created) {
		return fmt.Errorf("%w: it expires before it was made", ErrPlanInvalid)
	}
	for i, d := range p.Devices {
		if d.Device == "" {
			return fmt.Errorf("%w: device %d of %d has no name", ErrPlanInvalid, i+1, len(p.Devices))
		}
		if seen[d.Device] {
			return fmt.Errorf("%w: %s is there twice", ErrPlanInvalid, d.Device)
		}
		seen[d.Device] = true
		if err := d.Validate(); err != nil {
			return fmt.Errorf("%s: %w", d.Device, err)
		}
	}
	return nil
}

// Validate checks one device's part of a plan, see Plan.Validate.
func (d *DevicePlan) Validate() error {
	if !fingerprintForm.MatchString(d.Fingerprint) {
		return fmt.Errorf("%w: fingerprint %q is not sha256: and 64 hex digits", ErrPlanInvalid, d.Fingerprint)
	}
	for i, c := range d.Changes {
		if err := c.Validate(); err != nil {
			return fmt.Errorf("change %d: %w", i+1, err)
		}
	}
	changes := d.Compare != "" || len(d.Edits) > 0
	switch {
	case changes && len(d.Changes) == 0:
		return fmt.Errorf("%w: a compare text but no change", ErrPlanInvalid)
	case !d.Online && (d.Compare != "") != (len(d.Edits) > 0):
		// Online the two come from two engines and may disagree, which is shown, not refused here.
		return fmt.Errorf("%w: compare text and edits disagree on whether anything changes", ErrPlanInvalid)
	}
	if d.Render && len(d.Changes) == 0 {
		return fmt.Errorf("%w: a render but no change", ErrPlanInvalid)
	}
	for _, h := range d.Held {
		if len(h.Path) == 0 {
			return fmt.Errorf("%w: a held node has no path", ErrPlanInvalid)
		}
	}
	return nil
}

func versionError(v int) error {
	return fmt.Errorf("%w %d (this program reads version %d: use the program that wrote the plan, or make the plan again)",
		ErrPlanVersion, v, PlanVersion)
}

// Encode validates the plan and writes it as JSON. A plan that was not sealed is refused.
func (p *Plan) Encode(w io.Writer) error {
	if p.MAC == "" {
		return fmt.Errorf("encode plan: %w", ErrPlanUnsigned)
	}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	return nil
}

// DecodePlan reads one plan and nothing after it. It returns a valid plan or an error, which is ErrPlanVersion for a plan
// of another version. Whether it is to be trusted PlanKey.Verify says.
func DecodePlan(r io.Reader) (*Plan, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	// The version comes first and leniently: a plan of another version has fields that the strict pass would complain
	// about, and the version is the answer that helps.
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	if head.Version == nil {
		return nil, fmt.Errorf("decode plan: %w: version is missing", ErrPlanInvalid)
	}
	if *head.Version != PlanVersion {
		return nil, fmt.Errorf("decode plan: %w", versionError(*head.Version))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	p := new(Plan)
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("decode plan: %w: %w (a plan with what this program does not know is not carried out in part)", ErrPlanInvalid, err)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("decode plan: %w", err)
	}
	return p, nil
}

// WriteFile writes the plan to a file that only its owner can read, whole or not at all: it is written beside the name and
// moved there, so that the mode of a file that stood there before does not matter either.
func (p *Plan) WriteFile(name string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write plan %s: %w", name, err)
		}
	}()
	// CreateTemp makes the file 0600.
	f, err := os.CreateTemp(filepath.Dir(name), ".plan-*")
	if err != nil {
		return err
	}
	if err := errors.Join(p.Encode(f), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// ReadPlan reads a file that WriteFile wrote.
func ReadPlan(name string) (*Plan, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p, err := DecodePlan(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read plan %s: %w", name, err)
	}
	return p, nil
}
