package forward

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// settle is how long Watch waits for more changes before it looks: a routing daemon moves many routes at once.
const settle = 10 * time.Millisecond

// Watch keeps the hosts of next-ip reachable as the routes of the namespace change: it calls Resolve after changes of
// routes and links, until the context ends. A link that goes down takes its routes away before Watch hears of it; packets
// for hosts behind it are dropped from then on. A nil logger says nothing.
func (k *Kernel) Watch(ctx context.Context, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	done := make(chan struct{})
	defer close(done)
	var ns *netns.NsHandle
	if k.namespace != 0 {
		h := netns.NsHandle(k.namespace)
		ns = &h
	}
	lost := make(chan error, 2)
	fail := func(err error) {
		select {
		case lost <- err:
		default:
		}
	}
	routes, links := make(chan netlink.RouteUpdate, 64), make(chan netlink.LinkUpdate, 64)
	if err := netlink.RouteSubscribeWithOptions(routes, done, netlink.RouteSubscribeOptions{Namespace: ns, ErrorCallback: fail}); err != nil {
		return fmt.Errorf("watch routes: %w", err)
	}
	if err := netlink.LinkSubscribeWithOptions(links, done, netlink.LinkSubscribeOptions{Namespace: ns, ErrorCallback: fail}); err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	look := time.NewTimer(0) // once at the beginning: what changed before is seen, too
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-lost:
			return fmt.Errorf("watch routes: %w", err)
		case u, ok := <-routes:
			if !ok {
				return fmt.Errorf("watch routes: the kernel ended it")
			}
			if u.Table < nextIPTables { // ours are the answer, not the question
				look.Reset(settle)
			}
		case _, ok := <-links:
			if !ok {
				return fmt.Errorf("watch links: the kernel ended it")
			}
			look.Reset(settle)
		case <-look.C:
			if err := k.Resolve(); err != nil {
				log.Warn("next-ip is not resolved", "err", err)
			}
		}
	}
}
