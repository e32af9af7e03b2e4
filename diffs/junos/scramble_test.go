package junos

import (
	"math/rand/v2"
	"testing"
)

// scramble writes a key as a device does, with a salt.
func scramble(rng *rand.Rand, key string) string {
	at := rng.IntN(len(scramble9))
	out := []byte{scramble9[at]}
	for range filler9(scramble9[at]) {
		out = append(out, scramble9[rng.IntN(len(scramble9))])
	}
	for i := range len(key) {
		weights, left := weights9(i), int(key[i])
		gaps := make([]int, len(weights))
		for w := len(weights) - 1; w >= 0; w-- {
			gaps[w], left = left/weights[w], left%weights[w]
		}
		for _, g := range gaps {
			at = (at + g + 1) % len(scramble9)
			out = append(out, scramble9[at])
		}
	}
	return "$9$" + string(out)
}

func TestUnscramble9(t *testing.T) {
	for text, want := range map[string]string{ // from the documentation of Crypt::Juniper, and of Junos
		"$9$LbHX-wg4Z": "lc",
	} {
		if got, ok := Unscramble9(text); !ok || got != want {
			t.Errorf("%s gives %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "$9$", "$9$Q", "$9$L\u00e9", "$6$abc", "$9$LbHX-wg4Z!", "$9$LbHX-wg4ZL", "LbHX-wg4Z"} {
		if got, ok := Unscramble9(text); ok {
			t.Errorf("%q gives %q", text, got)
		}
	}
	rng := rand.New(rand.NewPCG(1, 9))
	for range 2000 {
		key := make([]byte, 1+rng.IntN(30))
		for i := range key {
			key[i] = byte(' ' + rng.IntN('~'-' '+1))
		}
		text := scramble(rng, string(key))
		if got, ok := Unscramble9(text); !ok || got != string(key) {
			t.Fatalf("%s gives %q, %v, want %q", text, got, ok, key)
		}
	}
}

func FuzzUnscramble9(f *testing.F) {
	f.Add("$9$LbHX-wg4Z")
	f.Add("$9$")
	f.Fuzz(func(t *testing.T, text string) {
		if key, ok := Unscramble9(text); !ok && key != "" {
			t.Errorf("%q gives %q and no key", text, key)
		}
	})
}
