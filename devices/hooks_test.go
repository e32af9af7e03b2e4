package devices_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
)

// caller is a hook in memory.
type caller struct {
	mu   sync.Mutex
	got  []devices.HookPayload
	fail map[devices.HookPoint]error
}

func (c *caller) Call(_ context.Context, p devices.HookPayload) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, p)
	return c.fail[p.Hook]
}

// said lists the calls: point, device, and the results of the devices.
func (c *caller) said() string {
	var s []string
	for _, p := range c.got {
		line := string(p.Hook)
		if p.Device != "" {
			line += " " + p.Device
		}
		for _, d := range p.Devices {
			if d.Result != nil {
				line += " " + d.Result.String()
			}
		}
		s = append(s, line)
	}
	return strings.Join(s, ", ")
}

func TestHooks(t *testing.T) {
	for _, c := range []struct {
		name     string
		fail     map[devices.HookPoint]error
		required bool
		check    error
		confirm  time.Duration
		results  string
		said     string
	}{
		{"all is well", nil, true, nil, 3 * time.Minute, "committed", "start, confirm cr1.example.net, end committed"},
		{
			"refused at the start",
			map[devices.HookPoint]error{devices.HookStart: errInjected},
			true, nil, 3 * time.Minute,
			"not-started", "start",
		},
		{
			"not required",
			map[devices.HookPoint]error{devices.HookStart: errInjected, devices.HookConfirm: errInjected, devices.HookEnd: errInjected},
			false,
			nil, 3 * time.Minute, "committed", "start, confirm cr1.example.net, end committed",
		},
		{
			"vetoed",
			map[devices.HookPoint]error{devices.HookConfirm: errInjected},
			true, nil, 3 * time.Minute,
			"rolling-back", "start, confirm cr1.example.net, rollback cr1.example.net rolling-back, rollback rolling-back, end rolling-back",
		},
		{
			"vetoed without a window",
			map[devices.HookPoint]error{devices.HookConfirm: errInjected},
			true, nil, 0,
			"committed", "start, confirm cr1.example.net, end committed",
		},
		{
			"a check fails", nil, true, errInjected, 3 * time.Minute,
			"rolling-back", "start, rollback cr1.example.net rolling-back, rollback rolling-back, end rolling-back",
		},
		{
			"its word at the end is none",
			map[devices.HookPoint]error{devices.HookEnd: errInjected},
			true, nil, 3 * time.Minute,
			"committed", "start, confirm cr1.example.net, end committed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inPair(t, func(p *pairOf) {
				p.jobs = p.jobs[:1]
				hook := &caller{fail: c.fail}
				var r recorder
				opts := devices.ApplyOptions{Confirm: c.confirm, Events: r.add}
				opts.Hooks = []devices.Hook{{Name: "pager", Caller: hook, Required: c.required}}
				if c.check != nil {
					opts.Checks = []devices.Check{{Name: "bgp", Timeout: time.Second, Run: func(context.Context, devices.Device) error { return c.check }}}
				}
				out, err := p.run.Apply(p.Context(), p.jobs, opts)
				if got := p.results(out); got != c.results || hook.said() != c.said {
					p.Errorf("results %s (%v), the hook was told\n%s, want\n%s", got, out[0].Err, hook.said(), c.said)
				}
				if e, ok := errors.AsType[*devices.HookError](err); ok != (c.results == "not-started") {
					p.Errorf("the run: %v", err)
				} else if ok && (e.Point != devices.HookStart || !errors.Is(err, errInjected) || devices.Hint(err) == "") {
					p.Errorf("the run: %+v", e)
				}
				if c.name == "vetoed" {
					if _, ok := errors.AsType[*devices.HookError](out[0].Err); !ok {
						p.Errorf("the device: %v", out[0].Err)
					}
					time.Sleep(time.Hour)
					if p.running() != "false false false" {
						p.Error("a vetoed change stays")
					}
				}
				if len(c.fail) > 0 && !strings.Contains(r.of(devices.EventHook), "pager: injected") {
					p.Errorf("hook events:\n%s", r.of(devices.EventHook))
				}
				for _, pay := range hook.got {
					if pay.Version != 1 || pay.Run != p.run.ID || pay.User != "alice" || pay.Message != message || len(pay.Devices) != 1 ||
						pay.Devices[0].Before != p.jobs[0].Plan.Fingerprint || fmt.Sprint(pay.Sites) != "[ams]" {
						p.Errorf("payload %+v", pay)
					}
					text, err := json.Marshal(pay)
					if err != nil || strings.Contains(string(text), "prefix-list") || strings.Contains(string(text), "SUITE") {
						p.Errorf("payload with configuration: %s, %v", text, err)
					}
				}
			})
		})
	}
}

