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

	"rhapsode/diffs/junos"
)

// Redactor hides secret values in texts that are shown, stored or sent. In their place stands [redacted sha:xxxxxxxx], a
// keyed hash: that a secret changed is visible, and that two are equal, but only within the texts of one Redactor, since
// each has a random key of its own, unless a PlanKey made it. A key that Junos has scrambled ($9$…) is hashed as the plain
// one: its salt is another each time that a device writes it. Use one for a run. It is safe for concurrent use.
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
	return newRedactor(key)
}

func newRedactor(key []byte) *Redactor {
	return &Redactor{key: key, known: map[string]*regexp.Regexp{}}
}

const (
	tagBytes  = 4  // how much of the hash is shown: enough to tell the secrets of one run apart
	bindBytes = 16 // how much of it stands for a value that is compared later
)

// Value gives what stands for one secret: [redacted sha:xxxxxxxx], without quotes.
func (r *Redactor) Value(secret string) string { return r.tag(secret, tagBytes) }

func (r *Redactor) tag(secret string, size int) string {
	if plain, ok := junos.Unscramble9(secret); ok {
		secret = plain
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(secret))
	return "[redacted sha:" + hex.EncodeToString(mac.Sum(nil)[:size]) + "]"
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

// knows gives the known secrets.
func (r *Redactor) knows() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.known))
}

