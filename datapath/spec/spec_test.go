package spec

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// director has every field set, and every kind of monitor.
func director() *Director {
	return &Director{
		Version: Version,
		Host: Host{
			Name: "lb1.ams.example.net", Site: "ams",
			Addr4: netip.MustParseAddr("203.0.113.131"), Addr6: netip.MustParseAddr("2001:db8:1:10::11"),
		},
		BGP: &BGP{
			LocalASN: 64510, RouterID: netip.MustParseAddr("203.0.113.131"), HoldTime: Duration(30 * time.Second), MED: 100,
			Communities: []string{"65535:0", "65551:0:1"},
			NextHop4:    netip.MustParseAddr("203.0.113.131"), NextHop6: netip.MustParseAddr("2001:db8:1:10::11"),
			BFD: &BFD{Interval: Duration(300 * time.Millisecond), Multiplier: 3},
			Peers: []Peer{
				{Name: "cr1.ams.example.net", Address: netip.MustParseAddr("192.0.2.1"), ASN: 64500, Auth: &Auth{Kind: TCPMD5, Key: "pybal"}},
				{
					Name: "cr2.ams.example.net", Address: netip.MustParseAddr("192.0.2.2"), ASN: 64500,
					Auth: &Auth{Kind: TCPAO, Key: "pybal-ao", SendID: 1, ReceiveID: 2, Algorithm: "hmac-sha-1-96"},
				},
			},
		},
		Services: []Service{
			{
				Name: "dns", Protocol: UDP, Port: 53, Scheduler: "wrr", Encapsulation: DR, Announce: true,
				VIPs:     []VIP{{"default", netip.MustParseAddr("203.0.113.10")}},
				Monitors: Monitors{DNSQuery: &DNSQuery{Hostnames: []string{"example.net"}, FailOnNXDOMAIN: true}, UDP: &UDPCheck{ICMPTimeout: Duration(20 * time.Second)}},
			},
			{
				Name: "text", Protocol: TCP, Port: 443, Scheduler: "mh", SchedulerFlag: "mh-port", Encapsulation: IPIP, Announce: true,
				DepoolThreshold: 0.66, Pool: &Pool{"cache_text", "cdn"},
				VIPs: []VIP{{"textlb", netip.MustParseAddr("203.0.113.1")}, {"textlb6", netip.MustParseAddr("2001:db8:1:ed1a::1")}},
				Monitors: Monitors{
					ProxyFetch:     &ProxyFetch{URLs: []string{"https://healthcheck.example.net/frontend"}, Interval: Duration(10 * time.Second), Status: 200, CheckAll: true},
					IdleConnection: &IdleConnection{MaxDelay: Duration(5 * time.Minute), TimeoutCleanReconnect: Duration(3 * time.Second)},
					RunCommand:     &RunCommand{Command: "/bin/true", Arguments: []string{"yes", "", "a: b", "12"}, Timeout: Duration(time.Hour)},
				},
				Backends: []Backend{
					{Name: "cp1.ams", Addr4: netip.MustParseAddr("203.0.113.151"), Weight: 10, Pooled: PooledYes},
					{Name: "cp2.ams", Addr6: netip.MustParseAddr("2001:db8:1:10::52"), Pooled: PooledNo},
				},
			},
		},
	}
}

