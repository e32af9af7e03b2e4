package inventory

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The forms that text takes in the tree. Each is checked when the file is validated (as a `format` of its schema) and
// parsed by the same function when the facts are made; so a message is written once, here.

func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err == nil && a.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%q has a zone, expected a plain IP address", s)
	case err == nil && a.Is4In6():
		return netip.Addr{}, fmt.Errorf("%q is an IPv4 address in IPv6 form, expected %s", s, a.Unmap())
	case err == nil:
		return a, nil
	}
	if p, prefixErr := netip.ParsePrefix(s); prefixErr == nil {
		return netip.Addr{}, fmt.Errorf("%q has a prefix length, expected an address alone: %s", s, p.Addr())
	}
	return netip.Addr{}, fmt.Errorf("%q is not an IP address%s", s, addrReason(s))
}

func parseAddr4(s string) (netip.Addr, error) {
	a, err := parseAddr(s)
	if err == nil && !a.Is4() {
		return netip.Addr{}, fmt.Errorf("%q is an IPv6 address, expected an IPv4 one", s)
	}
	return a, err
}

func parseAddr6(s string) (netip.Addr, error) {
	a, err := parseAddr(s)
	if err == nil && !a.Is6() {
		return netip.Addr{}, fmt.Errorf("%q is an IPv4 address, expected an IPv6 one", s)
	}
	return a, err
}

// parseInterfaceAddress reads an address with the length of its network; bits behind the length are what it is for.
func parseInterfaceAddress(s string) (netip.Prefix, error) {
	if _, err := netip.ParseAddr(s); err == nil {
		return netip.Prefix{}, fmt.Errorf("%q has no prefix length, expected ADDRESS/LENGTH", s)
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		addr, _, _ := strings.Cut(s, "/")
		if _, addrErr := netip.ParseAddr(addr); addrErr == nil {
			return netip.Prefix{}, fmt.Errorf("%q has a bad prefix length, expected 0 to 32 for IPv4, 0 to 128 for IPv6", s)
		}
		return netip.Prefix{}, fmt.Errorf("%q is not ADDRESS/LENGTH%s", s, addrReason(addr))
	}
	if p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4 network in IPv6 form, expected plain IPv4", s)
	}
	return p, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := parseInterfaceAddress(s)
	if err == nil && p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set behind its length, expected the network %s", s, p.Masked())
	}
	return p, err
}

var leadingZero = regexp.MustCompile(`(^|\.)0[0-9]`)

// addrReason says why something that looks like an address is none.
func addrReason(s string) string {
	if strings.Count(s, ".") != 3 || strings.Contains(s, ":") {
		return ""
	}
	if leadingZero.MatchString(s) {
		return ": a part begins with 0, which some read as octal"
	}
	for part := range strings.SplitSeq(s, ".") {
		if n, err := strconv.Atoi(part); err == nil && n > 255 {
			return fmt.Sprintf(": %d is above 255", n)
		}
	}
	return ""
}

func parseHoldTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, expected seconds with their unit: 30s", s)
	}
	if d%time.Second != 0 || d < 3*time.Second || d > 65535*time.Second { // RFC 4271, section 4.2; Junos has no finer unit
		return 0, fmt.Errorf("%q is no hold time, expected whole seconds from 3s to 65535s", s)
	}
	return d, nil
}

func parseBFDInterval(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration, expected milliseconds with their unit: 300ms", s)
	}
	if d%time.Millisecond != 0 || d < time.Millisecond || d > 255*time.Second { // Junos minimum-interval
		return 0, fmt.Errorf("%q is no BFD interval, expected whole milliseconds from 1ms to 255s", s)
	}
	return d, nil
}

// parseDuration reads a duration of more than nothing.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration, expected a number with its unit: 15s", s)
	}
	return d, nil
}

// parseURL reads the URL of a page.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is not a URL of a page, expected http://HOST/PATH or https://HOST/PATH", s)
	}
	return u, nil
}

// parseMoment reads a day, meaning its beginning in UTC, or an RFC 3339 time.
func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date, expected 2026-03-09 or 2026-03-09T14:00:00Z", s)
}

