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
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

// journalVersion is the version of a journal's records; it only grows by adding fields.
const journalVersion = 1

// record is one line of a journal. The first line of a file is a run, then comes the plan; each device has an intent, its
// steps and an outcome, and between them stand events; the last is end. A later run adds a settled record for a device
// that has no outcome. No record holds configuration text.
type record struct {
	Version int       `json:"version"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind"` // run, plan, intent, step, event, outcome, end, settled
	Run     string    `json:"run"`

	User    string `json:"user,omitempty"`
	Message string `json:"message,omitempty"`
	Tool    string `json:"tool,omitempty"`

	SkippedCheck string `json:"skipped_check,omitempty"`
	ForcedFreeze string `json:"forced_freeze,omitempty"`

	Device      string        `json:"device,omitempty"`
	Step        Step          `json:"step,omitempty"`
	Fingerprint string        `json:"fingerprint,omitempty"` // intent: of the reviewed running configuration
	Change      string        `json:"change,omitempty"`      // intent: SHA-256 of what is to be loaded
	Comment     string        `json:"comment,omitempty"`
	Confirm     time.Duration `json:"confirm_ns,omitempty"`
	Outcome     *Outcome      `json:"outcome,omitempty"`

	Batches [][]string `json:"batches,omitempty"` // plan: the devices, batch by batch
	Event   *Event     `json:"event,omitempty"`   // event: what is neither a step nor an outcome
}

// journal is the open file of a run. It holds an exclusive lock on the file for as long as the process lives, which
// is how a later run tells a killed run from one that is at work.
//
// Devices at work at the same time share a sync: each waits until one that began after its record is done.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	run     string
	written int

	syncing sync.Mutex // held during a sync, and taken before mu
	synced  int        // how many records are on the disk; under syncing
}

// createJournal makes runs/RUN.jsonl below the state directory.
func createJournal(stateDir, run string) (*journal, error) {
	dir := filepath.Join(stateDir, "runs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	name := filepath.Join(dir, run+".jsonl")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	if err := errors.Join(lockFile(f, syscall.LOCK_EX), syncDir(dir), syncDir(stateDir)); err != nil {
		return nil, errors.Join(fmt.Errorf("create journal: %w", err), f.Close())
	}
	return &journal{file: f, run: run}, nil
}

// write appends a record and returns when it is on the disk.
func (j *journal) write(r record) error {
	r.Version, r.Time, r.Run = journalVersion, time.Now().UTC(), j.run
	n, err := j.add(r)
	if err != nil {
		return err
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= n {
		return nil
	}
	j.mu.Lock()
	file, written := j.file, j.written
	j.mu.Unlock()
	if file == nil { // close has synced it
		return nil
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Base(file.Name()), err)
	}
	j.synced = written
	return nil
}

// add appends a record and gives its number.
func (j *journal) add(r record) (n int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return 0, fmt.Errorf("write journal: %w", os.ErrClosed)
	}
	if err := writeLine(j.file, r); err != nil {
		return 0, err
	}
	j.written++
	return j.written, nil
}

func (j *journal) close() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	err := errors.Join(j.file.Sync(), j.file.Close())
	j.file = nil
	return err
}

// writeLine writes v as one line of JSON with one write.
func writeLine(f *os.File, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("append to %s: %w", filepath.Base(f.Name()), err)
	}
	return nil
}

// appendLine writes v as one line, and syncs it.
func appendLine(f *os.File, v any) error {
	if err := writeLine(f, v); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", filepath.Base(f.Name()), err)
	}
	return nil
}

// syncDir makes a new name in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFile takes a lock of a file. A journal's process has it exclusively (LOCK_EX) for as long as it lives; those who
// read it to see what it left share it (LOCK_SH) for as long as they read, so that they do not take each other for it. With
// LOCK_NB it answers syscall.EWOULDBLOCK at once.
func lockFile(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", filepath.Base(f.Name()), err)
		}
		return nil
	}
}

// Unfinished is a device on which a run began and of which its journal tells no end: the process was killed, or it left
// the device to roll back by itself.
type Unfinished struct {
	Run, Device   string
	User, Message string
	Started       time.Time // of the intent
	Step          Step      // the last step that was begun
	Fingerprint   string    // of the configuration before the run
	Confirm       time.Duration
	// Left is what the run said at its end where that was no end: RollingBack, or Unknown. NotStarted: it was killed.
	Left     Result
	stateDir string
}

