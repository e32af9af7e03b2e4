package devices

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// The answers below have the form that public recordings of Junos devices have, with addresses of the documentation.

const bgpAnswer = `<bgp-information><bgp-thread-mode>BGP I/O</bgp-thread-mode><group-count>2</group-count><peer-count>3</peer-count><down-peer-count>1</down-peer-count>
<bgp-rib style="brief"><name>inet.0</name><total-prefix-count>119</total-prefix-count><accepted-prefix-count>11</accepted-prefix-count></bgp-rib>
<bgp-peer style="terse" heading="Peer                     AS      InPkt"><peer-address>192.0.2.1</peer-address><peer-as>64500</peer-as>
<elapsed-time seconds="553566">6d 9:46:06</elapsed-time><description>lb1</description><peer-state format="Establ">Established</peer-state>
<bgp-rib style="terse"><name>inet.0</name><active-prefix-count>3</active-prefix-count><received-prefix-count>20</received-prefix-count><accepted-prefix-count>19</accepted-prefix-count><suppressed-prefix-count>0</suppressed-prefix-count></bgp-rib>
<bgp-rib style="terse"><name>inet6.0</name><active-prefix-count>1</active-prefix-count><received-prefix-count>1</received-prefix-count><accepted-prefix-count>1</accepted-prefix-count></bgp-rib></bgp-peer>
<bgp-peer><peer-address>198.51.100.10+179</peer-address><peer-state>
Established
</peer-state><bgp-rib><name>CUST.A.inet.0</name><accepted-prefix-count>9</accepted-prefix-count></bgp-rib></bgp-peer>
<bgp-peer><peer-address>2001:db8::1</peer-address><peer-as>64501</peer-as><peer-state>Active</peer-state></bgp-peer></bgp-information>
`

const routeAnswer = `<route-information><route-table><table-name>inet.0</table-name><destination-count>3</destination-count>
<rt style="brief"><rt-destination>203.0.113.1/32</rt-destination>
<rt-entry><active-tag>*</active-tag><current-active/><last-active/><protocol-name>BGP</protocol-name><preference>170</preference><nh><selected-next-hop/><to>192.0.2.1</to><via>ae0.0</via></nh><nh><to>192.0.2.2</to><via>ae0.0</via></nh></rt-entry>
<rt-entry><active-tag> </active-tag><protocol-name>BGP</protocol-name><nh><to>192.0.2.9</to></nh></rt-entry></rt>
<rt><rt-destination>203.0.113.0/24</rt-destination><rt-entry><active-tag>*</active-tag><protocol-name>Aggregate</protocol-name><nh-type>Reject</nh-type></rt-entry></rt></route-table>
<route-table><table-name>offload.inet.0</table-name><rt><rt-destination>203.0.113.1/32</rt-destination><rt-entry><active-tag>*</active-tag><protocol-name>Static</protocol-name><nh><via>gr-0/0/0.0</via></nh></rt-entry></rt></route-table></route-information>
`

const alarmAnswer = `<alarm-information><alarm-summary><active-alarm-count>2</active-alarm-count></alarm-summary>
<alarm-detail><alarm-time seconds="1746465078">
 2025-05-05 10:11:18 PDT
</alarm-time><alarm-class>Major</alarm-class><alarm-description>PEM 1 Not Powered</alarm-description><alarm-short-description>PEM 1 No Power</alarm-short-description><alarm-type>Chassis</alarm-type></alarm-detail>
<alarm-detail><alarm-class>Minor</alarm-class><alarm-description>Rescue configuration is not set</alarm-description><alarm-type>Configuration</alarm-type></alarm-detail></alarm-information>
`

const enginesAnswer = `<route-engine-information><route-engine><slot>0</slot><mastership-state>master</mastership-state><mastership-priority>master (default)</mastership-priority><status>OK</status></route-engine>
<route-engine><slot>1</slot><mastership-state>Backup</mastership-state><status>OK</status></route-engine></route-engine-information>
`

const chassisAnswer = `<multi-routing-engine-results><multi-routing-engine-item><re-name>member0</re-name>` +
	`<route-engine-information><route-engine><slot>0</slot><mastership-state>master</mastership-state><status>OK</status></route-engine></route-engine-information></multi-routing-engine-item>` +
	`<multi-routing-engine-item><re-name>member1</re-name><route-engine-information><route-engine><slot>0</slot><mastership-state>backup</mastership-state></route-engine></route-engine-information></multi-routing-engine-item></multi-routing-engine-results>`

