package router

import (
	"fmt"
	"slices"
	"strings"
)

func inquireChassisAlarms() *inquiry {
	return &inquiry{word: "alarms", help: "Show alarm status", rpc: "get-alarm-information", xml: alarmsXML(true), text: alarmsText(true)}
}

func inquireSystemAlarms() *inquiry {
	return &inquiry{word: "alarms", help: "Show system alarm status", rpc: "get-system-alarm-information", xml: alarmsXML(false), text: alarmsText(false)}
}

func inquireEngines() *inquiry {
	return &inquiry{word: "routing-engine", help: "Show Routing Engine status", rpc: "get-route-engine-information", xml: enginesXML, text: enginesText}
}

func inquireHardware() *inquiry {
	return &inquiry{word: "hardware", help: "Show installed hardware components", rpc: "get-chassis-inventory", xml: hardwareXML, text: hardwareText}
}

// alarms are those of the chassis, or the others.
func (p *report) alarms(chassis bool) []Alarm {
	var out []Alarm
	for _, a := range p.state.Alarms {
		if strings.EqualFold(a.Type, "Chassis") == chassis {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b Alarm) int { return b.Since.Compare(a.Since) })
	return out
}

func alarmsXML(chassis bool) func(*report) (string, error) {
	return func(p *report) (string, error) {
		list := p.alarms(chassis)
		var b strings.Builder
		b.WriteString(inNamespace("alarm-information", "junos-alarm", "") + "<alarm-summary>\n")
		if len(list) == 0 {
			b.WriteString("<no-active-alarms/>\n")
		} else {
			fmt.Fprintf(&b, "<active-alarm-count>%d</active-alarm-count>\n", len(list))
		}
		b.WriteString("</alarm-summary>\n")
		for _, a := range list {
			fmt.Fprintf(&b, "<alarm-detail>\n<alarm-time junos:seconds=\"%d\">%s</alarm-time>\n", a.Since.Unix(), a.Since.UTC().Format(stamp))
			b.WriteString(tag("alarm-class", a.Class) + tag("alarm-description", a.Description) + tag("alarm-short-description", a.Description) +
				tag("alarm-type", a.Type) + "</alarm-detail>\n")
		}
		b.WriteString("</alarm-information>\n")
		return b.String(), nil
	}
}

