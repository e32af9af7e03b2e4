package junos

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// bigConfig is a made-up configuration of about 100,000 lines.
func bigConfig() []byte {
	var b strings.Builder
	b.WriteString("interfaces {\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "    ge-%d/%d/%d {\n        description \"to host %d\";\n        mtu 9000;\n        unit 0 {\n            family inet {\n"+
			"                address 10.%d.%d.1/24;\n            }\n        }\n    }\n", i/100, i/10%10, i%10, i, i/250, i%250)
	}
	b.WriteString("}\npolicy-options {\n    prefix-list big {\n")
	for i := range 30000 {
		fmt.Fprintf(&b, "        10.%d.%d.0/24;\n", i/250, i%250)
	}
	b.WriteString("    }\n}\nfirewall {\n    family inet {\n        filter big {\n")
	for i := range 4000 {
		fmt.Fprintf(&b, "            term t%d {\n                from {\n                    source-address {\n                        192.0.2.0/24;\n"+
			"                    }\n                    protocol tcp;\n                    destination-port [ 22 80 %d ];\n                }\n"+
			"                then {\n                    count c%d;\n                    accept;\n                }\n            }\n", i, i, i)
	}
	b.WriteString("        }\n    }\n}\n")
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	text := bigConfig()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("", text, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(bytes.Count(text, []byte("\n"))), "lines")
}

func BenchmarkParseSet(b *testing.B) {
	tree, err := Parse("", bigConfig(), nil)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(tree.Set())
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse("", text, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFields is the yardstick: cutting the same text into words and nothing else.
func BenchmarkFields(b *testing.B) {
	text := bigConfig()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		bytes.Fields(text)
	}
}

func BenchmarkText(b *testing.B) {
	tree, err := Parse("", bigConfig(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(tree.Text())))
	for b.Loop() {
		_ = tree.Text()
	}
}