// TestHookNoConfig: errors that hold configuration are told without it.
func TestHookNoConfig(t *testing.T) {
	inPair(t, func(p *pairOf) {
		p.jobs = p.jobs[:1]
		p.must(p.routers[0].Edit("bob", "set system host-name secret-name\n"))
		hook := &caller{}
		opts := devices.ApplyOptions{Confirm: 3 * time.Minute}
		opts.Hooks = []devices.Hook{{Name: "pager", Caller: hook, At: []devices.HookPoint{devices.HookEnd}}}
		out := p.apply(p.Context(), opts)
		if !strings.Contains(out[0].Err.Error(), "secret-name") {
			p.Fatalf("the error is %v", out[0].Err)
		}
		text, err := json.Marshal(hook.got)
		p.must(err)
		if len(hook.got) != 1 || strings.Contains(string(text), "secret-name") || !strings.Contains(string(text), "uncommitted edits by bob") {
			p.Errorf("it was told %s", text)
		}
	})
}

func payload() devices.HookPayload {
	return devices.HookPayload{Version: 1, Hook: devices.HookStart, Run: "01RUN", User: "alice", Message: message, Devices: []devices.HookDevice{{Device: "cr1"}}}
}

func TestCommandHook(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
		return path
	}
	out := filepath.Join(dir, "out")
	for _, c := range []struct {
		name string
		hook *devices.CommandHook
		time time.Duration
		want string // of the error
	}{
		{"consents", &devices.CommandHook{Argv: []string{script("ok", `cat > "$1"; env >> "$1"`), out}}, time.Minute, ""},
		{"does not read", &devices.CommandHook{Argv: []string{script("deaf", "exit 0\n")}}, time.Minute, ""},
		{"objects", &devices.CommandHook{Argv: []string{script("no", "echo 'not before\nthe match' >&2; exit 3\n")}}, time.Minute, "exit status 3: not before the match"},
		{"hangs", &devices.CommandHook{Argv: []string{script("hang", "echo waiting >&2; sleep 100 & wait\n")}}, 300 * time.Millisecond, "deadline exceeded"},
		{"is not there", &devices.CommandHook{Argv: []string{"rhapsode-no-such-hook"}}, time.Minute, "on the hook's PATH"},
		{"is nothing", &devices.CommandHook{}, time.Minute, "no command"},
		{"is found on its PATH", &devices.CommandHook{Argv: []string{"true"}}, time.Minute, ""},
		{"is found on its own PATH only", &devices.CommandHook{Argv: []string{"ok", out + "2"}, Env: []string{"PATH=" + dir + ":/usr/bin:/bin"}}, time.Minute, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.time)
			defer cancel()
			start := time.Now()
			err := c.hook.Call(ctx, payload())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if time.Since(start) > 30*time.Second {
				t.Errorf("it took %s", time.Since(start))
			}
		})
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	line, env, _ := strings.Cut(string(text), "\n")
	var got devices.HookPayload
	if err := json.Unmarshal([]byte(line), &got); err != nil || got.Run != "01RUN" || got.Devices[0].Device != "cr1" {
		t.Errorf("it read %q, %v", line, err)
	}
	for _, kv := range strings.Fields(env) {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "PATH", "RHAPSODE_HOOK", "RHAPSODE_RUN", "PWD", "OLDPWD", "SHLVL", "_":
		default:
			t.Errorf("it has %s in its environment", name)
		}
	}
}

