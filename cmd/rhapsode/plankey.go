package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rhapsode/cmd/internal/cli"
	"rhapsode/diffs"
	"rhapsode/inventory"
)

// planKeyVariable names the file with the key of plans that several people share.
const planKeyVariable = "RHAPSODE_PLAN_KEY_FILE"

// planKey is the key that signs plans and hides the secrets in them: that of $RHAPSODE_PLAN_KEY_FILE, which people who apply each
// other's plans share, else one of this user and machine, made when it is first needed.
func (a *app) planKey() (*diffs.PlanKey, error) {
	if name := a.getenv(planKeyVariable); name != "" {
		key, err := readPlanKey(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = cli.Hint(err, "it is 64 hex digits that whoever may apply the plans can read: umask 077; openssl rand -hex 32 > "+name)
		}
		if err != nil {
			return nil, fmt.Errorf("$%s: %w", planKeyVariable, err)
		}
		return key, nil
	}
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	name := filepath.Join(state, "plan.key")
	key, err := readPlanKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makePlanKey(name); err != nil {
			return nil, fmt.Errorf("make the key of plans: %w", err)
		}
		key, err = readPlanKey(name)
	}
	return key, err
}

// readPlanKey reads a key that nobody but its owner and a group can read.
func readPlanKey(name string) (*diffs.PlanKey, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read the key of plans: %w", err)
	}
	if info.Mode().Perm()&0o027 != 0 {
		return nil, cli.Hint(fmt.Errorf("read the key of plans: %s has mode %04o: others could sign plans with it", name, info.Mode().Perm()),
			"chmod 600 it (640 for a group that shares it); if others may have read it, make a new one")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the key of plans: %w", err)
	}
	secret, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil { // its text is not repeated: it may be a key in another form
		return nil, cli.Hint(fmt.Errorf("read the key of plans: %s has something else than hex digits in it", name), "openssl rand -hex 32 makes a key")
	}
	key, err := diffs.NewPlanKey(secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// makePlanKey makes a key that was not there. Of two that are made at the same time one stays.
func makePlanKey(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	secret := make([]byte, diffs.MinPlanKeyBytes)
	_, _ = rand.Read(secret) // never returns an error (package crypto/rand)
	tmp, err := os.CreateTemp(filepath.Dir(name), ".plan.key.*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // the name that stays is another
	_, err = tmp.WriteString(hex.EncodeToString(secret) + "\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// planSecret is a reference as a plan has it.
func planSecret(s inventory.Secret) diffs.PlanSecret {
	return diffs.PlanSecret{Form: string(s.Form), Env: s.Env, File: s.File, Command: s.Command}
}

// noteResolved keeps the value of a reference for the plans that this run writes.
func (a *app) noteResolved(ref diffs.PlanSecret, value string) {
	a.resolvedMu.Lock()
	defer a.resolvedMu.Unlock()
	for _, r := range a.resolved {
		if r.Reference.Same(ref) {
			return
		}
	}
	a.resolved = append(a.resolved, diffs.Resolved{Reference: ref, Value: value})
}