func TestParsePeers(t *testing.T) {
	got, err := parsePeers(bgpAnswer)
	want := []Peer{
		{Address: "192.0.2.1", State: "Established", Tables: []PeerTable{{"inet.0", 3, 20, 19}, {"inet6.0", 1, 1, 1}}},
		{Address: "198.51.100.10", State: "Established", Instance: "CUST.A", Tables: []PeerTable{{"CUST.A.inet.0", 0, 0, 9}}},
		{Address: "2001:db8::1", State: "Active"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("peers are\n%+v (%v), want\n%+v", got, err, want)
	}
	if got, err := parsePeers("<output>BGP is not running</output>"); err != nil || len(got) != 0 {
		t.Errorf("without BGP: %v, %v", got, err)
	}
	for _, bad := range []string{
		"", "<output>Groups: 4 Peers: 9</output>", "<bgp-information><bgp-peer/></bgp-information>", "<bgp-information>",
		"<bgp-information><bgp-peer><peer-address>192.0.2.1</peer-address><bgp-rib><name>inet.0</name><accepted-prefix-count>many</accepted-prefix-count></bgp-rib></bgp-peer></bgp-information>",
	} {
		if got, err := parsePeers(bad); !errors.Is(err, errAnswer) || got != nil {
			t.Errorf("parsePeers(%q) = %v, %v", bad, got, err)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	vip, aggregate := netip.MustParsePrefix("203.0.113.1/32"), netip.MustParsePrefix("203.0.113.0/24")
	got, err := parseRoutes(routeAnswer, vip)
	want := []Route{
		{Prefix: vip, Table: "inet.0", Protocol: "BGP", NextHops: []string{"192.0.2.1", "192.0.2.2"}},
		{Prefix: vip, Table: "offload.inet.0", Protocol: "Static", NextHops: []string{"gr-0/0/0.0"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("routes are\n%+v (%v), want\n%+v", got, err, want)
	}
	got, err = parseRoutes(routeAnswer, aggregate)
	if want := []Route{{Prefix: aggregate, Table: "inet.0", Protocol: "Aggregate", Kind: "Reject"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the aggregate is %+v (%v)", got, err)
	}
	for _, none := range []string{"", "\n", "<route-information></route-information>"} {
		if got, err := parseRoutes(none, vip); err != nil || len(got) != 0 {
			t.Errorf("parseRoutes(%q) = %v, %v", none, got, err)
		}
	}
	if got, err := parseRoutes("<output>203.0.113.1/32 *[BGP/170]</output>", vip); !errors.Is(err, errAnswer) || got != nil {
		t.Errorf("text in place of XML is %v, %v", got, err)
	}
}

func TestParseAlarms(t *testing.T) {
	got, err := parseAlarms(alarmAnswer)
	want := []Alarm{
		{Class: "Major", Type: "Chassis", Description: "PEM 1 Not Powered"},
		{Class: "Minor", Type: "Configuration", Description: "Rescue configuration is not set"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("alarms are %+v (%v)", got, err)
	}
	if got, err := parseAlarms("<alarm-information><alarm-summary><no-active-alarms/></alarm-summary></alarm-information>"); err != nil || len(got) != 0 {
		t.Errorf("without alarms: %v, %v", got, err)
	}
	for _, bad := range []string{"", "<output>No alarms currently active</output>", "<alarm-information><alarm-detail/></alarm-information>"} {
		if got, err := parseAlarms(bad); !errors.Is(err, errAnswer) || got != nil {
			t.Errorf("parseAlarms(%q) = %v, %v", bad, got, err)
		}
	}
}

func TestParseEngines(t *testing.T) {
	got, err := parseEngines(enginesAnswer)
	if want := []Engine{{"0", "master", "OK"}, {"1", "backup", "OK"}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("engines are %+v (%v)", got, err)
	}
	if got, err := parseEngines(chassisAnswer); err != nil || !reflect.DeepEqual(got, []Engine{{"0", "master", "OK"}}) {
		t.Errorf("a virtual chassis has %+v (%v)", got, err)
	}
	if _, err := parseEngines("<output/>"); !errors.Is(err, errAnswer) {
		t.Errorf("without engines: %v", err)
	}
}

// FuzzOperational: any text gives a result or an error of its own kind, never both; what is read has what it must have.
func FuzzOperational(f *testing.F) {
	for _, s := range []string{bgpAnswer, routeAnswer, alarmAnswer, enginesAnswer, chassisAnswer, "<output>BGP is not running</output>"} {
		f.Add(s)
	}
	prefix := netip.MustParsePrefix("203.0.113.1/32")
	f.Fuzz(func(t *testing.T, text string) {
		peers, err := parsePeers(text)
		check(t, err, len(peers))
		for _, p := range peers {
			if p.Address == "" || strings.Contains(p.Address, "+") {
				t.Errorf("peer %+v", p)
			}
		}
		routes, err := parseRoutes(text, prefix)
		check(t, err, len(routes))
		for _, r := range routes {
			if r.Prefix != prefix {
				t.Errorf("route %+v", r)
			}
		}
		alarms, err := parseAlarms(text)
		check(t, err, len(alarms))
		engines, err := parseEngines(text)
		check(t, err, len(engines))
	})
}

func check(t *testing.T, err error, n int) {
	t.Helper()
	if err != nil && (!errors.Is(err, errAnswer) || n != 0) {
		t.Errorf("%d things and %v", n, err)
	}
}
