package junos

import "testing"

func TestBuiltin(t *testing.T) {
	if _, err := parseTable(tableText, ""); err != nil {
		t.Fatal(err)
	}
}
