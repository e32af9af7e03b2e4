package diffs

import (
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/diffs/junos/junostest"
)

// TestCorpus compares each configuration of a folder (JUNOS_CORPUS) with itself: nothing differs.
func TestCorpus(t *testing.T) {
	for _, f := range junostest.Corpus(t) {
		if f.Skip != "" {
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			before, err := junos.Parse(f.Name, f.Text, nil)
			if err != nil {
				t.Fatal(err)
			}
			before.Untag()
			after, err := junos.Parse(f.Name, []byte(before.Text()), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := Compare(before, after).String(); got != "" {
				t.Error(got)
			}
		})
	}
}
