package policies_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"rhapsode/policies"
)

func evaluator(t testing.TB, config string) *policies.Evaluator {
	t.Helper()
	e, err := policies.NewEvaluator(parse(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEval runs testdata/eval/*.txtar. The file ask has one question a line, `FAMILY FILTER[,FILTER] | PACKET` or
// `POLICY[,POLICY] [PROTOCOL DIRECTION] | ROUTE`; want has the answers with the way to them.
func TestEval(t *testing.T) {
	files, err := filepath.Glob("testdata/eval/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(data)
			if len(a.Files) < 3 || a.Files[0].Name != "config" || a.Files[1].Name != "ask" {
				t.Fatal("want the files config, ask, want")
			}
			e := evaluator(t, string(a.Files[0].Data))
			var got strings.Builder
			for line := range strings.Lines(string(a.Files[1].Data)) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					got.WriteString(line + "\n")
					ask(t, &got, e, line)
				}
			}
			golden(t, file, got.String())
		})
	}
}

func ask(t *testing.T, out *strings.Builder, e *policies.Evaluator, line string) {
	t.Helper()
	head, subject, ok := strings.Cut(line, "|")
	if !ok {
		t.Fatalf("%s: no |", line)
	}
	w := strings.Fields(head)
	if w[0] == "inet" || w[0] == "inet6" {
		askFilter(out, e, policies.Family(w[0]), strings.Split(w[1], ","), subject)
		return
	}
	c := policies.PolicyContext{}
	if len(w) == 3 {
		c = policies.PolicyContext{Protocol: w[1], Direction: w[2]}
	}
	askPolicy(out, e, strings.Split(w[0], ","), subject, c)
}

func askFilter(out *strings.Builder, e *policies.Evaluator, family policies.Family, names []string, subject string) {
	p, err := policies.ParsePacket(subject)
	if err != nil {
		fmt.Fprintf(out, "    error: %v\n", err)
		return
	}
	r, err := e.TraceFilter(family, names, p)
	if err != nil {
		fmt.Fprintf(out, "    error: %v\n", err)
		return
	}
	steps(out, r.Steps)
	fmt.Fprintf(out, "    => %s", r.String())
	if len(r.Counts) > 0 {
		fmt.Fprintf(out, " (counted by %s)", strings.Join(r.Counts, ", "))
	}
	if len(r.MayCount) > 0 {
		fmt.Fprintf(out, " (perhaps counted by %s)", strings.Join(r.MayCount, ", "))
	}
	regardless(out, r.Regardless)
	out.WriteString("\n")
}

func askPolicy(out *strings.Builder, e *policies.Evaluator, names []string, subject string, c policies.PolicyContext) {
	route, err := policies.ParseRoute(subject)
	if err != nil {
		fmt.Fprintf(out, "    error: %v\n", err)
		return
	}
	r, err := e.TracePolicy(names, *route, c)
	if err != nil {
		fmt.Fprintf(out, "    error: %v\n", err)
		return
	}
	steps(out, r.Steps)
	fmt.Fprintf(out, "    => %s", r.String())
	for _, c := range r.Changes {
		fmt.Fprintf(out, "; %s", c)
	}
	for _, u := range r.Uncertain {
		fmt.Fprintf(out, "; uncertain %s", u)
	}
	regardless(out, r.Regardless)
	out.WriteString("\n")
}

func steps(out *strings.Builder, list []policies.Step) {
	for _, s := range list {
		fmt.Fprintf(out, "    %s%s %s: %s", strings.Repeat("  ", s.Depth), s.Object, s.Term, s.Match)
		for _, c := range s.Checks {
			if c.Holds != policies.Yes || s.Match == policies.Yes {
				fmt.Fprintf(out, " [%s: %s, %s]", c.Condition, c.Holds, c.Why)
			}
		}
		if len(s.Did) > 0 {
			fmt.Fprintf(out, " -> %s", strings.Join(s.Did, "; "))
		}
		out.WriteString("\n")
	}
}

func regardless(out *strings.Builder, list []string) {
	for _, x := range list {
		fmt.Fprintf(out, "\n       either way: %s", x)
	}
}
