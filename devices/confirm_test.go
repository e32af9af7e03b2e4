package devices_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rhapsode/devices"
	"rhapsode/devices/devicetest"
)

// TestConfirmHangs: the first session falls silent at the confirm. It is left in time for the second one to confirm; and
// where that cannot be, what the device runs at the end of the window is the answer.
func TestConfirmHangs(t *testing.T) {
	hang := &devicetest.Fault{Delay: 10 * time.Minute}
	t.Run("the second session confirms", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.router.Fail(devicetest.Confirm, hang)
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			time.Sleep(time.Hour)
			b.changed()
		})
	})
	for _, wait := range []bool{false, true} {
		t.Run(map[bool]string{false: "nobody can", true: "nobody can, and it is waited for"}[wait], func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.router.Fail(devicetest.Confirm, hang)
				b.opts.Wait = wait
				b.opts.Checks = []devices.Check{{Name: "x", Timeout: time.Second, Run: func(context.Context, devices.Device) error {
					for range 200 { // the second session finds the lock held, as by a router that works on the first confirm
						b.router.Fail(devicetest.Lock, &devicetest.Fault{Err: &devices.LockedError{Device: deviceName, Holder: "first"}})
					}
					return nil
				}}}
				out, err := b.apply(b.Context())
				b.want(out, err, map[bool]devices.Result{false: devices.Unknown, true: devices.RolledBack}[wait])
				if !wait && (out.RollbackAt.IsZero() || !strings.Contains(out.String(), "rolls back at")) {
					b.Errorf("it says %s", out)
				}
				time.Sleep(time.Hour)
				b.untouched()
			})
		})
	}
	t.Run("it was in force all the same", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Wait = true
			b.router.Fail(devicetest.Confirm, &devicetest.Fault{Lose: true, Done: true})
			for range 3 { // before, and after the commit
				b.router.Fail(devicetest.History, nil)
			}
			down := false
			b.opts.Hook = func(s devices.Step, _ bool) error {
				down = down || s == devices.StepConfirm
				return nil
			}
			end := time.Now().Add(3 * time.Minute)
			b.opts.Dial = func(ctx context.Context) (devices.Device, error) {
				if down && time.Now().Before(end) {
					return nil, &devices.UnreachableError{Device: deviceName, Err: errInjected}
				}
				return b.dial(ctx)
			}
			b.router.Fail(devicetest.History, nil)
			b.router.Fail(devicetest.History, &devicetest.Fault{Lose: true}) // the first question after the lost confirm
			out, err := b.apply(b.Context())
			b.want(out, err, devices.Committed)
			if !strings.Contains(strings.Join(out.Notes, "\n"), "the window is over and the device runs the change") {
				b.Errorf("notes %q", out.Notes)
			}
			b.changed()
		})
	})
	t.Run("too late after the others were waited for", func(t *testing.T) {
		inBubble(t, func(b *bench) {
			b.opts.Hook = func(s devices.Step, after bool) error {
				if s == devices.StepChecks && after {
					time.Sleep(165 * time.Second)
				}
				return nil
			}
			out, err := b.apply(b.Context())
			b.want(out, err, devices.RollingBack)
			if !errors.Is(err, devices.ErrConfirmTime) {
				b.Errorf("the error is %v", err)
			}
		})
	})
}
