package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// diskTree is a copy of the example network on disk, beside the schemas as in the repository.
func diskTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net")
	tree, err := fs.Sub(Example, "example")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	return dir
}

// offload is the override that stops the ping offload at ams.
func offload() NewOverride {
	return NewOverride{
		Task: "T123456", Reason: "ping1.ams is being reinstalled: disk #2", Site: "ams", What: "ping-offload", Query: "site:ams",
		Paths: [][]string{
			strings.Fields("firewall family inet filter border-in4 term offload-ping4"),
			strings.Fields("firewall family inet filter transport-in4 term offload-ping4"),
		},
		Since: testTime, Expires: testTime.Add(4 * time.Hour),
	}
}

// write writes an override that must be fine.
func write(t *testing.T, dir string, o NewOverride) string {
	t.Helper()
	file, err := WriteOverride(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func readText(t *testing.T, dir, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func loadDisk(t *testing.T, dir string) *Network {
	t.Helper()
	net, err := load(os.DirFS(dir), dir, testTime, insideOf(os.DirFS(dir)))
	if err != nil {
		t.Fatal(err)
	}
	return net
}

func TestWriteOverride(t *testing.T) {
	dir := diskTree(t)
	o := offload()
	o.Since = o.Since.Add(time.Millisecond).In(time.FixedZone("", 3600))
	if err := CheckOverride(dir, o); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, o.File())); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a check has written the file: %v", err)
	}
	file := write(t, dir, o)
	equal(t, "the file", file, "overrides/T123456-ams-ping-offload.yaml")
	equal(t, "the text", readText(t, dir, file), `# yaml-language-server: $schema=../../schema/override.json
kind: deactivate
devices: site:ams
paths:
  - firewall family inet filter border-in4 term offload-ping4
  - firewall family inet filter transport-in4 term offload-ping4
task: T123456
reason: 'ping1.ams is being reinstalled: disk #2'
since: 2026-03-01T12:00:00Z
expires: 2026-03-01T16:00:00Z
`)
	info, err := os.Stat(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the mode", info.Mode(), fs.FileMode(0o644))

	net := loadDisk(t, dir)
	equal(t, "overrides", len(net.Overrides), 2)
	for i, got := range net.Overrides {
		want := Override{
			File: file, Task: o.Task, Reason: o.Reason, Since: testTime, Expires: o.Expires, Query: "site:ams",
			Devices: site(t, net, "ams").Devices, Path: o.Paths[i], Action: Deactivate,
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("\n got: %+v\nwant: %+v", *got, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "overrides", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// Whatever YAML or a path would take for something else comes back as it was.
func TestWriteOverrideWords(t *testing.T) {
	for _, reason := range []string{"yes", "0x10", "2026-03-09", "- a", "a: b # c", "null", "it's", "[x]", "naïve 100 %", "&a *b !c"} {
		dir := diskTree(t)
		o := offload()
		o.Reason = reason
		o.Paths = [][]string{{"firewall", "filter", "a b", "term", `q"uo\te`, "x;y", "{", "a'b", "#c"}, {"system", "ntp"}}
		write(t, dir, o)
		net := loadDisk(t, dir)
		equal(t, "reason", net.Overrides[0].Reason, reason)
		if !slices.Equal(net.Overrides[0].Path, o.Paths[0]) || !slices.Equal(net.Overrides[1].Path, o.Paths[1]) {
			t.Errorf("paths are %q and %q", net.Overrides[0].Path, net.Overrides[1].Path)
		}
	}
}

// The name of the file stays in the folder and is one word.
func TestOverrideFile(t *testing.T) {
	for _, c := range [][4]string{
		{"T1", "ams", "ping-offload", "overrides/T1-ams-ping-offload.yaml"},
		{"#12", "ams", "ping-offload", "overrides/12-ams-ping-offload.yaml"},
		{"../T1", "a/b", "x y", "overrides/T1-a-b-x-y.yaml"},
	} {
		equal(t, "the file", NewOverride{Task: c[0], Site: c[1], What: c[2]}.File(), c[3])
	}
}

// A tree that finds its schemas elsewhere, or does not say where, gets no wrong first line.
func TestOverrideModeline(t *testing.T) {
	for first, want := range map[string]string{
		modelineStart + "../schema/common.json":                       modelineStart + "../../schema/override.json\n",
		modelineStart + "https://www.example.net/schemas/common.json": modelineStart + "https://www.example.net/schemas/override.json\n",
		modelineStart + "/usr/share/rhapsode/common.json":             modelineStart + "/usr/share/rhapsode/override.json\n",
		"# ours": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "common.yaml"), []byte(first+"\nasn: 64500\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := modeline(dir)
		if err != nil || got != want {
			t.Errorf("%q leads to %q, %v, want %q", first, got, err, want)
		}
	}
}

// The same task again moves the end and leaves the beginning; a file that says anything else is not touched.
func TestWriteOverrideAgain(t *testing.T) {
	dir := diskTree(t)
	first := offload()
	first.Paths = first.Paths[:1]
	file := write(t, dir, first)
	again := offload()
	again.Since, again.Expires = testTime.Add(time.Hour), testTime.Add(48*time.Hour)
	write(t, dir, again)
	net := loadDisk(t, dir)
	equal(t, "overrides", len(net.Overrides), 2)
	equal(t, "since", net.Overrides[0].Since, testTime)
	equal(t, "expires", net.Overrides[0].Expires, again.Expires)

	before := readText(t, dir, file)
	for name, c := range map[string]struct {
		change func(*NewOverride)
		was    [2]string
		want   string
	}{
		"task":    {was: [2]string{"task: T123456", "task: T99"}, want: "the file exists for another task, T99"},
		"devices": {change: func(o *NewOverride) { o.Query = "cr1.ams" }, want: "the file exists for other devices, site:ams instead of cr1.ams"},
		"paths": {
			change: func(o *NewOverride) { o.Paths = o.Paths[:1] },
			want:   "the file exists and holds more: firewall family inet filter transport-in4 term offload-ping4",
		},
		"broken": {was: [2]string{"task: T123456\n", ""}, want: "the file exists and can't be read: "},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(before, c.was[0], c.was[1], 1)
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			o := offload()
			if c.change != nil {
				c.change(&o)
			}
			if err := CheckOverride(dir, o); err == nil {
				t.Error("the check passes")
			}
			if _, err := WriteOverride(dir, o); err == nil || !strings.HasPrefix(err.Error(), "write override "+file+": "+c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			equal(t, "the file after", readText(t, dir, file), text)
		})
	}
}

func TestWriteOverrideRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*NewOverride)
		want   string
	}{
		"task":    {func(o *NewOverride) { o.Task = "reboot" }, `task: "reboot" is not a task such as T123456`},
		"reason":  {func(o *NewOverride) { o.Reason = " " }, "reason: the text is empty"},
		"quote":   {func(o *NewOverride) { o.Reason = `a "b"` }, "holds a control character, a quote"},
		"site":    {func(o *NewOverride) { o.Site = "../x" }, "site: "},
		"query":   {func(o *NewOverride) { o.Query = "" }, "devices: the query is empty"},
		"paths":   {func(o *NewOverride) { o.Paths = nil }, "paths: there is none"},
		"path":    {func(o *NewOverride) { o.Paths = [][]string{{}} }, "the path is empty"},
		"command": {func(o *NewOverride) { o.Paths = [][]string{{"set", "x"}} }, "begins with the command set"},
		"twice":   {func(o *NewOverride) { o.Paths[1] = o.Paths[0] }, "is in the list twice"},
		"since":   {func(o *NewOverride) { o.Since = time.Time{} }, "since: the time is not set"},
		"expires": {func(o *NewOverride) { o.Expires = o.Since.Add(999 * time.Millisecond) }, "it would expire at 2026-03-01T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := diskTree(t)
			o := offload()
			c.change(&o)
			_, err := WriteOverride(dir, o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			files, err := filepath.Glob(filepath.Join(dir, "overrides", "*"))
			if err != nil || len(files) != 1 {
				t.Errorf("the folder has %v, want its README alone: %v", files, err)
			}
		})
	}
	if _, err := WriteOverride(t.TempDir(), offload()); err == nil || !strings.Contains(err.Error(), "this is no inventory") {
		t.Errorf("a folder that is no inventory: %v", err)
	}
}

// The folder may not be there yet, and a folder that can't be written is said.
func TestWriteOverrideFolder(t *testing.T) {
	dir := diskTree(t)
	if err := os.RemoveAll(filepath.Join(dir, "overrides")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, offload())
	if err := os.RemoveAll(filepath.Join(dir, "overrides")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overrides"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := WriteOverride(dir, offload()); err == nil {
		t.Error("written into a file")
	}
}

func TestRemoveOverrides(t *testing.T) {
	dir := diskTree(t)
	paths := append(offload().Paths, strings.Fields("firewall family inet6 filter border-in6 term offload-ping6"))
	ams := []string{"cr1.ams", "cr2.ams"}
	exact := write(t, dir, offload())
	one := offload()
	one.Task, one.Query, one.Paths = "T2", "cr1.ams", one.Paths[:1]
	less := write(t, dir, one)
	one.Task, one.Query, one.Site = "T3", "site:fra", "fra"
	elsewhere := write(t, dir, one)
	one.Task, one.Query, one.Site = "T4", "role:core", "all"
	wider := write(t, dir, one)
	one.Task, one.Query, one.Site, one.What = "T5", "cr1.ams", "ams", "more"
	one.Paths = [][]string{one.Paths[0], {"system", "ntp"}}
	more := write(t, dir, one)
	one.Task, one.What, one.Paths = "T6", "other", [][]string{{"system", "ntp"}}
	other := write(t, dir, one)

	removed, kept, err := RemoveOverrides(dir, paths, ams)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{exact, less}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	path := "firewall family inet filter border-in4 term offload-ping4"
	want := []KeptOverride{
		{wider, "T4", []string{"cr1.fra: " + path, "cr2.fra: " + path}},
		{more, "T5", []string{"cr1.ams: system ntp"}},
	}
	if !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	equal(t, "a kept file", kept[1].String(), "overrides/T5-ams-more.yaml (T5) holds more: cr1.ams: system ntp")
	for _, file := range []string{exact, less} {
		if _, err := os.Stat(filepath.Join(dir, file)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", file, err)
		}
	}
	for _, file := range []string{elsewhere, wider, more, other} {
		readText(t, dir, file)
	}
	if removed, _, err := RemoveOverrides(dir, paths, ams); err != nil || len(removed) > 0 {
		t.Errorf("the second time it removes %v, %v", removed, err)
	}
	if _, _, err := RemoveOverrides(t.TempDir(), paths, ams); err == nil {
		t.Error("a folder that is no inventory is read")
	}
}

// A folder of templates is no mistake; one that is nearly called so is.
func TestTemplatesFolder(t *testing.T) {
	dir := diskTree(t)
	if err := os.MkdirAll(filepath.Join(dir, "templates", "junos"), 0o755); err != nil {
		t.Fatal(err)
	}
	if net := loadDisk(t, dir); len(net.Warnings) > 0 {
		t.Errorf("warnings: %v", net.Warnings)
	}
	if err := os.Rename(filepath.Join(dir, "templates"), filepath.Join(dir, "template")); err != nil {
		t.Fatal(err)
	}
	_, err := Load(dir)
	if err == nil || err.Error() != "template: the folder is not read, did you mean templates? (rename it)" {
		t.Errorf("a folder `template`: %v", err)
	}
}
