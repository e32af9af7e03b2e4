package devices

import (
	"slices"
	"strings"
	"time"
)

// Ends is who has the change of a run in the end, and how to make them equal.
type Ends struct {
	// Pair is the one that they are of; "" for all devices of a run.
	Pair string `json:"pair,omitempty"`
	// Have are those on which the run's change is in force (committed, or confirmed by somebody else's commit), Lack
	// those on which it is not or soon will not be any more, Unsure those that could not be asked. A device on which
	// the run had nothing to change is in none of them.
	Have   []string `json:"have,omitempty"`
	Lack   []string `json:"lack,omitempty"`
	Unsure []string `json:"unsure,omitempty"`
	// After is when the last open window of Lack and Unsure has ended: neither command is of use before. Zero: now.
	After time.Time `json:"after,omitzero"`
}

// Mixed tells whether the devices differ: one has the change, and another has not or may not have it.
func (e Ends) Mixed() bool { return len(e.Have) > 0 && len(e.Lack)+len(e.Unsure) > 0 }

// EndsOf sorts outcomes by who has the change.
func EndsOf(outcomes []Outcome) Ends {
	var e Ends
	for _, o := range outcomes {
		e.add(o)
	}
	return e
}

func (e *Ends) add(o Outcome) {
	switch o.Result {
	case Committed, Superseded:
		e.Have = append(e.Have, o.Device)
		return
	case Unchanged:
		return
	case NotStarted, NotCommitted, RollingBack, RolledBack:
		e.Lack = append(e.Lack, o.Device)
	default:
		e.Unsure = append(e.Unsure, o.Device)
	}
	if o.RollbackAt.After(e.After) {
		e.After = o.RollbackAt
	}
}

// MixedPairs gives the pairs whose devices really differ in the end, in the order of the jobs. outcomes are those of
// Run.Apply for the jobs. Devices of different pairs never make a pair mixed.
func MixedPairs(jobs []Job, outcomes []Outcome) []Ends {
	var out []Ends
	at := map[string]int{}
	for i, o := range outcomes {
		if i >= len(jobs) || jobs[i].Pair == "" {
			continue
		}
		n, ok := at[jobs[i].Pair]
		if !ok {
			n = len(out)
			at[jobs[i].Pair] = n
			out = append(out, Ends{Pair: jobs[i].Pair})
		}
		out[n].add(o)
	}
	return slices.DeleteFunc(out, func(e Ends) bool { return !e.Mixed() })
}

// Command is a command line, word by word.
type Command []string

// String is the command as a shell reads it.
func (c Command) String() string {
	s := make([]string, len(c))
	for i, w := range c {
		s[i] = w
		if w == "" || strings.Trim(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./:=%+,@") != "" {
			s[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(s, " ")
}

// Rollback is the command that takes the run's change back where it is, or may be; nil if it is nowhere. message is what
// the new run is for.
func (e Ends) Rollback(run, message string) Command {
	return command("rollback", "--run", run, slices.Concat(e.Have, e.Unsure), message)
}

// Resume is the command that brings the run's change to where it is not, or may not be; nil if it is everywhere.
func (e Ends) Resume(run, message string) Command {
	return command("apply", "--resume", run, slices.Concat(e.Lack, e.Unsure), message)
}

// command names its devices as a QUERY.
func command(verb, flag, run string, list []string, message string) Command {
	if len(list) == 0 {
		return nil
	}
	return Command{"rhapsode", verb, flag, run, strings.Join(list, ","), "-m", message}
}
