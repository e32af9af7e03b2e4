package devices_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/diffs"
)

func TestBatchSizes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"1", "1"},
		{"1,25%", "1,25%"},
		{" 1 , 5 ,100% ", "1,5,100%"},
		{"", "a size is missing"},
		{"1,", "a size is missing"},
		{"0", "has at least one device"},
		{"0%", "has at least one device"},
		{"101%", "more than all devices"},
		{"-1", "neither a number of devices nor a percentage"},
		{"1.5%", "neither a number of devices nor a percentage"},
		{"%", "neither a number of devices nor a percentage"},
		{"1;2", "neither a number of devices nor a percentage"},
		{"99999999999", "is too large"},
	} {
		b := devices.Batches{{Devices: 7}}
		err := b.UnmarshalText([]byte(c.text))
		if err != nil {
			if !strings.Contains(err.Error(), c.want) || b.String() != "7" {
				t.Errorf("%q: %v, and it is %s", c.text, err, b)
			}
			continue
		}
		if b.String() != c.want {
			t.Errorf("%q is read as %s", c.text, b)
		}
		text, err := b.MarshalText()
		if err != nil || string(text) != c.want {
			t.Errorf("%q is written as %s, %v", c.text, text, err)
		}
	}
}

func FuzzBatchSizes(f *testing.F) {
	for _, s := range []string{"1", "1,25%", "1,,2", "%", "+5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, again devices.Batches
		if err := b.UnmarshalText([]byte(text)); err != nil {
			return
		}
		if err := again.UnmarshalText([]byte(b.String())); err != nil || !slices.Equal(b, again) || len(b) == 0 {
			t.Errorf("%q is %v, read again %v, %v", text, b, again, err)
		}
	})
}

// job is a device that is not asked anything.
func job(name, site, pair string) devices.Job {
	return devices.Job{Plan: diffs.DevicePlan{Device: name}, Site: site, Pair: pair}
}

func fleetOf(sites, pairs int) []devices.Job {
	var out []devices.Job
	for s := range sites {
		for p := range pairs {
			for _, side := range []string{"a", "b"} {
				site := fmt.Sprintf("s%d", s)
				out = append(out, job(fmt.Sprintf("r%d%s.%s", p, side, site), site, fmt.Sprintf("%s/role%d", site, p)))
			}
		}
	}
	return out
}

func TestPlanBatches(t *testing.T) {
	two := fleetOf(2, 2)
	for _, c := range []struct {
		name, batches string
		opts          devices.FleetOptions
		want          string
	}{
		{"none", "", devices.FleetOptions{}, "r0a.s0 | r0b.s0 | r1a.s0 | r1b.s0 | r0a.s1 | r0b.s1 | r1a.s1 | r1b.s1"},
		{"none, together", "", devices.FleetOptions{Pairs: devices.Together}, "r0a.s0+r0b.s0 | r1a.s0+r1b.s0 | r0a.s1+r0b.s1 | r1a.s1+r1b.s1"},
		{"canary", "1,100%", devices.FleetOptions{}, "r0a.s0 | r0b.s0 r1a.s0 | r1b.s0 | r0a.s1 r1a.s1 | r0b.s1 r1b.s1"},
		{"across", "1,100%", devices.FleetOptions{AcrossSites: true}, "r0a.s0 | r0b.s0 r1a.s0 r0a.s1 r1a.s1 | r1b.s0 r0b.s1 r1b.s1"},
		{"share, rounded down", "33%", devices.FleetOptions{AcrossSites: true}, "r0a.s0 r1a.s0 | r0b.s0 r1b.s0 | r0a.s1 r1a.s1 | r0b.s1 r1b.s1"},
		{"together, larger than the size", "1,3", devices.FleetOptions{Pairs: devices.Together, AcrossSites: true}, "r0a.s0+r0b.s0 | r1a.s0+r1b.s0 | r0a.s1+r0b.s1 | r1a.s1+r1b.s1"},
		{
			"all or nothing", "",
			devices.FleetOptions{Pairs: devices.Together, AcrossSites: true, AllOrNothing: true},
			"r0a.s0+r0b.s0 r1a.s0+r1b.s0 r0a.s1+r0b.s1 r1a.s1+r1b.s1",
		},
	} {
		if c.batches != "" {
			if err := c.opts.Batches.UnmarshalText([]byte(c.batches)); err != nil {
				t.Fatal(err)
			}
		}
		list, err := devices.PlanBatches(two, devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: c.opts})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, b := range list {
			var units []string
			for _, u := range b.Units {
				var names []string
				for _, i := range u {
					names = append(names, two[i].Plan.Device)
				}
				units = append(units, strings.Join(names, "+"))
			}
			got = append(got, strings.Join(units, " "))
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, s, c.want)
		}
	}
}

