// Package labs runs topologies of routers and hosts on one machine: a network namespace for each node, a pair of virtual
// interfaces for each link, our programs as processes. It needs Linux and root, and no Docker, image or licence.
//
// A topology is a file of containerlab (NAME.clab.yml), so that the same file can be deployed there. What is read of it,
// and what it means here, stands in docs/lab.md. Reading, planning and drawing are pure; Runner alone touches the kernel.
//
// Runner records each step in the lab's state before it takes it. So whatever ended an Up in the middle, a kill at any
// moment too, Down finds all that there may be and leaves nothing.
//
// It imports nothing of ours: the lab router and the hosts' daemons are started as processes (a rule of
// cmd/internal/house).
package labs
