package inventory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// appendFile adds lines to a file of a tree; the file is made if it is not there.
func appendFile(tree fstest.MapFS, name, text string) {
	if tree[name] == nil {
		tree[name] = &fstest.MapFile{}
	}
	tree[name].Data = append(tree[name].Data, text...)
}

// privateExample is the example with a private tree inside.
func privateExample(t *testing.T) fstest.MapFS {
	tree := exampleTree(t)
	appendFile(tree, "common.yaml", "private: private\n")
	appendFile(tree, "private/common.yaml", "lvs: {hold_time: 60s}\nproviders: {northwind: {prefix_limit: 7}}\n")
	return tree
}

func TestPrivateTree(t *testing.T) {
	tree := privateExample(t)
	appendFile(tree, "devices/cr1.ams.yaml", "lvs: {hold_time: 45s}\n")
	appendFile(tree, "private/devices/cr1.ams.yaml", "ntp_servers: !append [192.0.2.240]\nlvs: {prefix_limit: 500}\n")
	appendFile(tree, "private/roles/core.yaml", "root_password: {form: crypt, env: ROOT}\n")
	appendFile(tree, "private/sites/ams.yaml", "hosts: {lb2: {med: 200}, ping3: {kind: ping, ipv4: 203.0.113.135}}\n")
	appendFile(tree, "private/services.yaml", "services: {text: {lvs: {depool_threshold: .5}}}\n")
	appendFile(tree, "private/devices/cr3.ams.yaml", "role: core\nsite: ams\nstatus: planned\nloopback: {ipv4: 192.0.2.9}\nmanagement: {address: 192.0.2.205/28}\n")
	net := loadTree(t, tree)
	equal(t, "Private", net.Private, "private")
	d := device(t, net, "cr1.ams")
	equal(t, "the private common value wins over the public device's", d.LVS.HoldTimeSeconds, 60)
	equal(t, "where", chain(t, net, "lvs.hold_time", d), `common.yaml:36: 30s (common)
devices/cr1.ams.yaml:46: 45s (device cr1.ams)
private/common.yaml:1: 60s (private common)`)
	equal(t, "where of a site's value", chain(t, net, "hosts.lb2.med", d), `sites/ams.yaml:25: 100 (site ams)
private/sites/ams.yaml:1: 200 (private site ams)`)
	equal(t, "where of a service's", chain(t, net, "services.text.lvs.depool_threshold", d), `services.yaml:20: 0.66 (services)
private/services.yaml:1: 0.5 (private services)`)
	equal(t, "LVS limit", d.LVS.PrefixLimit, 500)
	equal(t, "appended", fmt.Sprint(d.NTPServers), "[203.0.113.140 2001:db8:1:10::53 192.0.2.240]")
	equal(t, "root password", d.RootPassword.Reference(), "$ROOT")
	equal(t, "a provider's limit", d.Transits[0].PrefixLimit, 7)
	s := site(t, net, "ams")
	equal(t, "hosts", fmt.Sprint(s.Directors[1].MED, len(s.PingHosts)), "200 3")
	equal(t, "a router of the private tree alone", device(t, net, "cr3.ams").Type, "mx204")
}

