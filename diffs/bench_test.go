package diffs

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

// bigConfig gives a configuration of some 10,000 lines; every hundredth statement carries tag.
func bigConfig(tag string) string {
	var b strings.Builder
	value := func(i int, s string) string {
		if i%100 == 0 {
			return s + tag
		}
		return s
	}
	b.WriteString("interfaces {\n")
	for i := range 400 {
		fmt.Fprintf(&b, "    et-0/%d/%d {\n        description %s;\n        unit 0 {\n            family inet {\n                address 192.0.2.%d/31;\n            }\n        }\n    }\n",
			i/40, i%40, value(i, "core"), i%256)
	}
	b.WriteString("}\npolicy-options {\n")
	for i := range 40 {
		fmt.Fprintf(&b, "    prefix-list P%d {\n", i)
		for j := range 100 {
			fmt.Fprintf(&b, "        198.51.%d.%d/32;\n", 100+i%2, j)
		}
		b.WriteString("    }\n")
	}
	b.WriteString("}\nfirewall {\n    family inet {\n")
	for i := range 10 {
		fmt.Fprintf(&b, "        filter F%d {\n", i)
		for j := range 50 {
			fmt.Fprintf(&b, "            term t%d {\n                from {\n                    protocol icmp;\n                }\n                then {\n                    count %s;\n                }\n            }\n",
				j, value(i*50+j, "c"))
		}
		b.WriteString("        }\n")
	}
	b.WriteString("    }\n}\n")
	return b.String()
}

func benchTrees(b *testing.B) (before, after *junos.Tree, bytes int64) {
	b.Helper()
	text := bigConfig("")
	return parse(b, "before", text, nil), parse(b, "after", bigConfig("x"), nil), int64(len(text))
}

// A configuration of 10,000 lines against one in which 1 % of the statements differ.
func BenchmarkCompare(b *testing.B) {
	before, after, bytes := benchTrees(b)
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		if Compare(before, after).Empty() {
			b.Fatal("no difference")
		}
	}
}

func BenchmarkCompareEqual(b *testing.B) {
	before, _, bytes := benchTrees(b)
	after := before.Clone()
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		if !Compare(before, after).Empty() {
			b.Fatal("a difference")
		}
	}
}

func BenchmarkEdits(b *testing.B) {
	before, after, bytes := benchTrees(b)
	b.SetBytes(bytes)
	b.ReportAllocs()
	for b.Loop() {
		if len(Edits(before, after)) == 0 {
			b.Fatal("no difference")
		}
	}
}

// A report of 200 devices of which 100 have the same diff.
func BenchmarkWriteHTML(b *testing.B) {
	before, after, _ := benchTrees(b)
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
