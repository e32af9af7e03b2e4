package diffs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCompareNested compares each case once more within a group and within a logical system: all banners begin with
// that and all lines have one more blank, since the entry is one more node of the schema.
func TestCompareNested(t *testing.T) {
	cases := map[string][2]string{}
	for _, file := range globbed(t, filepath.Join(sharedDir(), "cases", "compare", "*.txt")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, after, _ := splitCase(t, string(text))
		cases[filepath.Base(file)] = [2]string{before, after}
	}
	goldens(t, "compare", func(t *testing.T, g *golden) {
		cases[g.name] = [2]string{g.part(t, "before"), g.part(t, "after")}
	})
	for name, texts := range cases {
		plain := Compare(parse(t, "before", texts[0], nil), parse(t, "after", texts[1], nil))
		if holdsOuter(texts[0] + texts[1]) {
			continue // an outermost list can't stand in another
		}
		for _, outer := range []string{"groups", "logical-systems"} {
			t.Run(name+"/"+outer, func(t *testing.T) {
				in := func(text string) string {
					return outer + " {\n    x {\n        apply-macro here;\n" + text + "    }\n}\n"
				}
				got := Compare(parse(t, "before", in(texts[0]), nil), parse(t, "after", in(texts[1]), nil)).String()
				want := &Diff{Hunks: slices.Clone(plain.Hunks)}
				for i, h := range want.Hunks {
					want.Hunks[i] = Hunk{Path: slices.Concat([]string{outer, "x"}, h.Path)}
					for _, l := range h.Lines {
						want.Hunks[i].Lines = append(want.Hunks[i].Lines, Line{l.Mark, " " + l.Text})
					}
				}
				if got != want.String() {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// holdsOuter reports whether a configuration has statements that stand at the top only.
func holdsOuter(text string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "groups") || strings.HasPrefix(line, "logical-systems")
	})
}

// TestCompareBack compares each golden case the other way round: what came goes, what went comes, and a mark that was
// set is lifted.
func TestCompareBack(t *testing.T) {
	opposite := strings.NewReplacer("inactive: ", "active: ", "active: ", "inactive: ", "unprotect: ", "protect: ", "protect: ", "unprotect: ")
	goldens(t, "compare", func(t *testing.T, g *golden) {
		before, after := parse(t, "before", g.part(t, "before"), nil), parse(t, "after", g.part(t, "after"), nil)
		said := func(d *Diff, back bool) (lines []string) {
			for _, h := range d.Hunks {
				for _, l := range h.Lines {
					text := strings.TrimSpace(l.Text)
					switch {
					case l.Mark == ' ' || l.Mark == '!' && !flagged(text):
						continue // neighbours and moves depend on the side
					case back && l.Mark == '!':
						text = opposite.Replace(text)
					case back:
						l.Mark = '+' + '-' - l.Mark
					}
					lines = append(lines, joinPath(h.Path)+string(l.Mark)+text)
				}
			}
			slices.Sort(lines)
			return lines
		}
		there, back := said(Compare(before, after), false), said(Compare(after, before), true)
		if !slices.Equal(there, back) {
			t.Errorf("there\n%s\nback\n%s", strings.Join(there, "\n"), strings.Join(back, "\n"))
		}
	})
}

// flagged reports whether a ! line sets or lifts a mark.
func flagged(text string) bool {
	word, _, _ := strings.Cut(text, " ")
	return strings.HasSuffix(word, ":")
}
