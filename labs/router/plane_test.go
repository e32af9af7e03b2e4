package router

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rhapsode/diffs/junos"
)

// fakePlane takes configurations as a plane does: a router named `broken` can't be forwarded, one with a contact is refused.
type fakePlane struct {
	mu      sync.Mutex
	applied []string // the host names
}

func (p *fakePlane) Check(t *junos.Tree) []Complaint {
	if t.Lookup("system", "location") != nil {
		return []Complaint{{Path: []string{"system"}, Statement: "location", Message: "this router is nowhere"}}
	}
	return nil
}

func (p *fakePlane) Apply(_ context.Context, t *junos.Tree) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := t.Lookup("system", "host-name").Values[0]
	p.applied = append(p.applied, name)
	if name == "broken" {
		return errors.New("no such way")
	}
	return nil
}

func (p *fakePlane) Operational(*junos.Tree) Operational {
	return Operational{
		Interfaces: []InterfaceState{{Name: "ge-0/0/0", Up: true}},
		Routes:     []Route{{Table: "inet.0", Prefix: netip.MustParsePrefix("192.0.2.0/24"), Protocol: "Direct", NextHops: []NextHop{{Via: "ge-0/0/0.0"}}}},
	}
}

func (p *fakePlane) calls() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.applied, " ")
	p.applied = nil
	return s
}

func planeDatabase(t *testing.T, dir, name string, p Plane, unit time.Duration) *database {
	t.Helper()
	db, err := openDatabase(dir, parse(t, hostConfig(name)), unit, engines{names: []string{"re0"}}, p, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.close() })
	return db
}

// commitName commits another host name.
func commitName(t *testing.T, db *database, name string, o commitOptions) error {
	t.Helper()
	s := &session{user: "lab", client: "cli"}
	db.mu.Lock()
	db.shared.tree = parse(t, hostConfig(name))
	db.mu.Unlock()
	_, err := db.commit(s, o)
	return err
}

// TestPlaneFollows: what forwards is brought to each configuration that becomes active, by start, commit and rollback.
func TestPlaneFollows(t *testing.T) {
	p, dir := &fakePlane{}, t.TempDir()
	db := planeDatabase(t, dir, "r0", p, time.Minute)
	if err := commitName(t, db, "r1", commitOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := commitName(t, db, "r2", commitOptions{Confirm: time.Hour, Minutes: 60}); err != nil {
		t.Fatal(err)
	}
	if err := db.cancelCommit(&session{user: "lab"}); err != nil {
		t.Fatal(err)
	}
	if err := commitName(t, db, "r3", commitOptions{Check: true}); err != nil {
		t.Fatal(err)
	}
	if got := p.calls(); got != "r0 r1 r2 r1" {
		t.Errorf("applied %s", got)
	}
	if err := db.close(); err != nil {
		t.Fatal(err)
	}
	planeDatabase(t, dir, "other", p, time.Minute)
	if got := p.calls(); got != "r1" {
		t.Errorf("at the start again, applied %s", got)
	}
}

// TestPlaneUnconfirmed: the automatic rollback goes through the plane too.
func TestPlaneUnconfirmed(t *testing.T) {
	p := &fakePlane{}
	db := planeDatabase(t, "", "r0", p, time.Minute)
	if err := commitName(t, db, "r1", commitOptions{Confirm: time.Millisecond, Minutes: 1}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); db.openWindow() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not rolled back")
		}
	}
	if got := p.calls(); got != "r0 r1 r0" {
		t.Errorf("applied %s", got)
	}
}

// TestPlaneFails: an Apply that fails fails the commit, the old configuration is applied again, and nothing is kept; so it
// is when the commit can't be written.
func TestPlaneFails(t *testing.T) {
	p := &fakePlane{}
	db := planeDatabase(t, t.TempDir(), "r0", p, time.Minute)
	p.calls()
	if err := commitName(t, db, "broken", commitOptions{}); err == nil || !strings.Contains(err.Error(), "no such way") {
		t.Errorf("committed: %v", err)
	}
	if got := p.calls(); got != "broken r0" {
		t.Errorf("applied %s", got)
	}
	if len(db.index.Commits) != 1 || db.running().Lookup("system", "host-name").Values[0] != "r0" {
		t.Errorf("the configuration is\n%s", db.running().Text())
	}
	db.store.before = func(string) error { return errors.New("disk full") }
	if err := commitName(t, db, "r1", commitOptions{}); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("committed: %v", err)
	}
	if got := p.calls(); got != "r1 r0" {
		t.Errorf("applied %s", got)
	}
}

// TestPlaneRefuses: what the plane can't do fails the commit check, in Junos's shape.
func TestPlaneRefuses(t *testing.T) {
	p := &fakePlane{}
	db := planeDatabase(t, "", "r0", p, time.Minute)
	p.calls()
	db.shared.tree = parse(t, strings.Replace(hostConfig("r1"), "host-name", "location { building x; } host-name", 1))
	_, err := db.commit(&session{user: "lab"}, commitOptions{})
	if !errors.Is(err, errCheck) {
		t.Fatalf("committed: %v", err)
	}
	want := "[edit system]\n  'location'\n    this router is nowhere\nerror: configuration check-out failed\n"
	if got := faultsOf(err).text(); got != want || p.calls() != "" {
		t.Errorf("refused with\n%s", got)
	}
}

// TestPlaneState: what the plane knows is shown, and what was fed of the rest.
func TestPlaneState(t *testing.T) {
	feed := &Feed{}
	if err := feed.Load(Operational{Interfaces: []InterfaceState{{Name: "ge-0/0/0"}, {Name: "ge-0/0/1", Up: true}}}, true); err != nil {
		t.Fatal(err)
	}
	r, address := start(t, func(o *Options) { o.State, o.Plane, o.Config = feed, &fakePlane{}, hostConfig("r0") })
	dial(t, r, address) // so that it serves
	s := r.operationalState(r.db.running())
	want := []InterfaceState{{Name: "ge-0/0/0", Up: true}, {Name: "ge-0/0/1", Up: true}}
	same := func(a, b InterfaceState) bool { return a.Name == b.Name && a.Up == b.Up }
	if !slices.EqualFunc(s.Interfaces, want, same) || len(s.Routes) != 1 {
		t.Errorf("state is %+v", s)
	}
}
