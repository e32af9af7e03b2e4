// Package diffs is what changes: the comparison of two configurations in the words and the layout of the device's own
// `show | compare`, the same as edits (set, delete, insert lines), the plan that carries a reviewed change to the commit,
// what is held back because a person made it inactive on the device, and the reports (terminal, Markdown, HTML, JSON).
//
// It is not the configuration language: that is diffs/junos (tree, parse, format, load, schema). It talks to no device
// and reads no inventory; all of it is pure data but for Plan.WriteFile and ReadPlan.
//
// It may import diffs/junos and nothing else of this module.
package diffs
