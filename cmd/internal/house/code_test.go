package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// packageComments gives a line for each directory whose Go package has not exactly one comment that is one.
func packageComments(files map[string][]byte) ([]string, error) {
	comments := map[string][]string{} // of each directory with Go files
	for path, text := range files {
		if !strings.HasSuffix(path, ".go") || strings.Contains(path, "testdata/") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			return nil, err
		}
		dir := filepath.Dir(path)
		docs := comments[dir]
		if doc := f.Doc.Text(); doc != "" && !strings.HasSuffix(f.Name.Name, "_test") {
			docs = append(docs, doc)
		}
		comments[dir] = docs
	}
	var found []string
	for dir, docs := range comments {
		switch {
		case len(docs) != 1:
			found = append(found, dir+": "+strconv.Itoa(len(docs))+" package comments, want one")
		case !strings.HasPrefix(docs[0], "Package ") && !strings.HasPrefix(docs[0], "Command "):
			found = append(found, dir+`: the package comment does not begin with "Package" or "Command"`)
		case strings.Contains(docs[0], "Licensed under"):
			found = append(found, dir+": the package comment is a licence")
		}
	}
	slices.Sort(found)
	return found, nil
}

func TestPackageComments(t *testing.T) {
	found, err := packageComments(tracked(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Error(line)
	}
}

func TestPackageCommentsCanFail(t *testing.T) {
	got, err := packageComments(map[string][]byte{
		"none/a.go":       []byte("package none\n"),
		"two/a.go":        []byte("// Package two is.\npackage two\n"),
		"two/b.go":        []byte("// Package two is, again.\npackage two\n"),
		"other/a.go":      []byte("// Some words.\npackage other\n"),
		"good/a.go":       []byte("// Package good is.\npackage good\n"),
		"good/a_test.go":  []byte("package good_test\n"),
		"x/testdata/a.go": []byte("package x\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"none: 0 package comments, want one", `other: the package comment does not begin with "Package" or "Command"`,
		"two: 2 package comments, want one",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// bareSkip is a testscript line that skips without saying why.
var bareSkip = regexp.MustCompile(`^\s*(\[[^]]*\]\s*)*skip\s*$`)

// habits finds tests that skip without a reason, `init` functions, and calls that have no place where they stand, in Go
// files and test scripts.
func habits(files map[string][]byte) ([]string, error) {
	var found []string
	for path, text := range files {
		if strings.HasSuffix(path, ".txtar") {
			script, _, _ := strings.Cut(string(text), "\n-- ")
			for i, line := range strings.Split(script, "\n") {
				if bareSkip.MatchString(line) {
					found = append(found, path+":"+strconv.Itoa(i+1)+": skips without a reason")
				}
			}
		}
		if !strings.HasSuffix(path, ".go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					found = append(found, path+":"+strconv.Itoa(fset.Position(n.Pos()).Line)+": an init function: what runs is called")
				}
			case *ast.SelectorExpr:
				if reason := unwantedCall(path, n); reason != "" {
					found = append(found, path+":"+strconv.Itoa(fset.Position(n.Pos()).Line)+": "+reason)
				}
			case *ast.CallExpr:
				if strings.HasSuffix(path, "_test.go") && skipsBare(n) {
					found = append(found, path+":"+strconv.Itoa(fset.Position(n.Pos()).Line)+": skips without a reason")
				}
			}
			return true
		})
	}
	slices.Sort(found)
	return found, nil
}

// skipsBare says whether a call is Skip, Skipf or SkipNow with nothing that tells a reader why: a reason has two words.
func skipsBare(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, sel.Sel.Name) {
		return false
	}
	if len(call.Args) == 0 {
		return true
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	return ok && text.Kind == token.STRING && len(strings.Fields(text.Value)) < 2
}

// unwantedCall gives the reason why a function of another package has no place in a file, "" if it has.
func unwantedCall(path string, sel *ast.SelectorExpr) string {
	x, ok := sel.X.(*ast.Ident)
	if !ok || strings.HasSuffix(path, "_test.go") {
		return ""
	}
	name := x.Name + "." + sel.Sel.Name
	switch {
	case strings.HasPrefix(path, "templates/") && slices.Contains([]string{"time.Now", "time.Since", "time.Until"}, name):
		return name + ": rendering has no clock: the same inventory renders the same bytes"
	case !strings.HasPrefix(path, "labs/router/gnmi/") && name == "grpc.NewServer":
		return name + ": the only gRPC server is the lab router's"
	}
	return ""
}

func TestHabits(t *testing.T) {
	found, err := habits(tracked(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range found {
		t.Error(line)
	}
}

func TestHabitsCanFail(t *testing.T) {
	const code = "package x\n\nfunc init() {}\n\nfunc TestA(t *testing.T) {\n\tt.SkipNow()\n\tt.Skip()\n\tt.Skip(\"later\")\n" +
		"\tt.Skip(\"needs the shared data\")\n\tt.Skip(reason)\n\tt.Skipf(\"no %s here\", x)\n}\n\nfunc (x) init() {}\n"
	got, err := habits(map[string][]byte{
		"x/a_test.go":        []byte(code),
		"templates/a.go":     []byte("package x\n\nvar now = time.Now\nvar d = time.Hour\n"),
		"devices/a.go":       []byte("package x\n\nvar now = time.Now\nvar s = grpc.NewServer()\n"),
		"x/testdata/a.txtar": []byte("# why\n[!linux] skip\n[!linux] skip 'needs Linux'\nexec true\n-- f --\nskip\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"devices/a.go:4: grpc.NewServer: the only gRPC server is the lab router's",
		"templates/a.go:3: time.Now: rendering has no clock: the same inventory renders the same bytes",
		"x/a_test.go:3: an init function: what runs is called", "x/a_test.go:6: skips without a reason",
		"x/a_test.go:7: skips without a reason", "x/a_test.go:8: skips without a reason",
		"x/testdata/a.txtar:2: skips without a reason",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