// TestPlanBatchesRandom: whatever the fleet and the options, each device is in one batch, and no batch holds what it may
// not.
func TestPlanBatchesRandom(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(7, seed))
		var jobs []devices.Job
		for n := range r.IntN(30) {
			site := fmt.Sprintf("s%d", r.IntN(4))
			pair := ""
			if r.IntN(4) > 0 {
				pair = fmt.Sprintf("%s/r%d", site, r.IntN(4))
			}
			jobs = append(jobs, job(fmt.Sprintf("d%d", n), site, pair))
		}
		opts := devices.ApplyOptions{FleetOptions: devices.FleetOptions{AcrossSites: r.IntN(2) == 0, Pairs: devices.PairMode(r.IntN(2))}}
		for range r.IntN(4) {
			size := devices.BatchSize{Devices: 1 + r.IntN(8)}
			if r.IntN(2) == 0 {
				size = devices.BatchSize{Percent: 1 + r.IntN(100)}
			}
			opts.Batches = append(opts.Batches, size)
		}
		list, err := devices.PlanBatches(jobs, opts)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkBatches(t, jobs, opts, list)
		if again, _ := devices.PlanBatches(jobs, opts); fmt.Sprint(again) != fmt.Sprint(list) { //nolint:errcheck // it was none before
			t.Errorf("another answer the second time")
		}
		if t.Failed() {
			t.Fatalf("seed %d: %+v\n%+v", seed, opts.FleetOptions, list)
		}
	}
}

func checkBatches(t *testing.T, jobs []devices.Job, opts devices.ApplyOptions, list []devices.Batch) {
	t.Helper()
	sizes := opts.Batches
	if len(sizes) == 0 {
		sizes = devices.Batches{{Devices: 1}}
	}
	seen := map[int]int{}          // batch of a job
	next := 0                      // the first job that is in no batch yet
	lastOfPair := map[string]int{} // and the last job of a pair that was seen
	for n, b := range list {
		size := sizes[min(n, len(sizes)-1)]
		most := max(1, size.Devices)
		if size.Percent > 0 {
			most = max(1, len(jobs)*size.Percent/100)
		}
		if len(b.Units) == 0 {
			t.Errorf("batch %d is empty", n)
		}
		if got := len(b.Jobs()); got > most && len(b.Units) > 1 {
			t.Errorf("batch %d has %d devices, %d at most", n, got, most)
		}
		pairs, sites := map[string]bool{}, map[string]bool{}
		last := -1
		for _, u := range b.Units {
			if u[0] < last {
				t.Errorf("batch %d is not in order", n)
			}
			last = u[0]
			pair := jobs[u[0]].Pair
			if pair != "" && pairs[pair] {
				t.Errorf("batch %d holds two of the pair %s", n, pair)
			}
			pairs[pair] = true
			if len(u) > 1 && opts.Pairs != devices.Together {
				t.Errorf("batch %d has a unit of %d", n, len(u))
			}
			for _, i := range u {
				if _, ok := seen[i]; ok {
					t.Errorf("job %d is in two batches", i)
				}
				seen[i] = n
				sites[jobs[i].Site] = true
				if jobs[i].Pair != pair {
					t.Errorf("a unit of two pairs")
				}
				if pair != "" && i < lastOfPair[pair] {
					t.Errorf("the pair %s is not in order", pair)
				}
				lastOfPair[pair] = i
			}
		}
		if len(sites) > 1 && !opts.AcrossSites || (b.Site == "") != (len(sites) > 1) {
			t.Errorf("batch %d of site %q holds %v", n, b.Site, sites)
		}
		if _, ok := seen[next]; !ok {
			t.Errorf("batch %d leaves the first one that waits", n)
		}
		for ; next < len(jobs); next++ {
			if _, ok := seen[next]; !ok {
				break
			}
		}
	}
	if len(seen) != len(jobs) {
		t.Errorf("%d of %d devices are in a batch", len(seen), len(jobs))
	}
}