func pingHost() *PingHost {
	return &PingHost{
		Version: Version, Host: director().Host, Mode: FlowSpec, VIPs: []netip.Addr{netip.MustParseAddr("203.0.113.1")},
		RateLimit: RateLimit{TotalPPS: 100000, PerSourcePPS: 100, Exempt: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		BGP:       director().BGP,
	}
}

// TestRoundTrip: what is written reads back as the same value, and a second writing is the same.
func TestRoundTrip(t *testing.T) {
	d := director()
	text, err := d.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := DecodeDirector("director.yaml", text)
	if err != nil || !reflect.DeepEqual(d, back) {
		t.Fatalf("%v\n%s", err, text)
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("written differently the second time: %v", err)
	}
	p := pingHost()
	text, err = p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodePingHost("ping-offload.yaml", text); err != nil || !reflect.DeepEqual(p, back) {
		t.Fatalf("%v\n%s", err, text)
	}
}

// TestBad runs testdata/bad/*.txtar: a file with mistakes, named for its kind, and everything that is said about it.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil || len(a.Files) != 2 {
				t.Fatalf("want a file and its error: %v", err)
			}
			in, want := a.Files[0], &a.Files[1]
			if in.Name == "director.yaml" {
				_, err = DecodeDirector(in.Name, in.Data)
			} else {
				_, err = DecodePingHost(in.Name, in.Data)
			}
			if _, ok := errors.AsType[Problems](err); !ok {
				t.Fatalf("want Problems, got %v", err)
			}
			if got := err.Error() + "\n"; got != string(want.Data) {
				if !*update {
					t.Fatalf("\n got: %s\nwant: %s", got, want.Data)
				}
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestValidate changes one thing of a good configuration: it is refused, when it is written as well.
func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Director){
		"version 2 is not known, this program reads version 1": func(d *Director) { d.Version = 2 },
		"host.name is empty":                                                           func(d *Director) { d.Host.Name = "" },
		"host.ipv6 wants an IPv6 address":                                              func(d *Director) { d.Host.Addr6 = d.Host.Addr4 },
		"bgp.hold_time wants whole seconds, 3s to 65535s":                              func(d *Director) { d.BGP.HoldTime = Duration(1500 * time.Millisecond) },
		"bgp.communities[0] wants ASN:N, or a large community ASN:N:N":                 func(d *Director) { d.BGP.Communities[0] = "65536:1" },
		"bgp.peers[1].address is that of bgp.peers[0] as well":                         func(d *Director) { d.BGP.Peers[1].Address = d.BGP.Peers[0].Address },
		"bgp.peers[0].auth.algorithm is for tcp-ao only":                               func(d *Director) { d.BGP.Peers[0].Auth.Algorithm = "x" },
		"services[1].vips[1].address is announced, but bgp has no next_hop_ipv6":       func(d *Director) { d.BGP.NextHop6 = netip.Addr{} },
		"services[1].name is that of services[0] as well":                              func(d *Director) { d.Services[1].Name = "dns" },
		"services[0].port wants 1 to 65535":                                            func(d *Director) { d.Services[0].Port = 0 },
		"services[0].vips is empty":                                                    func(d *Director) { d.Services[0].VIPs = nil },
		"services[1].depool_threshold wants a share, 0 to 1":                           func(d *Director) { d.Services[1].DepoolThreshold = 1.5 },
		"services[1].backends[1].name is that of backends[0] as well":                  func(d *Director) { d.Services[1].Backends[1].Name = "cp1.ams" },
		"services[1].backends[0] has no address":                                       func(d *Director) { d.Services[1].Backends[0].Addr4 = netip.Addr{} },
		"services[1].vips[1].address 203.0.113.1 tcp port 443 is that of text as well": func(d *Director) { d.Services[1].VIPs[1] = d.Services[1].VIPs[0] },
		"services[1].monitors.ProxyFetch.url is empty":                                 func(d *Director) { d.Services[1].Monitors.ProxyFetch.URLs = nil },
		"services[1].monitors.RunCommand.command is empty":                             func(d *Director) { d.Services[1].Monitors.RunCommand.Command = "" },
		"services[0].monitors.DNSQuery.hostnames is empty":                             func(d *Director) { d.Services[0].Monitors.DNSQuery.Hostnames = nil },
		"bgp.bfd.multiplier wants 1 to 255":                                            func(d *Director) { d.BGP.BFD.Multiplier = 0 },
		"bgp.router_id wants an IPv4 address":                                          func(d *Director) { d.BGP.RouterID = d.Host.Addr6 },
	} {
		d := director()
		change(d)
		if err := d.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if text, err := d.Encode(); err == nil || text != nil {
			t.Errorf("%s: it was written", want)
		}
	}
	for want, change := range map[string]func(*PingHost){
		"bgp has no place in mode term: nothing is announced":               func(p *PingHost) { p.Mode = Term },
		"mode flowspec wants bgp: the host announces":                       func(p *PingHost) { p.BGP = nil },
		"vips[1] is vips[0] again":                                          func(p *PingHost) { p.VIPs = append(p.VIPs, p.VIPs[0]) },
		"vips[0] is the host's own address: it would lose it with the VIPs": func(p *PingHost) { p.VIPs[0] = p.Host.Addr4 },
		"rate_limit.exempt[0] wants a prefix without host bits":             func(p *PingHost) { p.RateLimit.Exempt[0] = netip.MustParsePrefix("192.0.2.1/24") },
	} {
		p := pingHost()
		change(p)
		if err := p.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30 * time.Second: "30s", 5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", 250 * time.Millisecond: "250ms",
		0: "0s", 100 * time.Hour: "100h", 61 * time.Second: "1m1s", time.Hour + time.Second: "1h0m1s", 10 * time.Minute: "10m",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
		var back Duration
		if err := back.UnmarshalText([]byte(want)); err != nil || time.Duration(back) != d {
			t.Errorf("%s reads as %v, %v", want, time.Duration(back), err)
		}
	}
}

// FuzzDecode: a text gives a value or problems with a place, never both; a value that was read can be written, and reads
// back as the same.
func FuzzDecode(f *testing.F) {
	for _, encode := range []func() ([]byte, error){director().Encode, pingHost().Encode} {
		text, err := encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	f.Add([]byte("version: 1\nhost: &h {name: x}\nbgp: *h\n"))
	f.Add([]byte("version: 1\nversion: 1\n? [a]\n: b\n"))
	f.Add([]byte("a: b\n---\nc: d\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := DecodeDirector("f", text)
		fuzzed(t, d, err, func(d *Director) ([]byte, error) { return d.Encode() }, DecodeDirector)
		p, err := DecodePingHost("f", text)
		fuzzed(t, p, err, func(p *PingHost) ([]byte, error) { return p.Encode() }, DecodePingHost)
	})
}

func fuzzed[T any](t *testing.T, v *T, err error, encode func(*T) ([]byte, error), decode func(string, []byte) (*T, error)) {
	if (err == nil) == (v == nil) {
		t.Fatalf("value %v, error %v", v, err)
	}
	if problems, ok := errors.AsType[Problems](err); err != nil {
		if !ok || len(problems) == 0 || !strings.HasPrefix(problems.Error(), "f:") {
			t.Fatalf("error without a place: %v", err)
		}
		return
	}
	text, err := encode(v)
	if err != nil {
		t.Fatalf("read but not written: %v", err)
	}
	back, err := decode("f", text)
	if err != nil {
		t.Fatalf("written but not read: %v\n%s", err, text)
	}
	if again, err := encode(back); err != nil || !bytes.Equal(again, text) {
		t.Fatalf("reads back as another value: %v\n%s\n%s", err, text, again)
	}
}
