package devices

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// ReadAudit reads the audit log of a state directory, oldest entry first. No log is no entries. A last line without its
// end is one that is being written, or that a kill cut short; it is left out.
func ReadAudit(stateDir string) ([]AuditEntry, error) {
	f, err := os.Open(filepath.Join(stateDir, "audit.jsonl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	var out []AuditEntry
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read audit log: %w", err)
		}
		var e AuditEntry
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return nil, fmt.Errorf("read audit log: %s:%d: %w", f.Name(), n, err)
		}
		out = append(out, e)
	}
}
