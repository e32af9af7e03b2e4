package router

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestManual holds that each screen of docs/labrouter.md (a block of `cli`) is part of a screen of testdata/cli, which
// TestScreens makes the router show.
func TestManual(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "labrouter.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/cli/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no screens: %v", err)
	}
	var shown strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, screen, _ := strings.Cut(string(data), "-- screen --\n")
		shown.WriteString(screen)
	}
	blocks := regexp.MustCompile("(?ms)^```cli\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 4 {
		t.Errorf("%d screens in the page", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(shown.String(), b[1]) {
			t.Errorf("no dialogue of testdata/cli shows\n%s", b[1])
		}
	}
}
