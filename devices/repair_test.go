package devices_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rhapsode/devices"
)

// TestMixed: of every combination of two results, a pair is MIXED only where one has the change and the other has not, or
// may not have it.
func TestMixed(t *testing.T) {
	have := []devices.Result{devices.Committed, devices.Superseded}
	lack := []devices.Result{devices.NotStarted, devices.NotCommitted, devices.RollingBack, devices.RolledBack, devices.Unknown}
	jobs := []devices.Job{job("a", "x", "x/core"), job("b", "x", "x/core")}
	apart := []devices.Job{job("a", "x", "x/core"), job("b", "y", "y/core")}
	alone := []devices.Job{job("a", "x", ""), job("b", "x", "")}
	all := slices.Concat(have, lack, []devices.Result{devices.Unchanged})
	if len(all) != 8 {
		t.Fatal("results are missing")
	}
	for _, a := range all {
		for _, b := range all {
			out := []devices.Outcome{{Device: "a", Result: a}, {Device: "b", Result: b}}
			want := slices.Contains(have, a) && slices.Contains(lack, b) || slices.Contains(have, b) && slices.Contains(lack, a)
			if got := devices.MixedPairs(jobs, out); (len(got) == 1) != want || want && got[0].Pair != "x/core" {
				t.Errorf("%s and %s: %+v", a, b, got)
			}
			if got := devices.MixedPairs(apart, out); len(got) != 0 {
				t.Errorf("%s and %s of two pairs: %+v", a, b, got)
			}
			if got := devices.MixedPairs(alone, out); len(got) != 0 {
				t.Errorf("%s and %s of no pair: %+v", a, b, got)
			}
			if e := devices.EndsOf(out); e.Mixed() != want || len(e.Have)+len(e.Lack)+len(e.Unsure) != 2-count(devices.Unchanged, a, b) {
				t.Errorf("%s and %s: %+v", a, b, e)
			}
		}
	}
}

func count(of devices.Result, in ...devices.Result) (n int) {
	for _, r := range in {
		if r == of {
			n++
		}
	}
	return n
}

func TestRepairCommands(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := devices.EndsOf([]devices.Outcome{
		{Device: "a", Result: devices.Committed},
		{Device: "b", Result: devices.RollingBack, RollbackAt: at},
		{Device: "c", Result: devices.Unknown, RollbackAt: at.Add(time.Minute)},
		{Device: "d", Result: devices.Unchanged},
		{Device: "e", Result: devices.NotStarted},
	})
	if got := e.Rollback("01RUN", "T1 it's back").String(); got != `rhapsode rollback --run 01RUN a,c -m 'T1 it'\''s back'` {
		t.Error(got)
	}
	if got := e.Resume("01RUN", "T1").String(); got != `rhapsode apply --resume 01RUN b,e,c -m T1` {
		t.Error(got)
	}
	if !e.After.Equal(at.Add(time.Minute)) {
		t.Errorf("after %s", e.After)
	}
	if got := (devices.Ends{}).Resume("01RUN", "T1"); got != nil {
		t.Errorf("a command for nobody: %s", got)
	}
	if got := fmt.Sprint(devices.Command{"a", "", "$x"}); got != `a '' '$x'` {
		t.Error(got)
	}
}
