package devices

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Each calls f for every item, at most limit at a time (less than 1: one at a time), and gives the results in the order of
// the items. f is called for every item even when ctx is done: it then returns at once with its own kind of error, so
// that no item goes without a result.
func Each[T, R any](ctx context.Context, limit int, items []T, f func(context.Context, T) R) []R {
	out := make([]R, len(items))
	var g errgroup.Group
	g.SetLimit(max(limit, 1))
	for i, item := range items {
		g.Go(func() error {
			out[i] = f(ctx, item)
			return nil // a failure is part of R: one device's failure is none of another's
		})
	}
	g.Wait() //nolint:errcheck // the functions above return nil
	return out
}
