package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rhapsode/cmd/internal/cli"
	"rhapsode/labs/router"
)

const stateHelp = `Say what runs on the router, as its show commands then have it. No protocol runs by itself: what was not fed is Idle,
down or not there. What is fed is shown while the configuration has it (a BGP session its neighbor, a counter its filter).

  state bgp PEER STATE [received N] [accepted N] [active N] [advertised N] [rib TABLE] [instance NAME] [flaps N] [error TEXT]
        STATE: established, idle, active, connect, opensent, openconfirm. The counts are of the last "rib", else of inet.0 or inet6.0
  state route PREFIX protocol NAME [next-hop ADDRESS]… [via INTERFACE] [kind discard|reject] [table NAME] [preference N]
        [med N] [localpref N] [as-path PATH] [from ADDRESS] [inactive]
  state interface NAME up|down [speed TEXT]
  state alarm major|minor TEXT [type TYPE]
  state counter FILTER NAME PACKETS BYTES
  state lldp INTERFACE SYSTEM [port PORT] [chassis ID]
  state engine SLOT [mastership WORD] [status WORD]
  state load FILE|-    all of it as one JSON document (docs/labrouter.md)
  state show           what was fed, as that document
  state clear          forget it

Each may end in
  up DURATION          it has been so that long
  absent               take it away: a route is withdrawn, an alarm cleared
  when REGEX           only while a set line of the active configuration matches; "!REGEX": while none does. Of several that
                       hold the last one fed counts. So a commit can make a session drop, and a rollback brings it back

Exit codes: 0 fed, 1 refused or failed, 2 wrong usage.`

const stateExamples = `  labrouter ctl /tmp/cr1.sock state bgp 192.0.2.2 established received 12 accepted 12 active 10
  labrouter ctl /tmp/cr1.sock state bgp 192.0.2.2 idle when 'filter border-in4 term bad '
  labrouter ctl /tmp/cr1.sock state route 198.51.100.10/32 protocol bgp next-hop 192.0.2.31 when '!filter border-in4 term bad '
  labrouter ctl /tmp/cr1.sock state alarm major "PEM 1 Not Powered"
  labrouter ctl /tmp/fleet.sock --router '*' state load state.json`