// parseClock reads a time of day: how long after midnight.
func parseClock(s string) (time.Duration, error) {
	if s == "24:00" {
		return 24 * time.Hour, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day, expected 00:00 to 24:00", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// checkFreezeTime takes a moment or a time of day.
func checkFreezeTime(s string) error {
	if _, err := parseClock(s); err == nil {
		return nil
	}
	if _, err := parseMoment(s); err == nil {
		return nil
	}
	return fmt.Errorf("%q is neither a date (2026-12-18), a moment (2026-12-18T14:00:00Z) nor a time of day (16:00)", s)
}

// checkBatches takes sizes of batches: 1,25%.
func checkBatches(s string) error {
	for size := range strings.SplitSeq(s, ",") {
		digits, percent := strings.CutSuffix(strings.TrimSpace(size), "%")
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || n == 0 || percent && n > 100 {
			return fmt.Errorf("%q is no list of batch sizes, expected numbers of devices and percentages: 1,25%%", s)
		}
	}
	return nil
}

// checkOperational takes a command that only looks.
func checkOperational(s string) error {
	if err := checkText(strings.ReplaceAll(s, `"`, "'")); err != nil {
		return err
	}
	if strings.Contains(s, "|") {
		return fmt.Errorf("%q has a pipe: the output is held against conditions here, not on the device", s)
	}
	if verb, _, _ := strings.Cut(s, " "); verb != "show" && verb != "ping" {
		return fmt.Errorf("%q is not a command that only looks, expected show … or ping …", s)
	}
	return nil
}

var countForm = regexp.MustCompile(`^(==|!=|<=|>=|<|>)\s*(?:before\s*(?:[+-]\s*\d{1,9})?|\d{1,9})$`)

// parsePath splits a configuration path into words; a word in double quotes may hold blanks.
func parsePath(s string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(s, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		if rest[0] == '"' {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("%q has an open quote", s)
			}
			word, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%q has a bad quoted word %s", s, quoted)
			}
			words, rest = append(words, word), rest[len(quoted):]
			continue
		}
		word, _, _ := strings.Cut(rest, " ")
		if strings.ContainsAny(word, "{};[]\"\n\t") {
			return nil, fmt.Errorf("%q is no configuration path: unexpected %q, expected plain words", s, word)
		}
		words, rest = append(words, word), rest[len(word):]
	}
	if len(words) == 0 {
		return nil, errors.New("the path is empty, expected the words of a node")
	}
	if slices.Contains([]string{"set", "delete", "deactivate", "activate", "edit"}, words[0]) {
		return nil, fmt.Errorf("%q begins with the command %s, expected the path alone", s, words[0])
	}
	return words, nil
}

var sshKeyTypes = []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"}

// parseSSHKey checks a line of authorized_keys without options: a type that Junos takes, and data that says the same type.
func parseSSHKey(s string) (string, error) {
	fields := strings.Fields(s)
	if len(fields) < 2 {
		return "", errors.New("not a public key, expected TYPE BASE64 NAME")
	}
	if strings.Contains(s, "PRIVATE KEY") {
		return "", errors.New("this is a private key: revoke it, it has been written to a file that others read")
	}
	if !slices.Contains(sshKeyTypes, fields[0]) {
		return "", fmt.Errorf("key type %q is unknown, expected one of %s", fields[0], strings.Join(sshKeyTypes, ", "))
	}
	data, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return "", fmt.Errorf("the key's data is not base64: %w", err)
	}
	n := uint64(0)
	if len(data) >= 4 {
		n = uint64(binary.BigEndian.Uint32(data)) // RFC 4253, section 6.6: the data begins with the type as a string
	}
	if n == 0 || uint64(len(data)) < 4+n+4 || string(data[4:4+n]) != fields[0] {
		return "", fmt.Errorf("the key's data is not that of a %s key, was it cut short?", fields[0])
	}
	if strings.ContainsAny(s, "\n\r\"") {
		return "", errors.New("a key is one line without quotes")
	}
	return strings.Join(fields, " "), nil
}