// What is wrong with a private tree is said with its file, and once.
func TestPrivateMistakes(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"unknown key", "private/common.yaml", "hold_time: 3s\n", "private/common.yaml:3:1: unknown key `hold_time`"},
		{"no file of that name", "private/site/ams.yaml", "", "private/site: the folder is not read, did you mean sites? (rename it)"},
		{"stray", "private/comon.yaml", "", "private/comon.yaml: the file is not read (did you mean common.yaml?)"},
		{"not whole after all", "private/services.yaml", "services: {new: {port: 1}}\n", "3 problems:\n  private/services.yaml:1:17: services.new: missing key `ip`"},
		{"a host that is not whole", "private/sites/ams.yaml", "hosts: {lb3: {med: 0}}\n", "2 problems:\n  private/sites/ams.yaml:1:14: hosts.lb3: missing key `ipv4`"},
		{"nothing to take back", "private/roles/core.yaml", "snmp: null\n", "private/roles/core.yaml:1:1: no value here, and no earlier layer sets one"},
		{"private of private", "private/common.yaml", "private: x\n", "private/common.yaml:3:1: a private tree has no private tree of its own"},
		{"a device alone", "private/devices/x.ams.yaml", "site: ams\n", "private/devices/x.ams.yaml:1:1: missing key `role`"},
		{"address of another", "private/devices/cr1.ams.yaml", "loopback: {ipv4: 192.0.2.2}\n", "private/devices/cr1.ams.yaml:1:18: address 192.0.2.2 is used twice: loopback of cr1.ams, and loopback of cr2.ams (devices/cr2.ams.yaml:8)"},
	} {
		tree := privateExample(t)
		appendFile(tree, c.file, c.text)
		_, err := load(tree, "tree", testTime, insideOf(tree))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v\nwant %s", c.name, err, c.want)
		}
	}
}

// The private tree may lie anywhere; it is named by the tree, or by a caller.
func TestPrivateOnDisk(t *testing.T) {
	top := t.TempDir()
	if err := os.CopyFS(filepath.Join(top, "net"), mustSub(t, Example, "example")); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		name = filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret/common.yaml", "asn: 64501\n")
	write("other/common.yaml", "asn: 64502\n")
	common, err := os.ReadFile(filepath.Join(top, "net/common.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write("net/common.yaml", string(common)+"private: ../secret\n")
	net, err := Load(filepath.Join(top, "net"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "by the tree", fmt.Sprint(net.ASN, net.Private), fmt.Sprint(64501, filepath.Join(top, "secret")))
	net, err = Options{Private: filepath.Join(top, "other")}.Load(filepath.Join(top, "net"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "by the caller", net.ASN, 64502)
	_, err = Options{Private: filepath.Join(top, "absent")}.Load(filepath.Join(top, "net"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent one gives %v", err)
	}
	write("net/common.yaml", string(common)+"private: ../absent\n")
	if _, err = Load(filepath.Join(top, "net")); err == nil || !strings.HasPrefix(err.Error(), "common.yaml:64:10: the private tree can't be read: ") {
		t.Errorf("a setting that leads nowhere gives %v", err)
	}
}

func mustSub(t *testing.T, tree fs.FS, dir string) fs.FS {
	t.Helper()
	sub, err := fs.Sub(tree, dir)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// The private tree may hold every folder of the tree: what both have is the private one's, file by file, and of the
// catalogue and the pools key by key. Templates are read from the tree that is looked at by everyone alone.
func TestPrivateFolders(t *testing.T) {
	tree := privateExample(t)
	appendFile(tree, "private/definitions/networks.net", "PRIVATE = 192.0.2.0/25\n")
	appendFile(tree, "private/policies/other.yaml", "filters: {}\n")
	appendFile(tree, "private/roles/core.yaml", "policies: !append [other]\n")
	appendFile(tree, "private/services.yaml", "services: {text: {lvs: {depool_threshold: .5}}}\n")
	net := loadTree(t, tree)
	equal(t, "policies", fmt.Sprint(device(t, net, "cr1.ams").Policies), "[protect-re other]")
	var names []string
	for _, f := range append(net.PolicyFiles, net.DefinitionFiles...) {
		names = append(names, f.Name)
	}
	equal(t, "files", fmt.Sprint(names), "[private/policies/other.yaml policies/protect-re.yaml private/definitions/networks.net definitions/services.svc]")

	appendFile(tree, "private/templates/junos/core.tmpl", "system { host-name x; }\n")
	_, err := load(tree, "tree", testTime, insideOf(tree))
	if err == nil || !strings.Contains(err.Error(), "private/templates") {
		t.Errorf("templates in the private tree give %v, want a refusal: nobody reads them", err)
	}
}
