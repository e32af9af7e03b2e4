// Package house holds the rules of this repository as tests: which way imports run, what the command must not link, one
// comment for each package, what stands at the top level, what no file may name, and that no test skips without a reason.
//
// It is not a library: everything is in its test files, and nothing imports it. A rule that can be told from one line of
// code is the linter's (.ci/golangci.yml); here are those that need the whole tree. Each has a test that breaks it.
//
// It may import nothing of ours.
package house
