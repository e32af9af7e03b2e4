// Package junostest makes configurations for tests and benchmarks, large, varied, always the same, finds those of a
// corpus, and measures what reading them costs. It holds no configuration of anyone and checks nothing; it imports the
// standard library alone.
package junostest

import (
	"bytes"
	"fmt"
)

// Config gives a configuration of about so many lines, as a router with many customers has it: interfaces, prefix lists,
// policies, filters, BGP neighbours, routing instances, in curly text. Of all statements with a value that can differ,
// every hundredth has changed appended to it; "" gives the plain configuration, so that two calls differ in 1 %.
func Config(lines int, changed string) []byte {
	g := &generator{changed: changed}
	n := max(1, lines/linesPerUnit)
	g.system(n)
	g.interfaces(n)
	g.policies(n)
	g.filters(n)
	g.instances(n)
	g.protocols(n)
	return g.Bytes()
}

// linesPerUnit is how many lines the parts below have for each of the n that they are asked for.
const linesPerUnit = 48

type generator struct {
	bytes.Buffer
	changed string
	count   int
}

// value gives a value that differs between two configurations now and then.
func (g *generator) value(format string, args ...any) string {
	g.count++
	s := fmt.Sprintf(format, args...)
	if g.count%100 == 0 {
		s += g.changed
	}
	return s
}

func (g *generator) line(format string, args ...any) {
	fmt.Fprintf(g, format, args...)
	g.WriteByte('\n')
}

func (g *generator) system(n int) {
	g.line("## Last commit: 2026-01-02 03:04:05 UTC by ops\nversion 23.4R1.9;\nsystem {\n    host-name cr1.example.net;")
	g.line("    root-authentication {\n        encrypted-password \"$6$salt$hash\"; ## SECRET-DATA\n    }\n    login {")
	for i := range 1 + n/100 {
		g.line("        user u%d {\n            uid %d;\n            class %s;\n        }", i, 2000+i, g.value("operator"))
	}
	g.line("    }\n    name-server {\n        192.0.2.53;\n        198.51.100.53;\n    }\n    syslog {\n        file messages {\n" +
		"            any notice;\n            authorization info;\n        }\n    }\n    ntp {\n        server 192.0.2.123;\n    }\n}")
}

func (g *generator) interfaces(n int) {
	g.line("interfaces {")
	for i := range n {
		g.line("    xe-%d/%d/%d {\n        description \"%s\";\n        mtu 9192;\n        unit 0 {\n            family inet {\n"+
			"                address 192.0.2.%d/31;\n            }\n            family inet6 {\n                address 2001:db8:%x::/127;\n"+
			"            }\n        }\n    }", i/100, i/10%10, i%10, g.value("customer %d, circuit %d", i, i*7), i%250, i)
	}
	g.line("    lo0 {\n        unit 0 {\n            family inet {\n                address 192.0.2.255/32;\n            }\n        }\n    }\n}")
}

func (g *generator) policies(n int) {
	g.line("policy-options {")
	for i := range n {
		g.line("    prefix-list customer-%d {\n        198.51.100.%d/32;\n        203.0.113.%d/32;\n    }", i, i%256, i%256)
	}
	for i := range n {
		g.line("    policy-statement customer-%d-in {\n        term own {\n            from {\n                protocol bgp;\n"+
			"                prefix-list customer-%d;\n            }\n            then {\n                local-preference %s;\n"+
			"                community add customers;\n                accept;\n            }\n        }\n        then reject;\n    }",
			i, i, g.value("%d", 100+i%3))
	}
	g.line("    community customers members 64496:%s;\n}", g.value("100"))
}

func (g *generator) filters(n int) {
	g.line("firewall {\n    family inet {\n        filter edge {")
	for i := range n {
		g.line("            term customer-%d {\n                from {\n                    protocol tcp;\n"+
			"                    destination-port [ 22 443 %s ];\n                }\n                then {\n                    count c%d;\n"+
			"                    accept;\n                }\n            }", i, g.value("%d", 1024+i), i)
	}
	g.line("        }\n    }\n}")
}

func (g *generator) instances(n int) {
	g.line("routing-instances {")
	for i := range 1 + n/4 {
		g.line("    vpn-%d {\n        instance-type vrf;\n        interface xe-%d/%d/%d.0;\n        vrf-target target:64496:%s;\n"+
			"        inactive: routing-options {\n            auto-export;\n        }\n    }", i, i/100, i/10%10, i%10, g.value("%d", i))
	}
	g.line("}")
}

func (g *generator) protocols(n int) {
	g.line("protocols {\n    bgp {\n        group customers {\n            type external;")
	for i := range n {
		g.line("            neighbor 2001:db8:%x::1 {\n                description \"%s\";\n                import customer-%d-in;\n"+
			"                authentication-key \"$9$abc\"; ## SECRET-DATA\n                peer-as %d;\n            }",
			i, g.value("customer %d", i), i, 65536+i%16)
	}
	g.line("        }\n    }\n}")
}
