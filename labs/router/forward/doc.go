// Package forward makes a Linux network namespace do what a router's configuration says. Here are its firewall filters:
// CompileFilters translates them, purely, into a rule set for nftables, and a Kernel brings that into force by
// difference, all or nothing, and reads the counters back.
//
// It is not the meaning of filters: that is the Evaluator of package policies, against which the translation is tested,
// packet by packet, in the kernel. What nftables can't say is refused in the way of a commit check, never left out.
//
// It may import labs/router, diffs, policies and the BGP speaker, and the libraries that speak to the kernel.
package forward
