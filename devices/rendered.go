package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"rhapsode/diffs/junos"
)

// Rendered remembers what templates have put onto a device: the render that a run committed here last, and what earlier
// ones left behind. It is how an orphan is told from what a person added (docs/decisions/005).
type Rendered struct {
	Run   string    `json:"run"`   // the run that committed it; "": nothing is known
	Since time.Time `json:"since"` // of that commit, on the device's clock
	Lines []string  `json:"lines"` // set lines, sorted
}

// NewRendered is the memory after a commit of rendered that left orphans behind: last is what was known before.
func NewRendered(rendered, last *junos.Tree, orphans [][]string) Rendered {
	lines := setLines(rendered)
	for line := range setLines(last) {
		words, err := junos.SplitWords(line)
		if err == nil && slices.ContainsFunc(orphans, func(p []string) bool { return hasPrefix(words[1:], p) }) {
			lines[line] = true
		}
	}
	return Rendered{Lines: slices.Sorted(maps.Keys(lines))}
}

// Tree is the lines as a configuration.
func (r Rendered) Tree(device string) (*junos.Tree, error) {
	tree, err := junos.Parse(device+" (rendered before)", []byte(strings.Join(r.Lines, "\n")+"\n"), nil)
	if err != nil {
		return nil, fmt.Errorf("read what was rendered before: %w", err)
	}
	return tree, nil
}

func renderedFile(stateDir, device string) string {
	return filepath.Join(stateDir, "rendered", device+".json")
}

// ReadRendered reads what is remembered of a device in a state directory; the zero Rendered if that is nothing.
func ReadRendered(stateDir, device string) (Rendered, error) {
	var r Rendered
	data, err := os.ReadFile(renderedFile(stateDir, device))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		return r, fmt.Errorf("read what was rendered onto %s before: %s: %w", device, renderedFile(stateDir, device), err)
	}
	return r, nil
}

// WriteRendered remembers it. The file is readable by the user alone: what is rendered may hold secrets.
func WriteRendered(stateDir, device string, r Rendered) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("remember what was rendered onto %s: %w", device, err)
		}
	}()
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	name := renderedFile(stateDir, device)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".rendered-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// runMark is what Comment puts into the comment of a run's commit.
var runMark = regexp.MustCompile(`\brun [0-7][0-9A-HJKMNP-TV-Z]{25}\b`)

// Recall gives what templates have put onto a device, as a configuration: what is known here, and what runs from elsewhere
// have added since then and is still there, by the device's own commit history. What people committed by hand is not
// in it. The history is read as far back as historyDepth commits, and no rollback is fetched where no run from elsewhere
// has committed since.
func Recall(ctx context.Context, dev Device, known Rendered, running *junos.Tree) (*junos.Tree, error) {
	h, err := dev.History(ctx)
	if err != nil {
		return nil, err
	}
	lines := map[string]bool{}
	for _, l := range known.Lines {
		lines[l] = true
	}
	now := setLines(running)
	after := now // of rollback n; nil: not fetched
	for n := 0; n+1 < min(len(h), historyDepth) && !h[n].Time.Before(known.Since); n++ {
		if !runMark.MatchString(h[n].Comment) || hasRun(h[n].Comment, known.Run) {
			after = nil
			continue
		}
		if after == nil {
			if after, err = rollbackLines(ctx, dev, n); err != nil {
				return nil, err
			}
		}
		before, err := rollbackLines(ctx, dev, n+1)
		if err != nil {
			return nil, err
		}
		for l := range after {
			if !before[l] && now[l] {
				lines[l] = true
			}
		}
		after = before
	}
	return Rendered{Lines: slices.Sorted(maps.Keys(lines))}.Tree(dev.Name())
}

func rollbackLines(ctx context.Context, dev Device, n int) (map[string]bool, error) {
	tree, err := rollbackTree(ctx, dev, n)
	if err != nil {
		return nil, err
	}
	return setLines(tree), nil
}

// setLines is a configuration as its set commands. That a statement is inactive, annotated or protected is left out.
func setLines(t *junos.Tree) map[string]bool {
	out := map[string]bool{}
	if t == nil {
		return out
	}
	for line := range strings.Lines(t.Set()) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "set ") {
			out[line] = true
		}
	}
	return out
}
