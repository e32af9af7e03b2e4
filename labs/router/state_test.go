package router

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// feedOf loads a document, which must be accepted.
func feedOf(t *testing.T, documents ...string) *Feed {
	t.Helper()
	f := &Feed{}
	for _, d := range documents {
		var s Operational
		if err := json.Unmarshal([]byte(d), &s); err != nil {
			t.Fatal(err)
		}
		if err := f.Load(s, false); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// TestFeedConditions: of what holds the last counts, absent takes away, and a new word on a subject replaces the old one.
func TestFeedConditions(t *testing.T) {
	f := feedOf(
		t,
		`{"alarms":[{"class":"minor","description":"a"},{"class":"minor","description":"b"}]}`,
		`{"alarms":[{"class":"major","description":"a","when":"^set system host-name down$"},{"class":"minor","description":"b","absent":true,"when":"!host-name up"}]}`,
	)
	says := func(config string) string {
		var out []string
		for _, a := range f.Operational(parse(t, config)).Alarms {
			out = append(out, a.Class+" "+a.Description)
		}
		return strings.Join(out, ", ")
	}
	for config, want := range map[string]string{
		"":                           "Minor a",
		"system { host-name up; }":   "Minor a, Minor b",
		"system { host-name down; }": "Major a",
		"system { host-name downs; services { ssh; } }": "Minor a",
	} {
		if got := says(config); got != want {
			t.Errorf("%q: %s, want %s", config, got, want)
		}
	}
	if err := f.Load(Operational{Alarms: []Alarm{{Class: "Minor", Description: "a", Condition: Condition{Absent: true}}}}, false); err != nil {
		t.Fatal(err)
	}
	if got := says("system { host-name up; }"); got != "Minor b" {
		t.Errorf("cleared: %s", got)
	}
	if n := len(f.Fed().Alarms); n != 4 {
		t.Errorf("%d alarms fed", n)
	}
}

func TestFeedRefuses(t *testing.T) {
	f := feedOf(t, `{"alarms":[{"class":"minor","description":"stays"}]}`)
	for document, want := range map[string]string{
		`{"bgp":[{"state":"Idle"}]}`:                                               "address of a peer is needed",
		`{"bgp":[{"peer":"192.0.2.1","state":"up"}]}`:                              `state "up": expected one of Idle, `,
		`{"bgp":[{"peer":"192.0.2.1","state":"Idle","ribs":[{"received":-1}]}]}`:   "a count below nothing",
		`{"routes":[{"protocol":"bgp"}]}`:                                          "a prefix is needed",
		`{"routes":[{"prefix":"192.0.2.0/24"}]}`:                                   "a protocol is needed",
		`{"routes":[{"prefix":"192.0.2.0/24","protocol":"bgp","next_hops":[{}]}]}`: "a next hop needs",
		`{"alarms":[{"class":"red","description":"x"}]}`:                           "major or minor",
		`{"alarms":[{"class":"major","description":"x","when":"("}]}`:              "when: error parsing regexp",
		`{"interfaces":[{"up":true}]}`:                                             "has no name",
		`{"counters":[{"name":"x"}]}`:                                              "needs a filter",
		`{"lldp":[{"local":"ge-0/0/0"}]}`:                                          "needs a local interface and a system",
	} {
		var s Operational
		if err := json.Unmarshal([]byte(document), &s); err != nil {
			t.Fatal(err)
		}
		if err := f.Load(s, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", document, err, want)
		}
	}
	if got := f.Fed().Alarms; len(got) != 1 || got[0].Description != "stays" {
		t.Errorf("after the refusals: %+v", got)
	}
}

func TestAges(t *testing.T) {
	for _, tt := range []struct {
		d           time.Duration
		short, long string
	}{
		{5 * time.Second, "0:05", "00:00:05"},
		{659 * time.Second, "10:59", "00:10:59"},
		{3723 * time.Second, "1:02:03", "01:02:03"},
		{50 * time.Hour, "2d 2:00:00", "2d 02:00:00"},
		{37*24*time.Hour + 76775*time.Second, "5w2d 21:19:35", "5w2d 21:19:35"},
	} {
		if s, l := clock(tt.d), longClock(tt.d); s != tt.short || l != tt.long {
			t.Errorf("%s: %s, %s; want %s, %s", tt.d, s, l, tt.short, tt.long)
		}
	}
}

// FuzzState feeds a router with anything: what is accepted can be asked for with any words, in both forms, and the answer
// in XML is well-formed.
func FuzzState(f *testing.F) {
	f.Add(`{"bgp":[{"peer":"192.0.2.2","state":"established","ribs":[{"received":12,"accepted":11,"active":10}],"when":"!x"}]}`, "192.0.2.2")
	f.Add(`{"routes":[{"prefix":"0.0.0.0/0","protocol":"bgp","next_hops":[{"to":"192.0.2.2","via":"ge-0/0/0.0"}]},{"prefix":"::/0","protocol":"x","kind":"y"}]}`, "192.0.2.1 exact table inet.0")
	f.Add(`{"alarms":[{"class":"major","description":"<&>"}],"engines":[{"slot":0,"mastership":"backup","status":"Absent"}]}`, "")
	f.Add(`{"interfaces":[{"name":"lo0.0","up":true}],"counters":[{"filter":"offload-ping4","name":"web","packets":1}],"lldp":[{"local":"a","system":"b"}]}`, "terse lo0*")
	r, err := New(Options{Hostname: "lab", User: "lab", Password: "secret", Config: startConfig + `
protocols { bgp { group g { neighbor 192.0.2.2 { peer-as 64501; } neighbor 2001:db8::1; } } }
routing-instances { x { protocols { bgp { group g { type internal; neighbor 192.0.2.2; } } } } }
`})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	f.Fuzz(func(t *testing.T, document, words string) {
		var s Operational
		if json.Unmarshal([]byte(document), &s) != nil {
			return
		}
		feed := &Feed{}
		if feed.Load(s, true) != nil {
			return
		}
		r.state = feed
		for _, q := range inquiries() {
			asked, err := q.read(strings.Fields(words))
			if err != nil {
				asked = map[string]string{}
			}
			answer, err := q.xml(r.report(asked))
			if err == nil {
				if _, err := parseXML([]byte("<x>" + answer + "</x>")); err != nil {
					t.Errorf("%s: %v in\n%s", q.rpc, err, answer)
				}
			}
			if _, textErr := q.text(r.report(asked)); (textErr == nil) != (err == nil) {
				t.Errorf("%s: in XML %v, in text %v", q.rpc, err, textErr)
			}
		}
	})
}

// TestManualProtocol sends the examples of docs/labrouter.md: the document of a state, and each line of the protocol.
func TestManualProtocol(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "labrouter.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```\n{\"bgp\"")
	document, _, ok := strings.Cut("{\"bgp\""+rest, "```")
	if !ok {
		t.Fatal("no document in the page")
	}
	var s Operational
	d := json.NewDecoder(strings.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	if err := (&Feed{}).Load(s, true); err != nil {
		t.Error(err)
	}
	r, err := New(Options{Hostname: "cr1", User: "lab", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	asked(t, NewControl(r), regexp.MustCompile(`(?m)^\{"v":1,"do":"arm".*$`).FindString(string(page)))
	for do := range controls {
		if !strings.Contains(string(page), "`"+do+"`") {
			t.Errorf("the page does not know %s", do)
		}
	}
}