// String says it in a sentence.
func (u Unfinished) String() string {
	if u.Left != NotStarted {
		return fmt.Sprintf("run %s by %s (%q, %s) left %s %s", u.Run, u.User, u.Message,
			u.Started.UTC().Format(time.DateTime+" MST"), u.Device, u.Left)
	}
	return fmt.Sprintf("run %s by %s (%q, %s) ended on %s in step %q and left no outcome", u.Run, u.User, u.Message,
		u.Started.UTC().Format(time.DateTime+" MST"), u.Device, u.Step)
}

// findUnfinished reads the journals of a state directory, oldest first. Runs that are at work are left out. A journal
// that cannot be read is an error beside the rest: what it hides must not stay hidden.
func findUnfinished(stateDir string) ([]Unfinished, error) {
	names, err := filepath.Glob(filepath.Join(stateDir, "runs", "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("list journals: %w", err)
	}
	sort.Strings(names)
	var out []Unfinished
	var errs []error
	for _, name := range names {
		if !isRunID(strings.TrimSuffix(filepath.Base(name), ".jsonl")) {
			continue
		}
		list, err := unfinishedIn(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("read journal: %w", err))
		}
		for i := range list {
			list[i].stateDir = stateDir
		}
		out = append(out, list...)
	}
	return out, errors.Join(errs...)
}

func unfinishedIn(name string) (list []Unfinished, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := lockFile(f, syscall.LOCK_SH|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	records, err := readRecords(f)
	return unfinished(records), err
}

// unfinished lists the devices of a journal that have an intent and no end, in the order of their intents: no outcome,
// or one that left the device to roll back by itself, or could not tell.
func unfinished(records []record) (list []Unfinished) {
	var head record
	open := map[string]*Unfinished{}
	var order []string
	for _, r := range records {
		switch r.Kind {
		case "run":
			head = r
		case "intent":
			open[r.Device] = &Unfinished{
				Run: r.Run, Device: r.Device, User: head.User, Message: head.Message,
				Started: r.Time, Step: StepIntent, Fingerprint: r.Fingerprint, Confirm: r.Confirm,
			}
			order = append(order, r.Device)
		case "step":
			if u := open[r.Device]; u != nil {
				u.Step = r.Step
			}
		case "outcome", "settled":
			if u := open[r.Device]; u != nil && r.Outcome != nil && (r.Outcome.Result == RollingBack || r.Outcome.Result == Unknown) {
				u.Left = r.Outcome.Result
				continue
			}
			delete(open, r.Device)
		}
	}
	for _, d := range order {
		if u := open[d]; u != nil {
			list = append(list, *u)
			delete(open, d)
		}
	}
	return list
}

// readRecords reads a journal. A last line without its end is what a kill in mid-write leaves; it is passed over. Any
// other line that is no record is an error, and the records before it are given.
func readRecords(r io.Reader) ([]record, error) {
	var out []record
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var rec record
		if err := json.Unmarshal(line, &rec); err != nil {
			// A torn line that a later settled record was put after is ended by that writer, and stays a fragment.
			if bytes.HasPrefix(line, []byte(`{"version":`)) {
				continue
			}
			return out, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, rec)
	}
}

// appendSettled adds to a killed run's journal how it ended, so that it is said once: done is false if another run has
// said it meanwhile.
func appendSettled(u Unfinished, out Outcome) (done bool, err error) {
	f, err := os.OpenFile(filepath.Join(u.stateDir, "runs", u.Run+".jsonl"), os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return false, fmt.Errorf("settle journal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := lockFile(f, syscall.LOCK_EX); err != nil {
		return false, fmt.Errorf("settle journal: %w", err)
	}
	records, err := readRecords(f)
	if err != nil {
		return false, fmt.Errorf("settle journal: %w", err)
	}
	if !slices.ContainsFunc(unfinished(records), func(o Unfinished) bool { return o.Device == u.Device }) {
		return false, nil
	}
	end := make([]byte, 1)
	if n, err := f.Seek(0, io.SeekEnd); err != nil {
		return false, fmt.Errorf("settle journal: %w", err)
	} else if n > 0 {
		if _, err := f.ReadAt(end, n-1); err != nil {
			return false, fmt.Errorf("settle journal: %w", err)
		}
		if end[0] != '\n' { // a torn line: end it, or the record would be lost with it
			if _, err := f.Write([]byte{'\n'}); err != nil {
				return false, fmt.Errorf("settle journal: %w", err)
			}
		}
	}
	return true, appendLine(f, record{Version: journalVersion, Time: time.Now().UTC(), Kind: "settled", Run: u.Run, Device: u.Device, Outcome: &out})
}
