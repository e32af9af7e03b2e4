package cli

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
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
