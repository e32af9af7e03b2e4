package inventory

import (
	"strings"
	"testing"
	"testing/fstest"
)

// withSwitch is the example with two access switches at ams; text is added to the first.
func withSwitch(t *testing.T, text string) fstest.MapFS {
	tree := exampleTree(t)
	appendFile(tree, "roles/access.yaml", "type: ex4300-48t\nmanagement: {interface: me0}\n")
	appendFile(tree, "devices/sw1.ams.yaml", "role: access\nsite: ams\nmanagement: {address: 192.0.2.205/28}\n"+text)
	appendFile(tree, "devices/sw2.ams.yaml", "role: access\nsite: ams\nmanagement: {address: 192.0.2.206/28}\n")
	return tree
}

// A switch needs a way in and no loopback; it has no BGP with its like, nor with the directors, and nobody has with it.
func TestRoleWithoutBGP(t *testing.T) {
	net := loadTree(t, withSwitch(t, ""))
	sw := device(t, net, "sw1.ams")
	if sw.Loopback4.IsValid() || sw.RouterID.IsValid() || sw.InternalPeers != nil || sw.LVS.Neighbors != nil || sw.SpeaksBGP() {
		t.Errorf("a switch: %+v", sw)
	}
	equal(t, "the peers of a router", len(device(t, net, "cr1.ams").InternalPeers), 3)
	equal(t, "warnings", len(net.Warnings), 0)
}

func TestRoleWithoutBGPMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{
			"border", "interfaces:\n  irb: {units: {0: {kind: border, addresses: [198.51.100.9/31]}}}\n",
			"devices/sw1.ams.yaml:5:27: device sw1.ams: irb.0 is of kind border, whose filters role access does not place (make it internal or servers, or move the link to a router)",
		},
		{
			"filters", "interfaces:\n  irb: {units: {0: {kind: servers, filters: {input: [protect-re]}}}}\n",
			"devices/sw1.ams.yaml:5:36: device sw1.ams: role access places no filters, and irb.0 attaches one (attach it on a router)",
		},
		{
			"loopback filters", "loopback_filters: {input: [protect-re]}\n",
			"devices/sw1.ams.yaml:4:1: device sw1.ams: role access places no filters, and loopback_filters attaches one (attach it on a router)",
		},
		{
			"transits", "transits: {198.51.100.0: {provider: northwind}}\n",
			"devices/sw1.ams.yaml:4:1: device sw1.ams: role access has no BGP, and transits are BGP sessions (move them to a router, or give the device a role that has BGP)",
		},
	} {
		tree := withSwitch(t, c.text)
		_, err := load(tree, "tree", testTime, insideOf(tree))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s gives %v\nwant %s", c.name, err, c.want)
		}
	}
	tree := withSwitch(t, "")
	tree["devices/cr1.ams.yaml"].Data = []byte(strings.Replace(string(tree["devices/cr1.ams.yaml"].Data), "  ipv4: 192.0.2.1 ", "  # ", 1))
	if _, err := load(tree, "tree", testTime, insideOf(tree)); err == nil || !strings.Contains(err.Error(), "missing key `loopback.ipv4`, no layer sets it for cr1.ams") {
		t.Errorf("a router without a loopback gives %v", err)
	}
}

// What follows from a value that is ill-formed is not a second mistake, and an alias of nothing is found where it stands.
func TestOneProblem(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"devices/x.ams.yaml", "role: \"\"\nsite: ams\n", `devices/x.ams.yaml:1:7: role: "" is not a name of lower-case letters, digits, hyphens and underscores`},
		{"devices/x.ams.yaml", "# *nobody\nrole: core\nsite: *nobody\n", "devices/x.ams.yaml:3:7: not YAML: unknown anchor 'nobody' referenced"},
	} {
		tree := exampleTree(t)
		appendFile(tree, c.file, c.text)
		if _, err := load(tree, "tree", testTime, insideOf(tree)); err == nil || err.Error() != c.want {
			t.Errorf("%q gives %v\nwant %s", c.text, err, c.want)
		}
	}
}
