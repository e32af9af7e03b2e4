package router

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseXML(t *testing.T) {
	const request = `<?xml version="1.0" encoding="UTF-8"?><!-- hi --><nc:rpc xmlns:nc="urn:x" message-id="urn:uuid:1">
<nc:load-configuration nc:action="merge"><configuration-text>a &lt; b <![CDATA[<c>]]>&amp;</configuration-text></nc:load-configuration></nc:rpc>`
	e, err := parseXML([]byte(request))
	if err != nil {
		t.Fatal(err)
	}
	load := e.child("load-configuration")
	if got := load.child("configuration-text").text; got != "a < b <c>&" {
		t.Errorf("text %q", got)
	}
	if e.attr("message-id") != "urn:uuid:1" || load.attr("action") != "merge" {
		t.Errorf("attributes %v, %v", e.attrs, load.attrs)
	}
	if (*element)(nil).child("x") != nil || e.has("nothing") || e.value("nothing") != "" {
		t.Error("what is not there must be nil")
	}
}

func TestParseXMLErrors(t *testing.T) {
	for input, want := range map[string]string{
		"":                         "not one element",
		"text":                     "not one element",
		"<a/><b/>":                 "not one element",
		"<a>":                      "<a> has no end",
		"</a>":                     "</a> without its start",
		"<a></b>":                  "</b> without its start",
		"<x:a></y:a>":              "</a> without its start",
		"<!DOCTYPE a><a/>":         "document types",
		"<a>&unknown;</a>":         "invalid character entity",
		"<a b></a>":                "attribute name without =",
		strings.Repeat("<a>", 300): "256 levels",
	} {
		if _, err := parseXML([]byte(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse %.20q: %v, want %q", input, err, want)
		}
	}
}

func TestEscapeXML(t *testing.T) {
	for input, want := range map[string]string{
		"a\n\tb":       "a\n\tb",
		`<a b="c">&`:   "&lt;a b=&quot;c&quot;&gt;&amp;",
		"bell\a cr\r":  "bell\uFFFD cr\uFFFD",
		"broken \xff!": "broken \uFFFD!",
		"]]>]]>":       "]]&gt;]]&gt;",
		"Zürich":       "Zürich",
	} {
		if got := escapeXML(input); got != want {
			t.Errorf("escape %q: %q, want %q", input, got, want)
		}
	}
}

func FuzzEscapeXML(f *testing.F) {
	f.Add("a<b>\"c\" & ]]>]]> \x00\xff\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseXML([]byte("<a b=\"" + escapeXML(s) + "\">" + escapeXML(s) + "</a>"))
		if err != nil {
			t.Fatalf("escaped %q: %v", s, err)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || r < ' ' || r > 0xfffd }) {
			return // what cannot be said in XML was replaced
		}
		if e.text != s {
			t.Errorf("%q came back as %q", s, e.text)
		}
	})
}
