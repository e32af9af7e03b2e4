package labs

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestGraph(t *testing.T) {
	top := mustParse(t, small)
	for _, format := range GraphFormats() {
		text, err := Graph(top, format)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "graph."+string(format), text)
	}
	if _, err := Graph(top, "svg"); err == nil {
		t.Error("svg was drawn")
	}
}

// TestPlan holds the steps of the small topology, in their order.
func TestPlan(t *testing.T) {
	var b strings.Builder
	for _, s := range Plan(mustParse(t, small), "/run/x/small") {
		b.WriteString(s.String() + "\n")
	}
	golden(t, "plan.text", b.String())
}

func TestPcap(t *testing.T) {
	var b bytes.Buffer
	w := pcapWriter{&b}
	if err := w.begin(); err != nil {
		t.Fatal(err)
	}
	if err := w.packet(time.Unix(1, 2), 5, []byte{0xaa, 0xbb}); err != nil {
		t.Fatal(err)
	}
	const want = "4d3cb2a1" + "0200" + "0400" + "0000000000000000" + "00000400" + "01000000" +
		"01000000" + "02000000" + "02000000" + "05000000" + "aabb"
	if got := hex.EncodeToString(b.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
