package inventory

import (
	"net/netip"
	"time"
)

// ASN is a BGP autonomous system number (RFC 6793).
type ASN uint32

// Network is everything the inventory says, read, merged, validated and with its references resolved. It is read-only
// after Load; slices are sorted (sites, devices, hosts and services by name), so that what is rendered from it is the
// same every time.
type Network struct {
	Dir      string         // the tree it was read from
	Private  string         // the private tree that lies on top; empty: none
	Domain   string         // example.net; a device `cr1.ams` has the FQDN cr1.ams.example.net
	ASN      ASN            // our own AS
	Prefixes []netip.Prefix // our own address space, the prefix-lists own-space4 and own-space6

	Sites    []*Site
	Devices  []*Device
	Hosts    []*Host
	Services []*Service
	Pools    []*Pool // of pools.yaml, sorted by cluster and service

	Overrides []*Override // dated exceptions, sorted by file and path; expired ones too: an expired override stays in force
	Warnings  []Problem   // what is doubtful but does not stop anything, sorted by file and line

	Freezes []*Freeze      // when nothing is to be changed, in the order of the tree
	Hooks   []*Hook        // who is told of changes, sorted by name
	Commit  CommitDefaults // what flags of changing commands are where they are not given

	PolicyFiles     []DataFile // policies/, sorted by path
	DefinitionFiles []DataFile // definitions/, sorted by path

	values map[*Device]*node // merged values of a device, each with its sources; nil in a Network built by hand
	shared *node             // the services and the values of common.yaml alone
}

// Site is a point of presence.
type Site struct {
	Name            string
	Description     string
	ServicePrefixes []netip.Prefix // where this site's VIPs come from: LVS-service-ips, LVS-service-ips6, aggregates
	PingOffload     *PingOffload   // nil: the site has no offload and renders nothing of it

	Devices   []*Device // routers of the site
	Directors []*Host
	PingHosts []*Host
	VIPs      []VIP // of all services here, sorted by address; services on several ports of one address give several
}

// PingOffload says how echo requests for VIPs leave the directors' path (SAFETY.md 21).
type PingOffload struct {
	Mode      string         // `term`: the filter term sends to the ping host by next-ip (the only mode so far)
	Redirect4 *Host          // who answers for IPv4 VIPs; nil: none, and VIPs has no IPv4
	Redirect6 *Host          // who answers for IPv6 VIPs; nil: none, and VIPs has no IPv6
	VIPs      []VIP          // which VIPs are offloaded, sorted by address; one for each address, however many services share it
	RateLimit RateLimit      // what a ping host answers
	Exempt    []netip.Prefix // sources whose pings are never offloaded on transport links (no-offload-ping4/6): our own space by default
}

// RateLimit bounds what a ping host answers; requests above it are dropped and counted.
type RateLimit struct {
	TotalPPS     uint32         // packets per second of all sources together; 0: no limit
	PerSourcePPS uint32         // of one source; 0: no limit
	Exempt       []netip.Prefix // sources without a limit: our own space by default
}

// HostKind is what a host is for.
type HostKind string

// The kinds of a host.
const (
	Director HostKind = "director"
	PingHost HostKind = "ping"
)

// Host is a server that the routers' configuration points at.
type Host struct {
	Name  string // lb1.ams
	FQDN  string
	Kind  HostKind
	Site  *Site
	Addr4 netip.Addr // always set
	Addr6 netip.Addr // zero: no IPv6
	MED   uint32     // a director's: 0 primary, 100 backup, 200 avoid
}

// Service is a load-balanced service, in the shape of a service catalogue.
type Service struct {
	Name        string
	Description string
	Encryption  bool   // it speaks TLS
	Protocol    string // tcp, udp
	Port        uint16
	Class       string // low-traffic, high-traffic1, high-traffic2; empty: the service is not load-balanced and has no VIPs
	State       string // service_setup, lvs_setup, production
	Enabled     bool   // lvs.enabled: directors carry it once its state allows
	Unannounced bool   // lvs.bgp is false: directors carry it and do not announce it
	VIPs        []VIP  // at every site, sorted by site and address
	Sites       []*Site
	Balancing   *Balancing // nil: not load-balanced

	Page              bool // a failing probe pages
	Probes            []Probe
	Discovery         []Discovery
	Role              string
	PublicEndpoint    string
	Aliases           []string
	PublicAliases     []string
	HTTPBBDir         string
	Team              string
	StaysOnSwitchover bool // exclude_from_switchover
}

