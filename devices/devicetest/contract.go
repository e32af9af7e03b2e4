package devicetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"rhapsode/devices"
)

// Subject is a router under test, fresh for each case and running Config.
type Subject struct {
	// Open opens a session. It is called several times for one router.
	Open func(ctx context.Context) (devices.Device, error)
	// Edit leaves uncommitted edits (set lines) of another user in the shared candidate.
	Edit func(t *testing.T, set string)
	// Minute is how long a minute of a confirm window lasts on the router. The case that waits for a rollback is left
	// out if that is a minute or more.
	Minute time.Duration
	// Synchronize has every commit go to both routing engines.
	Synchronize bool
	// OpenCut opens a session whose connection cut drops without a goodbye. Nil leaves the cases out that need it.
	OpenCut func(ctx context.Context) (dev devices.Device, cut func(), err error)
}

// suiteCase is one promise.
type suiteCase struct {
	name string
	run  func(*suite)
}

// Commits are the cases of the suite that commit, for variants of a router that differ in nothing else.
func Commits() []string {
	return []string{"a failed check", "commit, comment and history", "rollback", "confirm window", "no confirm", "discard and close again"}
}

// Run runs the contract suite: what Apply and Review rely on, whatever protocol is below. With names of cases it runs
// those only.
func Run(t *testing.T, fresh func(t *testing.T) Subject, only ...string) {
	cases := []suiteCase{
		{"running is the committed configuration", (*suite).running},
		{"load, compare, discard", (*suite).loadCompareDiscard},
		{"every mode", (*suite).modes},
		{"lock is exclusive", (*suite).lockExclusive},
		{"a session's end frees lock and edits", (*suite).closeFrees},
		{"a dirty candidate is left alone", (*suite).dirty},
		{"a failed load", (*suite).loadFails},
		{"a warning", (*suite).loadWarns},
		{"a failed check", (*suite).checkFails},
		{"commit, comment and history", (*suite).commit},
		{"rollback", (*suite).rollback},
		{"confirm window", (*suite).confirm},
		{"no confirm", (*suite).rollsBack},
		{"fractions of a minute", (*suite).seconds},
		{"queries", (*suite).queries},
		{"discard and close again", (*suite).again},
		{"a done context", (*suite).doneContext},
	}
	cases = append(cases, reliedCases()...)
	if len(only) > 0 {
		cases = slices.DeleteFunc(cases, func(c suiteCase) bool { return !slices.Contains(only, c.name) })
		if len(cases) != len(only) {
			t.Fatalf("of %q there are %d", only, len(cases))
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c.run(&suite{T: t, ctx: ctx, subject: fresh(t)})
		})
	}
}
