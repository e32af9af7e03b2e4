package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// TestDriftOnlyReads: whatever drift looks at, no lock is taken and no candidate is asked for.
func TestDriftOnlyReads(t *testing.T) {
	net, err := inventory.Load("../../inventory/example")
	if err != nil {
		t.Fatal(err)
	}
	list, err := net.Select("cr1.ams")
	if err != nil {
		t.Fatal(err)
	}
	w, err := want(net, list, time.Now(), templates.StandIn)
	if err != nil {
		t.Fatal(err)
	}
	router, err := devicetest.NewRouter(list[0].FQDN, "system { host-name a; }\nprotocols { bgp { group PyBal { hold-time 77; } } }\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range [][2]string{{"set system location building x", "T1 ours (alice, run 01KAJ3T8V9V5C8W6N0Q2R4S6T8)"}, {"set snmp contact x", "T2 by hand"}} {
		if err := router.CommitAs("bob", by[0], by[1], 0); err != nil {
			t.Fatal(err)
		}
	}
	dev, err := router.Open(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	a := &app{getenv: func(string) string { return "" }}
	var d drifted
	d.device = list[0]
	if err := a.look(t.Context(), readOnly{dev}, w.targets(nil, false)[0], w.rendered[0], &d); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.kinds(), " "); got != "diff orphan by hand" || len(d.byHand) != 1 || !strings.Contains(d.byHand[0].Diff, "contact") {
		t.Errorf("got %s, %+v", got, d.byHand)
	}
	calls := router.Calls()
	for _, call := range calls {
		if !slices.Contains([]string{"alice open", "alice running", "alice history", "alice query"}, call) {
			t.Errorf("drift calls %q; all calls: %q", call, calls)
		}
	}
	if router.Locked() || router.Pending() != "" {
		t.Error("the candidate is not as it was")
	}
	if _, err := (readOnly{dev}).Lock(t.Context()); err == nil || !strings.Contains(err.Error(), "cr1.ams.example.net: lock candidate: this command only reads") {
		t.Errorf("got %v", err)
	}
}

// TestDriftMetrics: a router that could not be read has no drift of 0, and keeps the time of its last success.
func TestDriftMetrics(t *testing.T) {
	device := func(name string) *inventory.Device { return &inventory.Device{FQDN: name} }
	found := []drifted{
		{reviewed: reviewed{device: device("a.example.net")}},
		{reviewed: reviewed{device: device("b.example.net"), plan: diffs.DevicePlan{Compare: "[edit]\n"}}, lasting: true},
		{reviewed: reviewed{device: device("c.example.net"), err: errNoRunYet, plan: diffs.DevicePlan{Compare: "[edit]\n"}}},
		{reviewed: reviewed{device: device("d.example.net"), err: errNoRunYet}},
	}
	got := driftMetrics(found, map[string]int64{"a.example.net": 5, "c.example.net": 7, "gone.example.net": 9}, time.Unix(100, 0))
	want := `# HELP rhapsode_drift Whether the router runs something else than the inventory renders.
# TYPE rhapsode_drift gauge
rhapsode_drift{device="a.example.net"} 0
rhapsode_drift{device="b.example.net"} 1
# HELP rhapsode_drift_up Whether the router could be read the last time.
# TYPE rhapsode_drift_up gauge
rhapsode_drift_up{device="a.example.net"} 1
rhapsode_drift_up{device="b.example.net"} 1
rhapsode_drift_up{device="c.example.net"} 0
rhapsode_drift_up{device="d.example.net"} 0
# HELP rhapsode_drift_last_success_timestamp_seconds When the router was read last.
# TYPE rhapsode_drift_last_success_timestamp_seconds gauge
rhapsode_drift_last_success_timestamp_seconds{device="a.example.net"} 100
rhapsode_drift_last_success_timestamp_seconds{device="b.example.net"} 100
rhapsode_drift_last_success_timestamp_seconds{device="c.example.net"} 7
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
