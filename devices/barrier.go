package devices

import (
	"context"
	"fmt"
	"sync"
)

// barrier lets devices that go together pass a step only when all of them got there. A device that fails ends the
// waiting of the others.
type barrier struct {
	mu     sync.Mutex
	size   int // devices that are still to come to a step
	gates  map[Step]*gate
	failed chan struct{}
	who    string // the first that failed
}

type gate struct {
	waiting int
	open    chan struct{}
	isOpen  bool
}

func newBarrier(size int) *barrier {
	return &barrier{size: size, gates: map[Step]*gate{}, failed: make(chan struct{})}
}

// pass waits until all devices are at the step.
func (b *barrier) pass(ctx context.Context, at Step) error {
	b.mu.Lock()
	g := b.gates[at]
	if g == nil {
		g = &gate{open: make(chan struct{})}
		b.gates[at] = g
	}
	g.waiting++
	b.openGates()
	b.mu.Unlock()
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.failed:
	}
	select {
	case <-g.open: // all were there before the failure
		return nil
	default:
		return fmt.Errorf("%w: %s", ErrOther, b.who)
	}
}

// openGates opens the gates at which all are waiting; b.mu is held.
func (b *barrier) openGates() {
	for _, g := range b.gates {
		if !g.isOpen && g.waiting > 0 && g.waiting >= b.size {
			g.isOpen = true
			close(g.open)
		}
	}
}

// leave is called by every device at its end. One that had nothing to change is not waited for.
func (b *barrier) leave(device string, failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if failed {
		if b.who == "" {
			b.who = device
			close(b.failed)
		}
		return
	}
	b.size--
	b.openGates()
}

// broken tells whether a device has failed, and which: the error is ErrOther.
func (b *barrier) broken() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.who == "" {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrOther, b.who)
}
