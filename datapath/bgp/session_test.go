package bgp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"rhapsode/datapath/bgp"
)

// relay is a TCP connection that can go silent without being closed, as when a cable is cut.
func relay(t *testing.T, listen, dialFrom, to string) (silence chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	silence = make(chan struct{})
	pump := func(from, to net.Conn) {
		buf := make([]byte, 4096)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-silence:
				continue
			default:
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(dialFrom)}}
			out, err := d.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			go pump(in, out)
			go pump(out, in)
		}
	}()
	return silence
}

func TestHoldTimeExpires(t *testing.T) {
	t.Parallel()
	a, b := newEnd(t, "127.0.0.1", 64600), newEnd(t, "127.0.0.2", 64700)
	port := freePort(t, "127.0.0.2")
	// a connects to 127.0.0.2, where the relay is; the relay comes to b from a's address.
	silence := relay(t, fmt.Sprintf("127.0.0.2:%d", port), "127.0.0.1", netip.AddrPortFrom(b.addr, b.port).String())
	toB, toA := b.peer(), a.peer()
	toB.Port, toB.LocalAddress, toA.LocalAddress, toA.Passive = port, a.addr, b.addr, true
	toB.HoldTime, toA.HoldTime = 3*time.Second, 3*time.Second
	if err := b.Set(t.Context(), []bgp.Peer{toA}); err != nil {
		t.Fatal(err)
	}
	if err := a.Set(t.Context(), []bgp.Peer{toB}); err != nil {
		t.Fatal(err)
	}
	await(t, "session", func() bool { return a.state(t, b).Established && b.state(t, a).Established })
	if err := a.Announce([]bgp.Announcement{v4(1, 0)}); err != nil {
		t.Fatal(err)
	}
	await(t, "route", func() bool { return len(b.routes(t, a, bgp.IPv4)) == 1 })
	mark, start := b.mark(), time.Now()
	close(silence)
	reason := b.down(t, mark)
	if !strings.Contains(reason, "hold-timer-expired") {
		t.Errorf("the session ended by %q", reason)
	}
	// A keepalive came a second before at the most; the rest is how busy this machine is.
	if took := time.Since(start); took < 1500*time.Millisecond {
		t.Errorf("the hold time of 3 s expired after %v", took)
	}
	await(t, "an empty table", func() bool { return len(b.routes(t, a, bgp.IPv4)) == 0 })
}

func TestPassword(t *testing.T) {
	t.Parallel()
	secured := func(p *bgp.Peer) { p.Password = "correct horse" }
	a, b := newEnd(t, "127.0.0.1", 64600), newEnd(t, "127.0.0.2", 64700)
	join(t, a, b, secured)
	// Another password gets nowhere; taking it off on both sides does, though b only listens.
	p := b.peer()
	p.LocalAddress, p.Password = a.addr, "wrong"
	if err := a.Set(t.Context(), []bgp.Peer{p}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // a connect is tried each second
	if s := a.state(t, b); s.Established {
		t.Errorf("with another password there is a session: %+v", s)
	}
	join(t, a, b, nil)
	join(t, a, b, secured)
}

func TestPasswordIsNotPrinted(t *testing.T) {
	p := bgp.Peer{Address: netip.MustParseAddr("192.0.2.1"), Password: "hunter2"}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("peer", "one", p.Password, "all", p)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	out := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out += fmt.Sprintf(verb, p.Password) + fmt.Sprintf(verb, p) + fmt.Sprintf(verb, &p)
	}
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2")} {
		if strings.Contains(out, leak) {
			t.Errorf("printed: %s", out)
		}
	}
	if !strings.Contains(out, "[redacted]") {
		t.Errorf("nothing says that it is left out: %s", out)
	}
}

func TestLogIsAdapted(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(io.Writer(&out), &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := bgp.New(t.Context(), bgp.Options{ASN: 64600, RouterID: netip.MustParseAddr("192.0.2.1"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Set(t.Context(), []bgp.Peer{{Address: netip.MustParseAddr("127.0.0.9"), ASN: 64700, Passive: true, Password: "hunter2"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, `msg="bgp: add a peer configuration" peer=127.0.0.9`) ||
		strings.Contains(got, "Topic") || strings.Contains(got, "hunter2") || strings.Contains(got, "level=ERROR") {
		t.Errorf("logged:\n%s", got)
	}
}

func TestNewRefuses(t *testing.T) {
	id := netip.MustParseAddr("192.0.2.1")
	for name, o := range map[string]bgp.Options{
		"no AS":         {RouterID: id},
		"router id":     {ASN: 1, RouterID: netip.MustParseAddr("2001:db8::1")},
		"no port":       {ASN: 1, RouterID: id, Listen: []netip.AddrPort{netip.AddrPortFrom(id, 0)}},
		"two ports":     {ASN: 1, RouterID: id, Listen: []netip.AddrPort{netip.AddrPortFrom(id, 1179), netip.AddrPortFrom(id, 1180)}},
		"not our place": {ASN: 1, RouterID: id, Listen: []netip.AddrPort{netip.AddrPortFrom(id, 1179)}},
	} {
		if s, err := bgp.New(t.Context(), o); err == nil {
			t.Errorf("%s: taken", name)
			_ = s.Close(t.Context())
		}
	}
}

// BenchmarkAnnounce announces 10,000 prefixes to a peer and withdraws them, until the peer has them or has none.
func BenchmarkAnnounce(b *testing.B) {
	const count = 10000
	here, there := pair(b, 64600, 64700, nil)
	set := make([]bgp.Announcement, count)
	for n := range set {
		set[n] = v4(n, 0)
	}
	var told, withdrawn time.Duration
	b.ResetTimer()
	for b.Loop() {
		start := time.Now()
		if err := here.Announce(set); err != nil {
			b.Fatal(err)
		}
		await(b, "all", func() bool { return there.state(b, here).Families[bgp.IPv4].Received == count })
		middle := time.Now()
		if err := here.Announce(nil); err != nil {
			b.Fatal(err)
		}
		await(b, "none", func() bool { return there.state(b, here).Families[bgp.IPv4].Received == 0 })
		told, withdrawn = told+middle.Sub(start), withdrawn+time.Since(middle)
	}
	b.ReportMetric(float64(told.Milliseconds())/float64(b.N), "ms/announce-10k")
	b.ReportMetric(float64(withdrawn.Milliseconds())/float64(b.N), "ms/withdraw-10k")
}
