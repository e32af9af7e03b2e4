package devicetest

import (
	"slices"

	"rhapsode/devices"
)

const noAlarms = "<alarm-information><alarm-summary><no-active-alarms/></alarm-summary></alarm-information>"

// Answer sets what the router answers to a command from now on, given the configuration that it runs. Nil: it does not
// know the command. At the start it has no BGP, no alarms and one routing engine.
func (r *Router) Answer(op devices.Op, f func(running string) (string, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[op] = f
}

// Synchronized tells of each commit whether it was synchronized.
func (r *Router) Synchronized() []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.synchronized)
}

// warning is what the router warns of in a phase.
func (r *Router) warning(phase string) []devices.Warning {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Warns[phase] == "" {
		return nil
	}
	return []devices.Warning{{Device: r.name, Phase: phase, Message: r.Warns[phase]}}
}
