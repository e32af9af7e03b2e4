package diffs

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// PlanSecret is what a plan has in the place of a secret: where its value comes from, or, for one that no inventory
// refers to (a key that stood in a device's own history), the value sealed with the plan's key.
type PlanSecret struct {
	Form    string   `json:"form,omitempty"`
	Env     string   `json:"env,omitempty"`
	File    string   `json:"file,omitempty"`
	Command []string `json:"command,omitempty"`
	MAC     string   `json:"mac,omitempty"` // of the value, for a reference
	Sealed  string   `json:"sealed,omitempty"`
}

// Reference says where the value comes from, for messages.
func (s PlanSecret) Reference() string {
	switch {
	case s.Env != "":
		return "$" + s.Env
	case s.File != "":
		return "file " + s.File
	case len(s.Command) > 0:
		return "command " + s.Command[0]
	}
	return "a key of the device's own"
}

// Same says whether two references are to the same place.
func (s PlanSecret) Same(o PlanSecret) bool {
	return s.Form == o.Form && s.Env == o.Env && s.File == o.File && slices.Equal(s.Command, o.Command)
}

// Resolved is a reference with the value that it has led to.
type Resolved struct {
	Reference PlanSecret
	Value     string
}

// A token stands in a text for secret N of the plan, counted from 1.
const tokenStart, tokenEnd = "«secret ", "»"

var token = regexp.MustCompile(tokenStart + `([0-9]+)` + tokenEnd)

// Seal makes a plan that can be kept in a file: every secret in its changes is a reference or sealed, in the reviewed texts
// a keyed hash stands for it, and the whole is signed. p is not changed; what Open gave may be sealed again, with the same
// key. resolved tells which values came from where.
// What Open gives is the same change to the byte, which is made sure of here.
func (k *PlanKey) Seal(p *Plan, resolved []Resolved) (*Plan, error) {
	out := *p
	out.Created, out.Expires = p.Created.UTC().Truncate(time.Second), p.Expires.UTC().Truncate(time.Second)
	out.Secrets, out.Key = nil, k.id
	out.Devices = slices.Clone(p.Devices)
	s := &sealer{key: k, plan: &out, resolved: resolved, numbers: map[string]int{}}
	for i := range out.Devices {
		if err := s.device(&out.Devices[i]); err != nil {
			return nil, fmt.Errorf("seal plan: %s: %w", out.Devices[i].Device, err)
		}
	}
	var err error
	if out.MAC, err = k.macOf(&out); err != nil {
		return nil, err
	}
	return &out, out.Validate()
}

// sealer gives every value of a plan one number.
type sealer struct {
	key      *PlanKey
	plan     *Plan
	resolved []Resolved
	numbers  map[string]int // of the secret, by value
}

func (s *sealer) device(d *DevicePlan) (err error) {
	if d.ChangesMAC, err = s.key.changesMAC(d.Device, d.Changes); err != nil {
		return err
	}
	r := s.key.Redactor()
	changes := slices.Clone(d.Changes)
	texts := slices.Clone(d.Left)
	for _, c := range changes {
		texts = append(texts, c.Text)
	}
	values := s.valuesIn(texts)
	for i := range changes {
		if changes[i].Text, err = s.text(changes[i].Text, values); err != nil {
			return err
		}
	}
	left := slices.Clone(d.Left)
	for i := range left {
		if left[i], err = s.text(left[i], values); err != nil {
			return err
		}
	}
	d.Changes, d.Left = changes, left
	for value, n := range s.numbers { // just those that Open will come upon
		if s.plan.Secrets[n-1].Sealed == "" && d.has(tokenOf(n)) {
			r.Know(value)
		}
	}
	if d.Redactor == nil { // else Open gave it
		d.Compare, d.Edits = r.Bind(d.Compare), each(d.Edits, r.Bind)
	}
	d.Risks, d.Warnings = each(d.Risks, r.Text), each(d.Warnings, r.Text)
	d.Orphans, d.Held = each(d.Orphans, r.path), each(d.Held, r.held)
	d.Redactor = nil
	return nil
}

// has says whether a text stands in what is to be loaded or remembered.
func (d *DevicePlan) has(text string) bool {
	return slices.ContainsFunc(d.Left, func(l string) bool { return strings.Contains(l, text) }) ||
		slices.ContainsFunc(d.Changes, func(c Change) bool { return strings.Contains(c.Text, text) })
}

