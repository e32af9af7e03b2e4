package templates

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
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
func yang(t *testing.T, name string) *statement {
	t.Helper()
	dir := os.Getenv("RHAPSODE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(dir, "schema", name))
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
	root := yang(t, "junos-mx-23.4.json.gz")
	net, dev := small()
	if count := unknown(t, sound(t, net, dev), root); count < 300 {
		t.Errorf("only %d statements were compared", count)
	}
}

// unknown reports the statements of a render that a schema does not know, and gives how many it knows.
func unknown(t *testing.T, r *Rendered, root *statement) int {
	t.Helper()
	count := 0
	var walk func(n *junos.Node, s *statement)
	walk = func(n *junos.Node, s *statement) {
		for _, c := range n.Children {
			name := c.Name
			if name == "from-zone" {
				name = "policy" // the element of a list whose keyword the CLI spells otherwise
			}
			at := s.child(name)
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
	return count
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

// BenchmarkRenderNetwork renders the 1,000 devices of a network, one after another, and reports the time for one.
func BenchmarkRenderNetwork(b *testing.B) {
	net, dev := small()
	for len(net.Devices) < 1000 {
		other := *dev
		other.Name = fmt.Sprintf("cr%d.lab", len(net.Devices)+1)
		net.Devices = append(net.Devices, &other)
	}
	r, err := New(nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		for _, d := range net.Devices {
			if d.Role == "" {
				continue // the neighbour of small, which has no more than a name
			}
			if _, err := r.Render(net, d); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*(len(net.Devices)-1)), "ms/device")
}
