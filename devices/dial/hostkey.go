package dial

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"rhapsode/devices"
)

// hostKeys checks the key of one host. err is what check found; the handshake's error repeats it without its type.
type hostKeys struct {
	dialer *Dialer
	target Target
	host   *host
	db     *knownhosts.HostKeyDB
	err    error
}

// hostKeys reads the known_hosts files that are there, again where they have changed: a fleet has a line for each device, and
// each device is dialed several times.
func (d *Dialer) hostKeys(t Target, h *host) (*hostKeys, error) {
	d.known.Lock() // a line may be half written
	defer d.known.Unlock()
	var files []string
	var state strings.Builder
	for _, name := range append(append([]string(nil), h.knownHosts...), h.globalHosts...) {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		files = append(files, name)
		if err == nil {
			fmt.Fprintf(&state, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	key := strings.Join(files, "\x00")
	got := d.read[key]
	if got.db == nil || got.state != state.String() {
		db, err := knownhosts.NewDB(files...)
		if err != nil {
			return nil, fmt.Errorf("read known hosts: %w", err)
		}
		got = knownFiles{state.String(), db}
		d.read[key] = got
	}
	return &hostKeys{dialer: d, target: t, host: h, db: got.db}, nil
}

// knownFiles is what known_hosts files said when they were of a size and a time.
type knownFiles struct {
	state string
	db    *knownhosts.HostKeyDB
}

// algorithms asks for the key types that known_hosts has, or a device with several keys would show one that is not
// known. Where nothing is known it asks for plain keys: a certificate of an authority that nobody named is no key to show to
// a person, or to add.
func (k *hostKeys) algorithms() []string {
	if known := k.db.HostKeyAlgorithms(k.host.keyName); len(known) > 0 {
		return known
	}
	return slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(a string) bool { return strings.Contains(a, "-cert-") })
}

func (k *hostKeys) check(name string, remote net.Addr, key ssh.PublicKey) error {
	k.err = k.verdict(name, remote, key)
	return k.err
}

func (k *hostKeys) verdict(name string, remote net.Addr, key ssh.PublicKey) error {
	err := k.db.HostKeyCallback()(name, remote, key)
	if err == nil {
		return nil
	}
	host, port, serr := net.SplitHostPort(k.host.addr)
	if serr != nil {
		return fmt.Errorf("read address %s: %w", k.host.addr, serr)
	}
	file := "~/.ssh/known_hosts"
	if len(k.host.knownHosts) > 0 {
		file = k.host.knownHosts[0]
	}
	e := &devices.HostKeyError{Device: k.target.Device, Addr: k.host.addr, KeyType: key.Type(), Fingerprint: ssh.FingerprintSHA256(key)}
	scan := fmt.Sprintf("`ssh-keyscan -p %s %s >> %s`", port, host, file)
	switch {
	case knownhosts.IsHostKeyChanged(err):
		e.Changed = true
		if ke, ok := errors.AsType[*xknownhosts.KeyError](err); ok {
			for _, w := range ke.Want {
				e.Known = append(e.Known, fmt.Sprintf("%s:%d", w.Filename, w.Line))
			}
		}
		e.Advice = fmt.Sprintf("`ssh-keygen -R '%s' -f %s` and %s", knownhosts.Normalize(k.host.keyName), file, scan)
		return e
	case isCertificate(key):
		// Of another authority, for another name, expired, revoked: the error says which.
		return fmt.Errorf("%s: check host certificate of %s, by authority %s: %w", e.Device, e.Addr, authority(key), err)
	case !knownhosts.IsHostUnknown(err):
		return fmt.Errorf("%s: check host key of %s: %w", e.Device, e.Addr, err) // revoked
	case k.host.acceptNew && len(k.host.knownHosts) > 0:
		if err := k.dialer.trust(k.host, key); err != nil {
			return fmt.Errorf("%s: %w", e.Device, err)
		}
		return nil
	}
	e.Advice = scan
	return e
}

func isCertificate(key ssh.PublicKey) bool {
	_, ok := key.(*ssh.Certificate)
	return ok
}

func authority(key ssh.PublicKey) string {
	if cert, ok := key.(*ssh.Certificate); ok && cert.SignatureKey != nil {
		return ssh.FingerprintSHA256(cert.SignatureKey)
	}
	return "unknown"
}

// trust adds a key that was not known to the first of the user's files.
func (d *Dialer) trust(h *host, key ssh.PublicKey) (err error) {
	d.known.Lock()
	defer d.known.Unlock()
	name := h.knownHosts[0]
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("add host key: %w", err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("add host key: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	line := knownhosts.Line([]string{h.keyName}, key)
	if h.hashKnown {
		_, rest, _ := strings.Cut(line, " ")
		line = xknownhosts.HashHostname(knownhosts.Normalize(h.keyName)) + " " + rest
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		return fmt.Errorf("add host key: %w", err)
	}
	return nil
}