// knownIn hides the known secrets of a text.
func (r *Redactor) knownIn(text string, size int) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, secret := range slices.Sorted(maps.Keys(r.known)) {
		if strings.Contains(text, secret) {
			text = r.known[secret].ReplaceAllString(text, `${1}"`+r.tag(secret, size)+`"${2}`)
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
	// What already stands for a secret, with more of the hash than is shown.
	longTag = regexp.MustCompile(`(\[redacted sha:[0-9a-f]{8})[0-9a-f]+\]`)
	anyTag  = regexp.MustCompile(`^\[redacted sha:[0-9a-f]+\]$`)
	// The name of an SNMP community is all that is asked of who reads by it, and no device marks it: in a set line or the
	// banner of a compare text, and in a line below such a banner.
	communityPath = regexp.MustCompile(`^((?:\S+ |\[edit )snmp community )("(?:[^"\\]|\\.)*"|[^\s";\]]+)`)
	communityLine = regexp.MustCompile(`^([+! -] {1,5}(?:(?:inactive|replace|delete|protect): )*community )("(?:[^"\\]|\\.)*"|[^\s";]+)`)
)

// Text hides the secrets of a configuration text, a compare text or a set line, line by line: the value before
// ## SECRET-DATA, every value in one of the forms ($9$…, $6$…) that only a secret has, and the name of an SNMP community in
// compare text and set lines. What is hidden in the one form and the other by the same value gets the same tag.
func (r *Redactor) Text(text string) string {
	return longTag.ReplaceAllString(r.hide(text, tagBytes), "$1]")
}

// Bind is Text with so much of the hash that one text can be held against another later: equal only if the secrets are.
func (r *Redactor) Bind(text string) string {
	return strings.ToValidUTF8(r.hide(text, bindBytes), "\uFFFD")
}

func (r *Redactor) hide(text string, size int) string {
	return r.knownIn(r.communities(r.inSetLines(r.byForm(text, size), size), size), size)
}

// setSecret is a set line with a word that may say that the value behind it is a secret: set lines have no marks. The words
// are those of the schema, which has the last word.
var setSecret = regexp.MustCompile(`^set \S.* (?:authentication|authentication-key|ascii-text|community-name|encrypted-password|hello-authentication-key|hexadecimal|key|` +
	`password|plain-text-password-value|preauthentication-secret|privacy-key|secret|simple-password|value) ("(?:[^"\\]|\\.)*"|[^\s";]+)\s*$`)

// secretOf gives where the secret of a set line stands.
func secretOf(line string) (start, end int, ok bool) {
	if !strings.HasPrefix(line, "set ") {
		return 0, 0, false
	}
	at := setSecret.FindStringSubmatchIndex(line)
	if at == nil {
		return 0, 0, false
	}
	tree, err := junos.Parse("a set line", []byte(line), nil)
	// What can't be read is better hidden.
	return at[2], at[3], err != nil || anySecret(tree.Root)
}

func anySecret(n *junos.Node) bool {
	return n.Is(junos.Secret) && len(n.Values) > 0 || slices.ContainsFunc(n.Children, anySecret)
}

// inSetLines hides the values that the schema knows to be secrets.
func (r *Redactor) inSetLines(text string, size int) string {
	if !strings.Contains(text, "set ") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if start, end, ok := secretOf(line); ok {
			line = line[:start] + r.quoted(line[start:end], size) + line[end:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// quoted gives the tag of a value that may stand in quotes; what is a tag already stays.
func (r *Redactor) quoted(value string, size int) string {
	value = strings.Trim(value, `"`)
	if anyTag.MatchString(value) {
		return `"` + value + `"`
	}
	return `"` + r.tag(value, size) + `"`
}

// byForm hides what a mark or its own form tells to be a secret.
func (r *Redactor) byForm(text string, size int) string {
	if !strings.Contains(text, secretMark) && !strings.Contains(text, "$") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) { // few have one, and the expressions are slow
		if strings.Contains(line, secretMark) {
			line = markedValue.ReplaceAllStringFunc(line, func(m string) string {
				parts := markedValue.FindStringSubmatch(m)
				return r.quoted(parts[1], size) + parts[2]
			})
		}
		if strings.Contains(line, "$") {
			line = shownValue.ReplaceAllStringFunc(line, func(v string) string { return r.quoted(v, size) })
		}
		b.WriteString(line)
	}
	return b.String()
}

// communities hides the names of SNMP communities in compare text and set lines.
func (r *Redactor) communities(text string, size int) string {
	if !strings.Contains(text, "snmp") || !strings.Contains(text, "community") {
		return text
	}
	var b strings.Builder
	below := false
	for line := range strings.Lines(text) {
		form := communityPath
		if strings.HasPrefix(line, "[edit") {
			below = strings.TrimSpace(line) == "[edit snmp]"
		} else if below {
			form = communityLine
		}
		if at := form.FindStringSubmatchIndex(line); at != nil {
			line = line[:at[4]] + r.quoted(line[at[4]:at[5]], size) + line[at[5]:]
		}
		b.WriteString(line)
	}
	return b.String()
}

// results gives the results with all their texts redacted; the input is left as it is.
func (r *Redactor) results(in []DeviceResult) []DeviceResult {
	out := make([]DeviceResult, len(in))
	for i, d := range in {
		d.Text, d.Err, d.Hint = r.Text(d.Text), r.Text(d.Err), r.Text(d.Hint)
		d.Warnings = each(d.Warnings, r.Text)
		d.Orphans = each(d.Orphans, r.path)
		d.Held = each(d.Held, r.held)
		d.Risks, d.Unmanaged = each(d.Risks, r.Text), each(d.Unmanaged, r.Text)
		d.ByHand = each(d.ByHand, func(c HandCommit) HandCommit {
			c.Comment, c.Diff = r.Text(c.Comment), r.Text(c.Diff)
			return c
		})
		out[i] = d
	}
	return out
}

func each[T any](in []T, f func(T) T) []T {
	if in == nil {
		return nil
	}
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = f(v)
	}
	return out
}

func (r *Redactor) held(h Held) Held {
	h.Path, h.Comment = r.path(h.Path), r.Text(h.Comment)
	return h
}

// path redacts words that are not quoted yet: the tag gets its quotes when the path is printed.
func (r *Redactor) path(in []string) []string {
	out := slices.Clone(in)
	known := r.knows()
	for i, s := range in {
		switch {
		case s == "":
		case shownValue.FindString(s) == s, slices.Contains(known, s), i == 2 && in[0] == "snmp" && in[1] == "community":
			if !anyTag.MatchString(s) {
				out[i] = r.Value(s)
			}
		}
	}
	return out
}