var (
	nameForm       = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)
	labelForm      = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	domainForm     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	loginForm      = regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`)
	interfaceForm  = regexp.MustCompile(`^(([a-z]{2,4}-[0-9]+/[0-9]+/[0-9]+(:[0-9]+)?)|(ae|irb|gr-|vme|reth|st)[0-9]*)$`)
	managementForm = regexp.MustCompile(`^(fxp|em|me|mgmt)[0-9]+$|^vme$|^re[0-9]:mgmt-[0-9]+$`)
	unitForm       = regexp.MustCompile(`^(0|[1-9][0-9]{0,4})$`)
	vipRefForm     = regexp.MustCompile(`^([a-z0-9_-]+)(?:/([a-z0-9_-]+))?$`)
	unitNameForm   = regexp.MustCompile(`^[a-z][a-z0-9/:-]*\.(0|[1-9][0-9]{0,4})$`)
	envForm        = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	appForm        = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	taskForm       = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*[0-9]+$|^#[0-9]+$`)
)

// form makes a check of a pattern.
func form(re *regexp.Regexp, want string) func(string) error {
	return func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf("%q is not %s", s, want)
		}
		return nil
	}
}

// check makes a check of a parser.
func check[T any](parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		_, err := parse(s)
		return err
	}
}

// formats are the schema's `format` names.
func formats() map[string]func(string) error {
	return map[string]func(string) error{
		"addr":                 check(parseAddr),
		"addr4":                check(parseAddr4),
		"addr6":                check(parseAddr6),
		"prefix":               check(parsePrefix),
		"interface-address":    check(parseInterfaceAddress),
		"hold-time":            check(parseHoldTime),
		"bfd-interval":         check(parseBFDInterval),
		"moment":               check(parseMoment),
		"path":                 check(parsePath),
		"ssh-key":              check(parseSSHKey),
		"name":                 form(nameForm, "a name of lower-case letters, digits, hyphens and underscores"),
		"label":                form(labelForm, "a host name of lower-case letters, digits and hyphens"),
		"domain":               form(domainForm, "a DNS name in lower case"),
		"host-name":            form(domainForm, "a host name in lower case"),
		"login":                form(loginForm, "a login of lower-case letters, digits, hyphens and underscores"),
		"interface":            form(interfaceForm, "an interface name such as xe-0/1/0, ae0 or irb; lo0 and the management interface are set elsewhere"),
		"management-interface": form(managementForm, "a management interface such as fxp0, em0, me0 or vme"),
		"vip-ref":              form(vipRefForm, "SERVICE or SERVICE/LABEL"),
		"task":                 form(taskForm, "a task such as T123456"),
		"unit-name":            form(unitNameForm, "a logical interface such as ge-0/0/1.0"),
		"env-name":             form(envForm, "the name of an environment variable, without $"),
		"application":          form(appForm, "the name of an application such as junos-ssh"),
		"unit":                 checkUnit,
		"share":                checkShare,
		"text":                 checkText,
		"prose":                checkProse,
		"duration":             check(parseDuration),
		"regexp":               checkRegexp,
		"freeze-time":          checkFreezeTime,
		"batches":              checkBatches,
		"line-count":           form(countForm, `a comparison such as ">= 4", "== before" or ">= before - 1"`),
		"operational-command":  checkOperational,
		"url":                  check(parseURL),
	}
}

func checkUnit(s string) error {
	if n, err := strconv.Atoi(s); err != nil || !unitForm.MatchString(s) || n > 16385 {
		return fmt.Errorf("%q is no unit number, expected 0 to 16385", s)
	}
	return nil
}

// checkShare is for shares written as text: catalogues have '.5' beside .5.
func checkShare(s string) error {
	if f, err := strconv.ParseFloat(s, 64); err != nil || !(0 <= f && f <= 1) { // NaN is neither
		return fmt.Errorf("%q is no share, expected 0 to 1", s)
	}
	return nil
}

// checkText refuses what would break out of a line of configuration.
func checkText(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("the text is empty")
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '"' || r == '\\' {
			return fmt.Errorf("%q holds a control character, a quote or a backslash, expected one line without them", s)
		}
	}
	return nil
}

// checkProse refuses text that is empty or would disturb a terminal.
func checkProse(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("the text is empty")
	}
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return fmt.Errorf("%q holds a control character, expected plain text", s)
		}
	}
	return nil
}

func checkRegexp(s string) error {
	if _, err := regexp.Compile(s); err != nil {
		return fmt.Errorf("%q is not a regular expression: %w", s, err)
	}
	return nil
}
