// Package junos is the Junos configuration language: a tree of statements, its forms (curly text, set lines, XML, JSON),
// the ways to load one text onto another, and the table of statements that says how each of them is written.
//
// A text is resolved by a schema into a canonical Tree: two texts that mean the same configuration give the same tree,
// whatever their spelling. Text and Set write the tree the way a router does. What the schema does not know is kept
// as it was written, in its own order, and never guessed to be ordered by the user.
//
// It is not a model of what a configuration does (package policies has that for filters and policies), it does not
// compare (package diffs), and it talks to no device. It imports the standard library alone.
package junos
