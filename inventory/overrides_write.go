package inventory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// NewOverride is an override that is to be written. Every field must be set.
type NewOverride struct {
	Task    string     // T123456
	Reason  string     // one line without quotes
	Site    string     // ams; a part of the file's name
	What    string     // ping-offload; a part of the file's name
	Query   string     // the devices: site:ams
	Paths   [][]string // the words of each node, in the order of the file
	Since   time.Time  // written in UTC, to the second
	Expires time.Time  // after Since
}

// unsafeInName is what a file's name is kept free of.
var unsafeInName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// File is the slash-separated path of its file below the tree's root: overrides/TASK-SITE-WHAT.yaml.
func (o NewOverride) File() string {
	var parts []string
	for _, p := range []string{o.Task, o.Site, o.What} {
		parts = append(parts, strings.Trim(unsafeInName.ReplaceAllString(p, "-"), "-."))
	}
	return "overrides/" + strings.Join(parts, "-") + ".yaml"
}

// CheckOverride says why WriteOverride would refuse; nil if it would write. A command asks before it changes a router.
func CheckOverride(dir string, o NewOverride) error {
	_, err := prepareOverride(dir, o)
	return err
}

// WriteOverride writes an override into the tree in dir and returns the slash-separated path of its file below dir. The
// file appears at once or not at all. If there is one for the same task and devices that holds nothing else, it is
// replaced and keeps its `since`; any other file is refused.
//
// What is written has the right form. Whether devices and paths are there is not looked at; Load and Render do that.
func WriteOverride(dir string, o NewOverride) (file string, err error) {
	text, err := prepareOverride(dir, o)
	if err != nil {
		return "", err
	}
	file = o.File()
	name := filepath.Join(dir, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", fmt.Errorf("write override: %w", err)
	}
	if err := replaceFile(name, text); err != nil {
		return "", fmt.Errorf("write override %s: %w", file, err)
	}
	return file, nil
}

// prepareOverride gives the text of the file, after looking at what is there.
func prepareOverride(dir string, o NewOverride) ([]byte, error) {
	file := o.File()
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("write override %s: %w", file, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("write override: %w", err)
	default:
		since, err := replaceable(file, data, o)
		if err != nil {
			return nil, fmt.Errorf("write override %s: %w", file, err)
		}
		if since.Before(o.Since) {
			o.Since = since
		}
	}
	line, err := modeline(dir)
	if err != nil {
		return nil, err
	}
	text, err := overrideText(o)
	if err != nil {
		return nil, fmt.Errorf("write override %s: %w", file, err)
	}
	text = append([]byte(line), text...)
	var problems Problems
	if root := parseYAML(file, "override", text, false, &problems); root == nil || !validate("override.json", root, strictness{}, &problems) {
		return nil, fmt.Errorf("write override: %w", problems.sorted())
	}
	return text, nil
}

// Check says what is wrong with the values themselves: those that the schema can't see, or would explain by the line of a
// file that nobody has written.
func (o NewOverride) Check() error {
	form := formats()
	for _, c := range []struct{ what, value, format string }{
		{"task", o.Task, "task"}, {"reason", o.Reason, "text"}, {"site", o.Site, "name"}, {"subject", o.What, "label"},
	} {
		if err := form[c.format](c.value); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
	}
	switch {
	case strings.TrimSpace(o.Query) == "":
		return errors.New("devices: the query is empty")
	case len(o.Paths) == 0:
		return errors.New("paths: there is none")
	case o.Since.IsZero():
		return errors.New("since: the time is not set")
	case !moment(o.Expires).After(moment(o.Since)):
		return fmt.Errorf("it would expire at %s, which is not after %s, since when it holds",
			moment(o.Expires).Format(time.RFC3339), moment(o.Since).Format(time.RFC3339))
	}
	return nil
}

// moment is a time as it is written.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// replaceable says since when the override in an existing file holds, or why the file can't be replaced by o.
func replaceable(file string, data []byte, o NewOverride) (time.Time, error) {
	var problems Problems
	root := parseYAML(file, "override", data, false, &problems)
	if root == nil || !validate("override.json", root, strictness{}, &problems) {
		return time.Time{}, fmt.Errorf("the file exists and can't be read: %w", problems.sorted())
	}
	if task := root.get("task").string(); task != o.Task {
		return time.Time{}, fmt.Errorf("the file exists for another task, %s", task)
	}
	if query := root.get("devices").string(); query != o.Query {
		return time.Time{}, fmt.Errorf("the file exists for other devices, %s instead of %s", query, o.Query)
	}
	for _, n := range root.get("paths").elements() {
		path, err := parsePath(n.string())
		if err != nil {
			return time.Time{}, err
		}
		if !containsPath(o.Paths, path) {
			return time.Time{}, fmt.Errorf("the file exists and holds more: %s", n.string())
		}
	}
	return parseMoment(root.get("since").string())
}

