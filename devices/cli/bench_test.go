package cli

import (
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
	"rhapsode/devices/netconf"
)

// BenchmarkTransports holds the two ways to a router against each other, in one run: opening a session, and loading ten
// megabytes and comparing them, against a lab router of its own.
func BenchmarkTransports(b *testing.B) {
	l := labs.Start(b, "", time.Minute)
	for _, way := range []struct {
		name string
		open func(testing.TB) devices.Device
	}{
		{"netconf", func(b testing.TB) devices.Device {
			d, err := netconf.Dial(b.Context(), l.Dialer, l.Target(), netconf.Options{})
			if err != nil {
				b.Fatal(err)
			}
			return d
		}},
		{"cli", func(b testing.TB) devices.Device {
			d, err := Dial(b.Context(), l.Dialer, l.Target(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			return d
		}},
	} {
		devicetest.Benchmark(b, way.name, way.open)
	}
}
