package policies_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/policies"
)

// TestCheck runs testdata/check/*.txtar: what is found in config is what stands in want.
func TestCheck(t *testing.T) {
	files, err := filepath.Glob("testdata/check/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tree := parse(t, string(txtar.Parse(data).Files[0].Data))
			var got strings.Builder
			for _, f := range policies.Check(tree) {
				got.WriteString(f.String() + "\n")
			}
			golden(t, file, got.String())
			if again := policies.Check(tree); !reflect.DeepEqual(again, policies.Check(tree)) {
				t.Error("two checks differ")
			}
		})
	}
}

func TestSeverity(t *testing.T) {
	b, err := json.Marshal(policies.Finding{Severity: policies.SeverityError})
	if err != nil || !strings.Contains(string(b), `"Severity":"error"`) {
		t.Errorf("%s %v", b, err)
	}
}
