package diffs

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
	"rhapsode/diffs/junos/junostest"
)

// bigTrees gives a configuration of 100,000 lines and one in which 1 % of the statements differ.
func bigTrees(tb testing.TB) (before, after *junos.Tree, text []byte) {
	tb.Helper()
	text = junostest.Config(100_000, "")
	return parse(tb, "before", string(text), nil), parse(tb, "after", string(junostest.Config(100_000, "7")), nil), text
}

func BenchmarkCompare(b *testing.B) {
	before, after, text := bigTrees(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if Compare(before, after).Empty() {
			b.Fatal("no difference")
		}
	}
}

func BenchmarkCompareEqual(b *testing.B) {
	before, _, text := bigTrees(b)
	after := before.Clone()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if !Compare(before, after).Empty() {
			b.Fatal("a difference")
		}
	}
}

// BenchmarkFields is the yardstick: cutting the text of one side into words and nothing else.
func BenchmarkFields(b *testing.B) {
	text := junostest.Config(100_000, "")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		bytes.Fields(text)
	}
}

func BenchmarkEdits(b *testing.B) {
	before, after, text := bigTrees(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if len(Edits(before, after)) == 0 {
			b.Fatal("no difference")
		}
	}
}

// TestCompareCost fails when comparing becomes much dearer than it is: about 9 passes of bytes.Fields over the text of
// one side, which doesn't depend on the machine, and 10 bytes of heap for each byte of it.
func TestCompareCost(t *testing.T) {
	before, after, text := bigTrees(t)
	yard := junostest.CPUTime(5, func() { bytes.Fields(text) })
	passes := float64(junostest.CPUTime(5, func() { Compare(before, after) })) / float64(yard)
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	d := Compare(before, after)
	runtime.ReadMemStats(&m1)
	heap := float64(m1.TotalAlloc-m0.TotalAlloc) / float64(len(text))
	t.Logf("%d hunks, %.1f passes, %.1f bytes a byte", len(d.Hunks), passes, heap)
	if passes > 35 || heap > 14 {
		t.Errorf("comparing takes %.1f passes of bytes.Fields and %.1f bytes a byte, want 35 and 14 at most", passes, heap)
	}
}

// A report of 200 devices of which 100 have the same diff.
func BenchmarkWriteHTML(b *testing.B) {
	before, after := parse(b, "before", string(junostest.Config(10_000, "")), nil), parse(b, "after", string(junostest.Config(10_000, "7")), nil)
	text := Compare(before, after).String()
	r := &Report{}
	for i := range 200 {
		d := DeviceResult{Device: fmt.Sprintf("cr%d.example.net", i), Status: Changed, Text: text}
		if i%2 == 0 {
			d.Text = text[:strings.IndexByte(text, '\n')+1] + fmt.Sprintf("+   %d;\n", i)
		}
		r.Devices = append(r.Devices, d)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteHTML(io.Discard, r, ReportOptions{Redact: NewRedactor()}); err != nil {
			b.Fatal(err)
		}
	}
}