func alarmsText(chassis bool) func(*report) (string, error) {
	return func(p *report) (string, error) {
		list := p.alarms(chassis)
		if len(list) == 0 {
			return "No alarms currently active\n", nil
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%d alarms currently active\nAlarm time               Class  Description\n", len(list))
		for _, a := range list {
			fmt.Fprintf(&b, "%-24s %-6s %s\n", a.Since.UTC().Format(stamp), a.Class, a.Description)
		}
		return b.String(), nil
	}
}

// engines are the routing engines with what they say of themselves. One that was taken away is Absent, as an empty slot is.
func (p *report) engines() []EngineState {
	e := p.r.db.engines
	there := p.r.Engines()
	var out []EngineState
	for i, name := range e.names {
		x := EngineState{Slot: i, Mastership: "backup", Status: "OK"}
		switch {
		case i == 0:
			x.Mastership = "master"
		case e.chassis && i > 1:
			x.Mastership = "linecard"
		}
		if !slices.Contains(there, name) {
			x.Mastership, x.Status = "Empty", "Absent"
		}
		for _, s := range p.state.Engines {
			if s.Slot != i {
				continue
			}
			if s.Mastership != "" {
				x.Mastership = s.Mastership
			}
			if s.Status != "" {
				x.Status = s.Status
			}
		}
		out = append(out, x)
	}
	return out
}

func enginesXML(p *report) (string, error) {
	list := p.engines()
	one := func(list []EngineState) string {
		text := inNamespace("route-engine-information", "junos-chassis", "")
		for _, x := range list {
			text += fmt.Sprintf("<route-engine>\n<slot>%d</slot>\n", x.Slot) + tag("mastership-state", x.Mastership) + tag("status", x.Status)
			if x.Status != "Absent" {
				boot := p.r.booted.Load().UTC()
				text += tag("model", modelName) + fmt.Sprintf("<start-time junos:seconds=\"%d\">%s</start-time>\n<up-time junos:seconds=\"%d\">%s</up-time>\n",
					boot.Unix(), boot.Format(stamp), int(p.age(boot).Seconds()), longUptime(p, boot.Unix()))
			}
			text += "</route-engine>\n"
		}
		return text + "</route-engine-information>\n"
	}
	if !p.r.db.engines.chassis {
		return one(list), nil
	}
	text := "<multi-routing-engine-results>\n"
	for i, name := range p.r.db.engines.names {
		if list[i].Status != "Absent" {
			text += "<multi-routing-engine-item>\n" + tag("re-name", name) + one(list[i:i+1]) + "</multi-routing-engine-item>\n"
		}
	}
	return text + "</multi-routing-engine-results>\n", nil
}

// longUptime is as `show chassis routing-engine` writes it.
func longUptime(p *report, since int64) string {
	s := max(0, p.now.Unix()-since)
	var words []string
	for _, unit := range []struct {
		n    int64
		name string
	}{{s / 86400, "day"}, {s / 3600 % 24, "hour"}, {s / 60 % 60, "minute"}, {s % 60, "second"}} {
		switch {
		case unit.n == 1:
			words = append(words, "1 "+unit.name)
		case unit.n > 1 || unit.name == "second":
			words = append(words, fmt.Sprintf("%d %ss", unit.n, unit.name))
		}
	}
	return strings.Join(words, ", ")
}

func enginesText(p *report) (string, error) {
	var b strings.Builder
	list := p.engines()
	for i, x := range list {
		if p.r.db.engines.chassis {
			if x.Status == "Absent" {
				continue
			}
			fmt.Fprintf(&b, "%s:\n%s\n", p.r.db.engines.names[i], strings.Repeat("-", 74))
		}
		if i == 0 || p.r.db.engines.chassis {
			b.WriteString("Routing Engine status:\n")
		}
		state := x.Mastership
		if state != "" {
			state = strings.ToUpper(state[:1]) + state[1:]
		}
		fmt.Fprintf(&b, "  Slot %d:\n    Current state                  %s\n", x.Slot, state)
		if x.Status != "OK" {
			fmt.Fprintf(&b, "    Status                         %s\n", x.Status)
		}
		if x.Status != "Absent" {
			boot := p.r.booted.Load().UTC()
			fmt.Fprintf(&b, "    Model                          %s\n    Start time                     %s\n    Uptime                         %s\n",
				modelName, boot.Format(stamp), longUptime(p, boot.Unix()))
		}
	}
	return b.String(), nil
}

func hardwareXML(p *report) (string, error) {
	var b strings.Builder
	b.WriteString(inNamespace("chassis-inventory", "junos-chassis", "") + "<chassis junos:style=\"inventory\">\n" +
		tag("name", "Chassis") + tag("serial-number", serialNumber) + tag("description", modelName))
	for _, x := range p.engines() {
		if x.Status != "Absent" {
			b.WriteString("<chassis-module>\n" + tag("name", fmt.Sprintf("Routing Engine %d", x.Slot)) + tag("description", modelName) + "</chassis-module>\n")
		}
	}
	b.WriteString("</chassis>\n</chassis-inventory>\n")
	return b.String(), nil
}

func hardwareText(p *report) (string, error) {
	var b strings.Builder
	b.WriteString("Hardware inventory:\nItem             Version  Part number  Serial number     Description\n")
	fmt.Fprintf(&b, "%-39s%-18s%s\n", "Chassis", serialNumber, modelName)
	for _, x := range p.engines() {
		if x.Status != "Absent" {
			fmt.Fprintf(&b, "%-57s%s\n", fmt.Sprintf("Routing Engine %d", x.Slot), modelName)
		}
	}
	return b.String(), nil
}
