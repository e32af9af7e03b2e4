package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The metrics of drift, in the text format of Prometheus.
const (
	metricDrift   = "rhapsode_drift"
	metricUp      = "rhapsode_drift_up"
	metricSuccess = "rhapsode_drift_last_success_timestamp_seconds"
)

var successLine = regexp.MustCompile(`(?m)^` + metricSuccess + `\{device="([^"\\]+)"\} ([0-9]+)$`)

// driftMetrics writes the metrics. before is when each device was read last, for those that could not be read now: whether
// they have drifted is not known, and left out.
func driftMetrics(found []drifted, before map[string]int64, now time.Time) string {
	var drift, up, success strings.Builder
	for _, d := range found {
		name := strconv.Quote(d.device.FQDN)
		at, seen := before[d.device.FQDN]
		ok := 0
		if d.err == nil {
			ok, at, seen = 1, now.Unix(), true
			fmt.Fprintf(&drift, "%s{device=%s} %d\n", metricDrift, name, min(len(d.kinds()), 1))
		}
		fmt.Fprintf(&up, "%s{device=%s} %d\n", metricUp, name, ok)
		if seen {
			fmt.Fprintf(&success, "%s{device=%s} %d\n", metricSuccess, name, at)
		}
	}
	return fmt.Sprintf(`# HELP %[1]s Whether the router runs something else than the inventory renders.
# TYPE %[1]s gauge
%[2]s# HELP %[3]s Whether the router could be read the last time.
# TYPE %[3]s gauge
%[4]s# HELP %[5]s When the router was read last.
# TYPE %[5]s gauge
%[6]s`, metricDrift, drift.String(), metricUp, up.String(), metricSuccess, success.String())
}

// writeDriftMetrics replaces the file at once: a collector reads the old one or the new one.
func writeDriftMetrics(name string, found []drifted, now time.Time) error {
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write metrics: %w", err)
	}
	before := map[string]int64{}
	for _, m := range successLine.FindAllStringSubmatch(string(old), -1) {
		if at, err := strconv.ParseInt(m[2], 10, 64); err == nil {
			before[m[1]] = at
		}
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone already after the rename
	_, err = tmp.WriteString(driftMetrics(found, before, now))
	// The collector is another user; there is nothing in it that a name of a router would not tell.
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write metrics %s: %w", name, err)
	}
	return nil
}
