package devices

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// Retry says how often, and how far apart, what failed for a passing reason is tried again: connects that found nobody,
// reads over a session that broke. Never retried are what a device refused (a log-in, a host key, a load, a commit), and
// a commit whatever became of it: its answer is read from the history. The zero value does not retry.
type Retry struct {
	Attempts int           // with the first one; less than 2: no retry
	Base     time.Duration // before the second attempt, doubled before each further one; 0: a second
	Max      time.Duration // the longest delay; 0: 30 seconds
	// Jitter makes a delay uneven, so that a fleet does not come back all at once. Nil takes between half of it and all.
	Jitter func(time.Duration) time.Duration
}

// Delay is the time between the attempt that failed, counted from 1, and the next.
func (r Retry) Delay(attempt int) time.Duration {
	base, most := r.Base, r.Max
	if base <= 0 {
		base = time.Second
	}
	if most <= 0 {
		most = 30 * time.Second
	}
	d := base
	for n := 1; n < attempt && d < most; n++ {
		d *= 2
	}
	d = min(d, most)
	if r.Jitter != nil {
		return r.Jitter(d)
	}
	return d/2 + rand.N(d/2+1)
}

// Passing tells whether an error of a connect or a read may be gone at the next attempt: nobody answered, or the
// connection broke. A name that does not exist, a log-in that is refused and a host key that is not known stay.
func Passing(err error) bool {
	if _, ok := errors.AsType[*AuthError](err); ok {
		return false
	}
	if _, ok := errors.AsType[*HostKeyError](err); ok {
		return false
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return false
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	_, unreachable := errors.AsType[*UnreachableError](err)
	return unreachable || errors.Is(err, ErrSessionLost) || errors.Is(err, context.DeadlineExceeded)
}

// do calls f until it succeeds, fails for good, or the attempts are used up. Each retry is told before its delay. An end
// of ctx ends the wait with f's last error.
func (r Retry) do(ctx context.Context, device string, note func(Event), f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !Passing(err) || ctx.Err() != nil {
			return err
		}
		if attempt >= r.Attempts {
			if attempt > 1 {
				err = fmt.Errorf("%w (tried %d times)", err, attempt)
			}
			return err
		}
		d := r.Delay(attempt)
		if note != nil {
			note(Event{Kind: EventRetry, Device: device, State: StateWaiting, Attempt: attempt, Delay: d, Err: err})
		}
		if !sleep(ctx, d) {
			return err
		}
	}
}

// Dial makes a function that opens a session with retries, out of one that tries once. The session's reads (Running,
// History, Query) are retried as well, over a new connection, until it has taken the lock: from then on it is what it is
// without retries. note, which may be nil, gets an EventRetry before each delay.
func (r Retry) Dial(device string, dial func(context.Context) (Device, error), note func(Event)) func(context.Context) (Device, error) {
	return func(ctx context.Context) (Device, error) {
		var dev Device
		err := r.do(ctx, device, note, func() (err error) {
			dev, err = dial(ctx)
			return err
		})
		if err != nil {
			return nil, err
		}
		return &retried{Device: dev, retry: r, dial: dial, note: note}, nil
	}
}

// retried is a session whose reads are retried until it is locked.
type retried struct {
	Device
	retry  Retry
	dial   func(context.Context) (Device, error)
	note   func(Event)
	lost   bool // the session broke: the next attempt opens another
	locked bool // it holds a lock, or did: another session would not
	// lockWait is how long a lock that somebody holds is waited for.
	lockWait time.Duration
	// busy, if any, knows more of a lock that is held.
	busy func(error) error
}

// Unwrap is the session as it was dialed.
func (d *retried) Unwrap() Device { return d.Device }

// read performs a read, over a session of its own if the last one broke.
func (d *retried) read(ctx context.Context, f func(Device) error) error {
	if d.locked {
		return f(d.Device)
	}
	return d.retry.do(ctx, d.Name(), d.note, func() error {
		if d.lost {
			dev, err := d.dial(ctx)
			if err != nil {
				return err
			}
			d.Device, d.lost = dev, false
		}
		err := f(d.Device)
		if errors.Is(err, ErrSessionLost) && d.retry.Attempts > 1 {
			d.lost = true
			d.Device.Close() //nolint:errcheck // it is lost: the read's error says why
		}
		return err
	})
}

// Running is the committed configuration.
func (d *retried) Running(ctx context.Context) (text string, err error) {
	err = d.read(ctx, func(dev Device) error {
		text, err = dev.Running(ctx)
		return err
	})
	return text, err
}

// History is the list of commits.
func (d *retried) History(ctx context.Context) (list []Commit, err error) {
	err = d.read(ctx, func(dev Device) error {
		list, err = dev.History(ctx)
		return err
	})
	return list, err
}

// Query gives the answer of an operational command.
func (d *retried) Query(ctx context.Context, op Op) (text string, err error) {
	err = d.read(ctx, func(dev Device) error {
		text, err = dev.Query(ctx, op)
		return err
	})
	return text, err
}

// lockPoll is the longest time between two attempts at a lock that somebody holds: a person who waits for it wants it
// soon after it is free.
const lockPoll = 5 * time.Second

// Lock takes the lock, and waits for it if it is held and a wait was asked for.
func (d *retried) Lock(ctx context.Context) (Candidate, error) {
	until := time.Now().Add(d.lockWait)
	r := d.retry
	if r.Max <= 0 || r.Max > lockPoll {
		r.Max = lockPoll
	}
	for attempt := 1; ; attempt++ {
		c, err := d.Device.Lock(ctx)
		if err == nil {
			d.locked = true
			return c, nil
		}
		if _, held := errors.AsType[*LockedError](err); !held {
			return nil, err
		}
		left := time.Until(until)
		if left <= 0 || ctx.Err() != nil {
			if d.busy != nil {
				err = d.busy(err)
			}
			if d.lockWait > 0 {
				err = fmt.Errorf("%w (waited %s)", err, d.lockWait)
			}
			return nil, err
		}
		delay := min(r.Delay(attempt), left)
		if d.note != nil {
			d.note(Event{Kind: EventRetry, Device: d.Name(), State: StateWaiting, Attempt: attempt, Delay: delay, Err: err})
		}
		if !sleep(ctx, delay) {
			return nil, err
		}
	}
}