// Announced says whether directors announce the service's VIPs: it is load-balanced, enabled, and past service_setup.
func (s *Service) Announced() bool {
	return s.Class != "" && s.Enabled && !s.Unannounced && s.State != "service_setup"
}

// Carried says whether directors forward the service: it is load-balanced, enabled, and past service_setup.
func (s *Service) Carried() bool { return s.Class != "" && s.Enabled && s.State != "service_setup" }

// Monitored says whether the service is probed and in DNS: it is in production.
func (s *Service) Monitored() bool { return s.State == "production" }

// Balancing is how directors spread a service over its servers.
type Balancing struct {
	Scheduler       string  // wrr, mh, …: its name in IPVS
	SchedulerFlag   string  // mh-port, mh-fallback, sh-port, sh-fallback; empty: none
	DepoolThreshold float64 // 0 to 1: the share of servers that stays in, whatever the checks say
	IPIP            []*Site // where packets go to the servers in IPIP, sorted by name
	Monitors        Monitors
	PoolName        PoolName // zero: none
	Pool            *Pool    // nil: there is no pools.yaml, the servers come from elsewhere
}

// Monitors are the health checks of a service; every one that is there must pass. Zero values of their parameters are
// the director's defaults.
type Monitors struct {
	ProxyFetch     *ProxyFetch
	IdleConnection *IdleConnection
	RunCommand     *RunCommand
	DNSQuery       *DNSQuery
	UDP            *UDPCheck
}

// ProxyFetch fetches a page from the server.
type ProxyFetch struct {
	URLs              []string
	Interval, Timeout time.Duration
	Status            uint16
	CheckAll          bool // every URL each round, not one by chance
	MaxFailures       uint16
}

// IdleConnection holds a TCP connection open.
type IdleConnection struct {
	MaxDelay, TimeoutCleanReconnect  time.Duration
	NoKeepalive                      bool
	KeepaliveRetries                 uint16
	KeepaliveIdle, KeepaliveInterval time.Duration
}

// RunCommand runs a program.
type RunCommand struct {
	Command           string
	Arguments         []string
	Interval, Timeout time.Duration
	NoTimeout         bool // `timeout: 0`
	Quiet             bool // its output is not logged
}

// DNSQuery asks the server for names.
type DNSQuery struct {
	Hostnames         []string
	Interval, Timeout time.Duration
	FailOnNXDOMAIN    bool
}

// UDPCheck sends empty datagrams.
type UDPCheck struct {
	Interval, ICMPTimeout time.Duration
}

// Probe is a check of a service from outside.
type Probe struct {
	Type              string // http, swagger, tcp, tcp-notls
	Host, Path        string
	Timeout           time.Duration // 0: the prober's default
	ValidStatusCodes  []uint16      // none: 200 to 299
	MustContainRegexp string
	PostJSON          string
	ExpectSSO         bool
	ExpectRedirect    bool
}

// Discovery is a DNS record by which the service is found.
type Discovery struct {
	Name         string
	ActiveActive bool // several sites answer
}

// PoolName says where the servers of a service are listed: conftool's cluster and service.
type PoolName struct{ Cluster, Service string }

// Pool is the servers of one or more services.
type Pool struct {
	Name     PoolName
	Backends []*Backend // sorted by site and host
}

// Pooled is what an operator wants of a backend.
type Pooled string

// The states of a backend. Inactive counts as not being in the pool at all.
const (
	PooledYes      Pooled = "yes"
	PooledNo       Pooled = "no"
	PooledInactive Pooled = "inactive"
)

// Backend is a server of a pool.
type Backend struct {
	Site   *Site
	Host   string
	Addr4  netip.Addr // zero: none; one of the two is set
	Addr6  netip.Addr
	Weight uint16 // 0: no new flows
	Pooled Pooled
}

