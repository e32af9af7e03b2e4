package diffs

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Redactor hides secret values in texts that are shown, stored or sent. In their place stands [redacted sha:xxxxxxxx], a
// keyed hash: that a secret changed is visible, and that two are equal, but only within the texts of one Redactor, since
// each has a random key of its own. Use one for a run. It is safe for concurrent use.
type Redactor struct {
	key []byte

	mu    sync.RWMutex
	known map[string]*regexp.Regexp // secrets that their statement does not tell: each with where it stands as a word
}

// NewRedactor makes a Redactor with a fresh random key.
func NewRedactor() *Redactor {
	key := make([]byte, sha256.Size)
	// Read never returns an error (package crypto/rand): it ends the program when the system has no randomness.
	_, _ = rand.Read(key)
	return &Redactor{key: key, known: map[string]*regexp.Regexp{}}
}

// tagBytes is how much of the hash is shown: enough to tell the secrets of one run apart.
const tagBytes = 4

// Value gives what stands for one secret: [redacted sha:xxxxxxxx], without quotes.
func (r *Redactor) Value(secret string) string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(secret))
	return "[redacted sha:" + hex.EncodeToString(mac.Sum(nil)[:tagBytes]) + "]"
}

// Know tells of a secret that has neither a mark nor a form of its own, such as an SNMP community: it is hidden wherever it
// stands as a word or in quotes.
func (r *Redactor) Know(secret string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if secret != "" && r.known[secret] == nil {
		r.known[secret] = regexp.MustCompile(`(?m)(^|[\s\[])"?` + regexp.QuoteMeta(secret) + `"?($|[\s;\]])`)
	}
}

// knownIn hides the known secrets of a text.
func (r *Redactor) knownIn(text string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, secret := range slices.Sorted(maps.Keys(r.known)) {
		if strings.Contains(text, secret) {
			text = r.known[secret].ReplaceAllString(text, `${1}"`+r.Value(secret)+`"${2}`)
		}
	}
	return text
}

// secretMark trails a statement whose value is a secret, on the device and in our text.
const secretMark = "## SECRET-DATA"

var (
	// A value before the mark: quoted or a single word, with the semicolon that ends a curly statement.
	markedValue = regexp.MustCompile(`("(?:[^"\\]|\\.)*"|[^\s";]+)(;?[ \t]*` + secretMark + `)`)
	// A value that shows what it is: the crypt forms and Junos's own, quoted or bare. Set lines and texts that come from a
	// template carry no mark.
	shownValue = regexp.MustCompile(`"\$[0-9a-z]{1,8}\$(?:[^"\\]|\\.)*"|\$(?:1|2[abxy]|5|6|8|9|sha1|y)\$[^\s";]+`)
)

// Text hides the secrets of a configuration text, a compare text or a set line, line by line: the value before
// ## SECRET-DATA, and every value in one of the forms ($9$…, $6$…) that only a secret has. What is hidden in the one
// form and the other by the same value gets the same tag.
func (r *Redactor) Text(text string) string {
	return r.knownIn(r.byForm(text))
}

// byForm hides what a mark or its own form tells to be a secret.
func (r *Redactor) byForm(text string) string {
	if !strings.Contains(text, secretMark) && !strings.Contains(text, "$") {
		return text
	}
	hide := func(v string) string {
		return `"` + r.Value(strings.Trim(v, `"`)) + `"`
	}
	text = markedValue.ReplaceAllStringFunc(text, func(m string) string {
		parts := markedValue.FindStringSubmatch(m)
		return hide(parts[1]) + parts[2]
	})
	return shownValue.ReplaceAllStringFunc(text, hide)
}

// results gives the results with all their texts redacted; the input is left as it is.
func (r *Redactor) results(in []DeviceResult) []DeviceResult {
	out := make([]DeviceResult, len(in))
	for i, d := range in {
		d.Text, d.Err, d.Hint = r.Text(d.Text), r.Text(d.Err), r.Text(d.Hint)
		d.Warnings = r.each(d.Warnings)
		orphans := make([][]string, len(d.Orphans))
		for j, o := range d.Orphans {
			orphans[j] = r.path(o)
		}
		d.Orphans = orphans
		held := make([]Held, len(d.Held))
		for j, h := range d.Held {
			h.Path, h.Comment = r.path(h.Path), r.Text(h.Comment)
			held[j] = h
		}
		d.Held = held
		out[i] = d
	}
	return out
}

func (r *Redactor) each(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = r.Text(s)
	}
	return out
}

// path redacts words that are not quoted yet: the tag gets its quotes when the path is printed.
func (r *Redactor) path(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		if m := shownValue.FindString(s); m == s && s != "" {
			s = r.Value(s)
		}
		out[i] = s
	}
	return out
}
