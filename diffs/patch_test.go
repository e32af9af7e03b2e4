package diffs

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"rhapsode/diffs/junos"
)

func TestPatchRandom(t *testing.T) {
	random(t, 150, func(t *testing.T, a, b *junos.Tree) {
		checkPatch(t, a, b)
		checkPatch(t, b, a)
	})
}

// checkPatch holds Patch to its property: a comparison leads from before to after.
func checkPatch(t *testing.T, before, after *junos.Tree) {
	t.Helper()
	text := Compare(before, after).String()
	was := before.Text()
	got, err := Patch(before, text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if got.Text() != after.Text() || got.Fingerprint() != after.Fingerprint() {
		t.Errorf("patch\n%s\ngives\n%s\nwant\n%s", text, got.Text(), after.Text())
	}
	if before.Text() != was {
		t.Error("before has changed")
	}
}

// TestPatchGolden: `patch` leads from `before` to `after`. Of the case `refused`, each other file is a patch, and its
// error stands behind it.
func TestPatchGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "patch", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before := parse(t, "before", string(a.Files[0].Data), nil)
			got := &txtar.Archive{Comment: a.Comment, Files: a.Files[:1:1]}
			for _, f := range a.Files[1:] {
				switch after, err := Patch(before, string(f.Data)); {
				case strings.HasSuffix(f.Name, " error"), f.Name == "after", f.Name == "compare":
				case f.Name == "patch" && err != nil:
					t.Fatal(err)
				case f.Name == "patch":
					got.Files = append(got.Files, f, txtar.File{Name: "after", Data: []byte(after.Text())},
						txtar.File{Name: "compare", Data: []byte(Compare(before, after).String())})
				case err == nil:
					t.Errorf("%s: taken, and gives\n%s", f.Name, Compare(before, after))
				default:
					got.Files = append(got.Files, f, txtar.File{Name: f.Name + " error", Data: []byte(err.Error() + "\n")})
				}
			}
			if text := txtar.Format(got); *update {
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(text, txtar.Format(a)) {
				t.Errorf("got\n%s", text)
			}
		})
	}
}

// FuzzPatch: Patch refuses a text or gives a configuration whose comparison says the same, and never panics.
func FuzzPatch(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "patch", "*.txtar"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, p := range a.Files[1:] {
			f.Add(string(a.Files[0].Data), string(p.Data))
		}
	}
	for before, patch := range map[string]string{"": "[edit]\n+/*/", "0": "[edit]\n+0[0];"} { // found before
		f.Add(before, patch)
	}
	f.Fuzz(func(t *testing.T, before, patch string) {
		b, err := junos.Parse("", []byte(before), nil)
		if err != nil {
			return
		}
		was := b.Text()
		after, err := Patch(b, patch)
		if b.Text() != was {
			t.Fatal("before has changed")
		}
		if err != nil {
			return
		}
		text := Compare(b, after).String()
		again, err := Patch(b, text)
		if err != nil {
			t.Fatalf("the comparison of the outcome is refused: %v\n%s", err, text)
		}
		if again.Text() != after.Text() {
			t.Fatalf("the comparison of the outcome leads elsewhere:\n%s\n--- and\n%s", after.Text(), again.Text())
		}
	})
}

func TestPatchSharedCases(t *testing.T) {
	for _, file := range sharedCases(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			before, after, text := splitCase(t, string(data))
			schema, err := junos.ForRelease(caseReleases[name])
			if err != nil {
				t.Fatal(err)
			}
			b, a := parse(t, "before", before, schema), parse(t, "after", after, schema)
			for layout, text := range map[string]string{"as it is": text, "no indent": flat(text), "CRLF": strings.ReplaceAll(text, "\n", "\r\n")} {
				got, err := Patch(b, text)
				if err != nil {
					t.Errorf("%s: %v", layout, err)
					continue
				}
				if got.Text() != a.Text() {
					t.Errorf("%s: got\n%s\nwant\n%s", layout, got.Text(), a.Text())
				}
			}
			mutate(t, b, text, rand.New(rand.NewPCG(7, 7)), 60)
		})
	}
}

// flat takes the indent away.
func flat(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line[0] != '[' {
			line = line[:1] + strings.TrimLeft(line[1:], " ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// mutate changes a comparison at random: Patch must refuse what it has made, or give a configuration whose comparison is
// what it has made.
func mutate(t *testing.T, before *junos.Tree, text string, r *rand.Rand, times int) {
	t.Helper()
	refused := 0
	for range times {
		bad := mutation(text, r)
		got, err := Patch(before, bad)
		if err != nil {
			refused++
			if _, ok := errors.AsType[*junos.Error](err); !ok {
				t.Errorf("not a *junos.Error: %v", err)
			}
			continue
		}
		compare := Compare(before, got).String()
		if want, is := content(bad), content(compare); sameBanners(want, is) && !maps.EqualFunc(want, is, says) {
			t.Errorf("patch\n%s\nwas taken, and gives\n%s", bad, compare)
		}
	}
	if times > 50 && refused == 0 && len(text) > 0 {
		t.Errorf("nothing was refused of\n%s", text)
	}
}

func mutation(text string, r *rand.Rand) string {
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	if len(lines) == 0 {
		return text
	}
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	switch r.IntN(6) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, j, lines[i])
	case 2:
		lines[i], lines[j] = lines[j], lines[i]
	case 3:
		lines[i] = string("+-! "[r.IntN(4)]) + lines[i][1:]
	case 4:
		if words := strings.Fields(lines[i]); len(words) > 1 {
			w := words[r.IntN(len(words))]
			lines[i] = strings.Replace(lines[i], w, w+"0", 1)
		}
	case 5:
		k := r.IntN(len(lines[i]))
		lines[i] = lines[i][:k] + lines[i][k+1:]
	}
	return strings.Join(lines, "")
}

// content counts the words of a comparison, whatever its layout, for each banner and mark; not those of context, which
// can be shown more than once.
func content(text string) map[string]map[string]int {
	count := map[string]map[string]int{}
	banner := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.NewReplacer("/*", " /* ", "*/", " */ ").Replace(line), "##")
		line = strings.TrimRight(line, " \t\r\n")
		switch {
		case line == "":
		case strings.HasPrefix(strings.TrimLeft(line, " "), "[edit"):
			banner = strings.TrimSpace(line)
		case line[0] != ' ':
			k := banner + line[:1]
			if count[k] == nil {
				count[k] = map[string]int{}
			}
			for _, w := range strings.FieldsFunc(line[1:], func(r rune) bool { return strings.ContainsRune(" {}[];\"", r) }) {
				count[k][w]++
			}
		}
	}
	return count
}

// says reports whether all that a patch says is in a comparison, and nothing else. An entry of a list given in brackets
// has the keyword of the list in front of it there.
func says(patch, compare map[string]int) bool {
	for w, n := range patch {
		if compare[w] < n {
			return false
		}
	}
	return len(patch) == len(compare)
}

// sameBanners reports whether two contents are about the same hierarchies. When the last statement of one is taken away,
// a comparison shows the hierarchy itself.
func sameBanners(a, b map[string]map[string]int) bool {
	for k := range a {
		if _, ok := b[k]; !ok {
			return false
		}
	}
	return len(a) == len(b)
}

func TestPatchMutated(t *testing.T) {
	random(t, 60, func(t *testing.T, a, b *junos.Tree) {
		text := Compare(a, b).String()
		mutate(t, a, text, rand.New(rand.NewPCG(3, uint64(len(text)))), 20)
	})
}