func TestRunRefused(t *testing.T) {
	check := []devices.Check{{Name: "c", Timeout: time.Minute}}
	hook := []devices.Hook{{Name: "h", Timeout: time.Minute}}
	aon := devices.FleetOptions{AllOrNothing: true}
	with := func(o devices.FleetOptions, f func(*devices.FleetOptions)) devices.FleetOptions {
		f(&o)
		return o
	}
	site := []devices.Job{job("a", "x", ""), job("b", "x", "")}
	var many []devices.Job
	for n := range 64 {
		many = append(many, job(fmt.Sprint(n), "x", ""))
	}
	for _, c := range []struct {
		name string
		jobs []devices.Job
		opts devices.ApplyOptions
		want string // "" is accepted
	}{
		{"twice", []devices.Job{job("a", "x", ""), job("a", "x", "")}, devices.ApplyOptions{}, "a is in the run twice"},
		{"a pair of two sites", []devices.Job{job("a", "x", "p"), job("b", "y", "p")}, devices.ApplyOptions{}, "of two sites"},
		{"serial pair", []devices.Job{job("a", "x", "p"), job("b", "x", "p")}, devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: aon}, "--pair together"},
		{"pair together", []devices.Job{job("a", "x", "p"), job("b", "x", "p")}, devices.ApplyOptions{
			Confirm: 3 * time.Minute, FleetOptions: with(aon, func(o *devices.FleetOptions) { o.Pairs = devices.Together }),
		}, ""},
		{"two sites", []devices.Job{job("a", "x", ""), job("b", "y", "")}, devices.ApplyOptions{Confirm: 3 * time.Minute, FleetOptions: aon}, "--across-sites"},
		{"batches", site, devices.ApplyOptions{
			Confirm: 3 * time.Minute, FleetOptions: with(aon, func(o *devices.FleetOptions) { o.Batches = devices.Batches{{Devices: 1}} }),
		}, "--batch"},
		{"no window", site, devices.ApplyOptions{FleetOptions: aon}, "needs a confirm window"},
		{"a check too long", site, devices.ApplyOptions{Confirm: time.Minute, Checks: check, FleetOptions: aon}, "needs a window of 1m33s"},
		{"checks at the same time", many, devices.ApplyOptions{Confirm: 3 * time.Minute, Checks: check, FleetOptions: aon}, ""},
		{"hooks in waves", many, devices.ApplyOptions{
			Confirm: 4 * time.Minute, FleetOptions: with(aon, func(o *devices.FleetOptions) { o.Hooks = hook }),
		}, "--confirm 6m"},
		{"hooks of more at once", many, devices.ApplyOptions{
			Confirm: 4 * time.Minute, FleetOptions: with(aon, func(o *devices.FleetOptions) { o.Hooks, o.Parallel = hook, 64 }),
		}, ""},
	} {
		_, err := devices.PlanBatches(c.jobs, c.opts)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if !errors.Is(err, devices.ErrRun) || !strings.Contains(err.Error()+devices.Hint(err), c.want) {
			t.Errorf("%s: %v (%s), want %q", c.name, err, devices.Hint(err), c.want)
		}
	}
}
