package diffs

import (
	"regexp"
	"strings"
	"testing"

	"rhapsode/diffs/junos"
)

func TestRedactText(t *testing.T) {
	r := &Redactor{key: []byte("a fixed key")}
	tag := func(s string) string { return `"` + r.Value(s) + `"` }
	for _, c := range []struct{ name, in, want string }{
		{"marked and quoted", `+   secret "$9$abc"; ## SECRET-DATA`, `+   secret ` + tag("$9$abc") + `; ## SECRET-DATA`},
		{"marked, a plain word", `-   secret hunter2; ## SECRET-DATA`, `-   secret ` + tag("hunter2") + `; ## SECRET-DATA`},
		{"marked, with an escaped quote", `    key "a \" b"; ## SECRET-DATA`, `    key ` + tag(`a \" b`) + `; ## SECRET-DATA`},
		{
			"marked set line", `set system root-authentication encrypted-password "$6$x/y" ## SECRET-DATA`,
			`set system root-authentication encrypted-password ` + tag("$6$x/y") + ` ## SECRET-DATA`,
		},
		{"by its form, quoted", `set x authentication-key "$9$abc"`, `set x authentication-key ` + tag("$9$abc")},
		{"by its form, bare", `authentication-key $9$abc;`, `authentication-key ` + tag("$9$abc") + `;`},
		{"two lines", "a \"$9$1\"; ## SECRET-DATA\nb \"$9$2\"; ## SECRET-DATA\n", "a " + tag("$9$1") + "; ## SECRET-DATA\nb " + tag("$9$2") + "; ## SECRET-DATA\n"},
		{"no secret", `description "costs $5 or $6";`, `description "costs $5 or $6";`},
		{"a regular expression", `as-path A "^64496 .*$";`, `as-path A "^64496 .*$";`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.Text(c.in); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := r.Text(r.Text(c.in)); got != r.Text(c.in) && !strings.Contains(c.in, secretMark) {
				t.Errorf("a second pass gives %s", got)
			}
		})
	}
}

// TestRedactKnown hides what only whoever resolved it knows to be a secret.
func TestRedactKnown(t *testing.T) {
	r := NewRedactor()
	r.Know("s3cret.x")
	tag := `"` + r.Value("s3cret.x") + `"`
	for in, want := range map[string]string{
		"+   community s3cret.x {":                        "+   community " + tag + " {",
		`set snmp community "s3cret.x" clients 0.0.0.0/0`: "set snmp community " + tag + " clients 0.0.0.0/0",
		"authentication-key s3cret.x;":                    "authentication-key " + tag + ";",
		`key s3cret.x; ## SECRET-DATA`:                    `key ` + tag + `; ## SECRET-DATA`,
		"[edit snmp community s3cret.x]\n-  s3cret.x\n":   "[edit snmp community " + tag + "]\n-  " + tag + "\n",
		"s3cret.xy as3cret.x s3cretAx":                    "s3cret.xy as3cret.x s3cretAx",
	} {
		if got := r.Text(in); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestRedactKeys(t *testing.T) {
	a, b := NewRedactor(), NewRedactor()
	const line = `secret "$9$abc"; ## SECRET-DATA`
	if a.Text(line) == b.Text(line) {
		t.Error("two runs give the same tag: a tag could be looked up")
	}
	one, again := a.Value("x"), a.Value("x")
	if one != again || one == a.Value("y") {
		t.Error("a tag doesn't tell equal from different within a run")
	}
	if !regexp.MustCompile(`^\[redacted sha:[0-9a-f]{8}\]$`).MatchString(a.Value("x")) {
		t.Errorf("got %s", a.Value("x"))
	}
}

func TestReportsAreRedacted(t *testing.T) {
	const secret = "$9$topsecret"
	r := &Report{Devices: []DeviceResult{{
		Device: "a.example.net", Status: Failed, Text: "[edit snmp]\n-  x \"" + secret + "\"; ## SECRET-DATA\n",
		Err: "bad value \"" + secret + "\"", Hint: "see " + secret, Warnings: []string{"key " + secret},
		Held: []Held{{Path: []string{"key", secret}, Comment: "was " + secret}}, Orphans: [][]string{{"key", secret}},
	}}}
	for name, write := range writers {
		var plain, hidden strings.Builder
		if err := write(&plain, r, ReportOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := write(&hidden, r, ReportOptions{Redact: NewRedactor()}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plain.String(), "topsecret") {
			t.Errorf("%s: redacted unasked", name)
		}
		if strings.Contains(hidden.String(), "topsecret") {
			t.Errorf("%s: the secret is in\n%s", name, hidden.String())
		}
	}
	if !strings.Contains(r.Devices[0].Err+r.Devices[0].Orphans[0][1]+r.Devices[0].Held[0].Comment, secret) {
		t.Error("the report itself was changed")
	}
}

// TestRedactSetLines: the schema tells which value of a set line is a secret.
func TestRedactSetLines(t *testing.T) {
	r := NewRedactor()
	for in, secret := range map[string]string{
		"set protocols bgp group PyBal authentication-key typed-in":                                     "typed-in",
		"set protocols bgp group PyBal authentication-key \"two words\"":                                "two words",
		"set protocols bgp group PyBal neighbor 192.0.2.1 authentication-key typed-in\n":                "typed-in",
		"set system login user noc authentication plain-text-password-value hunter2":                    "hunter2",
		"set system radius-server 192.0.2.1 secret typed-in":                                            "typed-in",
		"set protocols isis interface lo0.0 level 2 hello-authentication-key typed-in":                  "typed-in",
		"delete system x\nset system radius-server 192.0.2.1 secret typed-in\nset system host-name abc": "typed-in",
	} {
		if got, want := r.Text(in), strings.NewReplacer(`"`+secret+`"`, `"`+r.Value(secret)+`"`, secret, `"`+r.Value(secret)+`"`).Replace(in); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := r.Text(r.Text(in)); got != r.Text(in) {
			t.Errorf("a second pass gives %s", got)
		}
	}
	for _, in := range []string{
		"set firewall family inet filter x term y from source-port secret", "set snmp trap-group password version v2",
		"set interfaces ge-0/0/0 description key", "set system host-name value", "set groups key system host-name a",
	} {
		if got := r.Text(in); got != in {
			t.Errorf("got %s, want it as it is: %s", got, in)
		}
	}
}

// TestSecretWords: every word of the schema that has a secret behind it is looked for in set lines.
func TestSecretWords(t *testing.T) {
	seen, words := map[*junos.Schema]bool{}, 0
	var walk func(s *junos.Schema)
	walk = func(s *junos.Schema) {
		if seen[s] {
			return
		}
		seen[s] = true
		if s.Is(junos.Secret) {
			words++
			if !setSecret.MatchString("set x " + s.Name + " v") {
				t.Errorf("%s is not looked for", s.Name)
			}
		}
		for _, c := range s.Children {
			walk(c)
		}
	}
	walk(junos.Builtin())
	if words < 10 {
		t.Errorf("the schema has %d secrets only", words)
	}
}
