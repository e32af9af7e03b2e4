// Package bgp is the BGP speaker of the daemons and of the lab router: sessions, announcements and flow routes as full
// state that is put in force by difference, and what peers sent as it came, before any policy.
//
// It is built on an embedded GoBGP and decides nothing. What a peer sends stays in the peer's Adj-RIB-In: it is never
// preferred, never passed on, and never touches what is announced. Routes and Watch show it, and who wants to prefer or
// pass on a route does so outside and announces the outcome.
//
// A flow route that this package can originate is one thing alone: an echo request to one prefix goes to one ping host
// (EchoOffload, the one builder of SAFETY.md 23). What peers send in the flow families is parsed into FlowRoute, whatever
// it is, so that a check can alarm on it.
package bgp
