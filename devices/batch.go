package devices

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// BatchSize is how many devices a batch has at most: a number, or a share of the run in percent. One of the two is set.
type BatchSize struct {
	Devices int
	Percent int
}

// of gives the size in a run of n devices: at least one, and a share is rounded down, so that no more is at stake than
// was asked for.
func (s BatchSize) of(n int) int {
	if s.Percent > 0 {
		return max(1, n*s.Percent/100)
	}
	return max(1, s.Devices)
}

// String is the size as it is written: 5 or 25%.
func (s BatchSize) String() string {
	if s.Percent > 0 {
		return fmt.Sprintf("%d%%", s.Percent)
	}
	return strconv.Itoa(s.Devices)
}

// Batches are the sizes of the batches of a run, in order; the last one repeats. None is one unit at a time: a device,
// or with Together a pair.
type Batches []BatchSize

// String is the sizes as they are written: 1,25%.
func (b Batches) String() string {
	s := make([]string, len(b))
	for i, size := range b {
		s[i] = size.String()
	}
	return strings.Join(s, ",")
}

// MarshalText is String.
func (b Batches) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads sizes with commas between them: `1,25%`. A size is a whole number of devices from 1, or a whole
// percentage from 1% to 100%.
func (b *Batches) UnmarshalText(text []byte) error {
	var out Batches
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		digits, percent := strings.CutSuffix(part, "%")
		n, err := strconv.ParseUint(digits, 10, 31)
		switch {
		case part == "":
			return fmt.Errorf("batch sizes %q: a size is missing: write sizes with commas between them, like 1,25%%", text)
		case errors.Is(err, strconv.ErrRange):
			return fmt.Errorf("batch size %q is too large", part)
		case err != nil:
			return fmt.Errorf("batch size %q is neither a number of devices nor a percentage: write sizes like 1,25%%", part)
		case n == 0:
			return fmt.Errorf("batch size %q: a batch has at least one device", part)
		case percent && n > 100:
			return fmt.Errorf("batch size %q is more than all devices", part)
		case percent:
			out = append(out, BatchSize{Percent: int(n)})
		default:
			out = append(out, BatchSize{Devices: int(n)})
		}
	}
	*b = out
	return nil
}

// Batch is a part of a run that is begun when all of the part before it is confirmed.
type Batch struct {
	// Units are the numbers of the jobs. The devices of a unit, a pair in mode Together, go in step; the units of a
	// batch go side by side, ApplyOptions.Parallel devices at once.
	Units [][]int
	// Site is the one that all its devices are of, "" if they are of several.
	Site string
}

// Jobs are the numbers of the batch's jobs, in the order of the run.
func (b Batch) Jobs() []int {
	out := slices.Concat(b.Units...)
	slices.Sort(out)
	return out
}

// PlanBatches divides a run into batches. It is what Run.Apply goes by, and pure: ask it before the person is asked.
//
// Each batch is filled in the order of the jobs, as far as its size goes. Left for a later batch are: a device whose
// pair has one in this batch (but in mode Together a pair is one unit, which a batch holds even if it is larger than the
// size), and, unless opts.AcrossSites, one of another site than the batch's first. So a batch may be smaller than its
// size; the next one has the next size all the same. With AllOrNothing everything is one batch.
//
// The error is a *RunError: a device is in the run twice, or the options contradict each other or the devices.
func PlanBatches(jobs []Job, opts ApplyOptions) ([]Batch, error) {
	if err := checkRun(jobs, opts); err != nil {
		return nil, err
	}
	units := unitsOf(jobs, opts.Pairs)
	if opts.AllOrNothing {
		if len(jobs) == 0 {
			return nil, nil
		}
		return []Batch{{Units: units, Site: siteOf(jobs, units)}}, nil
	}
	sizes := opts.Batches
	if len(sizes) == 0 {
		sizes = Batches{{Devices: 1}}
	}
	var out []Batch
	for n := 0; len(units) > 0; n++ {
		b, rest := fill(jobs, units, sizes[min(n, len(sizes)-1)].of(len(jobs)), opts.AcrossSites)
		out = append(out, b)
		units = rest
	}
	return out, nil
}

// fill takes what fits into one batch.
func fill(jobs []Job, units [][]int, size int, across bool) (b Batch, rest [][]int) {
	count := 0
	pairs := map[string]bool{}
	first := jobs[units[0][0]]
	for _, u := range units {
		j := jobs[u[0]]
		if count > 0 && (count+len(u) > size || j.Pair != "" && pairs[j.Pair] || !across && j.Site != first.Site) {
			rest = append(rest, u)
			continue
		}
		count += len(u)
		pairs[j.Pair] = true
		b.Units = append(b.Units, u)
	}
	b.Site = siteOf(jobs, b.Units)
	return b, rest
}

func siteOf(jobs []Job, units [][]int) string {
	site := jobs[units[0][0]].Site
	for _, u := range units {
		for _, i := range u {
			if jobs[i].Site != site {
				return ""
			}
		}
	}
	return site
}

// unitsOf groups the numbers of the jobs into what goes in step: pairs in mode Together, in the order in which they
// appear; else each device.
func unitsOf(jobs []Job, mode PairMode) [][]int {
	var out [][]int
	at := map[string]int{}
	for i, j := range jobs {
		if n, ok := at[j.Pair]; ok && j.Pair != "" && mode == Together {
			out[n] = append(out[n], i)
			continue
		}
		at[j.Pair] = len(out)
		out = append(out, []int{i})
	}
	return out
}

// checkRun refuses what cannot be done as it is asked for.
func checkRun(jobs []Job, opts ApplyOptions) error {
	seen := map[string]bool{}
	pairs := map[string]string{} // the site, and with AllOrNothing the first device
	for _, j := range jobs {
		if seen[j.Plan.Device] {
			return &RunError{Reason: fmt.Sprintf("%s is in the run twice", j.Plan.Device)}
		}
		seen[j.Plan.Device] = true
		if j.Pair == "" {
			continue
		}
		if site, ok := pairs[j.Pair]; ok && site != j.Site {
			return &RunError{Reason: fmt.Sprintf("the devices of the pair %s are of two sites, %q and %q", j.Pair, site, j.Site)}
		} else if ok && opts.AllOrNothing && opts.Pairs == Serial {
			return &RunError{
				Reason: fmt.Sprintf("all or nothing changes all devices of the pair %s at the same time", j.Pair),
				Advice: "ask for that with `--pair together`, or leave out one of the two",
			}
		}
		pairs[j.Pair] = j.Site
	}
	if !opts.AllOrNothing {
		return nil
	}
	return checkAllOrNothing(jobs, opts)
}

func checkAllOrNothing(jobs []Job, opts ApplyOptions) error {
	if len(opts.Batches) > 0 {
		return &RunError{
			Reason: "all or nothing confirms all devices at once, batches confirm one after the other",
			Advice: "use one of `--all-or-nothing` and `--batch`",
		}
	}
	if opts.Confirm == 0 {
		return &RunError{
			Reason: "all or nothing needs a confirm window: without one nothing can be taken back",
			Advice: "say how long with `--confirm`",
		}
	}
	if !opts.AcrossSites {
		for _, j := range jobs {
			if j.Site != jobs[0].Site {
				return &RunError{
					Reason: fmt.Sprintf("all or nothing changes the sites %q and %q at the same time", jobs[0].Site, j.Site),
					Advice: "ask for that with `--across-sites`, or make one run a site",
				}
			}
		}
	}
	if need := windowNeeded(jobs, opts, 0); opts.Confirm < need {
		return windowError(len(jobs), opts, need)
	}
	return nil
}
