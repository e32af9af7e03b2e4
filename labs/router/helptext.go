package router

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed helptext.txt
var helpText string

// helpTexts are the help texts of statements: by `PARENT/NAME`, or by NAME alone.
var helpTexts = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(helpText) {
		if name, text, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(name, "#") {
			out[name] = strings.TrimSpace(text)
		}
	}
	return out
})

// helpOf is the help text of a statement, empty when there is none.
func helpOf(parent, name string) string {
	texts := helpTexts()
	if t := texts[parent+"/"+name]; t != "" {
		return t
	}
	return texts[name]
}