func containsPath(list [][]string, path []string) bool {
	return slices.ContainsFunc(list, func(p []string) bool { return slices.Equal(p, path) })
}

const modelineStart = "# yaml-language-server: $schema="

// modeline is the first line, by which an editor finds the schema: where that of common.yaml finds its own.
func modeline(dir string) (string, error) {
	data, err := os.ReadFile(filepath.Join(dir, "common.yaml"))
	if err != nil {
		return "", fmt.Errorf("write override: this is no inventory: %w", err)
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	to, ok := strings.CutPrefix(strings.TrimSpace(string(first)), modelineStart)
	if base, fits := strings.CutSuffix(to, "common.json"); ok && fits {
		if !strings.HasPrefix(base, "/") && !strings.Contains(base, ":") {
			base = "../" + base // relative, and this file is one folder further down
		}
		return modelineStart + base + "override.json\n", nil
	}
	return "", nil // this tree does not say where its schemas are
}

// overrideText writes the override as a person would, without the modeline.
func overrideText(o NewOverride) ([]byte, error) {
	plain := func(value string) *yaml.Node {
		n := &yaml.Node{}
		n.SetString(value)
		return n
	}
	at := func(t time.Time) *yaml.Node {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: moment(t).Format(time.RFC3339)}
	}
	paths := &yaml.Node{Kind: yaml.SequenceNode}
	for _, p := range o.Paths {
		text, err := pathText(p)
		if err != nil {
			return nil, err
		}
		paths.Content = append(paths.Content, plain(text))
	}
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range []struct {
		key   string
		value *yaml.Node
	}{
		{"kind", plain(string(Deactivate))},
		{"devices", plain(o.Query)},
		{"paths", paths},
		{"task", plain(o.Task)},
		{"reason", plain(o.Reason)},
		{"since", at(o.Since)},
		{"expires", at(o.Expires)},
	} {
		root.Content = append(root.Content, plain(f.key), f.value)
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(root), enc.Close()); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b.Bytes(), nil
}

// pathText is the reverse of parsePath.
func pathText(path []string) (string, error) {
	out := make([]string, len(path))
	for i, w := range path {
		out[i] = w
		if w == "" || strings.ContainsAny(w, " {};[]\"\n\t\\") {
			out[i] = strconv.Quote(w)
		}
	}
	text := strings.Join(out, " ")
	if back, err := parsePath(text); err != nil {
		return "", err
	} else if !slices.Equal(back, path) {
		return "", fmt.Errorf("%q can't be written as a path", path)
	}
	return text, nil
}

// replaceFile writes a file at once: a reader sees the old content or the new. The temporary file is hidden, which Load
// passes over.
func replaceFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already after the rename
	_, err = tmp.Write(data)
	// An inventory is shared and holds no secrets.
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// KeptOverride is a file of overrides that RemoveOverrides left because it holds more.
type KeptOverride struct {
	File string
	Task string
	More []string // what it holds beyond that, sorted: `DEVICE: PATH`
}

// String is `FILE (TASK) holds more: …`.
func (k KeptOverride) String() string {
	return fmt.Sprintf("%s (%s) holds more: %s", k.File, k.Task, strings.Join(k.More, "; "))
}

// RemoveOverrides takes the deactivation of paths on devices (names such as cr1.ams) back: it removes the files in dir
// that hold nothing else, and returns their slash-separated paths below dir. A file that holds more is left as it is and
// returned in kept. The tree is read anew, since somebody may have changed it in the meantime.
func RemoveOverrides(dir string, paths [][]string, devices []string) (removed []string, kept []KeptOverride, err error) {
	net, err := Load(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("remove overrides: %w", err)
	}
	type content struct {
		task      string
		hit       bool
		remaining []string
	}
	files := map[string]*content{}
	for _, o := range net.Overrides {
		c := files[o.File]
		if c == nil {
			c = &content{task: o.Task}
			files[o.File] = c
		}
		for _, d := range o.Devices {
			if containsPath(paths, o.Path) && slices.Contains(devices, d.Name) {
				c.hit = true
			} else {
				c.remaining = append(c.remaining, d.Name+": "+strings.Join(o.Path, " "))
			}
		}
	}
	var errs []error
	for file, c := range files {
		switch {
		case !c.hit:
		case len(c.remaining) > 0:
			slices.Sort(c.remaining)
			kept = append(kept, KeptOverride{File: file, Task: c.task, More: c.remaining})
		default:
			if err := os.Remove(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
				errs = append(errs, fmt.Errorf("remove override: %w", err))
				continue
			}
			removed = append(removed, file)
		}
	}
	slices.Sort(removed)
	slices.SortFunc(kept, func(a, b KeptOverride) int { return cmp.Compare(a.File, b.File) })
	return removed, kept, errors.Join(errs...)
}
