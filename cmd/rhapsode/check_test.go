package main

import (
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"rhapsode/cmd/internal/cli"
	"rhapsode/inventory"
	"rhapsode/policies"
)

// TestJUnit holds the report to the form that CI systems read, for random findings: the counts of every suite and of the
// report are those of its cases, a case has a name and at most one failure, and no error is lost.
func TestJUnit(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	severities := []policies.Severity{policies.SeverityInfo, policies.SeverityWarning, policies.SeverityError}
	texts := []string{"plain", `<angle> & "quote" ]]>`, "two\nlines", "", "\x1b[31m"}
	for range 300 {
		devices := []*inventory.Device{{FQDN: "cr1.example.net"}, {FQDN: "cr2.example.net"}}
		w := &wanted{devices: devices}
		for range rng.IntN(8) {
			f := finding{
				check:  deviceChecks[rng.IntN(len(deviceChecks))],
				device: devices[rng.IntN(2)],
				Finding: policies.Finding{
					Severity: severities[rng.IntN(3)], Path: []string{"system"}, Message: texts[rng.IntN(len(texts))],
				},
			}
			if rng.IntN(4) == 0 {
				f.check, f.device, f.place, f.Severity = checkInventory, nil, "common.yaml:1:1", policies.SeverityWarning
			}
			w.findings = append(w.findings, f)
		}
		var out strings.Builder
		a := &app{streams: &cli.Streams{Out: &out}}
		if err := a.writeJUnit(w); err != nil {
			t.Fatal(err)
		}
		if err := validJUnit(out.String(), len(w.errors())); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
	}
}

// anySuite is what a reader takes from a suite; it is written down apart from what writes it.
type anySuite struct {
	Name     *string `xml:"name,attr"`
	Tests    int     `xml:"tests,attr"`
	Failures int     `xml:"failures,attr"`
	Errors   int     `xml:"errors,attr"`
	Time     float64 `xml:"time,attr"`
	Cases    []struct {
		Name     string  `xml:"name,attr"`
		Class    string  `xml:"classname,attr"`
		Time     float64 `xml:"time,attr"`
		Failures []struct {
			Message *string `xml:"message,attr"`
			Type    *string `xml:"type,attr"`
		} `xml:"failure"`
	} `xml:"testcase"`
}

func validJUnit(text string, wantFailures int) error {
	var r struct {
		XMLName  xml.Name
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Suites   []anySuite `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	tests, failures := 0, 0
	for _, s := range r.Suites {
		failed := 0
		for _, c := range s.Cases {
			if c.Name == "" || c.Class == "" || len(c.Failures) > 1 {
				return fmt.Errorf("case %+v of %s", c, *s.Name)
			}
			for _, f := range c.Failures {
				failed++
				if f.Message == nil || f.Type == nil {
					return fmt.Errorf("a failure of %s lacks its message or type", *s.Name)
				}
			}
		}
		if s.Name == nil || s.Tests != len(s.Cases) || s.Tests == 0 || s.Failures != failed || s.Errors != 0 {
			return fmt.Errorf("suite counts %+v, has %d cases and %d failures", s, len(s.Cases), failed)
		}
		tests, failures = tests+s.Tests, failures+failed
	}
	if r.XMLName.Local != "testsuites" || len(r.Suites) != 3 || r.Tests != tests || r.Failures != failures || failures != wantFailures {
		return fmt.Errorf("%s of %d suites counts %d tests and %d failures, has %d and %d; %d errors were found",
			r.XMLName.Local, len(r.Suites), r.Tests, r.Failures, tests, failures, wantFailures)
	}
	return nil
}

func TestGroupFindings(t *testing.T) {
	a, b := &inventory.Device{FQDN: "a"}, &inventory.Device{FQDN: "b"}
	info := policies.Finding{Severity: policies.SeverityInfo, Path: []string{"x"}, Message: "m"}
	bad := policies.Finding{Severity: policies.SeverityError, Path: []string{"x"}, Message: "m"}
	got := groupFindings([]finding{
		{Finding: info, check: checkPolicies, device: a},
		{Finding: bad, check: checkPolicies, device: a},
		{Finding: info, check: checkPolicies, device: b},
		{Finding: info, check: checkSchema, device: b},
		{Finding: policies.Finding{Severity: policies.SeverityWarning, Message: "m"}, check: checkInventory, place: "common.yaml:3:1"},
	})
	var lines []string
	for _, g := range got {
		lines = append(lines, g.String())
	}
	want := "a: error: [edit x] m\ncommon.yaml:3:1: warning: m\na, b: info: [edit x] m\nb: info: [edit x] m"
	if s := strings.Join(lines, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	if c := countFindings([]finding{{Finding: bad}, {Finding: bad}, {Finding: info}}); c != "2 errors, 1 for information" {
		t.Errorf("counted %q", c)
	}
}
