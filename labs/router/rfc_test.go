package router

import "testing"

func TestPrefixed(t *testing.T) {
	for body, want := range map[string]string{
		"<ok/>\n":                "<nc:ok/>\n",
		"":                       "",
		"{\n\"ok\" : \"a < b\"}": "{\n\"ok\" : \"a < b\"}",
		"<rpc-error>\n<error-info><bad-element>ok</bad-element></error-info></rpc-error><ok/>":                "<nc:rpc-error>\n<nc:error-info><nc:bad-element>ok</nc:bad-element></nc:error-info></nc:rpc-error><nc:ok/>",
		"<data>\n<configuration><data>x</data><ok/></configuration>\n</data>":                                 "<nc:data>\n<configuration><data>x</data><ok/></configuration>\n</nc:data>",
		"<load-configuration-results><rpc-error/><ok/></load-configuration-results>":                          "<load-configuration-results><nc:rpc-error/><nc:ok/></load-configuration-results>",
		"<configuration-text>&lt;ok/&gt;</configuration-text>":                                                "<configuration-text>&lt;ok/&gt;</configuration-text>",
		"<commit-results><routing-engine><name>re0</name><rpc-error/></routing-engine></commit-results><ok/>": "<commit-results><routing-engine><name>re0</name><nc:rpc-error/></routing-engine></commit-results><nc:ok/>",
		"<output>a</output><output><ok>x</ok></output>":                                                       "<output>a</output><output><ok>x</ok></output>",
	} {
		if got := prefixed(body); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", body, got, want)
		}
	}
}
