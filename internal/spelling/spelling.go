// Package spelling finds the word that a mistyped one was meant to be.
package spelling

import "strings"

// Nearest is the one of the known words that a word is most likely meant to be,
// "" if none is near: at most a third of the word's letters, at least one, are
// wrong, missing, too many or exchanged with their neighbour; or the word is the
// beginning of just one. Case does not count. Of equally near words it is the
// first.
func Nearest(word string, known []string) string {
	const longest = 100 // no name of ours is longer, and the distance is quadratic
	typed := []rune(strings.ToLower(word))
	if len(typed) == 0 || len(typed) > longest {
		return ""
	}
	best, least := "", max(1, len(typed)/3)+1
	var begun []string
	for _, k := range known {
		lower := strings.ToLower(k)
		if d := distance(typed, []rune(lower)); d < least {
			best, least = k, d
		}
		if strings.HasPrefix(lower, string(typed)) {
			begun = append(begun, k)
		}
	}
	if best == "" && len(begun) == 1 {
		return begun[0]
	}
	return best
}

// DidYouMean is `; did you mean X?` for the nearest of the known words, quoted
// by a format such as %q or --%s, and "" where none is near.
func DidYouMean(word string, known []string, quote func(string) string) string {
	near := Nearest(word, known)
	if near == "" {
		return ""
	}
	return "; did you mean " + quote(near) + "?"
}

// distance counts the letters to replace, insert, leave out or exchange with
// their neighbour that make b of a (optimal string alignment).
func distance(a, b []rune) int {
	row := func() []int { return make([]int, len(b)+1) }
	before, last, this := row(), row(), row()
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
