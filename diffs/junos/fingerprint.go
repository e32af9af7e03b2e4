package junos

import (
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint identifies a configuration: `sha256:` and the hash of its set lines, without header comments. Two texts
// of the same configuration have the same one.
func (t *Tree) Fingerprint() string {
	h := sha256.Sum256([]byte(t.Set()))
	return "sha256:" + hex.EncodeToString(h[:])
}