func (x *ctl) state() *cobra.Command {
	replace := false
	cmd := &cobra.Command{
		Use: "state bgp|route|interface|alarm|counter|lldp|engine|load|show|clear …", Short: "say what runs on the router",
		Long: stateHelp, Example: stateExamples,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := router.ControlRequest{Do: "state", Replace: replace}
			w := &stateWords{words: args}
			switch what := w.next("what to feed"); {
			case w.err != nil:
			case what == "show" && len(args) == 1:
			case what == "clear" && len(args) == 1:
				q.Replace = true
			case what == "load" && len(args) == 2:
				var err error
				if q.State, err = x.readState(args[1]); err != nil {
					return err
				}
			default:
				q.State = w.operational(what)
			}
			if w.err != nil {
				return cli.Hint(cli.WithCode(cli.Usage, fmt.Errorf("state: %w", w.err)), "see `labrouter ctl PATH state --help`")
			}
			return x.ask(cmd.Context(), q)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVar(&replace, "replace", false, "forget what was fed before")
	return cmd
}

// readState reads a document from a file or, for -, from stdin.
func (x *ctl) readState(name string) (*router.Operational, error) {
	data, err := []byte(nil), error(nil)
	if name == "-" {
		data, err = io.ReadAll(x.streams.In)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var s router.Operational
	if err := d.Decode(&s); err != nil {
		return nil, fmt.Errorf("read state %s: %w", name, err)
	}
	return &s, nil
}

// stateWords reads the words of a state in turn; the first error stays.
type stateWords struct {
	words []string
	err   error
}

func (w *stateWords) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *stateWords) next(what string) string {
	if len(w.words) == 0 {
		w.fail("%s is missing", what)
		return ""
	}
	word := w.words[0]
	w.words = w.words[1:]
	return word
}

func (w *stateWords) number(what string) int {
	word := w.next(what)
	n, err := strconv.Atoi(word)
	if err != nil || n < 0 {
		w.fail("%s %q: expected a number", what, word)
	}
	return n
}

func (w *stateWords) address(what string) netip.Addr {
	word := w.next(what)
	a, err := netip.ParseAddr(word)
	if err != nil {
		w.fail("%s %q: expected an address", what, word)
	}
	return a
}

// options reads keywords to the end. The conditions that all have are read here, the others by take, which is false for a
// word that it does not know.
func (w *stateWords) options(c *router.Condition, take func(word string) bool) {
	for len(w.words) > 0 && w.err == nil {
		switch word := w.next("a word"); word {
		case "when":
			c.When = w.next("the expression after when")
		case "absent":
			c.Absent = true
		case "up":
			d, err := time.ParseDuration(w.next("the duration after up"))
			if err != nil {
				w.fail("up: %w", err)
			}
			c.Since = time.Now().UTC().Add(-d)
		default:
			if !take(word) {
				w.fail("unknown word %q", word)
			}
		}
	}
}

func nothing(string) bool { return false }

func (w *stateWords) operational(what string) *router.Operational {
	s := &router.Operational{}
	switch what {
	case "bgp":
		s.BGP = []router.BGPPeer{w.bgp()}
	case "route":
		s.Routes = []router.Route{w.route()}
	case "interface":
		i := router.InterfaceState{Name: w.next("the name of an interface")}
		state := w.next("up or down")
		if i.Up = state == "up"; state != "up" && state != "down" {
			w.fail("%q: expected up or down", state)
		}
		w.options(&i.Condition, func(word string) bool {
			if word == "speed" {
				i.Speed = w.next("the speed")
			}
			return word == "speed"
		})
		s.Interfaces = []router.InterfaceState{i}
	case "alarm":
		a := router.Alarm{Class: w.next("major or minor"), Description: w.next("the text of the alarm")}
		w.options(&a.Condition, func(word string) bool {
			if word == "type" {
				a.Type = w.next("the type")
			}
			return word == "type"
		})
		s.Alarms = []router.Alarm{a}
	case "counter":
		c := router.Counter{Filter: w.next("a filter"), Name: w.next("a counter")}
		c.Packets, c.Bytes = uint64(w.number("packets")), uint64(w.number("bytes"))
		w.options(&c.Condition, nothing)
		s.Counters = []router.Counter{c}
	case "lldp":
		s.LLDP = []router.LLDPNeighbor{w.lldp()}
	case "engine":
		s.Engines = []router.EngineState{w.engine()}
	default:
		w.fail("%q: expected bgp, route, interface, alarm, counter, lldp, engine, load, show or clear", what)
	}
	return s
}

func (w *stateWords) bgp() router.BGPPeer {
	p := router.BGPPeer{Peer: w.address("the peer"), State: w.next("the state of the session")}
	rib := func() *router.PeerRIB {
		if len(p.RIBs) == 0 {
			p.RIBs = append(p.RIBs, router.PeerRIB{})
		}
		return &p.RIBs[len(p.RIBs)-1]
	}
	w.options(&p.Condition, func(word string) bool {
		switch word {
		case "rib":
			p.RIBs = append(p.RIBs, router.PeerRIB{Name: w.next("the name of a table")})
		case "received":
			rib().Received = w.number(word)
		case "accepted":
			rib().Accepted = w.number(word)
		case "active":
			rib().Active = w.number(word)
		case "advertised":
			rib().Advertised = w.number(word)
		case "flaps":
			p.Flaps = w.number(word)
		case "error":
			p.LastError = w.next("the text of the error")
		case "instance":
			p.Instance = w.next("the name of an instance")
		default:
			return false
		}
		return true
	})
	return p
}

func (w *stateWords) route() router.Route {
	word := w.next("a prefix")
	prefix, err := netip.ParsePrefix(word)
	if err != nil {
		w.fail("%q: expected a prefix", word)
	}
	r := router.Route{Prefix: prefix}
	w.options(&r.Condition, func(word string) bool {
		switch word {
		case "protocol":
			r.Protocol = w.next(word)
		case "next-hop":
			r.NextHops = append(r.NextHops, router.NextHop{To: w.address(word)})
		case "via":
			if n := len(r.NextHops); n > 0 && r.NextHops[n-1].Via == "" {
				r.NextHops[n-1].Via = w.next(word)
				break
			}
			r.NextHops = append(r.NextHops, router.NextHop{Via: w.next(word)})
		case "kind":
			r.Kind = w.next(word)
			r.Kind = strings.ToUpper(r.Kind[:min(1, len(r.Kind))]) + r.Kind[min(1, len(r.Kind)):]
		case "table":
			r.Table = w.next(word)
		case "preference":
			r.Preference = w.number(word)
		case "med":
			r.MED = w.number(word)
		case "localpref":
			r.LocalPreference = w.number(word)
		case "as-path":
			r.ASPath = w.next(word)
		case "from":
			r.LearnedFrom = w.address(word)
		case "inactive":
			r.Inactive = true
		default:
			return false
		}
		return true
	})
	return r
}

func (w *stateWords) lldp() router.LLDPNeighbor {
	n := router.LLDPNeighbor{Local: w.next("an interface"), System: w.next("the name of a system")}
	w.options(&n.Condition, func(word string) bool {
		switch word {
		case "port":
			n.Port = w.next(word)
		case "chassis":
			n.Chassis = w.next(word)
		default:
			return false
		}
		return true
	})
	return n
}

func (w *stateWords) engine() router.EngineState {
	e := router.EngineState{Slot: w.number("the slot")}
	w.options(&e.Condition, func(word string) bool {
		switch word {
		case "mastership":
			e.Mastership = w.next(word)
		case "status":
			e.Status = w.next(word)
		default:
			return false
		}
		return true
	})
	return e
}
