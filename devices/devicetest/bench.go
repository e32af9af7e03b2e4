package devicetest

import (
	"fmt"
	"strings"
	"testing"

	"rhapsode/devices"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// LargeText is a configuration of about size bytes: one prefix-list.
func LargeText(size int) string {
	var b strings.Builder
	b.Grow(size + 128)
	b.WriteString("policy-options {\n    prefix-list LARGE {\n")
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "        2001:db8:%x:%x::/64;\n", i>>16, i&0xffff)
	}
	b.WriteString("    }\n}\n")
	return b.String()
}

// benchBytes is what Benchmark loads.
const benchBytes = 10 << 20

// Benchmark measures a driver: opening a session, and with ten megabytes to load, load, compare and discard.
func Benchmark(b *testing.B, name string, open func(testing.TB) devices.Device) {
	b.Run("open/"+name, func(b *testing.B) {
		for b.Loop() {
			if err := open(b).Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
	text := LargeText(benchBytes)
	dev := open(b)
	b.Cleanup(func() {
		if err := dev.Close(); err != nil {
			b.Error(err)
		}
	})
	c, err := dev.Lock(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	load := func(b *testing.B) {
		if _, err := c.Load(b.Context(), diffs.Change{Mode: junos.Merge, Text: text}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("load/"+name, func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			load(b)
		}
	})
	b.Run("compare/"+name, func(b *testing.B) {
		var got string
		load(b) // also where -bench asks for this one only
		for b.Loop() {
			if got, err = c.Compare(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(len(got)))
		if len(got) < benchBytes/2 {
			b.Errorf("the compare has %d bytes", len(got))
		}
	})
	if err := c.Discard(b.Context()); err != nil {
		b.Error(err)
	}
}
