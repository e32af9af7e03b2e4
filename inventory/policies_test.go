package inventory

import (
	"fmt"
	"testing"
)

// TestPolicies reads what a device chooses, and the files as they are, those of the private tree in the place of the
// public ones.
func TestPolicies(t *testing.T) {
	tree := privateExample(t)
	appendFile(tree, "policies/edge.yaml", "filters: public\n")
	appendFile(tree, "policies/includes/deep.yaml", "terms: []\n")
	appendFile(tree, "policies/README.md", "what these are\n")
	appendFile(tree, "private/policies/edge.yaml", "filters: private\n")
	appendFile(tree, "private/policies/all.yaml", "")
	appendFile(tree, "definitions/a.net", "A = 192.0.2.1\n")
	appendFile(tree, "private/definitions/a.svc", "B = 1/tcp\n")
	appendFile(tree, "sites/fra.yaml", "policies: [edge, all]\nvars: {prefix: 192.0.2.0/24, limit: 10, hosts: [a, 7]}\n")
	appendFile(tree, "devices/cr1.fra.yaml", "vars: {limit: 20}\nloopback_filters: {input: [guard, rest]}\n")
	net := loadTree(t, tree)
	d := device(t, net, "cr1.fra")
	equal(t, "chosen", fmt.Sprint(d.Policies), "[edge all]")
	equal(t, "variables", fmt.Sprint(d.Vars), "map[hosts:[a 7] limit:[20] prefix:[192.0.2.0/24]]")
	equal(t, "filters of lo0", fmt.Sprint(*d.LoopbackFilters), "{[guard rest] []}")
	var files []string
	for _, f := range net.PolicyFiles {
		if f.Path == "edge.yaml" || f.Path == "all.yaml" || f.Path == "includes/deep.yaml" {
			files = append(files, f.Path, f.Name, string(f.Data))
		}
	}
	equal(t, "files", fmt.Sprintf("%q", files), `["all.yaml" "private/policies/all.yaml" "" "edge.yaml" "private/policies/edge.yaml" "filters: private\n" "includes/deep.yaml" "policies/includes/deep.yaml" "terms: []\n"]`)
}
