package dial

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/kevinburke/ssh_config"
)

// configFile is a parsed ssh_config; the zero value has nothing in it.
type configFile struct {
	name   string
	config *ssh_config.Config
}

// readConfig reads the named file, or the user's default one, which may be absent.
func readConfig(name, home string) (*configFile, error) {
	optional := name == ""
	if optional {
		if home == "" {
			return &configFile{}, nil
		}
		name = filepath.Join(home, ".ssh", "config")
	}
	text, err := os.ReadFile(name)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return &configFile{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read ssh configuration: %w", err)
	}
	config, err := ssh_config.DecodeBytes(text)
	if err != nil {
		return nil, fmt.Errorf("read ssh configuration %s: %w", name, err)
	}
	return &configFile{name: name, config: config}, nil
}

func (f *configFile) get(host, key string) (string, error) {
	if f.config == nil {
		return "", nil
	}
	v, err := f.config.Get(host, key)
	if err != nil {
		return "", fmt.Errorf("read %s of %s in %s: %w", key, host, f.name, err)
	}
	return strings.TrimSpace(v), nil
}

// host is what ssh_config and the target say together, ready to dial.
type host struct {
	name           string // as in the target: what messages and ssh_config call it
	addr           string // host:port
	keyName        string // host:port, as known_hosts has it
	user           string
	jump           string // ProxyJump; "" is none
	timeout        time.Duration
	identities     []string // key files, ~ and tokens expanded
	configured     bool     // identities were named, and not the defaults
	identitiesOnly bool
	knownHosts     []string // the user's files; the first is written to
	globalHosts    []string
	acceptNew      bool
	hashKnown      bool          // names are written to known_hosts hashed
	agent          string        // the socket of ssh-agent; "" is none
	keepalive      time.Duration // between questions; less than 0 asks nothing
}

// host looks a target up. Everything that ssh_config says wins over the target, for the file is what a person uses to
// reach a device in another way than the inventory has it.
func (f *configFile) host(t Target, port uint16, c Config) (*host, error) {
	g := getter{f: f, host: t.Host}
	h := &host{name: t.Host, user: first(g.get("User"), t.User, c.User), timeout: c.Timeout}
	name := first(strings.ReplaceAll(g.get("HostName"), "%h", t.Host), t.Address, t.Host)
	if t.Port != 0 {
		port = t.Port
	}
	if p := g.get("Port"); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			g.fail("Port %q is no port", p)
		}
		port = uint16(n)
	}
	h.addr = net.JoinHostPort(name, strconv.Itoa(int(port)))
	h.keyName = h.addr
	if alias := g.get("HostKeyAlias"); alias != "" {
		h.keyName = net.JoinHostPort(alias, "22") // an alias stands in known_hosts without a port
	}
	if h.jump = g.get("ProxyJump"); h.jump == "none" {
		h.jump = ""
	}
	if p := g.get("ProxyCommand"); p != "" && p != "none" && h.jump == "" {
		g.fail("ProxyCommand is not supported: use ProxyJump")
	}
	if s := g.get("ConnectTimeout"); s != "" && s != "none" {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			g.fail("ConnectTimeout %q is no number of seconds", s)
		}
		h.timeout = time.Duration(n) * time.Second
	}
	switch s := strings.ToLower(g.get("StrictHostKeyChecking")); s {
	case "", "yes", "ask": // nobody is there to be asked
	case "accept-new", "no", "off":
		h.acceptNew = true // a changed key is refused in every case
	default:
		g.fail("StrictHostKeyChecking %q is none of yes, accept-new, no", s)
	}
	h.hashKnown = strings.EqualFold(g.get("HashKnownHosts"), "yes")
	h.keepalive = c.Keepalive
	if s := g.get("ServerAliveInterval"); s != "" && s != "0" { // 0 is ssh's default and no wish; a transaction needs ours
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			g.fail("ServerAliveInterval %q is no number of seconds", s)
		}
		h.keepalive = time.Duration(n) * time.Second
	}
	h.files(&g, c, name, int(port))
	return h, g.err
}

// files fills in the names of files, with ~ and the tokens %h %n %p %r %d %% expanded.
func (h *host) files(g *getter, c Config, name string, port int) {
	home := c.Home
	expand := func(s string) string {
		if s == "~" || strings.HasPrefix(s, "~/") {
			s = home + s[1:]
		}
		return strings.NewReplacer("%%", "%", "%h", name, "%n", h.name, "%p", strconv.Itoa(port), "%r", h.user, "%d", home).Replace(s)
	}
	list := func(key string, defaults ...string) (out []string) {
		v := g.get(key)
		if strings.EqualFold(v, "none") {
			return nil
		}
		for _, s := range strings.Fields(v) {
			out = append(out, expand(strings.Trim(s, `"`)))
		}
		if v == "" {
			out = defaults
		}
		return out
	}
	switch s := strings.Trim(g.get("IdentityAgent"), `"`); s {
	case "", "SSH_AUTH_SOCK", "$SSH_AUTH_SOCK":
		h.agent = c.AgentSocket
	case "none":
	default:
		if strings.HasPrefix(s, "$") {
			g.fail("IdentityAgent %q is a variable of the environment that is not read: name the socket", s)
		}
		h.agent = expand(s)
	}
	var user, keys []string
	if home != "" {
		user = []string{filepath.Join(home, ".ssh", "known_hosts"), filepath.Join(home, ".ssh", "known_hosts2")}
		for _, k := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
			keys = append(keys, filepath.Join(home, ".ssh", k))
		}
	}
	h.knownHosts = list("UserKnownHostsFile", user...)
	h.globalHosts = list("GlobalKnownHostsFile", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
	h.identitiesOnly = strings.EqualFold(g.get("IdentitiesOnly"), "yes")
	h.identities = keys
	if all := g.all("IdentityFile"); len(all) > 0 {
		h.configured, h.identities = true, nil
		for _, s := range all {
			if !strings.EqualFold(s, "none") {
				h.identities = append(h.identities, expand(s))
			}
		}
	}
}

// getter reads keys of one host and keeps the first error.
type getter struct {
	f    *configFile
	host string
	err  error
}

func (g *getter) get(key string) string {
	v, err := g.f.get(g.host, key)
	if g.err == nil {
		g.err = err
	}
	return v
}

func (g *getter) all(key string) []string {
	if g.f.config == nil {
		return nil
	}
	v, err := g.f.config.GetAll(g.host, key)
	if g.err == nil && err != nil {
		g.err = fmt.Errorf("read %s of %s in %s: %w", key, g.host, g.f.name, err)
	}
	return v
}

func (g *getter) fail(format string, args ...any) {
	if g.err == nil {
		g.err = fmt.Errorf("read ssh configuration %s for %s: "+format, append([]any{g.f.name, g.host}, args...)...)
	}
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
