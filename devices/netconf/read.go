package netconf

import (
	"context"
	"fmt"
	"strings"

	"rhapsode/devices"
	"rhapsode/devices/internal/answer"
)

// Running is the committed configuration.
func (d *Device) Running(ctx context.Context) (string, error) {
	return d.configuration(ctx, "get running configuration", "committed")
}

func (d *Device) configuration(ctx context.Context, what, database string) (string, error) {
	reply, err := d.call(ctx, what, fmt.Sprintf(`<get-configuration database="%s" format="text"/>`, database))
	if err != nil {
		return "", err
	}
	text := reply.Find("configuration-text")
	if text == nil {
		return "", fmt.Errorf("%s: %s: no configuration-text in the reply", d.Name(), what)
	}
	return strings.TrimPrefix(text.Text, "\n"), nil
}

// compare is `show | compare` of the candidate with the running configuration. It needs no lock.
func (d *Device) compare(ctx context.Context) (string, error) {
	reply, err := d.call(ctx, "compare", `<get-configuration compare="rollback" rollback="0" format="text"/>`)
	if err != nil {
		return "", err
	}
	out := reply.Find("configuration-output")
	if out == nil {
		return "", fmt.Errorf("%s: compare: no configuration-output in the reply", d.Name())
	}
	return answer.Text(out.Text), nil
}

// Query runs an operational command.
func (d *Device) Query(ctx context.Context, op devices.Op) (string, error) {
	what, asXML := op.XML()
	command, err := answer.Escape(what)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", d.Name(), what, err)
	}
	if asXML {
		reply, err := d.call(ctx, what, `<command format="xml">`+command+`</command>`)
		if err != nil {
			return "", err
		}
		text, err := devices.Payload(reply.Raw)
		if err != nil {
			return "", fmt.Errorf("%s: %s: %w", d.Name(), what, err)
		}
		return text, nil
	}
	reply, err := d.call(ctx, what, `<command format="text">`+command+`</command>`)
	if err != nil {
		return "", err
	}
	if several := reply.Find("multi-routing-engine-results"); several != nil {
		return outputs(several), nil
	}
	return output(reply), nil
}

// outputs are what each engine or member of a chassis says, below its name, as the CLI shows them.
func outputs(several *answer.Element) string {
	var b strings.Builder
	for _, item := range several.Children {
		if item.Name != "multi-routing-engine-item" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(item.Content("re-name") + ":\n" + strings.Repeat("-", 74) + "\n")
		if out := item.Find("output"); out != nil { // what stands beside it is for programs
			b.WriteString(answer.Text(out.Text))
			continue
		}
		for _, e := range item.Children {
			if e.Name != "re-name" {
				b.WriteString(output(e))
			}
		}
	}
	return b.String()
}

// output is the text of an answer.
func output(reply *answer.Element) string {
	// Where it stands depends on the command.
	for _, name := range []string{"output", "configuration-output", "configuration-text"} {
		if e := reply.Find(name); e != nil {
			return answer.Text(e.Text)
		}
	}
	var b strings.Builder
	reply.Walk(func(e *answer.Element) { b.WriteString(e.Text) })
	return answer.Text(b.String())
}

// History is the commit history.
func (d *Device) History(ctx context.Context) ([]devices.Commit, error) {
	reply, err := d.call(ctx, "get commit history", "<get-commit-information/>")
	if err != nil {
		return nil, err
	}
	out, err := answer.History(reply)
	if err != nil {
		return nil, fmt.Errorf("%s: get commit history: %w", d.Name(), err)
	}
	if len(out) > 0 && out[0].Confirm > 0 && d.windowOver(ctx, out[0]) {
		out[0].Confirm = 0
	}
	return out, nil
}

// windowOver asks the device's clock whether the window of entry 0 has ended. A device that does not tell its time leaves
// the window open, which is the safe side.
func (d *Device) windowOver(ctx context.Context, c devices.Commit) bool {
	reply, err := d.call(ctx, "get time", "<get-system-uptime-information/>")
	if err != nil {
		return false
	}
	now, err := answer.Time(reply.Find("current-time").Find("date-time"))
	return err == nil && answer.WindowOver(c, now)
}