func TestWebhook(t *testing.T) {
	quick := devices.Retry{Attempts: 3, Base: time.Millisecond}
	type reply struct {
		status int
		body   string
	}
	for _, c := range []struct {
		name    string
		replies []reply
		want    string // of the error
		posts   int
	}{
		{"consents", []reply{{204, ""}}, "", 1},
		{"passing", []reply{{503, "busy"}, {429, "slow down"}, {200, "ok"}}, "", 3},
		{"down", []reply{{500, "a"}, {502, "b"}, {503, "the database\nis down"}, {200, ""}}, "503 Service Unavailable: the database is down", 3},
		{"objects", []reply{{403, "freeze until Monday"}, {200, ""}}, "403 Forbidden: freeze until Monday", 1},
		{"redirects", []reply{{302, ""}, {200, ""}}, "302 Found", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			posts := 0
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				var got devices.HookPayload
				if uerr := json.Unmarshal(body, &got); errors.Join(err, uerr) != nil || got.Run != "01RUN" {
					t.Errorf("body %q", body)
				}
				if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer s3cret" {
					t.Errorf("%s with %v", r.Method, r.Header)
				}
				now := c.replies[min(posts, len(c.replies)-1)]
				posts++
				if now.status == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(now.status)
				fmt.Fprint(w, now.body) //nolint:errcheck // the test sees it
			}))
			defer s.Close()
			err := (&devices.Webhook{URL: s.URL + "/T0KEN-in-path", Token: "s3cret", Retry: quick, Client: s.Client()}).Call(t.Context(), payload())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if posts != c.posts {
				t.Errorf("%d posts, want %d", posts, c.posts)
			}
			noSecrets(t, err)
		})
	}
}

func noSecrets(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "T0KEN")) {
		t.Errorf("the error tells a secret: %v", err)
	}
}

func TestWebhookUnsafe(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of handshakes that are to fail
	tls.StartTLS()
	defer tls.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) //nolint:errcheck // a server sees that its client left only once it has read all
		<-r.Context().Done()
	}))
	defer silent.Close()
	for _, c := range []struct {
		name, url string
		token     devices.Token
		want      string
	}{
		{"a token in clear", "http://hooks.example.net/T0KEN", "s3cret", "a token is not sent without TLS"},
		{"no URL", "T0KEN", "", "is not https://HOST/PATH"},
		{"another scheme", "file:///T0KEN", "", "is not https://HOST/PATH"},
		{"a broken URL", "https://h\x7f/T0KEN", "", "cannot be read"},
		{"a certificate that nobody vouches for", tls.URL + "/T0KEN", "s3cret", "certificate"},
		{"silence", silent.URL + "/T0KEN", "s3cret", "deadline exceeded"},
		{"nobody", "http://127.0.0.1:1/T0KEN", "", "127.0.0.1:1: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := (&devices.Webhook{URL: c.url, Token: c.token, Retry: devices.Retry{Attempts: 2, Base: time.Millisecond}}).Call(ctx, payload())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			noSecrets(t, err)
		})
	}
	if s := fmt.Sprintf("%v %s %+v %#v", devices.Token("s3cret"), devices.Token("s3cret"), devices.Webhook{Token: "s3cret"}, devices.Webhook{Token: "s3cret"}); strings.Contains(s, "s3cret") {
		t.Error(s)
	}
}

// TestHookEatsTheWindow: the time that a hook may take is part of what the window must hold.
func TestHookEatsTheWindow(t *testing.T) {
	inPair(t, func(p *pairOf) {
		opts := devices.ApplyOptions{Confirm: time.Minute}
		opts.Hooks = []devices.Hook{{Name: "slow", Caller: &caller{}, At: []devices.HookPoint{devices.HookConfirm}, Timeout: time.Minute}}
		out := p.apply(p.Context(), opts)
		if !errors.Is(out[0].Err, devices.ErrConfirmTime) || p.running() != "false false false" {
			p.Errorf("outcome %+v: %v", out[0], out[0].Err)
		}
		p.routers[0].Fail(devicetest.Open, nil)
	})
}