// VIP is one virtual address of a service at a site.
type VIP struct {
	Service *Service
	Site    *Site
	Label   string // `default` when the service has only one
	Addr    netip.Addr
}

// Device is a router that we configure.
type Device struct {
	Name   string // cr1.ams
	FQDN   string // cr1.ams.example.net
	Role   string // core
	Type   string // hardware model: mx204
	Status string // active, staged, planned
	Site   *Site

	RouterID   netip.Addr // of a role without BGP it may be invalid: not set
	Loopback4  netip.Addr // the same
	Loopback6  netip.Addr
	Management Management
	Transport  Speech
	Interfaces []*Interface // in natural order of their names; neither lo0 (Loopback4, Loopback6) nor the management one
	Users      []User       // sorted by name

	NTPServers    []netip.Addr
	NameServers   []netip.Addr
	SyslogHosts   []netip.Addr
	StaticRoutes  []StaticRoute
	LVS           LVS
	Transits      []*Peer   // external BGP peers on our border, sorted by address
	InternalPeers []*Device // the other routers of our role that are not `planned`, sorted by name: iBGP between loopbacks; none for a role without BGP

	Policies        []string            // the files in policies/ that it chooses
	Vars            map[string][]string // for the ${NAME} of policies: each of one or several words
	LoopbackFilters *AttachedFilters    // on lo0, for what is addressed to the device itself; nil: none

	ECMP        bool       // packets are shared flow by flow among equal paths
	Maintenance bool       // BGP neighbours are asked to use the router last: GRACEFUL_SHUTDOWN (RFC 8326)
	OSPFExport  []Exported // what OSPF is told beside the links, sorted
	IBGP        IBGP

	RootPassword   Secret           // zero: not set by us
	SNMP           *SNMP            // nil: none
	Checks         Checks           // how a commit is judged
	IgnoreWarnings []IgnoredWarning // what it says and does not matter

	VLANs            []*VLAN
	Zones            []*Zone          // of a firewall, sorted by name
	SecurityPolicies []SecurityPolicy // in the order in which they decide
}

// Exported is a kind of route that OSPF is told.
type Exported string

// What OSPF may be told: the aggregates of the site's service prefixes, the VIPs that directors announce.
const (
	ExportAggregates Exported = "aggregates"
	ExportServices   Exported = "services"
)

// IBGP is the sessions between a device and its InternalPeers.
type IBGP struct {
	Services bool // the peers are told the VIPs (/32, /128) that our site's directors announce
	BFD      *BFD // nil: none
	Auth     *Auth
}

// BFD is bidirectional forwarding detection with a BGP neighbour (RFC 5880, RFC 5882).
type BFD struct {
	IntervalMilliseconds uint32 // between packets, both ways
	Multiplier           uint8  // packets missed until the neighbour is down
}

// AuthMethod is how a BGP session is authenticated.
type AuthMethod string

// The methods: TCP-MD5 (RFC 2385), TCP-AO (RFC 5925).
const (
	MD5 AuthMethod = "md5"
	AO  AuthMethod = "ao"
)

// Auth is the authentication of BGP sessions; a nil one is none.
type Auth struct {
	Method            AuthMethod
	Key               Secret
	Algorithm         string // of AO: hmac-sha-1-96, aes-128-cmac-96 (RFC 5926)
	SendID, ReceiveID uint8  // of AO: our key id, the neighbour's
}

// SNMP is how the device is monitored. Whoever asks may read and never write.
type SNMP struct {
	Contact, Location string
	Communities       []SNMPCommunity // sorted by name
	TrapTargets       []netip.Addr
}

// SNMPCommunity is a community string and who may use it.
type SNMPCommunity struct {
	Name      string // ours, not the community string
	Community Secret
	Clients   []netip.Prefix
}

// VLAN is a VLAN of a switch.
type VLAN struct {
	Name        string
	ID          uint16
	Description string
	IRB         *Unit // the switch's own interface in it, a unit of irb; nil: none
}

