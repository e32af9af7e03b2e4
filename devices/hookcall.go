package devices

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// CommandHook runs a command with the payload on its standard input. Exit code 0 is consent. It runs in a process group of
// its own, which is killed at the end of its time; what it writes on its standard error is in the failure's message.
type CommandHook struct {
	// Argv is the command and its arguments; no shell looks at them. The first names a file, or with no slash in it a
	// program on Env's PATH.
	Argv []string
	// Env is the environment, and all of it, but for RHAPSODE_HOOK and RHAPSODE_RUN. Nil is PATH=/usr/bin:/bin.
	Env []string
	// Dir is where it runs; "" is the current directory.
	Dir string
}

// Call runs the command.
func (h *CommandHook) Call(ctx context.Context, p HookPayload) error {
	if len(h.Argv) == 0 {
		return errors.New("no command to run")
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode payload: %w", err)
	}
	env := h.Env
	if env == nil {
		env = []string{"PATH=/usr/bin:/bin"}
	}
	name, err := lookPath(h.Argv[0], env)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, name, h.Argv[1:]...)
	cmd.Args[0] = h.Argv[0]
	cmd.Env = append(slices.Clone(env), "RHAPSODE_HOOK="+string(p.Hook), "RHAPSODE_RUN="+p.Run)
	cmd.Dir = h.Dir
	cmd.Stdin = bytes.NewReader(append(payload, '\n'))
	stderr := &lastBytes{}
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // a child that left the group may keep the pipes open
	err = cmd.Run()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause
	}
	if errors.Is(err, syscall.EPIPE) {
		err = nil // it ended well without reading what it was told
	}
	if said := tail(stderr.b); err != nil && said != "" {
		return fmt.Errorf("run %s: %w: %s", h.Argv[0], err, said)
	} else if err != nil {
		return fmt.Errorf("run %s: %w", h.Argv[0], err)
	}
	return nil
}

// lookPath finds a program as execvp does, but on the PATH that it will have.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, kv := range env {
		list, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for dir := range strings.SplitSeq(list, ":") {
			if !strings.HasPrefix(dir, "/") {
				continue // no program from where we happen to stand
			}
			if path, err := exec.LookPath(dir + "/" + name); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("run %s: %w on the hook's PATH", name, exec.ErrNotFound)
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ b []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	const most = 4096
	l.b = append(l.b, p...)
	if len(l.b) > most {
		l.b = slices.Clone(l.b[len(l.b)-most:])
	}
	return len(p), nil
}

// Token is a bearer token. It prints as [redacted].
type Token string

const redactedToken = "[redacted]"

// String hides the token.
func (Token) String() string { return redactedToken }

// GoString hides the token.
func (Token) GoString() string { return redactedToken }

// LogValue hides the token.
func (Token) LogValue() slog.Value { return slog.StringValue(redactedToken) }

// MarshalText hides the token.
func (Token) MarshalText() ([]byte, error) { return []byte(redactedToken), nil }

// Webhook posts the payload as JSON. A status of 200 to 299 is consent. What fails for a passing reason (no connection, 429,
// 5xx) is retried; a redirect is a failure, for it would carry the payload to a place that nobody configured. Messages
// name the host only: the rest of such a URL is often a secret.
type Webhook struct {
	URL string
	// Token, if any, is sent as `Authorization: Bearer`, over https only unless the server is on this host.
	Token Token
	Retry Retry // the zero value: 3 attempts
	// Client is for tests and for proxies; nil is a client of its own, with TLS by the system's roots.
	Client *http.Client
}

// Call posts the payload.
func (h *Webhook) Call(ctx context.Context, p HookPayload) error {
	payload, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode payload: %w", err)
	}
	r := h.Retry
	if r.Attempts == 0 {
		r.Attempts = 3
	}
	client := http.Client{}
	if h.Client != nil {
		client = *h.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for attempt := 1; ; attempt++ {
		again, wait, err := h.post(ctx, &client, payload)
		if err == nil {
			return nil
		}
		if attempt >= r.Attempts || !again || !sleep(ctx, max(wait, r.Delay(attempt))) {
			return err
		}
	}
}

// post posts once. It tells whether it may be done again, and how long the server wants that to take.
func (h *Webhook) post(ctx context.Context, client *http.Client, payload []byte) (again bool, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(payload))
	if err != nil {
		return false, 0, errors.New("the webhook's URL cannot be read") // the error's text has it, and it may hold a secret
	}
	if req.URL.Scheme != "http" && req.URL.Scheme != "https" || req.URL.Host == "" {
		return false, 0, errors.New("the webhook's URL is not https://HOST/PATH")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rhapsode")
	if h.Token != "" {
		if host := req.URL.Hostname(); req.URL.Scheme != "https" && host != "localhost" && host != "127.0.0.1" && host != "::1" {
			return false, 0, fmt.Errorf("webhook on %s: a token is not sent without TLS: use https", req.URL.Host)
		}
		req.Header.Set("Authorization", "Bearer "+string(h.Token))
	}
	resp, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // its text has the whole URL
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return true, 0, fmt.Errorf("post to %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	body, rerr := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return false, 0, nil
	}
	err = fmt.Errorf("post to %s: %s", req.URL.Host, resp.Status)
	if said := tail(body); said != "" && rerr == nil {
		err = fmt.Errorf("%w: %s", err, said)
	}
	if n, cerr := strconv.Atoi(resp.Header.Get("Retry-After")); cerr == nil && n > 0 {
		wait = time.Duration(n) * time.Second
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500, wait, err
}
