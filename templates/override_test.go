package templates

import (
	"errors"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/inventory"
)

// overriding adds an override for one path to a network.
func overriding(net *inventory.Network, dev *inventory.Device, path string) *inventory.Override {
	o := &inventory.Override{
		File: "overrides/T1-lab.yaml", Task: "T1", Reason: "test", Query: "site:lab", Action: inventory.Deactivate,
		Devices: []*inventory.Device{dev}, Path: strings.Fields(path),
	}
	net.Overrides = append(net.Overrides, o)
	return o
}

// TestOverride shows what the two overrides of the runbook change in a render, and what a router makes of them.
func TestOverride(t *testing.T) {
	plainNet, plain := small()
	net, dev := small()
	overriding(net, dev, "firewall family inet filter border-in4 term offload-ping4")
	overriding(net, dev, "firewall family inet filter transport-in4 term offload-ping4")
	r := sound(t, net, dev)
	golden(t, "override", setDifference(sound(t, plainNet, plain), r))

	running := untag(sound(t, plainNet, plain).Tree)
	if _, err := running.Load("", []byte(r.Text), junos.Replace); err != nil {
		t.Fatal(err)
	}
	for _, o := range net.Overrides {
		if n := running.Lookup(o.Path...); n == nil || !n.Inactive {
			t.Errorf("%v is not inactive on a router that had it active", o.Path)
		}
	}

	other, err := Render(plainNet, plain)
	if err != nil || strings.Contains(other.Text, "inactive:") {
		t.Errorf("the render of another network has changed: %v", err)
	}
}

// TestOverrideNode deactivates statements of each kind, with their tags: a whole filter that stands under `replace:`,
// a container, a leaf, an entry without a keyword. On a router that has them active they become inactive.
func TestOverrideNode(t *testing.T) {
	for _, path := range []string{
		"firewall family inet filter border-in4",
		"protocols bgp group PyBal",
		"system ntp",
		"routing-options router-id",
		"interfaces et-0/0/2 unit 10",
		"interfaces et-0/0/2 unit 10 family inet",
		"policy-options prefix-list LVS-service-ips 203.0.113.0/27",
	} {
		t.Run(path, func(t *testing.T) {
			plainNet, plain := small()
			before := sound(t, plainNet, plain)
			net, dev := small()
			o := overriding(net, dev, path)
			r, err := Render(net, dev)
			if err != nil {
				t.Fatal(err)
			}
			again, err := junos.Parse("", []byte(r.Text), nil)
			if err != nil || again.Text() != r.Text || !again.Lookup(o.Path...).Inactive {
				t.Fatalf("the text does not say what the tree says: %v", err)
			}
			running := untag(before.Tree)
			if _, err := running.Load("", []byte(r.Text), junos.Replace); err != nil {
				t.Fatal(err)
			}
			if n := running.Lookup(o.Path...); n == nil || !n.Inactive {
				t.Errorf("not inactive on the router: %+v", n)
			}
		})
	}
}

// TestOverrideOfOthers: an override of another device, also one of the same name in another network, is none of ours.
func TestOverrideOfOthers(t *testing.T) {
	net, dev := small()
	want := sound(t, net, dev).Text
	overriding(net, net.Devices[1], "no such statement")
	if got := sound(t, net, dev).Text; got != want {
		t.Error("the override of another router changes this one")
	}
}

func TestOverrideErrors(t *testing.T) {
	for _, c := range []struct {
		name, path string
		change     func(*inventory.Override)
		want, hint string
	}{
		{
			"no such statement", "firewall family inet filter border-in4 term nosuch", nil,
			"render cr1.lab: override overrides/T1-lab.yaml (T1): there is no such statement in the render: firewall family inet filter border-in4 term nosuch",
			"correct the path in overrides/T1-lab.yaml, or take it out there if the statement is gone for good",
		},
		{
			"a value", "routing-options router-id 192.0.2.1", nil,
			"render cr1.lab: override overrides/T1-lab.yaml (T1): the path goes on behind the statement, which would be deactivated as a whole: routing-options router-id 192.0.2.1",
			"write routing-options router-id in overrides/T1-lab.yaml if that is meant",
		},
		{
			"no path", "", nil,
			"render cr1.lab: override overrides/T1-lab.yaml (T1): there is no such statement in the render: ",
			"correct the path in overrides/T1-lab.yaml, or take it out there if the statement is gone for good",
		},
		{
			"action", "system", func(o *inventory.Override) { o.Action = "delete" },
			`render cr1.lab: override overrides/T1-lab.yaml (T1): the action "delete" is not known (only deactivate is): system`, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, dev := small()
			o := overriding(net, dev, c.path)
			if c.change != nil {
				c.change(o)
			}
			r, err := Render(net, dev)
			if err == nil || r != nil {
				t.Fatalf("got %v, %v; want an error and nothing rendered", r, err)
			}
			if err.Error() != c.want {
				t.Errorf("\n got: %v\nwant: %s", err, c.want)
			}
			if e, ok := errors.AsType[*OverrideError](err); !ok || e.Hint() != c.hint {
				t.Errorf("hint of %#v, want %q", err, c.hint)
			}
		})
	}
}
