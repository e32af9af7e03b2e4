package templates

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rhapsode/diffs/junos"
)

// statement is a node of the schema that comes from Juniper's YANG.
type statement struct {
	Name     string       `json:"n"`
	Children []*statement `json:"c"`
}

func (s *statement) child(name string) *statement {
	for _, c := range s.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// yang reads the full schema from the shared data, which is not part of the repository; the test is skipped without.
func yang(t *testing.T) *statement {
	t.Helper()
	dir := os.Getenv("RHAPSODE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(dir, "schema", "junos-mx-23.4.json.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no full schema: %v (set RHAPSODE_SHARED)", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := &statement{}
	if err := json.NewDecoder(z).Decode(root); err != nil {
		t.Fatal(err)
	}
	return root
}

// TestYANG holds every rendered statement against the configuration schema that Juniper publishes for MX routers.
func TestYANG(t *testing.T) {
	root := yang(t)
	net, dev := small()
	r := sound(t, net, dev)
	count := 0
	var walk func(n *junos.Node, s *statement)
	walk = func(n *junos.Node, s *statement) {
		for _, c := range n.Children {
			at := s.child(c.Name)
			if at == nil && c.Kind == junos.Leaf && len(c.Values) == 1 {
				at = s.child(c.Values[0]) // one of several leaves that exclude each other: `any notice`
			}
			if at == nil {
				t.Errorf("%v: Junos knows no %s in %s", r.Tree.Path(c), c.Name, s.Name)
				continue
			}
			count++
			walk(c, at)
		}
	}
	walk(r.Tree.Root, root)
	if count < 300 {
		t.Errorf("only %d statements were compared", count)
	}
}

// TestParallel renders from several goroutines, as a fleet does.
func TestParallel(t *testing.T) {
	net, dev := small()
	want := sound(t, net, dev).Text
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			r, err := Render(net, dev)
			if err != nil || r.Text != want {
				t.Errorf("a parallel render differs: %v", err)
			}
		})
	}
	group.Wait()
}

func BenchmarkRender(b *testing.B) {
	net, dev := small()
	for b.Loop() {
		if _, err := Render(net, dev); err != nil {
			b.Fatal(err)
		}
	}
}
