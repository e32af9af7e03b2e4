package devices

import (
	"sync"
	"testing"
)

// BenchmarkJournal is what a step of a transaction costs in the journal: of one device, and of 16 at once.
func BenchmarkJournal(b *testing.B) {
	for name, at := range map[string]int{"one": 1, "sixteen": 16} {
		b.Run(name, func(b *testing.B) {
			id := "01ARZ3NDEKTSV4RRFFQ69G5FAV"
			j, err := createJournal(b.TempDir(), id)
			if err != nil {
				b.Fatal(err)
			}
			defer j.close() //nolint:errcheck // a benchmark
			var wg sync.WaitGroup
			each := b.N/at + 1
			for range at {
				wg.Go(func() {
					for range each {
						if err := j.write(record{Kind: "step", Device: "cr1.example.net", Step: StepLoad}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