// Zone is a security zone of a firewall.
type Zone struct {
	Name       string
	Interfaces []string // ge-0/0/1.0
	Services   []string // what may reach the device itself (Junos host-inbound-traffic system-services)
	Protocols  []string // routing protocols spoken there
}

// SecurityPolicy says what may pass from one zone to another. What no policy permits is dropped.
type SecurityPolicy struct {
	Name, From, To      string
	Source, Destination []netip.Prefix // none: any
	Applications        []string       // Junos applications, none: any
	Action              string         // permit, deny, reject
	Log                 bool
}

// Speech is how a device is spoken to.
type Speech string

// The ways to speak to a device.
const (
	NETCONF Speech = "netconf" // the default
	CLI     Speech = "cli"     // the command line, where NETCONF is not to be had
)

// Management is how the device is reached for management.
type Management struct {
	Interface string // fxp0
	Address   netip.Prefix
	Gateway   netip.Addr
}

// LVS is the routers' side of the directors' BGP sessions.
type LVS struct {
	PeerASN         ASN
	HoldTimeSeconds uint16
	PrefixLimit     uint32  // announcements accepted on a session
	TeardownPercent uint8   // warn at this share of PrefixLimit
	Neighbors       []*Host // the site's directors

	Multipath        bool  // traffic is shared among directors whose announcements are equally good
	BFD              *BFD  // nil: the hold time alone finds a dead director
	Auth             *Auth // nil: none
	GracefulShutdown bool  // a VIP announced with GRACEFUL_SHUTDOWN (RFC 8326) is used last
}

// InterfaceKind says what an interface is connected to; it decides the filters on it.
type InterfaceKind string

// The kinds of an interface: border (transit, peering) takes border-in4/6, transport (to another site of ours) takes
// transport-in4/6, internal and server take none.
const (
	Border    InterfaceKind = "border"
	Transport InterfaceKind = "transport"
	Internal  InterfaceKind = "internal"
	Servers   InterfaceKind = "servers"
)

// Interface is a physical interface with its units.
type Interface struct {
	Name        string
	Description string
	MTU         uint16  // 0: the platform's default
	Units       []*Unit // by number

	// A switch port has no units and either an access VLAN or a trunk.
	Access *VLAN
	Trunk  []*VLAN // sorted by id
	Native *VLAN   // of a trunk: untagged frames; nil: none
}

// Unit is a logical interface.
type Unit struct {
	Number      int
	Description string
	Kind        InterfaceKind
	VLAN        uint16           // 0: untagged
	Addresses   []netip.Prefix   // v4 before v6, as given within a family
	Metric      uint16           // OSPF cost on internal and transport links; 0: default
	Filters     *AttachedFilters // nil: those of the kind
}

// Peer is an external BGP neighbour.
type Peer struct {
	Name        string // the provider
	Addr        netip.Addr
	ASN         ASN
	PrefixLimit uint32
	BFD         *BFD  // nil: none
	Auth        *Auth // nil: none
}

// User is a login on the device.
type User struct {
	Name    string
	UID     int
	Class   string
	SSHKeys []string // authorized_keys lines

	Password Secret // zero: keys alone
}

// StaticRoute is a route set by hand.
type StaticRoute struct {
	Prefix  netip.Prefix
	NextHop netip.Addr // zero: discard
}

// Action is what an override does to a node of the rendered configuration.
type Action string

// Deactivate renders the node as `inactive:`.
const Deactivate Action = "deactivate"

// Override is a dated, task-named exception to the rendered configuration (SAFETY.md 10).
type Override struct {
	File    string // the file in overrides/ that says it
	Task    string // T123456
	Reason  string
	Since   time.Time
	Expires time.Time // always set; past it the override stays in force and is a warning: a person decides
	Query   string    // as written: site:ams
	Devices []*Device // the devices that Query selects, sorted by name
	Path    []string  // the words of the node: firewall family inet filter border-in4 term offload-ping4
	Action  Action
}

// Expired says whether the override has outlived its date.
func (o *Override) Expired(now time.Time) bool { return !now.Before(o.Expires) }

// Kind is what a query's `kind:` compares with: all devices are routers so far.
func (d *Device) Kind() string { return "router" }
