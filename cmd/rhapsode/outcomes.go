package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// printOutcomes says for every device what happened, and sums it up in the exit code.
func (a *app) printOutcomes(run string, jobs []devices.Job, outcomes []devices.Outcome, o changeOptions) error {
	var errs []error
	committed := 0
	for _, out := range outcomes {
		if out.Result == devices.Committed {
			committed++
		}
		if out.Err != nil {
			errs = append(errs, out.Err)
		}
		if o.json {
			if err := a.printJSON(out); err != nil {
				return err
			}
			continue
		}
		a.streams.Printf("%s: %s\n", out.Device, out)
		for _, n := range out.Notes {
			a.streams.Printf("    note: %s\n", a.redactorOnce().Text(n))
		}
	}
	if !o.json {
		a.streams.Printf("run %s: %d of %s committed and confirmed\n", run, committed, plural(len(outcomes), "device"))
	}
	if len(errs) == 0 {
		return nil
	}
	if committed == 0 {
		return cli.WithCode(cli.Failed, errors.Join(errs...))
	}
	for _, e := range devices.MixedPairs(jobs, outcomes) {
		errs = append(errs, mixed(e))
	}
	return cli.WithCode(cli.Partial, errors.Join(errs...))
}

// mixed says which devices of a pair have the change and which do not.
func mixed(e devices.Ends) error {
	lack := slices.Concat(e.Lack, e.Unsure)
	return cli.Hint(
		fmt.Errorf("MIXED: the change is on %s and not on %s", strings.Join(e.Have, ", "), strings.Join(lack, ", ")),
		fmt.Sprintf("make them equal: repeat the command for %s, or revert %s", strings.Join(lack, ", "), strings.Join(e.Have, ", ")))
}
