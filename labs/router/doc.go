// Package router is the lab router: the management plane of a Junos router as a program, so that a tool for real
// routers can be tried and tested without one. It has a configuration database with a shared candidate, an exclusive
// lock, private candidates that are merged when they are committed, fifty rollbacks and confirmed commits, all kept on
// disk, and serves it over SSH: NETCONF as a Junos device speaks it, and a small CLI.
//
// It forwards nothing by itself and runs no protocol: a Plane (package forward) brings what is committed into force, and
// may refuse it; without one the only commit check beyond the grammar is that what is referred to exists. It is not an SSH or NETCONF library either: it serves, it never dials.
//
// It may import diffs, diffs/junos and policies, and never devices: the driver under test and the router that it is
// tested against share no code but the configuration language.
package router
