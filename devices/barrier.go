package devices

import (
	"context"
	"errors"
	"sync"
)

// errOther ends a device's part of a pair because of another device's failure.
var errOther = errors.New("another device of the pair failed")

// barrier lets a pair that goes together pass a step only when all of it got there. A device that fails ends the waiting
// of the others.
type barrier struct {
	mu     sync.Mutex
	size   int // devices that are still to come to a step
	gates  map[Step]*gate
	failed chan struct{}
	once   sync.Once
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
		return errOther
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
func (b *barrier) leave(failed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if failed {
		b.once.Do(func() { close(b.failed) })
		return
	}
	b.size--
	b.openGates()
}
