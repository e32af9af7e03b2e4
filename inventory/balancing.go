package inventory

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// describe reads what a catalogue says of a service beside its load balancing.
func (l *loader) describe(s *Service, v *node) {
	page := v.get("page")
	s.Page = page == nil || page.isTrue()
	s.Role = v.get("role").string()
	s.PublicEndpoint = v.get("public_endpoint").string()
	s.Aliases = texts(v.get("aliases"))
	s.PublicAliases = texts(v.get("public_aliases"))
	s.HTTPBBDir = v.get("httpbb_dir").string()
	s.Team = v.get("team").string()
	s.StaysOnSwitchover = v.get("exclude_from_switchover").isTrue()
	for _, e := range v.get("sites").elements() {
		if site := l.siteOf[e.raw]; site != nil {
			s.Sites = append(s.Sites, site)
		}
	}
	bySite(s.Sites)
	for _, e := range v.get("discovery").elements() {
		s.Discovery = append(s.Discovery, Discovery{e.get("dnsdisc").string(), e.get("active_active").isTrue()})
	}
	for _, e := range v.get("probes").elements() {
		p := Probe{
			Type: e.get("type").string(), Host: e.get("host").string(), Path: e.get("path").string(),
			Timeout:           one(l, e.get("timeout"), parseDuration),
			MustContainRegexp: e.get("must_contain_regexp").string(), PostJSON: e.get("post_json").string(),
			ExpectSSO: e.get("expect_sso").isTrue(), ExpectRedirect: e.get("expect_redirect").isTrue(),
		}
		for _, code := range e.get("valid_status_codes").elements() {
			p.ValidStatusCodes = append(p.ValidStatusCodes, uint16(count(code)))
		}
		s.Probes = append(s.Probes, p)
	}
}

func bySite(sites []*Site) {
	slices.SortFunc(sites, func(a, b *Site) int { return cmp.Compare(a.Name, b.Name) })
}

// defaultThreshold is the depool threshold of a service that says none, as PyBal has it.
const defaultThreshold = 0.5

// balancing reads `lvs` of a service.
func (l *loader) balancing(s *Service, v *node) *Balancing {
	b := &Balancing{
		Scheduler:       cmp.Or(v.get("scheduler").string(), "wrr"),
		SchedulerFlag:   v.get("scheduler_flag").string(),
		DepoolThreshold: defaultThreshold,
		Monitors:        monitors(v.get("monitors")),
	}
	if t := v.get("depool_threshold"); t != nil {
		b.DepoolThreshold = decimal(t) // a number or text, '.5'
	}
	if flag := v.get("scheduler_flag"); flag != nil && (len(flag.raw) < 2 || flag.raw[:2] != b.Scheduler) && !l.services.broken {
		l.problems.add(flag.pos, "remove it, or change the scheduler", "service %s: the flag %s is not for the scheduler %s", s.Name, flag.raw, b.Scheduler)
	}
	b.PoolName, b.Pool = l.findPool(s, v.get("conftool"))
	l.encapsulation(s, b, v.get("ipip_encapsulation"))
	return b
}

// encapsulation resolves the sites of `ipip_encapsulation`; true stands for all of the service's.
func (l *loader) encapsulation(s *Service, b *Balancing, n *node) {
	if n == nil || l.services.broken {
		return
	}
	if n.isTrue() {
		b.IPIP = slices.Clone(s.Sites)
	}
	var known []string
	for _, site := range s.Sites {
		known = append(known, site.Name)
	}
	for _, e := range n.elements() {
		if slices.Contains(known, e.raw) {
			b.IPIP = append(b.IPIP, l.siteOf[e.raw])
		} else {
			l.problems.add(e.pos, meant(e.raw, "its sites", known), "service %s: ipip_encapsulation names %s, which is no site of the service", s.Name, e.raw)
		}
	}
	bySite(b.IPIP)
}

// monitors reads the health checks.
func monitors(v *node) Monitors {
	var m Monitors
	if n := v.get("ProxyFetch"); n != nil {
		m.ProxyFetch = &ProxyFetch{
			URLs: texts(n.get("url")), Interval: seconds(n.get("interval")), Timeout: seconds(n.get("timeout")),
			Status: uint16(count(n.get("http_status"))), CheckAll: n.get("check_all").isTrue(), MaxFailures: uint16(count(n.get("max_failures"))),
		}
		if one := n.get("url"); one != nil && one.shape == text {
			m.ProxyFetch.URLs = []string{one.raw}
		}
	}
	if n := v.get("IdleConnection"); n != nil {
		m.IdleConnection = &IdleConnection{
			MaxDelay: seconds(n.get("max-delay")), TimeoutCleanReconnect: seconds(n.get("timeout-clean-reconnect")),
			NoKeepalive: n.get("keepalive").string() == "false", KeepaliveRetries: uint16(count(n.get("keepalive-retries"))),
			KeepaliveIdle: seconds(n.get("keepalive-idle")), KeepaliveInterval: seconds(n.get("keepalive-interval")),
		}
	}
	if n := v.get("RunCommand"); n != nil {
		m.RunCommand = &RunCommand{
			Command: n.get("command").string(), Arguments: texts(n.get("arguments")),
			Interval: seconds(n.get("interval")), Timeout: seconds(n.get("timeout")), Quiet: n.get("log-output").string() == "false",
		}
		m.RunCommand.NoTimeout = n.get("timeout") != nil && m.RunCommand.Timeout == 0
	}
	for _, key := range []string{"DNS", "DNSQuery"} {
		if n := v.get(key); n != nil {
			m.DNSQuery = &DNSQuery{
				Hostnames: texts(n.get("hostnames")), Interval: seconds(n.get("interval")), Timeout: seconds(n.get("timeout")),
				FailOnNXDOMAIN: n.get("fail-on-nxdomain").isTrue(),
			}
		}
	}
	if n := v.get("UDP"); n != nil {
		m.UDP = &UDPCheck{Interval: seconds(n.get("interval")), ICMPTimeout: seconds(n.get("icmp-timeout"))}
	}
	return m
}

// decimal is a number, 0 for nothing.
func decimal(n *node) float64 {
	f, err := strconv.ParseFloat(n.string(), 64)
	if err != nil {
		return 0
	}
	return f
}

// seconds is a number of seconds, 0 for nothing.
func seconds(n *node) time.Duration {
	return time.Duration(math.Round(decimal(n) * float64(time.Second)))
}
