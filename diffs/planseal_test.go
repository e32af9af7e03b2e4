package diffs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/diffs/junos"
)

func testKey(t testing.TB, secret string) *PlanKey {
	t.Helper()
	k, err := NewPlanKey([]byte(secret + strings.Repeat("k", MinPlanKeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sealed(t testing.TB, p *Plan, resolved ...Resolved) *Plan {
	t.Helper()
	out, err := testKey(t, "").Seal(p, resolved)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// resolver gives the values of references as they were resolved.
func resolver(resolved []Resolved) func(PlanSecret) (string, error) {
	return func(s PlanSecret) (string, error) {
		for _, r := range resolved {
			if r.Reference.Same(s) {
				return r.Value, nil
			}
		}
		return "", errors.New("no such reference")
	}
}

// secretPlan has a secret of each kind: a plain one and a community that only their references tell, one of the device's
// own that shows itself, and an old community in the compare text.
func secretPlan() (*Plan, []Resolved) {
	p := somePlan()
	d := &p.Devices[0]
	d.Changes = []Change{
		{Mode: junos.Replace, Text: "snmp {\n    replace: community s3same { clients { 192.0.2.0/24; } }\n}\nprotocols { bgp { group g { authentication-key \"two words\"; ## SECRET-DATA\n } } }\n"},
		{Mode: junos.Set, Text: "set system root-authentication encrypted-password \"$6$salt$hash\"\nset snmp community \"unknown one\" authorization read-only\n"},
	}
	d.Compare = "[edit snmp]\n-   community oldname {\n-       clients {\n+   community s3same {\n[edit protocols bgp group g]\n+     authentication-key \"$9$LbHX-wg4Z\"; ## SECRET-DATA\n"
	d.Edits = []string{"delete snmp community oldname", "set snmp community s3same clients 192.0.2.0/24", "set protocols bgp group g authentication-key \"$9$LbHX-wg4Z\""}
	d.Orphans = [][]string{{"snmp", "community", "forgotten"}, {"snmp", "x", "s3same"}}
	d.Left = []string{"set snmp community s3same authorization read-only"}
	d.Warnings = []string{"the key \"$9$LbHX-wg4Z\" is old"}
	d.Held = []Held{{Path: []string{"snmp", "community", "held1"}, Comment: "key $9$LbHX-wg4Z"}}
	return p, []Resolved{
		{PlanSecret{Form: "plain", File: "keys.txt"}, "two words"},
		{PlanSecret{Form: "plain", Env: "SNMP"}, "s3same"},
		{PlanSecret{Form: "plain", Command: []string{"vault", "get"}}, "not used here"},
	}
}

func TestSealHidesEverySecret(t *testing.T) {
	p, resolved := secretPlan()
	before := fmt.Sprintf("%+v", p)
	var b bytes.Buffer
	if err := sealed(t, p, resolved...).Encode(&b); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3same", "two words", "salt$hash", "LbHX", "oldname", "unknown one", "forgotten", "held1"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q is in the plan:\n%s", secret, b.String())
		}
	}
	for _, want := range []string{"keys.txt", `"SNMP"`, "snmp", "192.0.2.0/24"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in the plan:\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "vault") {
		t.Error("a secret that is not used is in the plan")
	}
	if after := fmt.Sprintf("%+v", p); after != before {
		t.Error("Seal changed the plan that it was given")
	}
}

func TestOpenGivesWhatWasSealed(t *testing.T) {
	p, resolved := secretPlan()
	k := testKey(t, "")
	var b bytes.Buffer
	if err := sealed(t, p, resolved...).Encode(&b); err != nil {
		t.Fatal(err)
	}
	s, err := DecodePlan(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Verify(s); err != nil {
		t.Fatal(err)
	}
	d, err := k.Open(s, p.Devices[0].Device, resolver(resolved))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.Changes, p.Devices[0].Changes) || !slices.Equal(d.Left, p.Devices[0].Left) {
		t.Errorf("got %v, %q", d.Changes, d.Left)
	}
	if !d.SameCompare(p.Devices[0].Compare) || !d.SameEdits(p.Devices[0].Edits) {
		t.Error("the reviewed text is not the same any more")
	}
	// Another salt of the same key is the same; another key, or another name, is not.
	if got := strings.ReplaceAll(p.Devices[0].Compare, "$9$LbHX-wg4Z", "$9$LzzX-wg4Z"); !d.SameCompare(got) {
		t.Errorf("another salt is another text:\n%s", got)
	}
	for _, r := range [][2]string{{"$9$LbHX-wg4Z", "$9$LbHX-wg4a"}, {"oldname", "other"}, {"s3same", "s3sam"}, {"clients", "client"}} {
		if d.SameCompare(strings.ReplaceAll(p.Devices[0].Compare, r[0], r[1])) {
			t.Errorf("%s for %s passes", r[1], r[0])
		}
	}
	if _, err := k.Open(s, "other.example.net", resolver(resolved)); err == nil {
		t.Error("a device that the plan does not have is opened")
	}
}

func TestOpenRefusesAnotherSecret(t *testing.T) {
	p, resolved := secretPlan()
	s := sealed(t, p, resolved...)
	k := testKey(t, "")
	other := slices.Clone(resolved)
	other[0].Value = "another"
	_, err := k.Open(s, p.Devices[0].Device, resolver(other))
	if !errors.Is(err, ErrPlanSecret) || !strings.Contains(err.Error(), "file keys.txt") || strings.Contains(err.Error(), "another") {
		t.Errorf("got %v", err)
	}
	_, err = k.Open(s, p.Devices[0].Device, resolver(nil))
	if err == nil || !strings.Contains(err.Error(), "no such reference") {
		t.Errorf("got %v", err)
	}
	// The other device has no secret: nothing is asked.
	if _, err := k.Open(s, p.Devices[1].Device, resolver(nil)); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestVerifyNoticesEveryEdit spoils the file in every line.
func TestVerifyNoticesEveryEdit(t *testing.T) {
	p, resolved := secretPlan()
	p.Tool, p.User, p.Expires = "rhapsode v1", "alice", p.Created.Add(time.Hour)
	k := testKey(t, "")
	var b bytes.Buffer
	if err := sealed(t, p, resolved...).Encode(&b); err != nil {
		t.Fatal(err)
	}
	edited, refused := 0, 0
	for i := range b.Len() {
		text := bytes.Clone(b.Bytes())
		if text[i] = text[i] ^ 1; text[i] == '\n' || text[i] == ' ' || text[i] == '\v' {
			continue
		}
		s, err := DecodePlan(bytes.NewReader(text))
		if err != nil {
			refused++
			continue
		}
		if err := k.Verify(s); err == nil {
			// JSON names are read in either case: the content is the same.
			var again bytes.Buffer
			if err := s.Encode(&again); err != nil || !bytes.Equal(again.Bytes(), b.Bytes()) {
				t.Errorf("byte %d (%q) can be changed", i, b.Bytes()[max(0, i-20):min(b.Len(), i+20)])
			}
			continue
		}
		edited++
	}
	if edited < 1000 || refused < 1000 {
		t.Errorf("%d edits noticed, %d refused: too few to mean something", edited, refused)
	}
	s := sealed(t, p, resolved...)
	if err := testKey(t, "x").Verify(s); !errors.Is(err, ErrPlanKey) {
		t.Errorf("got %v, want ErrPlanKey", err)
	}
	s.MAC = ""
	if err := k.Verify(s); !errors.Is(err, ErrPlanUnsigned) {
		t.Errorf("got %v, want ErrPlanUnsigned", err)
	}
}

func TestUsable(t *testing.T) {
	p := somePlan()
	p.Tool, p.Expires = "rhapsode v1", p.Created.Add(time.Hour)
	for name, c := range map[string]struct {
		tool string
		at   time.Duration
		want error
	}{
		"good":              {"rhapsode v1", time.Minute, nil},
		"a clock is late":   {"rhapsode v1", -time.Minute, nil},
		"a clock is wrong":  {"rhapsode v1", -time.Hour, ErrPlanInvalid},
		"another version":   {"rhapsode v2", time.Minute, ErrPlanTool},
		"expired":           {"rhapsode v1", time.Hour, ErrPlanExpired},
		"long expired":      {"rhapsode v1", 1000 * time.Hour, ErrPlanExpired},
		"expired and other": {"rhapsode v2", 1000 * time.Hour, ErrPlanTool},
	} {
		if err := p.Usable(c.tool, p.Created.Add(c.at)); !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	p.Expires = time.Time{}
	if err := p.Usable("rhapsode v1", p.Created); !errors.Is(err, ErrPlanExpired) {
		t.Errorf("a plan without an end: got %v", err)
	}
}

// TestSealRandom: whatever the texts and the secrets, what is opened is what was sealed, no secret stands in between, and the
// compare text still binds.
func TestSealRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 14))
	words := []string{"set", "snmp", "community", "abc", "ab", "abcd", "$9$LbHX-wg4Z", "\"$6$x$y\"", "secret", "x;", "\n", "## SECRET-DATA", "a\"b"}
	rare := []string{"«", "«secret 1»", "\xff", "«secret 1"}
	some := func() string {
		var b strings.Builder
		for range 1 + rng.IntN(12) {
			if rng.IntN(50) == 0 {
				b.WriteString(rare[rng.IntN(len(rare))])
			}
			b.WriteString(words[rng.IntN(len(words))])
			if rng.IntN(4) > 0 {
				b.WriteByte(' ')
			}
		}
		return b.String()
	}
	k := testKey(t, "")
	opened := 0
	for range 3000 {
		p := somePlan()
		p.Devices = p.Devices[:1]
		d := &p.Devices[0]
		d.Changes = []Change{{Mode: junos.Set, Text: some()}, {Mode: junos.Merge, Text: some()}}
		d.Compare, d.Edits, d.Left = some(), []string{some()}, []string{some()}
		var resolved []Resolved
		for i, v := range []string{"abc", "ab", "abcd", "secret"}[rng.IntN(4):] {
			resolved = append(resolved, Resolved{PlanSecret{Form: "plain", Env: fmt.Sprint("E", i)}, v})
		}
		s, err := k.Seal(p, resolved)
		if errors.Is(err, ErrPlanInvalid) {
			continue // a text with secrets that could not come back
		}
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := s.Encode(&b); err != nil {
			t.Fatal(err)
		}
		if s, err = DecodePlan(&b); err != nil {
			t.Fatal(err)
		}
		if err := k.Verify(s); err != nil {
			t.Fatalf("%v: %v", err, p.Devices)
		}
		got, err := k.Open(s, d.Device, resolver(resolved))
		if err != nil {
			t.Fatalf("%v: %v", err, p.Devices)
		}
		if !reflect.DeepEqual(got.Changes, d.Changes) || !slices.Equal(got.Left, d.Left) {
			t.Fatalf("got  %v %q\nwant %v %q", got.Changes, got.Left, d.Changes, d.Left)
		}
		if !got.SameCompare(d.Compare) || !got.SameEdits(d.Edits) {
			t.Fatalf("%q is not %q", got.Compare, d.Compare)
		}
		opened++
	}
	if opened < 1000 {
		t.Errorf("only %d plans were opened", opened)
	}
}

// BenchmarkSeal seals and opens the plan of 500 devices.
func BenchmarkSeal(b *testing.B) {
	one, resolved := secretPlan()
	text := one.Devices[0].Changes[0].Text + strings.Repeat("interfaces {\n    ge-0/0/0 {\n        description \"a line of a usual configuration\";\n    }\n}\n", 500)
	p := somePlan()
	p.Devices = nil
	for i := range 500 {
		d := one.Devices[0]
		d.Device = fmt.Sprintf("cr%d.ams.example.net", i)
		d.Changes = []Change{{Mode: junos.Replace, Text: text}}
		p.Devices = append(p.Devices, d)
	}
	k := testKey(b, "")
	b.SetBytes(int64(500 * len(text)))
	for b.Loop() {
		s, err := k.Seal(p, resolved)
		if err != nil {
			b.Fatal(err)
		}
		if err := k.Verify(s); err != nil {
			b.Fatal(err)
		}
		for i := range s.Devices {
			if _, err := k.Open(s, s.Devices[i].Device, resolver(resolved)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
