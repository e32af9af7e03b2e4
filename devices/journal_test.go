package devices

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestULID: the example of the ULID specification, and the order of ids in time.
func TestULID(t *testing.T) {
	var b [16]byte
	if got := encodeULID(b); got != strings.Repeat("0", 26) {
		t.Errorf("the zero id is %s", got)
	}
	for i := range b {
		b[i] = 0xff
	}
	if got := encodeULID(b); got != "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" {
		t.Errorf("the last id is %s", got)
	}
	id, err := newRunID(time.UnixMilli(1469918176385))
	if err != nil || !strings.HasPrefix(id, "01ARYZ6S41") || !isRunID(id) {
		t.Errorf("the id of 1469918176385 ms is %s, %v", id, err)
	}
	for _, bad := range []string{"", "01ARYZ6S41", strings.Repeat("8", 26), strings.Repeat("U", 26), "../" + id[3:]} {
		if isRunID(bad) {
			t.Errorf("%q passes for a run id", bad)
		}
	}
}

// FuzzJournal: any file is records or an error with the records before it.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"version":1,"time":"2026-01-01T00:00:00Z","kind":"run","run":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}` + "\n"))
	f.Add([]byte(`{"version":1,"kind":"outcome","outcome":{"result":"committed"}}` + "\n" + `{"version":1,"ki`))
	f.Add([]byte("nonsense\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := readRecords(bytes.NewReader(data))
		if lines := bytes.Count(data, []byte{'\n'}); len(records) > lines {
			t.Fatalf("%d records of %d lines, %v", len(records), lines, err)
		}
	})
}

func TestResultNames(t *testing.T) {
	for r := NotStarted; r <= Unknown; r++ {
		text, err := r.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Result
		if err := back.UnmarshalText(text); err != nil || back != r {
			t.Errorf("%s came back as %s, %v", r, back, err)
		}
	}
	if _, err := Result(99).MarshalText(); err == nil {
		t.Error("a result that is none has a name")
	}
	if err := new(Result).UnmarshalText([]byte("fine")); err == nil {
		t.Error("a name that is none is a result")
	}
}

// TestAudit: entries come back in order; a line that is being written is not one yet.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	if list, err := ReadAudit(dir); err != nil || len(list) != 0 {
		t.Errorf("no log: %v, %v", list, err)
	}
	for _, device := range []string{"cr1", "cr2"} {
		out := Outcome{Device: device, Run: "r", Result: NotCommitted, Err: &ReviewError{Device: device, Reviewed: "secret", Now: "secret"}}
		if err := appendAudit(dir, auditOf(RunInfo{User: "u", Message: "T1"}, out)); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "audit.jsonl")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"version":1,"dev`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := ReadAudit(dir)
	if err != nil || len(list) != 2 || list[0].Device != "cr1" || list[1].Device != "cr2" || list[0].Result != NotCommitted || list[0].Hint == "" {
		t.Errorf("ReadAudit = %+v, %v", list, err)
	}
	text, err := os.ReadFile(name)
	if err != nil || bytes.Contains(text, []byte("secret")) {
		t.Errorf("the log holds configuration text: %s, %v", text, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log is %v, %v", info.Mode(), err)
	}
}
