package main

import (
	"encoding/xml"
	"fmt"
	"slices"

	"rhapsode/inventory"
	"rhapsode/policies"
)

// checkWriters are the forms of a check's report.
var checkWriters = map[string]func(*app, *wanted) error{
	"text":  (*app).writeFindings,
	"json":  (*app).writeFindingsJSON,
	"junit": (*app).writeJUnit,
}

// writeFindings prints what was found, equal findings of several devices once.
func (a *app) writeFindings(w *wanted) error {
	for _, g := range groupFindings(w.findings) {
		a.streams.Printf("%s\n", g)
		if g.Hint != "" {
			a.streams.Printf("    %s\n", g.Hint)
		}
	}
	return nil
}

// writeFindingsJSON prints one object a finding and device; a finding of the inventory has a place and no device.
func (a *app) writeFindingsJSON(w *wanted) error {
	for _, f := range w.findings {
		out := map[string]any{
			"check": f.check, "severity": f.Severity.String(), "path": f.Path, "message": f.Message, "hint": f.Hint,
		}
		if f.device != nil {
			out["device"] = f.device.FQDN
		} else {
			out["place"] = f.place
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	}
	return nil
}

// The JUnit form, as CI systems read it: testsuites, in it a testsuite for the inventory and one for each device, in it
// testcases with at most one failure. An error is a failed case; a check without errors is a case that passed, with its
// warnings as its output.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit prints the report for a CI.
func (a *app) writeJUnit(w *wanted) error {
	report := junitReport{Name: "rhapsode check"}
	report.add(newSuite("inventory", []string{checkInventory}, w.of(nil)))
	for _, d := range w.devices {
		report.add(newSuite(d.FQDN, deviceChecks[:], w.of(d)))
	}
	out, err := xml.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit report: %w", err)
	}
	a.streams.Printf("%s%s\n", xml.Header, out)
	return nil
}

// of gives the findings of a device, or those of the inventory for nil.
func (w *wanted) of(d *inventory.Device) []finding {
	return slices.DeleteFunc(slices.Clone(w.findings), func(f finding) bool { return f.device != d })
}

func (r *junitReport) add(s junitSuite) {
	r.Tests += s.Tests
	r.Failures += s.Failures
	r.Suites = append(r.Suites, s)
}

const noTime = "0" // nothing is measured, and readers want a number

// newSuite makes the cases of a device: one for each error, and one for each check that found none.
func newSuite(name string, checks []string, found []finding) junitSuite {
	s := junitSuite{Name: name, Time: noTime}
	for _, check := range checks {
		passed := junitCase{Name: check, Class: name + "." + check, Time: noTime}
		failures := 0
		for _, f := range found {
			switch {
			case f.check != check:
			case f.Severity == policies.SeverityError:
				failures++
				s.Cases = append(s.Cases, failedCase(passed, f))
			default:
				passed.Output += fmt.Sprintf("%s: %s %s\n", f.Severity, f.where(), f.Message)
			}
		}
		s.Failures += failures
		if failures == 0 || passed.Output != "" {
			if failures > 0 {
				passed.Name += ": warnings"
			}
			s.Cases = append(s.Cases, passed)
		}
	}
	s.Tests = len(s.Cases)
	return s
}

func failedCase(c junitCase, f finding) junitCase {
	c.Name = f.where() + " " + f.Message
	c.Failure = &junitFailure{Message: f.Message, Type: f.check, Text: f.String()}
	return c
}
