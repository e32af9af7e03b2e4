// Package inventory reads the source of truth, a tree of YAML files, into typed facts: sites, devices, hosts, services
// and overrides, with every reference resolved, every address checked, and the file and line of every value at hand.
//
// The tree:
//
//	common.yaml            what holds for the whole network, and defaults for every device
//	roles/ROLE.yaml        defaults for the devices of a role
//	sites/SITE.yaml        a point of presence: its service prefixes, its hosts, defaults for its devices
//	devices/NAME.yaml      a router; NAME is its FQDN with or without the network's domain
//	services.yaml          the service catalogue
//	pools.yaml             the servers behind the services; optional
//	overrides/*.yaml       dated, task-named exceptions
//	policies/*.yaml        filters and routing policy that devices choose, kept as they are
//	definitions/           names that the policies use: *.net, *.svc, *.yaml, kept as they are
//	templates/             a user's own templates; they are not facts, and not read here
//
// A device's values are merged from common, its role, its site and itself, the later winning. Maps merge key by key at
// every depth, a list replaces the list before it whole unless its tag says `!append` or `!by:KEY`, and `key: null` takes
// back what an earlier layer set. A private tree of the same layout may lie on top: what it says wins over all of the
// public one, file by file and layer by layer. Scalars
// are read plainly: `no` and `on` are text, 010 is not eight, 12:34 is not seconds; only true and false are booleans.
//
// Secrets are references; a Resolver gets their values when a command asks for them.
//
// It is not a database and not a renderer: it knows nothing of Junos text, opens no socket, and reads no environment but
// through a Resolver. All that it ever writes is a file of overrides.
// The clock is read once in Load, to say which overrides have expired. It may import nothing of ours.
package inventory
