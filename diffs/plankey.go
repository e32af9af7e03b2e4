package diffs

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// PlanKey signs plans and hides the secrets in them. Whoever has the same key can carry a plan out; without it a plan can
// be read, and not changed.
type PlanKey struct {
	id                 string
	sign, redact, seal []byte
}

// MinPlanKeyBytes is the least that a key is made of.
const MinPlanKeyBytes = 32

// NewPlanKey makes a key of secret bytes.
func NewPlanKey(secret []byte) (*PlanKey, error) {
	if len(secret) < MinPlanKeyBytes {
		return nil, fmt.Errorf("make plan key: %d bytes are too few, %d are needed", len(secret), MinPlanKeyBytes)
	}
	k := &PlanKey{}
	var id []byte
	for _, part := range []struct {
		out  *[]byte
		name string
	}{{&id, "id"}, {&k.sign, "sign"}, {&k.redact, "redact"}, {&k.seal, "seal"}} {
		key, err := hkdf.Key(sha256.New, secret, nil, "rhapsode plan "+part.name, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("make plan key: %w", err)
		}
		*part.out = key
	}
	k.id = hex.EncodeToString(id[:4])
	return k, nil
}

// ID tells keys apart and nothing of the key.
func (k *PlanKey) ID() string { return k.id }

// Redactor hides secrets as in the plans of this key: a tag is the same wherever the key is.
func (k *PlanKey) Redactor() *Redactor { return newRedactor(k.redact) }

// Verify says whether a plan is as Seal made it, with this key. The error is ErrPlanUnsigned, ErrPlanKey or ErrPlanEdited.
func (k *PlanKey) Verify(p *Plan) error {
	switch {
	case p.MAC == "":
		return ErrPlanUnsigned
	case p.Key != k.id:
		return fmt.Errorf("%w: %s, this one is %s", ErrPlanKey, p.Key, k.id)
	}
	want, err := k.macOf(p)
	if err != nil {
		return err
	}
	if !hmac.Equal([]byte(want), []byte(p.MAC)) {
		return ErrPlanEdited
	}
	return nil
}

// macOf is the MAC of all of a plan but its MAC, in the form in which it decodes: blanks and the order of fields in the file
// do not matter.
func (k *PlanKey) macOf(p *Plan) (string, error) {
	bare := *p
	bare.MAC = ""
	text, err := json.Marshal(&bare)
	if err != nil {
		return "", fmt.Errorf("sign plan: %w", err)
	}
	return k.mac("plan", string(text)), nil
}

// mac is keyed to what it is of, so that none passes for another.
func (k *PlanKey) mac(parts ...string) string {
	h := hmac.New(sha256.New, k.sign)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p) //nolint:errcheck // a hash takes every write
	}
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}

// changesMAC is of what is loaded onto a device, with the secrets in it.
func (k *PlanKey) changesMAC(device string, changes []Change) (string, error) {
	parts := []string{"changes", device}
	for _, c := range changes {
		text, err := json.Marshal(c)
		if err != nil {
			return "", errors.Join(ErrPlanInvalid, err)
		}
		parts = append(parts, string(text))
	}
	return k.mac(parts...), nil
}
