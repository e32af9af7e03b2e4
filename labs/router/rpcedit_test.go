package router

import "testing"

func TestUnmarked(t *testing.T) {
	for text, want := range map[string]string{
		`<a/>`: `<a/>`,
		`<a><b>1</b> <c operation="delete">2<d/></c> <e><f nc:operation="replace"/>x</e>&lt;</a>`: `<a><b>1</b>  <e>x</e>&lt;</a>`,
		`<a> <b operation=""/> </a>`: `<a> <b operation=""/> </a>`,
	} {
		// The element stands in a message, as it always does.
		e, err := parseXML([]byte("<rpc>\n" + text + "\n<after/> </rpc>"))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(unmarked(e.children[0])); got != want {
			t.Errorf("%s without what is marked: %s, want %s", text, got, want)
		}
	}
}
