package main

import (
	"errors"
	"fmt"
	"strings"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
)

// printOutcomes says for every device what happened, and sums it up in the exit code.
func (a *app) printOutcomes(run string, outcomes []devices.Outcome, o changeOptions) error {
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
	return cli.WithCode(cli.Partial, errors.Join(append(errs, mixed(outcomes))...))
}

// mixed says which devices have the change and which do not, when a run ended half-way over a pair.
func mixed(outcomes []devices.Outcome) error {
	var have, lack []string
	for _, o := range outcomes {
		if o.Result == devices.Committed {
			have = append(have, o.Device)
		} else {
			lack = append(lack, o.Device)
		}
	}
	return cli.Hint(
		fmt.Errorf("MIXED: the change is on %s and not on %s", strings.Join(have, ", "), strings.Join(lack, ", ")),
		fmt.Sprintf("make them equal: repeat the command for %s, or revert %s", strings.Join(lack, ", "), strings.Join(have, ", ")))
}
