package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/diffs"
	"rhapsode/diffs/junos"
)

// labs are lab routers. The driver knows them as processes only.
var labs devicetest.Labs

func TestMain(m *testing.M) {
	code := m.Run()
	if err := labs.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func open(ctx context.Context, l *devicetest.Lab) (devices.Device, error) {
	d, err := Dial(ctx, l.Dialer, l.Target(), Options{Timeout: 20 * time.Second})
	if err != nil {
		return nil, err // not a nil *Device in an interface
	}
	return d, nil
}

func TestContract(t *testing.T) {
	for name, args := range map[string][]string{"one engine": nil, "two engines": {"--routing-engines", "2"}, "virtual chassis": {"--virtual-chassis", "3"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var only []string
			if args != nil {
				only = devicetest.Commits()
			}
			devicetest.Run(t, func(t *testing.T) devicetest.Subject {
				l := labs.Start(t, "", time.Second, args...)
				return devicetest.Subject{
					Open:   func(ctx context.Context) (devices.Device, error) { return open(ctx, l) },
					Edit:   func(t *testing.T, set string) { l.Edit(t, set) },
					Minute: time.Second, Synchronize: name == "two engines",
					OpenCut: func(ctx context.Context) (devices.Device, func(), error) {
						behind, cut := l.Through(t)
						dev, err := open(ctx, behind)
						return dev, cut, err
					},
				}
			}, only...)
		})
	}
}

// TestLeftFiles: what a killed run left on the device goes with the next load.
func TestLeftFiles(t *testing.T) {
	l := labs.Start(t, "", time.Minute)
	conn, err := l.Dialer.Dial(t.Context(), l.Target())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // all has been read
	const left, other = filePrefix + "0123456789abcdef", "/var/tmp/rhapsode-notes"
	for _, name := range []string{left, other} {
		if err := conn.Copy(t.Context(), name, []byte("secret")); err != nil {
			t.Fatal(err)
		}
	}
	d, err := open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // as above
	c, err := d.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Load(t.Context(), diffs.Change{Mode: junos.Set, Text: "set system domain-name example.net\n"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := conn.Run(t.Context(), "file list /var/tmp/")
	if err != nil || strings.Contains(list, "0123456789abcdef") || strings.Count(list, "rhapsode-") != 1 {
		t.Errorf("on the device are %s, %v", list, err)
	}
}
