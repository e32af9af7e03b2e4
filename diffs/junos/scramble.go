package junos

import "strings"

// The alphabet of $9$ in its four families, and the weights by which the distances of neighbouring characters make one of
// the key, in turn. The form is public (Crypt::Juniper on CPAN documents it); it hides a key from a glance, no more.
const scramble9 = "QzF3n6/9CAtpu0O" + "B1IREhcSyrleKvMW8LXx" + "7N-dVbwsY2g4oaJZGUDj" + "iHkq.mPf5T"

func weights9(i int) []int {
	return [...][]int{{1, 4, 32}, {1, 16, 32}, {1, 8, 32}, {1, 64}, {1, 32}, {1, 4, 16, 128}, {1, 32, 64}}[i%7]
}

// filler9 is how many characters without a meaning follow the first: that tells the family of the first.
func filler9(c byte) int {
	switch i := strings.IndexByte(scramble9, c); {
	case i < 15:
		return 3
	case i < 35:
		return 2
	case i < 55:
		return 1
	}
	return 0
}

// Unscramble9 gives the key that Junos wrote as $9$…, and whether the text is one. The same key is another text each time
// that a device writes it: only the keys can be compared.
func Unscramble9(text string) (key string, ok bool) {
	rest, ok := strings.CutPrefix(text, "$9$")
	if !ok || rest == "" || strings.Trim(rest, scramble9) != "" || len(rest) < 1+filler9(rest[0]) {
		return "", false
	}
	previous := rest[0]
	rest = rest[1+filler9(rest[0]):]
	var out []byte
	for rest != "" {
		weights := weights9(len(out))
		if len(rest) < len(weights) {
			return "", false
		}
		sum := 0
		for i, w := range weights {
			gap := strings.IndexByte(scramble9, rest[i]) - strings.IndexByte(scramble9, previous)
			sum += ((gap+len(scramble9))%len(scramble9) - 1) * w
			previous = rest[i]
		}
		rest = rest[len(weights):]
		out = append(out, byte(sum)) // modulo 256: a gap of 0 counts as -1
	}
	return string(out), true
}
