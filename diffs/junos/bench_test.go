package junos

import (
	"bytes"
	"runtime"
	"testing"

	"rhapsode/diffs/junos/junostest"
)

// bigConfig is a made-up configuration of 100,000 lines.
func bigConfig() []byte { return junostest.Config(100_000, "") }

func benchParse(b *testing.B, text []byte) {
	b.Helper()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("", text, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bytes.Count(text, []byte("\n"))), "lines")
}

func BenchmarkParse(b *testing.B) { benchParse(b, bigConfig()) }

func BenchmarkParseSet(b *testing.B) { benchParse(b, []byte(mustRead(b, bigConfig()).Set())) }

// BenchmarkFields is the yardstick: cutting the same text into words and nothing else.
func BenchmarkFields(b *testing.B) {
	text := bigConfig()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		bytes.Fields(text)
	}
}

func BenchmarkText(b *testing.B) {
	tree := mustRead(b, bigConfig())
	b.SetBytes(int64(len(tree.Text())))
	for b.Loop() {
		_ = tree.Text()
	}
}

func mustRead(tb testing.TB, text []byte) *Tree {
	tb.Helper()
	tree, err := Parse("", text, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return tree
}

// TestParseCost fails when reading becomes much dearer than it is. Time is computing time in passes of bytes.Fields over
// the same text, heap in bytes for each byte of text: neither depends on the machine. It takes about 7 passes and 6 bytes, of
// set lines 5 and 10; some 5 of the bytes stay.
func TestParseCost(t *testing.T) {
	curly := bigConfig()
	set := []byte(mustRead(t, curly).Set())
	for _, c := range []struct {
		name                 string
		text                 []byte
		passes, bytes, stays float64
	}{
		{"curly", curly, 25, 10, 8},
		{"set", set, 20, 15, 8},
	} {
		yard := junostest.CPUTime(5, func() { bytes.Fields(c.text) })
		got := float64(junostest.CPUTime(5, func() { mustRead(t, c.text) })) / float64(yard)
		allocated, live := heap(func() any { return mustRead(t, c.text) })
		allocated, live = allocated/float64(len(c.text)), live/float64(len(c.text))
		t.Logf("%s: %.1f passes, %.1f bytes a byte allocated, %.1f of them stay", c.name, got, allocated, live)
		if got > c.passes {
			t.Errorf("%s: reading takes %.1f passes of bytes.Fields, want %.0f at most", c.name, got, c.passes)
		}
		if allocated > c.bytes || live > c.stays {
			t.Errorf("%s: %.1f bytes a byte allocated, %.1f stay; want %.0f and %.0f at most", c.name, allocated, live, c.bytes, c.stays)
		}
	}
}

// heap gives the bytes that f allocates, and those that its outcome keeps.
func heap(f func() any) (allocated, live float64) {
	var before, after, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	outcome := f()
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	runtime.KeepAlive(outcome)
	return float64(after.TotalAlloc - before.TotalAlloc), float64(kept.HeapAlloc) - float64(before.HeapAlloc)
}
