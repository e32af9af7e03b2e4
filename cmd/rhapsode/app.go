package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rhapsode/cmd/internal/cli"
	"rhapsode/devices"
	"rhapsode/devices/dial"
	"rhapsode/diffs"
	"rhapsode/inventory"
	"rhapsode/templates"
)

// app is what the commands share: the streams, the environment and the global flags.
type app struct {
	streams *cli.Streams
	getenv  func(string) string
	hook    func(devices.Step, bool) error // for tests: see devices.ApplyOptions.Hook

	inventoryDir string
	privateDir   string
	sshConfig    string
	colour       string
	quiet        bool
	parallel     int
	retries      int
	lockWait     time.Duration

	loaded *inventory.Network // the inventory, once a command has read it
	view   atomic.Pointer[runView]

	interrupted atomic.Bool

	mu       sync.Mutex // guards password
	password *string    // asked for at most once
	dialMu   sync.Mutex // guards dialer
	dialer   *dial.Dialer
	redactor *diffs.Redactor

	resolvedMu sync.Mutex       // guards resolved
	resolved   []diffs.Resolved // the secrets that this run has got, for the plans that it writes
}

// stopped says whether the run was interrupted.
func (a *app) stopped() bool { return a.interrupted.Load() }

// colourOn decides on colour for results.
func (a *app) colourOn() (bool, error) {
	return a.streams.Colour(cli.ColourMode(a.colour), a.getenv("NO_COLOR"))
}

// network loads the inventory and prints its warnings.
func (a *app) network() (*inventory.Network, error) {
	net, err := a.loadNetwork()
	if err != nil {
		return nil, err
	}
	for _, w := range net.Warnings {
		a.streams.Notef("warning: %v", w)
	}
	a.loaded = net
	return net, nil
}

// treeDir is the directory of the inventory.
func (a *app) treeDir() string {
	return cmp.Or(a.inventoryDir, a.getenv("RHAPSODE_INVENTORY"), ".")
}

func (a *app) loadNetwork() (*inventory.Network, error) {
	dir := a.treeDir()
	if _, err := os.Stat(filepath.Join(dir, "common.yaml")); errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, cli.Hint(fmt.Errorf("no inventory in %s: it has no common.yaml", dir),
			"name the tree's directory with --inventory DIR or $RHAPSODE_INVENTORY; `rhapsode init DIR` starts one")
	}
	net, err := a.readTree(dir)
	if err != nil {
		return nil, fmt.Errorf("load inventory %s: %w", dir, err)
	}
	return net, nil
}

// readTree reads the inventory in dir with its private tree.
func (a *app) readTree(dir string) (*inventory.Network, error) {
	private := a.privateDir
	if private == "" {
		private = a.getenv("RHAPSODE_PRIVATE")
	}
	return inventory.Options{Private: private}.Load(dir)
}

// selectDevices loads the inventory and picks the devices of a query.
func (a *app) selectDevices(query string) (*inventory.Network, []*inventory.Device, error) {
	net, err := a.network()
	if err != nil {
		return nil, nil, err
	}
	devices, err := net.Select(query)
	if err != nil {
		return nil, nil, cli.WithCode(cli.Usage, err)
	}
	return net, devices, nil
}

// renderAll renders every device, with the inventory's own templates if it has any, and reports all that fail, not the
// first only; one mistake that several devices meet is reported once.
func renderAll(net *inventory.Network, devices []*inventory.Device, secret templates.SecretFunc) ([]*templates.Rendered, error) {
	renderer, err := newRenderer(net.Dir)
	if err != nil {
		return nil, err
	}
	renderer.Secret = secret
	out := make([]*templates.Rendered, len(devices))
	type failure struct {
		err error
		who []*inventory.Device
	}
	var failures []*failure
	known := map[string]*failure{}
	for i, d := range devices {
		if out[i], err = renderer.Render(net, d); err == nil {
			continue
		}
		err = errors.Unwrap(err) // the device is named below
		key := err.Error()
		if t, ok := errors.AsType[*templates.Error](err); ok {
			key = fmt.Sprintf("%s:%d: %s", t.Template, t.Line, t.At) // the lines around it differ from device to device
		}
		f := known[key]
		if f == nil {
			f = &failure{err: err}
			known[key], failures = f, append(failures, f)
		}
		f.who = append(f.who, d)
	}
	var errs []error
	for _, f := range failures {
		errs = append(errs, fmt.Errorf("render %s: %w", someNames(f.who), f.err))
	}
	return out, errors.Join(errs...)
}

// someNames lists the FQDNs of a few devices, and of many the first and how many more there are.
func someNames(devices []*inventory.Device) string {
	if len(devices) <= 4 {
		return names(devices)
	}
	return fmt.Sprintf("%s and %s", names(devices[:3]), plural(len(devices)-3, "more device"))
}

// secrets resolves the secrets of an inventory, for texts that are sent or written. What it gives is hidden in all that
// the run prints, whatever the statement.
func (a *app) secrets(ctx context.Context, net *inventory.Network) templates.SecretFunc {
	resolver := inventory.NewResolver(net.Dir, func(name string) (string, bool) {
		v := a.getenv(name)
		return v, v != ""
	})
	return func(s inventory.Secret) (string, error) {
		value, err := resolver.Resolve(ctx, s)
		if err == nil {
			a.redactorOnce().Know(value)
			a.noteResolved(planSecret(s), value)
		}
		return value, err
	}
}

// newRenderer reads the templates of an inventory: the shipped ones, and those in its folder templates.
func newRenderer(dir string) (*templates.Renderer, error) {
	own := filepath.Join(dir, "templates")
	info, err := os.Stat(own)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return templates.New(nil)
	case err != nil:
		return nil, fmt.Errorf("read templates: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("read templates: %s is not a folder", own)
	}
	return templates.New(os.DirFS(own))
}

// stateDir is where runs are journalled: $XDG_STATE_HOME/rhapsode (XDG base directory specification).
func (a *app) stateDir() (string, error) {
	if dir := a.getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "rhapsode"), nil
	}
	home := a.getenv("HOME")
	if home == "" {
		return "", cli.Hint(errors.New("neither XDG_STATE_HOME nor HOME is set"), "the journal of runs needs a directory: set XDG_STATE_HOME")
	}
	return filepath.Join(home, ".local", "state", "rhapsode"), nil
}

// user is who is running the command, for the commit comment and the journal.
func (a *app) user() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if u := a.getenv(name); u != "" {
			return u
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// askPassword gives the password for the routers: $RHAPSODE_PASSWORD, else what the person types, asked for once.
func (a *app) askPassword(user, host string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.password != nil {
		return *a.password, nil
	}
	p := a.getenv("RHAPSODE_PASSWORD")
	if p == "" {
		var err error
		if p, err = a.streams.Password(fmt.Sprintf("password of %s on %s: ", user, host)); err != nil {
			return "", cli.Hint(err, "use an ssh key (IdentityFile in the ssh configuration, or ssh-agent) or $RHAPSODE_PASSWORD")
		}
	}
	a.password = &p
	return p, nil
}

// writeFile replaces a file at once: a reader sees the old content or the new. The mode is 0600, for rendered text may
// hold secrets (SAFETY 14).
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already after the rename
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// names lists the FQDNs of devices.
func names(devices []*inventory.Device) string {
	out := make([]string, len(devices))
	for i, d := range devices {
		out[i] = d.FQDN
	}
	return strings.Join(out, ", ")
}