// valuesIn lists the secrets of texts, the longest first: those that were resolved, and what shows itself to be one.
func (s *sealer) valuesIn(texts []string) []string {
	found := map[string]bool{}
	add := func(v string) {
		if v = strings.Trim(v, `"`); v != "" {
			found[v] = true
		}
	}
	for _, text := range texts {
		for _, x := range s.resolved {
			if strings.Contains(text, x.Value) {
				add(x.Value)
			}
		}
		for line := range strings.Lines(text) {
			secretsIn(line, add)
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
}

// secretsIn finds what shows itself to be a secret in a line.
func secretsIn(line string, add func(string)) {
	if strings.Contains(line, secretMark) {
		for _, m := range markedValue.FindAllStringSubmatch(line, -1) {
			add(m[1])
		}
	}
	if strings.Contains(line, "$") {
		for _, v := range shownValue.FindAllString(line, -1) {
			add(v)
		}
	}
	if strings.Contains(line, "snmp community ") {
		if m := communityPath.FindStringSubmatch(line); m != nil {
			add(m[2])
		}
	}
	if start, end, ok := secretOf(line); ok {
		add(line[start:end])
	}
}

// text puts tokens in the place of values, wherever they stand. That a short value also stands where it is no secret does
// no harm: Open puts it back there as well.
func (s *sealer) text(text string, values []string) (string, error) {
	if strings.Contains(text, tokenStart) || !utf8.ValidString(text) { // it would not come back as it is
		if slices.ContainsFunc(s.resolved, func(x Resolved) bool { return strings.Contains(text, x.Value) }) {
			return "", fmt.Errorf("%w: a text with secrets is not UTF-8, or has %q in it", ErrPlanInvalid, tokenStart)
		}
		return s.token(text)
	}
	var pairs []string
	for _, v := range values {
		if strings.Contains(text, v) {
			t, err := s.token(v)
			if err != nil {
				return "", err
			}
			pairs = append(pairs, v, t)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

// token gives what stands for a value, and enters it into the plan.
func (s *sealer) token(value string) (string, error) {
	n, ok := s.numbers[value]
	if !ok {
		entry, err := s.entry(value)
		if err != nil {
			return "", err
		}
		s.plan.Secrets = append(s.plan.Secrets, entry)
		n = len(s.plan.Secrets)
		s.numbers[value] = n
	}
	return tokenOf(n), nil
}

func tokenOf(n int) string { return tokenStart + strconv.Itoa(n) + tokenEnd }

func (s *sealer) entry(value string) (PlanSecret, error) {
	for _, x := range s.resolved {
		if x.Value == value {
			out := x.Reference
			out.MAC = s.key.mac("secret", value)
			return out, nil
		}
	}
	aead, err := s.key.aead()
	if err != nil {
		return PlanSecret{}, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never returns an error (package crypto/rand)
	return PlanSecret{Sealed: base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(value), nil))}, nil
}

func (k *PlanKey) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.seal)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Open gives a device's part of a verified plan with its secrets in place, ready to be applied. resolve gives the value of
// a reference. The error is or wraps ErrPlanSecret where a value is not the reviewed one, and names the reference.
func (k *PlanKey) Open(p *Plan, device string, resolve func(PlanSecret) (string, error)) (DevicePlan, error) {
	i := slices.IndexFunc(p.Devices, func(d DevicePlan) bool { return d.Device == device })
	if i < 0 {
		return DevicePlan{}, fmt.Errorf("open plan: it has no %s", device)
	}
	d := p.Devices[i]
	o := &opener{key: k, plan: p, resolve: resolve, redactor: k.Redactor()}
	d.Changes, d.Left = slices.Clone(d.Changes), slices.Clone(d.Left)
	for i := range d.Changes {
		d.Changes[i].Text = o.text(d.Changes[i].Text)
	}
	for i := range d.Left {
		d.Left[i] = o.text(d.Left[i])
	}
	if err := errors.Join(o.errs...); err != nil {
		return d, fmt.Errorf("open plan: %s: %w", device, err)
	}
	got, err := k.changesMAC(d.Device, d.Changes)
	if err != nil {
		return d, fmt.Errorf("open plan: %s: %w", device, err)
	}
	if !hmac.Equal([]byte(got), []byte(d.ChangesMAC)) {
		return d, fmt.Errorf("open plan: %s: %w: the text that would be loaded is not the reviewed one", device, ErrPlanSecret)
	}
	d.Redactor = o.redactor
	return d, nil
}

// opener puts secrets in the place of tokens.
type opener struct {
	key      *PlanKey
	plan     *Plan
	resolve  func(PlanSecret) (string, error)
	redactor *Redactor
	errs     []error
}

func (o *opener) text(text string) string {
	return token.ReplaceAllStringFunc(text, func(t string) string {
		n, err := strconv.Atoi(token.FindStringSubmatch(t)[1])
		if err != nil || n < 1 || n > len(o.plan.Secrets) {
			o.fail(fmt.Errorf("%w: no %s", ErrPlanInvalid, t))
			return ""
		}
		value, err := o.value(o.plan.Secrets[n-1])
		if err != nil {
			o.fail(err)
		}
		return value
	})
}

// fail notes an error once, however often its secret stands in the text.
func (o *opener) fail(err error) {
	if !slices.ContainsFunc(o.errs, func(e error) bool { return e.Error() == err.Error() }) {
		o.errs = append(o.errs, err)
	}
}

func (o *opener) value(s PlanSecret) (string, error) {
	if s.Sealed == "" {
		value, err := o.resolve(s)
		if err != nil {
			return "", err
		}
		if !hmac.Equal([]byte(o.key.mac("secret", value)), []byte(s.MAC)) {
			return "", fmt.Errorf("%w: %s", ErrPlanSecret, s.Reference())
		}
		o.redactor.Know(value)
		return value, nil
	}
	data, err := base64.StdEncoding.DecodeString(s.Sealed)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPlanInvalid, err)
	}
	aead, err := o.key.aead()
	if err != nil {
		return "", err
	}
	if len(data) < aead.NonceSize() {
		return "", fmt.Errorf("%w: a sealed secret is too short", ErrPlanInvalid)
	}
	value, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], nil)
	if err != nil {
		return "", fmt.Errorf("%w: open a sealed secret: %w", ErrPlanInvalid, err)
	}
	return string(value), nil
}
