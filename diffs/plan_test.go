package diffs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"rhapsode/diffs/junos"
)

func somePlan() *Plan {
	one := 1
	return &Plan{
		Version: PlanVersion, Tool: "rhapsode v0.1.0", Run: "01HZZZZZZZZZZZZZZZZZZZZZZZ",
		Created: time.Date(2026, 3, 1, 14, 5, 0, 0, time.UTC),
		Devices: []DevicePlan{
			{
				Device: "cr1-ams.example.net", Online: true, Fingerprint: "sha256:" + strings.Repeat("0a", 32),
				Changes: []Change{{Mode: junos.Replace, Text: "system {\n    host-name \"a<b\";\n}\n"}, {Mode: junos.Set, Text: "delete system x\n"}},
				Compare: "[edit system]\n-  host-name a;\n", Edits: []string{"delete system host-name"},
				Held: []Held{{Path: []string{"system", "x"}, Since: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), User: "jane", Comment: "T1"}},
			},
			{Device: "cr2-ams.example.net", Fingerprint: "sha256:" + strings.Repeat("0b", 32), Changes: []Change{{Rollback: &one}}},
		},
	}
}

func TestPlanRoundTrip(t *testing.T) {
	want := sealed(t, somePlan())
	name := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(name, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := want.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPlan(name)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600: a plan can hold secrets", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestWriteFileLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	bad := sealed(t, somePlan())
	bad.Devices[0].Fingerprint = "x"
	if err := bad.WriteFile(filepath.Join(dir, "plan.json")); !errors.Is(err, ErrPlanInvalid) {
		t.Errorf("got %v, want ErrPlanInvalid", err)
	}
	if err := somePlan().WriteFile(filepath.Join(dir, "plan.json")); !errors.Is(err, ErrPlanUnsigned) {
		t.Errorf("got %v, want ErrPlanUnsigned", err)
	}
	if err := sealed(t, somePlan()).WriteFile(filepath.Join(dir, "no", "plan.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := ReadPlan(filepath.Join(dir, "plan.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestPlanValidate(t *testing.T) {
	fifty := 50
	for name, c := range map[string]struct {
		spoil func(*Plan)
		want  string
	}{
		"no version":           {func(p *Plan) { p.Version = 0 }, "unknown plan version 0"},
		"no time":              {func(p *Plan) { p.Created = time.Time{} }, "created is missing"},
		"no name":              {func(p *Plan) { p.Devices[1].Device = "" }, "device 2 of 2 has no name"},
		"twice":                {func(p *Plan) { p.Devices[1].Device = p.Devices[0].Device }, "cr1-ams.example.net is there twice"},
		"fingerprint":          {func(p *Plan) { p.Devices[1].Fingerprint = "sha256:00" }, `cr2-ams.example.net: invalid plan: fingerprint "sha256:00"`},
		"expires early":        {func(p *Plan) { p.Expires = p.Created }, "expires before it was made"},
		"render, no change":    {func(p *Plan) { p.Devices[1].Render, p.Devices[1].Changes = true, nil }, "a render but no change"},
		"rollback 50":          {func(p *Plan) { p.Devices[1].Changes[0].Rollback = &fifty }, "rollback 50 is not in 0 to 49"},
		"text and rollback":    {func(p *Plan) { p.Devices[1].Changes[0].Text = "x" }, "not both"},
		"empty change":         {func(p *Plan) { p.Devices[0].Changes[1].Text = "" }, "change 2: invalid plan: a change has neither"},
		"compare, no change":   {func(p *Plan) { p.Devices[0].Changes = nil }, "no change"},
		"offline, no edits":    {func(p *Plan) { p.Devices[0].Online, p.Devices[0].Edits = false, nil }, "disagree"},
		"held without a path":  {func(p *Plan) { p.Devices[0].Held[0].Path = nil }, "no path"},
		"offline, no compare":  {func(p *Plan) { p.Devices[1].Edits = []string{"set x"} }, "disagree"},
		"a change without end": {func(p *Plan) { p.Devices[0].Changes[0] = Change{} }, "neither text nor rollback"},
	} {
		t.Run(name, func(t *testing.T) {
			p := somePlan()
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			c.spoil(p)
			err := p.Validate()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to contain %q", err, c.want)
			}
		})
	}
}

func TestDecodePlanRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := sealed(t, somePlan()).Encode(&b); err != nil {
		t.Fatal(err)
	}
	good := b.String()
	for name, c := range map[string]struct {
		text string
		want error // nil: any
	}{
		"empty":           {"", nil},
		"no version":      {`{"devices":[]}`, ErrPlanInvalid},
		"version 2":       {`{"version":2,"something":"new"}`, ErrPlanVersion},
		"a field more":    {strings.Replace(good, `"version": 1,`, `"version": 1, "only_on": "monday",`, 1), ErrPlanInvalid},
		"in a change":     {strings.Replace(good, `"rollback": 1`, `"rollback": 1, "x": 2`, 1), nil},
		"mode":            {strings.Replace(good, `"mode": "replace"`, `"mode": "obliterate"`, 1), ErrPlanInvalid},
		"no mode":         {strings.Replace(good, `"mode": "replace",`, ``, 1), ErrPlanInvalid},
		"both":            {strings.Replace(good, `"rollback": 1`, `"rollback": 1, "text": "x"`, 1), ErrPlanInvalid},
		"something after": {good + `{}`, nil},
		"cut off":         {good[:len(good)/2], nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := DecodePlan(strings.NewReader(c.text))
			if err == nil || p != nil {
				t.Fatalf("got %v, %v, want an error", p, err)
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// FuzzDecodePlan: exactly one of plan and error, and a plan that decodes is one that encodes to itself.
func FuzzDecodePlan(f *testing.F) {
	var b bytes.Buffer
	if err := sealed(f, somePlan()).Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"version":1,"created":"2026-03-01T14:05:00Z","devices":[]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePlan(bytes.NewReader(data))
		if (p == nil) == (err == nil) {
			t.Fatalf("plan %v, error %v", p, err)
		}
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if p.MAC == "" {
			p.MAC = "none"
		}
		if err := p.Encode(&first); err != nil {
			t.Fatalf("encode a decoded plan: %v", err)
		}
		again, err := DecodePlan(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("decode an encoded plan: %v", err)
		}
		if err := again.Encode(&second); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("not stable: %v\n%s\n%s", err, first.Bytes(), second.Bytes())
		}
	})
}
